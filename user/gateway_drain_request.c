/* SPDX-License-Identifier: GPL-2.0-only */
/* Drains as users order them, and across restarts. */
#include <errno.h>
#include <string.h>
#include <time.h>
#include "gateway_change.h"
#include "gateway_drain.h"
#include "show_internal.h"

#define NS_PER_MS	   1000000ull
#define DEFAULT_DEADLINE_S 300
#define MAX_DEADLINE_S	   604800
#define DEFAULT_IDLE_S	   10
#define MAX_IDLE_S	   3600

uint64_t draining_wall_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / NS_PER_MS;
}

/* ---- across restarts ---- */

json_t *draining_state(const struct gateway *g)
{
	json_t *list = json_array();

	for (uint32_t id = 0; id < MAX_TUNNELS; id++) {
		const struct drain *d = &g->draining->drains.list[id];
		const struct drained *one = &g->draining->tunnels[id];

		if (d->order)
			json_array_append_new(
				list, json_pack("{s:s, s:I, s:I, s:I, s:I}", "tunnel",
						draining_name(g, id), "order", (json_int_t)d->order,
						"begun_ms", (json_int_t)one->begun_ms,
						"deadline_ms", (json_int_t)one->deadline_ms,
						"idle_ms", (json_int_t)(d->idle_ns / NS_PER_MS)));
	}
	return list;
}

static void begin(struct gateway *g, uint32_t id, const struct drained *when, uint64_t idle_ms)
{
	struct draining *d = g->draining;
	uint64_t now = draining_wall_ms();
	/* A clock that was set back must not prolong it. */
	uint64_t most = when->deadline_ms - when->begun_ms;
	uint64_t left = when->deadline_ms > now ? when->deadline_ms - now : 0;

	left = left < most ? left : most;
	if (left > MAX_DEADLINE_S * 1000ull) /* by a state file that somebody else wrote */
		left = MAX_DEADLINE_S * 1000ull;
	d->tunnels[id].begun_ms = when->begun_ms;
	d->tunnels[id].deadline_ms = when->deadline_ms;
	drain_begin(&d->drains, id, gateway_now(g) + left * NS_PER_MS, idle_ms * NS_PER_MS);
}

/* The tunnel that is drained now, or -1. */
static int restore_one(struct gateway *g, const json_t *item)
{
	const char *name = json_string_value(json_object_get(item, "tunnel"));
	struct drained when = {
		.begun_ms = (uint64_t)json_integer_value(json_object_get(item, "begun_ms")),
		.deadline_ms = (uint64_t)json_integer_value(json_object_get(item, "deadline_ms")),
	};
	uint64_t idle_ms = (uint64_t)json_integer_value(json_object_get(item, "idle_ms"));
	size_t index;
	int connection = name ? config_find_tunnel(&g->config, name, &index) : -1;

	if (connection < 0 || when.deadline_ms < when.begun_ms || !when.begun_ms)
		return -1;
	if (idle_ms < 1000 || idle_ms > MAX_IDLE_S * 1000ull)
		idle_ms = DEFAULT_IDLE_S * 1000ull;
	begin(g, g->ids.tunnel[connection][index], &when, idle_ms);
	return (int)g->ids.tunnel[connection][index];
}

/* The order in which they began says who carries on. */
void draining_restore(struct gateway *g, const json_t *list)
{
	json_int_t done = 0;

	for (size_t n = 0; n < json_array_size(list); n++) {
		const json_t *first = NULL;
		json_int_t least = 0;

		for (size_t i = 0; i < json_array_size(list); i++) {
			const json_t *item = json_array_get(list, i);
			json_int_t order = json_integer_value(json_object_get(item, "order"));

			if (order > done && (!first || order < least)) {
				first = item;
				least = order;
			}
		}
		if (!first)
			return;
		restore_one(g, first);
		done = least;
	}
}

static bool is_drained(const struct gateway *g, const json_t *item)
{
	const char *name = json_string_value(json_object_get(item, "tunnel"));
	size_t index;
	int connection = name ? config_find_tunnel(&g->config, name, &index) : -1;

	return connection >= 0 && g->draining->drains.list[g->ids.tunnel[connection][index]].order;
}

/* With its old place among them: nobody else had it meanwhile. */
void draining_resume(struct gateway *g, const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *item = json_array_get(list, i);
		int id = is_drained(g, item) ? -1 : restore_one(g, item);

		if (id < 0)
			continue;
		g->draining->drains.list[id].order =
			(uint64_t)json_integer_value(json_object_get(item, "order"));
		forwarding_refill(g, (uint32_t)id);
		gateway_request_update(g, 0);
	}
}

/* ---- requests ---- */

/* In milliseconds. False: not that. */
static bool seconds(const json_t *request, const char *key, unsigned normal, unsigned least,
		    unsigned most, uint64_t *out)
{
	const json_t *value = json_object_get(request, key);
	double given = json_number_value(value);

	*out = (uint64_t)normal * 1000;
	if (!value || json_is_null(value))
		return true;
	if (!json_is_number(value) || !(given >= least && given <= most))
		return false;
	*out = (uint64_t)(given * 1000);
	return true;
}

static json_t *parse_times(const json_t *request, struct drained *when, uint64_t *idle_ms)
{
	uint64_t deadline_ms;

	if (!seconds(request, "deadline_s", DEFAULT_DEADLINE_S, 0, MAX_DEADLINE_S, &deadline_ms))
		return control_error("the deadline is 0 to %d s from now", MAX_DEADLINE_S);
	if (!seconds(request, "idle_s", DEFAULT_IDLE_S, 1, MAX_IDLE_S, idle_ms))
		return control_error("the idle time is 1 to %d s", MAX_IDLE_S);
	if (!when->begun_ms)
		when->begun_ms = draining_wall_ms();
	when->deadline_ms = draining_wall_ms() + deadline_ms;
	return NULL;
}

/* What is not remembered would not survive a restart: then it is as before. */
static json_t *commit(struct gateway *g, uint32_t id, const struct drain *was,
		      const struct drained *was_when)
{
	int err = state_save(g);

	if (!err) {
		forwarding_refill(g, id);
		gateway_request_update(g, 0);
		return NULL;
	}
	g->draining->drains.list[id] = *was;
	g->draining->tunnels[id] = *was_when;
	return control_error("not changed: the state file in %s cannot be written: %s",
			     g->options->state_dir, strerror(-err));
}

static json_t *drain(struct gateway *g, uint32_t id, const json_t *request)
{
	const struct drain was = g->draining->drains.list[id];
	const struct drained was_when = g->draining->tunnels[id];
	struct drained when = was_when;
	uint64_t idle_ms = 0;
	json_t *wrong = parse_times(request, &when, &idle_ms);

	if (wrong)
		return wrong;
	begin(g, id, &when, idle_ms);
	monitor_because(g, "tunnel %s drained", draining_name(g, id));
	return commit(g, id, &was, &was_when);
}

static json_t *undrain(struct gateway *g, uint32_t id)
{
	const struct drain was = g->draining->drains.list[id];
	const struct drained was_when = g->draining->tunnels[id];

	if (!was.order)
		return control_error("tunnel %s is not being drained", draining_name(g, id));
	drain_end(&g->draining->drains, id, gateway_now(g));
	g->draining->tunnels[id].begun_ms = 0;
	monitor_because(g, "tunnel %s undrained", draining_name(g, id));
	return commit(g, id, &was, &was_when);
}

json_t *tunnel_request(struct gateway *g, const json_t *request)
{
	const char *action = json_string_value(json_object_get(request, "action"));
	const char *name = json_string_value(json_object_get(request, "tunnel"));
	json_t *wrong = change_refused(g);
	int connection;
	size_t index;
	uint32_t id;

	if (wrong)
		return wrong;
	if (!action || (strcmp(action, "drain") && strcmp(action, "undrain")))
		return control_error("tunnel needs an action, drain or undrain");
	if (!name)
		return control_error("tunnel needs a tunnel's name");
	connection = config_find_tunnel(&g->config, name, &index);
	if (connection < 0)
		return unknown_tunnel(&g->config, name);
	id = g->ids.tunnel[connection][index];
	wrong = strcmp(action, "drain") ? undrain(g, id) : drain(g, id, request);
	if (wrong)
		return wrong;
	return control_ok(json_pack("{s:s, s:s, s:o}", "action", action, "tunnel", name, "drain",
				    draining_json(g, id)));
}
