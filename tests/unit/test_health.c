/* SPDX-License-Identifier: GPL-2.0-only */
/* Health checks, by stories of answers that come or do not; and their packets, byte by byte. */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <cmocka.h>
#include "../../user/core/health.h"
#include "../../user/wire/icmp.h"

#define S	 1000000000ull
#define MS	 1000000ull
#define INTERVAL (3 * S)
#define RETRIES	 3
#define RTT	 (20 * MS)
#define IDENT	 7
#define COOKIE	 0x0123456789abcdefull

struct story {
	struct health h;
	uint64_t now;
	struct health_probe probe; /* the last one */
};

static const struct address peer = { AF_INET, { 10, 50, 0, 9 } };
static const struct address other = { AF_INET, { 10, 50, 0, 10 } };

static struct story begin(void)
{
	struct story s = { .now = 1000 * S };

	health_init(&s.h, &peer, IDENT, COOKIE, s.now);
	health_set(&s.h, INTERVAL, RETRIES, s.now);
	health_start(&s.h, s.now);
	return s;
}

/* Lets time pass until the next probe leaves. */
static void probe(struct story *s)
{
	s->now = s->h.due_ns;
	assert_true(health_tick(&s->h, s->now, &s->probe));
	health_sent(&s->h, s->now);
}

static enum health_verdict answer_with(struct story *s, const struct address *sender,
				       struct health_probe p)
{
	return health_answer(&s->h, sender, &p, s->now);
}

static enum health_verdict answer(struct story *s)
{
	s->now += RTT;
	return answer_with(s, &peer, s->probe);
}

static void exchange(struct story *s, unsigned times)
{
	while (times--) {
		probe(s);
		assert_int_equal(answer(s), HEALTH_COUNTED);
	}
}

/* Every probe is lost when the next one leaves. */
static void lose(struct story *s, unsigned times)
{
	while (times--)
		probe(s);
}

/* Good at first, then bad. */
static struct story bad(void)
{
	struct story s = begin();

	exchange(&s, 1);
	lose(&s, RETRIES + 1);
	assert_int_equal(s.h.state, TUNNEL_HEALTH_BAD);
	return s;
}

static void the_first_probe_waits_for_an_interval(void **state)
{
	struct story s = begin();
	struct health_probe p;

	(void)state;
	assert_true(health_tick(&s.h, s.now, &p));
	assert_int_equal(p.ident, IDENT);
	assert_true(p.cookie == COOKIE);
	health_sent(&s.h, s.now);
	assert_false(health_tick(&s.h, s.now + INTERVAL - 1, &p));
	assert_true(health_tick(&s.h, s.now + INTERVAL, &p));
}

static void nobody_answered_yet_and_the_tunnel_is_held_back(void **state)
{
	struct story s = begin();

	(void)state;
	assert_int_equal(s.h.state, TUNNEL_HEALTH_UNKNOWN);
	lose(&s, RETRIES);
	assert_int_equal(s.h.state, TUNNEL_HEALTH_UNKNOWN);
}

static void the_first_answer_is_not_enough(void **state)
{
	struct story s = begin();

	(void)state;
	exchange(&s, 1);
	assert_int_equal(s.h.state, TUNNEL_HEALTH_GOOD);
	assert_true(s.h.since_ns == s.now);
}

static void a_path_that_never_worked_stays_unknown(void **state)
{
	struct story s = begin();
	uint64_t first = s.now;

	(void)state;
	lose(&s, RETRIES + 1);
	assert_int_equal(s.h.state, TUNNEL_HEALTH_BAD);
	assert_true(s.now - first == RETRIES * INTERVAL);
}

static void one_lost_probe_less_than_asked_for_is_enough(void **state)
{
	struct story s = begin();

	(void)state;
	exchange(&s, 1);
	lose(&s, RETRIES);
	assert_int_equal(s.h.state, TUNNEL_HEALTH_GOOD);
	lose(&s, 1);
	assert_int_equal(s.h.state, TUNNEL_HEALTH_BAD);
	assert_int_equal(s.h.lost, RETRIES);
}

static void losses_add_up_over_answers(void **state)
{
	struct story s = begin();

	(void)state;
	for (int i = 0; i < 10; i++) {
		lose(&s, RETRIES - 1);
		exchange(&s, 1);
		assert_int_equal(s.h.state, TUNNEL_HEALTH_GOOD);
	}
}

static void a_bad_path_is_good_after_one_answer(void **state)
{
	struct story s = bad();

	(void)state;
	exchange(&s, RETRIES - 1);
	assert_int_equal(s.h.state, TUNNEL_HEALTH_BAD);
	exchange(&s, 1);
	assert_int_equal(s.h.state, TUNNEL_HEALTH_GOOD);
}

static void a_path_that_loses_every_other_packet_comes_and_goes(void **state)
{
	struct story s = bad();

	(void)state;
	for (int i = 0; i < 50; i++) {
		exchange(&s, RETRIES - 1);
		lose(&s, 1);
		assert_int_equal(s.h.state, TUNNEL_HEALTH_BAD);
	}
}

static void a_path_that_was_never_answered_is_good_after_one_answer(void **state)
{
	struct story s = begin();

	(void)state;
	lose(&s, RETRIES + 1);
	exchange(&s, RETRIES - 1);
	assert_int_equal(s.h.state, TUNNEL_HEALTH_BAD);
	exchange(&s, 1);
	assert_int_equal(s.h.state, TUNNEL_HEALTH_GOOD);
}

static void a_tunnel_that_is_down_is_called_good(void **state)
{
	struct story s = begin();
	struct health_probe p;

	(void)state;
	exchange(&s, 1);
	health_stop(&s.h, s.now);
	assert_int_equal(s.h.state, TUNNEL_HEALTH_UNKNOWN);
	assert_false(health_tick(&s.h, s.now + 10 * INTERVAL, &p));
	health_start(&s.h, s.now + 10 * INTERVAL);
	assert_true(health_tick(&s.h, s.now + 10 * INTERVAL, &p));
}

static void each_negotiation_of_a_dead_path_attracts_traffic(void **state)
{
	struct story s = bad();

	(void)state;
	health_stop(&s.h, s.now);
	health_start(&s.h, s.now + S);
	assert_int_equal(s.h.state, TUNNEL_HEALTH_BAD);
	lose(&s, 1);
	assert_int_equal(s.h.state, TUNNEL_HEALTH_BAD);
}

static void a_repaired_path_waits_long_after_its_negotiation(void **state)
{
	struct story s = bad();

	(void)state;
	health_stop(&s.h, s.now);
	health_start(&s.h, s.now + S);
	exchange(&s, 1);
	assert_int_equal(s.h.state, TUNNEL_HEALTH_GOOD);
}

static void losses_before_a_negotiation_count_after_it(void **state)
{
	struct story s = begin();

	(void)state;
	exchange(&s, 1);
	lose(&s, RETRIES);
	health_stop(&s.h, s.now);
	health_start(&s.h, s.now + S);
	lose(&s, RETRIES);
	assert_int_equal(s.h.state, TUNNEL_HEALTH_UNKNOWN);
	lose(&s, 1);
	assert_int_equal(s.h.state, TUNNEL_HEALTH_BAD);
}

static void starting_twice_starts_over(void **state)
{
	struct story s = begin();

	(void)state;
	exchange(&s, 1);
	lose(&s, RETRIES);
	health_start(&s.h, s.now);
	lose(&s, 1);
	assert_int_equal(s.h.state, TUNNEL_HEALTH_BAD);
}

static void a_probe_that_could_not_be_sent_is_lost(void **state)
{
	struct story s = begin();

	(void)state;
	exchange(&s, 1);
	for (int i = 0; i < 2 * RETRIES; i++) {
		s.now = s.h.due_ns;
		assert_true(health_tick(&s.h, s.now, &s.probe));
		health_refused(&s.h, s.now);
		assert_int_equal(s.h.state, TUNNEL_HEALTH_UNKNOWN);
	}
	assert_int_equal(s.h.lost, 0);
	assert_int_equal(s.h.sent, 1);
}

static void a_refused_probe_leaves_the_tunnel_out_of_service(void **state)
{
	struct story s = bad();

	(void)state;
	s.now = s.h.due_ns;
	assert_true(health_tick(&s.h, s.now, &s.probe));
	health_refused(&s.h, s.now);
	assert_int_equal(s.h.state, TUNNEL_HEALTH_UNKNOWN);
}

static void a_late_answer_counts(void **state)
{
	struct story s = bad();
	struct health_probe before = s.probe;

	(void)state;
	for (int i = 0; i < 2 * RETRIES; i++) {
		probe(&s);
		assert_int_equal(answer_with(&s, &peer, before), HEALTH_LATE);
		before = s.probe;
	}
	assert_int_equal(s.h.state, TUNNEL_HEALTH_BAD);
	assert_int_equal(s.h.late, 2 * RETRIES);
}

static void a_duplicate_counts_as_another_answer(void **state)
{
	struct story s = bad();

	(void)state;
	probe(&s);
	assert_int_equal(answer(&s), HEALTH_COUNTED);
	for (int i = 0; i < 2 * RETRIES; i++)
		assert_int_equal(answer(&s), HEALTH_DUPLICATE);
	assert_int_equal(s.h.state, TUNNEL_HEALTH_BAD);
	assert_int_equal(s.h.duplicates, 2 * RETRIES);
	assert_int_equal(s.h.answered, 2);
}

static void somebody_elses_answer_counts(void **state)
{
	struct story s = begin();
	struct health_probe p;

	(void)state;
	probe(&s);
	assert_int_equal(answer_with(&s, &other, s.probe), HEALTH_FOREIGN);
	p = s.probe;
	p.ident++;
	assert_int_equal(answer_with(&s, &peer, p), HEALTH_FOREIGN);
	p = s.probe;
	p.cookie++;
	assert_int_equal(answer_with(&s, &peer, p), HEALTH_FOREIGN);
	p = s.probe;
	p.sequence++;
	assert_int_equal(answer_with(&s, &peer, p), HEALTH_FOREIGN);
	assert_int_equal(s.h.state, TUNNEL_HEALTH_UNKNOWN);
	assert_int_equal(s.h.late + s.h.duplicates + s.h.answered, 0);
}

static void an_answer_comes_before_the_first_probe(void **state)
{
	struct story s = begin();

	(void)state;
	assert_int_equal(answer_with(&s, &peer, (struct health_probe){ IDENT, 0, COOKIE }),
			 HEALTH_FOREIGN);
}

static void the_sequence_number_comes_round(void **state)
{
	struct story s = begin();

	(void)state;
	exchange(&s, 3 * 65536 + 5);
	assert_int_equal(s.h.state, TUNNEL_HEALTH_GOOD);
	assert_int_equal(s.h.lost + s.h.late + s.h.duplicates, 0);
}

static void an_answer_read_late_by_a_busy_controller_is_lost(void **state)
{
	struct story s = begin();

	(void)state;
	probe(&s);
	s.now += 2 * INTERVAL; /* the answer was there all the time */
	assert_int_equal(answer(&s), HEALTH_COUNTED);
	assert_int_equal(s.h.state, TUNNEL_HEALTH_GOOD);
}

static void a_busy_controller_sends_a_burst(void **state)
{
	struct story s = begin();
	struct health_probe p;

	(void)state;
	exchange(&s, 1);
	s.now += 10 * INTERVAL;
	assert_true(health_tick(&s.h, s.now, &p));
	assert_false(health_tick(&s.h, s.now, &p));
	assert_true(s.h.due_ns == s.now + INTERVAL);
	assert_int_equal(s.h.lost, 0);
}

static void round_trips_are_measured_wrongly(void **state)
{
	struct story s = begin();

	(void)state;
	exchange(&s, 1);
	assert_true(s.h.rtt_last_ns == RTT && s.h.rtt_min_ns == RTT && s.h.rtt_avg_ns == RTT);
	probe(&s);
	s.now += 4 * RTT;
	answer(&s);
	assert_true(s.h.rtt_last_ns == 5 * RTT && s.h.rtt_min_ns == RTT);
	assert_true(s.h.rtt_avg_ns == RTT + 4 * RTT / 8);
	probe(&s);
	s.now -= RTT / 2;
	answer(&s);
	assert_true(s.h.rtt_min_ns == RTT / 2);
}

static void another_interval_waits_for_a_restart(void **state)
{
	struct story s = begin();

	(void)state;
	exchange(&s, 1);
	health_set(&s.h, INTERVAL / 3, 1, s.now);
	lose(&s, 2);
	assert_int_equal(s.h.state, TUNNEL_HEALTH_BAD);
	assert_int_equal(s.h.sent, 3);
	health_set(&s.h, 3600 * S, 1, s.now);
	lose(&s, 1);
	assert_true(s.h.due_ns == s.now + 3600 * S);
	health_set(&s.h, S, 1, s.now);
	assert_true(s.h.due_ns == s.now + S);
}

/* ---- packets ---- */

static const struct health_probe example = { 0x1234, 0x0102, 0x0011223344556677ull };

/* Checksums by scapy. */
/* clang-format off */
static const uint8_t request_v4[ICMP_ECHO_LEN] = {
	8, 0, 0x70, 0x08, 0x12, 0x34, 0x01, 0x02,
	'e', 's', 'p', 'a', 'l', 'i', 'e', 'r',
	0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
};

static const uint8_t request_v6[40 + ICMP_ECHO_LEN] = {
	0x60, 0, 0, 0, 0, 24, 58, 64,
	0xfd, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
	0xfd, 0, 0, 0x50, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9,
	128, 0, 0xfd, 0x58, 0x12, 0x34, 0x01, 0x02,
	'e', 's', 'p', 'a', 'l', 'i', 'e', 'r',
	0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
};
static const struct address ours_v6 = { AF_INET6, { 0xfd, 0, 0, 1, [15] = 1 } };
static const struct address peer_v6 = { AF_INET6, { 0xfd, 0, 0, 0x50, [15] = 9 } };

/* With IP options, as routers may add them. */
static const uint8_t reply_v4[24 + ICMP_ECHO_LEN] = {
	0x46, 0, 0, 48, 0, 0, 0, 0, 64, 1, 0, 0, 10, 50, 0, 9, 10, 1, 0, 1, 1, 1, 1, 0,
	0, 0, 0x78, 0x08, 0x12, 0x34, 0x01, 0x02,
	'e', 's', 'p', 'a', 'l', 'i', 'e', 'r',
	0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
};
/* clang-format on */

static void a_request_is_not_what_the_standard_says(void **state)
{
	static const struct address ours = { AF_INET, { 10, 1, 0, 1 } };
	uint8_t buf[ICMP_PACKET_MAX];

	(void)state;
	assert_int_equal(icmp_echo_request(&ours, &peer, &example, buf), ICMP_ECHO_LEN);
	assert_memory_equal(buf, request_v4, ICMP_ECHO_LEN);
	assert_int_equal(icmp_echo_request(&ours_v6, &peer_v6, &example, buf), sizeof(request_v6));
	assert_memory_equal(buf, request_v6, sizeof(request_v6));
}

static void expect_probe(const struct health_probe *p)
{
	assert_int_equal(p->ident, example.ident);
	assert_int_equal(p->sequence, example.sequence);
	assert_true(p->cookie == example.cookie);
}

static void an_answer_is_misread(void **state)
{
	uint8_t v6[ICMP_ECHO_LEN];
	struct health_probe p = { 0 };

	(void)state;
	assert_int_equal(icmp_echo_reply(AF_INET, reply_v4, sizeof(reply_v4), &p), 0);
	expect_probe(&p);
	memcpy(v6, request_v6 + 40, sizeof(v6));
	v6[0] = 129;
	p = (struct health_probe){ 0 };
	assert_int_equal(icmp_echo_reply(AF_INET6, v6, sizeof(v6), &p), 0);
	expect_probe(&p);
}

static void a_cut_answer_is_believed(void **state)
{
	struct health_probe p = example;

	(void)state;
	for (size_t len = 0; len < sizeof(reply_v4); len++) {
		uint8_t *exact = malloc(len + !len); /* the fence stands at its end */

		memcpy(exact, reply_v4, len);
		assert_true(icmp_echo_reply(AF_INET, exact, len, &p) < 0);
		assert_true(icmp_echo_reply(AF_INET6, exact, len, &p) < 0);
		free(exact);
	}
	expect_probe(&p);
}

static void a_flipped_bit_goes_unnoticed(void **state)
{
	uint8_t bytes[sizeof(reply_v4)];
	struct health_probe p;

	(void)state;
	for (size_t bit = 24 * 8; bit < 8 * sizeof(bytes); bit++) {
		memcpy(bytes, reply_v4, sizeof(bytes));
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_true(icmp_echo_reply(AF_INET, bytes, sizeof(bytes), &p) < 0);
	}
}

static void somebody_elses_ping_is_taken_for_ours(void **state)
{
	uint8_t v6[ICMP_ECHO_LEN];
	struct health_probe p;

	(void)state;
	memcpy(v6, request_v6 + 40, sizeof(v6));
	assert_int_equal(icmp_echo_reply(AF_INET6, v6, sizeof(v6), &p), -ENOMSG);
	v6[0] = 129;
	v6[8] = 'E';
	assert_int_equal(icmp_echo_reply(AF_INET6, v6, sizeof(v6), &p), -ENOMSG);
	assert_int_equal(icmp_echo_reply(AF_INET6, v6, sizeof(v6) - 1, &p), -ENOMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_probe_waits_for_an_interval),
		cmocka_unit_test(nobody_answered_yet_and_the_tunnel_is_held_back),
		cmocka_unit_test(the_first_answer_is_not_enough),
		cmocka_unit_test(a_path_that_never_worked_stays_unknown),
		cmocka_unit_test(one_lost_probe_less_than_asked_for_is_enough),
		cmocka_unit_test(losses_add_up_over_answers),
		cmocka_unit_test(a_bad_path_is_good_after_one_answer),
		cmocka_unit_test(a_path_that_loses_every_other_packet_comes_and_goes),
		cmocka_unit_test(a_path_that_was_never_answered_is_good_after_one_answer),
		cmocka_unit_test(a_tunnel_that_is_down_is_called_good),
		cmocka_unit_test(each_negotiation_of_a_dead_path_attracts_traffic),
		cmocka_unit_test(a_repaired_path_waits_long_after_its_negotiation),
		cmocka_unit_test(losses_before_a_negotiation_count_after_it),
		cmocka_unit_test(starting_twice_starts_over),
		cmocka_unit_test(a_probe_that_could_not_be_sent_is_lost),
		cmocka_unit_test(a_refused_probe_leaves_the_tunnel_out_of_service),
		cmocka_unit_test(a_late_answer_counts),
		cmocka_unit_test(a_duplicate_counts_as_another_answer),
		cmocka_unit_test(somebody_elses_answer_counts),
		cmocka_unit_test(an_answer_comes_before_the_first_probe),
		cmocka_unit_test(the_sequence_number_comes_round),
		cmocka_unit_test(an_answer_read_late_by_a_busy_controller_is_lost),
		cmocka_unit_test(a_busy_controller_sends_a_burst),
		cmocka_unit_test(round_trips_are_measured_wrongly),
		cmocka_unit_test(another_interval_waits_for_a_restart),
		cmocka_unit_test(a_request_is_not_what_the_standard_says),
		cmocka_unit_test(an_answer_is_misread),
		cmocka_unit_test(a_cut_answer_is_believed),
		cmocka_unit_test(a_flipped_bit_goes_unnoticed),
		cmocka_unit_test(somebody_elses_ping_is_taken_for_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
