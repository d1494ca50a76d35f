/* SPDX-License-Identifier: GPL-2.0-only */
/* Which user id has an account of this host? Asked of its name services (nsswitch.conf(5)). */
#ifndef ESPALIER_IO_ACCOUNT_H
#define ESPALIER_IO_ACCOUNT_H

#include <sys/types.h>

/* By name or number; a number needs no account. 0; -ENOENT: no such account; or another -errno. */
int account_find(const char *account, uid_t *out);

#endif
