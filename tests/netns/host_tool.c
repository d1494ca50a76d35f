/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hands for test_host.sh: applies plans of host_fixture.h by io/host, and plays the far end of TUN
 * devices.
 *
 *   host_tool [OPTION…] apply | again | teardown | watch | facts | counters DEVICE
 *   host_tool echo TUN…     answers pings that arrive at TUN devices, prints "TUN SRC DST"
 *   host_tool sniff DEVICE  prints "SRC DST" of every IP packet that the device receives
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "host_fixture.h"
#include "../../user/io/host.h"

#define MAX_TUNS 2

struct tool {
	struct fixture world;
	struct host *host;
	size_t bulk;
	bool bulk_v6;
	const char *state;
};

static void bulk_routes(struct tool *t)
{
	struct prefix p = a_prefix(t->bulk_v6 ? "2000::/32" : "20.0.0.0/32");
	struct fib_answer answer = to_tunnels();

	for (size_t i = 0; i < t->bulk; i++) {
		uint32_t host = htonl((t->bulk_v6 ? 0x20000000u : 0x14000000u) + (uint32_t)i);

		memcpy(p.address.bytes, &host, sizeof(host));
		if (fib_set(&t->world.fib_tables[0], &p, &answer))
			abort();
	}
}

static int report_errors(const struct host *h, int error)
{
	for (size_t i = 0; i < host_error_count(h); i++)
		printf("error: %s\n", host_error(h, i));
	return error ? 1 : 0;
}

static int build(struct tool *t, struct host_plan *plan)
{
	int error = host_facts_read(t->host, &t->world.c, &t->world.facts);

	if (error)
		return error;
	return host_plan_build(fixture_rib(&t->world), &t->world.fib, &t->world.facts, plan);
}

/* again: applies, withdraws the data centre, applies that against the former plan. */
static int apply(struct tool *t, bool again)
{
	struct host_plan first = { 0 }, second = { 0 };
	int error = build(t, &first);

	if (!error)
		error = host_apply(t->host, NULL, &first);
	if (!error && again) {
		host_facts_free(&t->world.facts);
		fixture_withdraw(&t->world.fib_tables[0], "10.50.0.0/16");
		fixture_route(&t->world.fib_tables[0], "10.51.0.0/16", to_tunnels());
		error = build(t, &second);
		if (!error)
			error = host_apply(t->host, &first, &second);
	}
	host_plan_free(&first);
	host_plan_free(&second);
	host_facts_free(&t->world.facts);
	return report_errors(t->host, error);
}

static const char *const event_names[] = { "link", "link gone", "address", "address gone", "lost" };

static void print_event(const struct host_event *e, void *data)
{
	char text[PREFIX_STRLEN] = "";

	(void)data;
	if (e->kind == HOST_ADDRESS_ADDED || e->kind == HOST_ADDRESS_GONE)
		printf("%s %s/%u\n", event_names[e->kind],
		       address_format(&e->address.address, text), e->address.len);
	else
		printf("%s %s %s mtu %u\n", event_names[e->kind], e->link.name,
		       e->link.up ? "up" : "down", e->link.mtu);
	fflush(stdout);
}

static int watch(struct tool *t)
{
	struct pollfd p = { .events = POLLIN };
	int error = host_watch(t->host, print_event, NULL);

	p.fd = host_fd(t->host);
	if (!error)
		puts("ready");
	fflush(stdout);
	while (!error && poll(&p, 1, -1) >= 0)
		error = host_dispatch(t->host);
	return 1;
}

static int facts(struct tool *t)
{
	const struct fixture *w = &t->world;

	if (host_facts_read(t->host, &w->c, &t->world.facts) < 0)
		return 1;
	for (size_t i = 0; i < w->c.attachment_count; i++)
		printf("attachment %s: %s\n", w->attachments[i].name,
		       w->facts.attachments[i].device);
	for (size_t i = 0; i < 2; i++)
		printf("tunnel %zu: %s\n", i, w->facts.tunnels[0][i].underlay);
	host_facts_free(&t->world.facts);
	return 0;
}

static int counters(struct tool *t, const char *device)
{
	struct host_link_counters c;
	struct host_link l;

	if (!device || host_link_by_name(t->host, device, &l) < 0 ||
	    host_link_counters(t->host, l.ifindex, &c) < 0)
		return 1;
	printf("rx %llu tx %llu tx_dropped %llu\n", (unsigned long long)c.rx_packets,
	       (unsigned long long)c.tx_packets, (unsigned long long)c.tx_dropped);
	return 0;
}

/* Far ends. */

static int tun_open(const char *name)
{
	struct ifreq ifr = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr) < 0) {
		perror(name);
		exit(1);
	}
	return fd;
}

static void print_packet(const char *label, const uint8_t *p)
{
	char src[INET6_ADDRSTRLEN], dst[INET6_ADDRSTRLEN];
	bool v6 = p[0] >> 4 == 6;

	inet_ntop(v6 ? AF_INET6 : AF_INET, p + (v6 ? 8 : 12), src, sizeof(src));
	inet_ntop(v6 ? AF_INET6 : AF_INET, p + (v6 ? 24 : 16), dst, sizeof(dst));
	printf("%s%s%s %s\n", label, *label ? " " : "", src, dst);
	fflush(stdout);
}

static void swap(uint8_t *a, uint8_t *b, size_t len)
{
	uint8_t was[16];

	memcpy(was, a, len);
	memcpy(a, b, len);
	memcpy(b, was, len);
}

/* Request 8 or 128 becomes answer 0 or 129; the checksum, a complement, moves the other way. */
static bool answer(uint8_t *p, size_t len)
{
	bool v6 = p[0] >> 4 == 6;
	uint8_t *icmp = p + (v6 ? 40 : 20);
	uint32_t sum;

	if (len < (size_t)(icmp - p) + 8 || p[v6 ? 6 : 9] != (v6 ? 58 : 1) ||
	    icmp[0] != (v6 ? 128 : 8))
		return false;
	swap(p + (v6 ? 8 : 12), p + (v6 ? 24 : 16), v6 ? 16 : 4);
	sum = (uint32_t)(icmp[2] << 8 | icmp[3]);
	sum += v6 ? 0xffff - 0x0100 : 0x0800;
	sum = (sum & 0xffff) + (sum >> 16);
	icmp[0] = v6 ? 129 : 0;
	icmp[2] = (uint8_t)(sum >> 8);
	icmp[3] = (uint8_t)sum;
	return true;
}

static void echo_one(int fd, const char *name)
{
	uint8_t packet[2048];
	ssize_t len = read(fd, packet, sizeof(packet));

	if (len < 40)
		return;
	print_packet(name, packet);
	if (answer(packet, (size_t)len) && write(fd, packet, (size_t)len) != len)
		perror("write");
}

static int echo(char **names, int count)
{
	struct pollfd p[MAX_TUNS];

	for (int i = 0; i < count && i < MAX_TUNS; i++)
		p[i] = (struct pollfd){ .fd = tun_open(names[i]), .events = POLLIN };
	puts("ready");
	fflush(stdout);
	while (poll(p, (nfds_t)count, -1) >= 0)
		for (int i = 0; i < count; i++)
			if (p[i].revents & POLLIN)
				echo_one(p[i].fd, names[i]);
	return 1;
}

static int sniff(const char *device)
{
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_ALL));
	struct sockaddr_ll from = { .sll_family = AF_PACKET,
				    .sll_protocol = htons(ETH_P_ALL),
				    .sll_ifindex = (int)if_nametoindex(device) };
	uint8_t packet[2048];

	if (fd < 0 || bind(fd, (struct sockaddr *)&from, sizeof(from)) < 0)
		return 1;
	puts("ready");
	fflush(stdout);
	for (;;) {
		socklen_t size = sizeof(from);
		ssize_t len =
			recvfrom(fd, packet, sizeof(packet), 0, (struct sockaddr *)&from, &size);

		if (len < 20 || from.sll_pkttype == PACKET_OUTGOING)
			continue;
		if (from.sll_protocol == htons(ETH_P_IP) ||
		    (from.sll_protocol == htons(ETH_P_IPV6) && len >= 40))
			print_packet("", packet);
	}
}

static void adopt_tuns(struct tool *t)
{
	struct config_connection *dc = &t->world.connections[0];

	dc->vrf = false;
	dc->tunnels[0].device = (char *)"tun0";
	dc->tunnels[1].device = (char *)"tun1";
}

static void option(struct tool *t, int c)
{
	struct fib_table *main_table = &t->world.fib_tables[0];

	switch (c) {
	case 'w':
		fixture_withdraw(main_table, "10.50.0.0/16");
		fixture_withdraw(main_table, "2001:db8:50::/48");
		break;
	case 'p':
		t->world.c.gateway.on_no_route = NO_ROUTE_PASS;
		break;
	case 'n':
		t->world.attachments[0].next_hop_v4 = an_address(optarg);
		break;
	case 'b':
		t->bulk = strtoul(optarg, NULL, 10);
		break;
	case '6':
		t->bulk_v6 = true;
		break;
	case 's':
		t->state = optarg;
		break;
	case 'v':
		t->world.attachments[0].vlans[0] = (uint16_t)strtoul(optarg, NULL, 10);
		break;
	case 'x':
		t->world.connections[0].vrf = true;
		t->world.connections[0].tunnels[0].device = NULL;
		t->world.connections[0].tunnels[1].device = NULL;
		break;
	default:
		exit(2);
	}
}

static int with_host(struct tool *t, char **args)
{
	struct host_options options = { .state_dir = t->state };
	const char *why;
	int status = 2;

	if (host_open(&options, &t->host, &why) < 0) {
		fprintf(stderr, "%s\n", why);
		return 1;
	}
	bulk_routes(t);
	if (strcmp(args[0], "apply") == 0 || strcmp(args[0], "again") == 0)
		status = apply(t, args[0][1] == 'g');
	else if (strcmp(args[0], "teardown") == 0)
		status = report_errors(t->host, host_teardown(t->host));
	else if (strcmp(args[0], "watch") == 0)
		status = watch(t);
	else if (strcmp(args[0], "facts") == 0)
		status = facts(t);
	else if (strcmp(args[0], "counters") == 0)
		status = counters(t, args[1]);
	host_close(t->host);
	return status;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "withdrawn", no_argument, NULL, 'w' }, /* no route to the data centre */
		{ "pass", no_argument, NULL, 'p' },	 /* on_no_route: pass */
		{ "next-hop", required_argument, NULL, 'n' },
		{ "bulk", required_argument, NULL, 'b' }, /* that many host routes beside */
		{ "ipv6", no_argument, NULL, '6' },	  /* these are of IPv6 */
		{ "state", required_argument, NULL, 's' },
		{ "vlan", required_argument, NULL, 'v' },
		{ "vrf", no_argument, NULL, 'x' }, /* xfrm interfaces in a VRF */
		{ 0 },
	};
	static struct tool t;
	int c;

	fixture_init(&t.world);
	adopt_tuns(&t);
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		option(&t, c);
	if (optind == argc)
		return 2;
	if (strcmp(argv[optind], "echo") == 0)
		return echo(argv + optind + 1, argc - optind - 1);
	if (strcmp(argv[optind], "sniff") == 0 && argv[optind + 1])
		return sniff(argv[optind + 1]);
	return with_host(&t, argv + optind);
}
