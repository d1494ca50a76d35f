/* SPDX-License-Identifier: GPL-2.0-only */
#include <stdio.h>
#include "tunnel.h"

#define NS_PER_S  1000000000ull
#define NS_PER_MS 1000000ull

struct tunnel_policy tunnel_policy_of(const struct config_gateway *g)
{
	return (struct tunnel_policy){
		.hold_down_ns = g->hold_down_ms * NS_PER_MS,
		.damping = {
			.enabled = g->damping.enabled,
			.half_life_ns = g->damping.half_life_ms * NS_PER_MS,
			.suppress = g->damping.suppress,
			.reuse = g->damping.reuse,
			.max_ns = g->damping.max_ms * NS_PER_MS,
		},
	};
}

void tunnel_set_policy(struct tunnel_machine *m, const struct tunnel_policy *p, uint64_t now_ns)
{
	damping_change(&m->damping, &m->policy.damping, &p->damping, now_ns);
	m->policy = *p;
}

static bool fine(const struct tunnel_inputs *in)
{
	return in->up && !in->no_device && !(in->revokes && in->health == TUNNEL_HEALTH_BAD);
}

bool tunnel_fine(const struct tunnel_machine *m)
{
	return fine(&m->in);
}

void tunnel_input(struct tunnel_machine *m, const struct tunnel_inputs *in, uint64_t now_ns)
{
	if (tunnel_fine(m) && !fine(in)) {
		m->flaps++;
		damping_fall(&m->damping, &m->policy.damping, now_ns);
	}
	m->in = *in;
}

/* ---- deciding ---- */

static void set_live(struct tunnel_machine *m, bool live, uint64_t now_ns)
{
	if (m->live && !live)
		m->fell_ns = now_ns;
	m->live = live;
	/* Once they have gone, routes come back with the tunnel only: not with a longer hold-down.
	 */
	m->present = live || (m->present && now_ns < m->fell_ns + m->policy.hold_down_ns);
}

static bool carries_itself(const struct tunnel_machine *m)
{
	return tunnel_fine(m) && !m->damped;
}

/* They all decay alike, so the order of two only changes when one of them falls: no tunnel takes
 * over because of time alone. */
static bool owes_less(const struct tunnel_machine *m, const struct tunnel_machine *than,
		      uint64_t now_ns)
{
	return damping_penalty(&m->damping, &m->policy.damping, now_ns) <
	       damping_penalty(&than->damping, &than->policy.damping, now_ns);
}

/* The damped tunnel that is to carry nevertheless, or NULL. */
static const struct tunnel_machine *last_resort(struct tunnel_machine *const machines[],
						size_t count, uint64_t now_ns)
{
	const struct tunnel_machine *best = NULL;

	for (size_t i = 0; i < count; i++) {
		if (carries_itself(machines[i]))
			return NULL;
		if (tunnel_fine(machines[i]) && (!best || owes_less(machines[i], best, now_ns)))
			best = machines[i];
	}
	return best;
}

void tunnels_decide(struct tunnel_machine *const machines[], size_t count, uint64_t now_ns)
{
	const struct tunnel_machine *resort;

	for (size_t i = 0; i < count; i++)
		machines[i]->damped = damping_active(&machines[i]->damping, now_ns);
	resort = last_resort(machines, count, now_ns);
	for (size_t i = 0; i < count; i++) {
		struct tunnel_machine *m = machines[i];

		m->last_resort = m == resort;
		set_live(m, carries_itself(m) || m->last_resort, now_ns);
	}
}

/* ---- what comes by itself ---- */

uint64_t tunnel_held_until(const struct tunnel_machine *m)
{
	return m->present && !m->live ? m->fell_ns + m->policy.hold_down_ns : 0;
}

uint64_t tunnel_deadline(const struct tunnel_machine *m)
{
	uint64_t held = tunnel_held_until(m), damped = m->damped ? m->damping.until_ns : 0;

	if (!held || !damped)
		return held ? held : damped;
	return held < damped ? held : damped;
}

/* ---- words ---- */

enum tunnel_why tunnel_why(const struct tunnel_machine *m)
{
	if (m->live)
		return TUNNEL_LIVE;
	if (!m->in.up)
		return TUNNEL_NO_PHASE2;
	if (m->in.no_device)
		return TUNNEL_NO_DEVICE;
	return tunnel_fine(m) ? TUNNEL_DAMPED : TUNNEL_UNHEALTHY;
}

const char *tunnel_why_text(const struct tunnel_machine *m, uint64_t now_ns,
			    char buf[TUNNEL_WHY_LEN])
{
	uint64_t left;

	switch (tunnel_why(m)) {
	case TUNNEL_LIVE:
		return NULL;
	case TUNNEL_NO_PHASE2:
		snprintf(buf, TUNNEL_WHY_LEN, "Phase 2: %s", phase2_missing_text(m->in.missing));
		break;
	case TUNNEL_NO_DEVICE:
		return "no device";
	case TUNNEL_UNHEALTHY:
		return "health check failed";
	case TUNNEL_DAMPED:
		left = m->damping.until_ns > now_ns ? m->damping.until_ns - now_ns : 0;
		snprintf(buf, TUNNEL_WHY_LEN, "damped for another %llu s",
			 (unsigned long long)((left + NS_PER_S - 1) / NS_PER_S));
		break;
	}
	return buf;
}

const char *tunnel_health_name(enum tunnel_health h)
{
	switch (h) {
	case TUNNEL_HEALTH_NONE:
		return "none";
	case TUNNEL_HEALTH_UNKNOWN:
		return "unknown";
	case TUNNEL_HEALTH_GOOD:
		return "good";
	case TUNNEL_HEALTH_BAD:
		return "bad";
	}
	return "?";
}
