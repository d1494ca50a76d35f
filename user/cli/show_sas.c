/* SPDX-License-Identifier: GPL-2.0-only */
/* The SAs of espalier show tunnels --details: what each is for, and what will end it. */
#include <stdio.h>
#include <string.h>
#include "field.h"
#include "show.h"

static const struct column columns[] = {
	{ "SA", ALIGN_LEFT },	     { "SPI", ALIGN_LEFT },	    { "USE", ALIGN_LEFT },
	{ "ALGORITHM", ALIGN_LEFT }, { "AGE", ALIGN_RIGHT },	    { "BYTES", ALIGN_RIGHT },
	{ "PACKETS", ALIGN_RIGHT },  { "REKEY", ALIGN_RIGHT },	    { "EXPIRES", ALIGN_RIGHT },
	{ "LEFT", ALIGN_LEFT },	     { "BYTES LEFT", ALIGN_RIGHT }, { "PACKETS LEFT", ALIGN_RIGHT },
	{ "SEQ LEFT", ALIGN_RIGHT }, { "WINDOW", ALIGN_RIGHT },	    { "DROPPED", ALIGN_LEFT },
	{ NULL, ALIGN_LEFT },
};

static enum style use_style(const char *use)
{
	return strcmp(use, "in-use") == 0 ? STYLE_GOOD : STYLE_DIM;
}

/* "rfc4106(gcm(aes)) 160", and "udp 4500" where it goes in UDP: the port is the peer's, or its
 * NAT's */
static void cell_algorithm(struct table *t, const json_t *sa)
{
	const char *encapsulation = json_string_value(field(sa, "encapsulation"));
	char bits[FIELD_STRLEN], port[FIELD_STRLEN];

	if (encapsulation)
		table_cell(t, STYLE_PLAIN, "%s %s in %s %s", field_string(sa, "algorithm"),
			   field_text(sa, "key_bits", bits), encapsulation,
			   field_text(sa, "peer_port", port));
	else
		table_cell(t, STYLE_PLAIN, "%s %s", field_string(sa, "algorithm"),
			   field_text(sa, "key_bits", bits));
}

/* What of one limit is left, from 0 to 1. */
static double share(const json_t *limit)
{
	uint64_t of = field_count(limit, "limit");

	return of ? (double)field_count(limit, "left") / (double)of : 1;
}

/* Of whatever ends the SA first. */
static double share_left(const json_t *sa)
{
	static const char *const keys[] = { "time_s", "bytes", "packets" };
	double least = share(field(sa, "sequence"));

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		double one = share(field(field(sa, "hard"), keys[i]));

		least = one < least ? one : least;
	}
	return least;
}

static void cell_bar(struct table *t, const json_t *sa)
{
	double left = share_left(sa);
	char bar[BAR_STRLEN];

	table_cell(t,
		   left > 0.25	? STYLE_PLAIN
		   : left > 0.1 ? STYLE_WARN
				: STYLE_BAD,
		   "%s", unit_bar(left, bar));
}

static void cell_rekey(struct table *t, const json_t *sa)
{
	char text[FIELD_STRLEN];

	if (json_is_true(field(sa, "soft_expired")))
		table_cell(t, STYLE_WARN, "due");
	else
		table_cell(t, STYLE_PLAIN, "%s",
			   field_duration(field(field(sa, "soft"), "time_s"), "left", text));
}

/* Nothing where there is no such limit: mostly no SA has one, and the column is left out. */
static void cell_left(struct table *t, const json_t *limit,
		      const char *(*unit)(uint64_t n, char buf[UNIT_STRLEN]))
{
	char text[UNIT_STRLEN];

	table_cell(t, STYLE_PLAIN, "%s",
		   json_is_object(limit) ? unit(field_count(limit, "left"), text) : "");
}

static void cell_numbers(struct table *t, const json_t *sa)
{
	if (json_is_true(field(sa, "esn")))
		table_cell(t, STYLE_PLAIN, "ESN");
	else
		cell_left(t, field(sa, "sequence"), unit_count);
}

/* "3 replayed, 1 too old", or nothing. */
static void cell_dropped(struct table *t, const json_t *sa)
{
	static const char *const words[][2] = { { "replayed", "replayed" },
						{ "outside_window", "too old" },
						{ "integrity", "not authentic" } };
	char text[128] = "", number[UNIT_STRLEN];
	size_t len = 0;

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		uint64_t n = field_count(field(sa, "dropped"), words[i][0]);

		if (n && len < sizeof(text))
			len += snprintf(text + len, sizeof(text) - len, "%s%s %s", len ? ", " : "",
					unit_count(n, number), words[i][1]);
	}
	table_cell(t, STYLE_WARN, "%s", text);
}

static void sa_row(struct table *t, const json_t *sa)
{
	const json_t *hard = field(sa, "hard");
	const char *use = field_string(sa, "use");
	char text[FIELD_STRLEN];

	cell_text(t, sa, "direction");
	cell_text(t, sa, "spi");
	table_cell(t, use_style(use), "%s", use);
	cell_algorithm(t, sa);
	table_cell(t, STYLE_PLAIN, "%s", field_duration(sa, "age_s", text));
	table_cell(t, STYLE_PLAIN, "%s", unit_bytes(field_count(sa, "bytes"), text));
	table_cell(t, STYLE_PLAIN, "%s", unit_count(field_count(sa, "packets"), text));
	cell_rekey(t, sa);
	table_cell(t, STYLE_PLAIN, "%s", field_duration(field(hard, "time_s"), "left", text));
	cell_bar(t, sa);
	cell_left(t, field(hard, "bytes"), unit_bytes);
	cell_left(t, field(hard, "packets"), unit_count);
	cell_numbers(t, sa);
	cell_text(t, sa, "replay_window");
	cell_dropped(t, sa);
}

int show_sas(const json_t *tunnel)
{
	const json_t *list = field(tunnel, "sas");
	struct table *t;

	if (!json_array_size(list)) {
		printf("  no SA\n");
		return 0;
	}
	t = table_new(columns);
	table_indent(t, 2);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *sa = json_array_get(list, i);

		sa_row(t, sa);
	}
	return table_print(t);
}
