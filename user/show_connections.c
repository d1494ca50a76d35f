/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Connections, and the groups that their routes go to.
 */
#include "core/ecmp.h"
#include "gateway_drain.h"
#include "show_internal.h"

struct liveness connection_liveness(const struct gateway *g, size_t connection)
{
	struct liveness l = { 0 };

	for (size_t k = 0; k < TUNNELS_PER_CONNECTION; k++) {
		const struct gateway_tunnel *t =
			&g->tunnels[connection * TUNNELS_PER_CONNECTION + k];

		l.total += t->used;
		l.up += t->used && t->live;
	}
	return l;
}

static const char *connection_state(struct liveness l)
{
	return !l.up ? "down" : l.up < l.total ? "degraded" : "up";
}

static const char *connection_method(const struct config_connection *c)
{
	return !c->bgp.enabled ? "static" : c->route_count ? "mixed" : "bgp";
}

static json_t *connection_tunnels(const struct gateway *g, size_t connection)
{
	json_t *list = json_array();

	for (size_t k = 0; k < g->config.connections[connection].tunnel_count; k++) {
		const struct gateway_tunnel *t =
			&g->tunnels[connection * TUNNELS_PER_CONNECTION + k];

		json_array_append_new(list, json_pack("{s:s, s:b, s:o}", "name",
						      gateway_tunnel_config(g, t)->name, "up",
						      t->live, "drain", draining_json(g, t->id)));
	}
	return list;
}

static json_t *show_connection(const struct gateway *g, size_t i)
{
	const struct config_connection *c = &g->config.connections[i];
	char vrf[DEVICE_NAME_LEN];

	return json_pack("{s:s, s:o, s:o, s:s, s:s, s:o, s:I, s:o, s:I}", "name", c->name,
			 "attachment", text_or_null(connection_attachment_name(g, i)),
			 "customer_gateway", text_or_null(c->customer_gateway.name), "method",
			 connection_method(c), "state", connection_state(connection_liveness(g, i)),
			 "tunnels", connection_tunnels(g, i), "routes",
			 (json_int_t)g->rib.connections[i].count, "vrf",
			 c->vrf ? json_string(connection_vrf_name(c, vrf)) : json_null(),
			 "kernel_table", (json_int_t)c->kernel_table);
}

json_t *show_connections(struct gateway *g, const json_t *request)
{
	json_t *list = json_array();

	(void)request;
	for (size_t i = 0; i < g->config.connection_count; i++)
		json_array_append_new(list, show_connection(g, i));
	return list;
}

static json_t *group_members(const struct gateway *g, const struct group_entry *e)
{
	json_t *list = json_array();

	for (size_t i = 0; i < e->set.count; i++) {
		const struct member *m = &e->set.members[i];
		const struct gateway_tunnel *t = gateway_tunnel(g, m->tunnel);

		json_array_append_new(
			list, json_pack("{s:o, s:I, s:b, s:b, s:I}", "tunnel",
					text_or_null(tunnel_name(g, m->tunnel)), "weight",
					(json_int_t)m->weight, "live", t && t->live, "drained",
					draining_order(m->tunnel, g) != 0, "buckets",
					(json_int_t)ecmp_count(&e->place.content, m->tunnel)));
	}
	return list;
}

json_t *show_groups(struct gateway *g, const json_t *request)
{
	json_t *list = json_array();

	(void)request;
	for (size_t i = 0; i < g->groups.limit; i++) {
		const struct group_entry *e = &g->groups.list[i];

		if (e->used)
			json_array_append_new(list,
					      json_pack("{s:I, s:I, s:I, s:o}", "id", (json_int_t)i,
							"routes", (json_int_t)e->routes, "waiting",
							(json_int_t)e->place.waiting, "members",
							group_members(g, e)));
	}
	return list;
}
