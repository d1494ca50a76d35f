/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which ECMP group serves which set of tunnels, and what is in its buckets. Pure.
 *
 * Routes with equal next hops share one group. A group is made from all tunnels of the set; its
 * buckets name only the live ones, so a tunnel that is lost or returns changes groups and no route.
 *
 * A group lives as long as routes name it; then its id can be given out again. It is given out as
 * late as possible, because a packet on its way may still hold it.
 */
#ifndef ESPALIER_GROUPS_H
#define ESPALIER_GROUPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "dataplane.h"
#include "fib.h"
#include "placement.h"

#define HASH_NONFATAL_OOM 1 /* an element that found no memory has no table */
#include <uthash.h>

struct group_entry {
	bool used;
	size_t routes;	/* that name it now */
	size_t carries; /* of these, the ones by which packets are forwarded */
	struct member_set set;
	struct placement place;
	struct fib_answer key; /* `set`, as answers_normalize() gives it */
	UT_hash_handle hh;
};

struct groups {
	struct group_entry *list; /* by group id */
	size_t limit;
	size_t used;
	struct group_entry *by_set;
	size_t next; /* where to look for a free id */
};

int groups_init(struct groups *g, size_t limit);
void groups_free(struct groups *g);

/* The id of the group for `set`, or -ENOENT. */
int groups_find(const struct groups *g, const struct member_set *set);
/*
 * The same, made if missing; *made says so. Its buckets then follow those of `seed` (a group that
 * served the same flows until now, or NULL), so that only what must move does [D13]. -ENOSPC when
 * every id is in use, -ENOMEM.
 */
int groups_get(struct groups *g, const struct member_set *set, const struct placement *seed,
	       const struct tunnel_view *v, bool *made);
/* Takes over a group that a former controller left in the dataplane. -EBUSY: the id is in use. */
int groups_adopt(struct groups *g, uint32_t id, const struct member_set *set,
		 const struct group *content, const struct tunnel_view *v);
/* Makes the group's buckets follow its tunnels. True when that changed anything. */
bool groups_refresh(struct groups *g, uint32_t id, const struct tunnel_view *v);
bool groups_has_tunnel(const struct groups *g, uint32_t id, uint32_t tunnel);
void groups_release(struct groups *g, uint32_t id);
/* Has a group that carries nothing yet follow `seed`, as groups_get() does with one that it makes.
 * True when that changed anything. */
bool groups_reseed(struct groups *g, uint32_t id, const struct placement *seed,
		   const struct tunnel_view *v);
/* One route more, one fewer, names it. The last one releases it. carries: packets are forwarded by
 * it; those of connections' own tables only say what comes from where. */
void groups_hold(struct groups *g, uint32_t id, bool carries);
void groups_drop(struct groups *g, uint32_t id, bool carries);

#endif
