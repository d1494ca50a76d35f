/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Routes and nexthop objects of the kernel, by rtnetlink: what a routing daemon puts into the
 * tables of the connections. Subscribes, dumps, decides nothing.
 *
 * The kernel is silent about routes that go with a link or an address, so whoever listens has to
 * read anew after those. All functions return 0 or -errno.
 */
#ifndef ESPALIER_IO_ROUTE_FEED_H
#define ESPALIER_IO_ROUTE_FEED_H

#include "../core/route_event.h"

struct route_feed;

/* Subscribes to routes and nexthop objects of both families. *why: one sentence, static. */
int route_feed_open(struct route_feed **out, const char **why);
void route_feed_close(struct route_feed *f);
/* Readable when there is something to receive. */
int route_feed_fd(const struct route_feed *f);
/* Hands over what waits, at most some thousand messages. -ENOBUFS: messages were lost (those that
 * waited, too), and a dump must follow; a callback's non-zero return. */
int route_feed_receive(struct route_feed *f, route_event_fn fn, void *data);
/* All nexthop objects. */
int route_feed_dump_nexthops(struct route_feed *f, route_event_fn fn, void *data);
/* All routes of a kernel table; none where there is no such table. -EINTR: others wrote meanwhile,
 * and some that stand may be left out; another dump will hardly leave out the same ones. */
int route_feed_dump_table(struct route_feed *f, uint8_t family, uint32_t table, route_event_fn fn,
			  void *data);
/* Is the netlink socket with this port id (route_event.writer) still open? False also where it
 * cannot be told: no /proc. */
bool route_feed_writer_lives(uint32_t port);

#endif
