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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_story),
		cmocka_unit_test(an_unknown_remover_is_held_against_the_daemon),
		cmocka_unit_test(without_graceful_restart_something_is_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
