/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The small numbers under which the dataplane knows tables, attachments and tunnels.
 *
 * A name keeps its id for as long as it is configured, across reloads and, through the dataplane's
 * map `names`, across restarts of the controller: so a pinned trie entry means the same thing to the
 * old and to the new controller. Ids of names that went are reused, lowest first.
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

/* Ids of everything in one configuration, by its position there. */
struct ids {
	uint32_t *table;	    /* by TR table */
	uint32_t *connection_table; /* by connection: table of its own routes */
	uint32_t *attachment;	    /* by attachment */
	uint32_t (*tunnel)[TUNNELS_PER_CONNECTION]; /* by connection, tunnel */
};

/* The three spaces together; tables and connection tables share one. */
struct id_spaces {
	struct id_space tables, attachments, tunnels;
};

int id_spaces_init(struct id_spaces *s);
void id_spaces_free(struct id_spaces *s);
/* Ids for everything in `c`; what is new gets one, nothing is released. 0, -ENOSPC, -ENOMEM. */
int ids_assign(struct id_spaces *s, const struct config *c, struct ids *out);
/* Releases what `old` has and `now` has not. */
void ids_retire(struct id_spaces *s, const struct config *old, const struct config *now);
void ids_free(struct ids *ids);

/* "table:main", "connection:dc-1": how tables are named in their id space. */
#define ID_TABLE_PREFIX	     "table:"
#define ID_CONNECTION_PREFIX "connection:"

#endif
