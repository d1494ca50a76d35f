/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by learned.c, which takes in, learned_stale.c, which keeps what outlives its feed, and
 * learned_settle.c, which judges and answers. */
#ifndef ESPALIER_LEARNED_INTERNAL_H
#define ESPALIER_LEARNED_INTERNAL_H

#include "learned.h"

/*
 * One kernel route. Those of one prefix hang together by metric; what concerns the prefix stands in
 * the first one. A prefix whose last route went keeps it, `gone`, until that is told.
 */
struct offer {
	struct offer *next;
	struct learned_offer is;
	uint8_t generation;
	bool gone;
	bool stale;	      /* and not gone */
	tunnel_mask counted;  /* offered, as in the counts */
	tunnel_mask accepted; /* likewise */
	tunnel_mask told;     /* accepted, as the caller knows it */
};

/* A prefix that has offers is to be settled, or waits for room. 0 or -ENOMEM. */
int learned_note(struct learned *l, const struct prefix *p);
int learned_wait(struct learned *l, const struct prefix *p);
/* What a route's tunnels add to the numbers by tunnel, in the place of what they added before. */
void learned_count(size_t *by_tunnel, tunnel_mask was, tunnel_mask now);
/* Of the routes to one prefix that with this metric, or NULL. */
struct offer *learned_find(struct offer *first, uint32_t metric);
/* A route goes; if it is the last one of its prefix it stays, `gone`. */
void learned_leave(struct learned *l, struct offer **first, struct offer *o);
void learned_set_stale(struct learned *l, struct offer *o, bool stale);
/* May any route name this nexthop object? */
bool learned_names(const struct learned *l, uint32_t nexthop);

#endif
