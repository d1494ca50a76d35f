/* SPDX-License-Identifier: GPL-2.0-only */
/* Cells that the tables of several nouns have. */
#include <string.h>
#include "field.h"
#include "cli.h"
#include "show.h"

void cell_text(struct table *t, const json_t *item, const char *key)
{
	char buf[FIELD_STRLEN];

	table_cell(t, STYLE_PLAIN, "%s", field_text(item, key, buf));
}

void cell_bytes(struct table *t, const json_t *item, const char *key)
{
	char buf[UNIT_STRLEN];

	table_cell(t, STYLE_PLAIN, "%s", unit_bytes(field_count(field(item, key), "bytes"), buf));
}

void cell_packets(struct table *t, const json_t *item, const char *key)
{
	char buf[UNIT_STRLEN];

	table_cell(t, STYLE_PLAIN, "%s", unit_count(field_count(field(item, key), "packets"), buf));
}

const char *drain_text(const json_t *drain, char buf[DRAIN_STRLEN])
{
	const char *state = field_string(drain, "state");
	uint64_t buckets = field_count(drain, "buckets");
	char left[UNIT_STRLEN];

	if (strcmp(state, "drained") == 0)
		snprintf(buf, DRAIN_STRLEN, "drained");
	else if (strcmp(state, "carries-on") == 0)
		snprintf(buf, DRAIN_STRLEN,
			 "being drained and carries on: no other live tunnel could take over");
	else
		snprintf(buf, DRAIN_STRLEN,
			 "being drained: %llu bucket%s in use, what is left moves in %s",
			 (unsigned long long)buckets, plural(buckets),
			 unit_duration(json_number_value(field(drain, "deadline_s")), left));
	return buf;
}

enum style state_style(const char *state)
{
	static const char *const good[] = { "up", "rekeying", "active" };
	static const char *const bad[] = { "down", "withdrawn", "refused" };

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		if (strcmp(state, good[i]) == 0)
			return STYLE_GOOD;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (strcmp(state, bad[i]) == 0)
			return STYLE_BAD;
	return strcmp(state, "standby") == 0 ? STYLE_DIM : STYLE_WARN;
}

void cell_state(struct table *t, const json_t *item)
{
	const char *state = field_string(item, "state");

	table_cell(t, state_style(state), "%s", state);
}
