/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Health checks of tunnels (core/health.h): probes leave by one timer, answers come in by one
 * socket a family, and what they say is one more input of the tunnel's machine.
 */
#ifndef ESPALIER_GATEWAY_HEALTH_H
#define ESPALIER_GATEWAY_HEALTH_H

#include <jansson.h>
#include "gateway.h"

struct checks;

/* Before privileges go: the sockets ask for CAP_NET_RAW. Where they cannot be had the gateway runs,
 * and a configured check is an alarm. 0 or -errno. */
int checks_begin(struct gateway *g);
void checks_free(struct gateway *g);

/* What the configuration says of this tunnel's check. A check of another destination begins anew.
 */
void check_configure(struct gateway *g, struct gateway_tunnel *t);
/* Probes are sent while the tunnel is in Phase 2 and its device is there. */
void check_follow(struct gateway *g, struct gateway_tunnel *t);

/* While an update runs: an alarm for each check that is bad, or cannot send. */
void checks_alarm(struct gateway *g);

/* show_health.c: for `show tunnels`; null: none is configured. */
json_t *health_json(const struct gateway *g, const struct gateway_tunnel *t);

#endif
