/* SPDX-License-Identifier: GPL-2.0-only */
/* Quotas of BGP routes [S43 S44 D4], and the account of what a feed offers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <cmocka.h>
#include "core/learned.h"

#define PREFIXES 64

static uint32_t seed;

static uint32_t any(uint32_t limit)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % limit;
}

static struct prefix numbered(uint32_t n)
{
	struct prefix p = { .address = { AF_INET, { 10, (uint8_t)(n >> 8), (uint8_t)n } },
			    .len = 24 };

	return p;
}

static uint32_t number_of(const struct prefix *p)
{
	return (uint32_t)p->address.bytes[1] << 8 | p->address.bytes[2];
}

static struct learned account;

/* What the caller was told, by number. */
static struct {
	tunnel_mask is[1 << 12];
	size_t calls;
} told;

/* Room for ten routes over both tunnels; a story that is about quotas has its own. */
static int setup(void **state)
{
	(void)state;
	memset(&account, 0, sizeof(account));
	memset(&told, 0, sizeof(told));
	learned_set_limits(&account, (struct learned_limits){ 10, 20 });
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	learned_free(&account);
	return 0;
}

static int note(const struct prefix *p, tunnel_mask accepted, void *context)
{
	(void)context;
	told.is[number_of(p)] = accepted;
	told.calls++;
	return 0;
}

static void offer(uint32_t n, tunnel_mask tunnels)
{
	struct prefix p = numbered(n);

	assert_int_equal(
		0, learned_offer(&account, &p,
				 &(struct learned_offer){ .metric = 20, .tunnels = tunnels }));
}

static void withdraw(uint32_t n)
{
	struct prefix p = numbered(n);

	assert_int_equal(0, learned_withdraw(&account, &p, 20, LEARNED_ALL_TUNNELS));
}

static size_t settle(void)
{
	told.calls = 0;
	assert_int_equal(0, learned_settle(&account, note, NULL));
	assert_false(learned_unsettled(&account));
	return told.calls;
}

static void one_too_many_is_refused_and_gets_the_room_that_another_leaves(void **state)
{
	(void)state;
	learned_set_limits(&account, (struct learned_limits){ 1000, 2000 });
	for (uint32_t n = 0; n <= 1000; n++)
		offer(1000 - n, 3); /* in the wrong order: prefixes are accepted in theirs */
	assert_int_equal(1000, settle());
	assert_int_equal(0, told.is[1000]);
	assert_int_equal(3, told.is[999]);
	assert_int_equal(2, learned_refused_count(&account));
	withdraw(500);
	assert_int_equal(2, settle());
	assert_int_equal(0, told.is[500]);
	assert_int_equal(3, told.is[1000]);
	assert_int_equal(0, learned_refused_count(&account));
}

static void a_newcomer_does_not_push_out_what_was_accepted(void **state)
{
	(void)state;
	learned_set_limits(&account, (struct learned_limits){ 2, 4 });
	offer(7, 1);
	offer(8, 1);
	settle();
	offer(1, 1); /* a lower prefix, but later */
	assert_int_equal(0, settle());
	assert_int_equal(1, told.is[7]);
	assert_int_equal(1, told.is[8]);
}

static void a_route_that_went_and_came_back_in_one_burst_changed_nothing(void **state)
{
	(void)state;
	offer(1, 3);
	settle();
	withdraw(1);
	offer(1, 3);
	assert_int_equal(0, settle());
	assert_int_equal(3, told.is[1]);
}

static void of_two_metrics_the_lower_one_counts(void **state)
{
	struct prefix p = numbered(5);

	(void)state;
	assert_int_equal(0, learned_offer(&account, &p,
					  &(struct learned_offer){
						  .metric = 32, .nexthop = 0, .tunnels = 1 }));
	settle();
	assert_int_equal(1, told.is[5]);
	assert_int_equal(0, learned_offer(&account, &p,
					  &(struct learned_offer){ .metric = 20, .tunnels = 2 }));
	settle();
	assert_int_equal(2, told.is[5]);
	assert_int_equal(0, learned_withdraw(&account, &p, 20, LEARNED_ALL_TUNNELS));
	settle();
	assert_int_equal(1, told.is[5]);
	assert_int_equal(0, learned_withdraw(&account, &p, 32, LEARNED_ALL_TUNNELS));
	settle();
	assert_int_equal(0, told.is[5]);
	assert_null(trie_exact(&account.routes, &p));
}

static void one_hop_of_two_goes(void **state)
{
	struct prefix p = numbered(6);

	(void)state;
	offer(6, 3);
	settle();
	assert_int_equal(0, learned_withdraw(&account, &p, 20, 1));
	settle();
	assert_int_equal(2, told.is[6]);
	assert_int_equal(0, learned_withdraw(&account, &p, 20, 2));
	settle();
	assert_int_equal(0, told.is[6]);
}

static void what_a_reading_does_not_mention_is_swept_and_nothing_else_moves(void **state)
{
	(void)state;
	for (uint32_t n = 0; n < 8; n++)
		offer(n, 3);
	settle();
	for (int round = 0; round < 300; round++) { /* further than generations count */
		learned_begin(&account);
		for (uint32_t n = 0; n < 8; n++)
			offer(n, 3);
		assert_int_equal(0, learned_end(&account));
		assert_int_equal(0, settle());
	}
	learned_begin(&account);
	for (uint32_t n = 0; n < 7; n++)
		offer(n, 3);
	assert_int_equal(0, learned_end(&account));
	assert_int_equal(1, settle());
	assert_int_equal(0, told.is[7]);
}

static void routes_follow_the_nexthop_object_that_they_name(void **state)
{
	struct prefix p = numbered(3);

	(void)state;
	assert_int_equal(0, learned_offer(&account, &p,
					  &(struct learned_offer){
						  .metric = 20, .nexthop = 77, .tunnels = 3 }));
	offer(4, 3);
	settle();
	assert_int_equal(0, learned_nexthop(&account, 77, 2));
	assert_int_equal(1, settle());
	assert_int_equal(2, told.is[3]);
	assert_int_equal(3, told.is[4]);
}

static void smaller_quotas_take_back_and_larger_ones_give(void **state)
{
	(void)state;
	learned_set_limits(&account, (struct learned_limits){ 8, 16 });
	for (uint32_t n = 0; n < 8; n++)
		offer(n, 1);
	settle();
	learned_set_limits(&account, (struct learned_limits){ 5, 16 });
	assert_true(learned_unsettled(&account));
	assert_int_equal(3, settle());
	assert_int_equal(0, told.is[5]);
	learned_set_limits(&account, (struct learned_limits){ LEARNED_NO_LIMIT, LEARNED_NO_LIMIT });
	assert_int_equal(3, settle());
	assert_int_equal(1, told.is[7]);
}

static int refuse(const struct prefix *p, tunnel_mask accepted, void *context)
{
	size_t *left = context;

	(void)p;
	(void)accepted;
	return (*left)-- ? 0 : -28;
}

static void a_caller_that_fails_is_told_the_rest_the_next_time(void **state)
{
	size_t left = 3;

	(void)state;
	for (uint32_t n = 0; n < 8; n++)
		offer(n, 1);
	assert_int_equal(-28, learned_settle(&account, refuse, &left));
	assert_true(learned_unsettled(&account));
	assert_int_equal(5, settle());
}

static void a_daemon_that_restarts_takes_its_routes_along(void **state)
{
	struct prefix one = numbered(1), two = numbered(2);
	size_t stale[TUNNELS_PER_CONNECTION];

	(void)state;
	for (uint32_t n = 1; n <= 4; n++)
		offer(n, 3);
	settle();
	learned_keep(&account, &one, 20);
	learned_keep(&account, &two, 20);
	learned_keep(&account, &two, 32); /* no such route */
	assert_int_equal(2, account.stale);
	assert_false(learned_unsettled(&account));
	learned_begin(&account); /* the kernel has 3 and 4 alone */
	offer(3, 3);
	offer(4, 3);
	assert_int_equal(0, learned_end(&account));
	assert_int_equal(0, settle());
	learned_count_stale(&account, stale);
	assert_int_equal(2, stale[0]);
	assert_int_equal(2, stale[1]);
	offer(1, 3); /* it is there again */
	assert_int_equal(1, account.stale);
	assert_int_equal(0, settle());
	assert_int_equal(0, learned_drop_stale(&account, 1)); /* one tunnel left Phase 2 */
	assert_int_equal(1, settle());
	assert_int_equal(2, told.is[2]);
	assert_int_equal(0, learned_drop_stale(&account, LEARNED_ALL_TUNNELS));
	assert_int_equal(1, settle());
	assert_int_equal(0, told.is[2]);
	assert_int_equal(3, told.is[1]);
	assert_int_equal(0, account.stale);
}

static void a_stale_route_follows_an_object_of_the_next_daemon(void **state)
{
	struct learned_offer named = { .metric = 20, .nexthop = 77, .tunnels = 3 };
	struct prefix p = numbered(1);

	(void)state;
	assert_int_equal(0, learned_offer(&account, &p, &named));
	settle();
	learned_keep_all(&account);
	assert_int_equal(0, learned_nexthop(&account, 77, 1));
	assert_int_equal(0, settle());
	assert_int_equal(3, told.is[1]);
}

/* Of a stale route nobody is the writer: who removes it then means it. */
static void a_reading_forgets_who_brought_a_route(void **state)
{
	struct learned_offer heard = { .metric = 20, .tunnels = 1, .writer = 71 };
	struct prefix p = numbered(1);

	(void)state;
	assert_int_equal(0, learned_writer(&account, &p, 20));
	assert_int_equal(0, learned_offer(&account, &p, &heard));
	heard.writer = 0;
	assert_int_equal(0, learned_offer(&account, &p, &heard));
	assert_int_equal(71, learned_writer(&account, &p, 20));
	learned_keep(&account, &p, 20);
	assert_int_equal(0, learned_writer(&account, &p, 20));
	assert_int_equal(0, learned_offer(&account, &p, &heard));
	assert_int_equal(0, learned_writer(&account, &p, 20));
}

static void a_kept_route_that_goes_after_all_stays_in_the_count(void **state)
{
	(void)state;
	offer(1, 3);
	settle();
	learned_keep_all(&account);
	withdraw(1);
	assert_int_equal(0, account.stale);
	assert_int_equal(1, settle());
	learned_keep_all(&account);
	assert_int_equal(0, account.stale);
}

struct listed {
	size_t count;
	uint32_t metric;
	tunnel_mask tunnels;
};

static int list(const struct prefix *p, uint32_t metric, tunnel_mask tunnels, void *context)
{
	struct listed *l = context;

	(void)p;
	*l = (struct listed){ l->count + 1, metric, tunnels };
	return 0;
}

/* Whoever writes down what is stale is to see every change of it, and no other one. */
static void what_is_stale_changes_in_secret(void **state)
{
	struct learned_offer worse = { .metric = 32, .tunnels = 2 };
	struct prefix one = numbered(1), two = numbered(2);
	struct listed listed = { 0 };
	uint64_t before;

	(void)state;
	offer(1, 3);
	offer(2, 3);
	assert_int_equal(0, learned_offer(&account, &one, &worse));
	settle();
	assert_int_equal(0, account.stale_changes);
	learned_keep(&account, &one, 32); /* not the first of its prefix */
	before = account.stale_changes;
	assert_int_not_equal(0, before);
	learned_keep(&account, &one, 32);
	offer(2, 1);
	settle();
	assert_int_equal(before, account.stale_changes);
	assert_int_equal(0, learned_each_stale(&account, list, &listed));
	assert_true(listed.count == 1 && listed.metric == 32 && listed.tunnels == 2);

	learned_keep(&account, &two, 20);
	offer(1, 3); /* of the other metric */
	assert_int_equal(2, account.stale);
	before = account.stale_changes;
	assert_int_equal(0, learned_drop_stale(&account, 1)); /* two's only tunnel */
	assert_int_not_equal(before, account.stale_changes);
	listed.count = 0;
	assert_int_equal(0, learned_each_stale(&account, list, &listed));
	assert_true(listed.count == 1 && listed.metric == 32);
}

/* ---- beside a naive account ---- */

struct naive {
	tunnel_mask offered[PREFIXES], accepted[PREFIXES];
};

static size_t naive_count(const struct naive *n, size_t tunnel)
{
	size_t count = 0;

	for (size_t i = 0; i < PREFIXES; i++)
		count += n->accepted[i] >> tunnel & 1;
	return count;
}

static void naive_settle(struct naive *n, struct learned_limits limits)
{
	for (size_t i = 0; i < PREFIXES; i++)
		n->accepted[i] &= n->offered[i];
	for (size_t i = 0; i < PREFIXES; i++)
		for (size_t t = 0; t < TUNNELS_PER_CONNECTION; t++)
			if ((n->offered[i] & ~n->accepted[i]) >> t & 1 &&
			    naive_count(n, t) < limits.tunnel &&
			    naive_count(n, 0) + naive_count(n, 1) < limits.connection)
				n->accepted[i] |= (tunnel_mask)(1u << t);
}

static int expect_waiting(const struct prefix *p, tunnel_mask refused, void *context)
{
	struct naive *n = context;
	uint32_t i = number_of(p);

	assert_int_equal(n->offered[i] & ~n->accepted[i], refused);
	n->offered[i] &= (tunnel_mask)~refused;
	return 0;
}

/* Whoever is listed as refused is, and nobody else. */
static void expect_refused(const struct learned *l, struct naive n)
{
	assert_int_equal(0, learned_each_refused(l, expect_waiting, &n));
	assert_memory_equal(n.offered, n.accepted, sizeof(n.offered));
}

static void any_bursts_of_offers_give_what_a_naive_account_gives(void **state)
{
	for (uint32_t world = 0; world < 40; world++) {
		struct learned_limits limits = { 5 + world % 20, 8 + world };
		struct naive naive = { 0 };

		teardown(state);
		setup(state);
		seed = world;
		learned_set_limits(&account, limits);
		for (int burst = 0; burst < 200; burst++) {
			for (uint32_t k = any(12); k; k--) {
				uint32_t n = any(PREFIXES);

				naive.offered[n] = (tunnel_mask)any(4);
				if (naive.offered[n])
					offer(n, naive.offered[n]);
				else
					withdraw(n);
			}
			naive_settle(&naive, limits);
			settle();
			assert_memory_equal(naive.accepted, told.is, sizeof(naive.accepted));
			for (size_t i = 0; i < TUNNELS_PER_CONNECTION; i++)
				assert_int_equal(naive_count(&naive, i),
						 account.counts.accepted[i]);
			expect_refused(&account, naive);
		}
	}
}

static void the_quotas_are_those_of_the_service(void **state)
{
	struct config_connection dual = { .tunnel_count = 2 }, single = { .tunnel_count = 1 };
	struct config c = { .connections = &dual, .connection_count = 1, .gateway.limits = true };

	(void)state;
	assert_int_equal(1000, learned_limits_of(&c, 0).tunnel);
	assert_int_equal(2000, learned_limits_of(&c, 0).connection);
	c.connections = &single;
	assert_int_equal(50, learned_limits_of(&c, 0).connection);
	single.bgp_quota = 200;
	assert_int_equal(200, learned_limits_of(&c, 0).connection);
	c.gateway.limits = false;
	assert_int_equal(LEARNED_NO_LIMIT, learned_limits_of(&c, 0).tunnel);
}

#define story(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		story(one_too_many_is_refused_and_gets_the_room_that_another_leaves),
		story(a_newcomer_does_not_push_out_what_was_accepted),
		story(a_route_that_went_and_came_back_in_one_burst_changed_nothing),
		story(of_two_metrics_the_lower_one_counts),
		story(one_hop_of_two_goes),
		story(what_a_reading_does_not_mention_is_swept_and_nothing_else_moves),
		story(routes_follow_the_nexthop_object_that_they_name),
		story(smaller_quotas_take_back_and_larger_ones_give),
		story(a_caller_that_fails_is_told_the_rest_the_next_time),
		story(a_daemon_that_restarts_takes_its_routes_along),
		story(what_is_stale_changes_in_secret),
		story(a_stale_route_follows_an_object_of_the_next_daemon),
		story(a_reading_forgets_who_brought_a_route),
		story(a_kept_route_that_goes_after_all_stays_in_the_count),
		story(any_bursts_of_offers_give_what_a_naive_account_gives),
		cmocka_unit_test(the_quotas_are_those_of_the_service),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
