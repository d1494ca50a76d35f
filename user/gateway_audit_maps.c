/* SPDX-License-Identifier: GPL-2.0-only */
/* Maps against what the controller believes: what differs is noted, and written again. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "gateway_audit.h"
#include "gateway_change.h"
#include "gateway_cores.h"

static void note(struct drift_pass *p, enum drift_kind kind, enum drift_found found, int err,
		 const char *object)
{
	size_t item = drift_add(p, kind, found, "%s", object);

	if (err)
		drift_unrepaired(p, kind, item);
}

/* ---- pins ---- */

static void note_pin(const char *map, int err, void *data)
{
	note(data, DRIFT_PIN, DRIFT_MISSING, err, map);
}

/* ---- tunnels ---- */

static void audit_tunnel(struct gateway *g, const struct gateway_tunnel *t, struct drift_pass *p)
{
	const char *name = gateway_tunnel_config(g, t)->name;
	struct tunnel is;

	if (!t->located || dataplane_get_tunnel(g->dataplane, t->id, &is) ||
	    !memcmp(&is, &t->told, sizeof(is)))
		return;
	note(p, DRIFT_TUNNEL, DRIFT_DIFFERENT, dataplane_set_tunnel(g->dataplane, t->id, &t->told),
	     name);
}

/* A word that nobody's tunnel has must be down: the next owner of the id is not up yet. */
static void audit_liveness(struct gateway *g, uint32_t id, struct drift_pass *p)
{
	const struct gateway_tunnel *t = gateway_tunnel(g, id);
	char object[DRIFT_OBJECT_LEN];
	bool live = t && t->live;

	if ((t && !t->located) || dataplane_live(g->dataplane, id) == live)
		return;
	if (t)
		snprintf(object, sizeof(object), "of tunnel %s (must be %s)",
			 gateway_tunnel_config(g, t)->name, live ? "up" : "down");
	else
		snprintf(object, sizeof(object), "%u, of no tunnel", id);
	sentry_set_live(g->sentry, id, live);
	note(p, DRIFT_LIVENESS, t ? DRIFT_DIFFERENT : DRIFT_FOREIGN, 0, object);
}

/* ---- devices, groups ---- */

static void audit_device(struct gateway *g, size_t i, struct drift_pass *p)
{
	const struct gateway_attachment *run = &g->attachments[i];
	struct device is;

	if (g->config.attachments[i].type == ATTACHMENT_VPN ||
	    dataplane_get_device(g->dataplane, run->id, &is) ||
	    !memcmp(&is, &run->told, sizeof(is)))
		return;
	note(p, DRIFT_DEVICE, DRIFT_DIFFERENT,
	     dataplane_set_device(g->dataplane, run->id, &run->told),
	     g->config.attachments[i].name);
}

static void audit_group(struct gateway *g, uint32_t id, struct drift_pass *p)
{
	const struct group_entry *e = &g->groups.list[id];
	char object[DRIFT_OBJECT_LEN];
	struct group is;

	if (!e->used || dataplane_get_group(g->dataplane, id, &is) ||
	    !memcmp(&is, &e->place.content, sizeof(is)))
		return;
	snprintf(object, sizeof(object), "%u", id);
	note(p, DRIFT_GROUP, DRIFT_DIFFERENT,
	     dataplane_set_group(g->dataplane, id, &e->place.content), object);
}

/* ---- names ---- */

struct names {
	struct gateway *g;
	struct drift_pass *pass;
	bool *seen[NAME_TUNNEL + 1]; /* by kind and id */
};

static const struct id_space *space_of(const struct gateway *g, enum name_kind kind)
{
	return kind == NAME_TUNNEL	 ? &g->spaces.tunnels
	       : kind == NAME_ATTACHMENT ? &g->spaces.attachments
					 : &g->spaces.tables;
}

static const char *name_of(const struct gateway *g, enum name_kind kind, uint32_t id)
{
	const struct id_space *s = kind <= NAME_TUNNEL ? space_of(g, kind) : NULL;

	return s && id < s->limit ? s->names[id] : NULL;
}

static int audit_name(enum name_kind kind, uint32_t id, const char *name, void *data)
{
	struct names *n = data;
	const char *must = name_of(n->g, kind, id);
	int err;

	if (must)
		n->seen[kind][id] = true;
	if (must && !strcmp(must, name))
		return 0;
	err = must ? dataplane_set_name(n->g->dataplane, kind, id, must)
		   : dataplane_delete_name(n->g->dataplane, kind, id);
	note(n->pass, DRIFT_NAME, must ? DRIFT_DIFFERENT : DRIFT_FOREIGN, err, must ? must : name);
	return 0;
}

static void audit_unseen(struct names *n, enum name_kind kind)
{
	const struct id_space *s = space_of(n->g, kind);

	for (uint32_t id = 0; id < s->limit; id++)
		if (s->names[id] && !n->seen[kind][id])
			note(n->pass, DRIFT_NAME, DRIFT_MISSING,
			     dataplane_set_name(n->g->dataplane, kind, id, s->names[id]),
			     s->names[id]);
}

static void audit_names(struct gateway *g, struct drift_pass *p)
{
	struct names n = { .g = g, .pass = p };
	bool memory = true;

	for (int k = 0; k <= NAME_TUNNEL; k++) {
		n.seen[k] = calloc(space_of(g, (enum name_kind)k)->limit, sizeof(bool));
		memory &= n.seen[k] != NULL;
	}
	if (memory && !dataplane_each_name(g->dataplane, audit_name, &n))
		for (int k = 0; k <= NAME_TUNNEL; k++)
			audit_unseen(&n, (enum name_kind)k);
	for (int k = 0; k <= NAME_TUNNEL; k++)
		free(n.seen[k]);
}

void audit_small_maps(struct gateway *g, struct drift_pass *p)
{
	dataplane_restore_pins(g->dataplane, note_pin, p);
	for (size_t i = 0; i < gateway_tunnel_places(g); i++)
		if (g->tunnels[i].used)
			audit_tunnel(g, &g->tunnels[i], p);
	for (uint32_t id = 0; id < MAX_TUNNELS; id++)
		audit_liveness(g, id, p);
	for (size_t i = 0; i < g->config.attachment_count; i++)
		audit_device(g, i, p);
	for (uint32_t id = 0; id < g->groups.limit; id++)
		audit_group(g, id, p);
	audit_names(g, p);
	associations_audit(g, p);
	cores_update(g);
}

/* ---- routes ---- */

static void describe(const struct gateway *g, uint32_t table, const struct prefix *p,
		     char object[DRIFT_OBJECT_LEN])
{
	const char *name = name_of(g, NAME_TABLE, table);
	char text[PREFIX_STRLEN];

	if (name)
		snprintf(object, DRIFT_OBJECT_LEN, "%s of %s", prefix_format(p, text), name);
	else
		snprintf(object, DRIFT_OBJECT_LEN, "%s of unknown table %u", prefix_format(p, text),
			 table);
}

void audit_note_prefix(struct gateway *g, enum drift_kind kind, uint32_t table,
		       const struct prefix *p, enum drift_found found, int err)
{
	char object[DRIFT_OBJECT_LEN];

	describe(g, table, p, object);
	note(&g->audit->pass, kind, found, err, object);
}

static void note_route(struct gateway *g, uint32_t table, const struct prefix *p,
		       enum drift_found found, int err)
{
	audit_note_prefix(g, DRIFT_ROUTE, table, p, found, err);
}

static bool same_route(const struct route *a, const struct route *b)
{
	return a->verdict == b->verdict && a->prefix_len == b->prefix_len && a->target == b->target;
}

/* Entries come table by table: the last one's is mostly this one's. */
static const struct fib_table *table_of(const struct gateway *g, uint32_t id)
{
	struct audit *a = g->audit;

	for (size_t i = 0; i < g->fib.count; i++) {
		size_t at = (a->table + i) % g->fib.count;

		if (g->fib.tables[at].id == id) {
			a->table = at;
			return &g->fib.tables[at];
		}
	}
	return NULL;
}

static int audit_entry(uint32_t table, const struct prefix *p, const struct route *value,
		       void *data)
{
	struct gateway *g = data;
	const struct fib_table *t = table_of(g, table);
	const struct fib_answer *answer = t ? trie_exact(&t->routes, p) : NULL;
	struct route must;

	if (!answer) {
		note_route(g, table, p, DRIFT_FOREIGN,
			   dataplane_delete_route(g->dataplane, table, p));
		return 0;
	}
	g->audit->right++;
	if (forwarding_route_value(g, p, answer, &must))
		return 0;
	if (same_route(value, &must)) {
		audit_indexed(g, table, p, &must);
		return 0;
	}
	note_route(g, table, p, DRIFT_DIFFERENT,
		   dataplane_set_route(g->dataplane, table, p, &must));
	return 0;
}

struct missing {
	struct gateway *g;
	const struct fib_table *table;
	size_t left; /* until others have their turn */
};

static int audit_wanted(const struct prefix *p, void *data, void *context)
{
	struct missing *m = context;
	struct gateway *g = m->g;
	struct route must, is;
	int err = dataplane_get_route(g->dataplane, m->table->id, p, &is);

	g->audit->after = *p;
	if (err == -ENOENT && !forwarding_route_value(g, p, data, &must))
		note_route(g, m->table->id, p, DRIFT_MISSING,
			   dataplane_set_route(g->dataplane, m->table->id, p, &must));
	return --m->left == 0;
}

static void begin_phase(struct audit *a, enum audit_phase phase)
{
	a->phase = phase;
	a->table = 0;
	a->slot = 0;
	a->after = (struct prefix){ 0 };
}

/* True: there is more. */
static bool audit_missing(struct gateway *g, struct audit *a)
{
	struct missing m = { .g = g, .left = DATAPLANE_WALK_PIECE };
	bool stopped;

	if (a->table >= g->fib.count) {
		begin_phase(a, AUDIT_INDEX);
		return true;
	}
	m.table = &g->fib.tables[a->table];
	stopped = trie_walk_after(&m.table->routes, a->after.address.family ? &a->after : NULL,
				  audit_wanted, &m);
	if (!stopped) {
		a->table++;
		a->after = (struct prefix){ 0 };
	}
	return true;
}

/* Where routes came or went meanwhile the count is only a hint: then the other walk finds nothing.
 */
static bool entries_suffice(const struct gateway *g, const struct audit *a)
{
	return a->right == g->held[0] + g->held[1];
}

bool audit_routes(struct gateway *g, struct audit *a)
{
	if (a->phase == AUDIT_INDEX)
		return audit_index(g, a);
	if (a->phase == AUDIT_MISSING)
		return audit_missing(g, a);
	if (dataplane_walk_routes(g->dataplane, &a->walk, audit_entry, g))
		a->walk.ended = true;
	if (!a->walk.ended)
		return true;
	begin_phase(a, entries_suffice(g, a) ? AUDIT_INDEX : AUDIT_MISSING);
	return true;
}
