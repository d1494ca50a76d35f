/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What subscribers are told (`espalier monitor`, doc/control.md): one JSON object for each change
 * of a tunnel, of a route that packets meet, of the configuration, of an alarm, with its cause.
 * What nobody hears is not made.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "gateway_change.h"
#include "gateway_drain.h"

/* Of one update; a table of 100,000 routes that is withdrawn is one piece of news. */
#define ROUTES_TOLD 1000

static bool heard(const struct gateway *g)
{
	return g->control && control_subscribers(g->control);
}

/* Takes over `event`. */
static void publish(struct gateway *g, json_t *event)
{
	struct timespec now;
	struct tm tm;
	char date[32], text[48];

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text, sizeof(text), "%s.%03ldZ", date, now.tv_nsec / 1000000);
	if (event && !json_object_set_new(event, "time", json_string(text)))
		control_publish(g->control, event);
	json_decref(event);
}

/* ---- causes ---- */

void monitor_because(struct gateway *g, const char *format, ...)
{
	char *cause = g->change->cause, text[CAUSE_LEN];
	size_t len = strlen(cause);
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (!strstr(cause, text))
		snprintf(cause + len, CAUSE_LEN - len, "%s%s", len ? ", " : "", text);
}

static const char *cause_of(const struct gateway *g)
{
	return g->change->cause[0] ? g->change->cause : "found by the audit";
}

void monitor_settled(struct gateway *g)
{
	struct change *c = g->change;

	if (c->told > ROUTES_TOLD && heard(g))
		publish(g, json_pack("{s:s, s:I, s:s}", "event", "routes", "more",
				     (json_int_t)(c->told - ROUTES_TOLD), "cause", cause_of(g)));
	c->told = 0;
	c->cause[0] = '\0';
}

/* ---- what changed ---- */

void monitor_tunnel(struct gateway *g, const struct gateway_tunnel *t,
		    const struct phase2_change *change)
{
	const struct phase2_state *s = phase2_state(g->phase2, t->id);
	const char *missing;

	if (!heard(g) || !s)
		return;
	missing = s->missing == PHASE2_COMPLETE ? NULL : phase2_missing_text(s->missing);
	publish(g, json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:s, s:s?}", "event", "tunnel",
			     "tunnel", gateway_tunnel_config(g, t)->name, "connection",
			     g->config.connections[t->connection].name, "was",
			     phase2_status_name(change->was), "state",
			     phase2_status_name(change->status), "up", change->up, "cause",
			     phase2_cause_name(s->cause), "missing", missing));
}

void monitor_liveness(struct gateway *g, const struct gateway_tunnel *t)
{
	const struct tunnel_machine *m = &t->machine;
	char buf[TUNNEL_WHY_LEN];

	if (heard(g))
		publish(g, json_pack("{s:s, s:s, s:s, s:b, s:s?, s:b}", "event", "liveness",
				     "tunnel", gateway_tunnel_config(g, t)->name, "connection",
				     g->config.connections[t->connection].name, "live", m->live,
				     "why", tunnel_why_text(m, gateway_now(g), buf), "last_resort",
				     m->last_resort));
}

void monitor_health(struct gateway *g, const struct gateway_tunnel *t, enum tunnel_health was)
{
	char to[PREFIX_STRLEN];

	if (heard(g))
		publish(g, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "event", "health", "tunnel",
				     gateway_tunnel_config(g, t)->name, "connection",
				     g->config.connections[t->connection].name, "destination",
				     address_format(&t->health.destination, to), "was",
				     tunnel_health_name(was), "state",
				     tunnel_health_name(t->health.state)));
}

static const char *connection_of(const struct gateway *g, uint32_t tunnel)
{
	const struct gateway_tunnel *t = gateway_tunnel(g, tunnel);

	return t ? g->config.connections[t->connection].name : NULL;
}

void monitor_drain(struct gateway *g, const char *change, uint32_t tunnel, unsigned moved,
		   unsigned buckets)
{
	if (heard(g))
		publish(g, json_pack("{s:s, s:s, s:s, s:s?, s:I, s:I}", "event", "drain", "change",
				     change, "tunnel", draining_name(g, tunnel), "connection",
				     connection_of(g, tunnel), "moved", (json_int_t)moved,
				     "buckets", (json_int_t)buckets));
}

void monitor_return(struct gateway *g, uint32_t tunnel, unsigned moved, unsigned waiting)
{
	if (heard(g))
		publish(g,
			json_pack("{s:s, s:s, s:s?, s:I, s:I}", "event", "return", "tunnel",
				  draining_name(g, tunnel), "connection", connection_of(g, tunnel),
				  "moved", (json_int_t)moved, "waiting", (json_int_t)waiting));
}

void monitor_alarm(struct gateway *g, const char *text, bool raised)
{
	if (heard(g))
		publish(g, json_pack("{s:s, s:s, s:s}", "event", "alarm", "change",
				     raised ? "raised" : "cleared", "text", text));
}

void monitor_configuration(struct gateway *g, const char *change, const char *format, ...)
{
	char text[2 * CAUSE_LEN];
	va_list args;

	if (!heard(g))
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	publish(g, json_pack("{s:s, s:s, s:s%}", "event", "configuration", "change", change, "text",
			     text, strlen(text)));
}

void monitor_drift(struct gateway *g, const struct drift_item *i)
{
	if (heard(g))
		publish(g, json_pack("{s:s, s:s, s:s, s:s, s:b}", "event", "drift", "kind",
				     drift_kind_name(i->kind), "object", i->object, "found",
				     drift_found_name(i->found), "repaired", i->repaired));
}

/* ---- routes ---- */

static const char *name_in(const struct id_space *s, uint32_t id)
{
	return id < s->limit && s->names[id] ? s->names[id] : "?";
}

json_t *monitor_answer(const struct gateway *g, const struct fib_answer *a)
{
	json_t *list = json_array();

	switch (a ? a->kind : FIB_NONE) {
	case FIB_NONE:
		json_decref(list);
		return json_null();
	case FIB_TUNNELS:
		for (size_t i = 0; i < a->set.count; i++)
			json_array_append_new(list, json_string(name_in(&g->spaces.tunnels,
									a->set.members[i].tunnel)));
		break;
	case FIB_DEVICE:
		json_array_append_new(list,
				      json_string(name_in(&g->spaces.attachments, a->attachment)));
		break;
	case FIB_LOCAL:
		json_array_append_new(list, json_string("local"));
		break;
	case FIB_BLACKHOLE:
		json_array_append_new(list, json_string("blackhole"));
		break;
	}
	return list;
}

static bool leads(const struct fib_answer *a)
{
	return a && a->kind != FIB_NONE;
}

void monitor_route(struct gateway *g, const struct fib_table *t, const struct prefix *p,
		   const struct fib_answer *was, const struct fib_answer *is)
{
	const char *name, *colon, *change = "moved";
	char prefix[PREFIX_STRLEN];

	/* The other view of a table shows the same with some left out. */
	if (!heard(g) || (!t->connection && t->view == VIEW_EDGE) || (!leads(was) && !leads(is)))
		return;
	if (++g->change->told > ROUTES_TOLD)
		return;
	if (!leads(was) || !leads(is))
		change = leads(is) ? "added" : "removed";
	name = name_in(&g->spaces.tables, t->id);
	colon = strchr(name, ':');
	publish(g, json_pack("{s:s, s:s, s:s?, s:s?, s:s, s:o, s:o, s:s}", "event", "route",
			     "change", change, "table", t->connection || !colon ? NULL : colon + 1,
			     "connection", t->connection && colon ? colon + 1 : NULL, "prefix",
			     prefix_format(p, prefix), "was", monitor_answer(g, was), "is",
			     monitor_answer(g, is), "cause", cause_of(g)));
}
