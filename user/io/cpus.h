/* SPDX-License-Identifier: GPL-2.0-only */
/* The host's CPUs, and what matters of a network device when its packets go to others of them. */
#ifndef ESPALIER_IO_CPUS_H
#define ESPALIER_IO_CPUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Those that are online, ascending; how many. One, the first, where it cannot be told. */
size_t cpus_online(uint16_t *list, size_t room);

/* How many receive queues the device has (0: it does not say), and whether it takes VLAN tags out
 * of frames. 0 or -errno. */
int cpus_device(const char *name, unsigned *rx_queues, bool *takes_tags);

#endif
