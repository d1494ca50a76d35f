/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>
#include "gateway_stats.h"
#include "io/xfrm_stat.h"

#define US_PER_S	1000000ull
#define SAMPLE_SLACK_US 100000

struct stats {
	sd_event_source *timer;
	struct rates rates[MAX_TUNNELS]; /* by tunnel id */
	int kernel;			 /* of io/xfrm_stat.h, or -errno */
	struct xfrm_stat_list seen;	 /* at the last audit */
	struct xfrm_stat_list grown;	 /* between the last two: those that did, by how much */
};

/* ---- tunnels ---- */

static void sample(struct gateway *g, const struct gateway_tunnel *t)
{
	struct counter now[DIRECTIONS];

	if (!dataplane_tunnel_counters(g->dataplane, t->id, now))
		rates_add(&g->stats->rates[t->id], gateway_now(g), now);
}

static void sample_all(struct gateway *g)
{
	for (size_t i = 0; i < gateway_tunnel_places(g); i++)
		if (g->tunnels[i].used)
			sample(g, &g->tunnels[i]);
}

static int on_sample(sd_event_source *source, uint64_t usec, void *data)
{
	(void)usec;
	sample_all(data);
	sd_event_source_set_time_relative(source, RATES_PERIOD_S * US_PER_S);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

bool stats_window(struct gateway *g, const struct gateway_tunnel *t, struct rates_window *out)
{
	struct counter now[DIRECTIONS];

	return !dataplane_tunnel_counters(g->dataplane, t->id, now) &&
	       rates_window(&g->stats->rates[t->id], gateway_now(g), now, out);
}

/* ---- the kernel ---- */

int stats_kernel(const struct gateway *g, struct xfrm_stat_list *out)
{
	int fd = g->stats->kernel;

	return fd < 0 ? fd : xfrm_stat_read(fd, out);
}

void stats_audit(struct gateway *g)
{
	struct stats *s = g->stats;
	struct xfrm_stat_list now;
	size_t grown = 0;

	if (stats_kernel(g, &now))
		return;
	for (size_t i = 0; i < now.count; i++) {
		uint64_t by = xfrm_stat_growth(&s->seen, &now.list[i]);

		if (!by)
			continue;
		s->grown.list[grown] = now.list[i];
		s->grown.list[grown++].packets = by;
	}
	s->grown.count = grown;
	s->seen = now;
}

/* Without the number: the same alarm as long as it goes on. */
void stats_alarm(struct gateway *g)
{
	const struct xfrm_stat_list *grown = &g->stats->grown;

	for (size_t i = 0; i < grown->count; i++)
		gateway_alarm(g, "the kernel's counter %s is rising: %s", grown->list[i].name,
			      xfrm_stat_help(grown->list[i].name));
}

/* ---- begin, end ---- */

static void open_kernel(struct stats *s)
{
	s->kernel = xfrm_stat_open();
	if (s->kernel < 0)
		gateway_log(LOG_NOTICE, "no counters of the kernel's IPsec: %s",
			    s->kernel == -ENOENT ? "it has none (CONFIG_XFRM_STATISTICS)"
						 : strerror(-s->kernel));
}

int stats_begin(struct gateway *g)
{
	uint64_t now = 0;
	int err;

	g->stats = calloc(1, sizeof(*g->stats));
	if (!g->stats)
		return -ENOMEM;
	open_kernel(g->stats);
	stats_audit(g); /* what was counted before us is no news */
	sd_event_now(g->event, CLOCK_MONOTONIC, &now);
	err = sd_event_add_time(g->event, &g->stats->timer, CLOCK_MONOTONIC, now, SAMPLE_SLACK_US,
				on_sample, g);
	return err < 0 ? err : 0;
}

void stats_free(struct gateway *g)
{
	if (!g->stats)
		return;
	sd_event_source_unref(g->stats->timer);
	if (g->stats->kernel >= 0)
		close(g->stats->kernel);
	free(g->stats);
	g->stats = NULL;
}
