/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the rules share: which thing a name means, what is given twice, all tunnels in turn.
 */
#include <stdlib.h>
#include <string.h>
#include "rules_internal.h"

/* Suggestions look at so many names only: they are a courtesy. */
#define SUGGESTIONS_MAX 256

struct name {
	const char *text;
	int index;
};

struct names {
	struct name *list;
	size_t count;
};

static int by_text(const void *a, const void *b)
{
	const struct name *x = a, *y = b;
	int order = strcmp(x->text, y->text);

	return order ? order : (x->index > y->index) - (x->index < y->index);
}

/* The names of an array of structs that begin with their name. */
static struct names names_of(const void *array, size_t count, size_t size, struct findings *f)
{
	struct names names = { .list = count ? calloc(count, sizeof(struct name)) : NULL };

	if (count && !names.list)
		f->out_of_memory = true;
	for (size_t i = 0; names.list && i < count; i++) {
		char *const *name = (char *const *)((const char *)array + i * size);

		names.list[names.count++] = (struct name){ *name, (int)i };
	}
	if (names.count)
		qsort(names.list, names.count, sizeof(*names.list), by_text);
	return names;
}

_Static_assert(offsetof(struct config_table, name) == 0, "names_of()");
_Static_assert(offsetof(struct config_attachment, name) == 0, "names_of()");
_Static_assert(offsetof(struct config_customer_gateway, name) == 0, "names_of()");
_Static_assert(offsetof(struct config_connection, name) == 0, "names_of()");

/* The first in the file, should a name be given twice. */
static int find_name(const struct names *names, const char *text)
{
	size_t low = 0, high = names->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(names->list[middle].text, text) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < names->count && !strcmp(names->list[low].text, text) ? names->list[low].index
									  : -1;
}

/* What a reference may mean, and how a message calls it. */
struct target {
	struct names names;
	const char *what; /* "a table" */
	const char *rule;
};

static void resolve(struct config_ref *ref, const struct target *to, struct findings *f)
{
	const char *best = NULL;

	ref->index = -1;
	if (!ref->name)
		return;
	ref->index = find_name(&to->names, ref->name);
	if (ref->index >= 0)
		return;
	for (size_t i = 0; i < to->names.count && i < SUGGESTIONS_MAX; i++)
		best = nearest_word(ref->name, to->names.list[i].text, best);
	findings_add(f, SEVERITY_ERROR, ref->mark, "'%s' is not %s%s%s%s [%s]", ref->name, to->what,
		     best ? "; did you mean '" : "", best ? best : "", best ? "'" : "", to->rule);
}

static void resolve_attachments(struct config *c, struct findings *f)
{
	struct target tables = { names_of(c->tables, c->table_count, sizeof(*c->tables), f),
				 "a table of the transit router", "D7" };
	struct target connections = { names_of(c->connections, c->connection_count,
					       sizeof(*c->connections), f),
				      "a connection", "S34" };

	for (size_t i = 0; i < c->attachment_count; i++) {
		resolve(&c->attachments[i].association, &tables, f);
		resolve(&c->attachments[i].connection, &connections, f);
	}
	free(tables.names.list);
	free(connections.names.list);
}

static void resolve_tables(struct config *c, struct findings *f)
{
	struct names names =
		names_of(c->attachments, c->attachment_count, sizeof(*c->attachments), f);
	struct target learned = { names, "an attachment", "D7" };
	struct target hops = { names, "an attachment", "D9" };

	for (size_t i = 0; i < c->table_count; i++) {
		for (size_t k = 0; k < c->tables[i].learn_count; k++)
			resolve(&c->tables[i].learn[k], &learned, f);
		for (size_t k = 0; k < c->tables[i].route_count; k++)
			resolve(&c->tables[i].routes[k].attachment, &hops, f);
	}
	free(names.list);
}

static void resolve_connections(struct config *c, struct findings *f)
{
	struct target gateways = { names_of(c->customer_gateways, c->customer_gateway_count,
					    sizeof(*c->customer_gateways), f),
				   "a customer gateway", "S47" };

	for (size_t i = 0; i < c->connection_count; i++)
		resolve(&c->connections[i].customer_gateway, &gateways, f);
	free(gateways.names.list);
}

void rules_resolve(struct config *c, struct findings *f)
{
	resolve_tables(c, f);
	resolve_attachments(c, f);
	resolve_connections(c, f);
}

const struct config_connection *connection_of(const struct config *c, const struct config_tunnel *t)
{
	size_t offset = (size_t)((const char *)t - (const char *)c->connections);

	return &c->connections[offset / sizeof(*c->connections)];
}

const struct config_tunnel *next_tunnel(const struct config *c, const struct config_tunnel *t)
{
	const struct config_connection *connection = c->connections;

	if (t) {
		connection = connection_of(c, t);
		if (++t < connection->tunnels + connection->tunnel_count)
			return t;
		connection++;
	}
	for (; connection && (size_t)(connection - c->connections) < c->connection_count;
	     connection++)
		if (connection->tunnel_count)
			return connection->tunnels;
	return NULL;
}

/* Room for count + 1, doubled at powers of two. */
static bool places_grow(struct places *p)
{
	struct place *list;

	if (p->count & (p->count - 1))
		return true;
	list = realloc(p->list, (p->count ? 2 * p->count : 1) * sizeof(*list));
	if (!list)
		return false;
	p->list = list;
	return true;
}

void places_add(struct places *p, const void *key, size_t len, const struct place *place)
{
	struct place *to;

	if (!places_grow(p)) {
		p->out_of_memory = true;
		return;
	}
	to = &p->list[p->count++];
	*to = *place;
	memset(to->key, 0, sizeof(to->key));
	memcpy(to->key, key, len < sizeof(to->key) ? len : sizeof(to->key));
}

static int by_key(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	int order = memcmp(x->key, y->key, sizeof(x->key));

	if (order)
		return order;
	if (x->mark.line != y->mark.line)
		return x->mark.line < y->mark.line ? -1 : 1;
	return (x->mark.column > y->mark.column) - (x->mark.column < y->mark.column);
}

void places_finish(struct places *p, twice_fn twice, struct findings *f)
{
	size_t first = 0;

	if (p->count)
		qsort(p->list, p->count, sizeof(*p->list), by_key);
	for (size_t i = 1; i < p->count; i++) {
		if (memcmp(p->list[first].key, p->list[i].key, sizeof(p->list[i].key)))
			first = i;
		else
			twice(&p->list[first], &p->list[i], f);
	}
	f->out_of_memory |= p->out_of_memory;
	free(p->list);
	*p = (struct places){ 0 };
}
