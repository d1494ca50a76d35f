/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From the rib to a table's entries.
 *
 * A block is a prefix at which the composed answer may change: where the table has a usable
 * candidate, or where a connection that a static route leads to has a route of its own. Of a
 * touched prefix P, the blocks to look at are P, those inside it, and no deeper than the first with
 * a candidate of its own: what lies inside that one has never asked P. That one itself is looked
 * at, for it may now repeat what is around it, or no longer. So are the table's present entries:
 * what they were made for may be gone.
 */
#include <errno.h>
#include <stdlib.h>
#include "fib_internal.h"
#include "prefixes.h"
#include "rib.h"

struct search {
	const struct rib *rib;
	const struct fib_table *table;
	const struct prefix *around; /* touched; NULL: everything */
	const struct trie *shown;    /* of a connection, whose routes are to be added */
	struct prefixes found;	     /* blocks */
};

/* What is inside has never asked `around`. */
static int last_word(const struct search *s, const struct prefix *p)
{
	return s->around && !prefix_equal(s->around, p) ? TRIE_SKIP : 0;
}

static int find_candidate(const struct prefix *p, void *data, void *context)
{
	struct search *s = context;
	int err;

	if (!rib_entry_usable(s->rib, data, s->table->view, p))
		return 0;
	err = prefixes_add(&s->found, p);
	return err ? err : last_word(s, p);
}

static bool own_route_usable(const struct search *s, const void *data)
{
	return rib_own_route_source(s->rib, s->table->index, rib_own_route_of(data)) >= 0;
}

static int find_own_route(const struct prefix *p, void *data, void *context)
{
	struct search *s = context;
	int err;

	if (!own_route_usable(s, data))
		return 0;
	err = prefixes_add(&s->found, p);
	return err ? err : last_word(s, p);
}

static bool settled(const struct search *s, const struct prefix *p)
{
	const struct rib_entry *e;

	if (s->table->connection)
		return own_route_usable(s, trie_exact(&s->rib->connections[s->table->index], p));
	e = trie_exact(&s->rib->tables[s->table->index], p);
	return e && rib_entry_usable(s->rib, e, s->table->view, p);
}

static int find_entry(const struct prefix *p, void *data, void *context)
{
	struct search *s = context;
	int err = prefixes_add(&s->found, p);

	(void)data;
	return err ? err : settled(s, p) ? last_word(s, p) : 0;
}

static int find_shown(const struct prefix *p, void *data, void *context)
{
	struct search *s = context;

	(void)data;
	return prefixes_add(&s->found, p);
}

/* Behind one static route to a connection: the connection's own routes inside it. */
static int find_behind(const struct prefix *p, void *data, void *context)
{
	struct search *s = context;

	(void)data;
	return trie_walk(s->shown, p, find_shown, s);
}

/* Routes of connections that show through static routes [D9]. */
static int find_references(struct search *s)
{
	const struct rib *r = s->rib;
	int err = 0;

	for (size_t i = 0; !err && i < r->config->connection_count; i++) {
		const struct trie *references = rib_references(r, s->table->index, i);

		s->shown = &r->connections[i];
		if (!references->count)
			continue;
		if (s->around &&
		    trie_longest(references, &s->around->address, s->around->len, NULL))
			err = find_behind(s->around, NULL, s);
		else
			err = trie_walk(references, s->around, find_behind, s);
	}
	return err;
}

static int find_blocks(struct search *s)
{
	const struct fib_table *t = s->table;
	int err = s->around ? prefixes_add(&s->found, s->around) : 0;

	if (!err && t->connection)
		err = trie_walk(&s->rib->connections[t->index], s->around, find_own_route, s);
	if (!err && !t->connection)
		err = trie_walk(&s->rib->tables[t->index], s->around, find_candidate, s);
	if (!err && !t->connection && t->view == VIEW_ALL)
		err = find_references(s);
	if (!err)
		err = trie_walk(&t->routes, s->around, find_entry, s);
	return err;
}

static struct fib_answer table_answer(const struct rib *r, const struct fib_table *t,
				      const struct prefix *block)
{
	if (t->connection)
		return rib_connection_answer(r, t->index, block);
	return rib_answer(r, t->index, t->view, block);
}

/* Is there to be an entry for this block, that is, is it told from what is around it? */
static bool wants_entry(const struct rib *r, const struct fib_table *t, const struct prefix *block,
			struct fib_answer *answer)
{
	struct fib_answer around = { .kind = FIB_NONE };
	struct prefix wider;

	*answer = table_answer(r, t, block);
	if (block->len) {
		wider = prefix_of(&block->address, block->len - 1u);
		around = table_answer(r, t, &wider);
	}
	return !fib_answer_equal(answer, &around);
}

static int compare_block(const struct rib *r, const struct fib_table *t, const struct prefix *p,
			 struct fib_ops *sets, struct fib_ops *deletes)
{
	const struct fib_answer *is = trie_exact(&t->routes, p);
	struct fib_op op = { .kind = FIB_SET, .prefix = *p };

	if (wants_entry(r, t, p, &op.answer))
		return is && fib_answer_equal(is, &op.answer) ? 0 : fib_ops_add(sets, &op);
	op.kind = FIB_DELETE;
	return is ? fib_ops_add(deletes, &op) : 0;
}

static bool concerns(const struct touch *touch, const struct fib_table *t)
{
	return touch->connection == t->connection && touch->index == t->index &&
	       (t->connection || t->view == VIEW_ALL || touch->edge);
}

static int find_touched(struct search *s, const struct touched *touched)
{
	int err = 0;

	if (touched->everything)
		return find_blocks(s);
	for (size_t i = 0; !err && i < touched->count; i++) {
		s->around = &touched->list[i].prefix;
		if (concerns(&touched->list[i], s->table))
			err = find_blocks(s);
	}
	return err;
}

/* From the last block to the first: a set behind those inside it. Deletes the other way round. */
static int compare_blocks(const struct search *s, struct fib_ops *sets, struct fib_ops *deletes)
{
	int err = 0;

	for (size_t i = s->found.count; !err && i--;)
		err = compare_block(s->rib, s->table, &s->found.list[i], sets, deletes);
	for (size_t i = deletes->count; !err && i--;)
		err = fib_ops_add(sets, &deletes->list[i]);
	return err;
}

int fib_update(const struct rib *rib, const struct fib_table *t, const struct touched *touched,
	       struct fib_ops *out)
{
	struct search s = { .rib = rib, .table = t };
	struct fib_ops ops = { 0 }, deletes = { 0 };
	int err = find_touched(&s, touched);

	prefixes_sort(&s.found);
	if (!err)
		err = compare_blocks(&s, &ops, &deletes);
	prefixes_free(&s.found);
	fib_ops_free(&deletes);
	if (err) {
		fib_ops_free(&ops);
		return err;
	}
	*out = ops;
	return 0;
}

/* ---- a whole table ---- */

/* Blocks around the present one, each in the one before it, with their answers. */
struct around {
	struct {
		struct prefix block;
		struct fib_answer answer;
	} stack[PREFIX_MAX_LEN + 1];
	size_t depth;
};

static const struct fib_answer *answer_around(struct around *a, const struct prefix *block)
{
	static const struct fib_answer none = { .kind = FIB_NONE };

	while (a->depth && !prefix_contains(&a->stack[a->depth - 1].block, block))
		a->depth--;
	return a->depth ? &a->stack[a->depth - 1].answer : &none;
}

/*
 * What wants_entry() asks, of every block in turn: where all blocks are known, the answer just
 * around one of them is that of the block that it is in.
 */
static int compile_blocks(const struct rib *r, struct fib_table *t, const struct prefixes *blocks)
{
	struct around *a = calloc(1, sizeof(*a));
	int err = a ? 0 : -ENOMEM;

	for (size_t i = 0; !err && i < blocks->count; i++) {
		const struct prefix *block = &blocks->list[i];
		const struct fib_answer *around = answer_around(a, block);
		struct fib_answer answer = table_answer(r, t, block);

		if (fib_answer_equal(&answer, around))
			continue;
		err = fib_set(t, block, &answer);
		a->stack[a->depth].block = *block;
		a->stack[a->depth++].answer = answer;
	}
	free(a);
	return err;
}

static int compile_table(const struct rib *r, struct fib_table *t)
{
	struct search s = { .rib = r, .table = t };
	int err = find_blocks(&s);

	prefixes_sort(&s.found);
	if (!err)
		err = compile_blocks(r, t, &s.found);
	prefixes_free(&s.found);
	return err;
}

static void list_tables(const struct rib *r, struct fib *f)
{
	const struct config *c = r->config;

	for (size_t i = 0; i < c->table_count; i++) {
		for (int view = 0; view < VIEWS; view++) {
			uint32_t id = r->ids->table[i][view];

			if (view == VIEW_EDGE && c->tables[i].transit)
				continue; /* one table serves both */
			f->tables[f->count++] = (struct fib_table){
				.id = id,
				.kernel_table = TR_KERNEL_TABLE + id,
				.view = (enum view)view,
				.index = i,
			};
		}
	}
	for (size_t i = 0; i < c->connection_count; i++)
		f->tables[f->count++] = (struct fib_table){
			.id = r->ids->connection_table[i],
			.kernel_table = c->connections[i].kernel_table,
			.connection = true,
			.index = i,
		};
}

int fib_compile(const struct rib *rib, struct fib *out)
{
	size_t most = VIEWS * rib->config->table_count + rib->config->connection_count;
	struct fib f = { .tables = calloc(most + 1, sizeof(*f.tables)) };
	int err = 0;

	if (!f.tables)
		return -ENOMEM;
	list_tables(rib, &f);
	for (size_t i = 0; !err && i < f.count; i++)
		err = compile_table(rib, &f.tables[i]);
	if (err) {
		fib_free(&f);
		return err;
	}
	*out = f;
	return 0;
}
