/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What users are told: the answers of doc/control.md, made from the gateway's state and the
 * dataplane's counters. Changes nothing. This file: what is asked for, and the status.
 */
#include <string.h>
#include <unistd.h>
#include "gateway_audit.h"
#include "show_internal.h"
#include "version.h"

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

static json_t *index_json(const struct gateway *g)
{
	struct dataplane_index_use use = dataplane_index_use(g->dataplane);

	return json_pack("{s:I, s:I}", "bytes", (json_int_t)use.bytes, "partly",
			 (json_int_t)use.partly);
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

static json_t *slow_path_json(const struct gateway *g)
{
	return json_pack("{s:I, s:b}", "behind", (json_int_t)slow_path_behind(&g->slow), "sweeping",
			 g->slow.sweeping);
}

static json_t *show_status(struct gateway *g, const json_t *request)
{
	(void)request;
	return json_pack(
		"{s:s, s:i, s:f, s:s, s:o, s:b, s:o, s:o, s:o, s:{s:I}, s:o, s:o, s:o, s:o, "
		"s:o, s:o, s:o, s:o}",
		"version", VERSION, "pid", (int)getpid(), "uptime_s",
		seconds_since(g, g->started_ns), "config", g->options->config, "configuration",
		change_status(g), "ready", g->ready, "alarms", alarms_json(g), "tunnels",
		tunnel_counts(g), "connections", connection_counts(g), "attachments", "total",
		(json_int_t)g->config.attachment_count, "routes", route_counts(g), "groups",
		group_counts(g), "index", index_json(g), "traffic", traffic_json(g), "dropped",
		dropped_json(g), "drift", drift_status(g), "fpm", fpm_status(g), "slow_path",
		slow_path_json(g));
}

static const struct {
	const char *name;
	json_t *(*show)(struct gateway *g, const json_t *request);
} commands[] = {
	{ "status", show_status },
	{ "tunnels", show_tunnels },
	{ "connections", show_connections },
	{ "attachments", show_attachments },
	{ "bgp", show_bgp },
	{ "drift", show_drift },
	{ "groups", show_groups },
	{ "drops", show_drops },
	{ "cpus", show_cpus },
};

json_t *show_request(const json_t *request, void *context)
{
	const char *name = json_string_value(json_object_get(request, "command"));
	json_t *result;

	if (!name)
		return control_error("a request needs a command");
	if (!strcmp(name, "explain"))
		return answer_explain(context, request);
	if (!strcmp(name, "preview"))
		return answer_preview(context, request);
	if (!strcmp(name, "routes"))
		return answer_routes(context, request);
	if (!strcmp(name, "advertised"))
		return answer_advertised(context, request);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, name))
			continue;
		result = commands[i].show(context, request);
		return control_ok(result);
	}
	return control_error("unknown command '%s'", name);
}
