/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's IPsec counters of the process's network namespace. Owns a file descriptor. */
#ifndef ESPALIER_IO_XFRM_STAT_H
#define ESPALIER_IO_XFRM_STAT_H

#include "../core/xfrm_stat.h"

/*
 * A descriptor for xfrm_stat_read(), the caller's to close. Kept open, so that neither another root
 * directory nor dropped privileges come between. -ENOENT: a kernel without CONFIG_XFRM_STATISTICS;
 * -errno.
 */
int xfrm_stat_open(void);
/* What has been counted until now. 0, -EBADMSG, -errno. */
int xfrm_stat_read(int fd, struct xfrm_stat_list *out);

#endif
