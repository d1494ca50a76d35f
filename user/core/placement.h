/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where the buckets of a group are, and where they are meant to be [D13]. Pure.
 *
 * Meant: what ecmp_assign() gives for the members that are to carry. Those are the live ones that
 * are not being drained; where all that are live are being drained, the one that was drained last
 * carries on, so that no packet is dropped while a live member exists.
 *
 * A bucket is elsewhere than it is meant to be while its move waits: its tunnel is live, its flows
 * are on their way, and they would be reordered. That is so on a tunnel that is being drained, and
 * for a bucket that is to go back to a tunnel that returned, where that is gated. A bucket whose
 * tunnel is lost waits for nothing. So
 *
 *   a loss    moves the buckets that the lost tunnel has now, and no others
 *   a return  moves at most the fair share, and only to the tunnel that returned
 *   a drain   moves nothing; then bucket by bucket, as they may
 *
 * Each bucket's spare is where it goes when its tunnel alone is lost next. Until a group is
 * refreshed the program skips what is dead, to the spare, or (spare dead too) to where
 * bucket_probe() leads; the refreshed group has it there as well. So a flow moves once, however
 * many tunnels are lost together; only then members of equal weight may be more than one bucket
 * apart, until one returns.
 */
#ifndef ESPALIER_PLACEMENT_H
#define ESPALIER_PLACEMENT_H

#include "ecmp.h"

struct placement {
	struct group content; /* of the dataplane */
	uint16_t meant[GROUP_BUCKETS];
	unsigned waiting; /* buckets that are not where they are meant to be */
	bool reweigh;	  /* weights are, or may be, others than those by which it was shared out */
	struct member_set set; /* at the last refresh */
};

/* What is known of tunnels, by id. */
struct tunnel_view {
	tunnel_live_fn live;
	/* 0: is not being drained. Of two the one with the larger number was drained later. NULL:
	 * none is. */
	uint64_t (*drained)(uint32_t tunnel, const void *context);
	/* Of two live tunnels: may the move of a bucket between them wait? NULL: never. */
	bool (*waits)(uint32_t from, uint32_t to, const void *context);
	const void *context;
};

/* Of the members of `all`: those that are to carry, in their order. */
void placement_carriers(const struct member_set *all, const struct tunnel_view *v,
			struct member_set *out);

/* Starts where another placement is whose flows it takes over; NULL: nowhere. To be refreshed. */
void placement_start(struct placement *p, const struct placement *seed);
/* Starts with what a former controller left in the dataplane: a bucket that waited to move off a
 * tunnel that is being drained has its aim in its spare. To be refreshed. */
void placement_adopt(struct placement *p, const struct group *content, const struct member_set *set,
		     const struct tunnel_view *v);

/*
 * Makes it follow the tunnels. Buckets that must move do, and those whose move need not wait;
 * what waited before goes on waiting. True when the content has changed.
 */
bool placement_refresh(struct placement *p, const struct member_set *set,
		       const struct tunnel_view *v);

/* May this bucket, which waits, move now? */
typedef bool (*bucket_free_fn)(unsigned bucket, uint16_t from, uint16_t to, void *context);
/* Moves the waiting buckets that may. How many did. */
unsigned placement_settle(struct placement *p, const struct member_set *set,
			  const struct tunnel_view *v, bucket_free_fn is_free, void *context);

#endif
