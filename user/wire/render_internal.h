/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by the files of render.h; nothing else includes it. */
#ifndef ESPALIER_WIRE_RENDER_INTERNAL_H
#define ESPALIER_WIRE_RENDER_INTERNAL_H

#include "render.h"

/* AES-GCM first [D16]; then what devices without it have. ESP with ESN where both can: 32 bits of
 * sequence numbers last 24 minutes at 3 million packets per second. */
#define RENDER_IKE_PROPOSALS_1 "aes128gcm16-aes256gcm16-prfsha256-ecp256-modp2048"
#define RENDER_IKE_PROPOSALS_2 "aes128-aes256-sha256-ecp256-modp2048"
#define RENDER_ESP_PROPOSALS_1 "aes128gcm16-aes256gcm16-ecp256-modp2048-esn-noesn"
#define RENDER_ESP_PROPOSALS_2 "aes128-aes256-sha256-ecp256-modp2048-esn-noesn"

/* The name of a tunnel as strongSwan's section: a dot would end it there, '+' is in no name. */
const char *render_section(const struct config_tunnel *t, char buf[NAME_MAX_LEN + 8]);

/* One end of a tunnel, as strongSwan is told. */
struct render_end {
	const struct address *local, *remote;
	uint32_t if_id;
	const char *child_times; /* rekey_time and life_time, indented */
	const char *actions;	 /* start_action, close_action, dpd_action, indented */
};
void render_tunnel(const struct config_tunnel *t, const struct render_end *end, struct text *out);
/* Letters, digits, dot, underscore, dash, at sign: nothing that any of the syntaxes would obey. The
 * kernel allows device names more. */
bool render_is_word(const char *text);
/* Is this tunnel negotiated between addresses? An adopted device may have none. */
bool render_negotiates(const struct config_tunnel *t);

#endif
