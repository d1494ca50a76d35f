/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "config_change.h"

int config_add_connection_route(struct config_connection *c, const struct prefix *p)
{
	struct config_prefix *list = reallocarray(c->routes, c->route_count + 1, sizeof(*list));

	if (!list)
		return -ENOMEM;
	list[c->route_count++] = (struct config_prefix){ .prefix = *p };
	c->routes = list;
	return 0;
}

void config_remove_connection_route(struct config_connection *c, const struct prefix *p)
{
	size_t kept = 0;

	for (size_t i = 0; i < c->route_count; i++)
		if (!prefix_equal(&c->routes[i].prefix, p))
			c->routes[kept++] = c->routes[i];
	c->route_count = kept;
}

static bool same_route(const struct config_table_route *a, const struct config_table_route *b)
{
	return a->blackhole == b->blackhole && a->metric == b->metric &&
	       (a->blackhole || a->attachment.index == b->attachment.index) &&
	       prefix_equal(&a->destination.prefix, &b->destination.prefix);
}

bool config_has_table_route(const struct config_table *t, const struct config_table_route *route)
{
	for (size_t i = 0; i < t->route_count; i++)
		if (same_route(&t->routes[i], route))
			return true;
	return false;
}

int config_add_table_route(struct config_table *t, const struct config_table_route *route)
{
	struct config_table_route *list =
		reallocarray(t->routes, t->route_count + 1, sizeof(*list));
	const char *name = route->attachment.name;
	char *copy = name ? strdup(name) : NULL;

	if (list)
		t->routes = list;
	if (!list || !copy != !name) {
		free(copy);
		return -ENOMEM;
	}
	list[t->route_count] = *route;
	list[t->route_count].mark = list[t->route_count].destination.mark = (struct mark){ 0 };
	list[t->route_count++].attachment.name = copy;
	return 0;
}

void config_remove_table_route(struct config_table *t, const struct config_table_route *route)
{
	struct config_table_route gone = *route; /* may be one of them */
	size_t kept = 0;

	for (size_t i = 0; i < t->route_count; i++) {
		if (same_route(&t->routes[i], &gone))
			free(t->routes[i].attachment.name);
		else
			t->routes[kept++] = t->routes[i];
	}
	t->route_count = kept;
}
