/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is told next: some of the marks, or a step of the sweep. The same entries are asked what
 * they came out as for what the kernel has, and what they come out as now; io tells the difference.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "host_build.h"
#include "slow_path_internal.h"

#define VISITS 16 /* entries looked at for each that may be taken */

struct unit {
	size_t table; /* slow_path_tables(): none of them, a destination-based route */
	struct prefix prefix;
};

struct taking {
	struct slow_path *s;
	size_t table;
	bool deleting;
	struct prefix at; /* the last one looked at */
	size_t visits;
	size_t count, most;
	struct unit *units;
};

static bool take(struct taking *t, const struct prefix *p, bool wanted)
{
	t->at = *p;
	if (wanted)
		t->units[t->count++] = (struct unit){ t->table, *p };
	return t->count == t->most || ++t->visits == VISITS * t->most;
}

/* ---- which ---- */

static int take_mark(const struct prefix *p, void *data, void *context)
{
	struct taking *t = context;

	(void)data;
	return take(t, p, true);
}

static int take_mark_in_turn(const struct prefix *p, void *data, void *context)
{
	struct taking *t = context;
	bool gone = !trie_exact(&slow_path_table(t->s, t->table)->routes, p);

	(void)data;
	return take(t, p, gone == t->deleting);
}

size_t slow_path_behind(const struct slow_path *s)
{
	size_t count = s->configured.count;

	for (size_t i = 0; s->known && i < slow_path_tables(s); i++)
		count += slow_path_table(s, i)->behind.count;
	return count;
}

static void take_all_marks(struct taking *t)
{
	for (t->table = 0; t->table < slow_path_tables(t->s); t->table++)
		trie_walk(&slow_path_table(t->s, t->table)->behind, NULL, take_mark, t);
	trie_walk(&t->s->configured, NULL, take_mark, t);
}

static void next_turn(struct slow_path *s)
{
	s->pass.started = false;
	s->deleting = !s->deleting;
	if (!s->deleting)
		s->pass.table++;
	if (s->pass.table > slow_path_tables(s))
		s->pass.table = 0;
}

/* Of one table: what it has, from the most specific one; then what it has no longer. */
static bool take_in_turn(struct taking *t)
{
	struct slow_path *s = t->s;
	const struct prefix *from = s->pass.started ? &s->pass.at : NULL;
	bool full;

	t->table = s->pass.table;
	t->deleting = s->deleting;
	if (t->table >= slow_path_tables(s))
		full = !s->deleting && trie_walk_after(&s->configured, from, take_mark, t);
	else if (t->deleting)
		full = trie_walk_after(&slow_path_table(s, t->table)->behind, from,
				       take_mark_in_turn, t);
	else
		full = trie_walk_back(&slow_path_table(s, t->table)->behind, from,
				      take_mark_in_turn, t);
	if (full) {
		s->pass.started = true;
		s->pass.at = t->at;
	} else {
		next_turn(s);
	}
	return full;
}

static void take_marks(struct taking *t)
{
	size_t turns = 2 * (slow_path_tables(t->s) + 2);

	if (slow_path_behind(t->s) <= t->most) {
		take_all_marks(t);
		return;
	}
	while (turns-- && !take_in_turn(t))
		;
}

static int take_concerned(const struct prefix *p, void *data, void *context)
{
	struct taking *t = context;
	const struct fib_answer *told = slow_path_told(slow_path_table(t->s, t->table), p);

	(void)data;
	return take(t, p, told && slow_path_concerned(t->s, told));
}

static bool any_concerned(const struct fib_answer *a, const void *context)
{
	return slow_path_concerned(context, a);
}

/* What the table has no longer, and the kernel still has. What it has counts as looked at, or each
 * step would go through all that is behind. */
static int take_hidden(const struct prefix *p, void *data, void *context)
{
	struct taking *t = context;
	const struct fib_table *table = slow_path_table(t->s, t->table);

	if (trie_exact(&table->routes, p))
		return take(t, p, false);
	return take_concerned(p, data, context);
}

static void drop_behind(struct taking *t, const struct prefix *at)
{
	size_t kept = 0;

	for (size_t i = 0; i < t->count; i++)
		if (prefix_compare(&t->units[i].prefix, at) <= 0)
			t->units[kept++] = t->units[i];
	t->count = kept;
}

/* As far as both walks went: false, to the end of the table. */
static bool sweep_table(struct taking *t, const struct prefix *from, struct prefix *at)
{
	const struct fib_table *table = slow_path_table(t->s, t->table);
	bool stopped = trie_walk_after(&table->behind, from, take_hidden, t);
	struct prefix hidden = t->at;

	t->visits = 0;
	t->most *= 2;
	if (trie_walk_after(&table->routes, from, take_concerned, t)) {
		*at = stopped && prefix_compare(&hidden, &t->at) < 0 ? hidden : t->at;
		stopped = true;
	} else {
		*at = hidden;
	}
	if (stopped)
		drop_behind(t, at);
	return stopped;
}

/* Where the sweep is after this step. */
static struct slow_path_place take_swept(struct taking *t)
{
	struct slow_path_place to = t->s->sweep;

	for (; to.table < t->s->tables; to.table++, to.started = false)
		if (answers_any(&slow_path_table(t->s, to.table)->answers, any_concerned, t->s))
			break;
	if (to.table == t->s->tables)
		return to;
	t->table = to.table;
	to.started = sweep_table(t, to.started ? &t->s->sweep.at : NULL, &to.at);
	to.table += !to.started;
	return to;
}

/* ---- what they are ---- */

static const struct host_facts *facts_at(const struct slow_path *s, size_t table,
					 const struct prefix *p)
{
	bool past = s->sweeping && table < s->sweep.table;

	if (s->sweeping && table == s->sweep.table && s->sweep.started)
		past = prefix_compare(p, &s->sweep.at) <= 0;
	return past ? &s->next : &s->told;
}

/* The first connection, as they are written, with a way to `p`. */
static void emit_reply(struct host_builder *b, const struct slow_path *s, const struct prefix *p)
{
	const struct fib_answer *first = NULL;
	size_t index = SIZE_MAX;

	for (size_t i = 0; i < s->fib->count; i++) {
		const struct fib_table *t = &s->fib->tables[i];
		const struct fib_answer *told;

		if (!t->connection || t->retired || t->index >= index || !host_replies(b, t->index))
			continue;
		told = slow_path_told(t, p);
		if (!told || told->kind != FIB_TUNNELS)
			continue;
		first = told;
		index = t->index;
		b->facts = facts_at(s, i, p);
	}
	if (first)
		host_emit_reply(b, p, first);
}

static void emit_entry(struct host_builder *b, const struct slow_path *s, const struct unit *u)
{
	const struct fib_table *t = slow_path_table(s, u->table);
	const struct fib_answer *told = slow_path_told(t, &u->prefix);

	b->facts = facts_at(s, u->table, &u->prefix);
	if (t >= s->fib->tables && t < s->fib->tables + s->fib->count) {
		if (t->retired)
			return;
		if (told && !t->connection)
			host_emit_transit(b, t, &u->prefix, told);
		if (told && t->connection)
			host_emit_own(b, t->index, &u->prefix, told);
		if (t->connection)
			emit_reply(b, s, &u->prefix);
		return;
	}
	if (told && u->table >= s->fib->count + 2 * s->connections)
		host_emit_default(b, t->index, &u->prefix, told);
	else if (told)
		host_emit_leak(b, t->index, u->table < s->fib->count + s->connections, &u->prefix,
			       told);
}

static void emit_configured(struct host_builder *b, const struct slow_path *s,
			    const struct prefix *p)
{
	const void *mark = trie_exact(&s->configured, p);

	if (mark ? mark == &slow_path_was_there : slow_path_configured(s, p))
		host_emit_configured(b, p);
	host_emit_guards(b, p);
}

static struct host_builder builder(const struct slow_path *s)
{
	return (struct host_builder){
		.c = s->rib->config,
		.ids = s->rib->ids,
		.rib = s->rib,
		.fib = s->fib,
		.facts = &s->told,
		.ipv6 = s->ipv6,
	};
}

static int finish(struct host_builder *b, struct host_plan *out)
{
	free(b->runs);
	if (!b->error)
		b->error = host_sort_routes(&b->plan);
	if (b->error) {
		host_plan_free(&b->plan);
		return b->error;
	}
	*out = b->plan;
	return 0;
}

static int emit(const struct slow_path *s, const struct taking *t, struct host_plan *out)
{
	struct host_builder b = builder(s);

	for (size_t i = 0; i < t->count; i++)
		if (t->units[i].table < slow_path_tables(s))
			emit_entry(&b, s, &t->units[i]);
		else
			emit_configured(&b, s, &t->units[i].prefix);
	return finish(&b, out);
}

static void unmark(struct slow_path *s, const struct taking *t)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->units[i].table < slow_path_tables(s))
			slow_path_unmark(slow_path_table(s, t->units[i].table),
					 &t->units[i].prefix);
		else
			trie_remove(&s->configured, &t->units[i].prefix);
}

/* ---- steps ---- */

static int tell_marks(struct slow_path *s, struct taking *t, struct slow_path_slice *out)
{
	int err;

	take_marks(t);
	err = emit(s, t, &out->was);
	unmark(s, t);
	if (!err)
		err = emit(s, t, &out->now);
	return err;
}

/* Routes through devices that are in question, of those that need no table. */
static int tell_devices(struct slow_path *s, struct host_plan *out)
{
	struct host_builder b = builder(s);
	size_t kept = 0;

	host_emit_devices(&b);
	if (!b.error)
		b.error = host_sort_routes(
			&b.plan); /* what loses to another one is not in question */
	for (size_t i = 0; !b.error && i < b.plan.route_count; i++) {
		const struct host_route *r = &b.plan.routes[i];
		bool concerned = false;

		for (uint8_t k = 0; k < r->hop_count; k++)
			for (size_t d = 0; d < s->device_count; d++)
				concerned |= !strcmp(b.plan.hops[r->first_hop + k].device,
						     s->devices[d]);
		if (concerned)
			b.plan.routes[kept++] = *r;
	}
	b.plan.route_count = kept;
	return finish(&b, out);
}

static int tell_swept(struct slow_path *s, struct taking *t, struct slow_path_slice *out)
{
	struct slow_path_place to;
	int err;

	out->rewrite = s->device_count;
	if (!s->devices_done) {
		s->devices_done = true;
		err = tell_devices(s, &out->was);
		return err ? err : tell_devices(s, &out->now);
	}
	if (s->tables != slow_path_tables(s))
		return -EAGAIN; /* tables went from under it */
	to = take_swept(t);
	err = emit(s, t, &out->was);
	s->sweep = to;
	if (!err)
		err = emit(s, t, &out->now);
	if (!err && to.table == s->tables)
		slow_path_sweep_ends(s);
	return err;
}

bool slow_path_any(const struct slow_path *s)
{
	return s->known && (s->sweeping || slow_path_behind(s));
}

int slow_path_take(struct slow_path *s, size_t most, struct slow_path_slice *out)
{
	struct taking t = { .s = s, .most = most, .units = malloc(2 * most * sizeof(*t.units)) };
	struct slow_path_slice slice = { 0 };
	int err = -ENOMEM;

	if (t.units && s->sweeping && (!s->swept_last || !slow_path_behind(s))) {
		s->swept_last = true;
		err = tell_swept(s, &t, &slice);
	} else if (t.units) {
		s->swept_last = false;
		err = tell_marks(s, &t, &slice);
	}
	free(t.units);
	if (err) {
		slow_path_slice_free(&slice);
		slow_path_forget(s);
		return err;
	}
	*out = slice;
	return 0;
}

void slow_path_slice_free(struct slow_path_slice *slice)
{
	host_plan_free(&slice->was);
	host_plan_free(&slice->now);
}
