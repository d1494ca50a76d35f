/* SPDX-License-Identifier: GPL-2.0-only */
/* What went wrong for others, message by message (xfrm_story.h says how a story is told). */
#include "xfrm_story.h"

/* The five messages of a CHILD_SA, in the recorded order. */
#define CHILD_SA                                             \
	"UPDSA in 1001 > negotiating: no outbound SA\n"      \
	"NEWSA out 2001 > negotiating: no outbound policy\n" \
	"NEWPOLICY in > negotiating: no outbound policy\n"   \
	"NEWPOLICY fwd > negotiating: no outbound policy\n"  \
	"NEWPOLICY out 2001 > up\n"

static void strongswan_1896_2477_an_inbound_only_tunnel_is_not_up(void **state)
{
	(void)state;
	tell("UPDSA in 1001 > negotiating: no outbound SA\n"
	     "NEWPOLICY in > negotiating: no outbound SA\n"
	     "NEWPOLICY fwd > negotiating: no outbound SA\n"
	     "NEWPOLICY out 2001 > negotiating: no outbound SA\n"
	     "UPDSA in 1002 > negotiating: no outbound SA\n"
	     "flaps > 0\n");
}

/* The rekey installs its inbound SA, and the outbound one never comes: the old one carries on. */
static void strongswan_1896_a_rekey_that_stops_half_way_keeps_the_old_pair(void **state)
{
	(void)state;
	tell(CHILD_SA "EXPIRE-SOFT in 1001 > expiring\n"
		      "UPDSA in 1002 > rekeying\n"
		      "outbound > 2001\n"
		      "EXPIRE-HARD in 1001 > up\n"
		      "EXPIRE-HARD out 2001 > negotiating: no outbound SA\n"
		      "flaps > 1\n");
}

static void vyos_t1291_deleting_the_old_sa_only_is_no_fall(void **state)
{
	(void)state;
	tell(CHILD_SA "UPDSA in 1002 > rekeying\n"
		      "NEWSA out 2002 > rekeying\n"
		      "UPDPOLICY out 2002 > rekeying\n"
		      "DELSA out 2001 > rekeying\n"
		      "DELSA in 1001 > up\n"
		      "outbound > 2002\n"
		      "flaps > 0\n");
}

static void strongswan_1855_a_shared_reqid_does_not_mix_tunnels(void **state)
{
	(void)state;
	tell_of_two("UPDSA in 1001 > negotiating: no outbound SA; down\n"
		    "NEWSA out 2001 > negotiating: no outbound policy; down\n"
		    "NEWPOLICY out 2001 > up; down\n"
		    "UPDSA in 1101 if_id=102 > up; negotiating: no outbound SA\n"
		    "NEWSA out 2101 if_id=102 > up; negotiating: no outbound policy\n"
		    "NEWPOLICY out 2101 if_id=102 > up; up\n"
		    "DELSA out 2101 if_id=102 > up; negotiating: no outbound SA\n"
		    "DELPOLICY out if_id=102 > up; negotiating: no outbound SA\n"
		    "DELSA in 1101 if_id=102 > up; down\n"
		    "flaps > 0\n");
}

/* Both ends delete what the other one has just made. */
static void strongswan_1458_a_collision_that_leaves_no_sa_is_down(void **state)
{
	(void)state;
	tell(CHILD_SA "UPDSA in 1002 > rekeying\n"
		      "NEWSA out 2002 > rekeying\n"
		      "UPDPOLICY out 2002 > rekeying\n"
		      "DELSA out 2001 > rekeying\n"
		      "DELSA in 1001 > up\n"
		      "DELSA out 2002 > negotiating: no outbound SA\n"
		      "DELSA in 1002 > down\n"
		      "flaps > 1\n");
}

/* Both rekey at once; the loser's pair is deleted, the old pair last. */
static void colliding_rekeys_are_not_a_flap(void **state)
{
	(void)state;
	tell(CHILD_SA "UPDSA in 1002 > rekeying\n"
		      "UPDSA in 1003 > rekeying\n"
		      "NEWSA out 2003 > rekeying\n"
		      "UPDPOLICY out 2003 > rekeying\n"
		      "NEWSA out 2002 > rekeying\n"
		      "UPDPOLICY out 2002 > rekeying\n"
		      "DELSA out 2003 > rekeying\n"
		      "DELSA in 1003 > rekeying\n"
		      "DELSA out 2001 > rekeying\n"
		      "DELSA in 1001 > up\n"
		      "outbound > 2002\n"
		      "flaps > 0\n");
}

/* The policy still names the loser's SA when that goes: for a moment packets find no SA. It is up
 * again with the policy, and the fall is told: the liveness word must not lie. */
static void a_collision_whose_policy_names_the_loser_falls_until_it_is_corrected(void **state)
{
	(void)state;
	tell(CHILD_SA
	     "UPDSA in 1002 > rekeying\n"
	     "NEWSA out 2002 > rekeying\n"
	     "UPDSA in 1003 > rekeying\n"
	     "NEWSA out 2003 > rekeying\n"
	     "UPDPOLICY out 2003 > rekeying\n"
	     "DELSA out 2003 > negotiating: the outbound policy names an SA that is not there\n"
	     "UPDPOLICY out 2002 > rekeying\n"
	     "flaps > 1\n");
}

/* Two CHILD_SAs of one tunnel, as after an initiation from both sides: one may go. */
static void duplicate_child_sas_are_up_until_the_last_goes(void **state)
{
	(void)state;
	tell(CHILD_SA "UPDSA in 1002 > rekeying\n"
		      "NEWSA out 2002 > rekeying\n"
		      "UPDPOLICY out 2002 > rekeying\n"
		      "DELSA in 1001 > rekeying\n"
		      "DELSA out 2001 > up\n"
		      "DELPOLICY out > negotiating: no outbound policy\n"
		      "DELSA in 1002 > negotiating: no inbound SA\n"
		      "DELSA out 2002 > down\n");
}

static void a_message_told_twice_changes_nothing(void **state)
{
	(void)state;
	tell(CHILD_SA "UPDSA in 1001 > up\n"
		      "NEWSA out 2001 > up\n"
		      "NEWPOLICY out 2001 > up\n"
		      "DELSA in 1009 > up\n"
		      "flaps > 0\n");
}

static void a_hard_expiry_without_delsa_is_a_fall(void **state)
{
	(void)state;
	tell(CHILD_SA "EXPIRE-SOFT in 1001 > expiring\n"
		      "EXPIRE-SOFT out 2001 > expiring\n"
		      "EXPIRE-HARD in 1001 > negotiating: no inbound SA\n"
		      "EXPIRE-HARD out 2001 > down\n"
		      "flaps > 1\n");
}

static void flushsa_is_one_message_for_all_tunnels(void **state)
{
	(void)state;
	tell_of_two("UPDSA in 1001 > negotiating: no outbound SA; down\n"
		    "NEWSA out 2001 > negotiating: no outbound policy; down\n"
		    "NEWPOLICY out 2001 > up; down\n"
		    "UPDSA in 1101 if_id=102 > up; negotiating: no outbound SA\n"
		    "NEWSA out 2101 if_id=102 > up; negotiating: no outbound policy\n"
		    "NEWPOLICY out 2101 if_id=102 > up; up\n"
		    "FLUSHSA > down; down\n");
}

/* The state of a packet that waits has the SPI of the dead SA, its addresses, its if_id. */
static void an_acq_state_that_looks_like_an_outbound_sa_is_none(void **state)
{
	(void)state;
	tell(CHILD_SA "EXPIRE-HARD out 2001 > negotiating: no outbound SA\n"
		      "ACQUIRE out 2001 > negotiating: no outbound SA\n"
		      "dump > negotiating: no outbound SA\n"
		      "UPDSA in 1001 > negotiating: no outbound SA\n"
		      "ACQ out 2001 > negotiating: no outbound SA\n"
		      "NEWPOLICY out 2001 > negotiating: no outbound SA\n"
		      "end > negotiating: no outbound SA\n"
		      "outbound > 0\n");
}

/* charon is killed with -9 and comes back: the old pair stays, and does not count. */
static void orphans_of_a_killed_daemon_do_not_keep_a_tunnel_up(void **state)
{
	(void)state;
	tell("dump > down\n"
	     "NEWSA in 1001 > down\n"
	     "NEWSA out 2001 > down\n"
	     "NEWPOLICY out 2001 > down\n"
	     "end > up\n"
	     "UPDSA in 1002 > rekeying\n"
	     "NEWSA out 2002 > rekeying\n"
	     "UPDPOLICY out 2002 > rekeying\n"
	     "DELSA in 1002 > rekeying\n"
	     "DELSA out 2002 > negotiating: the outbound policy names an SA that is not there\n"
	     "DELPOLICY out > negotiating: no outbound policy\n"
	     "outbound > 0\n");
}

/* An xfrm interface has one if_id: what comes in under another one comes in elsewhere. */
static void an_inbound_sa_with_another_if_id_does_not_count(void **state)
{
	(void)state;
	tell("UPDSA in 1001 if_id=202 > down\n"
	     "NEWSA out 2001 > negotiating: no inbound SA\n"
	     "NEWPOLICY out 2001 > negotiating: no inbound SA\n"
	     "flaps > 0\n");
}

static void if_id_in_and_if_id_out_may_differ_where_both_are_watched(void **state)
{
	struct world w = { .p = NULL };

	(void)state;
	watch(&w, 101, 201, 202);
	tell_in(&w, "UPDSA in 1001 if_id=201 > negotiating: no outbound SA\n"
		    "NEWSA out 2001 if_id=202 > negotiating: no outbound policy\n"
		    "NEWPOLICY in if_id=201 > negotiating: no outbound policy\n"
		    "NEWPOLICY out 2001 if_id=202 > up\n"
		    "UPDSA in 1002 if_id=202 > up\n"
		    "DELSA in 1001 if_id=201 > negotiating: no inbound SA\n"
		    "flaps > 1\n");
}

/* MIGRATE does not say which SAs: they are read anew, under their new addresses. */
static void after_migrate_the_tunnel_is_what_a_dump_says(void **state)
{
	(void)state;
	tell(CHILD_SA "MIGRATE out > dump needed, up\n"
		      "dump > up\n"
		      "NEWSA in 1001 > up\n"
		      "NEWSA out 2001 > up\n"
		      "NEWPOLICY out 2001 > up\n"
		      "end > up\n"
		      "flaps > 0\n"
		      "MIGRATE out > dump needed, up\n"
		      "dump > up\n"
		      "NEWSA in 1001 > up\n"
		      "end > negotiating: no outbound SA\n");
}

/* strongSwan moves an SA to another port by deleting and making it: kernel_netlink's update_sa. */
static void mapping_is_told_and_the_port_changes_with_the_sa(void **state)
{
	(void)state;
	tell("UPDSA in 1001 port=4500 > negotiating: no outbound SA\n"
	     "NEWSA out 2001 port=4500 > negotiating: no outbound policy\n"
	     "NEWPOLICY out 2001 > up\n"
	     "MAPPING in 1001 port=1024 > up\n"
	     "flaps > 0\n"
	     "DELSA in 1001 port=4500 > negotiating: no inbound SA\n"
	     "NEWSA in 1001 port=1024 > up\n"
	     "DELSA out 2001 port=4500 > negotiating: no outbound SA\n"
	     "NEWSA out 2001 port=1024 > up\n"
	     "outbound > 2001\n"
	     "flaps > 2\n");
}

static void a_larval_state_of_allocspi_is_no_second_sa(void **state)
{
	(void)state;
	tell(CHILD_SA "dump > up\n"
		      "LARVAL in 1002 > up\n"
		      "NEWSA out 2001 > up\n"
		      "NEWSA in 1001 > up\n"
		      "NEWPOLICY out 2001 > up\n"
		      "end > up\n"
		      "UPDSA in 1002 > rekeying\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strongswan_1896_2477_an_inbound_only_tunnel_is_not_up),
		cmocka_unit_test(strongswan_1896_a_rekey_that_stops_half_way_keeps_the_old_pair),
		cmocka_unit_test(vyos_t1291_deleting_the_old_sa_only_is_no_fall),
		cmocka_unit_test(strongswan_1855_a_shared_reqid_does_not_mix_tunnels),
		cmocka_unit_test(strongswan_1458_a_collision_that_leaves_no_sa_is_down),
		cmocka_unit_test(colliding_rekeys_are_not_a_flap),
		cmocka_unit_test(
			a_collision_whose_policy_names_the_loser_falls_until_it_is_corrected),
		cmocka_unit_test(duplicate_child_sas_are_up_until_the_last_goes),
		cmocka_unit_test(a_message_told_twice_changes_nothing),
		cmocka_unit_test(a_hard_expiry_without_delsa_is_a_fall),
		cmocka_unit_test(flushsa_is_one_message_for_all_tunnels),
		cmocka_unit_test(an_acq_state_that_looks_like_an_outbound_sa_is_none),
		cmocka_unit_test(orphans_of_a_killed_daemon_do_not_keep_a_tunnel_up),
		cmocka_unit_test(an_inbound_sa_with_another_if_id_does_not_count),
		cmocka_unit_test(if_id_in_and_if_id_out_may_differ_where_both_are_watched),
		cmocka_unit_test(after_migrate_the_tunnel_is_what_a_dump_says),
		cmocka_unit_test(mapping_is_told_and_the_port_changes_with_the_sa),
		cmocka_unit_test(a_larval_state_of_allocspi_is_no_second_sa),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
