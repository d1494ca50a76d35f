/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Routes and the choice between them: per TR table all candidates for each prefix, ranked [D6], and
 * per connection its own routes. Pure: built from a configuration and the tunnels in Phase 2.
 *
 * A candidate is never forgotten because it lost: it stays, as standby or withdrawn, with the step
 * that beat it, so that a user can be told.
 */
#ifndef ESPALIER_RIB_H
#define ESPALIER_RIB_H

#include "config.h"
#include "fib.h"
#include "ids.h"
#include "prefixes.h"
#include "learned.h"
#include "touched.h"
#include "trie.h"

/* In the order of preference [D6, step 1]. LOCAL is the gateway's own address [D14]. */
enum route_source {
	SOURCE_LOCAL,
	SOURCE_STATIC,	    /* TR static route, blackhole included [D9] */
	SOURCE_SYSTEM,	    /* CIDR of a VPC [D15] */
	SOURCE_BGP,	    /* [S41] */
	SOURCE_DESTINATION, /* destination-based route of a connection [S31], route of a VBR [D17]
			     */
};

enum candidate_state {
	CANDIDATE_ACTIVE,
	CANDIDATE_STANDBY,   /* lost at `step` */
	CANDIDATE_WITHDRAWN, /* its connection has no tunnel in Phase 2 [D2] */
};

/* The step of the comparison that decided; STEP_EQUAL: none, they form one ECMP group. */
enum select_step {
	STEP_EQUAL,
	STEP_SOURCE,  /* 1 */
	STEP_METRIC,  /* 2 */
	STEP_AS_PATH, /* 3 */
	STEP_MED,     /* 4 */
	STEP_SINGLE,  /* 5: what cannot share a group before what can */
	STEP_ORDER,   /* 6: blackhole, then the attachment that is written first */
};

struct candidate {
	enum route_source source;
	int attachment; /* position in config, or -1 (blackhole, local) */
	bool single;	/* a device, a blackhole, the gateway itself: cannot share a group */
	bool available; /* its connection has a tunnel in Phase 2, or it needs none */
	uint32_t metric;
	uint32_t as_path_len; /* 0 where no feed carries it */
	uint32_t med;
	enum candidate_state state;
	enum select_step step; /* CANDIDATE_STANDBY: what beat it */
};

struct rib_single;

/* Candidates for one prefix of one table; best first. */
struct rib_entry {
	size_t count;
	struct rib_single *shared; /* by all prefixes with this one candidate; NULL: it is not */
	struct candidate list[];
};

/*
 * A route of a connection's own table: destination-based, over all of its tunnels [S31], or learned
 * by BGP, over those it was learned from [S41], or both [S22]. BGP goes first while one of its
 * tunnels is in Phase 2 [S30 D1].
 */
struct connection_route {
	bool destination;
	tunnel_mask learned; /* 0: not by BGP */
};

/* How many routes of a connection are learned over which tunnels. */
struct learned_count {
	size_t routes[1 << TUNNELS_PER_CONNECTION];
};

struct rib {
	const struct config *config;
	const struct ids *ids;
	struct trie *tables;	       /* by TR table: prefix → struct rib_entry */
	struct rib_single **singles;   /* of which some are shared: rib_entry.c */
	struct trie *connections;      /* by connection: rib_own_route() */
	tunnel_mask *present;	       /* by connection: its tunnels in Phase 2 [D1] */
	struct learned_count *learned; /* by connection */

	bool what_if;		 /* rib_what_if() */
	int *attachments;	 /* by connection: of which type vpn it is, or -1 [S34] */
	bool *learns;		 /* by TR table and connection */
	struct trie *references; /* by TR table and connection: rib_references() */
};

/* Tunnels in Phase 2, by tunnel id. */
typedef bool (*tunnel_up_fn)(uint32_t tunnel, const void *context);

/*
 * Builds everything from `c`. `locals` are the gateway's own addresses, which every table hands to
 * the kernel. `learned` (by connection; NULL, or NULL in it: nothing) is what BGP gives. `c` and
 * `ids` must outlive the rib. 0 or -ENOMEM.
 */
int rib_build(const struct config *c, const struct ids *ids, const struct address *locals,
	      size_t local_count, tunnel_up_fn up, const void *context,
	      const struct learned *const *learned, struct rib *out);
void rib_free(struct rib *r);

/*
 * Changes of what is there. Each gives what a build from the changed configuration would give, in
 * time that depends on what it touches, and adds to *touched where fib_update() has to look. The
 * configuration itself is the caller's to change.
 *
 * 0, or nothing has changed: -EEXIST, -ENOENT, -ENOMEM.
 */
int rib_connection_route_add(struct rib *r, size_t connection, const struct prefix *p,
			     struct touched *touched);
int rib_connection_route_remove(struct rib *r, size_t connection, const struct prefix *p,
				struct touched *touched);
/* Over which tunnels BGP gives `p`; 0: no longer. 0 also where nothing changes; -ENOMEM. */
int rib_learned_route_set(struct rib *r, size_t connection, const struct prefix *p,
			  tunnel_mask tunnels, struct touched *touched);
/* The same route twice is -EEXIST: same destination, target and metric. */
int rib_table_route_add(struct rib *r, size_t table, const struct config_table_route *route,
			struct touched *touched);
int rib_table_route_remove(struct rib *r, size_t table, const struct config_table_route *route,
			   struct touched *touched);
/* An address of the gateway itself, in every table. */
int rib_local_add(struct rib *r, const struct address *a, struct touched *touched);
int rib_local_remove(struct rib *r, const struct address *a, struct touched *touched);
/* Of a connection: which of its tunnels are in Phase 2 [D1 D2]. Cannot fail. */
void rib_set_present(struct rib *r, size_t connection, tunnel_mask present,
		     struct touched *touched);

/* The answer for the block `p` (every address of it that has no longer prefix in the rib). */
struct fib_answer rib_answer(const struct rib *r, size_t table, enum view view,
			     const struct prefix *p);
/* The same in a connection's own table. */
struct fib_answer rib_connection_answer(const struct rib *r, size_t connection,
					const struct prefix *p);

/*
 * What would be if `present` (by connection; it must outlive *out) were the tunnels in Phase 2:
 * everything else is shared with `r`, of which *out must not be freed or changed. Its answers are
 * those that `r` would give after rib_set_present() for each connection; the state and order of its
 * candidates are still those of `r`.
 */
void rib_what_if(const struct rib *r, tunnel_mask *present, struct rib *out);
/* Every prefix of a table at which rib_answer() may differ between the two. 0 or -ENOMEM. */
int rib_what_if_prefixes(const struct rib *r, const struct rib *what_if, size_t table,
			 struct prefixes *out);

/* Of a connection: which of its tunnels are up. */
tunnel_mask rib_present(const struct config *c, const struct ids *ids, size_t connection,
			tunnel_up_fn up, const void *context);

/* The connection's own route for exactly `p`; all zero: none. */
struct connection_route rib_own_route(const struct rib *r, size_t connection,
				      const struct prefix *p);
/* The same from what a walk of rib.connections finds. */
struct connection_route rib_own_route_of(const void *data);
/* The way by which a route's packets go now: SOURCE_BGP, SOURCE_DESTINATION, or -1: withdrawn. */
int rib_own_route_source(const struct rib *r, size_t connection, struct connection_route route);
/* The tunnels that a route names as `source`, in Phase 2 or not. */
struct member_set rib_own_route_members(const struct rib *r, size_t connection,
					struct connection_route route, enum route_source source);

/* Is a candidate seen from this view [D10]? */
bool candidate_visible(const struct rib *r, const struct candidate *c, enum view view);
/* The best candidate of the entry for `p` that is available and seen from this view, or NULL. */
const struct candidate *rib_entry_best(const struct rib *r, const struct rib_entry *e,
				       enum view view, const struct prefix *p);
bool rib_entry_usable(const struct rib *r, const struct rib_entry *e, enum view view,
		      const struct prefix *p);
/* The static routes of a table that lead to a connection, through which its own routes show [D9]:
 * prefix → their number, as a uintptr_t. */
const struct trie *rib_references(const struct rib *r, size_t table, size_t connection);

/* select.c: <0: a is better, >0: b is better, 0: equal. *step is the step that decided. */
int select_compare(const struct candidate *a, const struct candidate *b, enum select_step *step);
/* Orders an entry's candidates and sets their state and step. */
void select_rank(struct rib_entry *e);

const char *route_source_name(enum route_source s);
const char *candidate_state_name(enum candidate_state s);
const char *select_step_name(enum select_step s);

#endif
