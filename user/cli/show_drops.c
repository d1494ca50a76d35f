/* SPDX-License-Identifier: GPL-2.0-only */
/* espalier show drops. */
#include "field.h"
#include "show.h"

static const struct column drop_columns[] = {
	{ "ATTACHMENT", ALIGN_LEFT }, { "REASON", ALIGN_LEFT }, { "KIND", ALIGN_LEFT },
	{ "PACKETS", ALIGN_RIGHT },   { "BYTES", ALIGN_RIGHT }, { "MEANING", ALIGN_LEFT },
	{ NULL, ALIGN_LEFT },
};

static void drop_row(struct table *t, const json_t *list, const json_t *item)
{
	char buf[UNIT_STRLEN];

	(void)list;
	cell_text(t, item, "attachment");
	cell_text(t, item, "reason");
	cell_text(t, item, "kind");
	table_cell(t, STYLE_PLAIN, "%s", unit_count(field_count(item, "packets"), buf));
	table_cell(t, STYLE_PLAIN, "%s", unit_bytes(field_count(item, "bytes"), buf));
	table_cell(t, STYLE_DIM, "%s", field_string(item, "help"));
}

const struct noun noun_drops = { "drops", "nothing was dropped", drop_columns, drop_row };
