/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "learned_internal.h"

#define S43_TUNNEL     1000u
#define S43_CONNECTION 2000u
#define S44_DEFAULT    50u

/* What stands in the trie of those that wait: that it is there is all there is to say. */
static char present;

struct learned_limits learned_limits_of(const struct config *c, size_t connection)
{
	const struct config_connection *conn = &c->connections[connection];
	size_t single = conn->bgp_quota ? conn->bgp_quota : S44_DEFAULT;

	if (!c->gateway.limits)
		return (struct learned_limits){ LEARNED_NO_LIMIT, LEARNED_NO_LIMIT };
	if (conn->tunnel_count < 2)
		return (struct learned_limits){ single, single };
	return (struct learned_limits){ S43_TUNNEL, S43_CONNECTION };
}

void learned_set_limits(struct learned *l, struct learned_limits limits)
{
	l->shrunk |= limits.tunnel < l->limits.tunnel || limits.connection < l->limits.connection;
	l->limits_changed |=
		limits.tunnel != l->limits.tunnel || limits.connection != l->limits.connection;
	l->limits = limits;
}

int learned_wait(struct learned *l, const struct prefix *p)
{
	void **place = trie_insert(&l->waiting, p);

	if (!place)
		return -ENOMEM;
	*place = &present;
	return 0;
}

static int note(struct learned *l, const struct prefix *p, struct offer **routes_place)
{
	void **place = trie_insert(&l->dirty, p);

	if (!place)
		return -ENOMEM;
	*place = routes_place;
	return 0;
}

int learned_note(struct learned *l, const struct prefix *p)
{
	return note(l, p, (struct offer **)trie_insert(&l->routes, p));
}

void learned_count(size_t *by_tunnel, tunnel_mask was, tunnel_mask now)
{
	for (size_t t = 0; t < TUNNELS_PER_CONNECTION; t++) {
		by_tunnel[t] -= was >> t & 1;
		by_tunnel[t] += now >> t & 1;
	}
}

/* ---- taking in ---- */

struct offer *learned_find(struct offer *first, uint32_t metric)
{
	while (first && first->is.metric != metric)
		first = first->next;
	return first;
}

/* What concerns the prefix moves to whichever comes first. */
static void hand_over(struct offer *from, struct offer *to)
{
	to->counted = from->counted;
	to->accepted = from->accepted;
	to->told = from->told;
}

static void hang_in(struct offer **first, struct offer *o)
{
	struct offer **place = first;

	while (*place && (*place)->is.metric < o->is.metric)
		place = &(*place)->next;
	if (place == first && *first)
		hand_over(*first, o);
	o->next = *place;
	*place = o;
}

void learned_set_stale(struct learned *l, struct offer *o, bool stale)
{
	l->stale_changes += stale != o->stale;
	l->stale += stale;
	l->stale -= o->stale;
	o->stale = stale;
}

/* The last route of the prefix has gone already: its place is taken, its past stays. */
static bool take_gone(struct offer *first, const struct learned_offer *offer)
{
	if (!first || !first->gone)
		return false;
	first->gone = false;
	first->is = *offer;
	return true;
}

static size_t name_word(const struct learned *l, uint32_t nexthop)
{
	return nexthop / 64 % (sizeof(l->named) / sizeof(l->named[0]));
}

static uint64_t name_bit(uint32_t nexthop)
{
	return (uint64_t)1 << nexthop % 64;
}

bool learned_names(const struct learned *l, uint32_t nexthop)
{
	return l->named[name_word(l, nexthop)] & name_bit(nexthop);
}

int learned_offer(struct learned *l, const struct prefix *p, const struct learned_offer *offer)
{
	struct offer **place, *o;
	uint32_t writer;
	bool same;

	place = (struct offer **)trie_insert(&l->routes, p);
	if (!place)
		return -ENOMEM;
	o = learned_find(*place, offer->metric);
	same = o && !o->gone && o->is.tunnels == offer->tunnels;
	if (!same && note(l, p, place))
		goto no_memory;
	if (!o && take_gone(*place, offer))
		o = *place;
	if (!o) {
		o = calloc(1, sizeof(*o));
		if (!o)
			goto no_memory;
		o->is.metric = offer->metric;
		hang_in(place, o);
	}
	writer = offer->writer || o->gone || o->stale ? offer->writer : o->is.writer;
	o->is = *offer;
	o->is.writer = writer;
	o->gone = false;
	learned_set_stale(l, o, false);
	l->named[name_word(l, offer->nexthop)] |= name_bit(offer->nexthop);
	o->generation = l->generation;
	return 0;
no_memory:
	if (!*place) {
		trie_remove(&l->dirty, p);
		trie_forget(&l->routes, p);
	}
	return -ENOMEM;
}

static void hang_out(struct offer **first, struct offer *o)
{
	struct offer **place = first;

	while (*place != o)
		place = &(*place)->next;
	if (place == first)
		hand_over(o, o->next);
	*place = o->next;
	free(o);
}

void learned_leave(struct learned *l, struct offer **first, struct offer *o)
{
	learned_set_stale(l, o, false);
	if (o == *first && !o->next) {
		o->gone = true;
		o->is.tunnels = 0;
	} else {
		hang_out(first, o);
	}
}

int learned_withdraw(struct learned *l, const struct prefix *p, uint32_t metric,
		     tunnel_mask tunnels)
{
	struct offer *first = trie_exact(&l->routes, p), *o = learned_find(first, metric);

	if (!o || o->gone)
		return 0;
	if (learned_note(l, p))
		return -ENOMEM;
	o->is.tunnels &= (tunnel_mask)~tunnels;
	if (!o->is.tunnels)
		learned_leave(l, (struct offer **)trie_insert(&l->routes, p), o);
	return 0;
}

struct object_change {
	struct learned *learned;
	uint32_t nexthop;
	tunnel_mask tunnels;
};

static int follow_nexthop(const struct prefix *p, void *data, void *context)
{
	const struct object_change *c = context;
	int err = 0;

	for (struct offer *o = data; !err && o; o = o->next) {
		if (o->gone || o->is.nexthop != c->nexthop || o->is.tunnels == c->tunnels)
			continue;
		err = learned_note(c->learned, p);
		if (!err)
			o->is.tunnels = c->tunnels;
	}
	return err;
}

int learned_nexthop(struct learned *l, uint32_t nexthop, tunnel_mask tunnels)
{
	struct object_change c = { l, nexthop, tunnels };

	/* Most objects of a daemon are no route's of ours: a walk for each would take long. */
	if (!learned_names(l, nexthop))
		return 0;
	return trie_walk(&l->routes, NULL, follow_nexthop, &c);
}

/* ---- mark and sweep ---- */

void learned_begin(struct learned *l)
{
	l->generation++;
}

static int sweep(const struct prefix *p, void *data, void *context)
{
	struct learned *l = context;
	struct offer *first = data, *next;

	for (struct offer *o = first; o; o = next) {
		next = o->next;
		if (o->gone || o->stale || o->generation == l->generation)
			continue;
		if (learned_note(l, p))
			return -ENOMEM;
		learned_leave(l, (struct offer **)trie_insert(&l->routes, p), o);
	}
	return 0;
}

int learned_end(struct learned *l)
{
	return trie_walk(&l->routes, NULL, sweep, l);
}
