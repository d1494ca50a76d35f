/* SPDX-License-Identifier: GPL-2.0-only */
/* The frames in which FRR's FPM (zebra -M dplane_fpm_nl) carries rtnetlink messages. No sockets. */
#ifndef ESPALIER_WIRE_FPM_H
#define ESPALIER_WIRE_FPM_H

#include <stddef.h>
#include "../core/route_event.h"

/*
 * The frame at the start of a stream (FRR doc/figures/fpm: version 1, type 1 netlink, length in
 * network order, which counts the 4 bytes of the header). The length of the whole frame, with its
 * payload in *payload and *payload_len; 0: not all there yet; -EBADMSG: this is no FPM stream.
 */
#define FPM_FRAME_MAX 65535
#define FPM_HEADER    4
int fpm_frame(const void *buf, size_t len, const void **payload, size_t *payload_len);

/*
 * The messages of a frame's payload, which must be nothing else than whole and sound ones: then
 * they are handed over. -EBADMSG: they are not, and none is handed over; a callback's non-zero
 * return.
 */
int fpm_messages(const void *payload, size_t len, route_event_fn fn, void *data);

#endif
