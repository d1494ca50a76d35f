/* SPDX-License-Identifier: GPL-2.0-only */
/* What BGP offers the connections, and what the quotas let in. Sessions are FRR's to tell. */
#include "gateway_bgp.h"
#include "io/fpm.h"
#include "show_internal.h"

static json_t *limit_json(size_t limit)
{
	return limit == LEARNED_NO_LIMIT ? json_null() : json_integer((json_int_t)limit);
}

static json_t *tunnel_counts(const struct gateway *g, size_t connection, size_t tunnel,
			     const size_t *stale)
{
	const struct learned_counts *c = &g->learned[connection]->counts;
	const struct config_tunnel *t = &g->config.connections[connection].tunnels[tunnel];
	size_t offered = c->offered[tunnel], accepted = c->accepted[tunnel];
	struct address peer = tunnel_peer_address(t);

	return json_pack("{s:s, s:o, s:b, s:I, s:I, s:I, s:I, s:o}", "name", t->name, "peer",
			 address_json(&peer), "up",
			 g->tunnels[connection * TUNNELS_PER_CONNECTION + tunnel].live, "offered",
			 (json_int_t)offered, "accepted", (json_int_t)accepted, "refused",
			 (json_int_t)(offered - accepted), "stale", (json_int_t)stale[tunnel],
			 "limit", limit_json(g->learned[connection]->limits.tunnel));
}

struct refused_list {
	const struct gateway *g;
	size_t connection;
	json_t *list;
};

static int append_refused(const struct prefix *p, tunnel_mask refused, void *context)
{
	const struct refused_list *l = context;
	const struct config_connection *c = &l->g->config.connections[l->connection];
	json_t *tunnels = json_array();

	for (size_t k = 0; k < c->tunnel_count; k++)
		if (refused >> k & 1)
			json_array_append_new(tunnels, json_string(c->tunnels[k].name));
	json_array_append_new(l->list, json_pack("{s:o, s:o}", "prefix", prefix_json(p), "tunnels",
						 tunnels));
	return 0;
}

/* For how long what is stale is kept at most. */
static json_t *stale_for(const struct gateway *g, size_t connection)
{
	uint64_t until = bgp_stale_until(g, connection), now = gateway_now(g);

	if (!until)
		return json_null();
	return json_real(until > now ? (double)(until - now) / 1e9 : 0.0);
}

/* Of FPM: whether the stream is there. The kernel always is. */
static json_t *connected(const struct gateway *g, const struct config_bgp *bgp)
{
	return bgp->feed == FEED_FPM ? json_boolean(bgp_fpm_connected(g)) : json_null();
}

static json_t *show_connection(const struct gateway *g, size_t i)
{
	const struct config_connection *c = &g->config.connections[i];
	struct refused_list refused = { g, i, json_array() };
	size_t stale[TUNNELS_PER_CONNECTION];
	json_t *tunnels = json_array();
	char vrf[DEVICE_NAME_LEN];

	learned_count_stale(g->learned[i], stale);
	for (size_t k = 0; k < c->tunnel_count; k++)
		json_array_append_new(tunnels, tunnel_counts(g, i, k, stale));
	learned_each_refused(g->learned[i], append_refused, &refused);
	return json_pack("{s:s, s:o, s:I, s:I, s:s, s:o, s:o, s:o, s:o, s:o}", "connection",
			 c->name, "vrf",
			 c->vrf ? json_string(connection_vrf_name(c, vrf)) : json_null(),
			 "kernel_table", (json_int_t)c->kernel_table, "local_asn",
			 (json_int_t)c->bgp.local_asn, "feed", bgp_feed_name(c->bgp.feed),
			 "feed_connected", connected(g, &c->bgp), "stale_for_s", stale_for(g, i),
			 "limit", limit_json(g->learned[i]->limits.connection), "tunnels", tunnels,
			 "refused", refused.list);
}

json_t *fpm_status(const struct gateway *g)
{
	const struct config_fpm *fpm = &g->config.gateway.fpm;
	const struct fpm_counters *c = bgp_fpm_counters(g);
	struct address address = config_fpm_address(fpm);

	if (!c)
		return json_null();
	return json_pack("{s:o, s:I, s:b, s:I, s:I, s:I, s:I, s:I}", "address",
			 address_json(&address), "port", (json_int_t)fpm->port, "connected",
			 bgp_fpm_connected(g), "connections", (json_int_t)c->connections, "refused",
			 (json_int_t)c->refused, "frames", (json_int_t)c->frames, "bytes",
			 (json_int_t)c->bytes, "unreadable", (json_int_t)c->unreadable);
}

json_t *show_bgp(struct gateway *g, const json_t *request)
{
	json_t *list = json_array();

	(void)request;
	for (size_t i = 0; i < g->config.connection_count; i++)
		if (g->config.connections[i].bgp.enabled)
			json_array_append_new(list, show_connection(g, i));
	return list;
}
