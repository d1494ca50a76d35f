/* SPDX-License-Identifier: GPL-2.0-only */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "running_internal.h"

const char *running_context_text(struct running_context *c, size_t first)
{
	size_t len = 0;

	c->text[0] = '\0';
	for (size_t i = first; i < c->depth; i++)
		len += (size_t)snprintf(c->text + len, sizeof(c->text) - len, "%s%s",
					i > first ? " / " : "", c->lines[i]);
	return c->text;
}

void running_context_push(struct running_context *c, const char *line, int indent)
{
	if (c->depth == RUNNING_DEPTH)
		return;
	snprintf(c->lines[c->depth], RUNNING_LINE_LEN, "%s", line);
	c->indents[c->depth++] = indent;
}

int running_line(const char **at, const char *end, char line[RUNNING_LINE_LEN])
{
	const char *from = *at, *to;
	int indent = 0;

	if (from >= end)
		return -1;
	to = memchr(from, '\n', (size_t)(end - from));
	*at = to ? to + 1 : end;
	to = to ? to : end;
	for (; from < to && (*from == ' ' || *from == '\t'); from++)
		indent++;
	while (to > from && isspace((unsigned char)to[-1]))
		to--;
	snprintf(line, RUNNING_LINE_LEN, "%.*s",
		 (int)(to - from < RUNNING_LINE_LEN ? to - from : RUNNING_LINE_LEN), from);
	return indent;
}

bool running_begins(const char *text, const char *const *prefixes)
{
	for (; *prefixes; prefixes++)
		if (!strncmp(text, *prefixes, strlen(*prefixes)))
			return true;
	return false;
}

bool running_nothing_assumed(const struct statement *rendered)
{
	(void)rendered;
	return false;
}
