/* SPDX-License-Identifier: GPL-2.0-only */
#include <stdlib.h>
#include <sys/socket.h>
#include "trie.h"

struct trie_node {
	struct prefix prefix;
	void *data; /* NULL: only joins its children */
	struct trie_node *children[2];
};

static struct trie_node **root_of(const struct trie *t, const struct address *a)
{
	return (struct trie_node **)&t->roots[a->family == AF_INET6];
}

/* How many leading bits two prefixes share, at most the shorter one's length. */
static unsigned shared_bits(const struct prefix *a, const struct prefix *b)
{
	unsigned limit = a->len < b->len ? a->len : b->len;
	unsigned i = 0;

	while (i + 8 <= limit && a->address.bytes[i / 8] == b->address.bytes[i / 8])
		i += 8;
	while (i < limit && address_bit(&a->address, i) == address_bit(&b->address, i))
		i++;
	return i;
}

static struct trie_node *node_new(const struct prefix *p)
{
	struct trie_node *n = calloc(1, sizeof(*n));

	if (n)
		n->prefix = *p;
	return n;
}

/* The link at which `p` is, or where it would have to be put. */
static struct trie_node **descend(struct trie_node **link, const struct prefix *p)
{
	while (*link && (*link)->prefix.len < p->len && prefix_contains(&(*link)->prefix, p))
		link = &(*link)->children[address_bit(&p->address, (*link)->prefix.len)];
	return link;
}

/* Puts a node for `p` above *link, whose prefix is inside `p`. */
static struct trie_node *put_above(struct trie_node **link, const struct prefix *p)
{
	struct trie_node *n = node_new(p);

	if (!n)
		return NULL;
	if (*link)
		n->children[address_bit(&(*link)->prefix.address, p->len)] = *link;
	*link = n;
	return n;
}

void **trie_insert(struct trie *t, const struct prefix *p)
{
	struct trie_node **link = descend(root_of(t, &p->address), p), *n = *link;

	if (!n || !prefix_equal(&n->prefix, p)) {
		unsigned shared = n ? shared_bits(&n->prefix, p) : p->len;

		if (shared < p->len) {
			struct prefix join = prefix_of(&p->address, shared);

			n = put_above(link, &join);
			if (!n)
				return NULL;
			link = &n->children[address_bit(&p->address, shared)];
		}
		n = put_above(link, p);
		if (!n)
			return NULL;
	}
	if (!n->data)
		t->count++;
	return &n->data;
}

static struct trie_node *find(const struct trie *t, const struct prefix *p)
{
	struct trie_node *n = *descend(root_of(t, &p->address), p);

	return n && prefix_equal(&n->prefix, p) ? n : NULL;
}

void *trie_exact(const struct trie *t, const struct prefix *p)
{
	struct trie_node *n = find(t, p);

	return n ? n->data : NULL;
}

/* Takes away a node that carries no data and joins fewer than two. */
static void prune(struct trie_node **link)
{
	struct trie_node *n = *link;

	if (n->data || (n->children[0] && n->children[1]))
		return;
	*link = n->children[0] ? n->children[0] : n->children[1];
	free(n);
}

void trie_forget(struct trie *t, const struct prefix *p)
{
	struct trie_node **link = root_of(t, &p->address), **parent = NULL;

	while (*link && (*link)->prefix.len < p->len && prefix_contains(&(*link)->prefix, p)) {
		parent = link;
		link = &(*link)->children[address_bit(&p->address, (*link)->prefix.len)];
	}
	if (!*link || !prefix_equal(&(*link)->prefix, p) || (*link)->data)
		return;
	prune(link);
	if (parent)
		prune(parent);
	t->count--;
}

void *trie_remove(struct trie *t, const struct prefix *p)
{
	struct trie_node *n = find(t, p);
	void *data = n ? n->data : NULL;

	if (!data)
		return NULL;
	n->data = NULL;
	trie_forget(t, p);
	return data;
}

void *trie_longest(const struct trie *t, const struct address *a, unsigned max_len,
		   struct prefix *matched)
{
	struct trie_node *n = *root_of(t, a), *best = NULL;
	unsigned bits = address_bits(a);

	while (n && n->prefix.len <= max_len && prefix_contains_address(&n->prefix, a)) {
		if (n->data)
			best = n;
		if (n->prefix.len == bits)
			break;
		n = n->children[address_bit(a, n->prefix.len)];
	}
	if (best && matched)
		*matched = best->prefix;
	return best ? best->data : NULL;
}

static int walk(const struct trie_node *n, trie_fn fn, void *context)
{
	int err = 0;

	if (!n)
		return 0;
	if (n->data)
		err = fn(&n->prefix, n->data, context);
	if (err == TRIE_SKIP)
		return 0;
	for (int i = 0; !err && i < 2; i++)
		err = walk(n->children[i], fn, context);
	return err;
}

int trie_walk(const struct trie *t, const struct prefix *within, trie_fn fn, void *context)
{
	const struct trie_node *n;
	int err;

	if (!within) {
		err = walk(t->roots[0], fn, context);
		return err ? err : walk(t->roots[1], fn, context);
	}
	n = *descend(root_of(t, &within->address), within);
	return n && prefix_contains(within, &n->prefix) ? walk(n, fn, context) : 0;
}

/* What lies inside a prefix is behind it, and before whatever is behind it and not inside. */
static int walk_after(const struct trie_node *n, const struct prefix *after, trie_fn fn,
		      void *context)
{
	int err = 0;

	if (!n || prefix_compare(&n->prefix, after) > 0)
		return walk(n, fn, context);
	if (!prefix_contains(&n->prefix, after))
		return 0;
	for (int i = 0; !err && i < 2; i++)
		err = walk_after(n->children[i], after, fn, context);
	return err;
}

int trie_walk_after(const struct trie *t, const struct prefix *after, trie_fn fn, void *context)
{
	int err = 0;

	if (!after)
		return trie_walk(t, NULL, fn, context);
	for (int family = 0; !err && family < 2; family++)
		err = walk_after(t->roots[family], after, fn, context);
	return err;
}

static int walk_back(const struct trie_node *n, trie_fn fn, void *context)
{
	int err = 0;

	if (!n)
		return 0;
	for (int i = 1; !err && i >= 0; i--)
		err = walk_back(n->children[i], fn, context);
	return err || !n->data ? err : fn(&n->prefix, n->data, context);
}

static int walk_before(const struct trie_node *n, const struct prefix *before, trie_fn fn,
		       void *context)
{
	int err = 0;

	if (!n || prefix_compare(&n->prefix, before) >= 0)
		return 0;
	if (!prefix_contains(&n->prefix, before))
		return walk_back(n, fn, context);
	for (int i = 1; !err && i >= 0; i--)
		err = walk_before(n->children[i], before, fn, context);
	return err || !n->data ? err : fn(&n->prefix, n->data, context);
}

int trie_walk_back(const struct trie *t, const struct prefix *before, trie_fn fn, void *context)
{
	int err = 0;

	for (int family = 1; !err && family >= 0; family--)
		err = before ? walk_before(t->roots[family], before, fn, context)
			     : walk_back(t->roots[family], fn, context);
	return err;
}

static int take_first(const struct prefix *p, void *data, void *context)
{
	(void)p;
	*(void **)context = data;
	return 1;
}

void *trie_first(const struct trie *t, const struct prefix *within)
{
	void *found = NULL;

	trie_walk(t, within, take_first, &found);
	return found;
}

static void free_nodes(struct trie_node *n, void (*free_data)(void *))
{
	if (!n)
		return;
	free_nodes(n->children[0], free_data);
	free_nodes(n->children[1], free_data);
	if (n->data && free_data)
		free_data(n->data);
	free(n);
}

void trie_free(struct trie *t, void (*free_data)(void *))
{
	free_nodes(t->roots[0], free_data);
	free_nodes(t->roots[1], free_data);
	*t = (struct trie){ 0 };
}
