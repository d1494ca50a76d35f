/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * espalier render: what the programs beside the gateway need, written from its configuration. Works
 * without a daemon; a configuration with errors is refused with all of them.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/configfile.h"
#include "../io/statefile.h"
#include "../wire/render_peer.h"
#include "render.h"

int render_refuse(const struct cli *cli, const char *path, struct findings *problems)
{
	size_t errors = findings_errors(problems);
	int code = EXIT_OK;

	if (errors) {
		findings_sort(problems);
		configfile_print_findings(stderr, path, problems);
		code = cli_fail(cli, EXIT_USAGE, "%s: %zu error%s; nothing is rendered",
				configfile_name(path), errors, plural(errors));
	}
	findings_free(problems);
	return code;
}

int render_load(const struct cli *cli, const char *operand, struct config *out)
{
	const char *path = operand ? operand : RENDER_DEFAULT_FILE;
	struct findings f = { 0 };
	int err = configfile_load(path, false, out, &f);

	if (!err) {
		findings_free(&f);
		return EXIT_OK;
	}
	if (err == -EINVAL)
		return render_refuse(cli, path, &f);
	findings_free(&f);
	return cli_fail(cli, EXIT_FAILED, "out of memory");
}

static int print_text(const struct cli *cli, const struct text *text)
{
	json_t *value;
	int code;

	if (text->failed)
		return cli_fail(cli, EXIT_FAILED, "out of memory");
	if (!cli->json) {
		fwrite(text->data, 1, text->len, stdout);
		return EXIT_OK;
	}
	value = json_pack("{s:s%}", "text", text->data, text->len);
	code = cli_print_json(cli, value);
	json_decref(value);
	return code;
}

int render_print(const struct cli *cli, struct text *text)
{
	int code = print_text(cli, text);

	text_free(text);
	return code;
}

int render_write(const struct cli *cli, const char *name, mode_t mode, struct text *text)
{
	int err = text->failed
			  ? -ENOMEM
			  : statefile_write_mode(cli->output, name, mode, text->data, text->len);

	text_free(text);
	if (!err)
		return EXIT_OK;
	return cli_fail(cli, EXIT_FAILED, "%s/%s cannot be written: %s", cli->output, name,
			strerror(-err));
}

/* ---- swanctl ---- */

/* Every secret that the configuration names, each once. */
struct secrets {
	const struct config *config;
	struct render_secret *list;
	size_t count;
	int err;
	const char *failed; /* the one that could not be read */
};

static int read_secret(const char *name, struct mark mark, void *context)
{
	struct secrets *s = context;
	struct render_secret *list = reallocarray(s->list, s->count + 1, sizeof(*list));
	char *value = malloc(SECRET_MAX);

	(void)mark;
	if (list)
		s->list = list;
	s->failed = name;
	s->err = list && value ? 0 : -ENOMEM;
	if (!s->err) {
		struct render_secret *secret = &s->list[s->count++];

		*secret = (struct render_secret){ .name = name, .value = value };
		s->err = configfile_read_secret(s->config, name, value, &secret->len);
	} else {
		free(value);
	}
	return s->err;
}

static void secrets_free(struct secrets *s)
{
	for (size_t i = 0; i < s->count; i++) {
		explicit_bzero((char *)s->list[i].value, SECRET_MAX);
		free((char *)s->list[i].value);
	}
	free(s->list);
}

/* All that are wrong are said, before anything is written. */
static int check_secrets(const struct cli *cli, const struct config *c)
{
	struct findings f = { 0 };

	configfile_check_secrets(c, &f);
	return render_refuse(cli, c->file, &f);
}

static int write_secrets(const struct cli *cli, const struct config *c)
{
	struct secrets s = { .config = c };
	struct text text = { 0 };
	int code = check_secrets(cli, c);

	if (code)
		return code;
	if (config_each_secret(c, read_secret, &s))
		code = cli_fail(cli, EXIT_FAILED, "secret file %s/%s: %s", c->gateway.secrets,
				s.failed, strerror(-s.err));
	if (!code) {
		render_secrets(c, s.list, s.count, &text);
		code = render_write(cli, RENDER_SECRETS_FILE, RENDER_PRIVATE, &text);
	}
	secrets_free(&s);
	return code;
}

/* The directory's full name, fit to stand in quotes; NULL: it is not. To be freed. */
static char *output_directory(const struct cli *cli)
{
	char *path = cli->output[0] == '/' ? strdup(cli->output) : NULL;
	char here[PATH_MAX];

	if (!path && realpath(".", here) && asprintf(&path, "%s/%s", here, cli->output) < 0)
		path = NULL;
	if (path && (strpbrk(path, "\"\\\n\r") || strspn(path, "/") == strlen(path))) {
		free(path);
		path = NULL;
	}
	return path;
}

static int write_swanctl(const struct cli *cli, const struct config *c, const char *directory)
{
	struct text connections = { 0 }, charon = { 0 }, says = { 0 };
	char *secrets;
	int code = write_secrets(cli, c);

	if (code)
		return code;
	if (asprintf(&secrets, "%s/%s", directory, RENDER_SECRETS_FILE) < 0)
		return cli_fail(cli, EXIT_FAILED, "out of memory");
	render_swanctl(c, secrets, &connections);
	render_charon(c, &charon);
	free(secrets);
	code = render_write(cli, RENDER_SWANCTL_FILE, RENDER_PRIVATE, &connections);
	if (!code)
		code = render_write(cli, RENDER_CHARON_FILE, RENDER_PRIVATE, &charon);
	text_free(&charon);
	if (code)
		return code;
	text_add(&says,
		 "# In /etc/strongswan.conf: include \"%s/%s\"\n# In /etc/swanctl/swanctl.conf:\n",
		 directory, RENDER_CHARON_FILE);
	text_add(&says, "include \"%s/%s\"\n", directory, RENDER_SWANCTL_FILE);
	return render_print(cli, &says);
}

/* The settings of charon as comments: they belong into another file. */
static void add_commented(struct text *out, const struct text *block)
{
	for (const char *line = block->data; line && *line;) {
		size_t len = strcspn(line, "\n");

		text_add(out, "#%s%.*s\n", len ? " " : "", (int)len, line);
		line += len + (line[len] == '\n');
	}
	out->failed |= block->failed;
}

static int print_swanctl(const struct cli *cli, const struct config *c)
{
	struct text text = { 0 }, charon = { 0 };

	render_swanctl(c, "/etc/swanctl/" RENDER_SECRETS_FILE, &text);
	text_add(&text, "\n");
	render_charon(c, &charon);
	add_commented(&text, &charon);
	text_free(&charon);
	return render_print(cli, &text);
}

static int swanctl_run(const struct cli *cli, const struct command *command, char **operands)
{
	char *directory = cli->output ? output_directory(cli) : NULL;
	struct config c;
	int code;

	if (cli->options & OPTION_CHECK) {
		free(directory);
		return render_check(cli, command->name, operands[0]);
	}
	if (cli->output && !directory)
		return cli_fail(cli, EXIT_USAGE,
				"--output: '%s' cannot stand in an include line; choose a "
				"directory without quotes, backslashes and line ends",
				cli->output);
	code = render_load(cli, operands[0], &c);
	if (!code) {
		code = directory ? write_swanctl(cli, &c, directory) : print_swanctl(cli, &c);
		config_free(&c);
	}
	free(directory);
	return code;
}

const struct command render_commands[] = {
	{
		.name = "swanctl",
		.parent = "render",
		.args = "[--check | --output DIR] [FILE]",
		.summary = "tunnels, for strongSwan",
		.help = "FILE is " RENDER_DEFAULT_FILE " by default, or - for standard input.\n"
			"Pre-shared keys are never printed. The text ends with an include of the "
			"file that\n"
			"has them, and with what strongswan.conf needs, as comments.\n"
			"\n"
			"--output DIR  write it there instead, with mode 0600: " RENDER_SWANCTL_FILE
			",\n"
			"              " RENDER_SECRETS_FILE " (from the files in gateway.secrets) "
			"and\n"
			"              " RENDER_CHARON_FILE "; print the lines that include them\n"
			"--check       does what runs (swanctl) differ from it?\n"
			"\n"
			"Exit status: 0 rendered, 1 failed, 2 errors in FILE or in the secrets; "
			"with --check\n"
			"0 the same, 1 it differs, 2 that cannot be told.",
		.options = OPTION_OUTPUT | OPTION_CHECK,
		.max = 1,
		.run = swanctl_run,
	},
	{
		.name = "frr",
		.parent = "render",
		.args = "[--check | --daemons | --output DIR] [FILE]",
		.summary = "BGP, for FRR",
		.help = "FILE is " RENDER_DEFAULT_FILE " by default, or - for standard input.\n"
			"\n"
			"--daemons     which daemons to run and how: /etc/frr/daemons\n"
			"--output DIR  write " RENDER_FRR_FILE " and " RENDER_DAEMONS_FILE
			" there instead\n"
			"--check       does what runs (vtysh) differ from it?\n"
			"\n"
			"Exit status: 0 rendered, 1 failed, 2 errors in FILE, or what FRR cannot "
			"do; with\n"
			"--check 0 the same, 1 it differs, 2 that cannot be told.",
		.options = OPTION_OUTPUT | OPTION_DAEMONS | OPTION_CHECK,
		.max = 1,
		.run = render_bgp_run,
	},
	{
		.name = "bird",
		.parent = "render",
		.args = "[--check | --output DIR] [FILE]",
		.summary = "BGP, for BIRD 2",
		.help = "FILE is " RENDER_DEFAULT_FILE " by default, or - for standard input.\n"
			"\n"
			"--output DIR  write " RENDER_BIRD_FILE " there instead\n"
			"--check       does what runs (birdc) differ from it?\n"
			"\n"
			"Exit status: 0 rendered, 1 failed, 2 errors in FILE, or what BIRD cannot "
			"do; with\n"
			"--check 0 the same, 1 it differs, 2 that cannot be told.",
		.options = OPTION_OUTPUT | OPTION_CHECK,
		.max = 1,
		.run = render_bgp_run,
	},
	{
		.name = "peer",
		.parent = "render",
		.args = "CONNECTION [--format text|swanctl-frr] [--announce PREFIX]... [--output "
			"DIR] [FILE]",
		.summary = "the other end of a connection, for the data centre's engineer",
		.help = "FILE is " RENDER_DEFAULT_FILE " by default, or - for standard input.\n"
			"Pre-shared keys are never in it.\n"
			"\n"
			"--format text         a sheet of parameters, for any device (default)\n"
			"--format swanctl-frr  a ready configuration for a Linux with strongSwan "
			"and FRR\n"
			"--announce PREFIX     what the data centre announces over BGP; may be "
			"repeated\n"
			"--output DIR          write the files there: " RENDER_SWANCTL_FILE ",\n"
			"                      " RENDER_CHARON_FILE ", " RENDER_INTERFACES_FILE
			", " RENDER_FRR_FILE ", " RENDER_DAEMONS_FILE "\n"
			"                      and " RENDER_SHEET_FILE " (the sheet)\n"
			"\n"
			"--announce and --output imply --format swanctl-frr.\n"
			"\n"
			"Exit status: 0 rendered, 1 failed, 2 errors in FILE.",
		.options = OPTION_OUTPUT | OPTION_FORMAT | OPTION_ANNOUNCE,
		.min = 1,
		.max = 2,
		.run = render_peer_run,
	},
	{ .name = NULL },
};
