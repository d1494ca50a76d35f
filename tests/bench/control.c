/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the controller costs at size: 50 connections of 2,000 routes (what the service allows one
 * connection [S43]), in each of 20 tables. Real maps; no packets.
 *
 *   control [--connections N] [--routes N] [--tables N] [--changes N] [--json FILE]
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include "../bpf/forwarding_world.h"

struct sizes {
	size_t connections, routes, tables, changes;
	const char *json;
};

struct figures {
	double rib_s, compile_s, maps_s, plan_s;
	double add_us[3], delete_us[3]; /* p50, p99, longest */
	double slow_us[3];		/* what is to be told the kernel of one change */
	double down_ms, up_ms;
	size_t entries, groups, rss_mib, peak_mib, index_mib;
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* From /proc/self/status, in MiB. */
static size_t memory(const char *field)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[128];
	size_t kib = 0;

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, field, strlen(field)))
			kib = strtoul(line + strlen(field), NULL, 10);
	if (f)
		fclose(f);
	return kib / 1024;
}

/* ---- the configuration ---- */

static void *room(size_t count, size_t size)
{
	void *p = calloc(count + 1, size);

	if (!p)
		abort();
	return p;
}

static char *name(const char *kind, size_t i)
{
	char text[32];

	snprintf(text, sizeof(text), "%s-%zu", kind, i);
	return strdup(text);
}

/* One in ten is IPv6; of IPv4 /24 most, and some that enclose others. */
static struct prefix route_prefix(size_t n)
{
	struct address a = { .family = n % 10 ? AF_INET : AF_INET6 };
	uint32_t mixed = (uint32_t)n * 2654435761u; /* scattered, each once */

	if (a.family == AF_INET6) {
		memcpy(a.bytes, (uint8_t[]){ 0x20, 1, 0xd, 0xb8 }, 4);
		memcpy(a.bytes + 4, &mixed, 4);
		return prefix_of(&a, 64);
	}
	a.bytes[0] = (uint8_t)(16 + (n >> 16) % 64);
	a.bytes[1] = (uint8_t)(n >> 8);
	a.bytes[2] = (uint8_t)n;
	return prefix_of(&a, n % 97 ? 24 : 20);
}

static void make_connection(struct config *c, const struct sizes *s, size_t i)
{
	struct config_connection *conn = &c->connections[i];

	*conn = (struct config_connection){
		.name = name("dc", i),
		.routes = room(s->routes, sizeof(*conn->routes)),
		.route_count = s->routes,
		.tunnel_count = 2,
		.kernel_table = 1001 + (uint32_t)i,
	};
	for (size_t k = 0; k < 2; k++) {
		conn->tunnels[k].name = name(k ? "b" : "a", i);
		conn->tunnels[k].weight = 1;
		conn->tunnels[k].if_id = (uint32_t)(1 + 2 * i + k);
	}
	for (size_t k = 0; k < s->routes; k++)
		conn->routes[k].prefix = route_prefix(i * s->routes + k);
	c->attachments[i] = (struct config_attachment){
		.name = conn->name,
		.type = ATTACHMENT_VPN,
		.connection = { .index = (int)i },
		.association = { .name = c->tables[0].name },
	};
}

static void make_table(struct config *c, const struct sizes *s, size_t i)
{
	c->tables[i] = (struct config_table){
		.name = name("table", i),
		.learn = room(s->connections, sizeof(*c->tables[i].learn)),
		.learn_count = s->connections,
	};
	for (size_t k = 0; k < s->connections; k++)
		c->tables[i].learn[k].index = (int)k;
}

static void make_config(struct config *c, const struct sizes *s)
{
	*c = (struct config){
		.tables = room(s->tables, sizeof(*c->tables)),
		.table_count = s->tables,
		.attachments = room(s->connections, sizeof(*c->attachments)),
		.attachment_count = s->connections,
		.connections = room(s->connections, sizeof(*c->connections)),
		.connection_count = s->connections,
	};
	for (size_t i = 0; i < s->tables; i++)
		make_table(c, s, i);
	for (size_t i = 0; i < s->connections; i++)
		make_connection(c, s, i);
}

/* ---- measuring ---- */

static void must(int err, const char *what)
{
	if (!err)
		return;
	fprintf(stderr, "%s: %s\n", what, strerror(-err));
	exit(1);
}

static void start(struct forwarding_world *w, struct figures *f)
{
	struct gateway *g = &w->gateway;
	double t[4];
	struct fib fib;

	t[0] = now();
	must(forwarding_build(w), "rib");
	t[1] = now();
	must(fib_compile(&g->rib, &fib), "compile");
	t[2] = now();
	must(forwarding_publish(g, &fib), w->alarm);
	t[3] = now();
	f->rib_s = t[1] - t[0];
	f->compile_s = t[2] - t[1];
	f->maps_s = t[3] - t[2];
	f->entries = g->held[0] + g->held[1];
	f->groups = g->groups.used;
}

/* The kernel's copy, as far as it is decided here: all of it, as at the start and by audits. */
static void plan_slow_path(struct forwarding_world *w, struct figures *f)
{
	struct gateway *g = &w->gateway;
	struct host_facts facts;
	struct host_plan plan;
	double begin = now();

	must(host_facts_init(&facts, &g->config), "facts");
	must(host_plan_build(&g->rib, &g->fib, &facts, &plan), "plan");
	f->plan_s = now() - begin;
	host_plan_free(&plan);
	slow_path_init(&g->slow, &g->rib, &g->fib);
	must(slow_path_settle(&g->slow, &facts), "slow path");
}

/* What follows one change, without the kernel. */
static double follow_slow_path(struct gateway *g)
{
	struct slow_path_slice slice;
	double begin = now();

	must(slow_path_take(&g->slow, 1024, &slice), "slow path");
	begin = (now() - begin) * 1e6;
	if (!slice.was.route_count && !slice.now.route_count)
		must(-ENOENT, "a change that the kernel is not told of");
	slow_path_slice_free(&slice);
	return begin;
}

static int by_value(const void *x, const void *y)
{
	double a = *(const double *)x, b = *(const double *)y;

	return (a > b) - (a < b);
}

static void percentiles(double *us, size_t count, double out[3])
{
	qsort(us, count, sizeof(*us), by_value);
	out[0] = us[count / 2];
	out[1] = us[count * 99 / 100];
	out[2] = us[count - 1];
}

static void change_routes(struct forwarding_world *w, const struct sizes *s, struct figures *f)
{
	double *adds = room(s->changes, sizeof(*adds)),
	       *deletes = room(s->changes, sizeof(*deletes)),
	       *slow = room(s->changes, sizeof(*slow));
	size_t first = s->connections * s->routes;

	for (size_t i = 0; i < s->changes; i++) {
		struct prefix p = route_prefix(first + i);
		size_t connection = i % s->connections;
		double begin = now();

		must(gateway_connection_route(&w->gateway, connection, &p, true), "add");
		adds[i] = (now() - begin) * 1e6;
		slow[i] = follow_slow_path(&w->gateway);
		begin = now();
		must(gateway_connection_route(&w->gateway, connection, &p, false), "delete");
		deletes[i] = (now() - begin) * 1e6;
		follow_slow_path(&w->gateway);
	}
	percentiles(adds, s->changes, f->add_us);
	percentiles(deletes, s->changes, f->delete_us);
	percentiles(slow, s->changes, f->slow_us);
	free(slow);
	free(adds);
	free(deletes);
}

/* Both tunnels of a connection, and back. */
static void lose_connection(struct forwarding_world *w, struct figures *f)
{
	double begin = now();

	w->down[0] = w->down[1] = true;
	must(forwarding_tunnels(w), "down");
	f->down_ms = (now() - begin) * 1e3;
	begin = now();
	w->down[0] = w->down[1] = false;
	must(forwarding_tunnels(w), "up");
	f->up_ms = (now() - begin) * 1e3;
}

/* ---- telling ---- */

static void print_table(const struct sizes *s, const struct figures *f)
{
	printf("%zu routes in %zu connections x %zu tables: %zu entries, %zu groups\n",
	       s->connections * s->routes, s->connections, s->tables, f->entries, f->groups);
	printf("  %-34s %10.2f s\n", "rib", f->rib_s);
	printf("  %-34s %10.2f s\n", "full compile", f->compile_s);
	printf("  %-34s %10.2f s\n", "into the maps", f->maps_s);
	printf("  %-34s %10.0f us  p99 %.0f, longest %.0f\n",
	       "one route added, to the last map write", f->add_us[0], f->add_us[1], f->add_us[2]);
	printf("  %-34s %10.0f us  p99 %.0f, longest %.0f\n", "one route deleted", f->delete_us[0],
	       f->delete_us[1], f->delete_us[2]);
	printf("  %-34s %10.0f us  p99 %.0f, longest %.0f\n", "the slow path of a change",
	       f->slow_us[0], f->slow_us[1], f->slow_us[2]);
	printf("  %-34s %10.1f ms\n", "a connection withdrawn", f->down_ms);
	printf("  %-34s %10.1f ms\n", "a connection back", f->up_ms);
	printf("  %-34s %10.2f s\n", "the slow path as a whole", f->plan_s);
	printf("  %-34s %10zu MiB, at most %zu\n", "resident memory", f->rss_mib, f->peak_mib);
	printf("  %-34s %10zu MiB\n", "of it the index", f->index_mib);
}

static void write_json(const char *path, const struct sizes *s, const struct figures *f)
{
	FILE *out = fopen(path, "w");

	if (!out) {
		perror(path);
		exit(1);
	}
	fprintf(out,
		"{\n  \"connections\": %zu, \"routes\": %zu, \"tables\": %zu,\n"
		"  \"entries\": %zu, \"groups\": %zu,\n"
		"  \"rib_s\": %.3f, \"compile_s\": %.3f, \"maps_s\": %.3f, \"plan_s\": %.3f,\n"
		"  \"add_us\": { \"p50\": %.1f, \"p99\": %.1f, \"max\": %.1f },\n"
		"  \"delete_us\": { \"p50\": %.1f, \"p99\": %.1f, \"max\": %.1f },\n"
		"  \"slow_path_us\": { \"p50\": %.1f, \"p99\": %.1f, \"max\": %.1f },\n"
		"  \"connection_down_ms\": %.2f, \"connection_up_ms\": %.2f,\n"
		"  \"rss_mib\": %zu, \"peak_rss_mib\": %zu, \"index_mib\": %zu\n}\n",
		s->connections, s->connections * s->routes, s->tables, f->entries, f->groups,
		f->rib_s, f->compile_s, f->maps_s, f->plan_s, f->add_us[0], f->add_us[1],
		f->add_us[2], f->delete_us[0], f->delete_us[1], f->delete_us[2], f->slow_us[0],
		f->slow_us[1], f->slow_us[2], f->down_ms, f->up_ms, f->rss_mib, f->peak_mib,
		f->index_mib);
	fclose(out);
}

static void read_options(int argc, char **argv, struct sizes *s)
{
	static const struct option options[] = {
		{ "connections", required_argument, NULL, 'c' },
		{ "routes", required_argument, NULL, 'r' }, /* of each connection */
		{ "tables", required_argument, NULL, 't' },
		{ "changes", required_argument, NULL, 'n' },
		{ "json", required_argument, NULL, 'j' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		size_t value = optarg ? strtoul(optarg, NULL, 10) : 0;

		if (c == 'j')
			s->json = optarg;
		else if (!value)
			exit(2);
		else if (c == 'c')
			s->connections = value;
		else if (c == 'r')
			s->routes = value;
		else if (c == 't')
			s->tables = value;
		else
			s->changes = value;
	}
}

int main(int argc, char **argv)
{
	struct sizes s = { .connections = 50, .routes = 2000, .tables = 20, .changes = 2000 };
	static struct forwarding_world w;
	struct figures f = { 0 };
	struct config c;

	read_options(argc, argv, &s);
	make_config(&c, &s);
	forwarding_open(&w, &c, MAX_GROUPS);
	start(&w, &f);
	f.rss_mib = memory("VmRSS:");
	f.index_mib = dataplane_index_use(w.gateway.dataplane).bytes >> 20;
	plan_slow_path(&w, &f);
	change_routes(&w, &s, &f);
	lose_connection(&w, &f);
	f.peak_mib = memory("VmHWM:");
	print_table(&s, &f);
	if (s.json)
		write_json(s.json, &s, &f);
	slow_path_free(&w.gateway.slow);
	forwarding_close(&w);
	return 0;
}
