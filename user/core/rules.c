/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The rules of the service that a configuration can break, one function for each rule or family of
 * rules. Those it cannot break, by construction of the configuration:
 *
 *   S26      both tunnels use one method: the method is the connection's
 *   S27      both tunnels have one local ASN: it is the connection's
 *   S28      the peers' ASNs: a connection has one customer gateway, so there is one
 *   S43      the quotas of dual-tunnel connections cannot be written
 *   S45      0.0.0.0/0 is refused of destination-based routes only
 *   S51      destination mode only: there are no traffic selectors to write
 *   D7       at most one association: a key is given once
 *   D12 D16  flow hash by name; secrets by name only, so none can stand in the file
 *
 * IPv6, of which the reference does not speak: S35 refuses ::/0 likewise; S36 has no IPv6 analog
 * (100.64.0.0/10 is the service's own); S55 to S58 stay with IPv4, tunnels speak BGP over it.
 */
#include <sys/socket.h>
#include "fib.h"
#include "host.h"
#include "rules_internal.h"

#define TR_KERNEL_TABLES 4096u /* that many from TR_KERNEL_TABLE on */

static const struct {
	const char *numbers;
	rule_fn *check;
} rules[] = {
	{ "D7", rule_learn_twice },
	{ "D9", rule_table_routes },
	{ "D6 D9", rule_table_routes_twice },
	{ "D14", rule_slow_path },
	{ "D7 D8", rule_attachment_used },
	{ "S14 D7", rule_attachment_place },
	{ "D15 D17", rule_attachment_cidrs },
	{ "S34", rule_connection_attached_once },
	{ "S15 S42 D18", rule_synchronize },
	{ "D15", rule_vpc_overlap },
	{ "D14", rule_never_steered },
	{ "S46 D17", rule_vbr_asn },
	{ "S18", rule_dual_tunnel },
	{ "S3 S22 S30", rule_one_method },
	{ "S23 S24 S25", rule_static_ecmp },
	{ "S32", rule_routes_attached },
	{ "S35 S36", rule_destinations },
	{ "S31", rule_destinations_twice },
	{ "S43 S44 D5", rule_quota },
	{ "S47", rule_bgp_asn },
	{ "", rule_bgp_timers },
	{ "", rule_fpm },
	{ "", rule_cpus_need_xdp },
	{ "", rule_cpus_of_a_device },
	{ "", rule_kernel_table },
	{ "", rule_capacity },
	{ "D11", rule_gateway_addresses },
	{ "D11 S54", rule_gateway_asn },
	{ "S54 D10", rule_transit_asn },
	{ "", rule_tunnel_names },
	{ "D3", rule_if_ids },
	{ "", rule_device_names },
	{ "", rule_devices_twice },
	{ "D3", rule_tunnel_addresses },
	{ "D3", rule_tunnel_pairs },
	{ "D11", rule_tunnel_gateway },
	{ "S55 S56", rule_tunnel_cidrs },
	{ "S57", rule_tunnel_cidrs_differ },
	{ "S58", rule_bgp_addresses },
	{ "D16", rule_secrets },
	{ "", rule_tunnel_mtu },
	{ "", rule_damping },
	{ "", rule_health_addresses },
	{ "", rule_health_answers },
};

static const struct prefix service_block = { { AF_INET, { 100, 64 } }, 10 };

const char *rules_destination_refused(const struct prefix *p)
{
	if (!p->len)
		return "is the default route; a destination-based route may not be [S35]";
	if (prefix_equal(p, &service_block))
		return "is 100.64.0.0/10; a destination-based route may not equal, lie in or "
		       "contain it [S36]";
	if (prefix_contains(&service_block, p))
		return "lies in 100.64.0.0/10; a destination-based route may not equal, lie in or "
		       "contain it [S36]";
	if (prefix_contains(p, &service_block))
		return "contains 100.64.0.0/10; a destination-based route may not equal, lie in or "
		       "contain it [S36]";
	return NULL;
}

const char *kernel_table_reserved(uint32_t table)
{
	if (table == 0 || (table >= 252 && table <= 255))
		return "the kernel's";
	if (table == HOST_REPLY_TABLE || table == HOST_GUARD_TABLE)
		return "the gateway's own";
	if (table >= TR_KERNEL_TABLE && table < TR_KERNEL_TABLE + TR_KERNEL_TABLES)
		return "for tables of the transit router";
	return NULL;
}

static bool table_taken(const struct config *c, uint32_t table)
{
	for (size_t i = 0; i < c->connection_count; i++)
		if (c->connections[i].kernel_table == table)
			return true;
	return false;
}

/* 1001 + position; what is taken moves it up, and those after it where it must. What was kept from
 * the running configuration stays. */
static void choose_kernel_tables(struct config *c)
{
	uint32_t next = FIRST_KERNEL_TABLE;

	for (size_t i = 0; i < c->connection_count; i++) {
		struct config_connection *connection = &c->connections[i];

		if (connection->kernel_table_mark.line || connection->kernel_table)
			continue;
		if (next < FIRST_KERNEL_TABLE + i)
			next = FIRST_KERNEL_TABLE + (uint32_t)i;
		while (kernel_table_reserved(next) || table_taken(c, next))
			next++;
		connection->kernel_table = next++;
	}
}

void rules_check(struct config *c, struct findings *f)
{
	rules_resolve(c, f);
	choose_kernel_tables(c);
	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++)
		rules[i].check(c, f);
}
