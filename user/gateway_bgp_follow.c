/* SPDX-License-Identifier: GPL-2.0-only */
/* From route events, of the kernel or of FPM, to what each connection is offered. */
#include <sys/socket.h>
#include <linux/rtnetlink.h>
#include "gateway_bgp_internal.h"

/* Position of the connection that takes this kernel table's routes from the feed, or -1. */
static int connection_of(const struct bgp_follower *f, uint32_t table)
{
	const struct config *c = &f->g->config;

	for (size_t i = 0; i < c->connection_count; i++)
		if (c->connections[i].bgp.enabled && c->connections[i].bgp.feed == f->feed &&
		    c->connections[i].kernel_table == table)
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

static tunnel_mask tunnels_of_nexthop(const struct bgp_follower *f, size_t connection, uint32_t id)
{
	uint32_t devices[ROUTE_HOPS];
	size_t count = nexthops_devices(f->nexthops, id, devices, ROUTE_HOPS);

	return tunnels_behind(f->g, connection, devices, count);
}

/* With net.ipv4.nexthop_compat_mode=0, and in FPM, a message has the object's id alone. */
static tunnel_mask tunnels_of_route(const struct bgp_follower *f, size_t connection,
				    const struct route_event *e)
{
	if (e->hop_count || !e->nexthop)
		return tunnels_behind(f->g, connection, e->hops, e->hop_count);
	return tunnels_of_nexthop(f, connection, e->nexthop);
}

/* zebra leaves the type out when it removes. */
static bool is_learned(const struct bgp_follower *f, const struct route_event *e)
{
	bool removal = f->feed == FEED_FPM && e->kind == ROUTE_GONE;

	return (e->unicast || removal) && (e->protocol == RTPROT_BGP || e->protocol == RTPROT_BIRD);
}

/* A tunnel whose device is not there is none that a session could still bring something over. */
static void note_heard(struct gateway *g, size_t connection, tunnel_mask tunnels)
{
	const uint32_t *devices = &g->bgp->devices[connection * TUNNELS_PER_CONNECTION];
	struct bgp_connection *c = bgp_connection_at(g, connection);

	for (size_t k = 0; k < TUNNELS_PER_CONNECTION; k++)
		if (tunnels >> k & 1 || !devices[k])
			c->heard_ns[k] = gateway_now(g);
}

static int offer(const struct bgp_follower *f, size_t connection, const struct route_event *e)
{
	struct learned_offer offer = {
		.metric = e->metric,
		.nexthop = e->nexthop,
		.writer = e->writer,
		.tunnels = tunnels_of_route(f, connection, e),
	};

	if (f->feed == FEED_FPM)
		note_heard(f->g, connection, offer.tunnels);
	hold_written(&bgp_connection_at(f->g, connection)->hold, e->writer, gateway_now(f->g));
	f->g->bgp->fpm.inline_hops |= f->feed == FEED_FPM && !e->nexthop;
	return learned_offer(f->g->learned[connection], &e->prefix, &offer);
}

/* IPv6 can lose one hop of several. */
static tunnel_mask tunnels_lost(const struct bgp_follower *f, size_t connection,
				const struct route_event *e)
{
	tunnel_mask lost = 0;

	if (f->feed == FEED_KERNEL && e->prefix.address.family == AF_INET6)
		lost = tunnels_of_route(f, connection, e);
	return lost ? lost : LEARNED_ALL_TUNNELS;
}

static int withdraw(const struct bgp_follower *f, size_t connection, const struct route_event *e)
{
	if (f->feed == FEED_KERNEL && bgp_keep_removed(f->g, connection, e))
		return 0;
	return learned_withdraw(f->g->learned[connection], &e->prefix, e->metric,
				tunnels_lost(f, connection, e));
}

/* Another kind of route in its place, of another protocol or a blackhole. In FPM there is one route
 * to a prefix. */
static int displace(const struct bgp_follower *f, size_t connection, const struct route_event *e)
{
	if (e->kind != ROUTE_SET || (f->feed == FEED_KERNEL && !e->replace))
		return 0;
	return learned_withdraw(f->g->learned[connection], &e->prefix, e->metric,
				LEARNED_ALL_TUNNELS);
}

static int follow_route(const struct bgp_follower *f, const struct route_event *e)
{
	int connection = connection_of(f, e->table);
	struct gateway *g = f->g;

	if (connection < 0)
		return 0;
	if (!is_learned(f, e))
		return displace(f, (size_t)connection, e);
	if (e->kind == ROUTE_SET && !e->append)
		return offer(f, (size_t)connection, e);
	/* Of two with one key the kernel uses the one that we do not know to be first. */
	g->bgp->aliased |= e->append;
	if (g->bgp->aliased && f->feed == FEED_KERNEL)
		bgp_request_reread(g, BGP_LINK_SETTLE_MS * NS_PER_MS);
	return e->kind == ROUTE_SET ? 0 : withdraw(f, (size_t)connection, e);
}

static int follow_object(uint32_t id, void *context)
{
	const struct bgp_follower *f = context;
	const struct config *c = &f->g->config;
	int err = 0;

	for (size_t i = 0; !err && i < c->connection_count; i++)
		if (c->connections[i].bgp.enabled && c->connections[i].bgp.feed == f->feed)
			err = learned_nexthop(f->g->learned[i], id, tunnels_of_nexthop(f, i, id));
	return err;
}

struct object_removal {
	const struct bgp_follower *follower;
	uint32_t remover;
};

static int keep_object(uint32_t id, void *context)
{
	const struct object_removal *r = context;
	const struct config *c = &r->follower->g->config;

	for (size_t i = 0; i < c->connection_count; i++)
		if (c->connections[i].bgp.enabled && c->connections[i].bgp.feed == FEED_KERNEL)
			bgp_keep_nexthop(r->follower->g, i, id, r->remover);
	return 0;
}

/* An object that goes takes the routes along that name it: the kernel says so itself, route by
 * route. What leads elsewhere is what was in a group with it. */
static int follow_nexthop(struct bgp_follower *f, const struct route_event *e)
{
	struct object_removal removal = { f, e->writer };
	int err;

	/* Which groups it is in is known only before it has gone. */
	if (f->feed == FEED_KERNEL && e->kind == NEXTHOP_GONE)
		nexthops_each_user(f->nexthops, e->nexthop, keep_object, &removal);
	err = nexthops_apply(f->nexthops, e);
	return err ? err : nexthops_each_user(f->nexthops, e->nexthop, follow_object, f);
}

int bgp_follow(const struct route_event *e, void *data)
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

int bgp_follow_devices(const struct bgp_follower *f)
{
	struct bgp_follower copy = *f;

	return nexthops_each(f->nexthops, follow_object, &copy);
}
