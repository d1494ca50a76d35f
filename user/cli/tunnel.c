/* SPDX-License-Identifier: GPL-2.0-only */
/* espalier tunnel drain|undrain. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli.h"
#include "field.h"
#include "show.h"

/* "90s", "5m", "1h", "500ms"; the unit must be written, except for 0. */
static bool parse_time(const char *text, double *seconds)
{
	static const struct {
		const char *name;
		double seconds;
	} units[] = { { "ms", 0.001 }, { "s", 1 }, { "m", 60 }, { "h", 3600 } };
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (end == text || errno || *text < '0' || *text > '9')
		return false;
	*seconds = 0;
	if (!value && !*end)
		return true;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(end, units[i].name) != 0)
			continue;
		*seconds = (double)value * units[i].seconds;
		return true;
	}
	return false;
}

/* Into the request, if it was given. */
static bool add_time(json_t *request, const char *key, const char *text)
{
	double seconds;

	if (!text)
		return true;
	return parse_time(text, &seconds) && !json_object_set_new(request, key, json_real(seconds));
}

static int render(const json_t *result, const void *context)
{
	const json_t *drain = field(result, "drain");
	const char *name = field_string(result, "tunnel");
	char text[DRAIN_STRLEN];

	(void)context;
	if (json_is_object(drain))
		printf("tunnel %s is %s\n", name, drain_text(drain, text));
	else
		printf("tunnel %s is no longer drained\n", name);
	return 0;
}

static int tunnel_run(const struct cli *cli, const struct command *command, char **operands)
{
	json_t *request = json_pack("{s:s, s:s, s:o*}", "command", "tunnel", "action",
				    command->name, "tunnel", json_string(operands[0]));
	const char *bad = NULL;

	if (!request)
		return cli_fail(cli, EXIT_FAILED, "out of memory");
	if (!add_time(request, "deadline_s", cli->deadline))
		bad = cli->deadline;
	else if (!add_time(request, "idle_s", cli->idle))
		bad = cli->idle;
	if (!bad)
		return cli_ask(cli, request, render, NULL);
	json_decref(request);
	return cli_fail(cli, EXIT_USAGE, "'%s' is not a time such as 90s, 5m or 1h", bad);
}

const struct command tunnel_commands[] = {
	{
		.name = "drain",
		.parent = "tunnel",
		.args = "[--deadline TIME] [--idle TIME] TUNNEL",
		.summary = "new flows avoid a tunnel, existing ones stay until idle or a deadline",
		.help = "Flows are known by their bucket, 256 of a group. A bucket that carried "
			"nothing for the\n"
			"idle time moves off, what is left moves at the deadline. A new flow in a "
			"bucket that is\n"
			"in use goes with those that are there. Routes stay; what comes out of "
			"the tunnel is\n"
			"accepted. The last live tunnel carries on, with a warning. Kept across "
			"restarts, until\n"
			"undrain.\n"
			"\n"
			"--deadline TIME  from now (5m); 0: all at once\n"
			"--idle TIME      that a bucket is to carry nothing (10s)\n"
			"\n"
			"TIME is a number with ms, s, m or h.",
		.options = OPTION_DEADLINE | OPTION_IDLE,
		.min = 1,
		.max = 1,
		.run = tunnel_run,
	},
	{
		.name = "undrain",
		.parent = "tunnel",
		.args = "TUNNEL",
		.summary = "end a drain: the tunnel gets its share of the flows again",
		.min = 1,
		.max = 1,
		.run = tunnel_run,
	},
	{ .name = NULL },
};
