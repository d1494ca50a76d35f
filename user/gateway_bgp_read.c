/* SPDX-License-Identifier: GPL-2.0-only */
/* Reading BGP routes from the kernel's tables. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <sys/socket.h>
#include <linux/rtnetlink.h>
#include "gateway_bgp_internal.h"

#define TRIES 5 /* a table that others write into */

static int note_nexthop(const struct route_event *e, void *data)
{
	return nexthops_apply(data, e);
}

struct table_reading {
	struct bgp_follower follower;
	struct prefix last;
	uint32_t last_metric;
};

/* Of several with one key the kernel uses the first. Who wrote them is not told. */
static int read_route(const struct route_event *e, void *data)
{
	struct table_reading *r = data;
	struct route_event route = *e;

	if (!e->unicast || (e->protocol != RTPROT_BGP && e->protocol != RTPROT_BIRD))
		return 0;
	if (prefix_equal(&r->last, &e->prefix) && r->last_metric == e->metric) {
		r->follower.g->bgp->aliased = true;
		return 0;
	}
	r->last = e->prefix;
	r->last_metric = e->metric;
	route.writer = 0;
	return bgp_follow(&route, &r->follower);
}

/* Asked of the kernel itself: at the start nobody has looked for the devices yet. */
static uint32_t find_device(struct gateway *g, const struct gateway_tunnel *t)
{
	struct host_link link;
	char name[DEVICE_NAME_LEN];

	if (!t->used || !g->config.connections[t->connection].bgp.enabled ||
	    host_link_by_name(g->host, tunnel_device_name(gateway_tunnel_config(g, t), name),
			      &link))
		return 0;
	return link.up ? link.ifindex : 0;
}

static int find_devices(struct gateway *g, bool *changed)
{
	size_t places = gateway_tunnel_places(g);
	uint32_t *devices = calloc(places + 1, sizeof(*devices));
	struct bgp *b = g->bgp;

	if (!devices)
		return -ENOMEM;
	for (size_t i = 0; i < places; i++)
		devices[i] = find_device(g, &g->tunnels[i]);
	*changed = b->places != places || !b->devices ||
		   memcmp(devices, b->devices, places * sizeof(*devices));
	free(b->devices);
	b->devices = devices;
	b->places = places;
	return 0;
}

struct bgp_source bgp_source_of(const struct config_connection *c)
{
	struct bgp_source s = { .enabled = c->bgp.enabled, .table = c->kernel_table };

	if (s.enabled)
		s.feed = c->bgp.feed;
	for (size_t k = 0; s.enabled && k < c->tunnel_count; k++)
		tunnel_device_name(&c->tunnels[k], s.devices[k]);
	return s;
}

bool bgp_same_source(const struct bgp_source *a, const struct bgp_source *b)
{
	bool same = a->enabled == b->enabled && a->table == b->table && a->feed == b->feed;

	for (size_t k = 0; k < TUNNELS_PER_CONNECTION; k++)
		same &= !strcmp(a->devices[k], b->devices[k]);
	return same;
}

/* Tunnels, by position, whose devices are other ones now: what is stale over them would lead
 * elsewhere. */
static tunnel_mask moved(const struct bgp_source *was, const struct bgp_source *is)
{
	tunnel_mask mask = 0;

	for (size_t k = 0; k < TUNNELS_PER_CONNECTION; k++)
		if (*was->devices[k] && strcmp(was->devices[k], is->devices[k]) != 0)
			mask |= (tunnel_mask)(1u << k);
	return mask;
}

/* No try need be complete where others write all the time, but all of them together are: what any
 * of them gave counts. What is gone since waits as a notification. Each begins anew, where no route
 * stands before the first one. */
static int read_family(struct table_reading *r, uint8_t family, uint32_t table)
{
	struct route_feed *feed = r->follower.g->bgp->feed;
	int err = -EINTR;

	for (int tries = 0; err == -EINTR && tries < TRIES; tries++) {
		r->last = (struct prefix){ 0 };
		err = route_feed_dump_table(feed, family, table, read_route, r);
	}
	return err == -EINTR ? 0 : err;
}

static int read_table(struct gateway *g, size_t connection)
{
	const struct config_connection *c = &g->config.connections[connection];
	struct table_reading r = { .follower = { g, c->bgp.feed, &g->bgp->nexthops } };
	int err = 0;

	learned_begin(g->learned[connection]);
	if (c->bgp.enabled)
		err = read_family(&r, AF_INET, c->kernel_table);
	if (!err && c->bgp.enabled)
		err = read_family(&r, AF_INET6, c->kernel_table);
	return err ? err : learned_end(g->learned[connection]);
}

/* What FPM brings is read once, before the stream has brought anything: FRR keeps the kernel's
 * table too, and a gateway that starts is to go on forwarding. */
static int read_connection(struct gateway *g, size_t connection)
{
	const struct config_connection *c = &g->config.connections[connection];
	struct bgp_connection *known = bgp_connection_at(g, connection);
	struct bgp_source now = bgp_source_of(c);
	bool by_fpm = c->bgp.enabled && c->bgp.feed == FEED_FPM;
	int err;

	if (by_fpm && bgp_same_source(&now, &known->source))
		return 0;
	err = bgp_drop_stale(g, connection,
			     c->bgp.enabled ? moved(&known->source, &now) : LEARNED_ALL_TUNNELS);
	if (!err)
		err = read_table(g, connection);
	if (err)
		return err;
	known->source = now;
	if (by_fpm) {
		bgp_keep_all(g, connection, BGP_REPLAY_NS);
		bgp_fpm_request_replay(g);
	}
	return 0;
}

/* The former objects stay until the new ones are complete. */
static int read_nexthops(struct gateway *g)
{
	struct nexthops now = { 0 };
	int err = route_feed_dump_nexthops(g->bgp->feed, note_nexthop, &now);

	/* A kernel without nexthop objects has none to tell of. */
	if (err && err != -EOPNOTSUPP) {
		nexthops_free(&now);
		return err;
	}
	nexthops_free(&g->bgp->nexthops);
	g->bgp->nexthops = now;
	return 0;
}

static int read_everything(struct gateway *g)
{
	struct bgp_follower fpm = { g, FEED_FPM, &g->bgp->fpm.nexthops };
	bool changed;
	int err;

	g->bgp->aliased = false;
	err = find_devices(g, &changed);
	if (!err && changed)
		err = bgp_follow_devices(&fpm);
	if (!err && changed && g->bgp->fpm.inline_hops)
		bgp_fpm_request_replay(g);
	if (!err)
		err = read_nexthops(g);
	for (size_t i = 0; !err && i < g->config.connection_count; i++)
		err = read_connection(g, i);
	return err;
}

int bgp_read_all(struct gateway *g)
{
	uint64_t begin = bgp_monotonic();
	int err = read_everything(g);

	if (err)
		gateway_log(LOG_ERR,
			    "cannot read BGP routes from the kernel, the last known ones stay: %s",
			    strerror(-err));
	g->bgp->read_at_ns = bgp_monotonic();
	g->bgp->read_took_ns = g->bgp->read_at_ns - begin;
	return err;
}

void bgp_request_reread(struct gateway *g, uint64_t delay_ns)
{
	bgp_arm(g, g->bgp->reread, delay_ns);
}
