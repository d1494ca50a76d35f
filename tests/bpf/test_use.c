/* SPDX-License-Identifier: GPL-2.0-only */
/* Which buckets are in use: noted by every live program, when asked for, and by nobody else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>
#include "world.h"

#define TABLE 1
#define GROUP 7

static struct world world;
static const struct packet_spec flow = { .from = "10.1.0.5", .to = "10.50.0.1" };

static void associate(uint32_t ifindex, uint8_t flags, uint8_t l2_len)
{
	world_associate(&world, ifindex, 0, 0,
			(struct association){ .table = TABLE,
					      .attachment = 1,
					      .tunnel = NO_TUNNEL,
					      .source_table = NO_TABLE,
					      .flags = flags,
					      .l2_len = l2_len });
}

static int setup(void **state)
{
	(void)state;
	world_open(&world, HASH_L4);
	associate(LO, 0, ETH_HEADER_LEN);
	associate(world.tun, ASSOCIATION_L3, ETH_HEADER_LEN);
	world_route(&world, TABLE, "10.50.0.0/16", VERDICT_GROUP, GROUP);
	world_tunnel(&world, 1, world.tun, 1400, true);
	world_group(&world, GROUP, 1, BUCKET_EMPTY);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_close(&world);
	return 0;
}

static void track(bool on)
{
	uint32_t index = SETTING_TRACK_USE;
	uint64_t word = on;

	assert_int_equal(0, bpf_map_update_elem(bpf_map__fd(world.object->maps.settings), &index,
						&word, BPF_ANY));
}

static void get_use(uint32_t group, struct bucket_use *out)
{
	assert_int_equal(0, bpf_map_lookup_elem(bpf_map__fd(world.object->maps.bucket_used), &group,
						out));
}

static uint32_t stamp_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return (uint32_t)(((uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec) >> USE_SHIFT);
}

static uint32_t bucket_of_flow(void)
{
	static struct frame in;
	struct association_key key = { LO, 0, 0 };
	struct explain e;

	frame_build(&flow, &in);
	world_explain(&world, &key, &in, &e);
	assert_int_equal(e.reason, REASON_TO_TUNNEL);
	return e.bucket;
}

static void send_xdp(const struct packet_spec *spec)
{
	static struct outcome out;
	static struct frame in;

	frame_build(spec, &in);
	world_xdp(&world, LO, &in, &out);
}

static void send_tc(const struct packet_spec *spec)
{
	static struct outcome out;
	static struct frame in;

	frame_build(spec, &in);
	world_tc(&world, world.object->progs.tc_attachment, LO, 0, &in, &out);
}

static void send_out_of_a_tunnel(const struct packet_spec *spec)
{
	static struct outcome out;
	static struct frame in;

	frame_build(spec, &in);
	world_tc(&world, world.object->progs.tc_tunnel, world.tun, 0, &in, &out);
}

static void assert_unused(uint32_t group)
{
	struct bucket_use use;

	get_use(group, &use);
	for (unsigned b = 0; b < GROUP_BUCKETS; b++)
		assert_int_equal(use.last[b], 0);
}

static void packets_are_noted_though_nobody_asked(void **state)
{
	(void)state;
	send_xdp(&flow);
	send_tc(&flow);
	send_out_of_a_tunnel(&flow);
	assert_unused(GROUP);
}

static void assert_noted_by(void (*send)(const struct packet_spec *spec))
{
	struct bucket_use use, none = { 0 };
	uint32_t bucket = bucket_of_flow(), group = GROUP, before = stamp_now();

	assert_int_equal(0, bpf_map_update_elem(bpf_map__fd(world.object->maps.bucket_used), &group,
						&none, BPF_ANY));
	track(true);
	send(&flow);
	get_use(GROUP, &use);
	assert_true(use.last[bucket] >= before && use.last[bucket] <= stamp_now());
	use.last[bucket] = 0;
	assert_memory_equal(&use, &none, sizeof(use));
	assert_unused(GROUP - 1);
	assert_unused(GROUP + 1);
	track(false);
}

static void a_program_forgets_to_note_or_notes_another_bucket(void **state)
{
	(void)state;
	assert_noted_by(send_xdp);
	assert_noted_by(send_tc);
	assert_noted_by(send_out_of_a_tunnel);
}

static void explaining_a_flow_makes_it_look_busy(void **state)
{
	(void)state;
	track(true);
	bucket_of_flow();
	assert_unused(GROUP);
}

static void what_enters_no_tunnel_keeps_a_bucket_busy(void **state)
{
	struct packet_spec big = flow, dying = flow, elsewhere = flow;

	(void)state;
	track(true);
	big.payload = 1400;
	dying.ttl = 1;
	elsewhere.to = "10.99.0.1";
	send_xdp(&big);
	send_tc(&dying);
	send_xdp(&elsewhere);
	assert_unused(GROUP);
	world_live(&world, 1, false);
	send_xdp(&flow);
	send_tc(&flow);
	assert_unused(GROUP);
}

#define WORLD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		WORLD(packets_are_noted_though_nobody_asked),
		WORLD(a_program_forgets_to_note_or_notes_another_bucket),
		WORLD(explaining_a_flow_makes_it_look_busy),
		WORLD(what_enters_no_tunnel_keeps_a_bucket_busy),
	};

	return cmocka_run_group_tests_name("use", tests, NULL, NULL);
}
