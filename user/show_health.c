/* SPDX-License-Identifier: GPL-2.0-only */
/* A tunnel's health check: what it says, and what that rests on. */
#include <string.h>
#include "gateway_health.h"
#include "show_internal.h"

static json_t *seconds_json(uint64_t ns)
{
	return json_real((double)ns / 1e9);
}

static json_t *rtt_json(const struct health *h)
{
	if (!h->answered)
		return json_null();
	return json_pack("{s:o, s:o, s:o}", "last_s", seconds_json(h->rtt_last_ns), "min_s",
			 seconds_json(h->rtt_min_ns), "avg_s", seconds_json(h->rtt_avg_ns));
}

json_t *health_json(const struct gateway *g, const struct gateway_tunnel *t)
{
	const struct config_tunnel *c = gateway_tunnel_config(g, t);
	const struct config_health_check *check = &c->health_check;
	const struct health *h = &t->health;

	if (!t->checked)
		return json_null();
	return json_pack("{s:s, s:f, s:b, s:o, s:o, s:f, s:I, s:s, s:s?, s:I, s:I, s:I, s:I, s:I, "
			 "s:o}",
			 "state", tunnel_health_name(h->state), "since_s",
			 seconds_since(g, h->since_ns), "running", h->running, "destination",
			 address_json(&h->destination), "source",
			 address_json(tunnel_health_source(c)), "interval_s",
			 (double)check->interval_ms / 1e3, "retries", (json_int_t)check->retries,
			 "on_failure", on_failure_name(check->on_failure), "refused",
			 t->refused ? strerror(-t->refused) : NULL, "sent", (json_int_t)h->sent,
			 "answered", (json_int_t)h->answered, "lost", (json_int_t)h->lost, "late",
			 (json_int_t)h->late, "duplicates", (json_int_t)h->duplicates, "rtt",
			 rtt_json(h));
}
