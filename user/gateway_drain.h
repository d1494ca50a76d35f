/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Drains and gates at work: core/drain.h decides, the programs note which buckets are in use
 * (bpf/use.h), and a timer looks at the buckets that wait. It runs, and use is noted, only while
 * something waits; with a gate use is always noted, so that at a return it is known at once.
 */
#ifndef ESPALIER_GATEWAY_DRAIN_H
#define ESPALIER_GATEWAY_DRAIN_H

#include "core/drain.h"
#include "gateway.h"

/* By tunnel id, what core has no use for. */
struct drained {
	uint64_t begun_ms, deadline_ms; /* since 1970: what survives a restart, and a reboot */
	enum drain_state told;
};

struct draining {
	struct drains drains;
	struct drained tunnels[MAX_TUNNELS];
	uint64_t made_ns[MAX_GROUPS];
	sd_event_source *timer;
	bool noting;
};

/* 0 or -ENOMEM; ids of tunnels need not be known yet. */
int draining_open(struct gateway *g);
void draining_free(struct gateway *g);

/* Tunnels have their ids: drains of a former controller go on, out of `list` (the state file's, or
 * NULL). */
void draining_restore(struct gateway *g, const json_t *list);
/* The list for the state file. */
json_t *draining_state(const struct gateway *g);
/* The configuration of when this daemon made `list` is back: drains of tunnels that were gone
 * meanwhile go on. */
void draining_resume(struct gateway *g, const json_t *list);

/* Of a struct tunnel_view; context: the gateway. */
uint64_t draining_order(uint32_t tunnel, const void *gateway);
bool draining_waits(uint32_t from, uint32_t to, const void *gateway);

/* The tunnel is live now, and was not. */
void draining_returned(struct gateway *g, uint32_t tunnel);
/* The group is new: what its buckets did before is another group's. */
void draining_group_made(struct gateway *g, uint32_t group);
/* The id is about to become another tunnel's. */
void draining_forget(struct gateway *g, uint32_t tunnel);
/* The configuration may be another one. */
void draining_configure(struct gateway *g);
/* Groups were refreshed: has what waits looked at in time, and tells of what has changed. */
void draining_follow(struct gateway *g);
/* While an update runs: an alarm for each tunnel that carries on although it is being drained. */
void draining_alarm(struct gateway *g);

/* By id: the tunnel may be on its way out of the configuration. */
const char *draining_name(const struct gateway *g, uint32_t tunnel);
uint64_t draining_wall_ms(void);

/* What the kernel's slow path is to leave alone. */
bool draining_avoids(const struct gateway *g, uint32_t tunnel);

/* {state, since_s, deadline_s, idle_s, buckets}, or null. */
json_t *draining_json(const struct gateway *g, uint32_t tunnel);
/* tunnel drain, undrain of doc/control.md. */
json_t *tunnel_request(struct gateway *g, const json_t *request);

#endif
