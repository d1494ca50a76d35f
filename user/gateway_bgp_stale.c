/* SPDX-License-Identifier: GPL-2.0-only */
/* Routes that outlive the routing daemon that brought them (core/hold.h), for restart_time. */
#include <string.h>
#include <syslog.h>
#include "gateway_bgp_internal.h"

#define ASKED_NS (50 * NS_PER_MS) /* less than a routing daemon takes to start anew */

uint64_t bgp_stale_time(const struct gateway *g, size_t connection)
{
	const struct config_graceful_restart *r =
		&g->config.connections[connection].bgp.graceful_restart;

	return r->enabled ? r->restart_s * NS_PER_S : 0;
}

static void say_kept(const struct gateway *g, size_t connection, uint64_t until)
{
	uint64_t now = bgp_monotonic();

	gateway_log(
		LOG_WARNING,
		"connection %s: nobody vouches for its BGP routes: they are kept for up to %.0f "
		"s",
		g->config.connections[connection].name,
		until > now ? (double)(until - now) / (double)NS_PER_S : 0.0);
}

bool bgp_any_stale(const struct gateway *g)
{
	for (const struct bgp_connection *c = g->bgp->connections; c; c = c->next)
		if (c->learned.stale)
			return true;
	return false;
}

void bgp_begin_staleness(struct gateway *g, size_t connection, bool first, uint64_t until)
{
	if (first)
		say_kept(g, connection, until);
	bgp_connection_at(g, connection)->stale_until_ns = until;
	bgp_await_expiry(g);
}

static bool lives(struct bgp *b, uint32_t port, uint64_t now)
{
	if (b->asked.port != port || now >= b->asked.until_ns) {
		b->asked.port = port;
		b->asked.lives = route_feed_writer_lives(port);
		b->asked.until_ns = now + ASKED_NS;
	}
	return b->asked.lives;
}

/* Another hand than the routing daemon's, which is alive and well: an administrator's. What that
 * one removes is gone, and nobody is going to bring it again. */
static bool by_administrator(const struct gateway *g, const struct bgp_connection *c,
			     uint32_t writer, uint32_t remover)
{
	writer = writer ? writer : c->hold.writer;
	return writer && writer != remover && lives(g->bgp, writer, gateway_now(g));
}

bool bgp_keep_removed(struct gateway *g, size_t connection, const struct route_event *e)
{
	struct bgp_connection *c = bgp_connection_at(g, connection);
	uint32_t writer = learned_writer(&c->learned, &e->prefix, e->metric);
	bool first = !c->learned.stale;
	uint64_t until;

	if (learned_is_stale(&c->learned, &e->prefix, e->metric))
		return true;
	if (by_administrator(g, c, writer, e->writer))
		return false;
	if (!hold_keeps(&c->hold, writer, e->writer, gateway_now(g), bgp_stale_time(g, connection),
			&until))
		return false;
	learned_keep(&c->learned, &e->prefix, e->metric);
	if (c->learned.stale)
		bgp_begin_staleness(g, connection, first, until);
	return c->learned.stale;
}

/* A zebra that restarts may sweep nexthop objects alone: the routes that name them go with them, of
 * which the kernel does not tell. */
void bgp_keep_nexthop(struct gateway *g, size_t connection, uint32_t id, uint32_t remover)
{
	struct bgp_connection *c = bgp_connection_at(g, connection);
	size_t stale = c->learned.stale;
	uint64_t until;

	if (by_administrator(g, c, 0, remover))
		return;
	if (!hold_keeps(&c->hold, 0, remover, gateway_now(g), bgp_stale_time(g, connection),
			&until))
		return;
	learned_keep_nexthop(&c->learned, id, remover);
	if (c->learned.stale != stale)
		bgp_begin_staleness(g, connection, !stale, until);
}

static bool any_heard(const struct bgp_connection *c)
{
	for (size_t k = 0; k < TUNNELS_PER_CONNECTION; k++)
		if (c->heard_ns[k])
			return true;
	return false;
}

void bgp_keep_all(struct gateway *g, size_t connection, uint64_t least_ns)
{
	struct bgp_connection *c = bgp_connection_at(g, connection);
	uint64_t time = bgp_stale_time(g, connection);
	uint64_t now = bgp_monotonic();
	bool begins = !c->learned.stale || any_heard(c);

	if (time < least_ns)
		time = least_ns;
	memset(c->heard_ns, 0, sizeof(c->heard_ns));
	learned_keep_all(&c->learned);
	if (!time)
		bgp_drop_stale(g, connection, LEARNED_ALL_TUNNELS);
	if (!c->learned.stale)
		return;
	/* restart_time counts from the first loss: who dials and says nothing gains no more. */
	if (begins)
		bgp_begin_staleness(g, connection, true, now + time);
	else if (c->stale_until_ns < now + least_ns)
		bgp_begin_staleness(g, connection, false, now + least_ns);
}

int bgp_drop_stale(struct gateway *g, size_t connection, tunnel_mask tunnels)
{
	int err = learned_drop_stale(g->learned[connection], tunnels);

	if (err)
		gateway_log(LOG_ERR, "connection %s: no memory to drop stale routes",
			    g->config.connections[connection].name);
	if (learned_unsettled(g->learned[connection]))
		bgp_request_settling(g);
	bgp_remember_later(g);
	return err;
}

uint64_t bgp_stale_until(const struct gateway *g, size_t connection)
{
	const struct bgp_connection *c = bgp_connection_at(g, connection);

	return c->learned.stale ? c->stale_until_ns : 0;
}

void bgp_await_expiry(struct gateway *g)
{
	uint64_t next = 0;

	for (const struct bgp_connection *c = g->bgp->connections; c; c = c->next)
		if (c->learned.stale && (!next || c->stale_until_ns < next))
			next = c->stale_until_ns;
	if (!next || !g->bgp->expire)
		return;
	sd_event_source_set_time(g->bgp->expire, next / NS_PER_US);
	sd_event_source_set_enabled(g->bgp->expire, SD_EVENT_ONESHOT);
}

void bgp_limit_staleness(struct gateway *g)
{
	uint64_t now = bgp_monotonic();

	for (size_t i = 0; i < g->config.connection_count; i++) {
		struct bgp_connection *c = bgp_connection_at(g, i);
		uint64_t most = bgp_stale_time(g, i);

		if (g->config.connections[i].bgp.feed == FEED_FPM && most < BGP_REPLAY_NS)
			most = BGP_REPLAY_NS;
		if (!most)
			bgp_drop_stale(g, i, LEARNED_ALL_TUNNELS);
		if (c->stale_until_ns > now + most)
			c->stale_until_ns = now + most;
	}
	bgp_await_expiry(g);
}

static void drop_expired(struct gateway *g, uint64_t now)
{
	for (size_t i = 0; i < g->config.connection_count; i++) {
		const struct bgp_connection *c = bgp_connection_at(g, i);
		size_t stale = c->learned.stale;

		if (!stale || c->stale_until_ns > now)
			continue;
		gateway_log(LOG_WARNING,
			    "connection %s: %zu stale routes were not brought again within "
			    "restart_time and go",
			    c->name, stale);
		bgp_drop_stale(g, i, LEARNED_ALL_TUNNELS);
	}
}

void bgp_drop_fallen(struct gateway *g)
{
	for (size_t i = 0; g->learned && g->decided && i < g->config.connection_count; i++)
		if (g->learned[i]->stale)
			bgp_drop_stale(g, i, (tunnel_mask)~g->rib.present[i]);
}

int bgp_on_expire(sd_event_source *source, uint64_t usec, void *data)
{
	struct gateway *g = data;

	(void)source;
	/* The timer counts microseconds. */
	drop_expired(g, (usec + 1) * NS_PER_US);
	bgp_await_expiry(g);
	gateway_request_slow_path(g);
	return 0;
}
