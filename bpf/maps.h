/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The maps: everything that the programs know, and everything that they have to tell.
 *
 * Except for the counters and `bucket_used` the controller is the only writer, and the programs
 * only read. Nothing here needs a lock: each map is written so that whatever a packet sees halfway
 * is either the old answer or the new one (fib_diff orders the writes: tunnels, then groups, then
 * routes; more specific routes before what they replace is removed). All maps are pinned and
 * outlive both the controller and the programs. Keys, values and sizes: include/dataplane.h. The
 * maps that spread packets over CPUs are in cores.h.
 */
#ifndef ESPALIER_MAPS_H
#define ESPALIER_MAPS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "dataplane.h"

/* Where a packet came in (device and VLAN tags) -> what it is subject to. The first map that a
 * packet meets; a device and VLAN that is not here is not an attachment of this gateway. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_ASSOCIATIONS);
	__type(key, struct association_key);
	__type(value, struct association);
} associations SEC(".maps");

/* Device -> the association of its frames without VLAN tag, once more (struct device_association).
 * Written by the controller, which has it mapped into its memory: it empties the entry, changes
 * `associations`, and writes the entry again. So there is the same answer or none, also where the
 * controller died in between. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_IFINDEX);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct device_association);
} device_associations SEC(".maps");

/* (table, destination) -> verdict, by longest prefix. One trie holds all tables of a family: the
 * table is the first 32 bits of the key and every entry's prefix length includes them. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, MAX_ROUTES_V4);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct route_key_v4);
	__type(value, struct route);
} routes_v4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, MAX_ROUTES_V6);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct route_key_v6);
	__type(value, struct route);
} routes_v6 SEC(".maps");

/* (table, family) -> a root of the index: the same routes as in the tries, laid out for the lookup
 * (struct index_head). INDEX_ASK: the tries are asked. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, INDEX_ROOTS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u64);
} index_roots SEC(".maps");

/* Lines of the index by the segment; the controller, which has them mapped into its memory, adds
 * and takes away segments as tables grow and shrink. */
struct index_segment_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, INDEX_SEGMENT_LINES);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct index_line));
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, INDEX_SEGMENTS);
	__type(key, __u32);
	__array(values, struct index_segment_map);
} index_segments SEC(".maps");

/* Group id -> 256 buckets, each a tunnel and its spare, and the members. Routes that share their
 * next hops share a group. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_GROUPS);
	__type(key, __u32);
	__type(value, struct group);
} groups SEC(".maps");

/* enum setting -> a word. Written by the controller, which has it mapped into its memory. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SETTINGS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u64);
} settings SEC(".maps");

/* Group id -> when each of its buckets was last used. Written by the live programs while
 * SETTING_TRACK_USE is 1 (bpf/use.h), read by the controller out of shared memory: a bucket whose
 * flows have gone quiet may change its tunnel without reordering anything. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_GROUPS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct bucket_use);
} bucket_used SEC(".maps");

/* Tunnel id -> its xfrm interface and MTU. ifindex 0: gone. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_TUNNELS);
	__type(key, __u32);
	__type(value, struct tunnel);
} tunnels SEC(".maps");

/* Tunnel id -> 1 while it is in Phase 2 [D3], else 0. The controller has it mapped into its memory:
 * losing a tunnel is one store here, whatever the number of routes and groups that use it. A word
 * is 64 bits because that is how far apart the kernel keeps an array's elements. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_TUNNELS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u64);
} liveness SEC(".maps");

/* Attachment id -> the VPC's or VBR's device as a destination. ifindex 0: gone. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_ATTACHMENTS);
	__type(key, __u32);
	__type(value, struct device);
} devices SEC(".maps");

/* Attachment id -> the device that takes its frames from XDP (ndo_xdp_xmit). The kernel removes an
 * entry with its device. No entry: tc delivers. */
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, MAX_ATTACHMENTS);
	__type(key, __u32);
	__type(value, __u32);
} redirects SEC(".maps");

/* (Device, address) -> MAC address, for frames that XDP sends itself. Written by the controller
 * from the kernel's neighbour table; the programs set `used`. Full: the rest is left to the kernel.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_NEIGHBOURS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct neighbour_key);
	__type(value, struct neighbour);
} neighbours SEC(".maps");

/* Written by the programs, read and reset by the controller; packets and bytes of IP.
 * index: attachment * REASON_COUNT + reason. Attachment 0 is what belongs to no attachment. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, MAX_ATTACHMENTS *REASON_COUNT);
	__type(key, __u32);
	__type(value, struct counter);
} reason_counters SEC(".maps");

/* index: tunnel * DIRECTIONS + direction; OUT is counted when the packet is handed to its device.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, MAX_TUNNELS *DIRECTIONS);
	__type(key, __u32);
	__type(value, struct counter);
} tunnel_counters SEC(".maps");

/* index: attachment; only what is sent to it. What comes from it is the sum of its reasons. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, MAX_ATTACHMENTS);
	__type(key, __u32);
	__type(value, struct counter);
} device_counters SEC(".maps");

/* Which name an id stands for, for the controller's next start. No program reads it. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_NAMES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct name_key);
	__type(value, struct name);
} names SEC(".maps");

#endif
