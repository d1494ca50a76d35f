/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdlib.h>
#include "prefixes.h"

int prefixes_add(struct prefixes *l, const struct prefix *p)
{
	if (l->count == l->room) {
		size_t room = l->room ? 2 * l->room : 64;
		struct prefix *list = realloc(l->list, room * sizeof(*list));

		if (!list)
			return -ENOMEM;
		l->list = list;
		l->room = room;
	}
	l->list[l->count++] = *p;
	return 0;
}

static int by_prefix(const void *a, const void *b)
{
	return prefix_compare(a, b);
}

/* A list that one walk of a trie gave is in order. */
static bool sorted(const struct prefixes *l)
{
	for (size_t i = 1; i < l->count; i++)
		if (prefix_compare(&l->list[i - 1], &l->list[i]) > 0)
			return false;
	return true;
}

void prefixes_sort(struct prefixes *l)
{
	size_t kept = 0;

	if (!sorted(l))
		qsort(l->list, l->count, sizeof(*l->list), by_prefix);
	for (size_t i = 0; i < l->count; i++)
		if (!kept || !prefix_equal(&l->list[kept - 1], &l->list[i]))
			l->list[kept++] = l->list[i];
	l->count = kept;
}

void prefixes_free(struct prefixes *l)
{
	free(l->list);
	*l = (struct prefixes){ 0 };
}
