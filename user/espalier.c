/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * espalier(8): the command line of the gateway: what dispatches to the table of cli/commands.c.
 * Words may be abbreviated as long as they are unambiguous, options may stand anywhere.
 */
#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli/cli.h"
#include "cli/client.h"
#include "core/config.h"

static const char *const exit_help =
	"Exit status: 0 done, 1 failed, 2 usage or configuration errors.";

/* Options that only some commands know come as OWN_OPTION + OPTION_*. */
#define OWN_OPTION 256

static const struct option long_options[] = {
	{ "json", no_argument, NULL, 'j' },
	{ "socket", required_argument, NULL, 's' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ "strict", no_argument, NULL, OWN_OPTION + OPTION_STRICT },
	{ "host", no_argument, NULL, OWN_OPTION + OPTION_HOST },
	{ "table", required_argument, NULL, OWN_OPTION + OPTION_TABLE },
	{ "connection", required_argument, NULL, OWN_OPTION + OPTION_CONNECTION },
	{ "all", no_argument, NULL, OWN_OPTION + OPTION_ALL },
	{ "in", required_argument, NULL, OWN_OPTION + OPTION_IN },
	{ "confirm", required_argument, NULL, OWN_OPTION + OPTION_CONFIRM },
	{ "output", required_argument, NULL, OWN_OPTION + OPTION_OUTPUT },
	{ "details", no_argument, NULL, OWN_OPTION + OPTION_DETAILS },
	{ "down", required_argument, NULL, OWN_OPTION + OPTION_DOWN },
	{ "check", no_argument, NULL, OWN_OPTION + OPTION_CHECK },
	{ "format", required_argument, NULL, OWN_OPTION + OPTION_FORMAT },
	{ "announce", required_argument, NULL, OWN_OPTION + OPTION_ANNOUNCE },
	{ "daemons", no_argument, NULL, OWN_OPTION + OPTION_DAEMONS },
	{ "deadline", required_argument, NULL, OWN_OPTION + OPTION_DEADLINE },
	{ "idle", required_argument, NULL, OWN_OPTION + OPTION_IDLE },
	{ 0 },
};

/* What was typed. */
struct line {
	struct cli cli;
	char **words; /* what is no option, in order, then NULL */
	bool help, version;
	int bad;	      /* '?' unknown option, ':' argument missing, 0 */
	const char *bad_word; /* the first one */
};

/* What JSON cannot hold is no tunnel's name and no prefix; whoever reads it is to say so. */
static void add_word(json_t **list, const char *word)
{
	json_t *text = json_string(word);

	if (!*list)
		*list = json_array();
	json_array_append_new(*list, text ? text : json_string("?"));
}

static void take_option(struct line *line, int option)
{
	struct cli *cli = &line->cli;

	if (option < OWN_OPTION)
		return;
	option -= OWN_OPTION;
	cli->options |= option;
	if (option == OPTION_TABLE)
		cli->table = optarg;
	else if (option == OPTION_CONNECTION)
		cli->connection = optarg;
	else if (option == OPTION_DOWN)
		add_word(&cli->down, optarg);
	else if (option == OPTION_ANNOUNCE)
		add_word(&cli->announce, optarg);
	else if (option == OPTION_FORMAT)
		cli->format = optarg;
	else if (option == OPTION_DEADLINE)
		cli->deadline = optarg;
	else if (option == OPTION_IDLE)
		cli->idle = optarg;
	else if (option == OPTION_IN)
		cli->in = optarg;
	else if (option == OPTION_CONFIRM)
		cli->confirm = optarg;
	else if (option == OPTION_OUTPUT)
		cli->output = optarg;
}

/* Reads on after a bad option: -j may follow, and decides how the complaint is written. */
static void parse(struct line *line, int argc, char **argv)
{
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":js:dhV", long_options, NULL)) != -1) {
		if (option == 'j')
			line->cli.json = true;
		else if (option == 's')
			line->cli.socket = optarg;
		else if (option == 'd')
			line->cli.options |= OPTION_DETAILS;
		else if (option == 'h')
			line->help = true;
		else if (option == 'V')
			line->version = true;
		else if (option == '?' || option == ':')
			line->bad_word = line->bad ? line->bad_word : argv[optind - 1];
		else
			take_option(line, option);
		if (!line->bad && (option == '?' || option == ':'))
			line->bad = option;
	}
	line->words = argv + optind;
}

static void print_commands(FILE *stream, const struct command *list, bool in_full)
{
	char words[64];

	for (; list->name; list++) {
		if (list->nouns) {
			print_commands(stream, list->nouns, in_full);
			continue;
		}
		snprintf(words, sizeof(words), "%s%s%s",
			 in_full && list->parent ? list->parent : "",
			 in_full && list->parent ? " " : "", list->name);
		fprintf(stream, "  %-18s %s\n", words, list->summary);
	}
}

static void print_usage(FILE *stream)
{
	fprintf(stream, "usage: espalier [-j] [-s SOCKET] COMMAND ...\n"
			"\n"
			"commands (words may be abbreviated; COMMAND --help says more):\n");
	print_commands(stream, commands, true);
	fprintf(stream,
		"\n"
		"options:\n"
		"  -j, --json           JSON on stdout, errors too: {\"error\": ...}\n"
		"  -s, --socket SOCKET  espalierd's socket (" CLIENT_SOCKET ")\n"
		"  -h, --help           this text, or that of a command\n"
		"      --version        the version\n"
		"\n"
		"%s\n",
		exit_help);
}

static void print_help(const struct command *command)
{
	printf("usage: espalier [-j] [-s SOCKET] %s%s%s%s%s\n\n%s\n",
	       command->parent ? command->parent : "", command->parent ? " " : "", command->name,
	       command->args ? " " : "", command->args ? command->args : "", command->summary);
	if (command->help)
		printf("\n%s\n", command->help);
	if (command->nouns) {
		putchar('\n');
		print_commands(stdout, command->nouns, false);
	}
	if (!command->help || !strstr(command->help, "Exit status"))
		printf("\n%s\n", exit_help);
}

/* The command that `word` names or abbreviates. NULL: none, or more than one. */
static const struct command *find(const struct command *list, const char *word)
{
	const struct command *found = NULL;
	size_t len = strlen(word);

	for (; list->name; list++) {
		if (strncmp(list->name, word, len) != 0)
			continue;
		if (!list->name[len])
			return list;
		if (found)
			return NULL;
		found = list;
	}
	return found;
}

/* Complains about a word that find() did not find. */
static int not_found(const struct cli *cli, const struct command *list, const char *word)
{
	const char *what = list == commands	     ? "command"
			   : list == show_commands   ? "thing to show"
			   : list == render_commands ? "thing to render"
						     : "thing to do";
	char candidates[256] = "", word_quoted[QUOTED_LEN];
	const char *best = NULL;
	size_t used = 0;

	quoted(word, word_quoted);
	for (const struct command *c = list; c->name; c++) {
		best = nearest_word(word, c->name, best);
		if (strncmp(c->name, word, strlen(word)) == 0)
			used += snprintf(candidates + used, sizeof(candidates) - used, "%s%s",
					 used ? ", " : "", c->name);
	}
	if (used)
		return cli_fail(cli, EXIT_USAGE, "'%s' is ambiguous: %s", word_quoted, candidates);
	return cli_fail(cli, EXIT_USAGE, "unknown %s '%s'%s%s%s", what, word_quoted,
			best ? ": did you mean " : "; espalier --help lists them", best ? best : "",
			best ? "?" : "");
}

/* The option among `options` that comes first in the table, as typed. */
static const char *option_name(unsigned options)
{
	for (const struct option *o = long_options; o->name; o++)
		if (o->val > OWN_OPTION && ((unsigned)o->val - OWN_OPTION) & options)
			return o->name;
	return "";
}

static int run(const struct line *line, const struct command *command, char **operands)
{
	unsigned unknown = line->cli.options & ~command->options;
	int count = 0;

	while (operands[count])
		count++;
	if (line->help) {
		print_help(command);
		return EXIT_OK;
	}
	if (unknown)
		return cli_fail(&line->cli, EXIT_USAGE, "%s has no option --%s", command->name,
				option_name(unknown));
	if (count < command->min || count > command->max)
		return cli_fail(&line->cli, EXIT_USAGE, "%s arguments; usage: %s%s%s",
				count < command->min ? "too few" : "too many", command->name,
				command->args ? " " : "", command->args ? command->args : "");
	return command->run(&line->cli, command, operands);
}

static int dispatch(const struct line *line, const struct command *list, char **words)
{
	const struct command *command;

	command = find(list, words[0]);
	if (!command)
		return not_found(&line->cli, list, words[0]);
	if (!command->nouns)
		return run(line, command, words + 1);
	if (words[1])
		return dispatch(line, command->nouns, words + 1);
	if (!line->help && command->run)
		return run(line, command, words + 1);
	if (!line->help)
		return cli_fail(&line->cli, EXIT_USAGE, "%s what? %s", command->name,
				command->args);
	print_help(command);
	return EXIT_OK;
}

static int execute(const struct line *line)
{
	static char *version[] = { "version", NULL };

	if (line->bad)
		return cli_fail(&line->cli, EXIT_USAGE, "%s: %s",
				line->bad == ':' ? "this option needs an argument"
						 : "unknown option",
				line->bad_word);
	if (line->version)
		return dispatch(line, commands, version);
	if (line->words[0])
		return dispatch(line, commands, line->words);
	print_usage(line->help ? stdout : stderr);
	return line->help ? EXIT_OK : EXIT_USAGE;
}

int main(int argc, char **argv)
{
	struct line line = { .cli.socket = CLIENT_SOCKET };
	int code;

	setlocale(LC_CTYPE, "");
	parse(&line, argc, argv);
	code = execute(&line);
	json_decref(line.cli.down);
	json_decref(line.cli.announce);
	if (fflush(stdout) || ferror(stdout)) {
		perror("espalier: cannot write the output");
		code = code ? code : EXIT_FAILED;
	}
	return code;
}
