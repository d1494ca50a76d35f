/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Delivery, in tc: a decided packet leaves for a tunnel's interface or an attachment's device.
 *
 * What the kernel does next: bpf_redirect to an L3 device (xfrm interface, TUN) strips everything
 * before the network header, and the xfrm interface routes, encrypts and sends. bpf_redirect_neigh
 * resolves the neighbour and writes a new Ethernet header in place of the old one, so there must be
 * one, even if stale. Neither knows about VLAN tags: they are popped first, or the tag would end up
 * in front of the IP header.
 */
#ifndef ESPALIER_DELIVER_H
#define ESPALIER_DELIVER_H

#include <linux/pkt_cls.h>
#include "count.h"
#include "decision.h"
#include "parse.h"

#define AF_INET	 2
#define AF_INET6 10

/* A packet on its way out of tc. */
struct parcel {
	__u32 attachment; /* that it came from */
	__u32 target;
	__u32 packets; /* on the wire: segments of one are many */
	__u32 bytes;   /* of IP */
	__u8 l2_len;   /* bytes before IP without tags: 14, or 0 */
	__u8 tags;
	bool v6;
};

static __always_inline __u32 wire_packets(const struct __sk_buff *skb)
{
	return skb->gso_segs ? skb->gso_segs : 1;
}

static __always_inline int drop(const struct parcel *parcel, enum reason reason)
{
	count_reason(parcel->attachment, reason, parcel->packets, parcel->bytes);
	return TC_ACT_SHOT;
}

static __always_inline int pop_tags(struct __sk_buff *skb, __u8 tags)
{
	if (tags > 0 && bpf_skb_vlan_pop(skb))
		return -1;
	if (tags > 1 && bpf_skb_vlan_pop(skb))
		return -1;
	return 0;
}

static __always_inline int into_tunnel(struct __sk_buff *skb, const struct parcel *parcel)
{
	const struct tunnel *t = bpf_map_lookup_elem(&tunnels, &parcel->target);

	if (!t || !t->ifindex)
		return drop(parcel, REASON_STALE);
	if (pop_tags(skb, parcel->tags))
		return drop(parcel, REASON_REWRITE);
	count_reason(parcel->attachment, REASON_TO_TUNNEL, parcel->packets, parcel->bytes);
	count_tunnel(parcel->target, DIRECTION_OUT, parcel->packets, parcel->bytes);
	return bpf_redirect(t->ifindex, 0);
}

/* The gateway in the VPC where there is one, else the destination itself is the neighbour. */
static __always_inline int neighbour(struct __sk_buff *skb, const struct device *d, bool v6,
				     struct bpf_redir_neigh *nh)
{
	if (v6) {
		nh->nh_family = AF_INET6;
		if (!d->has_next_hop_v6)
			return bpf_skb_load_bytes_relative(
				skb, __builtin_offsetof(struct ipv6hdr, daddr), nh->ipv6_nh,
				sizeof(nh->ipv6_nh), BPF_HDR_START_NET);
		__builtin_memcpy(nh->ipv6_nh, d->next_hop_v6, sizeof(nh->ipv6_nh));
		return 0;
	}
	nh->nh_family = AF_INET;
	if (!d->has_next_hop_v4)
		return bpf_skb_load_bytes_relative(skb, __builtin_offsetof(struct iphdr, daddr),
						   &nh->ipv4_nh, sizeof(nh->ipv4_nh),
						   BPF_HDR_START_NET);
	nh->ipv4_nh = d->next_hop_v4;
	return 0;
}

static __always_inline int to_neighbour(struct __sk_buff *skb, const struct parcel *parcel)
{
	const struct device *d = bpf_map_lookup_elem(&devices, &parcel->target);
	struct bpf_redir_neigh nh = {};

	if (!d || !d->ifindex)
		return drop(parcel, REASON_STALE);
	/* While the inner of two tags is in the frame, the kernel takes it for the network header.
	 */
	if (pop_tags(skb, parcel->tags) || neighbour(skb, d, parcel->v6, &nh) ||
	    (!parcel->l2_len && bpf_skb_change_head(skb, ETH_HLEN, 0)) ||
	    (d->push_vlan && bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), d->push_vlan)))
		return drop(parcel, REASON_REWRITE);
	count_reason(parcel->attachment, REASON_TO_DEVICE, parcel->packets, parcel->bytes);
	count_device(parcel->target, parcel->packets, parcel->bytes);
	return bpf_redirect_neigh(d->ifindex, &nh, sizeof(nh), 0);
}

/*
 * Hop and padding where no XDP program did it. By helpers if there is one in front: see decision.h;
 * a direct write costs some 100 ns less. The IPv4 store leaves the sum over the packet as it was;
 * the hop limit has no checksum of its own, so a checksum that the device took over the whole
 * packet must follow, which is the helper's business.
 */
static __always_inline int tc_rewrite(struct __sk_buff *skb, const struct packet *p)
{
	__u32 end = p->l3 + p->l3_len;

	if (p->v6) {
		__u8 hops = p->ttl - 1;

		if (bpf_skb_store_bytes(skb, p->l3 + __builtin_offsetof(struct ipv6hdr, hop_limit),
					&hops, sizeof(hops), BPF_F_RECOMPUTE_CSUM))
			return -1;
	} else if (p->writable) {
		struct iphdr *ip = p->ip;

		ip->ttl--;
		ip->check = checksum_after_hop(ip->check);
	} else {
		const struct iphdr *ip = p->ip;
		struct {
			__u8 ttl, protocol;
			__be16 check;
		} hop = { ip->ttl - 1, ip->protocol, checksum_after_hop(ip->check) };

		if (bpf_skb_store_bytes(skb, p->l3 + __builtin_offsetof(struct iphdr, ttl), &hop,
					sizeof(hop), 0))
			return -1;
	}
	if (p->len > end && !p->gso_size && bpf_skb_change_tail(skb, end, 0))
		return -1;
	return 0;
}

#endif
