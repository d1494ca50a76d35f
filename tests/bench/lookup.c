/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The steering decision in nanoseconds, beside bpf_fib_lookup for the same routes and beside a
 * program that only parses.
 *
 * Every run gets a new destination (random among those that the routes cover; `destinations` of
 * them, so that caches have that much to hold) and must be forwarded: if a run ends otherwise, the
 * benchmark fails instead of printing the time of a drop. Each figure is the least of several
 * repetitions: noise only adds.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dataplane.h>
#include "core/prefix.h"
#include "gateway.skel.h"
#include "lookup.h"
#include "lookup.skel.h"
#include "../bpf/packet.h"

#define ROUTES	    2000
#define REPEAT	    400000
#define REPETITIONS 7
#define TABLE	    1

struct bench {
	struct gateway_bpf *gateway;
	struct lookup_bpf *driver;
	struct prefix routes[ROUTES];
	uint32_t ifindex;
};

static uint32_t seed = 20260104;

static uint32_t any(uint32_t limit)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % limit;
}

static void require(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "bench-lookup: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Prefixes as data centres announce them: most of them /24 and /16 (/48 and /64), a few short. */
static struct prefix any_route(bool v6)
{
	static const uint8_t v4_lens[] = { 24, 24, 24, 22, 20, 16, 28, 32 };
	static const uint8_t v6_lens[] = { 48, 48, 64, 64, 56, 44, 40, 128 };
	struct address a = { .family = v6 ? AF_INET6 : AF_INET };

	for (unsigned i = 0; i < (v6 ? 16u : 4u); i++)
		a.bytes[i] = (uint8_t)any(256);
	a.bytes[0] = v6 ? 0xfd : (uint8_t)(20 + any(80));
	return prefix_of(&a, (v6 ? v6_lens : v4_lens)[any(8)]);
}

static void set_steer_route(struct bench *b, const struct prefix *p)
{
	struct route value = { .verdict = VERDICT_GROUP, .prefix_len = p->len, .target = 1 };
	struct route_key_v4 v4 = { TABLE_BITS + p->len, TABLE, 0 };
	struct route_key_v6 v6 = { .prefixlen = TABLE_BITS + p->len, .table = TABLE };

	memcpy(&v4.address, p->address.bytes, 4);
	memcpy(v6.address, p->address.bytes, 16);
	if (p->address.family == AF_INET6)
		require(!bpf_map_update_elem(bpf_map__fd(b->gateway->maps.routes_v6), &v6, &value,
					     0),
			"route");
	else
		require(!bpf_map_update_elem(bpf_map__fd(b->gateway->maps.routes_v4), &v4, &value,
					     0),
			"route");
}

/* The same routes to the kernel, over a device with a neighbour that is known. */
static void fill_kernel(const struct bench *b)
{
	FILE *ip = popen("ip -force -batch -", "w");
	char text[PREFIX_STRLEN];

	require(ip != NULL, "ip");
	for (size_t i = 0; i < ROUTES; i++)
		fprintf(ip, "route replace %s via %s dev out0\n",
			prefix_format(&b->routes[i], text),
			b->routes[i].address.family == AF_INET6 ? "fc00:9::2" : "192.168.9.2");
	require(!pclose(ip), "ip -batch");
}

static void sh(const char *command)
{
	require(!system(command), command);
}

static void make_ground(struct bench *b)
{
	require(!unshare(CLONE_NEWNET), "unshare (run as root)");
	sh("ip link set lo up");
	sh("ip link add out0 type veth peer name out1");
	sh("ip link set out0 up && ip link set out1 up");
	sh("ip address add 192.168.9.1/24 dev out0");
	sh("ip -6 address add fc00:9::1/64 dev out0 nodad");
	sh("ip neigh replace 192.168.9.2 lladdr 02:00:00:00:00:02 nud permanent dev out0");
	sh("ip neigh replace fc00:9::2 lladdr 02:00:00:00:00:02 nud permanent dev out0");
	sh("sysctl -qw net.ipv4.conf.all.forwarding=1 net.ipv6.conf.all.forwarding=1");
	b->ifindex = if_nametoindex("out0");
}

static void fill_gateway(struct bench *b)
{
	struct association_key key = { b->ifindex, 0, 0 };
	struct association a = { .table = TABLE,
				 .attachment = 1,
				 .tunnel = NO_TUNNEL,
				 .source_table = NO_TABLE,
				 .l2_len = ETH_HEADER_LEN };
	struct group g;
	uint32_t one = 1;

	memcpy(a.mac, our_mac, sizeof(a.mac));
	require(!bpf_map_update_elem(bpf_map__fd(b->gateway->maps.associations), &key, &a, 0),
		"association");
	for (uint32_t t = 1; t <= 2; t++) {
		struct tunnel tunnel = { .ifindex = b->ifindex, .mtu = 1400 };

		require(!bpf_map_update_elem(bpf_map__fd(b->gateway->maps.tunnels), &t, &tunnel, 0),
			"tunnel");
		require(!bpf_map_update_elem(bpf_map__fd(b->gateway->maps.liveness), &t, &one, 0),
			"liveness");
	}
	for (int i = 0; i < GROUP_BUCKETS; i++)
		g.buckets[i] = (struct bucket){ (uint16_t)(1 + i % 2), (uint16_t)(2 - i % 2) };
	require(!bpf_map_update_elem(bpf_map__fd(b->gateway->maps.groups), &one, &g, 0), "group");
}

/* A random address inside a random route. */
static struct address any_destination(const struct bench *b)
{
	const struct prefix *p = &b->routes[any(ROUTES)];
	struct address a = p->address;

	for (unsigned bit = p->len; bit < address_bits(&a); bit++)
		if (any(2))
			a.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	return a;
}

static void base_frame(bool v6, struct frame *out)
{
	struct packet_spec spec = { .from = v6 ? "fc00:9::77" : "192.168.9.77",
				    .to = v6 ? "fd00::1" : "20.0.0.1" };

	frame_build(&spec, out);
}

static void fill_destinations(struct bench *b, bool v6, uint32_t count)
{
	static struct frame f;

	base_frame(v6, &f);
	for (uint32_t i = 0; i < count; i++) {
		struct destination d = { .reserved = 0 };
		struct address a = any_destination(b);

		memcpy(d.address, a.bytes, 16);
		if (!v6) {
			uint16_t sum;

			memset(f.bytes + f.l3 + 10, 0, 2);
			memcpy(f.bytes + f.l3 + 16, a.bytes, 4);
			sum = htons(checksum(f.bytes + f.l3, 20));
			d.check = sum;
		}
		require(!bpf_map_update_elem(bpf_map__fd(b->driver->maps.destinations), &i, &d, 0),
			"destination");
	}
}

static void open_driver(struct bench *b, uint32_t count)
{
	b->driver = lookup_bpf__open();
	require(b->driver != NULL, "driver");
	b->driver->rodata->mask = count - 1;
	require(!lookup_bpf__load(b->driver), "driver");
}

/* How many packets the gateway has decided on is not counted (they are not delivered), so what it
 * counted in a run must be nothing: no drop, no exception. */
static uint64_t counted(const struct bench *b)
{
	int cpus = libbpf_num_possible_cpus();
	struct counter *values = calloc((size_t)cpus, sizeof(*values));
	uint64_t sum = 0;

	require(values != NULL, "memory");
	for (uint32_t i = 0; i < 2 * REASON_COUNT; i++) {
		require(!bpf_map_lookup_elem(bpf_map__fd(b->gateway->maps.reason_counters), &i,
					     values),
			"counter");
		for (int cpu = 0; cpu < cpus; cpu++)
			sum += values[cpu].packets;
	}
	free(values);
	return sum;
}

/* One pass in which each run's verdict is looked at: each destination once. */
static void prove(struct bench *b, const struct frame *f, int decided, uint32_t count)
{
	uint8_t out[4096] = { 0 };

	for (uint32_t i = 0; i < count; i++) {
		struct xdp_md ctx = { .ingress_ifindex = b->ifindex, .data_end = (uint32_t)f->len };
		LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = f->bytes,
			    .data_size_in = (uint32_t)f->len, .data_out = out,
			    .data_size_out = sizeof(out), .ctx_in = &ctx,
			    .ctx_size_in = sizeof(ctx), .ctx_out = &ctx,
			    .ctx_size_out = sizeof(ctx), .repeat = 1);
		struct decision d = { 0 };

		require(!bpf_prog_test_run_opts(bpf_program__fd(b->driver->progs.drive), &run),
			"test run");
		if (ctx.data - ctx.data_meta == sizeof(d))
			memcpy(&d, out, sizeof(d));
		errno = EINVAL;
		require(run.retval == XDP_PASS, "a destination was not forwarded");
		require(!decided || (d.cookie == b->gateway->rodata->decision_cookie &&
				     d.reason == REASON_TO_TUNNEL),
			"a destination was not steered into a tunnel");
	}
}

static double measure(struct bench *b, int program, bool v6, bool decided, uint32_t count)
{
	static struct frame f;
	uint32_t zero = 0, best = UINT32_MAX;
	uint64_t before = counted(b);

	base_frame(v6, &f);
	require(!bpf_map_update_elem(bpf_map__fd(b->driver->maps.under_test), &zero, &program, 0),
		"tail call");
	prove(b, &f, decided, count);
	for (int i = 0; i < REPETITIONS; i++) {
		struct xdp_md ctx = { .ingress_ifindex = b->ifindex, .data_end = (uint32_t)f.len };
		LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = f.bytes,
			    .data_size_in = (uint32_t)f.len, .ctx_in = &ctx,
			    .ctx_size_in = sizeof(ctx), .repeat = REPEAT);

		require(!bpf_prog_test_run_opts(bpf_program__fd(b->driver->progs.drive), &run),
			"test run");
		errno = EINVAL;
		require(run.retval == XDP_PASS, "a packet was not forwarded");
		best = run.duration < best ? run.duration : best;
	}
	errno = EINVAL;
	require(counted(b) == before, "packets were dropped or passed to the kernel");
	require(!b->driver->bss->missed, "the program under test did not run");
	return best;
}

struct figures {
	double steer, tracked, fib, least;
};

/* As while a tunnel drains: each packet notes its bucket. */
static void track_use(struct bench *b, uint64_t on)
{
	uint32_t setting = SETTING_TRACK_USE;

	require(!bpf_map_update_elem(bpf_map__fd(b->gateway->maps.settings), &setting, &on, 0),
		"setting");
}

static struct figures run(struct bench *b, bool v6, uint32_t count)
{
	struct figures f;

	open_driver(b, count);
	fill_destinations(b, v6, count);
	f.least = measure(b, bpf_program__fd(b->driver->progs.least), v6, false, count);
	f.steer = measure(b, bpf_program__fd(b->gateway->progs.xdp_steer), v6, true, count);
	track_use(b, 1);
	f.tracked = measure(b, bpf_program__fd(b->gateway->progs.xdp_steer), v6, true, count);
	track_use(b, 0);
	f.fib = measure(b, bpf_program__fd(b->driver->progs.fib), v6, false, count);
	lookup_bpf__destroy(b->driver);
	return f;
}

static void bench_family(struct bench *b, bool v6, FILE *json, bool last)
{
	static const uint32_t counts[] = { 256, 65536 };

	for (size_t i = 0; i < ROUTES; i++) {
		b->routes[i] = any_route(v6);
		set_steer_route(b, &b->routes[i]);
	}
	fill_kernel(b);
	for (size_t i = 0; i < 2; i++) {
		struct figures f = run(b, v6, counts[i]);

		printf("%-5s %8d %13u %9s %9.0f %10.0f %9.0f %9.0f %8.2f\n", v6 ? "ipv6" : "ipv4",
		       ROUTES, counts[i], "random", f.steer, f.tracked, f.fib, f.least,
		       (f.fib - f.least) / (f.steer - f.least));
		fprintf(json,
			"  {\"family\": \"%s\", \"routes\": %d, \"destinations\": %u, "
			"\"locality\": \"random\", \"steer_ns\": %.0f, "
			"\"tracked_ns\": %.0f, \"fib_ns\": %.0f, \"floor_ns\": %.0f}%s\n",
			v6 ? "ipv6" : "ipv4", ROUTES, counts[i], f.steer, f.tracked, f.fib, f.least,
			last && i ? "" : ",");
	}
}

int main(int argc, char **argv)
{
	struct bench b = { 0 };
	FILE *json;

	if (argc != 2) {
		fprintf(stderr, "usage: lookup RESULT.json\n");
		return 2;
	}
	json = fopen(argv[1], "w");
	require(json != NULL, argv[1]);
	make_ground(&b);
	b.gateway = gateway_bpf__open_and_load();
	require(b.gateway != NULL, "gateway");
	fill_gateway(&b);
	printf("%-5s %8s %13s %9s %9s %10s %9s %9s %8s\n", "", "routes", "destinations", "locality",
	       "steer ns", "tracked ns", "fib ns", "floor ns", "fib/steer");
	fprintf(json, "[\n");
	bench_family(&b, false, json, false);
	bench_family(&b, true, json, true);
	fprintf(json, "]\n");
	gateway_bpf__destroy(b.gateway);
	require(!fclose(json), argv[1]);
	return 0;
}
