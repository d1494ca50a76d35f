/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The other end of a connection: what the data centre's engineer needs. A ready configuration of a
 * Linux router with strongSwan and FRR, and a sheet of parameters for any other device. Nothing
 * secret is in it [D16].
 */
#ifndef ESPALIER_WIRE_RENDER_PEER_H
#define ESPALIER_WIRE_RENDER_PEER_H

#include "render.h"

/* Files of `render peer --output DIR`, beside RENDER_SWANCTL_FILE, RENDER_CHARON_FILE and, with
 * BGP, RENDER_FRR_FILE and RENDER_DAEMONS_FILE. */
#define RENDER_INTERFACES_FILE "interfaces.sh"
#define RENDER_SHEET_FILE      "parameters.txt"

struct render_peer {
	const struct config *config;	/* judged */
	size_t connection;		/* position */
	const struct prefix *announced; /* what the data centre announces over BGP */
	size_t announced_count;
};

/* What makes no peer's configuration: a tunnel without addresses [D3]. Appended as errors. */
void render_peer_refuses(const struct render_peer *p, struct findings *f);

/* swanctl.conf(5): it includes RENDER_SECRETS_FILE beside it, and says what that must hold. */
void render_peer_swanctl(const struct render_peer *p, struct text *out);
/* A shell script that makes the xfrm interfaces and, without BGP, the static routes. */
void render_peer_interfaces(const struct render_peer *p, struct text *out);
/* frr.conf and /etc/frr/daemons; of a connection with BGP. */
void render_peer_frr(const struct render_peer *p, struct text *out);
void render_peer_daemons(const struct render_peer *p, struct text *out);
/* Parameters, in words. */
void render_peer_sheet(const struct render_peer *p, struct text *out);

/* What lies behind this gateway for a connection: CIDRs of VPCs, and of VBRs with `transit: true`,
 * and static routes to them, of the table that it is associated with [D15 D18]. 0 or -ENOMEM. */
struct prefixes;
int render_peer_behind(const struct render_peer *p, struct prefixes *out);

#endif
