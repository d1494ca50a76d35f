/* SPDX-License-Identifier: GPL-2.0-only */
/* What crosses between the benchmark and its BPF programs. */
#ifndef TESTS_BENCH_LOOKUP_H
#define TESTS_BENCH_LOOKUP_H

#include <linux/types.h>

#define DESTINATIONS_MAX 262144

struct destination {
	__be32 address[4];
	__u16 check; /* of the IPv4 header with this destination and TTL 64, as on the wire */
	__u16 reserved;
};

#endif
