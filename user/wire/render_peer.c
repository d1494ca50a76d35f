/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The data centre's router, if it is a Linux with strongSwan and FRR: the mirror image of
 * render_swanctl.c and render_frr.c. It answers, and the gateway initiates; of two ends that both
 * start and restart a tunnel each could end up with a pair of SAs of its own.
 *
 * Both tunnels carry packets in either direction, as the gateway's do [S24 S25]: ECMP by FRR, or by
 * static routes.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include "../core/host.h"
#include "../core/prefixes.h"
#include "render_bgp.h"
#include "render_internal.h"
#include "render_peer.h"

#define PROFILE	 "espalier"
#define NAME_LEN (2 * NAME_MAX_LEN)

static const struct config_connection *connection_of(const struct render_peer *p)
{
	return &p->config->connections[p->connection];
}

static const char *peer_device(const struct config_tunnel *t, char buf[DEVICE_NAME_LEN])
{
	snprintf(buf, DEVICE_NAME_LEN, "xfrm%u", t->if_id);
	return buf;
}

void render_peer_refuses(const struct render_peer *p, struct findings *f)
{
	const struct config_connection *conn = connection_of(p);

	for (size_t i = 0; i < conn->tunnel_count; i++)
		if (!render_negotiates(&conn->tunnels[i]))
			findings_add(f, SEVERITY_ERROR, conn->tunnels[i].mark,
				     "tunnel '%s' was adopted and has no local_address and "
				     "remote_address: what it ends at is not known here",
				     conn->tunnels[i].name);
}

/* ---- what is behind the gateway ---- */

static bool shown(const struct config_table *table, const struct config_attachment *a)
{
	return a->type == ATTACHMENT_VPC || (a->type == ATTACHMENT_VBR && table->transit);
}

static int add_learned(const struct config *c, const struct config_table *table,
		       struct prefixes *out)
{
	int err = 0;

	for (size_t i = 0; i < table->learn_count; i++) {
		const struct config_attachment *a = &c->attachments[table->learn[i].index];

		for (size_t k = 0; !err && shown(table, a) && k < a->cidr_count; k++)
			err = prefixes_add(out, &a->cidrs[k].prefix);
	}
	for (size_t i = 0; !err && i < table->route_count; i++) {
		const struct config_table_route *r = &table->routes[i];

		if (!r->blackhole && shown(table, &c->attachments[r->attachment.index]))
			err = prefixes_add(out, &r->destination.prefix);
	}
	return err;
}

int render_peer_behind(const struct render_peer *p, struct prefixes *out)
{
	int attachment = connection_attachment(p->config, p->connection);
	const struct config_ref *table =
		attachment < 0 ? NULL : &p->config->attachments[attachment].association;
	int err = 0;

	if (table && table->name)
		err = add_learned(p->config, &p->config->tables[table->index], out);
	prefixes_sort(out);
	return err;
}

/* ---- strongSwan ---- */

static const char peer_preamble[] =
	"# For swanctl.conf(5) of the data centre's router, written by `espalier render peer`. "
	"What "
	"every\n"
	"# tunnel below has, and why:\n"
	"#\n"
	"#   mobike             off: it would move a tunnel to addresses where the other end has "
	"no\n"
	"#                      policies, and the tunnel stays dead [D16]\n"
	"#   proposals          AES-GCM first, then AES-CBC with SHA-256 [D16]\n"
	"#   local_ts, ...      destination mode: routes decide, not selectors [S51]\n"
	"#   if_id_in, if_id_out  ties the tunnel to its device (" RENDER_INTERFACES_FILE ")\n"
	"#   start_action, ...  the gateway initiates, this side answers\n"
	"#   rekey_time         later than the gateway's, so that one side alone rekeys\n";

/* The names of its secrets tell a person which tunnel, and its operator which file. */
static void secrets_hint(const struct config_connection *conn, struct text *out)
{
	text_add(out,
		 "# The pre-shared keys are not in here [D16]. The two operators exchange them by "
		 "another way; the\n"
		 "# file below belongs beside this one, root's, with mode 0600, and holds:\n"
		 "#\n"
		 "#   secrets {\n");
	for (size_t i = 0; i < conn->tunnel_count; i++) {
		const struct config_tunnel *t = &conn->tunnels[i];
		char section[NAME_MAX_LEN + 8], here[PREFIX_STRLEN], there[PREFIX_STRLEN];

		text_add(out,
			 "#       ike-%s {\n#           id-local = %s\n#           id-remote = "
			 "%s\n",
			 render_section(t, section), address_format(&t->remote_address, here),
			 address_format(&t->local_address, there));
		text_add(out,
			 "#           secret = \"...\"    # the gateway's key '%s'\n#       }\n",
			 t->psk ? t->psk : t->name);
	}
	text_add(out, "#   }\ninclude \"" RENDER_SECRETS_FILE "\"\n");
}

void render_peer_swanctl(const struct render_peer *p, struct text *out)
{
	const struct config_connection *conn = connection_of(p);

	text_add(out, "%s\nconnections {\n", peer_preamble);
	for (size_t i = 0; i < conn->tunnel_count; i++) {
		const struct config_tunnel *t = &conn->tunnels[i];
		const struct render_end end = {
			.local = &t->remote_address,
			.remote = &t->local_address,
			.if_id = t->if_id,
			.child_times = "\t\t\t\trekey_time = 80m\n\t\t\t\tlife_time = 90m\n",
			.actions = "\t\t\t\tstart_action = none\n"
				   "\t\t\t\tclose_action = none\n"
				   "\t\t\t\tdpd_action = clear\n",
		};

		text_add(out, "\n\t# tunnel %zu of %zu\n", i + 1, conn->tunnel_count);
		render_tunnel(t, &end, out);
	}
	text_add(out, "}\n\n");
	secrets_hint(conn, out);
}

/* ---- devices ---- */

static void device_lines(const struct config_tunnel *t, struct text *out)
{
	char device[DEVICE_NAME_LEN], text[PREFIX_STRLEN];

	peer_device(t, device);
	text_add(out, "\n# tunnel %s\n", t->name);
	text_add(out,
		 "[ -e /sys/class/net/%s ] || ip link add %s type xfrm dev lo if_id %u\n"
		 "ip link set %s mtu %u up\n"
		 "sysctl -qw net.ipv4.conf.%s.rp_filter=2\n",
		 device, device, t->if_id, device, t->mtu, device);
	if (t->bgp_address.family) {
		struct address peer = tunnel_peer_address(t);

		text_add(out, "ip address replace %s/30 dev %s\n", address_format(&peer, text),
			 device);
	}
}

/* Packets of one flow stay on one tunnel, and a tunnel that is down is the gateway's to know. */
static void static_routes(const struct render_peer *p, const struct prefixes *behind,
			  struct text *out)
{
	const struct config_connection *conn = connection_of(p);

	text_add(out, "\n# What is behind the gateway, over all tunnels alike [S24 S25].\n");
	for (size_t i = 0; i < behind->count; i++) {
		char text[PREFIX_STRLEN], device[DEVICE_NAME_LEN];

		text_add(out, "ip route replace %s", prefix_format(&behind->list[i], text));
		for (size_t k = 0; k < conn->tunnel_count; k++)
			text_add(out, "%s dev %s", conn->tunnel_count > 1 ? " nexthop" : "",
				 peer_device(&conn->tunnels[k], device));
		text_add(out, "\n");
	}
	if (!behind->count)
		text_add(out, "# (nothing: the connection is associated with no table that has a "
			      "VPC)\n");
}

void render_peer_interfaces(const struct render_peer *p, struct text *out)
{
	const struct config_connection *conn = connection_of(p);
	struct prefixes behind = { 0 };

	text_add(out,
		 "#!/bin/sh\n"
		 "# Devices of the tunnels, for the data centre's router, written by `espalier "
		 "render peer`.\n"
		 "# As root, at each boot, before FRR starts; to do it again changes nothing.\n"
		 "# rp_filter 2: the two directions of a flow may take different tunnels.\n"
		 "set -e\n");
	for (size_t i = 0; i < conn->tunnel_count; i++)
		device_lines(&conn->tunnels[i], out);
	text_add(out,
		 "\n# A flow is hashed by its ports too, as the gateway does by default [D12].\n"
		 "sysctl -qw net.ipv4.fib_multipath_hash_policy=1\n"
		 "[ ! -e /proc/sys/net/ipv6/fib_multipath_hash_policy ] || \\\n"
		 "\tsysctl -qw net.ipv6.fib_multipath_hash_policy=1\n");
	if (!conn->bgp.enabled) {
		if (render_peer_behind(p, &behind))
			out->failed = true;
		static_routes(p, &behind, out);
		prefixes_free(&behind);
	}
}

/* ---- FRR ---- */

static struct bgp_session session_of(const struct render_peer *p, const struct config_tunnel *t,
				     char description[NAME_LEN])
{
	const struct config_connection *conn = connection_of(p);
	char device[DEVICE_NAME_LEN];

	snprintf(description, NAME_LEN, "tunnel %s, %s", t->name, peer_device(t, device));
	return (struct bgp_session){
		.bgp = &conn->bgp,
		.local = tunnel_peer_address(t),
		.peer = t->bgp_address,
		.peer_asn = conn->bgp.local_asn,
		.families = config_bgp_families(p->config, &conn->bgp),
		.description = description,
		.profile = PROFILE,
		.in = "espalier-in",
		.out = "espalier-out",
	};
}

static void networks(const struct render_peer *p, unsigned family, struct text *out)
{
	uint8_t wanted = family == BGP_IPV4 ? AF_INET : AF_INET6;
	char text[PREFIX_STRLEN];

	for (size_t i = 0; i < p->announced_count; i++)
		if (p->announced[i].address.family == wanted)
			text_add(out, "  network %s\n", prefix_format(&p->announced[i], text));
}

static void address_family(const struct render_peer *p, unsigned family, struct text *out)
{
	const struct config_connection *conn = connection_of(p);
	char description[NAME_LEN];

	text_add(out, " !\n address-family %s unicast\n", bgp_family_name(family));
	networks(p, family, out);
	for (size_t i = 0; i < conn->tunnel_count; i++) {
		struct bgp_session s = session_of(p, &conn->tunnels[i], description);

		frr_session_family(&s, out);
	}
	text_add(out, "  maximum-paths 8\n exit-address-family\n");
}

static void instance(const struct render_peer *p, struct text *out)
{
	const struct config_connection *conn = connection_of(p);
	unsigned spoken = config_bgp_families(p->config, &conn->bgp);
	char router_id[PREFIX_STRLEN], description[NAME_LEN];
	struct address first = tunnel_peer_address(&conn->tunnels[0]);

	text_add(out, "router bgp %u\n bgp router-id %s\n",
		 p->config->customer_gateways[conn->customer_gateway.index].asn,
		 address_format(&first, router_id));
	text_add(out, " no bgp default ipv4-unicast\n no bgp network import-check\n");
	frr_graceful_restart(&conn->bgp, out);
	for (size_t i = 0; i < conn->tunnel_count; i++) {
		struct bgp_session s = session_of(p, &conn->tunnels[i], description);

		frr_session(&s, out);
	}
	for (unsigned family = BGP_IPV4; family <= BGP_IPV6; family <<= 1)
		if (spoken & family)
			address_family(p, family, out);
	text_add(out, "exit\n");
}

void render_peer_frr(const struct render_peer *p, struct text *out)
{
	const struct config_connection *conn = connection_of(p);
	char description[NAME_LEN];

	frr_head("peer", out);
	frr_in_map("espalier-in", 0, out);
	frr_out_map(out);
	text_add(out, "!\nbfd\n");
	frr_bfd_profile(&conn->bgp, PROFILE, out);
	for (size_t i = 0; i < conn->tunnel_count; i++) {
		struct bgp_session s = session_of(p, &conn->tunnels[i], description);

		frr_bfd_peer(&s, NULL, out);
	}
	text_add(out,
		 "exit\n"
		 "!\n"
		 "! What this site announces is a `network` line each, or what it redistributes "
		 "here. The gateway\n"
		 "! takes so many and no more (" RENDER_SHEET_FILE ") [S43 S44 D4].\n");
	instance(p, out);
}

void render_peer_daemons(const struct render_peer *p, struct text *out)
{
	const struct config_bgp *bgp = &connection_of(p)->bgp;

	frr_daemons("peer", bgp->graceful_restart.enabled ? bgp->graceful_restart.restart_s : 0,
		    false, out);
}
