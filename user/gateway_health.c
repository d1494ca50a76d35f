/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <syslog.h>
#include <time.h>
#include "gateway_change.h"
#include "gateway_health.h"
#include "io/probe.h"

#define NS_PER_MS 1000000ull
/* Probes of many tunnels that are due at nearly the same time leave together. */
#define SLACK_US 5000

struct checks {
	struct probes *probes;
	sd_event_source *timer;
	uint64_t cookie; /* of this run */
};

/* Not the event's: an answer is measured, and probes are sent one after the other. */
static uint64_t monotonic(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static const struct config_health_check *check_of(const struct gateway *g,
						  const struct gateway_tunnel *t)
{
	return &gateway_tunnel_config(g, t)->health_check;
}

/* ---- what a check says ---- */

static void log_health(const struct gateway *g, const struct gateway_tunnel *t,
		       enum tunnel_health was)
{
	char to[PREFIX_STRLEN];

	gateway_log(t->health.state == TUNNEL_HEALTH_BAD ? LOG_WARNING : LOG_NOTICE,
		    "tunnel %s: health check of %s: %s, was %s", gateway_tunnel_config(g, t)->name,
		    address_format(&t->health.destination, to), tunnel_health_name(t->health.state),
		    tunnel_health_name(was));
}

/* The tunnel first; alarms, and routes if it comes to that, follow by an update. */
static void tell_if_changed(struct gateway *g, struct gateway_tunnel *t, enum tunnel_health was)
{
	if (t->health.state == was)
		return;
	tunnel_changed(g, t);
	monitor_health(g, t, was);
	log_health(g, t, was);
	gateway_request_update(g, 0);
}

static void note_refusal(struct gateway *g, struct gateway_tunnel *t, int err)
{
	if (t->refused == err)
		return;
	t->refused = err;
	gateway_request_update(g, 0);
}

/* ---- probes ---- */

/* Link-local ones are not among `locals`: the tunnel's own, which host plans see to. */
static bool is_here(const struct gateway *g, const struct address *source)
{
	if (address_is_link_local(source))
		return true;
	for (size_t i = 0; i < g->local_count; i++)
		if (address_equal(source, &g->locals[i]))
			return true;
	return false;
}

static void send_probe(struct gateway *g, struct gateway_tunnel *t,
		       const struct health_probe *probe)
{
	const struct probe_way way = {
		.ifindex = t->ifindex,
		.source = *tunnel_health_source(gateway_tunnel_config(g, t)),
		.destination = t->health.destination,
	};
	uint64_t now = monotonic();
	int err = is_here(g, &way.source) ? probe_send(g->checks->probes, &way, probe)
					  : -EADDRNOTAVAIL;

	if (err == -EAGAIN) /* our own queue: says nothing of the path, and passes */
		return;
	if (err)
		health_refused(&t->health, now);
	else
		health_sent(&t->health, now);
	note_refusal(g, t, err);
}

static void tick(struct gateway *g, struct gateway_tunnel *t)
{
	enum tunnel_health was = t->health.state;
	struct health_probe probe;

	if (!health_tick(&t->health, monotonic(), &probe))
		return;
	send_probe(g, t, &probe);
	tell_if_changed(g, t, was);
}

static void arm(struct gateway *g)
{
	uint64_t first = 0;

	for (size_t i = 0; i < gateway_tunnel_places(g); i++) {
		const struct gateway_tunnel *t = &g->tunnels[i];

		if (t->checked && t->health.running && (!first || t->health.due_ns < first))
			first = t->health.due_ns;
	}
	if (first)
		sd_event_source_set_time(g->checks->timer, (first + 999) / 1000);
	sd_event_source_set_enabled(g->checks->timer, first ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

/* ---- answers ---- */

static void take_answer(const struct address *sender, const struct health_probe *probe,
			uint64_t at_ns, void *data)
{
	struct gateway *g = data;
	struct gateway_tunnel *t = gateway_tunnel(g, probe->ident);
	enum tunnel_health was;

	if (!t || !t->checked)
		return;
	was = t->health.state;
	if (at_ns < t->health.sent_ns) /* two clocks are compared */
		at_ns = t->health.sent_ns;
	health_answer(&t->health, sender, probe, at_ns);
	tell_if_changed(g, t, was);
}

static int on_answers_v4(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct gateway *g = data;

	(void)source;
	(void)fd;
	(void)events;
	probes_receive(g->checks->probes, AF_INET, take_answer, g);
	return 0;
}

static int on_answers_v6(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct gateway *g = data;

	(void)source;
	(void)fd;
	(void)events;
	probes_receive(g->checks->probes, AF_INET6, take_answer, g);
	return 0;
}

/* Answers first: a controller that was busy must not take for lost what only waited. */
static int on_due(sd_event_source *source, uint64_t usec, void *data)
{
	struct gateway *g = data;

	(void)source;
	(void)usec;
	probes_receive(g->checks->probes, AF_INET, take_answer, g);
	probes_receive(g->checks->probes, AF_INET6, take_answer, g);
	for (size_t i = 0; i < gateway_tunnel_places(g); i++)
		if (g->tunnels[i].used && g->tunnels[i].checked)
			tick(g, &g->tunnels[i]);
	arm(g);
	return 0;
}

/* ---- the tunnel ---- */

void check_follow(struct gateway *g, struct gateway_tunnel *t)
{
	enum tunnel_health was = t->health.state;
	bool run = t->machine.in.up && !t->machine.in.no_device && t->ifindex;

	if (!t->checked || run == t->health.running)
		return;
	if (run)
		health_start(&t->health, gateway_now(g));
	else
		health_stop(&t->health, gateway_now(g));
	if (t->health.state != was)
		monitor_health(g, t, was);
	arm(g);
}

void check_configure(struct gateway *g, struct gateway_tunnel *t)
{
	const struct config_health_check *c = check_of(g, t);
	uint64_t now = gateway_now(g);

	if (!c->destination.family) {
		t->checked = false;
		t->refused = 0;
		return;
	}
	if (!t->checked || !address_equal(&t->health.destination, &c->destination))
		health_init(&t->health, &c->destination, (uint16_t)t->id, g->checks->cookie, now);
	t->checked = true;
	t->refused = 0; /* the source may be another one: the next probe tells */
	health_set(&t->health, c->interval_ms * NS_PER_MS, c->retries, now);
	check_follow(g, t);
	arm(g);
}

/* ---- alarms ---- */

static void alarm_refused(struct gateway *g, const struct gateway_tunnel *t)
{
	const struct config_tunnel *c = gateway_tunnel_config(g, t);
	char from[PREFIX_STRLEN], to[PREFIX_STRLEN];

	gateway_alarm(g, "tunnel %s: its health check cannot send to %s from %s: %s%s", c->name,
		      address_format(&t->health.destination, to),
		      address_format(tunnel_health_source(c), from), strerror(-t->refused),
		      t->refused == -EADDRNOTAVAIL ? "; 'source' must be an address of this gateway"
		      : t->refused == -EPERM	   ? "; espalierd needs CAP_NET_RAW when it starts"
						   : "");
}

static void alarm_bad(struct gateway *g, const struct gateway_tunnel *t)
{
	bool revokes = check_of(g, t)->on_failure == ON_FAILURE_REVOKE_ROUTE;
	char to[PREFIX_STRLEN];

	gateway_alarm(g, "tunnel %s: %s behind it does not answer; %s",
		      gateway_tunnel_config(g, t)->name, address_format(&t->health.destination, to),
		      revokes ? "it carries nothing (on_failure: revoke_route)"
			      : "it goes on carrying (on_failure: reserve_route)");
}

void checks_alarm(struct gateway *g)
{
	for (size_t i = 0; i < gateway_tunnel_places(g); i++) {
		const struct gateway_tunnel *t = &g->tunnels[i];

		if (!t->used || !t->checked || !t->health.running)
			continue;
		if (t->refused)
			alarm_refused(g, t);
		else if (t->health.state == TUNNEL_HEALTH_BAD)
			alarm_bad(g, t);
	}
}

/* ---- begin, end ---- */

static int add_answers(struct gateway *g, uint8_t family, sd_event_io_handler_t handler)
{
	int fd = probes_fd(g->checks->probes, family);

	if (fd >= 0)
		return gateway_add_io(g, fd, handler, SD_EVENT_PRIORITY_NORMAL);
	gateway_log(LOG_NOTICE, "no health checks by IPv%d: %s", family == AF_INET ? 4 : 6,
		    strerror(-fd));
	return 0;
}

int checks_begin(struct gateway *g)
{
	int err;

	g->checks = calloc(1, sizeof(*g->checks));
	if (!g->checks)
		return -ENOMEM;
	if (getrandom(&g->checks->cookie, sizeof(g->checks->cookie), 0) !=
	    sizeof(g->checks->cookie))
		return -errno;
	err = probes_open(&g->checks->probes);
	if (!err)
		err = add_answers(g, AF_INET, on_answers_v4);
	if (err >= 0)
		err = add_answers(g, AF_INET6, on_answers_v6);
	if (err >= 0)
		err = sd_event_add_time(g->event, &g->checks->timer, CLOCK_MONOTONIC, 0, SLACK_US,
					on_due, g);
	if (err >= 0)
		err = sd_event_source_set_enabled(g->checks->timer, SD_EVENT_OFF);
	return err < 0 ? err : 0;
}

void checks_free(struct gateway *g)
{
	if (!g->checks)
		return;
	sd_event_source_unref(g->checks->timer);
	probes_close(g->checks->probes);
	free(g->checks);
	g->checks = NULL;
}
