/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The nouns of `espalier show`. One function a noun fills one row; fields are those of
 * doc/control.md, and what is null is shown as "-".
 */
#ifndef ESPALIER_CLI_SHOW_H
#define ESPALIER_CLI_SHOW_H

#include <jansson.h>
#include "cli.h"
#include "table.h"

struct noun {
	const char *name;
	const char *none; /* said instead of an empty table */
	const struct column *columns;
	/* Adds what `item` of `list` has to say: one row, or several. */
	void (*row)(struct table *t, const json_t *list, const json_t *item);
	/* With --details: everything about `item`, as a block of lines. 0 or -ENOMEM. NULL: no such
	 * option. */
	int (*details)(const json_t *item);
};

extern const struct noun noun_tunnels, noun_connections, noun_attachments, noun_routes, noun_groups,
	noun_drops, noun_cpus;

/* show_sas.c: the table of a tunnel's SAs, indented. 0 or -ENOMEM. */
int show_sas(const json_t *tunnel);

/* show_bgp_routes.c: the routes of one connection; `prefix` NULL: all. The exit code. */
int show_bgp_routes(const struct cli *cli, const char *name, const char *prefix);
/* show_bgp.c: asks espalierd, and takes over the request. The exit code; what is missing is said.
 */
int bgp_ask_daemon(const struct cli *cli, json_t *request, json_t **result);
void bgp_complain(const char *why);
/* show_health.c: what a tunnel's health check says; nothing where it has none. */
void show_health(const json_t *tunnel);

/* One cell each, of the field `key` of `item`; bytes and packets: of the counter under `key`. */
void cell_text(struct table *t, const json_t *item, const char *key);
void cell_bytes(struct table *t, const json_t *item, const char *key);
void cell_packets(struct table *t, const json_t *item, const char *key);
/* "being drained: 57 buckets in use, what is left moves in 4m32s" */
#define DRAIN_STRLEN 128
const char *drain_text(const json_t *drain, char buf[DRAIN_STRLEN]);
/* The colour of a state of a tunnel, connection or route. */
enum style state_style(const char *state);
/* The field "state", in its colour. */
void cell_state(struct table *t, const json_t *item);

#endif
