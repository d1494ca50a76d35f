/* SPDX-License-Identifier: GPL-2.0-only */
/* espalier show connections, show attachments. */
#include "field.h"
#include "show.h"

static const struct column connection_columns[] = {
	{ "CONNECTION", ALIGN_LEFT }, { "ATTACHMENT", ALIGN_LEFT }, { "GATEWAY", ALIGN_LEFT },
	{ "METHOD", ALIGN_LEFT },     { "STATE", ALIGN_LEFT },	    { "TUNNELS UP", ALIGN_LEFT },
	{ "ROUTES", ALIGN_RIGHT },    { "VRF", ALIGN_LEFT },	    { "TABLE", ALIGN_RIGHT },
	{ NULL, ALIGN_LEFT },
};

static void connection_row(struct table *t, const json_t *list, const json_t *item)
{
	const json_t *tunnels = field(item, "tunnels");
	size_t up = 0, drained = 0;

	(void)list;
	for (size_t i = 0; i < json_array_size(tunnels); i++) {
		const json_t *tunnel = json_array_get(tunnels, i);

		up += json_is_true(field(tunnel, "up"));
		drained += json_is_object(field(tunnel, "drain"));
	}
	cell_text(t, item, "name");
	cell_text(t, item, "attachment");
	cell_text(t, item, "customer_gateway");
	cell_text(t, item, "method");
	cell_state(t, item);
	table_cell(t, drained ? STYLE_WARN : STYLE_PLAIN,
		   drained ? "%zu of %zu, %zu drained" : "%zu of %zu", up, json_array_size(tunnels),
		   drained);
	cell_text(t, item, "routes");
	cell_text(t, item, "vrf");
	cell_text(t, item, "kernel_table");
}

const struct noun noun_connections = {
	.name = "connections",
	.none = "no connections are configured",
	.columns = connection_columns,
	.row = connection_row,
};

static const struct column attachment_columns[] = {
	{ "ATTACHMENT", ALIGN_LEFT },	{ "TYPE", ALIGN_LEFT },	       { "TO", ALIGN_LEFT },
	{ "VLAN", ALIGN_LEFT },		{ "ASSOCIATED", ALIGN_LEFT },  { "LEARNED BY", ALIGN_LEFT },
	{ "PROGRAM", ALIGN_LEFT },	{ "PACKETS IN", ALIGN_RIGHT }, { "IN", ALIGN_RIGHT },
	{ "PACKETS OUT", ALIGN_RIGHT }, { "OUT", ALIGN_RIGHT },	       { "DROPPED", ALIGN_RIGHT },
	{ NULL, ALIGN_LEFT },
};

static void attachment_row(struct table *t, const json_t *list, const json_t *item)
{
	const char *connection = json_string_value(field(item, "connection"));
	const char *device = json_string_value(field(item, "device"));
	const char *xdp = json_string_value(field(item, "xdp"));
	uint64_t dropped = field_count(field(item, "dropped"), "packets");
	char buf[FIELD_LIST_STRLEN];

	(void)list;
	cell_text(t, item, "name");
	cell_text(t, item, "type");
	table_cell(t, STYLE_PLAIN, "%s", device ? device : connection ? connection : "-");
	table_cell(t, STYLE_PLAIN, "%s", field_list(item, "vlan", buf));
	cell_text(t, item, "association");
	table_cell(t, STYLE_PLAIN, "%s", field_list(item, "learned_by", buf));
	table_cell(t, STYLE_PLAIN, "%s%s%s", xdp ? xdp : "-",
		   json_is_true(field(item, "redirect")) ? ", redirect" : "",
		   json_array_size(field(item, "cpus")) ? ", cpus" : "");
	cell_packets(t, item, "in");
	cell_bytes(t, item, "in");
	cell_packets(t, item, "out");
	cell_bytes(t, item, "out");
	table_cell(t, dropped ? STYLE_WARN : STYLE_PLAIN, "%s", unit_count(dropped, buf));
}

const struct noun noun_attachments = {
	.name = "attachments",
	.none = "no attachments are configured",
	.columns = attachment_columns,
	.row = attachment_row,
};
