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
#include "core/config_change.h"
#include "gateway_change.h"
#include "gateway_drain.h"
#include "gateway_forwarding.h"

/*
 * For its groups: the sentry may know of a fall that the controller has not heard of yet. Who fell
 * together leaves together, so that flows do not move to a tunnel that is dead as well.
 */
static bool is_live(uint32_t tunnel, const void *context)
{
	const struct gateway *g = context;
	struct gateway_tunnel *t = gateway_tunnel(g, tunnel);

	if (!t || !t->live)
		return false;
	if (dataplane_live(g->dataplane, tunnel))
		return true;
	t->dark = true; /* to be looked at again: gateway_words.c */
	return false;
}

static bool is_present(uint32_t tunnel, const void *context)
{
	const struct gateway_tunnel *t = gateway_tunnel(context, tunnel);

	return t && gateway_tunnel_present(context, t);
}

struct tunnel_view forwarding_view(const struct gateway *g)
{
	return (struct tunnel_view){ is_live, draining_order, draining_waits, g };
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

/* The table with this id, made if missing. NULL: no memory. */
static struct fib_table *held_table(struct fib *f, uint32_t id)
{
	struct fib_table *tables, *known = fib_find(f, id);

	if (known)
		return known;
	tables = realloc(f->tables, (f->count + 1) * sizeof(*tables));
	if (!tables)
		return NULL;
	f->tables = tables;
	tables[f->count] = (struct fib_table){ .id = id };
	return &tables[f->count++];
}

/* Routes of the maps, collected by table. */
struct recovery {
	struct gateway *g;
	const struct fib *wanted;
	struct fib found;
};

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

/* In the maps too: what fell while no controller ran has buckets of its own no longer. */
static void adopt_group(struct gateway *g, uint32_t id, const struct member_set *set,
			const struct group *content)
{
	struct tunnel_view view = forwarding_view(g);

	if (!groups_adopt(&g->groups, id, set, content, &view) && set->count &&
	    memcmp(content, &g->groups.list[id].place.content, sizeof(*content)))
		forwarding_write_group(g, id);
}

/*
 * A group of a former controller goes on serving the set that its route is to have now. One that no
 * route wants gets the empty set: its id is not given out before its routes are gone.
 */
static struct member_set recover_group(struct recovery *r, uint32_t id, uint32_t table,
				       const struct prefix *p)
{
	struct gateway *g = r->g;
	struct member_set set;
	struct group content;

	if (id >= g->groups.limit)
		return (struct member_set){ 0 };
	if (g->groups.list[id].used && g->groups.list[id].set.count)
		return g->groups.list[id].set;
	if (dataplane_get_group(g->dataplane, id, &content))
		return (struct member_set){ 0 };
	set = wanted_set(r, table, p);
	groups_release(&g->groups, id);
	if (groups_find(&g->groups, &set) >= 0)
		set.count = 0; /* another group serves this set already */
	adopt_group(g, id, &set, &content);
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

/* The group that an answer in the maps names, or -1. */
static int group_of(const struct gateway *g, const struct fib_answer *a)
{
	return a && a->kind == FIB_TUNNELS ? groups_find(&g->groups, &a->set) : -1;
}

static int recover_route(uint32_t table, const struct prefix *p, const struct route *value,
			 void *data)
{
	struct recovery *r = data;
	struct fib_table *t = held_table(&r->found, table);
	const struct fib_table *wanted = r->wanted ? fib_find(r->wanted, table) : NULL;
	struct fib_answer answer = recover_answer(r, table, p, value);
	int err = t ? fib_set(t, p, &answer) : -ENOMEM, group;

	if (err)
		return err;
	t->connection = wanted && wanted->connection;
	group = group_of(r->g, &answer);
	if (group >= 0)
		groups_hold(&r->g->groups, (uint32_t)group, forwarding_carries(t));
	r->g->held[forwarding_family(p)]++;
	return 0;
}

/* Reads the maps into g->fib. `wanted` says which sets the groups are to serve, or NULL. */
int forwarding_recover_routes(struct gateway *g, const struct fib *wanted)
{
	struct recovery r = { g, wanted, { 0 } };
	int err;

	memset(g->held, 0, sizeof(g->held));
	for (uint32_t i = 0; i < g->groups.limit; i++)
		groups_release(&g->groups, i);
	err = dataplane_each_route(g->dataplane, recover_route, &r);
	if (err) {
		fib_free(&r.found);
		return err;
	}
	fib_free(&g->fib);
	g->fib = r.found;
	return 0;
}

/* ---- groups ---- */

void forwarding_write_group(struct gateway *g, uint32_t id)
{
	int err = dataplane_set_group(g->dataplane, id, &g->groups.list[id].place.content);

	if (err)
		gateway_alarm(g, "cannot write group %u: %s", id, strerror(-err));
}

void forwarding_refill(struct gateway *g, uint32_t tunnel)
{
	struct tunnel_view view = forwarding_view(g);

	for (uint32_t id = 0; id < g->groups.limit; id++)
		if (groups_has_tunnel(&g->groups, id, tunnel) &&
		    groups_refresh(&g->groups, id, &view))
			forwarding_write_group(g, id);
	words_await(g);
	draining_follow(g);
}

void forwarding_set_live(struct gateway *g, struct gateway_tunnel *t, bool live)
{
	bool was = t->live;

	if (!t->located)
		return;
	t->live = live && t->ifindex;
	sentry_set_live(g->sentry, t->id, t->live);
	/* Each update says it of each tunnel: with hundreds of them the groups of all would be
	 * looked through for each. */
	if (t->live == was && !t->dark)
		return;
	if (t->live && !was)
		draining_returned(g, t->id);
	t->dark = false;
	forwarding_refill(g, t->id);
}

/* The group that these flows took until now, if they took one. */
static const struct placement *former_group(const struct gateway *g, const struct fib_table *old,
					    const struct prefix *p)
{
	struct fib_answer was = { .kind = FIB_NONE };
	int id = -ENOENT;

	if (old)
		was = fib_lookup(old, &p->address, NULL);
	if (was.kind == FIB_TUNNELS)
		id = groups_find(&g->groups, &was.set);
	return id < 0 ? NULL : &g->groups.list[id].place;
}

/*
 * The group for these flows, which follows the one that they took until now. Flows that join a
 * group which carries others already are spread as those are.
 */
int forwarding_group_for(struct gateway *g, const struct fib_table *old, const struct prefix *p,
			 const struct member_set *set)
{
	const struct placement *former = former_group(g, old, p);
	struct tunnel_view view = forwarding_view(g);
	bool made;
	int id = groups_get(&g->groups, set, former, &view, &made);

	if (id < 0)
		return id;
	/* One that carries nothing yet is as good as new: survivors' flows stay where they are. */
	if (!made && former && forwarding_carries(old) && !g->groups.list[id].carries)
		made = groups_reseed(&g->groups, (uint32_t)id, former, &view);
	if (made) {
		draining_group_made(g, (uint32_t)id);
		forwarding_write_group(g, (uint32_t)id);
	}
	return id;
}

/* ---- routes ---- */

int forwarding_route_value(const struct gateway *g, const struct prefix *p,
			   const struct fib_answer *answer, struct route *out)
{
	struct route value = { .prefix_len = p->len };
	int id;

	switch (answer->kind) {
	case FIB_TUNNELS:
		id = groups_find(&g->groups, &answer->set);
		if (id < 0)
			return id;
		value.verdict = VERDICT_GROUP;
		value.target = (uint32_t)id;
		break;
	case FIB_DEVICE:
		value.verdict = VERDICT_DEVICE;
		value.target = answer->attachment;
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
	*out = value;
	return 0;
}

static int set_route(struct gateway *g, const struct fib_table *t, const struct fib_op *op)
{
	struct route value;
	int err = 0;

	if (op->answer.kind == FIB_TUNNELS)
		err = forwarding_group_for(g, t, &op->prefix, &op->answer.set);
	if (err >= 0)
		err = forwarding_route_value(g, &op->prefix, &op->answer, &value);
	return err < 0 ? err : dataplane_set_route(g->dataplane, t->id, &op->prefix, &value);
}

static int write_op(struct gateway *g, const struct fib_table *t, const struct fib_op *op, bool new)
{
	if (op->kind == FIB_DELETE)
		return dataplane_delete_route(g->dataplane, t->id, &op->prefix);
	return new && !forwarding_has_room(g, &op->prefix) ? -ENOSPC : set_route(g, t, op);
}

/* Who names which group. A group that was made for a route that then failed has no user. */
static void count_group(struct gateway *g, const struct fib_table *t, const struct fib_op *op,
			const struct fib_answer *was, int err)
{
	int now = op->kind == FIB_SET ? group_of(g, &op->answer) : -1, before = group_of(g, was);

	if (now >= 0)
		groups_hold(&g->groups, (uint32_t)now, forwarding_carries(t));
	if (now >= 0 && err)
		groups_drop(&g->groups, (uint32_t)now, forwarding_carries(t));
	if (before >= 0 && !err)
		groups_drop(&g->groups, (uint32_t)before, forwarding_carries(t));
}

static void report_op(struct gateway *g, const struct fib_op *op, int err)
{
	char text[PREFIX_STRLEN];

	prefix_format(&op->prefix, text);
	if (err == -ENOSPC && g->groups.used == g->groups.limit)
		gateway_alarm(
			g,
			"all %zu groups are in use at route %s: what is forwarded stays as it "
			"is; fewer different sets of next hops are needed",
			g->groups.limit, text);
	else if (err == -ENOSPC)
		gateway_alarm(
			g,
			"the dataplane is full at route %s: what is forwarded stays as it is; "
			"fewer routes are needed",
			text);
	else
		gateway_alarm(g, "cannot change route %s: %s", text, strerror(-err));
}

static int run_op(struct gateway *g, const struct fib_table *t, const struct fib_op *op)
{
	const struct fib_answer *was = trie_exact(&t->routes, &op->prefix);
	size_t groups = g->groups.used;
	int err = write_op(g, t, op, !was);

	count_group(g, t, op, was, err);
	if (err)
		return err;
	monitor_route(g, t, &op->prefix, was, op->kind == FIB_SET ? &op->answer : NULL);
	if (op->kind == FIB_DELETE)
		g->held[forwarding_family(&op->prefix)]--;
	else if (!was)
		g->held[forwarding_family(&op->prefix)]++;
	g->freed |= op->kind == FIB_DELETE || g->groups.used < groups;
	return 0;
}

/* Is there an operation before this one that failed, or was left, and that some address has in
 * common with it? Then this one has to wait: what it builds on is not there. */
static bool must_wait(const struct trie *stuck, const struct prefix *p)
{
	return stuck->count &&
	       (trie_longest(stuck, &p->address, p->len, NULL) || trie_first(stuck, p));
}

/*
 * Each operation whose turn it is: one that finds no room holds up those that depend on it, and no
 * others. Every address has then the answer of some point in the whole sequence, which is the old
 * or the new one. Leaves in `ops` what was done; returns the first error.
 */
static int run_ops(struct gateway *g, const struct fib_table *t, struct fib_ops *ops)
{
	struct trie stuck = { 0 };
	size_t done = 0;
	int err = 0, one;

	for (size_t i = 0; i < ops->count; i++) {
		const struct fib_op *op = &ops->list[i];
		void **place;

		one = must_wait(&stuck, &op->prefix) ? -EAGAIN : run_op(g, t, op);
		if (!one) {
			ops->list[done++] = *op;
			continue;
		}
		if (!err)
			report_op(g, op, one);
		err = err ? err : one;
		place = trie_insert(&stuck, &op->prefix);
		if (!place)
			break;
		*place = g;
	}
	ops->count = done;
	trie_free(&stuck, NULL);
	return err;
}

/* What was done to the maps was done to the table. Without memory for that, the maps must be read.
 */
static void keep_ops(struct gateway *g, struct fib_table *t, const struct fib_ops *ops)
{
	for (size_t i = 0; i < ops->count; i++) {
		slow_path_touch(&g->slow, t, &ops->list[i].prefix);
		if (fib_apply(t, &ops->list[i]))
			g->recovered = false;
	}
}

static void take_routes(struct fib_table *held, struct fib_table *now)
{
	fib_table_free(held);
	if (!now)
		return;
	*held = *now;
	now->routes = (struct trie){ 0 };
	now->behind = (struct trie){ 0 };
	now->answers = (struct answers){ 0 };
}

/* `now` (NULL: nothing) becomes what is held; its routes move. On failure, as far as it went. */
static int publish_table(struct gateway *g, struct fib_table *held, struct fib_table *now)
{
	struct fib_ops ops;
	int err;

	if (now && !held->routes.count && forwarding_load(g, held, now)) {
		take_routes(held, now);
		return 0;
	}
	err = fib_diff(held, now, &ops);
	if (err)
		return err;
	err = run_ops(g, held, &ops);
	if (err)
		keep_ops(g, held, &ops);
	else
		take_routes(held, now);
	fib_ops_free(&ops);
	return err;
}

/* What one table needs after a change. */
static int update_table(struct gateway *g, struct fib_table *t, const struct touched *touched)
{
	struct fib_ops ops;
	int err = fib_update(&g->rib, t, touched, &ops);

	if (err)
		return err;
	err = run_ops(g, t, &ops);
	keep_ops(g, t, &ops);
	fib_ops_free(&ops);
	return err;
}

/* Every table as far as it goes. */
static int update_once(struct gateway *g, const struct touched *touched)
{
	int err = 0, one;

	for (size_t i = 0; i < g->fib.count; i++) {
		if (g->fib.tables[i].retired)
			continue;
		one = update_table(g, &g->fib.tables[i], touched);
		err = err ? err : one;
	}
	return err;
}

/* What goes may make the room that something else waits for. */
static int update_tables(struct gateway *g, const struct touched *touched)
{
	bool freed = false;
	int err = 0;

	slow_path_follow(&g->slow, touched);
	do {
		g->freed = false;
		err = update_once(g, touched);
		freed |= g->freed;
	} while (err && g->freed);
	g->freed = freed;
	return err;
}

/* What there was no room for: now there may be. */
static int follow_pending(struct gateway *g)
{
	int err;

	if (!touched_any(&g->pending))
		return 0;
	err = update_tables(g, &g->pending);
	if (!err)
		touched_free(&g->pending);
	return err;
}

/* ---- all of it ---- */

int forwarding_decide(struct gateway *g, struct rib *rib, struct fib *fib)
{
	int err = rib_build(&g->config, &g->ids, g->locals, g->local_count, is_present, g,
			    (const struct learned *const *)g->learned, rib);

	if (err)
		return err;
	err = fib_compile(rib, fib);
	if (err)
		rib_free(rib);
	return err;
}

/* What the tables are comes first, so that each can be updated whatever becomes of another. */
static int take_tables(struct gateway *g, const struct fib *now)
{
	for (size_t i = 0; i < g->fib.count; i++)
		g->fib.tables[i].retired = !fib_find(now, g->fib.tables[i].id);
	for (size_t i = 0; i < now->count; i++) {
		const struct fib_table *t = &now->tables[i];
		struct fib_table *held = held_table(&g->fib, t->id);

		if (!held)
			return -ENOMEM;
		held->kernel_table = t->kernel_table;
		held->connection = t->connection;
		held->view = t->view;
		held->index = t->index;
	}
	return 0;
}

int forwarding_publish(struct gateway *g, struct fib *now)
{
	int err = take_tables(g, now), one;

	g->freed = false;
	for (size_t i = 0; err != -ENOMEM && i < now->count; i++) {
		one = publish_table(g, fib_find(&g->fib, now->tables[i].id), &now->tables[i]);
		err = err ? err : one;
	}
	touched_free(&g->pending);
	g->pending.everything = err != 0;
	fib_free(now);
	return g->freed ? follow_pending(g) : err;
}

/* Groups of a former controller that nobody wanted: now nothing names them any more. */
static void release_orphans(struct gateway *g)
{
	for (uint32_t i = 0; i < g->groups.limit; i++)
		if (g->groups.list[i].used && !g->groups.list[i].set.count)
			groups_release(&g->groups, i);
}

int forwarding_retire(struct gateway *g)
{
	size_t kept = 0;
	int err = 0;

	for (size_t i = 0; i < g->fib.count; i++) {
		struct fib_table *t = &g->fib.tables[i];

		if (t->retired && !err)
			err = publish_table(g, t, NULL);
		if (!t->retired || err)
			g->fib.tables[kept++] = *t;
	}
	g->fib.count = kept;
	if (!err)
		release_orphans(g);
	return err;
}

/* ---- one change at a time ---- */

/* The change first, by itself: it may make the room that older ones wait for. */
static int follow(struct gateway *g, const struct touched *touched)
{
	int err = update_tables(g, touched);

	if (g->freed)
		follow_pending(g);
	return err;
}

static bool among(const struct address *a, const struct address *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (address_equal(a, &list[i]))
			return true;
	return false;
}

static int follow_locals(struct gateway *g, const struct address *was, size_t was_count,
			 struct touched *touched)
{
	int err = 0;

	for (size_t i = 0; !err && i < g->local_count; i++)
		if (!among(&g->locals[i], was, was_count))
			err = rib_local_add(&g->rib, &g->locals[i], touched);
	for (size_t i = 0; !err && i < was_count; i++)
		if (!among(&was[i], g->locals, g->local_count))
			rib_local_remove(&g->rib, &was[i], touched);
	return err;
}

static void follow_tunnels(struct gateway *g, struct touched *touched)
{
	for (size_t i = 0; i < g->config.connection_count; i++)
		rib_set_present(&g->rib, i, rib_present(&g->config, &g->ids, i, is_present, g),
				touched);
}

/* Not yet harm, but the next route may find no room. */
static void report_full(struct gateway *g)
{
	struct prefix v4 = { .address.family = AF_INET }, v6 = { .address.family = AF_INET6 };

	if (g->groups.used == g->groups.limit)
		gateway_alarm(g,
			      "all %zu groups are in use: a route with another set of next hops "
			      "is refused",
			      g->groups.limit);
	if (!forwarding_has_room(g, &v4))
		gateway_alarm(g, "the dataplane holds %zu IPv4 routes: another one is refused",
			      g->held[0]);
	if (!forwarding_has_room(g, &v6))
		gateway_alarm(g, "the dataplane holds %zu IPv6 routes: another one is refused",
			      g->held[1]);
}

int forwarding_follow(struct gateway *g, const struct address *was, size_t was_count)
{
	struct touched touched = { 0 };
	int err = follow_locals(g, was, was_count, &touched), followed;

	follow_tunnels(g, &touched);
	followed = update_tables(g, &touched);
	if (followed)
		touched_move(&g->pending, &touched);
	touched_free(&touched);
	followed = follow_pending(g);
	report_full(g);
	return err ? err : followed;
}

/* ---- one route ---- */

/* What cannot be done to the maps is left: to be taken back by the caller, or to wait. */
static int carry_out(struct gateway *g, struct touched *touched, bool wait)
{
	int err = follow(g, touched);

	if (err && wait)
		touched_move(&g->pending, touched);
	touched_free(touched);
	gateway_request_slow_path(g);
	return wait ? 0 : err;
}

struct learning {
	struct gateway *g;
	size_t connection;
	struct touched touched;
};

static int learn_route(const struct prefix *p, tunnel_mask accepted, void *context)
{
	struct learning *l = context;

	return rib_learned_route_set(&l->g->rib, l->connection, p, accepted, &l->touched);
}

int forwarding_learn(struct gateway *g)
{
	struct learning l = { .g = g };
	int err = 0, one;

	for (; g->learned && l.connection < g->config.connection_count; l.connection++) {
		one = learned_settle(g->learned[l.connection], learn_route, &l);
		err = err ? err : one;
	}
	if (!touched_any(&l.touched))
		return err;
	monitor_because(g, "BGP routes changed");
	one = carry_out(g, &l.touched, true);
	return err ? err : one;
}

static int add_connection_route(struct gateway *g, size_t connection, const struct prefix *p)
{
	struct config_connection *c = &g->config.connections[connection];
	struct touched touched = { 0 };
	int err = config_add_connection_route(c, p);

	if (err)
		return err;
	slow_path_touch_configured(&g->slow, p);
	err = rib_connection_route_add(&g->rib, connection, p, &touched);
	if (!err) {
		err = carry_out(g, &touched, false);
		if (!err)
			return 0;
		rib_connection_route_remove(&g->rib, connection, p, &touched);
		carry_out(g, &touched, true);
	}
	config_remove_connection_route(c, p);
	return err;
}

static int remove_connection_route(struct gateway *g, size_t connection, const struct prefix *p)
{
	struct touched touched = { 0 };
	int err;

	slow_path_touch_configured(&g->slow, p);
	err = rib_connection_route_remove(&g->rib, connection, p, &touched);
	if (err)
		return err;
	carry_out(g, &touched, true);
	config_remove_connection_route(&g->config.connections[connection], p);
	return 0;
}

int gateway_connection_route(struct gateway *g, size_t connection, const struct prefix *p, bool add)
{
	struct prefix own = *p; /* may be one of those in the configuration */
	bool there = rib_own_route(&g->rib, connection, &own).destination;

	if (add && there)
		return -EEXIST;
	return add ? add_connection_route(g, connection, &own)
		   : remove_connection_route(g, connection, &own);
}

static int add_table_route(struct gateway *g, size_t table, const struct config_table_route *route)
{
	struct config_table *t = &g->config.tables[table];
	struct touched touched = { 0 };
	int err = config_add_table_route(t, route);

	if (err)
		return err;
	err = rib_table_route_add(&g->rib, table, route, &touched);
	if (!err) {
		err = carry_out(g, &touched, false);
		if (!err)
			return 0;
		rib_table_route_remove(&g->rib, table, route, &touched);
		carry_out(g, &touched, true);
	}
	config_remove_table_route(t, route);
	return err;
}

static int remove_table_route(struct gateway *g, size_t table,
			      const struct config_table_route *route)
{
	struct touched touched = { 0 };
	int err = rib_table_route_remove(&g->rib, table, route, &touched);

	if (err)
		return err;
	carry_out(g, &touched, true);
	config_remove_table_route(&g->config.tables[table], route);
	return 0;
}

int gateway_table_route(struct gateway *g, size_t table, const struct config_table_route *route,
			bool add)
{
	struct config_table_route own = *route; /* may be one of those in the configuration */
	bool there = config_has_table_route(&g->config.tables[table], &own);

	if (add && there)
		return -EEXIST;
	return add ? add_table_route(g, table, &own) : remove_table_route(g, table, &own);
}
