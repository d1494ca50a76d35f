/* SPDX-License-Identifier: GPL-2.0-only */
/* espalier plan: what would change, and whom it concerns. */
#include <stdio.h>
#include "cli.h"
#include "field.h"

int plan_run(const struct cli *cli, const struct command *command, char **operands)
{
	json_t *result = NULL;
	int code =
		cli_submit(cli, json_pack("{s:s}", "command", command->name), operands[0], &result);

	if (code == EXIT_OK)
		code = cli_print_json(cli, result);
	json_decref(result);
	return code;
}
