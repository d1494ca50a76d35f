/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What was changed at run time, route by route, on top of what the file says [S39]: routes added,
 * and routes of the file deleted. In a struct config the added ones stand beside those of the file
 * and are told apart by mark.line 0; here they are remembered, across restarts and across changes
 * of the configuration. Pure.
 */
#ifndef ESPALIER_RUNTIME_H
#define ESPALIER_RUNTIME_H

#include "config.h"

enum runtime_kind { RUNTIME_ADDED, RUNTIME_DELETED };

struct runtime_route {
	enum runtime_kind kind;
	bool table;  /* a static route of a TR table, else one of a connection */
	char *owner; /* the table's or the connection's name */
	struct prefix prefix;
	char *via;	 /* table: the attachment's name; NULL: blackhole */
	uint32_t metric; /* table */
	bool file;	 /* RUNTIME_ADDED, after it was deleted: the file has it as well */
	char *why; /* RUNTIME_ADDED that the rules refuse now, and that is not used; else NULL */
};

struct runtime_routes {
	struct runtime_route *list;
	size_t count;
};

void runtime_routes_free(struct runtime_routes *r);
int runtime_routes_copy(const struct runtime_routes *from, struct runtime_routes *to);
/* Copies `route`. 0 or -ENOMEM. */
int runtime_routes_add(struct runtime_routes *r, const struct runtime_route *route);
/* The same route (kind aside), or NULL. */
struct runtime_route *runtime_routes_find(struct runtime_routes *r,
					  const struct runtime_route *route);
void runtime_routes_remove(struct runtime_routes *r, struct runtime_route *route);

/*
 * Brings them into a configuration that has passed rules_check(). What is left to be remembered
 * goes to *out: added routes whose owner is no longer configured, or which the file has itself, are
 * forgotten; those that the rules refuse are kept, with the reason. With `deletions` routes of the
 * file that were deleted are taken out, else that is forgotten too. What is not as before is said
 * in `f`, as warnings without a place. 0 or -ENOMEM.
 */
int runtime_routes_merge(const struct runtime_routes *r, struct config *c, bool deletions,
			 struct runtime_routes *out, struct findings *f);

/* The route as a TR table has it; attachment.name is the runtime_route's. -ENOENT: there is no such
 * attachment. */
int runtime_table_route(const struct runtime_route *r, const struct config *c,
			struct config_table_route *out);
/* "10.9.0.0/16 of connection dc-1", "10.9.0.0/16 via vpc-a metric 5 in table main". */
#define RUNTIME_TEXT_LEN 256
const char *runtime_route_text(const struct runtime_route *r, char buf[RUNTIME_TEXT_LEN]);

/* Position of the route in its connection or table, or -1. */
int runtime_route_place(const struct runtime_route *r, const struct config *c);

/*
 * Connections whose kernel table is not written in the file keep the one that they have: *known
 * says which, by name. To be called before rules_check(), which gives the others theirs.
 */
struct known_table {
	const char *connection;
	uint32_t table;
};
void config_keep_tables(struct config *c, const struct known_table *known, size_t count);

#endif
