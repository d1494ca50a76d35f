/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * BIRD 2: for each connection a table of its own and kernel protocols for its kernel table, one a
 * family; for each tunnel a BGP protocol, named after it, in the connection's VRF.
 *
 * What is exported is decided by espalierd alone, by the metric of a route in the kernel, and
 * whether it is on or off just now, as with FRR (render_frr.c). BIRD learns these routes from the
 * kernel with a lower preference than BGP's own: a prefix that the data centre announces as well
 * reaches the kernel.
 *
 * The kernel protocols name no VRF: what they learn leads to devices outside of it, and BIRD would
 * refuse such a next hop.
 */
#include <stdio.h>
#include <string.h>
#include "../core/host.h"
#include "render_bgp.h"
#include "render_internal.h"

static const char head[] =
	"# For bird.conf, BIRD 2, written by `espalier render bird`. Names are those of "
	"connections "
	"and\n"
	"# tunnels. Start bird with -R: after a crash it then leaves the routes in the kernel "
	"until "
	"BGP has\n"
	"# brought them again.\n"
	"\n"
	"log syslog { info, remote, warning, error, auth, fatal, bug };\n"
	"\n"
	"# What a data centre announces and must not: the tunnels' own addresses, and what is "
	"never\n"
	"# steered [D14]. Everything else is espalierd's to judge, a default route included "
	"[S45].\n"
	"define espalier_never_ipv4 = [ 127.0.0.0/8+, 169.254.0.0/16+, 224.0.0.0/3+ ];\n"
	"define espalier_never_ipv6 = [ ::1/128, fe80::/10+, ff00::/8+ ];\n"
	"\n";

static void export_filter(struct text *out)
{
	text_add(out,
		 "# What is synchronized: espalierd gives these routes that metric in the kernel, "
		 "while it is on\n"
		 "# [S15 S42]. Nothing learned goes out again, not through the other tunnel either "
		 "[D10]: what\n"
		 "# BGP has learned has no such source.\n"
		 "filter espalier_out {\n"
		 "\tif source = RTS_INHERIT && krt_metric = 0x%X then accept;\n"
		 "\treject;\n"
		 "}\n"
		 "\n"
		 "protocol device { }\n",
		 HOST_METRIC_EXPORTED);
}

bool bird_has_bfd(const struct config *c, size_t connection)
{
	const struct config_connection *conn = &c->connections[connection];
	bool outside = false;

	for (size_t i = 0; i < connection && !conn->vrf; i++)
		outside |= !c->connections[i].vrf && c->connections[i].bgp.enabled &&
			   c->connections[i].bgp.bfd.enabled;
	return conn->bgp.enabled && conn->bgp.bfd.enabled && !outside;
}

static void bfd(const struct config *c, struct text *out)
{
	for (size_t i = 0; i < c->connection_count; i++) {
		const struct config_connection *conn = &c->connections[i];
		char vrf[DEVICE_NAME_LEN];

		if (!bird_has_bfd(c, i))
			continue;
		if (conn->vrf)
			text_add(out, "protocol bfd '%s:bfd' { vrf \"%s\"; }\n", conn->name,
				 connection_vrf_name(conn, vrf));
		else
			text_add(out, "protocol bfd '%s:bfd' { vrf default; }\n", conn->name);
	}
}

static void kernel_table(const struct config_connection *conn, const char *family, struct text *out)
{
	text_add(out, "%s table '%s:%s';\n", family, conn->name, family);
	text_add(out, "protocol kernel '%s:kernel-%s' {\n", conn->name, family);
	text_add(out, "\tkernel table %u;\n", conn->kernel_table);
	text_add(out, "\tlearn;\n"
		      "\tpersist;\n"
		      "\tgraceful restart;\n"
		      "\tmerge paths on limit 8;\n"
		      "\tmetric 20;\n"
		      "\tscan time 10;\n");
	text_add(out, "\t%s {\n\t\ttable '%s:%s';\n", family, conn->name, family);
	text_add(out,
		 "\t\timport where krt_metric = 0x%X;\n"
		 "\t\texport where source = RTS_BGP;\n"
		 "\t};\n"
		 "}\n",
		 HOST_METRIC_EXPORTED);
}

/*
 * IPv6 over a session between IPv4 addresses: either end's next hop is its link-local address. An
 * end that has none tells its IPv4 address, which the kernel does not take as the gateway of an
 * IPv6 route; a tunnel has one far end only, and any gateway is that one.
 */
static void channel_ipv6(const char *device, struct text *out)
{
	text_add(out,
		 "\t\textended next hop on;\n"
		 "\t\tnext hop address fe80::;\n"
		 "\t\timport filter {\n"
		 "\t\t\tif net ~ espalier_never_ipv6 then reject;\n"
		 "\t\t\tif gw ~ 0.0.0.0/0 then { ifname = \"%s\"; gw = fe80::1; }\n"
		 "\t\t\taccept;\n"
		 "\t\t};\n",
		 device);
}

static void channel(const struct config_connection *conn, unsigned family, const char *device,
		    struct text *out)
{
	const char *name = bgp_family_name(family);

	text_add(out, "\t%s {\n\t\ttable '%s:%s';\n", name, conn->name, name);
	if (family == BGP_IPV6)
		channel_ipv6(device, out);
	else
		text_add(out, "\t\timport where !(net ~ espalier_never_ipv4);\n");
	text_add(out, "\t\texport filter espalier_out;\n\t};\n");
}

static void liveness(const struct config_bgp *bgp, struct text *out)
{
	text_add(out, "\thold time %u;\n\tkeepalive time %u;\n", bgp->hold_time_s,
		 bgp->keepalive_s);
	text_add(out,
		 "\tconnect delay time 1;\n\tconnect retry time 5;\n\terror wait time 5, 30;\n");
	if (bgp->bfd.enabled)
		text_add(out, "\tbfd { interval %u ms; multiplier %u; };\n", bgp->bfd.interval_ms,
			 bgp->bfd.multiplier);
	if (bgp->graceful_restart.enabled)
		text_add(out, "\tgraceful restart on;\n\tgraceful restart time %u;\n",
			 bgp->graceful_restart.restart_s);
	else
		text_add(out, "\tgraceful restart off;\n");
}

static void session(const struct config *c, const struct config_connection *conn,
		    const struct config_tunnel *t, struct text *out)
{
	const struct address peer = tunnel_peer_address(t);
	char device[DEVICE_NAME_LEN], vrf[DEVICE_NAME_LEN];
	char ours[PREFIX_STRLEN], theirs[PREFIX_STRLEN];
	unsigned spoken = config_bgp_families(c, &conn->bgp);

	tunnel_device_name(t, device);
	text_add(out, "protocol bgp '%s' {\n\tdescription \"tunnel %s, %s\";\n", t->name, t->name,
		 device);
	if (conn->vrf)
		text_add(out, "\tvrf \"%s\";\n", connection_vrf_name(conn, vrf));
	else
		text_add(out, "\tvrf default;\n");
	text_add(out, "\tlocal %s as %u;\n", address_format(&t->bgp_address, ours),
		 conn->bgp.local_asn);
	text_add(out, "\tneighbor %s as %u;\n\tinterface \"%s\";\n", address_format(&peer, theirs),
		 c->customer_gateways[conn->customer_gateway.index].asn, device);
	liveness(&conn->bgp, out);
	for (unsigned family = BGP_IPV4; family <= BGP_IPV6; family <<= 1)
		if (spoken & family)
			channel(conn, family, device, out);
	text_add(out, "}\n");
}

static void connection(const struct config *c, const struct config_connection *conn,
		       struct text *out)
{
	unsigned spoken = config_bgp_families(c, &conn->bgp);

	text_add(out,
		 "\n# Connection %s: kernel table %u; one local ASN for both tunnels [S27 S54].\n",
		 conn->name, conn->kernel_table);
	for (unsigned family = BGP_IPV4; family <= BGP_IPV6; family <<= 1)
		if (spoken & family)
			kernel_table(conn, bgp_family_name(family), out);
	for (size_t i = 0; i < conn->tunnel_count; i++)
		session(c, conn, &conn->tunnels[i], out);
}

/* Only one can be told: by whom the first connection is known. */
static void globals(const struct config *c, struct text *out)
{
	const struct config_connection *first = NULL;
	bool graceful = false;
	char router_id[PREFIX_STRLEN];

	for (size_t i = 0; i < c->connection_count; i++) {
		const struct config_connection *conn = &c->connections[i];

		if (!conn->bgp.enabled)
			continue;
		first = first ? first : conn;
		graceful |= conn->bgp.graceful_restart.enabled;
	}
	if (first)
		text_add(out, "router id %s;\n",
			 address_format(&first->tunnels[0].bgp_address, router_id));
	if (graceful)
		text_add(out, "graceful restart wait %u;\n", render_restart_s(c));
	text_add(out, "\n");
}

void render_bird(const struct config *c, struct text *out)
{
	text_add(out, "%s", head);
	globals(c, out);
	export_filter(out);
	bfd(c, out);
	for (size_t i = 0; i < c->connection_count; i++)
		if (c->connections[i].bgp.enabled)
			connection(c, &c->connections[i], out);
}

/* BIRD's strings end at a quote, and have no way to hold one. */
void render_bird_refuses(const struct config *c, struct findings *f)
{
	for (size_t i = 0; i < c->connection_count; i++)
		for (size_t k = 0; k < c->connections[i].tunnel_count; k++) {
			const struct config_tunnel *t = &c->connections[i].tunnels[k];

			if (c->connections[i].bgp.enabled && t->device &&
			    !render_is_word(t->device))
				findings_add(f, SEVERITY_ERROR, t->device_mark,
					     "device: BIRD can be told names of letters, digits, "
					     "dot, dash, underscore and at sign only");
		}
}
