/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>
#include "gateway_cores.h"
#include "gateway_stats.h"
#include "io/xfrm_stat.h"

#define US_PER_S	1000000ull
#define SAMPLE_SLACK_US 100000

struct stats {
	sd_event_source *timer;
	struct rates rates[MAX_TUNNELS];   /* by tunnel id */
	int kernel;			   /* of io/xfrm_stat.h, or -errno */
	struct xfrm_stat_list seen;	   /* at the last audit */
	struct xfrm_stat_list grown;	   /* between the last two: those that did, by how much */
	uint32_t grown_of[XFRM_STATS_MAX]; /* likewise: tunnel id + 1; 0: not told */

	struct xfrm_stat_list sampled;	  /* a period ago */
	uint64_t errors[MAX_TUNNELS];	  /* by tunnel id: of its device, when last read */
	uint32_t devices[MAX_TUNNELS];	  /* which one that was */
	uint64_t (*told)[XFRM_STATS_MAX]; /* by tunnel id and position in `sampled` */
	uint32_t recent[XFRM_STATS_MAX];  /* since the last audit, as grown_of */
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

/* ---- whose packets the kernel could not send ---- */

/* By how much each device's errors have grown since they were read the last time. `fresh`: only
 * devices that were not read before are read, for what they will be compared with. */
static void read_errors(struct gateway *g, uint64_t grown[MAX_TUNNELS], bool fresh)
{
	struct stats *s = g->stats;

	memset(grown, 0, MAX_TUNNELS * sizeof(*grown));
	/* There are none yet when the gateway begins. */
	for (size_t i = 0; g->tunnels && i < gateway_tunnel_places(g); i++) {
		const struct gateway_tunnel *t = &g->tunnels[i];
		struct host_link_counters link;

		if (!t->used || !t->ifindex || (fresh && s->devices[t->id] == t->ifindex) ||
		    host_link_counters(g->host, t->ifindex, &link))
			continue;
		if (s->devices[t->id] == t->ifindex && link.tx_errors > s->errors[t->id])
			grown[t->id] = link.tx_errors - s->errors[t->id];
		s->devices[t->id] = t->ifindex;
		s->errors[t->id] = link.tx_errors;
	}
}

static uint64_t output_growth(const struct stats *s, const struct xfrm_stat *now)
{
	return xfrm_stat_is_output(now->name) ? xfrm_stat_growth(&s->sampled, now) : 0;
}

/* The kernel's counters are read first: what a device has counted meanwhile is more, not less. */
static void blame(struct gateway *g)
{
	struct stats *s = g->stats;
	uint64_t grown[MAX_TUNNELS], total = 0;
	struct xfrm_stat_list now;
	int culprit = -1;

	if (stats_kernel(g, &now))
		return;
	for (size_t i = 0; i < now.count; i++)
		total += output_growth(s, &now.list[i]);
	read_errors(g, grown, !total);
	if (total)
		culprit = xfrm_stat_culprit(grown, MAX_TUNNELS, total);
	for (size_t i = 0; culprit >= 0 && i < now.count; i++) {
		uint64_t by = output_growth(s, &now.list[i]);

		s->told[culprit][i] += by;
		if (by)
			s->recent[i] = (uint32_t)culprit + 1;
	}
	s->sampled = now;
}

bool stats_told(const struct gateway *g, uint32_t tunnel, size_t i, struct xfrm_stat *out)
{
	const struct stats *s = g->stats;

	if (i >= s->sampled.count)
		return false;
	*out = s->sampled.list[i];
	out->packets = s->told[tunnel][i];
	return true;
}

void stats_forget(struct gateway *g, uint32_t tunnel)
{
	memset(g->stats->told[tunnel], 0, sizeof(g->stats->told[tunnel]));
	g->stats->devices[tunnel] = 0;
}

static int on_sample(sd_event_source *source, uint64_t usec, void *data)
{
	(void)usec;
	sample_all(data);
	cores_sample(data);
	blame(data);
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
	uint64_t errors[MAX_TUNNELS];
	struct stats *s = g->stats;
	struct xfrm_stat_list now;
	size_t grown = 0;

	if (stats_kernel(g, &now))
		return;
	blame(g);
	read_errors(g, errors,
		    false); /* so that errors without such a counter are not blamed later */
	for (size_t i = 0; i < now.count; i++) {
		uint64_t by = xfrm_stat_growth(&s->seen, &now.list[i]);

		if (!by)
			continue;
		s->grown.list[grown] = now.list[i];
		s->grown_of[grown] = s->recent[i];
		s->grown.list[grown++].packets = by;
	}
	memset(s->recent, 0, sizeof(s->recent));
	s->grown.count = grown;
	s->seen = now;
}

/* Without the number: the same alarm as long as it goes on. */
void stats_alarm(struct gateway *g)
{
	const struct stats *s = g->stats;

	for (size_t i = 0; i < s->grown.count; i++) {
		const char *name = s->grown.list[i].name;
		const struct gateway_tunnel *t =
			s->grown_of[i] ? gateway_tunnel(g, s->grown_of[i] - 1) : NULL;

		if (t)
			gateway_alarm(g, "the kernel's counter %s is rising (tunnel %s): %s", name,
				      gateway_tunnel_config(g, t)->name, xfrm_stat_help(name));
		else
			gateway_alarm(g, "the kernel's counter %s is rising: %s", name,
				      xfrm_stat_help(name));
	}
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
	g->stats->told = calloc(MAX_TUNNELS, sizeof(*g->stats->told));
	if (!g->stats->told)
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
	free(g->stats->told);
	free(g->stats);
	g->stats = NULL;
}
