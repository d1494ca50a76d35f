/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ground that the lookup benchmarks stand on: namespaces and a bpffs of their own, the same
 * routes in the dataplane and in the kernel's FIB, and destinations drawn from them. Whatever fails
 * here ends the program.
 */
#ifndef TESTS_BENCH_LOOKUP_GROUND_H
#define TESTS_BENCH_LOOKUP_GROUND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/prefix.h"
#include "io/dataplane_internal.h"
#include "lookup.h"

#define BENCH_TABLE  1
#define BENCH_GROUPS 16 /* of two tunnels each, over which the routes are spread */

struct ground {
	struct dataplane *dataplane;
	uint32_t ifindex; /* where packets come in and leave */
};

/* Prefixes of one family in an order that is random and always the same, so that the first n of
 * them are a sample; of these `loaded` are in the dataplane and in the kernel. */
struct routes {
	struct prefix *list;
	size_t count, loaded;
};

_Noreturn void give_up(const char *what);
static inline void require(bool condition, const char *what)
{
	if (!condition)
		give_up(what);
}
uint32_t any(uint32_t limit);
double seconds(void);

void ground_make(struct ground *g);
void ground_free(struct ground *g);

/* One prefix a line; those of the other family are left out. */
void routes_read(struct routes *r, const char *file, bool v6);
void routes_free(struct routes *r);
/* Of the dataplane; spread over groups by nothing but the prefix. */
struct route routes_value(const struct prefix *p);
/* Loads until `count` are loaded. The kernel's copy is made by `ip -batch` and is optional. */
void routes_load(struct routes *r, struct ground *g, size_t count, bool kernel);
/* A random address inside a random one of those that are loaded. */
struct address routes_any_address(const struct routes *r);

/* "kernel 6.1, AMD EPYC, libbpf 1.1": the machine's, for whoever reads the figures. */
const char *machine(void);

#endif
