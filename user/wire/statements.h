/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A configuration as a set of statements, each in its context: what `render --check` compares.
 * Order, indentation, comments and the ends of blocks are gone.
 */
#ifndef ESPALIER_WIRE_STATEMENTS_H
#define ESPALIER_WIRE_STATEMENTS_H

#include <stdbool.h>
#include <stddef.h>

struct statement {
	char *context; /* the lines that it stands in, with " / " between them; "": none */
	char *line;
};

struct statements {
	struct statement *list; /* in the order of the text */
	size_t count, room;
	const struct statement **sorted; /* of statements_sort() */
	bool failed;			 /* out of memory: some are missing */
};

/* Appends; printf-like. Out of memory is remembered. */
__attribute__((format(printf, 3, 4))) void statements_add(struct statements *s, const char *context,
							  const char *format, ...);
/* For statements_have(), once all are there. */
void statements_sort(struct statements *s);
bool statements_have(const struct statements *s, const char *context, const char *line);
void statements_free(struct statements *s);

/* A statement that only one side has. */
struct difference {
	const struct statement *statement;
	bool rendered; /* it is missing in what runs; else it runs and is not rendered */
};

/* What is no difference although only one side has it. */
struct comparison {
	/* A rendered one that the program need not show: its default. */
	bool (*assumed)(const struct statement *rendered);
	/* Is a running one of ours, or somebody else's business? */
	bool (*ours)(const struct statement *running, const struct statements *rendered);
};

/* Both sorted. Differences context by context, rendered ones first; *list is the caller's. 0 or
 * -ENOMEM, also when one of the two failed. */
int statements_compare(const struct statements *rendered, const struct statements *running,
		       const struct comparison *how, struct difference **list, size_t *count);

#endif
