/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <syslog.h>
#include <time.h>
#include <linux/rtnetlink.h>
#include "core/nexthops.h"
#include "gateway_bgp.h"
#include "gateway_change.h"
#include "io/route_feed.h"

#define SETTLE_MS      20   /* a burst is judged as one */
#define READ_PAUSE     100u /* times what the last reading took, between readings without cause */
#define LINK_SETTLE_MS 50
#define NS_PER_MS      1000000ull
#define NS_PER_US      1000ull

/* What a reading of a connection's routes hangs on. */
struct bgp_source {
	bool enabled;
	uint32_t table;
	char devices[TUNNELS_PER_CONNECTION][DEVICE_NAME_LEN]; /* tunnels by position */
};

/* What a connection of this name has learned. */
struct bgp_connection {
	struct bgp_connection *next;
	char *name;
	struct learned learned;
	struct bgp_source source; /* of what was learned */
};

struct bgp {
	struct route_feed *feed;
	struct nexthops nexthops;
	struct bgp_connection *connections;
	sd_event_source *settle, *reread;
	uint32_t *devices; /* of tunnels, by place, as of the last reading; 0: not there, or down */
	uint64_t read_at_ns, read_took_ns;
	bool aliased; /* some route has another one beside it, with the same key */
};

static uint64_t monotonic(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- connections by name ---- */

static struct bgp_connection *connection_named(struct bgp *b, const char *name)
{
	struct bgp_connection *c = b->connections;

	while (c && strcmp(c->name, name))
		c = c->next;
	return c;
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
		struct bgp_connection *known = connection_named(g->bgp, c->connections[i].name);

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
	}
}

/* ---- events ---- */

/* Position of the connection that has BGP and this kernel table, or -1. */
static int connection_of(const struct gateway *g, uint32_t table)
{
	for (size_t i = 0; i < g->config.connection_count; i++)
		if (g->config.connections[i].bgp.enabled &&
		    g->config.connections[i].kernel_table == table)
			return (int)i;
	return -1;
}

static tunnel_mask tunnels_behind(const struct gateway *g, size_t connection,
				  const uint32_t *devices, size_t count)
{
	const uint32_t *own = &g->bgp->devices[connection * TUNNELS_PER_CONNECTION];
	tunnel_mask mask = 0;

	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < TUNNELS_PER_CONNECTION; k++)
			if (own[k] && own[k] == devices[i])
				mask |= (tunnel_mask)(1u << k);
	return mask;
}

static tunnel_mask tunnels_of_nexthop(const struct gateway *g, size_t connection, uint32_t id)
{
	uint32_t devices[ROUTE_HOPS];
	size_t count = nexthops_devices(&g->bgp->nexthops, id, devices, ROUTE_HOPS);

	return tunnels_behind(g, connection, devices, count);
}

/* With net.ipv4.nexthop_compat_mode=0 a message has the object's id alone. */
static tunnel_mask tunnels_of_route(const struct gateway *g, size_t connection,
				    const struct route_event *e)
{
	if (e->hop_count || !e->nexthop)
		return tunnels_behind(g, connection, e->hops, e->hop_count);
	return tunnels_of_nexthop(g, connection, e->nexthop);
}

static bool is_learned(const struct route_event *e)
{
	return e->unicast && (e->protocol == RTPROT_BGP || e->protocol == RTPROT_BIRD);
}

static void request_reread(struct gateway *g, uint64_t delay_ns);

static int follow_route(struct gateway *g, const struct route_event *e)
{
	int connection = is_learned(e) ? connection_of(g, e->table) : -1;
	struct learned_offer offer = { .metric = e->metric, .nexthop = e->nexthop };
	struct learned *l;

	if (connection < 0)
		return 0;
	l = g->learned[connection];
	offer.tunnels = tunnels_of_route(g, (size_t)connection, e);
	if (e->kind == ROUTE_SET && !e->append)
		return learned_offer(l, &e->prefix, &offer);
	/* Of two with one key the kernel uses the one that we do not know to be first. */
	g->bgp->aliased |= e->append;
	if (g->bgp->aliased)
		request_reread(g, LINK_SETTLE_MS * NS_PER_MS);
	if (e->kind == ROUTE_SET)
		return 0;
	return learned_withdraw(l, &e->prefix, e->metric,
				e->prefix.address.family == AF_INET6 && offer.tunnels
					? offer.tunnels
					: LEARNED_ALL_TUNNELS);
}

static int follow_object(uint32_t id, void *context)
{
	struct gateway *g = context;
	int err = 0;

	for (size_t i = 0; !err && i < g->config.connection_count; i++)
		if (g->config.connections[i].bgp.enabled)
			err = learned_nexthop(g->learned[i], id, tunnels_of_nexthop(g, i, id));
	return err;
}

/* An object that goes takes the routes along that name it: the kernel says so itself, route by
 * route. What leads elsewhere is what was in a group with it. */
static int follow_nexthop(struct gateway *g, const struct route_event *e)
{
	int err = nexthops_apply(&g->bgp->nexthops, e);

	return err ? err : nexthops_each_user(&g->bgp->nexthops, e->nexthop, follow_object, g);
}

static int follow_event(const struct route_event *e, void *data)
{
	switch (e->kind) {
	case ROUTE_SET:
	case ROUTE_GONE:
		return follow_route(data, e);
	case NEXTHOP_SET:
	case NEXTHOP_GONE:
		return follow_nexthop(data, e);
	}
	return 0;
}

/* ---- reading everything ---- */

static int note_nexthop(const struct route_event *e, void *data)
{
	struct gateway *g = data;

	return nexthops_apply(&g->bgp->nexthops, e);
}

struct table_reading {
	struct gateway *g;
	struct prefix last;
	uint32_t last_metric;
};

/* Of several with one key the kernel uses the first. */
static int read_route(const struct route_event *e, void *data)
{
	struct table_reading *r = data;

	if (!is_learned(e))
		return 0;
	if (prefix_equal(&r->last, &e->prefix) && r->last_metric == e->metric) {
		r->g->bgp->aliased = true;
		return 0;
	}
	r->last = e->prefix;
	r->last_metric = e->metric;
	return follow_route(r->g, e);
}

/* Asked of the kernel itself: at the start nobody has looked for the devices yet. */
static int find_devices(struct gateway *g)
{
	size_t places = gateway_tunnel_places(g);
	uint32_t *devices = calloc(places + 1, sizeof(*devices));
	struct host_link link;
	char name[DEVICE_NAME_LEN];

	if (!devices)
		return -ENOMEM;
	for (size_t i = 0; i < places; i++) {
		const struct gateway_tunnel *t = &g->tunnels[i];

		if (t->used && g->config.connections[t->connection].bgp.enabled &&
		    !host_link_by_name(g->host,
				       tunnel_device_name(gateway_tunnel_config(g, t), name),
				       &link) &&
		    link.up)
			devices[i] = link.ifindex;
	}
	free(g->bgp->devices);
	g->bgp->devices = devices;
	return 0;
}

static struct bgp_source source_of(const struct config_connection *c)
{
	struct bgp_source s = { .enabled = c->bgp.enabled, .table = c->kernel_table };

	for (size_t k = 0; s.enabled && k < c->tunnel_count; k++)
		tunnel_device_name(&c->tunnels[k], s.devices[k]);
	return s;
}

static int read_connection(struct gateway *g, size_t connection)
{
	const struct config_connection *c = &g->config.connections[connection];
	struct table_reading r = { .g = g };
	int err = 0;

	learned_begin(g->learned[connection]);
	if (c->bgp.enabled)
		err = route_feed_dump_table(g->bgp->feed, c->kernel_table, read_route, &r);
	return err ? err : learned_end(g->learned[connection]);
}

static int read_all(struct gateway *g)
{
	uint64_t begin = monotonic();
	int err;

	g->bgp->aliased = false;
	nexthops_free(&g->bgp->nexthops);
	err = find_devices(g);
	if (!err)
		err = route_feed_dump_nexthops(g->bgp->feed, note_nexthop, g);
	/* A kernel without nexthop objects has none to tell of. */
	if (err == -EOPNOTSUPP)
		err = 0;
	for (size_t i = 0; !err && i < g->config.connection_count; i++)
		err = read_connection(g, i);
	for (size_t i = 0; !err && i < g->config.connection_count; i++)
		connection_named(g->bgp, g->config.connections[i].name)->source =
			source_of(&g->config.connections[i]);
	if (err)
		gateway_log(LOG_ERR,
			    "cannot read BGP routes from the kernel, the last known ones stay: %s",
			    strerror(-err));
	g->bgp->read_at_ns = monotonic();
	g->bgp->read_took_ns = g->bgp->read_at_ns - begin;
	return err;
}

/* ---- when ---- */

static void arm(struct gateway *g, sd_event_source *timer, uint64_t delay_ns)
{
	int enabled = SD_EVENT_OFF;

	sd_event_source_get_enabled(timer, &enabled);
	if (enabled != SD_EVENT_OFF)
		return;
	sd_event_source_set_time(timer, (gateway_now(g) + delay_ns) / NS_PER_US);
	sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

static void request_reread(struct gateway *g, uint64_t delay_ns)
{
	arm(g, g->bgp->reread, delay_ns);
}

static bool any_unsettled(const struct gateway *g)
{
	for (size_t i = 0; i < g->config.connection_count; i++)
		if (learned_unsettled(g->learned[i]))
			return true;
	return false;
}

static int on_settle(sd_event_source *source, uint64_t usec, void *data)
{
	struct gateway *g = data;
	int err;

	(void)source;
	(void)usec;
	monitor_because(g, "BGP routes changed");
	err = forwarding_learn(g);
	if (err)
		gateway_log(LOG_ERR, "BGP routes could not all be followed: %s", strerror(-err));
	gateway_request_slow_path(g); /* also says what was refused */
	return 0;
}

static int on_feed(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct gateway *g = data;
	int err = route_feed_receive(g->bgp->feed, follow_event, g);

	(void)source;
	(void)fd;
	(void)events;
	if (err) {
		gateway_log(LOG_WARNING, "messages about routes were lost (%s): reading all anew",
			    strerror(-err));
		request_reread(g, 0);
	}
	if (any_unsettled(g))
		arm(g, g->bgp->settle, SETTLE_MS * NS_PER_MS);
	return 0;
}

static int on_reread(sd_event_source *source, uint64_t usec, void *data)
{
	struct gateway *g = data;

	(void)source;
	(void)usec;
	read_all(g);
	if (any_unsettled(g))
		arm(g, g->bgp->settle, 0);
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
			request_reread(g, LINK_SETTLE_MS * NS_PER_MS);
	}
}

void bgp_audit(struct gateway *g)
{
	if (monotonic() - g->bgp->read_at_ns >= READ_PAUSE * g->bgp->read_took_ns)
		request_reread(g, 0);
}

/* ---- configuration ---- */

static int tell_nobody(const struct prefix *p, tunnel_mask accepted, void *context)
{
	(void)p;
	(void)accepted;
	(void)context;
	return 0;
}

static bool same_source(const struct bgp_source *a, const struct bgp_source *b)
{
	bool same = a->enabled == b->enabled && a->table == b->table;

	for (size_t k = 0; k < TUNNELS_PER_CONNECTION; k++)
		same &= !strcmp(a->devices[k], b->devices[k]);
	return same;
}

/* Is a connection's table, or which tunnel is which in it, another one than was read? */
static bool must_read(const struct gateway *g)
{
	for (size_t i = 0; i < g->config.connection_count; i++) {
		const struct config_connection *c = &g->config.connections[i];
		struct bgp_source now = source_of(c);

		if (!same_source(&now, &connection_named(g->bgp, c->name)->source))
			return true;
	}
	return false;
}

int bgp_configure(struct gateway *g)
{
	int err = 0;

	for (size_t i = 0; i < g->config.connection_count; i++)
		learned_set_limits(g->learned[i], learned_limits_of(&g->config, i));
	if (must_read(g))
		err = read_all(g);
	/* The rib is about to be built from what is accepted: there is nothing to be told. */
	for (size_t i = 0; !err && i < g->config.connection_count; i++)
		err = learned_settle(g->learned[i], tell_nobody, NULL);
	return err;
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
		err = gateway_add_io(g, route_feed_fd(g->bgp->feed), on_feed,
				     SD_EVENT_PRIORITY_NORMAL);
	return err < 0 ? err : 0;
}

void bgp_close(struct gateway *g)
{
	struct bgp_connection *c, *next;

	if (!g->bgp)
		return;
	sd_event_source_unref(g->bgp->settle);
	sd_event_source_unref(g->bgp->reread);
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
