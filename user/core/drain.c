/* SPDX-License-Identifier: GPL-2.0-only */
#include <stddef.h>
#include "drain.h"

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

void drain_begin(struct drains *d, uint32_t tunnel, uint64_t deadline_ns, uint64_t idle_ns)
{
	struct drain *one = &d->list[tunnel];

	if (!one->order)
		one->order = ++d->orders;
	one->deadline_ns = deadline_ns;
	one->idle_ns = idle_ns;
}

void drain_end(struct drains *d, uint32_t tunnel, uint64_t now_ns)
{
	d->list[tunnel] = (struct drain){ 0 };
	drain_returned(d, tunnel, now_ns);
}

void drain_returned(struct drains *d, uint32_t tunnel, uint64_t now_ns)
{
	d->returned_ns[tunnel] = now_ns;
}

void drain_forget(struct drains *d, uint32_t tunnel)
{
	d->list[tunnel] = (struct drain){ 0 };
	d->returned_ns[tunnel] = 0;
}

/* When a move need not wait any more. */
static uint64_t limit(const struct drains *d, uint32_t from, uint32_t to)
{
	if (d->list[from].order)
		return d->list[from].deadline_ns;
	return d->gate.idle_ns ? d->returned_ns[to] + d->gate.within_ns : 0;
}

bool drain_waits(const struct drains *d, uint32_t from, uint32_t to, uint64_t now_ns)
{
	return now_ns < limit(d, from, to);
}

uint64_t drain_free_ns(const struct drains *d, uint32_t from, uint32_t to, uint64_t last_ns)
{
	uint64_t idle = d->list[from].order ? d->list[from].idle_ns : d->gate.idle_ns;
	uint64_t most = limit(d, from, to), quiet = later(last_ns, d->noted_ns) + idle;

	return d->noted_ns && quiet < most ? quiet : most;
}

enum drain_state drain_state(const struct drain *d, unsigned buckets, bool carries)
{
	if (!d->order)
		return DRAIN_NONE;
	if (carries)
		return DRAIN_CARRIES;
	return buckets ? DRAIN_WAITING : DRAIN_DONE;
}

const char *drain_state_name(enum drain_state s)
{
	switch (s) {
	case DRAIN_NONE:
		break;
	case DRAIN_WAITING:
		return "draining";
	case DRAIN_DONE:
		return "drained";
	case DRAIN_CARRIES:
		return "carries-on";
	}
	return NULL;
}
