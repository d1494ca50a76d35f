/* SPDX-License-Identifier: GPL-2.0-only */
/* A preview that is not exactly what then happens is worse than none. */
#include "fib_world.h"
#include "core/preview.h"

#define ROUNDS 400

/* ---- groups ---- */

struct tunnels {
	bool live[MAX_MEMBERS + 1];
	uint64_t drained[MAX_MEMBERS + 1];
	bool gate;
};

static bool member_live(uint32_t tunnel, const void *context)
{
	return ((const struct tunnels *)context)->live[tunnel];
}

static uint64_t member_drained(uint32_t tunnel, const void *context)
{
	return ((const struct tunnels *)context)->drained[tunnel];
}

static bool member_waits(uint32_t from, uint32_t to, const void *context)
{
	const struct tunnels *t = context;

	(void)to;
	return t->drained[from] || t->gate;
}

static struct tunnel_view view_of(const struct tunnels *t)
{
	return (struct tunnel_view){ member_live, member_drained, member_waits, t };
}

static bool any_free(unsigned bucket, uint16_t from, uint16_t to, void *context)
{
	(void)bucket, (void)from, (void)to, (void)context;
	return any(3);
}

static struct member_set any_set(void)
{
	struct member_set set = { .count = 0 };

	for (uint16_t i = 0; i < MAX_MEMBERS; i++)
		if (!any(3))
			set.members[set.count++] =
				(struct member){ i, (uint16_t)(1 + any(4) * any(60)) };
	if (!set.count)
		set.members[set.count++] = (struct member){ 7, 1 };
	return set;
}

/* A group with a past: its tunnels came and went, were drained, waited behind a gate. */
static uint32_t any_group(struct groups *g, struct tunnels *t)
{
	const struct tunnel_view view = view_of(t);
	struct member_set set = any_set();
	bool made;
	int id;

	*t = (struct tunnels){ .gate = any(2) };
	for (size_t i = 0; i < MAX_MEMBERS; i++)
		t->live[i] = any(4);
	id = groups_get(g, &set, NULL, &view, &made);
	assert_true(id >= 0 && made);
	for (int i = 0; i < 5; i++) {
		t->live[any(MAX_MEMBERS)] = any(3);
		t->drained[any(MAX_MEMBERS)] = any(2) ? (uint64_t)i + 1 : 0;
		groups_refresh(g, (uint32_t)id, &view);
		if (any(2))
			placement_settle(&g->list[id].place, &set, &view, any_free, NULL);
	}
	return (uint32_t)id;
}

static size_t any_down(uint32_t down[MAX_MEMBERS])
{
	size_t count = 1 + any(4);

	for (size_t i = 0; i < count; i++)
		down[i] = any(MAX_MEMBERS); /* twice the same, or a dead one, may happen */
	return count;
}

static bool is_down(const struct preview_loss *loss, uint32_t tunnel)
{
	for (size_t i = 0; i < loss->count; i++)
		if (loss->tunnels[i] == tunnel)
			return true;
	return false;
}

/* That had another tunnel. */
static unsigned arrived(const struct group *was, const struct group *is, uint16_t tunnel)
{
	unsigned count = 0;

	for (unsigned b = 0; b < GROUP_BUCKETS; b++)
		count += is->buckets[b].tunnel == tunnel && was->buckets[b].tunnel != tunnel &&
			 was->buckets[b].tunnel != BUCKET_EMPTY;
	return count;
}

static void expect_group(const struct preview_group *p, const struct group *was,
			 const struct group *is)
{
	unsigned came = 0, buckets = 0, lost = 0;

	assert_memory_equal(is, &p->content, sizeof(*is));
	for (unsigned b = 0; b < GROUP_BUCKETS; b++) {
		buckets += was->buckets[b].tunnel != BUCKET_EMPTY;
		lost += was->buckets[b].tunnel != BUCKET_EMPTY &&
			is->buckets[b].tunnel == BUCKET_EMPTY;
	}
	assert_int_equal(buckets, p->buckets);
	assert_int_equal(lost, p->lost);
	for (size_t i = 0; i < p->to_count; i++) {
		uint16_t tunnel = p->to[i].tunnel;

		came += p->to[i].buckets;
		assert_int_equal(arrived(was, is, tunnel), p->to[i].buckets);
	}
	assert_int_equal(p->moved, came);
}

static void a_group_becomes_what_its_preview_said(void **state)
{
	struct groups g = { 0 };

	(void)state;
	assert_int_equal(0, groups_init(&g, ROUNDS));
	for (uint32_t round = 0; round < ROUNDS; round++) {
		struct tunnels t;
		const struct tunnel_view view = view_of(&t);
		uint32_t down[MAX_MEMBERS], id;
		struct preview_loss loss = { .tunnels = down,
					     .count = any_down(down),
					     .now = &view };
		uint32_t risen = any(MAX_MEMBERS);
		struct preview_group p;
		struct group was;

		seed = round;
		id = any_group(&g, &t);
		was = g.list[id].place.content;
		if (!t.live[risen] && !is_down(&loss, risen)) {
			loss.risen = &risen;
			loss.risen_count = 1;
		}
		preview_group(&g.list[id], &loss, &p);
		assert_memory_equal(&was, &g.list[id].place.content, sizeof(was)); /* only looked */
		for (size_t i = 0; i < loss.count; i++) {
			t.live[down[i]] = false;
			groups_refresh(&g, id, &view);
		}
		if (loss.risen_count) {
			t.live[risen] = true;
			groups_refresh(&g, id, &view);
		}
		expect_group(&p, &was, &g.list[id].place.content);
		if (!loss.risen_count)
			assert_int_equal(ecmp_moved(&was, &p.content), p.moved + p.lost);
		groups_release(&g, id);
	}
	groups_free(&g);
}

/* dc-1 and dc-2 share flows, dc-1 goes: those of dc-2 stay, though a group of dc-2 alone was there.
 */
static void survivors_move_to_the_layout_of_a_group_that_carried_nothing(void **state)
{
	struct member_set both = { { { 1, 1 }, { 2, 1 }, { 3, 1 }, { 4, 1 } }, 4 };
	struct member_set one = { { { 3, 1 }, { 4, 1 } }, 2 };
	struct tunnels t = { .live = { false, true, true, true, true } };
	const struct tunnel_view view = view_of(&t);
	struct groups g = { 0 };
	int all, left;
	bool made;

	(void)state;
	assert_int_equal(0, groups_init(&g, 2));
	left = groups_get(&g, &one, NULL, &view, &made);
	all = groups_get(&g, &both, NULL, &view, &made);
	groups_hold(&g, (uint32_t)left, false);
	groups_hold(&g, (uint32_t)all, true);
	t.live[1] = t.live[2] = false;
	groups_refresh(&g, (uint32_t)all, &view);
	groups_refresh(&g, (uint32_t)left, &view);
	assert_int_equal(g.list[left].carries, 0);
	assert_int_equal(g.list[all].carries, 1);
	assert_true(groups_reseed(&g, (uint32_t)left, &g.list[all].place, &view));
	assert_int_equal(0, ecmp_moved(&g.list[all].place.content, &g.list[left].place.content));
	groups_drop(&g, (uint32_t)all, true);
	assert_int_equal(-ENOENT, groups_find(&g, &both));
	groups_free(&g);
}

static void losing_every_member_moves_nothing_and_loses_all(void **state)
{
	struct member_set set = { { { 1, 1 }, { 2, 1 } }, 2 };
	struct tunnels t = { .live = { false, true, true } };
	const struct tunnel_view view = view_of(&t);
	const uint32_t down[] = { 2, 1 };
	const struct preview_loss loss = { .tunnels = down, .count = 2, .now = &view };
	struct groups g = { 0 };
	struct preview_group p;
	bool made;

	(void)state;
	assert_int_equal(0, groups_init(&g, 1));
	assert_int_equal(0, groups_get(&g, &set, NULL, &view, &made));
	preview_group(&g.list[0], &loss, &p);
	assert_int_equal(GROUP_BUCKETS, p.buckets);
	assert_int_equal(GROUP_BUCKETS, p.lost);
	assert_int_equal(0, p.moved);
	assert_int_equal(0, p.to_count);
	groups_free(&g);
}

/* ---- routes ---- */

/* The tunnels in Phase 2 of each connection, when they are other ones. */
static void any_present(const struct world *w, bool only_fewer, tunnel_mask present[CONNECTIONS])
{
	for (size_t i = 0; i < CONNECTIONS; i++) {
		tunnel_mask most = (tunnel_mask)((1u << w->connections[i].tunnel_count) - 1);

		present[i] = (tunnel_mask)any(4) & most;
		if (only_fewer)
			present[i] &= w->rib.present[i];
	}
}

static struct fib_answer entry_at(const struct fib_table *t, const struct prefix *p)
{
	const struct fib_answer *a = trie_longest(&t->routes, &p->address, p->len, NULL);

	return a ? *a : (struct fib_answer){ .kind = FIB_NONE };
}

static const struct preview_routes *previewed(const struct preview_routes *list, size_t table,
					      const struct prefix *p)
{
	for (; list; list = list->next)
		for (size_t i = 0; list->table == table && i < list->prefixes.count; i++)
			if (prefix_equal(&list->prefixes.list[i], p))
				return list;
	return NULL;
}

struct after {
	const struct world *world; /* really changed */
	const struct fib *was;	   /* before */
	const struct fib_table *table;
	const struct preview_routes *list;
};

/* A prefix without a usable route of its own fares as what is around it. */
static bool covered(const struct after *a, const struct prefix *p)
{
	for (const struct preview_routes *l = a->list; l; l = l->next)
		for (size_t i = 0; l->table == a->table->index && i < l->prefixes.count; i++)
			if (prefix_contains(&l->prefixes.list[i], p))
				return true;
	return false;
}

/* What the preview said of this prefix, or its silence, is what became of it. */
static int expect_fate(const struct prefix *p, void *data, void *context)
{
	const struct after *a = context;
	const struct preview_routes *said = previewed(a->list, a->table->index, p);
	struct fib_answer was = entry_at(fib_find(a->was, a->table->id), p);
	struct fib_answer is = entry_at(a->table, p);

	(void)data;
	if (!said) {
		assert_true(was.kind == FIB_NONE || fib_answer_equal(&was, &is) || covered(a, p));
		return 0;
	}
	assert_true(fib_answer_equal(&said->was, &was));
	assert_true(fib_answer_equal(&said->is, &is));
	assert_int_equal(said->fate == PREVIEW_NO_PATH, is.kind == FIB_NONE);
	return 0;
}

static void expect_silence(const struct after *a)
{
	struct address at = any_address();
	struct prefix host = prefix_of(&at, address_bits(&at));
	struct fib_answer was = fib_lookup(fib_find(a->was, a->table->id), &at, NULL);
	struct fib_answer is = fib_lookup(a->table, &at, NULL);

	assert_true(was.kind == FIB_NONE || fib_answer_equal(&was, &is) || covered(a, &host));
}

static void expect_table(const struct after *a)
{
	const struct rib *r = &a->world->rib;

	trie_walk(&r->tables[a->table->index], NULL, expect_fate, (void *)a);
	for (size_t i = 0; i < CONNECTIONS; i++)
		trie_walk(&r->connections[i], NULL, expect_fate, (void *)a);
	for (int i = 0; i < 200; i++)
		expect_silence(a);
}

/* Changes the rib for good and compiles anew. */
static void really_change(struct world *w, const tunnel_mask present[CONNECTIONS])
{
	struct touched touched = { 0 };

	for (size_t i = 0; i < CONNECTIONS; i++)
		rib_set_present(&w->rib, i, present[i], &touched);
	touched_free(&touched);
	assert_int_equal(0, fib_compile(&w->rib, &w->fib));
}

static void routes_fare_as_the_preview_said(void **state)
{
	size_t said = 0;

	(void)state;
	for (uint32_t round = 0; round < ROUNDS; round++) {
		struct world *w = world_new(round);
		tunnel_mask present[CONNECTIONS];
		struct preview_routes *list;
		struct fib was = w->fib;
		struct rib what_if;

		any_present(w, true, present);
		rib_what_if(&w->rib, present, &what_if);
		assert_int_equal(0, preview_routes(&w->rib, &what_if, &list));
		really_change(w, present);
		for (size_t i = 0; i < w->fib.count; i++)
			if (!w->fib.tables[i].connection && w->fib.tables[i].view == VIEW_ALL)
				expect_table(&(struct after){ w, &was, &w->fib.tables[i], list });
		said += list != NULL;
		preview_routes_free(list);
		fib_free(&was);
		world_free(w);
	}
	assert_true(said > ROUNDS / 2);
}

struct both {
	const struct rib *what_if, *really;
	size_t table;
};

static int expect_same_answer(const struct prefix *p, void *data, void *context)
{
	const struct both *b = context;

	(void)data;
	for (int view = 0; view < VIEWS; view++) {
		struct fib_answer x = rib_answer(b->what_if, b->table, (enum view)view, p);
		struct fib_answer y = rib_answer(b->really, b->table, (enum view)view, p);

		assert_true(fib_answer_equal(&x, &y));
	}
	return 0;
}

/* Tunnels that come, too: a what-if is not about losses alone. */
static void a_what_if_answers_as_the_changed_rib_does(void **state)
{
	(void)state;
	for (uint32_t round = 0; round < ROUNDS; round++) {
		struct world *w = world_new(round), *other = world_new(round);
		tunnel_mask present[CONNECTIONS];
		struct rib what_if;

		any_present(w, false, present);
		rib_what_if(&w->rib, present, &what_if);
		fib_free(&other->fib);
		really_change(other, present);
		for (size_t t = 0; t < TABLES; t++) {
			struct both b = { &what_if, &other->rib, t };

			trie_walk(&w->rib.tables[t], NULL, expect_same_answer, &b);
			for (size_t i = 0; i < CONNECTIONS; i++)
				trie_walk(&w->rib.connections[i], NULL, expect_same_answer, &b);
		}
		world_free(w);
		world_free(other);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_group_becomes_what_its_preview_said),
		cmocka_unit_test(survivors_move_to_the_layout_of_a_group_that_carried_nothing),
		cmocka_unit_test(losing_every_member_moves_nothing_and_loses_all),
		cmocka_unit_test(routes_fare_as_the_preview_said),
		cmocka_unit_test(a_what_if_answers_as_the_changed_rib_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
