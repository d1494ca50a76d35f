/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Objects are the same when they have the same name, whatever their order in the file; routes when
 * they have the same owner, prefix, target and metric. One function a kind says what differs.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "plan.h"
#include "plan_differences.h"

static void add(struct plan *p, enum plan_change change, const char *kind, const char *name,
		const char *what)
{
	struct plan_item item = { change, kind, strdup(name), strdup(what) };

	if (!(p->count & (p->count - 1))) {
		size_t room = p->count ? 2 * p->count : 1;
		struct plan_item *list = realloc(p->list, room * sizeof(*list));

		if (list)
			p->list = list;
		else
			p->out_of_memory = true;
	}
	if (p->out_of_memory || !item.name || !item.what) {
		p->out_of_memory = true;
		free(item.name);
		free(item.what);
		return;
	}
	p->list[p->count++] = item;
}

void plan_free(struct plan *p)
{
	for (size_t i = 0; i < p->count; i++) {
		free(p->list[i].name);
		free(p->list[i].what);
	}
	free(p->list);
	*p = (struct plan){ 0 };
}

/* ---- routes ---- */

/* A route of anything, to be compared by prefix, then by the rest. */
struct line {
	struct prefix prefix;
	const char *target; /* attachment; "" blackhole; NULL: the owner itself */
	uint32_t metric;
};

struct lines {
	struct line *list;
	size_t count;
};

static int by_line(const void *x, const void *y)
{
	const struct line *a = x, *b = y;
	int order = prefix_compare(&a->prefix, &b->prefix);

	if (!order && a->target && b->target)
		order = strcmp(a->target, b->target);
	if (!order)
		order = (a->metric > b->metric) - (a->metric < b->metric);
	return order;
}

static struct lines prefix_lines(struct plan *p, const struct config_prefix *list, size_t count)
{
	struct lines lines = { calloc(count + 1, sizeof(*lines.list)), 0 };

	p->out_of_memory |= !lines.list;
	for (size_t i = 0; lines.list && i < count; i++)
		lines.list[lines.count++].prefix = list[i].prefix;
	if (lines.count)
		qsort(lines.list, lines.count, sizeof(*lines.list), by_line);
	return lines;
}

static struct lines table_lines(struct plan *p, const struct config_table *t)
{
	size_t count = t ? t->route_count : 0;
	struct lines lines = { calloc(count + 1, sizeof(*lines.list)), 0 };

	p->out_of_memory |= !lines.list;
	for (size_t i = 0; lines.list && i < count; i++) {
		const struct config_table_route *r = &t->routes[i];

		lines.list[lines.count++] =
			(struct line){ r->destination.prefix,
				       r->blackhole ? "" : r->attachment.name, r->metric };
	}
	if (lines.count)
		qsort(lines.list, lines.count, sizeof(*lines.list), by_line);
	return lines;
}

static void add_line(struct plan *p, enum plan_change change, const struct line *l,
		     const char *owner)
{
	char to[PREFIX_STRLEN], metric[24] = "", text[DIFFERENCES_LEN];

	prefix_format(&l->prefix, to);
	if (l->metric)
		snprintf(metric, sizeof(metric), " metric %u", l->metric);
	if (!l->target)
		snprintf(text, sizeof(text), "%s of %s", to, owner);
	else
		snprintf(text, sizeof(text), "%s %s%s%s in %s", to,
			 *l->target ? "via " : "blackhole", l->target, metric, owner);
	add(p, change, "route", text, "");
}

/* Takes over both. */
static void compare_lines(struct plan *p, struct lines was, struct lines is, const char *owner)
{
	size_t i = 0, k = 0;

	while (i < was.count || k < is.count) {
		int order = i == was.count  ? 1
			    : k == is.count ? -1
					    : by_line(&was.list[i], &is.list[k]);

		if (order < 0)
			add_line(p, PLAN_REMOVED, &was.list[i], owner);
		else if (order > 0)
			add_line(p, PLAN_ADDED, &is.list[k], owner);
		i += order <= 0;
		k += order >= 0;
	}
	free(was.list);
	free(is.list);
}

static void compare_prefixes(struct plan *p, const struct config_prefix *was, size_t was_count,
			     const struct config_prefix *is, size_t is_count, const char *owner)
{
	struct lines a = prefix_lines(p, was, was_count);

	compare_lines(p, a, prefix_lines(p, is, is_count), owner);
}

/* ---- objects ---- */

/* Added, removed, or changed in what `d` says. */
static void object(struct plan *p, const char *kind, const char *name, bool was, bool is,
		   const struct differences *d)
{
	if (!was || !is)
		add(p, is ? PLAN_ADDED : PLAN_REMOVED, kind, name, "");
	else if (d->len)
		add(p, PLAN_CHANGED, kind, name, d->text);
}

static bool learns(const struct config_table *t, const char *name)
{
	for (size_t i = 0; i < t->learn_count; i++)
		if (!strcmp(t->learn[i].name, name))
			return true;
	return false;
}

static void compare_table(struct plan *p, const struct config_table *was,
			  const struct config_table *is)
{
	/* cppcheck-suppress nullPointerRedundantCheck ; one of the two is there */
	const char *name = is ? is->name : was->name;
	struct differences d = { .text = "" };
	char owner[NAME_MAX_LEN + 16];
	struct lines lines;

	for (size_t i = 0; was && is && i < is->learn_count; i++)
		if (!learns(was, is->learn[i].name))
			differ(&d, "learns %s", is->learn[i].name);
	for (size_t i = 0; was && is && i < was->learn_count; i++)
		if (!learns(is, was->learn[i].name))
			differ(&d, "learns %s no longer", was->learn[i].name);
	if (was && is)
		truth_differs(&d, "transit", was->transit, is->transit);
	if (was && is && was->slow_path != is->slow_path)
		differ(&d, "slow_path %s", is->slow_path == SLOW_PATH_SUMMARY ? "summary" : "full");
	object(p, "table", name, was, is, &d);
	snprintf(owner, sizeof(owner), "table %s", name);
	lines = table_lines(p, was);
	compare_lines(p, lines, table_lines(p, is), owner);
}

static void compare_attachment(struct plan *p, const struct config_attachment *was,
			       const struct config_attachment *is)
{
	/* cppcheck-suppress nullPointerRedundantCheck ; one of the two is there */
	const char *name = is ? is->name : was->name;
	struct differences d = { .text = "" };
	char owner[NAME_MAX_LEN + 16];

	if (was && is)
		attachment_differs(&d, was, is);
	object(p, "attachment", name, was, is, &d);
	snprintf(owner, sizeof(owner), "attachment %s", name);
	compare_prefixes(p, was ? was->cidrs : NULL, was ? was->cidr_count : 0,
			 is ? is->cidrs : NULL, is ? is->cidr_count : 0, owner);
}

/* A changed one is refused [S49]; only their order may differ. */
static void compare_customer_gateway(struct plan *p, const struct config_customer_gateway *was,
				     const struct config_customer_gateway *is)
{
	struct differences d = { .text = "" };

	if (was && is)
		number_differs(&d, "asn", was->asn, is->asn);
	object(p, "customer gateway", (is ? is : was)->name, was, is, &d);
}

static void compare_tunnels(struct plan *p, const struct config *from, const struct config *to,
			    enum plan_change only)
{
	for (size_t i = 0; i < from->connection_count; i++)
		for (size_t k = 0; k < from->connections[i].tunnel_count; k++) {
			const struct config_tunnel *t = &from->connections[i].tunnels[k];
			size_t index;
			int other = config_find_tunnel(to, t->name, &index);
			struct differences d = { .text = "" };

			if (other < 0) {
				add(p, only, "tunnel", t->name, "");
			} else if (only == PLAN_ADDED) {
				words_differ(&d, "connection", to->connections[other].name,
					     from->connections[i].name);
				tunnel_differs(&d, &to->connections[other].tunnels[index], t);
				object(p, "tunnel", t->name, true, true, &d);
			}
		}
}

static void compare_connection(struct plan *p, const struct config_connection *was,
			       const struct config_connection *is)
{
	/* cppcheck-suppress nullPointerRedundantCheck ; one of the two is there */
	const char *name = is ? is->name : was->name;
	struct differences d = { .text = "" };
	char owner[NAME_MAX_LEN + 16];

	if (was && is)
		connection_differs(&d, was, is);
	object(p, "connection", name, was, is, &d);
	snprintf(owner, sizeof(owner), "connection %s", name);
	compare_prefixes(p, was ? was->routes : NULL, was ? was->route_count : 0,
			 is ? is->routes : NULL, is ? is->route_count : 0, owner);
}

static void compare_gateway(struct plan *p, const struct config_gateway *was,
			    const struct config_gateway *is)
{
	struct differences d = { .text = "" };

	gateway_differs(&d, was, is);
	object(p, "gateway", "", true, true, &d);
}

/* ---- all of them: those of the next configuration, then those that only the running one has ----
 */

#define COMPARE(p, was, is, array, counter, find, compare)                                 \
	do {                                                                               \
		for (size_t i_ = 0; i_ < (is)->counter; i_++) {                            \
			int at_ = find(was, (is)->array[i_].name);                         \
			compare(p, at_ < 0 ? NULL : &(was)->array[at_], &(is)->array[i_]); \
		}                                                                          \
		for (size_t i_ = 0; i_ < (was)->counter; i_++)                             \
			if (find(is, (was)->array[i_].name) < 0)                           \
				compare(p, &(was)->array[i_], NULL);                       \
	} while (0)

int plan_build(const struct config *running, const struct config *next, struct plan *out)
{
	struct plan p = { 0 };

	compare_gateway(&p, &running->gateway, &next->gateway);
	COMPARE(&p, running, next, tables, table_count, config_find_table, compare_table);
	COMPARE(&p, running, next, attachments, attachment_count, config_find_attachment,
		compare_attachment);
	COMPARE(&p, running, next, customer_gateways, customer_gateway_count,
		config_find_customer_gateway, compare_customer_gateway);
	COMPARE(&p, running, next, connections, connection_count, config_find_connection,
		compare_connection);
	compare_tunnels(&p, next, running, PLAN_ADDED);
	compare_tunnels(&p, running, next, PLAN_REMOVED);
	if (p.out_of_memory) {
		plan_free(&p);
		return -ENOMEM;
	}
	*out = p;
	return 0;
}

const char *plan_change_name(enum plan_change c)
{
	switch (c) {
	case PLAN_ADDED:
		return "added";
	case PLAN_REMOVED:
		return "removed";
	case PLAN_CHANGED:
		return "changed";
	}
	return "?";
}
