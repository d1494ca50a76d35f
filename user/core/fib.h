/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The flattened answer "address → where to", per table, of which the BPF trie and the kernel's slow
 * path are two copies.
 *
 * A TR table's effective FIB is the function address → TR lookup → (if a connection) connection
 * lookup [D9 S29]. Compile walks the union of the prefixes and emits an entry only where the
 * composed answer differs from that of the enclosing entry, so one trie lookup per packet does.
 *
 * Whether a prefix has an entry is a question about that prefix alone: is the composed answer there
 * another one than just around it (for the same address and one bit less)? So a table can be kept
 * up to date prefix by prefix, and the whole compile is the same thing done everywhere.
 */
#ifndef ESPALIER_FIB_H
#define ESPALIER_FIB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "answers.h"
#include "prefix.h"
#include "config.h"
#include "ids.h"
#include "touched.h"
#include "trie.h"

#define TR_KERNEL_TABLE 2000u /* kernel table of dataplane table 0 */

/* One table. Sorted by prefix_compare() when it is walked. */
struct fib_table {
	uint32_t id;	       /* dataplane table id */
	uint32_t kernel_table; /* the slow path's copy: TR_KERNEL_TABLE + id, or the connection's */
	bool connection;       /* a connection's own table (its VRF), else a TR table */
	enum view view;	       /* of a TR table */
	size_t index;	       /* in config: of the table, or of the connection */
	bool retired;	       /* no longer configured: its routes are about to go */
	struct trie routes;    /* prefix → struct fib_answer, one of `answers` */
	struct answers answers;
	struct trie behind; /* where the kernel's copy is behind `routes`: slow_path.h */
};

struct fib {
	struct fib_table *tables; /* TR tables (each view) in order, then connections in order */
	size_t count;
};

struct rib;

bool member_set_equal(const struct member_set *a, const struct member_set *b);
bool fib_answer_equal(const struct fib_answer *a, const struct fib_answer *b);

/* Compiles every table of `rib`. 0 or -ENOMEM. */
int fib_compile(const struct rib *rib, struct fib *out);
void fib_free(struct fib *f);
void fib_table_free(struct fib_table *t);

/* The table with this dataplane id, or NULL. */
struct fib_table *fib_find(const struct fib *f, uint32_t id);

/* Longest match in one table; FIB_NONE when nothing matches. *matched may be NULL. */
struct fib_answer fib_lookup(const struct fib_table *t, const struct address *a,
			     struct prefix *matched);

/* One route: set (added or changed; 0 or -ENOMEM), deleted. */
int fib_set(struct fib_table *t, const struct prefix *p, const struct fib_answer *answer);
void fib_delete(struct fib_table *t, const struct prefix *p);

/*
 * The operations that turn one table into another, in an order in which no address ever gets an
 * answer that is neither the old nor the new one: first what is new or changed, each prefix behind
 * those inside it (the order of trie_walk_back()); then what goes, each before those inside it.
 */
struct fib_op {
	enum { FIB_SET, FIB_DELETE } kind;
	struct prefix prefix;
	struct fib_answer answer; /* FIB_SET */
};

struct fib_ops {
	struct fib_op *list;
	size_t count, room;
};

void fib_ops_free(struct fib_ops *ops);
int fib_apply(struct fib_table *t, const struct fib_op *op);

/* From one table to another, of which either may be NULL (empty). 0 or -ENOMEM. */
int fib_diff(const struct fib_table *old, const struct fib_table *now, struct fib_ops *out);

/*
 * From a table to what the rib asks for, looking only at what was touched: at each of those
 * prefixes and inside it, as far as nothing more specific has the last word. The table is not
 * changed: fib_apply() does that, when the dataplane has followed. 0 or -ENOMEM.
 */
int fib_update(const struct rib *rib, const struct fib_table *t, const struct touched *touched,
	       struct fib_ops *out);

#endif
