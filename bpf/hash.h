/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The flow hash [D12]: which of a group's 256 buckets a packet takes.
 *
 * Multiply and xor-shift: a 64 bit product carries every input bit upwards, the shift brings the
 * upper half back down for the next round, so the low byte depends on all of it. The seed is fixed:
 * a new one at each start of the controller would move every flow.
 */
#ifndef ESPALIER_HASH_H
#define ESPALIER_HASH_H

#include "dataplane.h"
#include "parse.h"

const volatile __u32 hash_mode = HASH_L4;
const volatile __u64 hash_seed = 0xe5fa11e2be57a11eULL;

static __always_inline __u64 mix(__u64 state, __u64 word)
{
	state = (state ^ word) * 0x9fb21c651e98df25ULL;
	return state ^ (state >> 32);
}

/* The lesser first, so that both directions of a flow read the same. */
static __always_inline void order(__u64 *a, __u64 *b)
{
	__u64 less = *a < *b ? *a : *b;

	*b ^= *a ^ less;
	*a = less;
}

static __always_inline __u64 fold_v6(const struct in6_addr *address)
{
	const __u32 *w = address->in6_u.u6_addr32;

	return mix(mix(hash_seed, (__u64)w[0] << 32 | w[1]), (__u64)w[2] << 32 | w[3]);
}

static __always_inline __u32 flow_hash(const struct packet *p)
{
	__u64 source, destination, low, high, state = hash_seed;

	if (p->v6) {
		const struct ipv6hdr *ip = p->ip;

		source = fold_v6(&ip->saddr);
		destination = fold_v6(&ip->daddr);
	} else {
		const struct iphdr *ip = p->ip;

		source = ip->saddr;
		destination = ip->daddr;
	}
	low = p->ports & 0xffff;
	high = p->ports >> 16;
	if (hash_mode == HASH_SYMMETRIC) {
		order(&source, &destination);
		order(&low, &high);
	}
	if (p->v6)
		state = mix(mix(state, source), destination);
	else
		state = mix(state, source << 32 | destination);
	if (hash_mode != HASH_L3)
		state = mix(state, high << 24 | low << 8 | p->protocol);
	return mix(state, 0);
}

#endif
