/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Is it a route that went, or the routing daemon?
 *
 * A zebra that is killed leaves its routes in the kernel. The next one removes at its start what it
 * does not know (or with -K later what nobody renewed), before BGP has brought them again: without
 * a hold everything would be withdrawn for as long as BGP takes to come up, while the data centre,
 * which knows graceful restart, goes on sending. The new zebra gives itself away: it removes by
 * another netlink socket than the one that added. So what another hand than the writer's removes
 * stays as stale, for the time for which the peer waits for our restart (`restart_time`), counted
 * from when that hand was first seen. What the writer itself removes goes at once: a session went
 * down, a prefix was withdrawn. So does what somebody else removes while the writer's socket is
 * still open, an administrator: whoever asks here has found out before that it is not.
 *
 * One for each kernel table that is read.
 */
#ifndef ESPALIER_HOLD_H
#define ESPALIER_HOLD_H

#include <stdbool.h>
#include <stdint.h>

struct hold {
	uint32_t writer;   /* seen last; 0: none yet */
	uint32_t former;   /* and before that one */
	uint64_t since_ns; /* that it is not the former one any more, monotonic */
};

/* A route was written by `writer` (0: not known). */
void hold_written(struct hold *h, uint32_t writer, uint64_t now_ns);
/* What a former espalierd knew, on the same clock. Whoever wrote for it may be gone, and another
 * one may have written since: what is there is the former one's then, from now on. If it is that
 * former one who lives, the other was only passing by. */
void hold_resume(struct hold *h, bool writer_lives, bool former_lives, uint64_t now_ns);
/* A route that `writer` (0: not known, so whoever wrote before the one that writes now) brought is
 * removed by `remover`: is it to be kept, for `time_ns` (0: never) at most? Then *until_ns
 * says until when. */
bool hold_keeps(struct hold *h, uint32_t writer, uint32_t remover, uint64_t now_ns,
		uint64_t time_ns, uint64_t *until_ns);

#endif
