/* SPDX-License-Identifier: GPL-2.0-only */
/* What is left of an SA, told too late, is a tunnel that stops. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "core/sa_left.h"

#define NOW 1000000

static struct xfrm_sa unlimited(void)
{
	return (struct xfrm_sa){
		.lifetime = { XFRM_UNLIMITED, XFRM_UNLIMITED, XFRM_UNLIMITED, XFRM_UNLIMITED, 0, 0,
			      0, 0 },
		.usage = { .add_time = NOW - 100 },
	};
}

static struct sa_left left_of(const struct xfrm_sa *sa, enum xfrm_direction d)
{
	struct sa_left left;

	sa_left(sa, d, NOW, &left);
	return left;
}

static void expect(struct sa_limit got, uint64_t left, uint64_t limit)
{
	assert_int_equal(left, got.left);
	assert_int_equal(limit, got.limit);
}

static void an_sa_without_limits_is_not_about_to_end(void **state)
{
	struct xfrm_sa sa = unlimited();
	struct sa_left left;

	(void)state;
	sa.esn = true;
	left = left_of(&sa, XFRM_DIRECTION_OUT);
	expect(left.soft.seconds, XFRM_UNLIMITED, XFRM_UNLIMITED);
	expect(left.hard.seconds, XFRM_UNLIMITED, XFRM_UNLIMITED);
	expect(left.hard.bytes, XFRM_UNLIMITED, XFRM_UNLIMITED);
	expect(left.soft.packets, XFRM_UNLIMITED, XFRM_UNLIMITED);
	expect(left.sequence, XFRM_UNLIMITED, XFRM_UNLIMITED);
	assert_int_equal(100, sa_age(&sa, NOW));
}

static void time_ends_it_since_it_was_added(void **state)
{
	struct xfrm_sa sa = unlimited();
	struct sa_left left;

	(void)state;
	sa.lifetime.soft_add = 90;
	sa.lifetime.hard_add = 120;
	left = left_of(&sa, XFRM_DIRECTION_IN);
	expect(left.soft.seconds, 0, 90); /* due, and never below nothing */
	expect(left.hard.seconds, 20, 120);
}

static void time_of_use_begins_with_the_first_packet(void **state)
{
	struct xfrm_sa sa = unlimited();
	struct sa_left left;

	(void)state;
	sa.lifetime.hard_add = 1000;
	sa.lifetime.hard_use = 50;
	left = left_of(&sa, XFRM_DIRECTION_IN);
	expect(left.hard.seconds, 50, 50);
	sa.usage.use_time = NOW - 30;
	left = left_of(&sa, XFRM_DIRECTION_IN);
	expect(left.hard.seconds, 20, 50);
	sa.lifetime.hard_add = 110; /* now this one ends sooner */
	left = left_of(&sa, XFRM_DIRECTION_IN);
	expect(left.hard.seconds, 10, 110);
}

static void bytes_and_packets_end_it_too(void **state)
{
	struct xfrm_sa sa = unlimited();
	struct sa_left left;

	(void)state;
	sa.lifetime.soft_bytes = 1000;
	sa.lifetime.hard_bytes = 2000;
	sa.lifetime.soft_packets = 10;
	sa.lifetime.hard_packets = 11;
	sa.usage.bytes = 1500;
	sa.usage.packets = 10;
	left = left_of(&sa, XFRM_DIRECTION_IN);
	expect(left.soft.bytes, 0, 1000);
	expect(left.hard.bytes, 500, 2000);
	expect(left.soft.packets, 0, 10);
	expect(left.hard.packets, 1, 11);
}

static void without_esn_sequence_numbers_run_out(void **state)
{
	struct xfrm_sa sa = unlimited();

	(void)state;
	sa.sent_seq = UINT32_MAX - 5;
	sa.received_seq = 7;
	expect(left_of(&sa, XFRM_DIRECTION_OUT).sequence, 5, UINT32_MAX);
	expect(left_of(&sa, XFRM_DIRECTION_IN).sequence, UINT32_MAX - 7, UINT32_MAX);
}

static void a_clock_that_was_set_back_is_not_an_age(void **state)
{
	struct xfrm_sa sa = unlimited();

	(void)state;
	sa.usage.add_time = NOW + 5;
	sa.lifetime.hard_add = 60;
	assert_int_equal(0, sa_age(&sa, NOW));
	expect(left_of(&sa, XFRM_DIRECTION_IN).hard.seconds, 60, 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_sa_without_limits_is_not_about_to_end),
		cmocka_unit_test(time_ends_it_since_it_was_added),
		cmocka_unit_test(time_of_use_begins_with_the_first_packet),
		cmocka_unit_test(bytes_and_packets_end_it_too),
		cmocka_unit_test(without_esn_sequence_numbers_run_out),
		cmocka_unit_test(a_clock_that_was_set_back_is_not_an_age),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
