/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * struct config → configuration of the programs that the gateway works with: strongSwan negotiates
 * the tunnels, FRR or BIRD speaks BGP, and the data centre's device needs the mirror image. Pure:
 * the same configuration gives the same text. Comments name the rule behind a line. The
 * configuration has passed rules_check().
 *
 * Nothing secret is in any of these texts but that of render_secrets(), which gets the secrets from
 * its caller.
 */
#ifndef ESPALIER_WIRE_RENDER_H
#define ESPALIER_WIRE_RENDER_H

#include "../core/config.h"
#include "text.h"

/* Files of `render swanctl --output DIR`. */
#define RENDER_SWANCTL_FILE "espalier.conf"
#define RENDER_SECRETS_FILE "espalier.secrets"
#define RENDER_CHARON_FILE  "charon-espalier.conf"

/* Files of `render frr --output DIR`: as FRR names them. */
#define RENDER_FRR_FILE	    "frr.conf"
#define RENDER_DAEMONS_FILE "daemons"

/* File of `render bird --output DIR`. */
#define RENDER_BIRD_FILE "bird.conf"

/* swanctl.conf(5): connections, and the line that includes `secrets`, a path. */
void render_swanctl(const struct config *c, const char *secrets, struct text *out);

/* strongswan.conf(5): what charon must be told for it. `c` NULL: the data centre's. */
void render_charon(const struct config *c, struct text *out);

/* What FRR cannot do although the rules allow it: appended as errors. */
void render_frr_refuses(const struct config *c, struct findings *f);

/* frr.conf of a configuration that it does not refuse, and /etc/frr/daemons. */
void render_frr(const struct config *c, struct text *out);
void render_frr_daemons(const struct config *c, struct text *out);

/* What BIRD cannot do although the rules allow it: appended as errors. */
void render_bird_refuses(const struct config *c, struct findings *f);

/* bird.conf of a configuration that it does not refuse. */
void render_bird(const struct config *c, struct text *out);

/* One pre-shared key, by the name that a tunnel's `psk` has. */
struct render_secret {
	const char *name;
	const char *value; /* not NUL-terminated */
	size_t len;
};

/* swanctl.conf(5): the secrets section of the tunnels that name one of `secrets`. */
void render_secrets(const struct config *c, const struct render_secret *secrets, size_t count,
		    struct text *out);

#endif
