/* SPDX-License-Identifier: GPL-2.0-only */
/* A configuration judged from text, for the tests of decoder and rules. */
#ifndef ESPALIER_TESTS_CHECKED_H
#define ESPALIER_TESTS_CHECKED_H

#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "core/rules.h"
#include "wire/config.h"

struct checked {
	struct config config;
	struct findings findings;
	int err; /* of config_parse() */
};

static inline struct checked parse_bytes(const char *text, size_t len)
{
	struct checked k = { 0 };

	k.err = config_parse("test.yaml", text, len, &k.config, &k.findings);
	findings_sort(&k.findings);
	return k;
}

static inline struct checked check_bytes(const char *text, size_t len)
{
	struct checked k = parse_bytes(text, len);

	if (k.config.file)
		rules_check(&k.config, &k.findings);
	findings_sort(&k.findings);
	return k;
}

static inline struct checked check_text(const char *text)
{
	return check_bytes(text, strlen(text));
}

static inline void checked_free(struct checked *k)
{
	config_free(&k->config);
	findings_free(&k->findings);
}

/* "LINE:COLUMN: error: text" of each finding, a line each; to be freed. */
static inline char *findings_text(const struct findings *f)
{
	size_t size = 1;
	char *text, *end;

	for (size_t i = 0; i < f->count; i++)
		size += strlen(f->list[i].text) + 64;
	text = end = malloc(size);
	assert_non_null(text);
	*end = '\0';
	for (size_t i = 0; i < f->count; i++)
		end += sprintf(end, "%u:%u: %s: %s\n", f->list[i].mark.line, f->list[i].mark.column,
			       f->list[i].severity == SEVERITY_ERROR ? "error" : "warning",
			       f->list[i].text);
	return text;
}

/* Exactly these findings: `want` holds "LINE:COLUMN: error: " and then a part of the text. */
static inline void assert_findings(const struct findings *f, const char *const *want, size_t n)
{
	char *text = findings_text(f), *line = text;

	if (f->count != n)
		fail_msg("%zu findings instead of %zu:\n%s", f->count, n, text);
	for (size_t i = 0; i < n; i++) {
		const char *part = strstr(want[i], ": ");
		size_t place = (size_t)(strstr(part + 2, ": ") + 2 - want[i]);
		char *end = strchr(line, '\n');

		*end = '\0';
		if (strncmp(line, want[i], place) || !strstr(line + place, want[i] + place))
			fail_msg("found    %s\nexpected %s", line, want[i]);
		line = end + 1;
	}
	free(text);
}

static inline void assert_one_finding(const char *yaml, const char *want)
{
	struct checked k = check_text(yaml);

	assert_findings(&k.findings, &want, want != NULL);
	checked_free(&k);
}

#define FILE_MAX (1 << 20)

/* A file of the tree, to be freed; len may be NULL. */
static inline char *read_whole(const char *path, size_t *len)
{
	char *text = malloc(FILE_MAX);
	FILE *stream = fopen(path, "r");
	size_t size;

	if (!stream || !text) {
		fail_msg("%s: cannot be opened (run from the top of the tree)", path);
		abort();
	}
	size = fread(text, 1, FILE_MAX - 1, stream);
	assert_in_range(size, 1, FILE_MAX - 2);
	fclose(stream);
	text[size] = '\0';
	if (len)
		*len = size;
	return text;
}

/* `text` with its one occurrence of `from` replaced; frees `text`. */
static inline char *replaced(char *text, const char *from, const char *to)
{
	char *at = strstr(text, from), *out;

	if (!at || strstr(at + 1, from))
		fail_msg("'%s' is not there exactly once", from);
	out = malloc(strlen(text) + strlen(to) + 1);
	assert_non_null(out);
	sprintf(out, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
	free(text);
	return out;
}

#endif
