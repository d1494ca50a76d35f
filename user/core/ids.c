/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane.h"
#include "ids.h"

#define FIRST_ATTACHMENT 1 /* the dataplane counts packets of unknown devices under 0 */

int id_space_init(struct id_space *s, size_t limit)
{
	char **names = calloc(limit, sizeof(*names));

	if (!names)
		return -ENOMEM;
	s->names = names;
	s->limit = limit;
	return 0;
}

void id_space_free(struct id_space *s)
{
	for (size_t i = 0; i < s->limit; i++)
		free(s->names[i]);
	free(s->names);
	*s = (struct id_space){ 0 };
}

int id_find(const struct id_space *s, const char *name)
{
	for (size_t i = 0; i < s->limit; i++)
		if (s->names[i] && !strcmp(s->names[i], name))
			return (int)i;
	return -ENOENT;
}

int id_restore(struct id_space *s, uint32_t id, const char *name)
{
	char *copy;

	if (id >= s->limit)
		return -ERANGE;
	if (s->names[id] || id_find(s, name) >= 0)
		return -EEXIST;
	copy = strdup(name);
	if (!copy)
		return -ENOMEM;
	s->names[id] = copy;
	return 0;
}

int id_get(struct id_space *s, const char *name)
{
	int id = id_find(s, name), err;

	if (id >= 0)
		return id;
	for (size_t i = 0; i < s->limit; i++) {
		if (s->names[i])
			continue;
		err = id_restore(s, (uint32_t)i, name);
		return err ? err : (int)i;
	}
	return -ENOSPC;
}

void id_release(struct id_space *s, const char *name)
{
	int id = id_find(s, name);

	if (id < 0)
		return;
	free(s->names[id]);
	s->names[id] = NULL;
}

int id_spaces_init(struct id_spaces *s)
{
	int err;

	*s = (struct id_spaces){ 0 };
	err = id_space_init(&s->tables, MAX_TABLES);
	if (!err)
		err = id_space_init(&s->attachments, MAX_ATTACHMENTS);
	if (!err)
		err = id_space_init(&s->tunnels, MAX_TUNNELS);
	for (uint32_t i = 0; !err && i < FIRST_ATTACHMENT; i++)
		err = id_restore(&s->attachments, i, "(unknown)");
	if (err)
		id_spaces_free(s);
	return err;
}

void id_spaces_free(struct id_spaces *s)
{
	id_space_free(&s->tables);
	id_space_free(&s->attachments);
	id_space_free(&s->tunnels);
}

static int table_id(struct id_space *s, const char *kind, const char *name, uint32_t *out)
{
	char full[2 * NAME_LEN];
	int id;

	snprintf(full, sizeof(full), "%s:%s", kind, name);
	id = id_get(s, full);
	if (id < 0)
		return id;
	*out = (uint32_t)id;
	return 0;
}

static int plain_id(struct id_space *s, const char *name, uint32_t *out)
{
	int id = id_get(s, name);

	if (id < 0)
		return id;
	*out = (uint32_t)id;
	return 0;
}

static int assign_tables(struct id_spaces *s, const struct config *c, struct ids *ids)
{
	int err = 0;

	for (size_t i = 0; !err && i < c->table_count; i++) {
		const struct config_table *t = &c->tables[i];

		err = table_id(&s->tables, "table", t->name, &ids->table[i][VIEW_ALL]);
		if (!err && t->transit)
			ids->table[i][VIEW_EDGE] = ids->table[i][VIEW_ALL];
		else if (!err)
			err = table_id(&s->tables, "edge", t->name, &ids->table[i][VIEW_EDGE]);
	}
	return err;
}

static int assign_connection(struct id_spaces *s, const struct config_connection *c,
			     uint32_t *table, uint32_t *tunnels)
{
	int err = table_id(&s->tables, "connection", c->name, table);

	for (size_t i = 0; !err && i < c->tunnel_count; i++)
		err = plain_id(&s->tunnels, c->tunnels[i].name, &tunnels[i]);
	return err;
}

int ids_assign(struct id_spaces *s, const struct config *c, struct ids *out)
{
	struct ids ids = {
		.table = calloc(c->table_count + 1, sizeof(*ids.table)),
		.connection_table = calloc(c->connection_count + 1, sizeof(*ids.connection_table)),
		.attachment = calloc(c->attachment_count + 1, sizeof(*ids.attachment)),
		.tunnel = calloc(c->connection_count + 1, sizeof(*ids.tunnel)),
	};
	int err = -ENOMEM;

	if (ids.table && ids.connection_table && ids.attachment && ids.tunnel)
		err = assign_tables(s, c, &ids);
	for (size_t i = 0; !err && i < c->attachment_count; i++)
		err = plain_id(&s->attachments, c->attachments[i].name, &ids.attachment[i]);
	for (size_t i = 0; !err && i < c->connection_count; i++)
		err = assign_connection(s, &c->connections[i], &ids.connection_table[i],
					ids.tunnel[i]);
	if (err) {
		ids_free(&ids);
		return err;
	}
	*out = ids;
	return 0;
}

/* Releases the names of `s` that `now` does not have. */
static void retire(struct id_space *s, const struct id_space *now)
{
	for (size_t i = 0; i < s->limit; i++)
		if (s->names[i] && id_find(now, s->names[i]) < 0)
			id_release(s, s->names[i]);
}

int ids_retire(struct id_spaces *s, const struct config *now)
{
	struct id_spaces kept;
	struct ids ids;
	int err = id_spaces_init(&kept);

	if (err)
		return err;
	err = ids_assign(&kept, now, &ids);
	if (!err) {
		retire(&s->tables, &kept.tables);
		retire(&s->attachments, &kept.attachments);
		retire(&s->tunnels, &kept.tunnels);
		ids_free(&ids);
	}
	id_spaces_free(&kept);
	return err;
}

void ids_free(struct ids *ids)
{
	free(ids->table);
	free(ids->connection_table);
	free(ids->attachment);
	free(ids->tunnel);
	*ids = (struct ids){ 0 };
}

uint32_t ids_attachment_table(const struct ids *ids, const struct config *c, size_t attachment)
{
	const struct config_attachment *a = &c->attachments[attachment];

	if (a->association.index < 0)
		return NO_TABLE;
	return ids->table[a->association.index][a->type == ATTACHMENT_VPC ? VIEW_ALL : VIEW_EDGE];
}
