/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the answers of show*.c share. A show_*() returns the result alone, an answer_*() the whole
 * answer, which may be an error; each takes the request and changes nothing.
 */
#ifndef ESPALIER_SHOW_INTERNAL_H
#define ESPALIER_SHOW_INTERNAL_H

#include "gateway_change.h"

/* ---- pieces: the caller owns what is returned ---- */

json_t *text_or_null(const char *text);
json_t *address_json(const struct address *a);
json_t *prefix_json(const struct prefix *p);
json_t *counter_json(const struct counter *c);
json_t *spi_json(uint32_t spi);

void add_counter(struct counter *sum, const struct counter *c);
double seconds_since(const struct gateway *g, uint64_t ns);
json_t *seconds_until(const struct gateway *g, uint64_t ns); /* not below 0 */

/* Names of the configuration; NULL: there is no such object (an attachment's position is -1). */
const char *tunnel_name(const struct gateway *g, uint32_t id);
const char *attachment_name(const struct gateway *g, int position);
const char *connection_attachment_name(const struct gateway *g, size_t connection);

/* The answer to a tunnel's name that is none. */
json_t *unknown_tunnel(const struct config *c, const char *name);

/* ---- drops ---- */

extern const struct reason_info {
	const char *kind, *name, *help;
	enum reason_kind kind_id;
} reasons[REASON_COUNT];

bool is_loss(enum reason_kind k);
/* out[REASON_COUNT]: since the start; what the kernel drops behind the programs too. 0 or -errno.
 */
int attachment_reasons(struct gateway *g, size_t attachment, struct counter *out);

/* ---- connections ---- */

struct liveness {
	size_t total, up; /* tunnels */
};

struct liveness connection_liveness(const struct gateway *g, size_t connection);
/* Adds the traffic of a connection's tunnels (-1: of all) to sum[DIRECTIONS]. */
void sum_tunnels(struct gateway *g, int connection, struct counter *sum);

/* ---- SAs ---- */

/* Counters and lifetimes of SAs change without a message: reads them from the kernel. */
void refresh_sas(struct gateway *g);
/* The list of a tunnel's SAs, as they were at the last refresh. */
json_t *sas_json(const struct gateway *g, const struct gateway_tunnel *t);

/* Packets that the kernel dropped at the SAs that a tunnel has now. */
struct sa_drops {
	uint64_t replayed, outside_window, integrity;
};

struct sa_drops sa_drops(const struct gateway *g, const struct gateway_tunnel *t);

/* ---- CPUs ---- */

/* The CPUs that a device's flows are spread over; empty: over none. */
json_t *spread_json(const struct gateway *g, uint32_t ifindex);

/* ---- BGP ---- */

/* FRR's FPM stream; null: it is not listened for. */
json_t *fpm_status(const struct gateway *g);

/* ---- routes ---- */

/* Why a candidate is in its state, as a sentence; null for the one that is used. */
json_t *candidate_why(const struct gateway *g, const struct rib_entry *e,
		      const struct candidate *c);

/* ---- the answers ---- */

json_t *show_tunnels(struct gateway *g, const json_t *request);
json_t *show_connections(struct gateway *g, const json_t *request);
json_t *show_attachments(struct gateway *g, const json_t *request);
json_t *show_bgp(struct gateway *g, const json_t *request);
json_t *show_groups(struct gateway *g, const json_t *request);
json_t *show_cpus(struct gateway *g, const json_t *request);
json_t *show_drops(struct gateway *g, const json_t *request);
json_t *answer_advertised(struct gateway *g, const json_t *request);
json_t *answer_routes(struct gateway *g, const json_t *request);
json_t *answer_explain(struct gateway *g, const json_t *request);
json_t *answer_preview(struct gateway *g, const json_t *request);

#endif
