/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * FRR: one BGP instance in each connection's VRF. Lines are written as FRR shows them in its
 * running configuration, so that `render --check` can compare.
 *
 * What is exported is decided by espalierd alone: it gives metric 77 to the routes that a data
 * centre is to get, and only while `synchronize: true`. The same metric is asked for here whether
 * it is on or off, so that switching needs no other configuration of FRR [S15 S42].
 *
 * No `maximum-prefix`: it would end the session. espalierd counts, and refuses single routes [D4].
 */
#include <stdio.h>
#include "../core/host.h"
#include "render_bgp.h"

#define NAME_LEN (NAME_MAX_LEN + 16)

static const unsigned families[] = { BGP_IPV4, BGP_IPV6 };

static const char *profile_name(const struct config_connection *c, char buf[NAME_LEN])
{
	snprintf(buf, NAME_LEN, "espalier-%s", c->name);
	return buf;
}

/* Of a plain table: the route-map says which [vrf: false]. */
static const char *in_map_name(const struct config_connection *c, char buf[NAME_LEN])
{
	if (c->vrf)
		snprintf(buf, NAME_LEN, "espalier-in");
	else
		snprintf(buf, NAME_LEN, "espalier-in-%u", c->kernel_table);
	return buf;
}

static void in_maps(const struct config *c, struct text *out)
{
	bool shared = false;

	for (size_t i = 0; i < c->connection_count; i++) {
		const struct config_connection *connection = &c->connections[i];
		char name[NAME_LEN];

		if (!connection->bgp.enabled || (connection->vrf && shared))
			continue;
		shared |= connection->vrf;
		frr_in_map(in_map_name(connection, name),
			   connection->vrf ? 0 : connection->kernel_table, out);
	}
}

/* What espalierd writes into the table for a data centre, as zebra reads its metric. */
#define EXPORTED_METRIC (HOST_METRIC_EXPORTED & 0xFFFFFFu)

static void export_map(struct text *out)
{
	text_add(out,
		 "!\n"
		 "! What is synchronized: espalierd gives these routes metric %u, while it is on "
		 "[S15 S42]. Where\n"
		 "! the data centre announces the same prefix itself, its own goes first.\n"
		 "route-map espalier-export permit 10\n"
		 " match metric %u\n"
		 " set local-preference 1\n"
		 " set metric 0\n"
		 " set weight 0\n"
		 "exit\n",
		 EXPORTED_METRIC, EXPORTED_METRIC);
}

/* The names that a session refers to. */
struct session_names {
	char profile[NAME_LEN], in[NAME_LEN], description[2 * NAME_LEN];
};

static struct bgp_session session_of(const struct config *c, const struct config_connection *conn,
				     const struct config_tunnel *t, struct session_names *names)
{
	char device[DEVICE_NAME_LEN];

	snprintf(names->description, sizeof(names->description), "tunnel %s, %s", t->name,
		 tunnel_device_name(t, device));
	return (struct bgp_session){
		.bgp = &conn->bgp,
		.local = t->bgp_address,
		.peer = tunnel_peer_address(t),
		.peer_asn = c->customer_gateways[conn->customer_gateway.index].asn,
		.families = config_bgp_families(c, &conn->bgp),
		.description = names->description,
		.profile = profile_name(conn, names->profile),
		.in = in_map_name(conn, names->in),
		.out = "espalier-out",
	};
}

static void bfd_peers(const struct config *c, const struct config_connection *conn,
		      struct text *out)
{
	char vrf[DEVICE_NAME_LEN];

	for (size_t i = 0; i < conn->tunnel_count; i++) {
		struct session_names names;
		struct bgp_session s = session_of(c, conn, &conn->tunnels[i], &names);

		frr_bfd_peer(&s, conn->vrf ? connection_vrf_name(conn, vrf) : NULL, out);
	}
}

static void bfd(const struct config *c, struct text *out)
{
	text_add(out, "!\nbfd\n");
	for (size_t i = 0; i < c->connection_count; i++) {
		char profile[NAME_LEN];

		if (c->connections[i].bgp.enabled)
			frr_bfd_profile(&c->connections[i].bgp,
					profile_name(&c->connections[i], profile), out);
	}
	for (size_t i = 0; i < c->connection_count; i++)
		if (c->connections[i].bgp.enabled)
			bfd_peers(c, &c->connections[i], out);
	text_add(out, "exit\n");
}

static void address_family(const struct config *c, const struct config_connection *conn,
			   unsigned family, struct text *out)
{
	text_add(out, " !\n address-family %s unicast\n", bgp_family_name(family));
	if (conn->vrf)
		text_add(out, "  redistribute kernel route-map espalier-export\n");
	else
		text_add(out, "  redistribute table-direct %u route-map espalier-export\n",
			 conn->kernel_table);
	for (size_t i = 0; i < conn->tunnel_count; i++) {
		struct session_names names;
		struct bgp_session s = session_of(c, conn, &conn->tunnels[i], &names);

		frr_session_family(&s, out);
	}
	text_add(out, "  maximum-paths 8\n exit-address-family\n");
}

/* Next hops are the tunnels' own networks, never what a default route leads to. */
static void no_default_next_hops(const struct config_connection *c, struct text *out)
{
	char vrf[DEVICE_NAME_LEN];

	if (!c->vrf) {
		text_add(out,
			 "no ip nht resolve-via-default\nno ipv6 nht resolve-via-default\n!\n");
		return;
	}
	text_add(out,
		 "vrf %s\n no ip nht resolve-via-default\n no ipv6 nht resolve-via-default\n"
		 "exit-vrf\n!\n",
		 connection_vrf_name(c, vrf));
}

static void instance(const struct config *c, const struct config_connection *conn, struct text *out)
{
	unsigned spoken = config_bgp_families(c, &conn->bgp);
	char router_id[PREFIX_STRLEN], vrf[DEVICE_NAME_LEN];

	text_add(out,
		 "!\n! Connection %s: kernel table %u; one local ASN for both tunnels [S27 S54].\n",
		 conn->name, conn->kernel_table);
	no_default_next_hops(conn, out);
	text_add(out, "router bgp %u%s%s\n", conn->bgp.local_asn, conn->vrf ? " vrf " : "",
		 conn->vrf ? connection_vrf_name(conn, vrf) : "");
	text_add(out, " bgp router-id %s\n",
		 address_format(&conn->tunnels[0].bgp_address, router_id));
	text_add(out, " no bgp default ipv4-unicast\n");
	frr_graceful_restart(&conn->bgp, out);
	for (size_t i = 0; i < conn->tunnel_count; i++) {
		struct session_names names;
		struct bgp_session s = session_of(c, conn, &conn->tunnels[i], &names);

		frr_session(&s, out);
	}
	for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++)
		if (spoken & families[i])
			address_family(c, conn, families[i], out);
	text_add(out, "exit\n");
}

/* zebra dials. */
static void fpm_address(const struct config *c, struct text *out)
{
	struct address address = config_fpm_address(&c->gateway.fpm);
	char text[PREFIX_STRLEN];

	if (!config_has_fpm(c))
		return;
	text_add(out, "!\nfpm address %s", address_format(&address, text));
	if (c->gateway.fpm.port != DEFAULT_FPM_PORT)
		text_add(out, " port %u", c->gateway.fpm.port);
	text_add(out, "\n");
}

void render_frr(const struct config *c, struct text *out)
{
	frr_head("frr", out);
	fpm_address(c, out);
	in_maps(c, out);
	export_map(out);
	frr_out_map(out);
	bfd(c, out);
	for (size_t i = 0; i < c->connection_count; i++)
		if (c->connections[i].bgp.enabled)
			instance(c, &c->connections[i], out);
}

#define TABLE_DIRECT_MAX 65535u /* of `redistribute table-direct` */

void render_frr_refuses(const struct config *c, struct findings *f)
{
	const struct config_connection *first = NULL;

	for (size_t i = 0; i < c->connection_count; i++) {
		const struct config_connection *connection = &c->connections[i];

		if (!connection->bgp.enabled || connection->vrf)
			continue;
		if (first)
			findings_add(f, SEVERITY_ERROR, connection->mark,
				     "connection '%s' is the second with bgp and vrf: false, after "
				     "'%s': FRR has one BGP instance outside of VRFs; leave vrf: "
				     "false out, or use BIRD",
				     connection->name, first->name);
		if (connection->kernel_table > TABLE_DIRECT_MAX)
			findings_add(f, SEVERITY_ERROR, connection->kernel_table_mark,
				     "table: %u: of a connection with vrf: false FRR can read "
				     "tables up to %u only",
				     connection->kernel_table, TABLE_DIRECT_MAX);
		first = connection;
	}
}

uint32_t render_restart_s(const struct config *c)
{
	uint32_t longest = 0;

	for (size_t i = 0; i < c->connection_count; i++) {
		const struct config_bgp *bgp = &c->connections[i].bgp;

		if (bgp->enabled && bgp->graceful_restart.enabled &&
		    bgp->graceful_restart.restart_s > longest)
			longest = bgp->graceful_restart.restart_s;
	}
	return longest;
}

void render_frr_daemons(const struct config *c, struct text *out)
{
	frr_daemons("frr --daemons", render_restart_s(c), config_has_fpm(c), out);
}
