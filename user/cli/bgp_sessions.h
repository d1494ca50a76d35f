/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the routing daemon says of the sessions and paths of connections. The daemon of the gateway
 * knows the kernel's routes only; this is asked here, on demand, for it has neither the rights nor
 * the time to wait for an answer.
 */
#ifndef ESPALIER_CLI_BGP_SESSIONS_H
#define ESPALIER_CLI_BGP_SESSIONS_H

#include <jansson.h>
#include "../wire/frr_json.h"
#include "beside.h"

/*
 * Gives each tunnel of `connections` (the daemon's answer to `bgp`) a field `session`: {state,
 * up_s, received, advertised}, or null where the routing daemon has none. 0; or -errno and `why`,
 * when it could not be asked: then all are null.
 */
int bgp_sessions_add(json_t *connections, char why[BESIDE_WHY_LEN]);

/* All paths of one connection, of both families. 0; or -errno and `why`. */
int bgp_paths_ask(const json_t *connection, struct frr_paths *out, char why[BESIDE_WHY_LEN]);

/* Prefixes that one session of a connection announces, of both families; none where it is not
 * there. 0; or -errno and `why`. */
int bgp_announced_ask(const json_t *connection, const json_t *tunnel, struct prefixes *out,
		      char why[BESIDE_WHY_LEN]);

#endif
