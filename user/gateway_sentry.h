/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The sentry: a thread that does one thing. When a tunnel leaves Phase 2 its liveness word falls,
 * whatever the controller is doing: an apply, a withdrawal of a million routes, an audit.
 *
 * It has a subscription and a copy of the SAs of its own, so it shares nothing with the controller
 * but what is in here, under one mutex:
 *
 *   word of a tunnel = the controller wants it live AND the sentry sees it in Phase 2 [D3]
 *
 * Either of them can take a tunnel out of use at once; both must agree to bring it back. The
 * controller hears of the same fall by its own subscription and does the rest in its own time:
 * groups, routes, the kernel's copy, subscribers. The sentry knows nothing of these, and calls
 * nothing of the gateway, so nothing of the gateway has to be reentrant.
 *
 * The mutex is held while a message is taken in or a word is written, and by the controller while
 * it reads all SAs anew (sentry_resync()); never while anybody waits for an event. It inherits
 * priority, for the thread runs with real-time priority where that is allowed: it works for
 * microseconds, and a busy host must not keep it from that.
 */
#ifndef ESPALIER_GATEWAY_SENTRY_H
#define ESPALIER_GATEWAY_SENTRY_H

#include <stdbool.h>
#include <stdint.h>
#include "core/phase2.h"
#include "io/dataplane.h"
#include "io/xfrm.h"

struct sentry;

/* Subscribes and starts the thread. `d` must outlive the sentry, which alone writes liveness words.
 * sentry_watch() and sentry_resync() are to follow. 0 or -errno; *why: one sentence on failure. */
int sentry_open(struct dataplane *d, const struct xfrm_options *options, struct sentry **out,
		const char **why);
/* Ends the thread. The words stay as they are. NULL is allowed. */
void sentry_close(struct sentry *s);

/* As phase2_watch() and phase2_unwatch(). */
int sentry_watch(struct sentry *s, uint32_t tunnel, const struct phase2_tunnel *t);
void sentry_unwatch(struct sentry *s, uint32_t tunnel);

/* What the controller wants. Until it is said the first time a word of a former controller stands,
 * unless the tunnel falls. Tunnel ids are those of the liveness map. */
void sentry_set_live(struct sentry *s, uint32_t tunnel, bool live);

/* Why it has ended by itself, as -errno, or 0: it is at work. The descriptor is readable once it
 * has ended. From then on a tunnel that falls waits for the controller. */
int sentry_failure(const struct sentry *s);
int sentry_ended_fd(const struct sentry *s);

/* Reads all SAs and policies from the kernel: at the start, and as an audit. 0 or -errno: then what
 * was known stays. */
int sentry_resync(struct sentry *s);

#endif
