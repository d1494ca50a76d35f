/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by the files of running.h; nothing else includes it. */
#ifndef ESPALIER_WIRE_RUNNING_INTERNAL_H
#define ESPALIER_WIRE_RUNNING_INTERNAL_H

#include "running.h"

/* Blocks in blocks: the line that opens each. Deeper ones, and longer lines, are cut. */
#define RUNNING_DEPTH	 6
#define RUNNING_LINE_LEN 256

struct running_context {
	char lines[RUNNING_DEPTH][RUNNING_LINE_LEN];
	int indents[RUNNING_DEPTH];
	size_t depth;
	char text[RUNNING_DEPTH * (RUNNING_LINE_LEN + 4)]; /* of running_context_text() */
};

/* The lines of the context from the `first`, with " / " between them. */
const char *running_context_text(struct running_context *c, size_t first);
void running_context_push(struct running_context *c, const char *line, int indent);

/*
 * The next line of a text: cut to `line`, without its indentation, which is returned, and without
 * blanks at its end. -1: there is none.
 */
int running_line(const char **at, const char *end, char line[RUNNING_LINE_LEN]);

/* Does one of `prefixes` (NULL behind them) begin the text? */
bool running_begins(const char *text, const char *const *prefixes);

/* Nothing is assumed. */
bool running_nothing_assumed(const struct statement *rendered);

#endif
