/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <linux/rtnetlink.h>
#include "../wire/neighbour.h"
#include "neighbour_feed.h"
#include "rtnl_socket.h"

#define EVENT_BUFFER (4 << 20)

struct neighbour_feed {
	struct rtnl_socket socket;
};

static const int groups[] = { RTNLGRP_NEIGH };

int neighbour_feed_open(struct neighbour_feed **out)
{
	struct neighbour_feed *f = calloc(1, sizeof(*f));
	int err = f ? rtnl_socket_open(&f->socket, groups, 1, EVENT_BUFFER) : -ENOMEM;

	if (err)
		neighbour_feed_close(f);
	else
		*out = f;
	return err;
}

void neighbour_feed_close(struct neighbour_feed *f)
{
	if (!f)
		return;
	rtnl_socket_close(&f->socket);
	free(f);
}

int neighbour_feed_fd(const struct neighbour_feed *f)
{
	return rtnl_socket_fd(&f->socket);
}

struct listener {
	neighbour_event_fn fn;
	void *data;
};

static int decode(const void *buf, size_t len, void *data)
{
	const struct listener *l = data;

	return neighbour_decode_all(buf, len, l->fn, l->data);
}

int neighbour_feed_receive(struct neighbour_feed *f, neighbour_event_fn fn, void *data)
{
	struct listener l = { fn, data };

	return rtnl_socket_receive(&f->socket, decode, &l);
}

int neighbour_feed_dump(struct neighbour_feed *f, neighbour_event_fn fn, void *data)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	char request[NEIGHBOUR_REQUEST_MAX] __attribute__((aligned(4)));
	struct listener l = { fn, data };
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(families); i++)
		err = rtnl_socket_dump(&f->socket, request,
				       neighbour_request_all(request, families[i]), decode, &l);
	return err;
}

int neighbour_feed_probe(struct neighbour_feed *f, const struct neighbour_event *e)
{
	char request[NEIGHBOUR_REQUEST_MAX] __attribute__((aligned(4)));

	return rtnl_socket_ask(&f->socket, request, neighbour_request_probe(request, e));
}
