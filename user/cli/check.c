/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * espalier check: a configuration judged without a daemon, every finding at once. Clean is exit 0,
 * warnings too unless --strict, errors are exit 2.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "../io/configfile.h"
#include "cli.h"

/* The rules that a text names: "... [S35 S36]" gives ["S35", "S36"]. */
static json_t *rules_of(const char *text)
{
	json_t *rules = json_array();
	const char *p = strchr(text, '[');

	while (rules && p) {
		size_t len = strcspn(++p, " ]");
		bool rule = len > 1 && (*p == 'S' || *p == 'D') &&
			    strspn(p + 1, "0123456789") == len - 1 && p[len];

		if (rule && json_array_append_new(rules, json_stringn(p, len))) {
			json_decref(rules);
			return NULL;
		}
		p = rule && p[len] == ' ' ? p + len : strchr(p, '[');
	}
	return rules;
}

static json_t *place(unsigned number)
{
	return number ? json_integer(number) : json_null();
}

static json_t *finding_json(const char *file, const struct finding *f)
{
	return json_pack("{s:s, s:o, s:o, s:s, s:s, s:o}", "file", file, "line",
			 place(f->mark.line), "column", place(f->mark.column), "severity",
			 f->severity == SEVERITY_ERROR ? "error" : "warning", "text", f->text,
			 "rules", rules_of(f->text));
}

static int print_json(const struct cli *cli, const char *path, const struct findings *f)
{
	json_t *list = json_array();
	int code, err = list ? 0 : -1;

	for (size_t i = 0; i < f->count && !err; i++)
		err = json_array_append_new(list, finding_json(configfile_name(path), &f->list[i]));
	code = err ? cli_fail(cli, EXIT_FAILED, "out of memory") : cli_print_json(cli, list);
	json_decref(list);
	return code;
}

static void print_text(const char *path, const struct findings *f)
{
	size_t errors = findings_errors(f), warnings = f->count - errors;
	const char *name = configfile_name(path);

	configfile_print_findings(stderr, path, f);
	if (errors)
		fprintf(stderr, "%s: %zu error%s, %zu warning%s\n", name, errors, plural(errors),
			warnings, plural(warnings));
	else if (warnings)
		printf("%s: valid, %zu warning%s\n", name, warnings, plural(warnings));
	else
		printf("%s: valid\n", name);
}

/* What the findings amount to, once they are printed. */
static int verdict(const struct cli *cli, int err, const struct findings *f)
{
	if (err)
		return EXIT_USAGE;
	return f->count && (cli->options & OPTION_STRICT) ? EXIT_FAILED : EXIT_OK;
}

int check_run(const struct cli *cli, const struct command *command, char **operands)
{
	struct findings f = { 0 };
	struct config c;
	int err, code = EXIT_OK;

	(void)command;
	err = configfile_load(operands[0], cli->options & OPTION_HOST, &c, &f);
	if (!err)
		config_free(&c);
	if (err == -ENOMEM)
		code = cli_fail(cli, EXIT_FAILED, "out of memory");
	else if (cli->json)
		code = print_json(cli, operands[0], &f);
	else
		print_text(operands[0], &f);
	if (code == EXIT_OK)
		code = verdict(cli, err, &f);
	findings_free(&f);
	return code;
}
