/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From decisions to maps. The order is always: tunnels before groups, groups before the routes that
 * name them, more specific routes before the ones around them; so no packet ever finds a hole.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <syslog.h>
#include "gateway.h"

static bool is_live(uint32_t tunnel, const void *context)
{
	const struct gateway *g = context;
	const struct gateway_tunnel *t = gateway_tunnel(g, tunnel);

	return t && t->live;
}

static bool is_present(uint32_t tunnel, const void *context)
{
	const struct gateway_tunnel *t = gateway_tunnel(context, tunnel);

	return t && gateway_tunnel_present(context, t);
}

/* ---- what a former controller left ---- */

static int recover_name(enum name_kind kind, uint32_t id, const char *name, void *data)
{
	struct gateway *g = data;
	struct id_space *space = kind == NAME_TUNNEL	   ? &g->spaces.tunnels
				 : kind == NAME_ATTACHMENT ? &g->spaces.attachments
							   : &g->spaces.tables;
	int err = id_restore(space, id, name);

	g->inherited = true;
	/* A damaged map names less, that is all. */
	return err == -EEXIST || err == -ERANGE ? 0 : err;
}

int forwarding_recover_ids(struct gateway *g)
{
	return dataplane_each_name(g->dataplane, recover_name, g);
}

/* Routes of the maps, collected by table. */
struct recovery {
	struct gateway *g;
	const struct fib *wanted;
	struct fib found;
};

static struct fib_table *recovered_table(struct recovery *r, uint32_t id)
{
	struct fib_table *tables;

	for (size_t i = 0; i < r->found.count; i++)
		if (r->found.tables[i].id == id)
			return &r->found.tables[i];
	tables = realloc(r->found.tables, (r->found.count + 1) * sizeof(*tables));
	if (!tables)
		return NULL;
	r->found.tables = tables;
	tables[r->found.count] = (struct fib_table){ .id = id };
	return &tables[r->found.count++];
}

/* The set that a route of this table and prefix is to have, or an empty one. */
static struct member_set wanted_set(const struct recovery *r, uint32_t table,
				    const struct prefix *p)
{
	const struct fib_table *t = r->wanted ? fib_find(r->wanted, table) : NULL;
	struct prefix matched;
	struct fib_answer answer = { .kind = FIB_NONE };

	if (t)
		answer = fib_lookup(t, &p->address, &matched);
	return answer.kind == FIB_TUNNELS ? answer.set : (struct member_set){ 0 };
}

/*
 * A group of a former controller goes on serving the set that its route is to have now. One that no
 * route wants gets the empty set: its id is not given out before its routes are gone.
 */
static struct member_set recover_group(struct recovery *r, uint32_t id, uint32_t table,
				       const struct prefix *p)
{
	struct gateway *g = r->g;
	struct member_set set = wanted_set(r, table, p);
	struct group content;

	if (id >= g->groups.limit || dataplane_get_group(g->dataplane, id, &content))
		return (struct member_set){ 0 };
	if (g->groups.list[id].used && g->groups.list[id].set.count)
		return g->groups.list[id].set;
	groups_release(&g->groups, id);
	if (groups_find(&g->groups, &set) >= 0)
		set.count = 0; /* another group serves this set already */
	groups_adopt(&g->groups, id, &set, &content, is_live, g);
	return set;
}

static struct fib_answer recover_answer(struct recovery *r, uint32_t table, const struct prefix *p,
					const struct route *value)
{
	switch ((enum verdict)value->verdict) {
	case VERDICT_GROUP:
		return (struct fib_answer){
			.kind = FIB_TUNNELS,
			.set = recover_group(r, value->target, table, p),
		};
	case VERDICT_DEVICE:
		return (struct fib_answer){ .kind = FIB_DEVICE, .attachment = value->target };
	case VERDICT_LOCAL:
		return (struct fib_answer){ .kind = FIB_LOCAL };
	case VERDICT_BLACKHOLE:
		return (struct fib_answer){ .kind = FIB_BLACKHOLE };
	case VERDICT_NO_ROUTE:
		break;
	}
	return (struct fib_answer){ .kind = FIB_NONE };
}

static int recover_route(uint32_t table, const struct prefix *p, const struct route *value,
			 void *data)
{
	struct recovery *r = data;
	struct fib_table *t = recovered_table(r, table);
	struct fib_route *routes;

	if (!t)
		return -ENOMEM;
	routes = t->routes;
	if (!(t->count & (t->count - 1))) /* room doubles at each power of two */
		routes = realloc(routes, (t->count ? 2 * t->count : 1) * sizeof(*routes));
	if (!routes)
		return -ENOMEM;
	t->routes = routes;
	routes[t->count++] = (struct fib_route){ *p, recover_answer(r, table, p, value) };
	return 0;
}

static int by_prefix(const void *a, const void *b)
{
	return prefix_compare(&((const struct fib_route *)a)->prefix,
			      &((const struct fib_route *)b)->prefix);
}

/* Reads the maps into g->fib. `wanted` says which sets the groups are to serve, or NULL. */
int forwarding_recover_routes(struct gateway *g, const struct fib *wanted)
{
	struct recovery r = { g, wanted, { 0 } };
	int err = dataplane_each_route(g->dataplane, recover_route, &r);

	for (size_t i = 0; i < r.found.count; i++)
		qsort(r.found.tables[i].routes, r.found.tables[i].count, sizeof(struct fib_route),
		      by_prefix);
	if (err) {
		fib_free(&r.found);
		return err;
	}
	fib_free(&g->fib);
	g->fib = r.found;
	return 0;
}

/* ---- groups ---- */

static void write_group(struct gateway *g, uint32_t id)
{
	int err = dataplane_set_group(g->dataplane, id, &g->groups.list[id].content);

	if (err)
		gateway_alarm(g, "cannot write group %u: %s", id, strerror(-err));
}

void forwarding_set_live(struct gateway *g, struct gateway_tunnel *t, bool live)
{
	t->live = live && t->ifindex;
	dataplane_set_live(g->dataplane, t->id, t->live);
	for (uint32_t id = 0; id < g->groups.limit; id++)
		if (groups_has_tunnel(&g->groups, id, t->id) &&
		    groups_refresh(&g->groups, id, is_live, g))
			write_group(g, id);
}

/* The group that these flows took until now, if they took one. */
static const struct group *former_group(const struct gateway *g, const struct fib_table *old,
					const struct prefix *p)
{
	struct fib_answer was = { .kind = FIB_NONE };
	int id = -ENOENT;

	if (old)
		was = fib_lookup(old, &p->address, NULL);
	if (was.kind == FIB_TUNNELS)
		id = groups_find(&g->groups, &was.set);
	return id < 0 ? NULL : &g->groups.list[id].content;
}

static int group_for(struct gateway *g, const struct fib_table *old, const struct prefix *p,
		     const struct member_set *set)
{
	bool made;
	int id = groups_get(&g->groups, set, former_group(g, old, p), is_live, g, &made);

	if (id >= 0 && made)
		write_group(g, (uint32_t)id);
	return id;
}

/* ---- routes ---- */

static int set_route(struct gateway *g, const struct fib_table *old, uint32_t table,
		     const struct fib_op *op)
{
	struct route value = { .prefix_len = op->prefix.len };
	int id;

	switch (op->answer->kind) {
	case FIB_TUNNELS:
		id = group_for(g, old, &op->prefix, &op->answer->set);
		if (id < 0)
			return id;
		value.verdict = VERDICT_GROUP;
		value.target = (uint32_t)id;
		break;
	case FIB_DEVICE:
		value.verdict = VERDICT_DEVICE;
		value.target = op->answer->attachment;
		break;
	case FIB_LOCAL:
		value.verdict = VERDICT_LOCAL;
		break;
	case FIB_BLACKHOLE:
		value.verdict = VERDICT_BLACKHOLE;
		break;
	case FIB_NONE:
		value.verdict = VERDICT_NO_ROUTE;
		break;
	}
	return dataplane_set_route(g->dataplane, table, &op->prefix, &value);
}

static int run_op(struct gateway *g, const struct fib_table *old, uint32_t table,
		  const struct fib_op *op)
{
	char text[PREFIX_STRLEN];
	int err;

	if (op->kind == FIB_SET)
		err = set_route(g, old, table, op);
	else
		err = dataplane_delete_route(g->dataplane, table, &op->prefix);
	if (err == -ENOSPC)
		gateway_alarm(g,
			      "the dataplane is full at route %s: the routes beyond it keep their "
			      "last good state; fewer routes or groups are needed",
			      prefix_format(&op->prefix, text));
	else if (err)
		gateway_alarm(g, "cannot change route %s: %s", prefix_format(&op->prefix, text),
			      strerror(-err));
	return err;
}

/* Either table may be NULL: it is new, or it goes. */
static int publish_table(struct gateway *g, const struct fib_table *old,
			 const struct fib_table *now)
{
	struct fib_op *ops;
	size_t count;
	int err = fib_diff(old ? old->routes : NULL, old ? old->count : 0, now ? now->routes : NULL,
			   now ? now->count : 0, &ops, &count);

	if (err)
		return err;
	for (size_t i = 0; !err && i < count; i++)
		err = run_op(g, old, now ? now->id : old->id, &ops[i]);
	free(ops);
	return err;
}

static int publish(struct gateway *g, const struct fib *now)
{
	int err = 0;

	for (size_t i = 0; !err && i < now->count; i++)
		err = publish_table(g, fib_find(&g->fib, now->tables[i].id), &now->tables[i]);
	return err;
}

static void count_routes(struct gateway *g)
{
	for (size_t i = 0; i < g->groups.limit; i++)
		g->groups.list[i].routes = 0;
	for (size_t t = 0; t < g->fib.count; t++) {
		for (size_t i = 0; i < g->fib.tables[t].count; i++) {
			const struct fib_answer *a = &g->fib.tables[t].routes[i].answer;
			int id = a->kind == FIB_TUNNELS ? groups_find(&g->groups, &a->set) : -1;

			if (id >= 0)
				g->groups.list[id].routes++;
		}
	}
	for (uint32_t i = 0; i < g->groups.limit; i++)
		if (!g->groups.list[i].routes)
			groups_release(&g->groups, i);
}

/* ---- all of it ---- */

int forwarding_decide(struct gateway *g, struct rib *rib, struct fib *fib)
{
	int err = rib_build(&g->config, &g->ids, g->locals, g->local_count, is_present, g, rib);

	if (err)
		return err;
	err = fib_compile(rib, fib);
	if (err)
		rib_free(rib);
	return err;
}

/* Tables that `now` has not any more stay known, behind it, until forwarding_retire(). */
static int keep_retired(struct fib *old, struct fib *now)
{
	struct fib_table *tables =
		realloc(now->tables, (now->count + old->count + 1) * sizeof(*tables));

	if (!tables)
		return -ENOMEM;
	now->tables = tables;
	for (size_t i = 0; i < old->count; i++) {
		struct fib_table *t = &old->tables[i];

		if (fib_find(now, t->id))
			continue;
		t->retired = true;
		tables[now->count++] = *t;
		t->routes = NULL;
	}
	return 0;
}

int forwarding_publish(struct gateway *g, struct fib *now)
{
	int err = publish(g, now);

	if (!err)
		err = keep_retired(&g->fib, now);
	if (err) {
		/* What the maps hold is neither the old nor the new: read it. */
		forwarding_recover_routes(g, now);
		fib_free(now);
	} else {
		fib_free(&g->fib);
		g->fib = *now;
	}
	count_routes(g);
	return err;
}

int forwarding_retire(struct gateway *g)
{
	size_t kept = 0;
	int err = 0;

	for (size_t i = 0; i < g->fib.count; i++) {
		struct fib_table *t = &g->fib.tables[i];

		if (t->retired && !err)
			err = publish_table(g, t, NULL);
		if (t->retired && !err)
			free(t->routes);
		else
			g->fib.tables[kept++] = *t;
	}
	g->fib.count = kept;
	count_routes(g);
	return err;
}
