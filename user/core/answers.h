/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One copy of each FIB answer, however many routes give it: at 2,000,000 routes and some hundred
 * different answers a route costs a pointer, and equal answers are the same pointer.
 */
#ifndef ESPALIER_ANSWERS_H
#define ESPALIER_ANSWERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAX_MEMBERS 16 /* tunnels in one ECMP set */

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

struct shared_answer;

struct answers {
	struct shared_answer *hash;
};

/* Counts one more user of an answer that equals `a`. NULL: no memory. */
const struct fib_answer *answers_take(struct answers *s, const struct fib_answer *a);
/* One user fewer; the last one frees it. */
void answers_drop(struct answers *s, const struct fib_answer *taken);
void answers_free(struct answers *s);
/* Is one of them such that fn() is true? */
bool answers_any(const struct answers *s,
		 bool (*fn)(const struct fib_answer *a, const void *context), const void *context);

/* The same answer gets the same bytes, as hash keys want it. */
void answers_normalize(const struct fib_answer *a, struct fib_answer *out);

#endif
