/* SPDX-License-Identifier: GPL-2.0-only */
/* Between gateway_forwarding.c, which changes what the maps have, and gateway_load.c, which fills a
 * table that has nothing. */
#ifndef ESPALIER_GATEWAY_FORWARDING_H
#define ESPALIER_GATEWAY_FORWARDING_H

#include <sys/socket.h>
#include "gateway.h"

static inline size_t forwarding_family(const struct prefix *p)
{
	return p->address.family == AF_INET6;
}

/* Packets are forwarded by the tables of attachments; a connection's own one says what may come out
 * of its tunnels. */
static inline bool forwarding_carries(const struct fib_table *t)
{
	return !t->connection;
}

/* The last place stays free: some kernels want one even to replace a route that is there. */
static inline bool forwarding_has_room(const struct gateway *g, const struct prefix *p)
{
	static const size_t limits[] = { MAX_ROUTES_V4, MAX_ROUTES_V6 };

	return g->held[forwarding_family(p)] + 1 < limits[forwarding_family(p)];
}

/*
 * The group for these flows, which follows the one that they took until now by the table `old`; in
 * the maps before this returns. -ENOSPC, -ENOMEM.
 */
int forwarding_group_for(struct gateway *g, const struct fib_table *old, const struct prefix *p,
			 const struct member_set *set);

/* All of `now` into the maps for `held`, which has nothing there. False: some are missing, and
 * `held` has those that are not. */
bool forwarding_load(struct gateway *g, struct fib_table *held, const struct fib_table *now);

#endif
