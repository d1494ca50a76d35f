/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Drives the machines of core/tunnel.h: what is known of a tunnel goes in, and what follows is
 * done: liveness at once, routes when they must. One timer for all that comes by time alone.
 */
#include <syslog.h>
#include "gateway_change.h"
#include "gateway_health.h"

/* As the hold-down is by default: for less, all its routes in the kernel are not written twice. */
#define SLOW_PATH_LEAVES_NS 300000000ull

bool gateway_tunnel_present(const struct gateway *g, const struct gateway_tunnel *t)
{
	(void)g;
	return t->machine.present;
}

/* ---- what follows ---- */

/* Of a machine, before it was asked. */
struct former {
	bool live, present;
};

static struct former former_of(const struct tunnel_machine *m)
{
	return (struct former){ m->live, m->present };
}

/* What Phase 2 does is told with its message, and so is what it alone leads to. */
static bool told_by_phase2(enum tunnel_why why)
{
	return why == TUNNEL_LIVE || why == TUNNEL_NO_PHASE2;
}

static void log_liveness(const struct gateway *g, const struct gateway_tunnel *t)
{
	const struct tunnel_machine *m = &t->machine;
	char buf[TUNNEL_WHY_LEN];

	gateway_log(m->live ? LOG_NOTICE : LOG_WARNING, "tunnel %s: %s%s",
		    gateway_tunnel_config(g, t)->name, m->live ? "live" : "not live: ",
		    m->last_resort ? " although damped, as the last resort of its connection"
		    : m->live	   ? ""
				   : tunnel_why_text(m, gateway_now(g), buf));
}

static void tell(struct gateway *g, struct gateway_tunnel *t)
{
	const struct tunnel_machine *m = &t->machine;
	enum tunnel_why was = t->why;
	bool resort = t->told_last_resort || m->last_resort;

	if (tunnel_why(m) == was && m->last_resort == t->told_last_resort)
		return;
	t->why = tunnel_why(m);
	t->told_last_resort = m->last_resort;
	monitor_liveness(g, t);
	if (resort || !told_by_phase2(was) || !told_by_phase2(t->why))
		log_liveness(g, t);
}

/* A fall alone changes no route: they wait for the end of the hold-down, which has a timer. But
 * the kernel's own hops must leave a tunnel that stays down, however long routes are held. */
static void follow(struct gateway *g, struct gateway_tunnel *t, const struct former *was)
{
	const struct tunnel_machine *m = &t->machine;
	const char *name = gateway_tunnel_config(g, t)->name;

	tell(g, t);
	if (m->live && !was->live)
		monitor_because(g, "tunnel %s up", name);
	else if (was->present && !m->present)
		monitor_because(g, "tunnel %s down", name);
	else if (was->live && !m->live)
		return gateway_request_update(g, SLOW_PATH_LEAVES_NS);
	else
		return;
	gateway_request_update(g, 0);
}

static void write_words(struct gateway *g, struct gateway_tunnel *tunnels, const struct former *was,
			bool live)
{
	for (size_t i = 0; i < TUNNELS_PER_CONNECTION; i++)
		if (tunnels[i].used && tunnels[i].machine.live == live && was[i].live != live)
			forwarding_set_live(g, &tunnels[i], live);
}

/* All tunnels of a connection at once, for one may be the last resort of another. */
static void decide(struct gateway *g, size_t connection)
{
	struct gateway_tunnel *tunnels = &g->tunnels[connection * TUNNELS_PER_CONNECTION];
	struct tunnel_machine *machines[TUNNELS_PER_CONNECTION];
	struct former was[TUNNELS_PER_CONNECTION];
	size_t count = 0;

	for (size_t i = 0; i < TUNNELS_PER_CONNECTION; i++) {
		was[i] = former_of(&tunnels[i].machine);
		if (tunnels[i].used)
			machines[count++] = &tunnels[i].machine;
	}
	tunnels_decide(machines, count, gateway_now(g));
	write_words(g, tunnels, was, false);
	write_words(g, tunnels, was, true);
	for (size_t i = 0; i < TUNNELS_PER_CONNECTION; i++)
		if (tunnels[i].used)
			follow(g, &tunnels[i], &was[i]);
}

/* ---- time ---- */

/* The first one of these tunnels. In microseconds, as the timer has them; never early. 0: nothing
 * will come by itself. */
static uint64_t next_deadline(const struct gateway_tunnel *tunnels, size_t count)
{
	uint64_t first = 0;

	for (size_t i = 0; i < count; i++) {
		uint64_t one = tunnel_deadline(&tunnels[i].machine);

		if (one && (!first || one < first))
			first = one;
	}
	return (first + 999) / 1000;
}

static void arm(struct gateway *g)
{
	uint64_t due = next_deadline(g->tunnels, gateway_tunnel_places(g));

	if (due)
		sd_event_source_set_time(g->tunnel_timer, due);
	sd_event_source_set_enabled(g->tunnel_timer, due ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

/* For one connection, whatever the number of others: a deadline that it no longer has finds nothing
 * to do. */
static void arm_sooner(struct gateway *g, size_t connection)
{
	uint64_t due = next_deadline(&g->tunnels[connection * TUNNELS_PER_CONNECTION],
				     TUNNELS_PER_CONNECTION);
	uint64_t armed = 0;
	int enabled = SD_EVENT_OFF;

	sd_event_source_get_enabled(g->tunnel_timer, &enabled);
	sd_event_source_get_time(g->tunnel_timer, &armed);
	if (!due || (enabled != SD_EVENT_OFF && armed <= due))
		return;
	sd_event_source_set_time(g->tunnel_timer, due);
	sd_event_source_set_enabled(g->tunnel_timer, SD_EVENT_ONESHOT);
}

static void decide_all(struct gateway *g)
{
	for (size_t i = 0; i < g->config.connection_count; i++)
		decide(g, i);
	arm(g);
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *data)
{
	(void)source;
	(void)usec;
	decide_all(data);
	return 0;
}

int tunnels_begin(struct gateway *g)
{
	int err = sd_event_add_time(g->event, &g->tunnel_timer, CLOCK_MONOTONIC, 0, 1, on_deadline,
				    g);

	if (err >= 0)
		err = sd_event_source_set_priority(g->tunnel_timer, SD_EVENT_PRIORITY_IMPORTANT);
	if (err >= 0)
		err = sd_event_source_set_enabled(g->tunnel_timer, SD_EVENT_OFF);
	return err < 0 ? err : 0;
}

/* ---- what goes in ---- */

static struct tunnel_inputs inputs_of(const struct gateway *g, const struct gateway_tunnel *t)
{
	const struct config_health_check *check = &gateway_tunnel_config(g, t)->health_check;
	const struct phase2_state *s = phase2_state(g->phase2, t->id);

	return (struct tunnel_inputs){
		.up = s && s->up,
		.missing = s ? s->missing : PHASE2_NO_SA,
		.no_device = t->located && !t->ifindex,
		.health = t->checked ? t->health.state : TUNNEL_HEALTH_NONE,
		.revokes = check->on_failure == ON_FAILURE_REVOKE_ROUTE,
	};
}

static void take_in(struct gateway *g, struct gateway_tunnel *t)
{
	struct tunnel_inputs in = inputs_of(g, t);

	tunnel_input(&t->machine, &in, gateway_now(g));
}

void tunnel_changed(struct gateway *g, struct gateway_tunnel *t)
{
	take_in(g, t);
	decide(g, t->connection);
	arm_sooner(g, t->connection);
	check_follow(g, t);
}

void tunnels_configure(struct gateway *g)
{
	struct tunnel_policy policy = tunnel_policy_of(&g->config.gateway);

	for (size_t i = 0; i < gateway_tunnel_places(g); i++) {
		struct gateway_tunnel *t = &g->tunnels[i];

		tunnel_set_policy(&t->machine, &policy, gateway_now(g));
		if (!t->used)
			continue;
		check_configure(g, t);
		take_in(g, t);
	}
	decide_all(g);
}
