/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What network devices can do with XDP, by generic netlink family "netdev" (Linux 6.3 and later).
 * All functions return 0 or -errno.
 */
#ifndef ESPALIER_IO_NETDEV_H
#define ESPALIER_IO_NETDEV_H

#include <stdbool.h>
#include <stdint.h>

struct netdev;

/* Subscribes to changes. -ENOENT: an older kernel, which does not tell. */
int netdev_open(struct netdev **out);
void netdev_close(struct netdev *n);

/* Does its driver send frames that another device's XDP program redirects to it, in its present
 * state? False where it cannot be told. n may be NULL. */
bool netdev_takes_redirects(struct netdev *n, uint32_t ifindex);

/* Readable when what some device can do has changed. */
int netdev_fd(const struct netdev *n);
/* Takes the notifications; whoever wants to know asks again. */
int netdev_drain(struct netdev *n);

#endif
