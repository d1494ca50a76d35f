/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The index says what the longest matching route says, or that it does not know: against a linear
 * search, through random changes, with readers that are in the middle of a lookup, and without
 * memory.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <cmocka.h>
#include "core/index.h"

#define TABLE	 3
#define ROUTES	 1500
#define SEGMENTS 64
#define READERS	 8
#define SEEN	 64

/* ---- the routes, and a linear search ---- */

struct model {
	struct prefix prefix;
	struct route value;
	bool used;
};

static struct model model[ROUTES];
static uint64_t state;

static uint32_t number(uint32_t below)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((state >> 33) % below);
}

/* Few distinct bytes at the front, so that prefixes nest and addresses hit them. */
static struct address random_address(bool v6)
{
	struct address a = { .family = v6 ? AF_INET6 : AF_INET };

	for (unsigned i = 0; i < (v6 ? 16u : 4u); i++)
		a.bytes[i] = (uint8_t)(i < 2 ? 20 + number(6) : number(i < 4 ? 24 : 256));
	return a;
}

static struct prefix random_prefix(bool v6)
{
	struct address a = random_address(v6);

	return prefix_of(&a, number(3) ? 10 + number(23) : number(address_bits(&a) + 1));
}

/* The longest route around the first `max` bits of an address. */
static const struct model *naive(const struct address *a, unsigned max)
{
	const struct model *best = NULL;

	for (size_t i = 0; i < ROUTES; i++) {
		const struct model *m = &model[i];

		if (m->used && m->prefix.len <= max && prefix_contains_address(&m->prefix, a) &&
		    (!best || m->prefix.len > best->prefix.len))
			best = m;
	}
	return best;
}

static uint32_t expected(const struct address *a)
{
	const struct model *m = naive(a, 128);

	return m ? index_leaf(&m->value) : INDEX_NONE;
}

static struct model *find(const struct prefix *p)
{
	for (size_t i = 0; i < ROUTES; i++)
		if (model[i].used && prefix_equal(&model[i].prefix, p))
			return &model[i];
	return NULL;
}

/* ---- readers that take their time ---- */

struct reader {
	struct address address;
	uint32_t cell;
	unsigned depth;
	bool reading;
	uint32_t seen[SEEN]; /* what was right while it read */
	size_t seen_count;
};

static struct index index_;
static uint64_t roots[INDEX_ROOTS];
static struct reader readers[READERS];
static struct index_line *segments[SEGMENTS];
static uint32_t room; /* segments that may be had */
static unsigned waits;

static void see(struct reader *r)
{
	uint32_t now = expected(&r->address);

	for (size_t i = 0; i < r->seen_count; i++)
		if (r->seen[i] == now)
			return;
	assert_true(r->seen_count < SEEN);
	r->seen[r->seen_count++] = now;
}

static void begin(struct reader *r, bool v6)
{
	*r = (struct reader){ .address = random_address(v6), .reading = true };
	r->cell = (uint32_t)roots[INDEX_ROOT(TABLE, v6)];
	see(r);
}

/* The cell of a slot of a node: run by run. */
static uint32_t cell_of(const struct index_head *head, uint32_t slot)
{
	const uint32_t *cell = (const uint32_t *)head + INDEX_FIRST_PLACE - 1;

	for (uint32_t i = 0; i <= slot; i++)
		cell += head->starts[i / 64] >> i % 64 & 1;
	return *cell;
}

/* One step, as the programs take it: memory that is gone is INDEX_ASK. */
static void take_step(struct reader *r)
{
	uint32_t line = r->cell & INDEX_NODE, bits = r->cell & INDEX_WIDE ? 16 : 8, slot = 0;
	const struct index_line *lines = segments[line / INDEX_SEGMENT_LINES];
	const void *node = lines ? &lines[line % INDEX_SEGMENT_LINES] : NULL;

	for (unsigned i = 0; i < bits; i++)
		slot = slot << 1 | address_bit(&r->address, r->depth + i);
	r->depth += bits;
	if (!node)
		r->cell = INDEX_ASK;
	else
		r->cell = bits == 16 ? ((const uint32_t *)node)[slot] : cell_of(node, slot);
}

static void end(struct reader *r)
{
	char text[PREFIX_STRLEN];

	while (r->cell & INDEX_CHILD)
		take_step(r);
	r->reading = false;
	if (r->cell == INDEX_ASK)
		return;
	for (size_t i = 0; i < r->seen_count; i++)
		if (r->seen[i] == r->cell)
			return;
	fail_msg("%s had the answer %x, which was never right", address_format(&r->address, text),
		 r->cell);
}

static void go_on(struct reader *r, bool v6)
{
	if (!r->reading)
		begin(r, v6);
	else if (r->cell & INDEX_CHILD)
		take_step(r);
	else
		end(r);
}

/* ---- memory ---- */

static struct index_line *add(uint32_t segment, void *context)
{
	(void)context;
	if (!room)
		return NULL;
	room--;
	assert_null(segments[segment]);
	segments[segment] = calloc(INDEX_SEGMENT_LINES, sizeof(struct index_line));
	return segments[segment];
}

static void drop(const uint32_t *list, size_t count, void *context)
{
	(void)context;
	for (size_t i = 0; i < count; i++) {
		free(segments[list[i]]);
		segments[list[i]] = NULL;
		room++;
	}
}

static void wait_for_readers(void *context)
{
	(void)context;
	waits++;
	for (size_t i = 0; i < READERS; i++) {
		if (!readers[i].reading)
			continue;
		see(&readers[i]); /* the change under way is in the model already */
		end(&readers[i]);
	}
}

static const struct index_memory memory = { add, drop, wait_for_readers, NULL };

static void start(uint32_t most)
{
	memset(model, 0, sizeof(model));
	memset(readers, 0, sizeof(readers));
	room = most;
	waits = 0;
	assert_int_equal(index_init(&index_, roots, SEGMENTS, &memory), 0);
	index_publish(&index_, roots);
}

/* ---- changes ---- */

static void set(struct model *m, const struct prefix *p)
{
	m->prefix = *p;
	m->value = (struct route){ .verdict = (uint8_t)(1 + number(5)),
				   .prefix_len = p->len,
				   .target = number(4) };
	m->used = true;
	index_set(&index_, TABLE, p, &m->value);
	assert_false(index_set(&index_, TABLE, p, &m->value));
}

static void delete(struct model *m)
{
	const struct model *around;

	m->used = false;
	around = m->prefix.len ? naive(&m->prefix.address, m->prefix.len - 1u) : NULL;
	index_delete(&index_, TABLE, &m->prefix, around ? &around->value : NULL);
}

static void change_something(bool v6, unsigned growth)
{
	struct model *m = &model[number(ROUTES)];
	struct prefix p = m->used && number(2) ? m->prefix : random_prefix(v6);
	struct model *same = find(&p);

	if (m->used && number(10) >= growth)
		delete (m);
	else if (same)
		set(same, &p);
	else if (!m->used)
		set(m, &p);
	for (size_t i = 0; i < READERS; i++)
		if (readers[i].reading)
			see(&readers[i]);
}

static size_t compare(bool v6, unsigned count)
{
	size_t asked = 0;

	for (unsigned i = 0; i < count; i++) {
		struct address a = random_address(v6);
		uint32_t is = index_lookup(&index_, TABLE, &a), must = expected(&a);
		char text[PREFIX_STRLEN];

		asked += is == INDEX_ASK;
		if (is != INDEX_ASK && is != must)
			fail_msg("%s: %x instead of %x", address_format(&a, text), is, must);
	}
	return asked;
}

static void delete_all(void)
{
	for (size_t i = 0; i < ROUTES; i++)
		if (model[i].used)
			delete (&model[i]);
}

/* ---- the stories ---- */

static void random_changes(bool v6)
{
	bool wide = false;

	start(SEGMENTS);
	for (unsigned i = 0; i < 6000; i++) {
		change_something(v6, i < 3000 ? 9 : 5);
		if (i % 100 == 0)
			assert_int_equal(compare(v6, 200), 0);
		wide |= !!(roots[INDEX_ROOT(TABLE, v6)] & INDEX_WIDE);
	}
	assert_true(wide);
	delete_all();
	/* Sixteen equal leaves are one: nothing is left of nothing. */
	assert_int_equal(roots[INDEX_ROOT(TABLE, v6)], INDEX_NONE);
	assert_int_equal(index_.lines, 0);
	index_free(&index_);
	assert_int_equal(room, SEGMENTS);
}

static void an_answer_is_not_the_longest_match(void **unused)
{
	(void)unused;
	state = 20261127;
	random_changes(false);
	random_changes(true);
}

static void a_reader_on_its_way_gets_an_answer_that_never_was(void **unused)
{
	(void)unused;
	state = 4;
	for (int v6 = 0; v6 < 2; v6++) {
		start(SEGMENTS);
		index_.limbo_most = 20;
		for (unsigned i = 0; i < 20000; i++) {
			change_something(v6, i / 2000 % 2 ? 3 : 9);
			go_on(&readers[number(READERS)], v6);
		}
		assert_true(waits > 0);
		wait_for_readers(NULL);
		index_free(&index_);
	}
}

/* ---- many routes at once ---- */

static int by_prefix(const void *a, const void *b)
{
	const struct model *const *x = a, *const *y = b;

	return prefix_compare(&(*x)->prefix, &(*y)->prefix);
}

static void fill(unsigned routes)
{
	const struct model *sorted[ROUTES] = { 0 };
	struct index_filling *f = index_fill_begin(&index_, TABLE);
	size_t count = 0;

	assert_non_null(f);
	for (size_t i = 0; i < routes; i++) {
		struct prefix p = random_prefix(number(3) == 0);

		if (find(&p))
			continue;
		model[i] = (struct model){ p,
					   { .verdict = (uint8_t)(1 + number(5)),
					     .prefix_len = p.len,
					     .target = number(4) },
					   true };
		sorted[count++] = &model[i];
	}
	qsort(sorted, count, sizeof(sorted[0]), by_prefix);
	for (size_t i = 0; i < count; i++)
		index_fill_add(f, &sorted[i]->prefix, &sorted[i]->value);
	index_fill_end(f);
}

static void what_was_filled_is_not_what_would_have_been_set(void **unused)
{
	uint64_t lines;

	(void)unused;
	state = 6;
	for (unsigned routes = 0; routes <= ROUTES; routes += routes / 2 + 1) {
		start(SEGMENTS);
		fill(routes);
		assert_int_equal(compare(false, 1000) + compare(true, 1000), 0);
		lines = index_.lines;
		for (size_t i = 0; i < ROUTES; i++)
			assert_false(model[i].used &&
				     index_set(&index_, TABLE, &model[i].prefix, &model[i].value));
		for (unsigned i = 0; i < 100; i++)
			change_something(i % 2, 5);
		assert_int_equal(compare(false, 200) + compare(true, 200), 0);
		delete_all();
		assert_int_equal(roots[INDEX_ROOT(TABLE, false)], INDEX_NONE);
		assert_int_equal(roots[INDEX_ROOT(TABLE, true)], INDEX_NONE);
		assert_int_equal(index_.lines, 0);
		assert_true(!routes || lines);
		index_free(&index_);
		assert_int_equal(room, SEGMENTS);
	}
}

static void a_table_with_routes_is_filled(void **unused)
{
	struct prefix p = random_prefix(true);

	(void)unused;
	start(SEGMENTS);
	set(&model[0], &p);
	assert_null(index_fill_begin(&index_, TABLE));
	assert_null(index_fill_begin(&index_, MAX_TABLES));
	index_free(&index_);
}

static void filling_without_memory_gives_wrong_answers(void **unused)
{
	(void)unused;
	state = 7;
	start(0);
	fill(ROUTES);
	assert_true(compare(false, 1000) > 0);
	assert_true(compare(true, 1000) > 0);
	assert_int_equal(index_partly(&index_), 2);
	index_free(&index_);
}

/* ---- gathering ---- */

/* With routes of both families, each in its place by what came and went before. */
static void grow(unsigned changes)
{
	start(SEGMENTS);
	for (unsigned i = 0; i < changes; i++)
		change_something(i % 2, 8);
}

static void gathered_it_answers_otherwise(void **unused)
{
	(void)unused;
	state = 8;
	for (unsigned changes = 0; changes <= 12000; changes += 2000) {
		uint64_t lines;

		grow(changes);
		lines = index_.lines;
		for (unsigned i = 0; i < 10; i++) {
			for (unsigned k = 0; k < 20; k++)
				go_on(&readers[number(READERS)], false);
			index_gather(&index_);
			assert_int_equal(index_.lines, lines);
			assert_true(index_.segment_count <= 4);
			assert_int_equal(compare(false, 500) + compare(true, 500), 0);
		}
		for (unsigned i = 0; i < 1000; i++)
			change_something(i % 2, 5);
		assert_int_equal(compare(false, 500) + compare(true, 500), 0);
		delete_all();
		assert_int_equal(index_.lines, 0);
		wait_for_readers(NULL);
		index_free(&index_);
		assert_int_equal(room, SEGMENTS);
	}
}

/* Nothing is free again before somebody waits for it: what is in use lies between the holes. */
static void holes_are_not_seen(void **unused)
{
	(void)unused;
	state = 10;
	start(SEGMENTS);
	index_.limbo_most = 1 << 20;
	for (unsigned i = 0; !index_scattered(&index_); i++) {
		assert_true(i < 100000);
		change_something(i % 2, 8);
	}
	index_gather(&index_);
	assert_false(index_scattered(&index_));
	assert_int_equal(compare(false, 500) + compare(true, 500), 0);
	index_free(&index_);
}

/* What is there is better than what there would be. */
static void gathered_without_memory_it_is_worse(void **unused)
{
	(void)unused;
	state = 9;
	grow(6000);
	for (room = 8; room; room--) {
		uint64_t lines = index_.lines;
		uint32_t most = room;

		index_gather(&index_);
		assert_int_equal(compare(false, 200) + compare(true, 200), 0);
		assert_int_equal(index_.lines, lines);
		assert_int_equal(index_partly(&index_), 0);
		room = most;
	}
	index_gather(&index_);
	assert_int_equal(compare(false, 1000) + compare(true, 1000), 0);
	assert_int_equal(index_partly(&index_), 0);
	index_free(&index_);
}

static void without_memory_the_answer_is_wrong(void **unused)
{
	(void)unused;
	state = 5;
	for (uint32_t most = 0; most < 2; most++) {
		size_t asked = 0;

		start(most);
		for (unsigned i = 0; i < 6000; i++) {
			change_something(true, 9);
			if (i % 100 == 0)
				asked += compare(true, 200);
		}
		assert_true(asked > 0);
		assert_int_equal(index_partly(&index_), 1);
		index_free(&index_);
	}
}

struct tiling {
	bool v6;
	struct address next;
	bool ended;
	uint32_t damaged;
};

/* Leaves follow each other without a gap; each says what a lookup says at both of its ends. */
static void lay(const struct prefix *covers, uint32_t leaf, void *context)
{
	struct address first = covers->address, last = first;
	struct tiling *t = context;
	int carry = 1;

	if (leaf == INDEX_CHILD) {
		t->damaged++;
		leaf = INDEX_ASK;
	}
	assert_false(t->ended);
	assert_true(address_equal(&first, &t->next));
	for (unsigned bit = covers->len; bit < address_bits(&last); bit++)
		last.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	assert_int_equal(index_lookup(&index_, TABLE, &first), leaf);
	assert_int_equal(index_lookup(&index_, TABLE, &last), leaf);
	t->next = last;
	for (int i = t->v6 ? 15 : 3; i >= 0; i--) {
		carry += t->next.bytes[i];
		t->next.bytes[i] = (uint8_t)carry;
		carry >>= 8;
	}
	t->ended = carry;
}

static uint32_t walk(bool v6)
{
	struct tiling t = { .v6 = v6, .next.family = v6 ? AF_INET6 : AF_INET };
	uint32_t slot = 0;

	while (index_walk(&index_, TABLE, v6, slot++, lay, &t))
		;
	assert_true(t.ended);
	return t.damaged;
}

static void a_walk_leaves_addresses_out(void **unused)
{
	(void)unused;
	state = 6;
	for (int v6 = 0; v6 < 2; v6++) {
		start(SEGMENTS);
		assert_int_equal(walk(v6), 0);
		for (unsigned i = 0; i < 60; i++)
			change_something(v6, 9);
		assert_false(roots[INDEX_ROOT(TABLE, v6)] & INDEX_WIDE);
		assert_int_equal(walk(v6), 0);
		for (unsigned i = 0; i < 6000; i++)
			change_something(v6, 10);
		assert_true(roots[INDEX_ROOT(TABLE, v6)] & INDEX_WIDE);
		assert_int_equal(walk(v6), 0);
		index_free(&index_);
	}
}

/* Somebody has written into the maps: no crash, and the trie is asked. */
static void damage(uint32_t place, uint32_t value)
{
	static const char *const texts[] = { "10.1.1.7/32", "0.0.0.0/0", "10.0.0.0/8",
					     "10.1.1.0/24" };
	struct address a = { .family = AF_INET, .bytes = { 10, 1, 1, 7 } };
	uint64_t *root = &roots[INDEX_ROOT(TABLE, false)];
	uint32_t *words;

	start(SEGMENTS);
	for (size_t i = 0; i < 4; i++) {
		struct prefix p;

		assert_int_equal(prefix_parse(texts[i], &p, NULL), 0);
		set(&model[i], &p);
	}
	words = (uint32_t *)&segments[0][*root & INDEX_NODE];
	assert_true(words[11] & INDEX_CHILD);
	words[place] = value;
	assert_int_equal(index_lookup(&index_, TABLE, &a), INDEX_ASK);
	assert_int_equal(walk(false), 1);
	/* From above as from below. */
	for (size_t i = 0; i < 2; i++) {
		bool told = index_set(&index_, TABLE, &model[i].prefix, &model[i].value);

		assert_true(told == !i); /* the first one finds it and lets it be */
		assert_int_equal(index_lookup(&index_, TABLE, &a), INDEX_ASK);
		assert_int_equal(walk(false), 0);
		assert_int_equal(index_partly(&index_), 1);
	}
	index_free(&index_);
}

static void a_damaged_cell_is_followed(void **unused)
{
	(void)unused;
	damage(11, INDEX_CHILD | INDEX_NODE); /* a segment that is not there */
	damage(11, INDEX_CHILD | 4095);	      /* a line that is no node */
	damage(0, 0);			      /* the root is no node any more */
}

static void a_damaged_root_is_followed(void **unused)
{
	struct address a = { .family = AF_INET, .bytes = { 10, 1, 1, 7 } };
	struct prefix p = prefix_of(&a, 24);

	(void)unused;
	start(SEGMENTS);
	roots[INDEX_ROOT(TABLE, false)] = INDEX_CHILD | INDEX_WIDE | 9999;
	assert_int_equal(index_lookup(&index_, TABLE, &a), INDEX_ASK);
	set(&model[0], &p);
	assert_int_equal(index_lookup(&index_, TABLE, &a), INDEX_ASK);
	assert_int_equal(index_partly(&index_), 1);
	index_free(&index_);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_is_not_the_longest_match),
		cmocka_unit_test(a_reader_on_its_way_gets_an_answer_that_never_was),
		cmocka_unit_test(what_was_filled_is_not_what_would_have_been_set),
		cmocka_unit_test(a_table_with_routes_is_filled),
		cmocka_unit_test(filling_without_memory_gives_wrong_answers),
		cmocka_unit_test(gathered_it_answers_otherwise),
		cmocka_unit_test(holes_are_not_seen),
		cmocka_unit_test(gathered_without_memory_it_is_worse),
		cmocka_unit_test(without_memory_the_answer_is_wrong),
		cmocka_unit_test(a_walk_leaves_addresses_out),
		cmocka_unit_test(a_damaged_cell_is_followed),
		cmocka_unit_test(a_damaged_root_is_followed),
	};

	return cmocka_run_group_tests_name("index", tests, NULL, NULL);
}
