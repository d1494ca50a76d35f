/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The difference between two configurations, object by object and route by route, in words for the
 * person who is about to apply one. Pure. What it means for packets is the FIB's to say.
 */
#ifndef ESPALIER_PLAN_H
#define ESPALIER_PLAN_H

#include "config.h"

enum plan_change { PLAN_ADDED, PLAN_REMOVED, PLAN_CHANGED };

struct plan_item {
	enum plan_change change;
	const char *kind; /* "table", "attachment", "customer gateway", "connection", "tunnel",
			     "route", "gateway" */
	char *name;	  /* of a route: prefix and owner */
	char *what;	  /* PLAN_CHANGED: "mtu 1400 -> 1380, weight 1 -> 2"; else "" */
};

struct plan {
	struct plan_item *list;
	size_t count;
	bool out_of_memory;
};

/* Both resolved by rules_check(). 0 or -ENOMEM. */
int plan_build(const struct config *running, const struct config *next, struct plan *out);
void plan_free(struct plan *p);

const char *plan_change_name(enum plan_change c);

#endif
