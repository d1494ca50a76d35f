/* SPDX-License-Identifier: GPL-2.0-only */
/* What BIRD's birdc says about BGP sessions, into the struct that FRR's answer goes into. BIRD 2's
 * words. */
#ifndef ESPALIER_WIRE_BIRD_SESSIONS_H
#define ESPALIER_WIRE_BIRD_SESSIONS_H

#include "frr_json.h"

/*
 * `show protocols all`. `day_s` is the local time of day, in seconds: BIRD says at what time of it
 * a session was established, and a day later only on which; then up_ms is 0. 0, -EINVAL (no answer
 * of BIRD's) or -ENOMEM; *out is empty then, else for frr_sessions_free().
 */
int bird_sessions_parse(const char *text, size_t len, unsigned day_s, struct frr_sessions *out);

#endif
