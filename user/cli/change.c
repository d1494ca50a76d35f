/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * espalier apply, confirm, rollback, export: the running configuration. The file is read here,
 * where the caller is, and judged by the daemon, which knows the host and what runs.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/configfile.h"
#include "cli.h"
#include "client.h"
#include "field.h"
#include "table.h"

/* ---- findings ---- */

static void print_finding(const char *file, const json_t *one)
{
	const json_t *line = field(one, "line");

	fprintf(stderr, "%s:", file);
	if (json_is_integer(line))
		fprintf(stderr, "%lld:%lld:", (long long)json_integer_value(line),
			(long long)json_integer_value(field(one, "column")));
	fprintf(stderr, " %s: %s\n", field_string(one, "severity"), field_string(one, "text"));
}

static void print_findings(const char *path, const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);

		print_finding(configfile_name(path), one);
	}
}

/* What JSON cannot carry is no YAML either: said without the daemon. */
static int say_no_text(const struct cli *cli, const char *path, const char *text, size_t len)
{
	struct findings f = { 0 };
	struct config c;

	if (!configfile_judge(configfile_name(path), text, len, false, NULL, NULL, &c, &f))
		config_free(&c);
	if (!cli->json)
		configfile_print_findings(stderr, path, &f);
	findings_free(&f);
	return cli_fail(cli, EXIT_USAGE, "%s: not a text in UTF-8", configfile_name(path));
}

/* ---- submitting ---- */

/* The file's name as the daemon is to remember it, the caller's directory forgotten. */
static json_t *full_name(const char *path)
{
	char *full = strcmp(path, "-") ? realpath(path, NULL) : NULL;
	json_t *name = json_string(full ? full : configfile_name(path));

	free(full);
	return name;
}

static int read_text(const struct cli *cli, const char *path, char **text, size_t *len)
{
	struct findings f = { 0 };
	int err = configfile_read(path, text, len, &f), code = EXIT_OK;

	if (err == -ENOMEM)
		code = cli_fail(cli, EXIT_FAILED, "out of memory");
	else if (err)
		code = cli_fail(cli, EXIT_USAGE, "%s: %s", configfile_name(path),
				f.count ? f.list[0].text : "cannot be read");
	findings_free(&f);
	return code;
}

/* With -j the whole of a refusal: {"error", "findings"}. */
static int refused(const struct cli *cli, const char *path, json_t *answer)
{
	const json_t *findings = field(answer, "findings");
	int code = json_array_size(findings) ? EXIT_USAGE : EXIT_FAILED;

	if (cli->json) {
		json_object_del(answer, "ok");
		cli_print_json(cli, answer);
		return code;
	}
	print_findings(path, findings);
	return cli_fail(cli, code, "%s", field_string(answer, "error"));
}

static int submit(const struct cli *cli, const json_t *request, const char *path, json_t **result)
{
	json_t *answer = NULL;
	char *error = NULL;
	int code = EXIT_OK;

	if (client_change(cli->socket, request, &answer, &error))
		code = cli_fail(cli, EXIT_FAILED, "%s", error ? error : "out of memory");
	else if (!json_is_true(field(answer, "ok")))
		code = refused(cli, path, answer);
	else
		*result = json_incref(json_object_get(answer, "result"));
	free(error);
	json_decref(answer);
	return code;
}

int cli_submit(const struct cli *cli, json_t *request, const char *path, json_t **result)
{
	json_t *value;
	char *text;
	size_t len;
	int code = read_text(cli, path, &text, &len);

	if (code != EXIT_OK) {
		json_decref(request);
		return code;
	}
	value = json_stringn(text, len);
	if (!value) {
		code = say_no_text(cli, path, text, len);
	} else if (json_object_set_new(request, "text", value) ||
		   json_object_set_new(request, "file", full_name(path))) {
		code = cli_fail(cli, EXIT_FAILED, "out of memory");
	} else {
		code = submit(cli, request, path, result);
	}
	if (code == EXIT_OK && !cli->json)
		print_findings(path, field(*result, "findings"));
	free(text);
	json_decref(request);
	return code;
}

/* ---- apply ---- */

static int confirm_seconds(const struct cli *cli, long *out)
{
	char *end;

	*out = 0;
	if (!cli->confirm)
		return EXIT_OK;
	errno = 0;
	*out = strtol(cli->confirm, &end, 10);
	if (*end || end == cli->confirm || errno || *out < 1 || *out > 86400)
		return cli_fail(cli, EXIT_USAGE, "--confirm: 1 to 86400 seconds");
	return EXIT_OK;
}

int apply_run(const struct cli *cli, const struct command *command, char **operands)
{
	json_t *result = NULL;
	long seconds;
	int code = confirm_seconds(cli, &seconds);

	if (code != EXIT_OK)
		return code;
	code = cli_submit(cli,
			  json_pack("{s:s, s:o*}", "command", command->name, "confirm",
				    seconds ? json_integer(seconds) : NULL),
			  operands[0], &result);
	if (code == EXIT_OK && cli->json)
		code = cli_print_json(cli, result);
	else if (code == EXIT_OK && seconds)
		printf("applied %s; without `espalier confirm` within %ld s it goes back\n",
		       configfile_name(operands[0]), seconds);
	else if (code == EXIT_OK)
		printf("applied %s\n", configfile_name(operands[0]));
	json_decref(result);
	return code;
}

/* ---- confirm, rollback ---- */

static int print_running(const json_t *result, const void *context)
{
	printf("%s; %s runs\n", (const char *)context, field_string(result, "file"));
	return 0;
}

int settle_run(const struct cli *cli, const struct command *command, char **operands)
{
	(void)operands;
	return cli_ask_change(cli, json_pack("{s:s}", "command", command->name), print_running,
			      strcmp(command->name, "confirm") ? "rolled back" : "confirmed");
}

/* ---- export ---- */

static int print_text(const json_t *result, const void *context)
{
	(void)context;
	fputs(field_string(result, "text"), stdout);
	return 0;
}

int export_run(const struct cli *cli, const struct command *command, char **operands)
{
	(void)operands;
	return cli_ask(cli, json_pack("{s:s}", "command", command->name), print_text, NULL);
}
