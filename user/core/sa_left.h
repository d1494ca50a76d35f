/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is left of an SA: time, volume and sequence numbers, each of which ends it.
 */
#ifndef ESPALIER_SA_LEFT_H
#define ESPALIER_SA_LEFT_H

#include "xfrm_event.h"

/* One limit, in its own unit. limit XFRM_UNLIMITED: there is none, and so is left. */
struct sa_limit {
	uint64_t left, limit;
};

/* Soft: the kernel asks for a rekey. Hard: the kernel removes the SA. */
struct sa_limits {
	struct sa_limit seconds; /* since it was added or first used, whichever ends sooner */
	struct sa_limit bytes;
	struct sa_limit packets;
};

struct sa_left {
	struct sa_limits soft, hard;
	/* Sequence numbers: of ours for an outbound SA, of the peer's for an inbound one. When they
	 * are used up the kernel sends nothing more (XfrmOutStateSeqError). None with ESN: 2^64. */
	struct sa_limit sequence;
};

/* Seconds since it was added. `wall_s`: wall clock, as the kernel's times are. */
uint64_t sa_age(const struct xfrm_sa *sa, uint64_t wall_s);
void sa_left(const struct xfrm_sa *sa, enum xfrm_direction d, uint64_t wall_s, struct sa_left *out);

#endif
