/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the gateway watches of its own counters: tunnels' over the last minute, and those of packets
 * that the kernel's IPsec could not carry.
 */
#ifndef ESPALIER_GATEWAY_STATS_H
#define ESPALIER_GATEWAY_STATS_H

#include "core/rates.h"
#include "core/xfrm_stat.h"
#include "gateway.h"

struct stats;

/* Begins to sample. A kernel without counters of its own is no failure. 0 or -errno. */
int stats_begin(struct gateway *g);
void stats_free(struct gateway *g);

/* What a tunnel carried in the last minute. False: not known yet, or its counters went back. */
bool stats_window(struct gateway *g, const struct gateway_tunnel *t, struct rates_window *out);

/* The kernel's counters as they are. 0; -ENOENT: this kernel has none; -errno. */
int stats_kernel(const struct gateway *g, struct xfrm_stat_list *out);
/* The kernel's counters by position: how much of each was `tunnel`'s, as far as it can be told
 * (core/xfrm_stat.h). False: there are no more. */
bool stats_told(const struct gateway *g, uint32_t tunnel, size_t i, struct xfrm_stat *out);
/* The id will be another tunnel's. */
void stats_forget(struct gateway *g, uint32_t tunnel);
/* At each audit: which of the kernel's counters have grown since the last one. */
void stats_audit(struct gateway *g);
/* While an update runs: an alarm for each counter that had grown at the last audit. */
void stats_alarm(struct gateway *g);

#endif
