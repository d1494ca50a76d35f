/* SPDX-License-Identifier: GPL-2.0-only */
/* The text of /proc/net/xfrm_stat → struct xfrm_stat_list. */
#ifndef ESPALIER_WIRE_XFRM_STAT_H
#define ESPALIER_WIRE_XFRM_STAT_H

#include "../core/xfrm_stat.h"

/*
 * A name and a number on each line; kernels differ in what they count, so any name is taken. A line
 * that is something else is passed over, and so is what there is no room for. `text` need not end
 * with a NUL. 0, or -EBADMSG: not one counter in it.
 */
int xfrm_stat_parse(const char *text, size_t len, struct xfrm_stat_list *out);

#endif
