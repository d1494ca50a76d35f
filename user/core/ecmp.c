/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Buckets are assigned in three steps over one work sheet: what every member may keep, who gets the
 * free buckets, who takes from whom. 256 buckets and 16 members: everything is counted by walking.
 *
 * Quotas are fractions over one denominator, compared as integers: a member's deficit is
 * quota - count, times the denominator.
 */
#include <string.h>
#include "ecmp.h"

#define NOBODY (-1)

struct sheet {
	const struct member_set *set;
	int owner[GROUP_BUCKETS];    /* index into set, or NOBODY: free */
	int home[GROUP_BUCKETS];     /* who would own it in a group without history */
	int64_t quota[MAX_MEMBERS];  /* times denominator */
	unsigned count[MAX_MEMBERS]; /* buckets */
	unsigned given[MAX_MEMBERS]; /* free buckets to get */
	uint32_t takers;	     /* who may take from others, a bit each */
	int64_t denominator;
	unsigned freed;	  /* buckets of members that left */
	unsigned unowned; /* buckets without owner, those among them */
};

static int64_t weight(const struct member_set *set, unsigned i)
{
	return set->members[i].weight ? set->members[i].weight : 1;
}

static int find_member(const struct member_set *set, uint16_t tunnel)
{
	for (unsigned i = 0; i < set->count; i++)
		if (set->members[i].tunnel == tunnel)
			return (int)i;
	return NOBODY;
}

/* Who is so light that its share is less than one bucket gets one; the others share the rest by
 * weight, which may make the next one too light. */
static void set_quotas(struct sheet *s)
{
	bool light[MAX_MEMBERS] = { false }, again = true;
	int64_t rest = GROUP_BUCKETS, sum = 0;

	for (unsigned i = 0; i < s->set->count; i++)
		sum += weight(s->set, i);
	while (again) {
		again = false;
		for (unsigned i = 0; i < s->set->count; i++) {
			if (light[i] || rest * weight(s->set, i) >= sum)
				continue;
			light[i] = again = true;
			rest--;
			sum -= weight(s->set, i);
		}
	}
	for (unsigned i = 0; i < s->set->count; i++)
		s->quota[i] = light[i] ? sum : rest * weight(s->set, i);
	s->denominator = sum;
}

static int64_t deficit(const struct sheet *s, unsigned i)
{
	return s->quota[i] - (int64_t)s->count[i] * s->denominator;
}

/* The whole part of a quota, at least 1 by set_quotas(). */
static unsigned least(const struct sheet *s, unsigned i)
{
	return (unsigned)(s->quota[i] / s->denominator);
}

static void keep_what_stays(struct sheet *s, const uint16_t *previous)
{
	for (unsigned b = 0; b < GROUP_BUCKETS; b++) {
		uint16_t tunnel = previous ? previous[b] : BUCKET_EMPTY;

		s->owner[b] = tunnel == BUCKET_EMPTY ? NOBODY : find_member(s->set, tunnel);
		if (s->owner[b] != NOBODY) {
			s->count[s->owner[b]]++;
			continue;
		}
		s->unowned++;
		s->freed += tunnel != BUCKET_EMPTY;
	}
}

uint32_t ecmp_takers(const uint16_t *previous, const struct member_set *set)
{
	struct sheet s = { .set = set };
	uint32_t all = (1u << set->count) - 1, arrived = 0;

	keep_what_stays(&s, previous);
	for (unsigned i = 0; i < set->count; i++)
		if (!s.count[i])
			arrived |= 1u << i;
	if (arrived)
		return arrived;
	return s.freed ? 0 : all;
}

/* Whoever is furthest below its quota; the first of equals. */
static unsigned neediest(const struct sheet *s)
{
	unsigned best = 0;

	for (unsigned i = 1; i < s->set->count; i++)
		if (deficit(s, i) > deficit(s, best))
			best = i;
	return best;
}

/* Lays the given buckets out evenly over the free ones (smooth weighted round robin: in one cycle
 * of sum(given) turns everybody's turn comes given times). */
static void deal_out(struct sheet *s)
{
	int64_t credit[MAX_MEMBERS] = { 0 };

	for (unsigned b = 0; b < GROUP_BUCKETS; b++) {
		unsigned best = 0;

		if (s->owner[b] != NOBODY)
			continue;
		for (unsigned i = 0; i < s->set->count; i++) {
			credit[i] += s->given[i];
			if (credit[i] > credit[best])
				best = i;
		}
		credit[best] -= s->unowned;
		s->owner[b] = (int)best;
	}
}

static void give_free(struct sheet *s)
{
	for (unsigned n = 0; n < s->unowned; n++) {
		unsigned i = neediest(s);

		s->count[i]++;
		s->given[i]++;
	}
	deal_out(s);
}

/* Whoever is furthest above its quota and can spare a bucket, or NOBODY. */
static int richest(const struct sheet *s)
{
	int best = NOBODY;

	for (unsigned i = 0; i < s->set->count; i++) {
		if (s->count[i] <= least(s, i))
			continue;
		if (best == NOBODY || deficit(s, i) < deficit(s, (unsigned)best))
			best = (int)i;
	}
	return best;
}

static unsigned reverse_bits(unsigned b)
{
	unsigned r = 0;

	for (unsigned bit = 1; bit < GROUP_BUCKETS; bit <<= 1)
		r = r << 1 | !!(b & bit);
	return r;
}

/*
 * The donor's bucket to take: one where the taker is at home, so that what a tunnel gets when it
 * returns is what it had and the flows of others stay, else any. The first in an order that jumps
 * about, so that what is taken lies scattered.
 */
static unsigned bucket_to_take(const struct sheet *s, int from, unsigned to)
{
	unsigned any = GROUP_BUCKETS;

	for (unsigned n = 0; n < GROUP_BUCKETS; n++) {
		unsigned b = reverse_bits(n);

		if (s->owner[b] != from)
			continue;
		if (s->home[b] == (int)to)
			return b;
		if (any == GROUP_BUCKETS)
			any = b;
	}
	return any;
}

static void move_one(struct sheet *s, int from, unsigned to)
{
	s->owner[bucket_to_take(s, from, to)] = (int)to;
	s->count[from]--;
	s->count[to]++;
}

static void take_from_rich(struct sheet *s)
{
	for (;;) {
		int from = richest(s), to = NOBODY;

		for (unsigned i = 0; i < s->set->count; i++) {
			if (!(s->takers & 1u << i) || s->count[i] >= least(s, i))
				continue;
			if (to == NOBODY || deficit(s, i) > deficit(s, (unsigned)to))
				to = (int)i;
		}
		if (to == NOBODY || from == NOBODY)
			return;
		move_one(s, from, (unsigned)to);
	}
}

static void find_homes(struct sheet *s)
{
	struct sheet fresh = { .set = s->set };

	set_quotas(&fresh);
	keep_what_stays(&fresh, NULL);
	give_free(&fresh);
	memcpy(s->home, fresh.owner, sizeof(s->home));
}

unsigned ecmp_share(const struct member_set *set, unsigned i)
{
	struct sheet s = { .set = set };

	set_quotas(&s);
	return least(&s, i);
}

void ecmp_assign(const uint16_t *previous, const struct member_set *set, uint32_t takers,
		 uint16_t out[GROUP_BUCKETS])
{
	struct sheet s = { .set = set, .takers = takers };

	if (set->count) {
		set_quotas(&s);
		keep_what_stays(&s, previous);
		give_free(&s);
		find_homes(&s);
		take_from_rich(&s);
	}
	for (unsigned b = 0; b < GROUP_BUCKETS; b++)
		out[b] = set->count ? set->members[s.owner[b]].tunnel : BUCKET_EMPTY;
}

unsigned ecmp_moved(const struct group *a, const struct group *b)
{
	unsigned moved = 0;

	for (unsigned i = 0; i < GROUP_BUCKETS; i++)
		moved += a->buckets[i].tunnel != b->buckets[i].tunnel;
	return moved;
}

unsigned ecmp_count(const struct group *g, uint16_t tunnel)
{
	unsigned count = 0;

	for (unsigned i = 0; i < GROUP_BUCKETS; i++)
		count += g->buckets[i].tunnel == tunnel;
	return count;
}

void ecmp_live_members(const struct member_set *all, tunnel_live_fn live, const void *data,
		       struct member_set *out)
{
	struct member_set set = { .count = 0 };

	for (unsigned i = 0; i < all->count; i++)
		if (live(all->members[i].tunnel, data))
			set.members[set.count++] = all->members[i];
	*out = set;
}
