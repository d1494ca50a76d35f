/* SPDX-License-Identifier: GPL-2.0-only */
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
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "devices.h"

char bpffs[64], pins[80];
struct dataplane *plane;
uint32_t vpc0, vpc1, host0, host1, tunnel0;
int tun, wire0, wire1;
struct association_key untagged;

const uint8_t neighbour_mac[6] = { 0x02, 0xbb, 0, 0, 0, 1 };
const uint8_t vpc1_mac[6] = { 0x02, 0xe5, 0, 0, 0, 3 };

void sh(const char *command)
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

int packet_socket(uint32_t ifindex)
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

void make_ground(void)
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

void unmake_ground(void)
{
	umount(bpffs);
	rmdir(bpffs);
}

void route(uint32_t table, const char *text, enum verdict verdict, uint32_t target)
{
	struct prefix p;
	struct route value = { .verdict = (uint8_t)verdict, .target = target };

	assert_int_equal(prefix_parse(text, &p, NULL), 0);
	value.prefix_len = p.len;
	assert_int_equal(dataplane_set_route(plane, table, &p, &value), 0);
}

void associate(uint16_t outer, uint16_t inner, uint32_t attachment, uint8_t flags)
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

void set_device(struct device value)
{
	value.ifindex = vpc1;
	value.mtu = value.mtu ? value.mtu : 1500;
	assert_int_equal(dataplane_set_device(plane, VPC, &value), 0);
}

void open_plane(void)
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

	memset(&g, 0xff, sizeof(g)); /* no reserve */
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
	associate(0, 0, ROOM, ASSOCIATION_REDIRECT);
	associate(100, 0, TAGGED, ASSOCIATION_REDIRECT);
	associate(100, 200, QINQ, ASSOCIATION_REDIRECT);
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

int setup_xdp(void **state)
{
	(void)state;
	return setup(DATAPLANE_XDP_NATIVE);
}

int setup_tc(void **state)
{
	(void)state;
	return setup(DATAPLANE_XDP_OFF);
}

int teardown(void **state)
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

void drain(int fd)
{
	uint8_t junk[2048];
	struct pollfd p = { .fd = fd, .events = POLLIN };

	while (poll(&p, 1, 0) > 0)
		if (read(fd, junk, sizeof(junk)) < 0)
			break;
}

void send_frame(const struct frame *f)
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

/* Behind the tags that a frame has in itself: the kernel keeps the first one beside it. */
static size_t ip_offset(const uint8_t *f)
{
	size_t at = 12;

	while (f[at] == 0x81 && f[at + 1] == 0 && at < 20)
		at += 4;
	return at + 2;
}

/* A frame on host1, and the tag that it carries beside itself. */
size_t receive_host1(uint8_t *out, size_t size, uint16_t *tag)
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

		if (n < 22 || !is_ours(out + ip_offset(out), (size_t)n - ip_offset(out)))
			continue;
		if (c)
			memcpy(&aux, CMSG_DATA(c), sizeof(aux));
		*tag = aux.tp_status & TP_STATUS_VLAN_VALID ? aux.tp_vlan_tci : 0;
		return (size_t)n;
	}
	fail_msg("nothing reached the device");
	return 0;
}

void assert_through_tunnel(const struct packet_spec *spec)
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

void assert_frame(const struct frame *hop, uint16_t tag)
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

void assert_to_device(const struct packet_spec *spec)
{
	static struct frame in, hop;

	frame_build(spec, &in);
	frame_after_hop(&in, &hop);
	send_frame(&in);
	assert_frame(&hop, 0);
}

void assert_back_from_tunnel(const struct packet_spec *spec, uint16_t tag)
{
	static struct frame in, hop;

	frame_build(spec, &in);
	frame_after_hop(&in, &hop);
	drain(wire1);
	assert_int_equal(write(tun, in.bytes + in.l3, in.l3_len), in.l3_len);
	assert_frame(&hop, tag);
}

struct counter counted(uint32_t attachment, enum reason reason)
{
	struct counter c[REASON_COUNT];

	assert_int_equal(dataplane_reason_counters(plane, attachment, c), 0);
	return c[reason];
}

void wait_for(uint32_t attachment, enum reason reason, uint64_t packets)
{
	uint64_t end = now_ms() + DEADLINE_MS;

	while (now_ms() < end)
		if (counted(attachment, reason).packets >= packets)
			break;
	assert_int_equal(counted(attachment, reason).packets, packets);
}
