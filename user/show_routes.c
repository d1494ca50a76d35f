/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Routes of every table and connection, with the reason of their state.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include "show_internal.h"

enum match { MATCH_ALL, MATCH_EXACT, MATCH_LONGEST, MATCH_WITHIN, MATCH_COVERING };

struct route_list {
	struct gateway *g;
	json_t *list;
	size_t index; /* of the table or connection */
	enum match match;
	struct prefix prefix; /* to be matched */
	struct trie runtime;  /* prefixes of routes that were added at run time */
};

static bool matches(const struct route_list *l, const struct prefix *p)
{
	switch (l->match) {
	case MATCH_ALL:
		return true;
	case MATCH_EXACT:
		return prefix_equal(p, &l->prefix);
	case MATCH_WITHIN:
		return prefix_contains(&l->prefix, p);
	case MATCH_LONGEST:
	case MATCH_COVERING:
		return prefix_contains(p, &l->prefix);
	}
	return false;
}

static void walk_one(const struct trie *t, struct route_list *l, trie_fn fn, unsigned len)
{
	struct prefix p = prefix_of(&l->prefix.address, len);
	void *data = trie_exact(t, &p);

	if (data)
		fn(&p, data, l);
}

static void walk_routes(const struct trie *t, struct route_list *l, trie_fn fn)
{
	struct prefix longest;

	switch (l->match) {
	case MATCH_ALL:
		trie_walk(t, NULL, fn, l);
		break;
	case MATCH_WITHIN:
		trie_walk(t, &l->prefix, fn, l);
		break;
	case MATCH_EXACT:
		walk_one(t, l, fn, l->prefix.len);
		break;
	case MATCH_LONGEST:
		if (trie_longest(t, &l->prefix.address, l->prefix.len, &longest))
			walk_one(t, l, fn, longest.len);
		break;
	case MATCH_COVERING:
		for (unsigned len = 0; len <= l->prefix.len; len++)
			walk_one(t, l, fn, len);
		break;
	}
}

/* ---- where a route comes from ---- */

static void find_runtime(struct route_list *l)
{
	const struct runtime_routes *routes = &l->g->change->word.routes;

	for (size_t i = 0; i < routes->count; i++) {
		const struct runtime_route *r = &routes->list[i];
		void **slot = NULL;

		if (r->kind == RUNTIME_ADDED && !r->why)
			slot = trie_insert(&l->runtime, &r->prefix);
		if (slot)
			*slot = l;
	}
}

static const char *origin_of(const struct route_list *l, const struct runtime_route *r)
{
	const struct runtime_route *known = NULL;

	if (trie_exact(&l->runtime, &r->prefix))
		known = runtime_routes_find(&l->g->change->word.routes, r);
	return known && known->kind == RUNTIME_ADDED && !known->why ? "runtime" : "config";
}

static const char *connection_origin(const struct route_list *l, size_t connection,
				     enum route_source source, const struct prefix *p)
{
	const struct runtime_route r = { .owner = l->g->config.connections[connection].name,
					 .prefix = *p };

	return source == SOURCE_BGP ? "bgp" : origin_of(l, &r);
}

static const char *candidate_origin(const struct route_list *l, const struct candidate *c,
				    const struct prefix *p)
{
	const struct config_attachment *a =
		c->attachment < 0 ? NULL : &l->g->config.attachments[c->attachment];
	const struct runtime_route r = { .table = true,
					 .owner = l->g->config.tables[l->index].name,
					 .prefix = *p,
					 .via = a ? a->name : NULL,
					 .metric = c->metric };

	if (c->source == SOURCE_LOCAL)
		return "host";
	if (c->source == SOURCE_STATIC)
		return origin_of(l, &r);
	if (!a || a->type != ATTACHMENT_VPN)
		return "config";
	return connection_origin(l, (size_t)a->connection.index, c->source, p);
}

static json_t *tunnel_hop(const struct gateway *g, const struct member *m)
{
	const struct gateway_tunnel *t = gateway_tunnel(g, m->tunnel);

	return json_pack("{s:o, s:n, s:I, s:b}", "tunnel", text_or_null(tunnel_name(g, m->tunnel)),
			 "via", "weight", (json_int_t)m->weight, "live", t && t->live);
}

static json_t *set_hops(const struct gateway *g, const struct member_set *set)
{
	json_t *list = json_array();

	for (size_t i = 0; i < set->count; i++)
		json_array_append_new(list, tunnel_hop(g, &set->members[i]));
	return list;
}

static json_t *device_hops(const struct config_attachment *a, uint8_t family)
{
	const struct address *via = family == AF_INET ? &a->next_hop_v4 : &a->next_hop_v6;

	return json_pack("[{s:s, s:o, s:n, s:n}]", "device", a->device, "via", address_json(via),
			 "weight", "live");
}

/* A learned candidate is one route of the connection; a static one asks its whole table [D9]. */
static struct member_set candidate_set(const struct gateway *g, const struct candidate *c,
				       size_t connection, const struct prefix *p)
{
	if (c->source == SOURCE_STATIC)
		return rib_connection_answer(&g->rib, connection, p).set;
	return rib_own_route_members(&g->rib, connection, rib_own_route(&g->rib, connection, p),
				     c->source);
}

static json_t *candidate_hops(const struct gateway *g, const struct candidate *c,
			      const struct prefix *p)
{
	const struct config_attachment *a;
	struct member_set set;

	if (c->attachment < 0)
		return json_array();
	a = &g->config.attachments[c->attachment];
	if (a->type != ATTACHMENT_VPN)
		return device_hops(a, p->address.family);
	set = candidate_set(g, c, (size_t)a->connection.index, p);
	return set_hops(g, &set);
}

/* Why a candidate is in its state, as a sentence. */
json_t *candidate_why(const struct gateway *g, const struct rib_entry *e, const struct candidate *c)
{
	const char *winner = attachment_name(g, e->list[0].attachment);
	char text[160];

	switch (c->state) {
	case CANDIDATE_ACTIVE:
		return json_null();
	case CANDIDATE_WITHDRAWN:
		return json_string("no tunnel of its connection is in Phase 2 [D2]");
	case CANDIDATE_STANDBY:
		break;
	}
	snprintf(text, sizeof(text), "beaten by %s (%s) at step %s [D6]",
		 winner ? winner : "blackhole", route_source_name(e->list[0].source),
		 select_step_name(c->step));
	return json_string(text);
}

static int append_candidates(const struct prefix *p, void *data, void *context)
{
	const struct rib_entry *e = data;
	const struct route_list *l = context;

	for (size_t i = 0; i < e->count; i++) {
		const struct candidate *c = &e->list[i];

		json_array_append_new(
			l->list,
			json_pack("{s:s, s:n, s:o, s:s, s:o, s:I, s:o, s:s, s:o, s:s}", "table",
				  l->g->config.tables[l->index].name, "connection", "prefix",
				  prefix_json(p), "type", route_source_name(c->source),
				  "attachment", text_or_null(attachment_name(l->g, c->attachment)),
				  "metric", (json_int_t)c->metric, "next_hops",
				  candidate_hops(l->g, c, p), "state",
				  candidate_state_name(c->state), "why", candidate_why(l->g, e, c),
				  "origin", candidate_origin(l, c, p)));
	}
	return 0;
}

/* A route of a connection's own table, as one of the ways by which it came about. */
static void append_own_route(const struct route_list *l, const struct prefix *p,
			     struct connection_route route, enum route_source source)
{
	const struct rib *rib = &l->g->rib;
	struct member_set set = rib_own_route_members(rib, l->index, route, source);
	int active = rib_own_route_source(rib, l->index, route);
	const char *state = "active", *why = NULL;

	if (active < 0 || (source == SOURCE_BGP && active != SOURCE_BGP)) {
		state = "withdrawn";
		why = source == SOURCE_BGP
			      ? "no tunnel that it was learned over is in Phase 2 [D1 D2]"
			      : "no tunnel of its connection is in Phase 2 [D2]";
	} else if (active != (int)source) {
		state = "standby";
		why = "BGP goes first [S30]";
	}
	json_array_append_new(
		l->list,
		json_pack("{s:n, s:s, s:o, s:s, s:o, s:i, s:o, s:s, s:o, s:s}", "table",
			  "connection", l->g->config.connections[l->index].name, "prefix",
			  prefix_json(p), "type", route_source_name(source), "attachment",
			  text_or_null(connection_attachment_name(l->g, l->index)), "metric", 0,
			  "next_hops", set_hops(l->g, &set), "state", state, "why",
			  text_or_null(why), "origin", connection_origin(l, l->index, source, p)));
}

static int append_connection_route(const struct prefix *p, void *data, void *context)
{
	struct connection_route route = rib_own_route_of(data);

	if (route.learned)
		append_own_route(context, p, route, SOURCE_BGP);
	if (route.destination)
		append_own_route(context, p, route, SOURCE_DESTINATION);
	return 0;
}

static bool wanted(const json_t *filter, const char *name)
{
	return !filter || (json_is_string(filter) && !strcmp(json_string_value(filter), name));
}

/* Routes of run time that the rules refuse now: nowhere in the tables, but not forgotten. */
static void append_refused(const struct route_list *l, const json_t *table,
			   const json_t *connection)
{
	const struct runtime_routes *routes = &l->g->change->word.routes;

	for (size_t i = 0; i < routes->count; i++) {
		const struct runtime_route *r = &routes->list[i];

		if (!r->why || !matches(l, &r->prefix) || (r->table ? connection : table) ||
		    !wanted(r->table ? table : connection, r->owner))
			continue;
		json_array_append_new(
			l->list,
			json_pack("{s:s?, s:s?, s:o, s:s, s:s?, s:I, s:[], s:s, s:s, s:s}", "table",
				  r->table ? r->owner : NULL, "connection",
				  r->table ? NULL : r->owner, "prefix", prefix_json(&r->prefix),
				  "type", r->table ? "static" : "destination", "attachment", r->via,
				  "metric", (json_int_t)r->metric, "next_hops", "state", "refused",
				  "why", r->why, "origin", "runtime"));
	}
}

static bool append_routes(struct route_list *l, const json_t *table, const json_t *connection)
{
	struct gateway *g = l->g;
	bool found = !table && !connection;

	for (size_t i = 0; i < g->config.table_count && !connection; i++) {
		if (!wanted(table, g->config.tables[i].name))
			continue;
		found = true;
		l->index = i;
		walk_routes(&g->rib.tables[i], l, append_candidates);
	}
	for (size_t i = 0; i < g->config.connection_count && !table; i++) {
		if (!wanted(connection, g->config.connections[i].name))
			continue;
		found = true;
		l->index = i;
		walk_routes(&g->rib.connections[i], l, append_connection_route);
	}
	append_refused(l, table, connection);
	return found;
}

/* NULL, or what is wrong with the question. */
static json_t *parse_match(const json_t *request, struct route_list *l)
{
	static const char *const words[] = { [MATCH_ALL] = "",
					     [MATCH_EXACT] = "exact",
					     [MATCH_LONGEST] = "longest",
					     [MATCH_WITHIN] = "within",
					     [MATCH_COVERING] = "covering" };
	const char *word = json_string_value(json_object_get(request, "match"));
	const char *text = json_string_value(json_object_get(request, "prefix"));
	struct prefix masked;

	if (!word)
		return NULL;
	for (int i = MATCH_EXACT; i <= MATCH_COVERING; i++)
		if (!strcmp(word, words[i]))
			l->match = (enum match)i;
	if (l->match == MATCH_ALL)
		return control_error("match: exact, longest, within or covering");
	switch (text ? prefix_parse(text, &l->prefix, &masked) : -EINVAL) {
	case 0:
		return NULL;
	case -ERANGE: /* 10.0.0.1/8 is taken for the prefix that it lies in */
		l->prefix = masked;
		return NULL;
	default:
		return control_error("'%s' is neither a prefix nor an address", text ? text : "");
	}
}

json_t *answer_routes(struct gateway *g, const json_t *request)
{
	struct route_list l = { .g = g };
	json_t *wrong = parse_match(request, &l);
	bool found;

	if (wrong)
		return wrong;
	l.list = json_array();
	find_runtime(&l);
	found = append_routes(&l, json_object_get(request, "table"),
			      json_object_get(request, "connection"));
	trie_free(&l.runtime, NULL);
	if (found)
		return control_ok(l.list);
	json_decref(l.list);
	return control_error("there is no such table or connection");
}
