/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where XFRM events come from: the kernel of the process's network namespace (xfrm_backend.c), or a
 * socket of the tests (replay_xfrm_backend.c). Which one is decided by the linker: both define
 * `xfrm_backend`.
 */
#ifndef ESPALIER_XFRM_IO_H
#define ESPALIER_XFRM_IO_H

#include <stdint.h>
#include "../core/phase2.h"
#include "../core/xfrm_event.h"

struct xfrm_socket;

enum xfrm_dump { XFRM_DUMP_SA, XFRM_DUMP_POLICY };

struct xfrm_options {
	/* Bytes of notifications that may wait; what comes beyond is lost, seen to be lost, and
	 * read anew. The kernel counts its overhead, too, and has a least size of its own. */
	size_t buffer;
};

/* Some 5,000 notifications: the SAs of 500 tunnels, made anew at once. */
#define XFRM_BUFFER_DEFAULT (4u << 20)
#define XFRM_BUFFER_MIN	    1024u
#define XFRM_BUFFER_MAX	    (1u << 30)

struct xfrm_backend {
	/* Subscribes. *why gets one sentence on failure, static. */
	int (*open)(const struct xfrm_options *options, struct xfrm_socket **out, const char **why);
	/* Readable when notifications wait. */
	int (*fd)(const struct xfrm_socket *s);
	/* Hands over what waits, without blocking. 0; -ENOBUFS: messages were lost; a callback's
	 * non-zero return. */
	int (*receive)(struct xfrm_socket *s, xfrm_event_fn fn, void *data);
	/* Asks for all SAs or policies and hands them over; notifications keep waiting. */
	int (*dump)(struct xfrm_socket *s, enum xfrm_dump what, xfrm_event_fn fn, void *data);
	void (*close)(struct xfrm_socket *s);
};

extern const struct xfrm_backend xfrm_backend;

/* Called for every change, directly after the message that made it. */
typedef void (*xfrm_changed_fn)(const struct phase2_change *change, void *data);

/* One per controller. xfrm_open() subscribes only: xfrm_resync() must follow. */
int xfrm_open(const struct xfrm_options *options, struct xfrm_socket **out, const char **why);
int xfrm_fd(const struct xfrm_socket *s);
void xfrm_close(struct xfrm_socket *s);

/*
 * Applies what waits. 0; or XFRM_NEEDS_RESYNC: the caller says why and calls xfrm_resync(); or a
 * -errno: the socket is of no more use. *why (may be NULL) is then -ENOBUFS: messages were lost,
 * PHASE2_NEEDS_DUMP: a MIGRATE, or -ENOMEM.
 */
#define XFRM_NEEDS_RESYNC 1
int xfrm_follow(struct xfrm_socket *s, struct phase2 *p, uint64_t now_ns, xfrm_changed_fn changed,
		void *data, int *why);

/*
 * Makes `p` equal to the kernel: drains (stale notifications are dropped), dumps, applies what came
 * meanwhile, sweeps, reports changes. For the start, after a loss, and as an audit. drift may be
 * NULL. 0 or -errno: what was learned is kept, nothing was swept. Of these -ENOBUFS, -EAGAIN and
 * -EINTR mean that too much happens at the moment: it is to be tried again later.
 */
int xfrm_resync(struct xfrm_socket *s, struct phase2 *p, uint64_t now_ns, xfrm_changed_fn changed,
		void *data, struct phase2_drift *drift);

/* Brings counters and lifetimes of the SAs up to date, for display. Removes nothing. */
int xfrm_refresh(struct xfrm_socket *s, struct phase2 *p, uint64_t now_ns, xfrm_changed_fn changed,
		 void *data);

#endif
