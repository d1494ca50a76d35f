/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * espalier plan: what would change, and whom it concerns. The daemon says what it counted; asked
 * twice, a second apart, that is a rate.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "../io/configfile.h"
#include "cli.h"
#include "field.h"
#include "table.h"

#define ROUTES_SHOWN 50

static const char *sign(const char *change)
{
	if (!strcmp(change, "added"))
		return "+";
	return strcmp(change, "removed") ? "~" : "-";
}

static enum style change_style(const char *change)
{
	if (!strcmp(change, "added"))
		return STYLE_GOOD;
	return strcmp(change, "removed") ? STYLE_WARN : STYLE_BAD;
}

static void print_item(const json_t *item)
{
	const char *change = field_string(item, "change"), *what = field_string(item, "what");

	printf("%s%s %s %s%s%s%s\n", style_on(change_style(change)), sign(change),
	       field_string(item, "kind"), field_string(item, "name"), style_off(),
	       *what ? ": " : "", what);
}

static const char *places(const json_t *route, const char *key, char buf[FIELD_LIST_STRLEN])
{
	return json_is_array(field(route, key)) ? field_list(route, key, buf) : "nothing";
}

static void print_route(const json_t *r)
{
	const char *change = field_string(r, "change");
	const char *table = json_string_value(field(r, "table"));
	char was[FIELD_LIST_STRLEN], is[FIELD_LIST_STRLEN];

	printf("  %s%s %s%s in %s %s: %s %s %s\n", style_on(change_style(change)), sign(change),
	       field_string(r, "prefix"), style_off(), table ? "table" : "connection",
	       table ? table : field_string(r, "connection"), places(r, "was", was), arrow(),
	       places(r, "is", is));
}

static void print_routes(const json_t *plan)
{
	const json_t *routes = field(plan, "routes");
	size_t count = json_array_size(routes), more = field_count(plan, "more");

	if (!count)
		return;
	printf("\nwith the tunnels as they are now, packets go elsewhere:\n");
	for (size_t i = 0; i < count && i < ROUTES_SHOWN; i++) {
		const json_t *route = json_array_get(routes, i);

		print_route(route);
	}
	more += count > ROUTES_SHOWN ? count - ROUTES_SHOWN : 0;
	if (more)
		printf("  and %zu more\n", more);
}

/* "table:main" as "table main". */
static void print_tables(const json_t *plan)
{
	const json_t *tables = field(plan, "tables");

	for (size_t i = 0; i < json_array_size(tables); i++) {
		const json_t *t = json_array_get(tables, i);
		const char *name = field_string(t, "table");
		size_t kind = strcspn(name, ":");

		printf("%.*s %s: %llu prefixes added, %llu removed, %llu moved\n", (int)kind, name,
		       name[kind] ? name + kind + 1 : "",
		       (unsigned long long)field_count(t, "added"),
		       (unsigned long long)field_count(t, "removed"),
		       (unsigned long long)field_count(t, "moved"));
	}
}

static void print_affected(const json_t *plan)
{
	const json_t *affected = field(plan, "affected"), *groups = field(plan, "groups");
	char tunnels[FIELD_LIST_STRLEN], attachments[FIELD_LIST_STRLEN], rate[UNIT_STRLEN] = "?";

	if (json_is_integer(field(affected, "packets_per_s")))
		unit_count(field_count(affected, "packets_per_s"), rate);

	printf("groups: %llu added, %llu removed, %llu kept\n",
	       (unsigned long long)field_count(groups, "added"),
	       (unsigned long long)field_count(groups, "removed"),
	       (unsigned long long)field_count(groups, "kept"));
	printf("affected: %llu prefixes, at most %s packets/s (tunnels %s; attachments %s)\n",
	       (unsigned long long)field_count(affected, "prefixes"), rate,
	       field_list(affected, "tunnels", tunnels),
	       field_list(affected, "attachments", attachments));
}

static void print_plan(const char *path, const json_t *plan)
{
	const json_t *items = field(plan, "items");

	if (!json_is_true(field(plan, "changes"))) {
		printf("%s is what runs: nothing would change\n", configfile_name(path));
		return;
	}
	for (size_t i = 0; i < json_array_size(items); i++) {
		const json_t *item = json_array_get(items, i);

		print_item(item);
	}
	print_routes(plan);
	putchar('\n');
	print_tables(plan);
	print_affected(plan);
}

static bool concerns_packets(const json_t *plan)
{
	const json_t *affected = field(plan, "affected");

	return json_array_size(field(affected, "tunnels")) +
		       json_array_size(field(affected, "attachments")) >
	       0;
}

/* The difference of two plans, over the time between them. */
static void add_rate(json_t *plan, const json_t *later)
{
	json_t *affected = json_object_get(plan, "affected");
	const json_t *then = field(later, "affected");
	double packets =
		(double)field_count(then, "packets") - (double)field_count(affected, "packets");
	double seconds =
		json_number_value(field(then, "at_s")) - json_number_value(field(affected, "at_s"));

	json_object_set_new(affected, "packets_per_s",
			    json_integer(packets > 0 && seconds > 0
						 ? (json_int_t)(packets / seconds + 0.5)
						 : 0));
}

static int ask(const struct cli *cli, const char *path, json_t **plan)
{
	return cli_submit(cli, json_pack("{s:s}", "command", "plan"), path, plan);
}

static int measure(const struct cli *cli, const char *path, json_t *plan)
{
	const struct timespec second = { .tv_sec = 1 };
	struct cli quiet = *cli;
	json_t *later = NULL;
	int code;

	nanosleep(&second, NULL);
	quiet.json = true; /* its warnings were printed */
	code = ask(&quiet, path, &later);
	if (code == EXIT_OK)
		add_rate(plan, later);
	json_decref(later);
	return code;
}

int plan_run(const struct cli *cli, const struct command *command, char **operands)
{
	json_t *plan = NULL;
	int code = ask(cli, operands[0], &plan);

	(void)command;
	/* Standard input cannot be read twice. */
	if (code == EXIT_OK && !concerns_packets(plan))
		add_rate(plan, plan);
	else if (code == EXIT_OK && strcmp(operands[0], "-") != 0)
		code = measure(cli, operands[0], plan);
	else if (code == EXIT_OK)
		json_object_set_new(json_object_get(plan, "affected"), "packets_per_s",
				    json_null());
	if (code == EXIT_OK && cli->json)
		code = cli_print_json(cli, plan);
	else if (code == EXIT_OK)
		print_plan(operands[0], plan);
	json_decref(plan);
	return code;
}
