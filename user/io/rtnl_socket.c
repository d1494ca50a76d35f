/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include "rtnl_socket.h"

#define AT_A_TIME 512 /* datagrams; other events are to have their turn */
#define TRIES	  5   /* a dump that changes came in between of */

static int open_events(struct rtnl_socket *s, const int *groups, size_t count, int buffer)
{
	s->events = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!s->events || mnl_socket_bind(s->events, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	setsockopt(mnl_socket_get_fd(s->events), SOL_SOCKET, SO_RCVBUFFORCE, &buffer,
		   sizeof(buffer));
	for (size_t i = 0; i < count; i++)
		if (mnl_socket_setsockopt(s->events, NETLINK_ADD_MEMBERSHIP, (void *)&groups[i],
					  sizeof(groups[i])) < 0)
			return -errno;
	return 0;
}

static int open_questions(struct rtnl_socket *s)
{
	int on = 1;

	s->questions = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!s->questions || mnl_socket_bind(s->questions, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	return mnl_socket_setsockopt(s->questions, NETLINK_GET_STRICT_CHK, &on, sizeof(on)) < 0
		       ? -errno
		       : 0;
}

int rtnl_socket_open(struct rtnl_socket *s, const int *groups, size_t count, int buffer)
{
	int err = open_events(s, groups, count, buffer);

	return err ? err : open_questions(s);
}

void rtnl_socket_close(struct rtnl_socket *s)
{
	if (s->events)
		mnl_socket_close(s->events);
	if (s->questions)
		mnl_socket_close(s->questions);
}

int rtnl_socket_fd(const struct rtnl_socket *s)
{
	return mnl_socket_get_fd(s->events);
}

/* What waits is older than the dump to come; and until its queue is empty the kernel adds nothing
 * to it, and says so no second time (netlink_overrun()). */
static void drain(struct rtnl_socket *s)
{
	ssize_t got;

	do
		got = mnl_socket_recvfrom(s->events, s->buf, sizeof(s->buf));
	while (got >= 0 || errno == EINTR || errno == ENOBUFS);
}

int rtnl_socket_receive(struct rtnl_socket *s, rtnl_datagram_fn fn, void *data)
{
	int err = 0;

	for (int i = 0; !err && i < AT_A_TIME; i++) {
		ssize_t got = mnl_socket_recvfrom(s->events, s->buf, sizeof(s->buf));

		if (got < 0 && errno == ENOBUFS) {
			drain(s);
			return -ENOBUFS;
		}
		if (got < 0 && errno != EINTR)
			return errno == EAGAIN ? 0 : -errno;
		if (got > 0)
			err = fn(s->buf, (size_t)got, data);
	}
	return err;
}

/* ---- questions ---- */

struct answer {
	bool done, changed;
	int error;
};

/* Not the rest of a dump that was broken off. */
static bool answers(const struct rtnl_socket *s, size_t len)
{
	const struct nlmsghdr *n = (const void *)s->buf;

	return mnl_nlmsg_ok(n, (int)len) && n->nlmsg_seq == s->sequence;
}

/* What ends a dump, and what spoils it. */
static void look_for_end(const struct rtnl_socket *s, size_t len, struct answer *a)
{
	const struct nlmsghdr *n = (const void *)s->buf;
	int left = (int)len;

	for (; mnl_nlmsg_ok(n, left); n = mnl_nlmsg_next(n, &left)) {
		a->changed |= n->nlmsg_flags & NLM_F_DUMP_INTR;
		if (n->nlmsg_type != NLMSG_DONE && n->nlmsg_type != NLMSG_ERROR)
			continue;
		a->done = true;
		if (mnl_nlmsg_get_payload_len(n) >= sizeof(a->error))
			memcpy(&a->error, mnl_nlmsg_get_payload(n), sizeof(a->error));
	}
}

static int ask(struct rtnl_socket *s, void *request, size_t len, rtnl_datagram_fn fn, void *data)
{
	struct answer a = { 0 };
	int err = 0;

	((struct nlmsghdr *)request)->nlmsg_seq = ++s->sequence;
	if (mnl_socket_sendto(s->questions, request, len) < 0)
		return -errno;
	while (!a.done) {
		ssize_t got = mnl_socket_recvfrom(s->questions, s->buf, RTNL_DUMP_SIZE);

		if (got < 0 && errno != EINTR)
			return -errno;
		if (got <= 0 || !answers(s, (size_t)got))
			continue;
		if (!err && fn)
			err = fn(s->buf, (size_t)got, data);
		look_for_end(s, (size_t)got, &a);
	}
	if (err || a.error)
		return err ? err : a.error;
	return a.changed ? -EINTR : 0;
}

int rtnl_socket_dump_once(struct rtnl_socket *s, void *request, size_t len, rtnl_datagram_fn fn,
			  void *data)
{
	return ask(s, request, len, fn, data);
}

bool rtnl_socket_waits(const struct rtnl_socket *s)
{
	struct pollfd events = { .fd = rtnl_socket_fd(s), .events = POLLIN };

	return poll(&events, 1, 0) > 0;
}

/* What changes all the time is never dumped in peace: what the last try gave is nearly right, and
 * notifications of the changes wait. */
int rtnl_socket_dump(struct rtnl_socket *s, void *request, size_t len, rtnl_datagram_fn fn,
		     void *data)
{
	int err = -EINTR;

	for (int tries = 0; err == -EINTR && tries < TRIES; tries++)
		err = ask(s, request, len, fn, data);
	return err == -EINTR ? 0 : err;
}

int rtnl_socket_ask(struct rtnl_socket *s, void *request, size_t len)
{
	((struct nlmsghdr *)request)->nlmsg_flags |= NLM_F_ACK;
	return ask(s, request, len, NULL, NULL);
}
