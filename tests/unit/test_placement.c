/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * D13 with drains and gates: long random lives of a group, each step looked at from all sides; and
 * what packets meet between the liveness word's fall and the refreshed group.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "../../user/core/placement.h"

#define LIVES 100
#define STEPS 80

static uint32_t random_state;

static uint32_t any(uint32_t limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return random_state % limit;
}

/* Tunnels 0..15. */
struct world {
	bool live[MAX_MEMBERS];
	uint64_t drained[MAX_MEMBERS];
	bool gated[MAX_MEMBERS];   /* what moves to it waits */
	bool overdue[MAX_MEMBERS]; /* drained, and its deadline is over */
	uint64_t order;
	struct member_set set;
	struct placement p;
	bool packet_live[MAX_MEMBERS]; /* the liveness words */
};

static bool is_live(uint32_t tunnel, const void *context)
{
	return ((const struct world *)context)->live[tunnel];
}

static uint64_t drain_order(uint32_t tunnel, const void *context)
{
	return ((const struct world *)context)->drained[tunnel];
}

static bool waits(uint32_t from, uint32_t to, const void *context)
{
	const struct world *w = context;

	return w->drained[from] ? !w->overdue[from] : w->gated[to];
}

static struct tunnel_view view_of(const struct world *w)
{
	return (struct tunnel_view){ is_live, drain_order, waits, w };
}

static bool refresh(struct world *w)
{
	const struct tunnel_view v = view_of(w);

	return placement_refresh(&w->p, &w->set, &v);
}

static struct member_set carriers_of(const struct world *w)
{
	const struct tunnel_view v = view_of(w);
	struct member_set set;

	placement_carriers(&w->set, &v, &set);
	return set;
}

static bool carries(const struct world *w, uint16_t tunnel)
{
	struct member_set set = carriers_of(w);

	for (unsigned i = 0; i < set.count; i++)
		if (set.members[i].tunnel == tunnel)
			return true;
	return false;
}

static unsigned any_live(const struct world *w)
{
	unsigned count = 0;

	for (unsigned i = 0; i < w->set.count; i++)
		count += w->live[w->set.members[i].tunnel];
	return count;
}

static unsigned fair_share(const struct world *w, uint16_t tunnel)
{
	struct member_set set = carriers_of(w);
	unsigned sum = 0, own = 0;

	for (unsigned i = 0; i < set.count; i++) {
		sum += set.members[i].weight;
		if (set.members[i].tunnel == tunnel)
			own = set.members[i].weight;
	}
	return sum && own * GROUP_BUCKETS >= sum ? own * GROUP_BUCKETS / sum : 1;
}

/* The program's choice (bpf/steer.h), told once more; tests/bpf/test_groups.c compares the two. */
static uint16_t packet_takes(const struct world *w, const struct group *g, unsigned b)
{
	const struct bucket *k = &g->buckets[b];

	if (k->tunnel != BUCKET_EMPTY && w->packet_live[k->tunnel])
		return k->tunnel;
	if (k->spare != BUCKET_EMPTY && w->packet_live[k->spare])
		return k->spare;
	for (unsigned i = 1; i < GROUP_BUCKETS; i++) {
		uint16_t tunnel = g->buckets[bucket_probe(b, i)].tunnel;

		if (tunnel != BUCKET_EMPTY && w->packet_live[tunnel])
			return tunnel;
	}
	for (unsigned i = 0; i < GROUP_MEMBERS && g->reserve[i] != BUCKET_EMPTY; i++)
		if (w->packet_live[g->reserve[i]])
			return g->reserve[i];
	return BUCKET_EMPTY;
}

/* ---- what must hold after each step ---- */

static void assert_sound(const struct world *w)
{
	unsigned waiting = 0;

	for (unsigned b = 0; b < GROUP_BUCKETS; b++) {
		const struct bucket *k = &w->p.content.buckets[b];
		uint16_t meant = w->p.meant[b];

		if (!any_live(w)) {
			assert_int_equal(k->tunnel, BUCKET_EMPTY);
			assert_int_equal(k->spare, BUCKET_EMPTY);
			continue;
		}
		assert_true(w->live[k->tunnel]);
		assert_true(carries(w, meant));
		assert_true(k->spare != k->tunnel);
		assert_true(k->spare == BUCKET_EMPTY ? any_live(w) == 1 : w->live[k->spare]);
		waiting += k->tunnel != meant;
	}
	assert_int_equal(waiting, w->p.waiting);
}

/* Each member's loss, foretold bucket by bucket; with the words fallen first, as it happens. */
static void assert_spares_foretell(const struct world *w)
{
	for (unsigned i = 0; i < w->set.count; i++) {
		uint16_t lost = w->set.members[i].tunnel;
		struct world then = *w;

		if (!w->live[lost])
			continue;
		then.live[lost] = then.packet_live[lost] = false;
		refresh(&then);
		for (unsigned b = 0; b < GROUP_BUCKETS; b++)
			assert_int_equal(packet_takes(&then, &w->p.content, b),
					 then.p.content.buckets[b].tunnel);
	}
}

static void assert_again_changes_nothing(const struct world *w)
{
	struct world again = *w;

	assert_false(refresh(&again));
	assert_memory_equal(again.p.meant, w->p.meant, sizeof(w->p.meant));
}

/* ---- steps ---- */

static void assert_loss(const struct group *before, const struct group *after, uint16_t lost)
{
	for (unsigned b = 0; b < GROUP_BUCKETS; b++)
		if (before->buckets[b].tunnel != lost)
			assert_int_equal(before->buckets[b].tunnel, after->buckets[b].tunnel);
	assert_int_equal(ecmp_moved(before, after), ecmp_count(before, lost));
}

static void lose(struct world *w, uint16_t tunnel)
{
	struct group before = w->p.content;

	w->live[tunnel] = w->packet_live[tunnel] = false;
	refresh(w);
	assert_loss(&before, &w->p.content, tunnel);
}

/* It carries again: after a loss, or a drain. */
static void expect_return(const struct world *w, const struct placement *before, uint16_t tunnel,
			  bool somebody)
{
	unsigned meant = 0;

	for (unsigned b = 0; b < GROUP_BUCKETS; b++) {
		uint16_t is = w->p.content.buckets[b].tunnel;

		if (is == before->content.buckets[b].tunnel)
			continue;
		assert_true(is == tunnel || w->drained[before->content.buckets[b].tunnel] ||
			    !somebody);
	}
	for (unsigned b = 0; b < GROUP_BUCKETS; b++)
		meant += w->p.meant[b] == tunnel && before->meant[b] != tunnel &&
			 before->content.buckets[b].tunnel != tunnel;
	if (somebody && carriers_of(w).count > 1)
		assert_true(meant <= fair_share(w, tunnel));
	if (w->gated[tunnel] && somebody)
		for (unsigned b = 0; b < GROUP_BUCKETS; b++) {
			uint16_t was = before->content.buckets[b].tunnel;

			/* Only off a tunnel that is overdue. */
			if (was != BUCKET_EMPTY && !w->overdue[was])
				assert_int_equal(was, w->p.content.buckets[b].tunnel);
		}
}

static void come_back(struct world *w, uint16_t tunnel)
{
	struct placement before = w->p;
	bool somebody = any_live(w);

	w->live[tunnel] = w->packet_live[tunnel] = true;
	w->gated[tunnel] = any(2);
	refresh(w);
	if (w->drained[tunnel] && somebody)
		assert_false(carries(w, tunnel) && ecmp_moved(&before.content, &w->p.content) &&
			     carriers_of(w).count > 1);
	else
		expect_return(w, &before, tunnel, somebody);
}

static void drain(struct world *w, uint16_t tunnel)
{
	struct group before = w->p.content;

	w->drained[tunnel] = ++w->order;
	w->overdue[tunnel] = false;
	refresh(w);
	assert_int_equal(0, ecmp_moved(&before, &w->p.content)); /* nothing at once */
	if (w->live[tunnel] && !carries(w, tunnel))
		for (unsigned b = 0; b < GROUP_BUCKETS; b++)
			assert_int_not_equal(w->p.meant[b], tunnel);
}

static void undrain(struct world *w, uint16_t tunnel)
{
	struct placement before = w->p;
	bool alone = any_live(w) == 1;
	unsigned kept = 0, had;

	w->drained[tunnel] = 0;
	w->overdue[tunnel] = false;
	w->gated[tunnel] = any(2);
	refresh(w);
	if (!w->live[tunnel] || alone) {
		assert_int_equal(0, ecmp_moved(&before.content, &w->p.content));
		return;
	}
	expect_return(w, &before, tunnel, true);
	/* What it still had stays, as far as it is its share. */
	for (unsigned b = 0; b < GROUP_BUCKETS; b++)
		kept += before.content.buckets[b].tunnel == tunnel && w->p.meant[b] == tunnel;
	had = ecmp_count(&before.content, tunnel);
	assert_true(kept >= (had < fair_share(w, tunnel) ? had : fair_share(w, tunnel)));
}

struct idle {
	const struct world *w;
	unsigned part; /* of 4 */
	bool free[GROUP_BUCKETS];
};

static bool bucket_free(unsigned bucket, uint16_t from, uint16_t to, void *context)
{
	struct idle *i = context;

	i->free[bucket] = !waits(from, to, i->w) || any(4) < i->part;
	return i->free[bucket];
}

/* Some fall idle. */
static void settle(struct world *w, unsigned part)
{
	struct placement before = w->p;
	const struct tunnel_view v = view_of(w);
	struct idle idle = { .w = w, .part = part };
	unsigned moved = placement_settle(&w->p, &w->set, &v, bucket_free, &idle);

	assert_int_equal(moved, ecmp_moved(&before.content, &w->p.content));
	assert_memory_equal(before.meant, w->p.meant, sizeof(before.meant));
	for (unsigned b = 0; b < GROUP_BUCKETS; b++)
		assert_int_equal(w->p.content.buckets[b].tunnel,
				 idle.free[b] ? before.meant[b] : before.content.buckets[b].tunnel);
	if (part == 4)
		assert_int_equal(w->p.waiting, 0);
}

static void step(struct world *w)
{
	uint16_t tunnel = w->set.members[any(w->set.count)].tunnel;

	switch (any(5)) {
	case 0:
	case 1:
		if (w->live[tunnel])
			lose(w, tunnel);
		else
			come_back(w, tunnel);
		break;
	case 2:
		if (w->drained[tunnel])
			undrain(w, tunnel);
		else
			drain(w, tunnel);
		break;
	case 3:
		w->overdue[tunnel] = w->drained[tunnel];
		w->gated[tunnel] &= any(2);
		settle(w, 0);
		break;
	default:
		settle(w, any(5));
	}
}

static void begin(struct world *w, unsigned max_weight)
{
	unsigned n = 1 + any(MAX_MEMBERS);

	*w = (struct world){ .set = { .count = (uint8_t)n } };
	for (unsigned i = 0; i < n; i++) {
		w->set.members[i] = (struct member){ (uint16_t)i, (uint16_t)(1 + any(max_weight)) };
		w->live[i] = w->packet_live[i] = true;
	}
	placement_start(&w->p, NULL);
	refresh(w);
}

static void live_lives(unsigned max_weight)
{
	random_state = 20261127 + max_weight;
	for (unsigned life = 0; life < LIVES; life++) {
		struct world w;

		begin(&w, max_weight);
		for (unsigned i = 0; i < STEPS; i++) {
			step(&w);
			assert_sound(&w);
			assert_again_changes_nothing(&w);
			if (i % 8 == 0)
				assert_spares_foretell(&w);
		}
	}
}

static void flows_move_more_than_they_must_among_equal_tunnels(void **state)
{
	(void)state;
	live_lives(1);
}

static void flows_move_more_than_they_must_among_weighted_tunnels(void **state)
{
	(void)state;
	live_lives(8);
	live_lives(256);
}

/* Words fall one after another while the controller is busy, then it catches up. */
static void a_packet_meets_a_dead_tunnel_while_a_live_one_exists(void **state)
{
	(void)state;
	random_state = 4242;
	for (unsigned life = 0; life < LIVES; life++) {
		struct world w;
		unsigned falls;

		begin(&w, 1 + life % 9);
		for (unsigned i = 0; i < 20; i++)
			step(&w);
		falls = any(w.set.count + 1);
		while (falls--) {
			w.packet_live[any(w.set.count)] = false;
			for (unsigned b = 0; b < GROUP_BUCKETS; b++) {
				uint16_t taken = packet_takes(&w, &w.p.content, b);
				uint16_t own = w.p.content.buckets[b].tunnel;
				bool left = false;

				for (unsigned i = 0; i < w.set.count; i++)
					left |= w.packet_live[w.set.members[i].tunnel];
				assert_true(taken != BUCKET_EMPTY ? w.packet_live[taken] : !left);
				if (own != BUCKET_EMPTY && w.packet_live[own])
					assert_int_equal(taken, own);
			}
		}
	}
}

static struct world of(unsigned count)
{
	struct world w = { .set = { .count = (uint8_t)count } };

	for (unsigned i = 0; i < count; i++) {
		w.set.members[i] = (struct member){ (uint16_t)i, 1 };
		w.live[i] = w.packet_live[i] = true;
	}
	placement_start(&w.p, NULL);
	refresh(&w);
	return w;
}

static unsigned has(const struct world *w, uint16_t tunnel)
{
	return ecmp_count(&w->p.content, tunnel);
}

/* All of them lose their words before the controller hears of the first. */
static void a_flow_moves_twice_when_several_tunnels_are_lost_at_once(void **state)
{
	(void)state;
	random_state = 777;
	for (unsigned life = 0; life < LIVES * 4; life++) {
		struct group before;
		struct world w;

		begin(&w, 1 + life % 9);
		for (unsigned i = 0; i < 20; i++)
			step(&w);
		for (unsigned falls = any(w.set.count + 1); falls; falls--) {
			unsigned tunnel = any(w.set.count);

			w.live[tunnel] = w.packet_live[tunnel] = false;
		}
		before = w.p.content;
		refresh(&w);
		for (unsigned b = 0; b < GROUP_BUCKETS; b++)
			assert_int_equal(packet_takes(&w, &before, b),
					 w.p.content.buckets[b].tunnel);
		assert_sound(&w);
		assert_again_changes_nothing(&w);
		assert_spares_foretell(&w);
	}
}

/* What has neither tunnel nor spare left is spread as well, though not to the last bucket. */
static void what_two_lost_tunnels_had_falls_to_one_survivor(void **state)
{
	(void)state;
	for (unsigned n = 4; n <= MAX_MEMBERS; n++)
		for (unsigned a = 0; a < n; a++)
			for (unsigned b = a + 1; b < n; b++) {
				unsigned least = GROUP_BUCKETS, most = 0;
				struct world w = of(n);

				w.live[a] = w.live[b] = false;
				refresh(&w);
				for (unsigned t = 0; t < n; t++) {
					unsigned count = has(&w, (uint16_t)t);

					if (t == a || t == b)
						continue;
					least = count < least ? count : least;
					most = count > most ? count : most;
				}
				assert_true(most - least <= GROUP_BUCKETS / n / 8 + 4);
			}
}

/* ---- stories ---- */

static void a_drain_that_was_undone_leaves_a_trace(void **state)
{
	struct world w = of(3);
	struct group before = w.p.content;

	(void)state;
	drain(&w, 1);
	assert_int_equal(w.p.waiting, 85);
	undrain(&w, 1);
	assert_int_equal(w.p.waiting, 0);
	assert_memory_equal(&before, &w.p.content, sizeof(before));
}

static void the_last_live_tunnel_stops_for_a_drain(void **state)
{
	struct world w = of(3);

	(void)state;
	drain(&w, 1);
	settle(&w, 4);
	assert_int_equal(has(&w, 1), 0);
	drain(&w, 0);
	settle(&w, 4);
	assert_int_equal(has(&w, 2), GROUP_BUCKETS);
	drain(&w, 2); /* all of them: the last one carries on */
	settle(&w, 4);
	assert_int_equal(has(&w, 2), GROUP_BUCKETS);
	assert_int_equal(w.p.waiting, 0);
	lose(&w, 2); /* then the last one before it */
	assert_int_equal(has(&w, 0), GROUP_BUCKETS);
	come_back(&w, 2);
	settle(&w, 4);
	assert_int_equal(has(&w, 2), GROUP_BUCKETS);
}

static void a_gated_return_that_fails_has_moved_flows_about(void **state)
{
	struct world w = of(4);
	struct group before;

	(void)state;
	lose(&w, 3);
	before = w.p.content;
	w.live[3] = w.packet_live[3] = true;
	w.gated[3] = true;
	refresh(&w);
	assert_int_equal(w.p.waiting, 64);
	lose(&w, 3);
	assert_int_equal(w.p.waiting, 0);
	assert_int_equal(0, ecmp_moved(&before, &w.p.content));
}

/* None of those that are left has a bucket: packets go to the one that then carries on. */
static void packets_are_dropped_while_only_drained_tunnels_live(void **state)
{
	struct world w = of(5);
	struct group before;

	(void)state;
	drain(&w, 3);
	drain(&w, 0);
	drain(&w, 1);
	settle(&w, 4);
	before = w.p.content;
	w.live[2] = w.live[4] = w.packet_live[2] = w.packet_live[4] = false;
	for (unsigned b = 0; b < GROUP_BUCKETS; b++)
		assert_int_equal(packet_takes(&w, &before, b), 1);
	refresh(&w);
	assert_int_equal(has(&w, 1), GROUP_BUCKETS);
}

/* What happened while no controller ran was a loss, whatever the weights are now. */
static void a_restart_after_a_loss_moves_flows_of_survivors(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 6 * 6 * 6; n++) {
		unsigned first = n % 6, second = n / 6 % 6;
		uint16_t third = (uint16_t)(n / 36);
		struct world w = of(6);
		struct tunnel_view v = view_of(&w);
		struct group before;

		if (first == second || first == third || second == third)
			continue;
		w.live[first] = w.live[second] = false;
		refresh(&w); /* uneven */
		before = w.p.content;
		w.live[third] = false;
		for (unsigned i = 0; i < 6; i++) /* the configuration has changed as well */
			w.set.members[i].weight = (uint16_t)(1 + i * i);
		placement_adopt(&w.p, &before, &w.set, &v);
		refresh(&w);
		assert_loss(&before, &w.p.content, third);
	}
}

/* Three of four stay: what two of them lost together left uneven is not evened by another set. */
static void a_new_set_evens_what_a_loss_has_left(void **state)
{
	struct world w = of(5);
	struct placement before;

	(void)state;
	w.live[0] = w.live[1] = false;
	refresh(&w);
	before = w.p;
	for (unsigned i = 0; i < 3; i++)
		w.set.members[i] = w.set.members[i + 2];
	w.set.count = 3;
	placement_start(&w.p, &before);
	refresh(&w);
	assert_int_equal(0, ecmp_moved(&before.content, &w.p.content));
}

static void new_weights_of_the_same_tunnels_are_forgotten(void **state)
{
	struct world w = of(2);
	struct placement before = w.p;

	(void)state;
	w.set.members[0].weight = 3;
	placement_start(&w.p, &before);
	refresh(&w);
	assert_int_equal(has(&w, 0), 192);
}

/* The aim of a bucket that waits is in its spare: all that a restarted controller can read. */
static void a_restart_forgets_where_drained_buckets_were_to_go(void **state)
{
	(void)state;
	random_state = 99;
	for (unsigned life = 0; life < LIVES; life++) {
		struct world w;
		struct tunnel_view v = view_of(&w);
		struct placement before;

		begin(&w, 1 + life % 5);
		for (unsigned i = 0; i < 30; i++) {
			step(&w);
			memset(w.gated, 0, sizeof(w.gated));
		}
		settle(&w, 0);
		before = w.p;
		placement_adopt(&w.p, &before.content, &w.set, &v);
		w.p.reweigh = false;
		assert_false(refresh(&w));
		assert_memory_equal(before.meant, w.p.meant, sizeof(before.meant));
	}
}

static void a_new_group_uses_a_drained_tunnel(void **state)
{
	struct world w = of(4);

	(void)state;
	w.drained[2] = 1;
	placement_start(&w.p, NULL);
	refresh(&w);
	assert_int_equal(has(&w, 2), 0);
	assert_int_equal(w.p.waiting, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flows_move_more_than_they_must_among_equal_tunnels),
		cmocka_unit_test(flows_move_more_than_they_must_among_weighted_tunnels),
		cmocka_unit_test(a_packet_meets_a_dead_tunnel_while_a_live_one_exists),
		cmocka_unit_test(a_flow_moves_twice_when_several_tunnels_are_lost_at_once),
		cmocka_unit_test(what_two_lost_tunnels_had_falls_to_one_survivor),
		cmocka_unit_test(a_drain_that_was_undone_leaves_a_trace),
		cmocka_unit_test(the_last_live_tunnel_stops_for_a_drain),
		cmocka_unit_test(a_gated_return_that_fails_has_moved_flows_about),
		cmocka_unit_test(a_restart_forgets_where_drained_buckets_were_to_go),
		cmocka_unit_test(a_new_group_uses_a_drained_tunnel),
		cmocka_unit_test(packets_are_dropped_while_only_drained_tunnels_live),
		cmocka_unit_test(a_restart_after_a_loss_moves_flows_of_survivors),
		cmocka_unit_test(a_new_set_evens_what_a_loss_has_left),
		cmocka_unit_test(new_weights_of_the_same_tunnels_are_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
