/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between slow_path.c (what is marked) and slow_path_slice.c (what is told). Tables by number:
 * those of the FIB, then each connection's exported ones, then each one's leaked ones, then the
 * defaults.
 */
#ifndef ESPALIER_CORE_SLOW_PATH_INTERNAL_H
#define ESPALIER_CORE_SLOW_PATH_INTERNAL_H

#include "slow_path.h"

static inline size_t slow_path_tables(const struct slow_path *s)
{
	return s->fib->count + 2 * s->connections + s->default_count;
}

static inline struct fib_table *slow_path_table(const struct slow_path *s, size_t i)
{
	if (i < s->fib->count)
		return &s->fib->tables[i];
	i -= s->fib->count;
	if (i < s->connections)
		return &s->exported[i];
	i -= s->connections;
	return i < s->connections ? &s->leaked[i] : &s->defaults[i - s->connections];
}

/* What the kernel has of the table at `p`, NULL: nothing. */
const struct fib_answer *slow_path_told(const struct fib_table *t, const struct prefix *p);
/* The kernel has what the table has. */
void slow_path_unmark(struct fib_table *t, const struct prefix *p);
/* Of slow_path.configured, as data: was a route to `p` written down? */
extern char slow_path_was_there, slow_path_was_not;
bool slow_path_configured(const struct slow_path *s, const struct prefix *p);

/* Is this answer in question in the sweep? */
bool slow_path_concerned(const struct slow_path *s, const struct fib_answer *a);
void slow_path_sweep_ends(struct slow_path *s);

#endif
