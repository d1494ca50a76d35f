/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's counters: no kernel's list is the last one, and no line may hide the others. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "wire/xfrm_stat.h"

static int parse(const char *text, struct xfrm_stat_list *out)
{
	char *exact = strdup(text); /* a fence behind it, under a sanitizer */
	int err;

	assert_non_null(exact);
	err = xfrm_stat_parse(exact, strlen(exact), out);
	free(exact);
	return err;
}

static void the_kernels_text_is_understood(void **state)
{
	struct xfrm_stat_list s;

	(void)state;
	assert_int_equal(0, parse("XfrmInError             \t0\n"
				  "XfrmInNoStates          \t17\n"
				  "XfrmOutPolBlock         \t18446744073709551615\n",
				  &s));
	assert_int_equal(3, s.count);
	assert_string_equal("XfrmInError", s.list[0].name);
	assert_int_equal(0, s.list[0].packets);
	assert_int_equal(17, s.list[1].packets);
	assert_true(s.list[2].packets == UINT64_MAX);
}

static void a_counter_that_nobody_knows_is_shown_all_the_same(void **state)
{
	struct xfrm_stat_list s;

	(void)state;
	assert_int_equal(0, parse("XfrmOfTomorrow\t5", &s)); /* no newline at the end */
	assert_int_equal(1, s.count);
	assert_int_equal(5, s.list[0].packets);
	assert_non_null(strstr(xfrm_stat_help("XfrmOfTomorrow"), "does not know"));
	assert_null(strstr(xfrm_stat_help("XfrmOutNoStates"), "does not know"));
}

static void a_line_that_makes_no_sense_hides_no_other(void **state)
{
	struct xfrm_stat_list s;

	(void)state;
	assert_int_equal(0, parse("\n"
				  "Xfrm In 3\n"
				  "XfrmInError\n"
				  "XfrmInError 12x\n"
				  "XfrmInError -1\n"
				  "XfrmInError 18446744073709551616\n"
				  "XfrmANameThatIsLongerThanAnyKernelWouldEverUse 1\n"
				  "XfrmInNoPols 3\n",
				  &s));
	assert_int_equal(1, s.count);
	assert_string_equal("XfrmInNoPols", s.list[0].name);
}

static void a_file_without_a_counter_is_an_error(void **state)
{
	struct xfrm_stat_list s = { .count = 9 };

	(void)state;
	assert_int_equal(-EBADMSG, parse("", &s));
	assert_int_equal(-EBADMSG, parse("nothing of the kind\n", &s));
	assert_int_equal(9, s.count);
}

static void more_counters_than_there_is_room_for_do_no_harm(void **state)
{
	char text[4 * (XFRM_STATS_MAX + 9) + 1] = "";
	struct xfrm_stat_list s;

	(void)state;
	for (int i = 0; i < XFRM_STATS_MAX + 9; i++)
		strcat(text, "X 1\n");
	assert_int_equal(0, parse(text, &s));
	assert_int_equal(XFRM_STATS_MAX, s.count);
}

static void what_grew_is_found_by_name(void **state)
{
	struct xfrm_stat_list was, now;

	(void)state;
	assert_int_equal(0, parse("A 5\nB 7\nC 9\n", &was));
	assert_int_equal(0, parse("B 8\nA 5\nC 1\nD 4\n", &now));
	assert_int_equal(1, xfrm_stat_growth(&was, &now.list[0]));
	assert_int_equal(0, xfrm_stat_growth(&was, &now.list[1]));
	assert_int_equal(0, xfrm_stat_growth(&was, &now.list[2])); /* went back */
	assert_int_equal(0, xfrm_stat_growth(&was, &now.list[3])); /* was not counted */
}

static void packets_are_blamed_on_a_tunnel_that_did_not_lose_them(void **state)
{
	static const struct {
		uint64_t errors[3], packets;
		int culprit;
	} rows[] = {
		{ { 0, 0, 0 }, 3, -1 }, /* through no tunnel */
		{ { 0, 3, 0 }, 3, 1 },
		{ { 0, 7, 0 }, 3, 1 },	/* counted a moment later, or for want of a route */
		{ { 0, 2, 0 }, 3, -1 }, /* one at least went another way */
		{ { 0, 3, 1 }, 3, -1 }, /* any of both */
		{ { 3, 0, 3 }, 3, -1 },
		{ { 0, 0, 1 }, 1, 2 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(xfrm_stat_culprit(rows[i].errors, 3, rows[i].packets),
				 rows[i].culprit);
	assert_true(xfrm_stat_is_output("XfrmOutNoStates"));
	assert_false(xfrm_stat_is_output("XfrmInNoStates"));
	assert_false(xfrm_stat_is_output("XfrmAcquireError"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_kernels_text_is_understood),
		cmocka_unit_test(a_counter_that_nobody_knows_is_shown_all_the_same),
		cmocka_unit_test(a_line_that_makes_no_sense_hides_no_other),
		cmocka_unit_test(a_file_without_a_counter_is_an_error),
		cmocka_unit_test(more_counters_than_there_is_room_for_do_no_harm),
		cmocka_unit_test(what_grew_is_found_by_name),
		cmocka_unit_test(packets_are_blamed_on_a_tunnel_that_did_not_lose_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
