/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From one configuration to the next: what may not change, what a plan says, routes at run time,
 * and that what is exported is the same again.
 */
#include "checked.h"
#include <errno.h>
#include "core/plan.h"
#include "core/runtime.h"
#include "wire/config_emit.h"

#define EVERYTHING "tests/unit/data/everything.yaml"

static const char base[] =
	"gateway: { flow_hash: l4 }\n"
	"transit_router:\n"
	"  tables:\n"
	"    main:\n"
	"      learn: [vpc-a, dc-1]\n"
	"      routes: [{ destination: 10.9.0.0/16, blackhole: true }]\n"
	"attachments:\n"
	"  vpc-a: { type: vpc, device: eth1, cidrs: [10.1.0.0/16], association: main }\n"
	"  dc-1: { type: vpn, connection: dc-1, association: main }\n"
	"customer_gateways:\n"
	"  dc-1: { addresses: [203.0.113.10, 203.0.113.11], asn: 65001 }\n"
	"connections:\n"
	"  dc-1:\n"
	"    customer_gateway: dc-1\n"
	"    routes: [10.50.0.0/16, 10.51.0.0/16]\n"
	"    tunnels:\n"
	"      - { if_id: 101, local_address: 198.51.100.1, remote_address: 203.0.113.10 }\n"
	"      - { if_id: 102, local_address: 198.51.100.2, remote_address: 203.0.113.11 }\n";

static void expect_no_errors(const struct checked *k)
{
	char *text = findings_errors(&k->findings) ? findings_text(&k->findings) : NULL;

	if (text)
		print_error("%s\n", text);
	free(text);
	assert_int_equal(findings_errors(&k->findings), 0);
}

/* `base` with one text in place of another. */
static struct checked edited(const char *from, const char *to)
{
	const char *at = strstr(base, from);
	char text[4096];
	struct checked k;

	assert_non_null(at);
	snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - base), base, to, at + strlen(from));
	k = check_text(text);
	expect_no_errors(&k);
	return k;
}

static struct prefix p(const char *text)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(text, &prefix, NULL), 0);
	return prefix;
}

/* ---- what may not change ---- */

static const struct {
	const char *from, *to, *want; /* NULL: allowed */
} changes[] = {
	{ "10.50.0.0/16", "10.52.0.0/16", NULL },
	{ "[203.0.113.10, 203.0.113.11]", "[203.0.113.11, 203.0.113.10]", NULL },
	{ "203.0.113.11], asn", "203.0.113.12], asn", "11:23: error: [S49]" },
	{ "[203.0.113.10, 203.0.113.11]", "[203.0.113.10]", "11:23: error: [S49]" },
	{ "asn: 65001", "asn: 65002", "11:57: error: [S49]" },
	{ ", asn: 65001", "", "11:3: error: [S49]" },
	{ "flow_hash: l4", "flow_hash: l3", "1:23: error: [D12]" },
	{ "flow_hash: l4", "hold_down: 1s", NULL },
	{ "flow_hash: l4", "damping: off", NULL },
};

static void a_customer_gateway_or_the_hash_changes_under_a_running_gateway(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		struct checked was = check_text(base), is = { 0 };
		struct findings f = { 0 };
		char place[64];
		const char *at = strstr(base, changes[i].from);
		char text[4096];

		snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - base), base, changes[i].to,
			 at + strlen(changes[i].from));
		is = check_text(text);
		rules_check_change(&was.config, &is.config, &f);
		assert_int_equal(f.count, changes[i].want ? 1 : 0);
		if (changes[i].want) {
			const char *rule = strchr(changes[i].want, '[');

			snprintf(place, sizeof(place), "%u:%u: error: %s", f.list[0].mark.line,
				 f.list[0].mark.column, rule);
			assert_string_equal(place, changes[i].want);
			assert_non_null(strstr(f.list[0].text, rule));
		}
		findings_free(&f);
		checked_free(&was);
		checked_free(&is);
	}
}

static void a_new_name_is_a_new_customer_gateway(void **state)
{
	struct checked was = check_text(base);
	struct checked is =
		edited("  dc-1: { addresses: [203.0.113.10, 203.0.113.11], asn: 65001 }\n",
		       "  dc-1: { addresses: [203.0.113.10, 203.0.113.11], asn: 65001 }\n"
		       "  new: { address: 203.0.113.99 }\n");
	struct findings f = { 0 };

	(void)state;
	rules_check_change(&was.config, &is.config, &f);
	assert_int_equal(f.count, 0);
	checked_free(&was);
	checked_free(&is);
}

/* ---- single routes ---- */

static const struct {
	const char *prefix;
	int err;
	const char *rule;
} routes[] = {
	{ "10.52.0.0/16", 0, NULL },	       { "10.50.0.0/17", 0, NULL },
	{ "10.50.0.0/16", -EEXIST, "[S31]" },  { "0.0.0.0/0", -EINVAL, "[S35]" },
	{ "::/0", -EINVAL, "[S35]" },	       { "::/1", 0, NULL },
	{ "100.64.0.0/10", -EINVAL, "[S36]" }, { "100.127.255.255/32", -EINVAL, "[S36]" },
	{ "100.128.0.0/10", 0, NULL },	       { "100.0.0.0/10", 0, NULL },
	{ "100.0.0.0/9", -EINVAL, "[S36]" },   { "64.0.0.0/2", -EINVAL, "[S36]" },
	{ "0.0.0.0/1", -EINVAL, "[S36]" },     { "128.0.0.0/1", 0, NULL },
};

static void a_forbidden_route_comes_in_at_run_time(void **state)
{
	struct checked k = check_text(base);

	(void)state;
	for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++) {
		struct findings f = { 0 };
		struct prefix prefix = p(routes[i].prefix);

		assert_int_equal(rules_connection_route(&k.config, 0, &prefix, &f), routes[i].err);
		assert_int_equal(f.count, routes[i].rule ? 1 : 0);
		if (routes[i].rule)
			assert_non_null(strstr(f.list[0].text, routes[i].rule));
		findings_free(&f);
	}
	checked_free(&k);
}

static void a_connection_with_bgp_gets_a_static_route(void **state)
{
	struct prefix prefix = p("10.52.0.0/16");
	struct checked k = check_text(base);
	struct findings f = { 0 };

	(void)state;
	k.config.connections[0].bgp.enabled = true;
	assert_int_equal(rules_connection_route(&k.config, 0, &prefix, &f), -EINVAL);
	assert_non_null(strstr(f.list[0].text, "[S22]"));
	findings_free(&f);
	k.config.connections[0].allow_mixed_routing = true;
	assert_int_equal(rules_connection_route(&k.config, 0, &prefix, &f), 0);
	k.config.attachments[1].connection.index = -1;
	assert_int_equal(rules_connection_route(&k.config, 0, &prefix, &f), -EINVAL);
	assert_non_null(strstr(f.list[0].text, "[S32]"));
	findings_free(&f);
	checked_free(&k);
}

static int judge_table(const struct config *c, const char *prefix, const char *via, uint32_t metric)
{
	struct runtime_route r = { .table = true,
				   .owner = (char *)"main",
				   .prefix = p(prefix),
				   .via = (char *)via,
				   .metric = metric };
	struct config_table_route route;
	struct findings f = { 0 };
	int err = runtime_table_route(&r, c, &route);

	if (!err)
		err = rules_table_route(c, 0, &route, &f);
	findings_free(&f);
	return err;
}

static void a_table_gets_a_route_twice_or_one_that_contradicts(void **state)
{
	struct checked k = check_text(base);

	(void)state;
	assert_int_equal(judge_table(&k.config, "10.9.0.0/16", NULL, 0), -EEXIST);
	assert_int_equal(judge_table(&k.config, "10.9.0.0/16", NULL, 1), 0);
	assert_int_equal(judge_table(&k.config, "10.9.0.0/16", "vpc-a", 0), -EINVAL);
	assert_int_equal(judge_table(&k.config, "10.9.0.0/16", "vpc-a", 1), 0);
	assert_int_equal(judge_table(&k.config, "0.0.0.0/0", "dc-1", 0), 0);
	assert_int_equal(judge_table(&k.config, "10.8.0.0/16", "nobody", 0), -ENOENT);
	checked_free(&k);
}

/* ---- what was changed at run time meets the next file ---- */

static void remember(struct runtime_routes *list, enum runtime_kind kind, const char *owner,
		     const char *prefix)
{
	struct runtime_route r = { .kind = kind, .owner = (char *)owner, .prefix = p(prefix) };

	assert_int_equal(runtime_routes_add(list, &r), 0);
}

static void routes_of_run_time_meet_the_next_file(void **state)
{
	struct runtime_routes known = { 0 }, left = { 0 };
	struct checked k = check_text(base);
	struct findings f = { 0 };

	(void)state;
	remember(&known, RUNTIME_ADDED, "dc-1", "10.52.0.0/16");   /* stays */
	remember(&known, RUNTIME_ADDED, "dc-1", "10.50.0.0/16");   /* the file's own now */
	remember(&known, RUNTIME_ADDED, "dc-9", "10.53.0.0/16");   /* nobody's */
	remember(&known, RUNTIME_ADDED, "dc-1", "100.64.0.0/16");  /* refused, kept */
	remember(&known, RUNTIME_DELETED, "dc-1", "10.51.0.0/16"); /* stays deleted */
	remember(&known, RUNTIME_DELETED, "dc-1", "10.54.0.0/16"); /* not there anyway */
	assert_int_equal(runtime_routes_merge(&known, &k.config, true, &left, &f), 0);
	assert_int_equal(left.count, 3);
	assert_null(left.list[0].why);
	assert_non_null(strstr(left.list[1].why, "[S36]"));
	assert_int_equal(left.list[2].kind, RUNTIME_DELETED);
	assert_int_equal(f.count, 2); /* forgotten, refused */
	assert_int_equal(k.config.connections[0].route_count, 2);
	assert_true(prefix_equal(&k.config.connections[0].routes[0].prefix, &known.list[1].prefix));
	assert_int_not_equal(k.config.connections[0].routes[0].mark.line, 0);
	assert_int_equal(k.config.connections[0].routes[1].mark.line, 0);
	findings_free(&f);
	runtime_routes_free(&left);
	checked_free(&k);

	/* An applied file says all: what was deleted comes back. */
	k = check_text(base);
	assert_int_equal(runtime_routes_merge(&known, &k.config, false, &left, &f), 0);
	assert_int_equal(left.count, 2);
	assert_int_equal(k.config.connections[0].route_count, 3);
	runtime_routes_free(&known);
	runtime_routes_free(&left);
	findings_free(&f);
	checked_free(&k);
}

static void a_connection_written_in_front_takes_the_kernel_table_of_another(void **state)
{
	static const char in_front[] = "connections:\n"
				       "  first:\n"
				       "    customer_gateway: dc-1\n"
				       "    tunnels: [{ if_id: 9, device: tun9 }]\n";
	const struct known_table known[] = { { "dc-1", 1001 }, { "gone", 1002 } };
	struct checked k = edited("connections:\n", in_front);
	struct findings f = { 0 };

	(void)state;
	assert_int_equal(k.config.connections[1].kernel_table, 1002);
	k.config.connections[0].kernel_table = k.config.connections[1].kernel_table = 0;
	config_keep_tables(&k.config, known, 2);
	rules_check(&k.config, &f);
	assert_int_equal(k.config.connections[1].kernel_table, 1001);
	assert_int_equal(k.config.connections[0].kernel_table, 1002);
	findings_free(&f);
	checked_free(&k);
}

/* ---- plans ---- */

static const struct {
	const char *from, *to, *want;
} plans[] = {
	{ "gateway", "gateway", "" },
	{ "10.50.0.0/16, 10.51.0.0/16", "10.51.0.0/16, 10.50.0.0/16", "" },
	{ "learn: [vpc-a, dc-1]", "learn: [dc-1, vpc-a]", "" },
	{ ", 10.51.0.0/16]", "]", "removed route 10.51.0.0/16 of connection dc-1\n" },
	{ "10.51.0.0/16]", "10.51.0.0/16, '2001:db8::/32']",
	  "added route 2001:db8::/32 of connection dc-1\n" },
	{ "blackhole: true", "attachment: vpc-a, metric: 5",
	  "removed route 10.9.0.0/16 blackhole in table main\n"
	  "added route 10.9.0.0/16 via vpc-a metric 5 in table main\n" },
	{ "learn: [vpc-a, dc-1]", "transit: true\n      learn: [vpc-a]",
	  "changed table main: learns dc-1 no longer, transit false -> true\n" },
	{ "cidrs: [10.1.0.0/16], association: main", "mtu: 1400, vlan: 5",
	  "changed attachment vpc-a: vlan 0 -> 5, mtu 0 -> 1400, association main -> none\n"
	  "removed route 10.1.0.0/16 of attachment vpc-a\n" },
	{ "  vpc-a: {", "  vpc-b: { type: vpc, device: eth2 }\n  vpc-a: {",
	  "added attachment vpc-b\n" },
	{ "remote_address: 203.0.113.11 }", "remote_address: 203.0.113.11, weight: 2 }",
	  "changed tunnel dc-1-2: weight 1 -> 2\n" },
	{ "remote_address: 203.0.113.11 }",
	  "remote_address: 203.0.113.11, health_check: { destination: 10.50.0.9, source: 10.1.0.1 "
	  "} }",
	  "changed tunnel dc-1-2: health_check none -> 10.50.0.9 from 10.1.0.1, interval 3000ms, "
	  "retries 3, revoke_route\n" },
	{ "      - { if_id: 102, local_address: 198.51.100.2, remote_address: 203.0.113.11 }\n", "",
	  "removed tunnel dc-1-2\n" },
	{ "{ flow_hash: l4 }", "{ on_no_route: pass }",
	  "changed gateway : on_no_route drop -> pass\n" },
};

static void a_plan_leaves_something_out(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(plans) / sizeof(*plans); i++) {
		struct checked was = check_text(base), is = edited(plans[i].from, plans[i].to);
		char text[2048] = "";
		struct plan plan;

		assert_int_equal(plan_build(&was.config, &is.config, &plan), 0);
		for (size_t k = 0; k < plan.count; k++) {
			const struct plan_item *item = &plan.list[k];
			size_t len = strlen(text);

			snprintf(text + len, sizeof(text) - len, "%s %s %s%s%s\n",
				 plan_change_name(item->change), item->kind, item->name,
				 *item->what ? ": " : "", item->what);
		}
		assert_string_equal(text, plans[i].want);
		plan_free(&plan);
		checked_free(&was);
		checked_free(&is);
	}
}

static void a_plan_leaves_out_a_setting(void **state)
{
	static const char *const edits[][3] = {
		{ "[ipv6]", "[ipv4, ipv6]", "address_families ipv6 -> ipv4 ipv6" },
		{ "keepalive: 2s", "keepalive: 1s", "keepalive 2 -> 1" },
		{ "hold_time: 6s", "hold_time: 7s", "hold_time 6 -> 7" },
		{ "interval: 50ms", "interval: 60ms", "bfd interval 50 -> 60" },
		{ "multiplier: 5", "multiplier: 6", "bfd multiplier 5 -> 6" },
		{ "restart_time: 4095s", "restart_time: 5s", "restart_time 4095 -> 5" },
		{ "stale_time: 1s", "stale_time: 2s", "stale_time 1 -> 2" },
		{ "feed: fpm, ", "", "feed fpm -> kernel" },
		{ "port: 2621, ", "", "fpm port 2621 -> 2620" },
		{ "user: zebra, ", "", "fpm user zebra -> frr" },
		{ "graceful_restart: { restart_time: 4095s, stale_time: 1s }",
		  "graceful_restart: off", "graceful_restart true -> false" },
		{ "bfd: { interval: 50ms, multiplier: 5 }", "bfd: off", "bfd true -> false" },
		{ "damping: { half_life: 10s, suppress: 4000, reuse: 500, max: 120s }",
		  "damping: off",
		  "damping half_life 10000ms, suppress 4000, reuse 500, max 120000ms -> off" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(edits) / sizeof(*edits); i++) {
		char *text = read_whole(EVERYTHING, NULL);
		struct checked was = check_text(text), is;
		struct plan plan;

		text = replaced(text, edits[i][0], edits[i][1]);
		is = check_text(text);
		expect_no_errors(&is);
		assert_int_equal(plan_build(&was.config, &is.config, &plan), 0);
		assert_int_equal(plan.count, 1);
		if (!strstr(plan.list[0].what, edits[i][2]))
			fail_msg("%s", plan.list[0].what);
		plan_free(&plan);
		free(text);
		checked_free(&was);
		checked_free(&is);
	}
}

/* ---- what is exported ---- */

static const char everything[] =
	"gateway: { secrets: '/etc/other: place', on_no_route: pass, flow_hash: symmetric, limits: "
	"none, "
	"hold_down: 2s, return_idle: 200ms, return_within: 1s, damping: { half_life: 5s, suppress: "
	"1500, reuse: 999, max: 61s } }\n"
	"transit_router:\n"
	"  tables:\n"
	"    'on': { learn: [vpc-a, line, '1'], transit: true, routes: [\n"
	"      { destination: '::/0', attachment: line, metric: 4294967295 }, { destination: "
	"0.0.0.0/0, "
	"blackhole: true }] }\n"
	"    empty: {}\n"
	"attachments:\n"
	"  vpc-a: { type: vpc, device: 'eth1.5', vlan: [100, 200], cidrs: [10.1.0.0/16, "
	"'fd00::/8'], "
	"next_hop: [10.1.0.254, 'fd00::1'], mtu: 9000, xdp: 'off', redirect: 'on', association: "
	"'on' }\n"
	"  line: { type: vbr, device: 'null', cidrs: [10.2.0.0/16], asn: 1.10, priority: 7, xdp: "
	"native, "
	"association: empty }\n"
	"  '1': { type: vpn, connection: 1e3, synchronize: true, association: 'on' }\n"
	"  b: { type: vpn, connection: b }\n"
	"customer_gateways:\n"
	"  'true': { addresses: [203.0.113.10, '2001:db8::1'], asn: 1.10 }\n"
	"  g: { address: 203.0.113.12 }\n"
	"connections:\n"
	"  1e3:\n"
	"    customer_gateway: 'true'\n"
	"    bgp: { local_asn: 65000, address_families: [ipv4, ipv6], keepalive: 1s, hold_time: "
	"3s,\n"
	"           bfd: { interval: 1s, multiplier: 9 }, graceful_restart: off }\n"
	"    routes: [10.50.0.0/16]\n"
	"    allow_mixed_routing: true\n"
	"    table: 77\n"
	"    tunnels:\n"
	"      - { name: 'no', if_id: 4294967295, local_address: 198.51.100.1, remote_address: "
	"203.0.113.10, "
	"inside: 169.254.10.0/30, bgp_address: 169.254.10.1, psk: 'a b', mtu: 576, weight: 256, "
	"health_check: { destination: 10.50.0.9 } }\n"
	"      - { if_id: 2, device: tun0, inside: 169.254.11.0/30, bgp_address: 169.254.11.2,\n"
	"          health_check: { destination: 'fd00:50::9', source: 'fd00:1::1', interval: 1s, "
	"retries: 10, on_failure: reserve_route } }\n"
	"  b: { customer_gateway: g, routes: [], vrf: false, tunnels: [{ if_id: 3, local_address: "
	"198.51.100.1, "
	"remote_address: 203.0.113.12 }] }\n";

static void expect_round_trip(const char *given, size_t given_len)
{
	struct checked was = check_bytes(given, given_len), is;
	char *text, *again;
	struct plan plan;
	size_t len;

	expect_no_errors(&was);
	assert_int_equal(config_emit(&was.config, &text, &len), 0);
	is = check_bytes(text, len);
	expect_no_errors(&is);
	assert_int_equal(plan_build(&was.config, &is.config, &plan), 0);
	assert_int_equal(plan.count, 0);
	assert_int_equal(is.config.gateway.flow_hash, was.config.gateway.flow_hash);
	assert_int_equal(config_emit(&is.config, &again, &len), 0);
	assert_string_equal(again, text);
	plan_free(&plan);
	free(text);
	free(again);
	checked_free(&was);
	checked_free(&is);
}

static void an_export_is_not_what_runs(void **state)
{
	char *text;
	size_t len;

	(void)state;
	expect_round_trip(base, strlen(base));
	expect_round_trip(everything, strlen(everything));
	expect_round_trip("gateway: {}\n", 12);
	text = read_whole(EVERYTHING, &len);
	expect_round_trip(text, len);
	free(text);
}

static void the_example_cannot_be_exported(void **state)
{
	FILE *file = fopen("examples/espalier.yaml", "r");
	char text[16384];
	size_t len;

	(void)state;
	assert_non_null(file);
	if (!file) /* assert_non_null() does not return then, which a reader of C cannot know */
		return;
	len = fread(text, 1, sizeof(text), file);
	fclose(file);
	expect_round_trip(text, len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_customer_gateway_or_the_hash_changes_under_a_running_gateway),
		cmocka_unit_test(a_new_name_is_a_new_customer_gateway),
		cmocka_unit_test(a_forbidden_route_comes_in_at_run_time),
		cmocka_unit_test(a_plan_leaves_out_a_setting),
		cmocka_unit_test(a_connection_with_bgp_gets_a_static_route),
		cmocka_unit_test(a_table_gets_a_route_twice_or_one_that_contradicts),
		cmocka_unit_test(routes_of_run_time_meet_the_next_file),
		cmocka_unit_test(a_connection_written_in_front_takes_the_kernel_table_of_another),
		cmocka_unit_test(a_plan_leaves_something_out),
		cmocka_unit_test(an_export_is_not_what_runs),
		cmocka_unit_test(the_example_cannot_be_exported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
