/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How many flows move when a tunnel is lost and when it returns [D13]: flows through the loaded
 * program (its explain entry), as many in each bucket of the hash, so that shares are exact; each
 * member of the group lost in turn. Three looks after each loss: the liveness word alone; the group
 * as it is rewritten then; the tunnel back.
 *
 *   moved [FLOWS_PER_BUCKET]
 *
 * Prints a JSON list. Exit status 1: a flow moved that was not on the lost tunnel, stayed on it, or
 * moved again when the group was rewritten; or more than the fair share came back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/groups.h"
#include "../bpf/world.h"

#define TABLE 1
#define GROUP 1
#define FLOWS 40 /* in each bucket */
#define MOST  8

struct shares {
	double lost, moved, returned; /* of all flows; the largest of all members */
};

static struct world world;
static size_t *flow, flows;
static bool alive[TUNNELS];

static void require(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "moved: %s\n", what);
	exit(1);
}

static bool is_alive(uint32_t tunnel, const void *context)
{
	(void)context;
	return alive[tunnel];
}

static void set_alive(uint32_t tunnel, bool live)
{
	alive[tunnel] = live;
	world_live(&world, tunnel, live);
}

static void open_world(void)
{
	struct association a = { .table = TABLE,
				 .attachment = 1,
				 .tunnel = NO_TUNNEL,
				 .source_table = NO_TABLE,
				 .l2_len = ETH_HEADER_LEN };

	world_open(&world, HASH_L4);
	world_associate(&world, LO, 0, 0, a);
	world_route(&world, TABLE, "0.0.0.0/0", VERDICT_GROUP, GROUP);
	for (uint32_t t = 1; t <= MOST; t++) {
		world_tunnel(&world, t, world.tun, 1400, true);
		set_alive(t, true);
	}
	world_group(&world, GROUP, 1, 2);
}

/* The same flow for the same number. */
static struct explain ask(size_t number)
{
	static struct frame in;
	uint32_t mixed = (uint32_t)number * 2654435761u;
	struct association_key key = { LO, 0, 0 };
	struct packet_spec spec = { .sport = (uint16_t)(1024 + number % 60000),
				    .dport = (uint16_t)(1 + (mixed >> 4) % 1024) };
	char from[16], to[16];
	struct explain e;

	snprintf(from, sizeof(from), "10.1.%u.%u", mixed >> 24, 1 + (mixed >> 17) % 250);
	snprintf(to, sizeof(to), "10.50.%u.%u", (mixed >> 8) % 256, (unsigned)(1 + number % 250));
	spec.from = from;
	spec.to = to;
	frame_build(&spec, &in);
	world_explain(&world, &key, &in, &e);
	require(e.reason == REASON_TO_TUNNEL, "a packet did not get a tunnel");
	return e;
}

static void ask_all(uint16_t *taken)
{
	for (size_t i = 0; i < flows; i++)
		taken[i] = (uint16_t)ask(flow[i]).tunnel;
}

static void choose_flows(size_t per_bucket)
{
	static size_t found[GROUP_BUCKETS];

	flow = calloc(GROUP_BUCKETS * per_bucket, sizeof(*flow));
	require(flow != NULL, "memory");
	for (size_t number = 0; flows < GROUP_BUCKETS * per_bucket; number++) {
		uint32_t bucket = ask(number).bucket;

		if (found[bucket]++ < per_bucket)
			flow[flows++] = number;
	}
}

static const struct tunnel_view view = { .live = is_alive };

static size_t differences(const uint16_t *a, const uint16_t *b)
{
	size_t count = 0;

	for (size_t i = 0; i < flows; i++)
		count += a[i] != b[i];
	return count;
}

static size_t on(const uint16_t *taken, uint16_t tunnel)
{
	size_t count = 0;

	for (size_t i = 0; i < flows; i++)
		count += taken[i] == tunnel;
	return count;
}

static void rewrite(struct groups *g, uint32_t id)
{
	groups_refresh(g, id, &view);
	world_set_group(&world, GROUP, &g->list[id].place.content);
}

static double larger(double a, size_t count)
{
	double share = (double)count / (double)flows;

	return a > share ? a : share;
}

static void lose(struct groups *g, uint32_t id, uint16_t tunnel, struct shares *s,
		 uint16_t *taken[4])
{
	size_t lost;

	ask_all(taken[0]);
	lost = on(taken[0], tunnel);
	set_alive(tunnel, false);
	ask_all(taken[1]);
	rewrite(g, id);
	ask_all(taken[2]);
	set_alive(tunnel, true);
	rewrite(g, id);
	ask_all(taken[3]);
	require(!on(taken[1], tunnel), "a flow stayed on the lost tunnel");
	require(differences(taken[0], taken[1]) == lost, "other flows than the lost ones moved");
	require(!differences(taken[1], taken[2]), "flows moved twice");
	require(differences(taken[2], taken[3]) == on(taken[3], tunnel),
		"flows moved that did not return");
	s->lost = larger(s->lost, lost);
	s->moved = larger(s->moved, differences(taken[0], taken[2]));
	s->returned = larger(s->returned, differences(taken[2], taken[3]));
}

static void require_fair(const struct groups *g, uint32_t id, unsigned members)
{
	for (unsigned t = 1; t <= members; t++) {
		unsigned buckets = ecmp_count(&g->list[id].place.content, (uint16_t)t);

		require(buckets >= GROUP_BUCKETS / members &&
				buckets <= (GROUP_BUCKETS + members - 1) / members,
			"a member has more or less than its share of the buckets");
	}
}

static struct shares measure(unsigned members)
{
	struct member_set set = { .count = (uint8_t)members };
	struct shares s = { 0 };
	struct groups g;
	uint16_t *taken[4];
	bool made;
	int id;

	for (unsigned i = 0; i < members; i++)
		set.members[i] = (struct member){ .tunnel = (uint16_t)(1 + i), .weight = 1 };
	require(!groups_init(&g, 4), "memory");
	id = groups_get(&g, &set, NULL, &view, &made);
	require(id >= 0, "no group");
	rewrite(&g, (uint32_t)id);
	for (int i = 0; i < 4; i++)
		require((taken[i] = calloc(flows, sizeof(*taken[i]))) != NULL, "memory");
	for (unsigned i = 0; i < members; i++) {
		lose(&g, (uint32_t)id, (uint16_t)(1 + i), &s, taken);
		require_fair(&g, (uint32_t)id, members);
	}
	groups_free(&g);
	for (int i = 0; i < 4; i++)
		free(taken[i]);
	return s;
}

int main(int argc, char **argv)
{
	static const unsigned sizes[] = { 2, 3, 8 };
	size_t per_bucket = argc > 1 ? strtoul(argv[1], NULL, 10) : FLOWS;

	require(per_bucket > 0, "how many flows?");
	open_world();
	choose_flows(per_bucket);
	printf("[");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct shares s = measure(sizes[i]);

		printf("%s{\"members\": %u, \"flows\": %zu, \"fair_share\": %.4f, \"lost_share\": "
		       "%.4f, "
		       "\"moved_share\": %.4f, \"returned_share\": %.4f}",
		       i ? ", " : "", sizes[i], flows, 1.0 / sizes[i], s.lost, s.moved, s.returned);
	}
	printf("]\n");
	world_close(&world);
	free(flow);
	return 0;
}
