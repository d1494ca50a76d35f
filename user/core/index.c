/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Changing the index: what a route makes of the cells that it covers. What a node is, and where its
 * memory comes from, is in index_nodes.c.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "index.h"
#include "index_internal.h"

#define WIDE_CELLS (1u << INDEX_WIDE_BITS)

/* A route on its way into the cells, or out of them. */
struct painting {
	struct index *x;
	struct index_table *table;
	const struct prefix *p;
	uint32_t leaf; /* set: what it says; deleted: what is around it */
	bool deleted;
	bool changed; /* something was other than it is now */
};

uint32_t index_leaf(const struct route *value)
{
	if (value->target > 0xffff)
		return INDEX_ASK;
	return (uint32_t)value->verdict << 24 | (uint32_t)value->prefix_len << 16 | value->target;
}

static uint32_t wide_slot(const struct address *a)
{
	return (uint32_t)a->bytes[0] << 8 | a->bytes[1];
}

/* How many of the cells that begin at `depth` with `bits` bits a prefix of this length covers. */
static uint32_t span(unsigned len, unsigned depth, unsigned bits)
{
	return len < depth + bits ? 1u << (depth + bits - len) : 1;
}

/* ---- painting ---- */

/* What becomes of a leaf inside the route. */
static uint32_t over(const struct painting *w, uint32_t leaf)
{
	if (leaf == INDEX_ASK)
		return leaf;
	if (w->deleted)
		return leaf != INDEX_NONE && INDEX_LEAF_LEN(leaf) == w->p->len ? w->leaf : leaf;
	return leaf == INDEX_NONE || INDEX_LEAF_LEN(leaf) <= w->p->len ? w->leaf : leaf;
}

/* No memory, or a cell that somebody has damaged. */
static uint32_t give_up(struct painting *w)
{
	w->table->partly = true;
	return INDEX_ASK;
}

static void release_tree(struct painting *w, uint32_t cell)
{
	uint32_t cells[INDEX_SLOTS];

	if (!(cell & INDEX_CHILD) || !index_read(w->x, cell, cells))
		return;
	for (unsigned i = 0; i < INDEX_SLOTS; i++)
		release_tree(w, cells[i]);
	index_release(w->x, w->table, cell);
}

static uint32_t make(struct painting *w, const uint32_t cells[INDEX_SLOTS])
{
	uint32_t made = index_make(w->x, w->table, cells);

	if (made != INDEX_ASK)
		return made;
	for (unsigned i = 0; i < INDEX_SLOTS; i++)
		release_tree(w, cells[i]);
	return give_up(w);
}

/* What the node is to become, whose cells were `was` and are `now`. */
static uint32_t renew(struct painting *w, uint32_t cell, const uint32_t was[INDEX_SLOTS],
		      const uint32_t now[INDEX_SLOTS])
{
	bool node = cell & INDEX_CHILD;
	uint32_t made;

	if (!memcmp(was, now, INDEX_SLOTS * sizeof(*was)))
		return cell;
	w->changed = true;
	if (node && index_store(w->x, cell, now))
		return cell;
	made = make(w, now);
	if (node)
		index_release(w->x, w->table, cell);
	return made;
}

/* The cells below a cell, whether there is a node or not. False: it is damaged. */
static bool look_below(const struct painting *w, uint32_t cell, uint32_t cells[INDEX_SLOTS])
{
	if (cell & INDEX_CHILD)
		return index_read(w->x, cell, cells);
	for (unsigned i = 0; i < INDEX_SLOTS; i++)
		cells[i] = cell;
	return true;
}

/* All of the cell's addresses are inside the route. */
static uint32_t cover(struct painting *w, uint32_t cell, unsigned depth)
{
	uint32_t was[INDEX_SLOTS], now[INDEX_SLOTS];

	if (!(cell & INDEX_CHILD))
		return over(w, cell);
	if (depth >= address_bits(&w->p->address) || !look_below(w, cell, was))
		return give_up(w);
	for (unsigned i = 0; i < INDEX_SLOTS; i++)
		now[i] = i && was[i] == was[i - 1] ? now[i - 1]
						   : cover(w, was[i], depth + INDEX_BITS);
	return renew(w, cell, was, now);
}

/* The cell's addresses begin with the first `depth` bits of the route's. Returns what the cell must
 * hold now. */
static uint32_t paint(struct painting *w, uint32_t cell, unsigned depth)
{
	uint32_t was[INDEX_SLOTS], now[INDEX_SLOTS], first;

	if (w->p->len <= depth)
		return cover(w, cell, depth);
	if (!(cell & INDEX_CHILD) && over(w, cell) == cell)
		return cell;
	if (!look_below(w, cell, was))
		return give_up(w);
	memcpy(now, was, sizeof(now));
	first = w->p->address.bytes[depth / 8];
	for (uint32_t i = 0; i < span(w->p->len, depth, INDEX_BITS); i++)
		now[first + i] = i && was[first + i] == was[first + i - 1]
					 ? now[first + i - 1]
					 : paint(w, was[first + i], depth + INDEX_BITS);
	return renew(w, cell, was, now);
}

/* ---- roots ---- */

/* NOLINTNEXTLINE(readability-non-const-parameter): it is stored to */
static void put(struct painting *w, uint32_t *cell, uint32_t value)
{
	w->changed |= *cell != value;
	if (*cell != value)
		__atomic_store_n(cell, value, __ATOMIC_RELEASE);
	index_settle(w->x);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): likewise */
static void put_root(struct painting *w, uint64_t *root, uint32_t value)
{
	w->changed |= *root != value;
	if (*root != value)
		__atomic_store_n(root, value, __ATOMIC_RELEASE);
	index_settle(w->x);
}

static void paint_wide(struct painting *w, uint64_t *root, uint32_t *cells)
{
	uint32_t first = wide_slot(&w->p->address);

	for (uint32_t i = 0; i < span(w->p->len, 0, INDEX_WIDE_BITS); i++) {
		uint32_t *cell = &cells[first + i], now = paint(w, *cell, INDEX_WIDE_BITS);

		w->table->busy += (now != INDEX_NONE) - (*cell != INDEX_NONE);
		put(w, cell, now);
	}
	if (w->table->busy)
		return;
	index_release_wide(w->x, (uint32_t)*root);
	put_root(w, root, INDEX_NONE);
}

/* Copies what is below a cell at `depth` into the wide root, and releases the nodes above. */
static void widen_below(struct painting *w, uint32_t cell, unsigned depth, uint32_t *wide)
{
	uint32_t each = WIDE_CELLS >> depth, cells[INDEX_SLOTS];

	if (depth == INDEX_WIDE_BITS || !(cell & INDEX_CHILD) || !look_below(w, cell, cells)) {
		for (uint32_t i = 0; i < each; i++)
			wide[i] = cell;
		w->table->busy += cell != INDEX_NONE ? each : 0;
		return;
	}
	for (uint32_t i = 0; i < INDEX_SLOTS; i++)
		widen_below(w, cells[i], depth + INDEX_BITS, wide + i * (each / INDEX_SLOTS));
	index_release(w->x, w->table, cell);
}

static void widen(struct painting *w, uint64_t *root)
{
	uint32_t wide = index_make_wide(w->x);
	struct index_line *lines = index_lines_of(w->x, wide);

	if (!lines)
		return; /* no memory: the narrow one still does */
	w->table->busy = 0;
	widen_below(w, (uint32_t)*root, 0, lines->words);
	put_root(w, root, wide | INDEX_WIDE);
}

static bool change(struct painting *w, uint32_t table)
{
	uint32_t number = INDEX_ROOT(table, w->p->address.family == AF_INET6), cell;
	uint64_t *root = &w->x->roots[number];
	struct index_line *lines;

	if (table >= MAX_TABLES)
		return false;
	w->table = &w->x->tables[number];
	cell = (uint32_t)*root;
	lines = index_lines_of(w->x, cell);
	if (lines && cell & INDEX_WIDE) {
		paint_wide(w, root, lines->words);
		return w->changed;
	}
	put_root(w, root, paint(w, cell, 0));
	if (w->table->lines >= INDEX_WIDE_FROM)
		widen(w, root);
	return w->changed;
}

bool index_set(struct index *x, uint32_t table, const struct prefix *p, const struct route *value)
{
	struct painting w = { .x = x, .p = p, .leaf = index_leaf(value) };

	return change(&w, table);
}

bool index_delete(struct index *x, uint32_t table, const struct prefix *p,
		  const struct route *around)
{
	struct painting w = { .x = x, .p = p, .deleted = true };

	w.leaf = around ? index_leaf(around) : INDEX_NONE;
	return change(&w, table);
}

/* ---- filling ---- */

/* Cells that are being made, of the addresses in `at`. */
struct level {
	struct prefix at;
	uint32_t cells[INDEX_SLOTS];
};

/* Of one family at a time: the root's cells, and of each level those of the last route's node. */
struct index_filling {
	struct index *x;
	uint32_t number; /* of the table's IPv4 root */
	size_t depth;
	struct level levels[PREFIX_MAX_LEN / INDEX_BITS];
};

struct index_filling *index_fill_begin(struct index *x, uint32_t table)
{
	uint32_t number = INDEX_ROOT(table, false);
	struct index_filling *f;

	if (table >= MAX_TABLES || x->roots[number] != INDEX_NONE ||
	    x->roots[number + 1] != INDEX_NONE)
		return NULL;
	f = calloc(1, sizeof(*f));
	if (f)
		*f = (struct index_filling){ .x = x, .number = number };
	return f;
}

static void open_level(struct index_filling *f, const struct prefix *p)
{
	struct level *l = &f->levels[f->depth];
	uint32_t above = INDEX_NONE;

	if (f->depth)
		above = f->levels[f->depth - 1].cells[p->address.bytes[f->depth - 1]];
	l->at = prefix_of(&p->address, (unsigned)f->depth * INDEX_BITS);
	for (unsigned i = 0; i < INDEX_SLOTS; i++)
		l->cells[i] = above;
	f->depth++;
}

static void close_level(struct index_filling *f)
{
	struct level *l = &f->levels[--f->depth];
	uint32_t number = f->number + (l->at.address.family == AF_INET6), cell;
	struct painting w = { .x = f->x, .table = &f->x->tables[number] };

	cell = make(&w, l->cells);
	if (f->depth) {
		l[-1].cells[l->at.address.bytes[f->depth - 1]] = cell;
		return;
	}
	put_root(&w, &f->x->roots[number], cell);
	if (w.table->lines >= INDEX_WIDE_FROM)
		widen(&w, &f->x->roots[number]);
}

void index_fill_add(struct index_filling *f, const struct prefix *p, const struct route *value)
{
	uint32_t leaf = index_leaf(value), first;
	unsigned depth;

	while (f->depth && !prefix_contains(&f->levels[f->depth - 1].at, p))
		close_level(f);
	while (!f->depth || p->len > f->depth * INDEX_BITS)
		open_level(f, p);
	depth = (unsigned)f->depth - 1;
	first = p->address.bytes[depth];
	for (uint32_t i = 0; i < span(p->len, depth * INDEX_BITS, INDEX_BITS); i++)
		f->levels[depth].cells[first + i] = leaf;
}

void index_fill_end(struct index_filling *f)
{
	while (f->depth)
		close_level(f);
	free(f);
}

/* ---- gathering ---- */

/* A copy of the node and all below it; the same cell: it stays where it is. */
static uint32_t copy_tree(struct painting *w, uint32_t cell)
{
	uint32_t was[INDEX_SLOTS], now[INDEX_SLOTS], made;

	if (!(cell & INDEX_CHILD) || !index_read(w->x, cell, was))
		return cell;
	for (unsigned i = 0; i < INDEX_SLOTS; i++)
		now[i] = copy_tree(w, was[i]);
	made = index_make(w->x, w->table, now);
	if (made != INDEX_ASK)
		return made;
	for (unsigned i = 0; i < INDEX_SLOTS; i++)
		if (now[i] != was[i])
			release_tree(w, now[i]);
	return cell;
}

static void move_wide(struct painting *w, uint32_t *cells)
{
	for (uint32_t i = 0; i < WIDE_CELLS; i++) {
		uint32_t was = cells[i];

		put(w, &cells[i], copy_tree(w, was));
		if (cells[i] != was)
			release_tree(w, was);
	}
}

static void move_table(struct painting *w, uint64_t *root)
{
	uint32_t was = (uint32_t)*root;
	struct index_line *lines = index_lines_of(w->x, was);

	if (lines && was & INDEX_WIDE) {
		move_wide(w, lines->words);
	} else {
		put_root(w, root, copy_tree(w, was));
		if (*root != was)
			release_tree(w, was);
	}
	index_settle(w->x);
}

void index_gather(struct index *x)
{
	index_close(x);
	for (uint32_t i = 0; i < INDEX_ROOTS; i++) {
		struct painting w = { .x = x, .table = &x->tables[i] };

		if (x->roots[i] & INDEX_CHILD)
			move_table(&w, &x->roots[i]);
	}
	index_reopen(x);
}

/* ---- reading ---- */

uint32_t index_lookup(const struct index *x, uint32_t table, const struct address *a)
{
	uint32_t cell = (uint32_t)x->roots[INDEX_ROOT(table, a->family == AF_INET6)];
	const struct index_line *lines = index_lines_of(x, cell);
	uint32_t cells[INDEX_SLOTS];
	unsigned depth = 0;

	if (lines && cell & INDEX_WIDE) {
		cell = lines->words[wide_slot(a)];
		depth = INDEX_WIDE_BITS;
	}
	for (; cell & INDEX_CHILD; depth += INDEX_BITS) {
		if (depth >= address_bits(a) || !index_read(x, cell, cells))
			return INDEX_ASK;
		cell = cells[a->bytes[depth / 8]];
	}
	return cell;
}

struct leaf_walk {
	const struct index *x;
	index_leaf_fn fn;
	void *context;
};

static void walk_below(const struct leaf_walk *w, const struct prefix *at, uint32_t cell)
{
	uint32_t cells[INDEX_SLOTS];

	if (!(cell & INDEX_CHILD) || at->len >= address_bits(&at->address) ||
	    !index_read(w->x, cell, cells)) {
		w->fn(at, cell & INDEX_CHILD ? INDEX_CHILD : cell, w->context);
		return;
	}
	for (unsigned i = 0; i < INDEX_SLOTS; i++) {
		struct prefix below = *at;

		below.address.bytes[at->len / 8] = (uint8_t)i;
		below.len = (uint8_t)(at->len + INDEX_BITS);
		walk_below(w, &below, cells[i]);
	}
}

bool index_walk(const struct index *x, uint32_t table, bool v6, uint32_t slot, index_leaf_fn fn,
		void *context)
{
	uint32_t cell = (uint32_t)x->roots[INDEX_ROOT(table, v6)];
	const struct index_line *lines = index_lines_of(x, cell);
	const struct leaf_walk w = { x, fn, context };
	struct prefix at = { .address.family = v6 ? AF_INET6 : AF_INET };

	if (!lines || !(cell & INDEX_WIDE)) {
		walk_below(&w, &at, cell);
		return false;
	}
	at.len = INDEX_WIDE_BITS;
	at.address.bytes[0] = (uint8_t)(slot >> 8);
	at.address.bytes[1] = (uint8_t)slot;
	walk_below(&w, &at, lines->words[slot % WIDE_CELLS]);
	return slot + 1 < WIDE_CELLS;
}
