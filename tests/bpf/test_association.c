/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The association of a frame without VLAN tag comes from an array, and all others from a hash: both
 * say the same, also during a change, after a controller was killed in the middle of one, and after
 * somebody else wrote there.
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
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>
#include "io/dataplane_internal.h"
#include "packet.h"

#define BPFFS	 "/sys/fs/bpf"
#define CHANGES	 20000
#define KILLINGS 20

static const struct association_key untagged = { 1, 0, 0 }, one_tag = { 1, 100, 0 },
				    two_tags = { 1, 100, 200 }, inner_only = { 1, 0, 200 },
				    last = { MAX_IFINDEX - 1, 0, 0 },
				    beyond = { MAX_IFINDEX, 0, 0 };

static struct dataplane *plane;

/* ---- associations that can be told apart by each of their words ---- */

static struct association association(uint32_t n)
{
	struct association a = {
		.table = 1 + n % (MAX_TABLES - 1),
		.attachment = 1 + n % (MAX_ATTACHMENTS - 1),
		.tunnel = n % 3 ? n % MAX_TUNNELS : NO_TUNNEL,
		.source_table = NO_TABLE,
		.flags = n & 1 ? ASSOCIATION_NO_ROUTE_PASS : 0,
		.l2_len = ETH_HEADER_LEN,
	};

	memcpy(a.mac, our_mac, sizeof(a.mac));
	if (n & 2)
		a.mac[n % sizeof(a.mac)] ^= 0x40;
	return a;
}

/* Of a packet that no route matches. */
struct answer {
	uint32_t table, attachment, reason;
};

static struct answer answer_of(uint32_t n)
{
	struct association a = association(n);

	return (struct answer){ a.table, a.attachment,
				n & 2	? REASON_OTHER_HOST
				: n & 1 ? REASON_NO_ROUTE_PASS
					: REASON_NO_ROUTE };
}

static bool same(const struct answer *a, const struct answer *b)
{
	return a->table == b->table && a->attachment == b->attachment && a->reason == b->reason;
}

/* What the programs say. False: that this is no attachment. */
static bool ask(const struct association_key *key, struct answer *out)
{
	static const struct packet_spec spec = { .from = "10.1.0.5", .to = "10.50.0.1" };
	static _Thread_local struct frame in;
	struct explain e = { 0 };
	int err;

	if (!in.len)
		frame_build(&spec, &in);
	err = dataplane_explain(plane, key, in.bytes, in.len, &e);
	if (err && err != -ENOENT && err != -EINVAL) {
		fprintf(stderr, "explain: %s\n", strerror(-err));
		abort();
	}
	*out = (struct answer){ e.table, e.attachment, e.reason };
	return !err;
}

static void assert_answer(const struct association_key *key, uint32_t n)
{
	struct answer is, must = answer_of(n);

	if (!ask(key, &is))
		fail_msg("%u is no attachment", n);
	if (!same(&is, &must))
		fail_msg("table %u, attachment %u, reason %u instead of %u, %u, %u", is.table,
			 is.attachment, is.reason, must.table, must.attachment, must.reason);
}

static void assert_none(const struct association_key *key)
{
	struct answer is;

	assert_false(ask(key, &is));
}

static void set(const struct association_key *key, uint32_t n)
{
	struct association a = association(n);

	assert_int_equal(dataplane_set_association(plane, key, &a), 0);
}

static bool checked(const struct association_key *key, uint32_t n)
{
	struct association a = association(n);

	return dataplane_check_association(plane, key, &a);
}

/* Behind the back of the controller. */
static void set_record(const struct association_key *key, uint32_t n)
{
	struct association a = association(n);

	assert_int_equal(bpf_map_update_elem(bpf_map__fd(plane->object->maps.associations), key, &a,
					     BPF_ANY),
			 0);
}

static struct device_association *entry(const struct association_key *key)
{
	return &plane->device_associations[key->ifindex];
}

static void open_plane(void)
{
	const struct dataplane_options options = { .pin_dir = BPFFS "/espalier" };
	const char *why = "";

	if (dataplane_open(&options, &plane, &why))
		fail_msg("%s", why);
}

static int nothing_left(void **state)
{
	const struct association_key *keys[] = { &untagged,   &one_tag, &two_tags,
						 &inner_only, &last,	&beyond };

	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		dataplane_delete_association(plane, keys[i]);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("bpf", BPFFS, "bpf", 0, NULL))
		return -1;
	open_plane();
	return 0;
}

static int teardown(void **state)
{
	int err = dataplane_teardown(plane);

	(void)state;
	dataplane_close(plane);
	return err;
}

/* ---- who answers ---- */

static void an_untagged_frame_asks_the_hash(void **state)
{
	(void)state;
	set(&untagged, 4);
	set(&last, 5);
	set_record(&untagged, 8);
	set_record(&last, 9);
	assert_answer(&untagged, 4);
	assert_answer(&last, 5);
}

static void a_tagged_frame_gets_the_association_of_untagged_ones(void **state)
{
	const struct association_key *keys[] = { &one_tag, &two_tags, &inner_only };

	(void)state;
	set(&untagged, 4);
	for (uint32_t i = 0; i < 3; i++) {
		assert_none(keys[i]);
		set(keys[i], 5 + i);
		assert_true(checked(keys[i], 1000)); /* the array has nothing to say of it */
	}
	for (uint32_t i = 0; i < 3; i++)
		assert_answer(keys[i], 5 + i);
	assert_answer(&untagged, 4);
	assert_int_equal(dataplane_delete_association(plane, &untagged), 0);
	assert_none(&untagged);
	for (uint32_t i = 0; i < 3; i++)
		assert_answer(keys[i], 5 + i);
}

static void a_device_beyond_the_array_is_no_attachment(void **state)
{
	(void)state;
	set(&beyond, 4);
	assert_answer(&beyond, 4);
	set(&beyond, 5);
	assert_answer(&beyond, 5);
	assert_int_equal(dataplane_delete_association(plane, &beyond), 0);
	assert_none(&beyond);
	assert_int_equal(dataplane_delete_association(plane, &beyond), -ENOENT);
}

static void array_and_hash_say_different_things(void **state)
{
	(void)state;
	for (uint32_t n = 0; n < 3 * MAX_TABLES; n++) {
		set(&untagged, n);
		assert_true(checked(&untagged, n));
		assert_false(checked(&untagged, n + 1));
		assert_answer(&untagged, n);
		entry(&untagged)->subject.word = 0;
		assert_answer(&untagged, n);
	}
}

static void an_attachment_without_association_gets_one(void **state)
{
	struct association a = association(4);
	struct answer is;

	(void)state;
	a.table = NO_TABLE;
	assert_int_equal(dataplane_set_association(plane, &untagged, &a), 0);
	set_record(&untagged, 8);
	assert_true(ask(&untagged, &is));
	assert_int_equal(is.table, NO_TABLE);
	assert_int_equal(is.reason, REASON_NO_ASSOCIATION);
}

static void a_source_check_is_forgotten(void **state)
{
	struct association a = association(4);
	struct answer is;

	(void)state;
	a.source_table = MAX_TABLES - 1; /* without routes */
	assert_int_equal(dataplane_set_association(plane, &untagged, &a), 0);
	set_record(&untagged, 8);
	assert_true(ask(&untagged, &is));
	assert_int_equal(is.reason, REASON_SOURCE);
}

/* ---- words of different changes ---- */

static void words_of_two_changes_are_taken_for_one(void **state)
{
	struct device_association before, after;

	(void)state;
	set(&untagged, 4);
	before = *entry(&untagged);
	set(&untagged, 9);
	after = *entry(&untagged);
	for (int mix = 0; mix < 8; mix++) {
		entry(&untagged)->subject = mix & 1 ? before.subject : after.subject;
		entry(&untagged)->link = mix & 2 ? before.link : after.link;
		entry(&untagged)->address = mix & 4 ? before.address : after.address;
		assert_answer(&untagged, mix == 7 ? 4 : 9);
	}
}

static void a_change_has_the_tag_of_one_before(void **state)
{
	static bool used[1 << 16];

	(void)state;
	for (uint32_t n = 0; n < 0xffff; n++) {
		uint16_t tag;

		if (n % 5 == 0)
			dataplane_delete_association(plane, &untagged);
		set(&untagged, n);
		tag = entry(&untagged)->subject.tag;
		assert_int_not_equal(tag, 0);
		assert_false(used[tag]);
		used[tag] = true;
	}
	set(&untagged, 4);
	assert_true(used[entry(&untagged)->subject.tag]); /* all were used: again the first */
	assert_answer(&untagged, 4);
}

/* ---- a reader beside a writer ---- */

static unsigned begun, done; /* changes */
static unsigned wrong, reads;

static bool deleted(unsigned n)
{
	return n % 16 == 15 || n == 0;
}

static void carry_out(unsigned n)
{
	struct association a = association(n);

	if (deleted(n))
		dataplane_delete_association(plane, &untagged);
	else if (dataplane_set_association(plane, &untagged, &a))
		abort();
}

static bool was_right(bool found, const struct answer *answer, unsigned from, unsigned to)
{
	for (unsigned n = from; n <= to; n++) {
		struct answer must = answer_of(n);

		if (deleted(n) ? !found : found && same(answer, &must))
			return true;
	}
	return false;
}

static void *read_on(void *unused)
{
	(void)unused;
	while (__atomic_load_n(&done, __ATOMIC_ACQUIRE) < CHANGES) {
		unsigned from = __atomic_load_n(&done, __ATOMIC_ACQUIRE), to;
		struct answer answer;
		bool found = ask(&untagged, &answer);

		to = __atomic_load_n(&begun, __ATOMIC_ACQUIRE);
		wrong += !was_right(found, &answer, from, to);
		reads++;
	}
	return NULL;
}

static void a_packet_during_a_change_gets_a_mixture(void **state)
{
	pthread_t reader;

	(void)state;
	assert_int_equal(pthread_create(&reader, NULL, read_on, NULL), 0);
	for (unsigned n = 1; n <= CHANGES; n++) {
		__atomic_store_n(&begun, n, __ATOMIC_RELEASE);
		carry_out(n);
		__atomic_store_n(&done, n, __ATOMIC_RELEASE);
	}
	pthread_join(reader, NULL);
	assert_true(reads > CHANGES / 10);
	assert_int_equal(wrong, 0);
}

/* ---- kill -9, and hands of others ---- */

static unsigned *changes; /* of the process that will be killed */

static _Noreturn void write_until_killed(unsigned n)
{
	for (;; n++) {
		carry_out(n);
		__atomic_add_fetch(changes, 1, __ATOMIC_RELEASE);
	}
}

static void kill_a_writer(unsigned round)
{
	pid_t writer = fork();

	assert_true(writer >= 0);
	*changes = 0;
	if (!writer)
		write_until_killed(1 + round * 7919);
	while (__atomic_load_n(changes, __ATOMIC_ACQUIRE) < 200)
		usleep(100);
	usleep(round * 37);
	assert_int_equal(kill(writer, SIGKILL), 0);
	assert_int_equal(waitpid(writer, NULL, 0), writer);
}

static void a_killed_controller_leaves_two_answers(void **state)
{
	(void)state;
	changes = mmap(NULL, sizeof(*changes), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	assert_true(changes != MAP_FAILED);
	for (unsigned round = 0; round < KILLINGS; round++) {
		struct answer is, must;
		bool found, recorded;

		kill_a_writer(round);
		found = ask(&untagged, &is);
		entry(&untagged)->subject.word = 0;
		recorded = ask(&untagged, &must);
		assert_int_equal(found, recorded);
		assert_true(!found || same(&is, &must));
	}
	munmap(changes, sizeof(*changes));
}

static void a_lost_word_stays_lost(void **state)
{
	(void)state;
	for (int word = 0; word < 3; word++) {
		set(&untagged, 4);
		((uint64_t *)entry(&untagged))[word] = 0;
		assert_answer(&untagged, 4);
		assert_false(checked(&untagged, 4));
		set(&untagged, 4);
		assert_true(checked(&untagged, 4));
		set_record(&untagged, 8);
		assert_answer(&untagged, 4); /* by the array again */
	}
}

static int note(const struct association_key *key, const struct association *value, void *data)
{
	unsigned *found = data;

	assert_int_equal(key->ifindex, untagged.ifindex);
	found[!value]++;
	return 0;
}

static void an_entry_without_record_is_not_found(void **state)
{
	unsigned found[2] = { 0 };

	(void)state;
	set(&untagged, 4);
	assert_int_equal(dataplane_each_association(plane, note, found), 0);
	assert_int_equal(found[0], 1);
	assert_int_equal(found[1], 0);
	assert_int_equal(
		bpf_map_delete_elem(bpf_map__fd(plane->object->maps.associations), &untagged), 0);
	assert_int_equal(dataplane_each_association(plane, note, found), 0);
	assert_int_equal(found[0], 1);
	assert_int_equal(found[1], 1);
	assert_int_equal(dataplane_delete_association(plane, &untagged), 0);
	assert_int_equal(entry(&untagged)->subject.word, 0);
	assert_int_equal(dataplane_delete_association(plane, &untagged), -ENOENT);
}

/* ---- the next controller ---- */

static void the_next_controller_finds_nothing(void **state)
{
	(void)state;
	set(&untagged, 4);
	dataplane_close(plane);
	open_plane();
	assert_true(checked(&untagged, 4));
	assert_answer(&untagged, 4);
}

/* Of a version that had no array. */
static void older_maps_are_of_no_use(void **state)
{
	(void)state;
	set(&untagged, 4);
	dataplane_close(plane);
	assert_int_equal(unlink(BPFFS "/espalier/device_associations"), 0);
	open_plane();
	assert_false(checked(&untagged, 4));
	assert_answer(&untagged, 4);
	set(&untagged, 4);
	assert_true(checked(&untagged, 4));
}

#define TEST(test) cmocka_unit_test_teardown(test, nothing_left)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(an_untagged_frame_asks_the_hash),
		TEST(a_tagged_frame_gets_the_association_of_untagged_ones),
		TEST(a_device_beyond_the_array_is_no_attachment),
		TEST(array_and_hash_say_different_things),
		TEST(an_attachment_without_association_gets_one),
		TEST(a_source_check_is_forgotten),
		TEST(words_of_two_changes_are_taken_for_one),
		TEST(a_change_has_the_tag_of_one_before),
		TEST(a_packet_during_a_change_gets_a_mixture),
		TEST(a_killed_controller_leaves_two_answers),
		TEST(a_lost_word_stays_lost),
		TEST(an_entry_without_record_is_not_found),
		TEST(the_next_controller_finds_nothing),
		TEST(older_maps_are_of_no_use),
	};

	return cmocka_run_group_tests_name("association", tests, setup, teardown);
}
