/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The buckets of an ECMP group: which tunnel each of the 256 hash values takes [D13].
 *
 * A member's quota is its share of the buckets by weight, but never less than one bucket: a tunnel
 * that is configured and in Phase 2 carries something. From one assignment to the next:
 *
 *  1. the buckets of members that left become free, and go one by one to whoever is furthest below
 *     its quota;
 *  2. a taker takes, up to the whole part of its quota, one bucket at a time from whoever is
 *     furthest above its own: first those that it would have in a group without history.
 *
 * Takers are the members that came; where nobody came and nobody left, and the weights are other
 * ones, everybody. So a loss moves only the buckets of the tunnel that was lost, a return moves at
 * most the fair share of the tunnel that returned (rounded down, but at least one bucket), and
 * members of equal weight stay equal within one bucket whatever came before. A tunnel that is lost
 * and returns, the others staying, gets back the buckets it had (but one, where its quota is no
 * whole number).
 */
#ifndef ESPALIER_ECMP_H
#define ESPALIER_ECMP_H

#include "dataplane.h"
#include "fib.h"

/*
 * The tunnel of every bucket for the members of `set`, those that are to carry; BUCKET_EMPTY for an
 * empty set. `previous` is who had it until now, NULL: nobody; it may be `out` itself. takers: a
 * bit for each position in the set. Weight 0 counts as 1.
 */
void ecmp_assign(const uint16_t *previous, const struct member_set *set, uint32_t takers,
		 uint16_t out[GROUP_BUCKETS]);

/* The takers, for weights that may be other ones: who has no bucket yet; where that is nobody and
 * no bucket is free, everybody. */
uint32_t ecmp_takers(const uint16_t *previous, const struct member_set *set);

/* The fair share of the member at this position: the whole part of its quota, at least 1. */
unsigned ecmp_share(const struct member_set *set, unsigned position);

/* How many buckets have another tunnel in b than in a. */
unsigned ecmp_moved(const struct group *a, const struct group *b);

/* How many buckets a tunnel has. */
unsigned ecmp_count(const struct group *g, uint16_t tunnel);

/* Members of `all` for which live(tunnel, data) holds, in their order. */
typedef bool (*tunnel_live_fn)(uint32_t tunnel, const void *data);
void ecmp_live_members(const struct member_set *all, tunnel_live_fn live, const void *data,
		       struct member_set *out);

#endif
