/* SPDX-License-Identifier: GPL-2.0-only */
/* A list of prefixes that grows. All zero: empty. */
#ifndef ESPALIER_PREFIXES_H
#define ESPALIER_PREFIXES_H

#include "prefix.h"

struct prefixes {
	struct prefix *list;
	size_t count, room;
};

/* 0 or -ENOMEM. */
int prefixes_add(struct prefixes *l, const struct prefix *p);
/* In the order of prefix_compare(), each once. */
void prefixes_sort(struct prefixes *l);
void prefixes_free(struct prefixes *l);

#endif
