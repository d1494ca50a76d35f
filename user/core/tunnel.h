/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a tunnel is to do: the one place where it is decided. Phase 2, the device and the health
 * check go in, with the time; out comes whether packets may be sent to it (`live`, the dataplane's
 * liveness word) and whether its routes are propagated (`present` [D1 D2]).
 *
 *   fine     in Phase 2 [D3], on a device, and not revoked by its health check
 *   live     fine and not damped; or fine, damped, and the last resort of its connection
 *   present  live, or was live less than the hold-down ago
 *
 * A fall is never delayed: what is no longer fine is not live in the same moment. Hold-down delays
 * only that `present` ends, damping delays only the return: until its release a tunnel that came
 * back is neither live nor present.
 *
 * A fall from fine is a flap, and costs DAMPING_COST. A rekey is none (phase2.h sees to that). A
 * reauthentication that breaks before it makes is one, however short, since packets really could
 * not be sent meanwhile; the default policy forgives it: at one an hour, or even three a minute for
 * ever, no tunnel is damped.
 *
 * Last resort: damping must not be worse than flapping. When no tunnel of a connection may carry,
 * and some are merely damped, the one that owes least carries (one alone: the others may rest); it
 * gives way as soon as another is live by itself.
 *
 * Pure: no clock, no allocation. Whoever drives it calls tunnels_decide() after each input and at
 * each tunnel_deadline().
 */
#ifndef ESPALIER_TUNNEL_H
#define ESPALIER_TUNNEL_H

#include <stddef.h>
#include "config.h"
#include "damping.h"
#include "phase2.h"

/* What a tunnel's health check says; it asks more of a tunnel than Phase 2. */
enum tunnel_health {
	TUNNEL_HEALTH_NONE,    /* none is configured */
	TUNNEL_HEALTH_UNKNOWN, /* no result yet, or none that counts */
	TUNNEL_HEALTH_GOOD,
	TUNNEL_HEALTH_BAD,
};

/* Zeroed: down, on a device that was not looked for yet. */
struct tunnel_inputs {
	bool up;		     /* in Phase 2 [D3] */
	enum phase2_missing missing; /* why not */
	bool no_device;		     /* its device was looked for and is not there */
	enum tunnel_health health;
	bool revokes; /* a bad tunnel is to carry nothing */
};

struct tunnel_policy {
	uint64_t hold_down_ns;
	struct damping_policy damping;
};

/* Why a tunnel is not live, the first reason that holds. */
enum tunnel_why {
	TUNNEL_LIVE,
	TUNNEL_NO_PHASE2,
	TUNNEL_NO_DEVICE,
	TUNNEL_UNHEALTHY,
	TUNNEL_DAMPED,
};

/* Zeroed: a tunnel of which nothing is known, under a policy that delays nothing. Read it, change
 * it by the functions below only. */
struct tunnel_machine {
	struct tunnel_inputs in;
	struct tunnel_policy policy;
	struct damping damping;
	uint64_t flaps;	  /* falls from fine */
	uint64_t fell_ns; /* when `live` ended the last time */

	bool live, present;
	bool damped;	  /* its return is, or would be, held back */
	bool last_resort; /* live although damped */
};

/* What the configuration says of all tunnels. */
struct tunnel_policy tunnel_policy_of(const struct config_gateway *g);

/* Another policy, at once; the first one too. Nothing that carries falls by it. */
void tunnel_set_policy(struct tunnel_machine *m, const struct tunnel_policy *p, uint64_t now_ns);

/* What is known of the tunnel now. tunnels_decide() is to follow. */
void tunnel_input(struct tunnel_machine *m, const struct tunnel_inputs *in, uint64_t now_ns);

/* Decides on all tunnels of one connection, at `now_ns`, which never goes back. */
void tunnels_decide(struct tunnel_machine *const machines[], size_t count, uint64_t now_ns);

/* All that is asked of the tunnel itself. */
bool tunnel_fine(const struct tunnel_machine *m);

/* When tunnels_decide() will say something else without any input; 0: never. */
uint64_t tunnel_deadline(const struct tunnel_machine *m);

/* When its routes go; 0: they are not merely held. */
uint64_t tunnel_held_until(const struct tunnel_machine *m);

enum tunnel_why tunnel_why(const struct tunnel_machine *m);

/* "Phase 2: no outbound SA", "no device", "health check failed", "damped for another 42 s"; NULL:
 * it is live. */
#define TUNNEL_WHY_LEN 64
const char *tunnel_why_text(const struct tunnel_machine *m, uint64_t now_ns,
			    char buf[TUNNEL_WHY_LEN]);
const char *tunnel_health_name(enum tunnel_health h);

#endif
