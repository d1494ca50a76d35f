/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Changes one at a time: whatever their sequence, rib and compiled tables are those of a build from
 * the changed configuration, every address gets the answer of the naive model, and on the way there
 * none that is neither the old nor the new one.
 */
#include "fib_world.h"

#define WORLDS	  8
#define CHANGES	  250  /* of each */
#define ADDRESSES 1000 /* after each */

static int expect_candidates(const struct prefix *p, void *data, void *context)
{
	const struct rib_entry *e = data, *other = trie_exact(context, p);

	assert_non_null(other);
	assert_int_equal(e->count, other->count);
	for (size_t i = 0; i < e->count; i++) {
		const struct candidate *a = &e->list[i], *b = &other->list[i];

		assert_int_equal(a->source, b->source);
		assert_int_equal(a->attachment, b->attachment);
		assert_int_equal(a->single, b->single);
		assert_int_equal(a->available, b->available);
		assert_int_equal(a->metric, b->metric);
		assert_int_equal(a->state, b->state);
		assert_int_equal(a->step, b->step);
	}
	return 0;
}

static void expect_same_rib(const struct rib *a, const struct rib *b)
{
	for (size_t t = 0; t < TABLES; t++) {
		assert_int_equal(a->tables[t].count, b->tables[t].count);
		trie_walk(&a->tables[t], NULL, expect_candidates, &b->tables[t]);
	}
	for (size_t i = 0; i < CONNECTIONS; i++) {
		assert_int_equal(a->connections[i].count, b->connections[i].count);
		assert_int_equal(a->present[i], b->present[i]);
	}
}

/* Rib and tables built from nothing. */
static void build_anew(struct world *w, struct rib *rib, struct fib *fib)
{
	assert_int_equal(0, world_rib(w, rib));
	assert_int_equal(0, fib_compile(rib, fib));
}

static void expect_edges(const struct world *w, const struct fib *fib,
			 const struct touched *touched)
{
	for (size_t i = 0; i < touched->count; i++)
		for (size_t t = 0; t < fib->count; t++) {
			struct address last;

			last_address(&touched->list[i].prefix, &last);
			expect_naive(w, &fib->tables[t], &touched->list[i].prefix.address);
			expect_naive(w, &fib->tables[t], &last);
		}
	for (int i = 0; i < ADDRESSES; i++) {
		struct address a = any_address();

		expect_naive(w, &fib->tables[any((uint32_t)fib->count)], &a);
	}
}

static void follow(struct world *w, const struct fib *now, const struct touched *touched)
{
	for (size_t t = 0; t < now->count; t++) {
		struct fib_table *held = &w->fib.tables[t], old = { 0 };
		struct fib_ops ops;

		table_copy(held, &old);
		assert_int_equal(0, fib_update(&w->rib, held, touched, &ops));
		expect_steps(&old, &now->tables[t], held, &ops);
		expect_same_table(&now->tables[t], held);
		fib_ops_free(&ops);
		fib_table_free(&old);
	}
}

static void change_once(struct world *w)
{
	struct touched touched = { 0 };
	struct rib rib;
	struct fib now;

	if (any_change(w, &touched)) {
		build_anew(w, &rib, &now);
		expect_same_rib(&rib, &w->rib);
		follow(w, &now, &touched);
		expect_edges(w, &w->fib, &touched);
		rib_free(&rib);
		fib_free(&now);
	}
	touched_free(&touched);
}

static void a_sequence_of_changes_ends_elsewhere_than_a_build(void **state)
{
	(void)state;
	for (uint32_t n = 0; n < WORLDS; n++) {
		struct world *w = world_new(3000 + n);

		for (int i = 0; i < CHANGES; i++)
			change_once(w);
		world_free(w);
	}
}

/* Several changes before anybody looks. */
static void changes_that_pile_up_are_lost(void **state)
{
	(void)state;
	for (uint32_t n = 0; n < 100; n++) {
		struct world *w = world_new(4000 + n);
		struct touched touched = { 0 };
		struct rib rib;
		struct fib now;

		for (int i = 0; i < 12; i++)
			any_change(w, &touched);
		build_anew(w, &rib, &now);
		follow(w, &now, &touched);
		rib_free(&rib);
		fib_free(&now);
		touched_free(&touched);
		world_free(w);
	}
}

static void a_change_without_memory_for_its_list_is_lost(void **state)
{
	struct touched touched = { 0 }, everything = { .everything = true };
	struct world *w = world_new(5000);
	struct rib rib;
	struct fib now;

	(void)state;
	for (int i = 0; i < 30; i++)
		any_change(w, &touched);
	build_anew(w, &rib, &now);
	follow(w, &now, &everything);
	rib_free(&rib);
	fib_free(&now);
	touched_free(&touched);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sequence_of_changes_ends_elsewhere_than_a_build),
		cmocka_unit_test(changes_that_pile_up_are_lost),
		cmocka_unit_test(a_change_without_memory_for_its_list_is_lost),
	};

	return cmocka_run_group_tests_name("fib_incremental", tests, NULL, NULL);
}
