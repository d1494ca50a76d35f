/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The loaded program against the naive model: a random gateway is compiled into real maps by the
 * gateway's own code and changed route by route, address by address, tunnel by tunnel; each time
 * the program (asked by its explain entry), the compiled tables and two linear searches give one
 * answer. And what happens when ids or places run out.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "../unit/fib_world.h"
#include "forwarding_world.h"
#include "packet.h"

#define LO	   1u
#define FIRST_VLAN 100
#define CHANGES	   150
#define ADDRESSES  1000 /* after each change */
#define FIRST_LOOK 1000000
#define LOOKED_UP  3 / 4 /* of the addresses at least; others are never looked up [D14] */

static struct world *naive;
static struct forwarding_world fw;

/* ---- the gateway ---- */

static void *on_heap(const void *from, size_t count, size_t size)
{
	void *p = calloc(count + 1, size);

	assert_non_null(p);
	memcpy(p, from, count * size);
	return p;
}

/* The gateway's lists grow. */
static void free_lists(struct world *w)
{
	for (size_t i = 0; i < CONNECTIONS; i++)
		free(w->connections[i].routes);
	for (size_t i = 0; i < TABLES; i++)
		free(w->tables[i].routes);
}

static void heap_lists(struct world *w)
{
	for (size_t i = 0; i < CONNECTIONS; i++) {
		struct config_connection *c = &w->connections[i];

		c->routes = on_heap(c->routes, c->route_count, sizeof(*c->routes));
	}
	for (size_t i = 0; i < TABLES; i++) {
		struct config_table *t = &w->tables[i];

		t->routes = on_heap(t->routes, t->route_count, sizeof(*t->routes));
	}
}

static void associate(void)
{
	struct gateway *g = &fw.gateway;

	for (size_t i = 0; i < g->fib.count; i++) {
		struct association_key key = { LO, (uint16_t)(FIRST_VLAN + i), 0 };
		struct association value = {
			.table = g->fib.tables[i].id,
			.attachment = 1,
			.tunnel = NO_TUNNEL,
			.source_table = NO_TABLE,
			.l2_len = ETH_HEADER_LEN,
		};

		memcpy(value.mac, our_mac, sizeof(value.mac));
		assert_int_equal(0, dataplane_set_association(g->dataplane, &key, &value));
	}
}

static void take_locals(struct gateway *g)
{
	g->locals = naive->locals;
	g->local_count = naive->local_count;
}

static void prepare_world(uint32_t number, size_t groups, bool bgp)
{
	static struct learned *learned[CONNECTIONS];

	naive = world_new(number);
	if (!bgp)
		without_bgp(naive);
	heap_lists(naive);
	forwarding_open(&fw, &naive->config, groups);
	for (size_t i = 0; i < CONNECTIONS; i++)
		learned[i] = &naive->learned[i];
	fw.gateway.learned = learned;
	take_locals(&fw.gateway);
	for (size_t i = 0; i < 2 * CONNECTIONS; i++)
		fw.down[i] = !naive->up[i];
}

static int open_world(uint32_t number, size_t groups, bool bgp)
{
	prepare_world(number, groups, bgp);
	return forwarding_start(&fw);
}

static void close_world(void)
{
	fw.gateway.locals = NULL;
	free_lists(naive);
	forwarding_close(&fw);
	world_free(naive);
}

/* ---- three answers ---- */

static void ask(size_t table, const struct address *a, struct explain *out)
{
	static struct frame in;
	char to[PREFIX_STRLEN];
	struct association_key key = { LO, (uint16_t)(FIRST_VLAN + table), 0 };
	bool v6 = a->family == AF_INET6;
	struct packet_spec spec = { .from = v6 ? "fd00:1::5" : "10.1.0.5",
				    .to = address_format(a, to),
				    .vlan = { key.outer_vlan } };

	frame_build(&spec, &in);
	assert_int_equal(0, dataplane_explain(fw.gateway.dataplane, &key, in.bytes, in.len, out));
}

/* What the program says, in the words of the compiler. */
static struct fib_answer said(const struct explain *e)
{
	struct fib_answer a = { .kind = FIB_NONE };

	if (!e->matched)
		return a;
	switch ((enum verdict)e->route.verdict) {
	case VERDICT_GROUP:
		a.kind = FIB_TUNNELS;
		assert_true(fw.gateway.groups.list[e->route.target].used);
		a.set = fw.gateway.groups.list[e->route.target].set;
		break;
	case VERDICT_DEVICE:
		a.kind = FIB_DEVICE;
		a.attachment = e->route.target;
		break;
	case VERDICT_LOCAL:
		a.kind = FIB_LOCAL;
		break;
	case VERDICT_BLACKHOLE:
		a.kind = FIB_BLACKHOLE;
		break;
	case VERDICT_NO_ROUTE:
		break;
	}
	return a;
}

/* False: an address of a kind that is never looked up. */
static bool expect_one_answer(size_t table, const struct address *a)
{
	const struct fib_table *t = &fw.gateway.fib.tables[table];
	struct fib_answer compiled = fib_lookup(t, a, NULL), loaded;
	struct explain e;

	expect_naive(naive, t, a);
	ask(table, a, &e);
	if (e.reason == REASON_SCOPE)
		return false;
	loaded = said(&e);
	assert_true(fib_answer_equal(&compiled, &loaded));
	return true;
}

static void expect_everywhere(int addresses)
{
	int looked_up = 0;

	for (int i = 0; i < addresses; i++) {
		struct address a = any_address();

		looked_up += expect_one_answer(any((uint32_t)fw.gateway.fib.count), &a);
	}
	assert_in_range(looked_up, addresses * LOOKED_UP, addresses);
}

static void expect_edges(const struct prefix *p)
{
	for (size_t t = 0; t < fw.gateway.fib.count; t++) {
		struct address last;

		last_address(p, &last);
		expect_one_answer(t, &p->address);
		expect_one_answer(t, &last);
	}
}

/* Routes counted one by one. */
static int count_entry(uint32_t table, const struct prefix *p, const struct route *value,
		       void *data)
{
	const struct fib_table *t = fib_find(&fw.gateway.fib, table);

	(void)value;
	assert_non_null(t);
	assert_non_null(trie_exact(&t->routes, p));
	++*(size_t *)data;
	return 0;
}

static void expect_same_entries(void)
{
	size_t in_maps = 0, in_tables = 0;

	assert_int_equal(0, dataplane_each_route(fw.gateway.dataplane, count_entry, &in_maps));
	for (size_t t = 0; t < fw.gateway.fib.count; t++)
		in_tables += fw.gateway.fib.tables[t].routes.count;
	assert_int_equal(in_tables, in_maps);
	assert_int_equal(in_maps, fw.gateway.held[0] + fw.gateway.held[1]);
}

/* ---- changes ---- */

static void change_connection(struct prefix *touched)
{
	size_t i = any(CONNECTIONS);
	const struct config_connection *c = &naive->connections[i];
	bool add = !c->route_count || any(2);

	*touched = any_prefix();
	if (!add)
		*touched = c->routes[any((uint32_t)c->route_count)].prefix;
	if (add && rib_own_route(&fw.gateway.rib, i, touched).destination)
		assert_int_equal(-EEXIST, gateway_connection_route(&fw.gateway, i, touched, true));
	else
		assert_int_equal(0, gateway_connection_route(&fw.gateway, i, touched, add));
}

static void change_table(struct prefix *touched)
{
	size_t i = any(TABLES);
	const struct config_table *t = &naive->tables[i];
	struct config_table_route route = any_static();
	bool add = !t->route_count || any(2);
	int err;

	if (!add)
		route = t->routes[any((uint32_t)t->route_count)];
	err = gateway_table_route(&fw.gateway, i, &route, add);
	assert_true(!err || (add && err == -EEXIST));
	*touched = route.destination.prefix;
}

static void change_tunnel(void)
{
	size_t i = any(CONNECTIONS);
	uint32_t tunnel = naive->ids.tunnel[i][any((uint32_t)naive->connections[i].tunnel_count)];

	naive->up[tunnel] = !naive->up[tunnel];
	fw.down[tunnel] = !naive->up[tunnel];
	assert_int_equal(0, forwarding_tunnels(&fw));
}

static void change_local(struct prefix *touched)
{
	struct address was[LOCALS], *changed;
	size_t was_count = naive->local_count;

	memcpy(was, naive->locals, sizeof(was));
	if (was_count == LOCALS)
		naive->local_count--;
	else
		naive->locals[naive->local_count++] = any_address();
	changed = &naive->locals[was_count == LOCALS ? LOCALS - 1 : was_count];
	take_locals(&fw.gateway);
	assert_int_equal(0, forwarding_follow(&fw.gateway, was, was_count));
	*touched = prefix_of(changed, address_bits(changed));
}

static void change_something(void)
{
	struct prefix touched = any_prefix();

	switch (any(11)) {
	case 8:
	case 9:
	case 10:
		any_offer(naive);
		assert_int_equal(0, forwarding_learn(&fw.gateway));
		break;
	case 0:
		change_local(&touched);
		break;
	case 1:
		change_tunnel();
		break;
	case 2:
	case 3:
	case 4:
		change_table(&touched);
		break;
	default:
		change_connection(&touched);
	}
	expect_edges(&touched);
}

/* ---- stories ---- */

static void compiler_model_and_program_disagree(void **state)
{
	(void)state;
	assert_int_equal(0, open_world(7000, MAX_GROUPS, true));
	associate();
	expect_everywhere(FIRST_LOOK);
	for (int i = 0; i < CHANGES; i++) {
		change_something();
		expect_everywhere(ADDRESSES);
	}
	expect_same_entries();
	assert_int_equal(0, fw.alarms);
	close_world();
}

static size_t sets_in_use(void)
{
	size_t used = 0;

	for (size_t i = 0; i < fw.gateway.groups.limit; i++)
		used += fw.gateway.groups.list[i].used;
	return used;
}

static void remove_all_routes(void)
{
	for (size_t i = 0; i < CONNECTIONS; i++)
		while (naive->connections[i].route_count) {
			struct prefix p = naive->connections[i].routes[0].prefix;

			assert_int_equal(0, gateway_connection_route(&fw.gateway, i, &p, false));
		}
}

static void groups_are_leaked(void **state)
{
	(void)state;
	assert_int_equal(0, open_world(7001, MAX_GROUPS, false));
	associate();
	assert_true(sets_in_use() > 0);
	remove_all_routes();
	assert_int_equal(0, sets_in_use());
	assert_int_equal(0, fw.gateway.groups.used);
	expect_everywhere(ADDRESSES);
	close_world();
}

static struct prefix test_prefix(const char *text)
{
	struct prefix p;

	assert_int_equal(0, prefix_parse(text, &p, NULL));
	return p;
}

/* All tunnels up, no routes: what comes is known. */
static void open_empty(size_t groups)
{
	open_world(7002, groups, false);
	associate();
	for (size_t i = 0; i < 2 * CONNECTIONS; i++)
		fw.down[i] = !(naive->up[i] = true);
	forwarding_tunnels(&fw);
	for (size_t i = 0; i < TABLES; i++)
		while (naive->tables[i].route_count) {
			struct config_table_route route = naive->tables[i].routes[0];

			gateway_table_route(&fw.gateway, i, &route, false);
		}
	remove_all_routes();
	assert_int_equal(0, forwarding_tunnels(&fw));
	fw.alarms = 0;
}

static void running_out_of_groups_harms_what_is_forwarded(void **state)
{
	struct prefix first = test_prefix("85.0.0.0/24"), second = test_prefix("85.0.1.0/24");
	size_t held;

	(void)state;
	open_empty(1);
	assert_int_equal(0, gateway_connection_route(&fw.gateway, 0, &first, true));
	held = fw.gateway.held[0];
	assert_int_equal(-ENOSPC, gateway_connection_route(&fw.gateway, 1, &second, true));
	assert_true(fw.alarms > 0);
	assert_non_null(strstr(fw.alarm, "all 1 groups are in use"));
	assert_int_equal(held, fw.gateway.held[0]);
	assert_int_equal(0, naive->connections[1].route_count);
	/* It is said for as long as it lasts. */
	fw.alarms = 0;
	assert_int_equal(0, forwarding_tunnels(&fw));
	assert_int_equal(1, fw.alarms);
	assert_non_null(strstr(fw.alarm, "all 1 groups are in use"));
	expect_everywhere(ADDRESSES);
	expect_edges(&first);
	expect_edges(&second);
	expect_same_entries();
	/* The id that is freed serves the next one. */
	assert_int_equal(0, gateway_connection_route(&fw.gateway, 0, &first, false));
	assert_int_equal(0, gateway_connection_route(&fw.gateway, 1, &second, true));
	expect_edges(&first);
	expect_edges(&second);
	close_world();
}

/* What comes by itself (here: tunnels) cannot be refused; it waits. */
static void what_found_no_group_is_forgotten(void **state)
{
	struct prefix first = test_prefix("85.0.0.0/24"), second = test_prefix("85.0.1.0/24");

	(void)state;
	open_empty(1);
	for (size_t k = 0; k < naive->connections[1].tunnel_count; k++)
		fw.down[naive->ids.tunnel[1][k]] = true;
	assert_int_equal(0, forwarding_tunnels(&fw));
	assert_int_equal(0, gateway_connection_route(&fw.gateway, 0, &first, true));
	assert_int_equal(0, gateway_connection_route(&fw.gateway, 1, &second, true));
	memset(fw.down, 0, sizeof(fw.down));
	assert_int_equal(-ENOSPC, forwarding_tunnels(&fw));
	assert_true(touched_any(&fw.gateway.pending));
	expect_edges(&first);
	assert_int_equal(0, gateway_connection_route(&fw.gateway, 0, &first, false));
	assert_false(touched_any(&fw.gateway.pending));
	expect_edges(&first);
	expect_edges(&second);
	expect_everywhere(ADDRESSES);
	expect_same_entries();
	close_world();
}

/* ---- in the middle of a change that found no room ---- */

static void copy_tables(const struct fib *from, struct fib *to)
{
	to->tables = on_heap(from->tables, from->count, sizeof(*to->tables));
	to->count = from->count;
	for (size_t i = 0; i < from->count; i++) {
		to->tables[i].routes = (struct trie){ 0 };
		to->tables[i].answers = (struct answers){ 0 };
		table_copy(&from->tables[i], &to->tables[i]);
	}
}

static void expect_old_or_new_from_program(const struct fib *old, const struct fib *now,
					   size_t table, const struct address *a)
{
	uint32_t id = fw.gateway.fib.tables[table].id;
	struct fib_answer was = fib_lookup(fib_find(old, id), a, NULL);
	struct fib_answer is = fib_lookup(fib_find(now, id), a, NULL), got;
	struct explain e;

	ask(table, a, &e);
	if (e.reason == REASON_SCOPE)
		return;
	got = said(&e);
	assert_true(fib_answer_equal(&got, &was) || fib_answer_equal(&got, &is));
}

struct midway {
	const struct fib *old, *now;
	size_t table;
};

static int expect_edges_midway(const struct prefix *p, void *data, void *context)
{
	const struct midway *m = context;
	struct address last;

	(void)data;
	last_address(p, &last);
	expect_old_or_new_from_program(m->old, m->now, m->table, &p->address);
	expect_old_or_new_from_program(m->old, m->now, m->table, &last);
	return 0;
}

static void expect_midway(const struct fib *old, const struct fib *now)
{
	struct midway m = { old, now, 0 };

	for (; m.table < fw.gateway.fib.count; m.table++) {
		uint32_t id = fw.gateway.fib.tables[m.table].id;

		trie_walk(&fib_find(old, id)->routes, NULL, expect_edges_midway, &m);
		trie_walk(&fib_find(now, id)->routes, NULL, expect_edges_midway, &m);
		for (int i = 0; i < 100; i++) {
			struct address a = any_address();

			expect_old_or_new_from_program(old, now, m.table, &a);
		}
	}
}

/* All connections at once, so that much changes and much depends on another. True: it got stuck. */
static bool change_without_room(void)
{
	struct gateway *g = &fw.gateway;
	struct fib old, now;
	bool stuck;

	copy_tables(&g->fib, &old);
	g->groups.limit = g->groups.used;
	for (size_t i = 0; i < 2 * CONNECTIONS; i++)
		fw.down[i] = !(naive->up[i] = any(2));
	stuck = forwarding_tunnels(&fw) == -ENOSPC;
	assert_int_equal(0, fib_compile(&g->rib, &now));
	expect_midway(&old, &now);
	g->groups.limit = MAX_GROUPS;
	assert_int_equal(0, forwarding_tunnels(&fw));
	for (size_t i = 0; i < now.count; i++)
		expect_same_table(&now.tables[i], fib_find(&g->fib, now.tables[i].id));
	fib_free(&old);
	fib_free(&now);
	return stuck;
}

static void a_change_that_gets_stuck_shows_a_third_answer(void **state)
{
	unsigned stuck = 0;

	(void)state;
	for (uint32_t n = 0; n < 5; n++) {
		assert_int_equal(0, open_world(7100 + n, MAX_GROUPS, true));
		associate();
		for (int i = 0; i < 20; i++)
			stuck += change_without_room();
		expect_everywhere(ADDRESSES);
		expect_same_entries();
		close_world();
	}
	assert_in_range(stuck, 20, 100);
}

/* Of a start there is room for so many IPv4 routes, then for all. */
static void start_with_room_for(uint32_t number, size_t routes)
{
	struct fib now, none;

	prepare_world(number, MAX_GROUPS, true);
	fw.gateway.held[0] = MAX_ROUTES_V4 - 1 - routes;
	assert_int_equal(-ENOSPC, forwarding_start(&fw));
	assert_non_null(strstr(fw.alarm, "dataplane is full"));
	assert_int_equal(MAX_ROUTES_V4 - 1, fw.gateway.held[0]);
	associate();
	assert_int_equal(0, fib_compile(&fw.gateway.rib, &now));
	copy_tables(&now, &none);
	for (size_t i = 0; i < none.count; i++)
		trie_free(&none.tables[i].routes, NULL);
	expect_midway(&none, &now);
	fw.gateway.held[0] -= MAX_ROUTES_V4 - 1 - routes;
	assert_int_equal(0, forwarding_tunnels(&fw));
	for (size_t i = 0; i < now.count; i++)
		expect_same_table(&now.tables[i], fib_find(&fw.gateway.fib, now.tables[i].id));
	expect_everywhere(ADDRESSES);
	expect_same_entries();
	fib_free(&none);
	fib_free(&now);
	close_world();
}

static void a_start_without_room_shows_a_third_answer(void **state)
{
	(void)state;
	for (uint32_t n = 0; n < 5; n++)
		start_with_room_for(7200 + n, n * 20);
}

static void a_full_map_harms_what_is_forwarded(void **state)
{
	struct prefix first = test_prefix("85.0.0.0/24"), second = test_prefix("85.0.1.0/24");
	size_t held;

	(void)state;
	open_empty(MAX_GROUPS);
	assert_int_equal(0, gateway_connection_route(&fw.gateway, 0, &first, true));
	held = fw.gateway.held[0];
	fw.gateway.held[0] = MAX_ROUTES_V4 - 2; /* room for one more; the route needs several */
	assert_int_equal(-ENOSPC, gateway_connection_route(&fw.gateway, 0, &second, true));
	assert_non_null(strstr(fw.alarm, "dataplane is full"));
	assert_int_equal(MAX_ROUTES_V4 - 2, fw.gateway.held[0]);
	expect_edges(&first);
	expect_edges(&second);
	/* Going is possible, and makes room. */
	assert_int_equal(0, gateway_connection_route(&fw.gateway, 0, &first, false));
	fw.gateway.held[0] -= MAX_ROUTES_V4 - 2 - held;
	assert_int_equal(0, gateway_connection_route(&fw.gateway, 0, &second, true));
	expect_edges(&first);
	expect_edges(&second);
	expect_same_entries();
	close_world();
}

static void a_route_that_comes_or_goes_leaves_the_slow_path_alone(void **state)
{
	struct prefix p = test_prefix("85.0.0.0/24");

	(void)state;
	open_empty(MAX_GROUPS);
	fw.slow_path = 0;
	assert_int_equal(0, gateway_connection_route(&fw.gateway, 0, &p, true));
	assert_int_equal(1, fw.slow_path);
	assert_int_equal(-EEXIST, gateway_connection_route(&fw.gateway, 0, &p, true));
	assert_int_equal(1, fw.slow_path);
	assert_int_equal(0, gateway_connection_route(&fw.gateway, 0, &p, false));
	assert_int_equal(2, fw.slow_path);
	assert_int_equal(-ENOENT, gateway_connection_route(&fw.gateway, 0, &p, false));
	close_world();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(compiler_model_and_program_disagree),
		cmocka_unit_test(groups_are_leaked),
		cmocka_unit_test(running_out_of_groups_harms_what_is_forwarded),
		cmocka_unit_test(what_found_no_group_is_forgotten),
		cmocka_unit_test(a_change_that_gets_stuck_shows_a_third_answer),
		cmocka_unit_test(a_start_without_room_shows_a_third_answer),
		cmocka_unit_test(a_full_map_harms_what_is_forwarded),
		cmocka_unit_test(a_route_that_comes_or_goes_leaves_the_slow_path_alone),
	};

	return cmocka_run_group_tests_name("forwarding", tests, NULL, NULL);
}
