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

/* One tunnel of an ECMP set. */
struct member {
	uint16_t tunnel; /* tunnel id */
	uint16_t weight;
};

/* Tunnels in Phase 2 that a route may use, ordered by tunnel id. */
struct member_set {
	struct member members[MAX_MEMBERS];
	uint8_t count;
};

enum fib_kind {
	FIB_NONE,	/* no match; as an entry it undoes an enclosing one (a hole) */
	FIB_TUNNELS,	/* group of tunnels */
	FIB_DEVICE,	/* VPC or VBR */
	FIB_LOCAL,	/* the gateway's own address */
	FIB_BLACKHOLE,
};

struct fib_answer {
	enum fib_kind kind;
	uint32_t attachment;	/* FIB_DEVICE: attachment id */
	struct member_set set;	/* FIB_TUNNELS */
};

struct fib_route {
	struct prefix prefix;
	struct fib_answer answer;
};

struct fib_table {
	uint32_t id;	       /* dataplane table id */
	uint32_t kernel_table; /* the slow path's */
	bool connection;       /* a connection's own table (its VRF), else a TR table */
	size_t index;	       /* in config: of the table, or of the connection */
	struct fib_route *routes; /* sorted by prefix_compare() */
	size_t count;
};

struct fib {
	struct fib_table *tables; /* TR tables in order, then connections in order */
	size_t count;
};

bool fib_answer_equal(const struct fib_answer *a, const struct fib_answer *b);
void fib_free(struct fib *f);

#endif
