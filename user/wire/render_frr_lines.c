/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The lines of FRR's files that both ends of a session have, the gateway (render_frr.c) and the
 * data centre's router (render_peer.c).
 */
#include <stdio.h>
#include "render_bgp.h"

static const char never[] = "! What the other side announces and must not: the tunnels' own "
			    "addresses, and what is never\n"
			    "! steered [D14]. Everything else is espalierd's to judge, a default "
			    "route included [S45].\n"
			    "ip prefix-list espalier-never seq 5 permit 127.0.0.0/8 le 32\n"
			    "ip prefix-list espalier-never seq 10 permit 169.254.0.0/16 le 32\n"
			    "ip prefix-list espalier-never seq 15 permit 224.0.0.0/3 le 32\n"
			    "ipv6 prefix-list espalier-never seq 5 permit ::1/128\n"
			    "ipv6 prefix-list espalier-never seq 10 permit fe80::/10 le 128\n"
			    "ipv6 prefix-list espalier-never seq 15 permit ff00::/8 le 128\n";

void frr_head(const char *command, struct text *out)
{
	text_add(out,
		 "! For frr.conf, written by `espalier render %s`.\n"
		 "frr defaults traditional\n"
		 "service integrated-vtysh-config\n"
		 "!\n"
		 "%s",
		 command, never);
}

const char *bgp_family_name(unsigned family)
{
	return family == BGP_IPV4 ? "ipv4" : "ipv6";
}

void frr_in_map(const char *name, uint32_t table, struct text *out)
{
	text_add(out,
		 "!\nroute-map %s deny 10\n match ip address prefix-list espalier-never\nexit\n",
		 name);
	text_add(out,
		 "route-map %s deny 20\n match ipv6 address prefix-list espalier-never\nexit\n",
		 name);
	text_add(out, "route-map %s permit 30\n", name);
	if (table)
		text_add(out, " set table %u\n", table);
	text_add(out, "exit\n");
}

void frr_out_map(struct text *out)
{
	text_add(out,
		 "!\n"
		 "! Nothing learned goes out again, not through the other tunnel either [D10]: "
		 "only what began\n"
		 "! here has no AS path yet.\n"
		 "bgp as-path access-list espalier-own seq 5 permit ^$\n"
		 "route-map espalier-out permit 10\n"
		 " match as-path espalier-own\n"
		 "exit\n");
}

void frr_bfd_profile(const struct config_bgp *bgp, const char *profile, struct text *out)
{
	if (!bgp->bfd.enabled)
		return;
	text_add(out, " profile %s\n", profile);
	text_add(out, "  detect-multiplier %u\n", bgp->bfd.multiplier);
	text_add(out, "  transmit-interval %u\n", bgp->bfd.interval_ms);
	text_add(out, "  receive-interval %u\n exit\n", bgp->bfd.interval_ms);
}

void frr_bfd_peer(const struct bgp_session *s, const char *vrf, struct text *out)
{
	char peer[PREFIX_STRLEN], local[PREFIX_STRLEN];

	if (!s->bgp->bfd.enabled)
		return;
	text_add(out, " peer %s local-address %s%s%s\n", address_format(&s->peer, peer),
		 address_format(&s->local, local), vrf ? " vrf " : "", vrf ? vrf : "");
	text_add(out, "  profile %s\n exit\n", s->profile);
}

#define RIB_STALE_MAX 3600u /* of FRR */

/* rib-stale-time: how long zebra keeps what a bgpd that went has brought. */
void frr_graceful_restart(const struct config_bgp *bgp, struct text *out)
{
	if (!bgp->graceful_restart.enabled) {
		text_add(out, " bgp graceful-restart-disable\n");
		return;
	}
	text_add(out, " bgp graceful-restart restart-time %u\n", bgp->graceful_restart.restart_s);
	text_add(out, " bgp graceful-restart stalepath-time %u\n", bgp->graceful_restart.stale_s);
	text_add(out, " bgp graceful-restart rib-stale-time %u\n",
		 bgp->graceful_restart.restart_s < RIB_STALE_MAX ? bgp->graceful_restart.restart_s
								 : RIB_STALE_MAX);
	text_add(out, " bgp graceful-restart\n bgp graceful-restart preserve-fw-state\n");
}

void frr_session(const struct bgp_session *s, struct text *out)
{
	char peer[PREFIX_STRLEN], local[PREFIX_STRLEN];

	address_format(&s->peer, peer);
	text_add(out, " neighbor %s remote-as %u\n", peer, s->peer_asn);
	text_add(out, " neighbor %s description %s\n", peer, s->description);
	if (s->bgp->bfd.enabled)
		text_add(out, " neighbor %s bfd\n neighbor %s bfd profile %s\n", peer, peer,
			 s->profile);
	text_add(out, " neighbor %s update-source %s\n", peer, address_format(&s->local, local));
	text_add(out, " neighbor %s timers %u %u\n", peer, s->bgp->keepalive_s,
		 s->bgp->hold_time_s);
	text_add(out, " neighbor %s timers connect 5\n", peer);
}

void frr_session_family(const struct bgp_session *s, struct text *out)
{
	char peer[PREFIX_STRLEN];

	address_format(&s->peer, peer);
	text_add(out, "  neighbor %s activate\n", peer);
	text_add(out, "  neighbor %s route-map %s in\n", peer, s->in);
	text_add(out, "  neighbor %s route-map %s out\n", peer, s->out);
}

void frr_daemons(const char *command, uint32_t retain, bool fpm, struct text *out)
{
	char keep[16] = "";

	text_add(out, "# For /etc/frr/daemons, written by `espalier render %s`.\n", command);
	text_add(out, "bgpd=yes\n"
		      "bfdd=yes\n"
		      "vtysh_enable=yes\n"
		      "# -s: room for a whole table in zebra's netlink socket.\n");
	if (retain) {
		/* The number is optional to FRR's getopt, so no blank may stand before it. */
		snprintf(keep, sizeof(keep), " -K%u", retain);
		text_add(out,
			 "# -K: routes that zebra finds in the kernel at its start stay for so "
			 "many seconds, until BGP\n"
			 "# has brought them again (restart_time); then what is left goes.\n");
	}
	if (fpm)
		text_add(out, "# -M: routes go to espalierd, too (feed: fpm).\n");
	text_add(out, "zebra_options=\"  -A 127.0.0.1 -s 90000000%s%s\"\n", keep,
		 fpm ? " -M dplane_fpm_nl" : "");
	text_add(out, "mgmtd_options=\"  -A 127.0.0.1\"\n"
		      "staticd_options=\"-A 127.0.0.1\"\n"
		      "bgpd_options=\"   -A 127.0.0.1\"\n"
		      "bfdd_options=\"   -A 127.0.0.1\"\n");
}
