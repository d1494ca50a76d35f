/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nodes of the index as 256 cells, and as runs in lines. Where lines come from and go to: what was
 * released is in limbo first, and becomes free, all of it together, when the programs that may be
 * reading it have ended.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "index.h"
#include "index_internal.h"

#define NO_SEGMENT     UINT32_MAX
#define NO_LINE	       UINT32_MAX
#define DROP_AT_ONCE   64
#define SPARE_SEGMENTS 1
#define LIMBO_ROOM     32768
#define SCATTER_FROM   4 /* segments that nobody minds */

int index_init(struct index *x, uint64_t *roots, uint32_t limit, const struct index_memory *memory)
{
	struct index fresh = { .memory = memory,
			       .roots = roots,
			       .limit = limit,
			       .limbo_room = LIMBO_ROOM,
			       .limbo_most = LIMBO_ROOM };

	fresh.segments = calloc(limit, sizeof(*fresh.segments));
	fresh.tables = calloc(INDEX_ROOTS, sizeof(*fresh.tables));
	fresh.limbo = calloc(LIMBO_ROOM, sizeof(*fresh.limbo));
	if (!fresh.segments || !fresh.tables || !fresh.limbo) {
		free(fresh.segments);
		free(fresh.tables);
		free(fresh.limbo);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < INDEX_ROOTS; i++)
		roots[i] = INDEX_NONE;
	*x = fresh;
	return 0;
}

/* Those without a line in use, but for some that stay; with `all` every one. */
static void drop_segments(struct index *x, bool all)
{
	uint32_t list[DROP_AT_ONCE], keep = all ? 0 : SPARE_SEGMENTS;
	size_t count = 0;

	for (uint32_t i = 0; i < x->limit; i++) {
		struct index_segment *s = &x->segments[i];

		if (!s->lines || (!all && s->free_count < INDEX_SEGMENT_LINES))
			continue;
		if (keep) {
			keep--;
			continue;
		}
		s->lines = NULL;
		s->free_count = 0;
		x->segment_count--;
		list[count++] = i;
		if (count == DROP_AT_ONCE) {
			x->memory->drop(list, count, x->memory->context);
			count = 0;
		}
	}
	if (count)
		x->memory->drop(list, count, x->memory->context);
}

void index_free(struct index *x)
{
	if (x->segments)
		drop_segments(x, true);
	free(x->segments);
	free(x->tables);
	free(x->limbo);
	*x = (struct index){ 0 };
}

void index_publish(struct index *x, uint64_t *roots)
{
	for (uint32_t i = 0; i < INDEX_ROOTS; i++)
		__atomic_store_n(&roots[i], x->roots[i], __ATOMIC_RELEASE);
	x->roots = roots;
	x->published = true;
}

void index_reserve(struct index *x, uint32_t segment, bool reserved)
{
	x->segments[segment].reserved = reserved;
}

/* ---- limbo ---- */

static void set_free(struct index *x, const struct index_gone *gone)
{
	struct index_segment *s = &x->segments[gone->line / INDEX_SEGMENT_LINES];

	for (uint32_t k = 0; k < gone->count; k++) {
		uint32_t i = gone->line % INDEX_SEGMENT_LINES + k;

		s->free[i / 64] |= 1ull << i % 64;
	}
	s->free_count += gone->count;
}

static void free_unreachable(struct index *x)
{
	for (size_t i = 0; i < x->unreachable; i++)
		set_free(x, &x->limbo[i]);
	x->limbo_count -= x->unreachable;
	memmove(x->limbo, x->limbo + x->unreachable, x->limbo_count * sizeof(*x->limbo));
	x->unreachable = 0;
	x->exhausted = false;
}

static void empty_limbo(struct index *x)
{
	if (!x->unreachable)
		return;
	x->memory->wait(x->memory->context);
	free_unreachable(x);
	drop_segments(x, false);
}

static bool limbo_grow(struct index *x)
{
	size_t room = 2 * x->limbo_room;
	struct index_gone *list = realloc(x->limbo, room * sizeof(*list));

	if (!list)
		return false;
	x->limbo = list;
	x->limbo_room = room;
	return true;
}

/* Where there is no memory even to remember them, lines are lost until the next index. */
static void into_limbo(struct index *x, uint32_t line, uint32_t count)
{
	if (x->limbo_count >= x->limbo_most)
		empty_limbo(x);
	if (x->limbo_count == x->limbo_room && !limbo_grow(x))
		return;
	x->limbo[x->limbo_count++] = (struct index_gone){ line, count };
}

void index_settle(struct index *x)
{
	x->unreachable = x->limbo_count;
	if (!x->published) /* nobody waits for anybody */
		free_unreachable(x);
}

/* ---- lines ---- */

struct index_line *index_lines_of(const struct index *x, uint32_t cell)
{
	uint32_t line = cell & INDEX_NODE, segment = line / INDEX_SEGMENT_LINES;

	if (!(cell & INDEX_CHILD) || segment >= x->limit || !x->segments[segment].lines)
		return NULL;
	return &x->segments[segment].lines[line % INDEX_SEGMENT_LINES];
}

static uint32_t add_segment(struct index *x)
{
	for (uint32_t i = 0; i < x->limit; i++) {
		struct index_segment *s = &x->segments[i];

		if (s->lines || s->reserved)
			continue;
		s->lines = x->memory->add(i, x->memory->context);
		if (!s->lines)
			return NO_SEGMENT;
		memset(s->free, 0xff, sizeof(s->free));
		s->free_count = INDEX_SEGMENT_LINES;
		x->segment_count++;
		return i;
	}
	return NO_SEGMENT;
}

void index_close(struct index *x)
{
	for (uint32_t i = 0; i < x->limit; i++)
		x->segments[i].closed = x->segments[i].lines != NULL;
}

void index_reopen(struct index *x)
{
	for (uint32_t i = 0; i < x->limit; i++)
		x->segments[i].closed = false;
	x->exhausted = false;
	empty_limbo(x);
}

/* So many lines side by side, out of one segment; NO_LINE: it has none such. */
static uint32_t take_lines(struct index_segment *s, uint32_t count)
{
	uint32_t run = 0;

	for (uint32_t i = 0; i < INDEX_SEGMENT_LINES; i++) {
		if (!run && i % 64 == 0 && !s->free[i / 64]) {
			i += 63;
			continue;
		}
		run = s->free[i / 64] >> i % 64 & 1 ? run + 1 : 0;
		if (run < count)
			continue;
		for (uint32_t k = i + 1 - count; k <= i; k++)
			s->free[k / 64] &= ~(1ull << k % 64);
		s->free_count -= count;
		return i + 1 - count;
	}
	return NO_LINE;
}

static uint32_t find_lines(struct index *x, uint32_t count)
{
	for (uint32_t i = 0; i < x->limit; i++) {
		uint32_t at = (x->hint + i) % x->limit, line;
		struct index_segment *s = &x->segments[at];

		if (!s->lines || s->closed || s->free_count < count)
			continue;
		line = take_lines(s, count);
		if (line == NO_LINE)
			continue;
		if (count < INDEX_SEGMENT_LINES)
			x->hint = at;
		return at * INDEX_SEGMENT_LINES + line;
	}
	return NO_LINE;
}

/*
 * Waiting for the limbo is for when there is no other way, and once there was no memory nobody asks
 * for more before something has become free.
 */
static uint32_t get_lines(struct index *x, uint32_t count)
{
	uint32_t line = x->exhausted ? NO_LINE : find_lines(x, count);

	if (line == NO_LINE && !x->exhausted && add_segment(x) != NO_SEGMENT)
		line = find_lines(x, count);
	if (line == NO_LINE && x->unreachable) {
		empty_limbo(x);
		line = find_lines(x, count);
	}
	x->exhausted = line == NO_LINE;
	return line;
}

/* ---- nodes ---- */

static uint32_t population(uint64_t bits)
{
	return (uint32_t)__builtin_popcountll(bits);
}

/* Words of the node, the head's included. */
static uint32_t words_of(const struct index_head *head)
{
	uint32_t words = INDEX_FIRST_PLACE;

	for (unsigned i = 0; i < 4; i++)
		words += population(head->starts[i]);
	return words;
}

static uint32_t lines_for(uint32_t words)
{
	return (words + INDEX_LINE_WORDS - 1) / INDEX_LINE_WORDS;
}

/* With what the head says inside the segment; a damaged one may say anything. */
static const struct index_head *head_of(const struct index *x, uint32_t cell)
{
	const struct index_line *line = index_lines_of(x, cell);
	const struct index_head *head = (const void *)line;
	uint32_t left = INDEX_SEGMENT_LINES - (cell & INDEX_NODE) % INDEX_SEGMENT_LINES;

	if (!line || !(head->starts[0] & 1) || words_of(head) > left * INDEX_LINE_WORDS)
		return NULL;
	return head;
}

/* The slot with which the next run begins, from `slot` on; INDEX_SLOTS: there is none. */
static uint32_t next_run(const struct index_head *head, uint32_t slot)
{
	for (; slot < INDEX_SLOTS; slot = (slot | 63) + 1) {
		uint64_t bits = head->starts[slot / 64] >> slot % 64;

		if (bits)
			return slot + (uint32_t)__builtin_ctzll(bits);
	}
	return INDEX_SLOTS;
}

bool index_read(const struct index *x, uint32_t cell, uint32_t cells[INDEX_SLOTS])
{
	const struct index_head *head = head_of(x, cell);
	const uint32_t *word;

	if (!head)
		return false;
	word = (const uint32_t *)head + INDEX_FIRST_PLACE;
	for (uint32_t slot = 0; slot < INDEX_SLOTS; word++) {
		uint32_t end = next_run(head, slot + 1);

		while (slot < end)
			cells[slot++] = *word;
	}
	return true;
}

/* Its runs. */
static struct index_head head_for(const uint32_t cells[INDEX_SLOTS])
{
	struct index_head head = { .starts = { 1 } };
	uint32_t place = INDEX_FIRST_PLACE - 1;

	for (uint32_t i = 1; i < INDEX_SLOTS; i++)
		head.starts[i / 64] |= (uint64_t)(cells[i] != cells[i - 1]) << i % 64;
	for (uint32_t i = 0; i < 4; i++) {
		head.place[i] = (uint16_t)place;
		place += population(head.starts[i]);
	}
	return head;
}

/* One store for each cell that changes. */
static void store_cells(uint32_t *words, const struct index_head *head,
			const uint32_t cells[INDEX_SLOTS])
{
	uint32_t *word = words + INDEX_FIRST_PLACE;

	for (uint32_t slot = 0; slot < INDEX_SLOTS; slot = next_run(head, slot + 1), word++)
		if (*word != cells[slot])
			__atomic_store_n(word, cells[slot], __ATOMIC_RELEASE);
}

bool index_store(struct index *x, uint32_t cell, const uint32_t cells[INDEX_SLOTS])
{
	const struct index_head *is = head_of(x, cell);
	struct index_head head = head_for(cells);

	if (!is || memcmp(is->starts, head.starts, sizeof(head.starts)))
		return false;
	store_cells((uint32_t *)index_lines_of(x, cell), is, cells);
	return true;
}

uint32_t index_make(struct index *x, struct index_table *t, const uint32_t cells[INDEX_SLOTS])
{
	struct index_head head = head_for(cells);
	uint32_t count = lines_for(words_of(&head)), line;
	uint32_t *words;

	if (words_of(&head) == INDEX_FIRST_PLACE + 1 && !(cells[0] & INDEX_CHILD))
		return cells[0];
	line = get_lines(x, count);
	if (line == NO_LINE)
		return INDEX_ASK;
	words = (uint32_t *)index_lines_of(x, INDEX_CHILD | line);
	memcpy(words, &head, INDEX_FIRST_PLACE * sizeof(*words));
	store_cells(words, &head, cells);
	t->lines += count;
	x->lines += count;
	return INDEX_CHILD | line;
}

uint32_t index_make_wide(struct index *x)
{
	uint32_t line = get_lines(x, INDEX_SEGMENT_LINES);

	return line == NO_LINE ? INDEX_ASK : INDEX_CHILD | line;
}

void index_release(struct index *x, struct index_table *t, uint32_t cell)
{
	const struct index_head *head = head_of(x, cell);
	uint32_t count = head ? lines_for(words_of(head)) : 0;

	if (!count)
		return;
	t->lines -= count;
	x->lines -= count;
	into_limbo(x, cell & INDEX_NODE, count);
}

void index_release_wide(struct index *x, uint32_t root)
{
	into_limbo(x, root & INDEX_NODE, INDEX_SEGMENT_LINES);
}

/* ---- accounts ---- */

uint64_t index_bytes(const struct index *x)
{
	return (uint64_t)x->segment_count * INDEX_SEGMENT_LINES * sizeof(struct index_line);
}

bool index_scattered(const struct index *x)
{
	uint64_t lines = x->lines;

	for (uint32_t i = 0; i < INDEX_ROOTS; i++)
		if (x->roots[i] & INDEX_WIDE)
			lines += INDEX_SEGMENT_LINES;
	return (uint64_t)x->segment_count * INDEX_SEGMENT_LINES >
	       2 * lines + SCATTER_FROM * INDEX_SEGMENT_LINES;
}

uint32_t index_partly(const struct index *x)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < INDEX_ROOTS; i++)
		count += x->tables[i].partly;
	return count;
}
