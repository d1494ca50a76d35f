/* SPDX-License-Identifier: GPL-2.0-only */
#include <stdlib.h>
#include <string.h>
#include "answers.h"

#define HASH_NONFATAL_OOM 1 /* an element that found no memory has no table */
#include <uthash.h>

struct shared_answer {
	struct fib_answer answer; /* the key: first, and what does not count is zero */
	size_t users;
	UT_hash_handle hh;
};

void answers_normalize(const struct fib_answer *a, struct fib_answer *out)
{
	memset(out, 0, sizeof(*out));
	out->kind = a->kind;
	if (a->kind == FIB_DEVICE)
		out->attachment = a->attachment;
	if (a->kind != FIB_TUNNELS)
		return;
	out->set.count = a->set.count;
	memcpy(out->set.members, a->set.members, a->set.count * sizeof(*a->set.members));
}

static struct shared_answer *enter(struct answers *s, const struct fib_answer *key)
{
	struct shared_answer *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	memcpy(&e->answer, key, sizeof(*key));
	HASH_ADD(hh, s->hash, answer, sizeof(e->answer), e);
	if (!e->hh.tbl) {
		free(e);
		return NULL;
	}
	return e;
}

const struct fib_answer *answers_take(struct answers *s, const struct fib_answer *a)
{
	struct shared_answer *e;
	struct fib_answer key;

	answers_normalize(a, &key);
	HASH_FIND(hh, s->hash, &key, sizeof(key), e);
	if (!e)
		e = enter(s, &key);
	if (!e)
		return NULL;
	e->users++;
	return &e->answer;
}

void answers_drop(struct answers *s, const struct fib_answer *taken)
{
	struct shared_answer *e = (struct shared_answer *)taken;

	if (--e->users)
		return;
	HASH_DEL(s->hash, e);
	free(e);
}

bool answers_any(const struct answers *s,
		 bool (*fn)(const struct fib_answer *a, const void *context), const void *context)
{
	for (const struct shared_answer *e = s->hash; e; e = e->hh.next)
		if (fn(&e->answer, context))
			return true;
	return false;
}

void answers_free(struct answers *s)
{
	struct shared_answer *e = s->hash, *next;

	HASH_CLEAR(hh, s->hash);
	for (; e; e = next) {
		next = e->hh.next;
		free(e);
	}
}
