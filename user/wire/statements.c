/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "statements.h"

static bool make_room(struct statements *s)
{
	size_t room = 2 * s->room + 64;
	struct statement *list;

	if (s->count < s->room)
		return true;
	list = reallocarray(s->list, room, sizeof(*list));
	if (!list)
		return false;
	s->list = list;
	s->room = room;
	return true;
}

void statements_add(struct statements *s, const char *context, const char *format, ...)
{
	struct statement made = { .context = strdup(context) };
	va_list args;

	va_start(args, format);
	if (vasprintf(&made.line, format, args) < 0)
		made.line = NULL;
	va_end(args);
	if (!made.context || !made.line || !make_room(s)) {
		free(made.context);
		free(made.line);
		s->failed = true;
		return;
	}
	s->list[s->count++] = made;
}

static int by_text(const void *a, const void *b)
{
	const struct statement *x = *(const struct statement *const *)a;
	const struct statement *y = *(const struct statement *const *)b;
	int order = strcmp(x->context, y->context);

	return order ? order : strcmp(x->line, y->line);
}

void statements_sort(struct statements *s)
{
	free(s->sorted);
	s->sorted = calloc(s->count + 1, sizeof(const struct statement *));
	if (!s->sorted) {
		s->failed = true;
		return;
	}
	for (size_t i = 0; i < s->count; i++)
		s->sorted[i] = &s->list[i];
	qsort(s->sorted, s->count, sizeof(const struct statement *), by_text);
}

static bool have(const struct statements *s, const struct statement *wanted)
{
	return s->count &&
	       bsearch(&wanted, s->sorted, s->count, sizeof(const struct statement *), by_text);
}

bool statements_have(const struct statements *s, const char *context, const char *line)
{
	const struct statement wanted = { (char *)context, (char *)line };

	return have(s, &wanted);
}

void statements_free(struct statements *s)
{
	for (size_t i = 0; i < s->count; i++) {
		free(s->list[i].context);
		free(s->list[i].line);
	}
	free(s->list);
	free(s->sorted);
	*s = (struct statements){ 0 };
}

static int by_context(const void *a, const void *b)
{
	const struct difference *x = a, *y = b;
	int order = strcmp(x->statement->context, y->statement->context);

	if (!order)
		order = (int)y->rendered - (int)x->rendered;
	return order ? order : strcmp(x->statement->line, y->statement->line);
}

int statements_compare(const struct statements *rendered, const struct statements *running,
		       const struct comparison *how, struct difference **list, size_t *count)
{
	size_t n = 0;

	if (rendered->failed || running->failed)
		return -ENOMEM;
	*list = calloc(rendered->count + running->count + 1, sizeof(**list));
	if (!*list)
		return -ENOMEM;
	for (size_t i = 0; i < rendered->count; i++)
		if (!have(running, &rendered->list[i]) && !how->assumed(&rendered->list[i]))
			(*list)[n++] = (struct difference){ &rendered->list[i], true };
	for (size_t i = 0; i < running->count; i++)
		if (!have(rendered, &running->list[i]) && how->ours(&running->list[i], rendered))
			(*list)[n++] = (struct difference){ &running->list[i], false };
	qsort(*list, n, sizeof(**list), by_context);
	*count = n;
	return 0;
}
