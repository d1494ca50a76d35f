/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's XFRM netlink. Two sockets: one subscribed, one for dumps. Dump replies and
 * notifications on one socket can change places (the kernel fills a reply before it queues it), so
 * that a deleted SA would rise again; on two, everything that waits on the first when a dump on the
 * second has ended is applied after it.
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "../wire/xfrm.h"
#include "xfrm.h"

#define DATAGRAM_MAX   (64 << 10)
#define DUMP_TIMEOUT_S 10

struct xfrm_socket {
	struct mnl_socket *notifications;
	struct mnl_socket *requests;
	uint32_t sequence;
	_Alignas(8) char buf[DATAGRAM_MAX];
};

/* AEVENTS is a flood, ACQUIRE says nothing that a tunnel's state depends on. */
static const int groups[] = { XFRMNLGRP_SA, XFRMNLGRP_POLICY, XFRMNLGRP_EXPIRE, XFRMNLGRP_MIGRATE,
			      XFRMNLGRP_MAPPING };

static const char *explain(int err)
{
	switch (err) {
	case -EPROTONOSUPPORT:
	case -EAFNOSUPPORT:
		return "this kernel has no XFRM netlink (CONFIG_XFRM_USER); use a kernel with "
		       "IPsec, such as Debian's linux-image-amd64";
	case -EPERM:
	case -EACCES:
		return "no permission to follow IPsec SAs: CAP_NET_ADMIN is needed; run as root";
	case -ENOMEM:
		return "out of memory";
	}
	return "cannot open the kernel's XFRM netlink";
}

static int open_socket(int flags, struct mnl_socket **out)
{
	struct mnl_socket *s = mnl_socket_open2(NETLINK_XFRM, SOCK_CLOEXEC | flags);
	int err;

	if (!s)
		return -errno;
	if (mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) < 0) {
		err = -errno;
		mnl_socket_close(s);
		return err;
	}
	*out = s;
	return 0;
}

/* FORCE passes net.core.rmem_max and needs CAP_NET_ADMIN in the first namespace; else as much as
 * is allowed: an overrun then comes earlier, and is seen and repaired all the same. */
static void set_buffer(int fd, size_t bytes)
{
	int size = (int)bytes;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

static int subscribe(struct mnl_socket *s, size_t buffer)
{
	int no = 0;

	set_buffer(mnl_socket_get_fd(s), buffer);
	/* Overruns must be seen. This is the default; it is said because everything hangs on it. */
	mnl_socket_setsockopt(s, NETLINK_NO_ENOBUFS, &no, sizeof(no));
	for (unsigned i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		int group = groups[i];

		if (mnl_socket_setsockopt(s, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
			return -errno;
	}
	return 0;
}

static void kernel_close(struct xfrm_socket *s)
{
	if (s->notifications)
		mnl_socket_close(s->notifications);
	if (s->requests)
		mnl_socket_close(s->requests);
	free(s);
}

static int set_timeout(const struct mnl_socket *s)
{
	struct timeval limit = { .tv_sec = DUMP_TIMEOUT_S };

	if (setsockopt(mnl_socket_get_fd(s), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)))
		return -errno;
	return 0;
}

static int open_both(struct xfrm_socket *s, const struct xfrm_options *options)
{
	int err = open_socket(SOCK_NONBLOCK, &s->notifications);

	if (!err)
		err = subscribe(s->notifications, options->buffer);
	if (!err)
		err = open_socket(0, &s->requests);
	if (!err)
		err = set_timeout(s->requests);
	return err;
}

static int kernel_open(const struct xfrm_options *options, struct xfrm_socket **out,
		       const char **why)
{
	struct xfrm_socket *s = calloc(1, sizeof(*s));
	int err = s ? open_both(s, options) : -ENOMEM;

	if (err) {
		*why = explain(err);
		if (s)
			kernel_close(s);
		return err;
	}
	*out = s;
	return 0;
}

static int kernel_fd(const struct xfrm_socket *s)
{
	return mnl_socket_get_fd(s->notifications);
}

/* One datagram from the kernel; what another process sent is passed over. Its length, or -errno. */
static ssize_t read_datagram(const struct mnl_socket *from, void *buf, size_t len)
{
	struct sockaddr_nl sender;
	struct iovec part = { buf, len };
	struct msghdr msg = { .msg_name = &sender, .msg_iov = &part, .msg_iovlen = 1 };
	ssize_t got;

	do {
		msg.msg_namelen = sizeof(sender);
		got = recvmsg(mnl_socket_get_fd(from), &msg, 0);
		if (got < 0 && errno != EINTR)
			return -errno;
	} while (got < 0 || msg.msg_namelen != sizeof(sender) || sender.nl_pid != 0);
	/* Cut off: what is missing is lost like an overrun's messages. */
	return msg.msg_flags & MSG_TRUNC ? -ENOBUFS : got;
}

static int kernel_receive(struct xfrm_socket *s, xfrm_event_fn fn, void *data)
{
	for (;;) {
		ssize_t got = read_datagram(s->notifications, s->buf, sizeof(s->buf));
		int err;

		if (got == -EAGAIN || got == -EWOULDBLOCK)
			return 0;
		if (got < 0)
			return (int)got;
		err = xfrm_decode_all(s->buf, (size_t)got, NULL, fn, data);
		if (err)
			return err;
	}
}

/* A dump under way: ends with DONE or ERROR of its own sequence number. */
struct dump {
	uint32_t sequence;
	xfrm_event_fn fn;
	void *data;
	bool ended;
	int result;
};

static int dump_event(const struct xfrm_event *e, void *data)
{
	struct dump *d = data;

	if (e->sequence != d->sequence)
		return 0; /* of a dump that was broken off */
	if (e->kind == XFRM_EVENT_DONE || e->kind == XFRM_EVENT_ERROR) {
		d->ended = true;
		if (!d->result)
			d->result = e->error;
		return 0;
	}
	/* Even when the receiver gives up, the dump is read to its end. */
	if (!d->result)
		d->result = d->fn(e, d->data);
	return 0;
}

static int kernel_dump(struct xfrm_socket *s, enum xfrm_dump what, xfrm_event_fn fn, void *data)
{
	struct dump d = { ++s->sequence, fn, data, false, 0 };
	_Alignas(8) char request[XFRM_REQUEST_MAX];
	size_t len = what == XFRM_DUMP_SA ? xfrm_request_dump_sa(request, d.sequence)
					  : xfrm_request_dump_policy(request, d.sequence);

	if (mnl_socket_sendto(s->requests, request, len) < 0)
		return -errno;
	while (!d.ended) {
		ssize_t got = read_datagram(s->requests, s->buf, sizeof(s->buf));

		if (got < 0)
			return (int)got;
		xfrm_decode_all(s->buf, (size_t)got, NULL, dump_event, &d);
	}
	return d.result;
}

const struct xfrm_backend xfrm_backend = {
	.open = kernel_open,
	.fd = kernel_fd,
	.receive = kernel_receive,
	.dump = kernel_dump,
	.close = kernel_close,
};
