/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A connection's parameters in words, for whoever configures the device at its other end: one
 * column a tunnel, then what holds for both, then the service's rules that concern that side.
 */
#include <stdio.h>
#include <string.h>
#include "../core/learned.h"
#include "../core/prefixes.h"
#include "render_bgp.h"
#include "render_internal.h"
#include "render_peer.h"

#define LABEL_WIDTH 24
#define CELL_WIDTH  40

static const struct config_connection *connection_of(const struct render_peer *p)
{
	return &p->config->connections[p->connection];
}

/* ---- one line, a cell for each tunnel ---- */

typedef const char *cell_fn(const struct config_tunnel *t, char buf[CELL_WIDTH + 1]);

static void row(const struct render_peer *p, const char *label, cell_fn *cell, struct text *out)
{
	const struct config_connection *conn = connection_of(p);
	char buf[CELL_WIDTH + 1];

	text_add(out, "  %-*s", LABEL_WIDTH, label);
	for (size_t i = 0; i < conn->tunnel_count; i++) {
		bool last = i + 1 == conn->tunnel_count;

		text_add(out, "%-*s", last ? 0 : CELL_WIDTH + 1, cell(&conn->tunnels[i], buf));
	}
	text_add(out, "\n");
}

static const char *cell_name(const struct config_tunnel *t, char buf[CELL_WIDTH + 1])
{
	snprintf(buf, CELL_WIDTH + 1, "%s", t->name);
	return buf;
}

static const char *cell_address(const struct address *a, char buf[CELL_WIDTH + 1])
{
	char text[PREFIX_STRLEN];

	snprintf(buf, CELL_WIDTH + 1, "%s", a->family ? address_format(a, text) : "-");
	return buf;
}

static const char *cell_gateway(const struct config_tunnel *t, char buf[CELL_WIDTH + 1])
{
	return cell_address(&t->local_address, buf);
}

static const char *cell_device(const struct config_tunnel *t, char buf[CELL_WIDTH + 1])
{
	return cell_address(&t->remote_address, buf);
}

static const char *cell_inside(const struct config_tunnel *t, char buf[CELL_WIDTH + 1])
{
	char text[PREFIX_STRLEN];

	snprintf(buf, CELL_WIDTH + 1, "%s",
		 t->inside.address.family ? prefix_format(&t->inside, text) : "-");
	return buf;
}

static const char *cell_bgp_gateway(const struct config_tunnel *t, char buf[CELL_WIDTH + 1])
{
	return cell_address(&t->bgp_address, buf);
}

static const char *cell_bgp_device(const struct config_tunnel *t, char buf[CELL_WIDTH + 1])
{
	struct address peer = { 0 };

	if (t->bgp_address.family)
		peer = tunnel_peer_address(t);
	return cell_address(&peer, buf);
}

static const char *cell_psk(const struct config_tunnel *t, char buf[CELL_WIDTH + 1])
{
	snprintf(buf, CELL_WIDTH + 1, "%s", t->psk ? t->psk : "-");
	return buf;
}

static const char *cell_mtu(const struct config_tunnel *t, char buf[CELL_WIDTH + 1])
{
	snprintf(buf, CELL_WIDTH + 1, "%u", t->mtu);
	return buf;
}

/* Without options: 20 bytes of IPv4 or 40 of IPv6, and 20 of TCP. */
static const char *cell_mss4(const struct config_tunnel *t, char buf[CELL_WIDTH + 1])
{
	snprintf(buf, CELL_WIDTH + 1, "%u", t->mtu - 40);
	return buf;
}

static const char *cell_mss6(const struct config_tunnel *t, char buf[CELL_WIDTH + 1])
{
	snprintf(buf, CELL_WIDTH + 1, "%u", t->mtu - 60);
	return buf;
}

/* ---- sections ---- */

static void tunnels(const struct render_peer *p, struct text *out)
{
	text_add(out, "\nTunnels\n");
	row(p, "name", cell_name, out);
	row(p, "the gateway's address", cell_gateway, out);
	row(p, "your device's address", cell_device, out);
	row(p, "inside CIDR [S55]", cell_inside, out);
	row(p, "  the gateway [S58]", cell_bgp_gateway, out);
	row(p, "  your device", cell_bgp_device, out);
	row(p, "pre-shared key [D16]", cell_psk, out);
	row(p, "largest packet inside", cell_mtu, out);
	row(p, "TCP MSS, IPv4", cell_mss4, out);
	row(p, "TCP MSS, IPv6", cell_mss6, out);
	text_add(out,
		 "\n"
		 "  The identity of either end in IKE is its address above. Of the key only the "
		 "name is given;\n"
		 "  the key itself comes by another way. Set the tunnel interface's MTU to the "
		 "largest packet\n"
		 "  inside, and clamp the MSS of TCP connections to the value above in both "
		 "directions: hosts\n"
		 "  behind filters that lose \"fragmentation needed\" then work, too.\n");
}

static void ipsec(struct text *out)
{
	text_add(
		out,
		"\nIPsec\n"
		"  IKE version             2; MOBIKE off on both sides [D16]\n"
		"  NAT traversal           when NAT is detected, UDP port 4500 [D16]\n"
		"  who initiates           the gateway; your device answers\n"
		"  IKE proposals           " RENDER_IKE_PROPOSALS_1 "\n"
		"                          " RENDER_IKE_PROPOSALS_2 "\n"
		"                          AES-GCM 128 or 256 (16-byte ICV) with PRF-SHA-256, else "
		"AES-CBC 128 or\n"
		"                          256 with SHA-256; Diffie-Hellman group 19 or 14\n"
		"  IKE lifetime            4 h, rekeyed; no reauthentication\n"
		"  ESP proposals           " RENDER_ESP_PROPOSALS_1 "\n"
		"                          " RENDER_ESP_PROPOSALS_2 "\n"
		"                          the same ciphers, tunnel mode, PFS with group 19 or 14, "
		"extended\n"
		"                          sequence numbers preferred\n"
		"  ESP lifetime            1 h at the gateway, which rekeys; set yours longer "
		"(80 min)\n"
		"  traffic selectors       0.0.0.0/0 and ::/0 on both sides: routes decide [S51]\n"
		"  dead peer detection     every 10 s without traffic; a silent peer is given up "
		"after 45 s\n");
}

static void limit_text(size_t limit, const char *rule, char buf[CELL_WIDTH + 1])
{
	if (limit == LEARNED_NO_LIMIT)
		snprintf(buf, CELL_WIDTH + 1, "no limit (limits: none) [D5]");
	else
		snprintf(buf, CELL_WIDTH + 1, "%zu [%s]", limit, rule);
}

static void quotas(const struct render_peer *p, struct text *out)
{
	struct learned_limits limits = learned_limits_of(p->config, p->connection);
	char text[CELL_WIDTH + 1];

	if (connection_of(p)->tunnel_count > 1) {
		limit_text(limits.tunnel, "S43", text);
		text_add(out, "  prefixes, per tunnel    %s\n", text);
		limit_text(limits.connection, "S43", text);
		text_add(out, "  prefixes, both tunnels  %s\n", text);
	} else {
		limit_text(limits.connection, "S44", text);
		text_add(out, "  prefixes                %s\n", text);
	}
	if (limits.connection != LEARNED_NO_LIMIT)
		text_add(out,
			 "                          Announce no more: what is over it is refused, "
			 "and the session stays up\n"
			 "                          [D4].\n");
}

static void bgp(const struct render_peer *p, struct text *out)
{
	const struct config_connection *conn = connection_of(p);
	const struct config_bgp *b = &conn->bgp;
	unsigned spoken = config_bgp_families(p->config, b);

	text_add(out, "\nBGP\n");
	text_add(out, "  the gateway's ASN       %u, over each tunnel [S27 S54]\n", b->local_asn);
	text_add(out, "  your ASN                %u, over each tunnel [S28 S47]\n",
		 p->config->customer_gateways[conn->customer_gateway.index].asn);
	text_add(out, "  address families        %s%s%s unicast, over the IPv4 session\n",
		 spoken & BGP_IPV4 ? "IPv4" : "", spoken == (BGP_IPV4 | BGP_IPV6) ? " and " : "",
		 spoken & BGP_IPV6 ? "IPv6" : "");
	text_add(out, "  keepalive, hold time    %u s, %u s\n", b->keepalive_s, b->hold_time_s);
	if (b->bfd.enabled)
		text_add(out,
			 "  BFD                     %u ms, multiplier %u, single hop, on the "
			 "inside addresses\n",
			 b->bfd.interval_ms, b->bfd.multiplier);
	else
		text_add(out, "  BFD                     off\n");
	if (b->graceful_restart.enabled)
		text_add(out, "  graceful restart        on; restart time %u s, stale paths %u s\n",
			 b->graceful_restart.restart_s, b->graceful_restart.stale_s);
	else
		text_add(out, "  graceful restart        off\n");
	quotas(p, out);
	text_add(out, "  default route           may be announced in either direction [S45]\n"
		      "  never announced back    what one side has learned from the other [D10]\n");
}

static void prefix_list(const char *label, const struct prefixes *list, const char *none,
			struct text *out)
{
	char text[PREFIX_STRLEN];

	text_add(out, "  %-*s", LABEL_WIDTH, label);
	for (size_t i = 0; i < list->count; i++)
		text_add(out, "%s%s", i ? ", " : "", prefix_format(&list->list[i], text));
	text_add(out, "%s\n", list->count ? "" : none);
}

static void routes(const struct render_peer *p, struct text *out)
{
	const struct config_connection *conn = connection_of(p);
	struct prefixes behind = { 0 }, yours = { 0 };
	int err = render_peer_behind(p, &behind);

	for (size_t i = 0; !err && i < conn->route_count; i++)
		err = prefixes_add(&yours, &conn->routes[i].prefix);
	out->failed |= err != 0;
	text_add(out, "\nRoutes\n");
	prefix_list("behind the gateway", &behind, "-", out);
	prefix_list("behind your device", &yours,
		    conn->bgp.enabled ? "what your device announces over BGP" : "-", out);
	prefixes_free(&behind);
	prefixes_free(&yours);
}

static void advice(const struct render_peer *p, struct text *out)
{
	const struct config_connection *conn = connection_of(p);

	text_add(out, "\nWhat to mind\n");
	if (conn->tunnel_count > 1)
		text_add(
			out,
			"  - The gateway sends over both tunnels at once, each flow over one. Your "
			"device should do so\n"
			"    too (ECMP over both, hashed by flow); it must take what comes over "
			"either tunnel: no strict\n"
			"    reverse path filter, no firewall state per tunnel [S24 S25].\n"
			"  - Both tunnels use the same routing method, %s [S26].\n",
			conn->bgp.enabled ? "BGP" : "static routes");
	else
		text_add(out, "  - One tunnel is no redundancy; two are the default [S18].\n");
	if (conn->bgp.enabled)
		text_add(
			out,
			"  - Use the same ASN on both tunnels, and announce the same prefixes with "
			"the same AS path\n"
			"    length and MED over both, or one of them stays idle [S27 S28].\n"
			"  - For the same prefix your device must prefer its own route to one it "
			"learns here. BIRD does\n"
			"    not by itself (raise the preference of the protocol that has it): it "
			"ceases to announce\n"
			"    what it hears of from another site.\n");
	if (!conn->bgp.enabled)
		text_add(out,
			 "  - Static routes do not notice a dead tunnel unless your device ties "
			 "them to its state. BGP\n"
			 "    does, and is to be preferred with two tunnels [S23 S24 S25].\n");
	text_add(out, "  - Another address or ASN of your device is another customer gateway: tell "
		      "us first [S49].\n");
}

void render_peer_sheet(const struct render_peer *p, struct text *out)
{
	const struct config_connection *conn = connection_of(p);

	text_add(out,
		 "Connection %s: parameters for the device in the data centre\n"
		 "Written by `espalier render peer %s`. Brackets name the service's rules.\n",
		 conn->name, conn->name);
	tunnels(p, out);
	ipsec(out);
	if (conn->bgp.enabled)
		bgp(p, out);
	routes(p, out);
	advice(p, out);
}
