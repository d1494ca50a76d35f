/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The dataplane on real devices, through the controller's own interface to it (io/dataplane): what
 * test runs cannot show. Metadata from XDP to tc, redirects, tags beside the frame, other people's
 * programs, restarts.
 *
 *   host0 ==veth== vpc0 [XDP, tc] --> tunnel0 (TUN)     frames written on host0 are read from the
 * TUN tunnel0 [tc] --> vpc1 ==veth== host1                and the other way round
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
#include "io/dataplane.h"
#include "packet.h"

#define TABLE	    1
#define SOURCES	    2
#define ROOM	    1 /* attachments */
#define VPC	    2
#define TAGGED	    3
#define QINQ	    4
#define CONNECTION  5
#define TUNNEL	    1
#define GROUP	    1
#define DEADLINE_MS 3000

static char bpffs[64], pins[80];
static struct dataplane *plane;
static uint32_t vpc0, vpc1, host0, host1, tunnel0;
static int tun, wire0, wire1; /* the TUN, and packet sockets on host0 and host1 */
static struct association_key untagged;

static const uint8_t neighbour_mac[6] = { 0x02, 0xbb, 0, 0, 0, 1 };
static const uint8_t vpc1_mac[6] = { 0x02, 0xe5, 0, 0, 0, 3 };

static void sh(const char *command)
{
	if (system(command)) {
		fprintf(stderr, "failed: %s\n", command);
		exit(1);
	}
}

static void require(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

/* ---- ground ---- */

static int packet_socket(uint32_t ifindex)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET,
				       .sll_protocol = htons(ETH_P_ALL),
				       .sll_ifindex = (int)ifindex };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
	int on = 1;

	require(fd >= 0 && !bind(fd, (void *)&address, sizeof(address)), "packet socket");
	require(!setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)), "PACKET_AUXDATA");
	require(!setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)),
		"PACKET_IGNORE_OUTGOING");
	return fd;
}

static void open_tun(void)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI, .ifr_name = "tunnel0" };

	tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	require(tun >= 0 && !ioctl(tun, TUNSETIFF, &request), "/dev/net/tun");
}

static void make_ground(void)
{
	require(!unshare(CLONE_NEWNET | CLONE_NEWNS), "unshare");
	require(!mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "private mounts");
	strcpy(bpffs, "/tmp/espalier-bpffs-XXXXXX");
	require(mkdtemp(bpffs), "mkdtemp");
	require(!mount("bpf", bpffs, "bpf", 0, NULL), "mount bpffs");
	snprintf(pins, sizeof(pins), "%s/gateway", bpffs);
	open_tun();
	sh("sysctl -qw net.ipv6.conf.default.addr_gen_mode=1 net.ipv6.conf.default.accept_dad=0");
	sh("sysctl -qw net.ipv6.conf.tunnel0.disable_ipv6=1");
	sh("ip link add vpc0 address 02:e5:00:00:00:01 type veth peer name host0");
	sh("ip link add vpc1 address 02:e5:00:00:00:03 type veth peer name host1");
	sh("for d in vpc0 host0 vpc1 host1 tunnel0; do ip link set $d up; done");
	sh("ip address add 10.2.0.254/16 dev vpc1; ip -6 address add fd00:2::fe/64 dev vpc1");
	sh("for a in 10.2.0.1 10.2.0.99 fd00:2::1; do "
	   "ip neigh replace $a lladdr 02:bb:00:00:00:01 nud permanent dev vpc1; done");
	vpc0 = if_nametoindex("vpc0");
	vpc1 = if_nametoindex("vpc1");
	host0 = if_nametoindex("host0");
	host1 = if_nametoindex("host1");
	tunnel0 = if_nametoindex("tunnel0");
	wire0 = packet_socket(host0);
	wire1 = packet_socket(host1);
	untagged = (struct association_key){ vpc0, 0, 0 };
}

static void route(uint32_t table, const char *text, enum verdict verdict, uint32_t target)
{
	struct prefix p;
	struct route value = { .verdict = (uint8_t)verdict, .target = target };

	assert_int_equal(prefix_parse(text, &p, NULL), 0);
	value.prefix_len = p.len;
	assert_int_equal(dataplane_set_route(plane, table, &p, &value), 0);
}

static void associate(uint16_t outer, uint16_t inner, uint32_t attachment, uint8_t flags)
{
	struct association_key key = { vpc0, outer, inner };
	struct association value = { .table = TABLE,
				     .attachment = attachment,
				     .tunnel = NO_TUNNEL,
				     .source_table = NO_TABLE,
				     .flags = flags,
				     .l2_len = ETH_HEADER_LEN };

	memcpy(value.mac, our_mac, sizeof(value.mac));
	assert_int_equal(dataplane_set_association(plane, &key, &value), 0);
}

static void associate_tunnel(void)
{
	struct association_key key = { tunnel0, 0, 0 };
	struct association value = { .table = TABLE,
				     .attachment = CONNECTION,
				     .tunnel = TUNNEL,
				     .source_table = SOURCES,
				     .flags = ASSOCIATION_L3 };

	assert_int_equal(dataplane_set_association(plane, &key, &value), 0);
}

static void set_device(struct device value)
{
	value.ifindex = vpc1;
	value.mtu = 1500;
	assert_int_equal(dataplane_set_device(plane, VPC, &value), 0);
}

static void open_plane(void)
{
	const struct dataplane_options options = { .pin_dir = pins };
	const char *why = "no reason";

	if (dataplane_open(&options, &plane, &why))
		fail_msg("%s", why);
}

static void fill_plane(void)
{
	struct tunnel t = { .ifindex = tunnel0, .mtu = 1400 };
	struct group g;

	for (int i = 0; i < GROUP_BUCKETS; i++)
		g.buckets[i] = (struct bucket){ TUNNEL, TUNNEL };
	assert_int_equal(dataplane_set_tunnel(plane, TUNNEL, &t), 0);
	assert_int_equal(dataplane_set_group(plane, GROUP, &g), 0);
	dataplane_set_live(plane, TUNNEL, true);
	set_device((struct device){ 0 });
	route(TABLE, "10.50.0.0/16", VERDICT_GROUP, GROUP);
	route(TABLE, "fd00:50::/32", VERDICT_GROUP, GROUP);
	route(TABLE, "10.2.0.0/16", VERDICT_DEVICE, VPC);
	route(TABLE, "fd00:2::/32", VERDICT_DEVICE, VPC);
	route(SOURCES, "10.50.0.0/16", VERDICT_GROUP, GROUP);
	route(SOURCES, "fd00:50::/32", VERDICT_GROUP, GROUP);
	associate(0, 0, ROOM, 0);
	associate(100, 0, TAGGED, 0);
	associate(100, 200, QINQ, 0);
	associate_tunnel();
}

static int setup(enum dataplane_xdp xdp)
{
	bool native;

	open_plane();
	fill_plane();
	assert_int_equal(dataplane_attach_device(plane, vpc0, xdp, &native), 0);
	assert_int_equal(native, xdp == DATAPLANE_XDP_NATIVE);
	assert_int_equal(dataplane_attach_tunnel(plane, tunnel0), 0);
	return 0;
}

static int setup_xdp(void **state)
{
	(void)state;
	return setup(DATAPLANE_XDP_NATIVE);
}

static int setup_tc(void **state)
{
	(void)state;
	return setup(DATAPLANE_XDP_OFF);
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(dataplane_teardown(plane), 0);
	dataplane_close(plane);
	return 0;
}

/* ---- sending and receiving ---- */

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void drain(int fd)
{
	uint8_t junk[2048];
	struct pollfd p = { .fd = fd, .events = POLLIN };

	while (poll(&p, 1, 0) > 0)
		if (read(fd, junk, sizeof(junk)) < 0)
			break;
}

static void send_frame(const struct frame *f)
{
	drain(tun);
	drain(wire1);
	assert_int_equal(send(wire0, f->bytes, f->len, 0), f->len);
}

/* The kernel has things of its own to say on a link (ND, MLD); what comes must be the packet. */
static bool is_ours(const uint8_t *ip, size_t len)
{
	return len >= 20 && (*ip >> 4 == 4 || (len >= 40 && *ip >> 4 == 6 && ip[6] == 17));
}

static size_t receive_tun(uint8_t *out, size_t size)
{
	struct pollfd p = { .fd = tun, .events = POLLIN };
	uint64_t end = now_ms() + DEADLINE_MS;

	while (now_ms() < end && poll(&p, 1, 50) >= 0) {
		ssize_t n = p.revents ? read(tun, out, size) : 0;

		if (n > 0 && is_ours(out, (size_t)n))
			return (size_t)n;
	}
	fail_msg("nothing came out of the tunnel");
	return 0;
}

/* A frame on host1, and the tag that it carries beside itself. */
static size_t receive_host1(uint8_t *out, size_t size, uint16_t *tag)
{
	struct pollfd p = { .fd = wire1, .events = POLLIN };
	uint64_t end = now_ms() + DEADLINE_MS;

	while (now_ms() < end && poll(&p, 1, 50) >= 0) {
		char control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
		struct iovec io = { out, size };
		struct msghdr m = { .msg_iov = &io,
				    .msg_iovlen = 1,
				    .msg_control = control,
				    .msg_controllen = sizeof(control) };
		ssize_t n = p.revents ? recvmsg(wire1, &m, 0) : 0;
		const struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
		struct tpacket_auxdata aux = { 0 };

		if (n < 14 || !is_ours(out + 14, (size_t)n - 14))
			continue;
		if (c)
			memcpy(&aux, CMSG_DATA(c), sizeof(aux));
		*tag = aux.tp_status & TP_STATUS_VLAN_VALID ? aux.tp_vlan_tci : 0;
		return (size_t)n;
	}
	fail_msg("nothing reached the device");
	return 0;
}

static void assert_through_tunnel(const struct packet_spec *spec)
{
	static struct frame in, hop;
	uint8_t got[4096] = { 0 };
	size_t n;

	frame_build(spec, &in);
	frame_after_hop(&in, &hop);
	send_frame(&in);
	n = receive_tun(got, sizeof(got));
	assert_int_equal(n, hop.l3_len);
	assert_memory_equal(got, hop.bytes + hop.l3, n);
}

static void assert_frame(const struct frame *hop, uint16_t tag)
{
	uint8_t got[4096] = { 0 };
	uint16_t got_tag = 0;
	size_t n = receive_host1(got, sizeof(got), &got_tag);

	assert_int_equal(n, ETH_HEADER_LEN + hop->l3_len);
	assert_memory_equal(got, neighbour_mac, 6);
	assert_memory_equal(got + 6, vpc1_mac, 6);
	assert_int_equal(got[12] << 8 | got[13], hop->v6 ? ETH_P_IPV6 : ETH_P_IP);
	assert_memory_equal(got + ETH_HEADER_LEN, hop->bytes + hop->l3, hop->l3_len);
	assert_int_equal(got_tag, tag);
}

static void assert_to_device(const struct packet_spec *spec)
{
	static struct frame in, hop;

	frame_build(spec, &in);
	frame_after_hop(&in, &hop);
	send_frame(&in);
	assert_frame(&hop, 0);
}

static void assert_back_from_tunnel(const struct packet_spec *spec, uint16_t tag)
{
	static struct frame in, hop;

	frame_build(spec, &in);
	frame_after_hop(&in, &hop);
	drain(wire1);
	assert_int_equal(write(tun, in.bytes + in.l3, in.l3_len), in.l3_len);
	assert_frame(&hop, tag);
}

static struct counter counted(uint32_t attachment, enum reason reason)
{
	struct counter c[REASON_COUNT];

	assert_int_equal(dataplane_reason_counters(plane, attachment, c), 0);
	return c[reason];
}

static void wait_for(uint32_t attachment, enum reason reason, uint64_t packets)
{
	uint64_t end = now_ms() + DEADLINE_MS;

	while (now_ms() < end)
		if (counted(attachment, reason).packets >= packets)
			break;
	assert_int_equal(counted(attachment, reason).packets, packets);
}

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

static int filter_of_somebody_else(bool attach)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)vpc0, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 7, .priority = 1);
	int err;

	if (!attach)
		return bpf_tc_query(&hook, &opts);
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

static void teardown_leaves_something_behind(void **state)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)vpc0, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 0xe5, .priority = 0xe5a);

	(void)state;
	assert_int_equal(bpf_tc_query(&hook, &opts), 0); /* or the next query would prove nothing */
	assert_int_equal(dataplane_teardown(plane), 0);
	assert_int_equal(xdp_program(vpc0), 0);
	opts.prog_fd = opts.prog_id = opts.flags = 0;
	assert_int_not_equal(bpf_tc_query(&hook, &opts), 0);
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
		XDP(teardown_leaves_something_behind),
		XDP(what_was_written_is_not_what_is_read),
		XDP(a_full_map_has_many_names),
		XDP(a_new_owner_inherits_the_counters),
		XDP(explain_wants_to_be_told_our_mac_address),
	};
	int failed;

	make_ground();
	failed = cmocka_run_group_tests_name("delivery", tests, NULL, NULL);
	umount(bpffs);
	rmdir(bpffs);
	return failed;
}
