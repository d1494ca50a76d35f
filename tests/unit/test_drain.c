/* SPDX-License-Identifier: GPL-2.0-only */
/* How long a bucket may stay where its flows are: drains, deadlines, gates. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "../../user/core/drain.h"

#define S   1000000000ull
#define NOW (1000 * S)

static struct drains drains;

static int setup(void **state)
{
	(void)state;
	drains = (struct drains){ .noted_ns = NOW };
	return 0;
}

static void nothing_waits_without_a_drain_or_a_gate(void **state)
{
	(void)state;
	drain_returned(&drains, 2, NOW);
	assert_false(drain_waits(&drains, 1, 2, NOW));
	assert_int_equal(drain_free_ns(&drains, 1, 2, NOW), 0);
}

static void a_drain_holds_a_bucket_beyond_its_deadline(void **state)
{
	(void)state;
	drain_begin(&drains, 1, NOW + 300 * S, 10 * S);
	assert_true(drain_waits(&drains, 1, 2, NOW));
	assert_true(drain_waits(&drains, 1, 2, NOW + 300 * S - 1));
	assert_false(drain_waits(&drains, 1, 2, NOW + 300 * S));
	assert_int_equal(drain_free_ns(&drains, 1, 2, NOW + 295 * S), NOW + 300 * S);
	assert_false(drain_waits(&drains, 2, 1, NOW)); /* only off the drained one */
}

static void what_was_used_before_anybody_looked_counts_as_idle(void **state)
{
	(void)state;
	drain_begin(&drains, 1, NOW + 300 * S, 10 * S);
	assert_int_equal(drain_free_ns(&drains, 1, 2, 0), NOW + 10 * S);
	assert_int_equal(drain_free_ns(&drains, 1, 2, NOW - 500 * S), NOW + 10 * S);
	assert_int_equal(drain_free_ns(&drains, 1, 2, NOW + 7 * S), NOW + 17 * S);
	drains.noted_ns = 0; /* nobody looks: only the deadline is known */
	assert_int_equal(drain_free_ns(&drains, 1, 2, NOW + 7 * S), NOW + 300 * S);
}

static void an_idle_bucket_waits_although_its_use_was_noted_long_ago(void **state)
{
	(void)state;
	drains.noted_ns = NOW - 100 * S;
	drain_begin(&drains, 1, NOW + 300 * S, 10 * S);
	assert_true(drain_free_ns(&drains, 1, 2, NOW - 50 * S) <= NOW);
	assert_true(drain_free_ns(&drains, 1, 2, 0) <= NOW);
	assert_true(drain_free_ns(&drains, 1, 2, NOW - 9 * S) > NOW);
}

static void a_gate_never_opens(void **state)
{
	(void)state;
	drains.gate = (struct gate){ 2 * S, 60 * S };
	drain_returned(&drains, 2, NOW);
	assert_true(drain_waits(&drains, 1, 2, NOW + 60 * S - 1));
	assert_false(drain_waits(&drains, 1, 2, NOW + 60 * S));
	assert_int_equal(drain_free_ns(&drains, 1, 2, NOW + 5 * S), NOW + 7 * S);
	assert_int_equal(drain_free_ns(&drains, 1, 2, NOW + 59 * S), NOW + 60 * S);
	/* Another one returned long ago. */
	drain_returned(&drains, 3, NOW - 61 * S);
	assert_false(drain_waits(&drains, 1, 3, NOW));
	drains.gate = (struct gate){ 0, 60 * S };
	assert_false(drain_waits(&drains, 1, 2, NOW));
}

/* The deadline was promised. */
static void a_gate_prolongs_a_drain(void **state)
{
	(void)state;
	drains.gate = (struct gate){ 20 * S, 600 * S };
	drain_begin(&drains, 1, NOW + 30 * S, 1 * S);
	drain_returned(&drains, 2, NOW + 29 * S);
	assert_false(drain_waits(&drains, 1, 2, NOW + 30 * S));
	assert_int_equal(drain_free_ns(&drains, 1, 2, NOW + 5 * S), NOW + 6 * S);
}

static void the_end_of_a_drain_is_no_return(void **state)
{
	(void)state;
	drains.gate = (struct gate){ 2 * S, 60 * S };
	drain_begin(&drains, 2, NOW, 1 * S);
	drain_end(&drains, 2, NOW + 500 * S);
	assert_int_equal(drains.list[2].order, 0);
	assert_true(drain_waits(&drains, 1, 2, NOW + 559 * S));
}

static void a_drain_that_is_ordered_again_becomes_the_latest(void **state)
{
	uint64_t first;

	(void)state;
	drain_begin(&drains, 1, NOW + 1, 1 * S);
	drain_begin(&drains, 2, NOW + 1, 1 * S);
	first = drains.list[1].order;
	assert_true(first && drains.list[2].order > first);
	drain_begin(&drains, 1, NOW + 9 * S, 3 * S);
	assert_int_equal(drains.list[1].order, first);
	assert_int_equal(drains.list[1].deadline_ns, NOW + 9 * S);
	assert_int_equal(drains.list[1].idle_ns, 3 * S);
	drain_end(&drains, 1, NOW);
	drain_begin(&drains, 1, NOW, 1 * S);
	assert_true(drains.list[1].order > drains.list[2].order);
}

static void an_id_that_is_given_out_again_inherits_a_drain(void **state)
{
	(void)state;
	drains.gate = (struct gate){ 2 * S, 60 * S };
	drain_begin(&drains, 1, NOW + 300 * S, 1 * S);
	drain_returned(&drains, 1, NOW);
	drain_forget(&drains, 1);
	assert_int_equal(drains.list[1].order, 0);
	assert_false(drain_waits(&drains, 1, 2, NOW));
	assert_false(drain_waits(&drains, 2, 1, NOW));
}

static void a_state_goes_by_another_name(void **state)
{
	static const struct {
		uint64_t order;
		unsigned buckets;
		bool carries;
		enum drain_state state;
		const char *name;
	} rows[] = {
		{ 0, 128, true, DRAIN_NONE, NULL },
		{ 1, 128, false, DRAIN_WAITING, "draining" },
		{ 1, 0, false, DRAIN_DONE, "drained" },
		{ 1, 256, true, DRAIN_CARRIES, "carries-on" },
		{ 1, 0, true, DRAIN_CARRIES, "carries-on" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct drain d = { .order = rows[i].order };
		enum drain_state s = drain_state(&d, rows[i].buckets, rows[i].carries);

		assert_int_equal(s, rows[i].state);
		if (rows[i].name)
			assert_string_equal(drain_state_name(s), rows[i].name);
		else
			assert_null(drain_state_name(s));
	}
}

#define TEST(test) cmocka_unit_test_setup(test, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_waits_without_a_drain_or_a_gate),
		TEST(a_drain_holds_a_bucket_beyond_its_deadline),
		TEST(what_was_used_before_anybody_looked_counts_as_idle),
		TEST(an_idle_bucket_waits_although_its_use_was_noted_long_ago),
		TEST(a_gate_never_opens),
		TEST(a_gate_prolongs_a_drain),
		TEST(the_end_of_a_drain_is_no_return),
		TEST(a_drain_that_is_ordered_again_becomes_the_latest),
		TEST(an_id_that_is_given_out_again_inherits_a_drain),
		TEST(a_state_goes_by_another_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
