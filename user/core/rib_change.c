/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Changes of a rib that is there. What they touch: a table's prefix where a candidate comes, goes
 * or changes; and, where static routes lead to a connection, every prefix at which its own routes
 * show through them.
 */
#include <errno.h>
#include <stdlib.h>
#include "rib_internal.h"

static void touch_table(const struct rib *r, size_t table, const struct prefix *p,
			const struct candidate *c, struct touched *touched)
{
	struct touch touch = {
		.index = table,
		.edge = candidate_visible(r, c, VIEW_EDGE),
		.prefix = *p,
	};

	touched_add(touched, &touch);
}

static void touch_connection(size_t connection, const struct prefix *p, struct touched *touched)
{
	struct touch touch = { .connection = true, .index = connection, .prefix = *p };

	touched_add(touched, &touch);
}

/* ---- one candidate ---- */

static int candidate_add(struct rib *r, size_t table, const struct prefix *p,
			 const struct candidate *c, struct touched *touched)
{
	int err = rib_candidate_add(r, table, p, c);

	if (err)
		return err;
	select_rank(trie_exact(&r->tables[table], p));
	touch_table(r, table, p, c, touched);
	return 0;
}

static struct candidate *find_candidate(struct rib_entry *e, const struct candidate *c)
{
	for (size_t i = 0; e && i < e->count; i++)
		if (e->list[i].source == c->source && e->list[i].attachment == c->attachment &&
		    e->list[i].metric == c->metric)
			return &e->list[i];
	return NULL;
}

/* An entry keeps its memory until its last candidate goes. */
static int candidate_remove(struct rib *r, size_t table, const struct prefix *p,
			    const struct candidate *c, struct touched *touched)
{
	struct rib_entry *e = trie_exact(&r->tables[table], p);
	struct candidate *found = find_candidate(e, c);

	if (!found)
		return -ENOENT;
	*found = e->list[--e->count];
	if (e->count)
		select_rank(e);
	else
		free(trie_remove(&r->tables[table], p));
	touch_table(r, table, p, c, touched);
	return 0;
}

/* ---- routes of a connection ---- */

/* Where static routes of a table show the connection's route `p`: all of them that are inside, or
 * `p` itself where one is around it. */
struct showing {
	const struct rib *rib;
	size_t table;
	struct touched *touched;
};

static int touch_reference(const struct prefix *p, void *data, void *context)
{
	const struct showing *s = context;
	struct touch touch = { .index = s->table, .prefix = *p };

	(void)data;
	touched_add(s->touched, &touch);
	return 0;
}

static void touch_references(const struct rib *r, size_t table, size_t connection,
			     const struct prefix *p, struct touched *touched)
{
	const struct trie *references = rib_references(r, table, connection);
	struct showing s = { r, table, touched };

	if (trie_longest(references, &p->address, p->len, NULL))
		touch_reference(p, NULL, &s);
	trie_walk(references, p, touch_reference, &s);
}

static void forget_route(struct rib *r, size_t connection, const struct prefix *p,
			 struct touched *touched)
{
	struct connection_route *route = trie_remove(&r->connections[connection], p);
	struct candidate c = rib_learned_candidate(r, connection, route);

	touch_connection(connection, p, touched);
	for (size_t t = 0; t < r->config->table_count; t++) {
		if (rib_learns(r, t, connection))
			candidate_remove(r, t, p, &c, touched);
		touch_references(r, t, connection, p, touched);
	}
	free(route);
}

int rib_connection_route_add(struct rib *r, size_t connection, const struct prefix *p,
			     struct touched *touched)
{
	struct connection_route *route;
	struct candidate c;
	int err = rib_own_route_add(r, connection, p, &route);

	if (err)
		return err;
	c = rib_learned_candidate(r, connection, route);
	touch_connection(connection, p, touched);
	for (size_t t = 0; !err && t < r->config->table_count; t++) {
		if (rib_learns(r, t, connection))
			err = candidate_add(r, t, p, &c, touched);
		touch_references(r, t, connection, p, touched);
	}
	if (err)
		forget_route(r, connection, p, touched);
	return err;
}

int rib_connection_route_remove(struct rib *r, size_t connection, const struct prefix *p,
				struct touched *touched)
{
	if (!trie_exact(&r->connections[connection], p))
		return -ENOENT;
	forget_route(r, connection, p, touched);
	return 0;
}

/* ---- static routes of a table ---- */

int rib_table_route_add(struct rib *r, size_t table, const struct config_table_route *route,
			struct touched *touched)
{
	const struct prefix *p = &route->destination.prefix;
	struct candidate c = rib_static_candidate(r, route);
	int connection = rib_referred(r, route), err;

	if (find_candidate(trie_exact(&r->tables[table], p), &c))
		return -EEXIST;
	if (connection >= 0) {
		err = rib_reference_add(r, table, (size_t)connection, p);
		if (err)
			return err;
	}
	err = candidate_add(r, table, p, &c, touched);
	if (err && connection >= 0)
		rib_reference_drop(r, table, (size_t)connection, p);
	return err;
}

int rib_table_route_remove(struct rib *r, size_t table, const struct config_table_route *route,
			   struct touched *touched)
{
	const struct prefix *p = &route->destination.prefix;
	struct candidate c = rib_static_candidate(r, route);
	int connection = rib_referred(r, route);
	int err = candidate_remove(r, table, p, &c, touched);

	if (!err && connection >= 0)
		rib_reference_drop(r, table, (size_t)connection, p);
	return err;
}

/* ---- the gateway's own addresses ---- */

int rib_local_remove(struct rib *r, const struct address *a, struct touched *touched)
{
	struct prefix host = prefix_of(a, address_bits(a));
	struct candidate c = rib_local_candidate();
	int err = -ENOENT;

	for (size_t t = 0; t < r->config->table_count; t++)
		if (!candidate_remove(r, t, &host, &c, touched))
			err = 0;
	return err;
}

int rib_local_add(struct rib *r, const struct address *a, struct touched *touched)
{
	struct prefix host = prefix_of(a, address_bits(a));
	struct candidate c = rib_local_candidate();
	int err = 0;

	for (size_t t = 0; !err && t < r->config->table_count; t++)
		err = candidate_add(r, t, &host, &c, touched);
	if (err)
		rib_local_remove(r, a, touched);
	return err;
}

/* ---- a connection that comes or goes ---- */

struct availability {
	struct rib *rib;
	size_t table, connection;
	bool available;
	struct touched *touched;
};

/* Every candidate that leads to the connection, static and learned alike. */
static int set_candidates(const struct prefix *p, void *data, void *context)
{
	const struct availability *a = context;
	struct rib *r = a->rib;
	struct rib_entry *e = trie_exact(&r->tables[a->table], p);

	(void)data;
	for (size_t i = 0; i < e->count; i++)
		if (e->list[i].attachment == r->attachments[a->connection])
			e->list[i].available = a->available;
	select_rank(e);
	return touch_reference(p, NULL, &(struct showing){ r, a->table, a->touched });
}

static int touch_own(const struct prefix *p, void *data, void *context)
{
	const struct availability *a = context;

	(void)data;
	touch_connection(a->connection, p, a->touched);
	return 0;
}

void rib_set_available(struct rib *r, size_t connection, bool available, struct touched *touched)
{
	struct availability a = { r, 0, connection, available, touched };
	const struct trie *own = &r->connections[connection];

	if (r->available[connection] == available)
		return;
	r->available[connection] = available;
	trie_walk(own, NULL, touch_own, &a);
	for (; a.table < r->config->table_count; a.table++) {
		if (rib_learns(r, a.table, connection))
			trie_walk(own, NULL, set_candidates, &a);
		trie_walk(rib_references(r, a.table, connection), NULL, set_candidates, &a);
	}
}
