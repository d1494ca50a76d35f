/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The choice between candidates for one prefix [D6]. One comparison, its steps numbered in order,
 * ending where no tie may remain that a group cannot carry.
 */
#include <stdlib.h>
#include "rib.h"

static int compare(uint32_t a, uint32_t b)
{
	return (a > b) - (a < b);
}

static int by_attachment(const struct candidate *a, const struct candidate *b)
{
	return (a->attachment > b->attachment) - (a->attachment < b->attachment);
}

int select_compare(const struct candidate *a, const struct candidate *b, enum select_step *step)
{
	int order;

	/* 1. TR static, then VPC system routes, then BGP, then destination-based [D6 S30]. */
	*step = STEP_SOURCE;
	order = compare(a->source, b->source);
	if (order)
		return order;

	/* 2. The lower metric. */
	*step = STEP_METRIC;
	order = compare(a->metric, b->metric);
	if (order)
		return order;

	/* 3. The shorter AS path. */
	*step = STEP_AS_PATH;
	order = compare(a->as_path_len, b->as_path_len);
	if (order)
		return order;

	/* 4. The lower MED. */
	*step = STEP_MED;
	order = compare(a->med, b->med);
	if (order)
		return order;

	/* 5. A device or a blackhole before tunnels: they cannot share a group. */
	*step = STEP_SINGLE;
	order = compare(!a->single, !b->single);
	if (order)
		return order;

	/* 6. Of two that cannot: the blackhole (-1), then the attachment that is written first. */
	*step = STEP_ORDER;
	order = a->single ? by_attachment(a, b) : 0;
	if (order)
		return order;

	/* Equal: one ECMP group, across connections too. */
	*step = STEP_EQUAL;
	return 0;
}

static int rank(const void *x, const void *y)
{
	const struct candidate *a = x, *b = y;
	enum select_step step;
	int order = compare(!a->available, !b->available);

	if (!order)
		order = select_compare(a, b, &step);
	return order ? order : by_attachment(a, b);
}

void select_rank(struct rib_entry *e)
{
	qsort(e->list, e->count, sizeof(*e->list), rank);
	for (size_t i = 0; i < e->count; i++) {
		struct candidate *c = &e->list[i];

		c->step = STEP_EQUAL;
		if (!c->available)
			c->state = CANDIDATE_WITHDRAWN;
		else if (select_compare(&e->list[0], c, &c->step) == 0)
			c->state = CANDIDATE_ACTIVE;
		else
			c->state = CANDIDATE_STANDBY;
	}
}

const char *route_source_name(enum route_source s)
{
	switch (s) {
	case SOURCE_LOCAL:
		return "local";
	case SOURCE_STATIC:
		return "static";
	case SOURCE_SYSTEM:
		return "system";
	case SOURCE_BGP:
		return "bgp";
	case SOURCE_DESTINATION:
		return "destination";
	}
	return "?";
}

const char *candidate_state_name(enum candidate_state s)
{
	switch (s) {
	case CANDIDATE_ACTIVE:
		return "active";
	case CANDIDATE_STANDBY:
		return "standby";
	case CANDIDATE_WITHDRAWN:
		return "withdrawn";
	}
	return "?";
}

const char *select_step_name(enum select_step s)
{
	switch (s) {
	case STEP_EQUAL:
		return "equal";
	case STEP_SOURCE:
		return "1 source";
	case STEP_METRIC:
		return "2 metric";
	case STEP_AS_PATH:
		return "3 AS path length";
	case STEP_MED:
		return "4 MED";
	case STEP_SINGLE:
		return "5 device before tunnel";
	case STEP_ORDER:
		return "6 order of attachments";
	}
	return "?";
}
