/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counting. Every packet that enters a program is counted once under the reason it leaves by, in
 * the program where it leaves: a packet on which XDP decides FORWARD is counted by the tc program
 * that delivers it, because only then is it known that it left.
 */
#ifndef ESPALIER_COUNT_H
#define ESPALIER_COUNT_H

#include "maps.h"

static __always_inline void add(struct counter *counter, __u32 packets, __u32 bytes)
{
	if (!counter)
		return;
	counter->packets += packets;
	counter->bytes += bytes;
}

static __always_inline void count_reason(__u32 attachment, enum reason reason, __u32 packets,
					 __u32 bytes)
{
	__u32 index = attachment * REASON_COUNT + reason;

	add(bpf_map_lookup_elem(&reason_counters, &index), packets, bytes);
}

static __always_inline void count_tunnel(__u32 tunnel, enum direction direction, __u32 packets,
					 __u32 bytes)
{
	__u32 index = tunnel * DIRECTIONS + direction;

	add(bpf_map_lookup_elem(&tunnel_counters, &index), packets, bytes);
}

static __always_inline void count_device(__u32 attachment, __u32 packets, __u32 bytes)
{
	add(bpf_map_lookup_elem(&device_counters, &attachment), packets, bytes);
}

#endif
