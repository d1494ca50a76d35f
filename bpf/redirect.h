/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From attachment to attachment without the kernel's stack: XDP writes the link header itself and
 * hands the frame to the other device's driver.
 *
 * Only what is certain goes this way: a device that takes frames from XDP, a neighbour that the
 * kernel holds for reachable, a frame in one buffer. Everything else takes the way through tc,
 * where the kernel resolves the neighbour; so nothing is lost for want of an entry, and the
 * kernel's neighbour table stays the one that is asked and aged. Padding stays: it is the frame's,
 * not the packet's.
 *
 * What the kernel does next: the frame waits in a queue of the device map, is sent with up to 15
 * others when the driver's poll ends, and is freed without a trace but the device's own counters if
 * the driver has no room. The map refuses devices that are down.
 */
#ifndef ESPALIER_REDIRECT_H
#define ESPALIER_REDIRECT_H

#include "count.h"
#include "decision.h"
#include "maps.h"
#include "parse.h"

/* The link header of a frame, with room for the tags that an attachment can have. */
struct link_header {
	__u8 to[6], from[6];
	__be16 rest[2 * MAX_TAGS + 1]; /* tags, ethertype */
};

static __always_inline void neighbour_key_of(const struct packet *p, const struct device *d,
					     struct neighbour_key *key)
{
	__u32 *words = (__u32 *)key->address;
	const struct ipv6hdr *v6 = p->ip;
	const struct iphdr *v4 = p->ip;

	key->ifindex = d->ifindex;
	if (p->v6) {
		__builtin_memcpy(words,
				 d->has_next_hop_v6 ? (const void *)d->next_hop_v6 : &v6->daddr,
				 sizeof(key->address));
		return;
	}
	words[0] = words[1] = 0;
	words[2] = bpf_htonl(0xffff);
	words[3] = d->has_next_hop_v4 ? d->next_hop_v4 : v4->daddr;
}

/* Who the packet is to be handed to there, or nobody of whom that is certain. */
static __always_inline const struct neighbour *certain_neighbour(const struct packet *p,
								 const struct device *d)
{
	struct neighbour_key key;
	struct neighbour *n;

	neighbour_key_of(p, d, &key);
	n = bpf_map_lookup_elem(&neighbours, &key);
	if (!n || n->until < bpf_ktime_get_coarse_ns())
		return NULL;
	if (!n->used)
		n->used = 1;
	return n;
}

static __always_inline __u32 tag_count(const struct device *d)
{
	return !!d->vlans[0] + !!d->vlans[1];
}

/* Its length: 14, 18 or 22. */
static __always_inline void link_header(const struct packet *p, const struct device *d,
					const struct neighbour *n, struct link_header *out)
{
	__u32 at = 0;

	__builtin_memcpy(out->to, n->mac, sizeof(out->to));
	__builtin_memcpy(out->from, d->mac, sizeof(out->from));
	if (d->vlans[0]) {
		out->rest[at++] = bpf_htons(ETH_P_8021Q);
		out->rest[at++] = bpf_htons(d->vlans[0]);
	}
	if (d->vlans[1]) {
		out->rest[2] = bpf_htons(ETH_P_8021Q);
		out->rest[3] = bpf_htons(d->vlans[1]);
		at = 4;
	}
	out->rest[at] = p->ethertype;
}

/* The new header in the place of the old one, and a hop less. 0; -1: not done, and the frame is no
 * longer what it was. */
static __always_inline int replace_link_header(struct xdp_md *ctx, const struct packet *p,
					       const struct link_header *h, __u32 len)
{
	void *data;

	if (len != p->l3 && bpf_xdp_adjust_head(ctx, (int)p->l3 - (int)len))
		return -1;
	data = (void *)(long)ctx->data;
	if (data + sizeof(*h) > (void *)(long)ctx->data_end)
		return -1; /* an IP header is longer than what is left of h */
	switch (len) {
	case ETH_HLEN:
		__builtin_memcpy(data, h, ETH_HLEN);
		return xdp_hop(ctx, ETH_HLEN, p->v6);
	case ETH_HLEN + VLAN_TAG_LEN:
		__builtin_memcpy(data, h, ETH_HLEN + VLAN_TAG_LEN);
		return xdp_hop(ctx, ETH_HLEN + VLAN_TAG_LEN, p->v6);
	default:
		__builtin_memcpy(data, h, sizeof(*h));
		return xdp_hop(ctx, sizeof(*h), p->v6);
	}
}

/* XDP_REDIRECT or XDP_DROP, counted; XDP_PASS: tc is to deliver, and the packet is untouched. */
static __always_inline int redirect(struct xdp_md *ctx, const struct packet *p, __u32 attachment,
				    __u32 target)
{
	const struct device *d = bpf_map_lookup_elem(&devices, &target);
	const struct neighbour *n;
	struct link_header header;
	__u32 bytes = p->l3_len;
	int verdict;

	if (!d || !d->redirect || p->len != (__u64)(p->end - p->data))
		return XDP_PASS;
	n = certain_neighbour(p, d);
	if (!n)
		return XDP_PASS;
	link_header(p, d, n, &header);
	if (replace_link_header(ctx, p, &header, ETH_HLEN + tag_count(d) * VLAN_TAG_LEN)) {
		count_reason(attachment, REASON_REWRITE, 1, bytes);
		return XDP_DROP;
	}
	verdict = bpf_redirect_map(&redirects, target, XDP_DROP);
	if (verdict != XDP_REDIRECT) { /* the device went this very moment */
		count_reason(attachment, REASON_STALE, 1, bytes);
		return XDP_DROP;
	}
	count_reason(attachment, REASON_TO_DEVICE, 1, bytes);
	count_device(target, 1, bytes);
	return verdict;
}

#endif
