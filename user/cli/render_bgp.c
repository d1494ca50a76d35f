/* SPDX-License-Identifier: GPL-2.0-only */
/* espalier render frr, bird: the routing daemon's side of a configuration. */
#include <string.h>
#include "render.h"

static int write_frr(const struct cli *cli, const struct config *c)
{
	struct text frr = { 0 }, daemons = { 0 }, says = { 0 };
	int code;

	render_frr(c, &frr);
	code = render_write(cli, RENDER_FRR_FILE, RENDER_PUBLIC, &frr);
	if (code)
		return code;
	render_frr_daemons(c, &daemons);
	code = render_write(cli, RENDER_DAEMONS_FILE, RENDER_PUBLIC, &daemons);
	if (code)
		return code;
	text_add(&says, "%s/%s\n%s/%s\n", cli->output, RENDER_FRR_FILE, cli->output,
		 RENDER_DAEMONS_FILE);
	return render_print(cli, &says);
}

static int frr(const struct cli *cli, const struct config *c)
{
	struct text text = { 0 };
	struct findings refused = { 0 };
	int code;

	render_frr_refuses(c, &refused);
	code = render_refuse(cli, c->file, &refused);
	if (code)
		return code;
	if (cli->output)
		return write_frr(cli, c);
	if (cli->options & OPTION_DAEMONS)
		render_frr_daemons(c, &text);
	else
		render_frr(c, &text);
	return render_print(cli, &text);
}

static int bird(const struct cli *cli, const struct config *c)
{
	struct text text = { 0 }, says = { 0 };
	struct findings refused = { 0 };
	int code;

	render_bird_refuses(c, &refused);
	code = render_refuse(cli, c->file, &refused);
	if (code)
		return code;
	render_bird(c, &text);
	if (!cli->output)
		return render_print(cli, &text);
	code = render_write(cli, RENDER_BIRD_FILE, RENDER_PUBLIC, &text);
	if (code)
		return code;
	text_add(&says, "%s/%s\n", cli->output, RENDER_BIRD_FILE);
	return render_print(cli, &says);
}

int render_bgp_run(const struct cli *cli, const struct command *command, char **operands)
{
	struct config c;
	int code;

	if (cli->options & OPTION_CHECK)
		return render_check(cli, command->name, operands[0]);
	code = render_load(cli, operands[0], &c);
	if (!code) {
		code = strcmp(command->name, "frr") ? bird(cli, &c) : frr(cli, &c);
		config_free(&c);
	}
	return code;
}
