/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every key of the configuration: how it is decoded, to where, and what is allowed. A key that is
 * added here is checked, listed in messages and given its default; nothing else need change.
 */
#include <stdio.h>
#include <stdlib.h>
#include "config_schema.h"
#include "dataplane.h"

#define VPC	(1u << ATTACHMENT_VPC)
#define VBR	(1u << ATTACHMENT_VBR)
#define VPN	(1u << ATTACHMENT_VPN)
#define DEVICES (VPC | VBR)

/* Below 576 IPv4 does not work (RFC 791), above 65535 there is no IP packet. */
#define MTU_RANGE RANGE(576, 65535)

static const char *const no_route_words[] = { "drop", "pass", NULL };
static const char *const hash_words[] = { "l4", "l3", "symmetric", NULL };
static const char *const limits_words[] = { "none", "default", NULL };
static const char *const slow_path_words[] = { "full", "summary", NULL };
static const char *const xdp_words[] = { "auto", "native", "off", NULL };
static const char *const redirect_words[] = { "auto", "on", "off", NULL };
static const char *const on_failure_words[] = { "revoke_route", "reserve_route", NULL };
static const char *const attachment_words[] = { "vpc", "vbr", "vpn", NULL };

/* A word's position is its value. */
_Static_assert(NO_ROUTE_DROP == 0 && NO_ROUTE_PASS == 1, "no_route_words");
_Static_assert(HASH_L4 == 0 && HASH_L3 == 1 && HASH_SYMMETRIC == 2, "hash_words");
_Static_assert(SLOW_PATH_FULL == 0 && SLOW_PATH_SUMMARY == 1, "slow_path_words");
_Static_assert(XDP_AUTO == 0 && XDP_NATIVE == 1 && XDP_OFF == 2, "xdp_words");
_Static_assert(REDIRECT_AUTO == 0 && REDIRECT_ON == 1 && REDIRECT_OFF == 2, "redirect_words");
_Static_assert(ATTACHMENT_VPC == 0 && ATTACHMENT_VBR == 1 && ATTACHMENT_VPN == 2,
	       "attachment_words");
_Static_assert(ON_FAILURE_REVOKE_ROUTE == 0 && ON_FAILURE_RESERVE_ROUTE == 1, "on_failure_words");
_Static_assert(sizeof(enum on_failure) == 4 && sizeof(enum no_route) == 4 &&
		       sizeof(enum xdp_mode) == 4 && sizeof(enum slow_path_mode) == 4,
	       "store_number()");

/* The field's offset is that of `enabled`, and of the struct. */
_Static_assert(offsetof(struct config_damping, enabled) == 0, "decode_switch()");

/* A fall costs 1000. A million is more than any policy needs; a penalty is a double anyway. */
static const struct field damping_fields[] = {
	{ "half_life", decode_duration, VALUE(struct config_damping, half_life_ms),
	  RANGE(100, 3600000), .initial = DEFAULT_DAMPING_HALF_MS },
	{ "suppress", decode_number, VALUE(struct config_damping, suppress), RANGE(1, 1000000),
	  .initial = DEFAULT_DAMPING_SUPPRESS },
	{ "reuse", decode_number, VALUE(struct config_damping, reuse), RANGE(1, 1000000),
	  .initial = DEFAULT_DAMPING_REUSE },
	{ "max", decode_duration, VALUE(struct config_damping, max_ms), RANGE(100, 86400000),
	  .initial = DEFAULT_DAMPING_MAX_MS },
	END,
};

static const struct schema damping_schema = {
	.what = "damping",
	.fields = damping_fields,
	.size = sizeof(struct config_damping),
};

static const struct field underlay_fields[] = {
	{ "cpus", decode_cpus, VALUE(struct config_underlay, cpus), .required = true },
	END,
};

static const struct schema underlay_schema = {
	.what = "an underlay",
	.fields = underlay_fields,
	.size = sizeof(struct config_underlay),
	.name = offsetof(struct config_underlay, name),
	.name_mark = offsetof(struct config_underlay, mark),
};

static const struct field gateway_fields[] = {
	{ "secrets", decode_text, VALUE(struct config_gateway, secrets),
	  MARK(struct config_gateway, secrets_mark) },
	{ "on_no_route", decode_word, VALUE(struct config_gateway, on_no_route),
	  .names = no_route_words },
	{ "flow_hash", decode_word, VALUE(struct config_gateway, flow_hash),
	  MARK(struct config_gateway, flow_hash_mark), .names = hash_words },
	{ "limits", decode_word, VALUE(struct config_gateway, limits), .names = limits_words,
	  .initial = true },
	{ "hold_down", decode_duration, VALUE(struct config_gateway, hold_down_ms),
	  .initial = DEFAULT_HOLD_DOWN_MS, .max = 60000 },
	{ "damping", decode_switch, VALUE(struct config_gateway, damping.enabled),
	  MARK(struct config_gateway, damping_mark), .initial = true, .schema = &damping_schema },
	{ "audit", decode_seconds_or_off, VALUE(struct config_gateway, audit_s), RANGE(5, 3600),
	  .initial = DEFAULT_AUDIT_S },
	{ "fpm", decode_mapping, VALUE(struct config_gateway, fpm),
	  MARK(struct config_gateway, fpm.mark), .schema = &fpm_schema },
	{ "return_idle", decode_duration_or_off, VALUE(struct config_gateway, return_idle_ms),
	  RANGE(200, 3600000) },
	{ "return_within", decode_duration, VALUE(struct config_gateway, return_within_ms),
	  RANGE(1000, 86400000), .initial = DEFAULT_RETURN_WITHIN_MS },
	{ "underlays", decode_named, LIST(struct config_gateway, underlays, underlay_count),
	  .schema = &underlay_schema },
	END,
};

static const struct field table_route_fields[] = {
	{ "destination", decode_prefix, VALUE(struct config_table_route, destination.prefix),
	  MARK(struct config_table_route, destination.mark), .required = true },
	{ "blackhole", decode_bool, VALUE(struct config_table_route, blackhole) },
	{ "attachment", decode_reference, VALUE(struct config_table_route, attachment) },
	{ "metric", decode_number, VALUE(struct config_table_route, metric), RANGE(0, UINT32_MAX) },
	END,
};

static const struct schema table_route_schema = {
	.what = "a route",
	.fields = table_route_fields,
	.size = sizeof(struct config_table_route),
	.name_mark = offsetof(struct config_table_route, mark),
};

static const struct field table_fields[] = {
	{ "learn", decode_references, LIST(struct config_table, learn, learn_count) },
	{ "routes", decode_list, LIST(struct config_table, routes, route_count),
	  .schema = &table_route_schema },
	{ "transit", decode_bool, VALUE(struct config_table, transit) },
	{ "slow_path", decode_word, VALUE(struct config_table, slow_path),
	  MARK(struct config_table, slow_path_mark), .names = slow_path_words },
	END,
};

static const struct schema table_schema = {
	.what = "a table",
	.fields = table_fields,
	.size = sizeof(struct config_table),
	.name = offsetof(struct config_table, name),
	.name_mark = offsetof(struct config_table, mark),
};

static const struct field attachment_fields[] = {
	{ "type", decode_word, VALUE(struct config_attachment, type), .names = attachment_words,
	  .required = true },
	{ "device", decode_text, VALUE(struct config_attachment, device),
	  MARK(struct config_attachment, device_mark), .variants = DEVICES, .required = true },
	{ "vlan", decode_vlans, VALUE(struct config_attachment, vlans),
	  MARK(struct config_attachment, vlan_mark), .variants = DEVICES, RANGE(1, 4094) },
	{ "cidrs", decode_prefixes, LIST(struct config_attachment, cidrs, cidr_count),
	  .variants = DEVICES },
	{ "next_hop", decode_next_hops, VALUE(struct config_attachment, next_hop_v4),
	  MARK(struct config_attachment, next_hop_mark), .variants = DEVICES },
	{ "mtu", decode_number, VALUE(struct config_attachment, mtu),
	  MARK(struct config_attachment, mtu_mark), .variants = DEVICES, MTU_RANGE },
	{ "xdp", decode_word, VALUE(struct config_attachment, xdp), .variants = DEVICES,
	  .names = xdp_words },
	{ "redirect", decode_word, VALUE(struct config_attachment, redirect), .variants = DEVICES,
	  .names = redirect_words },
	{ "cpus", decode_cpus, VALUE(struct config_attachment, cpus), .variants = DEVICES },
	{ "asn", decode_asn, VALUE(struct config_attachment, asn),
	  MARK(struct config_attachment, asn_mark), .variants = VBR, ASN_RANGE, .rule = " [D17]" },
	{ "priority", decode_number, VALUE(struct config_attachment, priority),
	  MARK(struct config_attachment, priority_mark), .variants = VBR, RANGE(0, UINT32_MAX) },
	{ "connection", decode_reference, VALUE(struct config_attachment, connection),
	  .variants = VPN, .required = true },
	{ "synchronize", decode_bool, VALUE(struct config_attachment, synchronize),
	  MARK(struct config_attachment, synchronize_mark), .variants = VPN },
	{ "association", decode_reference, VALUE(struct config_attachment, association) },
	END,
};

_Static_assert(sizeof(attachment_fields) / sizeof(*attachment_fields) <= MAX_FIELDS,
	       "the longest of the tables");

static const struct schema attachment_schema = {
	.what = "an attachment",
	.fields = attachment_fields,
	.size = sizeof(struct config_attachment),
	.name = offsetof(struct config_attachment, name),
	.name_mark = offsetof(struct config_attachment, mark),
	.variant_key = "type",
	.variants = attachment_words,
};

static const struct field customer_gateway_fields[] = {
	{ "addresses", decode_gateway_addresses, VALUE(struct config_customer_gateway, addresses),
	  .required = true, .alternative = "address" },
	{ "address", decode_one_gateway_address, VALUE(struct config_customer_gateway, addresses),
	  .alternative = "addresses" },
	{ "asn", decode_asn, VALUE(struct config_customer_gateway, asn),
	  MARK(struct config_customer_gateway, asn_mark), ASN_RANGE, .rule = " [D11]" },
	END,
};

static const struct schema customer_gateway_schema = {
	.what = "a customer gateway",
	.fields = customer_gateway_fields,
	.size = sizeof(struct config_customer_gateway),
	.name = offsetof(struct config_customer_gateway, name),
	.name_mark = offsetof(struct config_customer_gateway, mark),
};

/* A probe every 100 ms is a load that 500 tunnels still bear; after an hour nobody waits. */
static const struct field health_check_fields[] = {
	{ "destination", decode_address, VALUE(struct config_health_check, destination),
	  MARK(struct config_health_check, destination_mark), .required = true },
	{ "source", decode_address, VALUE(struct config_health_check, source),
	  MARK(struct config_health_check, source_mark) },
	{ "interval", decode_duration, VALUE(struct config_health_check, interval_ms),
	  RANGE(100, 3600000), .initial = DEFAULT_HEALTH_INTERVAL_MS },
	{ "retries", decode_number, VALUE(struct config_health_check, retries), RANGE(1, 10),
	  .initial = DEFAULT_HEALTH_RETRIES },
	{ "on_failure", decode_word, VALUE(struct config_health_check, on_failure),
	  .names = on_failure_words },
	END,
};

static const struct schema health_check_schema = {
	.what = "health_check",
	.fields = health_check_fields,
	.size = sizeof(struct config_health_check),
};

static const struct field tunnel_fields[] = {
	{ "name", decode_name, VALUE(struct config_tunnel, name) },
	{ "if_id", decode_number, VALUE(struct config_tunnel, if_id),
	  MARK(struct config_tunnel, if_id_mark), RANGE(1, UINT32_MAX), .required = true,
	  .rule = " [D3]" },
	{ "device", decode_text, VALUE(struct config_tunnel, device),
	  MARK(struct config_tunnel, device_mark) },
	{ "local_address", decode_address, VALUE(struct config_tunnel, local_address),
	  MARK(struct config_tunnel, local_address_mark) },
	{ "remote_address", decode_address, VALUE(struct config_tunnel, remote_address),
	  MARK(struct config_tunnel, remote_address_mark) },
	{ "inside", decode_prefix, VALUE(struct config_tunnel, inside),
	  MARK(struct config_tunnel, inside_mark) },
	{ "bgp_address", decode_address, VALUE(struct config_tunnel, bgp_address),
	  MARK(struct config_tunnel, bgp_address_mark) },
	{ "psk", decode_text, VALUE(struct config_tunnel, psk),
	  MARK(struct config_tunnel, psk_mark) },
	{ "mtu", decode_number, VALUE(struct config_tunnel, mtu),
	  MARK(struct config_tunnel, mtu_mark), MTU_RANGE, .initial = DEFAULT_TUNNEL_MTU },
	{ "weight", decode_number, VALUE(struct config_tunnel, weight),
	  MARK(struct config_tunnel, weight_mark), RANGE(1, 256), .initial = DEFAULT_WEIGHT },
	{ "health_check", decode_mapping, VALUE(struct config_tunnel, health_check),
	  MARK(struct config_tunnel, health_check.mark), .schema = &health_check_schema },
	END,
};

#define ONE_IF_ID                                                                                 \
	"an xfrm interface has one if_id: what comes in by an SA with another one does not come " \
	"in on the tunnel's device; give both directions the same number and write 'if_id' [D3]"

static const struct refused_key tunnel_refused[] = {
	{ "if_id_in", ONE_IF_ID },
	{ "if_id_out", ONE_IF_ID },
	{ NULL, NULL },
};

static const struct schema tunnel_schema = {
	.what = "a tunnel",
	.fields = tunnel_fields,
	.refused = tunnel_refused,
	.size = sizeof(struct config_tunnel),
};

/* `bgp: {}` is BGP with every default. */
static void decode_bgp(struct decoder *d, const struct field *f, yaml_node_t *node, void *base)
{
	struct config_connection *c = base;

	c->bgp.enabled = true;
	decode_mapping(d, f, node, base);
}

/* One or two, in the struct itself. */
static void decode_tunnels(struct decoder *d, const struct field *f, yaml_node_t *node, void *base)
{
	struct config_connection *c = base;
	size_t n;

	if (!is_container(d, f->key, "a list of one or two tunnels", node, YAML_SEQUENCE_NODE))
		return;
	n = sequence_length(node);
	if (n < 1 || n > TUNNELS_PER_CONNECTION)
		decode_error(d, mark_of(node), "%s: %zu given; a connection has one or two [S18]",
			     f->key, n);
	for (size_t i = 0; i < n && i < TUNNELS_PER_CONNECTION; i++) {
		yaml_node_t *item = sequence_item(d, node, i);

		schema_defaults(&tunnel_schema, &c->tunnels[i]);
		c->tunnels[i].mark = mark_of(item);
		decode_members(d, &tunnel_schema, item, mark_of(item), &c->tunnels[i]);
		c->tunnel_count++;
	}
}

static void name_tunnels(struct decoder *d, void *element)
{
	struct config_connection *c = element;

	for (size_t i = 0; c->name && i < c->tunnel_count; i++) {
		if (c->tunnels[i].name)
			continue;
		if (asprintf(&c->tunnels[i].name, "%s-%zu", c->name, i + 1) < 0) {
			c->tunnels[i].name = NULL;
			d->out_of_memory = true;
		}
	}
}

static const struct field connection_fields[] = {
	{ "customer_gateway", decode_reference, VALUE(struct config_connection, customer_gateway),
	  .required = true },
	{ "bgp", decode_bgp, VALUE(struct config_connection, bgp),
	  MARK(struct config_connection, bgp.mark), .schema = &bgp_schema },
	{ "routes", decode_prefixes, LIST(struct config_connection, routes, route_count),
	  MARK(struct config_connection, routes_mark) },
	{ "allow_mixed_routing", decode_bool,
	  VALUE(struct config_connection, allow_mixed_routing) },
	{ "tunnels", decode_tunnels, VALUE(struct config_connection, tunnels),
	  MARK(struct config_connection, tunnels_mark), .required = true, .rule = " [S18]" },
	{ "vrf", decode_bool, VALUE(struct config_connection, vrf), .initial = true },
	{ "table", decode_number, VALUE(struct config_connection, kernel_table),
	  MARK(struct config_connection, kernel_table_mark), RANGE(1, UINT32_MAX) },
	{ "bgp_quota", decode_number, VALUE(struct config_connection, bgp_quota),
	  MARK(struct config_connection, bgp_quota_mark), RANGE(50, 200), .rule = " [S44]" },
	END,
};

static const struct schema connection_schema = {
	.what = "a connection",
	.fields = connection_fields,
	.size = sizeof(struct config_connection),
	.name = offsetof(struct config_connection, name),
	.name_mark = offsetof(struct config_connection, mark),
	.finish = name_tunnels,
};

static const struct field transit_router_fields[] = {
	{ "tables", decode_named, LIST(struct config, tables, table_count),
	  .schema = &table_schema },
	END,
};

static const struct schema transit_router_schema = {
	.what = "transit_router",
	.fields = transit_router_fields,
	.size = sizeof(struct config),
};

static const struct field config_fields[] = {
	{ "gateway", decode_mapping, .offset = offsetof(struct config, gateway),
	  .schema = &(const struct schema){ .what = "gateway",
					    .fields = gateway_fields,
					    .size = sizeof(struct config_gateway) } },
	/* Its tables are members of struct config itself: offset 0. */
	{ "transit_router", decode_mapping, .schema = &transit_router_schema },
	{ "attachments", decode_named, LIST(struct config, attachments, attachment_count),
	  .schema = &attachment_schema },
	{ "customer_gateways", decode_named,
	  LIST(struct config, customer_gateways, customer_gateway_count),
	  .schema = &customer_gateway_schema },
	{ "connections", decode_named, LIST(struct config, connections, connection_count),
	  .schema = &connection_schema },
	END,
};

const struct schema config_schema = {
	.what = "the configuration",
	.fields = config_fields,
	.size = sizeof(struct config),
};
