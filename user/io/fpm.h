/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * FRR's FPM stream (zebra -M dplane_fpm_nl): routes and nexthop objects of every VRF. zebra dials,
 * and sends everything it has each time; we listen. Decides nothing.
 *
 * Only root, this program's own user and one other account of this host may connect, and one at a
 * time: who comes later is the zebra that runs now. What cannot be read ends a connection.
 * Descriptors do not block.
 */
#ifndef ESPALIER_IO_FPM_H
#define ESPALIER_IO_FPM_H

#include <sys/types.h>
#include "../core/route_event.h"

#define FPM_NO_USER ((uid_t) - 1)

struct fpm;

struct fpm_counters {
	uint64_t connections; /* taken */
	uint64_t refused;     /* from elsewhere, or another user's */
	uid_t refused_user; /* whose the last one was; FPM_NO_USER: not known, or from elsewhere */
	uint64_t frames, bytes;
	uint64_t unreadable; /* connections that ended with what cannot be read */
};

/* `user`: whose connections are taken; 0: root's alone. 0 or -errno. *why: one sentence, static. */
int fpm_open(const struct address *address, uint16_t port, uid_t user, struct fpm **out,
	     const char **why);
void fpm_close(struct fpm *f);
/* Readable when somebody wants to connect. */
int fpm_listen_fd(const struct fpm *f);
/* Takes the next one; a former connection is closed. 0; -EPERM: refused; -EAGAIN: nobody; or
 * another -errno. */
int fpm_accept(struct fpm *f);
/* Readable when there is something to receive, or the end; -1: not connected. */
int fpm_stream_fd(const struct fpm *f);
/* Hands over what waits, at most some megabytes. -ENOTCONN: the other side is gone; -EBADMSG: it
 * sent what cannot be read; or another -errno; or a callback's non-zero return. Whichever it is,
 * there is no going on: fpm_hang_up(). */
int fpm_receive(struct fpm *f, route_event_fn fn, void *data);
/* Ends the connection: zebra dials again within seconds, and sends everything anew. */
void fpm_hang_up(struct fpm *f);
const struct fpm_counters *fpm_counters(const struct fpm *f);

#endif
