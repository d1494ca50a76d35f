/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane.h"
#include "fib.h"
#include "rib.h"

bool member_set_equal(const struct member_set *a, const struct member_set *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (a->members[i].tunnel != b->members[i].tunnel ||
		    a->members[i].weight != b->members[i].weight)
			return false;
	return true;
}

bool fib_answer_equal(const struct fib_answer *a, const struct fib_answer *b)
{
	if (a->kind != b->kind)
		return false;
	switch (a->kind) {
	case FIB_TUNNELS:
		return member_set_equal(&a->set, &b->set);
	case FIB_DEVICE:
		return a->attachment == b->attachment;
	case FIB_NONE:
	case FIB_LOCAL:
	case FIB_BLACKHOLE:
		return true;
	}
	return false;
}

/* The prefixes at which a table's answer may change. */
struct blocks {
	struct prefix *list;
	size_t count, room;
};

static int add_block(const struct prefix *p, void *data, void *context)
{
	struct blocks *b = context;

	(void)data;
	if (b->count == b->room) {
		size_t room = b->room ? 2 * b->room : 64;
		struct prefix *list = realloc(b->list, room * sizeof(*list));

		if (!list)
			return -ENOMEM;
		b->list = list;
		b->room = room;
	}
	b->list[b->count++] = *p;
	return 0;
}

/* Does a static route of this table lead to the connection, so that its prefixes show through? */
static bool refers(const struct config *c, const struct config_table *t, size_t connection)
{
	int attachment = connection_attachment(c, connection);

	for (size_t i = 0; i < t->route_count; i++)
		if (!t->routes[i].blackhole && t->routes[i].attachment.index == attachment)
			return true;
	return false;
}

static int by_prefix(const void *a, const void *b)
{
	return prefix_compare(a, b);
}

static void sort_blocks(struct blocks *b)
{
	size_t kept = 0;

	if (!b->count)
		return;
	qsort(b->list, b->count, sizeof(*b->list), by_prefix);
	for (size_t i = 0; i < b->count; i++)
		if (!kept || !prefix_equal(&b->list[kept - 1], &b->list[i]))
			b->list[kept++] = b->list[i];
	b->count = kept;
}

static int table_blocks(const struct rib *r, size_t table, struct blocks *out)
{
	const struct config *c = r->config;
	int err = trie_walk(&r->tables[table], NULL, add_block, out);

	for (size_t i = 0; !err && i < c->connection_count; i++)
		if (refers(c, &c->tables[table], i))
			err = trie_walk(&r->connections[i], NULL, add_block, out);
	sort_blocks(out);
	return err;
}

static struct fib_answer table_answer(const struct rib *r, const struct fib_table *t,
				      const struct prefix *block)
{
	if (t->connection)
		return rib_connection_answer(r, t->index, block);
	return rib_answer(r, t->index, t->view, block);
}

/* The innermost of the routes emitted so far that encloses `p`; they form a stack. */
static const struct fib_answer *enclosing(const struct fib_table *t, const size_t *stack,
					  size_t *depth, const struct prefix *p)
{
	static const struct fib_answer none = { .kind = FIB_NONE };

	while (*depth && !prefix_contains(&t->routes[stack[*depth - 1]].prefix, p))
		(*depth)--;
	return *depth ? &t->routes[stack[*depth - 1]].answer : &none;
}

/* Emits a route for each block whose answer differs from that of the route around it. */
static int emit(const struct rib *r, const struct blocks *blocks, struct fib_table *t)
{
	size_t stack[129], depth = 0;

	t->routes = malloc((blocks->count + 1) * sizeof(*t->routes));
	if (!t->routes)
		return -ENOMEM;
	for (size_t i = 0; i < blocks->count; i++) {
		const struct prefix *p = &blocks->list[i];
		struct fib_answer answer = table_answer(r, t, p);

		if (fib_answer_equal(&answer, enclosing(t, stack, &depth, p)))
			continue;
		stack[depth++] = t->count;
		t->routes[t->count++] = (struct fib_route){ *p, answer };
	}
	return 0;
}

static int compile_table(const struct rib *r, struct fib_table *t)
{
	struct blocks blocks = { 0 };
	int err;

	if (t->connection)
		err = trie_walk(&r->connections[t->index], NULL, add_block, &blocks);
	else
		err = table_blocks(r, t->index, &blocks);
	if (!err)
		err = emit(r, &blocks, t);
	free(blocks.list);
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

void fib_free(struct fib *f)
{
	for (size_t i = 0; i < f->count; i++)
		free(f->tables[i].routes);
	free(f->tables);
	*f = (struct fib){ 0 };
}

const struct fib_table *fib_find(const struct fib *f, uint32_t id)
{
	for (size_t i = 0; i < f->count; i++)
		if (f->tables[i].id == id)
			return &f->tables[i];
	return NULL;
}

/* How many routes of a sorted table are not after `p`. */
static size_t routes_up_to(const struct fib_table *t, const struct prefix *p)
{
	size_t low = 0, high = t->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (prefix_compare(&t->routes[middle].prefix, p) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct fib_answer fib_lookup(const struct fib_table *t, const struct address *a,
			     struct prefix *matched)
{
	for (int len = (int)address_bits(a); len >= 0; len--) {
		struct prefix p = prefix_of(a, (unsigned)len);
		size_t n = routes_up_to(t, &p);

		if (!n || !prefix_equal(&t->routes[n - 1].prefix, &p))
			continue;
		if (matched)
			*matched = p;
		return t->routes[n - 1].answer;
	}
	return (struct fib_answer){ .kind = FIB_NONE };
}

/* Sets before deletes; sets from the most specific one, deletes from the least specific one. */
static int op_order(const void *x, const void *y)
{
	const struct fib_op *a = x, *b = y;

	if (a->kind != b->kind)
		return a->kind == FIB_SET ? -1 : 1;
	if (a->prefix.len != b->prefix.len)
		return (a->prefix.len > b->prefix.len) == (a->kind == FIB_SET) ? -1 : 1;
	return prefix_compare(&a->prefix, &b->prefix);
}

int fib_diff(const struct fib_route *old, size_t old_count, const struct fib_route *now,
	     size_t now_count, struct fib_op **ops, size_t *op_count)
{
	struct fib_op *list = malloc((old_count + now_count + 1) * sizeof(*list));
	size_t n = 0, i = 0, k = 0;

	if (!list)
		return -ENOMEM;
	while (i < old_count || k < now_count) {
		int order = i == old_count   ? 1
			    : k == now_count ? -1
					     : prefix_compare(&old[i].prefix, &now[k].prefix);

		if (order < 0)
			list[n++] = (struct fib_op){ FIB_DELETE, old[i].prefix, NULL };
		else if (order > 0 || !fib_answer_equal(&old[i].answer, &now[k].answer))
			list[n++] = (struct fib_op){ FIB_SET, now[k].prefix, &now[k].answer };
		i += order <= 0;
		k += order >= 0;
	}
	qsort(list, n, sizeof(*list), op_order);
	*ops = list;
	*op_count = n;
	return 0;
}
