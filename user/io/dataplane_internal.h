/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the dataplane share; of no use outside. */
#ifndef ESPALIER_DATAPLANE_INTERNAL_H
#define ESPALIER_DATAPLANE_INTERNAL_H

#include "dataplane.h"

#include "gateway.skel.h"

#define PATH_LEN 512

struct dataplane {
	struct gateway_bpf *object;
	char pin_dir[PATH_LEN];
	uint64_t *liveness, *settings;	      /* maps of these names, shared with the programs */
	const struct bucket_use *bucket_used; /* likewise */
	int cpus;
	struct counter *per_cpu; /* room for one value of a per-CPU map */
};

/* dataplane.c: where a pin of this name is; removes it (0 where there is none). 0 or -errno. */
int dataplane_pin_path(const struct dataplane *d, const char *name, char out[PATH_LEN]);
int dataplane_unpin(const struct dataplane *d, const char *name);

/* Not the programs' constants, nor a map of devices: made anew at each load. (The kernel adds a
 * flag to a device map, for which libbpf takes a pinned one for another one's.) */
bool dataplane_has_pin(const struct bpf_map *map);

/* Of two results the one that failed first. */
static inline int dataplane_first(int err, int next)
{
	return err ? err : next;
}

/* dataplane_shared.c: the maps that are memory of this process too. 0 or -errno. */
int dataplane_share(struct dataplane *d);
void dataplane_unshare(struct dataplane *d);

#endif
