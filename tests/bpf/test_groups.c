/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which tunnel of a group a flow takes: the hash [D12] is spread, stable and sees what it should; a
 * dead tunnel is skipped at once and only its own flows move [D13], to exactly where the group as
 * the controller rewrites it later has them too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "../unit/fill.h"
#include "world.h"

#define TABLE	1
#define GROUP	1
#define MEMBERS 4 /* tunnels 1..4 */
#define FLOWS	4000

static struct world world;
static uint32_t seed = 20260103;

static uint32_t any(uint32_t limit)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % limit;
}

static void open_world(enum hash_mode mode)
{
	world_open(&world, mode);
	world_associate(&world, LO, 0, 0,
			(struct association){ .table = TABLE,
					      .attachment = 1,
					      .tunnel = NO_TUNNEL,
					      .source_table = NO_TABLE,
					      .l2_len = ETH_HEADER_LEN });
	world_route(&world, TABLE, "0.0.0.0/0", VERDICT_GROUP, GROUP);
	world_route(&world, TABLE, "::/0", VERDICT_GROUP, GROUP);
	for (uint32_t t = 1; t <= MEMBERS; t++)
		world_tunnel(&world, t, world.tun, 1400, true);
}

static int setup_l4(void **state)
{
	(void)state;
	open_world(HASH_L4);
	return 0;
}

static int setup_l3(void **state)
{
	(void)state;
	open_world(HASH_L3);
	return 0;
}

static int setup_symmetric(void **state)
{
	(void)state;
	open_world(HASH_SYMMETRIC);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_close(&world);
	return 0;
}

/* Buckets in turn; the spare is the next member. */
static void even_group(struct group *g)
{
	memset(g, 0xff, sizeof(*g)); /* no reserve */
	for (uint16_t i = 0; i < GROUP_BUCKETS; i++)
		g->buckets[i] = (struct bucket){ (uint16_t)(1 + i % MEMBERS),
						 (uint16_t)(1 + (i + 1) % MEMBERS) };
	world_set_group(&world, GROUP, g);
}

static void ask(const struct packet_spec *spec, struct explain *out)
{
	static struct frame in;
	struct association_key key = { LO, 0, 0 };

	frame_build(spec, &in);
	world_explain(&world, &key, &in, out);
}

static uint32_t hash_of(const struct packet_spec *spec)
{
	struct explain e;

	ask(spec, &e);
	return e.hash;
}

/* A flow and the texts of its addresses. */
struct flow {
	struct packet_spec spec;
	char from[64], to[64];
};

static void any_flow(struct flow *f, bool v6)
{
	if (v6) {
		snprintf(f->from, sizeof(f->from), "fd00:1::%x", any(65536));
		snprintf(f->to, sizeof(f->to), "fd00:50:%x::1", any(65536));
	} else {
		snprintf(f->from, sizeof(f->from), "10.1.%u.%u", any(256), any(256));
		snprintf(f->to, sizeof(f->to), "10.50.%u.%u", any(256), any(256));
	}
	f->spec = (struct packet_spec){ .from = f->from, .to = f->to };
	f->spec.sport = (uint16_t)(1024 + any(60000));
	f->spec.dport = (uint16_t)(1 + any(1024));
}

static void reverse(struct packet_spec *s)
{
	const char *address = s->from;
	uint16_t port = s->sport;

	s->from = s->to;
	s->to = address;
	s->sport = s->dport;
	s->dport = port;
}

/* ---- the hash ---- */

/* Chi-squared over 256 buckets: 255 degrees of freedom; 400 is beyond any reasonable doubt. */
static void assert_spread(const unsigned seen[GROUP_BUCKETS], unsigned total, const char *what)
{
	double expected = (double)total / GROUP_BUCKETS, chi = 0;

	for (int i = 0; i < GROUP_BUCKETS; i++)
		chi += (seen[i] - expected) * (seen[i] - expected) / expected;
	if (chi > 400)
		fail_msg("%s: chi-squared is %.0f", what, chi);
}

static void neighbouring_flows_share_a_bucket(void **state)
{
	static const char *const hosts[][2] = { { "10.1.0.5", "10.50.0.1" },
						{ "fd00:1::5", "fd00:50::1" } };

	(void)state;
	for (size_t family = 0; family < 2; family++) {
		unsigned by_source_port[GROUP_BUCKETS] = { 0 }, by_port[GROUP_BUCKETS] = { 0 };
		unsigned by_address[GROUP_BUCKETS] = { 0 };

		for (unsigned i = 0; i < FLOWS; i++) {
			struct packet_spec s = { .from = hosts[family][0], .to = hosts[family][1] };
			char to[64];

			s.sport = (uint16_t)(10000 + i);
			by_source_port[hash_of(&s) % GROUP_BUCKETS]++;
			s.sport = 5000;
			s.dport = (uint16_t)(10000 + i);
			by_port[hash_of(&s) % GROUP_BUCKETS]++;
			s.dport = 80;
			snprintf(to, sizeof(to), family ? "fd00:50::%x:%x" : "10.50.%u.%u", i / 250,
				 i % 250);
			s.to = to;
			by_address[hash_of(&s) % GROUP_BUCKETS]++;
		}
		assert_spread(by_source_port, FLOWS, "source ports in a row");
		assert_spread(by_port, FLOWS, "destination ports in a row");
		assert_spread(by_address, FLOWS, "addresses in a row");
	}
}

static void a_flow_is_torn_apart_by_what_is_not_its_name(void **state)
{
	(void)state;
	for (int i = 0; i < 500; i++) {
		struct flow f;
		uint32_t hash;

		any_flow(&f, i % 2);
		hash = hash_of(&f.spec);
		f.spec.ttl = (uint8_t)(2 + any(250));
		f.spec.payload = (uint16_t)(1 + any(1200));
		f.spec.padding = (uint16_t)any(20);
		assert_int_equal(hash_of(&f.spec), hash);
	}
}

static void a_part_of_the_five_tuple_is_not_hashed(void **state)
{
	(void)state;
	for (int i = 0; i < 50; i++) {
		struct flow f;
		struct packet_spec s;
		uint32_t hash;

		any_flow(&f, i % 2);
		hash = hash_of(&f.spec);
		s = f.spec;
		s.sport++;
		assert_int_not_equal(hash_of(&s), hash);
		s = f.spec;
		s.dport++;
		assert_int_not_equal(hash_of(&s), hash);
		s = f.spec;
		s.protocol = 6;
		assert_int_not_equal(hash_of(&s), hash);
		s = f.spec;
		s.from = i % 2 ? "fd00:77::77" : "10.77.77.77";
		assert_int_not_equal(hash_of(&s), hash);
		s = f.spec;
		s.to = i % 2 ? "fd00:77::77" : "10.77.77.77";
		assert_int_not_equal(hash_of(&s), hash);
	}
}

/* Ports of v6 packets are found behind extension headers; the same flow, the same hash. */
static void extension_headers_change_the_flow(void **state)
{
	static const uint8_t chain[] = { 60, 43, 60, 0xff };
	struct packet_spec s = { .from = "fd00:1::5", .to = "fd00:50::1", .sport = 7, .dport = 9 };
	uint32_t plain;

	(void)state;
	plain = hash_of(&s);
	s.extensions = chain;
	assert_int_equal(hash_of(&s), plain);
	s.dport = 10;
	assert_int_not_equal(hash_of(&s), plain);
}

/* First, middle and last of one datagram; what lies where ports would be differs. */
static void fragments_of_a_datagram_take_different_tunnels(void **state)
{
	static const uint16_t v4[] = { 0x2000, 0x2010, 0x0020 }, v6[] = { 0x8001, 0x8101, 0x8200 };

	(void)state;
	for (int i = 0; i < 200; i++) {
		struct flow f;
		uint32_t first;

		any_flow(&f, i % 2);
		f.spec.fragment = i % 2 ? v6[0] : v4[0];
		first = hash_of(&f.spec);
		for (int j = 1; j < 3; j++) {
			f.spec.fragment = i % 2 ? v6[j] : v4[j];
			f.spec.sport = (uint16_t)(1 + any(65000));
			f.spec.dport = (uint16_t)(1 + any(65000));
			assert_int_equal(hash_of(&f.spec), first);
		}
	}
}

static void padding_is_taken_for_ports(void **state)
{
	struct packet_spec s = { .from = "10.1.0.5", .to = "10.50.0.1", .empty = true };
	uint32_t without = hash_of(&s);

	(void)state;
	s.padding = 20;
	assert_int_equal(hash_of(&s), without);
}

static void the_two_directions_differ_under_symmetric(void **state)
{
	unsigned seen[GROUP_BUCKETS] = { 0 };

	(void)state;
	for (int i = 0; i < FLOWS; i++) {
		struct flow f;
		uint32_t hash;

		any_flow(&f, i % 2);
		hash = hash_of(&f.spec);
		seen[hash % GROUP_BUCKETS]++;
		reverse(&f.spec);
		assert_int_equal(hash_of(&f.spec), hash);
	}
	assert_spread(seen, FLOWS, "symmetric");
}

static void ports_move_a_flow_under_l3(void **state)
{
	unsigned seen[GROUP_BUCKETS] = { 0 };

	(void)state;
	for (int i = 0; i < FLOWS; i++) {
		struct flow f;
		uint32_t hash;

		any_flow(&f, i % 2);
		hash = hash_of(&f.spec);
		seen[hash % GROUP_BUCKETS]++;
		f.spec.sport++;
		f.spec.protocol = 6;
		assert_int_equal(hash_of(&f.spec), hash);
		f.spec.to = i % 2 ? "fd00:77::77" : "10.77.77.77";
		assert_int_not_equal(hash_of(&f.spec), hash);
	}
	assert_spread(seen, FLOWS, "l3");
}

/* ---- the group ---- */

static void a_bucket_leads_to_another_tunnel_than_its_own(void **state)
{
	struct group g;

	(void)state;
	even_group(&g);
	for (int i = 0; i < FLOWS; i++) {
		struct flow f;
		struct explain e;

		any_flow(&f, i % 2);
		ask(&f.spec, &e);
		assert_int_equal(e.reason, REASON_TO_TUNNEL);
		assert_int_equal(e.bucket, e.hash % GROUP_BUCKETS);
		assert_int_equal(e.tunnel, g.buckets[e.bucket].tunnel);
		assert_false(e.skipped);
	}
}

static void losing_a_tunnel_moves_flows_of_the_others(void **state)
{
	struct group g;

	(void)state;
	even_group(&g);
	world_live(&world, 2, false);
	for (int i = 0; i < FLOWS; i++) {
		struct flow f;
		struct explain e;
		const struct bucket *b;

		any_flow(&f, i % 2);
		ask(&f.spec, &e);
		b = &g.buckets[e.bucket];
		assert_int_equal(e.reason, REASON_TO_TUNNEL);
		assert_int_equal(e.skipped, b->tunnel == 2);
		assert_int_equal(e.tunnel, b->tunnel == 2 ? b->spare : b->tunnel);
	}
	world_live(&world, 2, true);
}

/* D13 across the two steps of a loss: the program's skip, then the controller's rewritten group. */
static void flows_move_twice_when_a_tunnel_is_lost(void **state)
{
	static struct explain skipped[FLOWS];
	struct member_set all = { 0 }, left = { 0 };
	struct group g;
	uint32_t first_seed;

	(void)state;
	for (uint16_t t = 1; t <= MEMBERS; t++)
		all.members[all.count++] = (struct member){ .tunnel = t, .weight = t };
	for (uint16_t t = 1; t <= MEMBERS; t++)
		if (t != 3)
			left.members[left.count++] = (struct member){ .tunnel = t, .weight = t };
	fill(NULL, &all, &g);
	world_set_group(&world, GROUP, &g);
	world_live(&world, 3, false);
	first_seed = seed;
	for (int i = 0; i < FLOWS; i++) {
		struct flow f;

		any_flow(&f, i % 2);
		ask(&f.spec, &skipped[i]);
	}
	fill(&g, &left, &g);
	world_set_group(&world, GROUP, &g);
	seed = first_seed;
	for (int i = 0; i < FLOWS; i++) {
		struct flow f;
		struct explain e;

		any_flow(&f, i % 2);
		ask(&f.spec, &e);
		assert_false(e.skipped);
		assert_int_equal(e.tunnel, skipped[i].tunnel);
	}
}

/* The bucket's tunnel and its spare are dead: the next bucket with a live one. */
static void two_tunnels_lost_at_once_lose_packets(void **state)
{
	struct group g;

	(void)state;
	even_group(&g);
	world_live(&world, 1, false);
	world_live(&world, 2, false);
	for (int i = 0; i < FLOWS; i++) {
		struct flow f;
		struct explain e;
		unsigned at, probes = 0;

		any_flow(&f, i % 2);
		ask(&f.spec, &e);
		assert_int_equal(e.reason, REASON_TO_TUNNEL);
		at = e.bucket;
		if (g.buckets[at].tunnel > 2) {
			assert_int_equal(e.tunnel, g.buckets[at].tunnel);
		} else if (g.buckets[at].spare > 2) {
			assert_int_equal(e.tunnel, g.buckets[at].spare);
		} else {
			while (g.buckets[at].tunnel <= 2)
				at = bucket_probe(e.bucket, ++probes);
			assert_int_equal(e.tunnel, g.buckets[at].tunnel);
		}
	}
	world_live(&world, 1, true);
	world_live(&world, 2, true);
}

/* The one live tunnel sits in the bucket just before the flow's: the scan must come all around. */
static void the_last_live_tunnel_is_not_found(void **state)
{
	struct packet_spec s = { .from = "10.1.0.5", .to = "10.50.0.1" };
	uint32_t bucket = hash_of(&s) % GROUP_BUCKETS;
	struct explain e;

	(void)state;
	world_live(&world, 2, false);
	for (uint32_t distance = 0; distance < GROUP_BUCKETS; distance++) {
		struct group g;

		memset(&g, 0xff, sizeof(g));
		for (int i = 0; i < GROUP_BUCKETS; i++)
			g.buckets[i] = (struct bucket){ 2, 2 };
		g.buckets[(bucket + distance) % GROUP_BUCKETS] = (struct bucket){ 3, 2 };
		world_set_group(&world, GROUP, &g);
		ask(&s, &e);
		assert_int_equal(e.tunnel, 3);
	}
	world_live(&world, 2, true);
}

static void a_group_without_a_live_tunnel_sends(void **state)
{
	struct group g;
	struct packet_spec s = { .from = "10.1.0.5", .to = "10.50.0.1" };
	struct explain e;

	(void)state;
	even_group(&g);
	for (uint32_t t = 1; t <= MEMBERS; t++)
		world_live(&world, t, false);
	for (int i = 0; i < 500; i++) {
		s.sport = (uint16_t)(1 + i);
		ask(&s, &e);
		assert_int_equal(e.reason, REASON_NO_LIVE_TUNNEL);
		assert_int_equal(e.tunnel, NO_TUNNEL);
	}
	world_live(&world, 3, true);
	ask(&s, &e);
	assert_int_equal(e.tunnel, 3);
}

static void an_empty_group_sends(void **state)
{
	struct packet_spec s = { .from = "10.1.0.5", .to = "10.50.0.1" };
	struct explain e;

	(void)state;
	world_group(&world, GROUP, BUCKET_EMPTY, BUCKET_EMPTY);
	ask(&s, &e);
	assert_int_equal(e.reason, REASON_NO_LIVE_TUNNEL);
	world_route(&world, TABLE, "10.0.0.0/8", VERDICT_GROUP, MAX_GROUPS);
	ask(&s, &e);
	assert_int_equal(e.reason, REASON_NO_LIVE_TUNNEL);
}

/* ---- sixteen tunnels a group, and many groups that share them ---- */

#define GROUPS	48
#define SHARED	24 /* tunnels 1..24 */
#define PROBES	24 /* flows of each group */
#define CHANGES 60

/* What the controller knows, and the groups as it has them. */
struct shared {
	bool live[SHARED + 1];
	uint64_t drained[SHARED + 1], order;
	struct member_set sets[GROUPS];
	struct placement places[GROUPS];
	uint32_t taken[GROUPS][PROBES];
};

static bool shared_live(uint32_t tunnel, const void *context)
{
	return ((const struct shared *)context)->live[tunnel];
}

static uint64_t shared_drained(uint32_t tunnel, const void *context)
{
	return ((const struct shared *)context)->drained[tunnel];
}

static bool drained_waits(uint32_t from, uint32_t to, const void *context)
{
	(void)to;
	return shared_drained(from, context) != 0;
}

static bool any_bucket(unsigned bucket, uint16_t from, uint16_t to, void *context)
{
	(void)bucket;
	(void)from;
	(void)to;
	(void)context;
	return any(2);
}

static void rewrite(struct shared *s, bool settle)
{
	const struct tunnel_view v = { shared_live, shared_drained, drained_waits, s };

	for (uint32_t id = 0; id < GROUPS; id++) {
		placement_refresh(&s->places[id], &s->sets[id], &v);
		if (settle)
			placement_settle(&s->places[id], &s->sets[id], &v, any_bucket, NULL);
		world_set_group(&world, GROUP + id, &s->places[id].content);
	}
}

static void share(struct shared *s)
{
	memset(s, 0, sizeof(*s));
	for (uint32_t t = 1; t <= SHARED; t++) {
		world_tunnel(&world, t, world.tun, 1400, true);
		s->live[t] = true;
	}
	for (uint32_t id = 0; id < GROUPS; id++) {
		uint8_t size = (uint8_t)(id % 3 ? 1 + any(MAX_MEMBERS) : MAX_MEMBERS);
		char prefix[32];

		for (uint16_t t = 1; t <= SHARED && s->sets[id].count < size; t++)
			if (any(3) || SHARED - t < size - s->sets[id].count)
				s->sets[id].members[s->sets[id].count++] =
					(struct member){ t, (uint16_t)(1 + any(4)) };
		snprintf(prefix, sizeof(prefix), "10.%u.0.0/16", 100 + id);
		world_route(&world, TABLE, prefix, VERDICT_GROUP, GROUP + id);
		placement_start(&s->places[id], NULL);
	}
	rewrite(s, false);
}

static bool has_live(const struct shared *s, uint32_t id)
{
	for (unsigned i = 0; i < s->sets[id].count; i++)
		if (s->live[s->sets[id].members[i].tunnel])
			return true;
	return false;
}

/* Where the flows go now; none to a dead tunnel, none dropped while a live member exists. */
static void ask_shared(const struct shared *s, uint32_t taken[GROUPS][PROBES])
{
	for (uint32_t id = 0; id < GROUPS; id++)
		for (uint16_t n = 0; n < PROBES; n++) {
			char to[32];
			struct packet_spec spec = { .from = "10.1.0.5", .to = to };
			struct explain e;

			snprintf(to, sizeof(to), "10.%u.7.%u", 100 + id, n);
			spec.sport = (uint16_t)(1 + n);
			ask(&spec, &e);
			taken[id][n] = e.tunnel;
			if (has_live(s, id)) {
				assert_int_equal(e.reason, REASON_TO_TUNNEL);
				assert_true(s->live[e.tunnel]);
			} else {
				assert_int_equal(e.reason, REASON_NO_LIVE_TUNNEL);
			}
		}
}

/* Several at once, as when a data centre's gateway dies. */
static void lose_some(struct shared *s)
{
	static uint32_t skipped[GROUPS][PROBES], then[GROUPS][PROBES];
	bool was[SHARED + 1];

	memcpy(was, s->live, sizeof(was));
	for (uint32_t n = 1 + any(4); n; n--) {
		uint32_t tunnel = 1 + any(SHARED);

		s->live[tunnel] = false;
		world_live(&world, tunnel, false);
	}
	ask_shared(s, skipped);
	for (uint32_t id = 0; id < GROUPS; id++)
		for (int n = 0; n < PROBES; n++)
			if (s->taken[id][n] != NO_TUNNEL && s->live[s->taken[id][n]])
				assert_int_equal(skipped[id][n], s->taken[id][n]);
	rewrite(s, false);
	ask_shared(s, then);
	assert_memory_equal(skipped, then, sizeof(then));
	memcpy(s->taken, then, sizeof(then));
}

/* The word rises first; then the groups follow. */
static void regain_one(struct shared *s)
{
	static uint32_t then[GROUPS][PROBES];
	uint32_t tunnel = 1 + any(SHARED);

	s->live[tunnel] = true;
	world_live(&world, tunnel, true);
	ask_shared(s, then);
	rewrite(s, false);
	ask_shared(s, then);
	for (uint32_t id = 0; id < GROUPS; id++)
		for (int n = 0; n < PROBES; n++) {
			uint32_t before = s->taken[id][n];

			if (then[id][n] == before || before == NO_TUNNEL)
				continue;
			/* Or it is the last one that was drained, and gives way. */
			assert_true(then[id][n] == tunnel || s->drained[before]);
		}
	memcpy(s->taken, then, sizeof(then));
}

static void drain_or_undrain(struct shared *s)
{
	uint32_t tunnel = 1 + any(SHARED);

	s->drained[tunnel] = s->drained[tunnel] ? 0 : ++s->order;
	rewrite(s, any(2));
	ask_shared(s, s->taken);
}

static void a_dead_tunnel_gets_packets_or_a_flow_moves_twice_among_sixteen(void **state)
{
	static struct shared s;

	(void)state;
	share(&s);
	ask_shared(&s, s.taken);
	for (int i = 0; i < CHANGES; i++) {
		uint32_t what = any(5);

		if (what < 2)
			lose_some(&s);
		else if (what < 4)
			regain_one(&s);
		else
			drain_or_undrain(&s);
	}
}

#define L4(test)	cmocka_unit_test_setup_teardown(test, setup_l4, teardown)
#define L3(test)	cmocka_unit_test_setup_teardown(test, setup_l3, teardown)
#define SYMMETRIC(test) cmocka_unit_test_setup_teardown(test, setup_symmetric, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		L4(neighbouring_flows_share_a_bucket),
		L4(a_flow_is_torn_apart_by_what_is_not_its_name),
		L4(a_part_of_the_five_tuple_is_not_hashed),
		L4(extension_headers_change_the_flow),
		L4(fragments_of_a_datagram_take_different_tunnels),
		SYMMETRIC(fragments_of_a_datagram_take_different_tunnels),
		L4(padding_is_taken_for_ports),
		SYMMETRIC(the_two_directions_differ_under_symmetric),
		SYMMETRIC(neighbouring_flows_share_a_bucket),
		L3(ports_move_a_flow_under_l3),
		L4(a_bucket_leads_to_another_tunnel_than_its_own),
		L4(losing_a_tunnel_moves_flows_of_the_others),
		L4(flows_move_twice_when_a_tunnel_is_lost),
		L4(two_tunnels_lost_at_once_lose_packets),
		L4(the_last_live_tunnel_is_not_found),
		L4(a_group_without_a_live_tunnel_sends),
		L4(an_empty_group_sends),
		L4(a_dead_tunnel_gets_packets_or_a_flow_moves_twice_among_sixteen),
	};

	return cmocka_run_group_tests_name("groups", tests, NULL, NULL);
}
