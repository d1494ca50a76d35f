/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include "gateway_audit.h"
#include "gateway_drain.h"
#include "gateway_kernel.h"

/* Some microseconds a route: a slice takes a few milliseconds, and a turn not much more. */
#define SLICE	1024
#define TURN_NS 5000000

static uint64_t monotonic(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- what the kernel refused ---- */

static void forget_refused(struct kernel *k)
{
	while (k->refused_count)
		free(k->refused[--k->refused_count]);
}

static void keep_refused(struct kernel *k, const char *text)
{
	for (size_t i = 0; i < k->refused_count; i++)
		if (!strcmp(k->refused[i], text))
			return;
	if (k->refused_count == ALARMS)
		return;
	k->refused[k->refused_count] = strdup(text);
	k->refused_count += k->refused[k->refused_count] != NULL;
}

static void take_errors(struct gateway *g)
{
	for (size_t i = 0; i < host_error_count(g->host); i++) {
		gateway_alarm(g, "%s", host_error(g->host, i));
		if (host_error_of_route(g->host, i))
			keep_refused(g->kernel, host_error(g->host, i));
	}
}

/* ---- routes in turns ---- */

static void tell_slice(struct gateway *g)
{
	struct slow_path_slice slice;
	int err = slow_path_take(&g->slow, SLICE, &slice);

	if (!err) {
		host_follow_routes(g->host, &slice.was, &slice.now, slice.rewrite);
		take_errors(g);
		if (host_uncertain(g->host))
			slow_path_forget(&g->slow);
		slow_path_slice_free(&slice);
	}
	if (!g->slow.known) /* then all of it, with the next update */
		gateway_request_update(g, 0);
}

void kernel_complete(struct gateway *g)
{
	while (slow_path_any(&g->slow))
		tell_slice(g);
}

bool kernel_catch_up(struct gateway *g, unsigned slices)
{
	while (slices-- && slow_path_any(&g->slow))
		tell_slice(g);
	return !slow_path_any(&g->slow);
}

static int on_turn(sd_event_source *source, void *data)
{
	struct gateway *g = data;
	uint64_t until = monotonic() + TURN_NS;

	while (slow_path_any(&g->slow) && monotonic() < until)
		tell_slice(g);
	return sd_event_source_set_enabled(source, slow_path_any(&g->slow) ? SD_EVENT_ONESHOT
									   : SD_EVENT_OFF);
}

/* ---- all of it ---- */

static void mark_down(struct gateway *g, struct host_facts *facts)
{
	for (size_t i = 0; i < gateway_tunnel_places(g); i++) {
		const struct gateway_tunnel *t = &g->tunnels[i];

		if (t->used)
			facts->tunnels[t->connection][t->index].down =
				!t->machine.live || draining_avoids(g, t->id);
	}
}

static int read_facts(struct gateway *g, struct host_facts *facts)
{
	int err = host_facts_read(g->host, &g->config, facts);

	if (!err)
		mark_down(g, facts);
	return err;
}

static void take_frame(struct gateway *g, struct host_plan *plan)
{
	host_plan_drop_routes(plan);
	host_plan_free(&g->kernel->frame);
	g->kernel->frame = *plan;
}

void kernel_compare(struct gateway *g)
{
	g->kernel->compare = true;
}

static void forget_changed(struct kernel *k)
{
	free(k->changed);
	k->changed = NULL;
	k->changed_count = 0;
}

/*
 * The kernel has been given all of `plan`. Takes over both. With them goes what it took to get here
 * (a start, an apply: the text, the plan, the tables before): back to the system.
 */
static int settle(struct gateway *g, struct host_facts *facts, struct host_plan *plan)
{
	int err = 0;

	take_frame(g, plan);
	if (!host_uncertain(g->host))
		err = slow_path_settle(&g->slow, facts);
	host_facts_free(facts);
	malloc_trim(0);
	return err;
}

static void forget_facts(struct kernel *k)
{
	host_facts_free(&k->facts);
	k->facts_stand = false;
}

static int make_plan(struct gateway *g, const struct fib *fib, struct host_facts *facts,
		     struct host_plan *plan)
{
	int err = read_facts(g, facts);

	if (err)
		return err;
	err = host_plan_build(&g->rib, fib, facts, plan);
	if (err) {
		host_facts_free(facts);
		return err;
	}
	slow_path_forget(&g->slow);
	forget_facts(g->kernel);
	forget_refused(g->kernel);
	forget_changed(g->kernel);
	return 0;
}

int kernel_apply(struct gateway *g)
{
	struct host_facts facts;
	struct host_plan plan;
	int err = make_plan(g, &g->fib, &facts, &plan), settled;

	if (err)
		return err;
	err = host_apply(g->host, NULL, &plan);
	take_errors(g);
	settled = settle(g, &facts, &plan);
	return err ? err : settled;
}

static void forget_prepared(struct kernel *k)
{
	host_plan_free(&k->prepared);
	host_facts_free(&k->prepared_facts);
	k->is_prepared = false;
}

int kernel_prepare(struct gateway *g, const struct fib *fib)
{
	struct kernel *k = g->kernel;
	int err;

	forget_prepared(k);
	err = make_plan(g, fib, &k->prepared_facts, &k->prepared);
	if (err)
		return err;
	k->is_prepared = true;
	err = host_apply_new(g->host, NULL, &k->prepared);
	k->prepared_err = host_uncertain(g->host) ? -EAGAIN : 0;
	take_errors(g);
	return err;
}

int kernel_finish(struct gateway *g)
{
	struct kernel *k = g->kernel;
	int err, settled;

	if (!k->is_prepared || k->prepared_err) {
		forget_prepared(k);
		return kernel_apply(g);
	}
	err = host_apply_rest(g->host, &k->frame, &k->prepared);
	take_errors(g);
	settled = settle(g, &k->prepared_facts, &k->prepared);
	k->prepared = (struct host_plan){ 0 };
	k->is_prepared = false;
	return err ? err : settled;
}

/* ---- after a change ---- */

static int apply_frame(struct gateway *g, const struct host_facts *facts)
{
	struct host_plan plan;
	int err = host_plan_frame(&g->rib, &g->fib, facts, &plan);

	if (err)
		return err;
	err = host_apply_frame(g->host, &g->kernel->frame, &plan);
	take_errors(g);
	take_frame(g, &plan);
	return err;
}

/* False: only a comparison will do. Takes over *facts. */
static bool follow_routes(struct gateway *g, struct host_facts *facts)
{
	struct kernel *k = g->kernel;

	if (!slow_path_changed(&g->slow, facts, k->changed, k->changed_count))
		return false;
	forget_changed(k);
	if (slow_path_any(&g->slow))
		sd_event_source_set_enabled(k->turn, SD_EVENT_ONESHOT);
	return true;
}

/* The frame does not hang on what tunnels do: as long as nothing of the host changes, it stands. */
static int follow_frame(struct gateway *g, struct host_facts *facts)
{
	struct kernel *k = g->kernel;
	int err;

	forget_facts(k);
	err = apply_frame(g, facts);
	k->facts_stand = !err && !host_error_count(g->host) &&
			 !host_facts_copy(facts, &g->config, &k->facts);
	return err;
}

static int facts_again(struct gateway *g, struct host_facts *out)
{
	int err = host_facts_copy(&g->kernel->facts, &g->config, out);

	if (!err)
		mark_down(g, out);
	return err;
}

static int follow(struct gateway *g)
{
	struct kernel *k = g->kernel;
	bool stands = g->devices_settled && k->facts_stand;
	struct host_facts facts;
	int err = stands ? facts_again(g, &facts) : read_facts(g, &facts);

	if (err)
		return err;
	if (!stands)
		err = follow_frame(g, &facts);
	for (size_t i = 0; i < k->refused_count; i++)
		gateway_alarm(g, "%s", k->refused[i]);
	return follow_routes(g, &facts) ? err : kernel_apply(g);
}

/* What is only late is no drift: it is told first. */
static int compare_all(struct gateway *g)
{
	struct host_facts facts;

	if (g->slow.known && !read_facts(g, &facts) && follow_routes(g, &facts))
		kernel_complete(g);
	return kernel_apply(g);
}

int kernel_follow(struct gateway *g)
{
	bool all = g->kernel->compare || !g->slow.known;
	uint64_t begin = monotonic();
	int err;

	g->kernel->compare = false;
	audit_watch_host(g);
	err = all ? compare_all(g) : follow(g);
	audit_settle(g);
	g->kernel->took_ns = monotonic() - begin;
	return err;
}

/* ---- devices ---- */

/* Without memory for it everything is compared. */
static void mark_changed(struct gateway *g, const char *name)
{
	struct kernel *k = g->kernel;
	char(*all)[DEVICE_NAME_LEN];

	for (size_t i = 0; i < k->changed_count; i++)
		if (!strcmp(k->changed[i], name))
			return;
	all = reallocarray(k->changed, k->changed_count + 1, sizeof(*all));
	if (!all) {
		slow_path_forget(&g->slow);
		return;
	}
	k->changed = all;
	snprintf(all[k->changed_count++], sizeof(*all), "%s", name);
}

static struct kernel_link *find_link(struct kernel *k, uint32_t ifindex)
{
	for (size_t i = 0; i < k->link_count; i++)
		if (k->links[i].ifindex == ifindex)
			return &k->links[i];
	return NULL;
}

static struct kernel_link *add_link(struct kernel *k)
{
	size_t room = k->link_room ? 2 * k->link_room : 16;
	struct kernel_link *all;

	if (k->link_count == k->link_room) {
		all = reallocarray(k->links, room, sizeof(*all));
		if (!all)
			return NULL;
		k->links = all;
		k->link_room = room;
	}
	return &k->links[k->link_count++];
}

/* Most messages tell of nothing that routes depend on: a carrier, a queue, a statistic. */
static void link_changed(struct gateway *g, const struct host_link *l)
{
	struct kernel_link now = { l->ifindex, l->master, l->mtu, l->up, "" };
	struct kernel_link *was = find_link(g->kernel, l->ifindex);

	snprintf(now.name, sizeof(now.name), "%s", l->name);
	if (was && was->master == now.master && was->mtu == now.mtu && was->up == now.up &&
	    !strcmp(was->name, now.name))
		return;
	mark_changed(g, now.name);
	if (was)
		mark_changed(g, was->name);
	else
		was = add_link(g->kernel);
	if (was)
		*was = now;
}

static void link_gone(struct gateway *g, const struct host_link *l)
{
	struct kernel *k = g->kernel;
	struct kernel_link *was = find_link(k, l->ifindex);

	mark_changed(g, l->name);
	if (was)
		*was = k->links[--k->link_count];
}

/* With its last address a device loses its IPv4 routes. */
static void address_gone(struct gateway *g, uint32_t ifindex)
{
	const struct kernel_link *known = find_link(g->kernel, ifindex);
	struct host_link link;

	if (known)
		mark_changed(g, known->name);
	else if (!host_link_by_index(g->host, ifindex, &link))
		mark_changed(g, link.name);
}

void kernel_host_event(struct gateway *g, const struct host_event *event)
{
	switch (event->kind) {
	case HOST_LINK_CHANGED:
		link_changed(g, &event->link);
		break;
	case HOST_LINK_GONE:
		link_gone(g, &event->link);
		break;
	case HOST_ADDRESS_ADDED:
		break;
	case HOST_ADDRESS_GONE:
		address_gone(g, event->address.ifindex);
		break;
	case HOST_EVENTS_LOST:
		slow_path_forget(&g->slow);
		break;
	}
}

/* ---- begin and end ---- */

/* Behind all that is heard or asked, so that a turn begins when nothing else waits. */
int kernel_new(struct gateway *g)
{
	int err;

	slow_path_init(&g->slow, &g->rib, &g->fib);
	g->kernel = calloc(1, sizeof(*g->kernel));
	if (!g->kernel)
		return -ENOMEM;
	err = sd_event_add_defer(g->event, &g->kernel->turn, on_turn, g);
	if (err >= 0)
		err = sd_event_source_set_priority(g->kernel->turn, SD_EVENT_PRIORITY_NORMAL + 10);
	if (err >= 0)
		err = sd_event_source_set_enabled(g->kernel->turn, SD_EVENT_OFF);
	return err < 0 ? err : 0;
}

void kernel_free(struct gateway *g)
{
	struct kernel *k = g->kernel;

	slow_path_free(&g->slow);
	if (!k)
		return;
	host_plan_free(&k->frame);
	forget_facts(k);
	forget_prepared(k);
	forget_refused(k);
	forget_changed(k);
	free(k->links);
	sd_event_source_unref(k->turn);
	sd_event_source_unref(k->child);
	free(k);
	g->kernel = NULL;
}
