/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The nouns of `espalier show`. One function a noun fills one row; fields are those of
 * doc/control.md, and what is null is shown as "-".
 */
#ifndef ESPALIER_CLI_SHOW_H
#define ESPALIER_CLI_SHOW_H

#include <jansson.h>
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
	noun_drops, noun_bgp, noun_advertised;

/* show_sas.c: the table of a tunnel's SAs, indented. 0 or -ENOMEM. */
int show_sas(const json_t *tunnel);

/* One cell each, of the field `key` of `item`; bytes and packets: of the counter under `key`. */
void cell_text(struct table *t, const json_t *item, const char *key);
void cell_bytes(struct table *t, const json_t *item, const char *key);
void cell_packets(struct table *t, const json_t *item, const char *key);
/* The colour of a state of a tunnel, connection or route. */
enum style state_style(const char *state);
/* The field "state", in its colour. */
void cell_state(struct table *t, const json_t *item);

#endif
