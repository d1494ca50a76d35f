/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include "gateway_change.h"
#include "gateway_drain.h"

#define NS_PER_MS  1000000ull
#define LOOK_MS	   100 /* no oftener than that: buckets in use change all the time */
#define SLACK_US   10000
#define CARRIES_ON "tunnel %s is being drained and carries on: no other live tunnel could take over"

/* ---- what is known ---- */

uint64_t draining_order(uint32_t tunnel, const void *gateway)
{
	const struct gateway *g = gateway;

	return g->draining->drains.list[tunnel].order;
}

bool draining_waits(uint32_t from, uint32_t to, const void *gateway)
{
	const struct gateway *g = gateway;

	return drain_waits(&g->draining->drains, from, to, gateway_now(g));
}

/* Buckets, over all groups: that a tunnel has, that are meant for it, and of these the ones that
 * have not come yet. */
struct tally {
	unsigned has, meant, coming;
};

static struct tally tally(const struct gateway *g, uint32_t tunnel)
{
	struct tally sum = { 0 };

	for (size_t i = 0; i < g->groups.limit; i++) {
		const struct group_entry *e = &g->groups.list[i];

		for (unsigned b = 0; e->used && b < GROUP_BUCKETS; b++) {
			bool has = e->place.content.buckets[b].tunnel == tunnel;
			bool meant = e->place.meant[b] == tunnel;

			sum.has += has;
			sum.meant += meant;
			sum.coming += meant && !has;
		}
	}
	return sum;
}

static enum drain_state state_of(const struct gateway *g, uint32_t tunnel, struct tally *out)
{
	const struct drain *d = &g->draining->drains.list[tunnel];

	*out = (struct tally){ 0 };
	if (d->order)
		*out = tally(g, tunnel);
	return drain_state(d, out->has, out->meant);
}

static bool anything_waits(const struct gateway *g)
{
	for (size_t i = 0; i < g->groups.limit; i++)
		if (g->groups.list[i].used && g->groups.list[i].place.waiting)
			return true;
	return false;
}

bool draining_avoids(const struct gateway *g, uint32_t tunnel)
{
	struct tally t;
	enum drain_state s = state_of(g, tunnel, &t);

	return s == DRAIN_WAITING || s == DRAIN_DONE;
}

static double seconds_until(uint64_t then_ns, uint64_t now_ns)
{
	return then_ns > now_ns ? (double)(then_ns - now_ns) / 1e9 : 0;
}

json_t *draining_json(const struct gateway *g, uint32_t tunnel)
{
	const struct drain *d = &g->draining->drains.list[tunnel];
	uint64_t begun = g->draining->tunnels[tunnel].begun_ms, now = draining_wall_ms();
	struct tally t;
	enum drain_state s = state_of(g, tunnel, &t);

	if (s == DRAIN_NONE)
		return json_null();
	return json_pack("{s:s, s:f, s:f, s:f, s:I}", "state", drain_state_name(s), "since_s",
			 now > begun ? (double)(now - begun) / 1e3 : 0.0, "deadline_s",
			 seconds_until(d->deadline_ns, gateway_now(g)), "idle_s",
			 (double)d->idle_ns / 1e9, "buckets", (json_int_t)t.has);
}

/* ---- telling ---- */

const char *draining_name(const struct gateway *g, uint32_t tunnel)
{
	const char *name = g->spaces.tunnels.names[tunnel];

	return name ? name : "?";
}

static void tell_state(struct gateway *g, uint32_t tunnel, enum drain_state was,
		       enum drain_state is, unsigned buckets)
{
	const char *name = draining_name(g, tunnel);

	if (was == DRAIN_NONE || is == DRAIN_WAITING) {
		gateway_log(LOG_NOTICE, "tunnel %s: being drained, %u buckets in use", name,
			    buckets);
		monitor_drain(g, was == DRAIN_NONE ? "begun" : "resumed", tunnel, 0, buckets);
	}
	if (is == DRAIN_NONE) {
		gateway_log(LOG_NOTICE, "tunnel %s: no longer drained", name);
		monitor_drain(g, "ended", tunnel, 0, buckets);
	}
	if (is == DRAIN_DONE) {
		gateway_log(LOG_NOTICE, "tunnel %s: drained", name);
		monitor_drain(g, "drained", tunnel, 0, buckets);
	}
	if (is == DRAIN_CARRIES) {
		gateway_log(LOG_WARNING, CARRIES_ON, name);
		monitor_drain(g, "carries-on", tunnel, 0, buckets);
	}
}

static void tell(struct gateway *g)
{
	for (uint32_t id = 0; id < MAX_TUNNELS; id++) {
		struct drained *one = &g->draining->tunnels[id];
		struct tally t;
		enum drain_state s;

		if (!g->draining->drains.list[id].order && one->told == DRAIN_NONE)
			continue;
		s = state_of(g, id, &t);
		if (s == one->told)
			continue;
		tell_state(g, id, one->told, s, t.has);
		if (s == DRAIN_CARRIES || one->told == DRAIN_CARRIES)
			gateway_request_update(g, 0); /* for the alarm, and the slow path */
		one->told = s;
	}
}

void draining_alarm(struct gateway *g)
{
	for (uint32_t id = 0; id < MAX_TUNNELS; id++)
		if (g->draining->tunnels[id].told == DRAIN_CARRIES)
			gateway_alarm(g, CARRIES_ON, draining_name(g, id));
}

/* ---- looking at what waits ---- */

struct look {
	struct gateway *g;
	uint32_t group;
	uint64_t now, next; /* the next one that may be due */
	unsigned off[MAX_TUNNELS], to[MAX_TUNNELS];
};

static bool is_due(unsigned bucket, uint16_t from, uint16_t to, void *context)
{
	struct look *l = context;
	const struct draining *d = l->g->draining;
	uint64_t last = dataplane_last_use(l->g->dataplane, l->group, bucket), due;

	if (last < d->made_ns[l->group])
		last = d->made_ns[l->group];
	due = drain_free_ns(&d->drains, from, to, last);
	if (due > l->now) {
		l->next = due < l->next ? due : l->next;
		return false;
	}
	l->off[from]++;
	l->to[to]++;
	return true;
}

static void look_at(struct look *l, uint32_t id)
{
	struct group_entry *e = &l->g->groups.list[id];
	struct tunnel_view view = forwarding_view(l->g);

	if (!e->used || !e->place.waiting)
		return;
	l->group = id;
	if (placement_settle(&e->place, &e->set, &view, is_due, l))
		forwarding_write_group(l->g, id);
}

static void tell_moves(const struct look *l)
{
	for (uint32_t id = 0; id < MAX_TUNNELS; id++) {
		bool drained = l->g->draining->drains.list[id].order;

		if (l->off[id] && drained)
			monitor_drain(l->g, "moved", id, l->off[id], tally(l->g, id).has);
		if (l->to[id] && l->g->draining->drains.gate.idle_ns)
			monitor_return(l->g, id, l->to[id], tally(l->g, id).coming);
	}
}

static void arm(struct gateway *g, uint64_t due_ns)
{
	uint64_t soonest = gateway_now(g) + LOOK_MS * NS_PER_MS;

	sd_event_source_set_time(g->draining->timer, (due_ns > soonest ? due_ns : soonest) / 1000);
	sd_event_source_set_enabled(g->draining->timer, SD_EVENT_ONESHOT);
}

/* Use that was not noted is not known: it counts from now. */
static void set_noting(struct gateway *g, bool on)
{
	struct draining *d = g->draining;

	if (on == d->noting)
		return;
	d->noting = on;
	d->drains.noted_ns = on ? gateway_now(g) : 0;
	dataplane_track_use(g->dataplane, on);
}

static int on_look(sd_event_source *source, uint64_t usec, void *data)
{
	struct gateway *g = data;
	struct look *l = calloc(1, sizeof(*l));

	(void)source;
	(void)usec;
	if (!l) {
		arm(g, 0);
		return 0;
	}
	l->g = g;
	l->now = gateway_now(g);
	l->next = UINT64_MAX;
	for (uint32_t id = 0; id < g->groups.limit; id++)
		look_at(l, id);
	tell_moves(l);
	tell(g);
	if (l->next != UINT64_MAX)
		arm(g, l->next);
	else
		set_noting(g, g->draining->drains.gate.idle_ns);
	free(l);
	return 0;
}

void draining_follow(struct gateway *g)
{
	struct draining *d = g->draining;
	bool waits = anything_waits(g);

	set_noting(g, waits || d->drains.gate.idle_ns);
	if (waits)
		arm(g, 0);
	tell(g);
}

/* ---- what happens to tunnels and groups ---- */

void draining_returned(struct gateway *g, uint32_t tunnel)
{
	drain_returned(&g->draining->drains, tunnel, gateway_now(g));
}

void draining_group_made(struct gateway *g, uint32_t group)
{
	g->draining->made_ns[group] = gateway_now(g);
}

void draining_forget(struct gateway *g, uint32_t tunnel)
{
	drain_forget(&g->draining->drains, tunnel);
	g->draining->tunnels[tunnel] = (struct drained){ 0 };
}

void draining_configure(struct gateway *g)
{
	g->draining->drains.gate = (struct gate){
		.idle_ns = g->config.gateway.return_idle_ms * NS_PER_MS,
		.within_ns = g->config.gateway.return_within_ms * NS_PER_MS,
	};
}

/* ---- begin, end ---- */

int draining_open(struct gateway *g)
{
	int err;

	g->draining = calloc(1, sizeof(*g->draining));
	if (!g->draining)
		return -ENOMEM;
	err = sd_event_add_time(g->event, &g->draining->timer, CLOCK_MONOTONIC, 0, SLACK_US,
				on_look, g);
	if (err >= 0)
		err = sd_event_source_set_enabled(g->draining->timer, SD_EVENT_OFF);
	/* A former controller may have left it on. */
	dataplane_track_use(g->dataplane, false);
	return err < 0 ? err : 0;
}

void draining_free(struct gateway *g)
{
	if (!g->draining)
		return;
	set_noting(g, false);
	sd_event_source_unref(g->draining->timer);
	free(g->draining);
	g->draining = NULL;
}
