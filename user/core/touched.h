/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a change of the rib may show: prefixes of tables at which the choice between candidates, or
 * a connection's own route, is another one now. What fib_update() has to look at.
 */
#ifndef ESPALIER_TOUCHED_H
#define ESPALIER_TOUCHED_H

#include <stdbool.h>
#include <stddef.h>
#include "prefix.h"

struct touch {
	bool connection; /* a connection's own table, else a TR table */
	bool edge;	 /* of a TR table: its edge view too [D10] */
	size_t index;	 /* in config: of the connection, or of the table */
	struct prefix prefix;
};

struct touched {
	struct touch *list;
	size_t count, room;
	bool everything; /* there was no memory for the list: look everywhere */
};

void touched_add(struct touched *t, const struct touch *touch);
/* What is in `more` goes to `t`, which leaves `more` empty. */
void touched_move(struct touched *t, struct touched *more);
bool touched_any(const struct touched *t);
void touched_free(struct touched *t);

#endif
