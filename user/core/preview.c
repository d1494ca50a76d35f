/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdlib.h>
#include <utlist.h>
#include "preview.h"

/* ---- groups ---- */

static bool is_listed(uint32_t tunnel, const uint32_t *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (list[i] == tunnel)
			return true;
	return false;
}

bool preview_live(uint32_t tunnel, const void *data)
{
	const struct preview_loss *loss = data;

	if (is_listed(tunnel, loss->tunnels, loss->count))
		return false;
	return is_listed(tunnel, loss->risen, loss->risen_count) ||
	       loss->now->live(tunnel, loss->now->context);
}

static uint64_t drained_now(uint32_t tunnel, const void *data)
{
	const struct tunnel_view *now = ((const struct preview_loss *)data)->now;

	return now->drained ? now->drained(tunnel, now->context) : 0;
}

static bool waits_now(uint32_t from, uint32_t to, const void *data)
{
	const struct tunnel_view *now = ((const struct preview_loss *)data)->now;

	return now->waits && now->waits(from, to, now->context);
}

/* On a copy of the group, tunnel by tunnel, as they fall; then what rises, as it does. */
static void lose(struct group_entry *copy, const struct preview_loss *loss)
{
	struct preview_loss so_far = *loss;
	const struct tunnel_view then = { preview_live, drained_now, waits_now, &so_far };
	struct groups one = { .list = copy, .limit = 1 };

	so_far.risen_count = 0;
	for (so_far.count = 1; so_far.count <= loss->count; so_far.count++)
		groups_refresh(&one, 0, &then);
	so_far.count = loss->count;
	for (so_far.risen_count = 1; so_far.risen_count <= loss->risen_count; so_far.risen_count++)
		groups_refresh(&one, 0, &then);
}

static void arrive(struct preview_group *g, uint16_t tunnel)
{
	size_t i = 0;

	while (i < g->to_count && g->to[i].tunnel != tunnel)
		i++;
	if (i == g->to_count)
		g->to[g->to_count++] = (struct preview_target){ .tunnel = tunnel };
	g->to[i].buckets++;
}

void preview_group(const struct group_entry *e, const struct preview_loss *loss,
		   struct preview_group *out)
{
	struct group_entry copy = *e;
	struct preview_group g = { .buckets = 0 };

	lose(&copy, loss);
	g.content = copy.place.content;
	for (unsigned b = 0; b < GROUP_BUCKETS; b++) {
		uint16_t was = e->place.content.buckets[b].tunnel, is = g.content.buckets[b].tunnel;

		g.buckets += was != BUCKET_EMPTY;
		if (was == BUCKET_EMPTY || was == is)
			continue;
		g.lost += is == BUCKET_EMPTY;
		g.moved += is != BUCKET_EMPTY;
		if (is != BUCKET_EMPTY)
			arrive(&g, is);
	}
	*out = g;
}

/* ---- routes ---- */

static bool is_among(const struct member *m, const struct member_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		if (set->members[i].tunnel == m->tunnel)
			return true;
	return false;
}

static enum preview_fate fate_of(const struct fib_answer *was, const struct fib_answer *is)
{
	if (is->kind == FIB_NONE)
		return PREVIEW_NO_PATH;
	if (was->kind != FIB_TUNNELS || is->kind != FIB_TUNNELS)
		return PREVIEW_OTHER_PATH;
	for (size_t i = 0; i < is->set.count; i++)
		if (!is_among(&is->set.members[i], &was->set))
			return PREVIEW_OTHER_PATH;
	return PREVIEW_FEWER;
}

/* There are few different ones, and neighbours mostly share one: the last used stands first. */
static struct preview_routes *find(struct preview_routes **list, size_t table,
				   const struct fib_answer *was, const struct fib_answer *is)
{
	struct preview_routes *r = *list;

	while (r && !(r->table == table && fib_answer_equal(&r->was, was) &&
		      fib_answer_equal(&r->is, is)))
		r = r->next;
	if (r) {
		LL_DELETE(*list, r);
	} else {
		r = calloc(1, sizeof(*r));
		if (!r)
			return NULL;
		*r = (struct preview_routes){ table, fate_of(was, is), *was, *is, { 0 }, NULL };
	}
	LL_PREPEND(*list, r);
	return r;
}

static int compare_route(const struct rib *r, const struct rib *what_if, size_t table,
			 const struct prefix *p, struct preview_routes **list)
{
	struct fib_answer was = rib_answer(r, table, VIEW_ALL, p);
	struct fib_answer is = rib_answer(what_if, table, VIEW_ALL, p);
	struct preview_routes *found;

	if (was.kind == FIB_NONE || fib_answer_equal(&was, &is))
		return 0;
	found = find(list, table, &was, &is);
	return found ? prefixes_add(&found->prefixes, p) : -ENOMEM;
}

static int compare_table(const struct rib *r, const struct rib *what_if, size_t table,
			 struct preview_routes **list)
{
	struct prefixes where;
	int err = rib_what_if_prefixes(r, what_if, table, &where);

	if (err)
		return err;
	for (size_t i = 0; !err && i < where.count; i++)
		err = compare_route(r, what_if, table, &where.list[i], list);
	prefixes_free(&where);
	return err;
}

static int by_table(const struct preview_routes *a, const struct preview_routes *b)
{
	if (a->table != b->table)
		return a->table < b->table ? -1 : 1;
	if (a->fate != b->fate)
		return (int)a->fate - (int)b->fate;
	return prefix_compare(&a->prefixes.list[0], &b->prefixes.list[0]);
}

int preview_routes(const struct rib *r, const struct rib *what_if, struct preview_routes **out)
{
	struct preview_routes *list = NULL;
	int err = 0;

	for (size_t t = 0; !err && t < r->config->table_count; t++)
		err = compare_table(r, what_if, t, &list);
	if (err) {
		preview_routes_free(list);
		return err;
	}
	LL_SORT(list, by_table);
	*out = list;
	return 0;
}

void preview_routes_free(struct preview_routes *list)
{
	struct preview_routes *r, *next;

	LL_FOREACH_SAFE (list, r, next) {
		prefixes_free(&r->prefixes);
		free(r);
	}
}

const char *preview_fate_name(enum preview_fate f)
{
	switch (f) {
	case PREVIEW_NO_PATH:
		return "no-path";
	case PREVIEW_OTHER_PATH:
		return "other-path";
	case PREVIEW_FEWER:
		return "fewer-tunnels";
	}
	return "?";
}
