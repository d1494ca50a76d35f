/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The entry programs. Each reads as the packet's path: parse -> association -> steer -> deliver.
 *
 *   xdp_steer      attachment's device   decides, rewrites, leaves the decision, passes up; or, to
 *                                        another attachment, sends itself; or hands to another CPU
 *   xdp_guard      underlay              hands ESP to other CPUs
 *   xdp_core       any CPU's queue       goes on where xdp_steer handed over
 *   tc_decided     same device, ingress  reads the decision and delivers; decides itself if none
 *   tc_attachment  the same without XDP  decides and delivers
 *   tc_tunnel      xfrm interface        the way back: decides and delivers (and attachments that
 *                                        have no link header either)
 *   explain        nowhere               decides, and says so in the packet (BPF_PROG_TEST_RUN)
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
#include "dataplane.h"
#include "association.h"
#include "cores.h"
#include "count.h"
#include "decision.h"
#include "deliver.h"
#include "maps.h"
#include "parse.h"
#include "redirect.h"
#include "steer.h"
#include "use.h"

char LICENSE[] SEC("license") = "GPL";

static __always_inline bool is_drop(enum reason reason)
{
	return REASON_DROPS >> reason & 1;
}

static __always_inline bool is_forward(enum reason reason)
{
	return REASON_FORWARDS >> reason & 1;
}

/* Bytes to count: of the IP packet if it got that far, else of everything behind the link header.
 */
static __always_inline __u32 ip_bytes(const struct packet *p)
{
	if (p->l3_len)
		return p->l3_len;
	return p->len > p->l3 ? p->len - p->l3 : 0;
}

static __always_inline struct packet packet_of_frame(struct xdp_md *ctx)
{
	return (struct packet){
		.data = (void *)(long)ctx->data,
		.end = (void *)(long)ctx->data_end,
		.len = bpf_xdp_get_buff_len(ctx),
	};
}

/* link: what parsing the link header gave. */
static __always_inline int decide(struct xdp_md *ctx, struct packet *p, const struct association *a,
				  int link)
{
	struct steering s = {};
	__u32 attachment;
	int reason;

	reason = link == GO_ON ? steer(p, a, &s) : link;
	if (reason < 0)
		return XDP_PASS; /* SPLIT: tc can pull the headers in */
	attachment = a->attachment;
	if (is_drop(reason)) {
		count_reason(attachment, reason, 1, ip_bytes(p));
		return XDP_DROP;
	}
	if (reason == REASON_TO_DEVICE && a->flags & ASSOCIATION_REDIRECT) {
		int verdict = redirect(ctx, p, attachment, s.target);

		if (verdict != XDP_PASS)
			return verdict;
	}

	/* From here on the packet passes up, and tc decides itself if there is no decision. */
	if (decision_reserve(ctx))
		return XDP_PASS;
	if (is_forward(reason) && xdp_rewrite(ctx, p))
		return XDP_PASS;
	if (decision_leave(ctx, reason, p, attachment, s.target))
		return XDP_PASS;
	if (reason == REASON_TO_TUNNEL)
		note_use(&s);
	if (!is_forward(reason)) /* else counted where it is delivered */
		count_reason(attachment, reason, 1, ip_bytes(p));
	return XDP_PASS;
}

SEC("xdp.frags")
int xdp_steer(struct xdp_md *ctx)
{
	struct packet p = packet_of_frame(ctx);
	int link = parse_ethernet(&p);
	__u32 ifindex = ctx->ingress_ifindex;
	struct association a;

	/* The underlay, perhaps, of an attachment with a tag. */
	if (!association_of(ifindex, &p, &a))
		return link == GO_ON ? guard(ifindex, &p) : XDP_PASS;
	/* Perhaps there is a tag that only tc can see. */
	if (a.flags & ASSOCIATION_TAGGED_TOO)
		return XDP_PASS;
	if (a.flags & ASSOCIATION_SPREAD && link == GO_ON &&
	    spread_flow(ifindex, &p) == XDP_REDIRECT)
		return XDP_REDIRECT;
	return decide(ctx, &p, &a, link);
}

SEC("xdp.frags")
int xdp_guard(struct xdp_md *ctx)
{
	struct packet p = packet_of_frame(ctx);

	return parse_ethernet(&p) == GO_ON ? guard(ctx->ingress_ifindex, &p) : XDP_PASS;
}

/* On the CPU that the frame was handed to. ESP is the kernel's from here on. */
SEC("xdp.frags/cpumap")
int xdp_core(struct xdp_md *ctx)
{
	struct packet p = packet_of_frame(ctx);
	int link = parse_ethernet(&p);
	__u32 ifindex = ctx->ingress_ifindex;
	struct association a;

	if (!association_of(ifindex, &p, &a)) {
		count_arrival(ifindex, SPREAD_ESP, p.len);
		return XDP_PASS;
	}
	count_arrival(ifindex, SPREAD_FLOWS, p.len);
	if (a.flags & ASSOCIATION_TAGGED_TOO)
		return XDP_PASS;
	return decide(ctx, &p, &a, link);
}

static __always_inline int deliver(struct __sk_buff *skb, enum reason reason,
				   const struct parcel *parcel)
{
	if (reason == REASON_TO_TUNNEL)
		return into_tunnel(skb, parcel);
	return to_neighbour(skb, parcel);
}

/* The packet's tags now: the first in the skb, a second in the frame. */
static __always_inline __u8 tags_now(const struct __sk_buff *skb)
{
	return !!skb->vlan_present + is_vlan(skb->protocol);
}

static __always_inline int deliver_decided(struct __sk_buff *skb, const struct decision *d)
{
	__u16 tag = skb->vlan_present ? skb->vlan_tci & VLAN_ID_MASK : 0;
	__u32 l3 = ETH_HLEN + (is_vlan(skb->protocol) ? VLAN_TAG_LEN : 0);
	struct parcel parcel = {
		.attachment = d->attachment,
		.target = d->target,
		.packets = wire_packets(skb),
		.bytes = skb->len - l3,
		.l2_len = ETH_HLEN,
		.tags = tags_now(skb),
		.v6 = d->v6,
	};

	if (!is_forward(d->reason))
		return TC_ACT_UNSPEC; /* counted by XDP; other filters may follow, then the kernel
				       */
	if (tag != d->outer_vlan)
		return drop(&parcel, REASON_STALE);
	return deliver(skb, d->reason, &parcel);
}

/* With the headers in the first buffer. If they cannot be had there, parsing will say SPLIT. */
static __always_inline void packet_of_skb(struct __sk_buff *skb, struct packet *p)
{
	__u32 wanted = skb->len < MAX_HEADERS ? skb->len : MAX_HEADERS;

	if ((void *)(long)skb->data + wanted > (void *)(long)skb->data_end)
		bpf_skb_pull_data(skb, wanted);
	p->data = (void *)(long)skb->data;
	p->end = (void *)(long)skb->data_end;
	p->len = skb->len;
	p->gso_size = skb->gso_size;
	p->packets = wire_packets(skb);
}

static __always_inline int conclude(struct __sk_buff *skb, const struct packet *p, int reason,
				    __u32 attachment, __u8 l2_len, const struct steering *s)
{
	struct parcel parcel = {
		.attachment = attachment,
		.target = s->target,
		.packets = p->packets,
		.bytes = ip_bytes(p),
		.l2_len = l2_len,
		.tags = p->tags,
		.v6 = p->v6,
	};

	if (reason < 0) /* SPLIT: headers too long to read, or no memory to pull them in */
		reason = REASON_OPTIONS;
	if (is_drop(reason))
		return drop(&parcel, reason);
	if (is_forward(reason)) {
		if (tc_rewrite(skb, p))
			return drop(&parcel, REASON_REWRITE);
		if (reason == REASON_TO_TUNNEL)
			note_use(s);
		return deliver(skb, reason, &parcel);
	}
	count_reason(attachment, reason, p->packets, parcel.bytes);
	return TC_ACT_UNSPEC;
}

static __always_inline int steer_attachment(struct __sk_buff *skb, bool behind_xdp)
{
	struct packet p = { .writable = !behind_xdp };
	struct association a;
	struct steering s = {};
	int reason;

	packet_of_skb(skb, &p);
	if (skb->vlan_present) {
		p.outer_vlan = skb->vlan_tci & VLAN_ID_MASK;
		p.tags = 1;
	}
	reason = parse_ethernet(&p);
	/* If not ours: another VLAN of the device, which the host may well use. */
	if (!association_of(skb->ifindex, &p, &a))
		return conclude(skb, &p, REASON_NOT_ATTACHED, NO_ATTACHMENT, ETH_HLEN, &s);
	if (reason == GO_ON)
		reason = steer(&p, &a, &s);
	return conclude(skb, &p, reason, a.attachment, ETH_HLEN, &s);
}

SEC("tc")
int tc_decided(struct __sk_buff *skb)
{
	struct decision d;

	if (decision_read(skb, &d))
		return deliver_decided(skb, &d);
	return steer_attachment(skb, true);
}

SEC("tc")
int tc_attachment(struct __sk_buff *skb)
{
	return steer_attachment(skb, false);
}

SEC("tc")
int tc_tunnel(struct __sk_buff *skb)
{
	struct packet p = { .writable = true };
	struct association a;
	struct steering s = {};
	int reason;

	packet_of_skb(skb, &p);
	if (!association_of(skb->ifindex, &p, &a)) /* nothing but ours comes out of a tunnel */
		return conclude(skb, &p, REASON_NO_ASSOCIATION, NO_ATTACHMENT, 0, &s);
	reason = parse_link(&p, &a, a.l2_len);
	if (reason == GO_ON)
		reason = steer(&p, &a, &s);
	count_tunnel(a.tunnel, DIRECTION_IN, p.packets, ip_bytes(&p));
	return conclude(skb, &p, reason, a.attachment, a.l2_len, &s);
}

/* The association is the one that is asked about; the frame's tags only say where IP begins. */
SEC("xdp.frags")
int explain(struct xdp_md *ctx)
{
	struct explain *e = (void *)(long)ctx->data;
	struct packet p = {
		.data = e + 1,
		.end = (void *)(long)ctx->data_end,
		.len = bpf_xdp_get_buff_len(ctx) - sizeof(*e),
	};
	struct association_key in;
	struct association a;
	struct steering s = {};
	int reason;

	if (p.data > p.end)
		return XDP_ABORTED;
	in = e->in;
	if (!association_at(&in, &a))
		return XDP_ABORTED;
	reason = parse_link(&p, &a, ETH_HLEN); /* of zeroes, for a device without link header */
	if (reason == GO_ON)
		reason = steer(&p, &a, &s);
	if (reason < 0)
		return XDP_ABORTED;
	e->reason = reason;
	e->table = a.table;
	e->matched = s.matched;
	e->route = s.route;
	e->hash = s.hash;
	e->bucket = s.bucket;
	e->tunnel = reason == REASON_TO_TUNNEL ? s.target : NO_TUNNEL;
	e->skipped = s.skipped;
	e->attachment = reason == REASON_TO_DEVICE ? s.target : a.attachment;
	return XDP_PASS;
}
