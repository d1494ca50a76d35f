/* SPDX-License-Identifier: GPL-2.0-only */
/* Bytes from a raw socket → a health check. The first byte picks the family. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "../../user/core/health.h"
#include "../../user/wire/icmp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* What was understood is what would be written. */
static void check_round_trip(const struct health_probe *p, const uint8_t *message)
{
	static const struct address a = { AF_INET, { 1 } }, b = { AF_INET, { 2 } };
	uint8_t again[ICMP_PACKET_MAX];

	icmp_echo_request(&a, &b, p, again);
	assert(!memcmp(again + 4, message + 4, ICMP_ECHO_LEN - 4));
}

static void answer(uint8_t family, const struct health_probe *p)
{
	struct address peer = { family, { 1 } };
	struct health_probe sent;
	struct health h;

	health_init(&h, &peer, p->ident, p->cookie, 1);
	health_set(&h, 10, 1, 1);
	health_start(&h, 1);
	assert(health_tick(&h, 1, &sent));
	health_sent(&h, 1);
	assert((health_answer(&h, &peer, p, 2) == HEALTH_COUNTED) ==
	       (p->sequence == sent.sequence));
	assert(h.lost == 0 && h.answered <= h.sent);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct health_probe p;
	uint8_t family, *exact;

	if (len < 1)
		return 0;
	family = data[0] & 1 ? AF_INET6 : AF_INET;
	len--;
	exact = malloc(len ? len : 1); /* the fence stands at its end */
	if (!exact)
		abort();
	memcpy(exact, data + 1, len);
	if (!icmp_echo_reply(family, exact, len, &p)) {
		check_round_trip(&p, exact + len - ICMP_ECHO_LEN);
		answer(family, &p);
	}
	free(exact);
	return 0;
}
