/* SPDX-License-Identifier: GPL-2.0-only */
#include "world.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "core/prefix.h"

#define MAX_CPUS 1024

/* The ground that the tests stand on: if it gives way, no test has a meaning. */
#define REQUIRE(condition)                                                                 \
	do {                                                                               \
		if (!(condition)) {                                                        \
			fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #condition, \
				strerror(errno));                                          \
			exit(1);                                                           \
		}                                                                          \
	} while (0)

static void make_tun(struct world *w)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI, .ifr_name = "tun0" };

	w->tun_fd = open("/dev/net/tun", O_RDWR);
	REQUIRE(w->tun_fd >= 0);
	REQUIRE(!ioctl(w->tun_fd, TUNSETIFF, &request));
	w->tun = if_nametoindex("tun0");
	REQUIRE(w->tun);
}

void world_open(struct world *w, enum hash_mode mode)
{
	REQUIRE(!unshare(CLONE_NEWNET));
	make_tun(w);
	w->object = gateway_bpf__open();
	REQUIRE(w->object);
	w->object->rodata->hash_mode = mode;
	REQUIRE(!dataplane_size_cores(w->object));
	REQUIRE(!gateway_bpf__load(w->object));
	w->plane = (struct dataplane){ .object = w->object };
	REQUIRE(!dataplane_share(&w->plane));
	REQUIRE(!dataplane_build_index(&w->plane));
}

void world_close(struct world *w)
{
	dataplane_index_close(&w->plane);
	dataplane_unshare(&w->plane);
	gateway_bpf__destroy(w->object);
	close(w->tun_fd);
}

static void update(const struct bpf_map *map, const void *key, const void *value)
{
	REQUIRE(!bpf_map_update_elem(bpf_map__fd(map), key, value, BPF_ANY));
}

void world_associate(struct world *w, uint32_t ifindex, uint16_t outer, uint16_t inner,
		     struct association value)
{
	struct association_key key = { ifindex, outer, inner };

	memcpy(value.mac, our_mac, sizeof(value.mac));
	REQUIRE(!dataplane_set_association(&w->plane, &key, &value));
}

void world_route(struct world *w, uint32_t table, const char *prefix, enum verdict verdict,
		 uint32_t target)
{
	struct route value = { .verdict = (uint8_t)verdict, .target = target };
	struct prefix p;

	REQUIRE(!prefix_parse(prefix, &p, NULL));
	value.prefix_len = p.len;
	REQUIRE(!dataplane_set_route(&w->plane, table, &p, &value));
}

void world_unroute(struct world *w, uint32_t table, const char *prefix)
{
	struct prefix p;

	REQUIRE(!prefix_parse(prefix, &p, NULL));
	REQUIRE(!dataplane_delete_route(&w->plane, table, &p));
}

void world_ask_tries(struct world *w)
{
	memset(w->plane.index_roots, 0, INDEX_ROOTS * sizeof(*w->plane.index_roots));
}

void world_live(struct world *w, uint32_t tunnel, bool live)
{
	uint64_t word = live;

	update(w->object->maps.liveness, &tunnel, &word);
}

void world_tunnel(struct world *w, uint32_t id, uint32_t ifindex, uint32_t mtu, bool live)
{
	struct tunnel value = { .ifindex = ifindex, .mtu = mtu };

	update(w->object->maps.tunnels, &id, &value);
	world_live(w, id, live);
}

void world_device(struct world *w, uint32_t attachment, struct device value)
{
	update(w->object->maps.devices, &attachment, &value);
}

void world_set_group(struct world *w, uint32_t id, const struct group *value)
{
	update(w->object->maps.groups, &id, value);
}

void world_group(struct world *w, uint32_t id, uint16_t tunnel, uint16_t spare)
{
	struct group g;

	memset(&g, 0xff, sizeof(g)); /* no reserve */
	for (int i = 0; i < GROUP_BUCKETS; i++)
		g.buckets[i] = (struct bucket){ tunnel, spare };
	world_set_group(w, id, &g);
}

static struct counter sum(const struct bpf_map *map, uint32_t index)
{
	static struct counter values[MAX_CPUS];
	struct counter total = { 0 };

	REQUIRE(libbpf_num_possible_cpus() <= MAX_CPUS);
	REQUIRE(!bpf_map_lookup_elem(bpf_map__fd(map), &index, values));
	for (int cpu = 0; cpu < libbpf_num_possible_cpus(); cpu++) {
		total.packets += values[cpu].packets;
		total.bytes += values[cpu].bytes;
	}
	return total;
}

void world_tally(struct world *w, struct tally *out)
{
	for (uint32_t a = 0; a < ATTACHMENTS; a++) {
		for (uint32_t r = 0; r < REASON_COUNT; r++)
			out->reasons[a][r] =
				sum(w->object->maps.reason_counters, a * REASON_COUNT + r);
		out->devices[a] = sum(w->object->maps.device_counters, a);
	}
	for (uint32_t t = 0; t < TUNNELS; t++)
		for (uint32_t d = 0; d < DIRECTIONS; d++)
			out->tunnels[t][d] =
				sum(w->object->maps.tunnel_counters, t * DIRECTIONS + d);
}

void tally_minus(const struct tally *after, const struct tally *before, struct tally *out)
{
	const uint64_t *a = (const void *)after, *b = (const void *)before;
	uint64_t *o = (void *)out;

	for (size_t i = 0; i < sizeof(*out) / sizeof(*o); i++)
		o[i] = a[i] - b[i];
}

void world_xdp(struct world *w, uint32_t ifindex, const struct frame *in, struct outcome *out)
{
	static uint8_t buffer[FRAME_MAX + 256];
	struct xdp_md ctx = { .ingress_ifindex = ifindex, .data_end = (uint32_t)in->len };
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = in->bytes, .data_size_in = (uint32_t)in->len,
		    .data_out = buffer, .data_size_out = sizeof(buffer), .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx), .ctx_out = &ctx, .ctx_size_out = sizeof(ctx),
		    .repeat = 1);
	size_t meta;

	REQUIRE(!bpf_prog_test_run_opts(bpf_program__fd(w->object->progs.xdp_steer), &run));
	meta = ctx.data - ctx.data_meta;
	REQUIRE(meta == 0 || meta == sizeof(out->decision));
	out->verdict = run.retval;
	out->packet = *in;
	out->packet.len = run.data_size_out - meta;
	memcpy(out->packet.bytes, buffer + meta, out->packet.len);
	memcpy(&out->decision, buffer, meta);
	out->decided = meta && out->decision.cookie == w->object->rodata->decision_cookie;
}

void world_tc(struct world *w, const struct bpf_program *program, uint32_t ifindex,
	      uint32_t gso_size, const struct frame *in, struct outcome *out)
{
	struct __sk_buff ctx = { .ifindex = ifindex, .gso_size = gso_size };
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = in->bytes, .data_size_in = (uint32_t)in->len,
		    .data_out = out->packet.bytes, .data_size_out = sizeof(out->packet.bytes),
		    .ctx_in = &ctx, .ctx_size_in = sizeof(ctx), .repeat = 1);

	(void)w;
	out->packet.l3 = in->l3;
	out->packet.l3_len = in->l3_len;
	out->packet.v6 = in->v6;
	out->decided = false;
	REQUIRE(!bpf_prog_test_run_opts(bpf_program__fd(program), &run));
	out->verdict = run.retval;
	out->packet.len = run.data_size_out;
}

void world_explain(struct world *w, const struct association_key *key, const struct frame *in,
		   struct explain *out)
{
	static uint8_t buffer[sizeof(*out) + FRAME_MAX];
	struct explain question = { .in = *key };
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = buffer,
		    .data_size_in = (uint32_t)(sizeof(question) + in->len), .data_out = buffer,
		    .data_size_out = sizeof(buffer), .repeat = 1);

	memcpy(buffer, &question, sizeof(question));
	memcpy(buffer + sizeof(question), in->bytes, in->len);
	REQUIRE(!bpf_prog_test_run_opts(bpf_program__fd(w->object->progs.explain), &run));
	REQUIRE(run.retval == XDP_PASS);
	/* The packet that is asked about stays as it is. */
	REQUIRE(!memcmp(buffer + sizeof(question), in->bytes, in->len));
	memcpy(out, buffer, sizeof(*out));
}
