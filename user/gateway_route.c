/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Single routes at run time [S39]: judged by the rules, at once in the maps, then in the state
 * file. What cannot be remembered is taken back: a route that a restart would lose is worse than
 * none.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/rules.h"
#include "gateway_change.h"

/* ---- the question ---- */

static json_t *parse_prefix(const char *text, struct prefix *out)
{
	char meant[PREFIX_STRLEN];
	struct prefix masked;
	int err;

	if (!text)
		return control_error("route needs a prefix");
	err = prefix_parse(text, out, &masked);
	if (err == -ERANGE)
		return control_error("%s has host bits set; did you mean %s?", text,
				     prefix_format(&masked, meant));
	return err ? control_error("'%s' is not a prefix such as 10.0.0.0/8", text) : NULL;
}

static json_t *parse_target(const json_t *request, struct runtime_route *out)
{
	const json_t *metric = json_object_get(request, "metric");
	bool blackhole = json_is_true(json_object_get(request, "blackhole"));
	json_int_t number = json_integer_value(metric);

	out->via = (char *)json_string_value(json_object_get(request, "via"));
	if (blackhole == !!out->via)
		return control_error("a table's route is `via ATTACHMENT` or `blackhole` [D9]");
	if (metric && (!json_is_integer(metric) || number < 0 || number > UINT32_MAX))
		return control_error("metric: 0 to 4294967295");
	out->metric = (uint32_t)number;
	return NULL;
}

/* Strings belong to the request. NULL, or what is wrong with it. */
static json_t *parse(const struct gateway *g, const json_t *request, struct runtime_route *out,
		     int *owner)
{
	const char *table = json_string_value(json_object_get(request, "table"));
	const char *connection = json_string_value(json_object_get(request, "connection"));
	json_t *wrong;

	*out = (struct runtime_route){ .table = table,
				       .owner = (char *)(table ? table : connection) };
	if (!table == !connection)
		return control_error("a route belongs to a table or to a connection");
	wrong = parse_prefix(json_string_value(json_object_get(request, "prefix")), &out->prefix);
	if (!wrong && table)
		wrong = parse_target(request, out);
	if (wrong)
		return wrong;
	*owner = table ? config_find_table(&g->config, table)
		       : config_find_connection(&g->config, connection);
	if (*owner < 0)
		return control_error("there is no %s '%s'", table ? "table" : "connection",
				     out->owner);
	if (out->via && config_find_attachment(&g->config, out->via) < 0)
		return control_error("there is no attachment '%s'; `espalier show attachments` "
				     "lists them [D9]",
				     out->via);
	return NULL;
}

/* ---- the change ---- */

static int in_maps(struct gateway *g, const struct runtime_route *r, size_t owner, bool add)
{
	struct config_table_route route;
	int err;

	if (!r->table)
		return gateway_connection_route(g, owner, &r->prefix, add);
	err = runtime_table_route(r, &g->config, &route);
	return err ? err : gateway_table_route(g, owner, &route, add);
}

static json_t *judge(const struct gateway *g, const struct runtime_route *r, size_t owner)
{
	struct findings f = { 0 };
	struct config_table_route route;
	json_t *wrong = NULL;
	int err;

	if (!r->table)
		err = rules_connection_route(&g->config, owner, &r->prefix, &f);
	else if (!(err = runtime_table_route(r, &g->config, &route)))
		err = rules_table_route(&g->config, owner, &route, &f);
	if (err)
		wrong = control_error("%s", f.count ? f.list[0].text : strerror(-err));
	if (wrong && f.count)
		json_object_set_new(wrong, "findings", findings_json(&f));
	findings_free(&f);
	return wrong;
}

/* Was it written in the file, as far as the running configuration knows? */
static bool in_file(const struct gateway *g, const struct runtime_route *r, size_t owner)
{
	int place = runtime_route_place(r, &g->config);

	if (place < 0)
		return false;
	return r->table ? g->config.tables[owner].routes[place].mark.line
			: g->config.connections[owner].routes[place].mark.line;
}

/* Into the memory of what was changed at run time: *left is what is to be remembered. */
static int remember(struct gateway *g, struct runtime_route *r, bool add, bool file,
		    struct runtime_routes *left)
{
	struct runtime_route *known;
	int err = runtime_routes_copy(&g->change->word.routes, left);

	if (err)
		return err;
	known = runtime_routes_find(left, r);
	r->file = file || (known && (known->kind == RUNTIME_DELETED || known->file));
	r->kind = add ? RUNTIME_ADDED : RUNTIME_DELETED;
	if (known)
		runtime_routes_remove(left, known);
	if (add || r->file)
		err = runtime_routes_add(left, r);
	return err;
}

/* Exchanges what is remembered for `left`, on the disk too. On failure it is as before. */
static int commit(struct gateway *g, struct runtime_routes *left)
{
	struct runtime_routes was = g->change->word.routes;
	int err;

	g->change->word.routes = *left;
	err = state_save(g);
	if (err) {
		g->change->word.routes = was;
		return err;
	}
	runtime_routes_free(&was);
	*left = (struct runtime_routes){ 0 };
	return 0;
}

static json_t *failure(const struct gateway *g, int err, const char *text)
{
	if (err == -ENOSPC)
		return control_error("no room for %s: %s", text,
				     g->alarm_count ? g->alarms[g->alarm_count - 1]
						    : "the dataplane is full");
	if (err == -ENOENT)
		return control_error("there is no route %s", text);
	return control_error("%s: %s", text, strerror(-err));
}

static json_t *change(struct gateway *g, struct runtime_route *r, size_t owner, bool add)
{
	bool file = in_file(g, r, owner);
	struct runtime_route *refused = runtime_routes_find(&g->change->word.routes, r);
	struct runtime_routes left = { 0 };
	char text[RUNTIME_TEXT_LEN];
	json_t *answer = NULL;
	bool used = add || !(refused && refused->why); /* else it is only remembered */
	int err = remember(g, r, add, file, &left);

	runtime_route_text(r, text);
	monitor_because(g, "route %s", add ? "add" : "delete");
	if (!err && used)
		err = in_maps(g, r, owner, add);
	if (err) {
		answer = failure(g, err, text);
	} else if ((err = commit(g, &left))) {
		if (used)
			in_maps(g, r, owner, !add);
		answer = control_error("not changed: the state file in %s cannot be written: %s",
				       g->options->state_dir, strerror(-err));
	}
	runtime_routes_free(&left);
	monitor_settled(g);
	if (answer)
		return answer;
	monitor_configuration(g, add ? "route added" : "route deleted", "%s", text);
	return control_ok(
		json_pack("{s:s, s:s}", "change", add ? "added" : "deleted", "route", text));
}

json_t *route_request(struct gateway *g, const json_t *request)
{
	const char *action = json_string_value(json_object_get(request, "action"));
	bool add = action && !strcmp(action, "add");
	struct runtime_route r;
	json_t *wrong = change_refused(g);
	int owner = -1;

	if (!wrong && !add && (!action || strcmp(action, "delete")))
		wrong = control_error("route needs an action, add or delete");
	if (!wrong)
		wrong = parse(g, request, &r, &owner);
	if (!wrong && add)
		wrong = judge(g, &r, (size_t)owner);
	return wrong ? wrong : change(g, &r, (size_t)owner, add);
}
