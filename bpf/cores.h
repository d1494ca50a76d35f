/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Several cores: packets that one CPU took from a device are handed to others, where the rest of
 * their way is gone. Inbound ESP by its SPI, so that each SA has a CPU; what comes from an
 * attachment by its flow. Off unless the controller says so, by device.
 *
 * Whose order matters stays together: all packets of an SA, or of a flow, take one queue to one
 * CPU. That is why a packet takes the queue even to the CPU that it is on: the driver's poll may be
 * moved to another CPU at any time (threaded NAPI, interrupt affinity), and what went past the
 * queue would overtake what is in it.
 *
 * What is lost on the way shows as a difference: a packet is counted when it is sent to a queue
 * and, by xdp_core, when it comes out. The kernel keeps no tag that the driver took out of the
 * frame (only a frame goes into the queue), so the controller switches this on only where there is
 * none.
 */
#ifndef ESPALIER_CORES_H
#define ESPALIER_CORES_H

#include "count.h"
#include "hash.h"
#include "parse.h"

#define ESP_HEADER_LEN 8 /* SPI and sequence number */
#define UDP_HEADER_LEN 8
#define NAT_T_PORT     4500 /* RFC 3948 */

/* CPU -> its queue; the controller makes those that some device spreads over. As many entries as
 * there can be CPUs; not pinned, for what comes out runs a program of this load. */
struct {
	__uint(type, BPF_MAP_TYPE_CPUMAP);
	__uint(max_entries, 1); /* the controller says how many before it loads */
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct bpf_cpumap_val));
} cores SEC(".maps");

/* (Device, kind of packets) -> over which CPUs they are spread. Not there: over none. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_SPREADS);
	__type(key, struct spread_key);
	__type(value, struct spread);
} spreads SEC(".maps");

/* SPI of an inbound SA, as on the wire -> where its packets go. Not there: by a hash of the SPI. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_SA_PLACES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __be32);
	__type(value, struct sa_place);
} sa_places SEC(".maps");

/* Written by the programs; packets, and bytes of the frame.
 * index: slot * MAX_CORES + position in the spread's list, sent there. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, MAX_SPREADS *MAX_CORES);
	__type(key, __u32);
	__type(value, struct counter);
} sent_counters SEC(".maps");

/* index: slot; what this CPU took out of its queue. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, MAX_SPREADS);
	__type(key, __u32);
	__type(value, struct counter);
} arrived_counters SEC(".maps");

static __always_inline const struct spread *spread_of(__u32 ifindex, enum spread_kind kind)
{
	struct spread_key key = { ifindex, kind };

	return bpf_map_lookup_elem(&spreads, &key);
}

/* XDP_REDIRECT, counted; XDP_PASS: that CPU has no queue, and the packet stays here. */
static __always_inline int send_to(const struct spread *s, __u32 position, __u32 len)
{
	__u32 index, cpu;
	int verdict;

	if (position >= MAX_CORES)
		return XDP_PASS;
	cpu = s->cpus[position];
	verdict = bpf_redirect_map(&cores, cpu, XDP_PASS);
	if (verdict != XDP_REDIRECT)
		return XDP_PASS;
	index = s->slot * MAX_CORES + position;
	add(bpf_map_lookup_elem(&sent_counters, &index), 1, len);
	return verdict;
}

/* A hash spread evenly: its upper bits, for the lower ones choose the bucket of a group. */
static __always_inline __u32 position_by_hash(const struct spread *s, __u32 hash)
{
	return (__u64)hash * s->count >> 32;
}

/* A per-CPU SA [RFC 9611] goes to its CPU, if the device may use that; others have their lane. */
static __always_inline __u32 position_of_sa(const struct spread *s, __be32 spi)
{
	const struct sa_place *place = bpf_map_lookup_elem(&sa_places, &spi);

	if (!place)
		return position_by_hash(s, mix(mix(hash_seed, spi), 0));
	if (place->cpu != NO_CPU)
		for (__u32 i = 0; i < MAX_CORES && i < s->count; i++)
			if (s->cpus[i] == place->cpu)
				return i;
	return s->count ? place->lane % s->count : MAX_CORES;
}

/* The SPI as on the wire; 0: not ESP, a fragment, or not to be read here. IKE on NAT-T's port has 0
 * in its place, and a keepalive is too short to have one. */
static __always_inline __be32 spi_of(struct packet *p)
{
	const __be32 *spi;
	__u32 esp;

	if (parse_ip(p) != GO_ON || p->options || parse_flow(p) != GO_ON || p->fragment)
		return 0;
	esp = p->l4;
	if (p->protocol == IPPROTO_UDP && p->ports >> 16 == bpf_htons(NAT_T_PORT))
		esp += UDP_HEADER_LEN;
	else if (p->protocol != IPPROTO_ESP)
		return 0;
	if (!inside(p, esp, ESP_HEADER_LEN))
		return 0;
	spi = at(p, esp, sizeof(*spi));
	return spi ? *spi : 0;
}

/* What comes from the underlay: ESP is spread, everything else left to the kernel. p: with its link
 * header parsed. */
static __always_inline int guard(__u32 ifindex, struct packet *p)
{
	const struct spread *s = spread_of(ifindex, SPREAD_ESP);
	__be32 spi = s ? spi_of(p) : 0;

	return spi ? send_to(s, position_of_sa(s, spi), p->len) : XDP_PASS;
}

/* What comes from an attachment. XDP_REDIRECT, or XDP_PASS: to be decided here. */
static __always_inline int spread_flow(__u32 ifindex, struct packet *p)
{
	const struct spread *s = spread_of(ifindex, SPREAD_FLOWS);

	if (!s || parse_ip(p) != GO_ON || p->options || parse_flow(p) != GO_ON)
		return XDP_PASS;
	return send_to(s, position_by_hash(s, flow_hash(p)), p->len);
}

static __always_inline void count_arrival(__u32 ifindex, enum spread_kind kind, __u32 len)
{
	const struct spread *s = spread_of(ifindex, kind);
	__u32 index = s ? s->slot : MAX_SPREADS;

	add(bpf_map_lookup_elem(&arrived_counters, &index), 1, len);
}

#endif
