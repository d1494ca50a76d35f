/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One route on its way from and to rtnetlink, between host_routes.c and host_route_message.c.
 */
#ifndef ESPALIER_IO_HOST_ROUTE_H
#define ESPALIER_IO_HOST_ROUTE_H

#include "host_internal.h"

/* A hop as the kernel knows it. */
struct host_way {
	uint32_t ifindex; /* 0: not usable */
	struct address via;
	uint16_t weight;
};

/* A route as it is now, or shall be. */
struct host_route_now {
	struct host_route key; /* hops are in ways */
	size_t count;
	struct host_way ways[MAX_MEMBERS];
};

/* False: not ours, or not one that we could have written. */
bool host_decode_route(const struct nlmsghdr *n, struct host_route_now *r);
bool host_same_route(const struct host_route_now *a, const struct host_route_now *b);
/* flags: NLM_F_EXCL for a new one, NLM_F_REPLACE for one that is ours. */
void host_send_route(struct host *h, const struct host_route_now *r, uint16_t flags,
		     const void *tag);
void host_send_route_removal(struct host *h, const struct host_route *key);

#endif
