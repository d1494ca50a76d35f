/* SPDX-License-Identifier: GPL-2.0-only */
/* What the forwarding benchmark's programs and its driver share. */
#ifndef ESPALIER_BENCH_FORWARD_H
#define ESPALIER_BENCH_FORWARD_H

#include <linux/types.h>

#define FLOWS 65536
#define SINKS 2
#define TTL   64 /* as packets are made */

/* One packet's fields that differ from flow to flow, as on the wire. forward.py
 * writes them. */
struct flow {
	__be32 source, destination;
	__be16 source_port, destination_port;
};

/* Ethernet, IPv4 and UDP (42 bytes), and the first 6 bytes of payload, as
 * words. */
#define HEADER_WORDS 6

struct tally {
	__u64 generated;
	__u64 good[SINKS]; /* ours, as they should be at the end of their way */
	__u64 other;
	__u64 dropped; /* where the stream ends at the first device */
};

#endif
