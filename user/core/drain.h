/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Drains, and gates on the way back: how long a bucket may stay where its flows are. Pure; times
 * are monotonic.
 *
 * A flow is known by its bucket only. So what stays on a tunnel that is being drained is its
 * buckets in use: each moves off when it has carried nothing for the drain's idle time, and what is
 * left moves at the deadline. A new flow that falls into a bucket in use takes the old way: nothing
 * tells it from those that are there.
 *
 * The gate is the same thing in the other direction. When a tunnel returns, or its drain is undone,
 * the buckets that are to move to it wait until they have been idle for so long; what is left
 * follows when `within` is over.
 */
#ifndef ESPALIER_DRAIN_H
#define ESPALIER_DRAIN_H

#include <stdbool.h>
#include <stdint.h>
#include "dataplane.h"

struct drain {
	uint64_t order; /* 0: is not being drained; of two the later one has the larger */
	uint64_t deadline_ns;
	uint64_t idle_ns;
};

struct gate {
	uint64_t idle_ns; /* 0: none */
	uint64_t within_ns;
};

/* Zeroed: no drains, no gate. By tunnel id. */
struct drains {
	struct drain list[MAX_TUNNELS];
	uint64_t returned_ns[MAX_TUNNELS];
	struct gate gate;
	uint64_t orders;   /* given out */
	uint64_t noted_ns; /* use of buckets is noted since then; 0: it is not */
};

/* Begins a drain, or changes one that has begun. */
void drain_begin(struct drains *d, uint32_t tunnel, uint64_t deadline_ns, uint64_t idle_ns);
/* Ends it: the tunnel is to carry again. */
void drain_end(struct drains *d, uint32_t tunnel, uint64_t now_ns);
/* The tunnel is live again, or for the first time. */
void drain_returned(struct drains *d, uint32_t tunnel, uint64_t now_ns);
/* The id is another tunnel's from here on. */
void drain_forget(struct drains *d, uint32_t tunnel);

/* May the move of a bucket between these live tunnels wait? */
bool drain_waits(const struct drains *d, uint32_t from, uint32_t to, uint64_t now_ns);

/* When such a bucket may move, if it carries nothing until then. last_ns: when it last did, or is
 * held to have; 0: never. What it carried before use was noted is not known, and held against it.
 */
uint64_t drain_free_ns(const struct drains *d, uint32_t from, uint32_t to, uint64_t last_ns);

/* What is to be said of a tunnel that is being drained. */
enum drain_state {
	DRAIN_NONE,    /* it is not */
	DRAIN_WAITING, /* has buckets */
	DRAIN_DONE,    /* has none */
	DRAIN_CARRIES, /* is the only one that could: it goes on */
};

/* buckets: that it has; carries: that some are meant for it. */
enum drain_state drain_state(const struct drain *d, unsigned buckets, bool carries);
/* "draining", "drained", "carries-on"; NULL: none. */
const char *drain_state_name(enum drain_state s);

#endif
