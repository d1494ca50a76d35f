/* SPDX-License-Identifier: GPL-2.0-only */
/* A rate that is wrong by a forgotten reset or a late timer makes a preview lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "core/rates.h"

#define S 1000000000ull

/* Counters that rise by 10 packets and 1000 bytes a second out, twice that in. */
static void counters_at(uint64_t seconds, struct counter c[DIRECTIONS])
{
	c[DIRECTION_OUT] = (struct counter){ .packets = 10 * seconds, .bytes = 1000 * seconds };
	c[DIRECTION_IN] = (struct counter){ .packets = 20 * seconds, .bytes = 2000 * seconds };
}

static void sample_at(struct rates *r, uint64_t seconds)
{
	struct counter c[DIRECTIONS];

	counters_at(seconds, c);
	rates_add(r, seconds * S, c);
}

static bool window_at(const struct rates *r, uint64_t seconds, struct rates_window *out)
{
	struct counter c[DIRECTIONS];

	counters_at(seconds, c);
	return rates_window(r, seconds * S, c, out);
}

static void nothing_is_said_before_there_is_a_sample(void **state)
{
	struct rates r = { 0 };
	struct rates_window w;

	(void)state;
	assert_false(window_at(&r, 100, &w));
	sample_at(&r, 100);
	assert_false(window_at(&r, 100, &w)); /* no time has passed */
	assert_true(window_at(&r, 103, &w));
	assert_int_equal(3 * S, w.span_ns);
	assert_int_equal(30, w.counters[DIRECTION_OUT].packets);
	assert_int_equal(6000, w.counters[DIRECTION_IN].bytes);
}

static void the_window_is_a_minute_whatever_came_before(void **state)
{
	struct rates r = { 0 };
	struct rates_window w;

	(void)state;
	for (uint64_t s = 0; s <= 1000; s += RATES_PERIOD_S) {
		sample_at(&r, s);
		for (uint64_t late = 1; late <= RATES_PERIOD_S; late++) {
			uint64_t span = s < RATES_WINDOW_S ? s : RATES_WINDOW_S;

			assert_true(window_at(&r, s + late, &w));
			assert_in_range(w.span_ns / S, s < RATES_WINDOW_S ? span + late : 57,
					span + late);
			assert_int_equal(10 * (w.span_ns / S), w.counters[DIRECTION_OUT].packets);
		}
	}
}

static void samples_from_before_a_pause_do_not_count(void **state)
{
	struct rates r = { 0 };
	struct rates_window w;

	(void)state;
	for (uint64_t s = 0; s <= 60; s += RATES_PERIOD_S)
		sample_at(&r, s);
	assert_false(window_at(&r, 500, &w)); /* the machine slept */
	sample_at(&r, 500);
	assert_true(window_at(&r, 501, &w));
	assert_int_equal(1 * S, w.span_ns);
}

static void another_tunnels_counters_are_not_mixed_in(void **state)
{
	struct rates r = { 0 };
	struct rates_window w;
	struct counter fresh[DIRECTIONS] = { 0 };

	(void)state;
	sample_at(&r, 100);
	sample_at(&r, 105);
	assert_false(rates_window(&r, 106 * S, fresh, &w)); /* reset since the last sample */
	rates_add(&r, 110 * S, fresh);
	fresh[DIRECTION_OUT].bytes = 7;
	assert_true(rates_window(&r, 111 * S, fresh, &w));
	assert_int_equal(1 * S, w.span_ns);
	assert_int_equal(7, w.counters[DIRECTION_OUT].bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_said_before_there_is_a_sample),
		cmocka_unit_test(the_window_is_a_minute_whatever_came_before),
		cmocka_unit_test(samples_from_before_a_pause_do_not_count),
		cmocka_unit_test(another_tunnels_counters_are_not_mixed_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
