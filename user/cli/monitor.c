/* SPDX-License-Identifier: GPL-2.0-only */
/* espalier monitor: each change as one line, for people or, with -j, as it came. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli.h"
#include "client.h"
#include "field.h"
#include "table.h"

static const char *places(const json_t *event, const char *key, char buf[FIELD_LIST_STRLEN])
{
	if (!json_is_array(field(event, key)))
		return "nothing";
	return field_list(event, key, buf);
}

static void print_route(const json_t *e)
{
	const char *table = json_string_value(field(e, "table"));
	char was[FIELD_LIST_STRLEN], is[FIELD_LIST_STRLEN];

	printf("route %s in %s %s %s: %s %s %s (%s)\n", field_string(e, "prefix"),
	       table ? "table" : "connection", table ? table : field_string(e, "connection"),
	       field_string(e, "change"), places(e, "was", was), arrow(), places(e, "is", is),
	       field_string(e, "cause"));
}

static void print_tunnel(const json_t *e)
{
	const char *missing = json_string_value(field(e, "missing"));
	bool up = json_is_true(field(e, "up"));

	printf("tunnel %s of %s: %s %s %s%s%s (%s%s%s)\n", field_string(e, "tunnel"),
	       field_string(e, "connection"), field_string(e, "was"), arrow(),
	       style_on(up ? STYLE_GOOD : STYLE_BAD), field_string(e, "state"), style_off(),
	       field_string(e, "cause"), missing ? ": " : "", missing ? missing : "");
}

/* "tunnel one of dc-1 not live: damped for another 42 s" */
static void print_liveness(const json_t *e)
{
	const char *why = json_string_value(field(e, "why"));

	printf("tunnel %s of %s %s%s%s%s%s%s\n", field_string(e, "tunnel"),
	       field_string(e, "connection"), style_on(why ? STYLE_BAD : STYLE_GOOD),
	       why ? "not live" : "live", style_off(), why ? ": " : "", why ? why : "",
	       json_is_true(field(e, "last_resort")) ? ", as the last resort" : "");
}

/* "health of tunnel one of dc-1: 10.50.0.9 good -> bad" */
static void print_health(const json_t *e)
{
	const char *state = field_string(e, "state");

	printf("health of tunnel %s of %s: %s %s %s %s%s%s\n", field_string(e, "tunnel"),
	       field_string(e, "connection"), field_string(e, "destination"),
	       field_string(e, "was"), arrow(),
	       style_on(strcmp(state, "good") ? STYLE_BAD : STYLE_GOOD), state, style_off());
}

static void print_drain(const json_t *e)
{
	char moved[FIELD_STRLEN], left[FIELD_STRLEN];

	printf("drain of tunnel %s: %s", field_string(e, "tunnel"), field_string(e, "change"));
	if (field_count(e, "moved"))
		printf(" %s buckets", field_text(e, "moved", moved));
	printf(", %s in use\n", field_text(e, "buckets", left));
}

static void print_event(const json_t *e)
{
	const char *kind = field_string(e, "event");
	char number[FIELD_STRLEN], left[FIELD_STRLEN];

	printf("%s ", field_string(e, "time"));
	if (!strcmp(kind, "route"))
		print_route(e);
	else if (!strcmp(kind, "tunnel"))
		print_tunnel(e);
	else if (!strcmp(kind, "liveness"))
		print_liveness(e);
	else if (!strcmp(kind, "health"))
		print_health(e);
	else if (!strcmp(kind, "routes"))
		printf("routes: %s more changes (%s)\n", field_text(e, "more", number),
		       field_string(e, "cause"));
	else if (!strcmp(kind, "drift"))
		printf("drift: %s %s was %s: %s\n", field_string(e, "kind"),
		       field_string(e, "object"), field_string(e, "found"),
		       json_is_true(field(e, "repaired")) ? "repaired" : "not repaired");
	else if (!strcmp(kind, "drain"))
		print_drain(e);
	else if (!strcmp(kind, "return"))
		printf("return to tunnel %s: %s buckets moved, %s wait\n",
		       field_string(e, "tunnel"), field_text(e, "moved", number),
		       field_text(e, "waiting", left));
	else if (!strcmp(kind, "lost"))
		printf("%s\n", field_string(e, "text"));
	else
		printf("%s %s: %s\n", kind, field_string(e, "change"), field_string(e, "text"));
}

/* Line by line: somebody is waiting for it. */
static int take(const json_t *event, void *context)
{
	const struct cli *cli = context;

	if (cli->json)
		cli_print_json(cli, event);
	else
		print_event(event);
	return fflush(stdout) || ferror(stdout);
}

int monitor_run(const struct cli *cli, const struct command *command, char **operands)
{
	json_t *request = json_pack("{s:s}", "command", command->name);
	char *error = NULL;
	int code = EXIT_OK;

	(void)operands;
	if (!request || client_stream(cli->socket, request, take, (void *)cli, &error))
		code = cli_fail(cli, EXIT_FAILED, "%s", error ? error : "out of memory");
	json_decref(request);
	free(error);
	return code;
}
