/* SPDX-License-Identifier: GPL-2.0-only */
#include "lookup_ground.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <time.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "../bpf/packet.h"

#define BPFFS "/sys/fs/bpf"

static uint64_t seed = 20260104;

void give_up(const char *what)
{
	fprintf(stderr, "bench-lookup: %s: %s\n", what, strerror(errno));
	exit(1);
}

uint32_t any(uint32_t limit)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((seed >> 32) * limit >> 32);
}

double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- namespaces, a device, a gateway ---- */

static void sh(const char *command)
{
	require(!system(command), command);
}

static void make_host(struct ground *g)
{
	require(!unshare(CLONE_NEWNET | CLONE_NEWNS), "unshare (run as root)");
	require(!mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), "private mounts");
	require(!mount("bpf", BPFFS, "bpf", 0, NULL), "mount a bpffs on " BPFFS);
	sh("ip link set lo up");
	sh("ip link add out0 type veth peer name out1");
	sh("ip link set out0 up && ip link set out1 up");
	sh("ip address add 192.168.9.1/24 dev out0");
	sh("ip -6 address add fc00:9::1/64 dev out0 nodad");
	sh("ip neigh replace 192.168.9.2 lladdr 02:00:00:00:00:02 nud permanent dev out0");
	sh("ip neigh replace fc00:9::2 lladdr 02:00:00:00:00:02 nud permanent dev out0");
	sh("sysctl -qw net.ipv4.conf.all.forwarding=1 net.ipv6.conf.all.forwarding=1");
	g->ifindex = if_nametoindex("out0");
}

static void fill_groups(struct ground *g)
{
	struct group group = { 0 };

	for (int i = 0; i < GROUP_BUCKETS; i++)
		group.buckets[i] = (struct bucket){ (uint16_t)(1 + i % 2), (uint16_t)(2 - i % 2) };
	for (uint32_t id = 0; id < BENCH_GROUPS; id++)
		require(!dataplane_set_group(g->dataplane, id, &group), "group");
}

static void fill_gateway(struct ground *g)
{
	struct association_key key = { g->ifindex, 0, 0 };
	struct association a = { .table = BENCH_TABLE,
				 .attachment = 1,
				 .tunnel = NO_TUNNEL,
				 .source_table = NO_TABLE,
				 .l2_len = ETH_HEADER_LEN };

	memcpy(a.mac, our_mac, sizeof(a.mac));
	require(!dataplane_set_association(g->dataplane, &key, &a), "association");
	for (uint32_t t = 1; t <= 2; t++) {
		struct tunnel tunnel = { .ifindex = g->ifindex, .mtu = 1400 };

		require(!dataplane_set_tunnel(g->dataplane, t, &tunnel), "tunnel");
		dataplane_set_live(g->dataplane, t, true);
	}
	fill_groups(g);
}

void ground_make(struct ground *g)
{
	const struct dataplane_options options = { .pin_dir = BPFFS "/espalier" };
	const char *why = "";

	make_host(g);
	if (dataplane_open(&options, &g->dataplane, &why))
		require(false, why);
	fill_gateway(g);
}

void ground_free(struct ground *g)
{
	dataplane_close(g->dataplane);
}

/* ---- routes ---- */

static void add_line(struct routes *r, size_t *room, const char *text, bool v6)
{
	struct prefix p;

	if (prefix_parse(text, &p, NULL) || (p.address.family == AF_INET6) != v6)
		return;
	if (r->count == *room) {
		*room = *room ? 2 * *room : 1024;
		r->list = realloc(r->list, *room * sizeof(*r->list));
		require(r->list != NULL, "memory");
	}
	r->list[r->count++] = p;
}

static void shuffle(struct routes *r)
{
	for (size_t i = r->count; i > 1; i--) {
		size_t k = any((uint32_t)i);
		struct prefix p = r->list[i - 1];

		r->list[i - 1] = r->list[k];
		r->list[k] = p;
	}
}

void routes_read(struct routes *r, const char *file, bool v6)
{
	FILE *f = fopen(file, "r");
	char line[128];
	size_t room = 0;

	require(f != NULL, file);
	*r = (struct routes){ 0 };
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, " \t\r\n#")] = '\0';
		add_line(r, &room, line, v6);
	}
	fclose(f);
	shuffle(r);
}

void routes_free(struct routes *r)
{
	free(r->list);
}

struct route routes_value(const struct prefix *p)
{
	uint64_t mixed = p->len;

	for (size_t i = 0; i < sizeof(p->address.bytes); i++)
		mixed = (mixed ^ p->address.bytes[i]) * 0x9fb21c651e98df25u;
	return (struct route){ .verdict = VERDICT_GROUP,
			       .prefix_len = p->len,
			       .target = (uint32_t)(mixed >> 40) % BENCH_GROUPS };
}

/* As the controller would: most specific first. */
static int load_order(const void *x, const void *y)
{
	const struct prefix *a = x, *b = y;

	return a->len != b->len ? (a->len < b->len ? 1 : -1) : prefix_compare(a, b);
}

static void load_dataplane(const struct routes *r, struct ground *g, size_t count)
{
	for (size_t i = r->loaded; i < count; i++) {
		struct route value = routes_value(&r->list[i]);

		errno = -dataplane_set_route(g->dataplane, BENCH_TABLE, &r->list[i], &value);
		require(!errno, "route of the dataplane");
	}
	dataplane_gather_index(g->dataplane); /* as an audit does */
}

static void load_kernel(const struct routes *r, size_t count)
{
	FILE *ip = popen("ip -force -batch -", "w");
	char text[PREFIX_STRLEN];

	require(ip != NULL, "ip");
	for (size_t i = r->loaded; i < count; i++)
		fprintf(ip, "route replace %s via %s dev out0\n", prefix_format(&r->list[i], text),
			r->list[i].address.family == AF_INET6 ? "fc00:9::2" : "192.168.9.2");
	require(!pclose(ip), "ip -batch");
}

void routes_load(struct routes *r, struct ground *g, size_t count, bool kernel)
{
	qsort(r->list + r->loaded, count - r->loaded, sizeof(*r->list), load_order);
	load_dataplane(r, g, count);
	if (kernel)
		load_kernel(r, count);
	r->loaded = count;
}

struct address routes_any_address(const struct routes *r)
{
	const struct prefix *p = &r->list[any((uint32_t)r->loaded)];
	struct address a = p->address;

	for (unsigned bit = p->len; bit < address_bits(&a); bit++)
		if (any(2))
			a.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	return a;
}

/* ---- the machine ---- */

static void cpu_model(char *out, size_t size)
{
	FILE *f = fopen("/proc/cpuinfo", "r");
	char line[256];

	snprintf(out, size, "unknown CPU");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "model name", 10) && strchr(line, ':')) {
			line[strcspn(line, "\n")] = '\0';
			snprintf(out, size, "%s", strchr(line, ':') + 2);
			break;
		}
	if (f)
		fclose(f);
}

const char *machine(void)
{
	static char text[512];
	struct utsname name;
	char cpu[128];

	require(!uname(&name), "uname");
	cpu_model(cpu, sizeof(cpu));
	snprintf(text, sizeof(text), "kernel %s, %s, libbpf %u.%u", name.release, cpu,
		 libbpf_major_version(), libbpf_minor_version());
	return text;
}
