/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * espalier show NOUN: a request named like the noun, its list as a table. One function a noun fills
 * one row; fields are those of doc/control.md, and what is null is shown as "-".
 */
#include <stdio.h>
#include <string.h>
#include "cli.h"
#include "field.h"
#include "table.h"

struct noun {
	const char *name;
	const char *none; /* said instead of an empty table */
	const struct column *columns;
	void (*row)(struct table *t, const json_t *list, const json_t *item);
};

static void cell_text(struct table *t, const json_t *item, const char *key)
{
	char buf[FIELD_STRLEN];

	table_cell(t, STYLE_PLAIN, "%s", field_text(item, key, buf));
}

static void cell_bytes(struct table *t, const json_t *item, const char *key)
{
	char buf[UNIT_STRLEN];

	table_cell(t, STYLE_PLAIN, "%s", unit_bytes(field_count(field(item, key), "bytes"), buf));
}

static void cell_packets(struct table *t, const json_t *item, const char *key)
{
	char buf[UNIT_STRLEN];

	table_cell(t, STYLE_PLAIN, "%s", unit_count(field_count(field(item, key), "packets"), buf));
}

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

static enum style state_style(const char *state)
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

static void cell_state(struct table *t, const json_t *item)
{
	const char *state = field_string(item, "state");

	table_cell(t, state_style(state), "%s", state);
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

static const struct column connection_columns[] = {
	{ "CONNECTION", ALIGN_LEFT }, { "ATTACHMENT", ALIGN_LEFT }, { "GATEWAY", ALIGN_LEFT },
	{ "METHOD", ALIGN_LEFT },     { "STATE", ALIGN_LEFT },	    { "TUNNELS UP", ALIGN_LEFT },
	{ "ROUTES", ALIGN_RIGHT },    { "VRF", ALIGN_LEFT },	    { "TABLE", ALIGN_RIGHT },
	{ NULL, ALIGN_LEFT },
};

static void connection_row(struct table *t, const json_t *list, const json_t *item)
{
	const json_t *tunnels = field(item, "tunnels");
	size_t up = 0;

	(void)list;
	for (size_t i = 0; i < json_array_size(tunnels); i++) {
		const json_t *tunnel = json_array_get(tunnels, i);

		up += json_is_true(field(tunnel, "up"));
	}
	cell_text(t, item, "name");
	cell_text(t, item, "attachment");
	cell_text(t, item, "customer_gateway");
	cell_text(t, item, "method");
	cell_state(t, item);
	table_cell(t, STYLE_PLAIN, "%zu of %zu", up, json_array_size(tunnels));
	cell_text(t, item, "routes");
	cell_text(t, item, "vrf");
	cell_text(t, item, "kernel_table");
}

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
	uint64_t dropped = field_count(field(item, "dropped"), "packets");
	char buf[FIELD_LIST_STRLEN];

	(void)list;
	cell_text(t, item, "name");
	cell_text(t, item, "type");
	table_cell(t, STYLE_PLAIN, "%s", device ? device : connection ? connection : "-");
	table_cell(t, STYLE_PLAIN, "%s", field_list(item, "vlan", buf));
	cell_text(t, item, "association");
	table_cell(t, STYLE_PLAIN, "%s", field_list(item, "learned_by", buf));
	cell_text(t, item, "xdp");
	cell_packets(t, item, "in");
	cell_bytes(t, item, "in");
	cell_packets(t, item, "out");
	cell_bytes(t, item, "out");
	table_cell(t, dropped ? STYLE_WARN : STYLE_PLAIN, "%s", unit_count(dropped, buf));
}

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

static const struct noun nouns[] = {
	{ "tunnels", "no tunnels are configured", tunnel_columns, tunnel_row },
	{ "connections", "no connections are configured", connection_columns, connection_row },
	{ "attachments", "no attachments are configured", attachment_columns, attachment_row },
	{ "routes", "no routes", route_columns, route_row },
	{ "groups", "no groups: no route goes to a tunnel", group_columns, group_row },
	{ "drops", "nothing was dropped", drop_columns, drop_row },
};

const struct command show_commands[] = {
	{
		.name = "tunnels",
		.parent = "show",
		.summary = "tunnels: Phase 2 state, device, traffic, share",
		.help = "SINCE is the time in this state, LOST what the kernel could not send for "
			"want of\n"
			"an SA, policy or route (TX carrier errors), SHARE OUT this tunnel's part "
			"of\n"
			"the packets that its connection sent. With -j also every SA.",
		.run = show_run,
	},
	{
		.name = "connections",
		.parent = "show",
		.summary = "connections: method, state, tunnels up, routes, VRF",
		.run = show_run,
	},
	{
		.name = "attachments",
		.parent = "show",
		.summary =
			"attachments: device or connection, association, program in use, traffic",
		.help = "PROGRAM is native (XDP) or tc (the tc program alone).",
		.run = show_run,
	},
	{
		.name = "routes",
		.parent = "show",
		.args = "[--table TABLE | --connection CONNECTION] "
			"[exact|longest|within|covering PREFIX]",
		.summary = "routes of every table: active, standby, withdrawn, refused, and why",
		.help = "exact     the routes to PREFIX itself\n"
			"longest   those that a packet to PREFIX (an address, or a prefix) would "
			"match\n"
			"within    those to PREFIX and inside it\n"
			"covering  those to PREFIX and around it\n"
			"\n"
			"ORIGIN: config (the file), runtime (espalier route add), bgp, host (an "
			"own "
			"address).",
		.options = OPTION_TABLE | OPTION_CONNECTION,
		.max = 2,
		.run = show_run,
	},
	{
		.name = "groups",
		.parent = "show",
		.summary = "ECMP groups: members and their share of the buckets",
		.run = show_run,
	},
	{
		.name = "drops",
		.parent = "show",
		.args = "[--all]",
		.summary = "counters of dropped packets by attachment and reason",
		.help = "--all  also what was forwarded and what was handed to the kernel",
		.options = OPTION_ALL,
		.run = show_run,
	},
	{ .name = NULL },
};

static int render(const json_t *list, const void *context)
{
	const struct noun *noun = context;
	struct table *t;

	if (!json_array_size(list)) {
		printf("%s\n", noun->none);
		return 0;
	}
	t = table_new(noun->columns);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *item = json_array_get(list, i);

		noun->row(t, list, item);
	}
	return table_print(t);
}

/* PREFIX behind a word that may be shortened; nothing. */
static int add_match(const struct cli *cli, json_t *request, char **operands)
{
	static const char *const words[] = { "exact", "longest", "within", "covering", NULL };
	const char *const *word = words;

	if (!operands[0])
		return EXIT_OK;
	while (*word && strncmp(*word, operands[0], strlen(operands[0])) != 0)
		word++;
	if (!*word || !*operands[0] || !operands[1])
		return cli_fail(cli, EXIT_USAGE,
				"show routes: exact, longest, within or covering, and a prefix");
	json_object_set_new(request, "match", json_string(*word));
	json_object_set_new(request, "prefix", json_string(operands[1]));
	return EXIT_OK;
}

int show_run(const struct cli *cli, const struct command *command, char **operands)
{
	const struct noun *noun = nouns;
	json_t *request;
	int code;

	if (cli->table && cli->connection)
		return cli_fail(cli, EXIT_USAGE, "show routes: --table or --connection, not both");
	while (strcmp(noun->name, command->name) != 0)
		noun++;
	request = json_pack("{s:s, s:s*, s:s*, s:o*}", "command", command->name, "table",
			    cli->table, "connection", cli->connection, "all",
			    cli->options & OPTION_ALL ? json_true() : NULL);
	code = request ? add_match(cli, request, operands) : EXIT_OK;
	if (code == EXIT_OK)
		return cli_ask(cli, request, render, noun);
	json_decref(request);
	return code;
}
