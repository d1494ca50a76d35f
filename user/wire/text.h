/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A text that grows. Out of memory is remembered rather than reported at every line: whoever wants
 * the text asks `failed` once, at the end.
 */
#ifndef ESPALIER_WIRE_TEXT_H
#define ESPALIER_WIRE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct text {
	char *data; /* NUL behind it; NULL while nothing was added */
	size_t len, room;
	bool failed; /* something is missing: the text is of no use */
};

/* Appends; printf-like. */
__attribute__((format(printf, 2, 3))) void text_add(struct text *t, const char *format, ...);
/* Appends "0s" and the bytes in base64, as strongSwan reads secrets. */
void text_add_base64(struct text *t, const void *data, size_t len);
/* Overwrites what it had, for texts with secrets in them, then frees. */
void text_free(struct text *t);

#endif
