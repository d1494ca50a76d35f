/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A full table into an empty dataplane, beside the kernel's own; then changes while packets pass.
 *
 *   load RESULT.json ROUTES    (a file, one IPv4 prefix a line)
 *
 * One connection over two tunnels learns all of it by BGP, and one TR table from the connection, so
 * each route is two entries of the tries (the connection's own table is what sources are checked
 * against). steer_s is from opening the file to the last map write; *_cpu_s is processor time,
 * which a busy machine changes less. The same routes go into a table of the kernel, multipath over
 * the same two devices, by `ip -batch` and by raw netlink in batches of 64 KiB (io/host).
 * slow_path_s: all that the daemon tells the kernel after steer_s. Decisions beside churn are runs
 * of the explain program, the same inlined code as the live one, on the other CPU: one at a time,
 * so what a system call costs is in both rates; the ratios are medians of rounds, for a machine's
 * speed changes within seconds.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include "../../user/io/host.h"
#include "../bpf/forwarding_world.h"
#include "../bpf/packet.h"

#define EVERY	  100 /* every so manyeth route changes: 1 % */
#define RATE	  10000
#define STEP	  100 /* changes at once */
#define ROUNDS	  5   /* of decisions alone, beside an empty loop, beside changes */
#define ROUND_S	  3.0
#define RAW_TABLE 4000
#define IP_TABLE  4001
#define PROBES	  65536
#define PROBE_LEN 64

static struct forwarding_world w;
static struct learned learned;
static struct learned *by_connection[] = { &learned };
static struct prefix *routes;
static size_t count;

static struct {
	double steer_s, delta_s, slow_path_s, kernel_raw_s, kernel_s, updates, alone, ratio,
		spinning;
	double steer_cpu_s, kernel_raw_cpu_s, kernel_cpu_s;
	size_t rss;
} result;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Of a process (RUSAGE_SELF), or of those that it waited for. */
static double cpu_time(int whose)
{
	struct rusage u;

	getrusage(whose, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void must(int err, const char *what)
{
	if (!err)
		return;
	fprintf(stderr, "load: %s: %s %s\n", what, strerror(err < 0 ? -err : errno), w.alarm);
	exit(1);
}

static size_t resident(void)
{
	size_t pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	must(f && fscanf(f, "%*s %zu", &pages) == 1 ? 0 : -EIO, "statm");
	fclose(f);
	return pages * 4096;
}

/* ---- the gateway ---- */

static struct config_tunnel tunnel(const char *name, const char *device, uint32_t if_id)
{
	return (struct config_tunnel){
		.name = (char *)name, .device = (char *)device, .if_id = if_id, .weight = 1
	};
}

static struct config *configuration(void)
{
	static struct config_ref learn = { .index = 0 };
	static struct config_table table = {
		.name = (char *)"main", .learn = &learn, .learn_count = 1, .transit = true
	};
	static struct config_customer_gateway gateway = { .name = (char *)"dc-1" };
	static struct config_attachment dc = { .name = (char *)"dc-1", .type = ATTACHMENT_VPN };
	static struct config_connection connection = {
		.name = (char *)"dc-1", .tunnel_count = 2, .bgp.enabled = true, .kernel_table = 1001
	};
	static struct config c = { .tables = &table,
				   .table_count = 1,
				   .attachments = &dc,
				   .attachment_count = 1,
				   .customer_gateways = &gateway,
				   .customer_gateway_count = 1,
				   .connections = &connection,
				   .connection_count = 1 };

	connection.tunnels[0] = tunnel("one", "load0", 1);
	connection.tunnels[1] = tunnel("two", "load1", 2);
	return &c;
}

static void devices(void)
{
	must(system("ip link add load0 type veth peer name load1 && ip link set load0 up && "
		    "ip link set load1 up && ip address add 192.0.2.1/24 dev load0"),
	     "devices");
}

static void bring_up(void)
{
	for (size_t i = 0; i < gateway_tunnel_places(&w.gateway); i++) {
		w.gateway.tunnels[i].located = true;
		forwarding_set_live(&w.gateway, &w.gateway.tunnels[i], true);
	}
}

static int nothing(const struct prefix *p, tunnel_mask accepted, void *context)
{
	(void)p, (void)accepted, (void)context;
	return 0;
}

/* Over one tunnel, the other one, or both: neighbours differ, or the compiler would leave out most
 * of what is inside others. */
static tunnel_mask tunnels_of(const struct prefix *p)
{
	uint32_t address;

	memcpy(&address, p->address.bytes, sizeof(address));
	return (tunnel_mask)(1 + ((ntohl(address) * 2654435761u + p->len * 40503u) >> 7) % 3);
}

static void offer(const struct prefix *p, bool there)
{
	const struct learned_offer offer = { .metric = 20, .tunnels = tunnels_of(p) };

	must(there ? learned_offer(&learned, p, &offer)
		   : learned_withdraw(&learned, p, 20, LEARNED_ALL_TUNNELS),
	     "offer");
}

static void make_room(void)
{
	struct prefix *more = realloc(routes, (count + 65536) * sizeof(*routes));

	must(more ? 0 : -ENOMEM, "routes");
	routes = more;
}

static void read_routes(const char *file)
{
	FILE *f = fopen(file, "r");
	char line[64];

	must(f ? 0 : -errno, file);
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (count % 65536 == 0)
			make_room();
		must(prefix_parse(line, &routes[count], NULL), line);
		offer(&routes[count++], true);
	}
	fclose(f);
}

static void load(const char *file)
{
	size_t before = resident();
	double begin = now(), cpu = cpu_time(RUSAGE_SELF);

	read_routes(file);
	must(learned_settle(&learned, nothing, NULL), "settle");
	must(forwarding_start(&w), "start");
	result.steer_s = now() - begin;
	result.steer_cpu_s = cpu_time(RUSAGE_SELF) - cpu;
	result.rss = resident() - before - count * sizeof(*routes);
	must(w.gateway.held[0] < count * 3 / 2 ? -ENOENT : 0, "routes in the maps");
}

static void change_some(void)
{
	double begin = now();

	for (size_t i = 0; i < count; i += EVERY)
		offer(&routes[i], false);
	must(forwarding_learn(&w.gateway), "delta");
	result.delta_s = now() - begin;
	for (size_t i = 0; i < count; i += EVERY)
		offer(&routes[i], true);
	must(forwarding_learn(&w.gateway), "delta");
}

/* ---- the kernel ---- */

static void plan(struct host *h, struct host_plan *out)
{
	struct gateway *g = &w.gateway;
	struct host_facts facts;

	must(host_facts_read(h, &g->config, &facts), "facts");
	must(host_plan_build(&g->rib, &g->fib, &facts, out), "plan");
	host_facts_free(&facts);
}

static void tell_all(struct host *h)
{
	double begin = now();
	struct host_plan all;

	plan(h, &all);
	must(host_apply(h, NULL, &all), host_error_count(h) ? host_error(h, 0) : "slow path");
	result.slow_path_s = now() - begin;
	host_plan_free(&all);
}

/* What `ip -batch` is told. */
static void tell_raw(struct host *h)
{
	struct host_hop hops[] = { { .device = "load0", .weight = 1 },
				   { .device = "load1", .weight = 1 } };
	struct host_plan none = { 0 }, all = { .hops = hops,
					       .hop_count = 2,
					       .routes = calloc(count, sizeof(*all.routes)),
					       .route_count = count };
	double begin, cpu;

	must(all.routes ? 0 : -ENOMEM, "routes");
	for (size_t i = 0; i < count; i++) {
		tunnel_mask mask = tunnels_of(&routes[i]);

		all.routes[i] = (struct host_route){ .table = RAW_TABLE,
						     .metric = HOST_METRIC_TABLE,
						     .prefix = routes[i],
						     .hop_count = mask == 3 ? 2 : 1,
						     .first_hop = mask == 2 };
	}
	begin = now();
	cpu = cpu_time(RUSAGE_SELF);
	must(host_follow_routes(h, &none, &all, false),
	     host_error_count(h) ? host_error(h, 0) : "raw netlink");
	result.kernel_raw_s = now() - begin;
	result.kernel_raw_cpu_s = cpu_time(RUSAGE_SELF) - cpu;
	free(all.routes);
}

static void tell_ip(void)
{
	static const char *const ways[] = { "", "dev load0", "dev load1",
					    "nexthop dev load0 nexthop dev load1" };
	char text[PREFIX_STRLEN], command[128], file[] = "/tmp/load-XXXXXX";
	int fd = mkstemp(file);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
	double begin, cpu;

	if (!f) {
		must(-errno, file);
		return;
	}
	for (size_t i = 0; i < count; i++)
		fprintf(f, "route add %s table %d proto 77 %s\n", prefix_format(&routes[i], text),
			IP_TABLE, ways[tunnels_of(&routes[i])]);
	must(fclose(f), file);
	snprintf(command, sizeof(command), "ip -batch %s", file);
	begin = now();
	cpu = cpu_time(RUSAGE_CHILDREN);
	must(system(command), "ip -batch");
	result.kernel_s = now() - begin;
	result.kernel_cpu_s = cpu_time(RUSAGE_CHILDREN) - cpu;
	remove(file);
}

/* ---- changes beside decisions ---- */

static struct {
	struct association_key in;
	uint8_t frames[PROBES][PROBE_LEN];
	atomic_bool stop;
	size_t done;
	double seconds;
	const char *wrong;
} worker;

static void make_probes(void)
{
	struct association a = {
		.table = w.gateway.ids.table[0][VIEW_ALL],
		.attachment = 1,
		.tunnel = NO_TUNNEL,
		.source_table = NO_TABLE,
		.l2_len = ETH_HEADER_LEN,
	};
	static struct frame frame;

	memcpy(a.mac, our_mac, sizeof(a.mac));

	worker.in = (struct association_key){ .ifindex = 1 };
	must(dataplane_set_association(w.gateway.dataplane, &worker.in, &a), "association");
	for (size_t i = 0; i < PROBES; i++) {
		size_t route = (i * 2654435761u) % count;
		char to[PREFIX_STRLEN];
		struct packet_spec spec = { .from = "192.168.9.77", .to = to, .payload = 22 };

		route += route % EVERY == 0; /* not one of those that come and go */
		address_format(&routes[route % count].address, to);
		frame_build(&spec, &frame);
		must(frame.len != PROBE_LEN ? -EINVAL : 0, "frame");
		memcpy(worker.frames[i], frame.bytes, PROBE_LEN);
	}
}

/* Whatever comes and goes around it, the destination has its route. */
static void *decide(void *unused)
{
	double begin = now();

	worker.done = 0;
	for (; !atomic_load(&worker.stop); worker.done++) {
		const uint8_t *frame = worker.frames[worker.done % PROBES];
		struct explain e;

		if (dataplane_explain(w.gateway.dataplane, &worker.in, frame, PROBE_LEN, &e))
			worker.wrong = "explain";
		else if (!e.matched || e.route.verdict != VERDICT_GROUP || e.tunnel == NO_TUNNEL)
			worker.wrong = "a wrong answer";
	}
	worker.seconds = now() - begin;
	return unused;
}

static void pin(pthread_t thread, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	pthread_setaffinity_np(thread, sizeof(set), &set);
}

/* What this thread does while the other one decides. */
enum beside { SLEEPS, SPINS, CHANGES };

/* STEP more of the routes that come and go: all of them leave, then all of them return. */
static void change_a_step(void)
{
	static bool there;
	static size_t next;

	for (size_t k = 0; k < STEP; k++, next += EVERY) {
		if (next >= count) {
			next = 0;
			there = !there;
		}
		offer(&routes[next], there);
	}
	must(forwarding_learn(&w.gateway), "churn");
}

/* Decisions a second. Adds the changes to *updates. */
static double round_of(enum beside what, size_t *updates)
{
	double begin = now();
	size_t changed = 0;
	pthread_t thread;

	atomic_store(&worker.stop, false);
	must(-pthread_create(&thread, NULL, decide, NULL), "thread");
	pin(thread, 1);
	while (now() < begin + ROUND_S) {
		struct timespec pause = { 0, 1000000 };

		if (what == SPINS)
			continue;
		if (what == SLEEPS || (double)changed >= (now() - begin) * RATE) {
			nanosleep(&pause, NULL);
			continue;
		}
		change_a_step();
		changed += STEP;
	}
	atomic_store(&worker.stop, true);
	pthread_join(thread, NULL);
	must(worker.wrong ? -EINVAL : 0, worker.wrong ? worker.wrong : "");
	*updates += changed;
	return (double)worker.done / worker.seconds;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median_of(double values[ROUNDS])
{
	qsort(values, ROUNDS, sizeof(*values), ascending);
	return values[ROUNDS / 2];
}

static void change_beside_decisions(void)
{
	double alone[ROUNDS], spinning[ROUNDS], changing[ROUNDS];
	size_t updates = 0;
	double seconds = 0;

	pin(pthread_self(), 0);
	make_probes();
	round_of(SLEEPS, &updates); /* warm */
	for (size_t i = 0; i < ROUNDS; i++) {
		alone[i] = round_of(SLEEPS, &updates);
		spinning[i] = round_of(SPINS, &updates) / alone[i];
		changing[i] = round_of(CHANGES, &updates) / alone[i];
		seconds += worker.seconds;
	}
	result.alone = median_of(alone);
	result.spinning = median_of(spinning);
	result.ratio = median_of(changing);
	result.updates = (double)updates / seconds;
}

/* ---- telling ---- */

static void write_json(const char *path)
{
	FILE *f = fopen(path, "w");

	must(f ? 0 : -errno, path);
	fprintf(f,
		"{\n  \"routes\": %zu, \"entries\": %zu,\n  \"steer_s\": %.3f, \"kernel_s\": %.3f, "
		"\"kernel_raw_s\": %.3f, \"slow_path_s\": %.3f, \"delta_s\": %.3f,\n"
		"  \"steer_cpu_s\": %.3f, \"kernel_cpu_s\": %.3f, \"kernel_raw_cpu_s\": %.3f,\n"
		"  \"controller_rss_bytes\": %zu,\n  \"churn_updates_per_s\": %.0f, "
		"\"churn_forwarding_ratio\": %.3f,\n  \"spinning_ratio\": %.3f, "
		"\"decisions_per_s\": %.0f\n}\n",
		count, w.gateway.held[0], result.steer_s, result.kernel_s, result.kernel_raw_s,
		result.slow_path_s, result.delta_s, result.steer_cpu_s, result.kernel_cpu_s,
		result.kernel_raw_cpu_s, result.rss, result.updates, result.ratio, result.spinning,
		result.alone);
	must(fclose(f), path);
}

int main(int argc, char **argv)
{
	const char *why = "";
	struct host_facts facts;
	struct host *h;

	if (argc != 3) {
		fprintf(stderr, "usage: load RESULT.json ROUTES\n");
		return 2;
	}
	learned_set_limits(&learned, (struct learned_limits){ LEARNED_NO_LIMIT, LEARNED_NO_LIMIT });
	forwarding_open(&w, configuration(), MAX_GROUPS);
	w.gateway.learned = by_connection;
	devices();
	bring_up();
	load(argv[2]);
	change_some();
	change_beside_decisions();
	must(host_open(&(struct host_options){ "/tmp" }, &h, &why), why);
	must(host_facts_read(h, &w.gateway.config, &facts), "links");
	host_facts_free(&facts);
	tell_ip();
	tell_raw(h);
	tell_all(h);
	host_close(h);
	write_json(argv[1]);
	forwarding_close(&w);
	return 0;
}
