/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "../wire/fpm.h"
#include "fpm.h"
#include "socket_owner.h"

#define READ_SIZE 65536
#define AT_A_TIME 64 /* reads; other events are to have their turn */

struct fpm {
	int listening, stream;
	uid_t user;
	struct fpm_counters counters;
	size_t have; /* bytes in buf: at most a frame that is not complete, and one read */
	char buf[FPM_FRAME_MAX + READ_SIZE];
	char frame[FPM_FRAME_MAX] __attribute__((aligned(4))); /* as netlink wants it */
};

static socklen_t to_socket(const struct address *a, uint16_t port, union socket_address *out)
{
	memset(out, 0, sizeof(*out));
	out->any.sa_family = a->family;
	if (a->family == AF_INET) {
		out->v4.sin_port = htons(port);
		memcpy(&out->v4.sin_addr, a->bytes, sizeof(out->v4.sin_addr));
		return sizeof(out->v4);
	}
	out->v6.sin6_port = htons(port);
	memcpy(&out->v6.sin6_addr, a->bytes, sizeof(out->v6.sin6_addr));
	return sizeof(out->v6);
}

static int listen_at(struct fpm *f, const struct address *address, uint16_t port)
{
	union socket_address at;
	socklen_t len = to_socket(address, port, &at);
	int on = 1;

	f->listening = socket(address->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (f->listening < 0)
		return -errno;
	setsockopt(f->listening, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(f->listening, &at.any, len) < 0 || listen(f->listening, 2) < 0)
		return -errno;
	return 0;
}

int fpm_open(const struct address *address, uint16_t port, uid_t user, struct fpm **out,
	     const char **why)
{
	struct fpm *f = calloc(1, sizeof(*f));
	int err;

	*why = "no memory";
	if (!f)
		return -ENOMEM;
	f->listening = f->stream = -1;
	f->user = user;
	err = listen_at(f, address, port);
	if (err) {
		*why = "cannot listen for FRR's FPM stream";
		fpm_close(f);
		return err;
	}
	*out = f;
	return 0;
}

void fpm_hang_up(struct fpm *f)
{
	if (f->stream >= 0)
		close(f->stream);
	f->stream = -1;
	f->have = 0;
}

void fpm_close(struct fpm *f)
{
	if (!f)
		return;
	fpm_hang_up(f);
	if (f->listening >= 0)
		close(f->listening);
	free(f);
}

int fpm_listen_fd(const struct fpm *f)
{
	return f->listening;
}

int fpm_stream_fd(const struct fpm *f)
{
	return f->stream;
}

const struct fpm_counters *fpm_counters(const struct fpm *f)
{
	return &f->counters;
}

static bool is_local(const union socket_address *a)
{
	if (a->any.sa_family == AF_INET)
		return ntohl(a->v4.sin_addr.s_addr) >> 24 == 127;
	return a->any.sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&a->v6.sin6_addr);
}

static uid_t caller(int fd, const union socket_address *from)
{
	uid_t owner;

	return is_local(from) && !socket_owner(fd, &owner) ? owner : FPM_NO_USER;
}

static bool may_write_routes(const struct fpm *f, uid_t user)
{
	return user != FPM_NO_USER && (!user || user == f->user || user == geteuid());
}

int fpm_accept(struct fpm *f)
{
	union socket_address from = { 0 };
	socklen_t len = sizeof(from);
	int fd = accept4(f->listening, &from.any, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
	uid_t user;

	if (fd < 0)
		return -errno;
	user = caller(fd, &from);
	if (!may_write_routes(f, user)) {
		f->counters.refused++;
		f->counters.refused_user = user;
		close(fd);
		return -EPERM;
	}
	fpm_hang_up(f);
	f->stream = fd;
	f->counters.connections++;
	return 0;
}

/* All complete frames; what is left moves to the front. */
static int take_frames(struct fpm *f, route_event_fn fn, void *data)
{
	size_t at = 0, len;
	const void *payload;
	int whole, err = 0;

	while (!err && (whole = fpm_frame(f->buf + at, f->have - at, &payload, &len)) > 0) {
		f->counters.frames++;
		memcpy(f->frame, payload, len);
		err = fpm_messages(f->frame, len, fn, data);
		at += (size_t)whole;
	}
	if (!err && whole < 0)
		err = whole;
	f->have -= at;
	memmove(f->buf, f->buf + at, f->have);
	return err;
}

static int receive(struct fpm *f, route_event_fn fn, void *data)
{
	int err = 0;

	for (int i = 0; !err && i < AT_A_TIME; i++) {
		ssize_t got = read(f->stream, f->buf + f->have, sizeof(f->buf) - f->have);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno == EAGAIN ? 0 : -errno;
		if (!got)
			return -ENOTCONN;
		f->have += (size_t)got;
		f->counters.bytes += (uint64_t)got;
		err = take_frames(f, fn, data);
	}
	return err;
}

int fpm_receive(struct fpm *f, route_event_fn fn, void *data)
{
	int err = receive(f, fn, data);

	f->counters.unreadable += err == -EBADMSG;
	return err;
}
