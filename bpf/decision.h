/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How XDP's decision reaches the tc program of the same device: in the packet's metadata.
 *
 * XDP cannot hand a packet to an xfrm interface (it has no ndo_xdp_xmit), so it decides, rewrites,
 * leaves a struct decision and passes the packet up; tc reads it and delivers. Three traps:
 *
 * - The metadata stays with the packet wherever it goes, also into another network namespace where
 *   another gateway looks at it. So a decision carries the cookie of the gateway that made it.
 * - If a packet socket listens on the device, tc sees a clone. A tc program that writes to packets
 *   directly then gets an un-cloned copy without metadata (kernels up to 6.18 at least), and would
 *   decide, and decrement the TTL, a second time. So a tc program behind XDP writes by helpers
 * only.
 * - XDP does not see a VLAN tag that the driver (or veth) keeps beside the frame. So the decision
 *   names the tag that it was made for, and tc compares.
 */
#ifndef ESPALIER_DECISION_H
#define ESPALIER_DECISION_H

#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "dataplane.h"
#include "parse.h"

/* Set by the controller: the same for all programs of one gateway, now and after its restart. */
const volatile __u32 decision_cookie = 0xe5;

/* Makes room, with nothing in it yet. Fails on a driver without metadata, or if there is no room
 * left; the packet is then untouched. Moves the packet's pointers. */
static __always_inline int decision_reserve(struct xdp_md *ctx)
{
	struct decision *d;
	void *data;

	if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(*d)))
		return -1;
	d = (void *)(long)ctx->data_meta;
	data = (void *)(long)ctx->data;
	if ((void *)(d + 1) > data)
		return -1;
	d->cookie = 0;
	return 0;
}

static __always_inline int decision_leave(struct xdp_md *ctx, enum reason reason,
					  const struct packet *p, __u32 attachment, __u32 target)
{
	struct decision *d = (void *)(long)ctx->data_meta;

	if ((void *)(d + 1) > (void *)(long)ctx->data)
		return -1;
	d->outer_vlan = p->outer_vlan;
	d->attachment = attachment;
	d->target = target;
	d->reason = reason;
	d->v6 = p->v6;
	d->cookie = decision_cookie;
	return 0;
}

static __always_inline bool decision_read(const struct __sk_buff *skb, struct decision *out)
{
	const struct decision *d = (void *)(long)skb->data_meta;
	const void *data;

	/* In C, the compiler may move the word by a 32 bit register, which makes a number of the
	 * pointer. */
	asm("%[data] = *(u32 *)(%[skb] + %[offset])"
	    : [data] "=r"(data)
	    : [skb] "r"(skb), [offset] "i"(__builtin_offsetof(struct __sk_buff, data)));

	if ((const void *)(d + 1) > data || d->cookie != decision_cookie)
		return false;
	*out = *d;
	return true;
}

/* One hop less. RFC 1624: the IPv4 checksum grows by what the TTL's half word shrinks by. */
static __always_inline __be16 checksum_after_hop(__be16 check)
{
	__u32 sum = (__u32)check + bpf_htons(0x0100);

	return sum + (sum >= 0xffff);
}

/* One hop less for the packet whose IP header is at offset l3. 0, or -1 with nothing written. */
static __always_inline int xdp_hop(struct xdp_md *ctx, __u32 l3, bool v6)
{
	void *ip = (void *)(long)ctx->data + l3;

	if (v6) {
		struct ipv6hdr *header = ip;

		if ((void *)(header + 1) > (void *)(long)ctx->data_end)
			return -1;
		header->hop_limit--;
	} else {
		struct iphdr *header = ip;

		if ((void *)(header + 1) > (void *)(long)ctx->data_end)
			return -1;
		header->ttl--;
		header->check = checksum_after_hop(header->check);
	}
	return 0;
}

/* After decision_reserve: hop, padding. 0, or -1 with the packet untouched. */
static __always_inline int xdp_rewrite(struct xdp_md *ctx, const struct packet *p)
{
	__u32 padding = p->len - p->l3 - p->l3_len;

	if (padding && bpf_xdp_adjust_tail(ctx, -(int)padding))
		return -1;
	return xdp_hop(ctx, p->l3, p->v6);
}

#endif
