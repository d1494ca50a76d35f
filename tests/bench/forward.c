/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Driver of the forwarding benchmark, one for each namespace: holds the devices at whose filter the
 * packets end, and sends a bounded number of packets when it is told to.
 *
 *   forward --flows FILE --cpu N --out DEVICE --to-mac MAC [--sink tun|tap|xdp:DEVICE]...
 *           [--sink-mac MAC] [--drop xdp|tc:DEVICE] [--forward DEVICE] [--swallowed]
 *
 * --forward: an XDP program that asks the kernel's FIB forwards what comes in there. --swallowed:
 * no packet is expected anywhere.
 *
 * Says "ready" and libbpf's version when its devices are there. Then each line "SIZE COUNT" on
 * standard input (SIZE: bytes of the IP packet) sends that many and answers
 *
 *   {"sent":N,"good":[N,N],"dropped":N,"other":N,"cpu_ns":N,"wall_ns":N}
 *
 * The packets' whole way runs in softirqs of the sending thread (the generator redirects into a
 * veth, and the NAPI of its peer is scheduled on the same CPU), so the thread's CPU time is the
 * way's cost. cpu_ns is of all packets; wall_ns is one packet's, as the kernel measures it: without
 * making and freeing the pages.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "forward.h"
#include "tests/bench/forward.skel.h"

#define BATCH	   64	/* between two runs of the receiver: one NAPI budget */
#define FRAME_MAX  3072 /* live frames take what fits a page */
#define SETTLE_MS  1000 /* how long the last packets may take */
#define NS_IN_S	   1000000000ull
#define HEADER_LEN (sizeof(struct ethhdr) + sizeof(struct iphdr) + sizeof(struct udphdr))

static const uint8_t generator_mac[ETH_ALEN] = { 0x02, 0, 0, 0, 0x01, 0x02 };

static struct forward_bpf *bpf;
static uint8_t to_mac[ETH_ALEN];
static unsigned sinks;
static bool swallowed;

__attribute__((format(printf, 1, 2))) static _Noreturn void die(const char *format, ...)
{
	int err = errno;
	va_list args;

	va_start(args, format);
	fprintf(stderr, "forward: ");
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, err ? ": %s\n" : "\n", strerror(err));
	exit(1);
}

static uint32_t ifindex_of(const char *device)
{
	uint32_t ifindex = if_nametoindex(device);

	if (!ifindex)
		die("device %s", device);
	return ifindex;
}

static void parse_mac(const char *text, uint8_t mac[ETH_ALEN])
{
	if (sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &mac[0], &mac[1], &mac[2], &mac[3],
		   &mac[4], &mac[5]) != ETH_ALEN)
		die("%s is not a MAC address", text);
}

/* "KIND:DEVICE" */
static const char *device_in(const char *text)
{
	const char *colon = strchr(text, ':');

	if (!colon)
		die("%s: a device is missing", text);
	return colon + 1;
}

/* ---- the ends ---- */

static void attach_xdp(const struct bpf_program *program, const char *device)
{
	int err = bpf_xdp_attach((int)ifindex_of(device), bpf_program__fd(program),
				 XDP_FLAGS_DRV_MODE, NULL);

	errno = -err;
	if (err)
		die("cannot attach XDP to %s", device);
}

/* The descriptor stays open: the device lives as long as this process. */
static void add_tun(const char *what)
{
	bool tap = !strncmp(what, "tap:", 4);
	struct ifreq request = { .ifr_flags = (short)((tap ? IFF_TAP : IFF_TUN) | IFF_NO_PI) };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC),
	    filter = bpf_program__fd(bpf->progs.sink);

	if (sinks == SINKS)
		die("at most %d sinks", SINKS);
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", device_in(what));
	if (fd < 0 || ioctl(fd, TUNSETIFF, &request))
		die("/dev/net/tun");
	if (ioctl(fd, TUNSETFILTEREBPF, &filter))
		die("%s: filter", request.ifr_name);
	bpf->bss->sink_ifindex[sinks++] = ifindex_of(request.ifr_name);
	bpf->bss->sink_l2_len = tap ? ETH_HLEN : 0;
}

static void add_sink(const char *what)
{
	if (!strncmp(what, "xdp:", 4))
		attach_xdp(bpf->progs.sink_xdp, device_in(what));
	else
		add_tun(what);
}

/* Every device may be one to send to. */
static void forward_at(const char *device)
{
	struct if_nameindex *all = if_nameindex();

	for (size_t i = 0; all && all[i].if_index; i++)
		if (bpf_map_update_elem(bpf_map__fd(bpf->maps.forward_ports), &all[i].if_index,
					&all[i].if_index, BPF_ANY))
			die("device map, %s", all[i].if_name);
	if_freenameindex(all);
	attach_xdp(bpf->progs.xdp_forward, device);
}

static void drop_at(const char *what)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex_of(device_in(what)),
		    .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = bpf_program__fd(bpf->progs.drop_tc));
	int err;

	if (!strncmp(what, "xdp:", 4)) {
		attach_xdp(bpf->progs.drop_xdp, device_in(what));
		return;
	}
	err = bpf_tc_hook_create(&hook) ?: bpf_tc_attach(&hook, &opts);
	errno = -err;
	if (err)
		die("cannot attach %s", what);
}

/* ---- the stream ---- */

static void read_flows(const char *path)
{
	FILE *f = fopen(path, "re");

	if (!f || fread(bpf->bss->flows, sizeof(struct flow), FLOWS, f) != FLOWS)
		die("%s: not %d flows", path, FLOWS);
	fclose(f);
}

static uint32_t sum_words(const uint8_t *bytes, size_t len)
{
	uint32_t sum = 0;
	uint16_t word;

	for (size_t i = 0; i < len; i += sizeof(word)) {
		memcpy(&word, bytes + i, sizeof(word));
		sum += word;
	}
	return sum;
}

static void set_header(uint8_t frame[FRAME_MAX], uint32_t size)
{
	struct ethhdr eth = { .h_proto = htons(ETH_P_IP) };
	struct iphdr ip = { .version = 4,
			    .ihl = 5,
			    .ttl = TTL,
			    .protocol = IPPROTO_UDP,
			    .tot_len = htons((uint16_t)size) };
	struct udphdr udp = { .len = htons((uint16_t)(size - sizeof(ip))) };

	memcpy(eth.h_dest, to_mac, ETH_ALEN);
	memcpy(eth.h_source, generator_mac, ETH_ALEN);
	memset(frame, 0, FRAME_MAX);
	memcpy(frame, &eth, sizeof(eth));
	memcpy(frame + sizeof(eth), &ip, sizeof(ip));
	memcpy(frame + sizeof(eth) + sizeof(ip), &udp, sizeof(udp));
	memcpy(bpf->bss->header_words, frame, sizeof(bpf->bss->header_words));
	bpf->bss->header_sum = sum_words(frame + sizeof(eth), sizeof(ip));
	bpf->bss->frame_len = (uint32_t)(size + sizeof(eth));
}

static uint64_t cpu_time(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * NS_IN_S + (uint64_t)t.tv_nsec;
}

/* While packets are on their way nobody else gets this CPU. Where that is not allowed, CPU time
 * still leaves the others out. */
static void hurry(bool yes)
{
	struct sched_param param = { .sched_priority = yes ? 1 : 0 };

	(void)sched_setscheduler(0, yes ? SCHED_FIFO : SCHED_OTHER, &param);
}

static uint64_t ended(void)
{
	const volatile struct tally *t = &bpf->bss->tally;

	return t->good[0] + t->good[1] + t->dropped;
}

/* What is left in a queue when the last batch returns is a softirq's next turn. */
static void settle(uint64_t count)
{
	const struct timespec pause = { .tv_nsec = 1000000 };

	for (int ms = 0; ms < SETTLE_MS && !swallowed && ended() < count; ms++)
		nanosleep(&pause, NULL);
}

static void send_packets(uint32_t size, uint32_t count)
{
	static uint8_t frame[FRAME_MAX];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame,
		    .data_size_in = (uint32_t)(size + sizeof(struct ethhdr)), .repeat = (int)count,
		    .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = BATCH);
	struct tally *t = &bpf->bss->tally;
	uint64_t cpu;
	int err;

	set_header(frame, size);
	memset(t, 0, sizeof(*t));
	hurry(true);
	cpu = cpu_time();
	err = bpf_prog_test_run_opts(bpf_program__fd(bpf->progs.generate), &opts);
	cpu = cpu_time() - cpu;
	hurry(false);
	errno = -err;
	if (err)
		die("test run with live frames");
	settle(count);
	printf("{\"sent\":%llu,\"good\":[%llu,%llu],\"dropped\":%llu,\"other\":%llu,"
	       "\"cpu_ns\":%llu,\"wall_ns\":%u}\n",
	       t->generated, t->good[0], t->good[1], t->dropped, t->other, (unsigned long long)cpu,
	       opts.duration);
	fflush(stdout);
}

static void bind_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("CPU %d", cpu);
}

static void serve(void)
{
	uint32_t size, count;

	printf("ready %s\n", libbpf_version_string());
	fflush(stdout);
	while (scanf("%u %u", &size, &count) == 2) {
		errno = 0;
		if (size < HEADER_WORDS * sizeof(uint64_t) || size + HEADER_LEN > FRAME_MAX ||
		    !count)
			die("%u packets of %u bytes", count, size);
		send_packets(size, count);
	}
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "flows", required_argument, NULL, 'f' },
		{ "cpu", required_argument, NULL, 'c' },
		{ "out", required_argument, NULL, 'o' },
		{ "to-mac", required_argument, NULL, 'm' },
		{ "sink", required_argument, NULL, 's' },
		{ "sink-mac", required_argument, NULL, 'n' },
		{ "drop", required_argument, NULL, 'd' },
		{ "forward", required_argument, NULL, 'x' },
		{ "swallowed", no_argument, NULL, 'w' },
		{ 0 },
	};
	int option;

	bpf = forward_bpf__open_and_load();
	if (!bpf)
		die("cannot load the programs");
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		errno = 0;
		switch (option) {
		case 'f':
			read_flows(optarg);
			break;
		case 'c':
			bind_to(atoi(optarg));
			break;
		case 'o':
			bpf->bss->out_ifindex = ifindex_of(optarg);
			break;
		case 'm':
			parse_mac(optarg, to_mac);
			break;
		case 's':
			add_sink(optarg);
			break;
		case 'n':
			parse_mac(optarg, bpf->bss->sink_mac);
			break;
		case 'd':
			drop_at(optarg);
			break;
		case 'x':
			forward_at(optarg);
			break;
		case 'w':
			swallowed = true;
			break;
		default:
			return 2;
		}
	}
	serve();
	forward_bpf__destroy(bpf);
	return 0;
}
