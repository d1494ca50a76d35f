/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How the index of include/dataplane.h is kept while packets are looked up in it.
 *
 * The tries are the table of record; the index is the function address → (answer, matched length)
 * that they define, and nothing else: a node of 256 equal leaves is one leaf of its parent, so its
 * shape follows from the routes alone, in whatever order they came. Because a leaf knows how long
 * the prefix was that it came from, a change needs no look at other routes: a route that is set
 * takes the leaves inside it that came from prefixes no longer than its own; one that is deleted
 * leaves those that came from it to the next shorter one.
 *
 * Readers are not held up and see, for each address, the old answer or the new one:
 *   - a node is complete before the one store that makes it reachable, and keeps its runs: where
 *     they change, another node takes its place;
 *   - a change of a cell is one store, and each address passes through one cell of each node;
 *   - a node that is no longer reachable keeps its contents until wait() says that no reader can be
 *     in it any more.
 * Whatever moment a writer is killed in, each cell has its old or its new value. The index of a
 * writer that is gone is not continued: the next one builds another from the tries, beside it.
 *
 * Nothing here fails: where there is no memory for a node, its cell becomes INDEX_ASK, and the trie
 * answers for the addresses below. So tries are written first.
 *
 * Sizes: a line is 64 bytes and a node 1 to 17 of them; a segment is 256 KiB. A table begins with
 * one node and gets a wide root when it has INDEX_WIDE_FROM lines; that is given back when the
 * table is empty.
 */
#ifndef ESPALIER_INDEX_H
#define ESPALIER_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "dataplane.h"
#include "prefix.h"

#define INDEX_WIDE_FROM 512 /* lines */

/* What the index stands on. `context` is handed back. */
struct index_memory {
	/* Zeroed memory for segment number `segment`, which programs can read from now on; NULL:
	 * none.
	 */
	struct index_line *(*add)(uint32_t segment, void *context);
	/* Takes the memory of so many segments away; no program finds it any more. */
	void (*drop)(const uint32_t *segments, size_t count, void *context);
	/* Returns when no program can be reading what had become unreachable before. */
	void (*wait)(void *context);
	void *context;
};

struct index_segment {
	struct index_line *lines;
	uint64_t free[INDEX_SEGMENT_LINES / 64]; /* one bit a line */
	uint32_t free_count;
	bool reserved; /* somebody else's: the number is taken */
	bool closed;   /* what is made now goes into others */
};

/* One table's routes of one family. */
struct index_table {
	uint32_t lines; /* without a wide root */
	uint32_t busy;	/* cells of a wide root that are not INDEX_NONE */
	bool partly;	/* there was no memory: some cells are INDEX_ASK */
};

/* Lines that were released, not yet free. */
struct index_gone {
	uint32_t line, count;
};

struct index {
	const struct index_memory *memory;
	uint64_t *roots; /* INDEX_ROOTS; the caller's */
	struct index_segment *segments;
	struct index_table *tables; /* as roots */
	uint32_t limit;		    /* of segments */
	uint32_t segment_count;
	uint32_t hint; /* segment where there may be free lines */
	struct index_gone *limbo;
	size_t limbo_count, limbo_room;
	size_t limbo_most;  /* at which somebody waits */
	size_t unreachable; /* so many of those in limbo; the others still are, until the end of the
			       change under way */
	uint64_t lines;	    /* reachable, wide roots not counted */
	bool published;	    /* programs may be reading */
	bool exhausted;	    /* there was no memory, and nothing has become free since */
};

/* Sets every root to INDEX_NONE. 0 or -ENOMEM. */
int index_init(struct index *x, uint64_t *roots, uint32_t limit, const struct index_memory *memory);
/* Drops its segments; the roots stay as they are. */
void index_free(struct index *x);
/* Roots that are read from now on, in place of the former: copied there one by one. */
void index_publish(struct index *x, uint64_t *roots);
/* A number that is not to be used, or may be used again. */
void index_reserve(struct index *x, uint32_t segment, bool reserved);

/* One route of a table. True: something had to be changed. `around` is the longest route that
 * contains the deleted one, NULL: none. */
bool index_set(struct index *x, uint32_t table, const struct prefix *p, const struct route *value);
bool index_delete(struct index *x, uint32_t table, const struct prefix *p,
		  const struct route *around);

/*
 * A table that has no routes gets many, at the cost of the nodes that come of them: add() in the
 * order of prefix_compare(), IPv4 first; readers see none of a family's before all of them. NULL:
 * the index has something of the table, or no memory for this; index_set() does it.
 */
struct index_filling;
struct index_filling *index_fill_begin(struct index *x, uint32_t table);
void index_fill_add(struct index_filling *f, const struct prefix *p, const struct route *value);
void index_fill_end(struct index_filling *f);

/*
 * Nodes that came and went one by one leave holes, and lie far apart: a lookup then costs more
 * memory pages. True where more than half of the memory is holes.
 */
bool index_scattered(const struct index *x);
/* Moves all nodes side by side into other segments, and drops those that are empty then. Readers
 * find every answer all the while; where there is no memory, nodes stay where they are. */
void index_gather(struct index *x);

/* The leaf for an address (or INDEX_ASK), as the programs find it. */
uint32_t index_lookup(const struct index *x, uint32_t table, const struct address *a);
uint32_t index_leaf(const struct route *value);

/*
 * What the index says, for who wants to compare: each leaf with the addresses that it stands for,
 * in their order. A node that is not one of ours is told as INDEX_CHILD. `slot` counts from 0 until
 * false is returned, some hundred leaves at a time.
 */
typedef void (*index_leaf_fn)(const struct prefix *covers, uint32_t leaf, void *context);
bool index_walk(const struct index *x, uint32_t table, bool v6, uint32_t slot, index_leaf_fn fn,
		void *context);

/* Memory in bytes; of how many of the tables some addresses are left to the trie. */
uint64_t index_bytes(const struct index *x);
uint32_t index_partly(const struct index *x);

#endif
