/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What runs against what is rendered: recordings of FRR 10.3, strongSwan 6.0.1 and BIRD 2.17.6 that
 * run what is rendered (tests/unit/data/running) do not differ from it; with one edit they do, and
 * exactly that is said. (A kernel without VRF runs them: sessions are idle, which is no
 * difference.)
 */
#include "checked.h"
#include "wire/render.h"
#include "wire/running.h"

#define DATA "tests/unit/data/"

static void frr(const struct config *c, struct statements *out)
{
	struct text text = { 0 };

	render_frr(c, &text);
	running_frr(text.data, text.len, out);
	text_free(&text);
}

enum program { FRR, SWANCTL, BIRD };

static const struct {
	const char *suffix;
	void (*rendered)(const struct config *c, struct statements *out);
	void (*running)(const char *text, size_t len, struct statements *out);
	const struct comparison *how;
} programs[] = {
	[FRR] = { "frr", frr, running_frr, &running_frr_comparison },
	[SWANCTL] = { "swanctl", rendered_swanctl, running_swanctl, &running_swanctl_comparison },
	[BIRD] = { "bird", rendered_bird, running_bird, &running_bird_comparison },
};

static struct checked checked_file(const char *name)
{
	char path[128], *text;
	struct checked k;

	snprintf(path, sizeof(path), DATA "%s.yaml", name);
	text = read_whole(path, NULL);
	k = check_text(text);
	free(text);
	assert_int_equal(findings_errors(&k.findings), 0);
	return k;
}

static char *recorded(const char *name, enum program p)
{
	char path[128];

	snprintf(path, sizeof(path), DATA "running/%s.%s", name, programs[p].suffix);
	return read_whole(path, NULL);
}

/* "-CONTEXT: LINE;" or "+..." for each difference. */
static void differences(const char *name, enum program p, const char *running, struct text *out)
{
	struct checked k = checked_file(name);
	struct statements a = { 0 }, b = { 0 };
	struct difference *list;
	size_t count;

	programs[p].rendered(&k.config, &a);
	programs[p].running(running, strlen(running), &b);
	statements_sort(&a);
	statements_sort(&b);
	assert_true(a.count > 10);
	assert_int_equal(statements_compare(&a, &b, programs[p].how, &list, &count), 0);
	text_add(out, "%s", "");
	for (size_t i = 0; i < count; i++)
		text_add(out, "%c%s: %s;", list[i].rendered ? '-' : '+', list[i].statement->context,
			 list[i].statement->line);
	free(list);
	statements_free(&a);
	statements_free(&b);
	checked_free(&k);
}

static void the_same_is_called_different(void **state)
{
	static const struct {
		const char *name;
		enum program program;
	} same[] = { { "design", FRR },
		     { "everything", FRR },
		     { "design", SWANCTL },
		     { "design", BIRD },
		     { "everything", BIRD } };

	(void)state;
	for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++) {
		char *text = recorded(same[i].name, same[i].program);
		struct text said = { 0 };

		differences(same[i].name, same[i].program, text, &said);
		assert_string_equal(said.data, "");
		text_free(&said);
		free(text);
	}
}

/* Each edit of the recording of design.yaml, and what is to be said of it. */
static const struct edit {
	enum program program;
	const char *from, *to; /* the first place */
	const char *said;
} edits[] = {
	{ FRR, " neighbor 169.254.10.2 timers 10 30\n", " neighbor 169.254.10.2 timers 3 9\n",
	  "-router bgp 45104 vrf vrf1001: neighbor 169.254.10.2 timers 10 30;"
	  "+router bgp 45104 vrf vrf1001: neighbor 169.254.10.2 timers 3 9;" },
	{ FRR, "  maximum-paths 8\n", "",
	  "-router bgp 45104 vrf vrf1001 / address-family ipv4 unicast: maximum-paths 8;" },
	{ FRR, " bgp graceful-restart\n",
	  " bgp graceful-restart restart-time 60\n bgp graceful-restart\n",
	  "+router bgp 45104 vrf vrf1001: bgp graceful-restart restart-time 60;" },
	{ FRR, "  neighbor 169.254.10.2 route-map espalier-out out\n", "",
	  "-router bgp 45104 vrf vrf1001 / address-family ipv4 unicast: neighbor 169.254.10.2 "
	  "route-map espalier-out out;" },
	{ FRR, "bfd\n profile espalier-dc-1\n",
	  "bfd\n profile espalier-dc-1\n  detect-multiplier 9\n",
	  "+bfd / profile espalier-dc-1: detect-multiplier 9;" },
	{ FRR,
	  " peer 169.254.10.2 local-address 169.254.10.1 vrf vrf1001\n  profile espalier-dc-1\n",
	  " peer 169.254.10.2 local-address 169.254.10.1 vrf vrf1001\n",
	  "-bfd / peer 169.254.10.2 local-address 169.254.10.1 vrf vrf1001: profile "
	  "espalier-dc-1;" },
	/* Of a tunnel that is gone. */
	{ FRR, "!\nbfd\n", "!\nbfd\n peer 169.254.12.2 vrf vrf1001 interface xfrm103\n exit\n !\n",
	  "+bfd: peer 169.254.12.2 vrf vrf1001 interface xfrm103;" },
	{ FRR, "route-map espalier-in deny 10\n",
	  "route-map espalier-in permit 5\nexit\n!\n"
	  "route-map espalier-in deny 10\n",
	  "+: route-map espalier-in permit 5;" },
	/* Somebody else's. */
	{ FRR, "!\nbfd\n",
	  "!\nrouter bgp 65000\n bgp router-id 192.0.2.1\nexit\n!\n"
	  "ip route 10.0.0.0/8 192.0.2.2\n!\nroute-map mine permit 10\nexit\n!\nbfd\n peer "
	  "192.0.2.7\n exit\n !\n peer 192.0.2.8 vrf vrf10012\n  profile mine\n exit\n !\n",
	  "" },
	/* strongSwan */
	{ SWANCTL, "203.0.113.10\n", "203.0.113.99\n",
	  "-dc-1-1: remote_addrs = 203.0.113.10;+dc-1-1: remote_addrs = 203.0.113.99;" },
	{ SWANCTL, "      ::/0\n", "",
	  "-dc-1-1 / children / dc-1-1: local-ts = 0.0.0.0/0 ::/0;"
	  "+dc-1-1 / children / dc-1-1: local-ts = 0.0.0.0/0;" },
	{ SWANCTL, "dpd_action = start", "dpd_action = restart", "" },
	{ SWANCTL, "unique = UNIQUE_NO", "unique = UNIQUE_REPLACE",
	  "-dc-1-1: unique = UNIQUE_NO;+dc-1-1: unique = UNIQUE_REPLACE;" },
	{ SWANCTL, "list-conns reply {",
	  "list-conn event {\n  other {\n    version = IKEv1\n  }\n}\n"
	  "list-conns reply {",
	  "" },
	/* BIRD */
	{ BIRD, "espalier_out", "ACCEPT",
	  "-dc-1-1 / Channel ipv4: Output filter: espalier_out;"
	  "+dc-1-1 / Channel ipv4: Output filter: ACCEPT;" },
	{ BIRD, "Neighbor AS:      65001", "Neighbor AS:      65002",
	  "-dc-1-1: Neighbor AS: 65001;+dc-1-1: Neighbor AS: 65002;" },
	{ BIRD,
	  "dc-1:bfd   BFD        ---        up     14:29:17.567  \n"
	  "  VRF:            vrf1001\n",
	  "", "-dc-1:bfd: VRF: vrf1001;-dc-1:bfd: protocol BFD;" },
	{ BIRD, "device1    Device",
	  "mine       BGP        ---        up     -  \n  VRF: x\n\n"
	  "device1    Device",
	  "" },
};

static void an_edit_is_not_seen(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(edits) / sizeof(*edits); i++) {
		const struct edit *e = &edits[i];
		char *text = recorded("design", e->program), *at = strstr(text, e->from);
		struct text edited = { 0 }, said = { 0 };

		assert_non_null(at);
		text_add(&edited, "%.*s%s%s", (int)(at - text), text, e->to, at + strlen(e->from));
		differences("design", e->program, edited.data, &said);
		assert_string_equal(said.data, e->said);
		text_free(&edited);
		text_free(&said);
		free(text);
	}
}

/* The instance has another ASN: all of it differs, and both are named. */
static void another_instance_in_our_vrf_is_overlooked(void **state)
{
	char *text = recorded("design", FRR), *at = strstr(text, "router bgp 45104");
	struct text said = { 0 };

	(void)state;
	assert_non_null(at);
	at[strlen("router bgp 4510")] = '5';
	differences("design", FRR, text, &said);
	assert_non_null(strstr(said.data, "-: router bgp 45104 vrf vrf1001;"));
	assert_non_null(strstr(said.data, "+: router bgp 45105 vrf vrf1001;"));
	text_free(&said);
	free(text);
}

/* Nothing runs: everything is missing, nothing is too much. */
static void an_empty_answer_is_the_same(void **state)
{
	(void)state;
	for (enum program p = FRR; p <= BIRD; p++) {
		struct text said = { 0 };

		differences("design", p, "", &said);
		assert_true(said.len > 100);
		assert_null(strstr(said.data, ";+"));
		text_free(&said);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_is_called_different),
		cmocka_unit_test(an_edit_is_not_seen),
		cmocka_unit_test(another_instance_in_our_vrf_is_overlooked),
		cmocka_unit_test(an_empty_answer_is_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
