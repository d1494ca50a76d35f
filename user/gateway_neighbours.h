/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's neighbours on the devices of attachments → map `neighbours`, for what XDP sends from
 * one attachment to another itself (bpf/redirect.h).
 *
 * Who is certain to the kernel gets a lease, which is renewed while that lasts. Who is doubted
 * loses it; if packets went there, the kernel is asked to ask at once. So the kernel's tables stay
 * what they are, also for hosts whose packets it no longer sees.
 */
#ifndef ESPALIER_GATEWAY_NEIGHBOURS_H
#define ESPALIER_GATEWAY_NEIGHBOURS_H

#include "gateway.h"

struct neighbours;

/* 0 or -errno; says why it failed. */
int neighbours_open(struct gateway *g);
int neighbours_add_events(struct gateway *g);
void neighbours_close(struct gateway *g);

/* Does the attachment's device take frames from XDP? Asked of the kernel. */
bool neighbours_redirectable(struct gateway *g, size_t attachment);
/* How many neighbours on the device XDP may send to. */
size_t neighbours_leased(struct gateway *g, uint32_t ifindex);
/* Devices were located: reads the kernel's neighbours anew if they are not the same as before. */
void neighbours_located(struct gateway *g);

#endif
