/* SPDX-License-Identifier: GPL-2.0-only */
/* espalier show routes, show groups. */
#include <stdio.h>
#include "field.h"
#include "show.h"

static const struct column route_columns[] = {
	{ "IN", ALIGN_LEFT },	 { "PREFIX", ALIGN_LEFT },    { "TYPE", ALIGN_LEFT },
	{ "FROM", ALIGN_LEFT },	 { "ORIGIN", ALIGN_LEFT },    { "METRIC", ALIGN_RIGHT },
	{ "STATE", ALIGN_LEFT }, { "NEXT HOPS", ALIGN_LEFT }, { "WHY", ALIGN_LEFT },
	{ NULL, ALIGN_LEFT },
};

/* "dc-1-1, dc-1-2 weight 2 (dead)" or "eth1 via 10.1.0.254". */
static const char *next_hops(const json_t *item, char buf[FIELD_LIST_STRLEN])
{
	const json_t *hops = field(item, "next_hops");
	size_t len = 0;

	snprintf(buf, FIELD_LIST_STRLEN, "-");
	for (size_t i = 0; i < json_array_size(hops); i++) {
		const json_t *hop = json_array_get(hops, i);

		const char *tunnel = json_string_value(field(hop, "tunnel"));
		const char *via = json_string_value(field(hop, "via"));
		json_int_t weight = json_integer_value(field(hop, "weight"));
		char extra[32] = "";

		if (weight > 1)
			snprintf(extra, sizeof(extra), " weight %lld", (long long)weight);
		len += snprintf(buf + len, FIELD_LIST_STRLEN - len, "%s%s%s%s%s%s", i ? ", " : "",
				tunnel ? tunnel : field_string(hop, "device"), via ? " via " : "",
				via ? via : "", extra,
				json_is_false(field(hop, "live")) ? " (dead)" : "");
		if (len >= FIELD_LIST_STRLEN)
			break;
	}
	return buf;
}

static void route_row(struct table *t, const json_t *list, const json_t *item)
{
	const char *table = json_string_value(field(item, "table"));
	const char *why = json_string_value(field(item, "why"));
	char buf[FIELD_LIST_STRLEN];

	(void)list;
	table_cell(t, STYLE_PLAIN, "%s %s", table ? "table" : "connection",
		   table ? table : field_string(item, "connection"));
	cell_text(t, item, "prefix");
	cell_text(t, item, "type");
	cell_text(t, item, "attachment");
	cell_text(t, item, "origin");
	cell_text(t, item, "metric");
	cell_state(t, item);
	table_cell(t, STYLE_PLAIN, "%s", next_hops(item, buf));
	table_cell(t, STYLE_DIM, "%s", why ? why : "");
}

const struct noun noun_routes = {
	.name = "routes",
	.none = "no routes",
	.columns = route_columns,
	.row = route_row,
};

static const struct column group_columns[] = {
	{ "GROUP", ALIGN_RIGHT },  { "ROUTES", ALIGN_RIGHT }, { "TUNNEL", ALIGN_LEFT },
	{ "WEIGHT", ALIGN_RIGHT }, { "STATE", ALIGN_LEFT },   { "BUCKETS", ALIGN_RIGHT },
	{ "SHARE", ALIGN_LEFT },   { NULL, ALIGN_LEFT },
};

/* A line per member; the group is named on its first. */
static void group_row(struct table *t, const json_t *list, const json_t *item)
{
	const json_t *members = field(item, "members");
	uint64_t all = 0;
	char bar[BAR_STRLEN], number[FIELD_STRLEN];

	(void)list;
	for (size_t i = 0; i < json_array_size(members); i++) {
		const json_t *member = json_array_get(members, i);

		all += field_count(member, "buckets");
	}
	for (size_t i = 0; i < json_array_size(members); i++) {
		const json_t *member = json_array_get(members, i);

		bool live = json_is_true(field(member, "live"));
		uint64_t buckets = field_count(member, "buckets");

		table_cell(t, STYLE_PLAIN, "%s", i ? "" : field_text(item, "id", number));
		table_cell(t, STYLE_PLAIN, "%s", i ? "" : field_text(item, "routes", number));
		cell_text(t, member, "tunnel");
		cell_text(t, member, "weight");
		table_cell(t, live ? STYLE_GOOD : STYLE_BAD, live ? "live" : "dead");
		cell_text(t, member, "buckets");
		table_cell(t, STYLE_PLAIN, "%s",
			   unit_bar(all ? (double)buckets / (double)all : 0, bar));
	}
}

const struct noun noun_groups = {
	.name = "groups",
	.none = "no groups: no route goes to a tunnel",
	.columns = group_columns,
	.row = group_row,
};
