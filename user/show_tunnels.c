/* SPDX-License-Identifier: GPL-2.0-only */
/* Tunnels: their state and its cause, what they carry. */
#include "gateway_drain.h"
#include "gateway_forecast.h"
#include "gateway_health.h"
#include "gateway_stats.h"
#include "show_internal.h"

static json_t *rate_json(const struct rates_window *w, enum direction d)
{
	double seconds = (double)w->span_ns / 1e9;

	return json_pack("{s:f, s:f}", "packets", (double)w->counters[d].packets / seconds, "bytes",
			 (double)w->counters[d].bytes / seconds);
}

static json_t *rates_json(struct gateway *g, const struct gateway_tunnel *t)
{
	struct rates_window w;

	if (!stats_window(g, t, &w))
		return json_null();
	return json_pack("{s:f, s:o, s:o}", "over_s", (double)w.span_ns / 1e9, "out",
			 rate_json(&w, DIRECTION_OUT), "in", rate_json(&w, DIRECTION_IN));
}

/* {damped, penalty, suppress, reuse, release_s, last_resort}, or null where nothing is damped. */
static json_t *damping_json(const struct gateway *g, const struct gateway_tunnel *t)
{
	const struct tunnel_machine *m = &t->machine;
	const struct damping_policy *p = &m->policy.damping;
	uint64_t now = gateway_now(g);

	if (!p->enabled)
		return json_null();
	return json_pack("{s:b, s:f, s:I, s:I, s:o, s:b}", "damped", m->damped, "penalty",
			 damping_penalty(&m->damping, p, now), "suppress", (json_int_t)p->suppress,
			 "reuse", (json_int_t)p->reuse, "release_s",
			 m->damped ? seconds_until(g, m->damping.until_ns) : json_null(),
			 "last_resort", m->last_resort);
}

/* Its part of what is known of a tunnel. */
static json_t *machine_json(const struct gateway *g, const struct gateway_tunnel *t)
{
	const struct tunnel_machine *m = &t->machine;
	uint64_t held = tunnel_held_until(m);
	char buf[TUNNEL_WHY_LEN];

	return json_pack("{s:b, s:s?, s:b, s:o, s:I, s:o, s:o}", "up", t->live, "why",
			 tunnel_why_text(m, gateway_now(g), buf), "present", m->present, "held_s",
			 held ? seconds_until(g, held) : json_null(), "flaps", (json_int_t)m->flaps,
			 "damping", damping_json(g, t), "health", health_json(g, t));
}

static json_t *show_tunnel(struct gateway *g, const struct gateway_tunnel *t)
{
	const struct config_tunnel *c = gateway_tunnel_config(g, t);
	const struct phase2_state *s = phase2_state(g->phase2, t->id);
	struct counter traffic[DIRECTIONS] = { 0 };
	struct host_link_counters link = { 0 };
	char device[DEVICE_NAME_LEN];
	json_t *out;

	dataplane_tunnel_counters(g->dataplane, t->id, traffic);
	if (t->ifindex)
		host_link_counters(g->host, t->ifindex, &link);
	out = json_pack(
		"{s:s, s:s, s:I, s:s, s:o, s:s, s:f, s:s, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:o, "
		"s:o, s:o, s:I, s:o, s:o, s:o}",
		"name", c->name, "connection", g->config.connections[t->connection].name, "if_id",
		(json_int_t)c->if_id, "device", tunnel_device_name(c, device), "ifindex",
		t->ifindex ? json_integer(t->ifindex) : json_null(), "state",
		phase2_status_name(s->status), "since_s", seconds_since(g, s->since_ns), "cause",
		phase2_cause_name(s->cause), "missing",
		s->missing == PHASE2_COMPLETE ? json_null()
					      : json_string(phase2_missing_text(s->missing)),
		"local_address", address_json(&c->local_address), "remote_address",
		address_json(&c->remote_address), "spi_in", spi_json(s->spi_in), "spi_out",
		spi_json(s->spi_out), "mtu", (json_int_t)t->mtu, "weight", (json_int_t)c->weight,
		"out", counter_json(&traffic[DIRECTION_OUT]), "in",
		counter_json(&traffic[DIRECTION_IN]), "rates", rates_json(g, t), "tx_carrier",
		(json_int_t)link.tx_carrier_errors, "sas", sas_json(g, t), "forecasts",
		forecasts_json(g, t), "drain", draining_json(g, t->id));
	json_object_update_new(out, machine_json(g, t));
	return out;
}

json_t *show_tunnels(struct gateway *g, const json_t *request)
{
	json_t *list = json_array();

	(void)request;
	refresh_sas(g);
	for (size_t i = 0; i < gateway_tunnel_places(g); i++)
		if (g->tunnels[i].used)
			json_array_append_new(list, show_tunnel(g, &g->tunnels[i]));
	return list;
}
