/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Compile and diff against the naive model of fib_world.h.
 */
#include "fib_world.h"

#define WORLDS	  200
#define ADDRESSES 1000000 /* in all of them */

static int expect_edges(const struct prefix *p, void *data, void *context)
{
	const struct on_table *on = context;
	struct address last;

	(void)data;
	last_address(p, &last);
	expect_naive(on->world, on->table, &p->address);
	expect_naive(on->world, on->table, &last);
	return 0;
}

static void compiled_table_answers_like_two_lookups(void **state)
{
	(void)state;
	for (uint32_t n = 0; n < WORLDS; n++) {
		struct world *w = world_new(n);

		for (int i = 0; i < ADDRESSES / WORLDS; i++) {
			struct address a = any_address();

			expect_naive(w, &w->fib.tables[any((uint32_t)w->fib.count)], &a);
		}
		for (size_t t = 0; t < w->fib.count; t++) {
			struct on_table on = { w, &w->fib.tables[t] };

			trie_walk(&on.table->routes, NULL, expect_edges, &on);
		}
		world_free(w);
	}
}

static int expect_told(const struct prefix *p, void *data, void *context)
{
	const struct on_table *on = context;
	struct fib_answer around = { .kind = FIB_NONE };
	const struct fib_answer *wider = NULL;

	if (p->len)
		wider = trie_longest(&on->table->routes, &p->address, p->len - 1u, NULL);
	assert_false(fib_answer_equal(data, wider ? wider : &around));
	return 0;
}

static void no_compiled_route_repeats_the_one_around_it(void **state)
{
	(void)state;
	for (uint32_t n = 0; n < 100; n++) {
		struct world *w = world_new(n);

		for (size_t t = 0; t < w->fib.count; t++) {
			struct on_table on = { w, &w->fib.tables[t] };

			trie_walk(&on.table->routes, NULL, expect_told, &on);
		}
		world_free(w);
	}
}

static void step_through(const struct fib_table *old, const struct fib_table *now)
{
	struct fib_table moving = { 0 };
	struct fib_ops ops;

	table_copy(old, &moving);
	assert_int_equal(0, fib_diff(old, now, &ops));
	expect_steps(old, now, &moving, &ops);
	expect_same_table(now, &moving);
	fib_ops_free(&ops);
	fib_table_free(&moving);
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
	struct fib_ops ops;

	(void)state;
	w = world_new(5);
	without_bgp(w);
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
		assert_int_equal(0, fib_diff(&before.tables[t], &w->fib.tables[t], &ops));
		assert_int_equal(0, ops.count);
		fib_ops_free(&ops);
	}
	fib_free(&before);
	world_free(w);
}

static int expect_no_tunnels(const struct prefix *p, void *data, void *context)
{
	(void)p;
	(void)context;
	assert_int_not_equal(FIB_TUNNELS, ((const struct fib_answer *)data)->kind);
	return 0;
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
		trie_walk(&w->fib.tables[t].routes, NULL, expect_no_tunnels, NULL);
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
