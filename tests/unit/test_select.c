/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The choice between candidates [D6], step by step: each step decides only where all before it are
 * equal, and AS path and MED have a place although no feed of the kernel's tables carries them.
 */
#include <stdlib.h>
#include "checked.h"
#include "core/rib.h"

/* Equal in everything but the steps under test. */
#define BGP .source = SOURCE_BGP, .available = true

static const struct {
	struct candidate better, worse;
	enum select_step step;
} pairs[] = {
	{ { BGP, .metric = 9 }, { .source = SOURCE_DESTINATION, .available = true }, STEP_SOURCE },
	{ { BGP, .metric = 1, .as_path_len = 9, .med = 9 }, { BGP, .metric = 2 }, STEP_METRIC },
	{ { BGP, .as_path_len = 1, .med = 9 }, { BGP, .as_path_len = 2 }, STEP_AS_PATH },
	{ { BGP, .as_path_len = 2, .med = 1 }, { BGP, .as_path_len = 2, .med = 2 }, STEP_MED },
	{ { BGP, .as_path_len = 2, .med = UINT32_MAX - 1 },
	  { BGP, .as_path_len = 2, .med = UINT32_MAX },
	  STEP_MED },
	{ { BGP, .med = 1 }, { BGP, .med = 2, .single = true }, STEP_MED },
	{ { BGP, .single = true, .attachment = 7 }, { BGP, .attachment = 1 }, STEP_SINGLE },
	{ { BGP, .single = true, .attachment = 1 },
	  { BGP, .single = true, .attachment = 2 },
	  STEP_ORDER },
};

#define PAIRS (sizeof(pairs) / sizeof(*pairs))

static void a_later_step_overrules_an_earlier_one(void **state)
{
	enum select_step step;

	(void)state;
	for (size_t i = 0; i < PAIRS; i++) {
		assert_true(select_compare(&pairs[i].better, &pairs[i].worse, &step) < 0);
		assert_int_equal(step, pairs[i].step);
		assert_true(select_compare(&pairs[i].worse, &pairs[i].better, &step) > 0);
		assert_int_equal(step, pairs[i].step);
	}
}

static struct rib_entry *entry_of(const struct candidate *list, size_t count)
{
	struct rib_entry *e = calloc(1, sizeof(*e) + count * sizeof(*list));

	assert_non_null(e);
	e->count = count;
	memcpy(e->list, list, count * sizeof(*list));
	select_rank(e);
	return e;
}

/* Three connections' routes: the longer path stands by, and says which step beat it. */
static void the_longer_path_is_in_the_group(void **state)
{
	static const struct candidate list[] = {
		{ BGP, .attachment = 0, .as_path_len = 3 },
		{ BGP, .attachment = 1, .as_path_len = 1, .med = 5 },
		{ BGP, .attachment = 2, .as_path_len = 1, .med = 5 },
		{ BGP, .attachment = 3, .as_path_len = 1, .med = 6 },
	};
	struct rib_entry *e = entry_of(list, 4);

	(void)state;
	assert_int_equal(e->list[0].attachment, 1);
	assert_int_equal(e->list[1].attachment, 2);
	assert_int_equal(e->list[1].state, CANDIDATE_ACTIVE);
	assert_int_equal(e->list[2].attachment, 3);
	assert_int_equal(e->list[2].state, CANDIDATE_STANDBY);
	assert_int_equal(e->list[2].step, STEP_MED);
	assert_int_equal(e->list[3].step, STEP_AS_PATH);
	free(e);
}

/* The best path of a connection without a tunnel is no path [D2]. */
static void a_withdrawn_one_beats_a_longer_path(void **state)
{
	static const struct candidate list[] = {
		{ .source = SOURCE_BGP, .attachment = 0, .as_path_len = 1 },
		{ BGP, .attachment = 1, .as_path_len = 5 },
	};
	struct rib_entry *e = entry_of(list, 2);

	(void)state;
	assert_int_equal(e->list[0].attachment, 1);
	assert_int_equal(e->list[0].state, CANDIDATE_ACTIVE);
	assert_int_equal(e->list[1].state, CANDIDATE_WITHDRAWN);
	free(e);
}

/* Random candidates in two orders. */
static void the_order_depends_on_the_order(void **state)
{
	(void)state;
	srand(6);
	for (unsigned round = 0; round < 2000; round++) {
		struct candidate list[6];
		struct rib_entry *a, *b;

		for (size_t i = 0; i < 6; i++)
			list[i] = (struct candidate){ .source = SOURCE_BGP + rand() % 2,
						      .attachment = (int)i,
						      .single = rand() % 4 == 0,
						      .available = rand() % 4 != 0,
						      .metric = (uint32_t)rand() % 2,
						      .as_path_len = (uint32_t)rand() % 3,
						      .med = (uint32_t)rand() % 3 };
		a = entry_of(list, 6);
		for (size_t i = 0; i < 3; i++) {
			struct candidate moved = list[i];

			list[i] = list[5 - i];
			list[5 - i] = moved;
		}
		b = entry_of(list, 6);
		for (size_t i = 0; i < 6; i++) {
			assert_int_equal(a->list[i].attachment, b->list[i].attachment);
			assert_int_equal(a->list[i].state, b->list[i].state);
			assert_int_equal(a->list[i].step, b->list[i].step);
		}
		free(a);
		free(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_later_step_overrules_an_earlier_one),
		cmocka_unit_test(the_longer_path_is_in_the_group),
		cmocka_unit_test(a_withdrawn_one_beats_a_longer_path),
		cmocka_unit_test(the_order_depends_on_the_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
