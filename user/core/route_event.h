/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a routing daemon did to a kernel table, or to a nexthop object: one rtnetlink message, from
 * the kernel itself or from FRR's FPM stream, as wire/rtnl.c reads it.
 */
#ifndef ESPALIER_ROUTE_EVENT_H
#define ESPALIER_ROUTE_EVENT_H

#include <stdbool.h>
#include <stdint.h>
#include "prefix.h"

#define ROUTE_HOPS 64 /* hops beyond them are passed over */

enum route_event_kind {
	ROUTE_SET,
	ROUTE_GONE, /* with the hops that went: IPv6 can lose one of several */
	NEXTHOP_SET,
	NEXTHOP_GONE,
};

struct route_event {
	enum route_event_kind kind;

	/* ROUTE_* */
	uint32_t table;
	struct prefix prefix;
	uint32_t metric;
	uint8_t protocol; /* RTPROT_* */
	bool unicast;
	bool append;  /* IPv4: beside another one with this prefix and metric, which goes first */
	bool replace; /* in the place of what had this prefix and metric, whatever it was */
	uint32_t writer; /* port id of the netlink socket that did it; 0: not known */

	uint32_t nexthop; /* the object that the route names (0: none), or that this is about */

	/* Device of each hop; for NEXTHOP_SET with `group`: ids of its members. */
	bool group;
	uint8_t hop_count;
	uint32_t hops[ROUTE_HOPS];
};

/* A callback's non-zero return ends the handing over and is returned. */
typedef int (*route_event_fn)(const struct route_event *e, void *data);

#endif
