/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by rib.c, which builds, rib_entry.c, which keeps candidates, rib_answer.c, which asks,
 * rib_change.c, which changes, and rib_what_if.c, which only supposes. */
#ifndef ESPALIER_RIB_INTERNAL_H
#define ESPALIER_RIB_INTERNAL_H

#include "rib.h"

/* What each kind of route is as a candidate. */
struct candidate rib_local_candidate(void);
struct candidate rib_static_candidate(const struct rib *r, const struct config_table_route *route);
struct candidate rib_own_candidate(const struct rib *r, size_t connection,
				   struct connection_route route, enum route_source source);

/* How a connection's own route may come about. */
#define OWN_SOURCES 2
extern const enum route_source rib_own_sources[OWN_SOURCES];
bool rib_own_has(struct connection_route route, enum route_source source);
/* Has it, and a tunnel of it is in Phase 2. */
bool rib_own_available(const struct rib *r, size_t connection, struct connection_route route,
		       enum route_source source);

/* Does having a usable way by `source` change when the tunnels in Phase 2 do? */
bool rib_own_flips(struct connection_route route, enum route_source source, tunnel_mask was,
		   tunnel_mask now);

/* rib_entry.c. One more candidate: 0 or -ENOMEM. The one with this source, attachment and metric:
 * NULL; -ENOENT. Those with this source and attachment. */
int rib_candidate_add(struct rib *r, size_t table, const struct prefix *p,
		      const struct candidate *c);
struct candidate *rib_candidate_find(struct rib_entry *e, const struct candidate *c);
int rib_candidate_remove(struct rib *r, size_t table, const struct prefix *p,
			 const struct candidate *c);
void rib_candidates_set_available(struct rib *r, size_t table, const struct prefix *p,
				  enum route_source source, int attachment, bool available);
/* Of so many tables. */
void rib_entries_free(struct rib *r, size_t tables);

bool rib_learns(const struct rib *r, size_t table, size_t connection);
/* The connection that a static route leads to, or -1. */
int rib_referred(const struct rib *r, const struct config_table_route *route);
int rib_reference_add(struct rib *r, size_t table, size_t connection, const struct prefix *p);
void rib_reference_drop(struct rib *r, size_t table, size_t connection, const struct prefix *p);

/* The route in the connection's own table, and nowhere else; all zero removes it. 0 or -ENOMEM. */
int rib_own_route_set(struct rib *r, size_t connection, const struct prefix *p,
		      struct connection_route route);

#endif
