/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bytes of a routing daemon → route events → what a connection is offered. The first byte picks:
 * even, a datagram of the kernel's; odd, a stream of FPM frames.
 */
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "../../user/core/learned.h"
#include "../../user/core/nexthops.h"
#include "../../user/wire/fpm.h"
#include "../../user/wire/rtnl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct world {
	struct nexthops nexthops;
	struct learned learned;
};

static int apply(const struct route_event *e, void *data)
{
	struct learned_offer offer = { .metric = e->metric,
				       .nexthop = e->nexthop,
				       .writer = e->writer,
				       .tunnels = (tunnel_mask)(e->hop_count % 4) };
	struct world *w = data;
	uint32_t devices[4];

	assert(e->hop_count <= ROUTE_HOPS);
	assert(e->prefix.len <= address_bits(&e->prefix.address));
	if (e->kind == ROUTE_SET)
		learned_offer(&w->learned, &e->prefix, &offer);
	else if (e->kind == ROUTE_GONE && e->writer & 1)
		learned_keep(&w->learned, &e->prefix, e->metric);
	else if (e->kind == ROUTE_GONE)
		learned_withdraw(&w->learned, &e->prefix, e->metric, LEARNED_ALL_TUNNELS);
	else
		nexthops_apply(&w->nexthops, e);
	assert(nexthops_devices(&w->nexthops, e->nexthop, devices, 4) <= 4);
	return 0;
}

/* As a frame's payload: all of it is sound, or nothing is taken. */
static void read_payload(struct world *w, const uint8_t *bytes, size_t len)
{
	void *aligned = malloc(len + 1);
	int err;

	if (!aligned)
		return;
	memcpy(aligned, bytes, len);
	err = fpm_messages(aligned, len, apply, w);
	assert(err == 0 || err == -EBADMSG || err == -ENOMEM);
	free(aligned);
}

static void read_datagram(struct world *w, const void *bytes, size_t len)
{
	void *aligned = malloc(len + 1);

	if (!aligned)
		return;
	memcpy(aligned, bytes, len);
	rtnl_decode_all(aligned, len, NULL, apply, w);
	free(aligned);
}

static void read_stream(struct world *w, const uint8_t *bytes, size_t len)
{
	const void *payload;
	size_t payload_len;
	int frame;

	while ((frame = fpm_frame(bytes, len, &payload, &payload_len)) > 0) {
		assert((size_t)frame <= len && payload_len <= (size_t)frame);
		read_payload(w, payload, payload_len);
		bytes += frame;
		len -= (size_t)frame;
	}
}

static int count_pair(const struct prefix *p, tunnel_mask tunnels, void *context)
{
	(void)p;
	*(size_t *)context += (tunnels & 1u) + (tunnels >> 1 & 1u);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct world w = { 0 };
	size_t accepted = 0;

	if (len < 1)
		return 0;
	learned_set_limits(&w.learned, (struct learned_limits){ 2, 3 });
	if (data[0] & 1)
		read_stream(&w, data + 1, len - 1);
	else
		read_datagram(&w, data + 1, len - 1);
	learned_settle(&w.learned, count_pair, &accepted);
	assert(accepted == w.learned.counts.accepted[0] + w.learned.counts.accepted[1]);
	assert(accepted <= 3);
	learned_free(&w.learned);
	nexthops_free(&w.nexthops);
	return 0;
}
