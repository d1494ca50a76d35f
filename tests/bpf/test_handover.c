/* SPDX-License-Identifier: GPL-2.0-only */
/* Packets that go on on another CPU, on real devices: they arrive as if they had not. */
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "devices.h"

#define V4   .from = "10.1.0.5", .to = "10.50.0.1"
#define V6   .from = "fd00:1::5", .to = "fd00:50::1"
#define SLOT 5

static struct spread_key flows, esp;
static struct spread list = { .slot = SLOT, .count = 2, .cpus = { 0, 1 } };

static void spread_all(void)
{
	assert_int_equal(dataplane_set_core(plane, 0, true), 0);
	assert_int_equal(dataplane_set_core(plane, 1, true), 0);
	assert_int_equal(dataplane_reset_spread(plane, SLOT), 0);
	assert_int_equal(dataplane_set_spread(plane, &flows, &list), 0);
	associate(0, 0, ROOM, ASSOCIATION_REDIRECT | ASSOCIATION_SPREAD);
	associate(100, 0, TAGGED, ASSOCIATION_REDIRECT | ASSOCIATION_SPREAD);
	associate(100, 200, QINQ, ASSOCIATION_REDIRECT | ASSOCIATION_SPREAD);
}

static struct spread_counters counters(void)
{
	struct spread_counters c;

	assert_int_equal(dataplane_spread_counters(plane, &list, &c), 0);
	return c;
}

static const struct packet_spec packets[] = {
	{ V4 },
	{ V6 },
	{ V4, .payload = 1, .padding = 17 },
	{ V4, .payload = 1372 },
	{ V4, .vlan = { 100 } },
	{ V4, .vlan = { 100, 200 } },
	{ V6, .vlan = { 100, 200 } },
	{ V4, .protocol = 6 },
	{ V4, .ttl = 2 },
	{ V4, .fragment = 0x2000 },
};

#define PACKETS (sizeof(packets) / sizeof(packets[0]))

/* The decision is made once: a packet whose decision were lost between XDP and tc would hop twice.
 */
static void a_packet_that_was_handed_over_hops_twice(void **state)
{
	uint64_t sent, arrived;
	struct spread_counters c;

	(void)state;
	spread_all();
	for (uint16_t round = 0; round < 8; round++)
		for (size_t i = 0; i < PACKETS; i++) {
			struct packet_spec s = packets[i];

			s.sport = (uint16_t)(3000 + round);
			assert_through_tunnel(&s);
		}
	c = counters();
	sent = c.sent[0].packets + c.sent[1].packets;
	arrived = c.arrived[0].packets + c.arrived[1].packets;
	assert_int_equal(sent, 8 * PACKETS);
	assert_int_equal(arrived, sent);
	assert_int_equal(c.sent[0].packets, c.arrived[0].packets);
	assert_int_equal(c.sent[0].bytes, c.arrived[0].bytes);
	assert_true(c.arrived[0].packets && c.arrived[1].packets);
}

static void what_goes_to_a_device_is_lost(void **state)
{
	const struct packet_spec v4 = { .from = "10.1.0.5", .to = "10.2.0.1" };
	const struct packet_spec v6 = { .from = "fd00:1::5", .to = "fd00:2::1" };

	(void)state;
	spread_all();
	assert_to_device(&v4);
	assert_to_device(&v6);
	assert_int_equal(counters().arrived[0].packets + counters().arrived[1].packets, 2);
}

static void a_packet_that_is_dropped_there_is_not_counted(void **state)
{
	const struct packet_spec s = { .from = "10.1.0.5", .to = "10.77.0.1" };
	static struct frame f;

	(void)state;
	spread_all();
	frame_build(&s, &f);
	send_frame(&f);
	wait_for(ROOM, REASON_NO_ROUTE, 1);
	assert_int_equal(counters().arrived[0].packets + counters().arrived[1].packets, 1);
}

static void another_controller_starts_with_empty_queues(void **state)
{
	bool native;

	(void)state;
	spread_all();
	assert_through_tunnel(&packets[0]);
	dataplane_close(plane);
	assert_through_tunnel(&packets[0]); /* by what is attached, with nobody at home */
	open_plane();
	/* Until it has made queues of its own, packets are decided where they come in. */
	assert_int_equal(dataplane_attach_device(plane, vpc0, DATAPLANE_XDP_NATIVE, &native), 0);
	assert_through_tunnel(&packets[0]);
	assert_int_equal(counters().sent[0].packets + counters().sent[1].packets, 2);
	assert_int_equal(dataplane_set_core(plane, 0, true), 0);
	assert_int_equal(dataplane_set_core(plane, 1, true), 0);
	assert_through_tunnel(&packets[0]);
	assert_int_equal(counters().sent[0].packets + counters().sent[1].packets, 3);
}

/* The order of a flow, while the sender moves from CPU to CPU and so does the driver's poll. */
static void a_sender_that_moves_is_reordered(void **state)
{
	enum { COUNT = 2000 };
	static struct frame f;
	uint8_t got[4096];
	uint32_t expected = 0;
	cpu_set_t all;

	(void)state;
	spread_all();
	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	frame_build(&packets[0], &f);
	drain(tun);
	for (uint32_t i = 0; i < COUNT; i++) {
		cpu_set_t one;
		ssize_t n;

		CPU_ZERO(&one);
		CPU_SET(i / 3 % 2, &one);
		assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
		memcpy(f.bytes + f.l3 + 28, &i, sizeof(i));
		assert_int_equal(send(wire0, f.bytes, f.len, 0), f.len);
		if (i % 64 != 63 && i != COUNT - 1)
			continue;
		while (expected <= i) {
			uint32_t number;

			n = read(tun, got, sizeof(got));
			assert_true(n > 0);
			if (n < 32 || got[0] >> 4 != 4)
				continue;
			memcpy(&number, got + 28, sizeof(number));
			assert_int_equal(number, expected);
			expected++;
		}
	}
	assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
}

/* ---- the guard ---- */

static int setup_guard(void **state)
{
	(void)state;
	open_plane();
	assert_int_equal(dataplane_attach_guard(plane, vpc0), 0);
	assert_true(dataplane_guarded(plane, vpc0));
	assert_int_equal(dataplane_set_core(plane, 0, true), 0);
	assert_int_equal(dataplane_set_core(plane, 1, true), 0);
	assert_int_equal(dataplane_reset_spread(plane, SLOT), 0);
	assert_int_equal(dataplane_set_spread(plane, &esp, &list), 0);
	return 0;
}

static void send_esp(uint32_t spi)
{
	const struct packet_spec s = { V4, .protocol = 50 };
	static struct frame f;

	frame_build(&s, &f);
	f.bytes[f.l3 + 20] = (uint8_t)(spi >> 24);
	f.bytes[f.l3 + 21] = (uint8_t)(spi >> 16);
	f.bytes[f.l3 + 22] = (uint8_t)(spi >> 8);
	f.bytes[f.l3 + 23] = (uint8_t)spi;
	send_frame(&f);
}

static void wait_arrived(unsigned position, uint64_t wanted)
{
	for (int i = 0; i < DEADLINE_MS && counters().arrived[position].packets < wanted; i++)
		usleep(1000);
	assert_int_equal(counters().arrived[position].packets, wanted);
}

static void esp_does_not_get_to_its_cpu(void **state)
{
	const struct sa_place first = { NO_CPU, 0 }, second = { 1, 0 };

	(void)state;
	assert_int_equal(dataplane_set_sa_place(plane, 0xc0000001, &first), 0);
	assert_int_equal(dataplane_set_sa_place(plane, 0xc0000002, &second), 0);
	for (int i = 0; i < 10; i++) {
		send_esp(0xc0000001);
		send_esp(0xc0000002);
	}
	wait_arrived(0, 10);
	wait_arrived(1, 10);
	assert_int_equal(dataplane_detach_guard(plane, vpc0), 0);
	assert_false(dataplane_guarded(plane, vpc0));
	assert_int_equal(dataplane_detach_guard(plane, vpc0), 0);
	send_esp(0xc0000001);
	usleep(20000);
	assert_int_equal(counters().sent[0].packets, 10);
}

static void the_guard_and_an_attachment_take_turns_badly(void **state)
{
	bool native;

	(void)state;
	assert_int_equal(dataplane_attach_device(plane, vpc0, DATAPLANE_XDP_NATIVE, &native), 0);
	assert_true(native);
	assert_false(dataplane_guarded(plane, vpc0));
	assert_int_equal(dataplane_attach_guard(plane, vpc0), 0);
	assert_true(dataplane_guarded(plane, vpc0));
}

#define XDP(test)   cmocka_unit_test_setup_teardown(test, setup_xdp, teardown)
#define GUARD(test) cmocka_unit_test_setup_teardown(test, setup_guard, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		XDP(a_packet_that_was_handed_over_hops_twice),
		XDP(what_goes_to_a_device_is_lost),
		XDP(a_packet_that_is_dropped_there_is_not_counted),
		XDP(another_controller_starts_with_empty_queues),
		XDP(a_sender_that_moves_is_reordered),
		GUARD(esp_does_not_get_to_its_cpu),
		GUARD(the_guard_and_an_attachment_take_turns_badly),
	};
	int failed;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		fprintf(stderr, "this needs two CPUs\n");
		return 1;
	}
	make_ground();
	flows = (struct spread_key){ vpc0, SPREAD_FLOWS };
	esp = (struct spread_key){ vpc0, SPREAD_ESP };
	failed = cmocka_run_group_tests_name("handover", tests, NULL, NULL);
	unmake_ground();
	return failed;
}
