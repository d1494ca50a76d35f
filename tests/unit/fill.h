/* SPDX-License-Identifier: GPL-2.0-only */
/* A group as it is after one step, when `set` are its live members and nothing waits. */
#ifndef ESPALIER_TESTS_FILL_H
#define ESPALIER_TESTS_FILL_H

#include "../../user/core/placement.h"

static bool fill_live(uint32_t tunnel, const void *context)
{
	const struct member_set *set = context;

	for (unsigned i = 0; i < set->count; i++)
		if (set->members[i].tunnel == tunnel)
			return true;
	return false;
}

/* previous NULL: a group without history; it may be `out` itself. */
static void fill(const struct group *previous, const struct member_set *set, struct group *out)
{
	const struct tunnel_view view = { .live = fill_live, .context = set };
	struct placement p;

	if (previous)
		placement_adopt(&p, previous, set, &view);
	else
		placement_start(&p, NULL);
	placement_refresh(&p, set, &view);
	*out = p.content;
}

#endif
