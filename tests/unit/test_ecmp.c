/* SPDX-License-Identifier: GPL-2.0-only */
/* Buckets of a group [D13]: who has how many, who moves when, and that a spare tells the future. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "fill.h"

#define SEQUENCES 400
#define STEPS	  60

/* xorshift: the same numbers on every machine. */
static uint32_t random_state;

static uint32_t random_u32(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return random_state;
}

static unsigned random_below(unsigned limit)
{
	return random_u32() % limit;
}

static struct member_set set_of(unsigned count, const uint16_t *weights)
{
	struct member_set s = { .count = (uint8_t)count };

	for (unsigned i = 0; i < count; i++) {
		s.members[i].tunnel = (uint16_t)(10 + i);
		s.members[i].weight = weights ? weights[i] : 1;
	}
	return s;
}

static struct member_set without(const struct member_set *set, uint16_t tunnel)
{
	struct member_set rest = { .count = 0 };

	for (unsigned i = 0; i < set->count; i++)
		if (set->members[i].tunnel != tunnel)
			rest.members[rest.count++] = set->members[i];
	return rest;
}

static bool has(const struct member_set *set, uint16_t tunnel)
{
	return without(set, tunnel).count != set->count;
}

/* The members of `all` whose bit is set. */
static struct member_set chosen(const struct member_set *all, unsigned bits)
{
	struct member_set s = { .count = 0 };

	for (unsigned i = 0; i < all->count; i++)
		if (bits & 1u << i)
			s.members[s.count++] = all->members[i];
	return s;
}

static unsigned fair_share(const struct member_set *set, uint16_t tunnel)
{
	unsigned sum = 0, own = 0;

	for (unsigned i = 0; i < set->count; i++) {
		sum += set->members[i].weight;
		if (set->members[i].tunnel == tunnel)
			own = set->members[i].weight;
	}
	return sum && own * GROUP_BUCKETS >= sum ? own * GROUP_BUCKETS / sum : 1;
}

static void assert_only_members(const struct group *g, const struct member_set *set)
{
	for (unsigned b = 0; b < GROUP_BUCKETS; b++)
		assert_true(has(set, g->buckets[b].tunnel));
	for (unsigned i = 0; i < set->count; i++)
		assert_true(ecmp_count(g, set->members[i].tunnel) > 0);
}

static void assert_balanced(const struct group *g, const struct member_set *set)
{
	unsigned low = GROUP_BUCKETS, high = set->count ? 0 : GROUP_BUCKETS;

	for (unsigned i = 0; i < set->count; i++) {
		unsigned n = ecmp_count(g, set->members[i].tunnel);

		low = n < low ? n : low;
		high = n > high ? n : high;
	}
	assert_true(high - low <= 1);
}

/* Whatever tunnel is lost next, the program's skip gives the group that the controller will write.
 */
static void assert_spares_foretell(const struct group *g, const struct member_set *set)
{
	for (unsigned i = 0; i < set->count; i++) {
		uint16_t lost = set->members[i].tunnel;
		struct member_set rest = without(set, lost);
		struct group next;

		fill(g, &rest, &next);
		for (unsigned b = 0; b < GROUP_BUCKETS; b++) {
			const struct bucket *now = &g->buckets[b];

			assert_int_equal(now->tunnel == lost ? now->spare : now->tunnel,
					 next.buckets[b].tunnel);
		}
	}
}

static void assert_loss_moves_only_the_lost(const struct group *before, const struct group *after,
					    uint16_t lost)
{
	for (unsigned b = 0; b < GROUP_BUCKETS; b++)
		if (before->buckets[b].tunnel != lost)
			assert_int_equal(after->buckets[b].tunnel, before->buckets[b].tunnel);
}

static void assert_return_moves_only_to_the_returned(const struct group *before,
						     const struct group *after, uint16_t returned)
{
	for (unsigned b = 0; b < GROUP_BUCKETS; b++)
		if (after->buckets[b].tunnel != before->buckets[b].tunnel)
			assert_int_equal(after->buckets[b].tunnel, returned);
}

static void a_group_without_members_is_all_empty(void **state)
{
	struct member_set none = { .count = 0 }, one = set_of(1, NULL);
	struct group g;

	(void)state;
	fill(NULL, &one, &g);
	fill(&g, &none, &g);
	for (unsigned b = 0; b < GROUP_BUCKETS; b++) {
		assert_int_equal(g.buckets[b].tunnel, BUCKET_EMPTY);
		assert_int_equal(g.buckets[b].spare, BUCKET_EMPTY);
	}
}

static void a_single_tunnel_has_no_spare(void **state)
{
	struct member_set one = set_of(1, NULL);
	struct group g;

	(void)state;
	fill(NULL, &one, &g);
	assert_int_equal(ecmp_count(&g, 10), GROUP_BUCKETS);
	for (unsigned b = 0; b < GROUP_BUCKETS; b++)
		assert_int_equal(g.buckets[b].spare, BUCKET_EMPTY);
}

static void two_tunnels_alternate_and_are_each_others_spare(void **state)
{
	struct member_set two = set_of(2, NULL);
	struct group g;

	(void)state;
	fill(NULL, &two, &g);
	for (unsigned b = 0; b < GROUP_BUCKETS; b++) {
		assert_int_equal(g.buckets[b].tunnel, 10 + b % 2);
		assert_int_equal(g.buckets[b].spare, 11 - b % 2);
	}
}

/* Hedgehog dataplane#1801: a dead member stayed in the group as a drop bucket. */
static void a_tunnel_out_of_phase_2_keeps_no_bucket(void **state)
{
	(void)state;
	for (unsigned n = 2; n <= MAX_MEMBERS; n++) {
		struct member_set all = set_of(n, NULL), rest = without(&all, 10);
		struct group g;

		fill(NULL, &all, &g);
		fill(&g, &rest, &g);
		assert_int_equal(ecmp_count(&g, 10), 0);
		assert_only_members(&g, &rest);
	}
}

/* FRR#12239: groups lost members for good after link flaps. */
static void a_flapping_tunnel_gets_its_share_back_each_time(void **state)
{
	struct member_set all = set_of(3, NULL), rest = without(&all, 11);
	struct group g;

	(void)state;
	fill(NULL, &all, &g);
	for (unsigned flap = 0; flap < 1000; flap++) {
		fill(&g, &rest, &g);
		fill(&g, &all, &g);
		assert_int_equal(ecmp_count(&g, 11), 85);
		assert_balanced(&g, &all);
	}
}

/* What never was on the lost tunnel does not move when it returns: whichever tunnel it is. */
static void a_flap_ends_where_it_began(void **state)
{
	const uint16_t weights[] = { 5, 1, 2, 3, 3, 1, 7 };
	struct member_set sets[] = { set_of(2, NULL), set_of(4, NULL), set_of(16, NULL),
				     set_of(7, weights) };

	(void)state;
	for (unsigned n = 0; n < sizeof(sets) / sizeof(*sets); n++) {
		for (unsigned i = 0; i < sets[n].count; i++) {
			struct member_set rest = without(&sets[n], sets[n].members[i].tunnel);
			struct group before, g;

			fill(NULL, &sets[n], &before);
			fill(&before, &rest, &g);
			fill(&g, &sets[n], &g);
			assert_loss_moves_only_the_lost(&before, &g, sets[n].members[i].tunnel);
			/* What is left of a quota that is no whole number need not return. */
			assert_true(ecmp_moved(&before, &g) <= (n == 3));
		}
	}
}

static void a_first_fill_is_exact_and_spread_by_weight(void **state)
{
	const uint16_t weights[] = { 5, 1, 2 };
	struct member_set set = set_of(3, weights);
	struct group g;

	(void)state;
	fill(NULL, &set, &g);
	assert_int_equal(ecmp_count(&g, 10), 160);
	assert_int_equal(ecmp_count(&g, 11), 32);
	assert_int_equal(ecmp_count(&g, 12), 64);
	for (unsigned b = 0; b < GROUP_BUCKETS; b += 8) {
		unsigned in_eight[3] = { 0 };

		for (unsigned i = b; i < b + 8; i++)
			in_eight[g.buckets[i].tunnel - 10]++;
		assert_int_equal(in_eight[0], 5);
		assert_int_equal(in_eight[1], 1);
		assert_int_equal(in_eight[2], 2);
	}
}

static void a_first_fill_does_not_depend_on_history(void **state)
{
	struct member_set set = set_of(7, NULL);
	struct group a, b;

	(void)state;
	memset(&a, 0x11, sizeof(a));
	memset(&b, 0x22, sizeof(b));
	fill(NULL, &set, &a);
	fill(NULL, &set, &b);
	assert_memory_equal(&a, &b, sizeof(a));
}

static void the_lightest_tunnel_still_carries_something(void **state)
{
	const uint16_t weights[] = { 256, 256, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
	struct member_set set = set_of(MAX_MEMBERS, weights);
	struct group g;

	(void)state;
	fill(NULL, &set, &g);
	assert_int_equal(ecmp_count(&g, 10), 121);
	assert_int_equal(ecmp_count(&g, 11), 121);
	for (uint16_t t = 12; t < 26; t++)
		assert_int_equal(ecmp_count(&g, t), 1);
}

static void new_weights_take_effect_without_loss_or_return(void **state)
{
	const uint16_t weights[] = { 3, 1 };
	struct member_set equal = set_of(2, NULL), unequal = set_of(2, weights);
	struct group g, now;

	(void)state;
	fill(NULL, &equal, &g);
	fill(&g, &unequal, &now);
	assert_int_equal(ecmp_count(&now, 10), 192);
	assert_int_equal(ecmp_moved(&g, &now), 64);
	assert_spares_foretell(&now, &unequal);
}

static void a_replaced_tunnel_moves_only_its_own_buckets(void **state)
{
	struct member_set all = set_of(5, NULL);
	struct member_set first = without(&all, 14), second = without(&all, 11);
	struct group g, now;

	(void)state;
	fill(NULL, &first, &g);
	fill(&g, &second, &now);
	assert_int_equal(ecmp_moved(&g, &now), 64);
	assert_balanced(&now, &second);
}

static void what_a_return_takes_lies_scattered(void **state)
{
	struct member_set all = set_of(2, NULL), one = without(&all, 11);
	struct group g;

	(void)state;
	fill(NULL, &one, &g);
	fill(&g, &all, &g);
	for (unsigned b = 0; b < GROUP_BUCKETS; b += 16) {
		unsigned taken = 0;

		for (unsigned i = b; i < b + 16; i++)
			taken += g.buckets[i].tunnel == 11;
		assert_int_equal(taken, 8);
	}
}

static void weight_zero_counts_as_one(void **state)
{
	const uint16_t weights[] = { 0, 1 };
	struct member_set set = set_of(2, weights);
	struct group g;

	(void)state;
	fill(NULL, &set, &g);
	assert_int_equal(ecmp_count(&g, 10), 128);
}

static bool is_even(uint32_t tunnel, const void *data)
{
	(void)data;
	return tunnel % 2 == 0;
}

static void only_live_members_are_filled_in(void **state)
{
	struct member_set all = set_of(5, NULL), live;

	(void)state;
	ecmp_live_members(&all, is_even, NULL, &live);
	assert_int_equal(live.count, 3);
	assert_int_equal(live.members[1].tunnel, 12);
}

/* One random loss or return, checked from all sides. */
static void step(const struct member_set *all, unsigned *bits, struct group *g, bool equal)
{
	unsigned i = random_below(all->count), next = *bits ^ 1u << i;
	uint16_t tunnel = all->members[i].tunnel;
	struct member_set set = chosen(all, next);
	struct group before = *g;
	unsigned moved;

	fill(&before, &set, g);
	moved = ecmp_moved(&before, g);
	if (next & 1u << i) {
		assert_return_moves_only_to_the_returned(&before, g, tunnel);
		if (*bits)
			assert_true(moved <= fair_share(&set, tunnel));
	} else {
		assert_loss_moves_only_the_lost(&before, g, tunnel);
		assert_int_equal(moved, ecmp_count(&before, tunnel));
	}
	if (next)
		assert_only_members(g, &set);
	if (equal)
		assert_balanced(g, &set);
	*bits = next;
}

static void run_sequences(unsigned max_weight)
{
	random_state = 20240607 + max_weight;
	for (unsigned sequence = 0; sequence < SEQUENCES; sequence++) {
		unsigned n = 1 + random_below(MAX_MEMBERS), bits = (1u << n) - 1;
		uint16_t weights[MAX_MEMBERS];
		struct member_set all, now;
		struct group g;

		for (unsigned i = 0; i < n; i++)
			weights[i] = (uint16_t)(1 + random_below(max_weight));
		all = set_of(n, weights);
		fill(NULL, &all, &g);
		for (unsigned i = 0; i < STEPS; i++) {
			step(&all, &bits, &g, max_weight == 1);
			now = chosen(&all, bits);
			if (i % 10 == 0)
				assert_spares_foretell(&g, &now);
		}
	}
}

static void equal_tunnels_stay_balanced_after_any_sequence_of_losses_and_returns(void **state)
{
	(void)state;
	run_sequences(1);
}

static void weighted_tunnels_move_no_flow_of_a_survivor(void **state)
{
	(void)state;
	run_sequences(8);
	run_sequences(256);
}

/* Greedy apportionment may be off by rounding, never by more. */
static void assert_near_quota(const struct group *g, const struct member_set *set)
{
	int sum = 0;

	for (unsigned i = 0; i < set->count; i++)
		sum += set->members[i].weight;
	for (unsigned i = 0; i < set->count; i++) {
		int count = (int)ecmp_count(g, set->members[i].tunnel);

		assert_true(abs(count * sum - GROUP_BUCKETS * set->members[i].weight) <= 2 * sum);
	}
}

/* A reload that changes nothing must move nothing. */
static void filling_again_moves_nothing(void **state)
{
	(void)state;
	random_state = 77;
	for (unsigned sequence = 0; sequence < SEQUENCES; sequence++) {
		unsigned n = 1 + random_below(MAX_MEMBERS), bits = (1u << n) - 1;
		uint16_t weights[MAX_MEMBERS];
		struct member_set all, set;
		struct group g, again;

		for (unsigned i = 0; i < n; i++)
			weights[i] = (uint16_t)(1 + random_below(1 + sequence % 256));
		all = set_of(n, weights);
		fill(NULL, &all, &g);
		for (unsigned i = 0; i < STEPS; i++)
			step(&all, &bits, &g, false);
		set = chosen(&all, bits);
		assert_near_quota(&g, &set);
		fill(&g, &set, &again);
		assert_memory_equal(&g, &again, sizeof(g));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_group_without_members_is_all_empty),
		cmocka_unit_test(a_single_tunnel_has_no_spare),
		cmocka_unit_test(two_tunnels_alternate_and_are_each_others_spare),
		cmocka_unit_test(a_tunnel_out_of_phase_2_keeps_no_bucket),
		cmocka_unit_test(a_flapping_tunnel_gets_its_share_back_each_time),
		cmocka_unit_test(a_flap_ends_where_it_began),
		cmocka_unit_test(a_first_fill_is_exact_and_spread_by_weight),
		cmocka_unit_test(a_first_fill_does_not_depend_on_history),
		cmocka_unit_test(the_lightest_tunnel_still_carries_something),
		cmocka_unit_test(new_weights_take_effect_without_loss_or_return),
		cmocka_unit_test(a_replaced_tunnel_moves_only_its_own_buckets),
		cmocka_unit_test(what_a_return_takes_lies_scattered),
		cmocka_unit_test(weight_zero_counts_as_one),
		cmocka_unit_test(only_live_members_are_filled_in),
		cmocka_unit_test(
			equal_tunnels_stay_balanced_after_any_sequence_of_losses_and_returns),
		cmocka_unit_test(weighted_tunnels_move_no_flow_of_a_survivor),
		cmocka_unit_test(filling_again_moves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
