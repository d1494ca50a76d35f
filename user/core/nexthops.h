/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's nexthop objects: which devices an id stands for. FRR's routes name them, and with
 * net.ipv4.nexthop_compat_mode=0 nothing else says where a route leads.
 *
 * Fed with NEXTHOP_* events. An object that goes takes itself out of the groups it is in, as in the
 * kernel, which says nothing of those.
 */
#ifndef ESPALIER_NEXTHOPS_H
#define ESPALIER_NEXTHOPS_H

#include "route_event.h"

struct nexthop_object;

struct nexthops {
	struct nexthop_object *by_id;
};

/* 0 or -ENOMEM: nothing has changed. */
int nexthops_apply(struct nexthops *n, const struct route_event *e);
/* The devices behind an object or a group, at most `room`; their number. 0: not known, or none. */
size_t nexthops_devices(const struct nexthops *n, uint32_t id, uint32_t *devices, size_t room);
/* `id` itself, and every group that it is in: what leads elsewhere when `id` changes. */
typedef int (*nexthop_id_fn)(uint32_t id, void *context);
int nexthops_each_user(const struct nexthops *n, uint32_t id, nexthop_id_fn fn, void *context);
/* Every object's id. */
int nexthops_each(const struct nexthops *n, nexthop_id_fn fn, void *context);
size_t nexthops_count(const struct nexthops *n);
void nexthops_free(struct nexthops *n);

#endif
