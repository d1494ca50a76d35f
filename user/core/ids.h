/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The small numbers under which the dataplane knows tables, attachments and tunnels.
 *
 * A name keeps its id for as long as it is configured, across reloads and, through the dataplane's
 * map `names`, across restarts of the controller: so a pinned trie entry means the same thing to
 * the old and to the new controller. Ids of names that went are reused, lowest first.
 */
#ifndef ESPALIER_IDS_H
#define ESPALIER_IDS_H

#include <stddef.h>
#include <stdint.h>
#include "config.h"

struct id_space {
	char **names; /* by id; NULL: free */
	size_t limit; /* ids are 0 .. limit-1 */
};

int id_space_init(struct id_space *s, size_t limit);
void id_space_free(struct id_space *s);
/* Gives `id` to `name`, as remembered. -EEXIST when either is taken, -ERANGE, -ENOMEM. */
int id_restore(struct id_space *s, uint32_t id, const char *name);
/* Finds or allocates. The id, or -ENOSPC (all in use), -ENOMEM. */
int id_get(struct id_space *s, const char *name);
/* The id, or -ENOENT. */
int id_find(const struct id_space *s, const char *name);
void id_release(struct id_space *s, const char *name);

/*
 * What of a TR table a packet may see depends on where it came from: without `transit`, one from a
 * connection or a VBR does not see the routes that lead to another connection or VBR [D10].
 */
enum view { VIEW_ALL, VIEW_EDGE, VIEWS };

/* Ids of everything in one configuration, by its position there. */
struct ids {
	uint32_t (*table)[VIEWS];   /* by TR table; one id for both views when transit is on */
	uint32_t *connection_table; /* by connection: table of its own routes */
	uint32_t *attachment;	    /* by attachment */
	uint32_t (*tunnel)[TUNNELS_PER_CONNECTION]; /* by connection, tunnel */
};

/* The three spaces together; tables and connection tables share one. */
struct id_spaces {
	struct id_space tables;	     /* named "table:NAME", "edge:NAME", "connection:NAME" */
	struct id_space attachments; /* 0 is the dataplane's "unknown", never given out */
	struct id_space tunnels;
};

int id_spaces_init(struct id_spaces *s);
void id_spaces_free(struct id_spaces *s);
/* Ids for everything in `c`; what is new gets one, nothing is released. 0, -ENOSPC, -ENOMEM. */
int ids_assign(struct id_spaces *s, const struct config *c, struct ids *out);
/* Releases every id that `now` does not use. 0 or -ENOMEM. */
int ids_retire(struct id_spaces *s, const struct config *now);
void ids_free(struct ids *ids);

/* The dataplane table in which packets from this attachment are looked up, or NO_TABLE [D7 D8]. */
uint32_t ids_attachment_table(const struct ids *ids, const struct config *c, size_t attachment);

#endif
