/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The loaded BPF object: maps, programs, attachment points. Owns their file descriptors and the
 * pins below the pin directory. Decides nothing.
 *
 * All functions return 0 or -errno. A map that is full gives -ENOSPC, whatever the kernel calls it.
 */
#ifndef ESPALIER_DATAPLANE_IO_H
#define ESPALIER_DATAPLANE_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <dataplane.h> /* include/dataplane.h, not this file */
#include "../core/prefix.h"

struct dataplane;
struct index_filling;

struct dataplane_options {
	const char *pin_dir; /* default /sys/fs/bpf/espalier; created; must lie on a bpffs */
	enum hash_mode hash;
	uint32_t index_segments; /* of 256 KiB, at most, for the index; 0: INDEX_SEGMENTS - 1 */
};

/*
 * Loads the object; maps already pinned there are reused (their contents are the last good state of
 * a former controller), new ones are pinned. *why gets one sentence for the user on failure: what
 * is missing and how to get it (no permission, no bpffs, no BTF, an incompatible pinned map).
 * Static or allocated for the life of the process; never freed by the caller.
 */
int dataplane_open(const struct dataplane_options *options, struct dataplane **out,
		   const char **why);
/* Closes descriptors. Everything pinned stays: packets keep flowing. */
void dataplane_close(struct dataplane *d);
/* Detaches every program, removes every pin. Then the caller still closes. */
int dataplane_teardown(struct dataplane *d);

/*
 * Attaches to an attachment's device: XDP (native driver mode only, never generic) if `xdp` asks
 * for it, and the tc program. Where programs of a former controller are attached they are replaced
 * atomically (bpf_link update; tc before Linux 6.6: filter replace): never detached first. *native
 * says whether XDP is in use; XDP_AUTO falls back to tc alone (whatever the driver says),
 * XDP_NATIVE fails with tc attached. A device without link header (TUN) gets the tunnels' tc
 * program and never XDP.
 */
enum dataplane_xdp { DATAPLANE_XDP_AUTO, DATAPLANE_XDP_NATIVE, DATAPLANE_XDP_OFF };
int dataplane_attach_device(struct dataplane *d, uint32_t ifindex, enum dataplane_xdp xdp,
			    bool *native);
/* Attaches the tc program of a tunnel's interface. */
int dataplane_attach_tunnel(struct dataplane *d, uint32_t ifindex);
/* Attaches the guard of an underlay, native XDP alone; and removes it. -EOPNOTSUPP: the driver has
 * no XDP. A device that has the programs of an attachment does both by those. */
int dataplane_attach_guard(struct dataplane *d, uint32_t ifindex);
int dataplane_detach_guard(struct dataplane *d, uint32_t ifindex);
bool dataplane_guarded(const struct dataplane *d, uint32_t ifindex);
/* Removes ours from a device, XDP and tc. A device that is gone is no error. */
int dataplane_detach(struct dataplane *d, uint32_t ifindex);

/* Which of our programs are not on the device of an attachment or tunnel, where they were put:
 * somebody took them away, or put others in their place. DATAPLANE_* bits. */
#define DATAPLANE_TC  1u
#define DATAPLANE_XDP 2u
unsigned dataplane_detached(const struct dataplane *d, uint32_t ifindex, bool tunnel, bool native);

/* Pins the maps again that are no longer pinned. `fn` is told which, and 0 or -errno. */
typedef void (*dataplane_pin_fn)(const char *map, int err, void *data);
void dataplane_restore_pins(struct dataplane *d, dataplane_pin_fn fn, void *data);

/* Map writers. The controller is the only writer. */
int dataplane_set_association(struct dataplane *d, const struct association_key *key,
			      const struct association *value);
int dataplane_delete_association(struct dataplane *d, const struct association_key *key);
int dataplane_set_route(struct dataplane *d, uint32_t table, const struct prefix *p,
			const struct route *value);
int dataplane_delete_route(struct dataplane *d, uint32_t table, const struct prefix *p);
/*
 * A table that has none gets many. Into the trie, in this order and with few system calls: *done
 * says how many of them, all where 0 is returned. Then into the index: each, or each of those that
 * the trie has, in the order of prefix_compare(), between begin() and end(). Until end() packets
 * may still find what they found before.
 */
struct dataplane_route {
	struct prefix prefix;
	struct route value;
};
int dataplane_load_routes(struct dataplane *d, uint32_t table, const struct dataplane_route *list,
			  size_t count, size_t *done);
struct dataplane_filling {
	struct dataplane *dataplane;
	uint32_t table;
	struct index_filling *filling; /* NULL: one by one */
};
void dataplane_fill_begin(struct dataplane *d, uint32_t table, struct dataplane_filling *out);
void dataplane_fill_add(struct dataplane_filling *f, const struct prefix *p,
			const struct route *value);
void dataplane_fill_end(struct dataplane_filling *f);
/*
 * The index in front of the tries (core/index.h) follows set and delete by itself. For audits:
 * whether it shows a route that the trie has (false: it did not, and does now); each leaf of it
 * (index_walk()); built anew from the tries, beside the present one; and likewise if some addresses
 * were left to the tries for want of memory and there is some now.
 */
bool dataplane_check_route(struct dataplane *d, uint32_t table, const struct prefix *p,
			   const struct route *value);
typedef void (*dataplane_leaf_fn)(const struct prefix *covers, uint32_t leaf, void *context);
bool dataplane_walk_index(const struct dataplane *d, uint32_t table, bool v6, uint32_t slot,
			  dataplane_leaf_fn fn, void *context);
int dataplane_build_index(struct dataplane *d);
void dataplane_heal_index(struct dataplane *d);
/* Moves what there is side by side, where much of its memory is holes: some 300 ms with a full
 * table.
 */
void dataplane_gather_index(struct dataplane *d);
struct dataplane_index_use {
	uint64_t bytes;	 /* of memory */
	uint32_t partly; /* tables, of a family, of which some addresses are left to the trie */
};
struct dataplane_index_use dataplane_index_use(const struct dataplane *d);
int dataplane_set_group(struct dataplane *d, uint32_t id, const struct group *value);
int dataplane_set_tunnel(struct dataplane *d, uint32_t id, const struct tunnel *value);
int dataplane_set_device(struct dataplane *d, uint32_t attachment, const struct device *value);
/* The device that takes the attachment's frames from XDP; 0: none. To be there before a struct
 * device says `redirect`, and until after it no longer does. Not kept across loads: the programs
 * that a controller attaches see the map that it filled. */
int dataplane_set_redirect(struct dataplane *d, uint32_t attachment, uint32_t ifindex);
int dataplane_set_neighbour(struct dataplane *d, const struct neighbour_key *key,
			    const struct neighbour *value);
int dataplane_delete_neighbour(struct dataplane *d, const struct neighbour_key *key);
/* One store into shared memory; the programs see it at their next packet. */
void dataplane_set_live(struct dataplane *d, uint32_t tunnel, bool live);
bool dataplane_live(const struct dataplane *d, uint32_t tunnel);
/* Whether packets note which bucket they use; what they did is kept until they do it again. */
void dataplane_track_use(struct dataplane *d, bool on);
/* Monotonic ns before which a noted bucket sent its last packet, at most 134 ms late; 0: never. */
uint64_t dataplane_last_use(const struct dataplane *d, uint32_t group, unsigned bucket);

/*
 * Packets for other CPUs. A CPU must have its queue before a spread names it, and until after none
 * does. Queues are not kept across loads: the programs that a controller attaches see those that it
 * made. -EINVAL: there can be no such CPU. SPIs in host order.
 */
int dataplane_set_core(struct dataplane *d, uint32_t cpu, bool on);
int dataplane_set_spread(struct dataplane *d, const struct spread_key *key,
			 const struct spread *value);
int dataplane_delete_spread(struct dataplane *d, const struct spread_key *key);
int dataplane_set_sa_place(struct dataplane *d, uint32_t spi, const struct sa_place *value);
int dataplane_get_sa_place(struct dataplane *d, uint32_t spi, struct sa_place *out);
int dataplane_delete_sa_place(struct dataplane *d, uint32_t spi);
/* As the walks below; the callbacks may delete the entry that they are called for. */
typedef int (*dataplane_spread_fn)(const struct spread_key *key, const struct spread *value,
				   void *data);
typedef int (*dataplane_sa_place_fn)(uint32_t spi, const struct sa_place *value, void *data);
int dataplane_each_spread(struct dataplane *d, dataplane_spread_fn fn, void *data);
int dataplane_each_sa_place(struct dataplane *d, dataplane_sa_place_fn fn, void *data);
/* By position in the spread's list: what was sent to that CPU, and what has arrived there. What is
 * missing waits, or is lost. */
struct spread_counters {
	struct counter sent[MAX_CORES], arrived[MAX_CORES];
};
int dataplane_spread_counters(struct dataplane *d, const struct spread *s,
			      struct spread_counters *out);
int dataplane_reset_spread(struct dataplane *d, uint32_t slot);

int dataplane_set_name(struct dataplane *d, enum name_kind kind, uint32_t id, const char *name);
int dataplane_delete_name(struct dataplane *d, enum name_kind kind, uint32_t id);

/* What is in the maps, for a controller that starts over a running dataplane, and for audits. A
 * callback's non-zero return ends the walk and is returned. */
typedef int (*dataplane_name_fn)(enum name_kind kind, uint32_t id, const char *name, void *data);
typedef int (*dataplane_route_fn)(uint32_t table, const struct prefix *p, const struct route *value,
				  void *data);
/* No value: not in map `associations`, but in `device_associations`, which is asked first. */
typedef int (*dataplane_association_fn)(const struct association_key *key,
					const struct association *value, void *data);
int dataplane_each_name(struct dataplane *d, dataplane_name_fn fn, void *data);
int dataplane_each_route(struct dataplane *d, dataplane_route_fn fn, void *data);
/*
 * The same by the piece, for whoever has other things to do in between: start with zeroes, call
 * until `ended`. An entry that is changed meanwhile may be met or not. When the last one of a piece
 * is deleted, the next piece is the first of its family again.
 */
#define DATAPLANE_WALK_PIECE 256 /* entries, at most */
struct dataplane_walk {
	bool v6, begun, ended;
	unsigned char key[sizeof(struct route_key_v6)];
};
int dataplane_walk_routes(struct dataplane *d, struct dataplane_walk *w, dataplane_route_fn fn,
			  void *data);
int dataplane_each_association(struct dataplane *d, dataplane_association_fn fn, void *data);
/* Does `device_associations` say so too, where it is asked? If not, setting it mends that. */
bool dataplane_check_association(const struct dataplane *d, const struct association_key *key,
				 const struct association *value);
/* -ENOENT: there is no entry for this very prefix. */
int dataplane_get_route(struct dataplane *d, uint32_t table, const struct prefix *p,
			struct route *out);
int dataplane_get_group(struct dataplane *d, uint32_t id, struct group *out);
int dataplane_get_tunnel(struct dataplane *d, uint32_t id, struct tunnel *out);
int dataplane_get_device(struct dataplane *d, uint32_t attachment, struct device *out);

int dataplane_get_neighbour(struct dataplane *d, const struct neighbour_key *key,
			    struct neighbour *out);
/* As the walks above; the callback may delete the entry that it is called for. */
typedef int (*dataplane_neighbour_fn)(const struct neighbour_key *key,
				      const struct neighbour *value, void *data);
int dataplane_each_neighbour(struct dataplane *d, dataplane_neighbour_fn fn, void *data);

/* Sums over CPUs. out has REASON_COUNT or DIRECTIONS entries. Attachment 0: what came in on an
 * attachment's device but belongs to none (another VLAN). */
int dataplane_reason_counters(struct dataplane *d, uint32_t attachment, struct counter *out);
int dataplane_tunnel_counters(struct dataplane *d, uint32_t tunnel, struct counter *out);
int dataplane_device_counters(struct dataplane *d, uint32_t attachment, struct counter *out);
/* Zeroes what a former owner of the id counted. */
int dataplane_reset_attachment(struct dataplane *d, uint32_t attachment);
int dataplane_reset_tunnel(struct dataplane *d, uint32_t tunnel);

/*
 * Asks the explain program (BPF_PROG_TEST_RUN: nothing is sent, nothing is counted). question->in
 * is the input; frame is an Ethernet frame (with tags, as on the wire), for L3 devices an Ethernet
 * header of zeroes stands in front. A destination MAC of zeroes means the gateway's own. *answer
 * gets everything. -ENOENT: there is no such association; -EMSGSIZE: frame too short or too long
 * (3,072 bytes).
 */
int dataplane_explain(struct dataplane *d, const struct association_key *in, const void *frame,
		      size_t len, struct explain *answer);

#endif
