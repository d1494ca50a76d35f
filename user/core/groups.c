/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "groups.h"

int groups_init(struct groups *g, size_t limit)
{
	struct group_entry *list = calloc(limit, sizeof(*list));

	if (!list)
		return -ENOMEM;
	*g = (struct groups){ .list = list, .limit = limit };
	return 0;
}

void groups_free(struct groups *g)
{
	HASH_CLEAR(hh, g->by_set);
	free(g->list);
	*g = (struct groups){ 0 };
}

static void make_key(const struct member_set *set, struct fib_answer *key)
{
	answers_normalize(&(struct fib_answer){ .kind = FIB_TUNNELS, .set = *set }, key);
}

int groups_find(const struct groups *g, const struct member_set *set)
{
	struct group_entry *e;
	struct fib_answer key;

	make_key(set, &key);
	HASH_FIND(hh, g->by_set, &key, sizeof(key), e);
	return e ? (int)(e - g->list) : -ENOENT;
}

/* The empty set is nobody's: a group that serves it is not to be found. */
static int start(struct groups *g, struct group_entry *e, const struct member_set *set,
		 const struct placement *place, const struct tunnel_view *v)
{
	make_key(set, &e->key);
	if (set->count) {
		HASH_ADD(hh, g->by_set, key, sizeof(e->key), e);
		if (!e->hh.tbl)
			return -ENOMEM;
	}
	e->used = true;
	e->routes = 0;
	e->carries = 0;
	e->set = *set;
	e->place = *place;
	placement_refresh(&e->place, set, v);
	g->used++;
	return 0;
}

static struct group_entry *next_free(struct groups *g)
{
	for (size_t i = 0; i < g->limit; i++) {
		struct group_entry *e = &g->list[(g->next + i) % g->limit];

		if (e->used)
			continue;
		g->next = (size_t)(e - g->list) + 1;
		return e;
	}
	return NULL;
}

int groups_get(struct groups *g, const struct member_set *set, const struct placement *seed,
	       const struct tunnel_view *v, bool *made)
{
	int id = groups_find(g, set), err;
	struct placement place;
	struct group_entry *e;

	*made = false;
	if (id >= 0)
		return id;
	e = g->used < g->limit ? next_free(g) : NULL;
	if (!e)
		return -ENOSPC;
	placement_start(&place, seed);
	err = start(g, e, set, &place, v);
	if (err)
		return err;
	*made = true;
	return (int)(e - g->list);
}

int groups_adopt(struct groups *g, uint32_t id, const struct member_set *set,
		 const struct group *content, const struct tunnel_view *v)
{
	struct placement place;

	if (id >= g->limit || g->list[id].used)
		return -EBUSY;
	placement_adopt(&place, content, set, v);
	return start(g, &g->list[id], set, &place, v);
}

bool groups_refresh(struct groups *g, uint32_t id, const struct tunnel_view *v)
{
	return placement_refresh(&g->list[id].place, &g->list[id].set, v);
}

bool groups_has_tunnel(const struct groups *g, uint32_t id, uint32_t tunnel)
{
	const struct group_entry *e = &g->list[id];

	for (size_t i = 0; e->used && i < e->set.count; i++)
		if (e->set.members[i].tunnel == tunnel)
			return true;
	return false;
}

void groups_release(struct groups *g, uint32_t id)
{
	struct group_entry *e = &g->list[id];

	if (!e->used)
		return;
	if (e->set.count)
		HASH_DEL(g->by_set, e);
	e->used = false;
	g->used--;
}

bool groups_reseed(struct groups *g, uint32_t id, const struct placement *seed,
		   const struct tunnel_view *v)
{
	struct group_entry *e = &g->list[id];
	const struct group was = e->place.content;

	placement_start(&e->place, seed);
	placement_refresh(&e->place, &e->set, v);
	return memcmp(&was, &e->place.content, sizeof(was)) != 0;
}

void groups_hold(struct groups *g, uint32_t id, bool carries)
{
	g->list[id].routes++;
	g->list[id].carries += carries;
}

void groups_drop(struct groups *g, uint32_t id, bool carries)
{
	g->list[id].carries -= carries;
	if (!--g->list[id].routes)
		groups_release(g, id);
}
