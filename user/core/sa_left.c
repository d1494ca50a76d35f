/* SPDX-License-Identifier: GPL-2.0-only */
#include "sa_left.h"

#define SEQUENCE_LAST UINT32_MAX /* without ESN; the kernel refuses to go on to 0 */

static struct sa_limit limit(uint64_t most, uint64_t used)
{
	if (most == XFRM_UNLIMITED)
		return (struct sa_limit){ XFRM_UNLIMITED, XFRM_UNLIMITED };
	return (struct sa_limit){ most > used ? most - used : 0, most };
}

/* Of times 0 means none, unlike of bytes and packets. */
static struct sa_limit time_limit(uint64_t most_s, uint64_t since_s, uint64_t wall_s)
{
	return limit(most_s ? most_s : XFRM_UNLIMITED, wall_s > since_s ? wall_s - since_s : 0);
}

/* An SA that was never used has not begun to use its time of use. */
static struct sa_limit seconds(const struct xfrm_usage *u, uint64_t most_add, uint64_t most_use,
			       uint64_t wall_s)
{
	struct sa_limit add = time_limit(most_add, u->add_time, wall_s);
	struct sa_limit use = time_limit(most_use, u->use_time ? u->use_time : wall_s, wall_s);

	return use.left < add.left ? use : add;
}

uint64_t sa_age(const struct xfrm_sa *sa, uint64_t wall_s)
{
	return wall_s > sa->usage.add_time ? wall_s - sa->usage.add_time : 0;
}

void sa_left(const struct xfrm_sa *sa, enum xfrm_direction d, uint64_t wall_s, struct sa_left *out)
{
	const struct xfrm_lifetime *l = &sa->lifetime;
	const struct xfrm_usage *u = &sa->usage;

	*out = (struct sa_left){
		.soft = { seconds(u, l->soft_add, l->soft_use, wall_s),
			  limit(l->soft_bytes, u->bytes), limit(l->soft_packets, u->packets) },
		.hard = { seconds(u, l->hard_add, l->hard_use, wall_s),
			  limit(l->hard_bytes, u->bytes), limit(l->hard_packets, u->packets) },
		.sequence = limit(sa->esn ? XFRM_UNLIMITED : SEQUENCE_LAST,
				  d == XFRM_DIRECTION_OUT ? sa->sent_seq : sa->received_seq),
	};
}
