/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "learned.h"

/*
 * One kernel route. Those of one prefix hang together by metric; what concerns the prefix stands in
 * the first one. A prefix whose last route went keeps it, `gone`, until that is told.
 */
struct offer {
	struct offer *next;
	struct learned_offer is;
	uint8_t generation;
	bool gone;
	bool stale;	      /* and not gone */
	tunnel_mask counted;  /* offered, as in the counts */
	tunnel_mask accepted; /* likewise */
	tunnel_mask told;     /* accepted, as the caller knows it */
};

#define S43_TUNNEL     1000u
#define S43_CONNECTION 2000u
#define S44_DEFAULT    50u

/* What stands in the tries of prefixes: that it is there is all there is to say. */
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

static int note(struct trie *t, const struct prefix *p)
{
	void **place = trie_insert(t, p);

	if (!place)
		return -ENOMEM;
	*place = &present;
	return 0;
}

static void count(size_t *by_tunnel, tunnel_mask was, tunnel_mask now)
{
	for (size_t t = 0; t < TUNNELS_PER_CONNECTION; t++) {
		by_tunnel[t] -= was >> t & 1;
		by_tunnel[t] += now >> t & 1;
	}
}

/* ---- taking in ---- */

static struct offer *find(struct offer *first, uint32_t metric)
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

static void set_stale(struct learned *l, struct offer *o, bool stale)
{
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

static uint64_t *name_word(struct learned *l, uint32_t nexthop)
{
	return &l->named[nexthop / 64 % (sizeof(l->named) / sizeof(l->named[0]))];
}

static uint64_t name_bit(uint32_t nexthop)
{
	return (uint64_t)1 << nexthop % 64;
}

static bool names(struct learned *l, uint32_t nexthop)
{
	return *name_word(l, nexthop) & name_bit(nexthop);
}

int learned_offer(struct learned *l, const struct prefix *p, const struct learned_offer *offer)
{
	struct offer **place, *o;
	uint32_t writer;
	bool same;

	place = (struct offer **)trie_insert(&l->routes, p);
	if (!place)
		return -ENOMEM;
	o = find(*place, offer->metric);
	same = o && !o->gone && o->is.tunnels == offer->tunnels;
	if (!same && note(&l->dirty, p))
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
	set_stale(l, o, false);
	*name_word(l, offer->nexthop) |= name_bit(offer->nexthop);
	o->generation = l->generation;
	return 0;
no_memory:
	if (!*place)
		trie_forget(&l->routes, p);
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

static void leave(struct learned *l, struct offer **first, struct offer *o)
{
	set_stale(l, o, false);
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
	struct offer *first = trie_exact(&l->routes, p), *o = find(first, metric);

	if (!o || o->gone)
		return 0;
	if (note(&l->dirty, p))
		return -ENOMEM;
	o->is.tunnels &= (tunnel_mask)~tunnels;
	if (!o->is.tunnels)
		leave(l, (struct offer **)trie_insert(&l->routes, p), o);
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
		err = note(&c->learned->dirty, p);
		if (!err)
			o->is.tunnels = c->tunnels;
	}
	return err;
}

int learned_nexthop(struct learned *l, uint32_t nexthop, tunnel_mask tunnels)
{
	struct object_change c = { l, nexthop, tunnels };

	/* Most objects of a daemon are no route's of ours: a walk for each would take long. */
	if (!names(l, nexthop))
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
		if (note(&l->dirty, p))
			return -ENOMEM;
		leave(l, (struct offer **)trie_insert(&l->routes, p), o);
	}
	return 0;
}

int learned_end(struct learned *l)
{
	return trie_walk(&l->routes, NULL, sweep, l);
}

/* ---- what outlives its feed ---- */

uint32_t learned_writer(const struct learned *l, const struct prefix *p, uint32_t metric)
{
	const struct offer *o = find(trie_exact(&l->routes, p), metric);

	return o && !o->gone && !o->stale ? o->is.writer : 0;
}

bool learned_is_stale(const struct learned *l, const struct prefix *p, uint32_t metric)
{
	const struct offer *o = find(trie_exact(&l->routes, p), metric);

	return o && !o->gone && o->stale;
}

/* Objects with its id may be others from now on. */
static void keep(struct learned *l, struct offer *o)
{
	set_stale(l, o, true);
	o->is.nexthop = 0;
}

void learned_keep(struct learned *l, const struct prefix *p, uint32_t metric)
{
	struct offer *o = find(trie_exact(&l->routes, p), metric);

	if (o && !o->gone)
		keep(l, o);
}

struct object_removal {
	struct learned *learned;
	uint32_t nexthop, remover;
};

static int keep_named(const struct prefix *p, void *data, void *context)
{
	const struct object_removal *c = context;

	(void)p;
	for (struct offer *o = data; o; o = o->next)
		if (!o->gone && o->is.nexthop == c->nexthop && o->is.writer != c->remover)
			keep(c->learned, o);
	return 0;
}

void learned_keep_nexthop(struct learned *l, uint32_t nexthop, uint32_t remover)
{
	struct object_removal c = { l, nexthop, remover };

	if (names(l, nexthop))
		trie_walk(&l->routes, NULL, keep_named, &c);
}

static int keep_each(const struct prefix *p, void *data, void *context)
{
	(void)p;
	for (struct offer *o = data; o; o = o->next)
		if (!o->gone)
			keep(context, o);
	return 0;
}

void learned_keep_all(struct learned *l)
{
	trie_walk(&l->routes, NULL, keep_each, l);
	memset(l->named, 0, sizeof(l->named));
}

struct dropping {
	struct learned *learned;
	tunnel_mask tunnels;
};

static int drop_each(const struct prefix *p, void *data, void *context)
{
	const struct dropping *d = context;
	struct learned *l = d->learned;
	struct offer *next;

	for (struct offer *o = data; o; o = next) {
		next = o->next;
		if (!o->stale || !(o->is.tunnels & d->tunnels))
			continue;
		if (note(&l->dirty, p))
			return -ENOMEM;
		o->is.tunnels &= (tunnel_mask)~d->tunnels;
		if (!o->is.tunnels)
			leave(l, (struct offer **)trie_insert(&l->routes, p), o);
	}
	return 0;
}

int learned_drop_stale(struct learned *l, tunnel_mask tunnels)
{
	struct dropping d = { l, tunnels };

	return l->stale ? trie_walk(&l->routes, NULL, drop_each, &d) : 0;
}

static int count_stale(const struct prefix *p, void *data, void *context)
{
	const struct offer *o = data;

	(void)p;
	if (o->stale)
		count(context, 0, o->counted);
	return 0;
}

void learned_count_stale(const struct learned *l, size_t by_tunnel[TUNNELS_PER_CONNECTION])
{
	memset(by_tunnel, 0, TUNNELS_PER_CONNECTION * sizeof(*by_tunnel));
	if (l->stale)
		trie_walk(&l->routes, NULL, count_stale, by_tunnel);
}

/* ---- settling ---- */

static size_t sum(const size_t *by_tunnel)
{
	size_t all = 0;

	for (size_t t = 0; t < TUNNELS_PER_CONNECTION; t++)
		all += by_tunnel[t];
	return all;
}

static size_t pairs(const struct learned *l)
{
	return sum(l->counts.accepted);
}

static void accept(struct learned *l, struct offer *o, tunnel_mask accepted)
{
	count(l->counts.accepted, o->accepted, accepted);
	o->accepted = accepted;
}

static tunnel_mask refused(const struct offer *o)
{
	return o->is.tunnels & (tunnel_mask)~o->accepted;
}

/* First what goes: it makes room. What has come waits for its turn. */
static int take_offer(const struct prefix *p, void *data, void *context)
{
	struct learned *l = context;
	struct offer *o = trie_exact(&l->routes, p);

	(void)data;
	if (!o)
		return 0;
	count(l->counts.offered, o->counted, o->is.tunnels);
	o->counted = o->is.tunnels;
	accept(l, o, o->accepted & o->is.tunnels);
	return refused(o) ? note(&l->waiting, p) : 0;
}

static int give_room(const struct prefix *p, void *data, void *context)
{
	struct learned *l = context;
	struct offer *o = trie_exact(&l->routes, p);

	(void)data;
	for (size_t t = 0; o && t < TUNNELS_PER_CONNECTION; t++)
		if (refused(o) >> t & 1 && l->counts.accepted[t] < l->limits.tunnel &&
		    pairs(l) < l->limits.connection)
			accept(l, o, o->accepted | (tunnel_mask)(1u << t));
	return o && o->accepted != o->told ? note(&l->dirty, p) : 0;
}

/* Smaller quotas: who is to go? All line up anew. */
static int take_back(const struct prefix *p, void *data, void *context)
{
	struct learned *l = context;

	accept(l, data, 0);
	return note(&l->dirty, p);
}

struct telling {
	struct learned *learned;
	learned_change_fn fn;
	void *context;
};

static int tell(const struct prefix *p, void *data, void *context)
{
	const struct telling *t = context;
	struct offer *o = trie_exact(&t->learned->routes, p);
	int err = 0;

	(void)data;
	if (o && o->accepted != o->told)
		err = t->fn(p, o->accepted, t->context);
	if (o && !err)
		o->told = o->accepted;
	return err;
}

static int clean_up(const struct prefix *p, void *data, void *context)
{
	struct learned *l = context;
	const struct offer *o = trie_exact(&l->routes, p);

	(void)data;
	if (!o || !refused(o))
		trie_remove(&l->waiting, p);
	if (o && o->gone)
		free(trie_remove(&l->routes, p));
	return 0;
}

static bool has_room(const struct learned *l)
{
	bool room = false;

	for (size_t t = 0; t < TUNNELS_PER_CONNECTION; t++)
		room |= l->counts.accepted[t] < l->limits.tunnel;
	return room && pairs(l) < l->limits.connection;
}

static int judge(struct learned *l)
{
	int err = l->shrunk ? trie_walk(&l->routes, NULL, take_back, l) : 0;

	if (!err)
		err = trie_walk(&l->dirty, NULL, take_offer, l);
	if (!err && has_room(l))
		err = trie_walk(&l->waiting, NULL, give_room, l);
	return err;
}

int learned_settle(struct learned *l, learned_change_fn fn, void *context)
{
	struct telling t = { .learned = l, .fn = fn, .context = context };
	int err = judge(l);

	if (!err)
		err = trie_walk(&l->dirty, NULL, tell, &t);
	if (err)
		return err;
	trie_walk(&l->dirty, NULL, clean_up, l);
	trie_free(&l->dirty, NULL);
	l->shrunk = l->limits_changed = false;
	return 0;
}

size_t learned_refused_count(const struct learned *l)
{
	return sum(l->counts.offered) - sum(l->counts.accepted);
}

bool learned_unsettled(const struct learned *l)
{
	return l->dirty.count || l->limits_changed;
}

/* ---- asking ---- */

struct asking {
	learned_change_fn fn;
	void *context;
	const struct learned *learned;
};

static int ask_accepted(const struct prefix *p, void *data, void *context)
{
	const struct asking *a = context;
	const struct offer *o = data;

	return o->told ? a->fn(p, o->told, a->context) : 0;
}

int learned_each_accepted(const struct learned *l, learned_change_fn fn, void *context)
{
	struct asking a = { fn, context, l };

	return trie_walk(&l->routes, NULL, ask_accepted, &a);
}

static int ask_refused(const struct prefix *p, void *data, void *context)
{
	const struct asking *a = context;
	const struct offer *o = trie_exact(&a->learned->routes, p);

	(void)data;
	return o && refused(o) ? a->fn(p, refused(o), a->context) : 0;
}

int learned_each_refused(const struct learned *l, learned_refused_fn fn, void *context)
{
	struct asking a = { fn, context, l };

	return trie_walk(&l->waiting, NULL, ask_refused, &a);
}

static void free_offers(void *data)
{
	struct offer *o = data, *next;

	for (; o; o = next) {
		next = o->next;
		free(o);
	}
}

void learned_free(struct learned *l)
{
	trie_free(&l->routes, free_offers);
	trie_free(&l->dirty, NULL);
	trie_free(&l->waiting, NULL);
	*l = (struct learned){ 0 };
}
