/* SPDX-License-Identifier: GPL-2.0-only */
/* What the programs count, and what they say of a packet that is only asked about. */
#include "dataplane_internal.h"

#include <errno.h>
#include <string.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define EXPLAIN_MAX 3072 /* bytes of frame; test runs take what fits a page */

/* ---- counters ---- */

int dataplane_sum(struct dataplane *d, const struct bpf_map *map, uint32_t index,
		  struct counter *sum)
{
	if (bpf_map_lookup_elem(bpf_map__fd(map), &index, d->per_cpu))
		return -errno;
	for (int cpu = 0; cpu < d->cpus; cpu++) {
		sum->packets += d->per_cpu[cpu].packets;
		sum->bytes += d->per_cpu[cpu].bytes;
	}
	return 0;
}

int dataplane_zero(struct dataplane *d, const struct bpf_map *map, uint32_t index)
{
	memset(d->per_cpu, 0, (size_t)d->cpus * sizeof(*d->per_cpu));
	return bpf_map_update_elem(bpf_map__fd(map), &index, d->per_cpu, BPF_ANY) ? -errno : 0;
}

int dataplane_reason_counters(struct dataplane *d, uint32_t attachment, struct counter *out)
{
	struct counter sums[REASON_COUNT] = { 0 };

	for (uint32_t reason = 0; reason < REASON_COUNT; reason++) {
		int err = dataplane_sum(d, d->object->maps.reason_counters,
					attachment * REASON_COUNT + reason, &sums[reason]);

		if (err)
			return err;
	}
	memcpy(out, sums, sizeof(sums));
	return 0;
}

int dataplane_tunnel_counters(struct dataplane *d, uint32_t tunnel, struct counter *out)
{
	struct counter sums[DIRECTIONS] = { 0 };

	for (uint32_t direction = 0; direction < DIRECTIONS; direction++) {
		int err = dataplane_sum(d, d->object->maps.tunnel_counters,
					tunnel * DIRECTIONS + direction, &sums[direction]);

		if (err)
			return err;
	}
	memcpy(out, sums, sizeof(sums));
	return 0;
}

/* What came from the attachment left the programs by some reason: the sum is what came in. */
int dataplane_device_counters(struct dataplane *d, uint32_t attachment, struct counter *out)
{
	struct counter reasons[REASON_COUNT], sums[DIRECTIONS] = { 0 };
	int err = dataplane_reason_counters(d, attachment, reasons);

	if (!err)
		err = dataplane_sum(d, d->object->maps.device_counters, attachment,
				    &sums[DIRECTION_OUT]);
	if (err)
		return err;
	for (unsigned reason = 0; reason < REASON_COUNT; reason++) {
		sums[DIRECTION_IN].packets += reasons[reason].packets;
		sums[DIRECTION_IN].bytes += reasons[reason].bytes;
	}
	memcpy(out, sums, sizeof(sums));
	return 0;
}

int dataplane_reset_attachment(struct dataplane *d, uint32_t attachment)
{
	int err = dataplane_zero(d, d->object->maps.device_counters, attachment);

	for (uint32_t reason = 0; !err && reason < REASON_COUNT; reason++)
		err = dataplane_zero(d, d->object->maps.reason_counters,
				     attachment * REASON_COUNT + reason);
	return err;
}

int dataplane_reset_tunnel(struct dataplane *d, uint32_t tunnel)
{
	int err = 0;

	for (uint32_t direction = 0; !err && direction < DIRECTIONS; direction++)
		err = dataplane_zero(d, d->object->maps.tunnel_counters,
				     tunnel * DIRECTIONS + direction);
	return err;
}

/* ---- explain ---- */

/* A frame without a destination address is meant for the gateway. */
static int address_to_us(struct dataplane *d, const struct association_key *in, uint8_t *frame)
{
	static const uint8_t none[6];
	struct association a;

	if (bpf_map_lookup_elem(bpf_map__fd(d->object->maps.associations), in, &a))
		return -errno;
	if (!memcmp(frame, none, sizeof(none)))
		memcpy(frame, a.mac, sizeof(a.mac));
	return 0;
}

int dataplane_explain(struct dataplane *d, const struct association_key *in, const void *frame,
		      size_t len, struct explain *answer)
{
	struct {
		struct explain header;
		uint8_t frame[EXPLAIN_MAX];
	} packet = { .header.in = *in };
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = &packet, .data_out = &packet,
		    .data_size_in = (uint32_t)(sizeof(packet.header) + len),
		    .data_size_out = sizeof(packet), .repeat = 1);
	int err;

	if (len < ETH_HEADER_LEN || len > sizeof(packet.frame))
		return -EMSGSIZE;
	memcpy(packet.frame, frame, len);
	err = address_to_us(d, in, packet.frame);
	if (err)
		return err;
	if (bpf_prog_test_run_opts(bpf_program__fd(d->object->progs.explain), &run))
		return -errno;
	if (run.retval != XDP_PASS)
		return -EINVAL;
	*answer = packet.header;
	return 0;
}
