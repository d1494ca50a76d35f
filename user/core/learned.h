/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What one connection is offered by BGP, and what of it is accepted [S41 S43 S44 D4].
 *
 * Offered: the routes of its kernel table that a routing daemon put there, as a feed (rtnetlink or
 * FPM) reports them. Of several metrics for one prefix the lowest counts, as in the kernel. A pair
 * is a prefix and a tunnel that it was learned over; quotas count pairs: those of one tunnel, and
 * those of the connection. What is accepted stays accepted for as long as it is offered. Newcomers
 * wait until learned_settle(), which gives what room there is in the order of prefixes; what finds
 * none goes on waiting, is refused until then, and gets the room that others leave.
 *
 * Offers are taken in as they come, in any order, and change nothing by themselves: only
 * learned_settle() tells what became of them. So a burst, or a whole table read anew, counts as one
 * change, and a route that went and came back in it as none.
 *
 * Stale is what the feed no longer vouches for, and what is kept all the same, because it is the
 * routing daemon that went, not the route (core/hold.h). It is used and counted as before, until it
 * is offered again or dropped.
 */
#ifndef ESPALIER_LEARNED_H
#define ESPALIER_LEARNED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "config.h"
#include "prefix.h"
#include "trie.h"

/* Tunnels of one connection, one bit each by position. */
typedef uint8_t tunnel_mask;
_Static_assert(TUNNELS_PER_CONNECTION <= 8, "a bit per tunnel");

#define LEARNED_NO_LIMIT SIZE_MAX

struct learned_limits {
	size_t tunnel;	   /* pairs of one tunnel [S43] */
	size_t connection; /* pairs of all [S43 S44] */
};

struct learned_counts {
	size_t offered[TUNNELS_PER_CONNECTION], accepted[TUNNELS_PER_CONNECTION]; /* by tunnel */
};

struct learned {
	struct trie routes; /* prefix → struct offer, best metric first */
	struct trie dirty;  /* prefixes whose offer changed since the last settling → their place in
			       `routes`, which keeps it until then */
	struct trie waiting; /* prefixes with a tunnel that found no room */
	struct learned_limits limits;
	struct learned_counts counts; /* as of the last settling */
	size_t stale;		      /* routes that are stale */
	uint64_t stale_changes;	      /* goes up when it is other ones, or over other tunnels */
	uint64_t named[4];	      /* bits of the nexthop objects that routes may name, by id */
	uint8_t generation;	      /* of the reading that goes on, or of the last one */
	bool limits_changed, shrunk;
};

/* A route of the kernel's, or of a feed in its place. */
struct learned_offer {
	uint32_t metric;
	uint32_t nexthop;    /* id of the nexthop object it names, or 0 */
	uint32_t writer;     /* who put it there (struct route_event); 0: not known, or as before */
	tunnel_mask tunnels; /* its next hops, as far as they are tunnels of this connection */
};

/* The quotas of a connection by its configuration [S43 S44 D5]. */
struct learned_limits learned_limits_of(const struct config *c, size_t connection);
void learned_set_limits(struct learned *l, struct learned_limits limits);

/* A route is there now, new or in the place of the one with its prefix and metric. 0 or -ENOMEM:
 * nothing has changed, and the feed is to be read anew. */
int learned_offer(struct learned *l, const struct prefix *p, const struct learned_offer *offer);
/* It is gone, or these tunnels of it are: IPv6 can lose one hop of several. 0 (also when it was not
 * there) or -ENOMEM. */
#define LEARNED_ALL_TUNNELS ((tunnel_mask) - 1)
int learned_withdraw(struct learned *l, const struct prefix *p, uint32_t metric,
		     tunnel_mask tunnels);
/* A nexthop object leads over other tunnels now: so do the routes that name it. 0 or -ENOMEM. */
int learned_nexthop(struct learned *l, uint32_t nexthop, tunnel_mask tunnels);

/* Who put the route there; 0: not known, no such route, or it is stale. */
uint32_t learned_writer(const struct learned *l, const struct prefix *p, uint32_t metric);
bool learned_is_stale(const struct learned *l, const struct prefix *p, uint32_t metric);
/* The feed says that the route is gone, and it is kept, stale. */
void learned_keep(struct learned *l, const struct prefix *p, uint32_t metric);
/* The same of all routes that name a nexthop object, but those that its remover brought. */
void learned_keep_nexthop(struct learned *l, uint32_t nexthop, uint32_t remover);
/* The feed itself is gone: everything is stale. */
void learned_keep_all(struct learned *l);
/* What is stale does not lead over these tunnels any more. 0 or -ENOMEM: the rest stays. */
int learned_drop_stale(struct learned *l, tunnel_mask tunnels);
/* Each that is stale, in the order of prefixes. A callback's non-zero value ends it and is
 * returned.
 */
typedef int (*learned_stale_fn)(const struct prefix *p, uint32_t metric, tunnel_mask tunnels,
				void *context);
int learned_each_stale(const struct learned *l, learned_stale_fn fn, void *context);
/* By tunnel: pairs that are stale, of those that are offered. */
void learned_count_stale(const struct learned *l, size_t by_tunnel[TUNNELS_PER_CONNECTION]);

/* Around a reading of all routes: what was not offered between them, and is not stale, is gone. 0
 * or -ENOMEM. */
void learned_begin(struct learned *l);
int learned_end(struct learned *l);

/*
 * Judges what was offered since the last time and tells each prefix whose accepted tunnels changed
 * (0: no longer any), in no particular order. A callback that fails ends the settling, and is told
 * the rest, that one included, the next time. Its value, or 0, or -ENOMEM, is returned.
 */
typedef int (*learned_change_fn)(const struct prefix *p, tunnel_mask accepted, void *context);
int learned_settle(struct learned *l, learned_change_fn fn, void *context);
/* Pairs that find no room, as of the last settling. */
size_t learned_refused_count(const struct learned *l);
/* Is there anything to settle? */
bool learned_unsettled(const struct learned *l);

/* Walks, in the order of prefixes. A callback's non-zero value ends one and is returned. */
int learned_each_accepted(const struct learned *l, learned_change_fn fn, void *context);
typedef int (*learned_refused_fn)(const struct prefix *p, tunnel_mask refused, void *context);
int learned_each_refused(const struct learned *l, learned_refused_fn fn, void *context);

void learned_free(struct learned *l);

#endif
