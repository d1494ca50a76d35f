/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * espalier show bgp CONNECTION: what it has learned, route by route and tunnel by tunnel. The
 * gateway's daemon says what is accepted and refused, the routing daemon the rest: paths that it
 * did not choose are in no kernel table, and nobody else knows them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../core/config.h"
#include "bgp_sessions.h"
#include "cli.h"
#include "field.h"
#include "show.h"

/* What is known of one prefix over one tunnel. */
struct row {
	struct prefix prefix;
	const char *tunnel;	     /* of the daemon's answer */
	size_t position;	     /* of the tunnel */
	const char *state;	     /* accepted, refused, unused */
	const struct frr_path *path; /* NULL: not told */
};

struct rows {
	const json_t *tunnels;
	struct row *list;
	size_t count, room;
};

static struct row *row_for(struct rows *r, const struct prefix *p, size_t tunnel)
{
	struct row *list = r->list;

	if (r->count == r->room) {
		r->room = 2 * r->room + 64;
		list = reallocarray(r->list, r->room, sizeof(*list));
		if (!list)
			return NULL;
		r->list = list;
	}
	list[r->count] = (struct row){
		.prefix = *p,
		.tunnel = field_string(json_array_get(r->tunnels, tunnel), "name"),
		.position = tunnel,
		.state = "unused",
	};
	return &list[r->count++];
}

static size_t tunnel_named(const json_t *tunnels, const char *name)
{
	size_t i = 0;

	while (i < json_array_size(tunnels) &&
	       strcmp(field_string(json_array_get(tunnels, i), "name"), name) != 0)
		i++;
	return i;
}

static int add(struct rows *r, const char *prefix, const char *tunnel, const char *state)
{
	size_t position = tunnel_named(r->tunnels, tunnel);
	struct prefix p;
	struct row *row;

	if (prefix_parse(prefix, &p, NULL) || position == json_array_size(r->tunnels))
		return 0;
	row = row_for(r, &p, position);
	if (!row)
		return -ENOMEM;
	row->state = state;
	return 0;
}

/* Of the daemon's answer to `routes`: those that came by BGP. */
static int add_accepted(struct rows *r, const json_t *routes)
{
	int err = 0;

	for (size_t i = 0; i < json_array_size(routes); i++) {
		const json_t *route = json_array_get(routes, i), *hops = field(route, "next_hops");

		if (strcmp(field_string(route, "type"), "bgp") != 0)
			continue;
		for (size_t k = 0; !err && k < json_array_size(hops); k++)
			err = add(r, field_string(route, "prefix"),
				  field_string(json_array_get(hops, k), "tunnel"), "accepted");
	}
	return err;
}

static int add_refused(struct rows *r, const json_t *refused)
{
	int err = 0;

	for (size_t i = 0; i < json_array_size(refused); i++) {
		const json_t *item = json_array_get(refused, i), *tunnels = field(item, "tunnels");

		for (size_t k = 0; !err && k < json_array_size(tunnels); k++) {
			const char *tunnel = json_string_value(json_array_get(tunnels, k));

			err = add(r, field_string(item, "prefix"), tunnel ? tunnel : "", "refused");
		}
	}
	return err;
}

static int by_prefix(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int order = prefix_compare(&x->prefix, &y->prefix);

	return order ? order : (x->position > y->position) - (x->position < y->position);
}

/* The tunnel that leads to a peer of a session. */
static size_t tunnel_to(const json_t *tunnels, const struct address *peer)
{
	size_t i;

	for (i = 0; i < json_array_size(tunnels); i++) {
		struct address a;

		if (!address_parse(field_string(json_array_get(tunnels, i), "peer"), &a) &&
		    address_equal(&a, peer))
			break;
	}
	return i;
}

/* Paths that are in no kernel table get a row of their own. */
static int add_paths(struct rows *r, const struct frr_paths *paths)
{
	size_t known = r->count;

	if (known)
		qsort(r->list, known, sizeof(*r->list), by_prefix);
	for (size_t i = 0; i < paths->count; i++) {
		const struct frr_path *path = &paths->list[i];
		struct row key = { .prefix = path->prefix }, *row = NULL;

		key.position = path->peer.family ? tunnel_to(r->tunnels, &path->peer)
						 : json_array_size(r->tunnels);
		if (key.position == json_array_size(r->tunnels))
			continue; /* it began here, or came another way */
		if (known)
			row = bsearch(&key, r->list, known, sizeof(key), by_prefix);
		if (!row)
			row = row_for(r, &path->prefix, key.position);
		if (!row)
			return -ENOMEM;
		row->path = path;
	}
	if (r->count)
		qsort(r->list, r->count, sizeof(*r->list), by_prefix);
	return 0;
}

/* ---- which of them are shown ---- */

struct wanted {
	bool all;
	struct prefix prefix; /* exactly; of an address: the longest that holds it */
};

static int parse_wanted(const struct cli *cli, const char *text, struct wanted *out)
{
	char shown[QUOTED_LEN];

	out->all = !text;
	if (text && prefix_parse(text, &out->prefix, NULL))
		return cli_fail(cli, EXIT_USAGE, "show bgp: '%s' is no prefix and no address",
				quoted(text, shown));
	return EXIT_OK;
}

static void find_longest(struct rows *r, const char *text, struct wanted *wanted)
{
	const struct prefix address = wanted->prefix;
	int best = -1;

	for (size_t i = 0; text && !strchr(text, '/') && i < r->count; i++) {
		const struct prefix *p = &r->list[i].prefix;

		if (prefix_contains(p, &address) && p->len > best) {
			best = p->len;
			wanted->prefix = *p;
		}
	}
}

static bool is_wanted(const struct row *row, const struct wanted *wanted)
{
	return wanted->all || prefix_equal(&row->prefix, &wanted->prefix);
}

/* ---- shown ---- */

static json_t *row_json(const struct row *row)
{
	const struct frr_path *path = row->path;
	char prefix[PREFIX_STRLEN], hop[PREFIX_STRLEN];

	if (!path)
		return json_pack("{s:s, s:s, s:s, s:n, s:n, s:n, s:n, s:n, s:n}", "prefix",
				 prefix_format(&row->prefix, prefix), "tunnel", row->tunnel,
				 "state", row->state, "best", "next_hop", "as_path",
				 "as_path_length", "med", "communities");
	return json_pack("{s:s, s:s, s:s, s:b, s:o, s:s, s:I, s:o, s:s}", "prefix",
			 prefix_format(&row->prefix, prefix), "tunnel", row->tunnel, "state",
			 row->state, "best", path->best || path->multipath, "next_hop",
			 path->next_hop.family ? json_string(address_format(&path->next_hop, hop))
					       : json_null(),
			 "as_path", path->as_path, "as_path_length",
			 (json_int_t)path->as_path_length, "med",
			 path->has_med ? json_integer(path->med) : json_null(), "communities",
			 path->communities);
}

static const struct column route_columns[] = {
	{ "PREFIX", ALIGN_LEFT },      { "TUNNEL", ALIGN_LEFT },  { "STATE", ALIGN_LEFT },
	{ "NEXT HOP", ALIGN_LEFT },    { "AS PATH", ALIGN_LEFT }, { "MED", ALIGN_RIGHT },
	{ "COMMUNITIES", ALIGN_LEFT }, { NULL, ALIGN_LEFT },
};

static void add_row(struct table *t, const json_t *item)
{
	const char *state = field_string(item, "state");
	char buf[FIELD_STRLEN];

	cell_text(t, item, "prefix");
	cell_text(t, item, "tunnel");
	table_cell(t,
		   !strcmp(state, "accepted")  ? STYLE_GOOD
		   : !strcmp(state, "refused") ? STYLE_BAD
					       : STYLE_DIM,
		   "%s", state);
	cell_text(t, item, "next_hop");
	cell_text(t, item, "as_path");
	table_cell(t, STYLE_PLAIN, "%s", field_text(item, "med", buf));
	table_cell(t, STYLE_PLAIN, "%s", field_string(item, "communities"));
}

static int print(const struct cli *cli, const json_t *list, const char *what)
{
	struct table *t;

	if (cli->json)
		return cli_print_json(cli, list);
	if (!json_array_size(list)) {
		printf("%s\n", what ? "no such route is learned" : "nothing is learned");
		return EXIT_OK;
	}
	t = table_new(route_columns);
	for (size_t i = 0; i < json_array_size(list); i++)
		add_row(t, json_array_get(list, i));
	return table_print(t) ? cli_fail(cli, EXIT_FAILED, "out of memory") : EXIT_OK;
}

static int show(const struct cli *cli, struct rows *r, const char *text, struct wanted *wanted)
{
	json_t *list = json_array();
	int code;

	find_longest(r, text, wanted);
	for (size_t i = 0; i < r->count; i++)
		if (is_wanted(&r->list[i], wanted))
			json_array_append_new(list, row_json(&r->list[i]));
	code = print(cli, list, text);
	json_decref(list);
	return code;
}

/* ---- asked ---- */

static const json_t *connection_named(const json_t *connections, const char *name)
{
	for (size_t i = 0; i < json_array_size(connections); i++) {
		const json_t *c = json_array_get(connections, i);

		if (!strcmp(field_string(c, "connection"), name))
			return c;
	}
	return NULL;
}

static int join_and_show(const struct cli *cli, const json_t *connection, const json_t *routes,
			 const char *text, struct wanted *wanted)
{
	struct rows rows = { .tunnels = field(connection, "tunnels") };
	struct frr_paths paths = { 0 };
	char why[BESIDE_WHY_LEN];
	int code, err = add_accepted(&rows, routes);

	if (!err)
		err = add_refused(&rows, field(connection, "refused"));
	if (!err && bgp_paths_ask(connection, &paths, why))
		bgp_complain(why);
	if (!err)
		err = add_paths(&rows, &paths);
	code = err ? cli_fail(cli, EXIT_FAILED, "out of memory") : show(cli, &rows, text, wanted);
	frr_paths_free(&paths);
	free(rows.list);
	return code;
}

int show_bgp_routes(const struct cli *cli, const char *name, const char *prefix)
{
	json_t *connections = NULL, *routes = NULL;
	const json_t *connection = NULL;
	char shown[QUOTED_LEN];
	struct wanted wanted = { 0 };
	int code = parse_wanted(cli, prefix, &wanted);

	if (!code)
		code = bgp_ask_daemon(cli, json_pack("{s:s}", "command", "bgp"), &connections);
	if (!code) {
		connection = connection_named(connections, name);
		code = connection ? EXIT_OK
				  : cli_fail(cli, EXIT_FAILED, "no connection '%s' has bgp",
					     quoted(name, shown));
	}
	if (!code)
		code = bgp_ask_daemon(
			cli, json_pack("{s:s, s:s}", "command", "routes", "connection", name),
			&routes);
	if (!code)
		code = join_and_show(cli, connection, routes, prefix, &wanted);
	json_decref(routes);
	json_decref(connections);
	return code;
}
