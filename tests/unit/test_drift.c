/* SPDX-License-Identifier: GPL-2.0-only */
/* Drift: nothing is counted twice, nothing is forgotten, nobody is flooded. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "../../user/core/drift.h"

static const char *sentence(const struct drift_pass *p, enum drift_kind kind)
{
	static char text[DRIFT_SENTENCE_LEN];

	return drift_sentence(p, kind, text);
}

static void one_thing_found_is_not_told_by_name(void **state)
{
	struct drift_pass p = { 0 };

	(void)state;
	assert_string_equal(sentence(&p, DRIFT_ADDRESS), "");
	drift_add(&p, DRIFT_ADDRESS, DRIFT_MISSING, "%s on %s", "169.254.10.1/30", "xfrm101");
	assert_string_equal(sentence(&p, DRIFT_ADDRESS),
			    "address 169.254.10.1/30 on xfrm101 was missing: made again");
	assert_string_equal(sentence(&p, DRIFT_RULE), "");
}

static void a_thousand_routes_flood_the_log(void **state)
{
	struct drift_pass p = { 0 };
	struct drift d = { 0 };
	size_t named = 0;

	(void)state;
	for (unsigned i = 0; i < 1204; i++) {
		size_t item = drift_add(&p, DRIFT_ROUTE, DRIFT_MISSING, "10.%u.0.0/16", i);

		named += item != DRIFT_UNNAMED;
		if (i >= 1200)
			drift_unrepaired(&p, DRIFT_ROUTE, item);
	}
	drift_add(&p, DRIFT_RULE, DRIFT_FOREIGN, "100");
	assert_int_equal(named, DRIFT_NAMED);
	assert_string_equal(sentence(&p, DRIFT_ROUTE),
			    "1204 routes of the maps were missing, different or foreign, 1200 "
			    "repaired; first 10.0.0.0/16: missing");
	assert_string_equal(sentence(&p, DRIFT_RULE), "rule 100 was foreign: removed");
	drift_take(&d, &p, 5, true);
	assert_int_equal(d.totals[DRIFT_ROUTE].found, 1204);
	assert_int_equal(d.totals[DRIFT_ROUTE].unrepaired, 4);
	assert_int_equal(d.record_count, DRIFT_NAMED + 1);
	assert_int_equal(drift_sum(&p).found, 1205);
}

static void a_repair_that_fails_twice_counts_as_two(void **state)
{
	struct drift_pass p = { 0 };
	size_t item = drift_add(&p, DRIFT_LINK, DRIFT_MISSING, "tun101");

	(void)state;
	drift_unrepaired(&p, DRIFT_LINK, item);
	drift_unrepaired(&p, DRIFT_LINK, item);
	assert_int_equal(p.counts[DRIFT_LINK].unrepaired, 1);
	assert_string_equal(sentence(&p, DRIFT_LINK), "device tun101 was missing: not repaired");
}

static struct drift_pass missing_device(const char *name)
{
	struct drift_pass p = { 0 };

	drift_unrepaired(&p, DRIFT_LINK, drift_add(&p, DRIFT_LINK, DRIFT_MISSING, "%s", name));
	return p;
}

static void what_cannot_be_repaired_is_counted_by_every_audit(void **state)
{
	struct drift d = { 0 };
	struct drift_pass p;

	(void)state;
	for (uint64_t audit = 1; audit < 4; audit++) {
		p = missing_device("tun101");
		drift_take(&d, &p, audit, true);
		assert_int_equal(drift_sum(&p).found, audit == 1);
		assert_int_equal(d.audits, audit);
	}
	assert_int_equal(d.totals[DRIFT_LINK].found, 1);
	assert_int_equal(d.record_count, 1);
	/* It came back, and went again: that is news. */
	p = (struct drift_pass){ 0 };
	drift_take(&d, &p, 5, true);
	p = missing_device("tun101");
	drift_take(&d, &p, 6, true);
	assert_int_equal(d.totals[DRIFT_LINK].found, 2);
	assert_int_equal(drift_record(&d, 0)->time, 6);
}

/* A link's event is followed by a look at links; the audit that comes next finds the same. */
static void a_partial_look_makes_the_audit_forget(void **state)
{
	struct drift d = { 0 };
	struct drift_pass p = missing_device("tun101");

	(void)state;
	drift_take(&d, &p, 1, false);
	p = (struct drift_pass){ 0 };
	drift_add(&p, DRIFT_ROUTE, DRIFT_MISSING, "10.0.0.0/8");
	drift_take(&d, &p, 2, false);
	p = missing_device("tun101");
	drift_take(&d, &p, 3, true);
	assert_int_equal(drift_sum(&p).found, 0);
	assert_int_equal(d.totals[DRIFT_LINK].found, 1);
	assert_int_equal(d.audits, 1);
}

static void another_object_hides_behind_one_that_stands(void **state)
{
	struct drift d = { 0 };
	struct drift_pass p = missing_device("tun101");

	(void)state;
	drift_take(&d, &p, 1, true);
	p = missing_device("tun101");
	drift_unrepaired(&p, DRIFT_LINK, drift_add(&p, DRIFT_LINK, DRIFT_MISSING, "tun102"));
	drift_take(&d, &p, 2, true);
	assert_int_equal(drift_sum(&p).found, 1);
	assert_string_equal(sentence(&p, DRIFT_LINK), "device tun102 was missing: not repaired");
}

static void the_newest_is_overwritten_first(void **state)
{
	struct drift d = { 0 };

	(void)state;
	assert_null(drift_record(&d, 0));
	for (uint64_t i = 0; i < DRIFT_REMEMBERED + 3; i++) {
		struct drift_pass p = { 0 };

		drift_add(&p, DRIFT_GROUP, DRIFT_DIFFERENT, "%u", (unsigned)i);
		drift_take(&d, &p, i, true);
	}
	assert_string_equal(drift_record(&d, 0)->item.object, "66");
	assert_string_equal(drift_record(&d, DRIFT_REMEMBERED - 1)->item.object, "3");
	assert_null(drift_record(&d, DRIFT_REMEMBERED));
}

static void sas_are_said_to_be_written(void **state)
{
	struct drift_pass p = { 0 };

	(void)state;
	drift_add_many(&p, DRIFT_SA, DRIFT_FOREIGN, 3, "%s", "that no message told of");
	assert_int_equal(p.counts[DRIFT_SA].found, 3);
	assert_string_equal(drift_action(&p.items[0]), "read anew");
}

static void a_kind_has_no_name(void **state)
{
	(void)state;
	for (int k = 0; k < DRIFT_KINDS; k++) {
		struct drift_pass p = { 0 };

		assert_non_null(drift_kind_name((enum drift_kind)k));
		drift_add(&p, (enum drift_kind)k, DRIFT_DIFFERENT, "x");
		assert_non_null(strstr(sentence(&p, (enum drift_kind)k), " x was different: "));
	}
}

static void a_long_name_overflows(void **state)
{
	struct drift_pass p = { 0 };
	char name[1000];

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	drift_add(&p, DRIFT_ASSOCIATION, DRIFT_FOREIGN, "%s", name);
	assert_int_equal(strlen(p.items[0].object), DRIFT_OBJECT_LEN - 1);
	assert_in_range(strlen(sentence(&p, DRIFT_ASSOCIATION)), 1, DRIFT_SENTENCE_LEN - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_thing_found_is_not_told_by_name),
		cmocka_unit_test(a_thousand_routes_flood_the_log),
		cmocka_unit_test(a_repair_that_fails_twice_counts_as_two),
		cmocka_unit_test(what_cannot_be_repaired_is_counted_by_every_audit),
		cmocka_unit_test(a_partial_look_makes_the_audit_forget),
		cmocka_unit_test(another_object_hides_behind_one_that_stands),
		cmocka_unit_test(the_newest_is_overwritten_first),
		cmocka_unit_test(sas_are_said_to_be_written),
		cmocka_unit_test(a_kind_has_no_name),
		cmocka_unit_test(a_long_name_overflows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
