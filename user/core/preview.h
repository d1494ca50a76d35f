/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the loss of tunnels would move, before they are lost. Pure: copies are asked by the very
 * functions that a real loss goes through, so that it is exactly what then happens.
 */
#ifndef ESPALIER_PREVIEW_H
#define ESPALIER_PREVIEW_H

#include "groups.h"
#include "prefixes.h"
#include "rib.h"

/* Tunnels, lost in this order; and those that carry then, because of it: the last resort of a
 * connection whose other tunnels are damped (core/tunnel.h). */
struct preview_loss {
	const uint32_t *tunnels;
	size_t count;
	const struct tunnel_view *now;
	const uint32_t *risen;
	size_t risen_count;
};

/* Is it live after the loss? A tunnel_live_fn; context: the preview_loss. */
bool preview_live(uint32_t tunnel, const void *loss);

struct preview_target {
	uint16_t tunnel;
	unsigned buckets; /* that come to it */
};

struct preview_group {
	struct group content; /* of the dataplane, then */
	unsigned buckets;     /* with a tunnel, now */
	unsigned moved;	      /* get another one */
	unsigned lost;	      /* get none: nobody is left */
	struct preview_target to[MAX_MEMBERS];
	size_t to_count;
};

void preview_group(const struct group_entry *e, const struct preview_loss *loss,
		   struct preview_group *out);

enum preview_fate {
	PREVIEW_NO_PATH,    /* nothing matches any more [D2] */
	PREVIEW_OTHER_PATH, /* a shorter prefix, or the route of another attachment */
	PREVIEW_FEWER,	    /* of the tunnels that shared it, those of the lost connection go */
};

/* Prefixes of a TR table to which the same happens. */
struct preview_routes {
	size_t table;
	enum preview_fate fate;
	struct fib_answer was, is;
	struct prefixes prefixes;
	struct preview_routes *next;
};

/*
 * Routes of TR tables whose answer would be another one, between a rib and its what-if. By table.
 * A route that goes on with the tunnels that are left in its connection is none. The list is the
 * caller's. 0 or -ENOMEM.
 */
int preview_routes(const struct rib *r, const struct rib *what_if, struct preview_routes **out);
void preview_routes_free(struct preview_routes *list);

const char *preview_fate_name(enum preview_fate f);

#endif
