/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Routes and nexthop objects in rtnetlink's format: bytes → struct route_event, requests → bytes.
 * No sockets.
 */
#ifndef ESPALIER_WIRE_RTNL_H
#define ESPALIER_WIRE_RTNL_H

#include <stddef.h>
#include "../core/route_event.h"

/*
 * Decodes every message of a datagram. Those of no interest are passed over; malformed ones are
 * counted in *malformed (may be NULL) and passed over. Hops that the kernel calls dead are left
 * out. Ends at a callback's non-zero return and returns that, else 0.
 */
int rtnl_decode_all(const void *buf, size_t len, unsigned *malformed, route_event_fn fn,
		    void *data);

/* Requests, into a buffer of RTNL_REQUEST_MAX bytes; whoever sends them sets the sequence number.
 * They return their length. The kernel must be told to check strictly (NETLINK_GET_STRICT_CHK), or
 * it ignores what is asked for. */
#define RTNL_REQUEST_MAX 64
size_t rtnl_request_routes(void *buf, uint8_t family, uint32_t table);
size_t rtnl_request_nexthops(void *buf);

#endif
