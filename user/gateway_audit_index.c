/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The index against the routes that it was made from. That a route shows where it must is looked at
 * when the route is; here each leaf is asked where it comes from. One that comes from no route of
 * ours is nobody's mistake but the memory's or a stranger's: the whole index is built anew, beside
 * the one that is there.
 */
#include "core/index.h"
#include "gateway_audit.h"
#include "gateway_change.h"

#define PIECE 256 /* slots of a root before others have their turn */

struct claims {
	struct gateway *g;
	const struct fib_table *table;
	struct prefix source; /* the route that the last leaf came from */
	uint32_t leaf;
	bool wrong;
	struct prefix where;
};

/* Does this leaf say what the route says that it names? */
static bool right(struct claims *c, const struct prefix *covers, uint32_t leaf)
{
	const struct fib_answer *answer;
	struct route must;

	if (leaf == INDEX_ASK)
		return true;
	if (leaf == INDEX_NONE)
		return !trie_longest(&c->table->routes, &covers->address, covers->len, NULL);
	if (leaf & INDEX_CHILD || INDEX_LEAF_LEN(leaf) > address_bits(&covers->address))
		return false;
	c->source = prefix_of(&covers->address, INDEX_LEAF_LEN(leaf));
	answer = trie_exact(&c->table->routes, &c->source);
	return answer && !forwarding_route_value(c->g, &c->source, answer, &must) &&
	       index_leaf(&must) == leaf;
}

static void check_leaf(const struct prefix *covers, uint32_t leaf, void *context)
{
	struct claims *c = context;

	/* Mostly it is the route of the one before. */
	if (c->wrong ||
	    (leaf == c->leaf && leaf != INDEX_NONE && prefix_contains(&c->source, covers)))
		return;
	c->leaf = leaf;
	c->source = (struct prefix){ 0 };
	if (right(c, covers, leaf))
		return;
	c->wrong = true;
	c->where = *covers;
}

static void build_anew(struct gateway *g, const struct claims *c)
{
	int err = dataplane_build_index(g->dataplane);

	audit_note_prefix(g, DRIFT_INDEX, c->table->id, &c->where, DRIFT_DIFFERENT, err);
}

/* Some slots of one table's index. True: there is more. */
static bool check_piece(struct gateway *g, struct audit *a)
{
	struct claims c = { .g = g, .table = &g->fib.tables[a->table / 2] };
	bool more = true;

	for (int i = 0; i < PIECE && more && !c.wrong; i++)
		more = dataplane_walk_index(g->dataplane, c.table->id, a->table % 2, a->slot++,
					    check_leaf, &c);
	if (c.wrong)
		build_anew(g, &c);
	if (!more) {
		a->table++;
		a->slot = 0;
	}
	return !c.wrong;
}

bool audit_index(struct gateway *g, struct audit *a)
{
	if (a->table < 2 * g->fib.count)
		return check_piece(g, a);
	/* What was wrong about a route has been set right in its place, but what led there before
	 * may still take room. And where there was no memory there may be some now. */
	if (a->pass.counts[DRIFT_INDEX].found)
		dataplane_build_index(g->dataplane);
	else
		dataplane_heal_index(g->dataplane);
	return false;
}

void audit_indexed(struct gateway *g, uint32_t table, const struct prefix *p,
		   const struct route *value)
{
	if (!dataplane_check_route(g->dataplane, table, p, value))
		audit_note_prefix(g, DRIFT_INDEX, table, p, DRIFT_DIFFERENT, 0);
}
