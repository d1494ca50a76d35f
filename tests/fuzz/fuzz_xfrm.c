/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bytes from a netlink socket → events → tunnel states. The first byte picks: bit 0, a dump frames
 * the datagram; bit 1, two if_ids. The same bytes are read as the text of the kernel's counters.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "../../user/core/phase2.h"
#include "../../user/wire/xfrm.h"
#include "../../user/wire/xfrm_stat.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* What must hold in any state whatever came before. */
static void check(const struct phase2 *p)
{
	const struct phase2_state *s = phase2_state(p, 1);

	assert(s->up == (s->missing == PHASE2_COMPLETE));
	assert(s->up == (s->status >= PHASE2_UP));
	assert(!s->up || (s->spi_in && s->spi_out && s->valid_in && s->valid_out));
	assert(s->valid_in + s->valid_out <= phase2_sa_count(p));
	assert(s->policies_out <= phase2_policy_count(p));
}

static int apply(const struct xfrm_event *e, void *data)
{
	struct phase2 *p = data;
	struct phase2_change c;

	assert(xfrm_event_name(e)[0] != '?');
	phase2_apply(p, e, 1);
	while (phase2_take_change(p, &c))
		;
	return 0;
}

static int look_at(const struct phase2_sa *sa, void *data)
{
	(void)data;
	assert(strlen(xfrm_sa_cipher(&sa->sa)) < XFRM_ALGORITHM_LEN);
	return 0;
}

static void run(struct phase2 *p, uint8_t mode, const void *buf, size_t len)
{
	if (mode & 1)
		phase2_begin_dump(p);
	xfrm_decode_all(buf, len, NULL, apply, p);
	if (mode & 1)
		phase2_end_dump(p, 2, NULL);
	check(p);
	phase2_each_sa(p, 1, look_at, NULL);
}

static void read_counters(const char *text, size_t len)
{
	struct xfrm_stat_list s = { .count = 0 };

	xfrm_stat_parse(text, len, &s);
	assert(s.count <= XFRM_STATS_MAX);
	for (size_t i = 0; i < s.count; i++)
		assert(strlen(s.list[i].name) < XFRM_STAT_NAME_LEN &&
		       *xfrm_stat_help(s.list[i].name));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct phase2_tunnel t = {
		101, 101, { AF_INET, { 192, 0, 2, 1 } }, { AF_INET, { 192, 0, 2, 2 } }
	};
	struct phase2 *p;
	void *aligned;

	if (len < 1)
		return 0;
	if (data[0] & 2)
		t.if_id_out = 102;
	aligned = malloc(len - 1 ? len - 1 : 1); /* exactly: the fence stands at its end */
	if (!aligned || phase2_new(&p) || phase2_watch(p, 1, &t, 1))
		abort();
	memcpy(aligned, data + 1, len - 1);
	run(p, data[0], aligned, len - 1);
	read_counters(aligned, len - 1);
	phase2_free(p);
	free(aligned);
	return 0;
}
