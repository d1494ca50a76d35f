/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <langinfo.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "table.h"

struct cell {
	char *text;
	enum style style;
};

struct table {
	const struct column *columns;
	size_t width; /* columns */
	unsigned indent;
	struct cell *cells;
	size_t count, size;
	bool out_of_memory;
};

static const char *const style_codes[] = {
	[STYLE_PLAIN] = "",	   [STYLE_HEAD] = "\033[1m", [STYLE_GOOD] = "\033[32m",
	[STYLE_WARN] = "\033[33m", [STYLE_BAD] = "\033[31m", [STYLE_DIM] = "\033[2m",
};

static bool colours(void)
{
	static int wanted = -1;

	if (wanted < 0) {
		const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

		wanted = isatty(STDOUT_FILENO) && !(no_color && *no_color) && term &&
			 strcmp(term, "dumb") != 0;
	}
	return wanted;
}

const char *style_on(enum style style)
{
	return colours() ? style_codes[style] : "";
}

const char *style_off(void)
{
	return colours() ? "\033[0m" : "";
}

bool utf8_output(void)
{
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

const char *arrow(void)
{
	return utf8_output() ? "→" : "->";
}

/* Columns on the screen; what we print is one column wide per character. */
static size_t screen_width(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

struct table *table_new(const struct column *columns)
{
	struct table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->columns = columns;
	while (t->width < TABLE_COLUMNS_MAX && columns[t->width].title)
		t->width++;
	return t;
}

static bool table_room(struct table *t)
{
	size_t size = t->size ? t->size * 2 : 256;
	struct cell *cells;

	if (t->count < t->size)
		return true;
	cells = realloc(t->cells, size * sizeof(*cells));
	if (!cells)
		return false;
	t->cells = cells;
	t->size = size;
	return true;
}

void table_cell(struct table *t, enum style style, const char *format, ...)
{
	va_list args;
	char *text;
	int len;

	if (!t)
		return;
	va_start(args, format);
	len = vasprintf(&text, format, args);
	va_end(args);
	if (len < 0 || !table_room(t)) {
		t->out_of_memory = true;
		if (len >= 0)
			free(text);
		return;
	}
	for (char *p = text; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	t->cells[t->count++] = (struct cell){ text, style };
}

static void measure(const struct table *t, size_t widths[TABLE_COLUMNS_MAX])
{
	for (size_t i = 0; i < t->count; i++) {
		size_t width = screen_width(t->cells[i].text);

		if (widths[i % t->width] < width)
			widths[i % t->width] = width;
	}
	for (size_t i = 0; i < t->width; i++) {
		size_t width = screen_width(t->columns[i].title);

		if (widths[i] && widths[i] < width)
			widths[i] = width;
	}
}

/* A NULL row is the head. Spaces wait for the text after them: no line ends with some. */
static void print_row(const struct table *t, const size_t widths[TABLE_COLUMNS_MAX],
		      const struct cell *row)
{
	size_t spaces = t->indent;

	for (size_t i = 0; i < t->width; i++) {
		const char *text = row ? row[i].text : t->columns[i].title;
		enum style style = row ? row[i].style : STYLE_HEAD;
		bool right = t->columns[i].align == ALIGN_RIGHT;
		size_t room;

		if (!widths[i])
			continue;
		room = widths[i] - screen_width(text);
		spaces += right ? room : 0;
		if (*text) {
			printf("%*s%s%s%s", (int)spaces, "", style_on(style), text, style_off());
			spaces = 0;
		}
		spaces += right ? 2 : room + 2;
	}
	putchar('\n');
}

void table_indent(struct table *t, unsigned spaces)
{
	if (t)
		t->indent = spaces;
}

int table_print(struct table *t)
{
	size_t widths[TABLE_COLUMNS_MAX] = { 0 };
	int err;

	if (!t)
		return -ENOMEM;
	err = t->out_of_memory ? -ENOMEM : 0;
	if (!err) {
		measure(t, widths);
		print_row(t, widths, NULL);
		for (size_t i = 0; i + t->width <= t->count; i += t->width)
			print_row(t, widths, &t->cells[i]);
	}
	for (size_t i = 0; i < t->count; i++)
		free(t->cells[i].text);
	free(t->cells);
	free(t);
	return err;
}

/* Three significant digits. */
static const char *scaled(double value, const char *unit, char buf[UNIT_STRLEN])
{
	int digits = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;

	snprintf(buf, UNIT_STRLEN, "%.*f%s", digits, value, unit);
	return buf;
}

const char *unit_count(uint64_t n, char buf[UNIT_STRLEN])
{
	static const char *const units[] = { "k", "M", "G", "T", "P", "E" };
	double value = (double)n / 1000;
	size_t i = 0;

	if (n < 10000) {
		snprintf(buf, UNIT_STRLEN, "%u", (unsigned)n);
		return buf;
	}
	for (; value >= 999.5; value /= 1000)
		i++;
	return scaled(value, units[i], buf);
}

const char *unit_bytes(uint64_t n, char buf[UNIT_STRLEN])
{
	static const char *const units[] = { " KiB", " MiB", " GiB", " TiB", " PiB", " EiB" };
	double value = (double)n / 1024;
	size_t i = 0;

	if (n < 1024) {
		snprintf(buf, UNIT_STRLEN, "%u B", (unsigned)n);
		return buf;
	}
	for (; value >= 1023.5; value /= 1024)
		i++;
	return scaled(value, units[i], buf);
}

const char *unit_duration(double seconds, char buf[UNIT_STRLEN])
{
	unsigned long s = seconds > 0 ? (unsigned long)seconds : 0;

	if (s < 60)
		snprintf(buf, UNIT_STRLEN, "%lus", s);
	else if (s < 3600)
		snprintf(buf, UNIT_STRLEN, "%lum%02lus", s / 60, s % 60);
	else if (s < 86400)
		snprintf(buf, UNIT_STRLEN, "%luh%02lum", s / 3600, s / 60 % 60);
	else
		snprintf(buf, UNIT_STRLEN, "%lud%02luh", s / 86400, s / 3600 % 24);
	return buf;
}

const char *unit_bar(double share, char buf[BAR_STRLEN])
{
	const char *on = utf8_output() ? "█" : "#", *off = utf8_output() ? "░" : ".";
	int full = (int)(share * BAR_WIDTH + 0.5);
	size_t len = 0;

	for (int i = 0; i < BAR_WIDTH; i++)
		len += snprintf(buf + len, BAR_STRLEN - len, "%s", i < full ? on : off);
	snprintf(buf + len, BAR_STRLEN - len, " %5.1f%%", share * 100);
	return buf;
}
