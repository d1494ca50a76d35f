/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the commands of espalier(8) share: the parsed command line, the command table's row, and the
 * two ways to end: a result, or a failure with its exit code.
 */
#ifndef ESPALIER_CLI_H
#define ESPALIER_CLI_H

#include <stdbool.h>
#include <jansson.h>

enum exit_code { EXIT_OK, EXIT_FAILED, EXIT_USAGE };

/* Options that not every command knows. */
#define OPTION_STRICT	  0x01
#define OPTION_HOST	  0x02
#define OPTION_TABLE	  0x04
#define OPTION_CONNECTION 0x08
#define OPTION_ALL	  0x10
#define OPTION_IN	  0x20
#define OPTION_CONFIRM	  0x40
#define OPTION_OUTPUT	  0x80
#define OPTION_DETAILS	  0x100
#define OPTION_DOWN	  0x200
#define OPTION_DAEMONS	  0x400
#define OPTION_FORMAT	  0x800
#define OPTION_ANNOUNCE	  0x1000
#define OPTION_DEADLINE	  0x2000
#define OPTION_IDLE	  0x4000
#define OPTION_CHECK	  0x8000

struct cli {
	bool json;
	const char *socket;
	unsigned options; /* OPTION_* given */
	json_t *down;	  /* list of what --down names, or NULL */
	json_t *announce; /* the same of --announce */
	const char *table, *connection, *in, *confirm, *output, *format;
	const char *deadline, *idle;
};

struct command {
	const char *name;
	const char *parent;	     /* the word before it, or NULL */
	const char *args;	     /* as in the usage line */
	const char *summary;	     /* one line */
	const char *help;	     /* the rest of --help, or NULL */
	unsigned options;	     /* OPTION_* that it knows */
	int min, max;		     /* operands */
	const struct command *nouns; /* the next word chooses among these; run: without one */
	int (*run)(const struct cli *cli, const struct command *command, char **operands);
};

/* All of them; the nouns of some. */
extern const struct command commands[];
extern const struct command ecmp_commands[], tunnel_commands[], show_commands[], route_commands[],
	render_commands[];

int audit_run(const struct cli *cli, const struct command *command, char **operands);
int drift_run(const struct cli *cli, const struct command *command, char **operands);
int apply_run(const struct cli *cli, const struct command *command, char **operands);
int check_run(const struct cli *cli, const struct command *command, char **operands);
int explain_run(const struct cli *cli, const struct command *command, char **operands);
int export_run(const struct cli *cli, const struct command *command, char **operands);
int monitor_run(const struct cli *cli, const struct command *command, char **operands);
int plan_run(const struct cli *cli, const struct command *command, char **operands);
int render_run(const struct cli *cli, const struct command *command, char **operands);
int settle_run(const struct cli *cli, const struct command *command, char **operands);
int show_advertised_run(const struct cli *cli, const struct command *command, char **operands);
int show_bgp_run(const struct cli *cli, const struct command *command, char **operands);
int show_run(const struct cli *cli, const struct command *command, char **operands);
int status_run(const struct cli *cli, const struct command *command, char **operands);

/* Says what went wrong, on stderr, or with -j as {"error": ...} on stdout. Returns `code`. */
__attribute__((format(printf, 3, 4))) int cli_fail(const struct cli *cli, enum exit_code code,
						   const char *format, ...);

/* One line of JSON on stdout. Returns the exit code. */
int cli_print_json(const struct cli *cli, const json_t *value);

/* Prints a result for humans. 0 or -ENOMEM. */
typedef int (*cli_renderer)(const json_t *result, const void *context);

/* "s" or "". */
const char *plural(size_t count);

/*
 * Sends the configuration in `path` ("-": standard input) along with `request`, which it takes
 * over. Findings go to stderr, as file:line:column. EXIT_OK: *result is the caller's; else the exit
 * code, everything is said.
 */
int cli_submit(const struct cli *cli, json_t *request, const char *path, json_t **result);

/*
 * Asks the daemon; takes over `request` (NULL: out of memory). With -j the result is printed as it
 * came, else by `render`. Returns the exit code.
 */
int cli_ask(const struct cli *cli, json_t *request, cli_renderer render, const void *context);
/* The same for what is answered once another configuration is in place. */
int cli_ask_change(const struct cli *cli, json_t *request, cli_renderer render,
		   const void *context);

#endif
