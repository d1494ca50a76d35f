/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include "gateway_audit.h"
#include "gateway_bgp.h"
#include "gateway_change.h"
#include "gateway_kernel.h"
#include "gateway_stats.h"

#define US_PER_S 1000000ull
#define TURN_NS	 2000000 /* of the walk over routes, before other events have their turn */
#define SLACK_US 1000000

/* An event shows what it concerns; what links take along with them is found by audits. */
#define EVENT_KINDS (1u << DRIFT_LINK | 1u << DRIFT_ADDRESS | 1u << DRIFT_RULE)
#define AUDIT_KINDS (EVENT_KINDS | 1u << DRIFT_SYSCTL | 1u << DRIFT_SLOW_PATH)

static uint64_t monotonic(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- telling ---- */

static void tell(struct gateway *g, const struct drift_pass *p)
{
	char text[DRIFT_SENTENCE_LEN];

	for (int k = 0; k < DRIFT_KINDS; k++)
		if (p->counts[k].found)
			gateway_log(LOG_WARNING, "drift: %s",
				    drift_sentence(p, (enum drift_kind)k, text));
	for (size_t i = 0; i < p->item_count; i++)
		monitor_drift(g, &p->items[i]);
}

static void take(struct gateway *g, bool whole)
{
	struct audit *a = g->audit;

	if (whole) /* with what stood before and still does */
		a->last = a->pass;
	drift_take(&a->drift, &a->pass, (uint64_t)time(NULL), whole);
	tell(g, &a->pass);
	memset(&a->pass, 0, sizeof(a->pass));
}

/* What the kernel refuses is an alarm of the host's, with the kernel's reason. */
static bool has_alarm(enum drift_kind k)
{
	return 1u << k & AUDIT_KINDS;
}

void audit_alarm(struct gateway *g)
{
	const struct drift *d = &g->audit->drift;

	for (size_t i = 0; i < d->standing_count; i++) {
		const struct drift_item *item = &d->standing[i];

		if (!has_alarm(item->kind))
			gateway_alarm(g, "%s %s is %s and cannot be repaired",
				      drift_kind_name(item->kind), item->object,
				      drift_found_name(item->found));
	}
}

/* ---- the kernel ---- */

/* Before the first plan was applied nothing can have drifted from it. */
void audit_watch_host(struct gateway *g)
{
	struct audit *a = g->audit;

	host_watch_drift(g->host, g->ready ? &g->kernel->frame : NULL, &a->pass,
			 a->phase == AUDIT_IDLE ? EVENT_KINDS
			 : a->only_routes	? 1u << DRIFT_SLOW_PATH
						: AUDIT_KINDS);
}

void audit_settle(struct gateway *g)
{
	struct audit *a = g->audit;

	host_watch_drift(g->host, NULL, NULL, 0);
	if (a->phase == AUDIT_IDLE && a->pass.item_count)
		take(g, false);
}

/* ---- SAs ---- */

/* First what waits to be heard, for that is no drift. */
static void audit_sas(struct gateway *g, struct drift_pass *p)
{
	struct phase2_drift drift = { 0 };

	tunnels_follow(NULL, xfrm_fd(g->xfrm), 0, g);
	tunnels_resync_or_retry(g, &drift);
	if (drift.added)
		drift_add_many(p, DRIFT_SA, DRIFT_FOREIGN, drift.added,
			       "(%u) that no message told of", drift.added);
	if (drift.removed)
		drift_add_many(p, DRIFT_SA, DRIFT_MISSING, drift.removed,
			       "(%u) that went without a message", drift.removed);
}

/* ---- its course ---- */

static void finish(struct gateway *g)
{
	struct audit *a = g->audit;
	bool stood = a->drift.standing_count;

	dataplane_gather_index(g->dataplane);
	a->phase = AUDIT_IDLE;
	a->took_ns = monotonic() - a->began_ns;
	a->ended_at = (uint64_t)time(NULL);
	take(g, true);
	/* Alarms are raised and taken back by updates. */
	if (stood || a->drift.standing_count)
		gateway_request_update(g, 0);
	if (a->again)
		audit_start(g);
}

static int on_turn(sd_event_source *source, void *data)
{
	struct gateway *g = data;
	struct audit *a = g->audit;
	uint64_t until = monotonic() + TURN_NS;
	bool more = true;

	/* Another configuration, or maps to be read anew: there is nothing to compare with. */
	if (!g->decided || !g->recovered)
		more = false;
	while (more && !a->walked && monotonic() < until)
		a->walked = !audit_routes(g, a);
	more = more && (!a->walked || kernel_checking(g));
	sd_event_source_set_enabled(source, more && !a->walked ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
	if (!more)
		finish(g);
	return 0;
}

/* What is found is repaired, and told. */
static void compare_routes(struct gateway *g)
{
	g->audit->only_routes = true;
	kernel_compare(g);
	gateway_update(g);
	g->audit->only_routes = false;
}

void audit_start(struct gateway *g)
{
	struct audit *a = g->audit;

	if (a->phase != AUDIT_IDLE)
		return;
	a->phase = AUDIT_ENTRIES;
	a->again = a->walked = false;
	a->began_ns = monotonic();
	a->walk = (struct dataplane_walk){ 0 };
	a->right = 0;
	audit_sas(g, &a->pass);
	audit_small_maps(g, &a->pass);
	stats_audit(g);
	bgp_audit(g);
	g->devices_settled = false;
	gateway_update(g);
	if (!kernel_check(g))
		compare_routes(g);
	sd_event_source_set_enabled(a->turn, SD_EVENT_ONESHOT);
}

void audit_kernel_checked(struct gateway *g, bool differs)
{
	struct audit *a = g->audit;

	if (a->phase == AUDIT_IDLE)
		return;
	if (differs)
		compare_routes(g);
	sd_event_source_set_enabled(a->turn, SD_EVENT_ONESHOT);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *data)
{
	(void)source;
	(void)usec;
	audit_start(data);
	audit_schedule(data);
	return 0;
}

/* One that is due sooner stays: changes that come often must not put it off for ever. */
void audit_schedule(struct gateway *g)
{
	uint64_t period = g->config.gateway.audit_s * US_PER_S, now = 0, due = 0;
	int enabled = SD_EVENT_OFF;

	sd_event_now(g->event, CLOCK_MONOTONIC, &now);
	sd_event_source_get_enabled(g->audit->timer, &enabled);
	sd_event_source_get_time(g->audit->timer, &due);
	if (enabled == SD_EVENT_OFF || due > now + period)
		sd_event_source_set_time(g->audit->timer, now + period);
	sd_event_source_set_enabled(g->audit->timer, period ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

int audit_new(struct gateway *g)
{
	g->audit = calloc(1, sizeof(*g->audit));
	return g->audit ? 0 : -ENOMEM;
}

int audit_begin(struct gateway *g)
{
	struct audit *a = g->audit;
	int err = sd_event_add_time(g->event, &a->timer, CLOCK_MONOTONIC, 0, SLACK_US, on_timer, g);

	if (err >= 0)
		err = sd_event_add_defer(g->event, &a->turn, on_turn, g);
	if (err >= 0)
		err = sd_event_source_set_priority(a->turn, SD_EVENT_PRIORITY_IDLE);
	if (err >= 0)
		err = sd_event_source_set_enabled(a->turn, SD_EVENT_OFF);
	if (err < 0)
		return err;
	audit_schedule(g);
	return 0;
}

void audit_free(struct gateway *g)
{
	if (!g->audit)
		return;
	sd_event_source_unref(g->audit->timer);
	sd_event_source_unref(g->audit->turn);
	free(g->audit);
	g->audit = NULL;
}
