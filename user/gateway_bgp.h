/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From the kernel's tables, or FRR's FPM stream, to what each connection is offered [S41 S43 S44].
 *
 * A connection keeps what it has learned, by name, across changes of the configuration. Offers are
 * collected for some milliseconds and then settled together: forwarding_learn().
 */
#ifndef ESPALIER_GATEWAY_BGP_H
#define ESPALIER_GATEWAY_BGP_H

#include "gateway.h"

/* Subscribes. Nothing is read yet. 0 or -errno; says why it failed. */
int bgp_open(struct gateway *g);
void bgp_close(struct gateway *g);
/* Adds the feeds to the event loop. */
int bgp_add_events(struct gateway *g);

/* By connection of `c`: what it has learned until now. The array is the caller's, what it points to
 * is not. NULL: no memory. */
struct learned **bgp_bind(struct gateway *g, const struct config *c);
/* What a former espalierd knew and the kernel does not: who writes routes, and what is stale. Once,
 * before bgp_configure(). Whatever is wrong with it is logged. */
void bgp_recall(struct gateway *g);
/* Writes it down for the next one, now; on failure, which is logged, the former state stays. */
void bgp_remember(struct gateway *g);
/* Does so soon, if anything of it changed. */
void bgp_remember_later(struct gateway *g);
/* There is to be no next one. 0 or -errno. */
int bgp_forget(const char *runtime_dir);
/* The running configuration is another one, or the first: its quotas hold, its tables are read if
 * they are not the same as before. To be called before routes are decided on. 0 or -errno. */
int bgp_configure(struct gateway *g);
/* Forgets connections that are no longer configured. */
void bgp_retire(struct gateway *g);

/* A device or address changed. The kernel says nothing of routes that go with it. */
void bgp_host_changed(struct gateway *g, const struct host_event *event);
/* Reads everything anew, unless that takes so long that it has to be rare. */
void bgp_audit(struct gateway *g);
/* Stale routes do not outlive the tunnels that they lead over. To be called when the rib follows
 * the tunnels. */
void bgp_drop_fallen(struct gateway *g);
/* Until when a connection's stale routes are kept, monotonic; 0: it has none. */
uint64_t bgp_stale_until(const struct gateway *g, size_t connection);
/* Is FRR's FPM stream there, which connections with `feed: fpm` hang on? */
struct fpm_counters;
bool bgp_fpm_connected(const struct gateway *g);
/* Why the account whose connections are taken is not known: -errno, or 0. */
int bgp_fpm_account_error(const struct gateway *g);
/* Since it listens, or NULL: it does not. */
const struct fpm_counters *bgp_fpm_counters(const struct gateway *g);
/* gateway_quota.c: says what is wrong with the feeds, how much of the quotas is used where that is
 * much, and what was refused [D4]. */
void quota_raise_alarms(struct gateway *g);

#endif
