/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Both ends of the ESP benchmark, on devices of its virtual machine. Loaded and pinned by bpftool.
 *
 *   to_tunnels  sends what comes to one tunnel's interface and the other's in turn: the way into
 *               the tunnels without any routing, and the sender of frames that are to be captured
 *   drop        ends a packet's way
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

#define TUNNELS 2

/* Interfaces of the tunnels. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, TUNNELS);
	__type(key, __u32);
	__type(value, __u32);
} tunnel_devices SEC(".maps");

SEC("tc")
int to_tunnels(struct __sk_buff *skb)
{
	static __u32 turn;
	__u32 at = turn++ % TUNNELS;
	const __u32 *ifindex = bpf_map_lookup_elem(&tunnel_devices, &at);

	(void)skb;
	return ifindex ? bpf_redirect(*ifindex, 0) : TC_ACT_SHOT;
}

SEC("tc")
int drop(struct __sk_buff *skb)
{
	(void)skb;
	return TC_ACT_SHOT;
}
