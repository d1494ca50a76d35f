/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Compile and diff against a naive model: for each address, two linear searches, written without
 * looking at the trie, the ranking or the compiler.
 */
#include <setjmp.h>
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
#define MOST	    24

static uint32_t seed;

static uint32_t any(uint32_t limit)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % limit;
}

/* Everything of one random gateway, in place: nothing to free. */
struct world {
	struct config config;
	struct config_table tables[TABLES];
	struct config_attachment attachments[ATTACHMENTS];
	struct config_connection connections[CONNECTIONS];
	struct config_ref learn[TABLES][ATTACHMENTS];
	struct config_table_route statics[TABLES][MOST];
	struct config_prefix prefixes[ATTACHMENTS][MOST];
	struct id_spaces spaces;
	struct ids ids;
	bool up[2 * CONNECTIONS];
	struct rib rib;
	struct fib fib;
};

/* Crowded on purpose: prefixes nest, meet and repeat. */
static struct prefix any_prefix(void)
{
	struct address a = { .family = any(4) ? AF_INET : AF_INET6 };
	unsigned bits = address_bits(&a), len = any(8) ? any(20) : any(bits + 1);

	for (unsigned i = 0; i < bits / 8; i++)
		a.bytes[i] = i < 3 ? (uint8_t)(any(3) * 0x55) : (uint8_t)any(256);
	return prefix_of(&a, len);
}

static struct address any_address(void)
{
	struct prefix p = any_prefix();

	for (unsigned i = p.len; i < address_bits(&p.address); i++)
		if (any(2))
			p.address.bytes[i / 8] |= (uint8_t)(0x80 >> (i % 8));
	return p.address;
}

static size_t any_prefixes(struct config_prefix *list)
{
	size_t n = any(MOST);

	for (size_t i = 0; i < n; i++)
		list[i].prefix = any_prefix();
	return n;
}

static void make_attachment(struct world *w, size_t i)
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

static void make_connection(struct world *w, size_t i)
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

static void make_table(struct world *w, size_t i)
{
	static char *names[TABLES] = { "main", "edge", "shared" };
	struct config_table *t = &w->tables[i];

	*t = (struct config_table){ .name = names[i], .learn = w->learn[i], .transit = any(2) };
	for (int a = 0; a < ATTACHMENTS; a++)
		if (any(3))
			t->learn[t->learn_count++].index = a;
	t->routes = w->statics[i];
	t->route_count = any(MOST);
	for (size_t k = 0; k < t->route_count; k++)
		t->routes[k] = (struct config_table_route){
			.destination.prefix = any_prefix(),
			.blackhole = !any(4),
			.attachment.index = (int)any(ATTACHMENTS),
			.metric = any(2),
		};
}

static void make_config(struct world *w)
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

static bool is_up(uint32_t tunnel, const void *context)
{
	return ((const struct world *)context)->up[tunnel];
}

static void compile(struct world *w)
{
	static const struct address locals[] = { { AF_INET, { 0x55, 0, 0x55, 1 } } };

	assert_int_equal(0, rib_build(&w->config, &w->ids, locals, 1, is_up, w, &w->rib));
	assert_int_equal(0, fib_compile(&w->rib, &w->fib));
}

static struct world *world_new(uint32_t number)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	seed = number * 7919 + 1;
	make_config(w);
	assert_int_equal(0, id_spaces_init(&w->spaces));
	assert_int_equal(0, ids_assign(&w->spaces, &w->config, &w->ids));
	for (size_t i = 0; i < 2 * CONNECTIONS; i++)
		w->up[i] = any(3);
	compile(w);
	return w;
}

static void world_free(struct world *w)
{
	fib_free(&w->fib);
	rib_free(&w->rib);
	ids_free(&w->ids);
	id_spaces_free(&w->spaces);
	free(w);
}

/* ---- the naive model ---- */

static bool naive_available(const struct world *w, size_t connection)
{
	for (size_t k = 0; k < w->connections[connection].tunnel_count; k++)
		if (w->up[w->ids.tunnel[connection][k]])
			return true;
	return false;
}

/* Bit set of the tunnels of the connection's longest match. */
static unsigned naive_connection(const struct world *w, size_t connection, const struct address *a)
{
	const struct config_connection *c = &w->connections[connection];
	unsigned tunnels = 0;

	for (size_t i = 0; i < c->route_count && naive_available(w, connection); i++)
		if (prefix_contains_address(&c->routes[i].prefix, a))
			for (size_t k = 0; k < c->tunnel_count; k++)
				tunnels |= 1u << w->ids.tunnel[connection][k];
	return tunnels;
}

/* A candidate's rank, lower is better: source, metric, device before tunnel. */
struct naive {
	unsigned len, rank, tunnels;
	enum fib_kind kind;
	int attachment;
};

static void naive_offer(const struct world *w, enum view view, const struct address *a,
			const struct prefix *p, int attachment, unsigned source, uint32_t metric,
			struct naive *best)
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

static void naive_learn(const struct world *w, enum view view, const struct address *a,
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
}

static struct naive naive_lookup(const struct world *w, size_t table, enum view view,
				 const struct address *a)
{
	static const struct address local = { AF_INET, { 0x55, 0, 0x55, 1 } };
	const struct config_table *t = &w->tables[table];
	struct naive best = { .kind = FIB_NONE };

	if (address_equal(a, &local))
		return (struct naive){ .kind = FIB_LOCAL };
	for (size_t i = 0; i < t->route_count; i++)
		naive_offer(w, view, a, &t->routes[i].destination.prefix,
			    t->routes[i].blackhole ? -1 : t->routes[i].attachment.index, 1,
			    t->routes[i].metric, &best);
	for (size_t i = 0; i < t->learn_count; i++)
		naive_learn(w, view, a, t->learn[i].index, &best);
	return best;
}

/* ---- claims ---- */

static unsigned tunnel_bits(const struct fib_answer *a)
{
	unsigned bits = 0;

	for (size_t i = 0; i < a->set.count; i++)
		bits |= 1u << a->set.members[i].tunnel;
	return bits;
}

static void expect_naive(const struct world *w, const struct fib_table *t, const struct address *a)
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

static void last_address(const struct prefix *p, struct address *out)
{
	*out = p->address;
	for (unsigned i = p->len; i < address_bits(out); i++)
		out->bytes[i / 8] |= (uint8_t)(0x80 >> (i % 8));
}

static void compiled_table_answers_like_two_lookups(void **state)
{
	(void)state;
	for (uint32_t n = 0; n < 150; n++) {
		struct world *w = world_new(n);

		for (size_t t = 0; t < w->fib.count; t++) {
			for (int i = 0; i < 300; i++) {
				struct address a = any_address();

				expect_naive(w, &w->fib.tables[t], &a);
			}
			for (size_t i = 0; i < w->fib.tables[t].count; i++) {
				const struct prefix *p = &w->fib.tables[t].routes[i].prefix;
				struct address last;

				last_address(p, &last);
				expect_naive(w, &w->fib.tables[t], &p->address);
				expect_naive(w, &w->fib.tables[t], &last);
			}
		}
		world_free(w);
	}
}

static void no_compiled_route_repeats_the_one_around_it(void **state)
{
	(void)state;
	for (uint32_t n = 0; n < 100; n++) {
		struct world *w = world_new(n);

		for (size_t t = 0; t < w->fib.count; t++) {
			const struct fib_table *table = &w->fib.tables[t];

			for (size_t i = 0; i < table->count; i++) {
				const struct fib_answer *around = NULL;

				for (size_t k = 0; k < i; k++)
					if (prefix_contains(&table->routes[k].prefix,
							    &table->routes[i].prefix))
						around = &table->routes[k].answer;
				assert_false(
					around ? fib_answer_equal(around, &table->routes[i].answer)
					       : table->routes[i].answer.kind == FIB_NONE);
			}
		}
		world_free(w);
	}
}

static void apply(struct fib_table *t, const struct fib_op *op)
{
	size_t i = 0;

	while (i < t->count && prefix_compare(&t->routes[i].prefix, &op->prefix) < 0)
		i++;
	if (op->kind == FIB_DELETE) {
		assert_true(i < t->count && prefix_equal(&t->routes[i].prefix, &op->prefix));
		memmove(&t->routes[i], &t->routes[i + 1], (--t->count - i) * sizeof(*t->routes));
		return;
	}
	if (i == t->count || !prefix_equal(&t->routes[i].prefix, &op->prefix)) {
		memmove(&t->routes[i + 1], &t->routes[i], (t->count++ - i) * sizeof(*t->routes));
		t->routes[i].prefix = op->prefix;
	}
	t->routes[i].answer = *op->answer;
}

static void expect_old_or_new(const struct fib_table *old, const struct fib_table *now,
			      const struct fib_table *moving, const struct address *a)
{
	struct fib_answer was = fib_lookup(old, a, NULL), is = fib_lookup(now, a, NULL);
	struct fib_answer got = fib_lookup(moving, a, NULL);

	assert_true(fib_answer_equal(&got, &was) || fib_answer_equal(&got, &is));
}

static void step_through(const struct fib_table *old, const struct fib_table *now)
{
	struct fib_table moving = *old;
	struct fib_op *ops;
	size_t count;

	moving.routes = calloc(old->count + now->count + 1, sizeof(*moving.routes));
	assert_non_null(moving.routes);
	memcpy(moving.routes, old->routes, old->count * sizeof(*old->routes));
	assert_int_equal(0,
			 fib_diff(old->routes, old->count, now->routes, now->count, &ops, &count));
	for (size_t i = 0; i < count; i++) {
		apply(&moving, &ops[i]);
		for (size_t k = 0; k < count; k++) {
			struct address last;

			last_address(&ops[k].prefix, &last);
			expect_old_or_new(old, now, &moving, &ops[k].prefix.address);
			expect_old_or_new(old, now, &moving, &last);
		}
		for (int k = 0; k < 20; k++) {
			struct address a = any_address();

			expect_old_or_new(old, now, &moving, &a);
		}
	}
	assert_int_equal(now->count, moving.count);
	for (size_t i = 0; i < now->count; i++)
		assert_true(prefix_equal(&now->routes[i].prefix, &moving.routes[i].prefix) &&
			    fib_answer_equal(&now->routes[i].answer, &moving.routes[i].answer));
	free(ops);
	free(moving.routes);
}

static void no_step_of_a_change_shows_a_third_answer(void **state)
{
	(void)state;
	for (uint32_t n = 0; n < 40; n++) {
		struct world *a = world_new(n), *b = world_new(n + 1000);

		step_through(&a->fib.tables[0], &b->fib.tables[0]);
		world_free(a);
		world_free(b);
	}
}

static void losing_one_of_two_tunnels_changes_no_route(void **state)
{
	struct world *w;
	struct fib before;
	struct fib_op *ops;
	size_t count;

	(void)state;
	w = world_new(5);
	for (size_t i = 0; i < CONNECTIONS; i++)
		w->connections[i].tunnel_count = 1;
	memset(w->up, 1, sizeof(w->up));
	fib_free(&w->fib);
	rib_free(&w->rib);
	w->connections[0].tunnel_count = 2;
	w->connections[0].tunnels[1].name = "1b";
	w->connections[0].tunnels[1].weight = 1;
	ids_free(&w->ids);
	assert_int_equal(0, ids_assign(&w->spaces, &w->config, &w->ids));
	compile(w);
	before = w->fib;
	rib_free(&w->rib);
	w->up[w->ids.tunnel[0][0]] = false;
	compile(w);
	for (size_t t = 0; t < before.count; t++) {
		assert_int_equal(0, fib_diff(before.tables[t].routes, before.tables[t].count,
					     w->fib.tables[t].routes, w->fib.tables[t].count, &ops,
					     &count));
		assert_int_equal(0, count);
		free(ops);
	}
	fib_free(&before);
	world_free(w);
}

static void withdrawn_routes_let_the_standby_show(void **state)
{
	struct world *w;

	(void)state;
	w = world_new(11);
	memset(w->up, 0, sizeof(w->up));
	fib_free(&w->fib);
	rib_free(&w->rib);
	compile(w);
	for (size_t t = 0; t < w->fib.count; t++)
		for (size_t i = 0; i < w->fib.tables[t].count; i++)
			assert_int_not_equal(FIB_TUNNELS, w->fib.tables[t].routes[i].answer.kind);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(compiled_table_answers_like_two_lookups),
		cmocka_unit_test(no_compiled_route_repeats_the_one_around_it),
		cmocka_unit_test(no_step_of_a_change_shows_a_third_answer),
		cmocka_unit_test(losing_one_of_two_tunnels_changes_no_route),
		cmocka_unit_test(withdrawn_routes_let_the_standby_show),
	};

	return cmocka_run_group_tests_name("fib", tests, NULL, NULL);
}
