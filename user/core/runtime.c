/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "config_change.h"
#include "rules.h"
#include "runtime.h"

static const struct mark at_run_time;

static void free_route(struct runtime_route *r)
{
	free(r->owner);
	free(r->via);
	free(r->why);
}

void runtime_routes_free(struct runtime_routes *r)
{
	for (size_t i = 0; i < r->count; i++)
		free_route(&r->list[i]);
	free(r->list);
	*r = (struct runtime_routes){ 0 };
}

static char *copy(const char *text)
{
	return text ? strdup(text) : NULL;
}

int runtime_routes_add(struct runtime_routes *r, const struct runtime_route *route)
{
	struct runtime_route own = *route;

	if (!(r->count & (r->count - 1))) { /* room doubles at each power of two */
		size_t room = r->count ? 2 * r->count : 1;
		struct runtime_route *list = realloc(r->list, room * sizeof(*list));

		if (!list)
			return -ENOMEM;
		r->list = list;
	}
	own.owner = copy(route->owner);
	own.via = copy(route->via);
	own.why = copy(route->why);
	if (!own.owner || !own.via != !route->via || !own.why != !route->why) {
		free_route(&own);
		return -ENOMEM;
	}
	r->list[r->count++] = own;
	return 0;
}

int runtime_routes_copy(const struct runtime_routes *from, struct runtime_routes *to)
{
	struct runtime_routes out = { 0 };
	int err = 0;

	for (size_t i = 0; !err && i < from->count; i++)
		err = runtime_routes_add(&out, &from->list[i]);
	if (err)
		runtime_routes_free(&out);
	else
		*to = out;
	return err;
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

struct runtime_route *runtime_routes_find(struct runtime_routes *r,
					  const struct runtime_route *route)
{
	for (size_t i = 0; i < r->count; i++) {
		struct runtime_route *have = &r->list[i];

		if (have->table == route->table && !strcmp(have->owner, route->owner) &&
		    prefix_equal(&have->prefix, &route->prefix) &&
		    (!route->table ||
		     (same_text(have->via, route->via) && have->metric == route->metric)))
			return have;
	}
	return NULL;
}

void runtime_routes_remove(struct runtime_routes *r, struct runtime_route *route)
{
	size_t behind = (size_t)(r->list + r->count - route) - 1;

	free_route(route);
	memmove(route, route + 1, behind * sizeof(*route));
	r->count--;
}

const char *runtime_route_text(const struct runtime_route *r, char buf[RUNTIME_TEXT_LEN])
{
	char prefix[PREFIX_STRLEN], metric[24] = "";

	prefix_format(&r->prefix, prefix);
	if (r->metric)
		snprintf(metric, sizeof(metric), " metric %u", r->metric);
	if (!r->table)
		snprintf(buf, RUNTIME_TEXT_LEN, "%s of connection %s", prefix, r->owner);
	else
		snprintf(buf, RUNTIME_TEXT_LEN, "%s %s%s%s in table %s", prefix,
			 r->via ? "via " : "blackhole", r->via ? r->via : "", metric, r->owner);
	return buf;
}

int runtime_table_route(const struct runtime_route *r, const struct config *c,
			struct config_table_route *out)
{
	struct config_table_route route = {
		.destination.prefix = r->prefix,
		.blackhole = !r->via,
		.attachment = { .name = r->via, .index = -1 },
		.metric = r->metric,
	};

	if (r->via)
		route.attachment.index = config_find_attachment(c, r->via);
	if (r->via && route.attachment.index < 0)
		return -ENOENT;
	*out = route;
	return 0;
}

static int owner_of(const struct runtime_route *r, const struct config *c)
{
	return r->table ? config_find_table(c, r->owner) : config_find_connection(c, r->owner);
}

static int table_place(const struct runtime_route *r, const struct config_table *t)
{
	for (size_t i = 0; i < t->route_count; i++) {
		const struct config_table_route *have = &t->routes[i];

		if (prefix_equal(&have->destination.prefix, &r->prefix) &&
		    have->blackhole == !r->via && have->metric == r->metric &&
		    (!r->via || same_text(have->attachment.name, r->via)))
			return (int)i;
	}
	return -1;
}

int runtime_route_place(const struct runtime_route *r, const struct config *c)
{
	int owner = owner_of(r, c);

	if (owner < 0)
		return -1;
	if (r->table)
		return table_place(r, &c->tables[owner]);
	for (size_t i = 0; i < c->connections[owner].route_count; i++)
		if (prefix_equal(&c->connections[owner].routes[i].prefix, &r->prefix))
			return (int)i;
	return -1;
}

/* ---- into a configuration ---- */

static void take_out(const struct runtime_route *r, struct config *c)
{
	size_t owner = (size_t)owner_of(r, c);
	struct config_table_route route;

	if (!r->table)
		config_remove_connection_route(&c->connections[owner], &r->prefix);
	else if (!runtime_table_route(r, c, &route))
		config_remove_table_route(&c->tables[owner], &route);
}

static int insert(const struct runtime_route *r, struct config *c)
{
	size_t owner = (size_t)owner_of(r, c);
	struct config_table_route route;
	int err;

	if (!r->table)
		return config_add_connection_route(&c->connections[owner], &r->prefix);
	err = runtime_table_route(r, c, &route);
	return err ? err : config_add_table_route(&c->tables[owner], &route);
}

/* 0, -EEXIST, or -EINVAL with the reasons in `f`. */
static int judge(const struct runtime_route *r, const struct config *c, struct findings *f)
{
	size_t owner = (size_t)owner_of(r, c);
	struct config_table_route route;

	if (!r->table)
		return rules_connection_route(c, owner, &r->prefix, f);
	if (runtime_table_route(r, c, &route)) {
		findings_add(f, SEVERITY_ERROR, at_run_time, "there is no attachment '%s' [D9]",
			     r->via);
		return -EINVAL;
	}
	return rules_table_route(c, owner, &route, f);
}

static int keep_refused(const struct runtime_route *r, const struct findings *why,
			struct runtime_routes *out, struct findings *f)
{
	struct runtime_route refused = *r;
	char text[RUNTIME_TEXT_LEN];

	refused.why = why->count ? why->list[0].text : NULL;
	findings_add(f, SEVERITY_WARNING, at_run_time,
		     "the route added at run time, %s, is refused now and not used: %s",
		     runtime_route_text(r, text), refused.why ? refused.why : "out of memory");
	return runtime_routes_add(out, &refused);
}

static int merge_added(const struct runtime_route *r, struct config *c, struct runtime_routes *out,
		       struct findings *f)
{
	struct runtime_route accepted = *r;
	struct findings why = { 0 };
	char text[RUNTIME_TEXT_LEN];
	int err = 0;

	accepted.why = NULL;
	if (owner_of(r, c) < 0)
		findings_add(f, SEVERITY_WARNING, at_run_time,
			     "the route added at run time, %s, is forgotten: that %s is no longer "
			     "configured",
			     runtime_route_text(r, text), r->table ? "table" : "connection");
	else if ((err = judge(r, c, &why)) == -EINVAL)
		err = keep_refused(r, &why, out, f);
	else if (!err && !(err = insert(r, c)))
		err = runtime_routes_add(out, &accepted);
	else if (err == -EEXIST) /* the file has it now: its own from here on */
		err = 0;
	findings_free(&why);
	return err;
}

static int merge_deleted(const struct runtime_route *r, struct config *c, bool deletions,
			 struct runtime_routes *out, struct findings *f)
{
	int place = runtime_route_place(r, c);
	char text[RUNTIME_TEXT_LEN];

	if (place < 0)
		return 0;
	if (!deletions) {
		findings_add(f, SEVERITY_WARNING, at_run_time,
			     "the route deleted at run time, %s, is in the file and comes back",
			     runtime_route_text(r, text));
		return 0;
	}
	take_out(r, c);
	return runtime_routes_add(out, r);
}

int runtime_routes_merge(const struct runtime_routes *r, struct config *c, bool deletions,
			 struct runtime_routes *out, struct findings *f)
{
	struct runtime_routes left = { 0 };
	int err = 0;

	for (size_t i = 0; !err && i < r->count; i++) {
		if (r->list[i].kind == RUNTIME_ADDED)
			err = merge_added(&r->list[i], c, &left, f);
		else
			err = merge_deleted(&r->list[i], c, deletions, &left, f);
	}
	if (err)
		runtime_routes_free(&left);
	else
		*out = left;
	return err;
}

/* ---- kernel tables ---- */

static bool table_written(const struct config *c, uint32_t table)
{
	for (size_t i = 0; i < c->connection_count; i++)
		if (c->connections[i].kernel_table_mark.line &&
		    c->connections[i].kernel_table == table)
			return true;
	return false;
}

void config_keep_tables(struct config *c, const struct known_table *known, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int at = config_find_connection(c, known[i].connection);

		if (at >= 0 && !c->connections[at].kernel_table_mark.line &&
		    !table_written(c, known[i].table))
			c->connections[at].kernel_table = known[i].table;
	}
}
