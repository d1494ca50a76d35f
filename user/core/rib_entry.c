/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Candidates of one prefix of one table. Most prefixes have a single one, and most of those are
 * alike: one connection's, by one source. So an entry of one candidate is shared by all prefixes
 * that have the same one. It comes in both of its states, available and not: a tunnel that goes
 * down needs no memory.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include "rib_internal.h"

#define HASH_NONFATAL_OOM 1 /* an element that found no memory has no table */
#include <uthash.h>

#define SINGLE_SIZE (sizeof(struct rib_entry) + sizeof(struct candidate))

/* What tells one candidate from another of the same prefix. */
struct rib_single_key {
	enum route_source source;
	int attachment;
	uint32_t metric, single;
};

struct rib_single {
	struct rib_single_key key;
	size_t users;
	UT_hash_handle hh;
	/* not available, available: each a struct rib_entry with its candidate */
	_Alignas(struct rib_entry) unsigned char forms[2][SINGLE_SIZE];
};

static struct rib_entry *form(struct rib_single *s, bool available)
{
	return (struct rib_entry *)s->forms[available];
}

static struct rib_single *single_new(struct rib_single **all, const struct rib_single_key *key,
				     const struct candidate *c)
{
	struct rib_single *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->key = *key;
	HASH_ADD(hh, *all, key, sizeof(s->key), s);
	if (!s->hh.tbl) {
		free(s);
		return NULL;
	}
	for (int available = 0; available < 2; available++) {
		struct rib_entry *e = form(s, available);

		*e = (struct rib_entry){ .count = 1, .shared = s };
		e->list[0] = *c;
		e->list[0].available = available;
		select_rank(e);
	}
	return s;
}

/* The shared entry with this candidate, for one more prefix; NULL: no memory, or it is one that is
 * not shared. */
static struct rib_entry *single_take(struct rib *r, const struct candidate *c)
{
	struct rib_single_key key;
	struct rib_single *s;

	if (c->as_path_len || c->med)
		return NULL;
	memset(&key, 0, sizeof(key));
	key.source = c->source;
	key.attachment = c->attachment;
	key.metric = c->metric;
	key.single = c->single;
	HASH_FIND(hh, *r->singles, &key, sizeof(key), s);
	if (!s)
		s = single_new(r->singles, &key, c);
	if (!s)
		return NULL;
	s->users++;
	return form(s, c->available);
}

static void single_drop(struct rib *r, struct rib_single *s)
{
	if (--s->users)
		return;
	HASH_DEL(*r->singles, s);
	free(s);
}

static void entry_drop(struct rib *r, struct rib_entry *e)
{
	if (e->shared)
		single_drop(r, e->shared);
	else
		free(e);
}

/* An entry of its own, with room for one candidate more. NULL: no memory, and `e` is as it was. */
static struct rib_entry *entry_grow(struct rib *r, struct rib_entry *e)
{
	size_t count = e ? e->count : 0;
	struct rib_entry *shared = e && e->shared ? e : NULL, *own;

	own = realloc(shared ? NULL : e, sizeof(*own) + (count + 1) * sizeof(own->list[0]));
	if (!own)
		return NULL;
	if (shared) {
		memcpy(own, shared, SINGLE_SIZE);
		single_drop(r, shared->shared);
	}
	own->shared = NULL;
	own->count = count;
	return own;
}

int rib_candidate_add(struct rib *r, size_t table, const struct prefix *p,
		      const struct candidate *c)
{
	struct rib_entry **place = (struct rib_entry **)trie_insert(&r->tables[table], p), *e;

	if (!place)
		return -ENOMEM;
	e = *place ? NULL : single_take(r, c);
	if (e) {
		*place = e;
		return 0;
	}
	e = entry_grow(r, *place);
	if (!e) {
		if (!*place)
			trie_forget(&r->tables[table], p);
		return -ENOMEM;
	}
	e->list[e->count++] = *c;
	select_rank(e);
	*place = e;
	return 0;
}

struct candidate *rib_candidate_find(struct rib_entry *e, const struct candidate *c)
{
	for (size_t i = 0; e && i < e->count; i++)
		if (e->list[i].source == c->source && e->list[i].attachment == c->attachment &&
		    e->list[i].metric == c->metric)
			return &e->list[i];
	return NULL;
}

int rib_candidate_remove(struct rib *r, size_t table, const struct prefix *p,
			 const struct candidate *c)
{
	struct rib_entry *e = trie_exact(&r->tables[table], p), *one;
	struct candidate *found = rib_candidate_find(e, c);

	if (!found)
		return -ENOENT;
	if (e->count == 1) {
		trie_remove(&r->tables[table], p);
		entry_drop(r, e);
		return 0;
	}
	*found = e->list[--e->count];
	select_rank(e);
	one = e->count == 1 ? single_take(r, &e->list[0]) : NULL;
	if (one) {
		*trie_insert(&r->tables[table], p) = one;
		free(e);
	}
	return 0;
}

void rib_candidates_set_available(struct rib *r, size_t table, const struct prefix *p,
				  enum route_source source, int attachment, bool available)
{
	struct rib_entry *e = trie_exact(&r->tables[table], p);

	for (size_t i = 0; i < e->count; i++) {
		struct candidate *c = &e->list[i];

		if (c->source != source || c->attachment != attachment)
			continue;
		if (!e->shared)
			c->available = available;
		else
			*trie_insert(&r->tables[table], p) = form(e->shared, available);
	}
	if (!e->shared)
		select_rank(e);
}

static void free_own(void *data)
{
	struct rib_entry *e = data;

	if (!e->shared)
		free(e);
}

void rib_entries_free(struct rib *r, size_t tables)
{
	struct rib_single *s = r->singles ? *r->singles : NULL, *next;

	for (size_t i = 0; r->tables && i < tables; i++)
		trie_free(&r->tables[i], free_own);
	if (s)
		HASH_CLEAR(hh, *r->singles);
	for (; s; s = next) {
		next = s->hh.next;
		free(s);
	}
	free(r->singles);
}
