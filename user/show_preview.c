/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the loss of tunnels would move: asked of copies (core/preview.h), nothing is changed. As it
 * is when the hold-down is over.
 */
#include <stdlib.h>
#include <string.h>
#include "core/preview.h"
#include "gateway_stats.h"
#include "show_internal.h"

#define LISTED 20 /* prefixes of a kind, unless all are asked for */

struct outlook {
	struct gateway *g;
	struct preview_loss loss;
	bool all;
};

static bool live_now(uint32_t tunnel, const void *context)
{
	const struct gateway_tunnel *t = gateway_tunnel(context, tunnel);

	return t && t->live;
}

static bool lost(const struct outlook *o, const struct gateway_tunnel *t)
{
	return t->live && !preview_live(t->id, &o->loss);
}

/* ---- last resorts ---- */

/* A tunnel of this connection that the loss makes the last resort is written to *id. */
static bool finds_resort(const struct outlook *o, size_t connection, uint32_t *id)
{
	const struct gateway_tunnel *t = &o->g->tunnels[connection * TUNNELS_PER_CONNECTION];
	struct tunnel_machine copies[TUNNELS_PER_CONNECTION], *machines[TUNNELS_PER_CONNECTION];
	static const struct tunnel_inputs nothing;
	size_t count = o->g->config.connections[connection].tunnel_count;

	for (size_t i = 0; i < count; i++) {
		copies[i] = t[i].machine;
		machines[i] = &copies[i];
		if (lost(o, &t[i]))
			tunnel_input(&copies[i], &nothing, gateway_now(o->g));
	}
	tunnels_decide(machines, count, gateway_now(o->g));
	for (size_t i = 0; i < count; i++) {
		if (!copies[i].live || t[i].live || !t[i].ifindex)
			continue;
		*id = t[i].id;
		return true;
	}
	return false;
}

/* One of a connection: its others are lost, or rest. */
static void find_resorts(struct outlook *o, uint32_t risen[MAX_TUNNELS])
{
	size_t count = 0;

	for (size_t i = 0; i < o->g->config.connection_count; i++)
		count += finds_resort(o, i, &risen[count]);
	o->loss.risen = risen;
	o->loss.risen_count = count;
}

/* ---- buckets ---- */

static json_t *targets_json(const struct gateway *g, const struct preview_group *p)
{
	json_t *list = json_array();

	for (size_t i = 0; i < p->to_count; i++)
		json_array_append_new(list, json_pack("{s:o, s:I}", "tunnel",
						      text_or_null(tunnel_name(g, p->to[i].tunnel)),
						      "buckets", (json_int_t)p->to[i].buckets));
	return list;
}

static json_t *buckets_json(uint64_t total, uint64_t moved, uint64_t gone)
{
	return json_pack("{s:I, s:I, s:I, s:f}", "total", (json_int_t)total, "moved",
			 (json_int_t)moved, "lost", (json_int_t)gone, "share",
			 total ? (double)(moved + gone) / (double)total : 0.0);
}

static json_t *group_json(const struct gateway *g, size_t id, const struct preview_group *p)
{
	return json_pack("{s:I, s:I, s:o, s:o}", "id", (json_int_t)id, "routes",
			 (json_int_t)g->groups.list[id].routes, "buckets",
			 buckets_json(p->buckets, p->moved, p->lost), "to", targets_json(g, p));
}

/* Groups that lose something into `list`; the sum over all of them is returned. */
static json_t *add_groups(const struct outlook *o, json_t *list)
{
	uint64_t total = 0, moved = 0, gone = 0;

	for (size_t i = 0; i < o->g->groups.limit; i++) {
		struct preview_group p;

		if (!o->g->groups.list[i].used)
			continue;
		preview_group(&o->g->groups.list[i], &o->loss, &p);
		total += p.buckets;
		moved += p.moved;
		gone += p.lost;
		if (p.moved || p.lost)
			json_array_append_new(list, group_json(o->g, i, &p));
	}
	return buckets_json(total, moved, gone);
}

/* ---- traffic: the flows of a lost tunnel move, and no others [D13] ---- */

static json_t *traffic_json(const struct outlook *o)
{
	uint64_t all = 0, moved = 0, span_ns = 0;

	for (size_t i = 0; i < gateway_tunnel_places(o->g); i++) {
		const struct gateway_tunnel *t = &o->g->tunnels[i];
		struct rates_window w;

		if (!t->used || !stats_window(o->g, t, &w))
			continue;
		span_ns = w.span_ns > span_ns ? w.span_ns : span_ns;
		all += w.counters[DIRECTION_OUT].bytes;
		moved += lost(o, t) ? w.counters[DIRECTION_OUT].bytes : 0;
	}
	if (!span_ns)
		return json_null();
	return json_pack("{s:f, s:I, s:I, s:f}", "over_s", (double)span_ns / 1e9, "bytes",
			 (json_int_t)all, "moved_bytes", (json_int_t)moved, "share",
			 all ? (double)moved / (double)all : 0.0);
}

/* ---- routes ---- */

/* What serves a prefix: of tunnels those that are live. */
static json_t *way_json(const struct gateway *g, const struct fib_answer *a, tunnel_live_fn live,
			const void *context)
{
	struct fib_answer used = *a;

	if (a->kind == FIB_TUNNELS)
		ecmp_live_members(&a->set, live, context, &used.set);
	return monitor_answer(g, &used);
}

static json_t *prefixes_json(const struct prefixes *p, size_t most)
{
	json_t *list = json_array();

	for (size_t i = 0; i < p->count && i < most; i++)
		json_array_append_new(list, prefix_json(&p->list[i]));
	return list;
}

static json_t *routes_row(const struct outlook *o, const struct preview_routes *r)
{
	size_t most = o->all ? r->prefixes.count : LISTED;

	return json_pack("{s:s, s:s, s:o, s:o, s:I, s:o}", "table",
			 o->g->config.tables[r->table].name, "fate", preview_fate_name(r->fate),
			 "was", way_json(o->g, &r->was, live_now, o->g), "is",
			 way_json(o->g, &r->is, preview_live, &o->loss), "count",
			 (json_int_t)r->prefixes.count, "prefixes",
			 prefixes_json(&r->prefixes, most));
}

static json_t *routes_json(const struct outlook *o, tunnel_mask *present)
{
	struct preview_routes *list;
	struct rib what_if;
	json_t *rows;

	rib_what_if(&o->g->rib, present, &what_if);
	if (preview_routes(&o->g->rib, &what_if, &list))
		return NULL;
	rows = json_array();
	for (const struct preview_routes *r = list; r; r = r->next)
		json_array_append_new(rows, routes_row(o, r));
	preview_routes_free(list);
	return rows;
}

/* By connection: what is left of its tunnels. The caller's. */
static tunnel_mask *tunnels_left(const struct outlook *o)
{
	const struct config *c = &o->g->config;
	tunnel_mask *present = calloc(c->connection_count + 1, sizeof(*present));

	for (size_t i = 0; present && i < c->connection_count; i++)
		present[i] = rib_present(c, &o->g->ids, i, preview_live, &o->loss);
	return present;
}

static json_t *connections_json(const struct outlook *o, const tunnel_mask *present)
{
	const struct config *c = &o->g->config;
	json_t *list = json_array();

	for (size_t i = 0; i < c->connection_count; i++)
		if (o->g->rib.present[i] && !present[i])
			json_array_append_new(list, json_string(c->connections[i].name));
	return list;
}

/* ---- all of it ---- */

static json_t *down_json(const struct outlook *o)
{
	json_t *list = json_array();

	for (size_t i = 0; i < o->loss.count; i++) {
		uint32_t id = o->loss.tunnels[i];

		json_array_append_new(list, json_pack("{s:o, s:b}", "tunnel",
						      text_or_null(tunnel_name(o->g, id)), "live",
						      live_now(id, o->g)));
	}
	return list;
}

static json_t *preview_json(const struct outlook *o)
{
	tunnel_mask *present = tunnels_left(o);
	json_t *routes = present ? routes_json(o, present) : NULL;
	json_t *groups, *sum, *result = NULL;

	if (routes) {
		groups = json_array();
		sum = add_groups(o, groups);
		result = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "down", down_json(o),
				   "buckets", sum, "groups", groups, "traffic", traffic_json(o),
				   "connections", connections_json(o, present), "routes", routes);
	}
	free(present);
	return result;
}

json_t *unknown_tunnel(const struct config *c, const char *name)
{
	const char *best = NULL;
	char text[QUOTED_LEN];

	for (size_t i = 0; i < c->connection_count; i++)
		for (size_t k = 0; k < c->connections[i].tunnel_count; k++)
			best = nearest_word(name, c->connections[i].tunnels[k].name, best);
	return control_error("there is no tunnel '%s'%s%s%s", quoted(name, text),
			     best ? ": did you mean " : "; `espalier show tunnels` lists them",
			     best ? best : "", best ? "?" : "");
}

/* The ids of the tunnels that are named into `ids`; NULL, or what is wrong. */
static json_t *find_tunnels(const struct gateway *g, const json_t *names, uint32_t *ids)
{
	for (size_t i = 0; i < json_array_size(names); i++) {
		const char *name = json_string_value(json_array_get(names, i));
		size_t index;
		int connection;

		if (!name)
			return control_error("down: a list of tunnels' names");
		connection = config_find_tunnel(&g->config, name, &index);
		if (connection < 0)
			return unknown_tunnel(&g->config, name);
		ids[i] = g->ids.tunnel[connection][index];
	}
	return NULL;
}

json_t *answer_preview(struct gateway *g, const json_t *request)
{
	const json_t *names = json_object_get(request, "down");
	const struct tunnel_view now = forwarding_view(g);
	uint32_t ids[MAX_TUNNELS] = { 0 };
	uint32_t risen[MAX_TUNNELS];
	struct outlook o = {
		.g = g,
		.loss = { .tunnels = ids, .count = json_array_size(names), .now = &now },
		.all = json_is_true(json_object_get(request, "all")),
	};
	json_t *answer;

	if (!o.loss.count || o.loss.count > MAX_TUNNELS)
		return control_error("preview needs the tunnels to be lost, as a list: down");
	answer = find_tunnels(g, names, ids);
	if (answer)
		return answer;
	find_resorts(&o, risen);
	return control_ok(preview_json(&o));
}
