/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <sys/socket.h>
#include <time.h>
#include "checked.h"
#include "dataplane.h"

#define DATA	    "tests/unit/data/"
#define ROWS(array) (sizeof(array) / sizeof(*(array)))

static struct checked check_file(const char *path)
{
	size_t len;
	char *text = read_whole(path, &len);
	struct checked k = check_bytes(text, len);

	free(text);
	return k;
}

static void assert_address(const struct address *a, const char *want)
{
	char buf[PREFIX_STRLEN];

	assert_string_equal(address_format(a, buf), want);
}

static void assert_prefix(const struct prefix *p, const char *want)
{
	char buf[PREFIX_STRLEN];

	assert_string_equal(prefix_format(p, buf), want);
}

static void assert_mark(struct mark mark, unsigned line, unsigned column)
{
	assert_int_equal(mark.line, line);
	assert_int_equal(mark.column, column);
}

static void the_shipped_example_has_errors(void **state)
{
	static const char *const want =
		"72:13: warning: static ECMP routes, what it sends takes one tunnel and the two "
		"directions differ; prefer bgp [S23 S24 S25]";
	struct checked k = check_file("examples/espalier.yaml");

	(void)state;
	assert_int_equal(k.err, 0);
	assert_findings(&k.findings, &want, 1);
	assert_string_equal(k.config.attachments[0].device, "eth1");
	checked_free(&k);
}

static void the_example_of_the_design_is_misread(void **state)
{
	struct checked k = check_file(DATA "design.yaml");
	const struct config *c = &k.config;
	const struct config_tunnel *t;

	(void)state;
	assert_int_equal(k.err, 0);
	assert_int_equal(k.findings.count, 0);
	assert_string_equal(c->file, "test.yaml");
	assert_int_equal(c->table_count, 1);
	assert_string_equal(c->tables[0].name, "main");
	assert_mark(c->tables[0].mark, 3, 5);
	assert_int_equal(c->tables[0].learn_count, 2);
	assert_string_equal(c->tables[0].learn[1].name, "dc-1");
	assert_mark(c->tables[0].learn[1].mark, 4, 22);
	assert_int_equal(c->tables[0].route_count, 1);
	assert_true(c->tables[0].routes[0].blackhole);
	assert_prefix(&c->tables[0].routes[0].destination.prefix, "10.9.0.0/16");
	assert_mark(c->tables[0].routes[0].destination.mark, 6, 26);
	assert_mark(c->tables[0].routes[0].mark, 6, 11);
	assert_int_equal(c->attachment_count, 2);
	assert_int_equal(c->attachments[0].type, ATTACHMENT_VPC);
	assert_prefix(&c->attachments[0].cidrs[0].prefix, "10.1.0.0/16");
	assert_int_equal(c->attachments[1].type, ATTACHMENT_VPN);
	assert_true(c->attachments[1].synchronize);
	assert_int_equal(c->customer_gateways[0].asn, 65001);
	assert_int_equal(c->customer_gateways[0].address_count, 2);
	assert_address(&c->customer_gateways[0].addresses[1], "203.0.113.11");
	assert_true(c->connections[0].bgp.enabled);
	assert_int_equal(c->connections[0].bgp.local_asn, 45104);
	assert_int_equal(c->connections[0].tunnel_count, 2);
	t = &c->connections[0].tunnels[1];
	assert_int_equal(t->if_id, 102);
	assert_mark(t->if_id_mark, 18, 18);
	assert_address(&t->local_address, "198.51.100.2");
	assert_address(&t->remote_address, "203.0.113.11");
	assert_prefix(&t->inside, "169.254.11.0/30");
	assert_address(&t->bgp_address, "169.254.11.1");
	assert_string_equal(t->psk, "dc-1-b");
	checked_free(&k);
}

static void a_default_is_not_what_the_manual_says(void **state)
{
	struct checked k = check_file(DATA "design.yaml");
	const struct config *c = &k.config;
	const struct config_connection *connection = &c->connections[0];

	(void)state;
	assert_string_equal(c->gateway.secrets, "/etc/espalier/secrets");
	assert_int_equal(c->gateway.on_no_route, NO_ROUTE_DROP);
	assert_int_equal(c->gateway.flow_hash, HASH_L4);
	assert_true(c->gateway.limits);
	assert_int_equal(c->gateway.hold_down_ms, 300);
	assert_true(c->gateway.damping.enabled);
	assert_int_equal(c->gateway.damping.half_life_ms, 30000);
	assert_int_equal(c->gateway.damping.suppress, 3000);
	assert_int_equal(c->gateway.damping.reuse, 1000);
	assert_int_equal(c->gateway.damping.max_ms, 300000);
	assert_int_equal(c->gateway.audit_s, 30);
	assert_int_equal(c->gateway.fpm.port, 2620);
	assert_string_equal(config_fpm_user(&c->gateway.fpm), "frr");
	assert_int_equal(c->gateway.fpm.quiet_s, 5);
	assert_int_equal(c->gateway.return_idle_ms, 0);
	assert_int_equal(c->gateway.return_within_ms, 300000);
	assert_false(c->tables[0].transit);
	assert_int_equal(c->tables[0].slow_path, SLOW_PATH_FULL);
	assert_int_equal(c->attachments[0].mtu, 0);
	assert_int_equal(c->attachments[0].xdp, XDP_AUTO);
	assert_int_equal(c->attachments[0].vlans[0], 0);
	assert_int_equal(c->attachments[0].next_hop_v4.family, 0);
	assert_false(c->attachments[0].synchronize);
	assert_false(connection->allow_mixed_routing);
	assert_true(connection->vrf);
	assert_int_equal(connection->kernel_table, 1001);
	assert_int_equal(connection->bgp_quota, 0);
	assert_int_equal(config_bgp_families(c, &connection->bgp), BGP_IPV4);
	assert_int_equal(connection->bgp.keepalive_s, 10);
	assert_int_equal(connection->bgp.hold_time_s, 30);
	assert_true(connection->bgp.bfd.enabled);
	assert_int_equal(connection->bgp.bfd.interval_ms, 300);
	assert_int_equal(connection->bgp.bfd.multiplier, 3);
	assert_int_equal(connection->bgp.feed, FEED_KERNEL);
	assert_true(connection->bgp.graceful_restart.enabled);
	assert_int_equal(connection->bgp.graceful_restart.restart_s, 120);
	assert_int_equal(connection->bgp.graceful_restart.stale_s, 360);
	assert_string_equal(connection->tunnels[0].name, "dc-1-1");
	assert_string_equal(connection->tunnels[1].name, "dc-1-2");
	for (int i = 0; i < 2; i++) {
		assert_null(connection->tunnels[i].device);
		assert_int_equal(connection->tunnels[i].mtu, 1400);
		assert_int_equal(connection->tunnels[i].weight, 1);
		assert_int_equal(connection->tunnels[i].health_check.destination.family, 0);
		assert_int_equal(connection->tunnels[i].health_check.interval_ms, 3000);
		assert_int_equal(connection->tunnels[i].health_check.retries, 3);
		assert_int_equal(connection->tunnels[i].health_check.on_failure,
				 ON_FAILURE_REVOKE_ROUTE);
	}
	checked_free(&k);
}

static void check_router(const struct config *c)
{
	const struct config_attachment *a = &c->attachments[0], *line = &c->attachments[1];

	assert_string_equal(c->gateway.secrets, "/run/secrets");
	assert_int_equal(c->gateway.on_no_route, NO_ROUTE_PASS);
	assert_int_equal(c->gateway.flow_hash, HASH_SYMMETRIC);
	assert_false(c->gateway.limits);
	assert_int_equal(c->gateway.hold_down_ms, 2000);
	assert_int_equal(c->gateway.damping.half_life_ms, 10000);
	assert_int_equal(c->gateway.damping.suppress, 4000);
	assert_int_equal(c->gateway.damping.reuse, 500);
	assert_int_equal(c->gateway.damping.max_ms, 120000);
	assert_int_equal(c->gateway.audit_s, 60);
	assert_address(&c->gateway.fpm.address, "::1");
	assert_int_equal(c->gateway.fpm.port, 2621);
	assert_string_equal(config_fpm_user(&c->gateway.fpm), "zebra");
	assert_int_equal(c->gateway.fpm.quiet_s, 7);
	assert_int_equal(c->gateway.return_idle_ms, 1500);
	assert_int_equal(c->gateway.return_within_ms, 600000);
	assert_int_equal(c->gateway.underlay_count, 2);
	assert_string_equal(c->gateway.underlays[0].name, "eth0");
	assert_int_equal(c->gateway.underlays[0].cpus.mode, CPUS_LIST);
	assert_int_equal(c->gateway.underlays[0].cpus.count, 3);
	assert_int_equal(c->gateway.underlays[0].cpus.list[2], 3);
	assert_int_equal(c->gateway.underlays[1].cpus.mode, CPUS_AUTO);
	assert_true(c->tables[0].transit);
	assert_int_equal(c->tables[1].slow_path, SLOW_PATH_SUMMARY);
	assert_int_equal(c->tables[0].routes[0].metric, 7);
	assert_prefix(&c->tables[0].routes[1].destination.prefix, "fd00:9::/32");
	assert_int_equal(c->tables[0].routes[1].attachment.index, 2);
	assert_int_equal(a->vlans[0], 100);
	assert_int_equal(a->vlans[1], 200);
	assert_prefix(&a->cidrs[1].prefix, "fd00:1::/48");
	assert_address(&a->next_hop_v4, "10.1.0.254");
	assert_address(&a->next_hop_v6, "fd00:1::fe");
	assert_int_equal(a->mtu, 1500);
	assert_int_equal(a->xdp, XDP_NATIVE);
	assert_int_equal(a->redirect, REDIRECT_OFF);
	assert_int_equal(a->cpus.mode, CPUS_AUTO);
	assert_int_equal(line->type, ATTACHMENT_VBR);
	assert_int_equal(line->vlans[0], 4094);
	assert_int_equal(line->next_hop_v4.family, 0);
	assert_address(&line->next_hop_v6, "fd00:2::1");
	assert_int_equal(line->xdp, XDP_OFF);
	assert_int_equal(line->asn, 65546);
	assert_int_equal(line->priority, 100);
	assert_int_equal(line->association.index, 1);
}

static void check_health_check(const struct config_health_check *h)
{
	assert_address(&h->destination, "10.50.0.9");
	assert_address(&h->source, "10.1.0.1");
	assert_int_equal(h->interval_ms, 500);
	assert_int_equal(h->retries, 5);
	assert_int_equal(h->on_failure, ON_FAILURE_RESERVE_ROUTE);
}

static void check_bgp(const struct config_bgp *bgp)
{
	assert_int_equal(bgp->feed, FEED_FPM);
	assert_int_equal(bgp->local_asn, 4200000000);
	assert_int_equal(bgp->families, BGP_IPV6);
	assert_int_equal(bgp->keepalive_s, 2);
	assert_int_equal(bgp->hold_time_s, 6);
	assert_true(bgp->bfd.enabled);
	assert_int_equal(bgp->bfd.interval_ms, 50);
	assert_int_equal(bgp->bfd.multiplier, 5);
	assert_true(bgp->graceful_restart.enabled);
	assert_int_equal(bgp->graceful_restart.restart_s, 4095);
	assert_int_equal(bgp->graceful_restart.stale_s, 1);
}

static void check_connections(const struct config *c)
{
	const struct config_connection *one = &c->connections[0], *two = &c->connections[1];

	assert_address(&c->customer_gateways[0].addresses[1], "2001:db8::11");
	assert_int_equal(c->customer_gateways[1].address_count, 1);
	check_bgp(&one->bgp);
	assert_int_equal(one->route_count, 2);
	assert_true(one->allow_mixed_routing);
	assert_false(one->vrf);
	assert_int_equal(one->kernel_table, 700);
	assert_string_equal(one->tunnels[0].name, "left");
	assert_int_equal(one->tunnels[0].mtu, 1380);
	assert_int_equal(one->tunnels[0].weight, 256);
	check_health_check(&one->tunnels[0].health_check);
	assert_string_equal(one->tunnels[1].name, "right");
	assert_int_equal(one->tunnels[1].health_check.destination.family, 0);
	assert_int_equal(one->tunnels[1].if_id, UINT32_MAX);
	assert_string_equal(one->tunnels[1].device, "tun7");
	assert_null(one->tunnels[1].psk);
	assert_false(two->bgp.enabled);
	assert_int_equal(two->bgp.local_asn, DEFAULT_LOCAL_ASN);
	assert_int_equal(two->bgp.families, 0);
	assert_int_equal(two->bgp_quota, 200);
	assert_int_equal(two->tunnels[0].local_address.family, 0);
	assert_int_equal(two->kernel_table, 1002);
}

static void a_key_is_forgotten_by_the_decoder(void **state)
{
	struct checked k = check_file(DATA "everything.yaml");

	(void)state;
	assert_int_equal(k.err, 0);
	if (findings_errors(&k.findings))
		fail_msg("%s", findings_text(&k.findings));
	check_router(&k.config);
	check_connections(&k.config);
	checked_free(&k);
}

static void only_the_first_mistake_is_reported(void **state)
{
	char *want = read_whole(DATA "mistakes.expected", NULL), *have;
	struct checked k = check_file(DATA "mistakes.yaml");

	(void)state;
	have = findings_text(&k.findings);
	assert_int_equal(k.err, -EINVAL);
	assert_string_equal(have, want);
	checked_free(&k);
	free(have);
	free(want);
}

static void what_is_not_yaml_is_accepted_or_misplaced(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "", "1:1: error: the file is empty" },
		{ "# only a comment\n\n", "1:1: error: the file is empty" },
		{ "a: [1, 2\nb: 3\n", "2:2: error: not YAML: did not find expected ',' or ']'" },
		{ "gateway:\n\tlimits: none\n", "2:1: error: indent by blanks, not tabs" },
		{ "a: {cidrs: [::/0]}\n",
		  "1:13: error: quote an IPv6 address that begins with a colon" },
		{ "gateway: {}\n  limits: none\n",
		  "2:3: error: not YAML: did not find expected key" },
		{ "a: \"open\n", "2:1: error: not YAML: found unexpected end of stream" },
		{ "a: *nowhere\n", "1:4: error: not YAML: found undefined alias" },
		{ "# one\n\nk: \xff\n", "3:4: error: not YAML: invalid leading UTF-8 octet" },
		{ "# \xc3\xa4\nk: \xc3\xa4\xff\n",
		  "2:5: error: not YAML: invalid leading UTF-8 octet" },
		{ "k: a\033[31m\n", "1:5: error: not YAML: control characters are not allowed" },
		{ "%YAML 3.0\n---\n{}\n",
		  "1:1: error: not YAML: found incompatible YAML document" },
		{ "{}\n---\n{}\n", "3:1: error: a second document begins here" },
		{ "{}\n...\n--- {}\n", "3:5: error: a second document begins here" },
		{ "{}\n...\n{}\n", "3:1: error: not YAML: did not find expected <document start>" },
		{ "{}\n---\n[\n", "4:1: error: not YAML" },
		{ "- gateway\n", "1:1: error: a mapping is expected, not a list" },
		{ "gateway\n", "1:1: error: a mapping is expected, not a single value" },
		{ "---\n", "2:1: error: a mapping is expected, not nothing" },
		{ "~\n", "1:1: error: a mapping is expected, not nothing" },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct checked k = check_text(rows[i].text);

		assert_int_equal(k.err, -EINVAL);
		assert_findings(&k.findings, &rows[i].want, 1);
		checked_free(&k);
	}
}

static void what_is_yaml_is_refused(void **state)
{
	static const char *const rows[] = {
		"{}",
		"--- {}\n...\n",
		"\xef\xbb\xbfgateway: {}\n",
		"gateway: {}\r\n",
		"{\"gateway\": {\"limits\": \"none\"}}",
		"gateway: { limits: 'none' }\n",
		"attachments: {}\ncustomer_gateways: {}\nconnections: {}\n",
		"transit_router: { tables: { main: { learn: [], routes: [] } } }\n",
		"transit_router:\n  tables:\n    \"main\": {}\n    10: {}\n    a.b_c-d: {}\n",
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct checked k = check_text(rows[i]);

		assert_findings(&k.findings, NULL, 0);
		assert_int_equal(k.err, 0);
		checked_free(&k);
	}
}

static void a_nul_byte_cuts_the_file_short(void **state)
{
	static const char text[] = "gateway: {}\n\0colour: red\n";
	static const char *const want = "2:1: error: not YAML: control characters are not allowed";
	struct checked k = check_bytes(text, sizeof(text) - 1);

	(void)state;
	assert_findings(&k.findings, &want, 1);
	checked_free(&k);
}

/* The value of one boolean key. */
static void a_boolean_is_taken_for_another(void **state)
{
	static const struct {
		const char *text;
		int value; /* -1: refused */
	} rows[] = {
		{ "true", 1 },	{ "True", 1 },	    { "TRUE", 1 },     { "yes", 1 },
		{ "Yes", 1 },	{ "on", 1 },	    { "ON", 1 },       { "false", 0 },
		{ "False", 0 }, { "no", 0 },	    { "NO", 0 },       { "off", 0 },
		{ "Off", 0 },	{ "y", -1 },	    { "n", -1 },       { "1", -1 },
		{ "0", -1 },	{ "\"true\"", -1 }, { "'no'", -1 },    { "~", -1 },
		{ "null", -1 }, { "", -1 },	    { "[true]", -1 },  { "{}", -1 },
		{ "tru", -1 },	{ "truee", -1 },    { "enabled", -1 },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		char text[128];
		struct checked k;

		snprintf(text, sizeof(text), "transit_router: {tables: {t: {transit: %s}}}",
			 rows[i].text);
		k = check_text(text);
		assert_int_equal(k.findings.count, rows[i].value < 0);
		if (rows[i].value < 0)
			assert_mark(k.findings.list[0].mark, 1, 40);
		else
			assert_int_equal(k.config.tables[0].transit, rows[i].value);
		checked_free(&k);
	}
}

static void a_number_is_read_as_yaml_would(void **state)
{
	static const struct {
		const char *text;
		uint32_t value; /* 0: refused */
	} rows[] = {
		{ "576", 576 },	   { "65535", 65535 },
		{ "575", 0 },	   { "65536", 0 },
		{ "0777", 0 },	   { "0x400", 0 },
		{ "0o1777", 0 },   { "1_500", 0 },
		{ "1e3", 0 },	   { "1500.0", 0 },
		{ "+1500", 0 },	   { "-1500", 0 },
		{ "\"1500\"", 0 }, { "'1500'", 0 },
		{ "1500 ", 1500 }, { "20:30", 0 },
		{ ".inf", 0 },	   { "~", 0 },
		{ "[1500]", 0 },   { "!!int 1500", 1500 },
		{ "!x 1500", 0 },  { "99999999999999999999999999", 0 },
		{ "--", 0 },	   { "4294968796", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		char text[256];
		struct checked k;

		snprintf(text, sizeof(text), "attachments: {a: {type: vpc, device: e, mtu: %s\n}}",
			 rows[i].text);
		k = parse_bytes(text, strlen(text));
		if (k.findings.count != !rows[i].value ||
		    k.config.attachments[0].mtu != rows[i].value)
			fail_msg("'%s' gives %u", rows[i].text, k.config.attachments[0].mtu);
		if (!rows[i].value)
			assert_mark(k.findings.list[0].mark, 1, 46);
		checked_free(&k);
	}
}

static void a_duration_is_read_in_the_wrong_unit(void **state)
{
	static const struct {
		const char *text;
		int ms; /* -1: refused */
	} rows[] = {
		{ "300ms", 300 },     { "0ms", 0 },	    { "0", 0 },
		{ "0s", 0 },	      { "2s", 2000 },	    { "60s", 60000 },
		{ "60000ms", 60000 }, { "60001ms", -1 },    { "61s", -1 },
		{ "300", -1 },	      { "1.5s", -1 },	    { "-1s", -1 },
		{ "1m", -1 },	      { "ms", -1 },	    { "s", -1 },
		{ "300 ms", -1 },     { "\"300ms\"", 300 }, { "99999999999999999999s", -1 },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		char text[128];
		struct checked k;

		snprintf(text, sizeof(text), "gateway: { hold_down: %s }", rows[i].text);
		k = check_text(text);
		if (k.findings.count != (rows[i].ms < 0) ||
		    (int)k.config.gateway.hold_down_ms != (rows[i].ms < 0 ? 300 : rows[i].ms))
			fail_msg("'%s' gives %u", rows[i].text, k.config.gateway.hold_down_ms);
		checked_free(&k);
	}
}

static void a_gate_is_off_or_a_time_that_use_can_tell(void **state)
{
	static const struct {
		const char *text;
		int ms; /* -1: refused */
	} rows[] = {
		{ "off", 0 },	 { "200ms", 200 }, { "3600s", 3600000 }, { "199ms", -1 },
		{ "3601s", -1 }, { "0", -1 },	   { "on", -1 },	 { "[]", -1 },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		char text[128];
		struct checked k;

		snprintf(text, sizeof(text), "gateway: { return_idle: %s }", rows[i].text);
		k = check_text(text);
		if (k.findings.count != (rows[i].ms < 0) ||
		    (int)k.config.gateway.return_idle_ms != (rows[i].ms < 0 ? 0 : rows[i].ms))
			fail_msg("'%s' gives %u", rows[i].text, k.config.gateway.return_idle_ms);
		checked_free(&k);
	}
}

/* NULL: accepted. */
static void a_timer_of_bgp_is_wrong_at_the_edges(void **state)
{
	static const struct {
		const char *text, *finding;
	} rows[] = {
		{ "keepalive: 1s, hold_time: 3s", NULL },
		{ "keepalive: 21845s, hold_time: 65535s", NULL },
		{ "keepalive: 0s", "keepalive: 0s is out of range, 1s to 21845s is allowed" },
		{ "keepalive: 1500ms", "keepalive: 1500ms is not a number of whole seconds" },
		{ "keepalive: 2000ms", NULL },
		{ "keepalive: 10", "keepalive: '10' is not a time such as 300ms or 2s" },
		{ "hold_time: 65536s",
		  "hold_time: 65536s is out of range, 3s to 65535s is allowed" },
		{ "hold_time: 2s", "hold_time: 2s is out of range, 3s to 65535s is allowed" },
		{ "bfd: off", NULL },
		{ "bfd: { interval: 10ms, multiplier: 2 }", NULL },
		{ "bfd: { interval: 60s, multiplier: 255 }", NULL },
		{ "bfd: { interval: 9ms }",
		  "interval: 9ms is out of range, 10ms to 60000ms is allowed" },
		{ "bfd: { multiplier: 1 }", "multiplier: 1 is out of range, 2 to 255 is allowed" },
		{ "bfd: maybe", "bfd: 'maybe' is neither true nor false" },
		{ "bfd: []", "bfd: a mapping is expected, not a list" },
		{ "graceful_restart: off", NULL },
		{ "graceful_restart: { restart_time: 4096s }",
		  "restart_time: 4096s is out of range, 1s to 4095s is allowed" },
		{ "graceful_restart: { stale_time: 0 }",
		  "stale_time: 0 is out of range, 1s to 4095s is allowed" },
		{ "address_families: [ipv4, ipv6]", NULL },
		{ "address_families: []",
		  "address_families: the list is empty; allowed: ipv4, ipv6" },
		{ "address_families: [ipv5]",
		  "address_families: 'ipv5' is not allowed; did you mean 'ipv4'; allowed: ipv4, "
		  "ipv6" },
		{ "address_families: ipv4",
		  "address_families: a list of ipv4 and ipv6 is expected, not a single value" },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		char text[256];
		struct checked k;

		snprintf(text, sizeof(text),
			 "connections: { c: { customer_gateway: g, bgp: { %s }, tunnels: [{ if_id: "
			 "1, device: t }] } }",
			 rows[i].text);
		k = parse_bytes(text, strlen(text));
		if (k.findings.count != !!rows[i].finding ||
		    (rows[i].finding && strcmp(k.findings.list[0].text, rows[i].finding)))
			fail_msg("'%s': %s", rows[i].text, findings_text(&k.findings));
		checked_free(&k);
	}
}

static void a_damping_that_cannot_work_is_accepted(void **state)
{
	static const struct {
		const char *text, *finding;
	} rows[] = {
		{ "off", NULL },
		{ "{}", NULL },
		{ "{ half_life: 100ms, suppress: 1, reuse: 1, max: 100ms }",
		  "damping: reuse 1 must be less than suppress 1: a tunnel is used again when "
		  "that little of its penalty is left" },
		{ "{ suppress: 1001, reuse: 1000 }", NULL },
		{ "{ suppress: 1000 }",
		  "damping: reuse 1000 must be less than suppress 1000: a tunnel is used again "
		  "when that little of its penalty is left" },
		{ "{ half_life: 60s, max: 60s }",
		  "damping: with max 60000ms no penalty exceeds 2000 (reuse, doubled for each "
		  "half_life in max), so suppress 3000 is never reached; raise max or reuse, or "
		  "write `damping: off`" },
		{ "{ half_life: 60s, max: 60s, suppress: 2000 }", NULL },
		{ "{ half_life: 99ms }",
		  "half_life: 99ms is out of range, 100ms to 3600000ms is allowed" },
		{ "{ max: 86401s }",
		  "max: 86401s is out of range, 100ms to 86400000ms is allowed" },
		{ "{ suppress: 0 }", "suppress: 0 is out of range, 1 to 1000000 is allowed" },
		{ "{ half_live: 1s }",
		  "unknown key 'half_live' in damping; did you mean 'half_life'; allowed: "
		  "half_life, suppress, reuse, max" },
		{ "never", "damping: 'never' is neither true nor false" },
		{ "[]", "damping: a mapping is expected, not a list" },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		char text[256];
		struct checked k;

		snprintf(text, sizeof(text), "gateway: { damping: %s }", rows[i].text);
		k = check_text(text);
		if (k.findings.count != !!rows[i].finding ||
		    (rows[i].finding && strcmp(k.findings.list[0].text, rows[i].finding)))
			fail_msg("'%s': %s", rows[i].text, findings_text(&k.findings));
		assert_int_equal(k.config.gateway.damping.enabled,
				 strcmp(rows[i].text, "off") != 0);
		checked_free(&k);
	}
}

static void a_switch_is_not_off(void **state)
{
	struct checked k = check_text("connections: { c: { customer_gateway: g, bgp: { bfd: off, "
				      "graceful_restart: no }, tunnels: [{ if_id: 1, device: t }] "
				      "} }");

	(void)state;
	assert_false(k.config.connections[0].bgp.bfd.enabled);
	assert_false(k.config.connections[0].bgp.graceful_restart.enabled);
	checked_free(&k);
}

static void ipv6_is_not_spoken_where_it_is_used(void **state)
{
	static const char *const texts[] = {
		"attachments: { v: { type: vpc, device: e, cidrs: [10.0.0.0/8, \"fd00::/8\"] } }",
		"transit_router: { tables: { t: { routes: [{ destination: \"fd00::/8\", blackhole: "
		"true }] } } }",
	};
	const struct config_bgp by_itself = { .enabled = true }, ipv4 = { .families = BGP_IPV4 };

	(void)state;
	for (size_t i = 0; i < ROWS(texts); i++) {
		struct checked k = check_text(texts[i]);

		assert_int_equal(config_bgp_families(&k.config, &by_itself), BGP_IPV4 | BGP_IPV6);
		assert_int_equal(config_bgp_families(&k.config, &ipv4), BGP_IPV4);
		checked_free(&k);
	}
}

static void an_audit_is_never_or_all_the_time(void **state)
{
	static const struct {
		const char *text;
		int seconds; /* -1: refused */
	} rows[] = {
		{ "off", 0 },	  { "5s", 5 },	   { "3600s", 3600 }, { "5000ms", 5 }, { "4s", -1 },
		{ "3601s", -1 },  { "0", -1 },	   { "30", -1 },      { "Off", -1 },   { "no", -1 },
		{ "5500ms", -1 }, { "[off]", -1 }, { "~", -1 },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		char text[64];
		struct checked k;

		snprintf(text, sizeof(text), "gateway: { audit: %s }", rows[i].text);
		k = parse_bytes(text, strlen(text));
		if (k.findings.count != (rows[i].seconds < 0) ||
		    (int)k.config.gateway.audit_s != (rows[i].seconds < 0 ? 30 : rows[i].seconds))
			fail_msg("'%s' gives %u", rows[i].text, k.config.gateway.audit_s);
		checked_free(&k);
	}
}

static void a_name_is_wrong_at_the_edges(void **state)
{
	static const struct {
		const char *name;
		bool valid;
	} rows[] = {
		{ "a", true },
		{ "1", true },
		{ "no", true },
		{ "A.b_c-9", true },
		{ "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstu", true },
		{ "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuv", false },
		{ "\"\"", false },
		{ "-a", false },
		{ ".a", false },
		{ "_a", false },
		{ "a/b", false },
		{ "a b", false },
		{ "\"a\\n\"", false },
		{ "\xc3\xa4", false },
		{ "\"a\\0b\"", false },
		{ "~", false },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		char text[128];
		struct checked k;

		snprintf(text, sizeof(text), "transit_router: {tables: {%s: {}}}", rows[i].name);
		k = check_text(text);
		if (k.findings.count != !rows[i].valid)
			fail_msg("'%s'", rows[i].name);
		if (!rows[i].valid)
			assert_mark(k.findings.list[0].mark, 1, 27);
		checked_free(&k);
	}
}

static void a_terminal_obeys_a_message(void **state)
{
	struct checked k =
		check_text("gateway: {limits: \"\\e]0;x\\a\\r\\n\\x9b31m\", \"a\\eb\": 1}");

	(void)state;
	assert_int_equal(k.findings.count, 2);
	for (size_t i = 0; i < 2; i++)
		for (const char *p = k.findings.list[i].text; *p; p++)
			assert_in_range(*p, ' ', '~');
	checked_free(&k);
}

static void a_long_value_floods_the_message(void **state)
{
	char text[8192] = "gateway: {limits: ";
	struct checked k;

	(void)state;
	memset(text + strlen(text), 'x', 4000);
	strcat(text, "}");
	k = check_text(text);
	assert_int_equal(k.findings.count, 1);
	assert_in_range(strlen(k.findings.list[0].text), 1, 200);
	assert_non_null(strstr(k.findings.list[0].text, "xxx...' is not allowed"));
	checked_free(&k);
}

/* Each in its line, with the reason; what is written right beside it still counts. */
static void two_if_ids_of_one_tunnel_are_taken_for_one(void **state)
{
	static const char *const want[] = {
		"4:21: error: 'if_id_in' is no key of a tunnel: an xfrm interface has one if_id",
		"4:34: error: 'if_id_out' is no key of a tunnel: an xfrm interface has one if_id",
	};
	struct checked k = check_text("connections:\n"
				      "  dc:\n"
				      "    tunnels:\n"
				      "      - { if_id: 7, if_id_in: 8, if_id_out: 7 }\n");
	char *text = findings_text(&k.findings);

	(void)state;
	for (size_t i = 0; i < ROWS(want); i++)
		assert_non_null(strstr(text, want[i]));
	assert_int_equal(k.config.connections[0].tunnels[0].if_id, 7);
	free(text);
	checked_free(&k);
}

static void an_alias_does_not_stand_for_its_value(void **state)
{
	struct checked k = check_text("customer_gateways:\n"
				      "  a: &gateway { address: 192.0.2.1, asn: 65001 }\n"
				      "  b: *gateway\n");

	(void)state;
	assert_findings(&k.findings, NULL, 0);
	assert_int_equal(k.config.customer_gateway_count, 2);
	assert_int_equal(k.config.customer_gateways[1].asn, 65001);
	assert_mark(k.config.customer_gateways[1].mark, 3, 3);
	checked_free(&k);
}

static void a_value_that_contains_itself_never_ends(void **state)
{
	static const char *const want = "1:5: error: unknown key 'gateway' in gateway";
	struct checked k = check_text("&a {gateway: *a}");

	(void)state;
	assert_findings(&k.findings, &want, 1);
	checked_free(&k);
}

/* Of this process, so that a busy machine fails no test. */
static double cpu_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* `head`, then n times `item`, then `tail`. */
static char *repeated(const char *head, const char *item, size_t n, const char *tail)
{
	size_t len = strlen(item);
	char *text = malloc(strlen(head) + n * len + strlen(tail) + 1), *end;

	assert_non_null(text);
	end = text + sprintf(text, "%s", head);
	for (size_t i = 0; i < n; i++, end += len)
		memcpy(end, item, len);
	strcpy(end, tail);
	return text;
}

static void a_small_file_takes_the_gateway_hostage(void **state)
{
	static const struct {
		const char *head, *item;
		size_t n;
		const char *tail, *want;
	} rows[] = {
		{ "", "[", 1000000, "", "1:65: error: nested too deeply, 64 levels are allowed" },
		{ "", "{a: ", 300000, "", "1:257: error: nested too deeply" },
		{ "", "- ", 500000, "", "1:129: error: nested too deeply" },
		{ "", "? ", 500000, "", "1:129: error: nested too deeply" },
		{ "a: [", "&x 1, ", 300000, "]",
		  "1:1541: error: too many anchors, 256 are allowed" },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		char *text = repeated(rows[i].head, rows[i].item, rows[i].n, rows[i].tail);
		double start = cpu_seconds();
		struct checked k = check_text(text);

		assert_findings(&k.findings, &rows[i].want, 1);
		assert_true(cpu_seconds() - start < 2);
		checked_free(&k);
		free(text);
	}
}

/* Lists of aliases of lists of aliases: 2,000 × 2,000 routes in 20 KB. */
static void aliases_multiply_beyond_memory(void **state)
{
	char *routes = repeated("transit_router:\n  tables:\n    a: { routes: [&r {destination: "
				"10.0.0.0/8, blackhole: true}",
				", *r", 2000, "] }\n    b: &t { routes: [");
	char *tables = repeated(routes, "*r, ", 2000, "*r] }\n");
	char *text = malloc(strlen(tables) + 2000 * 32), *end;
	struct checked k;
	double start;

	(void)state;
	assert_non_null(text);
	end = text + sprintf(text, "%s", tables);
	for (int i = 0; i < 2000; i++)
		end += sprintf(end, "    t%d: *t\n", i);
	start = cpu_seconds();
	k = parse_bytes(text, strlen(text));
	assert_int_equal(k.err, -EINVAL);
	assert_int_equal(k.findings.count, 1);
	assert_non_null(strstr(k.findings.list[0].text, "aliases expand to too many values"));
	assert_true(cpu_seconds() - start < 5);
	checked_free(&k);
	free(routes);
	free(tables);
	free(text);
}

/* A configuration with n routes; how long it takes. */
static double judge_routes(size_t n)
{
	char *text = malloc(n * 32 + 256), *end = text;
	struct checked k;
	double start;

	assert_non_null(text);
	end += sprintf(end, "transit_router:\n  tables:\n    t: {}\nattachments:\n  line: "
			    "{type: vbr, device: e, cidrs: [\n");
	for (size_t i = 0; i < n; i++)
		end += sprintf(end, "    10.%zu.%zu.%zu/32,\n", i >> 16, i >> 8 & 255, i & 255);
	sprintf(end, "  ]}\n");
	start = cpu_seconds();
	k = check_text(text);
	start = cpu_seconds() - start;
	assert_int_equal(k.err, 0);
	assert_int_equal(findings_errors(&k.findings), 0);
	assert_int_equal(k.config.attachments[0].cidr_count, n);
	checked_free(&k);
	free(text);
	return start;
}

/* Four times the routes take about four times as long; were something quadratic, sixteen. */
static void a_large_table_is_refused_or_slow(void **state)
{
	double quarter = judge_routes(25000), whole = judge_routes(100000);

	(void)state;
	print_message("100,000 routes: %.2f s\n", whole);
	assert_true(whole < 9 * quarter);
}

static void a_file_beyond_the_limit_is_read(void **state)
{
	char *text = repeated("gateway: {}\n", "# filler\n", CONFIG_MAX_LEN / 9 + 1, "");
	static const char *const want = "1:1: error: the file is too large, 16 MiB are allowed";
	struct checked k = check_text(text);

	(void)state;
	assert_findings(&k.findings, &want, 1);
	checked_free(&k);
	k = check_bytes(text, CONFIG_MAX_LEN);
	assert_findings(&k.findings, NULL, 0);
	checked_free(&k);
	free(text);
}

static void a_failed_parse_leaves_something_to_free(void **state)
{
	struct checked k = check_text("gateway: {}\n---\n{}\n");

	(void)state;
	/* Errors of values, or behind the document: what was decoded is there. */
	assert_int_equal(k.err, -EINVAL);
	assert_non_null(k.config.file);
	checked_free(&k);
	/* No YAML: nothing. */
	k = check_text("gateway: [\n");
	assert_int_equal(k.err, -EINVAL);
	assert_memory_equal(&k.config, &(struct config){ 0 }, sizeof(k.config));
	checked_free(&k);
}

/* Findings of somebody else, before, are not this file's errors. */
static void an_earlier_finding_fails_a_good_file(void **state)
{
	struct findings f = { 0 };
	struct config c;

	(void)state;
	findings_add(&f, SEVERITY_ERROR, (struct mark){ 9, 9 }, "%s", "of another file");
	assert_int_equal(config_parse("x", "{}", 2, &c, &f), 0);
	assert_int_equal(f.count, 1);
	config_free(&c);
	findings_free(&f);
}

static void findings_are_not_in_the_order_of_the_file(void **state)
{
	static const char *const want[] = { "0:0: error: whole", "1:2: error: z",
					    "1:2: warning: a",	 "1:2: warning: b",
					    "1:10: error: c",	 "2:1: warning: d" };
	struct findings f = { 0 };

	(void)state;
	findings_sort(&f);
	findings_add(&f, SEVERITY_WARNING, (struct mark){ 2, 1 }, "d");
	findings_add(&f, SEVERITY_WARNING, (struct mark){ 1, 2 }, "b");
	findings_add(&f, SEVERITY_ERROR, (struct mark){ 1, 10 }, "c");
	findings_add(&f, SEVERITY_WARNING, (struct mark){ 1, 2 }, "a");
	findings_add(&f, SEVERITY_ERROR, (struct mark){ 1, 2 }, "z");
	findings_add(&f, SEVERITY_ERROR, (struct mark){ 0, 0 }, "whole");
	findings_sort(&f);
	assert_findings(&f, want, ROWS(want));
	assert_int_equal(findings_errors(&f), 3);
	f.out_of_memory = true;
	assert_int_equal(findings_errors(&f), 4);
	findings_free(&f);
	assert_int_equal(findings_errors(&f), 0);
}

static void a_suggestion_is_far_fetched(void **state)
{
	static const char *const words[] = { "routes", "tunnels", "table", "bgp", "vrf" };
	static const char *const rows[][2] = {
		{ "route", "routes" }, { "rotues", "routes" }, { "tunel", "tunnels" },
		{ "tabll", "table" },  { "bpg", "bgp" },       { "vfr", "vrf" },
		{ "x", NULL },	       { "colour", NULL },     { "", NULL },
		{ "Table", "table" },  { "tabletable", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		const char *best = NULL;

		for (size_t k = 0; k < ROWS(words); k++)
			best = nearest_word(rows[i][0], words[k], best);
		if (rows[i][1])
			assert_string_equal(best, rows[i][1]);
		else
			assert_null(best);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_shipped_example_has_errors),
		cmocka_unit_test(the_example_of_the_design_is_misread),
		cmocka_unit_test(a_default_is_not_what_the_manual_says),
		cmocka_unit_test(a_key_is_forgotten_by_the_decoder),
		cmocka_unit_test(only_the_first_mistake_is_reported),
		cmocka_unit_test(what_is_not_yaml_is_accepted_or_misplaced),
		cmocka_unit_test(what_is_yaml_is_refused),
		cmocka_unit_test(a_nul_byte_cuts_the_file_short),
		cmocka_unit_test(a_boolean_is_taken_for_another),
		cmocka_unit_test(a_number_is_read_as_yaml_would),
		cmocka_unit_test(a_duration_is_read_in_the_wrong_unit),
		cmocka_unit_test(a_gate_is_off_or_a_time_that_use_can_tell),
		cmocka_unit_test(a_timer_of_bgp_is_wrong_at_the_edges),
		cmocka_unit_test(a_damping_that_cannot_work_is_accepted),
		cmocka_unit_test(a_switch_is_not_off),
		cmocka_unit_test(ipv6_is_not_spoken_where_it_is_used),
		cmocka_unit_test(an_audit_is_never_or_all_the_time),
		cmocka_unit_test(a_name_is_wrong_at_the_edges),
		cmocka_unit_test(a_terminal_obeys_a_message),
		cmocka_unit_test(a_long_value_floods_the_message),
		cmocka_unit_test(two_if_ids_of_one_tunnel_are_taken_for_one),
		cmocka_unit_test(an_alias_does_not_stand_for_its_value),
		cmocka_unit_test(a_value_that_contains_itself_never_ends),
		cmocka_unit_test(a_small_file_takes_the_gateway_hostage),
		cmocka_unit_test(aliases_multiply_beyond_memory),
		cmocka_unit_test(a_large_table_is_refused_or_slow),
		cmocka_unit_test(a_file_beyond_the_limit_is_read),
		cmocka_unit_test(a_failed_parse_leaves_something_to_free),
		cmocka_unit_test(an_earlier_finding_fails_a_good_file),
		cmocka_unit_test(findings_are_not_in_the_order_of_the_file),
		cmocka_unit_test(a_suggestion_is_far_fetched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
