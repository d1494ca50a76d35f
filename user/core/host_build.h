/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inside host_plan_build(): what its parts (host.c, host_routes.c, host_rules.c) share.
 */
#ifndef ESPALIER_CORE_HOST_BUILD_H
#define ESPALIER_CORE_HOST_BUILD_H

#include "host.h"

/* The hops that a FIB answer came out as, so that routes with the same answer share them. */
struct host_run {
	struct fib_answer answer;
	const struct host_facts *facts; /* as of which */
	uint8_t family;
	uint32_t first_hop;
	uint8_t hop_count;
};

/* The error sticks: whoever adds need not ask, host_plan_build() asks once. */
struct host_builder {
	const struct config *c;
	const struct ids *ids;
	const struct rib *rib;
	const struct fib *fib;
	const struct host_facts *facts; /* of what is emitted next */
	bool ipv6;			/* anything IPv6 is behind this gateway */
	struct host_plan plan;
	struct host_run *runs;
	size_t run_count;
	size_t last_run;
	int error;
};

void host_add_link(struct host_builder *b, const struct host_link_plan *link);
void host_add_address(struct host_builder *b, const struct host_address *a);
void host_add_route(struct host_builder *b, const struct host_route *r);
uint32_t host_add_hop(struct host_builder *b, const struct host_hop *hop);
void host_add_rule(struct host_builder *b, const struct host_rule *r);
void host_add_sysctl(struct host_builder *b, const char *value, const char *device,
		     const char *family, const char *name);
struct host_run *host_add_run(struct host_builder *b, const struct host_run *run);

/* The kernel's copy of the table in which an attachment is looked up, or NULL: not associated. */
const struct fib_table *host_associated(const struct host_builder *b, size_t attachment);

void host_build_routes(struct host_builder *b);
void host_build_rules(struct host_builder *b);

/*
 * The parts of host_build_routes(): what one entry comes out as, each key in the kernel by one part
 * alone. Whoever follows a change prefix by prefix (slow_path.h) asks for the same.
 */

/* Of a TR table: the entry's copy. */
void host_emit_transit(struct host_builder *b, const struct fib_table *t, const struct prefix *p,
		       const struct fib_answer *answer);
/* Where a table is to be summed up: all the tunnels that it leads to. */
bool host_summary(const struct rib *rib, size_t table, struct fib_answer *out);
void host_emit_default(struct host_builder *b, size_t table, const struct prefix *p,
		       const struct fib_answer *answer);
/* Of a connection's own table: its copy there. */
void host_emit_own(struct host_builder *b, size_t connection, const struct prefix *p,
		   const struct fib_answer *answer);
/* The same in the reply table, for connections of which host_replies() is true. Where several have
 * a route for `p`, the first one's. */
void host_emit_reply(struct host_builder *b, const struct prefix *p,
		     const struct fib_answer *answer);
bool host_replies(const struct host_builder *b, size_t connection);
/* What the connection's table holds of the transit router (advert.h). */
void host_emit_leak(struct host_builder *b, size_t connection, bool exported,
		    const struct prefix *p, const struct fib_answer *way);
/* A destination-based route that is written down, in use or not. */
void host_emit_configured(struct host_builder *b, const struct prefix *p);
/* What is guarded beside those; `only`: at this prefix, NULL: everywhere. */
void host_emit_guards(struct host_builder *b, const struct prefix *only);
/* All that leads through devices and follows from the configuration alone. */
void host_emit_devices(struct host_builder *b);

/* By host_route_compare(), no key twice. 0 or -ENOMEM. */
int host_sort_routes(struct host_plan *p);

#endif
