/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * espalier render --check: is what runs what would be rendered? The programs themselves are asked
 * for their configuration, read-only; what they do not tell cannot be compared, and the manual says
 * what that is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../wire/running.h"
#include "beside.h"
#include "render.h"
#include "table.h"

enum { SAME = EXIT_OK, DIFFERS = 1, CANNOT_TELL = 2 };

/* FRR's text is rendered and read back. */
static void frr_statements(const struct config *c, struct statements *out)
{
	struct text text = { 0 };

	render_frr(c, &text);
	out->failed |= text.failed;
	if (text.data)
		running_frr(text.data, text.len, out);
	text_free(&text);
}

static const char *const ask_swanctl[] = { "--list-conns", "--pretty", NULL };
static const char *const ask_frr[] = { "-c", "show running-config", NULL };
static const char *const ask_bird[] = { "show", "protocols", "all", NULL };

static const struct side {
	const char *name;
	enum beside program;
	const char *const *question;
	void (*rendered)(const struct config *c, struct statements *out);
	void (*running)(const char *text, size_t len, struct statements *out);
	const struct comparison *how;
	void (*refuses)(const struct config *c, struct findings *f); /* NULL: nothing */
} sides[] = {
	{ "swanctl", BESIDE_SWANCTL, ask_swanctl, rendered_swanctl, running_swanctl,
	  &running_swanctl_comparison, NULL },
	{ "frr", BESIDE_VTYSH, ask_frr, frr_statements, running_frr, &running_frr_comparison,
	  render_frr_refuses },
	{ "bird", BESIDE_BIRDC, ask_bird, rendered_bird, running_bird, &running_bird_comparison,
	  render_bird_refuses },
};

#define SIDES (sizeof(sides) / sizeof(*sides))

/* The answers of several, as one JSON object. */
struct verdict {
	const struct cli *cli;
	json_t *json;
};

/* ---- said ---- */

static void print_differences(const struct side *side, const struct difference *list, size_t count)
{
	if (!count) {
		printf("%s: what runs is what is rendered\n", side->name);
		return;
	}
	printf("%s: %zu difference%s (- rendered and not running, + running and not rendered)\n",
	       side->name, count, plural(count));
	for (size_t i = 0; i < count; i++) {
		const struct statement *s = list[i].statement;
		char shown[QUOTED_LEN];

		if (*s->context && (!i || strcmp(s->context, list[i - 1].statement->context) != 0))
			printf("  %s\n", s->context);
		printf("%s%c   %s%s%s\n", style_on(list[i].rendered ? STYLE_WARN : STYLE_BAD),
		       list[i].rendered ? '-' : '+', *s->context ? "  " : "",
		       list[i].rendered ? s->line : quoted(s->line, shown), style_off());
	}
}

static json_t *differences_json(const struct difference *list, size_t count)
{
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(array, json_pack("{s:s, s:s, s:b}", "context",
						       list[i].statement->context, "line",
						       list[i].statement->line, "rendered",
						       list[i].rendered));
	return array;
}

static int say(struct verdict *v, const struct side *side, const struct difference *list,
	       size_t count)
{
	if (v->cli->json)
		json_object_set_new(v->json, side->name,
				    json_pack("{s:b, s:o}", "same", !count, "differences",
					      differences_json(list, count)));
	else
		print_differences(side, list, count);
	return count ? DIFFERS : SAME;
}

static int cannot_tell(struct verdict *v, const struct side *side, const char *why)
{
	if (v->cli->json)
		json_object_set_new(v->json, side->name,
				    json_pack("{s:n, s:s}", "same", "error", why));
	else
		fprintf(stderr, "espalier: %s: %s\n", side->name, why);
	return CANNOT_TELL;
}

/* ---- compared ---- */

static int compare(struct verdict *v, const struct side *side, struct statements *rendered,
		   struct statements *running)
{
	struct difference *list;
	size_t count;
	int code;

	statements_sort(rendered);
	statements_sort(running);
	if (statements_compare(rendered, running, side->how, &list, &count))
		return cannot_tell(v, side, "out of memory");
	code = say(v, side, list, count);
	free(list);
	return code;
}

static int check_side(struct verdict *v, const struct side *side, const struct config *c)
{
	struct statements rendered = { 0 }, running = { 0 };
	struct findings refused = { 0 };
	char why[BESIDE_WHY_LEN], *text;
	size_t len;
	int code;

	if (side->refuses)
		side->refuses(c, &refused);
	if (render_refuse(v->cli, c->file, &refused))
		return CANNOT_TELL;
	if (beside_ask(side->program, side->question, &text, &len, why))
		return cannot_tell(v, side, why);
	side->rendered(c, &rendered);
	side->running(text, len, &running);
	free(text);
	code = compare(v, side, &rendered, &running);
	statements_free(&rendered);
	statements_free(&running);
	return code;
}

/* Without a name: strongSwan, and FRR where BGP is spoken. */
static bool concerns(const struct side *side, const struct config *c, const char *name)
{
	bool bgp = false;

	if (name)
		return !strcmp(side->name, name);
	for (size_t i = 0; i < c->connection_count; i++)
		bgp |= c->connections[i].bgp.enabled;
	return side->program == BESIDE_SWANCTL || (side->program == BESIDE_VTYSH && bgp);
}

int render_check(const struct cli *cli, const char *name, const char *file)
{
	struct verdict v = { cli, json_object() };
	struct config c;
	int worst = SAME;

	if (render_load(cli, file, &c)) {
		json_decref(v.json);
		return CANNOT_TELL;
	}
	for (size_t i = 0; i < SIDES; i++) {
		int code = concerns(&sides[i], &c, name) ? check_side(&v, &sides[i], &c) : SAME;

		worst = code > worst ? code : worst;
	}
	if (cli->json && cli_print_json(cli, v.json))
		worst = CANNOT_TELL;
	json_decref(v.json);
	config_free(&c);
	return worst;
}

int render_run(const struct cli *cli, const struct command *command, char **operands)
{
	(void)operands;
	if (cli->options & OPTION_CHECK)
		return render_check(cli, NULL, NULL);
	return cli_fail(cli, EXIT_USAGE, "%s what? %s", command->name, command->args);
}
