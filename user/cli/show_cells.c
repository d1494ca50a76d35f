/* SPDX-License-Identifier: GPL-2.0-only */
/* Cells that the tables of several nouns have. */
#include <string.h>
#include "field.h"
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
