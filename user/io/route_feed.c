/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include "../wire/rtnl.h"
#include "route_feed.h"
#include "rtnl_socket.h"

#define EVENT_BUFFER                                                                \
	(64 << 20) /* a full table in one burst: some 900,000 messages of 200 bytes \
		    */

struct route_feed {
	struct rtnl_socket socket;
};

static const int groups[] = { RTNLGRP_NEXTHOP, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE };

int route_feed_open(struct route_feed **out, const char **why)
{
	struct route_feed *f = calloc(1, sizeof(*f));
	int err = f ? rtnl_socket_open(&f->socket, groups, sizeof(groups) / sizeof(groups[0]),
				       EVENT_BUFFER)
		    : -ENOMEM;

	if (err) {
		*why = "cannot subscribe to the kernel's routes";
		route_feed_close(f);
		return err;
	}
	*out = f;
	return 0;
}

void route_feed_close(struct route_feed *f)
{
	if (!f)
		return;
	rtnl_socket_close(&f->socket);
	free(f);
}

int route_feed_fd(const struct route_feed *f)
{
	return rtnl_socket_fd(&f->socket);
}

struct listener {
	route_event_fn fn;
	void *data;
	size_t datagrams; /* with routes or objects */
};

static int decode(const void *buf, size_t len, void *data)
{
	const struct nlmsghdr *first = buf;
	struct listener *l = data;

	l->datagrams += len >= sizeof(*first) && first->nlmsg_type != NLMSG_DONE;
	return rtnl_decode_all(buf, len, NULL, l->fn, l->data);
}

int route_feed_receive(struct route_feed *f, route_event_fn fn, void *data)
{
	struct listener l = { .fn = fn, .data = data };

	return rtnl_socket_receive(&f->socket, decode, &l);
}

int route_feed_dump_nexthops(struct route_feed *f, route_event_fn fn, void *data)
{
	char request[RTNL_REQUEST_MAX] __attribute__((aligned(4)));
	struct listener l = { .fn = fn, .data = data };

	return rtnl_socket_dump(&f->socket, request, rtnl_request_nexthops(request), decode, &l);
}

/* The kernel marks no dump of routes as interrupted. But between two datagrams it forgets the place
 * in a table of IPv6 where a route was added, begins at its root and leaves out as many routes as
 * it has told: too many, if some of those are gone (net/ipv6/ip6_fib.c). */
int route_feed_dump_table(struct route_feed *f, uint8_t family, uint32_t table, route_event_fn fn,
			  void *data)
{
	char request[RTNL_REQUEST_MAX] __attribute__((aligned(4)));
	struct listener l = { .fn = fn, .data = data };
	int err = rtnl_socket_dump_once(&f->socket, request,
					rtnl_request_routes(request, family, table), decode, &l);

	if (!err && family == AF_INET6 && l.datagrams > 1 && rtnl_socket_waits(&f->socket))
		return -EINTR;
	return err == -ENOENT ? 0 : err;
}

/* Columns: address of the socket, protocol, port id, groups … The first line is their names. */
bool route_feed_writer_lives(uint32_t port)
{
	FILE *f = fopen("/proc/self/net/netlink", "re");
	char line[256];
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f)) {
		unsigned protocol, id;

		found = sscanf(line, "%*s %u %u", &protocol, &id) == 2 &&
			protocol == NETLINK_ROUTE && id == port;
	}
	if (f)
		fclose(f);
	return found;
}
