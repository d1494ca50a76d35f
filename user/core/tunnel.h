/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ESPALIER_TUNNEL_H
#define ESPALIER_TUNNEL_H

/* What a tunnel's health check says; it asks more of a tunnel than Phase 2. */
enum tunnel_health {
	TUNNEL_HEALTH_NONE,    /* none is configured */
	TUNNEL_HEALTH_UNKNOWN, /* no result yet, or none that counts */
	TUNNEL_HEALTH_GOOD,
	TUNNEL_HEALTH_BAD,
};

#endif
