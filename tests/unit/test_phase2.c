/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tunnel state [D3] by sequences of kernel events, in the orders recorded from strongSwan. A
 * tunnel that falls for one event during a rekey has failed, even if it rises at the next.
 */
#include <errno.h>
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

#define TUNNEL 7
#define IF_ID  101

/* The later one has the smaller SPI: age must not be read off it. */
#define IN_1  0xc1000009u
#define IN_2  0xc1000002u
#define OUT_1 0xc2000009u
#define OUT_2 0xc2000002u

static uint64_t now;

struct fixture {
	struct phase2 *p;
	uint32_t if_id;
	bool no_direction; /* a kernel before 6.10 */
	uint32_t policy_index;
};

/* 192.0.2.LAST */
static struct address v4(unsigned last)
{
	return (struct address){ .family = AF_INET, .bytes = { 192, 0, 2, (uint8_t)last } };
}

static struct address local(void)
{
	return v4(1);
}

static struct address remote(void)
{
	return v4(2);
}

static void watch(struct fixture *f, uint32_t tunnel, uint32_t if_id)
{
	struct phase2_tunnel t = { if_id, if_id, local(), remote() };

	assert_int_equal(phase2_watch(f->p, tunnel, &t, ++now), 0);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	assert_int_equal(phase2_new(&f->p), 0);
	f->if_id = IF_ID;
	f->policy_index = 8;
	watch(f, TUNNEL, IF_ID);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	phase2_free(f->p);
	free(f);
	return 0;
}

static struct xfrm_event sa_event(const struct fixture *f, enum xfrm_event_kind kind,
				  enum xfrm_direction d, uint32_t spi)
{
	bool in = d == XFRM_DIRECTION_IN;
	struct xfrm_event e = { .kind = kind };

	e.sa.id = (struct xfrm_sa_id){ in ? local() : remote(), spi, IPPROTO_ESP, 0, 0 };
	e.sa.saddr = in ? remote() : local();
	e.sa.if_id = f->if_id;
	e.sa.reqid = 1;
	e.sa.direction = f->no_direction ? XFRM_DIRECTION_UNKNOWN : d;
	strcpy(e.sa.aead.name, "rfc4106(gcm(aes))");
	e.sa.aead.key_bits = 160;
	return e;
}

static struct xfrm_event policy_event(const struct fixture *f, enum xfrm_event_kind kind,
				      enum xfrm_policy_direction d, uint32_t spi)
{
	bool in = d != XFRM_DIR_OUT;
	struct xfrm_event e = { .kind = kind };

	e.policy.index = f->policy_index + d;
	e.policy.direction = (uint8_t)d;
	e.policy.if_id = f->if_id;
	e.policy.family = AF_INET;
	e.policy.template_count = 1;
	e.policy.templates[0] = (struct xfrm_template){
		in ? remote() : local(), in ? local() : remote(), spi, 1, IPPROTO_ESP, 1,
	};
	return e;
}

static int apply(struct fixture *f, struct xfrm_event e)
{
	return phase2_apply(f->p, &e, ++now);
}

static void new_sa(struct fixture *f, enum xfrm_direction d, uint32_t spi)
{
	/* An inbound SA appears as an update of the larval one of ALLOCSPI. */
	struct xfrm_event e = sa_event(f, XFRM_EVENT_SA, d, spi);

	e.update = d == XFRM_DIRECTION_IN;
	assert_int_equal(apply(f, e), 0);
}

static void new_larval(struct fixture *f, enum xfrm_direction d, uint32_t spi)
{
	struct xfrm_event e = sa_event(f, XFRM_EVENT_SA, d, spi);

	e.sa.larval = true;
	memset(&e.sa.aead, 0, sizeof(e.sa.aead));
	assert_int_equal(apply(f, e), 0);
}

static void end_sa(struct fixture *f, enum xfrm_event_kind kind, enum xfrm_direction d,
		   uint32_t spi)
{
	assert_int_equal(apply(f, sa_event(f, kind, d, spi)), 0);
}

static void delete_sa(struct fixture *f, enum xfrm_direction d, uint32_t spi)
{
	end_sa(f, XFRM_EVENT_SA_DELETE, d, spi);
}

static void set_policies(struct fixture *f, bool update, uint32_t spi_out)
{
	static const enum xfrm_policy_direction order[] = { XFRM_DIR_IN, XFRM_DIR_FWD,
							    XFRM_DIR_OUT };

	for (unsigned i = 0; i < 3; i++) {
		struct xfrm_event e = policy_event(f, XFRM_EVENT_POLICY, order[i],
						   order[i] == XFRM_DIR_OUT ? spi_out : 0);

		e.update = update;
		assert_int_equal(apply(f, e), 0);
	}
}

static void delete_policy(struct fixture *f, enum xfrm_policy_direction d)
{
	assert_int_equal(apply(f, policy_event(f, XFRM_EVENT_POLICY_DELETE, d, 0)), 0);
}

/* The five messages of a CHILD_SA, in the recorded order. */
static void bring_up(struct fixture *f, uint32_t in, uint32_t out)
{
	new_sa(f, XFRM_DIRECTION_IN, in);
	new_sa(f, XFRM_DIRECTION_OUT, out);
	set_policies(f, false, out);
}

static const struct phase2_state *look(const struct fixture *f)
{
	const struct phase2_state *s = phase2_state(f->p, TUNNEL);

	assert_non_null(s);
	return s;
}

static void assert_status(const struct fixture *f, enum phase2_status status)
{
	assert_string_equal(phase2_status_name(look(f)->status), phase2_status_name(status));
}

static void assert_up(const struct fixture *f)
{
	assert_true(look(f)->up);
	assert_int_equal(look(f)->flaps, 0);
}

static void assert_not_up(const struct fixture *f, enum phase2_missing why)
{
	assert_false(look(f)->up);
	assert_string_equal(phase2_missing_text(look(f)->missing), phase2_missing_text(why));
}

static void drop_changes(struct fixture *f)
{
	struct phase2_change c;

	while (phase2_take_change(f->p, &c))
		;
}

/* Getting up */

static void a_tunnel_is_up_only_after_the_last_of_five_messages(void **state)
{
	struct fixture *f = *state;

	assert_status(f, PHASE2_DOWN);
	new_sa(f, XFRM_DIRECTION_IN, IN_1);
	assert_status(f, PHASE2_NEGOTIATING);
	assert_not_up(f, PHASE2_NO_OUTBOUND);
	new_sa(f, XFRM_DIRECTION_OUT, OUT_1);
	assert_not_up(f, PHASE2_NO_POLICY);
	apply(f, policy_event(f, XFRM_EVENT_POLICY, XFRM_DIR_IN, 0));
	apply(f, policy_event(f, XFRM_EVENT_POLICY, XFRM_DIR_FWD, 0));
	assert_not_up(f, PHASE2_NO_POLICY);
	apply(f, policy_event(f, XFRM_EVENT_POLICY, XFRM_DIR_OUT, OUT_1));
	assert_status(f, PHASE2_UP);
	assert_int_equal(look(f)->spi_in, IN_1);
	assert_int_equal(look(f)->spi_out, OUT_1);
	assert_int_equal(look(f)->cause, PHASE2_NEWPOLICY);
	assert_int_equal(look(f)->since_ns, now);
}

static void an_inbound_sa_that_appears_as_updsa_counts(void **state)
{
	struct fixture *f = *state;
	struct xfrm_event e = sa_event(f, XFRM_EVENT_SA, XFRM_DIRECTION_IN, IN_1);

	new_sa(f, XFRM_DIRECTION_OUT, OUT_1);
	set_policies(f, false, OUT_1);
	assert_not_up(f, PHASE2_NO_INBOUND);
	e.update = true;
	apply(f, e);
	assert_up(f);
	assert_int_equal(look(f)->cause, PHASE2_UPDSA);
}

/* strongSwan #1896, #2477: the inbound SA is installed, the outbound never. */
static void a_tunnel_with_inbound_only_is_not_up(void **state)
{
	struct fixture *f = *state;

	new_sa(f, XFRM_DIRECTION_IN, IN_1);
	set_policies(f, false, OUT_1);
	assert_not_up(f, PHASE2_NO_OUTBOUND);
	assert_status(f, PHASE2_NEGOTIATING);
	new_sa(f, XFRM_DIRECTION_IN, IN_2);
	assert_not_up(f, PHASE2_NO_OUTBOUND);
}

static void two_sas_without_a_policy_are_not_up(void **state)
{
	struct fixture *f = *state;

	new_sa(f, XFRM_DIRECTION_IN, IN_1);
	new_sa(f, XFRM_DIRECTION_OUT, OUT_1);
	assert_not_up(f, PHASE2_NO_POLICY);
}

static void a_policy_that_blocks_is_no_way_out(void **state)
{
	struct fixture *f = *state;
	struct xfrm_event e = policy_event(f, XFRM_EVENT_POLICY, XFRM_DIR_OUT, OUT_1);

	new_sa(f, XFRM_DIRECTION_IN, IN_1);
	new_sa(f, XFRM_DIRECTION_OUT, OUT_1);
	e.policy.block = true;
	apply(f, e);
	assert_not_up(f, PHASE2_NO_POLICY);
}

static void a_policy_without_spi_takes_any_outbound_sa(void **state)
{
	struct fixture *f = *state;

	bring_up(f, IN_1, 0);
	new_sa(f, XFRM_DIRECTION_OUT, OUT_2);
	assert_true(look(f)->up);
	assert_int_equal(look(f)->spi_out, OUT_2);
}

static void a_larval_sa_in_a_dump_is_no_sa(void **state)
{
	struct fixture *f = *state;

	new_larval(f, XFRM_DIRECTION_IN, IN_1);
	new_sa(f, XFRM_DIRECTION_OUT, OUT_1);
	set_policies(f, false, OUT_1);
	assert_not_up(f, PHASE2_NO_INBOUND);
	assert_status(f, PHASE2_NEGOTIATING);
	assert_int_equal(look(f)->larval, 1);
	new_sa(f, XFRM_DIRECTION_IN, IN_1);
	assert_up(f);
	assert_int_equal(look(f)->larval, 0);
}

static void an_sa_is_as_old_as_its_keys_not_as_its_spi(void **state)
{
	struct fixture *f = *state;

	new_larval(f, XFRM_DIRECTION_IN, IN_2);
	bring_up(f, IN_1, OUT_1);
	assert_int_equal(look(f)->spi_in, IN_1);
	new_sa(f, XFRM_DIRECTION_IN, IN_2);
	assert_int_equal(look(f)->spi_in, IN_2);
}

/* After a hard expiry, the state of a waiting packet has the SPI of the dead SA. */
static void an_acq_state_looks_like_an_outbound_sa_and_is_none(void **state)
{
	struct fixture *f = *state;

	bring_up(f, IN_1, OUT_1);
	end_sa(f, XFRM_EVENT_EXPIRE_HARD, XFRM_DIRECTION_OUT, OUT_1);
	new_larval(f, XFRM_DIRECTION_OUT, OUT_1);
	assert_not_up(f, PHASE2_NO_OUTBOUND);
	assert_status(f, PHASE2_NEGOTIATING);
}

static void only_esp_counts(void **state)
{
	struct fixture *f = *state;
	struct xfrm_event e = sa_event(f, XFRM_EVENT_SA, XFRM_DIRECTION_IN, IN_1);

	new_sa(f, XFRM_DIRECTION_OUT, OUT_1);
	set_policies(f, false, OUT_1);
	e.sa.id.proto = IPPROTO_AH;
	apply(f, e);
	e.sa.id.proto = IPPROTO_COMP;
	apply(f, e);
	assert_not_up(f, PHASE2_NO_INBOUND);
}

/* Which tunnel */

/* strongSwan #1855: two CHILD_SAs with one reqid. Every SA here has reqid 1. */
static void a_shared_reqid_does_not_mix_two_tunnels(void **state)
{
	struct fixture *f = *state;

	watch(f, 8, 102);
	bring_up(f, IN_1, OUT_1);
	assert_true(phase2_state(f->p, TUNNEL)->up);
	assert_false(phase2_state(f->p, 8)->up);
	f->if_id = 102;
	f->policy_index = 1008;
	bring_up(f, IN_2, OUT_2);
	assert_true(phase2_state(f->p, 8)->up);
	delete_sa(f, XFRM_DIRECTION_IN, IN_2);
	assert_false(phase2_state(f->p, 8)->up);
	f->if_id = IF_ID;
	assert_up(f);
}

static void sas_of_no_tunnel_concern_nobody(void **state)
{
	struct fixture *f = *state;

	f->if_id = 0;
	bring_up(f, IN_1, OUT_1);
	assert_int_equal(phase2_sa_count(f->p), 0);
	f->if_id = 999;
	bring_up(f, IN_1, OUT_1);
	assert_status(f, PHASE2_DOWN);
	assert_int_equal(phase2_sa_count(f->p), 2);
}

static void sas_that_were_there_before_the_tunnel_count(void **state)
{
	struct fixture *f = *state;
	struct phase2_change c;

	f->if_id = 102;
	bring_up(f, IN_1, OUT_1);
	drop_changes(f);
	watch(f, 8, 102);
	assert_true(phase2_state(f->p, 8)->up);
	assert_int_equal(phase2_state(f->p, 8)->cause, PHASE2_CONFIGURED);
	assert_true(phase2_take_change(f->p, &c));
	assert_int_equal(c.tunnel, 8);
	assert_false(c.was_up);
	assert_true(c.up);
}

static void without_sa_dir_the_addresses_tell_the_direction(void **state)
{
	struct fixture *f = *state;

	f->no_direction = true;
	bring_up(f, IN_1, OUT_1);
	assert_up(f);
	assert_int_equal(look(f)->spi_in, IN_1);
	assert_int_equal(look(f)->spi_out, OUT_1);
}

static void a_peer_behind_a_nat_still_has_a_direction(void **state)
{
	struct fixture *f = *state;
	struct xfrm_event in = sa_event(f, XFRM_EVENT_SA, XFRM_DIRECTION_IN, IN_1);
	struct xfrm_event out = sa_event(f, XFRM_EVENT_SA, XFRM_DIRECTION_OUT, OUT_1);
	struct xfrm_event policy = policy_event(f, XFRM_EVENT_POLICY, XFRM_DIR_OUT, OUT_1);

	in.sa.direction = out.sa.direction = XFRM_DIRECTION_UNKNOWN;
	in.sa.saddr = out.sa.id.daddr = policy.policy.templates[0].daddr = v4(99);
	apply(f, in);
	apply(f, out);
	apply(f, policy);
	assert_up(f);
}

static void sas_between_strangers_have_no_direction(void **state)
{
	struct fixture *f = *state;
	struct xfrm_event e = sa_event(f, XFRM_EVENT_SA, XFRM_DIRECTION_UNKNOWN, IN_1);

	e.sa.direction = XFRM_DIRECTION_UNKNOWN;
	e.sa.saddr = v4(50);
	e.sa.id.daddr = v4(51);
	apply(f, e);
	assert_not_up(f, PHASE2_NO_SA);
}

static void if_id_in_and_if_id_out_may_differ(void **state)
{
	struct fixture *f = *state;
	struct phase2_tunnel t = { 201, 202, local(), remote() };

	assert_int_equal(phase2_watch(f->p, TUNNEL, &t, ++now), 0);
	f->if_id = 202;
	new_sa(f, XFRM_DIRECTION_OUT, OUT_1);
	new_sa(f, XFRM_DIRECTION_IN, IN_2);
	set_policies(f, false, OUT_1);
	assert_not_up(f, PHASE2_NO_INBOUND);
	f->if_id = 201;
	new_sa(f, XFRM_DIRECTION_IN, IN_1);
	assert_true(look(f)->up);
	assert_int_equal(look(f)->spi_in, IN_1);
	delete_sa(f, XFRM_DIRECTION_IN, IN_1);
	assert_not_up(f, PHASE2_NO_INBOUND);
}

static void a_tunnel_that_changes_its_if_id_is_judged_anew(void **state)
{
	struct fixture *f = *state;

	bring_up(f, IN_1, OUT_1);
	watch(f, TUNNEL, 102);
	assert_not_up(f, PHASE2_NO_SA);
	watch(f, TUNNEL, IF_ID);
	assert_true(look(f)->up);
	assert_int_equal(look(f)->flaps, 1);
}

static void an_sa_that_moves_to_another_if_id_leaves_the_first(void **state)
{
	struct fixture *f = *state;
	struct xfrm_event e;

	bring_up(f, IN_1, OUT_1);
	e = sa_event(f, XFRM_EVENT_SA, XFRM_DIRECTION_IN, IN_1);
	e.sa.if_id = 555;
	apply(f, e);
	assert_not_up(f, PHASE2_NO_INBOUND);
	assert_int_equal(phase2_sa_count(f->p), 2);
}

static void same_spi_from_another_peer_is_another_sa(void **state)
{
	struct fixture *f = *state;
	struct xfrm_event e = sa_event(f, XFRM_EVENT_SA_DELETE, XFRM_DIRECTION_IN, IN_1);

	bring_up(f, IN_1, OUT_1);
	e.sa.id.daddr = v4(77);
	apply(f, e);
	assert_up(f);
	e.sa.id.daddr = local();
	e.sa.id.mark = e.sa.id.mark_mask = 1;
	apply(f, e);
	assert_up(f);
}

/* Rekeying */

static void a_rekey_as_initiator_is_never_down(void **state)
{
	struct fixture *f = *state;

	bring_up(f, IN_1, OUT_1);
	end_sa(f, XFRM_EVENT_EXPIRE_SOFT, XFRM_DIRECTION_IN, IN_1);
	assert_up(f);
	assert_status(f, PHASE2_EXPIRING);
	new_sa(f, XFRM_DIRECTION_IN, IN_2);
	assert_up(f);
	assert_status(f, PHASE2_REKEYING);
	new_sa(f, XFRM_DIRECTION_OUT, OUT_2);
	assert_up(f);
	assert_int_equal(look(f)->spi_out, OUT_1);
	set_policies(f, true, OUT_2);
	assert_up(f);
	assert_int_equal(look(f)->spi_out, OUT_2);
	delete_sa(f, XFRM_DIRECTION_OUT, OUT_1);
	assert_up(f);
	assert_status(f, PHASE2_REKEYING);
	delete_sa(f, XFRM_DIRECTION_IN, IN_1);
	assert_up(f);
	assert_status(f, PHASE2_UP);
	assert_int_equal(look(f)->spi_in, IN_2);
}

static void a_rekey_as_responder_is_never_down(void **state)
{
	struct fixture *f = *state;

	bring_up(f, IN_1, OUT_1);
	new_sa(f, XFRM_DIRECTION_IN, IN_2);
	assert_up(f);
	new_sa(f, XFRM_DIRECTION_OUT, OUT_2);
	assert_up(f);
	/* in and fwd at once; out only when the peer's DELETE comes */
	apply(f, policy_event(f, XFRM_EVENT_POLICY, XFRM_DIR_IN, 0));
	apply(f, policy_event(f, XFRM_EVENT_POLICY, XFRM_DIR_FWD, 0));
	assert_up(f);
	assert_int_equal(look(f)->spi_out, OUT_1);
	apply(f, policy_event(f, XFRM_EVENT_POLICY, XFRM_DIR_OUT, OUT_2));
	assert_up(f);
	delete_sa(f, XFRM_DIRECTION_OUT, OUT_1);
	assert_up(f);
	delete_sa(f, XFRM_DIRECTION_IN, IN_1);
	assert_up(f);
	assert_status(f, PHASE2_UP);
}

static void a_hundred_rekeys_are_not_one_flap(void **state)
{
	struct fixture *f = *state;

	bring_up(f, 1000, 2000);
	for (uint32_t i = 0; i < 100; i++) {
		end_sa(f, XFRM_EVENT_EXPIRE_SOFT, XFRM_DIRECTION_OUT, 2000 + i);
		new_sa(f, XFRM_DIRECTION_IN, 1001 + i);
		new_sa(f, XFRM_DIRECTION_OUT, 2001 + i);
		set_policies(f, true, 2001 + i);
		delete_sa(f, XFRM_DIRECTION_OUT, 2000 + i);
		delete_sa(f, XFRM_DIRECTION_IN, 1000 + i);
		assert_up(f);
		assert_status(f, PHASE2_UP);
	}
	assert_int_equal(phase2_sa_count(f->p), 2);
	assert_int_equal(phase2_policy_count(f->p), 1);
}

/* VyOS T1291: the old SA's deletion after a rekey marked the tunnel down. */
static void deleting_the_old_sa_after_a_rekey_does_not_mark_the_tunnel_down(void **state)
{
	struct fixture *f = *state;

	bring_up(f, IN_1, OUT_1);
	new_sa(f, XFRM_DIRECTION_IN, IN_2);
	new_sa(f, XFRM_DIRECTION_OUT, OUT_2);
	set_policies(f, true, OUT_2);
	drop_changes(f);
	delete_sa(f, XFRM_DIRECTION_IN, IN_1);
	assert_up(f);
	delete_sa(f, XFRM_DIRECTION_OUT, OUT_1);
	assert_up(f);
}

/* strongSwan #1458: colliding rekeys, where both new pairs exist for a while. */
static void a_collision_of_rekeys_is_never_down(void **state)
{
	struct fixture *f = *state;

	bring_up(f, IN_1, OUT_1);
	new_sa(f, XFRM_DIRECTION_IN, IN_2);
	new_sa(f, XFRM_DIRECTION_OUT, OUT_2);
	new_sa(f, XFRM_DIRECTION_IN, IN_2 + 1);
	new_sa(f, XFRM_DIRECTION_OUT, OUT_2 + 1);
	set_policies(f, true, OUT_2 + 1);
	set_policies(f, true, OUT_2);
	assert_up(f);
	delete_sa(f, XFRM_DIRECTION_OUT, OUT_2 + 1);
	delete_sa(f, XFRM_DIRECTION_OUT, OUT_1);
	delete_sa(f, XFRM_DIRECTION_IN, IN_2 + 1);
	delete_sa(f, XFRM_DIRECTION_IN, IN_1);
	assert_up(f);
	assert_int_equal(look(f)->spi_out, OUT_2);
}

/* strongSwan #1458, how it ended for the reporter: everything deleted. */
static void a_collision_that_leaves_no_sa_is_down(void **state)
{
	struct fixture *f = *state;

	bring_up(f, IN_1, OUT_1);
	new_sa(f, XFRM_DIRECTION_IN, IN_2);
	new_sa(f, XFRM_DIRECTION_OUT, OUT_2);
	set_policies(f, true, OUT_2);
	delete_sa(f, XFRM_DIRECTION_OUT, OUT_2);
	assert_not_up(f, PHASE2_POLICY_NO_SA);
	assert_int_equal(look(f)->spi_out, 0);
}

static void two_policies_one_per_family_are_up_while_one_leads_somewhere(void **state)
{
	struct fixture *f = *state;

	bring_up(f, IN_1, OUT_1);
	f->policy_index = 512;
	set_policies(f, false, OUT_1);
	assert_int_equal(look(f)->policies_out, 2);
	new_sa(f, XFRM_DIRECTION_IN, IN_2);
	new_sa(f, XFRM_DIRECTION_OUT, OUT_2);
	set_policies(f, true, OUT_2);
	assert_up(f);
	f->policy_index = 8;
	set_policies(f, true, OUT_2);
	delete_sa(f, XFRM_DIRECTION_OUT, OUT_1);
	delete_sa(f, XFRM_DIRECTION_IN, IN_1);
	assert_up(f);
	delete_policy(f, XFRM_DIR_OUT);
	assert_up(f);
	f->policy_index = 512;
	delete_policy(f, XFRM_DIR_OUT);
	assert_not_up(f, PHASE2_NO_POLICY);
}

static void an_update_of_an_sa_takes_back_that_it_was_dying(void **state)
{
	struct fixture *f = *state;

	bring_up(f, IN_1, OUT_1);
	end_sa(f, XFRM_EVENT_EXPIRE_SOFT, XFRM_DIRECTION_IN, IN_1);
	assert_status(f, PHASE2_EXPIRING);
	new_sa(f, XFRM_DIRECTION_IN, IN_1); /* UPDSA */
	assert_status(f, PHASE2_UP);
}

static void a_dump_does_not_take_back_that_an_sa_is_dying(void **state)
{
	struct fixture *f = *state;
	struct xfrm_event e;

	bring_up(f, IN_1, OUT_1);
	end_sa(f, XFRM_EVENT_EXPIRE_SOFT, XFRM_DIRECTION_IN, IN_1);
	e = sa_event(f, XFRM_EVENT_SA, XFRM_DIRECTION_IN, IN_1);
	e.sequence = 1;
	apply(f, e);
	assert_status(f, PHASE2_EXPIRING);
}

/* Going down */

static void a_terminated_child_falls_with_its_outbound_policy(void **state)
{
	struct fixture *f = *state;
	struct phase2_change c;

	bring_up(f, IN_1, OUT_1);
	drop_changes(f);
	delete_policy(f, XFRM_DIR_OUT);
	assert_false(look(f)->up);
	assert_int_equal(look(f)->cause, PHASE2_DELPOLICY);
	assert_true(phase2_take_change(f->p, &c));
	assert_true(c.was_up);
	assert_false(c.up);
	delete_policy(f, XFRM_DIR_FWD);
	delete_policy(f, XFRM_DIR_IN);
	delete_sa(f, XFRM_DIRECTION_IN, IN_1);
	delete_sa(f, XFRM_DIRECTION_OUT, OUT_1);
	assert_status(f, PHASE2_DOWN);
	assert_int_equal(look(f)->flaps, 1);
	assert_int_equal(phase2_sa_count(f->p), 0);
}

static void a_hard_expiry_without_delsa_takes_the_tunnel_down(void **state)
{
	struct fixture *f = *state;

	bring_up(f, IN_1, OUT_1);
	end_sa(f, XFRM_EVENT_EXPIRE_SOFT, XFRM_DIRECTION_IN, IN_1);
	end_sa(f, XFRM_EVENT_EXPIRE_SOFT, XFRM_DIRECTION_OUT, OUT_1);
	assert_up(f);
	end_sa(f, XFRM_EVENT_EXPIRE_HARD, XFRM_DIRECTION_IN, IN_1);
	assert_not_up(f, PHASE2_NO_INBOUND);
	assert_int_equal(look(f)->cause, PHASE2_EXPIRE_HARD);
	end_sa(f, XFRM_EVENT_EXPIRE_HARD, XFRM_DIRECTION_OUT, OUT_1);
	assert_status(f, PHASE2_DOWN);
}

static void an_expiry_of_a_replaced_sa_is_no_fall(void **state)
{
	struct fixture *f = *state;

	bring_up(f, IN_1, OUT_1);
	new_sa(f, XFRM_DIRECTION_IN, IN_2);
	new_sa(f, XFRM_DIRECTION_OUT, OUT_2);
	set_policies(f, true, OUT_2);
	end_sa(f, XFRM_EVENT_EXPIRE_HARD, XFRM_DIRECTION_IN, IN_1);
	end_sa(f, XFRM_EVENT_EXPIRE_HARD, XFRM_DIRECTION_OUT, OUT_1);
	assert_up(f);
}

static void flushsa_is_one_message_and_every_tunnel_is_down(void **state)
{
	struct fixture *f = *state;
	struct xfrm_event flush = { .kind = XFRM_EVENT_SA_FLUSH, .proto = IPPROTO_AH };
	struct phase2_change c;
	unsigned changes = 0;

	watch(f, 8, 102);
	bring_up(f, IN_1, OUT_1);
	f->if_id = 102;
	f->policy_index = 1008;
	bring_up(f, IN_2, OUT_2);
	drop_changes(f);
	apply(f, flush);
	assert_true(phase2_state(f->p, 8)->up);
	flush.proto = 0;
	apply(f, flush);
	while (phase2_take_change(f->p, &c))
		changes += c.was_up && !c.up;
	assert_int_equal(changes, 2);
	assert_not_up(f, PHASE2_NO_SA);
	assert_int_equal(look(f)->cause, PHASE2_FLUSHSA);
}

static void flushpolicy_takes_the_tunnel_down(void **state)
{
	struct fixture *f = *state;

	bring_up(f, IN_1, OUT_1);
	apply(f, (struct xfrm_event){ .kind = XFRM_EVENT_POLICY_FLUSH });
	assert_not_up(f, PHASE2_NO_POLICY);
	assert_int_equal(phase2_policy_count(f->p), 0);
}

/* The daemon dies with -9, comes back with a new pair; the old one stays for an hour. */
static void orphans_with_the_same_if_id_are_not_the_sa_in_use(void **state)
{
	struct fixture *f = *state;

	bring_up(f, IN_1, OUT_1);
	new_sa(f, XFRM_DIRECTION_IN, IN_2);
	new_sa(f, XFRM_DIRECTION_OUT, OUT_2);
	set_policies(f, true, OUT_2);
	assert_up(f);
	assert_int_equal(look(f)->spi_out, OUT_2);
	/* the new pair goes, the orphans stay: they carry nothing */
	delete_sa(f, XFRM_DIRECTION_OUT, OUT_2);
	assert_not_up(f, PHASE2_POLICY_NO_SA);
	delete_sa(f, XFRM_DIRECTION_IN, IN_2);
	assert_not_up(f, PHASE2_POLICY_NO_SA);
}

static void an_orphan_whose_spi_is_named_but_goes_elsewhere_does_not_count(void **state)
{
	struct fixture *f = *state;
	struct xfrm_event e = sa_event(f, XFRM_EVENT_SA, XFRM_DIRECTION_OUT, OUT_1);

	new_sa(f, XFRM_DIRECTION_IN, IN_1);
	e.sa.id.daddr = v4(66);
	apply(f, e);
	set_policies(f, false, OUT_1);
	assert_not_up(f, PHASE2_POLICY_NO_SA);
}

/* Dumps */

static void dump_of_a_running_tunnel(struct fixture *f)
{
	struct xfrm_event e = policy_event(f, XFRM_EVENT_POLICY, XFRM_DIR_OUT, OUT_1);

	apply(f, sa_event(f, XFRM_EVENT_SA, XFRM_DIRECTION_OUT, OUT_1));
	apply(f, sa_event(f, XFRM_EVENT_SA, XFRM_DIRECTION_IN, IN_1));
	apply(f, e);
}

static void a_dump_finds_what_was_there_before_us(void **state)
{
	struct fixture *f = *state;
	struct phase2_drift drift;

	phase2_begin_dump(f->p);
	dump_of_a_running_tunnel(f);
	assert_status(f, PHASE2_DOWN);
	phase2_end_dump(f->p, ++now, &drift);
	assert_up(f);
	assert_int_equal(look(f)->cause, PHASE2_RESYNC);
	assert_int_equal(drift.added, 3);
	assert_int_equal(drift.removed, 0);
}

static void what_a_dump_does_not_mention_is_gone(void **state)
{
	struct fixture *f = *state;
	struct phase2_drift drift;

	bring_up(f, IN_1, OUT_1);
	phase2_begin_dump(f->p);
	apply(f, sa_event(f, XFRM_EVENT_SA, XFRM_DIRECTION_IN, IN_1));
	phase2_end_dump(f->p, ++now, &drift);
	assert_not_up(f, PHASE2_NO_OUTBOUND);
	assert_int_equal(drift.removed, 2);
	assert_int_equal(look(f)->cause, PHASE2_RESYNC);
}

static void a_dump_that_changes_nothing_is_not_noticed(void **state)
{
	struct fixture *f = *state;
	struct phase2_drift drift;
	struct phase2_change c;

	bring_up(f, IN_1, OUT_1);
	drop_changes(f);
	phase2_begin_dump(f->p);
	dump_of_a_running_tunnel(f);
	phase2_end_dump(f->p, ++now, &drift);
	assert_false(phase2_take_change(f->p, &c));
	assert_int_equal(drift.added + drift.removed, 0);
}

static void an_sa_deleted_while_we_dumped_does_not_come_back(void **state)
{
	struct fixture *f = *state;

	bring_up(f, IN_1, OUT_1);
	phase2_begin_dump(f->p);
	dump_of_a_running_tunnel(f);
	delete_sa(f, XFRM_DIRECTION_OUT, OUT_1); /* buffered meanwhile */
	phase2_end_dump(f->p, ++now, NULL);
	assert_not_up(f, PHASE2_NO_OUTBOUND);
}

/* The dump shows what its message, on its way, tells of anyway: nothing was lost. */
static void a_message_behind_the_dump_is_taken_for_drift(void **state)
{
	struct fixture *f = *state;
	struct phase2_drift drift;

	phase2_begin_dump(f->p);
	dump_of_a_running_tunnel(f);
	apply(f, sa_event(f, XFRM_EVENT_SA, XFRM_DIRECTION_OUT, OUT_2));
	phase2_end_replies(f->p);
	bring_up(f, IN_1, OUT_1);
	new_sa(f, XFRM_DIRECTION_IN, IN_2);
	delete_sa(f, XFRM_DIRECTION_OUT, OUT_2);
	phase2_end_dump(f->p, ++now, &drift);
	assert_int_equal(drift.added, 0);
	assert_int_equal(drift.removed, 0);
	/* The next dump has an account of its own. */
	phase2_begin_dump(f->p);
	dump_of_a_running_tunnel(f);
	apply(f, sa_event(f, XFRM_EVENT_SA, XFRM_DIRECTION_OUT, OUT_2));
	phase2_end_replies(f->p);
	bring_up(f, IN_1, OUT_1);
	phase2_end_dump(f->p, ++now, &drift);
	assert_int_equal(drift.added, 1);
	assert_int_equal(drift.removed, 1);
}

/* New states are put at the head of the kernel's list: a dump under way misses them. */
static void an_sa_made_while_we_dumped_is_not_swept(void **state)
{
	struct fixture *f = *state;

	phase2_begin_dump(f->p);
	apply(f, sa_event(f, XFRM_EVENT_SA, XFRM_DIRECTION_IN, IN_1));
	apply(f, policy_event(f, XFRM_EVENT_POLICY, XFRM_DIR_OUT, OUT_1));
	new_sa(f, XFRM_DIRECTION_OUT, OUT_1);
	phase2_end_dump(f->p, ++now, NULL);
	assert_up(f);
}

/* A rekey that ended before the dump, told again by the buffered messages after it. */
static void stale_messages_after_a_dump_are_not_a_flap(void **state)
{
	struct fixture *f = *state;

	bring_up(f, IN_1, OUT_1);
	phase2_begin_dump(f->p);
	apply(f, sa_event(f, XFRM_EVENT_SA, XFRM_DIRECTION_IN, IN_2));
	apply(f, sa_event(f, XFRM_EVENT_SA, XFRM_DIRECTION_OUT, OUT_2));
	apply(f, policy_event(f, XFRM_EVENT_POLICY, XFRM_DIR_OUT, OUT_2));
	set_policies(f, true, OUT_1); /* names an SA that is gone by now */
	delete_sa(f, XFRM_DIRECTION_OUT, OUT_1);
	delete_sa(f, XFRM_DIRECTION_IN, IN_1);
	set_policies(f, true, OUT_2);
	phase2_end_dump(f->p, ++now, NULL);
	assert_up(f);
	assert_status(f, PHASE2_UP);
	assert_int_equal(look(f)->spi_in, IN_2);
}

static void a_dump_that_fails_sweeps_nothing(void **state)
{
	struct fixture *f = *state;

	bring_up(f, IN_1, OUT_1);
	phase2_begin_dump(f->p);
	apply(f, sa_event(f, XFRM_EVENT_SA, XFRM_DIRECTION_IN, IN_1));
	phase2_abort_dump(f->p, ++now);
	assert_up(f);
	phase2_begin_dump(f->p);
	dump_of_a_running_tunnel(f);
	phase2_end_dump(f->p, ++now, NULL);
	assert_up(f);
}

static void migrate_says_too_little_and_asks_for_a_dump(void **state)
{
	struct fixture *f = *state;

	bring_up(f, IN_1, OUT_1);
	assert_int_equal(apply(f, (struct xfrm_event){ .kind = XFRM_EVENT_MIGRATE }),
			 PHASE2_NEEDS_DUMP);
	assert_up(f);
}

static void mapping_and_acquire_change_nothing(void **state)
{
	struct fixture *f = *state;

	bring_up(f, IN_1, OUT_1);
	end_sa(f, XFRM_EVENT_MAPPING, XFRM_DIRECTION_IN, IN_1);
	end_sa(f, XFRM_EVENT_ACQUIRE, XFRM_DIRECTION_OUT, OUT_1);
	assert_up(f);
	assert_status(f, PHASE2_UP);
}

/* What is told */

static void changes_of_one_tunnel_are_merged_until_taken(void **state)
{
	struct fixture *f = *state;
	struct phase2_change c;

	bring_up(f, IN_1, OUT_1);
	assert_true(phase2_take_change(f->p, &c));
	assert_int_equal(c.was, PHASE2_DOWN);
	assert_int_equal(c.status, PHASE2_UP);
	assert_false(phase2_take_change(f->p, &c));
}

static void a_new_tunnel_is_reported_even_when_it_is_down(void **state)
{
	struct fixture *f = *state;
	struct phase2_change c;

	assert_true(phase2_take_change(f->p, &c));
	assert_int_equal(c.tunnel, TUNNEL);
	assert_false(c.up);
}

/* Whoever gives SAs to CPUs must hear of a third one, too, which is no other status. */
static void other_inbound_sas_with_the_same_status_are_reported(void **state)
{
	struct fixture *f = *state;
	struct phase2_change c;

	bring_up(f, IN_1, OUT_1);
	new_sa(f, XFRM_DIRECTION_IN, IN_2);
	drop_changes(f);
	new_sa(f, XFRM_DIRECTION_IN, IN_2 + 1);
	assert_true(phase2_take_change(f->p, &c));
	assert_int_equal(c.was, PHASE2_REKEYING);
	assert_int_equal(c.status, PHASE2_REKEYING);
	assert_true(c.was_up && c.up);
	new_sa(f, XFRM_DIRECTION_IN, IN_2 + 1); /* told again */
	assert_false(phase2_take_change(f->p, &c));
}

static void watching_the_same_again_is_no_change(void **state)
{
	struct fixture *f = *state;
	struct phase2_change c;

	bring_up(f, IN_1, OUT_1);
	drop_changes(f);
	watch(f, TUNNEL, IF_ID);
	assert_false(phase2_take_change(f->p, &c));
}

static void a_tunnel_that_is_no_longer_watched_is_not_reported(void **state)
{
	struct fixture *f = *state;
	struct phase2_change c;

	bring_up(f, IN_1, OUT_1);
	phase2_unwatch(f->p, TUNNEL);
	assert_false(phase2_take_change(f->p, &c));
	assert_null(phase2_state(f->p, TUNNEL));
	delete_sa(f, XFRM_DIRECTION_IN, IN_1);
	phase2_unwatch(f->p, TUNNEL);
}

static void if_id_zero_is_refused(void **state)
{
	struct fixture *f = *state;
	struct phase2_tunnel t = { 0, 5, local(), remote() };

	assert_int_equal(phase2_watch(f->p, 9, &t, 1), -EINVAL);
	assert_null(phase2_state(f->p, 9));
}

static int note_sa(const struct phase2_sa *sa, void *data)
{
	char *text = data;
	size_t len = strlen(text);

	snprintf(text + len, 200 - len, "%s %x%s%s; ",
		 sa->direction == XFRM_DIRECTION_IN ? "in" : "out", sa->sa.id.spi,
		 sa->in_use ? " used" : "", sa->soft_expired ? " dying" : "");
	return 0;
}

static void sas_are_listed_by_direction_and_age(void **state)
{
	struct fixture *f = *state;
	char text[200] = "";

	bring_up(f, IN_1, OUT_1);
	end_sa(f, XFRM_EVENT_EXPIRE_SOFT, XFRM_DIRECTION_IN, IN_1);
	new_sa(f, XFRM_DIRECTION_IN, IN_2);
	new_sa(f, XFRM_DIRECTION_OUT, OUT_2);
	assert_int_equal(phase2_each_sa(f->p, TUNNEL, note_sa, text), 0);
	assert_string_equal(text, "in c1000009 dying; in c1000002 used; out c2000009 used; "
				  "out c2000002; ");
	assert_int_equal(phase2_each_sa(f->p, 99, note_sa, text), -ENOENT);
}

/* Five hundred tunnels, fifty cycling, against a naive model: a table of what exists. */
static void five_hundred_tunnels_cycle_independently(void **state)
{
	struct fixture *f = *state;
	static bool alive[500];
	uint32_t r = 99;

	for (uint32_t i = 0; i < 500; i++) {
		watch(f, 1000 + i, 5000 + i);
		f->if_id = 5000 + i;
		f->policy_index = 8 * (100 + 10 * i);
		bring_up(f, 10 * i + 1, 10 * i + 2);
		alive[i] = true;
	}
	drop_changes(f);
	for (unsigned n = 0; n < 20000; n++) {
		struct phase2_change c;
		uint32_t i = (r = r * 1664525 + 1013904223) >> 8, spi;

		i %= 50;
		spi = 10 * i + 1;
		f->if_id = 5000 + i;
		if (alive[i])
			delete_sa(f, XFRM_DIRECTION_IN, spi);
		else
			new_sa(f, XFRM_DIRECTION_IN, spi);
		alive[i] = !alive[i];
		assert_true(phase2_take_change(f->p, &c));
		assert_int_equal(c.tunnel, 1000 + i);
		assert_int_equal(c.up, alive[i]);
		assert_false(phase2_take_change(f->p, &c));
	}
	for (uint32_t i = 0; i < 500; i++)
		assert_int_equal(phase2_state(f->p, 1000 + i)->up, alive[i]);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_tunnel_is_up_only_after_the_last_of_five_messages),
		T(an_inbound_sa_that_appears_as_updsa_counts),
		T(a_tunnel_with_inbound_only_is_not_up),
		T(two_sas_without_a_policy_are_not_up),
		T(a_policy_that_blocks_is_no_way_out),
		T(a_policy_without_spi_takes_any_outbound_sa),
		T(a_larval_sa_in_a_dump_is_no_sa),
		T(an_sa_is_as_old_as_its_keys_not_as_its_spi),
		T(an_acq_state_looks_like_an_outbound_sa_and_is_none),
		T(only_esp_counts),
		T(a_shared_reqid_does_not_mix_two_tunnels),
		T(sas_of_no_tunnel_concern_nobody),
		T(sas_that_were_there_before_the_tunnel_count),
		T(without_sa_dir_the_addresses_tell_the_direction),
		T(a_peer_behind_a_nat_still_has_a_direction),
		T(sas_between_strangers_have_no_direction),
		T(if_id_in_and_if_id_out_may_differ),
		T(a_tunnel_that_changes_its_if_id_is_judged_anew),
		T(an_sa_that_moves_to_another_if_id_leaves_the_first),
		T(same_spi_from_another_peer_is_another_sa),
		T(a_rekey_as_initiator_is_never_down),
		T(a_rekey_as_responder_is_never_down),
		T(a_hundred_rekeys_are_not_one_flap),
		T(deleting_the_old_sa_after_a_rekey_does_not_mark_the_tunnel_down),
		T(a_collision_of_rekeys_is_never_down),
		T(a_collision_that_leaves_no_sa_is_down),
		T(two_policies_one_per_family_are_up_while_one_leads_somewhere),
		T(an_update_of_an_sa_takes_back_that_it_was_dying),
		T(a_dump_does_not_take_back_that_an_sa_is_dying),
		T(a_terminated_child_falls_with_its_outbound_policy),
		T(a_hard_expiry_without_delsa_takes_the_tunnel_down),
		T(an_expiry_of_a_replaced_sa_is_no_fall),
		T(flushsa_is_one_message_and_every_tunnel_is_down),
		T(flushpolicy_takes_the_tunnel_down),
		T(orphans_with_the_same_if_id_are_not_the_sa_in_use),
		T(an_orphan_whose_spi_is_named_but_goes_elsewhere_does_not_count),
		T(a_dump_finds_what_was_there_before_us),
		T(what_a_dump_does_not_mention_is_gone),
		T(a_dump_that_changes_nothing_is_not_noticed),
		T(an_sa_deleted_while_we_dumped_does_not_come_back),
		T(a_message_behind_the_dump_is_taken_for_drift),
		T(an_sa_made_while_we_dumped_is_not_swept),
		T(stale_messages_after_a_dump_are_not_a_flap),
		T(a_dump_that_fails_sweeps_nothing),
		T(migrate_says_too_little_and_asks_for_a_dump),
		T(mapping_and_acquire_change_nothing),
		T(changes_of_one_tunnel_are_merged_until_taken),
		T(a_new_tunnel_is_reported_even_when_it_is_down),
		T(other_inbound_sas_with_the_same_status_are_reported),
		T(watching_the_same_again_is_no_change),
		T(a_tunnel_that_is_no_longer_watched_is_not_reported),
		T(if_id_zero_is_refused),
		T(sas_are_listed_by_direction_and_age),
		T(five_hundred_tunnels_cycle_independently),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
