/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * espalier show advertised: what espalierd wants a data centre to be told, beside what the routing
 * daemon really announces over each tunnel.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bgp_sessions.h"
#include "cli.h"
#include "field.h"
#include "show.h"

static const struct column columns[] = {
	{ "PREFIX", ALIGN_LEFT }, { "TYPE", ALIGN_LEFT },	    { "FROM", ALIGN_LEFT },
	{ "STATE", ALIGN_LEFT },  { "ANNOUNCED OVER", ALIGN_LEFT }, { "WHY", ALIGN_LEFT },
	{ NULL, ALIGN_LEFT },
};

/* ---- beside each other ---- */

static void add_announced(json_t *item, const char *tunnel)
{
	json_array_append_new(json_object_get(item, "announced"), json_string(tunnel));
}

/* By prefix, for there may be many. The items are the list's. */
static json_t *index_of(json_t *list)
{
	json_t *index = json_object(), *item;
	size_t i;

	json_array_foreach (list, i, item)
		json_object_set(index, field_string(item, "prefix"), item);
	return index;
}

/* Announced, and not to be: listed in any case. */
static json_t *add_stranger(json_t *list, json_t *index, const char *prefix)
{
	json_t *item = json_pack("{s:s, s:b, s:[], s:s, s:[]}", "prefix", prefix, "advertised", 0,
				 "from", "why", "none of espalierd's", "announced");

	json_array_append_new(list, item);
	json_object_set(index, prefix, item);
	return item;
}

static void note_announced(json_t *list, json_t *index, const struct prefixes *announced,
			   const char *tunnel)
{
	for (size_t i = 0; i < announced->count; i++) {
		char prefix[PREFIX_STRLEN];
		json_t *item;

		prefix_format(&announced->list[i], prefix);
		item = json_object_get(index, prefix);
		add_announced(item ? item : add_stranger(list, index, prefix), tunnel);
	}
}

static int ask_tunnels(const json_t *connection, json_t *list, char why[BESIDE_WHY_LEN])
{
	const json_t *tunnels = field(connection, "tunnels");
	json_t *index = index_of(list);
	int err = 0;

	for (size_t i = 0; !err && i < json_array_size(tunnels); i++) {
		const json_t *tunnel = json_array_get(tunnels, i);
		struct prefixes announced = { 0 };

		err = bgp_announced_ask(connection, tunnel, &announced, why);
		if (!err)
			note_announced(list, index, &announced, field_string(tunnel, "name"));
		prefixes_free(&announced);
	}
	json_decref(index);
	return err;
}

static bool names(const json_t *announced, const char *tunnel)
{
	for (size_t i = 0; i < json_array_size(announced); i++)
		if (!strcmp(json_string_value(json_array_get(announced, i)), tunnel))
			return true;
	return false;
}

/* Tunnels whose session stands, and that do not announce what is to be advertised. */
static json_t *missing_of(const json_t *item, const json_t *tunnels)
{
	json_t *missing = json_array();

	for (size_t i = 0; json_is_true(field(item, "advertised")) && i < json_array_size(tunnels);
	     i++) {
		const json_t *tunnel = json_array_get(tunnels, i);
		const char *state = json_string_value(field(field(tunnel, "session"), "state"));

		if (state && !strcmp(state, "Established") &&
		    !names(field(item, "announced"), field_string(tunnel, "name")))
			json_array_append_new(missing, json_string(field_string(tunnel, "name")));
	}
	return missing;
}

static void note_missing(json_t *list, const json_t *tunnels)
{
	json_t *item;
	size_t i;

	json_array_foreach (list, i, item)
		json_object_set_new(item, "missing", missing_of(item, tunnels));
}

static void set_announced(json_t *list, bool known)
{
	json_t *item;
	size_t i;

	json_array_foreach (list, i, item)
		json_object_set_new(item, "announced", known ? json_array() : json_null());
}

/* What espalierd does not want was asked for only to be compared. */
static void leave_out(json_t *list, bool all)
{
	for (size_t i = json_array_size(list); !all && i-- > 0;) {
		const json_t *item = json_array_get(list, i);

		if (!json_is_true(field(item, "advertised")) &&
		    !json_array_size(field(item, "announced")))
			json_array_remove(list, i);
	}
}

/* ---- shown ---- */

/* "dc-2, dc-3" */
static const char *sources(const json_t *from, char buf[FIELD_LIST_STRLEN])
{
	size_t len = 0;

	snprintf(buf, FIELD_LIST_STRLEN, "-");
	for (size_t i = 0; i < json_array_size(from) && len < FIELD_LIST_STRLEN; i++)
		len += (size_t)snprintf(buf + len, FIELD_LIST_STRLEN - len, "%s%s", i ? ", " : "",
					field_string(json_array_get(from, i), "attachment"));
	return buf;
}

/* Do both sides agree, as far as both are known? */
static bool agreed(const json_t *item)
{
	const json_t *announced = field(item, "announced");

	return !json_is_array(announced) ||
	       (json_is_true(field(item, "advertised")) == (json_array_size(announced) > 0) &&
		!json_array_size(field(item, "missing")));
}

static void cell_why(struct table *t, const json_t *item)
{
	const char *why = json_string_value(field(item, "why"));
	char buf[FIELD_LIST_STRLEN];

	if (why || agreed(item))
		table_cell(t, STYLE_DIM, "%s", why ? why : "");
	else if (json_array_size(field(item, "announced")))
		table_cell(t, STYLE_DIM, "the routing daemon does not announce it over %s",
			   field_list(item, "missing", buf));
	else
		table_cell(t, STYLE_DIM, "the routing daemon does not announce it");
}

static void row(struct table *t, const json_t *item)
{
	const json_t *from = field(item, "from");
	bool advertised = json_is_true(field(item, "advertised"));
	char buf[FIELD_LIST_STRLEN];

	cell_text(t, item, "prefix");
	table_cell(t, STYLE_PLAIN, "%s", field_string(json_array_get(from, 0), "type"));
	table_cell(t, STYLE_PLAIN, "%s", sources(from, buf));
	table_cell(t,
		   !agreed(item) ? STYLE_BAD
		   : advertised	 ? STYLE_GOOD
				 : STYLE_DIM,
		   "%s", advertised ? "advertised" : "not");
	table_cell(t, agreed(item) ? STYLE_PLAIN : STYLE_BAD, "%s",
		   field_list(item, "announced", buf));
	cell_why(t, item);
}

static int print(const struct cli *cli, const json_t *list)
{
	struct table *t;

	if (cli->json)
		return cli_print_json(cli, list);
	if (!json_array_size(list)) {
		printf("nothing is advertised; with --all also what is not, and why\n");
		return EXIT_OK;
	}
	t = table_new(columns);
	for (size_t i = 0; i < json_array_size(list); i++)
		row(t, json_array_get(list, i));
	return table_print(t) ? cli_fail(cli, EXIT_FAILED, "out of memory") : EXIT_OK;
}

static int ask_connection(const struct cli *cli, const char *name, json_t **bgp,
			  const json_t **connection)
{
	int code = bgp_ask_daemon(cli, json_pack("{s:s}", "command", "bgp"), bgp);

	*connection = NULL;
	for (size_t i = 0; !code && i < json_array_size(*bgp); i++)
		if (!strcmp(field_string(json_array_get(*bgp, i), "connection"), name))
			*connection = json_array_get(*bgp, i);
	return code;
}

int show_advertised_run(const struct cli *cli, const struct command *command, char **operands)
{
	json_t *list = NULL, *bgp = NULL;
	const json_t *connection;
	char why[BESIDE_WHY_LEN];
	int code;

	(void)command;
	code = bgp_ask_daemon(cli,
			      json_pack("{s:s, s:s, s:b}", "command", "advertised", "connection",
					operands[0], "all", 1),
			      &list);
	if (!code)
		code = ask_connection(cli, operands[0], &bgp, &connection);
	if (!code) {
		set_announced(list, true);
		if (bgp_sessions_add(bgp, why) || ask_tunnels(connection, list, why)) {
			set_announced(list, false);
			bgp_complain(why);
		} else {
			note_missing(list, field(connection, "tunnels"));
		}
		leave_out(list, cli->options & OPTION_ALL);
		code = print(cli, list);
	}
	json_decref(bgp);
	json_decref(list);
	return code;
}
