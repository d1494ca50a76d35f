/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include "../wire/rtnl.h"
#include "route_feed.h"

#define EVENT_BUFFER                                                                \
	(64 << 20) /* a full table in one burst: some 900,000 messages of 200 bytes \
		    */
#define RECEIVE_SIZE 65536
#define AT_A_TIME    512 /* datagrams; other events are to have their turn */
#define TRIES	     5	 /* a dump that changes came in between of */

struct route_feed {
	struct mnl_socket *events, *questions;
	uint32_t sequence;
	char buf[RECEIVE_SIZE];
};

static int open_events(struct route_feed *f)
{
	static const int groups[] = { RTNLGRP_NEXTHOP, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE };
	int size = EVENT_BUFFER, fd;

	f->events = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!f->events || mnl_socket_bind(f->events, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	fd = mnl_socket_get_fd(f->events);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (mnl_socket_setsockopt(f->events, NETLINK_ADD_MEMBERSHIP, (void *)&groups[i],
					  sizeof(groups[i])) < 0)
			return -errno;
	return 0;
}

static int open_questions(struct route_feed *f)
{
	int on = 1;

	f->questions = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!f->questions || mnl_socket_bind(f->questions, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	return mnl_socket_setsockopt(f->questions, NETLINK_GET_STRICT_CHK, &on, sizeof(on)) < 0
		       ? -errno
		       : 0;
}

int route_feed_open(struct route_feed **out, const char **why)
{
	struct route_feed *f = calloc(1, sizeof(*f));
	int err = f ? open_events(f) : -ENOMEM;

	if (!err)
		err = open_questions(f);
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
	if (f->events)
		mnl_socket_close(f->events);
	if (f->questions)
		mnl_socket_close(f->questions);
	free(f);
}

int route_feed_fd(const struct route_feed *f)
{
	return mnl_socket_get_fd(f->events);
}

int route_feed_receive(struct route_feed *f, route_event_fn fn, void *data)
{
	int err = 0;

	for (int i = 0; !err && i < AT_A_TIME; i++) {
		ssize_t got = mnl_socket_recvfrom(f->events, f->buf, sizeof(f->buf));

		if (got < 0 && errno != EINTR)
			return errno == EAGAIN ? 0 : -errno;
		if (got > 0)
			err = rtnl_decode_all(f->buf, (size_t)got, NULL, fn, data);
	}
	return err;
}

/* ---- dumps ---- */

struct answer {
	bool done, changed;
	int error;
};

/* What ends a dump, and what spoils it. */
static void look_for_end(const void *buf, size_t len, uint32_t sequence, struct answer *a)
{
	const struct nlmsghdr *n = buf;
	int left = (int)len;

	for (; mnl_nlmsg_ok(n, left); n = mnl_nlmsg_next(n, &left)) {
		if (n->nlmsg_seq != sequence)
			continue;
		a->changed |= n->nlmsg_flags & NLM_F_DUMP_INTR;
		if (n->nlmsg_type != NLMSG_DONE && n->nlmsg_type != NLMSG_ERROR)
			continue;
		a->done = true;
		if (mnl_nlmsg_get_payload_len(n) >= sizeof(a->error))
			memcpy(&a->error, mnl_nlmsg_get_payload(n), sizeof(a->error));
	}
}

static int dump_once(struct route_feed *f, const void *request, size_t len, route_event_fn fn,
		     void *data)
{
	struct answer a = { 0 };
	int err = 0;

	if (mnl_socket_sendto(f->questions, request, len) < 0)
		return -errno;
	while (!a.done) {
		ssize_t got = mnl_socket_recvfrom(f->questions, f->buf, sizeof(f->buf));

		if (got < 0 && errno != EINTR)
			return -errno;
		if (got <= 0)
			continue;
		if (!err)
			err = rtnl_decode_all(f->buf, (size_t)got, NULL, fn, data);
		look_for_end(f->buf, (size_t)got, f->sequence, &a);
	}
	if (err || a.error)
		return err ? err : a.error;
	return a.changed ? -EINTR : 0;
}

/* A table that changes all the time is never dumped in peace: what the last try gave is nearly
 * right, and notifications of the changes wait. */
static int is_settled(int err, int tries)
{
	return err != -EINTR || tries == TRIES;
}

int route_feed_dump_nexthops(struct route_feed *f, route_event_fn fn, void *data)
{
	char request[RTNL_REQUEST_MAX] __attribute__((aligned(4)));
	int err = -EINTR;

	for (int tries = 0; !is_settled(err, tries); tries++)
		err = dump_once(f, request, rtnl_request_nexthops(request, ++f->sequence), fn,
				data);
	return err == -EINTR ? 0 : err;
}

static int dump_family(struct route_feed *f, uint8_t family, uint32_t table, route_event_fn fn,
		       void *data)
{
	char request[RTNL_REQUEST_MAX] __attribute__((aligned(4)));
	int err = -EINTR;

	for (int tries = 0; !is_settled(err, tries); tries++)
		err = dump_once(f, request,
				rtnl_request_routes(request, ++f->sequence, family, table), fn,
				data);
	return err == -EINTR || err == -ENOENT ? 0 : err;
}

int route_feed_dump_table(struct route_feed *f, uint32_t table, route_event_fn fn, void *data)
{
	int err = dump_family(f, AF_INET, table, fn, data);

	return err ? err : dump_family(f, AF_INET6, table, fn, data);
}
