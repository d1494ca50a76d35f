/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The audit: what nobody told us of is found and repaired. Somebody deleted an address, an entry of
 * a map, a filter; a message was lost. Everything that the controller keeps is compared with what
 * is there, in this order: SAs, programs and pins, small maps, the kernel, and then the routes of
 * the maps, a piece at a time with all other events in between: a million entries take seconds, and
 * a tunnel that falls meanwhile does not wait for them.
 *
 *   gateway_audit.c         its course, and what is told of it
 *   gateway_audit_maps.c    maps against what the controller believes
 *   gateway_audit_index.c   the index likewise
 *   gateway_associations.c  programs and associations
 *   io/host_drift.c         the kernel
 */
#ifndef ESPALIER_GATEWAY_AUDIT_H
#define ESPALIER_GATEWAY_AUDIT_H

#include "core/drift.h"
#include "gateway.h"

enum audit_phase {
	AUDIT_IDLE,
	AUDIT_ENTRIES, /* each entry of the maps: is it ours, and right? */
	AUDIT_MISSING, /* each route of ours: is it there? Only where the first one found too few */
	AUDIT_INDEX,   /* each leaf of the index: does it come from a route of ours? */
};

struct audit {
	struct drift drift;
	struct drift_pass pass; /* of the audit under way, or of the next event */
	struct drift_pass last; /* of the last audit */
	enum audit_phase phase;
	bool only_routes; /* the kernel's: the rest has been looked at */
	bool walked;	  /* through the maps: only the kernel's routes are still looked at */
	bool again;	  /* somebody asked while one was under way */
	struct dataplane_walk walk;
	size_t right; /* entries that are as they must be */
	size_t table; /* position in g->fib, and the prefix after which it goes on */
	struct prefix after;
	uint32_t slot; /* of an index's root; its table is g->fib's number table / 2, IPv6 if odd */
	uint64_t began_ns, took_ns; /* monotonic; of the last one */
	uint64_t ended_at;	    /* seconds since 1970 */
	sd_event_source *timer, *turn;
};

int audit_new(struct gateway *g); /* 0 or -ENOMEM */
/* At the end of the start: the first one is due after a period. 0 or -errno. */
int audit_begin(struct gateway *g);
void audit_free(struct gateway *g);
/* The period may have changed. */
void audit_schedule(struct gateway *g);
/* Begins one now, unless one is under way. */
void audit_start(struct gateway *g);

/* kernel_check() has ended. */
void audit_kernel_checked(struct gateway *g, bool differs);

/* Around the application of a plan to the kernel, by an event or an audit: what is found there. */
void audit_watch_host(struct gateway *g);
/* After it: what was found outside an audit is told. */
void audit_settle(struct gateway *g);
/* What could not be repaired and no other alarm says. */
void audit_alarm(struct gateway *g);

/* ---- gateway_audit_maps.c ---- */

/* Programs, pins and every map but the routes; repaired at once. */
void audit_small_maps(struct gateway *g, struct drift_pass *p);
/* The next piece of the routes. False: there are no more. */
bool audit_routes(struct gateway *g, struct audit *a);
void audit_note_prefix(struct gateway *g, enum drift_kind kind, uint32_t table,
		       const struct prefix *p, enum drift_found found, int err);

/* ---- gateway_audit_index.c ---- */

/* The next piece of the index. False: there is no more. */
bool audit_index(struct gateway *g, struct audit *a);
/* A route that the trie has right. */
void audit_indexed(struct gateway *g, uint32_t table, const struct prefix *p,
		   const struct route *value);

/* ---- show_drift.c ---- */

/* For status: {found, unrepaired, audits, ago_s}. */
json_t *drift_status(const struct gateway *g);
json_t *show_drift(struct gateway *g, const json_t *request);
/* Starts one: {audit: the number that it will have}. */
json_t *audit_request(struct gateway *g, const json_t *request);

#endif
