/* SPDX-License-Identifier: GPL-2.0-only */
/* Rules of health checks: each row is a health_check and exactly what must be found. */
#include "checked.h"

/* The check stands in line 16, its first value in column 38. */
static const char base[] =
	"transit_router: { tables: { main: { learn: [dc-1] } } }\n"
	"attachments:\n"
	"  dc-1: { type: vpn, connection: dc-1, association: main }\n"
	"customer_gateways: { dc-1: { addresses: [203.0.113.10, 203.0.113.11], asn: 65001 } }\n"
	"connections:\n"
	"  dc-1:\n"
	"    customer_gateway: dc-1\n"
	"    METHOD\n"
	"    tunnels:\n"
	"      - { if_id: 102, local_address: 198.51.100.2, remote_address: 203.0.113.11, inside: "
	"169.254.11.0/30, bgp_address: 169.254.11.1 }\n"
	"      - if_id: 101\n"
	"        local_address: 198.51.100.1\n"
	"        remote_address: 203.0.113.10\n"
	"        INSIDE\n"
	"        health_check: { CHECK }\n";

#define BGP    "bgp: {}"
#define ROUTES "routes: [10.50.0.0/16, 'fd00:50::/48']"
/* What is said of every static connection with two tunnels. */
#define ECMP   "8:13: warning: connection 'dc-1' has static routes over two tunnels"
#define INSIDE "inside: 169.254.10.0/30\n        bgp_address: 169.254.10.1"

struct row {
	const char *story, *method, *check, *want;
	bool no_inside;
};

#define ONLY_A_HOST " is not the address of a host behind the tunnel"
#define NOT_OURS    " cannot be an address of this gateway"

static const struct row rows[] = {
	{ "the peer's inside address is refused", BGP, "destination: 169.254.10.2", NULL, false },
	{ "a host behind BGP is suspected", BGP, "destination: 10.50.0.9, source: 10.1.0.1", NULL,
	  false },
	{ "a check without destination is accepted", BGP, "interval: 1s",
	  "16:23: error: 'destination' is missing in health_check", false },
	{ "an empty check is accepted", BGP, "",
	  "16:23: error: 'destination' is missing in health_check", false },
	{ "a misspelt key is passed over", BGP, "destination: 169.254.10.2, retry: 3",
	  "16:52: error: unknown key 'retry' in health_check", false },
	{ "a prefix is taken for a destination", BGP, "destination: 10.50.0.0/16",
	  "16:38: error: destination: ", false },
	{ "loopback is probed", BGP, "destination: 127.0.0.2",
	  "16:38: error: destination: 127.0.0.2" ONLY_A_HOST, false },
	{ "IPv6 loopback is probed", BGP, "destination: '::1', source: 'fd00:1::1'",
	  "16:38: error: destination: ::1" ONLY_A_HOST, false },
	{ "multicast is probed", BGP, "destination: 224.0.0.1",
	  "16:38: error: destination: 224.0.0.1" ONLY_A_HOST, false },
	{ "IPv6 multicast is probed", BGP, "destination: 'ff02::1', source: 'fe80::1'",
	  "16:38: error: destination: ff02::1" ONLY_A_HOST, false },
	{ "broadcast is probed", BGP, "destination: 255.255.255.255",
	  "16:38: error: destination: 255.255.255.255" ONLY_A_HOST, false },
	{ "probes come from loopback", BGP, "destination: 10.50.0.9, source: 127.0.0.1",
	  "16:57: error: source: 127.0.0.1" NOT_OURS, false },
	{ "probes come from multicast", BGP, "destination: 10.50.0.9, source: 239.1.1.1",
	  "16:57: error: source: 239.1.1.1" NOT_OURS, false },
	{ "the gateway answers itself", BGP, "destination: 169.254.10.1",
	  "16:38: error: destination: 169.254.10.1 is the source too: it would be this gateway "
	  "that "
	  "answers",
	  false },
	{ "an IPv6 destination is probed from an IPv4 inside address", BGP,
	  "destination: 'fd00:50::9'",
	  "16:38: error: destination: fd00:50::9 is of another family than the source "
	  "169.254.10.1 (bgp_address); write a source of its own",
	  false },
	{ "source and destination are of two families", BGP,
	  "destination: 10.50.0.9, source: 'fd00:1::1'",
	  "16:38: error: destination: 10.50.0.9 is of another family than the source fd00:1::1",
	  false },
	{ "probes have no source", ROUTES, "destination: 10.50.0.9",
	  "16:23: error: 'source' is missing in health_check of tunnel 'dc-1-2', which has no "
	  "bgp_address",
	  true },
	{ "a source is refused where there is no inside address", ROUTES,
	  "destination: 10.50.0.9, source: 10.1.0.1", NULL, true },
	{ "a wrong source is reported twice", ROUTES, "destination: 10.50.0.9, source: here",
	  "16:57: error: source: ", true },
	{ "a host behind no route of the connection is suspected", ROUTES,
	  "destination: 10.51.0.9, source: 10.1.0.1", NULL, false },
	{ "an IPv6 host behind the connection is suspected", ROUTES,
	  "destination: 'fd00:50::9', source: 'fd00:1::1'", NULL, false },
	{ "an interval of 99 ms is accepted", BGP, "destination: 169.254.10.2, interval: 99ms",
	  "16:62: error: interval: 99ms is out of range, 100ms to 3600000ms is allowed", false },
	{ "an interval of 100 ms is refused", BGP, "destination: 169.254.10.2, interval: 100ms",
	  NULL, false },
	{ "an interval of an hour is refused", BGP, "destination: 169.254.10.2, interval: 3600s",
	  NULL, false },
	{ "an interval beyond an hour is accepted", BGP,
	  "destination: 169.254.10.2, interval: 3601s",
	  "16:62: error: interval: 3601s is out of range", false },
	{ "no probe at all decides", BGP, "destination: 169.254.10.2, retries: 0",
	  "16:61: error: retries: 0 is out of range, 1 to 10 is allowed", false },
	{ "one probe cannot decide", BGP, "destination: 169.254.10.2, retries: 1", NULL, false },
	{ "eleven probes decide", BGP, "destination: 169.254.10.2, retries: 11",
	  "16:61: error: retries: 11 is out of range, 1 to 10 is allowed", false },
	{ "an unknown consequence is accepted", BGP,
	  "destination: 169.254.10.2, on_failure: revoke_routes",
	  "16:64: error: on_failure: 'revoke_routes' is not allowed; did you mean 'revoke_route'; "
	  "allowed: revoke_route, reserve_route",
	  false },
};

static void run_row(void **state)
{
	const struct row *row = *state;
	const char *want[2];
	struct checked k;
	size_t n = 0;
	char *text;

	text = replaced(strdup(base), "METHOD", row->method);
	text = replaced(text, "INSIDE", row->no_inside ? "mtu: 1400\n        weight: 1" : INSIDE);
	text = replaced(text, "CHECK", row->check);
	k = check_text(text);
	if (!strcmp(row->method, ROUTES))
		want[n++] = ECMP;
	if (row->want)
		want[n++] = row->want;
	assert_findings(&k.findings, want, n);
	checked_free(&k);
	free(text);
}

/* NULL: nothing is said. */
static void answers_are_dropped_for_want_of_an_association_and_nobody_is_told(void **state)
{
	static const char *const checks[][2] = {
		{ "destination: 10.50.0.9, source: 10.1.0.1",
		  "16:38: warning: destination: its answers are dropped, for connection 'dc-1' is "
		  "associated with no table [D8]; associate it, or probe from bgp_address" },
		{ "destination: 'fd00:50::9', source: 'fd00:1::1'",
		  "16:38: warning: destination: its answers are dropped" },
		{ "destination: 169.254.10.2", NULL },
		{ "destination: 172.31.0.1", NULL },
		{ "destination: 'fd00:51::9', source: 'fe80::1'", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(checks) / sizeof(*checks); i++) {
		const char *want[] = { "3:3: warning: attachment 'dc-1'", checks[i][1] };
		char *text = replaced(strdup(base), ", association: main", "");
		struct checked k;

		text = replaced(text, "METHOD", BGP);
		text = replaced(text, "INSIDE", INSIDE);
		text = replaced(text, "CHECK", checks[i][0]);
		k = check_text(text);
		assert_findings(&k.findings, want, checks[i][1] ? 2 : 1);
		checked_free(&k);
		free(text);
	}
}

int main(void)
{
	static struct CMUnitTest tests[sizeof(rows) / sizeof(*rows) + 1];
	size_t count = 0;

	for (; count < sizeof(rows) / sizeof(*rows); count++)
		tests[count] = (struct CMUnitTest){ .name = rows[count].story,
						    .test_func = run_row,
						    .initial_state = (void *)&rows[count] };
	tests[count] = (struct CMUnitTest)cmocka_unit_test(
		answers_are_dropped_for_want_of_an_association_and_nobody_is_told);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
