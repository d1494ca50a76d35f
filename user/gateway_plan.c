/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What would change: the candidate is judged, gets ids, its tables are compiled as if it ran, with
 * the tunnels as they are now, and compared with those that the maps hold. Then all of it is
 * forgotten.
 *
 * Packets are counted by tunnel and device, not by prefix: those that go where a changed prefix led
 * until now are the most that can be affected.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "core/plan.h"
#include "gateway_change.h"

#define ROUTES_LISTED 1000

struct outlook {
	struct gateway *g;
	struct fib fib;
	json_t *routes, *tables;
	size_t listed, count;
	size_t added, removed, moved; /* of one table */
	bool tunnels[MAX_TUNNELS];    /* by id: packets there are concerned */
	bool attachments[MAX_ATTACHMENTS];
};

/* ---- routes ---- */

static bool leads(const struct fib_answer *a)
{
	return a && a->kind != FIB_NONE;
}

static void concern(struct outlook *o, const struct fib_answer *was)
{
	if (!was)
		return;
	if (was->kind == FIB_DEVICE && was->attachment < MAX_ATTACHMENTS)
		o->attachments[was->attachment] = true;
	for (size_t i = 0; was->kind == FIB_TUNNELS && i < was->set.count; i++)
		o->tunnels[was->set.members[i].tunnel] = true;
}

static void list_route(struct outlook *o, const struct fib_table *t, const struct prefix *p,
		       const char *change, const struct fib_answer *was,
		       const struct fib_answer *is)
{
	const char *name = o->g->spaces.tables.names[t->id];
	const char *colon = name ? strchr(name, ':') : NULL;
	char text[PREFIX_STRLEN];

	if (++o->listed > ROUTES_LISTED)
		return;
	json_array_append_new(o->routes,
			      json_pack("{s:s, s:s?, s:s?, s:s, s:o, s:o}", "change", change,
					"table", t->connection || !colon ? NULL : colon + 1,
					"connection", t->connection && colon ? colon + 1 : NULL,
					"prefix", prefix_format(p, text), "was",
					monitor_answer(o->g, was), "is", monitor_answer(o->g, is)));
}

/* Entries are only where answers change, so what matters is the answer before and after. */
static void weigh(struct outlook *o, const struct fib_table *old, const struct fib_table *now,
		  const struct prefix *p)
{
	const struct fib_answer *was =
		old ? trie_longest(&old->routes, &p->address, p->len, NULL) : NULL;
	const struct fib_answer *is =
		now ? trie_longest(&now->routes, &p->address, p->len, NULL) : NULL;
	const char *change = "moved";

	if ((!leads(was) && !leads(is)) || (was && is && fib_answer_equal(was, is)))
		return;
	if (leads(was) && leads(is)) {
		o->moved++;
	} else {
		change = leads(is) ? "added" : "removed";
		*(leads(is) ? &o->added : &o->removed) += 1;
	}
	concern(o, was);
	list_route(o, now ? now : old, p, change, leads(was) ? was : NULL, leads(is) ? is : NULL);
}

/* To be read, in the order of prefixes: what is set, then what is deleted. */
static void weigh_ops(struct outlook *o, const struct fib_table *old, const struct fib_table *now,
		      const struct fib_ops *ops)
{
	size_t sets = 0;

	while (sets < ops->count && ops->list[sets].kind == FIB_SET)
		sets++;
	for (size_t i = 0; i < ops->count; i++)
		weigh(o, old, now, &ops->list[i < sets ? sets - 1 - i : i].prefix);
}

static int weigh_table(struct outlook *o, const struct fib_table *old, const struct fib_table *now)
{
	const struct fib_table *t = now ? now : old;
	const char *name = o->g->spaces.tables.names[t->id];
	struct fib_ops ops;
	int err = fib_diff(old, now, &ops);

	if (err)
		return err;
	o->added = o->removed = o->moved = 0;
	weigh_ops(o, old, now, &ops);
	fib_ops_free(&ops);
	if (o->added + o->removed + o->moved)
		json_array_append_new(o->tables,
				      json_pack("{s:s, s:I, s:I, s:I}", "table", name ? name : "?",
						"added", (json_int_t)o->added, "removed",
						(json_int_t)o->removed, "moved",
						(json_int_t)o->moved));
	o->count += o->added + o->removed + o->moved;
	return 0;
}

/* A TR table's edge view shows the same with some left out [D10]. */
static bool is_edge(const struct fib_table *t)
{
	return !t->connection && t->view == VIEW_EDGE;
}

static int weigh_tables(struct outlook *o)
{
	int err = 0;

	for (size_t i = 0; !err && i < o->fib.count; i++)
		if (!is_edge(&o->fib.tables[i]))
			err = weigh_table(o, fib_find(&o->g->fib, o->fib.tables[i].id),
					  &o->fib.tables[i]);
	for (size_t i = 0; !err && i < o->g->fib.count; i++)
		if (!is_edge(&o->g->fib.tables[i]) && !fib_find(&o->fib, o->g->fib.tables[i].id))
			err = weigh_table(o, &o->g->fib.tables[i], NULL);
	return err;
}

/* ---- groups ---- */

struct sets {
	struct answers answers;
	const struct fib_answer **list; /* each set as often as routes lead to it */
	size_t count, room;
};

static int take_set(const struct prefix *p, void *data, void *context)
{
	const struct fib_answer *a = data;
	struct sets *s = context;

	(void)p;
	if (a->kind != FIB_TUNNELS)
		return 0;
	if (s->count == s->room) {
		size_t room = s->room ? 2 * s->room : 64;
		const struct fib_answer **list = realloc(s->list, room * sizeof(*list));

		if (!list)
			return -ENOMEM;
		s->list = list;
		s->room = room;
	}
	s->list[s->count] = answers_take(&s->answers, a);
	return s->list[s->count++] ? 0 : -ENOMEM;
}

static int by_address(const void *a, const void *b)
{
	const char *x = *(const char *const *)a, *y = *(const char *const *)b;

	return (x > y) - (x < y);
}

static json_t *groups_json(struct outlook *o)
{
	const struct groups *groups = &o->g->groups;
	size_t added = 0, kept = 0;
	struct sets s = { 0 };
	int err = 0;

	for (size_t i = 0; !err && i < o->fib.count; i++)
		err = trie_walk(&o->fib.tables[i].routes, NULL, take_set, &s);
	if (s.count)
		qsort(s.list, s.count, sizeof(*s.list), by_address);
	for (size_t i = 0; i < s.count; i++)
		if (!i || s.list[i] != s.list[i - 1])
			*(groups_find(groups, &s.list[i]->set) < 0 ? &added : &kept) += 1;
	free(s.list);
	answers_free(&s.answers);
	if (err)
		return NULL;
	return json_pack("{s:I, s:I, s:I}", "added", (json_int_t)added, "removed",
			 (json_int_t)(groups->used > kept ? groups->used - kept : 0), "kept",
			 (json_int_t)kept);
}

/* ---- objects ---- */

static void concern_object(struct outlook *o, const struct plan_item *item)
{
	int id;

	if (item->change == PLAN_ADDED)
		return;
	if (!strcmp(item->kind, "tunnel") && (id = id_find(&o->g->spaces.tunnels, item->name)) >= 0)
		o->tunnels[id] = true;
	if (!strcmp(item->kind, "attachment") &&
	    (id = id_find(&o->g->spaces.attachments, item->name)) >= 0)
		o->attachments[id] = true;
}

static json_t *items_json(struct outlook *o, const struct plan *p)
{
	json_t *list = json_array();

	for (size_t i = 0; i < p->count; i++) {
		const struct plan_item *item = &p->list[i];

		concern_object(o, item);
		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:s, s:s}", "change",
						plan_change_name(item->change), "kind", item->kind,
						"name", item->name, "what", item->what));
	}
	return list;
}

/* ---- packets ---- */

static json_t *affected_json(struct outlook *o)
{
	struct gateway *g = o->g;
	json_t *tunnels = json_array(), *attachments = json_array();
	uint64_t packets = 0;

	for (uint32_t id = 0; id < MAX_TUNNELS; id++) {
		struct counter c[DIRECTIONS] = { 0 };

		if (!o->tunnels[id] || !gateway_tunnel(g, id))
			continue;
		dataplane_tunnel_counters(g->dataplane, id, c);
		packets += c[DIRECTION_OUT].packets;
		json_array_append_new(tunnels, json_string(g->spaces.tunnels.names[id]));
	}
	for (uint32_t id = 0; id < MAX_ATTACHMENTS; id++) {
		struct counter c[DIRECTIONS] = { 0 };

		if (!o->attachments[id] || gateway_attachment_by_id(g, id) < 0)
			continue;
		dataplane_device_counters(g->dataplane, id, c);
		packets += c[DIRECTION_OUT].packets;
		json_array_append_new(attachments, json_string(g->spaces.attachments.names[id]));
	}
	return json_pack("{s:I, s:o, s:o, s:I, s:f}", "prefixes", (json_int_t)o->count, "tunnels",
			 tunnels, "attachments", attachments, "packets", (json_int_t)packets,
			 "at_s", (double)gateway_now(g) / 1e9);
}

/* ---- all of it ---- */

/* The candidate's tables, as if it ran: on a gateway that is only a copy. */
static int compile(struct outlook *o, struct setup *next)
{
	struct gateway as_if = *o->g;
	struct rib rib;
	int err;

	setup_exchange(&as_if, next);
	err = forwarding_decide(&as_if, &rib, &o->fib);
	if (!err)
		rib_free(&rib);
	setup_exchange(&as_if, next);
	return err;
}

static json_t *describe(struct outlook *o, const struct plan *p, const struct findings *f)
{
	json_t *items = items_json(o, p), *groups = groups_json(o);
	bool changes = p->count || o->count;

	return json_pack("{s:b, s:o, s:O, s:O, s:I, s:o, s:o, s:o}", "changes", changes, "items",
			 items, "tables", o->tables, "routes", o->routes, "more",
			 (json_int_t)(o->listed > ROUTES_LISTED ? o->listed - ROUTES_LISTED : 0),
			 "groups", groups, "affected", affected_json(o), "findings",
			 findings_json(f));
}

static json_t *look_ahead(struct gateway *g, struct setup *next, const struct plan *p,
			  const struct findings *f)
{
	struct outlook *o = calloc(1, sizeof(*o));
	json_t *answer = NULL;
	int err;

	if (!o)
		return NULL;
	o->g = g;
	o->routes = json_array();
	o->tables = json_array();
	err = compile(o, next);
	if (!err) {
		err = weigh_tables(o);
		if (!err)
			answer = control_ok(describe(o, p, f));
		fib_free(&o->fib);
	}
	json_decref(o->routes);
	json_decref(o->tables);
	free(o);
	return answer;
}

static json_t *plan(struct gateway *g, struct config *next, const struct findings *f)
{
	struct setup s = { 0 };
	json_t *answer = NULL;
	struct plan p;
	int err = plan_build(&g->config, next, &p);

	if (err)
		return control_error("%s", strerror(-err));
	err = setup_make(g, next, &s);
	if (err)
		answer = control_error("cannot be applied: %s",
				       err == -ENOSPC ? "more tables, attachments or tunnels than "
							"the dataplane has room for"
						      : strerror(-err));
	else
		answer = look_ahead(g, &s, &p, f);
	if (!err)
		setup_free(&s, next);
	setup_retire(g);
	plan_free(&p);
	return answer;
}

json_t *plan_request(struct gateway *g, const json_t *request)
{
	const char *file = json_string_value(json_object_get(request, "file"));
	const json_t *text = json_object_get(request, "text");
	struct runtime_routes routes = { 0 };
	struct config next = { 0 };
	struct findings f = { 0 };
	json_t *answer;
	int err;

	if (!file || !json_is_string(text))
		return control_error("plan needs file and text");
	err = change_judge(g, file, json_string_value(text), json_string_length(text), &next,
			   &routes, &f);
	answer = err ? change_findings(file, &f, err) : plan(g, &next, &f);
	runtime_routes_free(&routes);
	config_free(&next);
	findings_free(&f);
	return answer;
}
