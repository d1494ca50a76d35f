/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Questions to the tries: what route does an address have in a table. The kernel's trie returns a
 * pointer to the entry with the longest matching prefix; entries are replaced whole, so what it
 * points to does not change underneath.
 */
#ifndef ESPALIER_LOOKUP_H
#define ESPALIER_LOOKUP_H

#include "maps.h"
#include "parse.h"

static __always_inline const struct route *route_v4(__u32 table, __be32 address)
{
	struct route_key_v4 key = { TABLE_BITS + 32, table, address };

	return bpf_map_lookup_elem(&routes_v4, &key);
}

static __always_inline const struct route *route_v6(__u32 table, const struct in6_addr *address)
{
	struct route_key_v6 key = { .prefixlen = TABLE_BITS + 128, .table = table };

	__builtin_memcpy(key.address, address, sizeof(key.address));
	return bpf_map_lookup_elem(&routes_v6, &key);
}

static __always_inline const struct route *route_to(__u32 table, const struct packet *p)
{
	if (p->v6)
		return route_v6(table, &((const struct ipv6hdr *)p->ip)->daddr);
	return route_v4(table, ((const struct iphdr *)p->ip)->daddr);
}

static __always_inline const struct route *route_back(__u32 table, const struct packet *p)
{
	if (p->v6)
		return route_v6(table, &((const struct ipv6hdr *)p->ip)->saddr);
	return route_v4(table, ((const struct iphdr *)p->ip)->saddr);
}

/* A route that leads somewhere: the strict source check takes nothing less. */
static __always_inline bool leads_on(const struct route *route)
{
	return route && route->verdict != VERDICT_BLACKHOLE && route->verdict != VERDICT_NO_ROUTE;
}

#endif
