/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The host plan: each test is named after what goes wrong on a real gateway when it fails.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include "../netns/host_fixture.h"

static struct fixture world;
static struct host_plan plan;

static int setup(void **state)
{
	(void)state;
	fixture_init(&world);
	assert_int_equal(host_facts_init(&world.facts, &world.c), 0);
	for (size_t t = 0; t < 2; t++)
		strcpy(world.facts.tunnels[0][t].underlay, "under");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	host_plan_free(&plan);
	host_facts_free(&world.facts);
	return 0;
}

static void build(void)
{
	host_plan_free(&plan);
	assert_int_equal(host_plan_build(fixture_rib(&world), &world.fib, &world.facts, &plan), 0);
}

/* The route with this key; metric 0: the first one. */
static const struct host_route *route(uint32_t table, const char *prefix, uint32_t metric)
{
	struct prefix p = a_prefix(prefix);

	for (size_t i = 0; i < plan.route_count; i++)
		if (plan.routes[i].table == table && prefix_equal(&plan.routes[i].prefix, &p) &&
		    (!metric || plan.routes[i].metric == metric))
			return &plan.routes[i];
	return NULL;
}

static const struct host_hop *hop(const struct host_route *r, size_t i)
{
	assert_non_null(r);
	assert_int_equal(r->type, HOST_ROUTE_UNICAST);
	assert_in_range(i, 0, r->hop_count - 1);
	return &plan.hops[r->first_hop + i];
}

static size_t count_rules(uint32_t preference, const char *iif)
{
	size_t n = 0;

	for (size_t i = 0; i < plan.rule_count; i++)
		n += plan.rules[i].preference == preference &&
		     (!iif || strcmp(plan.rules[i].iif, iif) == 0);
	return n;
}

static const struct host_rule *rule(uint32_t preference, const char *iif)
{
	for (size_t i = 0; i < plan.rule_count; i++)
		if (plan.rules[i].preference == preference && strcmp(plan.rules[i].iif, iif) == 0)
			return &plan.rules[i];
	fail_msg("no rule %u for %s", preference, iif);
	return NULL;
}

static const struct host_link_plan *find_link(const char *name)
{
	for (size_t i = 0; i < plan.link_count; i++)
		if (strcmp(plan.links[i].name, name) == 0)
			return &plan.links[i];
	return NULL;
}

static const char *sysctl_value(const char *path)
{
	for (size_t i = 0; i < plan.sysctl_count; i++)
		if (strcmp(plan.sysctls[i].path, path) == 0)
			return plan.sysctls[i].value;
	return NULL;
}

/* Links and addresses. */

static void a_tunnel_comes_up_outside_its_vrf(void **state)
{
	(void)state;
	build();
	assert_int_equal(plan.link_count, 3);
	assert_int_equal(plan.links[0].kind, HOST_LINK_VRF);
	assert_string_equal(plan.links[0].name, "vrf1001");
	assert_int_equal(plan.links[0].table, DC_TABLE);
	assert_string_equal(find_link("xfrm101")->master, "vrf1001");
	assert_string_equal(find_link("xfrm102")->master, "vrf1001");
}

static void an_xfrm_interface_without_if_id_underlay_or_mtu(void **state)
{
	(void)state;
	strcpy(world.facts.tunnels[0][1].underlay, "other");
	build();
	assert_int_equal(find_link("xfrm102")->kind, HOST_LINK_XFRM);
	assert_int_equal(find_link("xfrm102")->if_id, 102);
	assert_int_equal(find_link("xfrm102")->mtu, 1400);
	assert_string_equal(find_link("xfrm102")->underlay, "other");
}

/* The outer packets would be routed out of lo. */
static void an_xfrm_interface_bound_to_lo(void **state)
{
	(void)state;
	strcpy(world.facts.tunnels[0][0].underlay, "lo");
	build();
	assert_string_equal(find_link("xfrm101")->underlay, "");
}

static void an_adopted_device_gets_an_mtu_that_nobody_wrote(void **state)
{
	(void)state;
	world.connections[0].tunnels[0].device = (char *)"tun0";
	world.connections[0].tunnels[1].device = (char *)"tun1";
	world.connections[0].tunnels[1].mtu_mark.line = 7;
	build();
	assert_int_equal(find_link("tun0")->kind, HOST_LINK_ADOPTED);
	assert_int_equal(find_link("tun0")->mtu, 0);
	assert_int_equal(find_link("tun1")->mtu, 1400);
	assert_string_equal(find_link("tun1")->master, "vrf1001");
}

static void vrf_false_makes_a_vrf(void **state)
{
	(void)state;
	world.connections[0].vrf = false;
	build();
	assert_int_equal(plan.link_count, 2);
	assert_string_equal(find_link("xfrm101")->master, "");
}

static void an_address_with_the_wrong_length(void **state)
{
	struct address own = an_address("169.254.11.1");

	(void)state;
	build();
	assert_int_equal(plan.address_count, 2);
	assert_string_equal(plan.addresses[1].device, "xfrm102");
	assert_true(address_equal(&plan.addresses[1].address, &own));
	assert_int_equal(plan.addresses[1].len, 30);
}

static void a_static_connection_without_inside_cidr_gets_an_address(void **state)
{
	(void)state;
	for (size_t t = 0; t < 2; t++) {
		world.connections[0].tunnels[t].inside = (struct prefix){ 0 };
		world.connections[0].tunnels[t].bgp_address = (struct address){ 0 };
	}
	build();
	assert_int_equal(plan.address_count, 0);
	assert_int_equal(count_rules(HOST_RULE_OWN, NULL), 0);
	assert_int_equal(count_rules(HOST_RULE_LOCAL, NULL), 0);
}

/* The connection's table. */

static void a_redirected_packet_finds_no_route_through_its_tunnel(void **state)
{
	static const char *const all[] = { "0.0.0.0/0", "::/0" };

	(void)state;
	for (int vrf = 0; vrf <= 1; vrf++) {
		world.connections[0].vrf = vrf;
		build();
		for (size_t i = 0; i < 4; i++) {
			const struct host_route *r =
				route(DC_TABLE, all[i / 2], HOST_METRIC_DEFAULT + 1 + i % 2);

			assert_string_equal(hop(r, 0)->device, i % 2 ? "xfrm102" : "xfrm101");
			assert_int_equal(r->hop_count, 1);
			assert_true(r->optional);
		}
	}
}

static void a_lookup_falls_out_of_the_table_when_all_tunnels_are_down(void **state)
{
	(void)state;
	build();
	assert_int_equal(route(DC_TABLE, "0.0.0.0/0", HOST_METRIC_END)->type,
			 HOST_ROUTE_UNREACHABLE);
	assert_int_equal(route(DC_TABLE, "::/0", HOST_METRIC_END)->type, HOST_ROUTE_UNREACHABLE);
	assert_true(HOST_METRIC_END > HOST_METRIC_DEFAULT + TUNNELS_PER_CONNECTION);
}

static void an_icmp_error_for_the_vpc_vanishes_in_the_vrf(void **state)
{
	const struct host_route *r;
	struct address gateway = an_address("10.1.0.254");

	(void)state;
	world.attachments[0].next_hop_v4 = gateway;
	build();
	r = route(DC_TABLE, "10.1.0.0/16", HOST_METRIC_EXPORTED);
	assert_string_equal(hop(r, 0)->device, "vpc");
	assert_true(address_equal(&hop(r, 0)->via, &gateway));
	r = route(DC_TABLE, "2001:db8:1::/48", HOST_METRIC_EXPORTED);
	assert_int_equal(hop(r, 0)->via.family, 0);
}

/* S15: FRR exports `match metric 77`. */
static void a_vpc_is_advertised_without_synchronization(void **state)
{
	(void)state;
	world.attachments[1].synchronize = false;
	build();
	assert_null(route(DC_TABLE, "10.1.0.0/16", HOST_METRIC_EXPORTED));
	assert_non_null(route(DC_TABLE, "10.1.0.0/16", HOST_METRIC_LEAKED));
}

static void the_vpc_leaks_into_a_connection_without_association(void **state)
{
	(void)state;
	world.attachments[1].association = (struct config_ref){ .index = -1 };
	build();
	assert_null(route(DC_TABLE, "10.1.0.0/16", 0));
}

/* FRR learns them, reads ours back as its own, and never forgets. */
static void our_copy_of_a_bgp_route_keeps_it_alive(void **state)
{
	(void)state;
	world.connections[0].bgp.enabled = true;
	build();
	assert_null(route(DC_TABLE, "10.50.0.0/16", 0));
	assert_non_null(route(MAIN_TABLE, "10.50.0.0/16", 0));
}

static void the_kernel_in_the_vrf_does_not_know_a_destination_based_route(void **state)
{
	(void)state;
	build();
	assert_int_equal(route(DC_TABLE, "10.50.0.0/16", HOST_METRIC_CONNECTION)->hop_count, 2);
}

/* Both defaults are there, the first one wins: the second peer's packets enter the wrong tunnel. */
static void a_bgp_session_without_vrf_uses_the_other_tunnel(void **state)
{
	(void)state;
	world.connections[0].vrf = false;
	build();
	assert_string_equal(hop(route(DC_TABLE, "169.254.11.0/30", 0), 0)->device, "xfrm102");
}

/* The slow path. */

static void the_slow_path_disagrees_with_the_fib(void **state)
{
	const struct host_route *r;

	(void)state;
	fixture_route(&world.fib_tables[0], "10.9.0.0/16",
		      (struct fib_answer){ .kind = FIB_BLACKHOLE });
	fixture_route(&world.fib_tables[0], "10.50.7.0/24",
		      (struct fib_answer){ .kind = FIB_NONE });
	fixture_route(&world.fib_tables[0], "10.1.0.1/32",
		      (struct fib_answer){ .kind = FIB_LOCAL });
	build();
	r = route(MAIN_TABLE, "10.50.0.0/16", HOST_METRIC_TABLE);
	assert_int_equal(r->hop_count, 2);
	assert_string_equal(hop(r, 0)->device, "xfrm101");
	assert_string_equal(hop(r, 1)->device, "xfrm102");
	assert_string_equal(hop(route(MAIN_TABLE, "10.1.0.0/16", 0), 0)->device, "vpc");
	assert_int_equal(route(MAIN_TABLE, "10.9.0.0/16", 0)->type, HOST_ROUTE_BLACKHOLE);
	assert_int_equal(route(MAIN_TABLE, "10.50.7.0/24", 0)->type, HOST_ROUTE_THROW);
	assert_null(route(MAIN_TABLE, "10.1.0.1/32", 0));
}

static void a_full_table_is_copied_where_one_default_would_do(void **state)
{
	const struct host_route *r;

	(void)state;
	world.tables[0].slow_path = SLOW_PATH_SUMMARY;
	world.facts.tunnels[0][1].down = true;
	fixture_route(&world.fib_tables[0], "10.9.0.0/16",
		      (struct fib_answer){ .kind = FIB_BLACKHOLE });
	build();
	assert_null(route(MAIN_TABLE, "10.50.0.0/16", 0));
	assert_null(route(MAIN_TABLE, "2001:db8:50::/48", 0));
	assert_string_equal(hop(route(MAIN_TABLE, "10.1.0.0/16", 0), 0)->device, "vpc");
	assert_int_equal(route(MAIN_TABLE, "10.9.0.0/16", 0)->type, HOST_ROUTE_BLACKHOLE);
	r = route(MAIN_TABLE, "0.0.0.0/0", HOST_METRIC_TABLE + 1);
	assert_string_equal(hop(r, 0)->device, "xfrm101");
	assert_int_equal(r->hop_count, 1);
	assert_non_null(route(MAIN_TABLE, "::/0", HOST_METRIC_TABLE + 1));
	assert_non_null(route(DC_TABLE, "10.50.0.0/16", HOST_METRIC_CONNECTION));
}

static void weights_are_lost_on_the_slow_path(void **state)
{
	struct fib_answer answer = to_tunnels();

	(void)state;
	answer.set.members[1].weight = 3;
	fixture_route(&world.fib_tables[0], "10.50.0.0/16", answer);
	build();
	assert_int_equal(hop(route(MAIN_TABLE, "10.50.0.0/16", 0), 0)->weight, 1);
	assert_int_equal(hop(route(MAIN_TABLE, "10.50.0.0/16", 0), 1)->weight, 3);
}

static void the_slow_path_hashes_into_a_dead_tunnel(void **state)
{
	const struct host_route *r;

	(void)state;
	world.facts.tunnels[0][0].down = true;
	build();
	r = route(MAIN_TABLE, "10.50.0.0/16", 0);
	assert_int_equal(r->hop_count, 1);
	assert_string_equal(hop(r, 0)->device, "xfrm102");
	/* BPF and BGP decide for themselves: every device keeps its default. */
	assert_non_null(route(DC_TABLE, "0.0.0.0/0", HOST_METRIC_DEFAULT + 1));
}

/* Not yet withdrawn: better lost in an xfrm interface without SA than sent elsewhere. */
static void a_route_whose_tunnels_are_all_dead_goes_elsewhere(void **state)
{
	(void)state;
	world.facts.tunnels[0][0].down = true;
	world.facts.tunnels[0][1].down = true;
	build();
	assert_int_equal(route(MAIN_TABLE, "10.50.0.0/16", 0)->hop_count, 2);
}

static void a_vpc_without_kernel_vlan_device_is_sent_to_a_shorter_prefix(void **state)
{
	(void)state;
	strcpy(world.facts.attachments[0].device, "");
	build();
	assert_int_equal(route(MAIN_TABLE, "10.1.0.0/16", 0)->type, HOST_ROUTE_UNREACHABLE);
	assert_null(route(DC_TABLE, "10.1.0.0/16", 0));
	assert_int_equal(count_rules(HOST_RULE_END, "vpc"), 0);
}

static void a_tagged_vpc_uses_the_untagged_device(void **state)
{
	(void)state;
	world.attachments[0].vlans[0] = 100;
	host_facts_free(&world.facts);
	assert_int_equal(host_facts_init(&world.facts, &world.c), 0);
	assert_string_equal(world.facts.attachments[0].device, "");
	strcpy(world.facts.attachments[0].device, "vpc.100");
	build();
	assert_string_equal(hop(route(MAIN_TABLE, "10.1.0.0/16", 0), 0)->device, "vpc.100");
	assert_int_equal(count_rules(HOST_RULE_TABLE, "vpc.100"), 2);
	assert_int_equal(count_rules(HOST_RULE_TABLE, "vpc"), 0);
}

static void a_large_table_takes_a_hop_per_route(void **state)
{
	enum { MANY = 1000 };
	struct prefix p = a_prefix("10.60.0.0/32");
	struct fib_answer answer = to_tunnels();

	(void)state;
	for (size_t i = 0; i < MANY; i++) {
		p.address.bytes[2] = (uint8_t)(i >> 8);
		p.address.bytes[3] = (uint8_t)i;
		assert_int_equal(0, fib_set(&world.fib_tables[0], &p, &answer));
	}
	build();
	assert_true(plan.route_count > MANY);
	assert_in_range(plan.hop_count, 1, 20);
}

static void two_attachments_with_one_cidr_are_one_key_twice(void **state)
{
	(void)state;
	world.attachments[2] = world.attachments[0];
	world.attachments[2].device = (char *)"vpc-b";
	world.c.attachment_count = 3;
	host_facts_free(&world.facts);
	assert_int_equal(host_facts_init(&world.facts, &world.c), 0);
	build();
	for (size_t i = 1; i < plan.route_count; i++)
		assert_true(host_route_compare(&plan.routes[i - 1], &plan.routes[i]) < 0);
	assert_string_equal(hop(route(HOST_REPLY_TABLE, "10.1.0.0/16", 0), 0)->device, "vpc");
}

/* Fail closed. */

static void a_packet_from_an_attachment_falls_through_to_main(void **state)
{
	static const char *const names[] = { "vpc", "vrf1001", "xfrm101", "xfrm102" };

	(void)state;
	for (int associated = 1; associated >= 0; associated--) {
		if (!associated)
			for (size_t i = 0; i < 2; i++)
				world.attachments[i].association =
					(struct config_ref){ .index = -1 };
		build();
		for (size_t i = 0; i < 4; i++) {
			assert_int_equal(count_rules(HOST_RULE_END, names[i]), 2);
			assert_int_equal(rule(HOST_RULE_END, names[i])->action,
					 HOST_RULE_UNREACHABLE);
		}
	}
}

static void a_connection_that_nothing_attaches_falls_through_to_main(void **state)
{
	(void)state;
	world.c.attachment_count = 1;
	build();
	assert_int_equal(count_rules(HOST_RULE_TABLE, "vrf1001"), 0);
	assert_int_equal(count_rules(HOST_RULE_END, "vrf1001"), 2);
}

static void an_attachment_is_looked_up_in_no_table(void **state)
{
	(void)state;
	build();
	assert_int_equal(rule(HOST_RULE_TABLE, "vpc")->table, MAIN_TABLE);
	assert_int_equal(rule(HOST_RULE_TABLE, "vrf1001")->table, MAIN_TABLE);
	for (int vrf = 1; vrf >= 0; vrf--) {
		world.connections[0].vrf = vrf;
		build();
		assert_int_equal(rule(HOST_RULE_TABLE, "xfrm101")->table, MAIN_TABLE);
		assert_int_equal(rule(HOST_RULE_TABLE, "xfrm102")->table, MAIN_TABLE);
	}
}

static void rules_stand_behind_those_of_the_kernel(void **state)
{
	(void)state;
	build();
	for (size_t i = 0; i < plan.rule_count; i++)
		assert_in_range(plan.rules[i].preference, 1, 999);
	assert_true(HOST_RULE_OUTPUT < HOST_RULE_TABLE && HOST_RULE_LOCAL < HOST_RULE_TABLE);
	assert_true(HOST_RULE_TABLE < HOST_RULE_END && HOST_RULE_END < HOST_RULE_GUARD);
}

static void a_rule_exists_for_one_family_only(void **state)
{
	size_t v4 = 0, v6 = 0;

	(void)state;
	build();
	for (size_t i = 0; i < plan.rule_count; i++) {
		if (plan.rules[i].preference == HOST_RULE_OWN ||
		    plan.rules[i].preference == HOST_RULE_LOCAL)
			continue;
		v4 += plan.rules[i].family == AF_INET;
		v6 += plan.rules[i].family == AF_INET6;
	}
	assert_int_equal(v4, v6);
	assert_true(v4 >= 6);
}

/* A withdrawn route, on_no_route: pass, and main's default: plaintext. */
static void pass_lets_out_what_belongs_to_a_data_centre(void **state)
{
	(void)state;
	world.c.gateway.on_no_route = NO_ROUTE_PASS;
	build();
	assert_int_equal(count_rules(HOST_RULE_END, "vpc"), 0);
	assert_int_equal(rule(HOST_RULE_NO_ROUTE, "vpc")->table, HOST_GUARD_TABLE);
	assert_int_equal(route(HOST_GUARD_TABLE, "10.50.0.0/16", 0)->type, HOST_ROUTE_UNREACHABLE);
	assert_int_equal(count_rules(HOST_RULE_END, "vrf1001"), 2);
}

static void plaintext_from_the_underlay_reaches_an_attachment(void **state)
{
	static const char *const closed[] = { "10.1.0.0/16",	 "2001:db8:1::/48",
					      "10.50.0.0/16",	 "2001:db8:50::/48",
					      "169.254.10.0/30", "169.254.11.0/30" };

	(void)state;
	build();
	assert_int_equal(count_rules(HOST_RULE_GUARD, "under"), 2);
	assert_int_equal(count_rules(HOST_RULE_GUARD, NULL), 2);
	assert_false(rule(HOST_RULE_GUARD, "under")->invert);
	assert_int_equal(rule(HOST_RULE_GUARD, "under")->table, HOST_GUARD_TABLE);
	for (size_t i = 0; i < sizeof(closed) / sizeof(*closed); i++)
		assert_int_equal(route(HOST_GUARD_TABLE, closed[i], 0)->type,
				 HOST_ROUTE_UNREACHABLE);
}

static void an_unknown_underlay_is_not_guarded(void **state)
{
	(void)state;
	strcpy(world.facts.tunnels[0][0].underlay, "lo");
	strcpy(world.facts.tunnels[0][1].underlay, "");
	build();
	assert_int_equal(count_rules(HOST_RULE_GUARD, NULL), 2);
	assert_true(rule(HOST_RULE_GUARD, "lo")->invert);
}

/* BGP in the VRF. */

static void bgp_to_the_tunnel_address_ends_in_the_tr_table(void **state)
{
	struct prefix own = a_prefix("169.254.10.1/32");
	const struct host_rule *r;

	(void)state;
	build();
	/* IPv4 knows the slave as input device, and either tunnel may bring it. */
	assert_int_equal(count_rules(HOST_RULE_LOCAL, "vrf1001"), 2);
	assert_int_equal(count_rules(HOST_RULE_LOCAL, "xfrm101"), 2);
	assert_int_equal(count_rules(HOST_RULE_LOCAL, "xfrm102"), 2);
	r = rule(HOST_RULE_LOCAL, "vrf1001");
	assert_true(prefix_equal(&r->to, &own));
	assert_int_equal(r->table, DC_TABLE);
	world.connections[0].vrf = false;
	build();
	assert_int_equal(count_rules(HOST_RULE_LOCAL, NULL), 0);
}

/* Some kernels compare `iif VRF` with the l3 domain of what is sent, too. */
static void what_is_sent_through_the_vrf_ends_in_the_tr_table(void **state)
{
	(void)state;
	build();
	assert_int_equal(count_rules(HOST_RULE_OUTPUT, "lo"), 6);
	assert_string_equal(rule(HOST_RULE_OUTPUT, "lo")->oif, "vrf1001");
	assert_int_equal(rule(HOST_RULE_OUTPUT, "lo")->table, DC_TABLE);
	world.connections[0].vrf = false;
	build();
	assert_int_equal(count_rules(HOST_RULE_OUTPUT, "lo"), 4);
}

/* In plaintext from the underlay, or spoofed by a VPC. */
static void a_forwarded_packet_claims_a_tunnel_address(void **state)
{
	(void)state;
	build();
	assert_int_equal(count_rules(HOST_RULE_OWN, NULL), 4);
	assert_int_equal(count_rules(HOST_RULE_OWN, "lo"), 4);
}

/* ICMP that the kernel writes. */

static void an_icmp_error_to_a_vpc_behind_a_gateway_leaves_by_the_underlay(void **state)
{
	(void)state;
	world.attachments[0].next_hop_v4 = an_address("10.1.0.254");
	build();
	assert_int_equal(count_rules(HOST_RULE_REPLY, "lo"), 2);
	assert_int_equal(rule(HOST_RULE_REPLY, "lo")->protocol, IPPROTO_ICMP);
	assert_int_equal(hop(route(HOST_REPLY_TABLE, "10.1.0.0/16", 0), 0)->via.family, AF_INET);
	fixture_withdraw(&world.fib_tables[1], "10.50.0.0/16");
	build();
	assert_int_equal(route(HOST_REPLY_TABLE, "10.50.0.0/16", 0)->type, HOST_ROUTE_UNREACHABLE);
}

static void a_ping_to_the_peer_enters_the_tunnel_to_it(void **state)
{
	(void)state;
	world.routes[0].prefix = a_prefix("203.0.113.0/24");
	fixture_route(&world.fib_tables[1], "203.0.113.0/24", to_tunnels());
	world.cidrs[0].prefix = a_prefix("0.0.0.0/0");
	build();
	assert_null(route(HOST_REPLY_TABLE, "203.0.113.0/24", 0));
	assert_null(route(HOST_REPLY_TABLE, "0.0.0.0/0", 0));
}

/* Sysctls. */

static void forwarding_is_off_where_it_is_needed_or_on_where_not(void **state)
{
	(void)state;
	build();
	assert_string_equal(sysctl_value("net/ipv4/conf/vpc/forwarding"), "1");
	assert_string_equal(sysctl_value("net/ipv4/conf/vrf1001/forwarding"), "1");
	assert_string_equal(sysctl_value("net/ipv4/conf/xfrm101/forwarding"), "1");
	assert_string_equal(sysctl_value("net/ipv6/conf/vpc/forwarding"), "1");
	assert_string_equal(plan.sysctls[0].path, "net/ipv6/conf/all/forwarding");
	for (size_t i = 0; i < plan.sysctl_count; i++) {
		assert_null(strstr(plan.sysctls[i].path, "under"));
		assert_null(strstr(plan.sysctls[i].path, "ipv4/conf/all"));
	}
}

static void every_device_becomes_a_router_where_one_would_do(void **state)
{
	(void)state;
	world.facts.force_forwarding = true;
	build();
	assert_null(sysctl_value("net/ipv6/conf/all/forwarding"));
	assert_string_equal(sysctl_value("net/ipv6/conf/vpc/force_forwarding"), "1");
}

static void ipv6_is_switched_on_for_ipv4_alone(void **state)
{
	(void)state;
	world.attachments[0].cidr_count = 1;
	world.connections[0].route_count = 1;
	for (size_t i = 0; i < 2; i++)
		fixture_withdraw(&world.fib_tables[i], "2001:db8:50::/48");
	fixture_withdraw(&world.fib_tables[0], "2001:db8:1::/48");
	/* That the gateway has an IPv6 address of its own changes nothing. */
	fixture_route(&world.fib_tables[0], "2001:db8:2::1/128",
		      (struct fib_answer){ .kind = FIB_LOCAL });
	build();
	for (size_t i = 0; i < plan.sysctl_count; i++)
		assert_null(strstr(plan.sysctls[i].path, "ipv6"));
	assert_null(route(DC_TABLE, "::/0", HOST_METRIC_DEFAULT + 1));
}

static void ipv6_is_switched_off_while_its_routes_are_withdrawn(void **state)
{
	(void)state;
	world.attachments[0].cidr_count = 1;
	for (size_t i = 0; i < 2; i++)
		fixture_withdraw(&world.fib_tables[i], "2001:db8:50::/48");
	fixture_withdraw(&world.fib_tables[0], "2001:db8:1::/48");
	build();
	assert_non_null(sysctl_value("net/ipv6/conf/vpc/forwarding"));
}

static void strict_reverse_path_filtering_drops_the_other_tunnels_answers(void **state)
{
	(void)state;
	build();
	assert_string_equal(sysctl_value("net/ipv4/conf/xfrm101/rp_filter"), "0");
	assert_null(sysctl_value("net/ipv4/conf/vpc/rp_filter"));
	world.facts.strict_all = true;
	build();
	assert_string_equal(sysctl_value("net/ipv4/conf/xfrm101/rp_filter"), "2");
}

#define story(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		story(a_tunnel_comes_up_outside_its_vrf),
		story(an_xfrm_interface_without_if_id_underlay_or_mtu),
		story(an_xfrm_interface_bound_to_lo),
		story(an_adopted_device_gets_an_mtu_that_nobody_wrote),
		story(vrf_false_makes_a_vrf),
		story(an_address_with_the_wrong_length),
		story(a_static_connection_without_inside_cidr_gets_an_address),
		story(a_redirected_packet_finds_no_route_through_its_tunnel),
		story(a_lookup_falls_out_of_the_table_when_all_tunnels_are_down),
		story(an_icmp_error_for_the_vpc_vanishes_in_the_vrf),
		story(a_vpc_is_advertised_without_synchronization),
		story(the_vpc_leaks_into_a_connection_without_association),
		story(our_copy_of_a_bgp_route_keeps_it_alive),
		story(the_kernel_in_the_vrf_does_not_know_a_destination_based_route),
		story(a_bgp_session_without_vrf_uses_the_other_tunnel),
		story(the_slow_path_disagrees_with_the_fib),
		story(a_full_table_is_copied_where_one_default_would_do),
		story(weights_are_lost_on_the_slow_path),
		story(the_slow_path_hashes_into_a_dead_tunnel),
		story(a_route_whose_tunnels_are_all_dead_goes_elsewhere),
		story(a_vpc_without_kernel_vlan_device_is_sent_to_a_shorter_prefix),
		story(a_tagged_vpc_uses_the_untagged_device),
		story(a_large_table_takes_a_hop_per_route),
		story(two_attachments_with_one_cidr_are_one_key_twice),
		story(a_packet_from_an_attachment_falls_through_to_main),
		story(a_connection_that_nothing_attaches_falls_through_to_main),
		story(an_attachment_is_looked_up_in_no_table),
		story(rules_stand_behind_those_of_the_kernel),
		story(a_rule_exists_for_one_family_only),
		story(pass_lets_out_what_belongs_to_a_data_centre),
		story(plaintext_from_the_underlay_reaches_an_attachment),
		story(an_unknown_underlay_is_not_guarded),
		story(bgp_to_the_tunnel_address_ends_in_the_tr_table),
		story(what_is_sent_through_the_vrf_ends_in_the_tr_table),
		story(a_forwarded_packet_claims_a_tunnel_address),
		story(an_icmp_error_to_a_vpc_behind_a_gateway_leaves_by_the_underlay),
		story(a_ping_to_the_peer_enters_the_tunnel_to_it),
		story(forwarding_is_off_where_it_is_needed_or_on_where_not),
		story(every_device_becomes_a_router_where_one_would_do),
		story(ipv6_is_switched_on_for_ipv4_alone),
		story(ipv6_is_switched_off_while_its_routes_are_withdrawn),
		story(strict_reverse_path_filtering_drops_the_other_tunnels_answers),
	};

	return cmocka_run_group_tests_name("host", tests, NULL, NULL);
}
