/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel says of a neighbour: one rtnetlink message, as wire/neighbour.c reads it. */
#ifndef ESPALIER_NEIGHBOUR_EVENT_H
#define ESPALIER_NEIGHBOUR_EVENT_H

#include <stdbool.h>
#include <stdint.h>
#include "prefix.h"

enum neighbour_state {
	NEIGHBOUR_GONE,	   /* or never answered */
	NEIGHBOUR_DOUBTED, /* was there; the kernel would ask before long, or does so now */
	NEIGHBOUR_CERTAIN, /* confirmed lately, or written by hand */
};

struct neighbour_event {
	enum neighbour_state state;
	uint32_t ifindex;
	struct address address;
	uint8_t mac[6]; /* unless it is gone */
};

/* A callback's non-zero return ends the handing over and is returned. */
typedef int (*neighbour_event_fn)(const struct neighbour_event *e, void *data);

#endif
