/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * espalier route add|delete: CONNECTION PREFIX, or with --table PREFIX via ATTACHMENT [metric N] or
 * PREFIX blackhole [metric N].
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli.h"
#include "field.h"

static int render(const json_t *result, const void *context)
{
	(void)context;
	printf("%s %s\n", field_string(result, "change"), field_string(result, "route"));
	return 0;
}

static int wrong(const struct cli *cli, const struct command *command)
{
	return cli_fail(cli, EXIT_USAGE, "usage: route %s %s", command->name, command->args);
}

static bool parse_metric(const char *text, json_t **out)
{
	unsigned long long metric;
	char *end;

	errno = 0;
	metric = strtoull(text, &end, 10);
	if (*end || end == text || *text == '-' || errno || metric > UINT32_MAX)
		return false;
	*out = json_integer((json_int_t)metric);
	return true;
}

/* The words behind the prefix. */
static bool parse_target(json_t *request, char **words)
{
	json_t *metric;

	if (*words && !strcmp(*words, "blackhole")) {
		json_object_set_new(request, "blackhole", json_true());
		words++;
	} else if (*words && !strcmp(*words, "via") && words[1]) {
		json_object_set_new(request, "via", json_string(words[1]));
		words += 2;
	} else {
		return false;
	}
	if (!*words)
		return true;
	if (strcmp(*words, "metric") || !words[1] || words[2] || !parse_metric(words[1], &metric))
		return false;
	json_object_set_new(request, "metric", metric);
	return true;
}

static int route_run(const struct cli *cli, const struct command *command, char **operands)
{
	json_t *request = json_pack("{s:s, s:s, s:s*}", "command", "route", "action", command->name,
				    "table", cli->table);
	bool good;

	if (!request)
		return cli_fail(cli, EXIT_FAILED, "out of memory");
	if (cli->table) {
		json_object_set_new(request, "prefix", json_string(operands[0]));
		good = parse_target(request, operands + 1);
	} else {
		good = operands[1] && !operands[2];
		json_object_set_new(request, "connection", json_string(operands[0]));
		json_object_set_new(request, "prefix", json_string(good ? operands[1] : ""));
	}
	if (good)
		return cli_ask(cli, request, render, NULL);
	json_decref(request);
	return wrong(cli, command);
}

#define ROUTE_ARGS                                                               \
	"CONNECTION PREFIX | --table TABLE PREFIX {via ATTACHMENT | blackhole} " \
	"[metric N]"

const struct command route_commands[] = {
	{
		.name = "add",
		.parent = "route",
		.args = ROUTE_ARGS,
		.summary = "add one route to a connection, or to a table",
		.help = "Judged by the rules of the configuration; effective at once; kept across "
			"restarts.",
		.options = OPTION_TABLE,
		.min = 1,
		.max = 5,
		.run = route_run,
	},
	{
		.name = "delete",
		.parent = "route",
		.args = ROUTE_ARGS,
		.summary = "delete one route of a connection, or of a table",
		.help = "Also one that stands in the file: it comes back when the file is edited "
			"or applied.",
		.options = OPTION_TABLE,
		.min = 1,
		.max = 5,
		.run = route_run,
	},
	{ .name = NULL },
};
