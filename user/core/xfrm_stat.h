/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's own counters of packets that IPsec could not carry (CONFIG_XFRM_STATISTICS), one set
 * for a whole network namespace, and what they mean. wire/xfrm_stat.c makes them of text.
 */
#ifndef ESPALIER_XFRM_STAT_H
#define ESPALIER_XFRM_STAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define XFRM_STAT_NAME_LEN 40 /* with its NUL */
#define XFRM_STATS_MAX	   64 /* Linux 6.18 has 32 */

struct xfrm_stat {
	char name[XFRM_STAT_NAME_LEN]; /* the kernel's: "XfrmInNoStates" */
	uint64_t packets;	       /* since the namespace was made */
};

struct xfrm_stat_list {
	struct xfrm_stat list[XFRM_STATS_MAX]; /* in the kernel's order */
	size_t count;
};

/* One line for people. Never NULL: kernels may count what this program does not know. */
const char *xfrm_stat_help(const char *name);

/* By how much the counter `now` is higher than it `was`; 0 where it was not counted. */
uint64_t xfrm_stat_growth(const struct xfrm_stat_list *was, const struct xfrm_stat *now);

#endif
