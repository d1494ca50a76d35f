/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * XFRM netlink: bytes → struct xfrm_event, and requests → bytes. No sockets. Key material is never
 * copied out of a message.
 */
#ifndef ESPALIER_WIRE_XFRM_H
#define ESPALIER_WIRE_XFRM_H

#include <linux/xfrm.h>
#include "../core/xfrm_event.h"

/* Not in Debian 12's linux/xfrm.h. */
#define ESPALIER_XFRMA_SA_DIR	 33
#define ESPALIER_XFRM_SA_DIR_IN	 1
#define ESPALIER_XFRM_SA_DIR_OUT 2
#define ESPALIER_XFRMA_SA_PCPU	 35

/*
 * Decodes the one message at the start of `buf` (4-byte aligned, as netlink is). 0; -ENOMSG: of no
 * interest (*used is valid); -EBADMSG: malformed, but framed (*used is valid); -EINVAL: not even a
 * message, stop here. *used is the distance to the next message; may be NULL.
 */
int xfrm_decode(const void *buf, size_t len, struct xfrm_event *out, size_t *used);

/*
 * Decodes every message of a datagram. Those of no interest are passed over; malformed ones are
 * counted in *malformed (may be NULL) and passed over. Ends at a callback's non-zero return and
 * returns that, else 0.
 */
int xfrm_decode_all(const void *buf, size_t len, unsigned *malformed, xfrm_event_fn fn, void *data);

/* Requests, into a buffer of XFRM_REQUEST_MAX bytes. They return their length. */
#define XFRM_REQUEST_MAX 256
size_t xfrm_request_dump_sa(void *buf, uint32_t sequence);
size_t xfrm_request_dump_policy(void *buf, uint32_t sequence);
size_t xfrm_request_get_sa(void *buf, uint32_t sequence, const struct xfrm_sa_id *id);

#endif
