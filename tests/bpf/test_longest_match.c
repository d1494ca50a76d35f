/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The route that the dataplane takes is the longest that matches: against a naive linear search
 * over random nested prefixes in two tables, and at the edges of single ones. By the index, and by
 * the tries where the index cannot tell.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "core/prefix.h"
#include "world.h"

#define TABLES	   2
#define ROUTES	   1000	 /* of each table and family */
#define ADDRESSES  50000 /* of each family */
#define EDGE_TABLE 9

static struct world world;
static uint32_t seed = 20260102;

static uint32_t any(uint32_t limit)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % limit;
}

struct model_route {
	struct prefix prefix;
	uint32_t target;
};

static struct model_route model[TABLES][2][ROUTES];
static size_t count[TABLES][2];

/* Few distinct bytes at the front: prefixes nest and addresses hit them. */
static struct address any_address(bool v6)
{
	struct address a = { .family = v6 ? AF_INET6 : AF_INET };

	for (unsigned i = 0; i < (v6 ? 16u : 4u); i++)
		a.bytes[i] = i < 2 ? (uint8_t)(20 + any(8)) : (uint8_t)any(i < 4 ? 16 : 256);
	if (v6)
		a.bytes[0] = 0xfd;
	return a;
}

static const struct model_route *naive(unsigned table, bool v6, const struct address *a)
{
	const struct model_route *best = NULL;

	for (size_t i = 0; i < count[table][v6]; i++) {
		const struct model_route *r = &model[table][v6][i];

		if (prefix_contains_address(&r->prefix, a) &&
		    (!best || r->prefix.len > best->prefix.len))
			best = r;
	}
	return best;
}

static bool known(unsigned table, bool v6, const struct prefix *p)
{
	for (size_t i = 0; i < count[table][v6]; i++)
		if (prefix_equal(&model[table][v6][i].prefix, p))
			return true;
	return false;
}

static void fill_table(unsigned table, bool v6)
{
	char text[PREFIX_STRLEN];

	while (count[table][v6] < ROUTES) {
		struct address a = any_address(v6);
		unsigned bits = address_bits(&a), len = any(3) ? any(33) : any(bits + 1);
		struct prefix p = prefix_of(&a, len);
		struct model_route *r = &model[table][v6][count[table][v6]];

		if (known(table, v6, &p))
			continue;
		*r = (struct model_route){ p, 1 + any(1000) };
		count[table][v6]++;
		world_route(&world, table + 1, prefix_format(&p, text), VERDICT_DEVICE, r->target);
	}
}

static void ask(uint16_t vlan, const struct address *a, struct explain *out)
{
	static struct frame in;
	char to[PREFIX_STRLEN];
	struct association_key key = { LO, vlan, 0 };
	bool v6 = a->family == AF_INET6;
	struct packet_spec spec = { .from = v6 ? "fd00:1::5" : "10.1.0.5",
				    .to = address_format(a, to),
				    .vlan = { vlan } };

	frame_build(&spec, &in);
	world_explain(&world, &key, &in, out);
}

static void compare_many(bool v6)
{
	size_t matched = 0;

	for (int i = 0; i < ADDRESSES; i++) {
		unsigned table = any(TABLES);
		struct address a = any_address(v6);
		const struct model_route *expected = naive(table, v6, &a);
		struct explain e;
		char text[PREFIX_STRLEN];

		ask((uint16_t)(100 + table), &a, &e);
		if (e.matched != !!expected)
			fail_msg("table %u, %s: %s", table, address_format(&a, text),
				 expected ? "not found" : "found, and there is none");
		if (!expected)
			continue;
		matched++;
		assert_int_equal(e.route.prefix_len, expected->prefix.len);
		assert_int_equal(e.route.target, expected->target);
	}
	/* A comparison in which everything or nothing matches says little. */
	assert_in_range(matched, ADDRESSES / 10, ADDRESSES);
}

static void a_v4_route_other_than_the_longest_is_taken(void **state)
{
	(void)state;
	compare_many(false);
}

static void a_v6_route_other_than_the_longest_is_taken(void **state)
{
	(void)state;
	compare_many(true);
}

static void without_the_index_a_route_other_than_the_longest_is_taken(void **state)
{
	(void)state;
	world_ask_tries(&world);
	compare_many(false);
	compare_many(true);
}

/* ---- edges ---- */

struct edge {
	const char *prefix;
	const char *inside[4];	/* first, last, somewhere */
	const char *outside[2]; /* just below, just above */
};

static const struct edge edges[] = {
	{ "10.0.0.0/8",
	  { "10.0.0.0", "10.255.255.255", "10.20.30.40" },
	  { "9.255.255.255", "11.0.0.0" } },
	{ "172.16.0.0/12",
	  { "172.16.0.0", "172.31.255.255", "172.20.1.1" },
	  { "172.15.255.255", "172.32.0.0" } },
	{ "192.0.2.0/24",
	  { "192.0.2.0", "192.0.2.255", "192.0.2.128" },
	  { "192.0.1.255", "192.0.3.0" } },
	{ "192.0.2.4/31", { "192.0.2.4", "192.0.2.5" }, { "192.0.2.3", "192.0.2.6" } },
	{ "192.0.2.7/32", { "192.0.2.7" }, { "192.0.2.6", "192.0.2.8" } },
	{ "128.0.0.0/1", { "128.0.0.0", "223.255.255.255", "240.0.0.1" }, { "126.255.255.255" } },
	{ "0.0.0.0/0", { "1.0.0.0", "223.255.255.255", "10.0.0.1" } },
	{ "2001:db8::/32",
	  { "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db8:1::1" },
	  { "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::" } },
	{ "2001:db8::/33",
	  { "2001:db8::", "2001:db8:7fff:ffff:ffff:ffff:ffff:ffff" },
	  { "2001:db8:8000::" } },
	{ "2001:db8::/64",
	  { "2001:db8::", "2001:db8::ffff:ffff:ffff:ffff" },
	  { "2001:db8:0:1::", "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff" } },
	{ "2001:db8::2/127", { "2001:db8::2", "2001:db8::3" }, { "2001:db8::1", "2001:db8::4" } },
	{ "2001:db8::7/128", { "2001:db8::7" }, { "2001:db8::6", "2001:db8::8" } },
	{ "::/0", { "::2", "2001:db8::1", "fd00::1" } },
};

static void ask_edge(const char *text, struct explain *out)
{
	struct address a;

	assert_int_equal(address_parse(text, &a), 0);
	ask(EDGE_TABLE, &a, out);
}

static void an_edge_is_on_the_wrong_side(void **state)
{
	const struct edge *edge = *state;
	struct explain e;

	world_route(&world, EDGE_TABLE, edge->prefix, VERDICT_BLACKHOLE, 0);
	for (size_t i = 0; i < 4 && edge->inside[i]; i++) {
		ask_edge(edge->inside[i], &e);
		if (e.reason != REASON_BLACKHOLE)
			fail_msg("%s is inside %s", edge->inside[i], edge->prefix);
		assert_int_equal(e.route.prefix_len, atoi(strchr(edge->prefix, '/') + 1));
	}
	for (size_t i = 0; i < 2 && edge->outside[i]; i++) {
		ask_edge(edge->outside[i], &e);
		if (e.matched)
			fail_msg("%s is outside %s", edge->outside[i], edge->prefix);
	}
	/* Another table does not have it. */
	world_unroute(&world, EDGE_TABLE, edge->prefix);
	world_route(&world, EDGE_TABLE + 1, edge->prefix, VERDICT_BLACKHOLE, 0);
	ask_edge(edge->inside[0], &e);
	assert_false(e.matched);
	world_unroute(&world, EDGE_TABLE + 1, edge->prefix);
}

static void associate(uint16_t vlan, uint32_t table)
{
	world_associate(&world, LO, vlan, 0,
			(struct association){ .table = table,
					      .attachment = 1,
					      .tunnel = NO_TUNNEL,
					      .source_table = NO_TABLE,
					      .l2_len = ETH_HEADER_LEN });
}

#define EDGES (sizeof(edges) / sizeof(edges[0]))

int main(void)
{
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(a_v4_route_other_than_the_longest_is_taken),
		cmocka_unit_test(a_v6_route_other_than_the_longest_is_taken),
		cmocka_unit_test(without_the_index_a_route_other_than_the_longest_is_taken),
	};
	static struct CMUnitTest tests[EDGES + sizeof(others) / sizeof(others[0])];
	static char names[EDGES][80];
	int failed;

	for (size_t i = 0; i < EDGES; i++) {
		snprintf(names[i], sizeof(names[i]), "an edge of %s is on the wrong side",
			 edges[i].prefix);
		tests[i] = (struct CMUnitTest){ names[i], an_edge_is_on_the_wrong_side, NULL, NULL,
						(void *)&edges[i] };
	}
	memcpy(tests + EDGES, others, sizeof(others));
	world_open(&world, HASH_L4);
	for (unsigned table = 0; table < TABLES; table++) {
		associate((uint16_t)(100 + table), table + 1);
		fill_table(table, false);
		fill_table(table, true);
	}
	associate(EDGE_TABLE, EDGE_TABLE);
	failed = cmocka_run_group_tests_name("longest match", tests, NULL, NULL);
	world_close(&world);
	return failed;
}
