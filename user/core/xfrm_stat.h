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

/*
 * Whose were they? The kernel counts for a whole network namespace, but what it could not send
 * through a tunnel's device it counts at the device, too. In an interval in which the errors of one
 * device alone have grown, and by no less than the counter has, the packets were that tunnel's.
 *
 * `errors`: by how much each device's have grown. The position of the one that it was, or -1: it
 * cannot be told.
 */
int xfrm_stat_culprit(const uint64_t *errors, size_t count, uint64_t packets);

/* Does it count packets that were to leave? Only those pass a tunnel's device. */
bool xfrm_stat_is_output(const char *name);

#endif
