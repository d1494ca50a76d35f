/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From bytes to a struct packet, in three steps that a packet takes one after the other: the link
 * header and its VLAN tags, the IP header, and (only for packets that are hashed) the way to the
 * ports. at() owns the bounds checks.
 *
 * Only the first buffer of a packet can be read directly. What lies inside the packet but beyond
 * that buffer gives SPLIT: XDP leaves such a packet to tc, tc pulls MAX_HEADERS in beforehand, and
 * what even then is split (long chains of extension headers) goes to the kernel. Nothing here
 * writes.
 */
#ifndef ESPALIER_PARSE_H
#define ESPALIER_PARSE_H

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <stdbool.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "reasons.h"

/* What a step returns if it does not end the packet's way with an enum reason. */
#define GO_ON (-1)
#define SPLIT (-2)

#define VLAN_TAG_LEN   4
#define VLAN_ID_MASK   0x0fff
#define MAX_TAGS       2
#define IPV4_FRAGMENT  0x3fff /* more fragments, or an offset */
#define MAX_EXTENSIONS 6
#define EXTENSION_MIN  8
#define MAX_HEADERS    128 /* how much tc has pulled into the first buffer */

struct packet {
	void *data;	  /* the link header */
	void *end;	  /* of the first buffer */
	__u32 len;	  /* from data to the end of the last buffer */
	__u32 gso_size;	  /* 0, or a packet of segments with so much payload each (tc) */
	__u32 packets;	  /* on the wire (tc) */
	__u32 l3;	  /* offset of the IP header */
	__u32 l3_len;	  /* of the IP packet, as its header says */
	__u32 l4;	  /* offset of what follows IP and its extension headers */
	__u32 ports;	  /* both, as on the wire; 0 without */
	void *ip;	  /* struct iphdr or ipv6hdr, in bounds */
	__u16 outer_vlan; /* ids; 0 without a tag */
	__u16 inner_vlan;
	__be16 ethertype; /* behind the tags */
	__u8 tags;
	__u8 protocol; /* of the transport layer once the flow is parsed */
	__u8 ttl;
	bool v6;
	bool options;
	bool fragment;
	bool writable; /* tc: by direct writes, since no XDP program's metadata can be lost by them
			*/
};

struct vlan_tag {
	__be16 tci;
	__be16 ethertype;
};

struct ipv6_extension {
	__u8 next;
	__u8 len;
};

static __always_inline void *at(const struct packet *p, __u32 offset, __u32 size)
{
	void *here = p->data + offset;

	return here + size > p->end ? NULL : here;
}

static __always_inline int missing(const struct packet *p, __u32 reach)
{
	return p->len < reach ? REASON_MALFORMED : SPLIT;
}

static __always_inline bool is_vlan(__be16 ethertype)
{
	return ethertype == bpf_htons(ETH_P_8021Q) || ethertype == bpf_htons(ETH_P_8021AD);
}

/* tags, outer_vlan: on entry what the driver took out of the frame and the skb holds instead. */
static __always_inline int parse_ethernet(struct packet *p)
{
	const struct ethhdr *eth = at(p, 0, sizeof(*eth));

	p->l3 = ETH_HLEN;
	if (!eth)
		return missing(p, ETH_HLEN);
	p->ethertype = eth->h_proto;
#pragma unroll
	for (int i = 0; i < MAX_TAGS; i++) {
		const struct vlan_tag *tag;
		__u16 id;

		if (!is_vlan(p->ethertype) || p->tags == MAX_TAGS)
			break;
		tag = at(p, p->l3, sizeof(*tag));
		if (!tag)
			return missing(p, p->l3 + sizeof(*tag));
		id = bpf_ntohs(tag->tci) & VLAN_ID_MASK;
		if (p->tags++)
			p->inner_vlan = id;
		else
			p->outer_vlan = id;
		p->ethertype = tag->ethertype;
		p->l3 += sizeof(*tag);
	}
	return GO_ON;
}

/* A device without link header: the IP version is the only thing that tells the family. */
static __always_inline int parse_no_link(struct packet *p, __u8 l2_len)
{
	const __u8 *first;

	p->l3 = l2_len;
	first = at(p, p->l3, 1);
	if (!first)
		return missing(p, p->l3 + 1);
	switch (*first >> 4) {
	case 4:
		p->ethertype = bpf_htons(ETH_P_IP);
		return GO_ON;
	case 6:
		p->ethertype = bpf_htons(ETH_P_IPV6);
		return GO_ON;
	default:
		return REASON_MALFORMED;
	}
}

static __always_inline bool checksum_right(const struct iphdr *ip)
{
	const __u32 *word = (const void *)ip;
	__u64 sum = 0;

#pragma unroll
	for (int i = 0; i < 5; i++)
		sum += word[i];
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff;
}

/* Bytes behind the IP packet are legal (Ethernet padding), bytes that it lacks are not. A length of
 * 0 in a packet of segments is one too long for the field (BIG TCP). */
static __always_inline int fits(struct packet *p, __u32 header, __u32 l3_len, bool no_length)
{
	__u32 room = p->len - p->l3;

	if (no_length && p->gso_size)
		l3_len = room;
	if (l3_len < header || l3_len > room)
		return REASON_MALFORMED;
	p->l3_len = l3_len;
	return GO_ON;
}

static __always_inline int parse_v4(struct packet *p)
{
	const struct iphdr *ip = at(p, p->l3, sizeof(*ip));
	__u8 first;

	if (!ip)
		return missing(p, p->l3 + sizeof(*ip));
	first = *(const __u8 *)ip; /* version and header length, which clang reads as bit fields */
	if (first >> 4 != 4 || (first & 0xf) < 5)
		return REASON_MALFORMED;
	if (fits(p, (first & 0xf) * 4, bpf_ntohs(ip->tot_len), !ip->tot_len) != GO_ON)
		return REASON_MALFORMED;
	p->options = first != 0x45;
	/* With options it goes to the kernel, which verifies the sum itself. */
	if (!p->options && !checksum_right(ip))
		return REASON_CHECKSUM;
	p->ip = (void *)ip;
	p->ttl = ip->ttl;
	p->protocol = ip->protocol;
	p->fragment = ip->frag_off & bpf_htons(IPV4_FRAGMENT);
	return GO_ON;
}

static __always_inline int parse_v6(struct packet *p)
{
	const struct ipv6hdr *ip = at(p, p->l3, sizeof(*ip));

	if (!ip)
		return missing(p, p->l3 + sizeof(*ip));
	if (*(const __u8 *)ip >> 4 != 6)
		return REASON_MALFORMED;
	if (fits(p, sizeof(*ip), sizeof(*ip) + bpf_ntohs(ip->payload_len), !ip->payload_len) !=
	    GO_ON)
		return REASON_MALFORMED;
	p->ip = (void *)ip;
	p->v6 = true;
	p->ttl = ip->hop_limit;
	p->protocol = ip->nexthdr;
	p->options = ip->nexthdr == IPPROTO_HOPOPTS;
	p->fragment = false;
	return GO_ON;
}

static __always_inline int parse_ip(struct packet *p)
{
	if (p->ethertype == bpf_htons(ETH_P_IP))
		return parse_v4(p);
	if (p->ethertype == bpf_htons(ETH_P_IPV6))
		return parse_v6(p);
	return REASON_NOT_IP;
}

static __always_inline bool is_extension(__u8 protocol)
{
	switch (protocol) {
	case IPPROTO_ROUTING:
	case IPPROTO_FRAGMENT:
	case IPPROTO_DSTOPTS:
	case IPPROTO_AH:
	case IPPROTO_MH:
		return true;
	default:
		return false;
	}
}

static __always_inline bool has_ports(__u8 protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_DCCP:
	case IPPROTO_SCTP:
	case IPPROTO_UDPLITE:
		return true;
	default:
		return false;
	}
}

/* Size bytes at offset of the IP packet, if it has them (not of the padding behind it). */
static __always_inline bool inside(const struct packet *p, __u32 offset, __u32 size)
{
	return offset + size <= p->l3 + p->l3_len;
}

/*
 * Walks IPv6 extension headers to the transport header. A fragment header ends the walk: what it
 * names as next is the protocol, the same for every fragment. A chain longer than MAX_EXTENSIONS
 * ends at its last header: still the same for every packet of the flow, only without ports.
 */
static __always_inline int parse_extensions(struct packet *p)
{
	for (int i = 0; i < MAX_EXTENSIONS; i++) {
		const struct ipv6_extension *e;
		__u8 this = p->protocol;

		if (!is_extension(this) || !inside(p, p->l4, EXTENSION_MIN))
			return GO_ON;
		e = at(p, p->l4, EXTENSION_MIN);
		if (!e)
			return SPLIT;
		p->protocol = e->next;
		if (this == IPPROTO_FRAGMENT) {
			p->fragment = true;
			return GO_ON;
		}
		p->l4 += this == IPPROTO_AH ? (e->len + 2) * 4 : (e->len + 1) * 8;
	}
	return GO_ON;
}

/* Not for IPv4 with options: those never get here. */
static __always_inline int parse_flow(struct packet *p)
{
	const __u32 *ports;

	p->l4 = p->l3 + (p->v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr));
	p->ports = 0;
	if (p->v6) {
		int step = parse_extensions(p);

		if (step != GO_ON)
			return step;
	}
	if (p->fragment || !has_ports(p->protocol) || !inside(p, p->l4, sizeof(*ports)))
		return GO_ON;
	ports = at(p, p->l4, sizeof(*ports));
	if (!ports)
		return SPLIT;
	p->ports = *ports;
	return GO_ON;
}

#endif
