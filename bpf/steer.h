/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The decision: packet and association in, reason and target out. One implementation for XDP, tc
 * and explain. It only reads: counting, rewriting and sending are the entry programs' business, so
 * explain tells exactly what the live programs would do.
 *
 * The order of the checks is the order in which the kernel's own forwarding makes them, so that a
 * packet meets the same fate on the slow path: is it for us at all; may it come from there (tunnels
 * only); where does it go; and only if it is to be forwarded: options, TTL, size.
 */
#ifndef ESPALIER_STEER_H
#define ESPALIER_STEER_H

#include <linux/tcp.h>
#include <linux/udp.h>
#include "hash.h"
#include "lookup.h"

struct steering {
	struct route route; /* that matched */
	__u32 hash;
	__u32 bucket;
	__u32 target; /* TO_TUNNEL: tunnel id, TO_DEVICE: attachment id */
	bool matched;
	bool hashed;
	bool skipped; /* the bucket's first tunnel was not live */
};

static __always_inline int parse_link(struct packet *p, const struct association *a, __u8 l2_len)
{
	return a->flags & ASSOCIATION_L3 ? parse_no_link(p, l2_len) : parse_ethernet(p);
}

/* Addresses that are never forwarded: this network, loopback, link-local, multicast, broadcast. */
static __always_inline bool unroutable_v4(__be32 address)
{
	__u32 a = bpf_ntohl(address);

	return a >> 24 == 0 || a >> 24 == 127 || a >> 16 == 0xa9fe || a >> 28 == 0xe ||
	       a == 0xffffffff;
}

static __always_inline bool unroutable_v6(const struct in6_addr *address)
{
	const __u32 *w = address->in6_u.u6_addr32;
	__u32 first = bpf_ntohl(w[0]);

	return first >> 24 == 0xff || first >> 22 == 0xfe80 >> 6 ||
	       (!(w[0] | w[1] | w[2]) && bpf_ntohl(w[3]) <= 1);
}

static __always_inline bool destination_unroutable(const struct packet *p)
{
	if (p->v6)
		return unroutable_v6(&((const struct ipv6hdr *)p->ip)->daddr);
	return unroutable_v4(((const struct iphdr *)p->ip)->daddr);
}

static __always_inline bool source_unroutable(const struct packet *p)
{
	if (p->v6)
		return unroutable_v6(&((const struct ipv6hdr *)p->ip)->saddr);
	return unroutable_v4(((const struct iphdr *)p->ip)->saddr);
}

enum addressee { TO_US, TO_MANY, TO_OTHER };

static __always_inline enum addressee addressee(const struct packet *p, const struct association *a)
{
	const __u8 *mac = p->data; /* in bounds: parse_ethernet has read the header */

	if (a->flags & ASSOCIATION_L3)
		return TO_US;
	mac = at(p, 0, ETH_HLEN);
	if (!mac)
		return TO_OTHER;
	if (*(const __u32 *)mac == *(const __u32 *)a->mac &&
	    *(const __u16 *)(mac + 4) == *(const __u16 *)(a->mac + 4))
		return TO_US;
	return mac[0] & 1 ? TO_MANY : TO_OTHER;
}

static __always_inline bool live(__u32 tunnel)
{
	const __u64 *word = bpf_map_lookup_elem(&liveness, &tunnel);

	return word && *word;
}

/*
 * The group has lost more tunnels at once than its spares cover: another bucket whose tunnel lives.
 * A function of its own, verified once, for the few packets before the controller rewrites the
 * group.
 */
__noinline int next_live(__u32 group_id, __u32 bucket)
{
	const struct group *g = bpf_map_lookup_elem(&groups, &group_id);

	if (!g)
		return NO_LIVE;
	for (__u32 i = 1; i < GROUP_BUCKETS; i++) {
		__u16 tunnel = g->buckets[bucket_probe(bucket, i)].tunnel;

		if (live(tunnel))
			return tunnel;
	}
	for (__u32 i = 0; i < GROUP_MEMBERS; i++)
		if (live(g->reserve[i]))
			return g->reserve[i];
	return NO_LIVE;
}

/* Too big for the next hop? A packet of segments leaves as segments: gso_size is their payload. */
static __always_inline bool too_big(const struct packet *p, __u32 mtu)
{
	__u32 header = sizeof(struct udphdr);

	if (p->l3_len <= mtu)
		return false;
	if (!p->gso_size)
		return true;
	if (p->protocol == IPPROTO_TCP) {
		const __u8 *offset = at(p, p->l4 + 12, 1); /* data offset, in words */

		if (!offset)
			return true;
		header = (*offset >> 4) * 4;
	}
	return p->l4 - p->l3 + header + p->gso_size > mtu;
}

static __always_inline int to_tunnel(const struct packet *p, struct steering *s)
{
	const struct group *g = bpf_map_lookup_elem(&groups, &s->route.target);
	const struct tunnel *t;
	struct bucket b;
	int other;

	s->hash = flow_hash(p);
	s->bucket = s->hash % GROUP_BUCKETS;
	s->hashed = true;
	if (!g)
		return REASON_NO_LIVE_TUNNEL;
	b = g->buckets[s->bucket];
	s->target = b.tunnel;
	if (!live(b.tunnel)) {
		s->skipped = true;
		s->target = b.spare;
		if (!live(b.spare)) {
			other = next_live(s->route.target, s->bucket);
			if (other < 0)
				return REASON_NO_LIVE_TUNNEL;
			s->target = other;
		}
	}
	t = bpf_map_lookup_elem(&tunnels, &s->target);
	if (!t || !t->ifindex)
		return REASON_STALE;
	return too_big(p, t->mtu) ? REASON_TOO_BIG : REASON_TO_TUNNEL;
}

static __always_inline int to_device(const struct packet *p, struct steering *s)
{
	const struct device *d = bpf_map_lookup_elem(&devices, &s->route.target);

	if (!d || !d->ifindex)
		return REASON_STALE;
	s->target = s->route.target;
	return too_big(p, d->mtu) ? REASON_TOO_BIG : REASON_TO_DEVICE;
}

/* The packet is to be forwarded: what the kernel must do itself, and then where it goes. */
static __always_inline int forward(struct packet *p, struct steering *s)
{
	int step;

	if (p->options)
		return REASON_OPTIONS;
	if (p->ttl <= 1)
		return REASON_TTL;
	if (s->route.verdict == VERDICT_GROUP || p->gso_size) {
		step = parse_flow(p);
		if (step != GO_ON)
			return step;
	}
	return s->route.verdict == VERDICT_GROUP ? to_tunnel(p, s) : to_device(p, s);
}

static __always_inline int no_route(const struct association *a)
{
	return a->flags & ASSOCIATION_NO_ROUTE_PASS ? REASON_NO_ROUTE_PASS : REASON_NO_ROUTE;
}

#define ICMP_ECHO_REPLY	  0
#define ICMPV6_ECHO_REPLY 129

/*
 * An answer to a ping of the gateway's own. It is let in whatever its source, for that of a health
 * check has no route back as long as the check keeps the connection's routes withdrawn: it could
 * never succeed again. Nothing is forwarded by this, and the kernel answers no answer.
 */
static __always_inline bool answers_us(const struct packet *p, const struct association *a)
{
	__u32 l4 = p->l3 + (p->v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr));
	struct route route;
	const __u8 *type;

	if (p->protocol != (p->v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP) || p->options || p->fragment ||
	    a->table == NO_TABLE || !inside(p, l4, sizeof(*type)))
		return false;
	type = at(p, l4, sizeof(*type));
	if (!type || *type != (p->v6 ? ICMPV6_ECHO_REPLY : ICMP_ECHO_REPLY))
		return false;
	return route_to(a->table, p, &route) && route.verdict == VERDICT_LOCAL;
}

static __always_inline bool source_allowed(const struct packet *p, const struct association *a)
{
	return a->source_table == NO_TABLE || leads_back(a->source_table, p) || answers_us(p, a);
}

/* enum reason, or SPLIT. p: with its link header parsed. */
static __always_inline int steer(struct packet *p, const struct association *a, struct steering *s)
{
	enum addressee who = addressee(p, a);
	int step;

	if (who == TO_OTHER)
		return REASON_OTHER_HOST;
	step = parse_ip(p);
	if (step != GO_ON)
		return step;
	/* BGP and BFD of a tunnel come from and go to link-local addresses: before any check of the
	 * source. */
	if (destination_unroutable(p))
		return REASON_SCOPE;
	if (who == TO_MANY)
		return REASON_OTHER_HOST; /* unicast IP in a broadcast frame: never forwarded */
	if (!source_allowed(p, a))
		return REASON_SOURCE;
	if (source_unroutable(p))
		return REASON_SCOPE;
	if (a->table == NO_TABLE)
		return REASON_NO_ASSOCIATION;

	s->matched = route_to(a->table, p, &s->route);
	if (!s->matched)
		return no_route(a);
	switch (s->route.verdict) {
	case VERDICT_GROUP:
	case VERDICT_DEVICE:
		return forward(p, s);
	case VERDICT_LOCAL:
		return REASON_LOCAL; /* with whatever TTL and options: it has arrived */
	case VERDICT_BLACKHOLE:
		return REASON_BLACKHOLE;
	default:
		return no_route(a); /* VERDICT_NO_ROUTE */
	}
}

#endif
