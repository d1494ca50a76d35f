/* SPDX-License-Identifier: GPL-2.0-only */
/* espalier show tunnels. */
#include "field.h"
#include "show.h"

/* The part of what all tunnels of this one's connection sent that went through this one. */
static double tunnel_share(const json_t *list, const json_t *item)
{
	uint64_t own = field_count(field(item, "out"), "packets"), all = 0;

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *other = json_array_get(list, i);

		if (json_equal(field(other, "connection"), field(item, "connection")))
			all += field_count(field(other, "out"), "packets");
	}
	return all ? (double)own / (double)all : 0;
}

static const struct column tunnel_columns[] = {
	{ "TUNNEL", ALIGN_LEFT },    { "CONNECTION", ALIGN_LEFT }, { "STATE", ALIGN_LEFT },
	{ "SINCE", ALIGN_RIGHT },    { "FLAPS", ALIGN_RIGHT },	   { "DEVICE", ALIGN_LEFT },
	{ "MTU", ALIGN_RIGHT },	     { "LOCAL", ALIGN_LEFT },	   { "REMOTE", ALIGN_LEFT },
	{ "IN", ALIGN_RIGHT },	     { "OUT", ALIGN_RIGHT },	   { "LOST", ALIGN_RIGHT },
	{ "SHARE OUT", ALIGN_LEFT }, { "CAUSE", ALIGN_LEFT },	   { NULL, ALIGN_LEFT },
};

static void tunnel_row(struct table *t, const json_t *list, const json_t *item)
{
	const char *cause = json_string_value(field(item, "cause"));
	uint64_t lost = field_count(item, "tx_carrier");
	char buf[BAR_STRLEN];

	cell_text(t, item, "name");
	cell_text(t, item, "connection");
	cell_state(t, item);
	table_cell(t, STYLE_PLAIN, "%s", field_duration(item, "since_s", buf));
	cell_text(t, item, "flaps");
	cell_text(t, item, "device");
	cell_text(t, item, "mtu");
	cell_text(t, item, "local_address");
	cell_text(t, item, "remote_address");
	cell_bytes(t, item, "in");
	cell_bytes(t, item, "out");
	table_cell(t, lost ? STYLE_WARN : STYLE_PLAIN, "%s", unit_count(lost, buf));
	table_cell(t, STYLE_PLAIN, "%s", unit_bar(tunnel_share(list, item), buf));
	table_cell(t, STYLE_DIM, "%s", cause ? cause : "");
}

const struct noun noun_tunnels = { "tunnels", "no tunnels are configured", tunnel_columns,
				   tunnel_row };
