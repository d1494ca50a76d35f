/* SPDX-License-Identifier: GPL-2.0-only */
#include <stdlib.h>
#include "touched.h"

void touched_add(struct touched *t, const struct touch *touch)
{
	if (t->everything)
		return;
	if (t->count == t->room) {
		size_t room = t->room ? 2 * t->room : 64;
		struct touch *list = realloc(t->list, room * sizeof(*list));

		if (!list) {
			t->everything = true;
			return;
		}
		t->list = list;
		t->room = room;
	}
	t->list[t->count++] = *touch;
}

void touched_move(struct touched *t, struct touched *more)
{
	if (!touched_any(t)) {
		touched_free(t);
		*t = *more;
	} else {
		t->everything |= more->everything;
		for (size_t i = 0; i < more->count; i++)
			touched_add(t, &more->list[i]);
		free(more->list);
	}
	*more = (struct touched){ 0 };
}

bool touched_any(const struct touched *t)
{
	return t->everything || t->count;
}

void touched_free(struct touched *t)
{
	free(t->list);
	*t = (struct touched){ 0 };
}
