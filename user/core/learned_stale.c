/* SPDX-License-Identifier: GPL-2.0-only */
/* What outlives the feed that brought it. */
#include <errno.h>
#include <string.h>
#include "learned_internal.h"

uint32_t learned_writer(const struct learned *l, const struct prefix *p, uint32_t metric)
{
	const struct offer *o = learned_find(trie_exact(&l->routes, p), metric);

	return o && !o->gone && !o->stale ? o->is.writer : 0;
}

bool learned_is_stale(const struct learned *l, const struct prefix *p, uint32_t metric)
{
	const struct offer *o = learned_find(trie_exact(&l->routes, p), metric);

	return o && !o->gone && o->stale;
}

/* Objects with its id may be others from now on. */
static void keep(struct learned *l, struct offer *o)
{
	learned_set_stale(l, o, true);
	o->is.nexthop = 0;
}

void learned_keep(struct learned *l, const struct prefix *p, uint32_t metric)
{
	struct offer *o = learned_find(trie_exact(&l->routes, p), metric);

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

	if (learned_names(l, nexthop))
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
		if (learned_note(l, p))
			return -ENOMEM;
		o->is.tunnels &= (tunnel_mask)~d->tunnels;
		l->stale_changes++;
		if (!o->is.tunnels)
			learned_leave(l, (struct offer **)trie_insert(&l->routes, p), o);
	}
	return 0;
}

int learned_drop_stale(struct learned *l, tunnel_mask tunnels)
{
	struct dropping d = { l, tunnels };

	return l->stale && tunnels ? trie_walk(&l->routes, NULL, drop_each, &d) : 0;
}

struct asking {
	learned_stale_fn fn;
	void *context;
};

static int ask_stale(const struct prefix *p, void *data, void *context)
{
	const struct asking *a = context;
	int value = 0;

	for (const struct offer *o = data; !value && o; o = o->next)
		if (o->stale)
			value = a->fn(p, o->is.metric, o->is.tunnels, a->context);
	return value;
}

int learned_each_stale(const struct learned *l, learned_stale_fn fn, void *context)
{
	struct asking a = { fn, context };

	return l->stale ? trie_walk(&l->routes, NULL, ask_stale, &a) : 0;
}

static int count_stale(const struct prefix *p, void *data, void *context)
{
	const struct offer *o = data;

	(void)p;
	if (o->stale)
		learned_count(context, 0, o->counted);
	return 0;
}

void learned_count_stale(const struct learned *l, size_t by_tunnel[TUNNELS_PER_CONNECTION])
{
	memset(by_tunnel, 0, TUNNELS_PER_CONNECTION * sizeof(*by_tunnel));
	if (l->stale)
		trie_walk(&l->routes, NULL, count_stale, by_tunnel);
}
