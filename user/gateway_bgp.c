/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include "gateway_bgp_internal.h"
#include "gateway_change.h"

#define SETTLE_MS  20	/* a burst is judged as one */
#define RETRY_MS   1000 /* after an error, such as no memory */
#define READ_PAUSE 100u /* times what the last reading took, between readings without cause */

uint64_t bgp_monotonic(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

/* ---- connections by name ---- */

struct bgp_connection *bgp_connection_named(const struct bgp *b, const char *name)
{
	struct bgp_connection *c = b->connections;

	while (c && strcmp(c->name, name))
		c = c->next;
	return c;
}

/* g->learned points into it. */
struct bgp_connection *bgp_connection_at(const struct gateway *g, size_t connection)
{
	return (struct bgp_connection *)((char *)g->learned[connection] -
					 offsetof(struct bgp_connection, learned));
}

static struct bgp_connection *add_connection(struct bgp *b, const char *name)
{
	struct bgp_connection *c = calloc(1, sizeof(*c));

	if (c)
		c->name = strdup(name);
	if (!c || !c->name) {
		free(c);
		return NULL;
	}
	c->next = b->connections;
	b->connections = c;
	return c;
}

struct learned **bgp_bind(struct gateway *g, const struct config *c)
{
	struct learned **list = calloc(c->connection_count + 1, sizeof(struct learned *));

	for (size_t i = 0; list && i < c->connection_count; i++) {
		struct bgp_connection *known = bgp_connection_named(g->bgp, c->connections[i].name);

		if (!known)
			known = add_connection(g->bgp, c->connections[i].name);
		if (!known) {
			free(list);
			return NULL;
		}
		list[i] = &known->learned;
	}
	return list;
}

static void free_connection(struct bgp_connection *c)
{
	learned_free(&c->learned);
	free(c->name);
	free(c);
}

void bgp_retire(struct gateway *g)
{
	struct bgp_connection **place = &g->bgp->connections, *c;

	while ((c = *place)) {
		if (config_find_connection(&g->config, c->name) >= 0) {
			place = &c->next;
			continue;
		}
		*place = c->next;
		free_connection(c);
		g->bgp->memory.outdated = true;
	}
}

/* ---- when ---- */

void bgp_arm(struct gateway *g, sd_event_source *timer, uint64_t delay_ns)
{
	int enabled = SD_EVENT_OFF;

	sd_event_source_get_enabled(timer, &enabled);
	if (enabled != SD_EVENT_OFF)
		return;
	sd_event_source_set_time(timer, (gateway_now(g) + delay_ns) / NS_PER_US);
	sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

static bool any_unsettled(const struct gateway *g)
{
	for (size_t i = 0; i < g->config.connection_count; i++)
		if (learned_unsettled(g->learned[i]))
			return true;
	return false;
}

void bgp_request_settling(struct gateway *g)
{
	if (g->bgp->settle && any_unsettled(g))
		bgp_arm(g, g->bgp->settle, SETTLE_MS * NS_PER_MS);
}

static int on_settle(sd_event_source *source, uint64_t usec, void *data)
{
	struct gateway *g = data;
	int err;

	(void)usec;
	err = forwarding_learn(g);
	if (err) {
		gateway_log(LOG_ERR, "BGP routes could not all be followed: %s", strerror(-err));
		bgp_arm(g, source, RETRY_MS * NS_PER_MS);
	}
	gateway_request_slow_path(g); /* also says what was refused */
	return 0;
}

static int on_feed(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct gateway *g = data;
	struct bgp_follower f = { g, FEED_KERNEL, &g->bgp->nexthops };
	bool was_stale = bgp_any_stale(g);
	int err = route_feed_receive(g->bgp->feed, bgp_follow, &f);

	(void)source;
	(void)fd;
	(void)events;
	if (err) {
		gateway_log(LOG_WARNING, "messages about routes were lost (%s): reading all anew",
			    strerror(-err));
		bgp_request_reread(g, 0);
	}
	bgp_request_settling(g);
	bgp_remember_later(g);
	if (was_stale != bgp_any_stale(g))
		gateway_request_slow_path(g);
	return 0;
}

static int on_reread(sd_event_source *source, uint64_t usec, void *data)
{
	struct gateway *g = data;

	(void)usec;
	if (bgp_read_all(g))
		bgp_arm(g, source, RETRY_MS * NS_PER_MS);
	if (any_unsettled(g))
		bgp_arm(g, g->bgp->settle, 0);
	return 0;
}

static bool concerns(const struct host_event *event, const char *device, uint32_t ifindex)
{
	switch (event->kind) {
	case HOST_LINK_CHANGED:
	case HOST_LINK_GONE:
		return !strcmp(event->link.name, device);
	case HOST_ADDRESS_ADDED:
	case HOST_ADDRESS_GONE:
		return event->address.ifindex == ifindex;
	case HOST_EVENTS_LOST:
		return true;
	}
	return false;
}

void bgp_host_changed(struct gateway *g, const struct host_event *event)
{
	char name[DEVICE_NAME_LEN];

	for (size_t i = 0; i < gateway_tunnel_places(g); i++) {
		const struct gateway_tunnel *t = &g->tunnels[i];

		if (t->used && g->config.connections[t->connection].bgp.enabled &&
		    concerns(event, tunnel_device_name(gateway_tunnel_config(g, t), name),
			     t->ifindex))
			bgp_request_reread(g, BGP_LINK_SETTLE_MS * NS_PER_MS);
	}
}

void bgp_audit(struct gateway *g)
{
	bgp_fpm_configure(g);
	if (bgp_monotonic() - g->bgp->read_at_ns >= READ_PAUSE * g->bgp->read_took_ns)
		bgp_request_reread(g, 0);
}

/* ---- configuration ---- */

static int tell_nobody(const struct prefix *p, tunnel_mask accepted, void *context)
{
	(void)p;
	(void)accepted;
	(void)context;
	return 0;
}

/* Is a connection's table, or which tunnel is which in it, another one than was read? */
static bool must_read(const struct gateway *g)
{
	for (size_t i = 0; i < g->config.connection_count; i++) {
		const struct config_connection *c = &g->config.connections[i];
		struct bgp_source now = bgp_source_of(c);

		if (!bgp_same_source(&now, &bgp_connection_named(g->bgp, c->name)->source))
			return true;
	}
	return false;
}

/* The rib is about to be built from what is accepted: there is nothing to be told. */
static int settle_all(struct gateway *g)
{
	int err = 0;

	for (size_t i = 0; !err && i < g->config.connection_count; i++)
		err = learned_settle(g->learned[i], tell_nobody, NULL);
	return err;
}

int bgp_configure(struct gateway *g)
{
	int err;

	for (size_t i = 0; i < g->config.connection_count; i++)
		learned_set_limits(g->learned[i], learned_limits_of(&g->config, i));
	bgp_limit_staleness(g);
	bgp_fpm_configure(g);
	/* What a former espalierd knew comes before what the kernel has beside it [S43]. */
	err = settle_all(g);
	if (!err && must_read(g))
		err = bgp_read_all(g);
	return err ? err : settle_all(g);
}

int bgp_open(struct gateway *g)
{
	const char *why = "no memory";
	int err;

	g->bgp = calloc(1, sizeof(*g->bgp));
	err = g->bgp ? route_feed_open(&g->bgp->feed, &why) : -ENOMEM;
	if (err)
		gateway_log(LOG_ERR, "cannot follow BGP routes: %s", why);
	return err;
}

static int add_timer(struct gateway *g, sd_event_source **out, sd_event_time_handler_t handler)
{
	int err = sd_event_add_time(g->event, out, CLOCK_MONOTONIC, 0, 1, handler, g);

	return err < 0 ? err : sd_event_source_set_enabled(*out, SD_EVENT_OFF);
}

int bgp_add_events(struct gateway *g)
{
	int err = add_timer(g, &g->bgp->settle, on_settle);

	if (err >= 0)
		err = add_timer(g, &g->bgp->reread, on_reread);
	if (err >= 0)
		err = add_timer(g, &g->bgp->expire, bgp_on_expire);
	if (err >= 0)
		err = add_timer(g, &g->bgp->memory.timer, bgp_on_remember);
	if (err >= 0)
		err = gateway_add_io(g, route_feed_fd(g->bgp->feed), on_feed,
				     SD_EVENT_PRIORITY_NORMAL);
	bgp_await_expiry(g);
	bgp_request_settling(g);
	bgp_remember_later(g);
	return err < 0 ? err : 0;
}

void bgp_close(struct gateway *g)
{
	struct bgp_connection *c, *next;

	if (!g->bgp)
		return;
	sd_event_source_unref(g->bgp->settle);
	sd_event_source_unref(g->bgp->reread);
	sd_event_source_unref(g->bgp->expire);
	sd_event_source_unref(g->bgp->memory.timer);
	bgp_fpm_close(g);
	route_feed_close(g->bgp->feed);
	nexthops_free(&g->bgp->nexthops);
	free(g->bgp->devices);
	for (c = g->bgp->connections; c; c = next) {
		next = c->next;
		free_connection(c);
	}
	free(g->bgp);
	g->bgp = NULL;
}
