/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which CPU a packet is handed to: by the counter of the queue that it was sent to. A list may name
 * a CPU more than once, so a machine of two will do for lists of any length.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>
#include "world.h"

#define V4   .from = "192.0.2.2", .to = "192.0.2.1"
#define V6   .from = "2001:db8::2", .to = "2001:db8::1"
#define ESP  .protocol = IPPROTO_ESP
#define NATT .sport = 4500, .dport = 4500
#define HERE (-1) /* not handed over */
#define SLOT 3

static struct world world;

/* A list of `count` positions; each CPU that it names has a queue. */
static void spread_over(enum spread_kind kind, unsigned count, uint16_t cpus)
{
	struct spread_key key = { LO, kind };
	struct spread value = { .slot = SLOT, .count = (uint16_t)count };

	for (unsigned i = 0; i < count; i++)
		value.cpus[i] = (uint16_t)(i % cpus);
	for (uint16_t cpu = 0; cpu < cpus; cpu++)
		assert_int_equal(dataplane_set_core(&world.plane, cpu, true), 0);
	assert_int_equal(dataplane_set_spread(&world.plane, &key, &value), 0);
}

static int setup(void **state)
{
	(void)state;
	world_open(&world, HASH_L4);
	world.plane.cpus = libbpf_num_possible_cpus();
	world.plane.per_cpu = calloc((size_t)world.plane.cpus, sizeof(*world.plane.per_cpu));
	return !world.plane.per_cpu;
}

static int teardown(void **state)
{
	(void)state;
	free(world.plane.per_cpu);
	world_close(&world);
	return 0;
}

static uint64_t sent_to(unsigned position)
{
	struct counter c = { 0 };

	assert_int_equal(dataplane_sum(&world.plane, world.object->maps.sent_counters,
				       SLOT * MAX_CORES + position, &c),
			 0);
	return c.packets;
}

static int run(const struct bpf_program *program, const struct frame *in)
{
	static uint8_t buffer[FRAME_MAX + 256];
	struct xdp_md ctx = { .ingress_ifindex = LO, .data_end = (uint32_t)in->len };
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = in->bytes, .data_size_in = (uint32_t)in->len,
		    .data_out = buffer, .data_size_out = sizeof(buffer), .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx), .repeat = 1);

	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(program), &o), 0);
	assert_int_equal(o.data_size_out, in->len); /* and nothing was written to it */
	assert_memory_equal(buffer, in->bytes, in->len);
	return (int)o.retval;
}

/* The position that `program` hands the packet to, or HERE. */
static int where(const struct bpf_program *program, const struct frame *in)
{
	uint64_t before[MAX_CORES];
	int verdict, found = HERE;

	for (unsigned i = 0; i < MAX_CORES; i++)
		before[i] = sent_to(i);
	verdict = run(program, in);
	for (unsigned i = 0; i < MAX_CORES; i++) {
		if (sent_to(i) == before[i])
			continue;
		assert_int_equal(sent_to(i), before[i] + 1);
		assert_int_equal(found, HERE);
		found = (int)i;
	}
	assert_int_equal(verdict, found == HERE ? XDP_PASS : XDP_REDIRECT);
	return found;
}

/* Where ESP has its SPI: behind IP, and behind UDP if it goes in that. */
static void put_spi(struct frame *f, const struct packet_spec *s, uint32_t spi)
{
	size_t at = f->l3 + (f->v6 ? 40 : 20) + (s->protocol == IPPROTO_ESP ? 0 : 8);

	spi = htonl(spi);
	memcpy(f->bytes + at, &spi, sizeof(spi));
}

static int guard(const struct packet_spec *s, uint32_t spi)
{
	static struct frame f;

	frame_build(s, &f);
	put_spi(&f, s, spi);
	return where(world.object->progs.xdp_guard, &f);
}

static void place(uint32_t spi, uint16_t cpu, uint16_t lane)
{
	struct sa_place value = { cpu, lane };

	assert_int_equal(dataplane_set_sa_place(&world.plane, spi, &value), 0);
}

static const struct packet_spec forms[] = {
	{ V4, ESP },
	{ V6, ESP },
	{ V4, NATT },
	{ V6, NATT },
	{ V4, .sport = 40001, .dport = 4500 },
	{ V4, ESP, .vlan = { 100 } },
	{ V6, ESP, .vlan = { 100, 200 } },
	{ V4, NATT, .vlan = { 7 } },
	{ V4, ESP, .padding = 6 },
	{ V4, ESP, .payload = 8 },
};

#define FORMS (sizeof(forms) / sizeof(forms[0]))

static void an_sa_has_another_cpu_in_another_form(void **state)
{
	(void)state;
	spread_over(SPREAD_ESP, 7, 2);
	for (uint32_t spi = 0xc0de0001; spi < 0xc0de0041; spi++) {
		int position = guard(&forms[0], spi);

		assert_in_range(position, 0, 6);
		for (size_t i = 1; i < FORMS; i++)
			assert_int_equal(guard(&forms[i], spi), position);
	}
}

static void sas_crowd_on_one_cpu(void **state)
{
	unsigned count[5] = { 0 };

	(void)state;
	spread_over(SPREAD_ESP, 5, 2);
	for (uint32_t i = 0; i < 1000; i++) {
		int position = guard(&forms[0], 0xc1000000 + i);

		assert_in_range(position, 0, 4);
		count[position]++;
	}
	for (unsigned i = 0; i < 5; i++)
		assert_in_range(count[i], 140, 260); /* 200, and 4.7 standard deviations */
}

static void a_known_sa_is_hashed(void **state)
{
	(void)state;
	spread_over(SPREAD_ESP, 4, 2);
	for (uint16_t lane = 0; lane < 12; lane++) {
		place(0xc2000000u + lane, NO_CPU, lane);
		for (size_t i = 0; i < FORMS; i++)
			assert_int_equal(guard(&forms[i], 0xc2000000u + lane), lane % 4);
	}
}

/* RFC 9611. A CPU that the device's list lacks is none of the device's. */
static void a_per_cpu_sa_goes_to_another_cpu(void **state)
{
	(void)state;
	spread_over(SPREAD_ESP, 2, 2);
	place(0xc3000001, 1, 0);
	place(0xc3000002, 0, 1);
	place(0xc3000003, 77, 1);
	assert_int_equal(guard(&forms[0], 0xc3000001), 1);
	assert_int_equal(guard(&forms[2], 0xc3000002), 0);
	assert_int_equal(guard(&forms[1], 0xc3000003), 1);
	assert_int_equal(dataplane_delete_sa_place(&world.plane, 0xc3000001), 0);
	assert_int_equal(dataplane_delete_sa_place(&world.plane, 0xc3000001), 0);
}

static void what_is_not_esp_is_handed_over(void **state)
{
	static const struct {
		struct packet_spec spec;
		uint32_t spi;
	} rows[] = {
		{ { V4, NATT }, 0 },				  /* IKE */
		{ { V6, NATT }, 0 },				  /* IKE */
		{ { V4, .sport = 500, .dport = 500 }, 1 },	  /* IKE */
		{ { V4, NATT, .payload = 1 }, 0xff010203 },	  /* keepalive */
		{ { V4, NATT, .payload = 7 }, 9 },		  /* too short */
		{ { V4, NATT, .payload = 1, .padding = 17 }, 9 }, /* keepalive, padded */
		{ { V4, ESP, .empty = true }, 9 },		  /* no SPI */
		{ { V4, .sport = 4500, .dport = 4501 }, 9 },	  /* to another port */
		{ { V4, .protocol = IPPROTO_TCP, NATT }, 9 },	  /* TCP */
		{ { V4, ESP, .fragment = 0x2000 }, 9 },		  /* first fragment */
		{ { V4, ESP, .fragment = 185 }, 9 },		  /* another one */
		{ { V4, NATT, .fragment = 0x2000 }, 9 },	  /* fragment of UDP */
		{ { V6, ESP, .fragment = 0x8001 }, 9 },		  /* likewise */
		{ { V6, ESP, .fragment = 0x8008 }, 9 },		  /* likewise */
		{ { V4, ESP, .options = 1 }, 9 },		  /* IP options */
		{ { V4, ESP, .wrong_checksum = true }, 9 },	  /* the kernel drops it */
		{ { V4, ESP, .length_error = 4000 }, 9 },	  /* truncated */
		{ { V4, ESP, .ethertype = 0x0806 }, 9 },	  /* not IP */
	};

	(void)state;
	spread_over(SPREAD_ESP, 2, 2);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (guard(&rows[i].spec, rows[i].spi) != HERE)
			fail_msg("row %zu was handed over", i);
}

static void a_device_that_is_not_spread_is(void **state)
{
	const struct spread_key key = { LO, SPREAD_ESP };

	(void)state;
	assert_int_equal(guard(&forms[0], 1), HERE);
	spread_over(SPREAD_FLOWS, 2, 2);
	assert_int_equal(guard(&forms[0], 1), HERE);
	spread_over(SPREAD_ESP, 2, 2);
	assert_int_not_equal(guard(&forms[0], 1), HERE);
	assert_int_equal(dataplane_delete_spread(&world.plane, &key), 0);
	assert_int_equal(dataplane_delete_spread(&world.plane, &key), 0);
	assert_int_equal(guard(&forms[0], 1), HERE);
}

/* Then the packet stays where it is, and nothing is counted. */
static void a_cpu_without_queue_loses_packets(void **state)
{
	(void)state;
	spread_over(SPREAD_ESP, 2, 2);
	place(1, NO_CPU, 0);
	place(2, NO_CPU, 1);
	assert_int_equal(dataplane_set_core(&world.plane, 1, false), 0);
	assert_int_equal(dataplane_set_core(&world.plane, 1, false), 0);
	assert_int_equal(guard(&forms[0], 1), 0);
	assert_int_equal(guard(&forms[0], 2), HERE);
	assert_int_equal(dataplane_set_core(&world.plane, 1000000, true), -EINVAL);
}

/* ---- flows of an attachment ---- */

static void attach(uint8_t flags)
{
	world_associate(&world, LO, 0, 0,
			(struct association){ .table = 1,
					      .attachment = 1,
					      .tunnel = NO_TUNNEL,
					      .source_table = NO_TABLE,
					      .flags = flags,
					      .l2_len = ETH_HEADER_LEN });
	world_route(&world, 1, "10.50.0.0/16", VERDICT_BLACKHOLE, 0);
}

static int steer(const struct packet_spec *s)
{
	static struct frame f;

	frame_build(s, &f);
	return where(world.object->progs.xdp_steer, &f);
}

static void flows_crowd_on_one_cpu(void **state)
{
	unsigned count[4] = { 0 };

	(void)state;
	attach(ASSOCIATION_SPREAD);
	spread_over(SPREAD_FLOWS, 4, 2);
	for (uint16_t i = 1; i <= 1000; i++) {
		const struct packet_spec s = { .from = "10.1.0.5", .to = "10.50.0.1", .sport = i };
		int position = steer(&s);

		assert_in_range(position, 0, 3);
		assert_int_equal(steer(&s), position); /* order is kept */
		count[position]++;
	}
	for (unsigned i = 0; i < 4; i++)
		assert_in_range(count[i], 185, 315);
}

/* They have no ports, but the same two ends. */
static void fragments_of_a_packet_part(void **state)
{
	const struct packet_spec first = { .from = "10.1.0.5",
					   .to = "10.50.0.1",
					   .fragment = 0x2000 };
	const struct packet_spec last = { .from = "10.1.0.5", .to = "10.50.0.1", .fragment = 9 };

	(void)state;
	attach(ASSOCIATION_SPREAD);
	spread_over(SPREAD_FLOWS, 64, 2);
	assert_int_equal(steer(&first), steer(&last));
	assert_int_not_equal(steer(&first), HERE);
}

/* The bucket of a group is chosen by the same hash: each CPU must still have flows for all. */
static void a_cpu_has_the_flows_of_some_buckets_only(void **state)
{
	static bool seen[2][16];
	struct association_key key = { LO, 0, 0 };

	(void)state;
	attach(ASSOCIATION_SPREAD);
	world_route(&world, 1, "10.50.0.0/16", VERDICT_GROUP, 1);
	world_group(&world, 1, 1, 1);
	world_tunnel(&world, 1, world.tun, 1400, true);
	spread_over(SPREAD_FLOWS, 2, 2);
	for (uint16_t i = 1; i <= 400; i++) {
		const struct packet_spec s = { .from = "10.1.0.5", .to = "10.50.0.1", .sport = i };
		static struct frame f;
		struct explain e;
		int position = steer(&s);

		frame_build(&s, &f);
		world_explain(&world, &key, &f, &e);
		assert_in_range(position, 0, 1);
		seen[position][e.bucket / 16] = true;
	}
	for (unsigned i = 0; i < 2; i++)
		for (unsigned b = 0; b < 16; b++)
			assert_true(seen[i][b]);
}

/* Each of these is decided where it came in: counted there, once. */
static void what_cannot_be_hashed_is_not_decided(void **state)
{
	static const struct {
		struct packet_spec spec;
		uint8_t flags;
		enum reason reason;
	} rows[] = {
		{ { .from = "10.1.0.5", .to = "10.50.0.1" }, 0, REASON_BLACKHOLE },
		{ { .from = "10.1.0.5", .to = "10.50.0.1", .wrong_checksum = true },
		  ASSOCIATION_SPREAD,
		  REASON_CHECKSUM },
		{ { .from = "10.1.0.5", .to = "10.50.0.1", .length_error = 99 },
		  ASSOCIATION_SPREAD,
		  REASON_MALFORMED },
		{ { .from = "10.1.0.5", .to = "10.50.0.1", .options = 1 },
		  ASSOCIATION_SPREAD,
		  REASON_BLACKHOLE },
		{ { .from = "10.1.0.5", .to = "10.50.0.1", .ethertype = 0x0806 },
		  ASSOCIATION_SPREAD,
		  REASON_NOT_IP },
	};

	(void)state;
	spread_over(SPREAD_FLOWS, 2, 2);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tally before, after, difference;
		static struct frame f;
		struct outcome out;

		attach(rows[i].flags);
		world_tally(&world, &before);
		frame_build(&rows[i].spec, &f);
		world_xdp(&world, LO, &f, &out);
		world_tally(&world, &after);
		tally_minus(&after, &before, &difference);
		assert_int_not_equal(out.verdict, XDP_REDIRECT);
		assert_int_equal(difference.reasons[1][rows[i].reason].packets, 1);
	}
	assert_int_equal(sent_to(0) + sent_to(1), 0);
}

/* Untagged attachment, underlay in a VLAN, or the other way round: one program for both. */
static void a_device_that_is_attachment_and_underlay_is_one_of_them(void **state)
{
	const struct packet_spec flow = { .from = "10.1.0.5", .to = "10.50.0.1" };
	const struct packet_spec esp = { V4, ESP, .vlan = { 9 } };
	static struct frame f;

	(void)state;
	attach(ASSOCIATION_SPREAD);
	spread_over(SPREAD_FLOWS, 2, 2);
	spread_over(SPREAD_ESP, 2, 2);
	assert_int_not_equal(steer(&flow), HERE);
	frame_build(&esp, &f);
	put_spi(&f, &esp, 0xc4000001);
	place(0xc4000001, NO_CPU, 1);
	assert_int_equal(where(world.object->progs.xdp_steer, &f), 1);
	attach(ASSOCIATION_SPREAD | ASSOCIATION_TAGGED_TOO); /* only tc knows whose it is */
	assert_int_equal(steer(&flow), HERE);
}

/* ---- what is in the maps ---- */

static int count_spread(const struct spread_key *key, const struct spread *value, void *data)
{
	size_t *seen = data;

	++*seen;
	assert_int_equal(key->ifindex, LO);
	assert_int_equal(value->slot, SLOT);
	return dataplane_delete_spread(&world.plane, key);
}

static int count_place(uint32_t spi, const struct sa_place *value, void *data)
{
	size_t *seen = data;

	++*seen;
	assert_in_range(spi, 1, 100);
	assert_int_equal(value->lane, spi % 7);
	return dataplane_delete_sa_place(&world.plane, spi);
}

static void a_walk_forgets_something(void **state)
{
	size_t seen = 0;

	(void)state;
	spread_over(SPREAD_FLOWS, 2, 2);
	spread_over(SPREAD_ESP, 2, 2);
	for (uint32_t spi = 1; spi <= 100; spi++)
		place(spi, NO_CPU, (uint16_t)(spi % 7));
	assert_int_equal(dataplane_each_spread(&world.plane, count_spread, &seen), 0);
	assert_int_equal(seen, 2);
	assert_int_equal(dataplane_each_sa_place(&world.plane, count_place, &seen), 0);
	assert_int_equal(seen, 102);
	assert_int_equal(dataplane_each_sa_place(&world.plane, count_place, &seen), 0);
	assert_int_equal(seen, 102);
}

#define WORLD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		WORLD(an_sa_has_another_cpu_in_another_form),
		WORLD(sas_crowd_on_one_cpu),
		WORLD(a_known_sa_is_hashed),
		WORLD(a_per_cpu_sa_goes_to_another_cpu),
		WORLD(what_is_not_esp_is_handed_over),
		WORLD(a_device_that_is_not_spread_is),
		WORLD(a_cpu_without_queue_loses_packets),
		WORLD(flows_crowd_on_one_cpu),
		WORLD(fragments_of_a_packet_part),
		WORLD(a_cpu_has_the_flows_of_some_buckets_only),
		WORLD(what_cannot_be_hashed_is_not_decided),
		WORLD(a_device_that_is_attachment_and_underlay_is_one_of_them),
		WORLD(a_walk_forgets_something),
	};

	return cmocka_run_group_tests_name("cores", tests, NULL, NULL);
}
