/* SPDX-License-Identifier: GPL-2.0-only */
/* The commands of espalier(8), in the order of its help. */
#include <stdio.h>
#include "cli.h"
#include "version.h"

static int version_run(const struct cli *cli, const struct command *command, char **operands)
{
	json_t *value;
	int code;

	(void)command;
	(void)operands;
	if (!cli->json) {
		printf("espalier %s\n", VERSION);
		return EXIT_OK;
	}
	value = json_pack("{s:s}", "version", VERSION);
	code = cli_print_json(cli, value);
	json_decref(value);
	return code;
}

const struct command commands[] = {
	{
		.name = "check",
		.args = "[--strict] [--host] FILE",
		.summary = "validate a configuration, without a daemon",
		.help = "FILE may be - for standard input. Every finding is one line on stderr,\n"
			"file:line:column: error|warning: text; with -j a list on stdout.\n"
			"\n"
			"--strict  exit status 1 if there are warnings\n"
			"--host    check against this host too: devices and secret files, as "
			"espalierd does\n"
			"\n"
			"Exit status: 0 valid, 1 warnings with --strict, 2 errors.",
		.options = OPTION_STRICT | OPTION_HOST,
		.min = 1,
		.max = 1,
		.run = check_run,
	},
	{
		.name = "render",
		.args = "swanctl|frr|bird|peer ...",
		.summary = "configuration of strongSwan and others from a configuration",
		.options = OPTION_CHECK,
		.nouns = render_commands,
		.run = render_run,
	},
	{
		.name = "status",
		.summary = "the gateway on one screen: what is up, what was carried, alarms",
		.run = status_run,
	},
	{
		.name = "show",
		.args = "tunnels|connections|attachments|routes|bgp|advertised|groups|drops|drift",
		.summary = "list what the gateway has, with state and counters",
		.nouns = show_commands,
	},
	{
		.name = "ecmp",
		.args = "preview ...",
		.summary = "how flows are shared among tunnels, and what would move",
		.nouns = ecmp_commands,
	},
	{
		.name = "explain",
		.args = "--in ATTACHMENT SRC DST [PROTO [SPORT DPORT]]",
		.summary = "what the program would do with a packet, step by step",
		.help = "Asks the loaded program itself; nothing is sent and nothing counted.\n"
			"PROTO is tcp, udp, icmp, icmpv6, sctp or a number.\n"
			"\n"
			"--in ATTACHMENT  where the packet arrives",
		.options = OPTION_IN,
		.min = 2,
		.max = 5,
		.run = explain_run,
	},
	{
		.name = "plan",
		.args = "FILE",
		.summary = "what would change if FILE were applied",
		.help = "Objects and routes that differ from what runs, and what that means for "
			"packets:\n"
			"prefixes added, removed and moved per table, groups, and the packets per "
			"second\n"
			"of the tunnels and devices concerned, measured for one second: at most "
			"these\n"
			"are affected. Changes nothing. FILE may be - for standard input.\n"
			"\n"
			"Exit status: 0 planned, 1 failed, 2 errors in FILE.",
		.min = 1,
		.max = 1,
		.run = plan_run,
	},
	{
		.name = "apply",
		.args = "[--confirm SECONDS] FILE",
		.summary = "make FILE the running configuration, touching only what differs",
		.help = "FILE may be - for standard input. It is judged as espalierd would at its "
			"start, and\n"
			"against what runs; with one error nothing is changed. It is what a "
			"restart uses\n"
			"too, until espalierd's own file is edited or applied; that file is never "
			"written.\n"
			"\n"
			"--confirm SECONDS  go back by itself unless `espalier confirm` comes in "
			"time,\n"
			"                   whatever becomes of this command and its "
			"connection\n"
			"\n"
			"Exit status: 0 applied, 1 failed, nothing changed, 2 errors in FILE.",
		.options = OPTION_CONFIRM,
		.min = 1,
		.max = 1,
		.run = apply_run,
	},
	{
		.name = "confirm",
		.summary = "keep what was applied with --confirm",
		.run = settle_run,
	},
	{
		.name = "rollback",
		.summary = "go back at once from what was applied with --confirm",
		.run = settle_run,
	},
	{
		.name = "route",
		.args = "add|delete ...",
		.summary = "one route at run time, effective at once, kept across restarts",
		.nouns = route_commands,
	},
	{
		.name = "tunnel",
		.args = "drain|undrain ...",
		.summary = "take the flows off a tunnel, gently, and give them back",
		.nouns = tunnel_commands,
	},
	{
		.name = "export",
		.summary = "the whole running configuration as YAML, fit for apply",
		.run = export_run,
	},
	{
		.name = "audit",
		.summary = "compare everything with what it must be, now, and repair it",
		.help = "SAs, devices, addresses, rules, routes, programs and every map; what "
			"espalierd does\n"
			"by itself from time to time. Lists what it found and what became of "
			"it.\n"
			"\n"
			"Exit status: 0 nothing was found, 1 what was found is repaired, 2 "
			"something could not\n"
			"be repaired, or there was no audit.",
		.run = audit_run,
	},
	{
		.name = "monitor",
		.summary = "changes of routes, tunnels and configuration as they happen",
		.help = "One line for each change, with its cause, until interrupted; with -j one "
			"JSON\n"
			"object each. A reader that falls 1 MiB behind is told so and dropped.",
		.run = monitor_run,
	},
	{
		.name = "version",
		.summary = "the version of this program",
		.run = version_run,
	},
	{ .name = NULL },
};
