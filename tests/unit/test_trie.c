/* SPDX-License-Identifier: GPL-2.0-only */
/* A walk that is ended and goes on loses nothing and tells nothing twice. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <cmocka.h>
#include "../../user/core/trie.h"

#define PREFIXES 600

static struct prefix prefix(const char *text)
{
	struct prefix p;

	assert_int_equal(prefix_parse(text, &p, NULL), 0);
	return p;
}

static uint32_t state = 7;

static uint32_t number(uint32_t below)
{
	state = state * 1664525 + 1013904223;
	return (state >> 8) % below;
}

/* Few bits, so that many prefixes lie inside others. */
static struct prefix random_prefix(void)
{
	struct address a = { .family = number(3) ? AF_INET : AF_INET6 };

	for (unsigned i = 0; i < 3; i++)
		a.bytes[i] = (uint8_t)(number(4) << 6 | number(4));
	return prefix_of(&a, (uint8_t)number(25));
}

static int take(const struct prefix *p, void *data, void *context)
{
	struct prefix *last = context;

	(void)data;
	assert_true(!last->address.family || prefix_compare(last, p) < 0);
	*last = *p;
	return 1;
}

static size_t count_by_pieces(const struct trie *t)
{
	struct prefix last = { { 0 }, 0 };
	size_t count = 0;

	while (trie_walk_after(t, last.address.family ? &last : NULL, take, &last))
		count++;
	return count;
}

static void a_walk_by_pieces_skips_or_repeats(void **unused)
{
	struct trie t = { 0 };

	(void)unused;
	assert_int_equal(count_by_pieces(&t), 0);
	for (unsigned i = 0; i < PREFIXES; i++) {
		struct prefix p = random_prefix();

		*trie_insert(&t, &p) = &t;
		if (i % 50 == 0)
			assert_int_equal(count_by_pieces(&t), t.count);
	}
	assert_int_equal(count_by_pieces(&t), t.count);
	trie_free(&t, NULL);
}

struct backwards {
	const struct trie *t;
	struct prefix last;
	size_t seen, steps;
};

static int step_back(const struct prefix *p, void *data, void *context)
{
	struct backwards *b = context;

	assert_ptr_equal(data, b->t);
	assert_true(!b->seen || prefix_compare(p, &b->last) < 0);
	b->last = *p;
	b->seen++;
	return --b->steps == 0;
}

/* From the last one to the first one, however often it is ended in between. */
static void a_walk_back_skips_or_repeats(void **unused)
{
	struct trie t = { 0 };
	struct backwards b = { .t = &t };

	(void)unused;
	for (unsigned i = 0; i < PREFIXES; i++) {
		struct prefix p = random_prefix();

		*trie_insert(&t, &p) = &t;
	}
	do {
		struct prefix at = b.last;

		b.steps = 1 + b.seen % 7;
		if (!trie_walk_back(&t, b.seen ? &at : NULL, step_back, &b))
			break;
	} while (b.seen <= t.count);
	assert_int_equal(b.seen, t.count);
	trie_free(&t, NULL);
}

/* The place where it stopped may be gone when it goes on. */
static void a_walk_is_lost_when_its_place_is_removed(void **unused)
{
	static const char *const texts[] = { "0.0.0.0/0",   "10.0.0.0/8",   "10.1.0.0/16",
					     "10.1.2.0/24", "10.128.0.0/9", "192.0.2.0/24",
					     "::/0",	    "2001:db8::/32" };
	const size_t count = sizeof(texts) / sizeof(texts[0]);

	(void)unused;
	for (size_t gone = 0; gone < count; gone++) {
		struct trie t = { 0 };
		struct prefix at, next = { { 0 }, 0 };

		for (size_t i = 0; i < count; i++) {
			struct prefix p = prefix(texts[i]);

			*trie_insert(&t, &p) = &t;
		}
		at = prefix(texts[gone]);
		trie_remove(&t, &at);
		assert_int_equal(trie_walk_after(&t, &at, take, &next), gone + 1 < count);
		if (gone + 1 < count) {
			struct prefix want = prefix(texts[gone + 1]);

			assert_true(prefix_equal(&next, &want));
		}
		trie_free(&t, NULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_walk_by_pieces_skips_or_repeats),
		cmocka_unit_test(a_walk_back_skips_or_repeats),
		cmocka_unit_test(a_walk_is_lost_when_its_place_is_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
