/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Changes of a rib that is there. What they touch: a table's prefix where a candidate comes, goes
 * or changes; and, where static routes lead to a connection, every prefix at which its own routes
 * show through them.
 */
#include <errno.h>
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
	touch_table(r, table, p, c, touched);
	return 0;
}

static int candidate_remove(struct rib *r, size_t table, const struct prefix *p,
			    const struct candidate *c, struct touched *touched)
{
	int err = rib_candidate_remove(r, table, p, c);

	if (!err)
		touch_table(r, table, p, c, touched);
	return err;
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

/* What one of its sources is to a table: a candidate that comes, goes, or is available now. */
static int change_candidate(struct rib *r, size_t table, const struct prefix *p, bool was, bool is,
			    const struct candidate *c, struct touched *touched)
{
	if (!was)
		return is ? candidate_add(r, table, p, c, touched) : 0;
	if (!is) {
		candidate_remove(r, table, p, c, touched);
		return 0;
	}
	rib_candidates_set_available(r, table, p, c->source, c->attachment, c->available);
	touch_table(r, table, p, c, touched);
	return 0;
}

static int change_candidates(struct rib *r, size_t connection, size_t table, const struct prefix *p,
			     struct connection_route was, struct connection_route now,
			     struct touched *touched)
{
	int err = 0;

	for (size_t i = 0; !err && i < OWN_SOURCES; i++) {
		enum route_source source = rib_own_sources[i];
		struct candidate c = rib_own_candidate(r, connection, now, source);

		err = change_candidate(r, table, p, rib_own_has(was, source),
				       rib_own_has(now, source), &c, touched);
	}
	return err;
}

/* A connection's own route becomes another one, everywhere. */
static int change_route(struct rib *r, size_t connection, const struct prefix *p,
			struct connection_route was, struct connection_route now,
			struct touched *touched)
{
	int err = rib_own_route_set(r, connection, p, now);

	touch_connection(connection, p, touched);
	for (size_t t = 0; !err && t < r->config->table_count; t++) {
		if (rib_learns(r, t, connection))
			err = change_candidates(r, connection, t, p, was, now, touched);
		touch_references(r, t, connection, p, touched);
	}
	return err;
}

static int set_own_route(struct rib *r, size_t connection, const struct prefix *p,
			 struct connection_route now, struct touched *touched)
{
	struct connection_route was = rib_own_route(r, connection, p);
	int err = change_route(r, connection, p, was, now, touched);

	/* Without memory for all of it there is enough to take it back. */
	if (err)
		change_route(r, connection, p, now, was, touched);
	return err;
}

int rib_connection_route_add(struct rib *r, size_t connection, const struct prefix *p,
			     struct touched *touched)
{
	struct connection_route route = rib_own_route(r, connection, p);

	if (route.destination)
		return -EEXIST;
	route.destination = true;
	return set_own_route(r, connection, p, route, touched);
}

int rib_connection_route_remove(struct rib *r, size_t connection, const struct prefix *p,
				struct touched *touched)
{
	struct connection_route route = rib_own_route(r, connection, p);

	if (!route.destination)
		return -ENOENT;
	route.destination = false;
	return set_own_route(r, connection, p, route, touched);
}

int rib_learned_route_set(struct rib *r, size_t connection, const struct prefix *p,
			  tunnel_mask tunnels, struct touched *touched)
{
	struct connection_route route = rib_own_route(r, connection, p);

	if (route.learned == tunnels)
		return 0;
	route.learned = tunnels;
	return set_own_route(r, connection, p, route, touched);
}

/* ---- static routes of a table ---- */

int rib_table_route_add(struct rib *r, size_t table, const struct config_table_route *route,
			struct touched *touched)
{
	const struct prefix *p = &route->destination.prefix;
	struct candidate c = rib_static_candidate(r, route);
	int connection = rib_referred(r, route), err;

	if (rib_candidate_find(trie_exact(&r->tables[table], p), &c))
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

/* ---- tunnels that come or go ---- */

struct presence {
	struct rib *rib;
	size_t table, connection;
	tunnel_mask was;
	struct touched *touched;
};

static bool flips(const struct presence *c, struct connection_route route, enum route_source source)
{
	return rib_own_flips(route, source, c->was, c->rib->present[c->connection]);
}

/* A route of the connection that had a tunnel in Phase 2 has none now, or the reverse. */
static int follow_route(const struct prefix *p, void *data, void *context)
{
	const struct presence *c = context;
	struct connection_route route = rib_own_route_of(data);

	if (flips(c, route, SOURCE_BGP) || flips(c, route, SOURCE_DESTINATION))
		change_route(c->rib, c->connection, p, route, route, c->touched);
	return 0;
}

/* Static routes that lead to the connection. */
static int follow_static(const struct prefix *p, void *data, void *context)
{
	const struct presence *c = context;
	struct rib *r = c->rib;

	(void)data;
	rib_candidates_set_available(r, c->table, p, SOURCE_STATIC, r->attachments[c->connection],
				     r->present[c->connection]);
	return touch_reference(p, NULL, &(struct showing){ r, c->table, c->touched });
}

/* Without one a walk over all routes of the connection would find nothing to do. */
static bool any_flips(const struct presence *c)
{
	const struct learned_count *count = &c->rib->learned[c->connection];

	for (tunnel_mask m = 1; m < 1 << TUNNELS_PER_CONNECTION; m++)
		if (count->routes[m] &&
		    flips(c, (struct connection_route){ .learned = m }, SOURCE_BGP))
			return true;
	return !c->was != !c->rib->present[c->connection];
}

void rib_set_present(struct rib *r, size_t connection, tunnel_mask present, struct touched *touched)
{
	struct presence c = { r, 0, connection, r->present[connection], touched };

	if (c.was == present)
		return;
	r->present[connection] = present;
	if (!any_flips(&c))
		return;
	trie_walk(&r->connections[connection], NULL, follow_route, &c);
	if (!c.was != !present)
		for (; c.table < r->config->table_count; c.table++)
			trie_walk(rib_references(r, c.table, connection), NULL, follow_static, &c);
}
