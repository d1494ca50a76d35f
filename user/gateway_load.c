/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A table that has nothing in the maps gets its routes: the whole Internet's, at a start. The trie
 * gets them in batches, each prefix behind those inside it, so that no packet finds the answer of
 * what is around its own; then the index gets them, all at once.
 */
#include <errno.h>
#include <stdlib.h>
#include "gateway_change.h"
#include "gateway_forwarding.h"

#define BATCH 1024
#define KNOWN 256

/* What an answer of the table is in the maps. A full table has few of them, and equal answers are
 * the same pointer (core/answers.h). */
struct translation {
	const struct fib_answer *answer;
	struct route value; /* but for prefix_len */
	int group;	    /* or -1 */
};

struct loading {
	struct gateway *g;
	struct fib_table *held;
	struct translation known[KNOWN];

	struct dataplane_route batch[BATCH];
	const struct fib_answer *answers[BATCH];
	int groups[BATCH]; /* or -1 */
	size_t count;

	size_t loaded; /* in the order of the walk */
	struct dataplane_filling filling;
};

static int translate(struct loading *l, const struct prefix *p, const struct fib_answer *a,
		     struct translation *out)
{
	int group = -1, err;

	if (a->kind == FIB_TUNNELS) {
		group = forwarding_group_for(l->g, l->held, p, &a->set);
		if (group < 0)
			return group;
	}
	err = forwarding_route_value(l->g, p, a, &out->value);
	if (err)
		return err;
	out->answer = a;
	out->group = group;
	return 0;
}

/* The answer as `known`, or NULL: it cannot be had. */
static const struct translation *translation_of(struct loading *l, const struct prefix *p,
						const struct fib_answer *a)
{
	struct translation *t = &l->known[(uintptr_t)a / sizeof(void *) % KNOWN];

	return t->answer == a || !translate(l, p, a, t) ? t : NULL;
}

static struct route value_of(const struct translation *t, const struct prefix *p)
{
	struct route value = t->value;

	value.prefix_len = p->len;
	return value;
}

/* ---- the tries ---- */

/* A route counts from when it is in the batch, or its group might be taken for an unused one. */
static void count(struct loading *l, size_t i, bool in)
{
	size_t *held = &l->g->held[forwarding_family(&l->batch[i].prefix)];
	bool carries = forwarding_carries(l->held);

	*held += in ? 1 : -(size_t)1;
	if (l->groups[i] < 0)
		return;
	if (in)
		groups_hold(&l->g->groups, (uint32_t)l->groups[i], carries);
	else
		groups_drop(&l->g->groups, (uint32_t)l->groups[i], carries);
}

static int write_batch(struct loading *l)
{
	size_t done;
	int err = dataplane_load_routes(l->g->dataplane, l->held->id, l->batch, l->count, &done);

	for (size_t i = 0; i < done; i++)
		monitor_route(l->g, l->held, &l->batch[i].prefix, NULL, l->answers[i]);
	for (size_t i = done; i < l->count; i++)
		count(l, i, false);
	l->loaded += done;
	l->count = 0;
	return err;
}

static int load_route(const struct prefix *p, void *data, void *context)
{
	struct loading *l = context;
	const struct translation *t = translation_of(l, p, data);

	if (!t || !forwarding_has_room(l->g, p))
		return -ENOSPC;
	l->batch[l->count] = (struct dataplane_route){ *p, value_of(t, p) };
	l->answers[l->count] = data;
	l->groups[l->count] = t->group;
	count(l, l->count++, true);
	return l->count == BATCH ? write_batch(l) : 0;
}

/* ---- the index ---- */

static int fill_route(const struct prefix *p, void *data, void *context)
{
	struct loading *l = context;
	const struct translation *t = translation_of(l, p, data);
	struct route value;

	if (!t)
		return -ENOMEM;
	value = value_of(t, p);
	dataplane_fill_add(&l->filling, p, &value);
	return 0;
}

/* Where that fails some routes are in the trie alone; the audit finds them. */
static void fill_index(struct loading *l, const struct fib_table *t)
{
	dataplane_fill_begin(l->g->dataplane, l->held->id, &l->filling);
	trie_walk(&t->routes, NULL, fill_route, l);
	dataplane_fill_end(&l->filling);
}

/* ---- the table ---- */

/* Not all could be loaded: what was is known to be there. */
static int keep_route(const struct prefix *p, void *data, void *context)
{
	struct loading *l = context;

	if (!l->loaded)
		return 1;
	l->loaded--;
	slow_path_touch(&l->g->slow, l->held, p);
	if (fib_set(l->held, p, data))
		l->g->recovered = false;
	return 0;
}

bool forwarding_load(struct gateway *g, struct fib_table *held, const struct fib_table *now)
{
	struct loading *l = calloc(1, sizeof(*l));
	int err, last;

	if (!l)
		return false;
	l->g = g;
	l->held = held;
	err = trie_walk_back(&now->routes, NULL, load_route, l);
	last = write_batch(l);
	err = err ? err : last;
	if (err)
		trie_walk_back(&now->routes, NULL, keep_route, l);
	fill_index(l, err ? held : now);
	free(l);
	return !err;
}
