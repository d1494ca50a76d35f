/* SPDX-License-Identifier: GPL-2.0-only */
/* espalier show drift, espalier audit: what was found to be other than it had been left. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "cli.h"
#include "client.h"
#include "field.h"
#include "table.h"

#define POLL_MS	    50
#define AUDIT_MAX_S 120

static const struct column recent_columns[] = {
	{ "AGO", ALIGN_RIGHT },	 { "KIND", ALIGN_LEFT },   { "OBJECT", ALIGN_LEFT },
	{ "FOUND", ALIGN_LEFT }, { "ACTION", ALIGN_LEFT }, { NULL, ALIGN_LEFT },
};

static int print_items(const json_t *items, const struct column *columns)
{
	struct table *t = table_new(columns);
	char ago[FIELD_STRLEN];

	for (size_t i = 0; i < json_array_size(items); i++) {
		const json_t *item = json_array_get(items, i);
		bool repaired = json_is_true(field(item, "repaired"));

		if (columns == recent_columns)
			table_cell(t, STYLE_DIM, "%s", field_duration(item, "ago_s", ago));
		table_cell(t, STYLE_PLAIN, "%s", field_string(item, "kind"));
		table_cell(t, STYLE_PLAIN, "%s", field_string(item, "object"));
		table_cell(t, STYLE_PLAIN, "%s", field_string(item, "found"));
		table_cell(t, repaired ? STYLE_GOOD : STYLE_BAD, "%s",
			   field_string(item, "action"));
	}
	return table_print(t);
}

/* ---- show ---- */

/* Counts of the kinds that drifted; what is listed is only the latest. */
static void print_kinds(const json_t *kinds)
{
	const char *kind;
	json_t *count;

	json_object_foreach ((json_t *)kinds, kind, count) {
		unsigned long long found = field_count(count, "found");
		unsigned long long unrepaired = field_count(count, "unrepaired");

		if (found)
			printf("%-14s%llu found, %llu repaired\n", kind, found, found - unrepaired);
	}
}

static int render_drift(const json_t *drift, const void *context)
{
	const json_t *recent = field(drift, "recent");
	char audits[FIELD_STRLEN];

	(void)context;
	printf("%-14s%s%s\n", "audits", field_text(drift, "audits", audits),
	       json_is_true(field(drift, "running")) ? ", one under way" : "");
	if (!json_array_size(recent)) {
		puts("nothing was found to have drifted");
		return 0;
	}
	print_kinds(field(drift, "kinds"));
	putchar('\n');
	return print_items(recent, recent_columns);
}

int drift_run(const struct cli *cli, const struct command *command, char **operands)
{
	(void)operands;
	return cli_ask(cli, json_pack("{s:s}", "command", command->name), render_drift, NULL);
}

/* ---- audit ---- */

/* One question to the daemon; NULL: it was said why not. */
static json_t *ask(const struct cli *cli, const char *command)
{
	json_t *request = json_pack("{s:s}", "command", command), *result = NULL;
	char *error = NULL;

	if (!request || client_request(cli->socket, CLIENT_TIMEOUT_S, request, &result, &error)) {
		cli_fail(cli, EXIT_USAGE, "%s", error ? error : "out of memory");
		result = NULL;
	}
	json_decref(request);
	free(error);
	return result;
}

/* What `drift` says when that audit is over, or NULL. */
static json_t *await_audit(const struct cli *cli, uint64_t number)
{
	const struct timespec pause = { .tv_nsec = POLL_MS * 1000000l };

	for (unsigned i = 0; i < AUDIT_MAX_S * 1000 / POLL_MS; i++) {
		json_t *drift = ask(cli, "drift");

		if (!drift || field_count(drift, "audits") >= number)
			return drift;
		json_decref(drift);
		nanosleep(&pause, NULL);
	}
	cli_fail(cli, EXIT_USAGE, "the audit is not over after %d s; espalier show drift tells",
		 AUDIT_MAX_S);
	return NULL;
}

static int print_audit(const struct cli *cli, const json_t *last)
{
	unsigned long long found = field_count(last, "found");
	unsigned long long unrepaired = field_count(last, "unrepaired");
	int err = 0;

	if (cli->json)
		cli_print_json(cli, last);
	else if (!found)
		puts("nothing has drifted");
	else
		printf("%llu found, %llu repaired\n\n", found, found - unrepaired);
	if (!cli->json && found)
		err = print_items(field(last, "items"), recent_columns + 1);
	if (err)
		return cli_fail(cli, EXIT_USAGE, "out of memory");
	return unrepaired ? EXIT_USAGE : found ? EXIT_FAILED : EXIT_OK;
}

int audit_run(const struct cli *cli, const struct command *command, char **operands)
{
	json_t *begun = ask(cli, command->name), *drift;
	int code = EXIT_USAGE;

	(void)operands;
	if (!begun)
		return code;
	drift = await_audit(cli, field_count(begun, "audit"));
	if (drift)
		code = print_audit(cli, field(drift, "last"));
	json_decref(begun);
	json_decref(drift);
	return code;
}
