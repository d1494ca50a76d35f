/* SPDX-License-Identifier: GPL-2.0-only */
/* A route that went, or the routing daemon: who removed it tells. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "core/hold.h"

#define TIME 120u

/* Zebras by their netlink sockets. */
#define OLD   71u
#define NEW   82u
#define NEWER 93u

static const struct step {
	const char *story;	  /* begins one */
	uint64_t now;		  /* in seconds here */
	uint32_t writer, remover; /* remover 0: a route is written */
	uint64_t until;		  /* 0: it goes */
} steps[] = {
	{ "a session that went down keeps its routes", 0, OLD, 0, 0 },
	{ NULL, 1000, OLD, OLD, 0 },
	{ "what a new zebra sweeps is withdrawn", 0, OLD, 0, 0 },
	{ NULL, 1000, OLD, NEW, 1120 },
	{ NULL, 1010, OLD, NEW, 1120 },
	{ "what the new zebra itself brought and removes stays", 0, OLD, 0, 0 },
	{ NULL, 1000, OLD, NEW, 1120 },
	{ NULL, 1005, NEW, 0, 0 },
	{ NULL, 1006, NEW, NEW, 0 },
	{ NULL, 1007, OLD, NEW, 1120 },
	{ "with -K what was not renewed stays for another while", 0, OLD, 0, 0 },
	{ NULL, 1000, NEW, 0, 0 },
	{ NULL, 1119, OLD, NEW, 1120 },
	{ NULL, 1120, OLD, NEW, 0 },
	{ NULL, 5000, OLD, NEW, 0 },
	{ "a second restart has no time of its own", 0, OLD, 0, 0 },
	{ NULL, 1000, OLD, NEW, 1120 },
	{ NULL, 1100, NEW, NEWER, 1220 },
	{ "routes that were read, not heard of, are withdrawn at a restart", 0, OLD, 0, 0 },
	{ NULL, 1000, 0, NEW, 1120 },
	{ NULL, 1001, 0, NEW, 1120 },
	{ NULL, 1120, 0, NEW, 0 },
	{ "nobody is known, and a route is kept", 0, 0, NEW, 0 },
	{ NULL, 1, 0, NEW, 0 },
	{ "a stranger removed first, so what the daemon removes is kept", 0, 0, NEWER, 0 },
	{ NULL, 1, OLD, 0, 0 },
	{ NULL, 2, 0, OLD, 0 },
};

static void each_story(void **state)
{
	struct hold h = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		const struct step *s = &steps[i];
		uint64_t until = 0;

		if (s->story)
			h = (struct hold){ 0 };
		if (!s->remover) {
			hold_written(&h, s->writer, s->now);
			continue;
		}
		if (hold_keeps(&h, s->writer, s->remover, s->now, TIME, &until) != !!s->until ||
		    until != s->until)
			fail_msg("step %zu at %llu: until %llu", i, (unsigned long long)s->now,
				 (unsigned long long)until);
	}
}

/* A removal without a sender: the kernel, by itself. */
static void an_unknown_remover_is_held_against_the_daemon(void **state)
{
	struct hold h = { 0 };
	uint64_t until = 7;

	(void)state;
	hold_written(&h, OLD, 0);
	assert_false(hold_keeps(&h, OLD, 0, 10, TIME, &until));
	assert_int_equal(h.writer, OLD);
	assert_int_equal(until, 7);
}

static void without_graceful_restart_something_is_held(void **state)
{
	struct hold h = { 0 };
	uint64_t until;

	(void)state;
	hold_written(&h, OLD, 0);
	assert_false(hold_keeps(&h, OLD, NEW, 10, 0, &until));
}

/* A former espalierd's knowledge. */
static void a_writer_that_lives_is_forgotten(void **state)
{
	struct hold h = { OLD, 0, 0 };
	uint64_t until;

	(void)state;
	hold_resume(&h, true, false, 500);
	assert_false(hold_keeps(&h, 0, OLD, 600, TIME, &until)); /* a session went down */
	assert_true(hold_keeps(&h, 0, NEW, 1000, TIME, &until));
	assert_int_equal(until, 1120);
}

/* Whether the next one started before or after espalierd is not known: the time counts from when
 * the old one was missed. */
static void what_a_dead_writer_left_is_kept_without_end(void **state)
{
	struct hold read = { OLD, 0, 0 }, brought;
	uint64_t until;

	(void)state;
	hold_resume(&read, false, false, 500);
	brought = read;
	assert_true(hold_keeps(&read, 0, NEW, 510, TIME, &until));
	assert_int_equal(until, 620);
	hold_written(&brought, NEW, 510);
	assert_true(hold_keeps(&brought, 0, NEW, 520, TIME, &until));
	assert_int_equal(until, 620);
	assert_false(hold_keeps(&brought, NEW, NEW, 520, TIME, &until));
	assert_false(hold_keeps(&brought, 0, NEW, 620, TIME, &until));
}

/* An administrator, whose ip has ended, wrote after the daemon. */
static void a_daemon_that_lives_is_taken_for_a_former_one(void **state)
{
	struct hold h = { NEWER, OLD, 10 };
	uint64_t until;

	(void)state;
	hold_resume(&h, false, true, 20);
	assert_int_equal(h.writer, OLD);
	assert_false(hold_keeps(&h, 0, OLD, 30, TIME, &until));
	assert_true(hold_keeps(&h, 0, NEW, 1000, TIME, &until));
	assert_int_equal(until, 1120);
}

static void nobody_was_known_and_somebody_is(void **state)
{
	struct hold h = { 0 };
	uint64_t until;

	(void)state;
	hold_resume(&h, false, false, 500);
	assert_false(hold_keeps(&h, 0, NEW, 510, TIME, &until));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_story),
		cmocka_unit_test(an_unknown_remover_is_held_against_the_daemon),
		cmocka_unit_test(without_graceful_restart_something_is_held),
		cmocka_unit_test(a_writer_that_lives_is_forgotten),
		cmocka_unit_test(what_a_dead_writer_left_is_kept_without_end),
		cmocka_unit_test(a_daemon_that_lives_is_taken_for_a_former_one),
		cmocka_unit_test(nobody_was_known_and_somebody_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
