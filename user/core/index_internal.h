/* SPDX-License-Identifier: GPL-2.0-only */
/* index_nodes.c: nodes of the index, and the memory that they take. */
#ifndef ESPALIER_INDEX_INTERNAL_H
#define ESPALIER_INDEX_INTERNAL_H

#include "index.h"

/* The line that a cell or root leads to; NULL where it leads to none of ours. */
struct index_line *index_lines_of(const struct index *x, uint32_t cell);

/* The 256 cells of a node. False: the cell leads to none of ours. */
bool index_read(const struct index *x, uint32_t cell, uint32_t cells[INDEX_SLOTS]);
/* A node with these cells that nobody can reach yet; a leaf, where all are the same leaf;
 * INDEX_ASK: no memory. */
uint32_t index_make(struct index *x, struct index_table *t, const uint32_t cells[INDEX_SLOTS]);
/* Stores the cells into the node that is there, if its runs stay what they are. */
bool index_store(struct index *x, uint32_t cell, const uint32_t cells[INDEX_SLOTS]);
/* A whole segment of cells, or INDEX_ASK. */
uint32_t index_make_wide(struct index *x);

/* What is made from now on goes into segments that are not there yet, or again into any; then those
 * that have nothing left in them are dropped. */
void index_close(struct index *x);
void index_reopen(struct index *x);

/* These are unreachable from the next index_settle() on. */
void index_release(struct index *x, struct index_table *t, uint32_t cell);
void index_release_wide(struct index *x, uint32_t root);
/* What was released cannot be reached any more. */
void index_settle(struct index *x);

#endif
