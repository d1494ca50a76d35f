/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The index in the loaded programs: while it is changed, after its controller was killed in the
 * middle of a change, and without memory, no packet gets an answer that the routes do not give.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "io/dataplane_internal.h"
#include "packet.h"

#define BPFFS	 "/sys/fs/bpf"
#define LO	 1u
#define TABLE	 1
#define ROUTES	 400
#define WATCHED	 64
#define CHANGES	 6000
#define KILLINGS 8

static struct dataplane *plane;
static uint64_t state = 20261127;

static uint32_t number(uint32_t below)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((state >> 33) % below);
}

/* ---- routes that nest, and addresses in them ---- */

static struct address random_address(void)
{
	struct address a = { .family = number(3) ? AF_INET : AF_INET6 };

	for (unsigned i = 0; i < (a.family == AF_INET6 ? 16u : 4u); i++)
		a.bytes[i] = (uint8_t)(i < 2 ? 20 + number(3) : i < 4 ? number(5) : number(256));
	if (a.family == AF_INET6)
		a.bytes[0] = 0xfd;
	return a;
}

struct change {
	struct prefix prefix;
	bool set;
	uint32_t target;
};

static struct change routes[ROUTES];

static bool known(const struct prefix *p)
{
	for (size_t i = 0; i < ROUTES; i++)
		if (routes[i].set && prefix_equal(&routes[i].prefix, p))
			return true;
	return false;
}

static struct change random_change(void)
{
	struct change *r = &routes[number(ROUTES)];

	while (!r->set && (!r->prefix.address.family || known(&r->prefix))) {
		struct address a = random_address();

		r->prefix = prefix_of(&a, number(4) ? 6 + number(27) : number(33));
	}
	r->set = !r->set || number(2);
	r->target = 1 + number(1000);
	return *r;
}

static int carry_out(const struct change *c)
{
	struct route value = { .verdict = VERDICT_DEVICE,
			       .prefix_len = c->prefix.len,
			       .target = c->target };

	if (c->set)
		return dataplane_set_route(plane, TABLE, &c->prefix, &value);
	return dataplane_delete_route(plane, TABLE, &c->prefix);
}

/* What the programs say: the route's target, or 0. */
static uint32_t ask(const struct address *a)
{
	static _Thread_local struct frame in;
	struct association_key key = { LO, 0, 0 };
	bool v6 = a->family == AF_INET6;
	char to[PREFIX_STRLEN];
	struct packet_spec spec = { .from = v6 ? "fd00:1::5" : "10.1.0.5",
				    .to = address_format(a, to) };
	struct explain e;

	frame_build(&spec, &in);
	if (dataplane_explain(plane, &key, in.bytes, in.len, &e)) {
		fprintf(stderr, "explain: %s\n", strerror(errno));
		abort();
	}
	return e.matched ? e.route.target : 0;
}

/* What the trie says. */
static uint32_t record(const struct address *a)
{
	struct prefix p = prefix_of(a, address_bits(a));
	struct route value;

	if (!dataplane_get_route(plane, TABLE, &p, &value))
		return value.target;
	return dataplane_route_around(plane, TABLE, &p, &value) ? value.target : 0;
}

static void open_plane(uint32_t segments)
{
	const struct dataplane_options options = { .pin_dir = BPFFS "/espalier",
						   .index_segments = segments };
	struct association_key key = { LO, 0, 0 };
	struct association a = { .table = TABLE,
				 .attachment = 1,
				 .tunnel = NO_TUNNEL,
				 .source_table = NO_TABLE,
				 .l2_len = ETH_HEADER_LEN };
	const char *why = "";

	memcpy(a.mac, our_mac, sizeof(a.mac));
	if (dataplane_open(&options, &plane, &why))
		fail_msg("%s", why);
	assert_int_equal(dataplane_set_association(plane, &key, &a), 0);
}

static void close_plane(void)
{
	assert_int_equal(dataplane_teardown(plane), 0);
	dataplane_close(plane);
	memset(routes, 0, sizeof(routes));
}

/* ---- a reader beside a writer ---- */

static struct address watched[WATCHED];
static struct change changes[CHANGES];
static uint32_t expected[CHANGES + 1][WATCHED]; /* after so many changes */
static unsigned begun, done;			/* changes */
static unsigned wrong, reads;

struct best {
	uint32_t target;
	int len;
};

static uint32_t naive(const struct address *a)
{
	struct best best = { 0, -1 };

	for (size_t i = 0; i < ROUTES; i++)
		if (routes[i].set && routes[i].prefix.len > best.len &&
		    prefix_contains_address(&routes[i].prefix, a))
			best = (struct best){ routes[i].target, routes[i].prefix.len };
	return best.target;
}

static void plan_changes(void)
{
	for (unsigned i = 0; i < WATCHED; i++)
		watched[i] = random_address();
	for (unsigned n = 0; n < CHANGES; n++) {
		changes[n] = random_change();
		for (unsigned i = 0; i < WATCHED; i++) {
			bool touched = prefix_contains_address(&changes[n].prefix, &watched[i]);

			expected[n + 1][i] = touched ? naive(&watched[i]) : expected[n][i];
		}
	}
}

static bool was_right(uint32_t answer, unsigned which, unsigned from, unsigned to)
{
	for (unsigned n = from; n <= to; n++)
		if (expected[n][which] == answer)
			return true;
	return false;
}

static void *read_on(void *unused)
{
	(void)unused;
	for (unsigned i = 0; __atomic_load_n(&done, __ATOMIC_ACQUIRE) < CHANGES; i++) {
		unsigned which = i % WATCHED, from = __atomic_load_n(&done, __ATOMIC_ACQUIRE);
		uint32_t answer = ask(&watched[which]);
		unsigned to = __atomic_load_n(&begun, __ATOMIC_ACQUIRE);

		wrong += !was_right(answer, which, from, to);
		reads++;
	}
	return NULL;
}

static void a_packet_during_a_change_gets_an_answer_that_never_was(void **unused)
{
	pthread_t reader;

	(void)unused;
	open_plane(0);
	plane->index.limbo_most = 64; /* lines come back soon */
	plan_changes();
	assert_int_equal(pthread_create(&reader, NULL, read_on, NULL), 0);
	for (unsigned n = 0; n < CHANGES; n++) {
		__atomic_store_n(&begun, n + 1, __ATOMIC_RELEASE);
		assert_int_equal(carry_out(&changes[n]), 0);
		__atomic_store_n(&done, n + 1, __ATOMIC_RELEASE);
	}
	pthread_join(reader, NULL);
	assert_true(reads > CHANGES / 10);
	assert_int_equal(wrong, 0);
	close_plane();
}

/* ---- kill -9 ---- */

/* Shared with the process that will be killed. */
struct under_way {
	struct prefix prefix;
	unsigned changes;
};

static struct under_way *under_way;

static void write_until_killed(unsigned round)
{
	state += round;
	for (;;) {
		struct change c = random_change();
		int err;

		under_way->prefix = c.prefix;
		__atomic_add_fetch(&under_way->changes, 1, __ATOMIC_RELEASE);
		err = carry_out(&c);
		if (err && err != -ENOENT)
			_exit(1);
	}
}

/* The index of a controller that is gone: right, but for what it was about to change. */
static void compare(const struct prefix *except)
{
	for (unsigned i = 0; i < 2000; i++) {
		struct address a = random_address();
		uint32_t is = ask(&a), must = record(&a);
		char text[PREFIX_STRLEN];

		if (is != must && !(except && prefix_contains_address(except, &a)))
			fail_msg("%s goes to %u instead of %u", address_format(&a, text), is, must);
	}
}

/* The programs over the maps as they were left. */
static void compare_without_controller(void)
{
	struct dataplane bare = { .object = gateway_bpf__open() };
	struct bpf_map *map;
	char path[PATH_LEN];

	assert_non_null(bare.object);
	bpf_object__for_each_map (map, bare.object->obj) {
		snprintf(path, sizeof(path), BPFFS "/espalier/%s", bpf_map__name(map));
		if (dataplane_has_pin(map))
			assert_int_equal(bpf_map__set_pin_path(map, path), 0);
	}
	assert_int_equal(gateway_bpf__load(bare.object), 0);
	plane = &bare;
	compare(&under_way->prefix);
	gateway_bpf__destroy(bare.object);
}

static pid_t start_writer(unsigned round)
{
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child)
		return child;
	open_plane(0);
	plane->index.limbo_most = 64;
	write_until_killed(round);
	return 0;
}

static void an_answer_is_wrong_after_the_controller_was_killed(void **unused)
{
	(void)unused;
	under_way = mmap(NULL, sizeof(*under_way), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(under_way != MAP_FAILED);
	for (unsigned round = 0; round < KILLINGS; round++) {
		unsigned until = under_way->changes + 20 + number(500);
		pid_t child = start_writer(round);
		int status;

		assert_true(child > 0);
		while (__atomic_load_n(&under_way->changes, __ATOMIC_ACQUIRE) < until)
			assert_int_equal(waitpid(child, &status, WNOHANG), 0);
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		compare_without_controller();
		open_plane(0); /* the next one */
		compare(NULL);
		assert_int_equal(index_partly(&plane->index), 0);
		dataplane_close(plane);
	}
	open_plane(0);
	close_plane();
}

/* ---- memory ---- */

static void without_memory_an_answer_is_wrong(void **unused)
{
	(void)unused;
	for (uint32_t segments = 1; segments < 3; segments++) {
		open_plane(segments);
		for (unsigned i = 0; i < 20000; i++) {
			struct address a = random_address();
			struct change c = { prefix_of(&a, 24 + number(8)), true, 1 + number(1000) };

			for (unsigned k = 3; k < address_bits(&a) / 8; k++)
				a.bytes[k - 1] = (uint8_t)number(256);
			if (a.family == AF_INET6)
				c.prefix = prefix_of(&a, 100 + number(28));
			assert_int_equal(carry_out(&c), 0);
		}
		assert_true(index_partly(&plane->index) > 0);
		assert_true(index_bytes(&plane->index) <= segments * 262144);
		compare(NULL);
		close_plane();
	}
}

static int own_namespaces(void **unused)
{
	(void)unused;
	if (unshare(CLONE_NEWNS | CLONE_NEWNET) ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return -1;
	return mount("bpf", BPFFS, "bpf", 0, NULL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_packet_during_a_change_gets_an_answer_that_never_was),
		cmocka_unit_test(an_answer_is_wrong_after_the_controller_was_killed),
		cmocka_unit_test(without_memory_an_answer_is_wrong),
	};

	return cmocka_run_group_tests_name("index", tests, own_namespaces, NULL);
}
