/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Delivery on real devices: what test runs cannot show. Metadata from XDP to tc, redirects, tags
 * beside the frame, other people's programs, restarts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "devices.h"

/* ---- packets ---- */

#define V4_OUT .from = "10.1.0.5", .to = "10.50.0.1"
#define V6_OUT .from = "fd00:1::5", .to = "fd00:50::1"

static const struct packet_spec outward[] = {
	{ V4_OUT },
	{ V6_OUT },
	{ V4_OUT, .payload = 1, .padding = 17 },
	{ V6_OUT, .payload = 1, .padding = 9 },
	{ V4_OUT, .payload = 1372 },
	{ V4_OUT, .vlan = { 100 } },
	{ V6_OUT, .vlan = { 100 } },
	{ V4_OUT, .vlan = { 100 }, .tpid = 0x88a8 },
	{ V4_OUT, .vlan = { 100, 200 } },
	{ V6_OUT, .vlan = { 100, 200 } },
	{ V4_OUT, .vlan = { 100, 200 }, .payload = 1, .padding = 9 },
};

#define OUTWARD (sizeof(outward) / sizeof(outward[0]))

static uint32_t attachment_of(const struct packet_spec *s)
{
	return s->vlan[1] ? QINQ : s->vlan[0] ? TAGGED : ROOM;
}

/* Each packet once, each counted once, no byte more or less. */
static void a_packet_into_a_tunnel_is_not_exactly_the_ip_packet(void **state)
{
	struct counter tunnel[DIRECTIONS];
	uint64_t bytes = 0;

	(void)state;
	for (size_t i = 0; i < OUTWARD; i++) {
		static struct frame f;
		uint32_t from = attachment_of(&outward[i]);
		uint64_t before = counted(from, REASON_TO_TUNNEL).packets;

		assert_through_tunnel(&outward[i]);
		frame_build(&outward[i], &f);
		bytes += f.l3_len;
		assert_int_equal(counted(from, REASON_TO_TUNNEL).packets, before + 1);
	}
	assert_int_equal(dataplane_tunnel_counters(plane, TUNNEL, tunnel), 0);
	assert_int_equal(tunnel[DIRECTION_OUT].packets, OUTWARD);
	assert_int_equal(tunnel[DIRECTION_OUT].bytes, bytes);
	assert_int_equal(tunnel[DIRECTION_IN].packets, 0);
}

/* With tcpdump running, tc gets a clone: the metadata must still be there, and count once. */
static void a_packet_socket_on_the_device_makes_it_hop_twice(void **state)
{
	int tap = packet_socket(vpc0);

	a_packet_into_a_tunnel_is_not_exactly_the_ip_packet(state);
	close(tap);
}

static void a_packet_to_a_device_has_the_wrong_link_header(void **state)
{
	static const struct packet_spec specs[] = {
		{ .from = "10.1.0.5", .to = "10.2.0.1" },
		{ .from = "fd00:1::5", .to = "fd00:2::1" },
		{ .from = "10.1.0.5", .to = "10.2.0.1", .vlan = { 100 } },
		{ .from = "fd00:1::5", .to = "fd00:2::1", .vlan = { 100 } },
		{ .from = "10.1.0.5", .to = "10.2.0.1", .vlan = { 100, 200 } },
		{ .from = "10.1.0.5", .to = "10.2.0.1", .payload = 1472 },
	};
	struct counter device[DIRECTIONS];

	(void)state;
	for (size_t i = 0; i < 6; i++)
		assert_to_device(&specs[i]);
	assert_int_equal(dataplane_device_counters(plane, VPC, device), 0);
	assert_int_equal(device[DIRECTION_OUT].packets, 6);
	assert_int_equal(device[DIRECTION_OUT].bytes, 4 * 92 + 2 * 112 + 1500 - 92);
	assert_int_equal(counted(ROOM, REASON_TO_DEVICE).packets, 3);
	assert_int_equal(counted(TAGGED, REASON_TO_DEVICE).packets, 2);
	assert_int_equal(counted(QINQ, REASON_TO_DEVICE).packets, 1);
}

static void a_packet_out_of_a_tunnel_without_link_header_is_lost(void **state)
{
	const struct packet_spec v4 = { .from = "10.50.0.1", .to = "10.2.0.1" };
	const struct packet_spec v6 = { .from = "fd00:50::1", .to = "fd00:2::1" };
	struct counter tunnel[DIRECTIONS];

	(void)state;
	assert_back_from_tunnel(&v4, 0);
	assert_back_from_tunnel(&v6, 0);
	assert_int_equal(counted(CONNECTION, REASON_TO_DEVICE).packets, 2);
	assert_int_equal(dataplane_tunnel_counters(plane, TUNNEL, tunnel), 0);
	assert_int_equal(tunnel[DIRECTION_IN].packets, 2);
	assert_int_equal(tunnel[DIRECTION_IN].bytes, 92 + 112);
}

static void the_gateway_of_a_vpc_is_not_asked(void **state)
{
	/* Nobody knows the neighbour 10.2.7.7; its packets must go to the next hop. */
	const struct packet_spec v4 = { .from = "10.50.0.1", .to = "10.2.7.7" };
	const struct packet_spec v6 = { .from = "fd00:50::1", .to = "fd00:2:7::7" };
	struct device d = { .has_next_hop_v4 = 1, .has_next_hop_v6 = 1 };

	(void)state;
	inet_pton(AF_INET, "10.2.0.99", &d.next_hop_v4);
	inet_pton(AF_INET6, "fd00:2::1", d.next_hop_v6);
	set_device(d);
	assert_back_from_tunnel(&v4, 0);
	assert_back_from_tunnel(&v6, 0);
}

static void the_tag_of_a_vpc_is_not_pushed(void **state)
{
	const struct packet_spec back = { .from = "10.50.0.1", .to = "10.2.0.1" };
	const struct packet_spec across = { .from = "10.1.0.5", .to = "10.2.0.1", .vlan = { 100 } };
	static struct frame in, hop;

	(void)state;
	set_device((struct device){ .push_vlan = 77 });
	assert_back_from_tunnel(&back, 77);
	frame_build(&across, &in);
	frame_after_hop(&in, &hop);
	send_frame(&in);
	assert_frame(&hop, 77); /* the old tag is gone */
}

/* ---- a tag beside the frame ---- */

/* On host0's egress: pushes a tag, which veth carries beside the frame. */
static int tag_pusher(void)
{
	const struct bpf_insn program[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = 0x0081 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3, .imm = 100 },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_skb_vlan_push },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "push", "GPL", program,
			       sizeof(program) / sizeof(program[0]), NULL);

	assert_true(fd >= 0);
	return fd;
}

static void hide_tags(bool on)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)host0, .attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 1, .priority = 1, .flags = BPF_TC_F_REPLACE);

	if (on) {
		int err = bpf_tc_hook_create(&hook);

		assert_true(!err || err == -EEXIST);
		opts.prog_fd = tag_pusher();
		assert_int_equal(bpf_tc_attach(&hook, &opts), 0);
		close(opts.prog_fd);
		return;
	}
	opts.flags = 0;
	assert_int_equal(bpf_tc_detach(&hook, &opts), 0);
}

/* XDP sees an untagged frame; its decision is wrong and tc must notice. */
static void a_hidden_tag_puts_a_packet_into_another_attachment(void **state)
{
	const struct packet_spec spec = { V4_OUT };
	static struct frame in;

	(void)state;
	hide_tags(true);
	frame_build(&spec, &in);
	send_frame(&in);
	wait_for(ROOM, REASON_STALE, 1);
	assert_int_equal(counted(ROOM, REASON_TO_TUNNEL).packets, 0);
	hide_tags(false);
}

static void a_hidden_tag_is_not_found_by_tc(void **state)
{
	const struct packet_spec single = { V4_OUT };
	const struct packet_spec inner = { V4_OUT, .vlan = { 200 } };

	(void)state;
	associate(0, 0, ROOM, ASSOCIATION_TAGGED_TOO);
	hide_tags(true);
	assert_through_tunnel(&single);
	assert_int_equal(counted(TAGGED, REASON_TO_TUNNEL).packets, 1);
	assert_through_tunnel(&inner); /* the pushed tag becomes the outer one */
	assert_int_equal(counted(QINQ, REASON_TO_TUNNEL).packets, 1);
	assert_int_equal(counted(ROOM, REASON_TO_TUNNEL).packets, 0);
	hide_tags(false);
	assert_through_tunnel(&single);
	assert_int_equal(counted(ROOM, REASON_TO_TUNNEL).packets, 1);
}

static void traffic_of_the_hosts_own_vlan_is_dropped(void **state)
{
	const struct packet_spec spec = { V4_OUT, .vlan = { 55 } };
	static struct frame in;

	(void)state;
	frame_build(&spec, &in);
	send_frame(&in);
	wait_for(NO_ATTACHMENT, REASON_NOT_ATTACHED, 1);
}

static void a_reason_of_the_kernels_is_counted_twice(void **state)
{
	const struct packet_spec spec = { V4_OUT, .ttl = 1 }, next = { V4_OUT };
	static struct frame in;

	(void)state;
	frame_build(&spec, &in);
	send_frame(&in);
	wait_for(ROOM, REASON_TTL, 1);
	assert_through_tunnel(&next); /* behind it: by now tc has seen both */
	assert_int_equal(counted(ROOM, REASON_TTL).packets, 1);
	assert_int_equal(counted(ROOM, REASON_TTL).bytes, 92);
}

/* The tunnel's interface goes between XDP's decision and tc: that is what STALE in tc is for. Here
 * both see it gone, and the packet must be dropped all the same. */
static void a_tunnel_without_interface_passes_packets_to_the_kernel(void **state)
{
	const struct packet_spec spec = { V4_OUT };
	struct tunnel gone = { .mtu = 1400 };
	static struct frame in;

	(void)state;
	assert_int_equal(dataplane_set_tunnel(plane, TUNNEL, &gone), 0);
	frame_build(&spec, &in);
	send_frame(&in);
	wait_for(ROOM, REASON_STALE, 1);
}

/* ---- attachment ---- */

#define TCX_INGRESS ((enum bpf_attach_type)46) /* of linux/bpf.h since 6.6 */

static int filter_of_somebody_else(bool attach)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)vpc0, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 7, .priority = 1);
	int err;

	if (!attach)
		return bpf_tc_query(&hook, &opts);
	err = bpf_tc_hook_create(&hook);
	assert_true(!err || err == -EEXIST);
	opts.prog_fd = tag_pusher();
	err = bpf_tc_attach(&hook, &opts);
	close(opts.prog_fd);
	return err;
}

static void the_filter_of_somebody_else_is_gone_after_us(void **state)
{
	bool native;

	(void)state;
	assert_int_equal(filter_of_somebody_else(true), 0);
	assert_int_equal(dataplane_attach_device(plane, vpc0, DATAPLANE_XDP_OFF, &native), 0);
	assert_int_equal(filter_of_somebody_else(false), 0);
	assert_int_equal(dataplane_detach(plane, vpc0), 0);
	assert_int_equal(filter_of_somebody_else(false), 0);
	sh("tc qdisc del dev vpc0 clsact");
}

static uint32_t xdp_program(uint32_t ifindex)
{
	uint32_t id = 0;

	assert_int_equal(bpf_xdp_query_id((int)ifindex, 0, &id), 0);
	return id;
}

static uint32_t xdp_link_id(void)
{
	struct bpf_link_info info = { 0 };
	uint32_t len = sizeof(info);
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/xdp_%u", pins, vpc0);
	fd = bpf_obj_get(path);
	assert_true(fd >= 0);
	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &len), 0);
	close(fd);
	return info.id;
}

/* Between two controllers, and under the new one, with what the former left: nothing is lost. */
static void a_restart_detaches_or_forgets(void **state)
{
	const struct packet_spec spec = { V4_OUT },
				 back = { .from = "10.50.0.1", .to = "10.2.0.1" };
	uint32_t link = xdp_link_id(), program = xdp_program(vpc0);
	bool native;

	(void)state;
	dataplane_close(plane);
	assert_int_equal(xdp_program(vpc0), program);
	open_plane();
	assert_through_tunnel(&spec);
	assert_int_equal(dataplane_attach_device(plane, vpc0, DATAPLANE_XDP_AUTO, &native), 0);
	assert_true(native);
	assert_int_equal(xdp_link_id(), link);
	assert_int_not_equal(xdp_program(vpc0), program);
	assert_through_tunnel(&spec);
	assert_int_equal(dataplane_attach_tunnel(plane, tunnel0), 0);
	assert_back_from_tunnel(&back, 0);
	assert_true(dataplane_live(plane, TUNNEL));
	assert_int_equal(counted(ROOM, REASON_TO_TUNNEL).packets, 2);
}

/* New XDP program, old tc program, as in the middle of a restart: the decision is understood. The
 * new program is had by way of another device. */
static void halfway_through_a_restart_a_packet_hops_twice(void **state)
{
	const struct packet_spec spec = { V4_OUT };
	struct dataplane *old = plane;
	uint32_t before = xdp_program(vpc0);
	char path[128];
	int link, program;
	bool native;

	(void)state;
	open_plane();
	assert_int_equal(dataplane_attach_device(plane, vpc1, DATAPLANE_XDP_NATIVE, &native), 0);
	program = bpf_prog_get_fd_by_id(xdp_program(vpc1));
	snprintf(path, sizeof(path), "%s/xdp_%u", pins, vpc0);
	link = bpf_obj_get(path);
	assert_true(program >= 0 && link >= 0);
	assert_int_equal(bpf_link_update(link, program, NULL), 0);
	assert_int_not_equal(xdp_program(vpc0), before);
	close(link);
	close(program);
	assert_through_tunnel(&spec);
	dataplane_close(old);
	assert_through_tunnel(&spec);
	assert_int_equal(counted(ROOM, REASON_TO_TUNNEL).packets, 2);
}

static void xdp_off_leaves_the_former_program_on(void **state)
{
	const struct packet_spec spec = { V4_OUT };
	bool native = true;

	(void)state;
	assert_int_not_equal(xdp_program(vpc0), 0);
	assert_int_equal(dataplane_attach_device(plane, vpc0, DATAPLANE_XDP_OFF, &native), 0);
	assert_false(native);
	assert_int_equal(xdp_program(vpc0), 0);
	assert_through_tunnel(&spec);
}

static void a_device_without_native_xdp_gets_generic_xdp(void **state)
{
	bool native = true;

	(void)state;
	assert_int_equal(dataplane_attach_device(plane, tunnel0, DATAPLANE_XDP_AUTO, &native), 0);
	assert_false(native);
	assert_int_equal(xdp_program(tunnel0), 0);
	assert_int_equal(dataplane_attach_device(plane, tunnel0, DATAPLANE_XDP_NATIVE, &native),
			 -EOPNOTSUPP);
	assert_int_equal(dataplane_attach_device(plane, 1, DATAPLANE_XDP_AUTO, &native), 0);
	assert_false(native);
	assert_int_equal(xdp_program(1), 0);
	assert_int_equal(dataplane_attach_device(plane, 99999, DATAPLANE_XDP_AUTO, &native),
			 -ENODEV);
	assert_int_equal(dataplane_detach(plane, 99999), 0);
}

/* A pinned link outlives its device; a new device may even get its number. */
static void a_link_of_a_deleted_device_blocks_the_next_one(void **state)
{
	bool native;
	uint32_t index;
	char command[160];

	(void)state;
	sh("ip link add gone0 type veth peer name gone1");
	index = if_nametoindex("gone0");
	assert_int_equal(dataplane_attach_device(plane, index, DATAPLANE_XDP_NATIVE, &native), 0);
	sh("ip link del gone0");
	snprintf(command, sizeof(command), "ip link add gone0 index %u type veth peer name gone1",
		 index);
	sh(command);
	assert_int_equal(dataplane_attach_device(plane, index, DATAPLANE_XDP_NATIVE, &native), 0);
	assert_true(native);
	assert_int_not_equal(xdp_program(index), 0);
	sh("ip link del gone0");
	assert_int_equal(dataplane_detach(plane, index), 0);
}

/* The first of the device's tc programs on ingress; 0: none. */
static uint32_t tc_program(uint32_t ifindex)
{
	uint32_t ids[8] = { 0 }, count = 8;

	assert_int_equal(bpf_prog_query((int)ifindex, TCX_INGRESS, 0, NULL, ids, &count), 0);
	return ids[0];
}

static int our_filter(int prog_fd)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)vpc0, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 0xe5, .priority = 0xe5a, .prog_fd = prog_fd);
	int err;

	if (prog_fd <= 0)
		return bpf_tc_query(&hook, &opts);
	err = bpf_tc_hook_create(&hook);
	assert_true(!err || err == -EEXIST);
	return bpf_tc_attach(&hook, &opts);
}

/* Of a kernel without links for tc. Both would decide on each packet. */
static void a_filter_of_a_former_kernel_makes_way(void **state)
{
	bool native;
	int program = tag_pusher();

	(void)state;
	assert_int_equal(our_filter(program), 0);
	close(program);
	assert_int_equal(our_filter(0), 0);
	assert_int_equal(dataplane_attach_device(plane, vpc0, DATAPLANE_XDP_OFF, &native), 0);
	assert_int_not_equal(our_filter(0), 0);
	assert_int_not_equal(tc_program(vpc0), 0);
	assert_int_equal(dataplane_detached(plane, vpc0, false, false), 0);
	assert_int_equal(dataplane_detach(plane, vpc0), 0);
	assert_int_equal(dataplane_detached(plane, vpc0, false, false), DATAPLANE_TC);
	sh("tc qdisc del dev vpc0 clsact");
}

static void teardown_leaves_something_behind(void **state)
{
	(void)state;
	assert_int_not_equal(tc_program(vpc0), 0); /* or the next query would prove nothing */
	assert_int_equal(dataplane_teardown(plane), 0);
	assert_int_equal(xdp_program(vpc0), 0);
	assert_int_equal(tc_program(vpc0), 0);
	assert_int_equal(access(pins, F_OK), -1);
	assert_int_equal(errno, ENOENT);
	dataplane_close(plane);
	open_plane(); /* for the test's own teardown */
}

/* ---- maps ---- */

static int count_name(enum name_kind kind, uint32_t id, const char *name, void *data)
{
	assert_int_equal(kind, NAME_ATTACHMENT);
	assert_int_equal(id, 7);
	assert_string_equal(name, "vpc-a");
	(*(int *)data)++;
	return 0;
}

static int count_route(uint32_t table, const struct prefix *p, const struct route *value,
		       void *data)
{
	assert_in_range(table, TABLE, SOURCES);
	assert_int_equal(p->len, value->prefix_len);
	(*(int *)data)++;
	return 0;
}

static int delete_route(uint32_t table, const struct prefix *p, const struct route *value,
			void *data)
{
	(void)value;
	(*(int *)data)++;
	return dataplane_delete_route(plane, table, p);
}

static int stop_at_once(const struct association_key *key, const struct association *value,
			void *data)
{
	(void)key;
	(void)value;
	(*(int *)data)++;
	return -ECANCELED;
}

static void what_was_written_is_not_what_is_read(void **state)
{
	int names = 0, routes = 0, deleted = 0, left = 0, associations = 0;
	struct group g;

	(void)state;
	assert_int_equal(dataplane_set_name(plane, NAME_ATTACHMENT, 7, "vpc-a"), 0);
	assert_int_equal(dataplane_each_name(plane, count_name, &names), 0);
	assert_int_equal(names, 1);
	assert_int_equal(dataplane_delete_name(plane, NAME_ATTACHMENT, 7), 0);
	assert_int_equal(dataplane_delete_name(plane, NAME_ATTACHMENT, 7), -ENOENT);
	assert_int_equal(dataplane_each_route(plane, count_route, &routes), 0);
	assert_int_equal(routes, 6);
	assert_int_equal(dataplane_each_route(plane, delete_route, &deleted), 0);
	assert_int_equal(deleted, 6);
	assert_int_equal(dataplane_each_route(plane, count_route, &left), 0);
	assert_int_equal(left, 0);
	assert_int_equal(dataplane_each_association(plane, stop_at_once, &associations),
			 -ECANCELED);
	assert_int_equal(associations, 1);
	assert_int_equal(dataplane_get_group(plane, GROUP, &g), 0);
	assert_int_equal(g.buckets[255].tunnel, TUNNEL);
	assert_int_equal(dataplane_get_group(plane, MAX_GROUPS, &g), -ENOENT);
	assert_int_equal(dataplane_set_group(plane, MAX_GROUPS, &g), -ENOSPC);
}

static void a_full_map_has_many_names(void **state)
{
	struct association value = { 0 };
	int err = 0;

	(void)state;
	for (uint32_t i = 0; i <= MAX_ASSOCIATIONS && !err; i++) {
		struct association_key key = { 1000 + i, 0, 0 };

		err = dataplane_set_association(plane, &key, &value);
	}
	assert_int_equal(err, -ENOSPC);
}

static void a_new_owner_inherits_the_counters(void **state)
{
	const struct packet_spec spec = { V4_OUT };
	struct counter c[DIRECTIONS];

	(void)state;
	assert_through_tunnel(&spec);
	assert_int_equal(dataplane_device_counters(plane, ROOM, c), 0);
	assert_int_equal(c[DIRECTION_IN].packets, 1);
	assert_int_equal(dataplane_reset_attachment(plane, ROOM), 0);
	assert_int_equal(dataplane_reset_tunnel(plane, TUNNEL), 0);
	assert_int_equal(counted(ROOM, REASON_TO_TUNNEL).packets, 0);
	assert_int_equal(dataplane_tunnel_counters(plane, TUNNEL, c), 0);
	assert_int_equal(c[DIRECTION_OUT].packets, 0);
	assert_int_equal(dataplane_reason_counters(plane, MAX_ATTACHMENTS, c), -ENOENT);
}

static void explain_wants_to_be_told_our_mac_address(void **state)
{
	const struct packet_spec spec = { V4_OUT };
	struct association_key nowhere = { 4711, 0, 0 };
	static struct frame in;
	struct explain e;

	(void)state;
	frame_build(&spec, &in);
	memset(in.bytes, 0, 12);
	assert_int_equal(dataplane_explain(plane, &untagged, in.bytes, in.len, &e), 0);
	assert_int_equal(e.reason, REASON_TO_TUNNEL);
	assert_int_equal(e.tunnel, TUNNEL);
	assert_int_equal(e.table, TABLE);
	assert_int_equal(e.route.prefix_len, 16);
	assert_int_equal(dataplane_explain(plane, &nowhere, in.bytes, in.len, &e), -ENOENT);
	assert_int_equal(dataplane_explain(plane, &untagged, in.bytes, 13, &e), -EMSGSIZE);
	assert_int_equal(dataplane_explain(plane, &untagged, in.bytes, 60000, &e), -EMSGSIZE);
}

/* ---- refusals ---- */

static void a_refusal_does_not_say_what_to_do(void **state)
{
	const struct dataplane_options elsewhere = { .pin_dir = "/tmp/espalier-test" };
	const struct dataplane_options relative = { .pin_dir = "espalier" };
	struct dataplane *d = NULL;
	const char *why = "";

	(void)state;
	assert_int_equal(dataplane_open(&elsewhere, &d, &why), -ENODEV);
	assert_non_null(strstr(why, "mount -t bpf"));
	assert_int_equal(dataplane_open(&relative, &d, &why), -EINVAL);
	assert_non_null(strstr(why, "absolute"));
	assert_null(d);
}

static void maps_of_another_version_are_used(void **state)
{
	const struct dataplane_options options = { .pin_dir = pins };
	struct dataplane *d = NULL;
	const char *why = "";
	char path[128], command[200];
	int fd = bpf_map_create(BPF_MAP_TYPE_HASH, "associations", 4, 4, 8, NULL);

	(void)state;
	assert_true(fd >= 0);
	snprintf(command, sizeof(command), "mkdir %s", pins);
	sh(command);
	snprintf(path, sizeof(path), "%s/associations", pins);
	assert_int_equal(bpf_obj_pin(fd, path), 0);
	close(fd);
	assert_int_not_equal(dataplane_open(&options, &d, &why), 0);
	assert_non_null(strstr(why, "another version"));
	assert_null(d);
	snprintf(command, sizeof(command), "rm -r %s", pins);
	sh(command);
}

#define XDP(test) cmocka_unit_test_setup_teardown(test, setup_xdp, teardown)
#define TC(test)  cmocka_unit_test_setup_teardown(test, setup_tc, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_refusal_does_not_say_what_to_do),
		cmocka_unit_test(maps_of_another_version_are_used),
		XDP(a_packet_into_a_tunnel_is_not_exactly_the_ip_packet),
		TC(a_packet_into_a_tunnel_is_not_exactly_the_ip_packet),
		XDP(a_packet_socket_on_the_device_makes_it_hop_twice),
		TC(a_packet_socket_on_the_device_makes_it_hop_twice),
		XDP(a_packet_to_a_device_has_the_wrong_link_header),
		TC(a_packet_to_a_device_has_the_wrong_link_header),
		XDP(a_packet_out_of_a_tunnel_without_link_header_is_lost),
		XDP(the_gateway_of_a_vpc_is_not_asked),
		XDP(the_tag_of_a_vpc_is_not_pushed),
		TC(the_tag_of_a_vpc_is_not_pushed),
		XDP(a_hidden_tag_puts_a_packet_into_another_attachment),
		XDP(a_hidden_tag_is_not_found_by_tc),
		TC(a_hidden_tag_is_not_found_by_tc),
		XDP(traffic_of_the_hosts_own_vlan_is_dropped),
		TC(traffic_of_the_hosts_own_vlan_is_dropped),
		XDP(a_reason_of_the_kernels_is_counted_twice),
		TC(a_reason_of_the_kernels_is_counted_twice),
		XDP(a_tunnel_without_interface_passes_packets_to_the_kernel),
		TC(a_tunnel_without_interface_passes_packets_to_the_kernel),
		XDP(the_filter_of_somebody_else_is_gone_after_us),
		XDP(a_restart_detaches_or_forgets),
		XDP(halfway_through_a_restart_a_packet_hops_twice),
		XDP(xdp_off_leaves_the_former_program_on),
		XDP(a_device_without_native_xdp_gets_generic_xdp),
		XDP(a_link_of_a_deleted_device_blocks_the_next_one),
		XDP(a_filter_of_a_former_kernel_makes_way),
		XDP(teardown_leaves_something_behind),
		XDP(what_was_written_is_not_what_is_read),
		XDP(a_full_map_has_many_names),
		XDP(a_new_owner_inherits_the_counters),
		XDP(explain_wants_to_be_told_our_mac_address),
	};
	int failed;

	make_ground();
	failed = cmocka_run_group_tests_name("delivery", tests, NULL, NULL);
	unmake_ground();
	return failed;
}
