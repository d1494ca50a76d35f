/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Human output: tables whose columns are as wide as their widest cell, units, bars, colours where
 * stdout is a terminal that wants them.
 */
#ifndef ESPALIER_TABLE_H
#define ESPALIER_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum align { ALIGN_LEFT, ALIGN_RIGHT };
enum style { STYLE_PLAIN, STYLE_HEAD, STYLE_GOOD, STYLE_WARN, STYLE_BAD, STYLE_DIM };

struct column {
	const char *title;
	enum align align;
};

#define TABLE_COLUMNS_MAX 16
#define BAR_WIDTH	  16
#define UNIT_STRLEN	  32
#define BAR_STRLEN	  (BAR_WIDTH * 4 + 16)

struct table;

/* `columns` ends with a NULL title and must outlive the table. NULL: out of memory. */
struct table *table_new(const struct column *columns);

/*
 * The next cell, row by row. Control characters in it are shown as '?'. On a NULL table, or out of
 * memory, nothing happens: table_print() tells.
 */
__attribute__((format(printf, 3, 4))) void table_cell(struct table *t, enum style style,
						      const char *format, ...);

/* Every line begins with that many spaces. */
void table_indent(struct table *t, unsigned spaces);

/* Prints to stdout and frees. A column without any content is left out. 0 or -ENOMEM. */
int table_print(struct table *t);

/* The escape sequence of a style, or "" when stdout is no terminal or NO_COLOR is set. */
const char *style_on(enum style style);
const char *style_off(void);

/* Whether the locale can show block elements and arrows. */
bool utf8_output(void);
const char *arrow(void);

/* 9999, 12.3k, 4.56M; 512 B, 1.50 KiB; 45s, 3m12s, 5h04m, 12d3h; "████░░░░ 50.0%". Return buf. */
const char *unit_count(uint64_t n, char buf[UNIT_STRLEN]);
const char *unit_bytes(uint64_t n, char buf[UNIT_STRLEN]);
const char *unit_duration(double seconds, char buf[UNIT_STRLEN]);
const char *unit_bar(double share, char buf[BAR_STRLEN]);

#endif
