/* SPDX-License-Identifier: GPL-2.0-only */
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include "xfrm_stat.h"

/* What is left of a line. */
struct rest {
	const char *at, *end;
};

static void skip_blanks(struct rest *r)
{
	while (r->at < r->end && (*r->at == ' ' || *r->at == '\t'))
		r->at++;
}

static bool read_name(struct rest *r, char name[XFRM_STAT_NAME_LEN])
{
	const char *from = r->at;
	size_t len;

	while (r->at < r->end && isalnum((unsigned char)*r->at))
		r->at++;
	len = (size_t)(r->at - from);
	if (!len || len >= XFRM_STAT_NAME_LEN)
		return false;
	memcpy(name, from, len);
	name[len] = '\0';
	return true;
}

static bool read_number(struct rest *r, uint64_t *out)
{
	const char *from = r->at;
	uint64_t n = 0;

	for (; r->at < r->end && isdigit((unsigned char)*r->at); r->at++)
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(*r->at - '0'), &n))
			return false;
	*out = n;
	return r->at > from;
}

static bool read_line(struct rest line, struct xfrm_stat *out)
{
	skip_blanks(&line);
	if (!read_name(&line, out->name))
		return false;
	skip_blanks(&line);
	if (!read_number(&line, &out->packets))
		return false;
	skip_blanks(&line);
	return line.at == line.end;
}

int xfrm_stat_parse(const char *text, size_t len, struct xfrm_stat_list *out)
{
	struct xfrm_stat_list stats = { .count = 0 };
	const char *end = text + len;

	while (text < end && stats.count < XFRM_STATS_MAX) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		struct rest line = { text, newline ? newline : end };

		stats.count += read_line(line, &stats.list[stats.count]);
		text = line.end + 1;
	}
	if (!stats.count)
		return -EBADMSG;
	*out = stats;
	return 0;
}
