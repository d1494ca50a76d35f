/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Questions to the tables: what route does an address have. The index answers, and where it cannot,
 * the trie. The kernel's trie returns a pointer to the entry with the longest matching prefix;
 * entries are replaced whole, so what it points to does not change underneath.
 */
#ifndef ESPALIER_LOOKUP_H
#define ESPALIER_LOOKUP_H

#include "index.h"
#include "maps.h"
#include "parse.h"

/* A struct route as one word, so that a function can return it. Without verdict: no route. */
union answer {
	struct route route;
	__u64 word;
};

static __always_inline __u64 answer_of_leaf(__u32 leaf)
{
	union answer a = {};

	if (leaf == INDEX_NONE)
		return 0;
	a.route.verdict = INDEX_LEAF_VERDICT(leaf);
	a.route.prefix_len = INDEX_LEAF_LEN(leaf);
	a.route.target = INDEX_LEAF_TARGET(leaf);
	return a.word;
}

static __always_inline __u64 answer_of_entry(const struct route *entry)
{
	return entry ? ((const union answer *)entry)->word : 0;
}

/*
 * The address: its first 64 bits and the others (0 for IPv4), in host order. Functions of their
 * own, so that the verifier looks at them once and not on each of the ways that lead here.
 */
__noinline __u64 route_v4(__u32 table, __u64 address)
{
	__u32 leaf = index_leaf(table, false, address, 0);
	struct route_key_v4 key = { TABLE_BITS + 32, table, bpf_htonl(address >> 32) };

	if (leaf != INDEX_ASK)
		return answer_of_leaf(leaf);
	return answer_of_entry(bpf_map_lookup_elem(&routes_v4, &key));
}

__noinline __u64 route_v6(__u32 table, __u64 high, __u64 low)
{
	__u32 leaf = index_leaf(table, true, high, low);
	struct route_key_v6 key = { .prefixlen = TABLE_BITS + 128, .table = table };

	if (leaf != INDEX_ASK)
		return answer_of_leaf(leaf);
	high = bpf_cpu_to_be64(high);
	low = bpf_cpu_to_be64(low);
	__builtin_memcpy(key.address, &high, sizeof(high));
	__builtin_memcpy(key.address + sizeof(high), &low, sizeof(low));
	return answer_of_entry(bpf_map_lookup_elem(&routes_v6, &key));
}

static __always_inline __u64 half(const __u32 *words)
{
	return (__u64)bpf_ntohl(words[0]) << 32 | bpf_ntohl(words[1]);
}

static __always_inline __u64 ask_v4(__u32 table, __be32 address)
{
	return route_v4(table, (__u64)bpf_ntohl(address) << 32);
}

static __always_inline __u64 ask_v6(__u32 table, const struct in6_addr *address)
{
	const __u32 *words = address->in6_u.u6_addr32;

	return route_v6(table, half(words), half(words + 2));
}

/* False: there is none. */
static __always_inline bool route_to(__u32 table, const struct packet *p, struct route *out)
{
	union answer a;

	if (p->v6)
		a.word = ask_v6(table, &((const struct ipv6hdr *)p->ip)->daddr);
	else
		a.word = ask_v4(table, ((const struct iphdr *)p->ip)->daddr);
	*out = a.route;
	return a.word;
}

static __always_inline bool route_back(__u32 table, const struct packet *p, struct route *out)
{
	union answer a;

	if (p->v6)
		a.word = ask_v6(table, &((const struct ipv6hdr *)p->ip)->saddr);
	else
		a.word = ask_v4(table, ((const struct iphdr *)p->ip)->saddr);
	*out = a.route;
	return a.word;
}

/* Does a route lead back to where the packet came from? The strict source check takes nothing less
 * than one that leads somewhere. */
static __always_inline bool leads_back(__u32 table, const struct packet *p)
{
	struct route route;

	return route_back(table, p, &route) && route.verdict != VERDICT_BLACKHOLE &&
	       route.verdict != VERDICT_NO_ROUTE;
}

#endif
