/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What XDP sends from one attachment to another itself (bpf/redirect.h). The lease of a neighbour
 * names another MAC address than the kernel's table, so that a frame shows which way it came.
 */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "devices.h"

#define V4 .from = "10.1.0.5", .to = "10.2.0.1"
#define V6 .from = "fd00:1::5", .to = "fd00:2::1"

#define FOREVER UINT64_MAX
#define OVER	1

static const uint8_t leased_mac[6] = { 0x02, 0xcc, 0, 0, 0, 9 };

static struct neighbour_key key_of(const char *address)
{
	struct neighbour_key key = { .ifindex = vpc1, .address = { [10] = 0xff, [11] = 0xff } };

	if (inet_pton(AF_INET, address, key.address + 12) != 1)
		assert_int_equal(inet_pton(AF_INET6, address, key.address), 1);
	return key;
}

/* `until`: ns of the monotonic clock. */
static void lease(const char *address, uint64_t until)
{
	struct neighbour value = { .until = until };
	struct neighbour_key key = key_of(address);

	memcpy(value.mac, leased_mac, sizeof(value.mac));
	assert_int_equal(dataplane_set_neighbour(plane, &key, &value), 0);
}

static bool is_used(const char *address)
{
	struct neighbour_key key = key_of(address);
	struct neighbour value;

	assert_int_equal(dataplane_get_neighbour(plane, &key, &value), 0);
	return value.used;
}

static void open_way(uint16_t outer, uint16_t inner)
{
	struct device d = { .redirect = 1, .mtu = 1430, .vlans = { outer, inner } };

	memcpy(d.mac, vpc1_mac, sizeof(d.mac));
	assert_int_equal(dataplane_set_redirect(plane, VPC, vpc1), 0);
	set_device(d);
	lease("10.2.0.1", FOREVER);
	lease("fd00:2::1", FOREVER);
}

/* Tags of the frame that came, in the frame or beside it; where its IP packet begins. */
static size_t read_tags(const uint8_t *f, uint16_t beside, uint16_t tags[2])
{
	size_t at = 12, count = 0;

	tags[0] = tags[1] = 0;
	if (beside)
		tags[count++] = beside;
	for (; f[at] == 0x81 && f[at + 1] == 0 && count < 2; at += 4)
		tags[count++] = (uint16_t)(f[at + 2] << 8 | f[at + 3]);
	return at + 2;
}

static void assert_arrives(const struct packet_spec *spec, const uint8_t mac[6], uint16_t outer,
			   uint16_t inner)
{
	static struct frame in, hop;
	uint16_t beside = 0, tags[2];
	uint8_t got[4096];
	size_t n, l3;

	frame_build(spec, &in);
	frame_after_hop(&in, &hop);
	send_frame(&in);
	n = receive_host1(got, sizeof(got), &beside);
	l3 = read_tags(got, beside, tags);
	assert_memory_equal(got, mac, 6);
	assert_memory_equal(got + 6, vpc1_mac, 6);
	assert_int_equal(tags[0], outer);
	assert_int_equal(tags[1], inner);
	assert_int_equal(got[l3 - 2] << 8 | got[l3 - 1], hop.v6 ? ETH_P_IPV6 : ETH_P_IP);
	assert_true(n >= l3 + hop.l3_len);
	assert_memory_equal(got + l3, hop.bytes + hop.l3, hop.l3_len);
}

static const struct packet_spec packets[] = {
	{ V4 },
	{ V6 },
	{ V4, .payload = 1, .padding = 17 },
	{ V4, .payload = 1402 },
	{ V4, .vlan = { 100 } },
	{ V6, .vlan = { 100 } },
	{ V4, .vlan = { 100, 200 } },
	{ V6, .vlan = { 100, 200 } },
	{ V4, .protocol = 6 },
	{ V4, .ttl = 2 },
};

static uint32_t attachment_of(const struct packet_spec *s)
{
	return s->vlan[1] ? QINQ : s->vlan[0] ? TAGGED : ROOM;
}

static uint64_t sent_to_vpc(void)
{
	struct counter c[DIRECTIONS];

	assert_int_equal(dataplane_device_counters(plane, VPC, c), 0);
	return c[DIRECTION_OUT].packets;
}

/* Whatever tags it came with, and whatever tags it needs. */
static void a_frame_of_its_own_is_not_what_the_kernel_would_send(void **state)
{
	static const uint16_t tags[][2] = { { 0, 0 }, { 300, 0 }, { 300, 400 } };

	(void)state;
	for (size_t t = 0; t < sizeof(tags) / sizeof(tags[0]); t++)
		for (size_t i = 0; i < sizeof(packets) / sizeof(packets[0]); i++) {
			uint32_t from = attachment_of(&packets[i]);
			uint64_t before = counted(from, REASON_TO_DEVICE).packets;
			uint64_t sent = sent_to_vpc();

			open_way(tags[t][0], tags[t][1]);
			assert_arrives(&packets[i], leased_mac, tags[t][0], tags[t][1]);
			assert_int_equal(counted(from, REASON_TO_DEVICE).packets, before + 1);
			assert_int_equal(sent_to_vpc(), sent + 1);
		}
	assert_true(is_used("10.2.0.1"));
}

static void the_gateway_of_a_vpc_is_passed_by(void **state)
{
	const struct packet_spec spec = { .from = "10.1.0.5", .to = "10.2.77.1" };
	struct device d = { .redirect = 1, .has_next_hop_v4 = 1 };

	(void)state;
	open_way(0, 0);
	memcpy(d.mac, vpc1_mac, sizeof(d.mac));
	assert_int_equal(inet_pton(AF_INET, "10.2.0.1", &d.next_hop_v4), 1);
	set_device(d);
	assert_arrives(&spec, leased_mac, 0, 0);
}

/* Each of these is the kernel's to deliver, and it does. */
static void a_lease_that_is_over_is_still_trusted(void **state)
{
	(void)state;
	open_way(0, 0);
	lease("10.2.0.1", OVER);
	assert_arrives(&packets[0], neighbour_mac, 0, 0);
	assert_false(is_used("10.2.0.1"));
	lease("10.2.0.1", FOREVER);
	assert_arrives(&packets[0], leased_mac, 0, 0);
}

static void a_neighbour_without_lease_is_lost(void **state)
{
	const struct packet_spec spec = { .from = "10.1.0.5", .to = "10.2.0.99" };

	(void)state;
	open_way(0, 0);
	assert_arrives(&spec, neighbour_mac, 0, 0);
}

static void a_device_that_takes_no_frames_is_sent_some(void **state)
{
	(void)state;
	open_way(0, 0);
	set_device((struct device){ 0 });
	assert_arrives(&packets[0], neighbour_mac, 0, 0);
}

static void an_association_that_forbids_it_is_not_asked(void **state)
{
	(void)state;
	open_way(0, 0);
	associate(0, 0, ROOM, 0);
	assert_arrives(&packets[0], neighbour_mac, 0, 0);
}

static void a_device_that_went_leaves_no_trace(void **state)
{
	static struct frame in;

	(void)state;
	open_way(0, 0);
	assert_int_equal(dataplane_set_redirect(plane, VPC, 0), 0);
	assert_int_equal(dataplane_set_redirect(plane, VPC, 0), 0); /* again is no error */
	frame_build(&packets[0], &in);
	send_frame(&in);
	wait_for(ROOM, REASON_STALE, 1);
	assert_int_equal(counted(ROOM, REASON_TO_DEVICE).packets, 0);
}

/* TTL, size and options are the kernel's business on this way, too. */
static void what_the_kernel_must_answer_is_sent_on(void **state)
{
	static const struct {
		struct packet_spec spec;
		enum reason reason;
	} rows[] = {
		{ { V4, .ttl = 1 }, REASON_TTL },
		{ { V6, .ttl = 1 }, REASON_TTL },
		{ { V4, .options = 1 }, REASON_OPTIONS },
		{ { V4, .payload = 1403 }, REASON_TOO_BIG },
	};

	(void)state;
	open_way(0, 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		static struct frame in;
		uint64_t before = counted(ROOM, rows[i].reason).packets;

		frame_build(&rows[i].spec, &in);
		send_frame(&in);
		wait_for(ROOM, rows[i].reason, before + 1);
	}
	assert_int_equal(counted(ROOM, REASON_TO_DEVICE).packets, 0);
}

static int count(const struct neighbour_key *key, const struct neighbour *value, void *data)
{
	size_t *seen = data;

	(void)value;
	++*seen;
	return dataplane_delete_neighbour(plane, key);
}

static void leases_do_not_outlive_a_restart(void **state)
{
	size_t seen = 0;
	bool native;

	(void)state;
	open_way(0, 0);
	dataplane_close(plane);
	open_plane();
	assert_int_equal(dataplane_attach_device(plane, vpc0, DATAPLANE_XDP_NATIVE, &native), 0);
	/* the device map is a new one, which the controller fills before */
	open_way(0, 0);
	assert_arrives(&packets[0], leased_mac, 0, 0);
	assert_int_equal(dataplane_each_neighbour(plane, count, &seen), 0);
	assert_int_equal(seen, 2);
	assert_arrives(&packets[0], neighbour_mac, 0, 0);
}

#define XDP(test) cmocka_unit_test_setup_teardown(test, setup_xdp, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		XDP(a_frame_of_its_own_is_not_what_the_kernel_would_send),
		XDP(the_gateway_of_a_vpc_is_passed_by),
		XDP(a_lease_that_is_over_is_still_trusted),
		XDP(a_neighbour_without_lease_is_lost),
		XDP(a_device_that_takes_no_frames_is_sent_some),
		XDP(an_association_that_forbids_it_is_not_asked),
		XDP(a_device_that_went_leaves_no_trace),
		XDP(what_the_kernel_must_answer_is_sent_on),
		XDP(leases_do_not_outlive_a_restart),
	};
	int failed;

	make_ground();
	sh("ethtool -K host1 gro on"); /* or it takes no redirected frames */
	failed = cmocka_run_group_tests_name("redirect", tests, NULL, NULL);
	unmake_ground();
	return failed;
}
