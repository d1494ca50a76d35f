/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a connection's data centre is to be told of the transit router's routes, and why not the
 * rest [S15 S42 D10 D15 D18].
 *
 * It is asked of the rib, not of the compiled FIB: a data centre gets the routes that the table
 * has, one for one, also those that a shorter one makes superfluous here. A route is advertised if
 * a packet from that data centre would be forwarded by it, and elsewhere than back:
 *  - of the table that the connection is associated with [D18], the active routes alone: what lost,
 *    or is withdrawn, attracts nothing;
 *  - as seen from a connection: without `transit` only what leads to VPCs [D10];
 *  - not a blackhole: it would attract traffic for nothing but to drop it, also traffic for which
 *    the data centre may have another way;
 *  - not where the data centre itself, over this connection or another one or a VBR, is among the
 *    ways that share the route [D10]. So when two data centres announce one prefix, neither gets
 *    it; and as what one of them gets never depends on what it was given, nothing oscillates.
 */
#ifndef ESPALIER_ADVERT_H
#define ESPALIER_ADVERT_H

#include "rib.h"

enum advert_fate {
	ADVERT_YES,
	ADVERT_OFF,	  /* it would be, with `synchronize: true` [S15] */
	ADVERT_BACK,	  /* it leads to the same data centre [D10] */
	ADVERT_TRANSIT,	  /* it leads to another connection or a VBR, and `transit` is off [D10] */
	ADVERT_BLACKHOLE, /* what it attracts would be dropped */
	ADVERT_LOCAL,	  /* an address of the gateway itself */
};

struct advert {
	enum advert_fate fate;
	enum view view; /* from which the connection sees the table */
	/* Where the route comes from: the active ones of an entry, `first` and what equals it. */
	const struct rib_entry *entry;
	const struct candidate *first;
	/* What the kernel's route in the connection's table leads through; FIB_NONE: there is to be
	 * none. Where nothing is advertised it is still the way back for ICMP. */
	struct fib_answer way;
};

/* What becomes of the route for exactly `p` in the associated table. False: there is none in use,
 * or no table. */
bool advert_of(const struct rib *r, size_t connection, const struct prefix *p, struct advert *out);

/* Each of them, in the order of prefixes. A callback's non-zero value ends the walk and is
 * returned. */
typedef int (*advert_fn)(const struct prefix *p, const struct advert *a, void *context);
int adverts_each(const struct rib *r, size_t connection, advert_fn fn, void *context);

/* Is this candidate one of the ways that share the route? */
bool advert_shares(const struct rib *r, const struct advert *a, const struct candidate *c);

const char *advert_fate_name(enum advert_fate f);

#endif
