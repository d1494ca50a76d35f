/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "ecmp.h"
#include "groups.h"

int groups_init(struct groups *g, size_t limit)
{
	struct group_entry *list = calloc(limit, sizeof(*list));

	if (!list)
		return -ENOMEM;
	g->list = list;
	g->limit = limit;
	return 0;
}

void groups_free(struct groups *g)
{
	free(g->list);
	*g = (struct groups){ 0 };
}

int groups_find(const struct groups *g, const struct member_set *set)
{
	for (size_t i = 0; i < g->limit; i++)
		if (g->list[i].used && member_set_equal(&g->list[i].set, set))
			return (int)i;
	return -ENOENT;
}

static struct member_set live_members(const struct member_set *set, tunnel_live_fn live,
				      const void *context)
{
	struct member_set out = { 0 };

	for (size_t i = 0; i < set->count; i++)
		if (live(set->members[i].tunnel, context))
			out.members[out.count++] = set->members[i];
	return out;
}

static void start(struct group_entry *e, const struct member_set *set, const struct group *seed,
		  tunnel_live_fn live, const void *context)
{
	struct member_set now = live_members(set, live, context);

	e->used = true;
	e->routes = 0;
	e->set = *set;
	ecmp_fill(seed, &now, &e->content);
}

int groups_get(struct groups *g, const struct member_set *set, const struct group *seed,
	       tunnel_live_fn live, const void *context, bool *made)
{
	int id = groups_find(g, set);

	*made = false;
	if (id >= 0)
		return id;
	for (size_t i = 0; i < g->limit; i++) {
		if (g->list[i].used)
			continue;
		start(&g->list[i], set, seed, live, context);
		*made = true;
		return (int)i;
	}
	return -ENOSPC;
}

int groups_adopt(struct groups *g, uint32_t id, const struct member_set *set,
		 const struct group *content, tunnel_live_fn live, const void *context)
{
	if (id >= g->limit || g->list[id].used)
		return -EBUSY;
	start(&g->list[id], set, content, live, context);
	return 0;
}

bool groups_refresh(struct groups *g, uint32_t id, tunnel_live_fn live, const void *context)
{
	struct group_entry *e = &g->list[id];
	struct member_set now = live_members(&e->set, live, context);
	struct group content;

	ecmp_fill(&e->content, &now, &content);
	if (!memcmp(&content, &e->content, sizeof(content)))
		return false;
	e->content = content;
	return true;
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
	g->list[id].used = false;
}
