/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's neighbours, by rtnetlink. Subscribes, dumps, asks; decides nothing. All functions
 * return 0 or -errno.
 */
#ifndef ESPALIER_IO_NEIGHBOUR_FEED_H
#define ESPALIER_IO_NEIGHBOUR_FEED_H

#include "../core/neighbour_event.h"

struct neighbour_feed;

/* Subscribes to both families. */
int neighbour_feed_open(struct neighbour_feed **out);
void neighbour_feed_close(struct neighbour_feed *f);
/* Readable when there is something to receive. */
int neighbour_feed_fd(const struct neighbour_feed *f);
/* Hands over what waits. -ENOBUFS: messages were lost, and a dump must follow; a callback's
 * non-zero return. */
int neighbour_feed_receive(struct neighbour_feed *f, neighbour_event_fn fn, void *data);
/* All neighbours of both families. */
int neighbour_feed_dump(struct neighbour_feed *f, neighbour_event_fn fn, void *data);
/* Has the kernel ask this one now whether it is still there; the answer is an event. Not from
 * within a callback of neighbour_feed_dump(). */
int neighbour_feed_probe(struct neighbour_feed *f, const struct neighbour_event *e);

#endif
