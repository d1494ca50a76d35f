/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tunnels and their SAs.
 */
#include <time.h>
#include "show_internal.h"

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

json_t *show_tunnels(struct gateway *g, const json_t *request)
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
