/* SPDX-License-Identifier: GPL-2.0-only */
/* espalier show bgp. */
#include "field.h"
#include "show.h"

static const struct column bgp_columns[] = {
	{ "CONNECTION", ALIGN_LEFT }, { "VRF", ALIGN_LEFT },	   { "TUNNEL", ALIGN_LEFT },
	{ "OFFERED", ALIGN_RIGHT },   { "ACCEPTED", ALIGN_RIGHT }, { "REFUSED", ALIGN_RIGHT },
	{ "LIMIT", ALIGN_RIGHT },     { "QUOTA", ALIGN_LEFT },	   { NULL, ALIGN_LEFT },
};

static void cell_quota(struct table *t, const json_t *tunnel)
{
	uint64_t limit = field_count(tunnel, "limit"), used = field_count(tunnel, "accepted");
	double share = limit ? (double)used / (double)limit : 0;
	char buf[BAR_STRLEN];

	if (limit)
		table_cell(t,
			   share < 0.8 ? STYLE_PLAIN
			   : share < 1 ? STYLE_WARN
				       : STYLE_BAD,
			   "%s", unit_bar(share, buf));
	else
		table_cell(t, STYLE_DIM, "no limit");
}

static void bgp_row(struct table *t, const json_t *list, const json_t *item)
{
	const json_t *tunnels = field(item, "tunnels");

	(void)list;
	for (size_t i = 0; i < json_array_size(tunnels); i++) {
		const json_t *tunnel = json_array_get(tunnels, i);
		uint64_t refused = field_count(tunnel, "refused");

		cell_text(t, item, "connection");
		cell_text(t, item, "vrf");
		table_cell(t, json_is_true(field(tunnel, "up")) ? STYLE_GOOD : STYLE_BAD, "%s",
			   field_string(tunnel, "name"));
		cell_text(t, tunnel, "offered");
		cell_text(t, tunnel, "accepted");
		table_cell(t, refused ? STYLE_BAD : STYLE_PLAIN, "%llu",
			   (unsigned long long)refused);
		cell_text(t, tunnel, "limit");
		cell_quota(t, tunnel);
	}
}

const struct noun noun_bgp = {
	.name = "bgp", .none = "no connection has bgp", .columns = bgp_columns, .row = bgp_row
};
