/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tables of answers: one route, one lookup, the difference of two. Compiling is in fib_compile.c.
 */
#include <errno.h>
#include <stdlib.h>
#include "fib.h"
#include "fib_internal.h"

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
	if (a == b)
		return true;
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

void fib_table_free(struct fib_table *t)
{
	trie_free(&t->routes, NULL);
	trie_free(&t->behind, NULL);
	answers_free(&t->answers);
}

void fib_free(struct fib *f)
{
	for (size_t i = 0; i < f->count; i++)
		fib_table_free(&f->tables[i]);
	free(f->tables);
	*f = (struct fib){ 0 };
}

struct fib_table *fib_find(const struct fib *f, uint32_t id)
{
	for (size_t i = 0; i < f->count; i++)
		if (f->tables[i].id == id)
			return &f->tables[i];
	return NULL;
}

struct fib_answer fib_lookup(const struct fib_table *t, const struct address *a,
			     struct prefix *matched)
{
	const struct fib_answer *found = trie_longest(&t->routes, a, address_bits(a), matched);

	return found ? *found : (struct fib_answer){ .kind = FIB_NONE };
}

int fib_set(struct fib_table *t, const struct prefix *p, const struct fib_answer *answer)
{
	const struct fib_answer *taken = answers_take(&t->answers, answer);
	void **place = taken ? trie_insert(&t->routes, p) : NULL;

	if (!place) {
		if (taken)
			answers_drop(&t->answers, taken);
		return -ENOMEM;
	}
	if (*place)
		answers_drop(&t->answers, *place);
	*place = (void *)taken;
	return 0;
}

void fib_delete(struct fib_table *t, const struct prefix *p)
{
	const struct fib_answer *was = trie_remove(&t->routes, p);

	if (was)
		answers_drop(&t->answers, was);
}

int fib_apply(struct fib_table *t, const struct fib_op *op)
{
	if (op->kind == FIB_SET)
		return fib_set(t, &op->prefix, &op->answer);
	fib_delete(t, &op->prefix);
	return 0;
}

/* ---- operations ---- */

void fib_ops_free(struct fib_ops *ops)
{
	free(ops->list);
	*ops = (struct fib_ops){ 0 };
}

int fib_ops_add(struct fib_ops *ops, const struct fib_op *op)
{
	if (ops->count == ops->room) {
		size_t room = ops->room ? 2 * ops->room : 16;
		struct fib_op *list = realloc(ops->list, room * sizeof(*list));

		if (!list)
			return -ENOMEM;
		ops->list = list;
		ops->room = room;
	}
	ops->list[ops->count++] = *op;
	return 0;
}

struct difference {
	const struct trie *other;
	struct fib_ops ops;
};

static int note_new(const struct prefix *p, void *data, void *context)
{
	struct difference *d = context;
	const struct fib_answer *now = data, *was = d->other ? trie_exact(d->other, p) : NULL;
	struct fib_op op = { FIB_SET, *p, *now };

	return was && fib_answer_equal(was, now) ? 0 : fib_ops_add(&d->ops, &op);
}

static int note_gone(const struct prefix *p, void *data, void *context)
{
	struct difference *d = context;
	struct fib_op op = { .kind = FIB_DELETE, .prefix = *p };

	(void)data;
	return d->other && trie_exact(d->other, p) ? 0 : fib_ops_add(&d->ops, &op);
}

int fib_diff(const struct fib_table *old, const struct fib_table *now, struct fib_ops *out)
{
	struct difference d = { .other = old ? &old->routes : NULL };
	int err = now ? trie_walk_back(&now->routes, NULL, note_new, &d) : 0;

	d.other = now ? &now->routes : NULL;
	if (!err && old)
		err = trie_walk(&old->routes, NULL, note_gone, &d);
	if (err) {
		fib_ops_free(&d.ops);
		return err;
	}
	*out = d.ops;
	return 0;
}
