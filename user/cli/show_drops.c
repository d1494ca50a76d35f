/* SPDX-License-Identifier: GPL-2.0-only */
/* espalier show drops. */
#include "field.h"
#include "show.h"

static const struct column drop_columns[] = {
	{ "WHERE", ALIGN_LEFT },    { "REASON", ALIGN_LEFT }, { "KIND", ALIGN_LEFT },
	{ "PACKETS", ALIGN_RIGHT }, { "BYTES", ALIGN_RIGHT }, { "MEANING", ALIGN_LEFT },
	{ NULL, ALIGN_LEFT },
};

/* An attachment, a tunnel; the kernel's IPsec counts for everything together. */
static void cell_where(struct table *t, const json_t *item)
{
	const char *attachment = json_string_value(field(item, "attachment"));
	const char *tunnel = json_string_value(field(item, "tunnel"));

	if (tunnel)
		table_cell(t, STYLE_PLAIN, "tunnel %s", tunnel);
	else
		table_cell(t, STYLE_PLAIN, "%s", attachment ? attachment : "-");
}

static void drop_row(struct table *t, const json_t *list, const json_t *item)
{
	char buf[UNIT_STRLEN];

	(void)list;
	cell_where(t, item);
	cell_text(t, item, "reason");
	cell_text(t, item, "kind");
	table_cell(t, STYLE_PLAIN, "%s", unit_count(field_count(item, "packets"), buf));
	table_cell(t, STYLE_PLAIN, "%s",
		   json_is_number(field(item, "bytes"))
			   ? unit_bytes(field_count(item, "bytes"), buf)
			   : "-");
	table_cell(t, STYLE_DIM, "%s", field_string(item, "help"));
}

const struct noun noun_drops = {
	.name = "drops",
	.none = "nothing was dropped",
	.columns = drop_columns,
	.row = drop_row,
};
