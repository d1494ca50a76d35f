/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A map from prefixes to pointers with longest match: a path-compressed binary
 * trie per family.
 *
 * A node stands for a prefix; its children lie inside it and differ in the bit
 * behind it. Nodes with data NULL only join two children and are never seen by
 * callers. Depth is bounded by the prefix length (32, 128), memory by two nodes
 * a prefix: 32 bytes each for IPv4, 48 for IPv6, from chunks that go with the
 * trie's last node.
 */
#ifndef ESPALIER_TRIE_H
#define ESPALIER_TRIE_H

#include "prefix.h"

struct trie_node;
struct trie_pool;

struct trie {
	struct trie_node *roots[2]; /* IPv4, IPv6 */
	size_t count;
	struct trie_pool *pool; /* where its nodes are; NULL: there are none */
};

/* The place of `p`'s data, made (with NULL in it) when it was missing. NULL: no
 * memory. The caller must store something other than NULL there. */
void **trie_insert(struct trie *t, const struct prefix *p);
void *trie_exact(const struct trie *t, const struct prefix *p);
/* Gives up a place that trie_insert() made and nothing was stored in. */
void trie_forget(struct trie *t, const struct prefix *p);
/* Removes `p` and returns its data, or NULL. */
void *trie_remove(struct trie *t, const struct prefix *p);

/* Data of the longest prefix that contains the first `max_len` bits of `a`, no
 * longer than them; NULL when there is none. *matched may be NULL. */
void *trie_longest(const struct trie *t, const struct address *a, unsigned max_len,
		   struct prefix *matched);

/* Data of the first prefix equal to or inside `within`, or NULL. */
void *trie_first(const struct trie *t, const struct prefix *within);

/* Every prefix equal to or inside `within` (NULL: all), in the order of
 * prefix_compare(). A callback that returns TRIE_SKIP is not called for what
 * lies inside that prefix; any other non-zero value ends the walk and is
 * returned. */
#define TRIE_SKIP 0x7fffffff
typedef int (*trie_fn)(const struct prefix *p, void *data, void *context);
int trie_walk(const struct trie *t, const struct prefix *within, trie_fn fn, void *context);
/* All that come behind `after` in that order (NULL: all), whether it is there
 * or not: a walk that was ended goes on, also when the trie has changed
 * meanwhile. */
int trie_walk_after(const struct trie *t, const struct prefix *after, trie_fn fn, void *context);

/* All that come before `before` (NULL: all), from the last one: a prefix behind
 * all that lie inside it. Never skips. */
int trie_walk_back(const struct trie *t, const struct prefix *before, trie_fn fn, void *context);

/* Frees the nodes; with `free_data` their data too. */
void trie_free(struct trie *t, void (*free_data)(void *));

#endif
