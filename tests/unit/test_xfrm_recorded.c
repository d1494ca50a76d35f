/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What kernels 6.1 and 6.12 really sent (data/xfrm/record.sh says how): a negotiated pair, its
 * rekey to a pair that dies of age, an acquire, policies deleted and flushed, SAs flushed.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <cmocka.h>
#include "../../user/core/phase2.h"
#include "../../user/wire/xfrm.h"

#define DATA   "tests/unit/data/xfrm/"
#define TUNNEL 7

static const char *const kernels[] = { "6.1", "6.12" };

struct recording {
	_Alignas(8) char bytes[16384];
	size_t len;
};

static void load(struct recording *r, const char *what, const char *kernel)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), DATA "%s-%s.bin", what, kernel);
	f = fopen(path, "rb");
	if (!f) {
		fail_msg("%s: tests run in the root of the checkout", path);
		return;
	}
	r->len = fread(r->bytes, 1, sizeof(r->bytes), f);
	fclose(f);
	assert_true(r->len > 0 && r->len < sizeof(r->bytes));
}

/* What came of a recording, in words. */
struct transcript {
	struct phase2 *p;
	char text[4096];
	size_t len;
};

__attribute__((format(printf, 2, 3))) static void note(struct transcript *t, const char *format,
						       ...)
{
	va_list list;

	va_start(list, format);
	t->len += (size_t)vsnprintf(t->text + t->len, sizeof(t->text) - t->len, format, list);
	va_end(list);
	assert_true(t->len < sizeof(t->text));
}

static int note_event(const struct xfrm_event *e, void *data)
{
	struct transcript *t = data;
	struct phase2_change c;
	const struct phase2_state *s = phase2_state(t->p, TUNNEL);

	note(t, "%s", xfrm_event_name(e));
	phase2_apply(t->p, e, 1);
	while (phase2_take_change(t->p, &c))
		note(t, " > %s", phase2_status_name(c.status));
	note(t, "%s\n", s->up ? " (up)" : "");
	return 0;
}

static void watch(struct transcript *t)
{
	struct phase2_tunnel tunnel = {
		0x65, 0x65, { AF_INET, { 192, 0, 2, 1 } }, { AF_INET, { 192, 0, 2, 2 } }
	};
	struct phase2_change c;

	memset(t, 0, sizeof(*t));
	assert_int_equal(phase2_new(&t->p), 0);
	assert_int_equal(phase2_watch(t->p, TUNNEL, &tunnel, 1), 0);
	while (phase2_take_change(t->p, &c))
		;
}

static void play(struct transcript *t, const char *what, const char *kernel)
{
	struct recording r = { .len = 0 };
	unsigned malformed = 0;

	load(&r, what, kernel);
	assert_int_equal(xfrm_decode_all(r.bytes, r.len, &malformed, note_event, t), 0);
	assert_int_equal(malformed, 0);
}

static const char life[] = "UPDSA > negotiating\n" /* ALLOCSPI was silent */
			   "NEWSA\n"
			   "NEWPOLICY\n"
			   "NEWPOLICY\n"
			   "NEWPOLICY > up (up)\n"
			   "NEWSA > rekeying (up)\n"
			   "NEWSA (up)\n"
			   "UPDPOLICY (up)\n"
			   "DELSA (up)\n"
			   "DELSA > up (up)\n"
			   "EXPIRE soft > expiring (up)\n"
			   "EXPIRE soft (up)\n"
			   "EXPIRE hard > negotiating\n" /* and no DELSA */
			   "EXPIRE hard > down\n"
			   "ACQUIRE\n"
			   "DELPOLICY\n"
			   "FLUSHPOLICY\n"
			   "NEWSA\n"
			   "FLUSHSA\n";

static void the_whole_life_of_a_tunnel_is_followed(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct transcript t;

		watch(&t);
		play(&t, "events", kernels[i]);
		assert_string_equal(t.text, life);
		phase2_free(t.p);
	}
}

static void a_larval_sa_and_a_waiting_packet_are_no_tunnel(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct transcript t;

		watch(&t);
		play(&t, "larval", kernels[i]);
		assert_int_equal(phase2_sa_count(t.p), 0); /* without if_id: nobody's */
		play(&t, "policy", kernels[i]);
		play(&t, "acq", kernels[i]);
		assert_int_equal(phase2_state(t.p, TUNNEL)->larval, 1);
		assert_int_equal(phase2_state(t.p, TUNNEL)->status, PHASE2_NEGOTIATING);
		assert_int_equal(phase2_state(t.p, TUNNEL)->missing, PHASE2_NO_SA);
		phase2_free(t.p);
	}
}

static int note_sa(const struct phase2_sa *sa, void *data)
{
	note(data,
	     "%s %x%s %s %u auth '%s' esn %d window %u encap %u>%u soft %u hard %u reqid %u\n",
	     sa->direction == XFRM_DIRECTION_IN ? "in" : "out", sa->sa.id.spi & ~0xfu,
	     sa->in_use ? " used" : "", xfrm_sa_cipher(&sa->sa), xfrm_sa_cipher_bits(&sa->sa),
	     sa->sa.auth.name, sa->sa.esn, sa->sa.replay_window, sa->sa.encap_sport,
	     sa->sa.encap_dport, (unsigned)sa->sa.lifetime.soft_add,
	     (unsigned)sa->sa.lifetime.hard_add, sa->sa.reqid);
	return 0;
}

/* The last digit of an SPI, which the kernel chose, is not shown. */
static const char pairs[] =
	"in c1000000 rfc4106(gcm(aes)) 160 auth '' esn 0 window 32 encap 0>0 soft 0 hard 0 reqid "
	"1\n"
	"in c1000000 used cbc(aes) 128 auth 'hmac(sha256)' esn 1 window 128 encap 4500>4501 soft "
	"12 "
	"hard 16 reqid 1\n"
	"out c2000000 rfc4106(gcm(aes)) 160 auth '' esn 0 window 0 encap 0>0 soft 0 hard 0 reqid "
	"1\n"
	"out c2000000 used rfc4106(gcm(aes)) 160 auth '' esn 0 window 0 encap 0>0 soft 12 hard 16 "
	"reqid 1\n";

static void a_dump_in_the_middle_of_a_rekey_shows_both_pairs(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct transcript t;

		watch(&t);
		phase2_begin_dump(t.p);
		play(&t, "sa", kernels[i]);
		play(&t, "policy", kernels[i]);
		phase2_end_dump(t.p, 1, NULL);
		assert_int_equal(phase2_state(t.p, TUNNEL)->status, PHASE2_REKEYING);
		assert_int_equal(phase2_state(t.p, TUNNEL)->spi_out, 0xc2000002);
		t.len = 0;
		phase2_each_sa(t.p, TUNNEL, note_sa, &t);
		assert_string_equal(t.text, pairs);
		phase2_free(t.p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_whole_life_of_a_tunnel_is_followed),
		cmocka_unit_test(a_larval_sa_and_a_waiting_packet_are_no_tunnel),
		cmocka_unit_test(a_dump_in_the_middle_of_a_rekey_shows_both_pairs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
