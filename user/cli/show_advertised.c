/* SPDX-License-Identifier: GPL-2.0-only */
/* espalier show advertised. */
#include <stdio.h>
#include "field.h"
#include "show.h"

static const struct column advertised_columns[] = {
	{ "PREFIX", ALIGN_LEFT }, { "TYPE", ALIGN_LEFT }, { "FROM", ALIGN_LEFT },
	{ "STATE", ALIGN_LEFT },  { "WHY", ALIGN_LEFT },  { NULL, ALIGN_LEFT },
};

/* "dc-2, dc-3" */
static const char *sources(const json_t *from, char buf[FIELD_LIST_STRLEN])
{
	size_t len = 0;

	snprintf(buf, FIELD_LIST_STRLEN, "-");
	for (size_t i = 0; i < json_array_size(from) && len < FIELD_LIST_STRLEN; i++)
		len += (size_t)snprintf(buf + len, FIELD_LIST_STRLEN - len, "%s%s", i ? ", " : "",
					field_string(json_array_get(from, i), "attachment"));
	return buf;
}

static void advertised_row(struct table *t, const json_t *list, const json_t *item)
{
	const json_t *from = field(item, "from");
	const char *why = json_string_value(field(item, "why"));
	bool advertised = json_is_true(field(item, "advertised"));
	char buf[FIELD_LIST_STRLEN];

	(void)list;
	cell_text(t, item, "prefix");
	table_cell(t, STYLE_PLAIN, "%s", field_string(json_array_get(from, 0), "type"));
	table_cell(t, STYLE_PLAIN, "%s", sources(from, buf));
	table_cell(t, advertised ? STYLE_GOOD : STYLE_DIM, "%s", advertised ? "advertised" : "not");
	table_cell(t, STYLE_DIM, "%s", why ? why : "");
}

const struct noun noun_advertised = {
	.name = "advertised",
	.none = "nothing is advertised; with --all also what is not, and why",
	.columns = advertised_columns,
	.row = advertised_row,
};
