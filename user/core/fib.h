/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The flattened answer "address → where to", per table, of which the BPF trie and the kernel's slow
 * path are two copies.
 *
 * A TR table's effective FIB is the function address → TR lookup → (if a connection) connection
 * lookup [D9 S29]. Compile walks the union of the prefixes and emits an entry only where the
 * composed answer differs from that of the enclosing entry, so one trie lookup per packet does.
 */
#ifndef ESPALIER_FIB_H
#define ESPALIER_FIB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "prefix.h"
#include "config.h"
#include "ids.h"

#define MAX_MEMBERS 16 /* tunnels in one ECMP set */

#define TR_KERNEL_TABLE 2000u /* kernel table of dataplane table 0 */

/* One tunnel of an ECMP set. */
struct member {
	uint16_t tunnel; /* tunnel id */
	uint16_t weight;
};

/*
 * The tunnels that a route may use, ordered by tunnel id: all of its connection's, in Phase 2 or
 * not. Which of them are live is the group's business, so that losing one changes no route.
 */
struct member_set {
	struct member members[MAX_MEMBERS];
	uint8_t count;
};

enum fib_kind {
	FIB_NONE,    /* no match; as an entry it undoes an enclosing one (a hole) */
	FIB_TUNNELS, /* group of tunnels */
	FIB_DEVICE,  /* VPC or VBR */
	FIB_LOCAL,   /* the gateway's own address */
	FIB_BLACKHOLE,
};

struct fib_answer {
	enum fib_kind kind;
	uint32_t attachment;   /* FIB_DEVICE: attachment id */
	struct member_set set; /* FIB_TUNNELS */
};

struct fib_route {
	struct prefix prefix;
	struct fib_answer answer;
};

struct fib_table {
	uint32_t id;	       /* dataplane table id */
	uint32_t kernel_table; /* the slow path's copy: TR_KERNEL_TABLE + id, or the connection's */
	bool connection;       /* a connection's own table (its VRF), else a TR table */
	enum view view;	       /* of a TR table */
	size_t index;	       /* in config: of the table, or of the connection */
	bool retired;	       /* no longer configured: its routes are about to go */
	struct fib_route *routes; /* sorted by prefix_compare() */
	size_t count;
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

/* The table with this dataplane id, or NULL. */
const struct fib_table *fib_find(const struct fib *f, uint32_t id);

/* Longest match in one table; FIB_NONE when nothing matches. *matched may be NULL. */
struct fib_answer fib_lookup(const struct fib_table *t, const struct address *a,
			     struct prefix *matched);

/*
 * The operations that turn one table into another, in an order in which no address ever gets an
 * answer that is neither the old nor the new one: first what is new or changed, most specific
 * first; then what goes, least specific first.
 */
struct fib_op {
	enum { FIB_SET, FIB_DELETE } kind;
	struct prefix prefix;
	const struct fib_answer *answer; /* FIB_SET: points into `now` */
};

/* Both tables sorted by prefix_compare(). 0 or -ENOMEM; *ops belongs to the caller (free()). */
int fib_diff(const struct fib_route *old, size_t old_count, const struct fib_route *now,
	     size_t now_count, struct fib_op **ops, size_t *op_count);

#endif
