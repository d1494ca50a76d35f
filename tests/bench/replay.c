/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sends captured frames again, in turn and as often as wanted, as a driver would hand them over:
 * for packets that cannot be made on the way, such as encrypted ones.
 *
 *   replay --frames FILE --out DEVICE --count N [--batch N] [--cpu N] [--repeat N] [--give-way]
 *          [--window N --until-sent DEVICE --in /proc/PID]
 *
 * FILE: a capture of Ethernet frames (pcap). Prints one JSON object for each repetition:
 * {"sent":N,"ns":N,"steady":N,"steady_ns":N}; ns: the time that the whole took; steady: all but the
 * first batch and the last one, and the time they took, without that of beginning and ending.
 *
 * --window: at most so many frames are on their way, until the DEVICE of that process' namespace
 * has sent them; ns then ends with the last one. Those that it has not sent for a second are lost.
 * Then {"sent":N,"arrived":N,"ns":N} is printed.
 *
 * The frames go out by XDP_REDIRECT, so a veth's other end must take them: GRO or an XDP program on
 * it. There the receiver runs in the softirqs of this very CPU unless somebody spreads them.
 * --give-way: to everything else (SCHED_IDLE), so that ksoftirqd is never late and the time is that
 * of the frames' whole way.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "replay.h"
#include "tests/bench/replay.skel.h"

#define FRAMES_MAX     65536
#define BATCH	       64 /* between two runs of the receiver: one NAPI budget */
#define PCAP_MICRO     0xa1b2c3d4u
#define PCAP_NANO      0xa1b23c4du
#define LINKTYPE_ETHER 1
#define NS_IN_S	       1000000000ull

struct pcap_header {
	uint32_t magic;
	uint16_t major, minor;
	uint32_t zone, accuracy, snaplen, linktype;
};

struct pcap_record {
	uint32_t seconds, fraction, captured, len;
};

struct options {
	const char *frames, *out, *until_sent, *in;
	uint32_t count, batch, repeat, window;
	int cpu; /* -1: wherever */
	bool give_way;
};

__attribute__((format(printf, 1, 2))) static _Noreturn void die(const char *format, ...)
{
	int err = errno;
	va_list args;

	va_start(args, format);
	fprintf(stderr, "replay: ");
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, err ? ": %s\n" : "\n", strerror(err));
	exit(1);
}

/* ---- frames ---- */

static size_t read_frames(const char *path, struct frame *frames, uint32_t *longest)
{
	struct pcap_header header;
	struct pcap_record r;
	FILE *f = fopen(path, "re");
	size_t n = 0;

	if (!f)
		die("%s", path);
	errno = 0;
	if (fread(&header, sizeof(header), 1, f) != 1 ||
	    (header.magic != PCAP_MICRO && header.magic != PCAP_NANO) ||
	    header.linktype != LINKTYPE_ETHER)
		die("%s is not a capture of Ethernet frames", path);
	while (n < FRAMES_MAX && fread(&r, sizeof(r), 1, f) == 1) {
		if (r.captured != r.len || r.len < ETH_HLEN || r.len > REPLAY_FRAME_MAX)
			die("%s: frame %zu has %u bytes, of which %u were captured", path, n + 1,
			    r.len, r.captured);
		frames[n].len = r.len;
		if (fread(frames[n].bytes, r.len, 1, f) != 1)
			die("%s ends within frame %zu", path, n + 1);
		if (r.len > *longest)
			*longest = r.len;
		n++;
	}
	fclose(f);
	if (!n)
		die("%s has no frames", path);
	return n;
}

static struct replay_bpf *load(const struct options *o, uint32_t *longest)
{
	struct frame *frames = calloc(FRAMES_MAX, sizeof(*frames));
	struct replay_bpf *bpf = replay_bpf__open();
	uint32_t n;

	if (!frames || !bpf)
		die("no memory");
	n = (uint32_t)read_frames(o->frames, frames, longest);
	if (bpf_map__set_max_entries(bpf->maps.frames, n) || replay_bpf__load(bpf))
		die("cannot load the program");
	for (uint32_t i = 0; i < n; i++)
		if (bpf_map_update_elem(bpf_map__fd(bpf->maps.frames), &i, &frames[i], BPF_ANY))
			die("frame %u", i + 1);
	free(frames);
	bpf->bss->out_ifindex = if_nametoindex(o->out);
	if (!bpf->bss->out_ifindex)
		die("device %s", o->out);
	bpf->data->frame_count = n;
	return bpf;
}

/* ---- sending ---- */

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return (uint64_t)t.tv_sec * NS_IN_S + (uint64_t)t.tv_nsec;
}

static void settle(const struct options *o)
{
	const struct sched_param param = { 0 };
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)o->cpu, &set);
	if (o->cpu >= 0 && sched_setaffinity(0, sizeof(set), &set))
		die("CPU %d", o->cpu);
	if (o->give_way && sched_setscheduler(0, SCHED_IDLE, &param))
		die("SCHED_IDLE");
}

/* Each batch has gone its way when the next one begins. */
static void time_steady(struct replay_bpf *bpf, const struct options *o)
{
	bpf->bss->sent = 0;
	bpf->bss->steady_from = o->batch;
	bpf->bss->steady_to = (o->count - 1) / o->batch * o->batch;
}

static void print_result(const struct replay_bpf *bpf, uint64_t ns)
{
	printf("{\"sent\":%llu,\"ns\":%llu,\"steady\":%llu,\"steady_ns\":%llu}\n", bpf->bss->sent,
	       (unsigned long long)ns, bpf->bss->steady_to - bpf->bss->steady_from,
	       bpf->bss->steady_ended - bpf->bss->steady_began);
	fflush(stdout);
}

static void run(struct replay_bpf *bpf, const struct options *o, uint32_t longest, uint32_t count)
{
	static uint8_t frame[REPLAY_FRAME_MAX];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = longest,
		    .repeat = (int)count, .flags = BPF_F_TEST_XDP_LIVE_FRAMES,
		    .batch_size = o->batch);

	errno = -bpf_prog_test_run_opts(bpf_program__fd(bpf->progs.replay), &opts);
	if (errno)
		die("test run with live frames");
	if (bpf->bss->refused)
		die("%llu frames could not be made", bpf->bss->refused);
}

static void send_frames(struct replay_bpf *bpf, const struct options *o, uint32_t longest)
{
	uint64_t began = now();

	time_steady(bpf, o);
	run(bpf, o, longest, o->count);
	sched_yield();
	print_result(bpf, now() - began);
}

/* ---- sending no more than can be on its way ---- */

/* Packets that the device has sent. */
static uint64_t sent_by(const struct options *o)
{
	char path[64], line[512];
	uint64_t packets = UINT64_MAX;
	FILE *f;

	snprintf(path, sizeof(path), "%s/net/dev", o->in);
	f = fopen(path, "re");
	if (!f)
		die("%s", path);
	while (packets == UINT64_MAX && fgets(line, sizeof(line), f)) {
		char *colon = strchr(line, ':'), *name = line + strspn(line, " ");

		if (!colon || (size_t)(colon - name) != strlen(o->until_sent) ||
		    memcmp(name, o->until_sent, strlen(o->until_sent)) != 0)
			continue;
		sscanf(colon + 1, "%*u %*u %*u %*u %*u %*u %*u %*u %*u %" SCNu64, &packets);
	}
	fclose(f);
	if (packets == UINT64_MAX)
		die("no device %s in %s", o->until_sent, path);
	return packets;
}

struct window {
	uint64_t before, arrived, lost;
	uint64_t last; /* ns: when the last one was seen to arrive */
};

/* Until at most so many frames are on their way. */
static void await(struct window *w, const struct options *o, uint64_t sent, uint64_t at_most)
{
	uint64_t since = now();

	while (sent > w->arrived + w->lost + at_most) {
		uint64_t seen = sent_by(o) - w->before;

		if (seen != w->arrived) {
			w->arrived = seen;
			w->last = since = now();
		} else if (now() > since + NS_IN_S) {
			w->lost = sent - seen;
		}
	}
}

static void send_windows(struct replay_bpf *bpf, const struct options *o, uint32_t longest)
{
	struct window w = { .before = sent_by(o) };
	uint32_t sent = 0, half = o->window / 2;
	uint64_t began = now();

	while (sent < o->count) {
		uint32_t some = o->count - sent < half ? o->count - sent : half;

		run(bpf, o, longest, some);
		sent += some;
		await(&w, o, sent, sent < o->count ? half : 0);
	}
	printf("{\"sent\":%u,\"arrived\":%" PRIu64 ",\"ns\":%" PRIu64 "}\n", sent, w.arrived,
	       w.last - began);
}

static uint32_t number(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	errno = 0;
	if (*end || !n || n > INT32_MAX)
		die("%s is not a number", text);
	return (uint32_t)n;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "frames", required_argument, NULL, 'f' },
		{ "out", required_argument, NULL, 'o' },
		{ "count", required_argument, NULL, 'n' },
		{ "batch", required_argument, NULL, 'b' },
		{ "cpu", required_argument, NULL, 'c' },
		{ "repeat", required_argument, NULL, 'r' },
		{ "give-way", no_argument, NULL, 'g' },
		{ "window", required_argument, NULL, 'w' },
		{ "until-sent", required_argument, NULL, 'u' },
		{ "in", required_argument, NULL, 'i' },
		{ 0 },
	};
	struct options o = { .batch = BATCH, .repeat = 1, .cpu = -1 };
	struct replay_bpf *bpf;
	uint32_t longest = 0;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'f':
			o.frames = optarg;
			break;
		case 'o':
			o.out = optarg;
			break;
		case 'n':
			o.count = number(optarg);
			break;
		case 'b':
			o.batch = number(optarg);
			break;
		case 'c':
			o.cpu = atoi(optarg);
			break;
		case 'r':
			o.repeat = number(optarg);
			break;
		case 'g':
			o.give_way = true;
			break;
		case 'w':
			o.window = number(optarg);
			break;
		case 'u':
			o.until_sent = optarg;
			break;
		case 'i':
			o.in = optarg;
			break;
		default:
			return 2;
		}
	}
	errno = 0;
	if (!o.frames || !o.out || !o.count)
		die("--frames, --out and --count are needed");
	if (o.count <= 2 * o.batch)
		die("%u frames are too few: more than two batches of %u", o.count, o.batch);
	if (o.window && (o.window < 2 || !o.until_sent || !o.in))
		die("--window needs at least 2 frames, --until-sent and --in");
	settle(&o);
	bpf = load(&o, &longest);
	for (uint32_t i = 0; i < o.repeat; i++)
		(o.window ? send_windows : send_frames)(bpf, &o, longest);
	replay_bpf__destroy(bpf);
	return 0;
}
