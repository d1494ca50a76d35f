/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How long a daemon with the replay back end takes from a message to the maps. Watches the pinned
 * maps from outside, spinning, so the wake-up of the daemon is part of every figure.
 *
 *   reaction PINS SOCKET falls COUNT GAP_US TUNNEL
 *       The outbound policy of the tunnel is deleted (what swanctl --terminate begins with), and
 * put back once the liveness word is 0. Clock: from before the message is sent. Prints {"us":
 * [..]}. reaction PINS SOCKET withdrawal TABLE TUNNEL... < ADDRESSES All tunnels fall; until the
 * table has no route to any of the addresses. Then they return, until it has one to each. Prints
 * {"withdrawal_ms": N, "return_ms": N}. reaction PINS SOCKET word NAME Prints the tunnel's liveness
 * word.
 *
 * TUNNEL is NAME,IF_ID,LOCAL,REMOTE,SPI_OUT; it must be up. Exit status 1: what should happen did
 * not happen within DEADLINE_S.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <dataplane.h>
#include "replay_socket.h"
#include "xfrm_messages.h"

#define DEADLINE_S  900 /* of a full table on a busy machine */
#define MAX_TARGETS 8
#define SEND_BUFFER (64 << 20) /* a kernel does not wait for who listens */

struct target {
	char name[NAME_LEN];
	uint32_t id, if_id, spi;
	struct address local, remote;
};

static const char *pins;
static int sockets[2];
static const volatile uint64_t *words;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "reaction: %s: %s\n", what, errno ? strerror(errno) : "makes no sense");
	exit(1);
}

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* ---- the daemon's maps ---- */

static int open_map(const char *name)
{
	char path[256];
	int map;

	snprintf(path, sizeof(path), "%s/%s", pins, name);
	map = bpf_obj_get(path);
	if (map < 0)
		die(path);
	return map;
}

static void map_words(void)
{
	void *shared = mmap(NULL, MAX_TUNNELS * sizeof(*words), PROT_READ, MAP_SHARED,
			    open_map("liveness"), 0);

	if (shared == MAP_FAILED)
		die("liveness");
	words = shared;
}

static uint32_t find_id(enum name_kind kind, const char *wanted)
{
	struct name_key key, *last = NULL;
	int map = open_map("names");
	struct name name;

	for (; !bpf_map_get_next_key(map, last, &key); last = &key)
		if (key.kind == kind && !bpf_map_lookup_elem(map, &key, &name) &&
		    !strcmp(name.text, wanted)) {
			close(map);
			return key.id;
		}
	errno = ENOENT;
	die(wanted);
}

/* ---- tunnels ---- */

static struct address parse_address(const char *text)
{
	struct address a = { .family = AF_INET };

	if (inet_pton(AF_INET, text, a.bytes) != 1)
		die(text);
	return a;
}

static struct target parse_target(const char *text)
{
	char local[32], remote[32];
	struct target t;

	errno = 0;
	if (sscanf(text, "%63[^,],%u,%31[^,],%31[^,],%i", t.name, &t.if_id, local, remote,
		   (int *)&t.spi) != 5)
		die(text);
	t.local = parse_address(local);
	t.remote = parse_address(remote);
	t.id = find_id(NAME_TUNNEL, t.name);
	return t;
}

static void send_both(const void *message, size_t len)
{
	for (int i = 1; i >= 0; i--)
		if (write(sockets[i], message, len) != (ssize_t)len)
			die("send");
}

static void set_policy(const struct target *t, bool there)
{
	static _Alignas(8) char buf[MESSAGE_MAX];
	struct xfrm_policy p = message_tunnel_policy(t->if_id, XFRM_DIR_OUT, AF_INET, &t->local,
						     &t->remote, t->spi);

	send_both(buf, there ? message_policy(buf, XFRM_MSG_NEWPOLICY, &p)
			     : message_policy_delete(buf, &p));
}

/* The time at which the word had the value. */
static double await_word(const struct target *t, uint64_t value, double since)
{
	while (words[t->id] != value)
		if (now_us() > since + DEADLINE_S * 1e6) {
			errno = ETIMEDOUT;
			die(t->name);
		}
	return now_us();
}

/* The clock must not wait for a processor: what else the machine does is not the daemon's time. */
static void become_realtime(void)
{
	const struct sched_param priority = { .sched_priority = 1 };

	if (sched_setscheduler(0, SCHED_FIFO, &priority))
		die("real-time priority");
}

static void falls(unsigned count, unsigned gap_us, const struct target *t)
{
	const struct timespec gap = { gap_us / 1000000, gap_us % 1000000 * 1000L };

	become_realtime();
	printf("{\"us\": [");
	for (unsigned i = 0; i < count; i++) {
		double begin;

		await_word(t, 1, now_us());
		begin = now_us();
		set_policy(t, false);
		printf("%s%.1f", i ? ", " : "", await_word(t, 0, begin) - begin);
		set_policy(t, true);
		nanosleep(&gap, NULL);
	}
	await_word(t, 1, now_us());
	printf("]}\n");
}

/* ---- routes ---- */

struct probe {
	int map;
	struct route_key_v4 *keys;
	size_t count;
};

static void read_addresses(struct probe *p, uint32_t table)
{
	char line[64];

	p->map = open_map("routes_v4");
	while (fgets(line, sizeof(line), stdin)) {
		p->keys = realloc(p->keys, (p->count + 1) * sizeof(*p->keys));
		line[strcspn(line, "\n")] = '\0';
		p->keys[p->count] = (struct route_key_v4){ TABLE_BITS + 32, table, 0 };
		if (inet_pton(AF_INET, line, &p->keys[p->count++].address) != 1)
			die(line);
	}
	if (!p->count)
		die("no addresses");
}

static double await_routes(const struct probe *p, bool there, double since)
{
	struct route value;

	for (size_t i = 0; i < p->count; i++)
		while (!bpf_map_lookup_elem(p->map, &p->keys[i], &value) != there)
			if (now_us() > since + DEADLINE_S * 1e6) {
				errno = ETIMEDOUT;
				die("routes");
			}
	return now_us();
}

static double change_all(const struct probe *p, const struct target *list, int count, bool there)
{
	double begin = now_us();

	for (int i = 0; i < count; i++)
		set_policy(&list[i], there);
	return (await_routes(p, there, begin) - begin) / 1e3;
}

static void withdrawal(const char *table, char **texts, int count)
{
	struct target targets[MAX_TARGETS];
	struct probe p = { 0 };
	double gone;

	for (int i = 0; i < count; i++)
		targets[i] = parse_target(texts[i]);
	read_addresses(&p, find_id(NAME_TABLE, table));
	await_routes(&p, true, now_us());
	gone = change_all(&p, targets, count, false);
	printf("{\"withdrawal_ms\": %.2f, ", gone);
	printf("\"return_ms\": %.2f}\n", change_all(&p, targets, count, true));
	free(p.keys);
}

static void connect_to_daemon(const char *path)
{
	int size = SEND_BUFFER;

	if (replay_connect(path, &sockets[0], &sockets[1]))
		die(path);
	for (int i = 0; i < 2; i++)
		if (setsockopt(sockets[i], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)))
			die("SO_SNDBUFFORCE");
}

int main(int argc, char **argv)
{
	struct target t;

	if (argc < 5 || argc > 5 + MAX_TARGETS)
		die("arguments");
	pins = argv[1];
	if (strcmp(argv[3], "word")) /* which needs no daemon to be read */
		connect_to_daemon(argv[2]);
	map_words();
	if (!strcmp(argv[3], "word") && argc == 5) {
		printf("%llu\n", (unsigned long long)words[find_id(NAME_TUNNEL, argv[4])]);
	} else if (!strcmp(argv[3], "withdrawal") && argc > 5) {
		withdrawal(argv[4], &argv[5], argc - 5);
	} else if (!strcmp(argv[3], "falls") && argc == 7) {
		t = parse_target(argv[6]);
		falls((unsigned)atoi(argv[4]), (unsigned)atoi(argv[5]), &t);
	} else {
		die("arguments");
	}
	return 0;
}
