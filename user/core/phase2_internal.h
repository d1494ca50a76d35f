/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inside of phase2: the tables (phase2_table.c), the judgement of one tunnel (phase2_judge.c), the
 * tunnels that are watched (phase2_watch.c), and the events that keep them (phase2.c).
 *
 * SAs and outbound policies hang below the if_id that they carry, and so do the tunnels that watch
 * it: an event finds its tunnels in one look-up, and a tunnel's judgement walks a handful of SAs,
 * however many tunnels there are.
 */
#ifndef ESPALIER_PHASE2_INTERNAL_H
#define ESPALIER_PHASE2_INTERNAL_H

#define HASH_NONFATAL_OOM 1
#include <uthash.h>
#include <utlist.h>
#include "phase2.h"

/* Hashed as bytes: no padding, unused bytes zero. */
struct sa_key {
	uint8_t daddr[16];
	uint32_t spi;
	uint32_t mark;
	uint32_t mark_mask;
	uint8_t family;
	uint8_t proto;
	uint8_t zero[2];
};
_Static_assert(sizeof(struct sa_key) == 32, "sa_key has no padding");

struct interface;

struct sa_entry {
	struct sa_key key;
	struct xfrm_sa sa;
	bool soft_expired;
	uint64_t seen_ns;
	uint64_t order; /* rises with every event; equal for all that one dump found */
	unsigned generation;
	unsigned untold; /* generation of the dump that added it, as long as nothing tells of it */
	struct interface *interface;
	struct sa_entry *prev, *next; /* in the interface */
	UT_hash_handle hh;
};

struct policy_entry {
	uint32_t index;
	struct xfrm_policy policy;
	unsigned generation;
	unsigned untold;
	struct interface *interface;
	struct policy_entry *prev, *next;
	UT_hash_handle hh;
};

/* A tunnel's hook in an interface. */
struct watcher {
	struct tunnel_entry *tunnel;
	struct interface *interface;
	struct watcher *prev, *next;
};

/* Everything with one if_id. Lives while anything hangs below it. */
struct interface {
	uint32_t if_id;
	struct sa_entry *sas;
	struct policy_entry *policies; /* outbound */
	struct watcher *watchers;
	UT_hash_handle hh;
};

struct tunnel_entry {
	uint32_t number;
	struct phase2_tunnel config;
	struct watcher in, out;
	struct phase2_state state;
	bool dirty;
	struct tunnel_entry *next_dirty;
	bool queued;
	struct phase2_change change;
	struct tunnel_entry *prev, *next; /* in the queue of changes */
	UT_hash_handle hh;
};

struct phase2 {
	struct sa_entry *sas;
	struct policy_entry *policies;
	struct interface *interfaces;
	struct tunnel_entry *tunnels;
	struct tunnel_entry *dirty;
	struct tunnel_entry *changes;
	uint64_t order;
	unsigned generation;
	bool dumping;
	bool told;	/* by notifications, behind the dump's replies */
	unsigned added; /* in this dump, and told by nobody */
};

/* Finds or makes; NULL: out of memory. */
struct interface *phase2_interface_get(struct phase2 *p, uint32_t if_id);
/* Frees it if nothing hangs below it any more. NULL is allowed. */
void phase2_interface_put(struct phase2 *p, struct interface *i);

/* Table entries. An upsert is 0 or -ENOMEM; what belongs to no tunnel is dropped. */
int phase2_upsert_sa(struct phase2 *p, const struct xfrm_event *ev, uint64_t now_ns);
void phase2_soft_expire(struct phase2 *p, const struct xfrm_sa *sa);
void phase2_delete_sa(struct phase2 *p, const struct xfrm_sa_id *id);
void phase2_flush_sas(struct phase2 *p, uint8_t proto);
int phase2_upsert_policy(struct phase2 *p, const struct xfrm_policy *policy);
void phase2_delete_policy(struct phase2 *p, uint32_t index);
void phase2_flush_policies(struct phase2 *p);
/* Removes what was not touched since phase2_begin_dump(). How many. */
unsigned phase2_sweep(struct phase2 *p);

/* The tunnel will be judged at the next phase2_judge_marked(). */
void phase2_mark(struct phase2 *p, struct tunnel_entry *t);
void phase2_judge_marked(struct phase2 *p, enum phase2_cause cause, uint64_t now_ns);
/* Reports the state of `t` as a change from `was`. */
void phase2_queue_change(struct phase2 *p, struct tunnel_entry *t, const struct phase2_state *was);

/* The direction of an SA as this tunnel sees it: as the kernel says, else by addresses. */
enum xfrm_direction phase2_direction(const struct tunnel_entry *t, const struct xfrm_sa *sa);

/* This SA carries, or may carry, packets of this tunnel in this direction. */
bool phase2_valid(const struct tunnel_entry *t, const struct sa_entry *e, enum xfrm_direction d);

/* e is younger than the other one. */
bool phase2_newer(const struct sa_entry *e, const struct sa_entry *other);

/* The inbound SA shown as in use, and the outbound one that the policy leads to. NULL: none. */
const struct sa_entry *phase2_inbound(const struct tunnel_entry *t);
const struct sa_entry *phase2_outbound(const struct tunnel_entry *t);

/* What follows for the tunnel from what hangs below its if_ids [D3]. Fills everything of the state
 * but cause, times and flaps. */
void phase2_judge(const struct tunnel_entry *t, struct phase2_state *out);

#endif
