/* SPDX-License-Identifier: GPL-2.0-only */
/* espalier ecmp preview: what the loss of tunnels would move, before they are lost. */
#include <stdio.h>
#include <string.h>
#include "cli.h"
#include "field.h"
#include "table.h"

static void print_tunnels(const json_t *down)
{
	printf("if ");
	for (size_t i = 0; i < json_array_size(down); i++) {
		const json_t *one = json_array_get(down, i);

		printf("%s%s%s%s%s", i ? ", then " : "", style_on(STYLE_HEAD),
		       field_string(one, "tunnel"), style_off(),
		       json_is_false(field(one, "live")) ? " (is down already)" : "");
	}
	printf(" went down:\n\n");
}

static void print_shares(const json_t *result)
{
	const json_t *buckets = field(result, "buckets"), *traffic = field(result, "traffic");
	char a[UNIT_STRLEN], b[UNIT_STRLEN], bar[BAR_STRLEN];
	uint64_t lost = field_count(buckets, "lost");

	printf("buckets  %s  %s of %s would move",
	       unit_bar(json_number_value(field(buckets, "share")), bar),
	       unit_count(field_count(buckets, "moved") + lost, a),
	       unit_count(field_count(buckets, "total"), b));
	if (lost)
		printf("; %s%s of them have no tunnel left%s", style_on(STYLE_BAD),
		       unit_count(lost, a), style_off());
	putchar('\n');
	if (!json_is_object(traffic))
		return;
	printf("traffic  %s  %s of %s in the last %s\n",
	       unit_bar(json_number_value(field(traffic, "share")), bar),
	       unit_bytes(field_count(traffic, "moved_bytes"), a),
	       unit_bytes(field_count(traffic, "bytes"), b),
	       unit_duration(json_number_value(field(traffic, "over_s")) + 0.5,
			     (char[UNIT_STRLEN]){ 0 }));
}

static void print_connections(const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		printf("%sconnection %s would have no tunnel left%s\n", style_on(STYLE_BAD),
		       json_string_value(json_array_get(list, i)), style_off());
}

static const struct column group_columns[] = {
	{ "GROUP", ALIGN_RIGHT }, { "ROUTES", ALIGN_RIGHT }, { "MOVE", ALIGN_RIGHT },
	{ "LOST", ALIGN_RIGHT },  { "SHARE", ALIGN_LEFT },   { "TO", ALIGN_LEFT },
	{ NULL, ALIGN_LEFT },
};

/* "dc-1-2 +86, branch-1 +42" */
static const char *targets(const json_t *group, char buf[FIELD_LIST_STRLEN])
{
	const json_t *to = field(group, "to");
	size_t len = 0;

	snprintf(buf, FIELD_LIST_STRLEN, "nowhere");
	for (size_t i = 0; i < json_array_size(to) && len < FIELD_LIST_STRLEN; i++) {
		const json_t *one = json_array_get(to, i);

		len += snprintf(buf + len, FIELD_LIST_STRLEN - len, "%s%s +%u", i ? ", " : "",
				field_string(one, "tunnel"), (unsigned)field_count(one, "buckets"));
	}
	return buf;
}

static void group_row(struct table *t, const json_t *group)
{
	const json_t *buckets = field(group, "buckets");
	uint64_t lost = field_count(buckets, "lost");
	char text[FIELD_LIST_STRLEN];

	table_cell(t, STYLE_PLAIN, "%s", field_text(group, "id", text));
	table_cell(t, STYLE_PLAIN, "%s", field_text(group, "routes", text));
	table_cell(t, STYLE_PLAIN, "%s", field_text(buckets, "moved", text));
	table_cell(t, lost ? STYLE_BAD : STYLE_PLAIN, "%s", field_text(buckets, "lost", text));
	table_cell(t, STYLE_PLAIN, "%s",
		   unit_bar(json_number_value(field(buckets, "share")), text));
	table_cell(t, STYLE_PLAIN, "%s", targets(group, text));
}

static int print_groups(const json_t *list)
{
	struct table *t;

	if (!json_array_size(list)) {
		printf("\nno group would change\n");
		return 0;
	}
	putchar('\n');
	t = table_new(group_columns);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *group = json_array_get(list, i);

		group_row(t, group);
	}
	return table_print(t);
}

static void print_fate(const json_t *row)
{
	const char *fate = field_string(row, "fate"), *table = field_string(row, "table");
	char was[FIELD_LIST_STRLEN], is[FIELD_LIST_STRLEN];
	uint64_t count = field_count(row, "count");

	printf("\ntable %s: %llu prefix%s of %s ", table, (unsigned long long)count,
	       count == 1 ? "" : "es", field_list(row, "was", was));
	if (strcmp(fate, "no-path") == 0)
		printf("would have %sno path%s\n", style_on(STYLE_BAD), style_off());
	else
		printf("would %s %s\n",
		       strcmp(fate, "fewer-tunnels") == 0 ? "keep" : "take another path:",
		       field_list(row, "is", is));
}

static void print_routes(const json_t *row)
{
	const json_t *prefixes = field(row, "prefixes");
	uint64_t count = field_count(row, "count"), listed = json_array_size(prefixes);

	print_fate(row);
	for (size_t i = 0; i < listed; i++)
		printf("  %s\n", json_string_value(json_array_get(prefixes, i)));
	if (listed < count)
		printf("  and %llu more: --all lists them\n", (unsigned long long)(count - listed));
}

static int render(const json_t *result, const void *context)
{
	const json_t *routes = field(result, "routes");
	int err;

	(void)context;
	print_tunnels(field(result, "down"));
	print_shares(result);
	print_connections(field(result, "connections"));
	err = print_groups(field(result, "groups"));
	for (size_t i = 0; i < json_array_size(routes); i++) {
		const json_t *row = json_array_get(routes, i);

		print_routes(row);
	}
	if (!json_array_size(routes))
		printf("\nevery prefix would keep its path\n");
	return err;
}

static int preview_run(const struct cli *cli, const struct command *command, char **operands)
{
	bool all = cli->json || cli->options & OPTION_ALL;

	(void)operands;
	if (!cli->down)
		return cli_fail(cli, EXIT_USAGE, "usage: ecmp %s %s", command->name, command->args);
	return cli_ask(cli,
		       json_pack("{s:s, s:O, s:o*}", "command", "preview", "down", cli->down, "all",
				 all ? json_true() : NULL),
		       render, NULL);
}

const struct command ecmp_commands[] = {
	{
		.name = "preview",
		.parent = "ecmp",
		.args = "--down TUNNEL [--down TUNNEL]... [--all]",
		.summary = "what would move if tunnels went down: buckets, traffic, prefixes",
		.help = "Exactly what then happens, asked of copies; nothing is changed. Tunnels "
			"are lost in\n"
			"the order in which they are named. Prefixes fare as when the hold-down "
			"is over.\n"
			"\n"
			"--down TUNNEL  a tunnel that is to be lost\n"
			"--all          every prefix, not only the first 20 of a kind (-j: always)",
		.options = OPTION_DOWN | OPTION_ALL,
		.run = preview_run,
	},
	{ .name = NULL },
};
