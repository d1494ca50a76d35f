/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small random gateway, and a naive model of what it does with an address: two linear searches,
 * written without looking at the trie, the ranking or the compiler. Shared by the tests of
 * compiler, incremental changes and loaded dataplane.
 */
#ifndef TESTS_UNIT_FIB_WORLD_H
#define TESTS_UNIT_FIB_WORLD_H

#include <setjmp.h>
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <cmocka.h>
#include "core/fib.h"
#include "core/rib.h"

#define TABLES	    3
#define ATTACHMENTS 7 /* two VPCs, a VBR, four connections */
#define CONNECTIONS 4
#define FIRST_VPN   3
#define MOST	    24 /* routes of one kind at the start */
#define ROOM	    40 /* and after changes */
#define LOCALS	    4

static uint32_t seed;

static inline uint32_t any(uint32_t limit)
{
	seed = seed * 1664525u + 1013904223u;
	return limit ? (seed >> 8) % limit : 0;
}

/* A route that BGP gives a connection. */
struct world_bgp {
	struct prefix prefix;
	tunnel_mask tunnels;
};

/* Everything of one random gateway. */
struct world {
	struct config config;
	struct config_table tables[TABLES];
	struct config_attachment attachments[ATTACHMENTS];
	struct config_connection connections[CONNECTIONS];
	struct config_ref learn[TABLES][ATTACHMENTS];
	struct config_table_route table_routes[TABLES][ROOM];
	struct config_prefix prefixes[ATTACHMENTS][ROOM];
	struct world_bgp bgp[CONNECTIONS][ROOM];
	size_t bgp_count[CONNECTIONS];
	struct learned learned[CONNECTIONS];
	struct id_spaces spaces;
	struct ids ids;
	bool up[2 * CONNECTIONS];
	struct address locals[LOCALS];
	size_t local_count;
	struct rib rib;
	struct fib fib;
	/* Called before a connection's route is written down or struck out; or NULL. */
	void (*before_route)(const struct prefix *p, void *context);
	void *context;
};

/* Crowded on purpose: prefixes nest, meet and repeat. */
static inline struct prefix any_prefix(void)
{
	struct address a = { .family = any(4) ? AF_INET : AF_INET6 };
	unsigned bits = address_bits(&a), len = any(8) ? any(20) : any(bits + 1);

	for (unsigned i = 0; i < bits / 8; i++)
		a.bytes[i] = i < 3 ? (uint8_t)(any(3) * 0x55) : (uint8_t)any(256);
	return prefix_of(&a, len);
}

static inline struct address any_address(void)
{
	struct prefix p = any_prefix();

	for (unsigned i = p.len; i < address_bits(&p.address); i++)
		if (any(2))
			p.address.bytes[i / 8] |= (uint8_t)(0x80 >> (i % 8));
	return p.address;
}

static inline size_t any_prefixes(struct config_prefix *list)
{
	size_t n = any(MOST);

	for (size_t i = 0; i < n; i++)
		list[i].prefix = any_prefix();
	return n;
}

static inline void make_attachment(struct world *w, size_t i)
{
	static char *names[ATTACHMENTS] = {
		"vpc-a", "vpc-b", "vbr", "dc-1", "dc-2", "dc-3", "dc-4"
	};
	struct config_attachment *a = &w->attachments[i];

	*a = (struct config_attachment){ .name = names[i], .association.index = -1 };
	a->type = i < 2 ? ATTACHMENT_VPC : i < FIRST_VPN ? ATTACHMENT_VBR : ATTACHMENT_VPN;
	a->priority = any(3) * 100;
	if (a->type == ATTACHMENT_VPN)
		a->connection.index = (int)i - FIRST_VPN;
	else
		a->cidr_count = any_prefixes(w->prefixes[i]);
	a->cidrs = w->prefixes[i];
}

static inline void make_connection(struct world *w, size_t i)
{
	static char *tunnels[2 * CONNECTIONS] = { "1a", "1b", "2a", "2b", "3a", "3b", "4a", "4b" };
	struct config_connection *c = &w->connections[i];

	*c = (struct config_connection){ .name = tunnels[2 * i], .tunnel_count = 1 + any(2) };
	for (size_t k = 0; k < c->tunnel_count; k++) {
		c->tunnels[k].name = tunnels[2 * i + k];
		c->tunnels[k].weight = 1 + any(3);
	}
	c->routes = w->prefixes[FIRST_VPN + i];
	c->route_count = any_prefixes(c->routes);
	c->kernel_table = 1001 + (uint32_t)i;
}

static inline struct config_table_route any_static(void)
{
	return (struct config_table_route){
		.destination.prefix = any_prefix(),
		.blackhole = !any(4),
		.attachment.index = (int)any(ATTACHMENTS),
		.metric = any(2),
	};
}

static inline void make_table(struct world *w, size_t i)
{
	static char *names[TABLES] = { "main", "edge", "shared" };
	struct config_table *t = &w->tables[i];

	*t = (struct config_table){ .name = names[i], .learn = w->learn[i], .transit = any(2) };
	for (int a = 0; a < ATTACHMENTS; a++)
		if (any(3))
			t->learn[t->learn_count++].index = a;
	t->routes = w->table_routes[i];
	t->route_count = any(MOST);
	for (size_t k = 0; k < t->route_count; k++)
		t->routes[k] = any_static();
}

static inline void make_config(struct world *w)
{
	for (size_t i = 0; i < ATTACHMENTS; i++)
		make_attachment(w, i);
	for (size_t i = 0; i < CONNECTIONS; i++)
		make_connection(w, i);
	for (size_t i = 0; i < TABLES; i++)
		make_table(w, i);
	w->config = (struct config){
		.tables = w->tables,
		.table_count = TABLES,
		.attachments = w->attachments,
		.attachment_count = ATTACHMENTS,
		.connections = w->connections,
		.connection_count = CONNECTIONS,
	};
}

static inline bool is_up(uint32_t tunnel, const void *context)
{
	return ((const struct world *)context)->up[tunnel];
}

static inline int world_rib(const struct world *w, struct rib *out)
{
	const struct learned *learned[CONNECTIONS];

	for (size_t i = 0; i < CONNECTIONS; i++)
		learned[i] = &w->learned[i];
	return rib_build(&w->config, &w->ids, w->locals, w->local_count, is_up, w, learned, out);
}

static inline void compile(struct world *w)
{
	assert_int_equal(0, world_rib(w, &w->rib));
	assert_int_equal(0, fib_compile(&w->rib, &w->fib));
}

/* ---- BGP ---- */

/* What a connection is told. */
struct world_listener {
	struct world *world;
	size_t connection;
	struct touched *touched; /* NULL: there is no rib yet */
};

static inline int hear(const struct prefix *p, tunnel_mask accepted, void *context)
{
	const struct world_listener *l = context;

	if (!l->touched)
		return 0;
	return rib_learned_route_set(&l->world->rib, l->connection, p, accepted, l->touched);
}

/* BGP offers something else. The connection that it offers it, or -1: nothing came of it. */
static inline int any_offer(struct world *w)
{
	size_t i = any(CONNECTIONS), at;
	struct world_bgp *list = w->bgp[i];
	struct world_bgp route = { any_prefix(),
				   (tunnel_mask)any(1u << w->connections[i].tunnel_count) };

	if (w->bgp_count[i] && any(2))
		route.prefix = list[any((uint32_t)w->bgp_count[i])].prefix;
	for (at = 0; at < w->bgp_count[i]; at++)
		if (prefix_equal(&list[at].prefix, &route.prefix))
			break;
	if (at == ROOM || (at == w->bgp_count[i] && !route.tunnels))
		return -1;
	w->bgp_count[i] += at == w->bgp_count[i];
	list[at] = route;
	if (!route.tunnels)
		list[at] = list[--w->bgp_count[i]];
	if (route.tunnels)
		assert_int_equal(0,
				 learned_offer(&w->learned[i], &route.prefix,
					       &(struct learned_offer){
						       .metric = 20, .tunnels = route.tunnels }));
	else
		assert_int_equal(0, learned_withdraw(&w->learned[i], &route.prefix, 20,
						     LEARNED_ALL_TUNNELS));
	return (int)i;
}

static inline bool any_bgp_route(struct world *w, struct touched *touched)
{
	int i = any_offer(w);
	struct world_listener listener = { w, (size_t)i, touched };

	if (i < 0)
		return false;
	assert_int_equal(0, learned_settle(&w->learned[i], hear, &listener));
	return true;
}

static inline struct world *world_new(uint32_t number)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	seed = number * 7919 + 1;
	make_config(w);
	w->locals[w->local_count++] = (struct address){ AF_INET, { 0x55, 0, 0x55, 1 } };
	assert_int_equal(0, id_spaces_init(&w->spaces));
	assert_int_equal(0, ids_assign(&w->spaces, &w->config, &w->ids));
	for (size_t i = 0; i < 2 * CONNECTIONS; i++)
		w->up[i] = any(3);
	for (size_t i = 0; i < CONNECTIONS; i++)
		learned_set_limits(&w->learned[i],
				   (struct learned_limits){ LEARNED_NO_LIMIT, LEARNED_NO_LIMIT });
	for (int i = 0; i < MOST; i++)
		any_bgp_route(w, NULL);
	compile(w);
	return w;
}

/* BGP gives each route over tunnels of its own: such a route may go with one tunnel. */
static inline void without_bgp(struct world *w)
{
	for (size_t i = 0; i < CONNECTIONS; i++) {
		learned_free(&w->learned[i]);
		w->bgp_count[i] = 0;
	}
}

static inline void world_free(struct world *w)
{
	for (size_t i = 0; i < CONNECTIONS; i++)
		learned_free(&w->learned[i]);
	fib_free(&w->fib);
	rib_free(&w->rib);
	ids_free(&w->ids);
	id_spaces_free(&w->spaces);
	free(w);
}

/* ---- the naive model ---- */

static inline bool naive_available(const struct world *w, size_t connection)
{
	for (size_t k = 0; k < w->connections[connection].tunnel_count; k++)
		if (w->up[w->ids.tunnel[connection][k]])
			return true;
	return false;
}

static inline bool naive_learned_available(const struct world *w, size_t connection,
					   tunnel_mask tunnels)
{
	for (size_t k = 0; k < w->connections[connection].tunnel_count; k++)
		if (tunnels >> k & 1 && w->up[w->ids.tunnel[connection][k]])
			return true;
	return false;
}

/* Bit set of the tunnels of the connection's longest match; BGP goes first. */
static inline unsigned naive_connection(const struct world *w, size_t connection,
					const struct address *a)
{
	const struct config_connection *c = &w->connections[connection];
	tunnel_mask tunnels = 0;
	unsigned set = 0;
	int len = -1;

	for (size_t i = 0; i < c->route_count && naive_available(w, connection); i++)
		if (prefix_contains_address(&c->routes[i].prefix, a) &&
		    c->routes[i].prefix.len > len) {
			len = c->routes[i].prefix.len;
			tunnels = 0xff;
		}
	for (size_t i = 0; i < w->bgp_count[connection]; i++) {
		const struct world_bgp *b = &w->bgp[connection][i];

		if (prefix_contains_address(&b->prefix, a) && b->prefix.len >= len &&
		    naive_learned_available(w, connection, b->tunnels)) {
			len = b->prefix.len;
			tunnels = b->tunnels;
		}
	}
	for (size_t k = 0; k < c->tunnel_count; k++)
		if (tunnels >> k & 1)
			set |= 1u << w->ids.tunnel[connection][k];
	return set;
}

/* A candidate's rank, lower is better: source, metric, device before tunnel. */
struct naive {
	unsigned len, rank, tunnels;
	enum fib_kind kind;
	int attachment;
};

static inline void naive_offer(const struct world *w, enum view view, const struct address *a,
			       const struct prefix *p, int attachment, unsigned source,
			       uint32_t metric, struct naive *best)
{
	const struct config_attachment *to = attachment < 0 ? NULL : &w->attachments[attachment];
	bool vpn = to && to->type == ATTACHMENT_VPN;
	unsigned rank = source * 100000 + metric * 10 + vpn;
	unsigned tunnels;

	if (!prefix_contains_address(p, a) ||
	    (view == VIEW_EDGE && to && to->type != ATTACHMENT_VPC) ||
	    (vpn && !naive_available(w, (size_t)to->connection.index)))
		return;
	if (best->kind != FIB_NONE || best->rank) {
		if (p->len < best->len || (p->len == best->len && rank > best->rank))
			return;
		if (p->len == best->len && rank == best->rank && !vpn &&
		    best->attachment <= attachment)
			return;
	}
	tunnels = vpn ? naive_connection(w, (size_t)to->connection.index, a) : 0;
	if (vpn && best->len == p->len && best->rank == rank)
		tunnels |= best->tunnels;
	*best = (struct naive){ p->len, rank, tunnels, FIB_TUNNELS, attachment };
	if (!vpn)
		best->kind = attachment < 0 ? FIB_BLACKHOLE : FIB_DEVICE;
	else if (!tunnels)
		best->kind = FIB_NONE;
}

static inline void naive_learn_bgp(const struct world *w, enum view view, const struct address *a,
				   int attachment, struct naive *best)
{
	size_t connection = (size_t)w->attachments[attachment].connection.index;

	for (size_t i = 0; i < w->bgp_count[connection]; i++)
		if (naive_learned_available(w, connection, w->bgp[connection][i].tunnels))
			naive_offer(w, view, a, &w->bgp[connection][i].prefix, attachment, 3, 0,
				    best);
}

static inline void naive_learn(const struct world *w, enum view view, const struct address *a,
			       int attachment, struct naive *best)
{
	const struct config_attachment *from = &w->attachments[attachment];
	const struct config_prefix *list = from->cidrs;
	size_t count = from->cidr_count;
	unsigned source = from->type == ATTACHMENT_VPC ? 2 : 4;
	uint32_t metric = from->type == ATTACHMENT_VBR ? from->priority : 0;

	if (from->type == ATTACHMENT_VPN) {
		list = w->connections[from->connection.index].routes;
		count = w->connections[from->connection.index].route_count;
		metric = 100;
	}
	for (size_t i = 0; i < count; i++)
		naive_offer(w, view, a, &list[i].prefix, attachment, source, metric, best);
	if (from->type == ATTACHMENT_VPN)
		naive_learn_bgp(w, view, a, attachment, best);
}

static inline struct naive naive_lookup(const struct world *w, size_t table, enum view view,
					const struct address *a)
{
	const struct config_table *t = &w->tables[table];
	struct naive best = { .kind = FIB_NONE };

	for (size_t i = 0; i < w->local_count; i++)
		if (address_equal(a, &w->locals[i]))
			return (struct naive){ .kind = FIB_LOCAL };
	for (size_t i = 0; i < t->route_count; i++)
		naive_offer(w, view, a, &t->routes[i].destination.prefix,
			    t->routes[i].blackhole ? -1 : t->routes[i].attachment.index, 1,
			    t->routes[i].metric, &best);
	for (size_t i = 0; i < t->learn_count; i++)
		naive_learn(w, view, a, t->learn[i].index, &best);
	return best;
}

/* ---- the compiled table beside the model ---- */

struct on_table {
	const struct world *world;
	const struct fib_table *table;
};

static inline unsigned tunnel_bits(const struct fib_answer *a)
{
	unsigned bits = 0;

	for (size_t i = 0; i < a->set.count; i++)
		bits |= 1u << a->set.members[i].tunnel;
	return bits;
}

static inline void expect_naive(const struct world *w, const struct fib_table *t,
				const struct address *a)
{
	struct fib_answer got = fib_lookup(t, a, NULL);
	struct naive want = { .kind = FIB_NONE };

	if (t->connection) {
		want.tunnels = naive_connection(w, t->index, a);
		want.kind = want.tunnels ? FIB_TUNNELS : FIB_NONE;
	} else {
		want = naive_lookup(w, t->index, t->view, a);
	}
	assert_int_equal(want.kind, got.kind);
	if (want.kind == FIB_TUNNELS)
		assert_int_equal(want.tunnels, tunnel_bits(&got));
	if (want.kind == FIB_DEVICE)
		assert_int_equal(w->ids.attachment[want.attachment], got.attachment);
}

static inline void last_address(const struct prefix *p, struct address *out)
{
	*out = p->address;
	for (unsigned i = p->len; i < address_bits(out); i++)
		out->bytes[i / 8] |= (uint8_t)(0x80 >> (i % 8));
}

/* ---- tables beside each other ---- */

static inline int copy_entry(const struct prefix *p, void *data, void *context)
{
	return fib_set(context, p, data);
}

static inline void table_copy(const struct fib_table *from, struct fib_table *to)
{
	assert_int_equal(0, trie_walk(&from->routes, NULL, copy_entry, to));
}

static inline int expect_entry(const struct prefix *p, void *data, void *context)
{
	const struct fib_answer *other = trie_exact(context, p);

	assert_non_null(other);
	assert_true(fib_answer_equal(data, other));
	return 0;
}

static inline void expect_same_table(const struct fib_table *a, const struct fib_table *b)
{
	assert_int_equal(a->routes.count, b->routes.count);
	trie_walk(&a->routes, NULL, expect_entry, (void *)&b->routes);
}

static inline void expect_old_or_new(const struct fib_table *old, const struct fib_table *now,
				     const struct fib_table *moving, const struct address *a)
{
	struct fib_answer was = fib_lookup(old, a, NULL), is = fib_lookup(now, a, NULL);
	struct fib_answer got = fib_lookup(moving, a, NULL);

	assert_true(fib_answer_equal(&got, &was) || fib_answer_equal(&got, &is));
}

/* Runs the operations on `moving`, looking after each one. */
static inline void expect_steps(const struct fib_table *old, const struct fib_table *now,
				struct fib_table *moving, const struct fib_ops *ops)
{
	for (size_t i = 0; i < ops->count; i++) {
		assert_int_equal(0, fib_apply(moving, &ops->list[i]));
		for (size_t k = 0; k < ops->count; k++) {
			struct address last;

			last_address(&ops->list[k].prefix, &last);
			expect_old_or_new(old, now, moving, &ops->list[k].prefix.address);
			expect_old_or_new(old, now, moving, &last);
		}
		for (int k = 0; k < 20; k++) {
			struct address a = any_address();

			expect_old_or_new(old, now, moving, &a);
		}
	}
}

/* ---- changes ---- */

static inline bool any_connection_route(struct world *w, struct touched *touched)
{
	size_t i = any(CONNECTIONS);
	struct config_connection *c = &w->connections[i];
	struct prefix p = any_prefix();
	size_t kept = 0;

	if (c->route_count && any(2)) {
		p = c->routes[any((uint32_t)c->route_count)].prefix;
		if (w->before_route)
			w->before_route(&p, w->context);
		assert_int_equal(0, rib_connection_route_remove(&w->rib, i, &p, touched));
		for (size_t k = 0; k < c->route_count; k++)
			if (!prefix_equal(&c->routes[k].prefix, &p))
				c->routes[kept++] = c->routes[k];
		c->route_count = kept;
		assert_int_equal(-ENOENT, rib_connection_route_remove(&w->rib, i, &p, touched));
		return true;
	}
	if (c->route_count == ROOM || rib_own_route(&w->rib, i, &p).destination)
		return false;
	if (w->before_route)
		w->before_route(&p, w->context);
	assert_int_equal(0, rib_connection_route_add(&w->rib, i, &p, touched));
	c->routes[c->route_count++].prefix = p;
	assert_int_equal(-EEXIST, rib_connection_route_add(&w->rib, i, &p, touched));
	return true;
}

static inline bool same_static(const struct config_table_route *a,
			       const struct config_table_route *b)
{
	return prefix_equal(&a->destination.prefix, &b->destination.prefix) &&
	       a->blackhole == b->blackhole && a->metric == b->metric &&
	       (a->blackhole || a->attachment.index == b->attachment.index);
}

static inline bool any_table_route(struct world *w, struct touched *touched)
{
	size_t i = any(TABLES), at;
	struct config_table *t = &w->tables[i];
	struct config_table_route route = any_static();

	if (t->route_count && any(2)) {
		at = any((uint32_t)t->route_count);
		assert_int_equal(0, rib_table_route_remove(&w->rib, i, &t->routes[at], touched));
		t->routes[at] = t->routes[--t->route_count];
		return true;
	}
	for (size_t k = 0; k < t->route_count; k++)
		if (same_static(&t->routes[k], &route))
			return false;
	if (t->route_count == ROOM)
		return false;
	assert_int_equal(0, rib_table_route_add(&w->rib, i, &route, touched));
	t->routes[t->route_count++] = route;
	assert_int_equal(-EEXIST, rib_table_route_add(&w->rib, i, &route, touched));
	return true;
}

static inline bool any_local(struct world *w, struct touched *touched)
{
	struct address a = any_address();

	if (w->local_count && any(2)) {
		a = w->locals[--w->local_count];
		assert_int_equal(0, rib_local_remove(&w->rib, &a, touched));
		return true;
	}
	for (size_t i = 0; i < w->local_count; i++)
		if (address_equal(&w->locals[i], &a))
			return false;
	if (w->local_count == LOCALS)
		return false;
	w->locals[w->local_count++] = a;
	assert_int_equal(0, rib_local_add(&w->rib, &a, touched));
	return true;
}

static inline bool any_tunnel(struct world *w, struct touched *touched)
{
	size_t i = any(CONNECTIONS);
	uint32_t tunnel = w->ids.tunnel[i][any((uint32_t)w->connections[i].tunnel_count)];

	w->up[tunnel] = !w->up[tunnel];
	rib_set_present(&w->rib, i, rib_present(&w->config, &w->ids, i, is_up, w), touched);
	return true;
}

/* One change of the configuration or of the world, and of the rib with it. False: none came of it.
 */
static inline bool any_change(struct world *w, struct touched *touched)
{
	switch (any(11)) {
	case 8:
	case 9:
	case 10:
		return any_bgp_route(w, touched);
	case 0:
		return any_local(w, touched);
	case 1:
	case 2:
		return any_tunnel(w, touched);
	case 3:
	case 4:
	case 5:
		return any_connection_route(w, touched);
	default:
		return any_table_route(w, touched);
	}
}

#endif
