/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What users are told: the answers of doc/control.md, made from the gateway's state and the
 * dataplane's counters. Changes nothing.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "core/ecmp.h"
#include "explain.h"
#include "gateway_change.h"
#include "version.h"

#define NS_PER_S 1000000000ull

/* ---- pieces ---- */

static json_t *text_or_null(const char *text)
{
	return text ? json_string(text) : json_null();
}

static json_t *address_json(const struct address *a)
{
	char text[PREFIX_STRLEN];

	return a->family ? json_string(address_format(a, text)) : json_null();
}

static json_t *prefix_json(const struct prefix *p)
{
	char text[PREFIX_STRLEN];

	return json_string(prefix_format(p, text));
}

static json_t *counter_json(const struct counter *c)
{
	return json_pack("{s:I, s:I}", "packets", (json_int_t)c->packets, "bytes",
			 (json_int_t)c->bytes);
}

static void add_counter(struct counter *sum, const struct counter *c)
{
	sum->packets += c->packets;
	sum->bytes += c->bytes;
}

static json_t *spi_json(uint32_t spi)
{
	char text[16];

	if (!spi)
		return json_null();
	snprintf(text, sizeof(text), "0x%08x", spi);
	return json_string(text);
}

static double seconds_since(const struct gateway *g, uint64_t ns)
{
	uint64_t now = gateway_now(g);

	return now > ns ? (double)(now - ns) / (double)NS_PER_S : 0;
}

static const char *tunnel_name(const struct gateway *g, uint32_t id)
{
	const struct gateway_tunnel *t = gateway_tunnel(g, id);

	return t ? gateway_tunnel_config(g, t)->name : NULL;
}

static const char *attachment_name(const struct gateway *g, int position)
{
	return position < 0 ? NULL : g->config.attachments[position].name;
}

static const char *connection_attachment_name(const struct gateway *g, size_t connection)
{
	return attachment_name(g, connection_attachment(&g->config, connection));
}

static const struct reason_info {
	const char *kind, *name, *help;
	enum reason_kind kind_id;
} reasons[REASON_COUNT] = {
#define REASON_FORWARD_KIND "forward"
#define REASON_KERNEL_KIND  "kernel"
#define REASON_DROP_KIND    "drop"
#define REASON_BEHIND_KIND  "behind"
#define REASON_INFO(name_, kind_, text_, help_) \
	[REASON_##name_] = { REASON_##kind_##_KIND, text_, help_, REASON_##kind_ },
	ESPALIER_REASONS(REASON_INFO)
};

/* ---- drops: the programs' reasons, and what the kernel drops behind them ---- */

static void add_behind(struct gateway *g, uint32_t ifindex, struct counter *out)
{
	struct host_link_counters link;

	if (!ifindex || host_link_counters(g->host, ifindex, &link))
		return;
	out[REASON_TX_CARRIER].packets += link.tx_carrier_errors;
	out[REASON_TX_DROPPED].packets += link.tx_dropped;
	out[REASON_RX_DROPPED].packets += link.rx_dropped;
}

static int attachment_reasons(struct gateway *g, size_t attachment, struct counter *out)
{
	const struct config_attachment *a = &g->config.attachments[attachment];
	int err = dataplane_reason_counters(g->dataplane, g->attachments[attachment].id, out);

	if (err)
		return err;
	if (a->type != ATTACHMENT_VPN) {
		add_behind(g, g->attachments[attachment].ifindex, out);
		return 0;
	}
	for (size_t k = 0; k < TUNNELS_PER_CONNECTION; k++) {
		size_t place = (size_t)a->connection.index * TUNNELS_PER_CONNECTION + k;

		if (g->tunnels[place].used)
			add_behind(g, g->tunnels[place].ifindex, out);
	}
	return 0;
}

static bool is_loss(enum reason_kind k)
{
	return k == REASON_DROP || k == REASON_BEHIND;
}

static void append_reasons(json_t *list, const char *attachment, const struct counter *counters,
			   bool all)
{
	for (int r = 0; r < REASON_COUNT; r++) {
		if (!counters[r].packets || (!all && !is_loss(reasons[r].kind_id)))
			continue;
		json_array_append_new(
			list, json_pack("{s:s, s:s, s:s, s:I, s:I, s:s}", "attachment", attachment,
					"reason", reasons[r].name, "kind", reasons[r].kind,
					"packets", (json_int_t)counters[r].packets, "bytes",
					(json_int_t)counters[r].bytes, "help", reasons[r].help));
	}
}

static json_t *show_drops(struct gateway *g, const json_t *request)
{
	bool all = json_is_true(json_object_get(request, "all"));
	struct counter counters[REASON_COUNT];
	json_t *list = json_array();

	if (!dataplane_reason_counters(g->dataplane, 0, counters))
		append_reasons(list, "(unknown)", counters, all);
	for (size_t i = 0; i < g->config.attachment_count; i++)
		if (!attachment_reasons(g, i, counters))
			append_reasons(list, g->config.attachments[i].name, counters, all);
	return list;
}

/* ---- attachments ---- */

static json_t *vlans_json(const struct config_attachment *a)
{
	json_t *list = json_array();

	for (size_t i = 0; i < VLANS_PER_ATTACHMENT && a->vlans[i]; i++)
		json_array_append_new(list, json_integer(a->vlans[i]));
	return list;
}

static json_t *learned_by(const struct gateway *g, size_t attachment)
{
	json_t *list = json_array();

	for (size_t t = 0; t < g->config.table_count; t++)
		for (size_t i = 0; i < g->config.tables[t].learn_count; i++)
			if (g->config.tables[t].learn[i].index == (int)attachment)
				json_array_append_new(list, json_string(g->config.tables[t].name));
	return list;
}

static const char *type_name(enum attachment_type t)
{
	switch (t) {
	case ATTACHMENT_VPC:
		return "vpc";
	case ATTACHMENT_VBR:
		return "vbr";
	case ATTACHMENT_VPN:
		return "vpn";
	}
	return "?";
}

static void sum_tunnels(struct gateway *g, int connection, struct counter *sum)
{
	struct counter c[DIRECTIONS];

	for (size_t i = 0; i < gateway_tunnel_places(g); i++) {
		const struct gateway_tunnel *t = &g->tunnels[i];

		if (!t->used || (connection >= 0 && t->connection != (size_t)connection) ||
		    dataplane_tunnel_counters(g->dataplane, t->id, c))
			continue;
		add_counter(&sum[DIRECTION_IN], &c[DIRECTION_IN]);
		add_counter(&sum[DIRECTION_OUT], &c[DIRECTION_OUT]);
	}
}

static json_t *show_attachment(struct gateway *g, size_t i)
{
	const struct config_attachment *a = &g->config.attachments[i];
	const struct gateway_attachment *run = &g->attachments[i];
	struct counter reason[REASON_COUNT] = { 0 }, in = { 0 }, dropped = { 0 };
	struct counter traffic[DIRECTIONS] = { 0 };

	attachment_reasons(g, i, reason);
	for (int r = 0; r < REASON_COUNT; r++) {
		if (reasons[r].kind_id != REASON_BEHIND)
			add_counter(&in, &reason[r]);
		if (is_loss(reasons[r].kind_id))
			add_counter(&dropped, &reason[r]);
	}
	if (a->type == ATTACHMENT_VPN)
		sum_tunnels(g, a->connection.index, traffic);
	else
		dataplane_device_counters(g->dataplane, run->id, traffic);
	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name",
			 a->name, "type", type_name(a->type), "device", text_or_null(a->device),
			 "ifindex", run->ifindex ? json_integer(run->ifindex) : json_null(), "vlan",
			 vlans_json(a), "connection", text_or_null(a->connection.name),
			 "association", text_or_null(a->association.name), "learned_by",
			 learned_by(g, i), "xdp",
			 a->type == ATTACHMENT_VPN ? json_null()
						   : json_string(run->native ? "native" : "tc"),
			 "in", counter_json(&in), "out", counter_json(&traffic[DIRECTION_OUT]),
			 "dropped", counter_json(&dropped));
}

static json_t *show_attachments(struct gateway *g, const json_t *request)
{
	json_t *list = json_array();

	(void)request;
	for (size_t i = 0; i < g->config.attachment_count; i++)
		json_array_append_new(list, show_attachment(g, i));
	return list;
}

/* ---- tunnels ---- */

static const char *sa_algorithm(const struct xfrm_sa *sa)
{
	if (sa->aead.name[0])
		return sa->aead.name;
	return sa->crypt.name[0] ? sa->crypt.name : NULL;
}

/* Seconds left of a lifetime of `limit` seconds, or null where there is none. */
static json_t *left_json(uint64_t limit, uint64_t age)
{
	if (!limit)
		return json_null();
	return json_integer(limit > age ? (json_int_t)(limit - age) : 0);
}

static int append_sa(const struct phase2_sa *s, void *data)
{
	uint64_t now = (uint64_t)time(NULL);
	uint64_t age = now > s->sa.usage.add_time ? now - s->sa.usage.add_time : 0;

	json_array_append_new(
		data,
		json_pack("{s:s, s:o, s:o, s:o, s:I, s:I, s:I, s:o, s:o, s:b}", "direction",
			  s->direction == XFRM_DIRECTION_IN ? "in" : "out", "spi",
			  spi_json(s->sa.id.spi), "algorithm", text_or_null(sa_algorithm(&s->sa)),
			  "encapsulation", s->sa.encap ? json_string("udp") : json_null(), "bytes",
			  (json_int_t)s->sa.usage.bytes, "packets", (json_int_t)s->sa.usage.packets,
			  "age_s", (json_int_t)age, "soft_s",
			  left_json(s->sa.lifetime.soft_add, age), "hard_s",
			  left_json(s->sa.lifetime.hard_add, age), "in_use", s->in_use));
	return 0;
}

static json_t *show_tunnel(struct gateway *g, const struct gateway_tunnel *t)
{
	const struct config_tunnel *c = gateway_tunnel_config(g, t);
	const struct phase2_state *s = phase2_state(g->phase2, t->id);
	struct counter traffic[DIRECTIONS] = { 0 };
	struct host_link_counters link = { 0 };
	char device[DEVICE_NAME_LEN];
	json_t *sas = json_array();

	dataplane_tunnel_counters(g->dataplane, t->id, traffic);
	if (t->ifindex)
		host_link_counters(g->host, t->ifindex, &link);
	phase2_each_sa(g->phase2, t->id, append_sa, sas);
	return json_pack(
		"{s:s, s:s, s:I, s:s, s:o, s:s, s:b, s:f, s:s, s:o, s:I, s:o, s:o, s:o, s:o, s:I, "
		"s:I, s:o, s:o, s:I, s:o}",
		"name", c->name, "connection", g->config.connections[t->connection].name, "if_id",
		(json_int_t)c->if_id, "device", tunnel_device_name(c, device), "ifindex",
		t->ifindex ? json_integer(t->ifindex) : json_null(), "state",
		phase2_status_name(s->status), "up", t->live, "since_s",
		seconds_since(g, s->since_ns), "cause", phase2_cause_name(s->cause), "missing",
		s->missing == PHASE2_COMPLETE ? json_null()
					      : json_string(phase2_missing_text(s->missing)),
		"flaps", (json_int_t)s->flaps, "local_address", address_json(&c->local_address),
		"remote_address", address_json(&c->remote_address), "spi_in", spi_json(s->spi_in),
		"spi_out", spi_json(s->spi_out), "mtu", (json_int_t)t->mtu, "weight",
		(json_int_t)c->weight, "out", counter_json(&traffic[DIRECTION_OUT]), "in",
		counter_json(&traffic[DIRECTION_IN]), "tx_carrier",
		(json_int_t)link.tx_carrier_errors, "sas", sas);
}

static json_t *show_tunnels(struct gateway *g, const json_t *request)
{
	json_t *list = json_array();

	(void)request;
	/* Counters and lifetimes of SAs change without a message. */
	xfrm_refresh(g->xfrm, g->phase2, gateway_now(g), gateway_tunnel_changed, g);
	for (size_t i = 0; i < gateway_tunnel_places(g); i++)
		if (g->tunnels[i].used)
			json_array_append_new(list, show_tunnel(g, &g->tunnels[i]));
	return list;
}

/* ---- connections ---- */

struct liveness {
	size_t total, up;
};

static struct liveness connection_liveness(const struct gateway *g, size_t connection)
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

	for (size_t k = 0; k < g->config.connections[connection].tunnel_count; k++)
		json_array_append_new(
			list, json_pack("{s:s, s:b}", "name",
					g->config.connections[connection].tunnels[k].name, "up",
					g->tunnels[connection * TUNNELS_PER_CONNECTION + k].live));
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

static json_t *show_connections(struct gateway *g, const json_t *request)
{
	json_t *list = json_array();

	(void)request;
	for (size_t i = 0; i < g->config.connection_count; i++)
		json_array_append_new(list, show_connection(g, i));
	return list;
}

/* ---- routes ---- */

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

static json_t *candidate_hops(const struct gateway *g, const struct candidate *c,
			      const struct prefix *p)
{
	const struct config_attachment *a;
	const struct connection_route *route;

	if (c->attachment < 0)
		return json_array();
	a = &g->config.attachments[c->attachment];
	if (a->type != ATTACHMENT_VPN)
		return device_hops(a, p->address.family);
	route = trie_longest(&g->rib.connections[a->connection.index], &p->address, p->len, NULL);
	return route ? set_hops(g, &route->set) : json_array();
}

/* Why a candidate is in its state, as a sentence. */
static json_t *candidate_why(const struct gateway *g, const struct rib_entry *e,
			     const struct candidate *c)
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

static int append_connection_route(const struct prefix *p, void *data, void *context)
{
	const struct connection_route *r = data;
	const struct route_list *l = context;
	bool up = l->g->rib.available[l->index];

	json_array_append_new(
		l->list,
		json_pack("{s:n, s:s, s:o, s:s, s:o, s:i, s:o, s:s, s:o, s:s}", "table",
			  "connection", l->g->config.connections[l->index].name, "prefix",
			  prefix_json(p), "type", route_source_name(r->source), "attachment",
			  text_or_null(connection_attachment_name(l->g, l->index)), "metric", 0,
			  "next_hops", set_hops(l->g, &r->set), "state",
			  up ? "active" : "withdrawn", "why",
			  up ? json_null()
			     : json_string("no tunnel of its connection is in Phase 2 [D2]"),
			  "origin", connection_origin(l, l->index, r->source, p)));
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

static json_t *answer_routes(struct gateway *g, const json_t *request)
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

/* ---- groups ---- */

static json_t *group_members(const struct gateway *g, const struct group_entry *e)
{
	json_t *list = json_array();

	for (size_t i = 0; i < e->set.count; i++) {
		const struct member *m = &e->set.members[i];
		const struct gateway_tunnel *t = gateway_tunnel(g, m->tunnel);

		json_array_append_new(
			list, json_pack("{s:o, s:I, s:b, s:I}", "tunnel",
					text_or_null(tunnel_name(g, m->tunnel)), "weight",
					(json_int_t)m->weight, "live", t && t->live, "buckets",
					(json_int_t)ecmp_count(&e->content, m->tunnel)));
	}
	return list;
}

static json_t *show_groups(struct gateway *g, const json_t *request)
{
	json_t *list = json_array();

	(void)request;
	for (size_t i = 0; i < g->groups.limit; i++) {
		const struct group_entry *e = &g->groups.list[i];

		if (e->used)
			json_array_append_new(list,
					      json_pack("{s:I, s:I, s:o}", "id", (json_int_t)i,
							"routes", (json_int_t)e->routes, "members",
							group_members(g, e)));
	}
	return list;
}

/* ---- status ---- */

struct route_states {
	size_t count[CANDIDATE_WITHDRAWN + 1];
};

static int count_states(const struct prefix *p, void *data, void *context)
{
	const struct rib_entry *e = data;
	struct route_states *s = context;

	(void)p;
	for (size_t i = 0; i < e->count; i++)
		s->count[e->list[i].state]++;
	return 0;
}

static json_t *route_counts(const struct gateway *g)
{
	struct route_states s = { 0 };

	for (size_t i = 0; i < g->config.table_count; i++)
		trie_walk(&g->rib.tables[i], NULL, count_states, &s);
	return json_pack("{s:I, s:I, s:I}", "active", (json_int_t)s.count[CANDIDATE_ACTIVE],
			 "standby", (json_int_t)s.count[CANDIDATE_STANDBY], "withdrawn",
			 (json_int_t)s.count[CANDIDATE_WITHDRAWN]);
}

static json_t *tunnel_counts(const struct gateway *g)
{
	struct liveness all = { 0 };

	for (size_t i = 0; i < g->config.connection_count; i++) {
		struct liveness l = connection_liveness(g, i);

		all.total += l.total;
		all.up += l.up;
	}
	return json_pack("{s:I, s:I}", "total", (json_int_t)all.total, "up", (json_int_t)all.up);
}

static json_t *connection_counts(const struct gateway *g)
{
	size_t up = 0;

	for (size_t i = 0; i < g->config.connection_count; i++)
		up += connection_liveness(g, i).up > 0;
	return json_pack("{s:I, s:I}", "total", (json_int_t)g->config.connection_count, "up",
			 (json_int_t)up);
}

static json_t *group_counts(const struct gateway *g)
{
	size_t used = 0;

	for (size_t i = 0; i < g->groups.limit; i++)
		used += g->groups.list[i].used;
	return json_pack("{s:I, s:I}", "used", (json_int_t)used, "limit",
			 (json_int_t)g->groups.limit);
}

static json_t *traffic_json(struct gateway *g)
{
	struct counter sum[DIRECTIONS] = { 0 };

	sum_tunnels(g, -1, sum);
	return json_pack("{s:o, s:o}", "to_tunnels", counter_json(&sum[DIRECTION_OUT]),
			 "from_tunnels", counter_json(&sum[DIRECTION_IN]));
}

static json_t *dropped_json(struct gateway *g)
{
	struct counter counters[REASON_COUNT], sum = { 0 };

	for (size_t i = 0; i < g->config.attachment_count; i++) {
		if (attachment_reasons(g, i, counters))
			continue;
		for (int r = 0; r < REASON_COUNT; r++)
			if (is_loss(reasons[r].kind_id))
				add_counter(&sum, &counters[r]);
	}
	return counter_json(&sum);
}

static json_t *alarms_json(const struct gateway *g)
{
	json_t *list = json_array();

	for (size_t i = 0; i < g->alarm_count; i++)
		json_array_append_new(list, json_string(g->alarms[i]));
	return list;
}

static json_t *show_status(struct gateway *g, const json_t *request)
{
	(void)request;
	return json_pack("{s:s, s:i, s:f, s:s, s:o, s:b, s:o, s:o, s:o, s:{s:I}, s:o, s:o, s:o, "
			 "s:o}",
			 "version", VERSION, "pid", (int)getpid(), "uptime_s",
			 seconds_since(g, g->started_ns), "config", g->options->config,
			 "configuration", change_status(g), "ready", g->ready, "alarms",
			 alarms_json(g), "tunnels", tunnel_counts(g), "connections",
			 connection_counts(g), "attachments", "total",
			 (json_int_t)g->config.attachment_count, "routes", route_counts(g),
			 "groups", group_counts(g), "traffic", traffic_json(g), "dropped",
			 dropped_json(g));
}

/* ---- explain ---- */

/* Where packets of an attachment come in; a connection's: at its first tunnel that has a device. */
static int input_of(const struct gateway *g, size_t attachment, struct explain_question *q)
{
	const struct config_attachment *a = &g->config.attachments[attachment];

	q->key = (struct association_key){ g->attachments[attachment].ifindex, a->vlans[0],
					   a->vlans[1] };
	memcpy(q->mac, g->attachments[attachment].mac, sizeof(q->mac));
	if (a->type == ATTACHMENT_VPN) {
		const struct gateway_tunnel *t =
			&g->tunnels[a->connection.index * TUNNELS_PER_CONNECTION];

		if (!t->ifindex)
			t++;
		q->key = (struct association_key){ t->ifindex, 0, 0 };
		memcpy(q->mac, t->mac, sizeof(q->mac));
	}
	return q->key.ifindex ? 0 : -ENODEV;
}

static int find_attachment(const struct gateway *g, const char *name)
{
	for (size_t i = 0; name && i < g->config.attachment_count; i++)
		if (!strcmp(g->config.attachments[i].name, name))
			return (int)i;
	return -1;
}

/* The TR table or the connection behind a dataplane table, by name. */
static json_t *table_json(const struct gateway *g, uint32_t id)
{
	const struct fib_table *t = id == NO_TABLE ? NULL : fib_find(&g->fib, id);

	if (!t || t->retired)
		return json_null();
	return json_string(t->connection ? g->config.connections[t->index].name
					 : g->config.tables[t->index].name);
}

static const struct rib_entry *matched_entry(const struct gateway *g, const struct explain *e,
					     const struct explain_question *q, enum view *view)
{
	const struct fib_table *t = fib_find(&g->fib, e->table);

	if (!e->matched || !t || t->connection || t->retired)
		return NULL;
	*view = t->view;
	return trie_longest(&g->rib.tables[t->index], &q->destination,
			    address_bits(&q->destination), NULL);
}

static const struct candidate *winner_of(const struct gateway *g, const struct rib_entry *e,
					 enum view view)
{
	for (size_t i = 0; e && i < e->count; i++)
		if (e->list[i].available && candidate_visible(&g->rib, &e->list[i], view))
			return &e->list[i];
	return NULL;
}

static json_t *losers_json(const struct gateway *g, const struct rib_entry *e, enum view view,
			   const struct candidate *winner)
{
	json_t *list = json_array();

	for (size_t i = 0; e && i < e->count; i++) {
		const struct candidate *c = &e->list[i];
		json_t *why;

		if (c == winner ||
		    (c->state == CANDIDATE_ACTIVE && candidate_visible(&g->rib, c, view)))
			continue;
		why = candidate_visible(&g->rib, c, view)
			      ? candidate_why(g, e, c)
			      : json_string(
					"not seen from a connection or VBR without transit [D10]");
		json_array_append_new(list,
				      json_pack("{s:s, s:o, s:o}", "type",
						route_source_name(c->source), "attachment",
						text_or_null(attachment_name(g, c->attachment)),
						"why", why));
	}
	return list;
}

static const char *verdict_name(uint32_t reason)
{
	switch (reasons[reason].kind_id) {
	case REASON_FORWARD:
		return reason == REASON_TO_TUNNEL ? "tunnel" : "device";
	case REASON_KERNEL:
		return "kernel";
	case REASON_DROP:
	case REASON_BEHIND:
		return "drop";
	}
	return "?";
}

static void add_output(const struct gateway *g, const struct explain *e,
		       const struct explain_question *q, json_t *out)
{
	int to = e->reason == REASON_TO_DEVICE ? gateway_attachment_by_id(g, e->route.target) : -1;
	bool tunnel = e->reason == REASON_TO_TUNNEL;
	const struct config_attachment *a = to < 0 ? NULL : &g->config.attachments[to];

	json_object_set_new(out, "hash", tunnel ? json_integer(e->hash) : json_null());
	json_object_set_new(out, "group", tunnel ? json_integer(e->route.target) : json_null());
	json_object_set_new(out, "bucket", tunnel ? json_integer(e->bucket) : json_null());
	json_object_set_new(out, "tunnel",
			    tunnel ? text_or_null(tunnel_name(g, e->tunnel)) : json_null());
	json_object_set_new(out, "skipped", json_boolean(tunnel && e->skipped));
	json_object_set_new(out, "device", text_or_null(a ? a->device : NULL));
	json_object_set_new(out, "next_hop",
			    !a				       ? json_null()
			    : q->destination.family == AF_INET ? address_json(&a->next_hop_v4)
							       : address_json(&a->next_hop_v6));
}

static json_t *explanation(const struct gateway *g, const struct explain_question *q,
			   const struct explain *e)
{
	enum view view = VIEW_ALL;
	const struct rib_entry *entry = matched_entry(g, e, q, &view);
	const struct candidate *winner = winner_of(g, entry, view);
	struct prefix matched = prefix_of(&q->destination, e->route.prefix_len);
	json_t *out =
		json_pack("{s:s, s:o, s:o, s:i, s:i, s:i, s:o, s:o, s:o, s:o, s:s, s:s, s:s, s:o}",
			  "in", q->in, "source", address_json(&q->source), "destination",
			  address_json(&q->destination), "protocol", q->protocol, "source_port",
			  q->source_port, "destination_port", q->destination_port, "table",
			  table_json(g, e->table), "matched",
			  e->matched ? prefix_json(&matched) : json_null(), "route_type",
			  winner ? json_string(route_source_name(winner->source)) : json_null(),
			  "route_attachment",
			  text_or_null(winner ? attachment_name(g, winner->attachment) : NULL),
			  "verdict", verdict_name(e->reason), "reason", reasons[e->reason].name,
			  "help", reasons[e->reason].help, "losers",
			  losers_json(g, entry, view, winner));

	if (out)
		add_output(g, e, q, out);
	return out;
}

static json_t *answer_explain(struct gateway *g, const json_t *request)
{
	struct explain_question q = { 0 };
	struct explain answer;
	uint8_t frame[EXPLAIN_FRAME_MAX];
	const char *why = NULL;
	int attachment, err;
	size_t len;

	if (explain_question_parse(request, &q, &why))
		return control_error("%s", why);
	attachment = find_attachment(g, q.in);
	if (attachment < 0)
		return control_error("there is no attachment '%s'; `espalier show attachments` "
				     "lists them",
				     q.in);
	if (input_of(g, (size_t)attachment, &q))
		return control_error("the device of attachment %s is not there", q.in);
	len = explain_frame(&q, frame);
	err = dataplane_explain(g->dataplane, &q.key, frame, len, &answer);
	if (err || answer.reason >= REASON_COUNT)
		return control_error("cannot run the explain program: %s", strerror(-err));
	return control_ok(explanation(g, &q, &answer));
}

/* ---- dispatch ---- */

static const struct {
	const char *name;
	json_t *(*show)(struct gateway *g, const json_t *request);
} commands[] = {
	{ "status", show_status },	     { "tunnels", show_tunnels },
	{ "connections", show_connections }, { "attachments", show_attachments },
	{ "groups", show_groups },	     { "drops", show_drops },
};

json_t *show_request(const json_t *request, void *context)
{
	const char *name = json_string_value(json_object_get(request, "command"));
	json_t *result;

	if (!name)
		return control_error("a request needs a command");
	if (!strcmp(name, "explain"))
		return answer_explain(context, request);
	if (!strcmp(name, "routes"))
		return answer_routes(context, request);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, name))
			continue;
		result = commands[i].show(context, request);
		return control_ok(result);
	}
	return control_error("unknown command '%s'", name);
}
