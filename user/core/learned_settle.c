/* SPDX-License-Identifier: GPL-2.0-only */
/* Which offers are accepted, as far as the quotas go, and who asks. */
#include <stdlib.h>
#include "learned_internal.h"

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
	learned_count(l->counts.accepted, o->accepted, accepted);
	o->accepted = accepted;
}

static tunnel_mask refused(const struct offer *o)
{
	return o->is.tunnels & (tunnel_mask)~o->accepted;
}

/* What the routes' place, as the dirty ones know it, has. */
static struct offer *offer_at(void *place)
{
	return *(struct offer **)place;
}

/* First what goes: it makes room. */
static int take_offer(const struct prefix *p, void *data, void *context)
{
	struct learned *l = context;
	struct offer *o = offer_at(data);

	(void)p;
	learned_count(l->counts.offered, o->counted, o->is.tunnels);
	o->counted = o->is.tunnels;
	accept(l, o, o->accepted & o->is.tunnels);
	return 0;
}

static int accept_all(const struct prefix *p, void *data, void *context)
{
	struct offer *o = offer_at(data);

	(void)p;
	accept(context, o, o->is.tunnels);
	return 0;
}

/* What has come waits for its turn. */
static int wait_for_room(const struct prefix *p, void *data, void *context)
{
	return refused(offer_at(data)) ? learned_wait(context, p) : 0;
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
	return o && o->accepted != o->told ? learned_note(l, p) : 0;
}

/* Smaller quotas: who is to go? All line up anew. */
static int take_back(const struct prefix *p, void *data, void *context)
{
	struct learned *l = context;

	accept(l, data, 0);
	return learned_note(l, p);
}

struct telling {
	learned_change_fn fn;
	void *context;
};

static int tell(const struct prefix *p, void *data, void *context)
{
	const struct telling *t = context;
	struct offer *o = offer_at(data);
	int err = 0;

	if (o->accepted != o->told)
		err = t->fn(p, o->accepted, t->context);
	if (!err)
		o->told = o->accepted;
	return err;
}

static int clean_up(const struct prefix *p, void *data, void *context)
{
	struct learned *l = context;
	const struct offer *o = offer_at(data);

	if (l->waiting.count && !refused(o))
		trie_remove(&l->waiting, p);
	if (o->gone)
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

/* Is there room for whatever is offered? */
static bool fits(const struct learned *l)
{
	bool room = sum(l->counts.offered) <= l->limits.connection;

	for (size_t t = 0; t < TUNNELS_PER_CONNECTION; t++)
		room &= l->counts.offered[t] <= l->limits.tunnel;
	return room;
}

static int judge(struct learned *l)
{
	int err = l->shrunk ? trie_walk(&l->routes, NULL, take_back, l) : 0;

	if (!err)
		err = trie_walk(&l->dirty, NULL, take_offer, l);
	if (!err)
		err = trie_walk(&l->dirty, NULL, fits(l) ? accept_all : wait_for_room, l);
	if (!err && has_room(l))
		err = trie_walk(&l->waiting, NULL, give_room, l);
	return err;
}

int learned_settle(struct learned *l, learned_change_fn fn, void *context)
{
	struct telling t = { .fn = fn, .context = context };
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
