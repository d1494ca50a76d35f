/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the dataplane share; of no use outside. */
#ifndef ESPALIER_DATAPLANE_INTERNAL_H
#define ESPALIER_DATAPLANE_INTERNAL_H

#include "dataplane.h"

#include "../core/index.h"
#include "gateway.skel.h"

#define PATH_LEN 512

struct dataplane {
	struct gateway_bpf *object;
	char pin_dir[PATH_LEN];
	uint64_t *liveness, *settings; /* maps of these names, shared with the programs */
	uint64_t *index_roots;	       /* likewise */
	struct device_association *device_associations; /* likewise */
	const struct bucket_use *bucket_used;		/* likewise */
	struct index index;
	struct index_memory index_memory;
	struct index_line **segments; /* of the index, by number; mapped */
	uint32_t index_limit;	      /* how many, at most */
	int unused_segment;	      /* descriptor of one that stands where none is */
	int cpus;
	struct counter *per_cpu; /* room for one value of a per-CPU map */
};

/* dataplane.c: where a pin of this name is; removes it (0 where there is none). 0 or -errno. */
int dataplane_pin_path(const struct dataplane *d, const char *name, char out[PATH_LEN]);
int dataplane_unpin(const struct dataplane *d, const char *name);

/* Not the programs' constants, nor maps of devices and CPUs: made anew at each load. (The kernel
 * adds a flag to a device map, for which libbpf takes a pinned one for another one's; a CPU's entry
 * names a program of this load.) */
bool dataplane_has_pin(const struct bpf_map *map);

/* Of two results the one that failed first. */
static inline int dataplane_first(int err, int next)
{
	return err ? err : next;
}

/* dataplane_shared.c: the maps that are memory of this process too. 0 or -errno. */
int dataplane_share(struct dataplane *d);
void dataplane_unshare(struct dataplane *d);

/* dataplane_counters.c: adds what all CPUs have counted; makes it 0. 0 or -errno. */
int dataplane_sum(struct dataplane *d, const struct bpf_map *map, uint32_t index,
		  struct counter *sum);
int dataplane_zero(struct dataplane *d, const struct bpf_map *map, uint32_t index);

/* dataplane_maps.c: 0, -ENOSPC when the map is full, or -errno. */
int dataplane_update(const struct bpf_map *map, const void *key, const void *value);
/* Calls fn(key, value) for each entry, with room for a key, the next and a value; a non-zero return
 * ends the walk and is returned. fn may delete the entry that it is called for. */
typedef int (*dataplane_entry_fn)(const void *key, const void *value, void *data);
int dataplane_each_entry(const struct bpf_map *map, void *key, void *next, void *value,
			 dataplane_entry_fn fn, void *data);

/* dataplane_cores.c: before the object is loaded. 0 or -errno. */
int dataplane_size_cores(struct gateway_bpf *object);

/* dataplane_index.c */
void dataplane_index_close(struct dataplane *d);
/* After the trie was told. */
void dataplane_index_set(struct dataplane *d, uint32_t table, const struct prefix *p,
			 const struct route *value);
void dataplane_index_delete(struct dataplane *d, uint32_t table, const struct prefix *p);
/* dataplane_maps.c: the longest route of the trie that contains `p` and is shorter. */
bool dataplane_route_around(struct dataplane *d, uint32_t table, const struct prefix *p,
			    struct route *out);

#endif
