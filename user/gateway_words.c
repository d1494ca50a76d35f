/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tunnels that the controller takes for live while their word is down: the groups go by both.
 * Mostly the sentry was the first to hear of a fall, and the controller is about to. But it may
 * also be the later one to see a tunnel rise, and then nothing else would bring the tunnel into its
 * groups.
 */
#include "gateway.h"

#define LOOK_US 10000

static int on_look(sd_event_source *source, uint64_t usec, void *data)
{
	struct gateway *g = data;

	(void)source;
	(void)usec;
	for (size_t i = 0; i < gateway_tunnel_places(g); i++) {
		struct gateway_tunnel *t = &g->tunnels[i];

		if (!t->dark || (t->live && !dataplane_live(g->dataplane, t->id)))
			continue;
		t->dark = false;
		forwarding_refill(g, t->id);
	}
	words_await(g);
	return 0;
}

static bool any_dark(const struct gateway *g)
{
	for (size_t i = 0; i < gateway_tunnel_places(g); i++)
		if (g->tunnels[i].dark)
			return true;
	return false;
}

void words_await(struct gateway *g)
{
	if (!any_dark(g))
		return;
	if (!g->word_timer && sd_event_add_time(g->event, &g->word_timer, CLOCK_MONOTONIC, 0,
						LOOK_US, on_look, g) < 0)
		return;
	sd_event_source_set_time_relative(g->word_timer, LOOK_US);
	sd_event_source_set_enabled(g->word_timer, SD_EVENT_ONESHOT);
}
