/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "cli.h"
#include "client.h"

int cli_print_json(const struct cli *cli, const json_t *value)
{
	if (!value || json_dumpf(value, stdout, JSON_COMPACT | JSON_ENCODE_ANY) < 0)
		return cli_fail(cli, EXIT_FAILED, "out of memory");
	putchar('\n');
	return EXIT_OK;
}

const char *plural(size_t count)
{
	return count == 1 ? "" : "s";
}

int cli_fail(const struct cli *cli, enum exit_code code, const char *format, ...)
{
	json_t *error = NULL;
	va_list args;
	char *text;
	int len;

	va_start(args, format);
	len = vasprintf(&text, format, args);
	va_end(args);
	if (len < 0)
		text = NULL;
	if (cli->json)
		error = json_pack("{s:s}", "error", text ? text : "out of memory");
	if (error) {
		json_dumpf(error, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(error);
	} else {
		fprintf(stderr, "espalier: %s\n", text ? text : "out of memory");
	}
	free(text);
	return code;
}

static int ask(const struct cli *cli, int timeout_s, json_t *request, cli_renderer render,
	       const void *context)
{
	json_t *result = NULL;
	char *error = NULL;
	int code = EXIT_OK;

	if (!request || client_request(cli->socket, timeout_s, request, &result, &error) < 0)
		code = cli_fail(cli, EXIT_FAILED, "%s", error ? error : "out of memory");
	else if (cli->json)
		code = cli_print_json(cli, result);
	else if (render(result, context) < 0)
		code = cli_fail(cli, EXIT_FAILED, "out of memory");
	json_decref(request);
	json_decref(result);
	free(error);
	return code;
}

int cli_ask(const struct cli *cli, json_t *request, cli_renderer render, const void *context)
{
	return ask(cli, CLIENT_TIMEOUT_S, request, render, context);
}

int cli_ask_change(const struct cli *cli, json_t *request, cli_renderer render, const void *context)
{
	return ask(cli, CLIENT_CHANGE_TIMEOUT_S, request, render, context);
}
