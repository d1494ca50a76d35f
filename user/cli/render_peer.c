/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * espalier render peer: what the data centre's engineer needs. Several files, so that they can be
 * put where they belong: with --output each is one; printed they follow each other, each under a
 * line with its name.
 */
#include <stdlib.h>
#include <string.h>
#include "../wire/render_peer.h"
#include "render.h"

typedef void render_fn(const struct render_peer *p, struct text *out);

static void charon(const struct render_peer *p, struct text *out)
{
	(void)p;
	render_charon(NULL, out);
}

static const struct peer_file {
	const char *name;
	render_fn *render;
	bool bgp; /* only with BGP */
} files[] = {
	{ RENDER_SWANCTL_FILE, render_peer_swanctl, false },
	{ RENDER_CHARON_FILE, charon, false },
	{ RENDER_INTERFACES_FILE, render_peer_interfaces, false },
	{ RENDER_FRR_FILE, render_peer_frr, true },
	{ RENDER_DAEMONS_FILE, render_peer_daemons, true },
	{ RENDER_SHEET_FILE, render_peer_sheet, false },
};

static int parse_announced(const struct cli *cli, struct prefix *list)
{
	for (size_t i = 0; i < json_array_size(cli->announce); i++) {
		const char *text = json_string_value(json_array_get(cli->announce, i));
		char shown[QUOTED_LEN];

		if (prefix_parse(text, &list[i], NULL))
			return cli_fail(cli, EXIT_USAGE,
					"--announce: '%s' is not a prefix; allowed are prefixes "
					"like 10.50.0.0/16, without host bits",
					quoted(text, shown));
	}
	return EXIT_OK;
}

static int write_files(const struct cli *cli, const struct render_peer *p, bool bgp)
{
	struct text says = { 0 };
	int code = EXIT_OK;

	for (size_t i = 0; !code && i < sizeof(files) / sizeof(*files); i++) {
		struct text text = { 0 };

		if (files[i].bgp && !bgp)
			continue;
		files[i].render(p, &text);
		code = render_write(cli, files[i].name, RENDER_PUBLIC, &text);
		text_add(&says, "%s/%s\n", cli->output, files[i].name);
	}
	if (!code)
		return render_print(cli, &says);
	text_free(&says);
	return code;
}

/* The sheet is a text of its own, and none of the files of a router. */
static int print_files(const struct cli *cli, const struct render_peer *p, bool bgp)
{
	struct text text = { 0 };

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		if ((files[i].bgp && !bgp) || files[i].render == render_peer_sheet)
			continue;
		text_add(&text, "%s#### %s ####\n", text.len ? "\n" : "", files[i].name);
		files[i].render(p, &text);
	}
	return render_print(cli, &text);
}

static int files_of(const struct cli *cli, const struct render_peer *p)
{
	bool bgp = p->config->connections[p->connection].bgp.enabled;
	struct findings refused = { 0 };
	int code;

	render_peer_refuses(p, &refused);
	code = render_refuse(cli, p->config->file, &refused);
	if (code)
		return code;
	if (p->announced_count && !bgp)
		return cli_fail(cli, EXIT_USAGE, "--announce: connection %s has no bgp",
				p->config->connections[p->connection].name);
	return cli->output ? write_files(cli, p, bgp) : print_files(cli, p, bgp);
}

static int sheet(const struct cli *cli, const struct render_peer *p)
{
	struct text text = { 0 };

	render_peer_sheet(p, &text);
	return render_print(cli, &text);
}

static int render(const struct cli *cli, const struct config *c, const char *name, bool ready,
		  const struct prefix *announced)
{
	int connection = config_find_connection(c, name);
	struct render_peer p = { .config = c,
				 .announced = announced,
				 .announced_count = json_array_size(cli->announce) };
	char shown[QUOTED_LEN];
	const char *best = NULL;

	for (size_t i = 0; connection < 0 && i < c->connection_count; i++)
		best = nearest_word(name, c->connections[i].name, best);
	if (connection < 0)
		return cli_fail(cli, EXIT_USAGE, "no connection '%s' in %s%s%s%s",
				quoted(name, shown), c->file, best ? ": did you mean " : "",
				best ? best : "", best ? "?" : "");
	p.connection = (size_t)connection;
	return ready ? files_of(cli, &p) : sheet(cli, &p);
}

int render_peer_run(const struct cli *cli, const struct command *command, char **operands)
{
	bool ready = cli->format ? !strcmp(cli->format, "swanctl-frr")
				 : cli->output || json_array_size(cli->announce);
	struct prefix *announced;
	struct config c;
	int code;

	(void)command;
	if (cli->format && !ready && strcmp(cli->format, "text") != 0)
		return cli_fail(cli, EXIT_USAGE, "--format is text or swanctl-frr");
	if (!ready && (cli->output || cli->announce))
		return cli_fail(cli, EXIT_USAGE,
				"--output and --announce belong to --format swanctl-frr");
	announced = calloc(json_array_size(cli->announce) + 1, sizeof(*announced));
	if (!announced)
		return cli_fail(cli, EXIT_FAILED, "out of memory");
	code = parse_announced(cli, announced);
	if (!code)
		code = render_load(cli, operands[1], &c);
	if (!code) {
		code = render(cli, &c, operands[0], ready, announced);
		config_free(&c);
	}
	free(announced);
	return code;
}
