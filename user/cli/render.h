/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of `espalier render` share. */
#ifndef ESPALIER_CLI_RENDER_H
#define ESPALIER_CLI_RENDER_H

#include "../wire/render.h"
#include "cli.h"

#define RENDER_DEFAULT_FILE "/etc/espalier/espalier.yaml"

/*
 * Loads the configuration that is to be rendered: the operand, or the default file. Errors are
 * printed, all of them. EXIT_OK: *out is the caller's; else the exit code.
 */
int render_load(const struct cli *cli, const char *operand, struct config *out);

/* Is `problems` empty? Else prints and frees it: nothing is rendered. Returns the exit code. */
int render_refuse(const struct cli *cli, const char *path, struct findings *problems);

/* Prints the text, with -j as {"text": ...}, and frees it. Returns the exit code. */
int render_print(const struct cli *cli, struct text *text);

/* Modes of files: FRR and BIRD read theirs as users of their own. */
#define RENDER_PRIVATE 0600
#define RENDER_PUBLIC  0644

/* Writes the text as a file in --output's directory, and frees it. The exit code. */
int render_write(const struct cli *cli, const char *name, mode_t mode, struct text *text);

/* render_check.c: compares what runs with what would be rendered for `name` (swanctl, frr, bird;
 * NULL: what concerns the gateway). The exit code: 0 the same, 1 it differs, 2 that cannot be told.
 */
int render_check(const struct cli *cli, const char *name, const char *file);

/* render_bgp.c */
int render_bgp_run(const struct cli *cli, const struct command *command, char **operands);
/* render_peer.c */
int render_peer_run(const struct cli *cli, const struct command *command, char **operands);

#endif
