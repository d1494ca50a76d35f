/* SPDX-License-Identifier: GPL-2.0-only */
/* What tunnels' states mean for the gateway: liveness at once, routes when they must. */
#include <string.h>
#include <syslog.h>
#include "gateway_change.h"

#define NS_PER_MS	1000000ull
#define RESYNC_RETRY_MS 100 /* where SAs change faster than they can be read */

bool gateway_tunnel_up(const struct gateway *g, const struct gateway_tunnel *t)
{
	const struct phase2_state *s = phase2_state(g->phase2, t->id);

	return s && s->up;
}

bool gateway_tunnel_present(const struct gateway *g, const struct gateway_tunnel *t)
{
	return gateway_tunnel_up(g, t) || gateway_now(g) < t->held_until_ns;
}

/* Routes that are only held must be looked at again when their time is over. */
void tunnels_await_held(struct gateway *g)
{
	uint64_t now = gateway_now(g);

	for (size_t i = 0; i < gateway_tunnel_places(g); i++)
		if (g->tunnels[i].held_until_ns > now) {
			monitor_because(g, "tunnel %s down",
					gateway_tunnel_config(g, &g->tunnels[i])->name);
			gateway_request_update(g, g->tunnels[i].held_until_ns - now);
		}
}

/* ---- from Phase 2 ---- */

static void tunnel_rose(struct gateway *g, struct gateway_tunnel *t)
{
	t->held_until_ns = 0;
	forwarding_set_live(g, t, true);
	monitor_because(g, "tunnel %s up", gateway_tunnel_config(g, t)->name);
	gateway_request_update(g, 0);
}

/* The liveness word falls at once; the routes wait, in case the tunnel is only being replaced. */
static void tunnel_fell(struct gateway *g, struct gateway_tunnel *t)
{
	uint64_t hold = g->config.gateway.hold_down_ms * NS_PER_MS;

	forwarding_set_live(g, t, false);
	t->held_until_ns = gateway_now(g) + hold;
	monitor_because(g, "tunnel %s down", gateway_tunnel_config(g, t)->name);
	gateway_request_update(g, hold);
}

void gateway_tunnel_changed(const struct phase2_change *change, void *data)
{
	struct gateway *g = data;
	struct gateway_tunnel *t = gateway_tunnel(g, change->tunnel);
	const struct phase2_state *s = phase2_state(g->phase2, change->tunnel);

	if (!t || !s)
		return;
	if (change->up && !change->was_up)
		tunnel_rose(g, t);
	if (!change->up && change->was_up)
		tunnel_fell(g, t);
	if (change->status == change->was)
		return;
	monitor_tunnel(g, t, change);
	gateway_log(change->up ? LOG_INFO : LOG_WARNING, "tunnel %s: %s, was %s, by %s%s%s",
		    gateway_tunnel_config(g, t)->name, phase2_status_name(change->status),
		    phase2_status_name(change->was), phase2_cause_name(s->cause),
		    s->missing == PHASE2_COMPLETE ? "" : ": ",
		    s->missing == PHASE2_COMPLETE ? "" : phase2_missing_text(s->missing));
}

int tunnels_resync(struct gateway *g, struct phase2_drift *drift)
{
	struct phase2_drift found = { 0 };
	int err =
		xfrm_resync(g->xfrm, g->phase2, gateway_now(g), gateway_tunnel_changed, g, &found);

	if (!err)
		err = sentry_resync(g->sentry);
	if (err)
		gateway_log(LOG_ERR,
			    "cannot read SAs from the kernel, the last known ones stay: %s",
			    strerror(-err));
	else if (!drift && g->ready && (found.added || found.removed))
		gateway_log(LOG_NOTICE,
			    "SAs and policies read anew: %u had come, %u had gone unseen",
			    found.added, found.removed);
	if (drift)
		*drift = found;
	return err;
}

int tunnels_resync_or_retry(struct gateway *g, struct phase2_drift *drift)
{
	int err = tunnels_resync(g, drift);

	if (!err)
		return 0;
	sd_event_source_set_time(g->resync_timer,
				 (gateway_now(g) + RESYNC_RETRY_MS * NS_PER_MS) / 1000);
	return sd_event_source_set_enabled(g->resync_timer, SD_EVENT_ONESHOT);
}

int tunnels_on_resync(sd_event_source *source, uint64_t usec, void *data)
{
	(void)source;
	(void)usec;
	return tunnels_resync_or_retry(data, NULL);
}

int tunnels_follow(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct gateway *g = data;
	int why = 0;
	int err = xfrm_follow(g->xfrm, g->phase2, gateway_now(g), gateway_tunnel_changed, g, &why);

	(void)source;
	(void)fd;
	(void)events;
	if (err == XFRM_NEEDS_RESYNC) {
		gateway_log(LOG_WARNING, "XFRM messages were lost (%s): reading all SAs anew",
			    strerror(-why));
		return tunnels_resync_or_retry(g, NULL);
	}
	if (err) { /* blind for what tunnels do: whoever restarts us gets a new socket */
		gateway_log(LOG_ERR, "cannot follow XFRM messages any more: %s", strerror(-err));
		sd_event_exit(g->event, err);
	}
	return err;
}
