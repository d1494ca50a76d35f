/* SPDX-License-Identifier: GPL-2.0-only */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "text.h"

/* Not realloc(): what moves would leave a copy of its secrets behind. */
static bool make_room(struct text *t, size_t more)
{
	size_t room = 2 * (t->len + more) + 256;
	char *data;

	if (t->len + more + 1 <= t->room)
		return true;
	data = malloc(room);
	if (!data)
		return false;
	if (t->data) {
		memcpy(data, t->data, t->len + 1);
		explicit_bzero(t->data, t->len);
		free(t->data);
	}
	t->data = data;
	t->room = room;
	return true;
}

void text_add(struct text *t, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (n < 0 || !make_room(t, (size_t)n)) {
		t->failed = true;
		return;
	}
	va_start(args, format);
	vsnprintf(t->data + t->len, (size_t)n + 1, format, args);
	va_end(args);
	t->len += (size_t)n;
}

void text_add_base64(struct text *t, const void *data, size_t len)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *bytes = data;

	text_add(t, "0s");
	for (size_t i = 0; i < len; i += 3) {
		unsigned long three = (unsigned long)bytes[i] << 16;

		three |= i + 1 < len ? (unsigned long)bytes[i + 1] << 8 : 0;
		three |= i + 2 < len ? bytes[i + 2] : 0;
		text_add(t, "%c%c%c%c", digits[three >> 18], digits[three >> 12 & 63],
			 i + 1 < len ? digits[three >> 6 & 63] : '=',
			 i + 2 < len ? digits[three & 63] : '=');
	}
}

void text_free(struct text *t)
{
	if (t->data)
		explicit_bzero(t->data, t->len);
	free(t->data);
	*t = (struct text){ 0 };
}
