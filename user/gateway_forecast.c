/* SPDX-License-Identifier: GPL-2.0-only */
#include <time.h>
#include "gateway_forecast.h"

#define US_PER_S 1000000ull
#define SLACK_US 1000000

/* What a tunnel's SAs say, in the order of phase2_each_sa(). */
struct survey {
	struct phase2_sa in_use[DIRECTIONS];
	bool found[DIRECTIONS];
	bool under_way;
};

static enum direction place_of(const struct phase2_sa *s)
{
	return s->direction == XFRM_DIRECTION_IN ? DIRECTION_IN : DIRECTION_OUT;
}

/* The inbound successor is in use at once, the outbound one when the policy names it: the one that
 * comes behind the one in use is a rekey under way. */
static int survey_sa(const struct phase2_sa *s, void *data)
{
	struct survey *v = data;

	v->under_way |= s->sa.larval || (s->direction == XFRM_DIRECTION_OUT &&
					 v->found[DIRECTION_OUT] && !s->in_use);
	if (s->in_use) {
		v->in_use[place_of(s)] = *s;
		v->found[place_of(s)] = true;
	}
	return 0;
}

/* True: there is a warning that was not there, or the other way round. */
static bool look(const struct gateway *g, struct gateway_tunnel *t)
{
	struct survey v = { 0 };
	bool changed = false;

	if (phase2_each_sa(g->phase2, t->id, survey_sa, &v))
		return false;
	for (int d = 0; d < DIRECTIONS; d++) {
		struct forecast *f = &t->forecasts[d];
		const struct forecast_look l = {
			.sa = v.found[d] ? &v.in_use[d] : NULL,
			.under_way = v.under_way,
			.wall_s = (uint64_t)time(NULL),
			.now_ns = gateway_now(g),
		};
		bool was = f->warning;

		forecast_look(f, &l);
		changed |= f->warning != was;
	}
	return changed;
}

/* Without an answer of the kernel the last forecast stays. */
static void look_at_all(struct gateway *g)
{
	bool changed = false;

	if (tunnels_refresh(g))
		return;
	for (size_t i = 0; i < gateway_tunnel_places(g); i++)
		if (g->tunnels[i].used)
			changed |= look(g, &g->tunnels[i]);
	if (changed)
		gateway_request_update(g, 0);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *data)
{
	(void)usec;
	look_at_all(data);
	sd_event_source_set_time_relative(source, FORECAST_PERIOD_S * US_PER_S);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

int forecasts_begin(struct gateway *g)
{
	uint64_t now = 0;
	int err;

	sd_event_now(g->event, CLOCK_MONOTONIC, &now);
	err = sd_event_add_time(g->event, &g->forecast_timer, CLOCK_MONOTONIC, now, SLACK_US,
				on_timer, g);
	return err < 0 ? err : 0;
}

/* Without the time that is left: the same alarm until something happens. */
static void alarm_one(struct gateway *g, const struct gateway_tunnel *t, enum direction d)
{
	const struct forecast *f = &t->forecasts[d];

	if (f->warning)
		gateway_alarm(g,
			      "tunnel %s: %s SA 0x%08x: %s within %u minutes, and no rekey is "
			      "under way",
			      gateway_tunnel_config(g, t)->name,
			      d == DIRECTION_IN ? "inbound" : "outbound", f->spi,
			      forecast_limit_text(f->limit), FORECAST_NEAR_S / 60);
}

void forecasts_alarm(struct gateway *g)
{
	for (size_t i = 0; i < gateway_tunnel_places(g); i++)
		for (int d = 0; g->tunnels[i].used && d < DIRECTIONS; d++)
			alarm_one(g, &g->tunnels[i], (enum direction)d);
}
