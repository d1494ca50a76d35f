/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Both ends of the forwarding benchmark: what makes the packets, and what swallows and counts them.
 *
 *   generate   under BPF_PROG_TEST_RUN with live frames: one packet a run, into `out_ifindex`
 *   drop_xdp   on the first device, XDP: the stream without any forwarding
 *   drop_tc    the same after the kernel has made an skb of the frame
 *   sink       filter of a TUN or TAP device: looks at each packet that is sent, and drops it
 *   sink_xdp   at the far end of a veth: the same
 *   xdp_forward  of the design of xdp-tools' xdp-forward (fib-full): to be measured beside
 *
 * All of it runs on the one CPU that the driver is bound to, so plain increments are enough.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <linux/udp.h>
#include <stdbool.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "forward.h"

char LICENSE[] SEC("license") = "GPL";

struct header {
	union {
		struct {
			struct ethhdr eth;
			struct iphdr ip;
			struct udphdr udp;
		} __attribute__((packed));
		__u64 words[HEADER_WORDS];
	};
};

_Static_assert(sizeof(struct header) == HEADER_WORDS * 8, "header");

/* Set by the driver before each run. */
__u64 header_words[HEADER_WORDS]; /* a header with addresses, ports and checksum 0 */
__u32 header_sum;		  /* of its IP header's 16-bit words */
__u32 out_ifindex;
__u32 frame_len;
__u32 sink_ifindex[SINKS];
__u32 sink_l2_len;
__u8 sink_mac[6] __attribute__((aligned(4))); /* the next hop's, where there is a link header */
struct flow flows[FLOWS];

struct tally tally;

static __always_inline __u16 checksum(const struct flow *f)
{
	__u64 sum = (__u64)header_sum + f->source + f->destination;

	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* The page may be an old packet's, with what its receiver wrote: the header is
 * always new. */
SEC("xdp")
int generate(struct xdp_md *ctx)
{
	__u64 *to = (void *)(long)ctx->data;
	const struct flow *f = &flows[tally.generated++ % FLOWS];
	struct header h;

	if ((void *)(to + HEADER_WORDS) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	__builtin_memcpy(h.words, header_words, sizeof(h.words));
	h.ip.saddr = f->source;
	h.ip.daddr = f->destination;
	h.ip.check = checksum(f);
	h.udp.source = f->source_port;
	h.udp.dest = f->destination_port;
#pragma unroll
	for (int i = 0; i < HEADER_WORDS; i++)
		to[i] = h.words[i];
	return bpf_redirect(out_ifindex, 0);
}

SEC("xdp")
int drop_xdp(struct xdp_md *ctx)
{
	if (ctx->data_end - ctx->data == frame_len)
		tally.dropped++;
	else
		tally.other++;
	return XDP_DROP;
}

SEC("tc")
int drop_tc(struct __sk_buff *skb)
{
	if (skb->len == frame_len)
		tally.dropped++;
	else
		tally.other++;
	return TC_ACT_SHOT;
}

/* Devices by ifindex; as xdp-forward does, so that frames are sent in bulk. */
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u32);
} forward_ports SEC(".maps");

#define AF_INET 2

SEC("xdp")
int xdp_forward(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(eth + 1);
	struct bpf_fib_lookup fib = { .family = AF_INET, .ifindex = ctx->ingress_ifindex };
	__u32 sum;

	if ((void *)(ip + 1) > (void *)(long)ctx->data_end || eth->h_proto != bpf_htons(ETH_P_IP) ||
	    ip->ttl <= 1)
		return XDP_PASS;
	fib.tos = ip->tos;
	fib.l4_protocol = ip->protocol;
	fib.tot_len = bpf_ntohs(ip->tot_len);
	fib.ipv4_src = ip->saddr;
	fib.ipv4_dst = ip->daddr;
	if (bpf_fib_lookup(ctx, &fib, sizeof(fib), 0) != BPF_FIB_LKUP_RET_SUCCESS ||
	    !bpf_map_lookup_elem(&forward_ports, &fib.ifindex))
		return XDP_PASS;
	sum = (__u32)ip->check + bpf_htons(0x0100);
	ip->check = sum + (sum >= 0xffff);
	ip->ttl--;
	__builtin_memcpy(eth->h_dest, fib.dmac, ETH_ALEN);
	__builtin_memcpy(eth->h_source, fib.smac, ETH_ALEN);
	return bpf_redirect_map(&forward_ports, fib.ifindex, 0);
}

static __always_inline bool same_mac(const __u8 *a, const __u8 *b)
{
	return *(const __u32 *)a == *(const __u32 *)b &&
	       *(const __u16 *)(a + 4) == *(const __u16 *)(b + 4);
}

/* Forwarded means: whole, one hop older, and addressed to the next hop. */
static __always_inline bool arrived(struct __sk_buff *skb)
{
	struct iphdr ip;
	__u8 mac[8] __attribute__((aligned(4)));

	if (skb->len != frame_len - ETH_HLEN + sink_l2_len)
		return false;
	if (bpf_skb_load_bytes_relative(skb, 0, &ip, sizeof(ip), BPF_HDR_START_NET))
		return false;
	if (ip.ttl != TTL - 1 || ip.protocol != IPPROTO_UDP)
		return false;
	if (!sink_l2_len)
		return true;
	return !bpf_skb_load_bytes(skb, 0, mac, 6) && same_mac(mac, sink_mac);
}

SEC("xdp")
int sink_xdp(struct xdp_md *ctx)
{
	const struct ethhdr *eth = (void *)(long)ctx->data;
	const struct iphdr *ip = (void *)(eth + 1);

	if ((void *)(ip + 1) > (void *)(long)ctx->data_end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_DROP; /* the kernel's own neighbour discovery and the like */
	if (ctx->data_end - ctx->data == frame_len && ip->ttl == TTL - 1 &&
	    ip->protocol == IPPROTO_UDP && same_mac(eth->h_dest, sink_mac))
		tally.good[0]++;
	else
		tally.other++;
	return XDP_DROP;
}

SEC("socket")
int sink(struct __sk_buff *skb)
{
	if (skb->protocol != bpf_htons(ETH_P_IP))
		return 0; /* the kernel's own neighbour discovery and the like */
	if (!arrived(skb))
		tally.other++;
	else
		tally.good[skb->ifindex == sink_ifindex[0] ? 0 : 1]++;
	return 0;
}
