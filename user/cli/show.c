/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * espalier show NOUN: a request named like the noun, its list as a table.
 */
#include <stdio.h>
#include <string.h>
#include "cli.h"
#include "show.h"

static const struct noun *const nouns[] = {
	&noun_tunnels, &noun_connections, &noun_attachments, &noun_routes,
	&noun_groups,  &noun_drops,	  &noun_cpus,
};

const struct command show_commands[] = {
	{
		.name = "tunnels",
		.parent = "show",
		.args = "[-d]",
		.summary = "tunnels: Phase 2 state, device, traffic, share; their SAs",
		.help = "SINCE is the time in this state, IN/s and OUT/s the bytes a second over "
			"the last\n"
			"minute, LOST what the kernel could not send for want of an SA, policy or "
			"route\n"
			"(TX carrier errors), SHARE OUT this tunnel's part of the packets that its "
			"connection\n"
			"sent, WHY what it lacks and the kernel's message that told.\n"
			"\n"
			"-d, --details  a block for each tunnel, with every SA: what it is used "
			"for, "
			"what is\n"
			"               left of it until the kernel asks for a rekey (REKEY) and "
			"removes it\n"
			"               (EXPIRES), and what it dropped. -j has them always.",
		.options = OPTION_DETAILS,
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
		.name = "bgp",
		.parent = "show",
		.args = "[CONNECTION [PREFIX]]",
		.summary = "BGP sessions and quotas; the routes learned over a connection",
		.help = "SESSION, UP, RECEIVED and SENT (prefixes) come from FRR or BIRD, which "
			"are "
			"asked now;\n"
			"\"-\" if neither answers. OFFERED is what was put into the connection's "
			"kernel table,\n"
			"by tunnel. LIMIT is the quota [S43 S44]; what is over it is refused and "
			"gets the room\n"
			"that others leave [D4]. With -j also which.\n"
			"\n"
			"CONNECTION  its learned routes instead: accepted, refused, or unused (FRR "
			"knows a\n"
			"            better path), next hop, AS path, MED, communities\n"
			"PREFIX      only that one; of an address: the longest that holds it",
		.max = 2,
		.run = show_bgp_run,
	},
	{
		.name = "advertised",
		.parent = "show",
		.args = "[--all] CONNECTION",
		.summary = "routes that a data centre is told of, and where they come from",
		.help = "Routes of the table that the connection is associated with, as long as "
			"its\n"
			"attachment has `synchronize: true` [S15 S42 D18]. FROM: the attachments "
			"that they\n"
			"lead to. ANNOUNCED OVER: the tunnels over which FRR, which is asked now, "
			"announces it;\n"
			"in red where the two do not agree.\n"
			"\n"
			"--all  also what is not advertised, and why",
		.options = OPTION_ALL,
		.min = 1,
		.max = 1,
		.run = show_advertised_run,
	},
	{
		.name = "groups",
		.parent = "show",
		.summary = "ECMP groups: members and their share of the buckets",
		.run = show_run,
	},
	{
		.name = "cpus",
		.parent = "show",
		.summary = "devices whose packets are spread over CPUs, and what each CPU did",
		.help = "SPREAD: esp (an underlay's, by SPI) or flows (an attachment's). SAS are "
			"the inbound\n"
			"SAs that a CPU has, SENT THERE the packets that were put into its queue, "
			"HANDLED what\n"
			"it took out, LOST what has not come out for some seconds: the queue was "
			"full. WHY it\n"
			"is not spread.",
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
	{
		.name = "drift",
		.parent = "show",
		.summary = "what audits found to be other than it was left, and what became of it",
		.help = "Since the start: what was found in all, by kind, and the latest of it.",
		.run = drift_run,
	},
	{ .name = NULL },
};

struct rendering {
	const struct noun *noun;
	bool details;
};

static int render_details(const json_t *list, const struct noun *noun)
{
	int err = 0;

	for (size_t i = 0; !err && i < json_array_size(list); i++) {
		const json_t *item = json_array_get(list, i);

		if (i)
			putchar('\n');
		err = noun->details(item);
	}
	return err;
}

static int render_table(const json_t *list, const struct noun *noun)
{
	struct table *t = table_new(noun->columns);

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *item = json_array_get(list, i);

		noun->row(t, list, item);
	}
	return table_print(t);
}

static int render(const json_t *list, const void *context)
{
	const struct rendering *r = context;

	if (!json_array_size(list)) {
		printf("%s\n", r->noun->none);
		return 0;
	}
	return r->details ? render_details(list, r->noun) : render_table(list, r->noun);
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
	const struct noun *const *noun = nouns;
	struct rendering rendering;
	json_t *request;
	int code;

	if (cli->table && cli->connection)
		return cli_fail(cli, EXIT_USAGE, "show routes: --table or --connection, not both");
	while (strcmp((*noun)->name, command->name) != 0)
		noun++;
	request = json_pack("{s:s, s:s*, s:s*, s:o*}", "command", command->name, "table",
			    cli->table, "connection", cli->connection, "all",
			    cli->options & OPTION_ALL ? json_true() : NULL);
	code = request ? add_match(cli, request, operands) : EXIT_OK;
	rendering = (struct rendering){ *noun, cli->options & OPTION_DETAILS };
	if (code == EXIT_OK)
		return cli_ask(cli, request, render, &rendering);
	json_decref(request);
	return code;
}
