/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel says of SAs and policies, and what follows for Phase 2 of the tunnels. */
#include <string.h>
#include <syslog.h>
#include "gateway_change.h"
#include "gateway_cores.h"

#define NS_PER_MS	1000000ull
#define RESYNC_RETRY_MS 100 /* where SAs change faster than they can be read */

static void log_change(const struct gateway *g, const struct gateway_tunnel *t,
		       const struct phase2_change *change, const struct phase2_state *s)
{
	bool complete = s->missing == PHASE2_COMPLETE;

	gateway_log(change->up ? LOG_INFO : LOG_WARNING, "tunnel %s: %s, was %s, by %s%s%s",
		    gateway_tunnel_config(g, t)->name, phase2_status_name(change->status),
		    phase2_status_name(change->was), phase2_cause_name(s->cause),
		    complete ? "" : ": ", complete ? "" : phase2_missing_text(s->missing));
}

/* Liveness first: it is what packets meet. */
static void phase2_changed(const struct phase2_change *change, void *data)
{
	struct gateway *g = data;
	struct gateway_tunnel *t = gateway_tunnel(g, change->tunnel);
	const struct phase2_state *s = phase2_state(g->phase2, change->tunnel);

	if (!t || !s)
		return;
	cores_follow(g, t);
	if (change->up != change->was_up)
		tunnel_changed(g, t);
	if (change->status == change->was)
		return;
	monitor_tunnel(g, t, change);
	log_change(g, t, change, s);
}

void tunnels_take_changes(struct gateway *g)
{
	struct phase2_change change;

	while (phase2_take_change(g->phase2, &change))
		phase2_changed(&change, g);
}

int tunnels_refresh(struct gateway *g)
{
	return xfrm_refresh(g->xfrm, g->phase2, gateway_now(g), phase2_changed, g);
}

int tunnels_resync(struct gateway *g, struct phase2_drift *drift)
{
	struct phase2_drift found = { 0 };
	int err = xfrm_resync(g->xfrm, g->phase2, gateway_now(g), phase2_changed, g, &found);

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
	int err = xfrm_follow(g->xfrm, g->phase2, gateway_now(g), phase2_changed, g, &why);

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
