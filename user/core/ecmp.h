/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The buckets of an ECMP group: which tunnel each of the 256 hash values takes [D13].
 *
 * A member's quota is its share of the buckets by weight, but never less than one bucket: a tunnel
 * that is configured and in Phase 2 carries something. From one group to the next:
 *
 *  1. the buckets of members that left become free, and go one by one to whoever is furthest below
 *     its quota;
 *  2. a member that has no bucket yet takes, up to the whole part of its quota, one bucket at a
 *     time from whoever is furthest above its own: first those that it would have in a group
 *     without history;
 *  3. if nobody came and nobody left, the weights must have changed: then everybody may take.
 *
 * So a loss moves only the buckets of the tunnel that was lost, a return moves at most the fair
 * share of the tunnel that returned (rounded down, but at least one bucket), and members of equal
 * weight stay equal within one bucket whatever came before. A tunnel that is lost and returns, the
 * others staying, gets back the buckets it had (but one, where its quota is no whole number).
 */
#ifndef ESPALIER_ECMP_H
#define ESPALIER_ECMP_H

#include "dataplane.h"
#include "fib.h"

/*
 * Fills every bucket and every spare of `out` for the members of `set` (those in Phase 2). previous
 * is the group as it stands in the dataplane, NULL if there is none; it may be `out` itself. A
 * spare is exactly what this function gives that bucket when the bucket's tunnel alone is lost
 * next. An empty set gives a group of empty buckets. Weight 0 counts as 1.
 *
 * Weights that change together with the members take effect at the next call for the same set.
 */
void ecmp_fill(const struct group *previous, const struct member_set *set, struct group *out);

/* How many buckets have another tunnel in b than in a. */
unsigned ecmp_moved(const struct group *a, const struct group *b);

/* How many buckets a tunnel has. */
unsigned ecmp_count(const struct group *g, uint16_t tunnel);

/* Members of `all` for which live(tunnel, data) holds, in their order. */
typedef bool (*tunnel_live_fn)(uint32_t tunnel, const void *data);
void ecmp_live_members(const struct member_set *all, tunnel_live_fn live, const void *data,
		       struct member_set *out);

#endif
