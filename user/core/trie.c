/* SPDX-License-Identifier: GPL-2.0-only */
#include "trie.h"
#include <endian.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* 32 bytes for IPv4, 48 for IPv6. */
struct trie_node {
	void *data; /* NULL: only joins its children */
	struct trie_node *children[2];
	uint8_t family, len;
	uint8_t bytes[]; /* of the address: 4 or 16 */
};

/* Of memory, with what malloc() has before it. */
#define FIRST_CHUNK 1024
#define LAST_CHUNK  (256 << 10)
#define CHUNK_HEAD  (sizeof(struct chunk) + 2 * sizeof(size_t))

struct chunk {
	struct chunk *next;
	size_t used, size;
	_Alignas(void *) char nodes[];
};

/* Nodes come in chunks: a million of them are neither a million blocks of
 * malloc()'s to keep nor to free one by one. */
struct trie_pool {
	struct chunk *chunks;
	struct trie_node *free[2]; /* by family, by their first child */
};

/* ---- nodes ---- */

static size_t address_len(uint8_t family)
{
	return family == AF_INET6 ? 16 : 4;
}

static size_t node_size(uint8_t family)
{
	size_t size = offsetof(struct trie_node, bytes) + address_len(family);

	return (size + _Alignof(struct trie_node) - 1) & ~(_Alignof(struct trie_node) - 1);
}

static struct chunk *chunk_new(struct trie_pool *pool)
{
	size_t size = pool->chunks ? 2 * (pool->chunks->size + CHUNK_HEAD) : FIRST_CHUNK;
	struct chunk *c;

	size = (size > LAST_CHUNK ? LAST_CHUNK : size) - CHUNK_HEAD;
	c = malloc(sizeof(*c) + size);
	if (!c)
		return NULL;
	*c = (struct chunk){ pool->chunks, 0, size };
	pool->chunks = c;
	return c;
}

static struct trie_node *take_node(struct trie *t, uint8_t family)
{
	struct trie_pool *pool = t->pool ? t->pool : calloc(1, sizeof(*pool));
	struct trie_node *n = pool ? pool->free[family == AF_INET6] : NULL;
	size_t size = node_size(family);
	struct chunk *c;

	if (!pool)
		return NULL;
	t->pool = pool;
	if (n) {
		pool->free[family == AF_INET6] = n->children[0];
		return n;
	}
	c = pool->chunks;
	if (!c || c->size - c->used < size)
		c = chunk_new(pool);
	if (!c)
		return NULL;
	n = (struct trie_node *)(c->nodes + c->used);
	c->used += size;
	return n;
}

static void free_pool(struct trie *t)
{
	struct chunk *next;

	if (!t->pool)
		return;
	for (struct chunk *c = t->pool->chunks; c; c = next) {
		next = c->next;
		free(c);
	}
	free(t->pool);
	t->pool = NULL;
}

static void give_node(struct trie *t, struct trie_node *n)
{
	n->children[0] = t->pool->free[n->family == AF_INET6];
	t->pool->free[n->family == AF_INET6] = n;
	if (!t->roots[0] && !t->roots[1])
		free_pool(t);
}

static struct trie_node *node_new(struct trie *t, const struct prefix *p)
{
	struct trie_node *n = take_node(t, p->address.family);

	if (!n)
		return NULL;
	n->data = NULL;
	n->children[0] = n->children[1] = NULL;
	n->family = p->address.family;
	n->len = p->len;
	memcpy(n->bytes, p->address.bytes, address_len(n->family));
	return n;
}

static struct prefix prefix_at(const struct trie_node *n)
{
	struct prefix p = { .address.family = n->family, .len = n->len };

	memcpy(p.address.bytes, n->bytes, address_len(n->family));
	return p;
}

/* ---- finding ---- */

static struct trie_node **root_of(const struct trie *t, const struct address *a)
{
	return (struct trie_node **)&t->roots[a->family == AF_INET6];
}

static uint32_t word32(const uint8_t *bytes)
{
	uint32_t word;

	memcpy(&word, bytes, sizeof(word));
	return be32toh(word);
}

static uint64_t word64(const uint8_t *bytes)
{
	uint64_t word;

	memcpy(&word, bytes, sizeof(word));
	return be64toh(word);
}

/* How many leading bits of the node's prefix and of an address are the same, at
 * most `limit`. */
static unsigned shared_bits(const struct trie_node *n, const uint8_t *bytes, unsigned limit)
{
	uint64_t differ;
	unsigned same = 0;

	if (n->family == AF_INET6) {
		differ = word64(n->bytes) ^ word64(bytes);
		if (!differ) {
			differ = word64(n->bytes + 8) ^ word64(bytes + 8);
			same = 64;
		}
	} else {
		differ = (uint64_t)(word32(n->bytes) ^ word32(bytes)) << 32;
	}
	same = differ ? same + (unsigned)__builtin_clzll(differ) : limit;
	return same < limit ? same : limit;
}

/* Is the address, of the node's family, inside its prefix? */
static bool holds(const struct trie_node *n, const struct address *a)
{
	return shared_bits(n, a->bytes, n->len) == n->len;
}

static bool stands_for(const struct trie_node *n, const struct prefix *p)
{
	return n && n->len == p->len && holds(n, &p->address);
}

/* The link at which `p` is, or where it would have to be put. */
static struct trie_node **descend(struct trie_node **link, const struct prefix *p)
{
	while (*link && (*link)->len < p->len && holds(*link, &p->address))
		link = &(*link)->children[address_bit(&p->address, (*link)->len)];
	return link;
}

/* Puts a node for `p` above *link, whose prefix is inside `p`. */
static struct trie_node *put_above(struct trie *t, struct trie_node **link, const struct prefix *p)
{
	struct trie_node *n = node_new(t, p);

	if (!n)
		return NULL;
	if (*link)
		n->children[(*link)->bytes[p->len / 8] >> (7 - p->len % 8) & 1] = *link;
	*link = n;
	return n;
}

void **trie_insert(struct trie *t, const struct prefix *p)
{
	struct trie_node **link = descend(root_of(t, &p->address), p), *n = *link;

	if (!stands_for(n, p)) {
		unsigned limit = n && n->len < p->len ? n->len : p->len;
		unsigned shared = n ? shared_bits(n, p->address.bytes, limit) : p->len;

		if (shared < p->len) {
			struct prefix join = prefix_of(&p->address, shared);

			n = put_above(t, link, &join);
			if (!n)
				return NULL;
			link = &n->children[address_bit(&p->address, shared)];
		}
		n = put_above(t, link, p);
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

	return stands_for(n, p) ? n : NULL;
}

void *trie_exact(const struct trie *t, const struct prefix *p)
{
	struct trie_node *n = find(t, p);

	return n ? n->data : NULL;
}

/* Takes away a node that carries no data and joins fewer than two. */
static void prune(struct trie *t, struct trie_node **link)
{
	struct trie_node *n = *link;

	if (n->data || (n->children[0] && n->children[1]))
		return;
	*link = n->children[0] ? n->children[0] : n->children[1];
	give_node(t, n);
}

void trie_forget(struct trie *t, const struct prefix *p)
{
	struct trie_node **link = root_of(t, &p->address), **parent = NULL;

	while (*link && (*link)->len < p->len && holds(*link, &p->address)) {
		parent = link;
		link = &(*link)->children[address_bit(&p->address, (*link)->len)];
	}
	if (!stands_for(*link, p) || (*link)->data)
		return;
	t->count--;
	prune(t, link);
	if (parent)
		prune(t, parent);
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

	while (n && n->len <= max_len && holds(n, a)) {
		if (n->data)
			best = n;
		if (n->len == bits)
			break;
		n = n->children[address_bit(a, n->len)];
	}
	if (best && matched)
		*matched = prefix_at(best);
	return best ? best->data : NULL;
}

static int visit(const struct trie_node *n, trie_fn fn, void *context)
{
	struct prefix p;

	if (!n->data)
		return 0;
	p = prefix_at(n);
	return fn(&p, n->data, context);
}

static int walk(const struct trie_node *n, trie_fn fn, void *context)
{
	int err;

	if (!n)
		return 0;
	err = visit(n, fn, context);
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
	return n && n->len >= within->len &&
			       shared_bits(n, within->address.bytes, within->len) == within->len
		       ? walk(n, fn, context)
		       : 0;
}

/* What lies inside a prefix is behind it, and before whatever is behind it and
 * not inside. */
static int walk_after(const struct trie_node *n, const struct prefix *after, trie_fn fn,
		      void *context)
{
	struct prefix p;
	int err = 0;

	if (!n)
		return 0;
	p = prefix_at(n);
	if (prefix_compare(&p, after) > 0)
		return walk(n, fn, context);
	if (!prefix_contains(&p, after))
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
	return err ? err : visit(n, fn, context);
}

static int walk_before(const struct trie_node *n, const struct prefix *before, trie_fn fn,
		       void *context)
{
	struct prefix p;
	int err = 0;

	if (!n)
		return 0;
	p = prefix_at(n);
	if (prefix_compare(&p, before) >= 0)
		return 0;
	if (!prefix_contains(&p, before))
		return walk_back(n, fn, context);
	for (int i = 1; !err && i >= 0; i--)
		err = walk_before(n->children[i], before, fn, context);
	return err ? err : visit(n, fn, context);
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

static void free_datas(struct trie_node *n, void (*free_data)(void *))
{
	if (!n)
		return;
	free_datas(n->children[0], free_data);
	free_datas(n->children[1], free_data);
	if (n->data)
		free_data(n->data);
}

void trie_free(struct trie *t, void (*free_data)(void *))
{
	for (int family = 0; free_data && family < 2; family++)
		free_datas(t->roots[family], free_data);
	free_pool(t);
	*t = (struct trie){ 0 };
}
