/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every struct that crosses between the BPF programs and the controller, and the sizes of the maps.
 *
 * Byte order: addresses are in network order as on the wire (__be32, __u8[16]); everything else is
 * in host order. Ids (table, attachment, tunnel, device, group) are small numbers that the
 * controller hands out; map `names` remembers them across its restarts.
 */
#ifndef ESPALIER_DATAPLANE_H
#define ESPALIER_DATAPLANE_H

#include <linux/types.h>
#include "reasons.h"

#define MAX_ATTACHMENTS	 1024
#define MAX_TUNNELS	 1024
#define MAX_GROUPS	 4096
#define MAX_ASSOCIATIONS 4096
#define MAX_IFINDEX	 16384 /* less one: in map `device_associations` */
#define MAX_NEIGHBOURS	 65536
#define MAX_ROUTES_V4	 2500000
#define MAX_ROUTES_V6	 1000000
#define GROUP_BUCKETS	 256
#define GROUP_MEMBERS	 16
#define MAX_NAMES	 16384
#define MAX_TABLES	 4096
#define MAX_SPREADS	 32    /* devices, and kinds of packets, that are spread over CPUs */
#define MAX_CORES	 64    /* CPUs that one of them is spread over */
#define MAX_SA_PLACES	 16384 /* inbound SAs with a CPU */
#define CORE_QUEUE	 2048  /* frames that may wait for a CPU */
#define NO_TUNNEL	 0xffffffffu
#define NO_TABLE	 0xffffffffu
#define NO_ATTACHMENT	 0 /* ids of attachments start at 1: slot 0 counts what belongs to none */
#define NO_LIVE		 (-1)
#define NO_CPU		 0xffffu
#define ETH_HEADER_LEN	 14

/* Where a packet came in: the key of map `associations`. VLAN ids are 0 where there is no tag. */
struct association_key {
	__u32 ifindex;
	__u16 outer_vlan;
	__u16 inner_vlan;
};

#define ASSOCIATION_NO_ROUTE_PASS 0x01 /* on_no_route: pass [D8] */
#define ASSOCIATION_TAGGED_TOO	  0x02 /* the device also carries frames with more tags than this */
#define ASSOCIATION_L3		  0x04 /* no MAC addresses (xfrm interface, TUN) */
#define ASSOCIATION_REDIRECT	  0x08 /* XDP may send its packets to another device itself */
#define ASSOCIATION_SPREAD	  0x10 /* its flows may be spread over CPUs: map `spreads` */

/*
 * TAGGED_TOO: a driver (veth, or a NIC with VLAN offload) can keep a tag beside the frame, where
 * XDP does not see it, and the frame looks like one of this association. XDP then leaves it to tc.
 * Set it where the device has attachments, or VLAN devices of the host, with more tags than this
 * one.
 */

/* What a packet that came in there is subject to [D7 S8]. */
struct association {
	__u32 table;	  /* looked up by destination; NO_TABLE: attached but not associated [D8] */
	__u32 attachment; /* counted under */
	__u32 tunnel;	  /* the tunnel it came out of, or NO_TUNNEL */
	__u32 source_table; /* the source must match a route here [strict source check], or NO_TABLE
			     */
	__u8 flags;	    /* ASSOCIATION_* */
	__u8 l2_len; /* bytes before the IP header on tc ingress: 14 (also xfrm), 0 for a TUN */
	__u8 mac[6]; /* the device's own address; frames for others are not ours */
};

/*
 * Map `device_associations`, by ifindex: for frames without VLAN tag what `associations` says,
 * where it costs next to nothing to find. A value of an array is not replaced whole, so this one is
 * made of words, each with the tag of the change that wrote it. Three words with one tag that is
 * not 0 are an association; if not, `associations` knows. Ids are in 16 bits: 0xffff is NO_TABLE
 * and NO_TUNNEL.
 */
struct device_association {
	union {
		struct {
			__u16 table, source_table, attachment, tag;
		};
		__u64 word;
	} subject;
	union {
		struct {
			__u16 tunnel;
			__u8 flags, l2_len;
			__u16 reserved, tag;
		};
		__u64 word;
	} link;
	union {
		struct {
			__u8 mac[6];
			__u16 tag;
		};
		__u64 word;
	} address;
	__u64 reserved; /* so that none lies across two cache lines */
};

/* One LPM trie per family. prefixlen counts the 32 bits of table too. */
struct route_key_v4 {
	__u32 prefixlen;
	__u32 table;
	__be32 address;
};

struct route_key_v6 {
	__u32 prefixlen;
	__u32 table;
	__u8 address[16];
};

#define TABLE_BITS 32

enum verdict {
	VERDICT_GROUP = 1, /* target: group id */
	VERDICT_DEVICE,	   /* target: attachment id, in map `devices` */
	VERDICT_LOCAL,	   /* to the kernel */
	VERDICT_BLACKHOLE,
	VERDICT_NO_ROUTE, /* a hole in an enclosing route: as if nothing had matched [D9] */
};

struct route {
	__u8 verdict;	 /* enum verdict */
	__u8 prefix_len; /* of the matched prefix, 0..128, for explain */
	__u16 reserved;
	__u32 target;
};

/*
 * The index: the same routes as the tries, laid out for the lookup. Per table and family a tree
 * whose nodes take INDEX_BITS of the address a step. A cell holds
 *
 *   a leaf    what the routes say of every address below: verdict, matched length, target
 *   a child   INDEX_CHILD and the number of the node that tells more
 *   INDEX_ASK the index does not know; the trie does
 *
 * A node's 256 slots come in runs of equal cells, and of each run there is one cell: a bit for each
 * slot says whether a run begins there. So a node of few runs is one cache line, and a full
 * Internet table a few MiB.
 *
 * Lines live in segments (inner maps of `index_segments`), which come and go as they are needed;
 * line n is in segment n / INDEX_SEGMENT_LINES, a node's number is that of its first line, and all
 * its lines are in one segment. The root of a large table is wide: a whole segment, one cell for
 * each value of the first INDEX_WIDE_BITS bits. core/index.h says how the index is kept.
 */
#define INDEX_BITS	    8
#define INDEX_SLOTS	    256
#define INDEX_LINE_WORDS    16
#define INDEX_WIDE_BITS	    16
#define INDEX_SEGMENT_LINES 4096
#define INDEX_SEGMENTS	    4096
#define INDEX_CHILD	    0x80000000u
#define INDEX_WIDE	    0x40000000u /* in a root, with INDEX_CHILD: the number of its first line */
#define INDEX_NODE	    0x3fffffffu
#define INDEX_ASK	    0u
#define INDEX_NONE	    0x07000000u /* leaf: no route */

/* A line of 16 words, of cells if it is not the first of a node. */
struct index_line {
	__u32 words[INDEX_LINE_WORDS];
};

/* The first line. Slot s has the cell at word place[s / 64] + (runs begun in starts[s / 64] up to
 * s), counted over all of the node's lines. */
struct index_head {
	__u64 starts[4]; /* bit s % 64 of word s / 64: a run begins with slot s */
	__u16 place[4];
	__u32 cells[6];
};

#define INDEX_FIRST_PLACE 10 /* word of the first cell */

/* A leaf of a route: verdict << 24 | prefix_len << 16 | target. */
#define INDEX_LEAF_VERDICT(cell) ((cell) >> 24 & 7)
#define INDEX_LEAF_LEN(cell)	 ((cell) >> 16 & 0xff)
#define INDEX_LEAF_TARGET(cell)	 ((cell) & 0xffff)

/* Index of map `index_roots`, a cell in 64 bits each. */
#define INDEX_ROOT(table, v6) (2 * (table) + (v6))
#define INDEX_ROOTS	      (2 * MAX_TABLES)

/*
 * A bucket's tunnel, and the tunnel that placement_refresh() gives this bucket once the first one
 * is lost: the spare is what makes the skip in the program equal to the group as it is rewritten
 * later.
 */
struct bucket {
	__u16 tunnel;
	__u16 spare;
};

#define BUCKET_EMPTY 0xffff

/*
 * Where a bucket's packets go whose tunnel and spare are both dead, before the group is refreshed:
 * to the first bucket with a live tunnel in an order of its own, i = 1, 2, ... GROUP_BUCKETS - 1.
 * The stride is odd, so that all are met, and differs from bucket to bucket, so that not all of
 * them fall to one tunnel.
 */
static inline __u32 bucket_probe(__u32 bucket, __u32 i)
{
	return (bucket + i * (bucket * 167 >> 3 | 1)) % GROUP_BUCKETS;
}

/*
 * reserve: all members, whether they have buckets or not: one may have none because it was drained,
 * or returned a moment ago. Asked in order when no bucket leads anywhere, so that no packet is
 * dropped while a live member exists. BUCKET_EMPTY behind the last one.
 */
struct group {
	struct bucket buckets[GROUP_BUCKETS];
	__u16 reserve[GROUP_MEMBERS];
};

/*
 * When each bucket of a group last sent a packet into a tunnel: monotonic time since boot in units
 * of 2^USE_SHIFT ns (134 ms), so that a packet mostly finds its stamp written already. 32 bits last
 * 18 years. 0: never.
 */
#define USE_SHIFT 27

struct bucket_use {
	__u32 last[GROUP_BUCKETS];
};

/* Words that the controller switches, the index of map `settings`. */
enum setting {
	SETTING_TRACK_USE, /* 1: live packets are noted in map `bucket_used` */
	/* Of no use to programs: segments of the index from this one on were never there. A
	 * controller that starts asks for the others only: up to Linux 6.7 each question to a map
	 * of maps waits for all programs to end. */
	SETTING_INDEX_SEGMENTS,
	SETTINGS
};

struct tunnel {
	__u32 ifindex; /* the xfrm interface; 0: gone */
	__u32 mtu;     /* largest IP packet, bytes */
	__u32 attachment;
	__u32 reserved;
};

/* A VPC or VBR as destination, by attachment id. */
struct device {
	__u32 ifindex;	 /* device to redirect to (the kernel's VLAN device where there is one) */
	__u32 mtu;	 /* largest IP packet, bytes */
	__u16 push_vlan; /* tag to push (no kernel VLAN device), or 0 */
	__u8 has_next_hop_v4;
	__u8 has_next_hop_v6;
	__be32 next_hop_v4; /* gateway in the VPC; else the destination itself is the neighbour */
	__u8 next_hop_v6[16];
	__u8 mac[6];   /* of ifindex: the sender of what XDP itself puts on the wire */
	__u8 redirect; /* 1: map `redirects` has a device that takes frames from XDP */
	__u8 reserved;
	__u16 vlans[2]; /* tags of the attachment's frames on that device, outer and inner, or 0 */
};

/*
 * Who is at an address on a device, as the kernel's neighbour table says: for XDP, which cannot ask
 * it. An IPv4 address stands as ::ffff:a.b.c.d.
 *
 * An entry is a lease: the controller renews it for as long as the kernel holds it for reachable.
 * What was not renewed in time is left to the kernel, which then asks the neighbour itself. So a
 * neighbour that moves while no controller runs is lost for LEASE at the most.
 */
struct neighbour_key {
	__u32 ifindex; /* as in struct device */
	__u8 address[16];
};

struct neighbour {
	__u64 until; /* CLOCK_MONOTONIC, ns; as bpf_ktime_get_coarse_ns() */
	__u8 mac[6];
	__u8 used; /* set by the program: worth to be asked for again */
	__u8 reserved;
};

/* Packets that are handed from the CPU that received them to others (bpf/cores.h). */
enum spread_kind {
	SPREAD_FLOWS, /* of an attachment's device, by flow */
	SPREAD_ESP,   /* of an underlay, by SPI */
	SPREAD_KINDS,
};

struct spread_key {
	__u32 ifindex;
	__u32 kind; /* enum spread_kind */
};

struct spread {
	__u16 slot;  /* where it is counted */
	__u16 count; /* of cpus */
	__u16 cpus[MAX_CORES];
};

/* Where an inbound SA's packets go. A lane is a position in each device's list, which wraps. */
struct sa_place {
	__u16 cpu; /* that the SA is of [RFC 9611], or NO_CPU */
	__u16 lane;
};

struct counter {
	__u64 packets;
	__u64 bytes; /* of the IP packet, without L2 headers and padding */
};

/*
 * reason_counters: index attachment * REASON_COUNT + reason. A packet is counted where it came in.
 * tunnel_counters: index tunnel * DIRECTIONS + direction. device_counters: index attachment, what
 * is sent to it (what comes from it is the sum of its reasons). A packet of segments (GRO) counts
 * as its segments, and its bytes as one packet's.
 */
enum direction { DIRECTION_IN, DIRECTION_OUT, DIRECTIONS };

/*
 * XDP metadata: the decision, for the tc program of the same device. The cookie says whose:
 * metadata stays with a packet into other namespaces, where another gateway's decision would be
 * nonsense.
 */
struct decision {
	__u32 cookie;
	__u8 reason; /* enum reason; KERNEL kinds: tc passes the packet on, already counted */
	__u8 v6;
	__u16 outer_vlan; /* tag that the decision was made for; tc knows the true one */
	__u16 attachment; /* that the packet came from */
	__u16 target;	  /* TO_TUNNEL: tunnel id, TO_DEVICE: attachment id */
};

/* Flow hash modes [D12]. */
enum hash_mode { HASH_L4, HASH_L3, HASH_SYMMETRIC };

/*
 * The explain program's packet starts with this; the frame to be explained follows. Questions in,
 * answers out, in place.
 */
struct explain {
	struct association_key in;
	__u32 reason;  /* enum reason */
	__u32 table;   /* looked up, or NO_TABLE */
	__u32 matched; /* 1: a route matched */
	struct route route;
	__u32 hash;	  /* flow hash */
	__u32 bucket;	  /* index into the group */
	__u32 tunnel;	  /* chosen, or NO_TUNNEL */
	__u32 skipped;	  /* 1: the bucket's first tunnel was not live */
	__u32 attachment; /* that it came from, or is sent to for TO_DEVICE */
	__u32 reserved[2];
};

/* Names of ids, kept for the controller's restart; no program reads this map. */
enum name_kind { NAME_TABLE, NAME_ATTACHMENT, NAME_TUNNEL };

struct name_key {
	__u32 kind;
	__u32 id;
};

#define NAME_LEN    64
#define NAME_COOKIE 0xffffffffu /* kind of the one entry that keeps struct decision's cookie */

struct name {
	char text[NAME_LEN];
};

_Static_assert(sizeof(struct association_key) == 8, "association_key");
_Static_assert(sizeof(struct association) == 24, "association");
_Static_assert(sizeof(struct device_association) == 32, "device_association");
_Static_assert(MAX_TABLES <= 0x8000, "tables fit a device_association");
_Static_assert(MAX_TUNNELS <= 0x8000, "tunnels fit a device_association");
_Static_assert(MAX_ATTACHMENTS <= 0x8000, "attachments fit a device_association");
_Static_assert(sizeof(struct route_key_v4) == 12, "route_key_v4");
_Static_assert(sizeof(struct route_key_v6) == 24, "route_key_v6");
_Static_assert(sizeof(struct route) == 8, "route");
_Static_assert(sizeof(struct index_line) == 64 && sizeof(struct index_head) == 64, "index_line");
_Static_assert(INDEX_SEGMENT_LINES *INDEX_LINE_WORDS == 1 << INDEX_WIDE_BITS,
	       "a root is a segment");
_Static_assert(MAX_GROUPS <= 0x10000 && MAX_ATTACHMENTS <= 0x10000, "targets fit a leaf");
_Static_assert(sizeof(struct group) == 1056, "group");
_Static_assert(sizeof(struct bucket_use) == 1024, "bucket_use");
_Static_assert(sizeof(struct tunnel) == 16, "tunnel");
_Static_assert(sizeof(struct device) == 44, "device");
_Static_assert(sizeof(struct neighbour_key) == 20, "neighbour_key");
_Static_assert(sizeof(struct neighbour) == 16, "neighbour");
_Static_assert(sizeof(struct spread_key) == 8, "spread_key");
_Static_assert(sizeof(struct spread) == 132, "spread");
_Static_assert(sizeof(struct sa_place) == 4, "sa_place");
_Static_assert(sizeof(struct decision) == 12, "decision"); /* metadata: a multiple of 4 */
_Static_assert(MAX_TUNNELS <= 0xffff && MAX_ATTACHMENTS <= 0xffff, "ids fit a decision");
_Static_assert(sizeof(struct explain) == 56, "explain");

#endif
