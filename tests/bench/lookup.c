/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The steering decision in nanoseconds, beside bpf_fib_lookup for the same routes and beside a
 * program that only parses, from small tables to a full one.
 *
 *   lookup RESULT.json IPV4-ROUTES IPV6-ROUTES    (files, one prefix a line)
 *
 * Every run gets a new destination (random among those that the routes cover) and must be
 * forwarded: if a run ends otherwise, the benchmark fails instead of printing the time of a drop.
 * The programs take turns, and each figure is the median of its rounds: what disturbs one disturbs
 * the others.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "lookup.skel.h"
#include "lookup_ground.h"
#include "../bpf/packet.h"

#define REPEAT 200000
#define ROUNDS 9

/* TRIE: steer with the index taken away, so that the bare trie answers. */
enum program { LEAST, STEER, TRACKED, TRIE, FIB, PROGRAMS };

struct bench {
	struct ground ground;
	struct lookup_bpf *driver;
	struct routes routes;
	bool v6;
	uint64_t root; /* of the index */
	FILE *json;
	size_t rows;
};

/* What the packets' destinations are drawn from, and how. */
struct mix {
	uint32_t distinct;
	bool zipf; /* the n-th most frequent with frequency 1/n; else each as often */
};

static const struct mix mixes[] = { { 256, false }, { 65536, false }, { 65536, true } };

/* ---- destinations ---- */

static void base_frame(bool v6, struct frame *out)
{
	struct packet_spec spec = { .from = v6 ? "fc00:9::77" : "192.168.9.77",
				    .to = v6 ? "fd00::1" : "20.0.0.1" };

	frame_build(&spec, out);
}

static struct destination destination(struct frame *f, const struct address *a)
{
	struct destination d = { .reserved = 0 };

	memcpy(d.address, a->bytes, 16);
	if (!f->v6) {
		memset(f->bytes + f->l3 + 10, 0, 2);
		memcpy(f->bytes + f->l3 + 16, a->bytes, 4);
		d.check = htons(checksum(f->bytes + f->l3, 20));
	}
	return d;
}

/* How many of `slots` each of the distinct destinations gets, the most frequent first. */
static uint32_t share(const struct mix *mix, uint32_t n, uint32_t slots)
{
	double sum = log(mix->distinct) + 0.5772;

	if (!mix->zipf)
		return slots / mix->distinct;
	return (uint32_t)(slots / sum / (n + 1) + (double)any(1u << 24) / (1u << 24));
}

/* Writes them to the driver's map, in random order. Returns how many: a power of two. */
static uint32_t fill_destinations(struct bench *b, const struct mix *mix)
{
	uint32_t slots = mix->zipf ? DESTINATIONS_MAX : mix->distinct, used = 0;
	struct destination *list = calloc(slots, sizeof(*list));
	static struct frame f;

	require(list != NULL, "memory");
	base_frame(b->v6, &f);
	for (uint32_t n = 0; n < mix->distinct; n++) {
		struct address a = routes_any_address(&b->routes);
		struct destination d = destination(&f, &a);

		for (uint32_t i = share(mix, n, slots); i && used < slots; i--)
			list[used++] = d;
	}
	for (uint32_t i = 0; used < slots; i++)
		list[used++] = list[i];
	for (uint32_t i = 0; i < slots; i++) {
		uint32_t k = i + any(slots - i);
		struct destination d = list[k];

		list[k] = list[i];
		list[i] = d;
		require(!bpf_map_update_elem(bpf_map__fd(b->driver->maps.destinations), &i, &d, 0),
			"destination");
	}
	free(list);
	return slots;
}

/* ---- running ---- */

static void open_driver(struct bench *b, const struct mix *mix)
{
	b->driver = lookup_bpf__open_and_load();
	require(b->driver != NULL, "driver");
	b->driver->bss->mask = fill_destinations(b, mix) - 1;
}

/* How many packets the gateway has decided on is not counted (they are not delivered), so what it
 * counted in a run must be nothing: no drop, no exception. */
static uint64_t counted(const struct bench *b)
{
	struct counter reasons[REASON_COUNT];
	uint64_t sum = 0;

	for (uint32_t attachment = 0; attachment < 2; attachment++) {
		require(!dataplane_reason_counters(b->ground.dataplane, attachment, reasons),
			"counters");
		for (int i = 0; i < REASON_COUNT; i++)
			sum += reasons[i].packets;
	}
	return sum;
}

static const struct bpf_program *program_of(const struct bench *b, enum program which)
{
	switch (which) {
	case LEAST:
		return b->driver->progs.least;
	case FIB:
		return b->driver->progs.fib;
	case STEER:
	case TRACKED:
	case TRIE:
	case PROGRAMS:
		break;
	}
	return b->ground.dataplane->object->progs.xdp_steer;
}

static void ask_trie(struct bench *b, bool on)
{
	uint64_t *root = &b->ground.dataplane->index_roots[INDEX_ROOT(BENCH_TABLE, b->v6)];

	if (*root != INDEX_ASK)
		b->root = *root;
	*root = on ? INDEX_ASK : b->root;
}

/* The program that the driver goes on to. */
static void choose(struct bench *b, enum program which)
{
	int fd = bpf_program__fd(program_of(b, which));
	uint32_t zero = 0;

	require(!bpf_map_update_elem(bpf_map__fd(b->driver->maps.under_test), &zero, &fd, 0),
		"tail call");
	ask_trie(b, which == TRIE);
	/* As while a tunnel drains: each packet notes its bucket. */
	dataplane_track_use(b->ground.dataplane, which == TRACKED);
}

/* One pass in which each run's verdict is looked at: each destination once. */
static void prove(struct bench *b, const struct frame *f, enum program which)
{
	uint32_t cookie = b->ground.dataplane->object->rodata->decision_cookie;
	uint8_t out[4096] = { 0 };

	choose(b, which);
	for (uint32_t i = 0; i <= b->driver->bss->mask; i++) {
		struct xdp_md ctx = { .ingress_ifindex = b->ground.ifindex,
				      .data_end = (uint32_t)f->len };
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
		require(which != STEER || (d.cookie == cookie && d.reason == REASON_TO_TUNNEL),
			"a destination was not steered into a tunnel");
	}
}

/* ns per run. */
static double once(struct bench *b, struct frame *f, enum program which)
{
	struct xdp_md ctx = { .ingress_ifindex = b->ground.ifindex, .data_end = (uint32_t)f->len };
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = f->bytes, .data_size_in = (uint32_t)f->len,
		    .ctx_in = &ctx, .ctx_size_in = sizeof(ctx), .repeat = REPEAT);

	choose(b, which);
	require(!bpf_prog_test_run_opts(bpf_program__fd(b->driver->progs.drive), &run), "test run");
	errno = EINVAL;
	require(run.retval == XDP_PASS, "a packet was not forwarded");
	return run.duration;
}

static int by_value(const void *x, const void *y)
{
	double a = *(const double *)x, b = *(const double *)y;

	return (a > b) - (a < b);
}

static void measure(struct bench *b, double medians[PROGRAMS])
{
	double rounds[PROGRAMS][ROUNDS];
	uint64_t before = counted(b);
	static struct frame f;

	base_frame(b->v6, &f);
	prove(b, &f, LEAST);
	prove(b, &f, STEER);
	prove(b, &f, FIB);
	for (int i = 0; i < ROUNDS; i++)
		for (enum program p = 0; p < PROGRAMS; p++)
			rounds[p][i] = once(b, &f, p);
	errno = EINVAL;
	require(counted(b) == before, "packets were dropped or passed to the kernel");
	require(!b->driver->bss->missed, "the program under test did not run");
	for (enum program p = 0; p < PROGRAMS; p++) {
		qsort(rounds[p], ROUNDS, sizeof(double), by_value);
		medians[p] = rounds[p][ROUNDS / 2];
	}
}

/* ---- the table of results ---- */

static void report(struct bench *b, const struct mix *mix, const double ns[PROGRAMS])
{
	const char *family = b->v6 ? "ipv6" : "ipv4", *locality = mix->zipf ? "zipf" : "random";
	uint64_t bytes = index_bytes(&b->ground.dataplane->index);

	printf("%-5s %8zu %12u %8s %8.0f %10.0f %7.0f %7.0f %8.0f %9.2f %9.1f\n", family,
	       b->routes.loaded, mix->distinct, locality, ns[STEER], ns[TRACKED], ns[TRIE], ns[FIB],
	       ns[LEAST], ns[STEER] / ns[FIB], (double)bytes / (1 << 20));
	fflush(stdout);
	fprintf(b->json,
		"%s  {\"family\": \"%s\", \"routes\": %zu, \"destinations\": %u, "
		"\"locality\": \"%s\", \"steer_ns\": %.0f, \"tracked_ns\": %.0f, \"trie_ns\": "
		"%.0f, "
		"\"fib_ns\": %.0f, \"floor_ns\": %.0f, \"index_bytes\": %" PRIu64
		", \"machine\": \"%s\"}",
		b->rows++ ? ",\n" : "", family, b->routes.loaded, mix->distinct, locality,
		ns[STEER], ns[TRACKED], ns[TRIE], ns[FIB], ns[LEAST], bytes, machine());
}

static void bench_size(struct bench *b, size_t size)
{
	routes_load(&b->routes, &b->ground, size, true);
	for (size_t i = 0; i < sizeof(mixes) / sizeof(mixes[0]); i++) {
		double ns[PROGRAMS];

		open_driver(b, &mixes[i]);
		measure(b, ns);
		lookup_bpf__destroy(b->driver);
		report(b, &mixes[i], ns);
	}
}

static void bench_family(struct bench *b, const char *file, bool v6)
{
	static const size_t sizes[] = { 1000, 2000, 10000, 100000 };

	b->v6 = v6;
	routes_read(&b->routes, file, v6);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		if (sizes[i] < b->routes.count)
			bench_size(b, sizes[i]);
	if (b->routes.count)
		bench_size(b, b->routes.count);
	routes_free(&b->routes);
}

int main(int argc, char **argv)
{
	struct bench b = { 0 };

	if (argc != 4) {
		fprintf(stderr, "usage: lookup RESULT.json IPV4-ROUTES IPV6-ROUTES\n");
		return 2;
	}
	b.json = fopen(argv[1], "w");
	require(b.json != NULL, argv[1]);
	ground_make(&b.ground);
	printf("%s\n\n%-5s %8s %12s %8s %8s %10s %7s %7s %8s %9s %9s\n", machine(), "", "routes",
	       "destinations", "locality", "steer ns", "tracked ns", "trie ns", "fib ns",
	       "floor ns", "steer/fib", "index MiB");
	fprintf(b.json, "[\n");
	bench_family(&b, argv[2], false);
	bench_family(&b, argv[3], true);
	fprintf(b.json, "\n]\n");
	ground_free(&b.ground);
	errno = EINVAL;
	require(b.rows > 0, "no routes");
	require(!fclose(b.json), argv[1]);
	return 0;
}
