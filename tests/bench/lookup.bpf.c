/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the benchmark runs beside xdp_steer. A test run repeats a program on one and the same
 * packet, so `drive` first makes it a fresh one: next destination, TTL back to 64 with its
 * checksum, the metadata that the former run reserved given back. Then it tail-calls the program
 * under test. All programs are driven the same way, so what drive costs is in every figure, floor
 * included.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "lookup.h"

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, DESTINATIONS_MAX);
	__type(key, __u32);
	__type(value, struct destination);
} destinations SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} under_test SEC(".maps");

__u32 mask = 0; /* number of destinations, a power of two, less one */
__u32 turn = 0;
__u64 missed = 0; /* tail calls that did not happen */

static __always_inline int fresh(struct xdp_md *ctx, const struct destination *to)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;

	if ((void *)(eth + 1) > end)
		return -1;
	if (eth->h_proto == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = (void *)(eth + 1);

		if ((void *)(ip + 1) > end)
			return -1;
		ip->ttl = 64;
		ip->daddr = to->address[0];
		ip->check = to->check;
	} else {
		struct ipv6hdr *ip = (void *)(eth + 1);

		if ((void *)(ip + 1) > end)
			return -1;
		ip->hop_limit = 64;
		__builtin_memcpy(&ip->daddr, to->address, sizeof(ip->daddr));
	}
	return 0;
}

SEC("xdp.frags")
int drive(struct xdp_md *ctx)
{
	__u32 index = turn++ & mask;
	const struct destination *to = bpf_map_lookup_elem(&destinations, &index);
	int metadata = ctx->data - ctx->data_meta;

	if (metadata)
		bpf_xdp_adjust_meta(ctx, metadata);
	if (to && !fresh(ctx, to))
		bpf_tail_call(ctx, &under_test, 0);
	missed++;
	return XDP_ABORTED;
}

/* The least that anybody must do: parse. */
SEC("xdp.frags")
int least(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;

	if ((void *)(eth + 1) > end)
		return XDP_DROP;
	if (eth->h_proto == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = (void *)(eth + 1);

		return (void *)(ip + 1) <= end && ip->version == 4 && ip->ttl > 1 ? XDP_PASS
										  : XDP_DROP;
	}
	if (eth->h_proto == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip = (void *)(eth + 1);

		return (void *)(ip + 1) <= end && ip->hop_limit > 1 ? XDP_PASS : XDP_DROP;
	}
	return XDP_DROP;
}

/* Parses and asks the kernel's FIB, neighbour included, as an XDP router would. */
SEC("xdp.frags")
int fib(struct xdp_md *ctx)
{
	struct bpf_fib_lookup p = { .ifindex = ctx->ingress_ifindex };
	struct ethhdr *eth = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;

	if ((void *)(eth + 1) > end)
		return XDP_DROP;
	if (eth->h_proto == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = (void *)(eth + 1);

		if ((void *)(ip + 1) > end || ip->ttl <= 1)
			return XDP_DROP;
		p.family = 2;
		p.l4_protocol = ip->protocol;
		p.tot_len = bpf_ntohs(ip->tot_len);
		p.ipv4_src = ip->saddr;
		p.ipv4_dst = ip->daddr;
	} else if (eth->h_proto == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip = (void *)(eth + 1);

		if ((void *)(ip + 1) > end || ip->hop_limit <= 1)
			return XDP_DROP;
		p.family = 10;
		p.l4_protocol = ip->nexthdr;
		p.tot_len = bpf_ntohs(ip->payload_len);
		__builtin_memcpy(p.ipv6_src, &ip->saddr, sizeof(p.ipv6_src));
		__builtin_memcpy(p.ipv6_dst, &ip->daddr, sizeof(p.ipv6_dst));
	} else {
		return XDP_DROP;
	}
	return bpf_fib_lookup(ctx, &p, sizeof(p), 0) == BPF_FIB_LKUP_RET_SUCCESS ? XDP_PASS
										 : XDP_DROP;
}
