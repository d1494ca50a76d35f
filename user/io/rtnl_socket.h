/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A subscription to rtnetlink, and a second socket to ask for dumps with: what all feeds of the
 * kernel have in common. Knows no message. All functions return 0 or -errno.
 */
#ifndef ESPALIER_IO_RTNL_SOCKET_H
#define ESPALIER_IO_RTNL_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RTNL_RECEIVE_SIZE 65536

/* Bytes of every receive from a socket that dumps are asked for on: pieces of a dump become as long
 * as the longest receive before it, up to 32 KiB. The kernel fills a piece while nobody else gets
 * the processor, unless it has preemption: some 90 us for so many routes, during which the sentry
 * waits. No message is longer: links are asked for without their virtual functions. */
#define RTNL_DUMP_SIZE 8192

struct mnl_socket;

struct rtnl_socket {
	struct mnl_socket *events, *questions;
	uint32_t sequence;
	char buf[RTNL_RECEIVE_SIZE];
};

/* Joins `groups` (RTNLGRP_*); `buffer`: bytes of notifications that may wait. On failure close it
 * all the same. */
int rtnl_socket_open(struct rtnl_socket *s, const int *groups, size_t count, int buffer);
void rtnl_socket_close(struct rtnl_socket *s);
/* Readable when there is something to receive. */
int rtnl_socket_fd(const struct rtnl_socket *s);

/* A callback's non-zero return ends the handing over and is returned. */
typedef int (*rtnl_datagram_fn)(const void *buf, size_t len, void *data);

/* Hands over what waits, at most some hundred datagrams. -ENOBUFS: messages were lost, what waited
 * was thrown away, and a dump must follow. */
int rtnl_socket_receive(struct rtnl_socket *s, rtnl_datagram_fn fn, void *data);
/* Asks for a dump, again if changes came in between of it, and hands it over. `request`: a message;
 * its sequence number is set here. */
int rtnl_socket_dump(struct rtnl_socket *s, void *request, size_t len, rtnl_datagram_fn fn,
		     void *data);
/* One try of it; -EINTR: the kernel says that something changed meanwhile. */
int rtnl_socket_dump_once(struct rtnl_socket *s, void *request, size_t len, rtnl_datagram_fn fn,
			  void *data);
/* Is there an event to receive? */
bool rtnl_socket_waits(const struct rtnl_socket *s);
/* Sends a request without an answer but an error, and waits for that. */
int rtnl_socket_ask(struct rtnl_socket *s, void *request, size_t len);

#endif
