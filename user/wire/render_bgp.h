/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What render_frr.c, render_bird.c and render_peer.c have in common: BGP sessions as both ends see
 * them.
 */
#ifndef ESPALIER_WIRE_RENDER_BGP_H
#define ESPALIER_WIRE_RENDER_BGP_H

#include "render.h"

/* One end of the session over a tunnel. */
struct bgp_session {
	const struct config_bgp *bgp;
	struct address local, peer;
	uint32_t peer_asn;
	unsigned families;	 /* BGP_* */
	const char *description; /* of the tunnel */
	const char *profile;	 /* of BFD */
	const char *in, *out;	 /* route-maps */
};

/* frr.conf: its first lines, by which command they are written; prefix-lists espalier-never. */
void frr_head(const char *command, struct text *out);
/* frr.conf: what is accepted; into a plain kernel table (0: where the instance's routes go). */
void frr_in_map(const char *name, uint32_t table, struct text *out);
/* frr.conf: route-map espalier-out [D10]. */
void frr_out_map(struct text *out);
/* frr.conf: the session's lines in `router bgp`, and those in an address family. */
void frr_session(const struct bgp_session *s, struct text *out);
void frr_session_family(const struct bgp_session *s, struct text *out);
/* frr.conf: a BFD profile; nothing without BFD. */
void frr_bfd_profile(const struct config_bgp *bgp, const char *profile, struct text *out);
/* frr.conf: the session's BFD; nothing without. bfdd keeps one that is written down while bgpd is
 * away, and the other end sees no loss; what bgpd alone asks for ends with bgpd. NULL: in no VRF.
 */
void frr_bfd_peer(const struct bgp_session *s, const char *vrf, struct text *out);
/* frr.conf: graceful restart in `router bgp`. */
void frr_graceful_restart(const struct config_bgp *bgp, struct text *out);

/* /etc/frr/daemons; `retain`: how long zebra keeps routes across its restart, in seconds; 0: not;
 * `fpm`: it says its routes to an FPM server, too. */
void frr_daemons(const char *command, uint32_t retain, bool fpm, struct text *out);

/* bird.conf: has this connection a BFD protocol of its own? One answers requests of one VRF's
 * sessions alone, for its socket is bound there: one a VRF, and one for all without. */
bool bird_has_bfd(const struct config *c, size_t connection);

/* The longest that a data centre keeps our routes, in seconds: as long they stay in the kernel. 0:
 * no connection has graceful restart. */
uint32_t render_restart_s(const struct config *c);

/* "ipv4", "ipv6": one bit of BGP_*. */
const char *bgp_family_name(unsigned family);

#endif
