/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "rib_internal.h"

/* A VBR with a lower priority is preferred to a connection's destination-based route, one with a
 * higher priority stands by for it [D17]. */
#define DESTINATION_METRIC 100

const enum route_source rib_own_sources[OWN_SOURCES] = { SOURCE_BGP, SOURCE_DESTINATION };

struct candidate rib_local_candidate(void)
{
	return (struct candidate){
		.source = SOURCE_LOCAL,
		.attachment = -1,
		.single = true,
		.available = true,
	};
}

int rib_referred(const struct rib *r, const struct config_table_route *route)
{
	const struct config_attachment *a;

	if (route->blackhole)
		return -1;
	a = &r->config->attachments[route->attachment.index];
	return a->type == ATTACHMENT_VPN ? a->connection.index : -1;
}

struct candidate rib_static_candidate(const struct rib *r, const struct config_table_route *route)
{
	int connection = rib_referred(r, route);

	return (struct candidate){
		.source = SOURCE_STATIC,
		.attachment = route->blackhole ? -1 : route->attachment.index,
		.single = connection < 0,
		.available = connection < 0 || r->present[connection],
		.metric = route->metric,
	};
}

bool rib_own_has(struct connection_route route, enum route_source source)
{
	return source == SOURCE_BGP ? route.learned : route.destination;
}

bool rib_own_available(const struct rib *r, size_t connection, struct connection_route route,
		       enum route_source source)
{
	tunnel_mask present = r->present[connection];

	return source == SOURCE_BGP ? route.learned & present : route.destination && present;
}

bool rib_own_flips(struct connection_route route, enum route_source source, tunnel_mask was,
		   tunnel_mask now)
{
	tunnel_mask of = source == SOURCE_BGP ? route.learned : (tunnel_mask)-1;

	return rib_own_has(route, source) && !(of & was) != !(of & now);
}

struct candidate rib_own_candidate(const struct rib *r, size_t connection,
				   struct connection_route route, enum route_source source)
{
	return (struct candidate){
		.source = source,
		.attachment = r->attachments[connection],
		.available = rib_own_available(r, connection, route, source),
		.metric = source == SOURCE_DESTINATION ? DESTINATION_METRIC : 0,
	};
}

/* ---- connections' own tables ---- */

/* A route of two bytes is kept in the trie's pointer itself: there are up to a million of them. */
static void *packed(struct connection_route route)
{
	return (void *)((uintptr_t)route.learned << 1 | route.destination);
}

struct connection_route rib_own_route_of(const void *data)
{
	return (struct connection_route){
		.destination = (uintptr_t)data & 1,
		.learned = (tunnel_mask)((uintptr_t)data >> 1),
	};
}

struct connection_route rib_own_route(const struct rib *r, size_t connection,
				      const struct prefix *p)
{
	return rib_own_route_of(trie_exact(&r->connections[connection], p));
}

int rib_own_route_set(struct rib *r, size_t connection, const struct prefix *p,
		      struct connection_route route)
{
	struct trie *own = &r->connections[connection];
	struct connection_route was = rib_own_route(r, connection, p);
	void **place;

	if (!packed(route)) {
		trie_remove(own, p);
	} else {
		place = trie_insert(own, p);
		if (!place)
			return -ENOMEM;
		*place = packed(route);
	}
	if (was.learned)
		r->learned[connection].routes[was.learned]--;
	if (route.learned)
		r->learned[connection].routes[route.learned]++;
	return 0;
}

struct member_set rib_own_route_members(const struct rib *r, size_t connection,
					struct connection_route route, enum route_source source)
{
	const struct config_connection *c = &r->config->connections[connection];
	struct member_set set = { 0 };

	for (size_t i = 0; i < c->tunnel_count; i++)
		if (source != SOURCE_BGP || route.learned & 1u << i)
			set.members[set.count++] = (struct member){
				.tunnel = (uint16_t)r->ids->tunnel[connection][i],
				.weight = (uint16_t)c->tunnels[i].weight,
			};
	return set;
}

int rib_own_route_source(const struct rib *r, size_t connection, struct connection_route route)
{
	if (rib_own_available(r, connection, route, SOURCE_BGP))
		return SOURCE_BGP;
	return rib_own_available(r, connection, route, SOURCE_DESTINATION) ? SOURCE_DESTINATION
									   : -1;
}

struct own_routes {
	struct rib *rib;
	size_t connection;
};

static int add_learned(const struct prefix *p, tunnel_mask accepted, void *context)
{
	const struct own_routes *o = context;
	struct connection_route route = rib_own_route(o->rib, o->connection, p);

	route.learned = accepted;
	return rib_own_route_set(o->rib, o->connection, p, route);
}

static int build_connection(struct rib *r, size_t connection, const struct learned *learned)
{
	const struct config_connection *c = &r->config->connections[connection];
	struct own_routes o = { r, connection };
	int err = 0;

	for (size_t i = 0; !err && i < c->route_count; i++)
		err = rib_own_route_set(r, connection, &c->routes[i].prefix,
					(struct connection_route){ .destination = true });
	if (!err && learned)
		err = learned_each_accepted(learned, add_learned, &o);
	return err;
}

/* ---- who learns from whom, and who refers to whom ---- */

static size_t cell(const struct rib *r, size_t table, size_t connection)
{
	return table * r->config->connection_count + connection;
}

bool rib_learns(const struct rib *r, size_t table, size_t connection)
{
	return r->learns[cell(r, table, connection)];
}

const struct trie *rib_references(const struct rib *r, size_t table, size_t connection)
{
	return &r->references[cell(r, table, connection)];
}

int rib_reference_add(struct rib *r, size_t table, size_t connection, const struct prefix *p)
{
	void **place = trie_insert(&r->references[cell(r, table, connection)], p);

	if (!place)
		return -ENOMEM;
	*place = (void *)((uintptr_t)*place + 1);
	return 0;
}

void rib_reference_drop(struct rib *r, size_t table, size_t connection, const struct prefix *p)
{
	struct trie *t = &r->references[cell(r, table, connection)];
	uintptr_t *place = (uintptr_t *)trie_insert(t, p); /* it is there */

	if (*place > 1)
		--*place;
	else
		trie_remove(t, p);
}

static void find_learners(struct rib *r)
{
	const struct config *c = r->config;

	for (size_t i = 0; i < c->connection_count; i++)
		r->attachments[i] = connection_attachment(c, i);
	for (size_t t = 0; t < c->table_count; t++)
		for (size_t k = 0; k < c->tables[t].learn_count; k++) {
			const struct config_attachment *a =
				&c->attachments[c->tables[t].learn[k].index];

			if (a->type == ATTACHMENT_VPN)
				r->learns[cell(r, t, (size_t)a->connection.index)] = true;
		}
}

/* ---- TR tables ---- */

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
		err = rib_candidate_add(r, table, &a->cidrs[i].prefix, &c);
	return err;
}

struct learning {
	struct rib *rib;
	size_t table, connection;
};

/* What a table learns from a connection: each route of the connection's own table [S4 S11]. */
static int learn_route(const struct prefix *p, void *data, void *context)
{
	const struct learning *l = context;
	struct connection_route route = rib_own_route_of(data);
	struct candidate c;
	int err = 0;

	for (size_t i = 0; !err && i < OWN_SOURCES; i++) {
		if (!rib_own_has(route, rib_own_sources[i]))
			continue;
		c = rib_own_candidate(l->rib, l->connection, route, rib_own_sources[i]);
		err = rib_candidate_add(l->rib, l->table, p, &c);
	}
	return err;
}

static int learn(struct rib *r, size_t table, int attachment)
{
	const struct config_attachment *a = &r->config->attachments[attachment];
	struct learning l = { r, table, (size_t)a->connection.index };

	if (a->type != ATTACHMENT_VPN)
		return learn_cidrs(r, table, attachment);
	return trie_walk(&r->connections[l.connection], NULL, learn_route, &l);
}

static int add_static(struct rib *r, size_t table, const struct config_table_route *route)
{
	const struct prefix *p = &route->destination.prefix;
	struct candidate c = rib_static_candidate(r, route);
	int connection = rib_referred(r, route);
	int err = rib_candidate_add(r, table, p, &c);

	if (!err && connection >= 0)
		err = rib_reference_add(r, table, (size_t)connection, p);
	return err;
}

static int build_table(struct rib *r, size_t table, const struct address *locals,
		       size_t local_count)
{
	const struct config_table *t = &r->config->tables[table];
	struct candidate local = rib_local_candidate();
	int err = 0;

	for (size_t i = 0; !err && i < local_count; i++) {
		struct prefix host = prefix_of(&locals[i], address_bits(&locals[i]));

		err = rib_candidate_add(r, table, &host, &local);
	}
	for (size_t i = 0; !err && i < t->route_count; i++)
		err = add_static(r, table, &t->routes[i]);
	for (size_t i = 0; !err && i < t->learn_count; i++)
		err = learn(r, table, t->learn[i].index);
	return err;
}

tunnel_mask rib_present(const struct config *c, const struct ids *ids, size_t connection,
			tunnel_up_fn up, const void *context)
{
	tunnel_mask present = 0;

	for (size_t k = 0; k < c->connections[connection].tunnel_count; k++)
		if (up(ids->tunnel[connection][k], context))
			present |= (tunnel_mask)(1u << k);
	return present;
}

static int allocate(struct rib *r)
{
	size_t tables = r->config->table_count, connections = r->config->connection_count;

	r->tables = calloc(tables + 1, sizeof(*r->tables));
	r->singles = calloc(1, sizeof(*r->singles));
	r->connections = calloc(connections + 1, sizeof(*r->connections));
	r->present = calloc(connections + 1, sizeof(*r->present));
	r->learned = calloc(connections + 1, sizeof(*r->learned));
	r->attachments = calloc(connections + 1, sizeof(*r->attachments));
	r->learns = calloc(tables * connections + 1, sizeof(*r->learns));
	r->references = calloc(tables * connections + 1, sizeof(*r->references));
	return r->tables && r->singles && r->connections && r->present && r->learned &&
			       r->attachments && r->learns && r->references
		       ? 0
		       : -ENOMEM;
}

int rib_build(const struct config *c, const struct ids *ids, const struct address *locals,
	      size_t local_count, tunnel_up_fn up, const void *context,
	      const struct learned *const *learned, struct rib *out)
{
	struct rib r = { .config = c, .ids = ids };
	int err = allocate(&r);

	for (size_t i = 0; !err && i < c->connection_count; i++)
		r.present[i] = rib_present(c, ids, i, up, context);
	if (!err)
		find_learners(&r);
	for (size_t i = 0; !err && i < c->connection_count; i++)
		err = build_connection(&r, i, learned ? learned[i] : NULL);
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
	size_t tables = r->config ? r->config->table_count : 0;
	size_t connections = r->config ? r->config->connection_count : 0;

	rib_entries_free(r, tables);
	for (size_t i = 0; r->connections && i < connections; i++)
		trie_free(&r->connections[i], NULL);
	for (size_t i = 0; r->references && i < tables * connections; i++)
		trie_free(&r->references[i], NULL);
	free(r->tables);
	free(r->connections);
	free(r->present);
	free(r->learned);
	free(r->attachments);
	free(r->learns);
	free(r->references);
	*r = (struct rib){ 0 };
}
