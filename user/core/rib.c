/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "rib.h"

/* A VBR with a lower priority is preferred to a connection's destination-based route, one with a
 * higher priority stands by for it [D17]. */
#define DESTINATION_METRIC 100

static int add_candidate(struct trie *table, const struct prefix *p, const struct candidate *c)
{
	struct rib_entry **slot = (struct rib_entry **)trie_insert(table, p), *entry;
	struct candidate *list;

	if (!slot)
		return -ENOMEM;
	if (!*slot)
		*slot = calloc(1, sizeof(**slot));
	entry = *slot;
	if (!entry)
		return -ENOMEM;
	list = realloc(entry->list, (entry->count + 1) * sizeof(*list));
	if (!list)
		return -ENOMEM;
	list[entry->count++] = *c;
	entry->list = list;
	return 0;
}

static void free_entry(void *data)
{
	struct rib_entry *e = data;

	free(e->list);
	free(e);
}

static int rank_entry(const struct prefix *p, void *data, void *context)
{
	(void)p;
	(void)context;
	select_rank(data);
	return 0;
}

static struct member_set connection_members(const struct rib *r, size_t connection)
{
	const struct config_connection *c = &r->config->connections[connection];
	struct member_set set = { 0 };

	for (size_t i = 0; i < c->tunnel_count; i++)
		set.members[set.count++] = (struct member){
			.tunnel = (uint16_t)r->ids->tunnel[connection][i],
			.weight = (uint16_t)c->tunnels[i].weight,
		};
	return set;
}

static int build_connection(struct rib *r, size_t connection)
{
	const struct config_connection *c = &r->config->connections[connection];
	struct connection_route route = {
		.source = SOURCE_DESTINATION,
		.set = connection_members(r, connection),
	};

	for (size_t i = 0; i < c->route_count; i++) {
		struct connection_route **slot = (struct connection_route **)trie_insert(
			&r->connections[connection], &c->routes[i].prefix);

		if (!slot)
			return -ENOMEM;
		if (!*slot)
			*slot = malloc(sizeof(**slot));
		if (!*slot)
			return -ENOMEM;
		**slot = route;
	}
	return 0;
}

static bool attachment_available(const struct rib *r, const struct config_attachment *a)
{
	return a->type != ATTACHMENT_VPN || r->available[a->connection.index];
}

/* What a table learns from a VPC or VBR [D15 D17]. */
static int learn_cidrs(struct rib *r, size_t table, int attachment)
{
	const struct config_attachment *a = &r->config->attachments[attachment];
	bool vbr = a->type == ATTACHMENT_VBR;
	struct candidate c = {
		.source = vbr ? SOURCE_DESTINATION : SOURCE_SYSTEM,
		.attachment = attachment,
		.single = true,
		.available = true,
		.metric = vbr ? a->priority : 0,
	};
	int err = 0;

	for (size_t i = 0; !err && i < a->cidr_count; i++)
		err = add_candidate(&r->tables[table], &a->cidrs[i].prefix, &c);
	return err;
}

struct learning {
	struct rib *rib;
	size_t table;
	int attachment;
};

/* What a table learns from a connection: each route of the connection's own table [S4 S11]. */
static int learn_route(const struct prefix *p, void *data, void *context)
{
	const struct connection_route *route = data;
	const struct learning *l = context;
	struct candidate c = {
		.source = route->source,
		.attachment = l->attachment,
		.available =
			attachment_available(l->rib, &l->rib->config->attachments[l->attachment]),
		.metric = route->source == SOURCE_DESTINATION ? DESTINATION_METRIC : 0,
	};

	return add_candidate(&l->rib->tables[l->table], p, &c);
}

static int learn(struct rib *r, size_t table, int attachment)
{
	const struct config_attachment *a = &r->config->attachments[attachment];
	struct learning l = { r, table, attachment };

	if (a->type != ATTACHMENT_VPN)
		return learn_cidrs(r, table, attachment);
	return trie_walk(&r->connections[a->connection.index], NULL, learn_route, &l);
}

static int add_static(struct rib *r, size_t table, const struct config_table_route *route)
{
	struct candidate c = {
		.source = SOURCE_STATIC,
		.attachment = -1,
		.single = true,
		.available = true,
		.metric = route->metric,
	};

	if (!route->blackhole) {
		const struct config_attachment *a =
			&r->config->attachments[route->attachment.index];

		c.attachment = route->attachment.index;
		c.single = a->type != ATTACHMENT_VPN;
		c.available = attachment_available(r, a);
	}
	return add_candidate(&r->tables[table], &route->destination.prefix, &c);
}

static int build_table(struct rib *r, size_t table, const struct address *locals,
		       size_t local_count)
{
	const struct config_table *t = &r->config->tables[table];
	struct candidate local = {
		.source = SOURCE_LOCAL,
		.attachment = -1,
		.single = true,
		.available = true,
	};
	int err = 0;

	for (size_t i = 0; !err && i < local_count; i++) {
		struct prefix host = prefix_of(&locals[i], address_bits(&locals[i]));

		err = add_candidate(&r->tables[table], &host, &local);
	}
	for (size_t i = 0; !err && i < t->route_count; i++)
		err = add_static(r, table, &t->routes[i]);
	for (size_t i = 0; !err && i < t->learn_count; i++)
		err = learn(r, table, t->learn[i].index);
	if (!err)
		trie_walk(&r->tables[table], NULL, rank_entry, NULL);
	return err;
}

static void find_available(struct rib *r, tunnel_up_fn up, const void *context)
{
	for (size_t i = 0; i < r->config->connection_count; i++)
		for (size_t k = 0; k < r->config->connections[i].tunnel_count; k++)
			if (up(r->ids->tunnel[i][k], context))
				r->available[i] = true;
}

int rib_build(const struct config *c, const struct ids *ids, const struct address *locals,
	      size_t local_count, tunnel_up_fn up, const void *context, struct rib *out)
{
	struct rib r = {
		.config = c,
		.ids = ids,
		.tables = calloc(c->table_count + 1, sizeof(*r.tables)),
		.connections = calloc(c->connection_count + 1, sizeof(*r.connections)),
		.available = calloc(c->connection_count + 1, sizeof(*r.available)),
	};
	int err = r.tables && r.connections && r.available ? 0 : -ENOMEM;

	if (!err)
		find_available(&r, up, context);
	for (size_t i = 0; !err && i < c->connection_count; i++)
		err = build_connection(&r, i);
	for (size_t i = 0; !err && i < c->table_count; i++)
		err = build_table(&r, i, locals, local_count);
	if (err) {
		rib_free(&r);
		return err;
	}
	*out = r;
	return 0;
}

void rib_free(struct rib *r)
{
	for (size_t i = 0; r->tables && i < r->config->table_count; i++)
		trie_free(&r->tables[i], free_entry);
	for (size_t i = 0; r->connections && i < r->config->connection_count; i++)
		trie_free(&r->connections[i], free);
	free(r->tables);
	free(r->connections);
	free(r->available);
	*r = (struct rib){ 0 };
}

bool candidate_visible(const struct rib *r, const struct candidate *c, enum view view)
{
	return view == VIEW_ALL || c->attachment < 0 ||
	       r->config->attachments[c->attachment].type == ATTACHMENT_VPC;
}

static bool usable(const struct rib *r, const struct candidate *c, enum view view)
{
	return c->available && candidate_visible(r, c, view);
}

/* The best usable candidate of an entry, or NULL. They stand in order. */
static const struct candidate *best(const struct rib *r, const struct rib_entry *e, enum view view)
{
	for (size_t i = 0; i < e->count; i++)
		if (usable(r, &e->list[i], view))
			return &e->list[i];
	return NULL;
}

static int by_tunnel(const void *x, const void *y)
{
	const struct member *a = x, *b = y;

	return a->tunnel - b->tunnel;
}

/* Union of two sets, as far as there is room. */
static void add_members(struct member_set *set, const struct member_set *more)
{
	for (size_t i = 0; i < more->count; i++) {
		bool there = false;

		for (size_t k = 0; k < set->count; k++)
			there |= set->members[k].tunnel == more->members[i].tunnel;
		if (!there && set->count < MAX_MEMBERS)
			set->members[set->count++] = more->members[i];
	}
	qsort(set->members, set->count, sizeof(set->members[0]), by_tunnel);
}

struct fib_answer rib_connection_answer(const struct rib *r, size_t connection,
					const struct prefix *p)
{
	const struct connection_route *route = NULL;

	if (r->available[connection])
		route = trie_longest(&r->connections[connection], &p->address, p->len, NULL);
	if (!route || !route->set.count)
		return (struct fib_answer){ .kind = FIB_NONE };
	return (struct fib_answer){ .kind = FIB_TUNNELS, .set = route->set };
}

/* The group of all candidates that are as good as `first`, each asked for its own table's answer.
 */
static struct fib_answer tunnels_answer(const struct rib *r, const struct rib_entry *e,
					const struct candidate *first, enum view view,
					const struct prefix *p)
{
	struct fib_answer all = { .kind = FIB_NONE }, one;
	enum select_step step;

	for (const struct candidate *c = first; c < e->list + e->count; c++) {
		if (!usable(r, c, view) || select_compare(first, c, &step))
			continue;
		one = rib_connection_answer(
			r, (size_t)r->config->attachments[c->attachment].connection.index, p);
		if (one.kind != FIB_TUNNELS)
			continue;
		all.kind = FIB_TUNNELS;
		add_members(&all.set, &one.set);
	}
	return all;
}

static struct fib_answer candidate_answer(const struct rib *r, const struct rib_entry *e,
					  const struct candidate *c, enum view view,
					  const struct prefix *p)
{
	if (c->source == SOURCE_LOCAL)
		return (struct fib_answer){ .kind = FIB_LOCAL };
	if (c->attachment < 0)
		return (struct fib_answer){ .kind = FIB_BLACKHOLE };
	if (c->single)
		return (struct fib_answer){
			.kind = FIB_DEVICE,
			.attachment = r->ids->attachment[c->attachment],
		};
	return tunnels_answer(r, e, c, view, p);
}

struct fib_answer rib_answer(const struct rib *r, size_t table, enum view view,
			     const struct prefix *p)
{
	int max_len = p->len;

	while (max_len >= 0) {
		struct prefix matched;
		const struct rib_entry *e =
			trie_longest(&r->tables[table], &p->address, (unsigned)max_len, &matched);
		const struct candidate *c;

		if (!e)
			break;
		c = best(r, e, view);
		if (c)
			return candidate_answer(r, e, c, view, p);
		max_len = matched.len - 1;
	}
	return (struct fib_answer){ .kind = FIB_NONE };
}
