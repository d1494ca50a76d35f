/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "nexthops.h"

#define HASH_NONFATAL_OOM 1 /* an element that found no memory has no table */
#include <uthash.h>

struct nexthop_object {
	uint32_t id;
	bool group;
	uint8_t count;
	UT_hash_handle hh;
	uint32_t hops[]; /* devices, or ids of members */
};

static struct nexthop_object *find(const struct nexthops *n, uint32_t id)
{
	struct nexthop_object *o;

	HASH_FIND(hh, n->by_id, &id, sizeof(id), o);
	return o;
}

static struct nexthop_object *make(const struct route_event *e)
{
	struct nexthop_object *o = malloc(sizeof(*o) + e->hop_count * sizeof(o->hops[0]));

	if (!o)
		return NULL;
	*o = (struct nexthop_object){ .id = e->nexthop, .group = e->group, .count = e->hop_count };
	memcpy(o->hops, e->hops, e->hop_count * sizeof(o->hops[0]));
	return o;
}

static void take_out(struct nexthop_object *group, uint32_t id)
{
	uint8_t kept = 0;

	for (uint8_t i = 0; i < group->count; i++)
		if (group->hops[i] != id)
			group->hops[kept++] = group->hops[i];
	group->count = kept;
}

static void forget(struct nexthops *n, uint32_t id)
{
	struct nexthop_object *o = find(n, id), *other, *next;

	if (!o)
		return;
	HASH_DEL(n->by_id, o);
	free(o);
	HASH_ITER (hh, n->by_id, other, next)
		if (other->group)
			take_out(other, id);
}

static int set(struct nexthops *n, const struct route_event *e)
{
	struct nexthop_object *was = find(n, e->nexthop), *o = make(e);

	if (!o)
		return -ENOMEM;
	if (was)
		HASH_DEL(n->by_id, was);
	HASH_ADD(hh, n->by_id, id, sizeof(o->id), o);
	if (!o->hh.tbl) {
		free(o);
		if (was)
			HASH_ADD(hh, n->by_id, id, sizeof(was->id), was);
		return -ENOMEM;
	}
	free(was);
	return 0;
}

int nexthops_apply(struct nexthops *n, const struct route_event *e)
{
	if (e->kind == NEXTHOP_SET)
		return set(n, e);
	if (e->kind == NEXTHOP_GONE)
		forget(n, e->nexthop);
	return 0;
}

size_t nexthops_devices(const struct nexthops *n, uint32_t id, uint32_t *devices, size_t room)
{
	const struct nexthop_object *o = find(n, id), *member;
	size_t count = 0;

	for (uint8_t i = 0; o && i < o->count && count < room; i++) {
		if (!o->group) {
			devices[count++] = o->hops[i];
			continue;
		}
		member = find(n, o->hops[i]); /* a group has no groups in it */
		if (member && !member->group && member->count)
			devices[count++] = member->hops[0];
	}
	return count;
}

static bool has_member(const struct nexthop_object *o, uint32_t id)
{
	for (uint8_t i = 0; o->group && i < o->count; i++)
		if (o->hops[i] == id)
			return true;
	return false;
}

int nexthops_each_user(const struct nexthops *n, uint32_t id, nexthop_id_fn fn, void *context)
{
	const struct nexthop_object *o, *next;
	int err = fn(id, context);

	for (o = n->by_id; !err && o; o = next) {
		next = o->hh.next;
		if (has_member(o, id))
			err = fn(o->id, context);
	}
	return err;
}

int nexthops_each(const struct nexthops *n, nexthop_id_fn fn, void *context)
{
	const struct nexthop_object *o, *next;
	int err = 0;

	for (o = n->by_id; !err && o; o = next) {
		next = o->hh.next;
		err = fn(o->id, context);
	}
	return err;
}

size_t nexthops_count(const struct nexthops *n)
{
	return HASH_COUNT(n->by_id);
}

void nexthops_free(struct nexthops *n)
{
	struct nexthop_object *o = n->by_id, *next;

	HASH_CLEAR(hh, n->by_id); /* frees its table alone */
	for (; o; o = next) {
		next = o->hh.next;
		free(o);
	}
}
