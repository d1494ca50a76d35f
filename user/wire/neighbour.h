/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's neighbour tables in rtnetlink's format: bytes → struct neighbour_event, requests →
 * bytes. No sockets.
 */
#ifndef ESPALIER_WIRE_NEIGHBOUR_H
#define ESPALIER_WIRE_NEIGHBOUR_H

#include <stddef.h>
#include "../core/neighbour_event.h"

/* Decodes every message of a datagram; those of no interest (proxies, devices without MAC
 * addresses, other families) and malformed ones are passed over. A callback's non-zero return. */
int neighbour_decode_all(const void *buf, size_t len, neighbour_event_fn fn, void *data);

/* Requests, into a buffer of NEIGHBOUR_REQUEST_MAX bytes; whoever sends them sets the sequence
 * number. They return their length. */
#define NEIGHBOUR_REQUEST_MAX 128
/* All neighbours of a family. */
size_t neighbour_request_all(void *buf, uint8_t family);
/* The kernel is to ask this one now whether it is still there. */
size_t neighbour_request_probe(void *buf, const struct neighbour_event *e);

#endif
