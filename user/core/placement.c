/* SPDX-License-Identifier: GPL-2.0-only */
#include <string.h>
#include "placement.h"

_Static_assert(MAX_MEMBERS == GROUP_MEMBERS, "a group has room for all of a set");

/* ---- who carries ---- */

static uint64_t drained(const struct tunnel_view *v, uint32_t tunnel)
{
	return v->drained ? v->drained(tunnel, v->context) : 0;
}

/* Position, or -1. */
static int find_member(const struct member_set *set, uint16_t tunnel)
{
	for (unsigned i = 0; i < set->count; i++)
		if (set->members[i].tunnel == tunnel)
			return (int)i;
	return -1;
}

/* Of live tunnels. */
static void carriers(const struct member_set *live, const struct tunnel_view *v,
		     struct member_set *out)
{
	struct member_set set = { .count = 0 };
	const struct member *last = NULL;

	for (unsigned i = 0; i < live->count; i++) {
		const struct member *m = &live->members[i];
		uint64_t order = drained(v, m->tunnel);

		if (!order)
			set.members[set.count++] = *m;
		else if (!last || order > drained(v, last->tunnel))
			last = m;
	}
	if (!set.count && last)
		set.members[set.count++] = *last;
	*out = set;
}

void placement_carriers(const struct member_set *all, const struct tunnel_view *v,
			struct member_set *out)
{
	struct member_set live;

	ecmp_live_members(all, v->live, v->context, &live);
	carriers(&live, v, out);
}

/* ---- where buckets are meant to be ---- */

static unsigned count_of(const uint16_t *tunnels, uint16_t tunnel)
{
	unsigned count = 0;

	for (unsigned b = 0; b < GROUP_BUCKETS; b++)
		count += tunnels[b] == tunnel;
	return count;
}

/* Carriers that carried nothing so far. */
static uint32_t newcomers(const struct placement *p, const struct member_set *carrying)
{
	uint32_t bits = 0;

	for (unsigned i = 0; i < carrying->count; i++)
		if (!count_of(p->meant, carrying->members[i].tunnel))
			bits |= 1u << i;
	return bits;
}

/*
 * Who has each bucket, as far as it is to be respected: who is meant to; but where that tunnel
 * carries no longer, whoever has it still. A newcomer that was not emptied yet keeps of what it has
 * its fair share.
 */
static void history(const struct placement *p, const struct member_set *carrying, uint32_t come,
		    uint16_t out[GROUP_BUCKETS])
{
	unsigned kept[MAX_MEMBERS] = { 0 };

	for (unsigned b = 0; b < GROUP_BUCKETS; b++) {
		uint16_t has = p->content.buckets[b].tunnel;
		int at = find_member(carrying, has);
		bool keeps = at >= 0 && come & 1u << at &&
			     kept[at]++ < ecmp_share(carrying, (unsigned)at);

		out[b] = keeps || find_member(carrying, p->meant[b]) < 0 ? has : p->meant[b];
	}
}

/* After a loss the weights must wait: survivors' flows stay. True: they have had their say. */
static bool plan(const struct placement *p, const struct member_set *carrying, bool loss,
		 uint16_t out[GROUP_BUCKETS])
{
	uint32_t takers = newcomers(p, carrying);

	history(p, carrying, takers, out);
	if (p->reweigh && !loss)
		takers |= ecmp_takers(out, carrying);
	ecmp_assign(out, carrying, takers, out);
	return takers != 0;
}

/* ---- spares ---- */

static struct member_set without(const struct member_set *set, unsigned gone)
{
	struct member_set rest = { .count = 0 };

	for (unsigned i = 0; i < set->count; i++)
		if (i != gone)
			rest.members[rest.count++] = set->members[i];
	return rest;
}

static void set_spares(struct placement *p, const struct member_set *live,
		       const struct tunnel_view *v)
{
	uint16_t then[GROUP_BUCKETS];

	for (unsigned i = 0; i < live->count; i++) {
		struct member_set rest = without(live, i), carrying;
		uint16_t tunnel = live->members[i].tunnel;

		if (!ecmp_count(&p->content, tunnel))
			continue;
		carriers(&rest, v, &carrying);
		plan(p, &carrying, true, then);
		for (unsigned b = 0; b < GROUP_BUCKETS; b++)
			if (p->content.buckets[b].tunnel == tunnel)
				p->content.buckets[b].spare = then[b];
	}
}

/* In the order in which they would be asked to carry: those that are being drained last, and of
 * these first the one that was drained last. */
static void set_reserve(struct placement *p, const struct member_set *set,
			const struct tunnel_view *v)
{
	uint64_t orders[MAX_MEMBERS];

	memset(p->content.reserve, 0xff, sizeof(p->content.reserve));
	for (unsigned i = 0; i < set->count; i++) {
		uint64_t order = drained(v, set->members[i].tunnel);
		unsigned at = i;

		order = order ? order : UINT64_MAX;
		for (; at && orders[at - 1] < order; at--) {
			orders[at] = orders[at - 1];
			p->content.reserve[at] = p->content.reserve[at - 1];
		}
		orders[at] = order;
		p->content.reserve[at] = set->members[i].tunnel;
	}
}

/* ---- following ---- */

void placement_start(struct placement *p, const struct placement *seed)
{
	memset(p, 0xff, sizeof(*p)); /* BUCKET_EMPTY everywhere */
	p->waiting = 0;
	p->reweigh = false;
	p->set.count = 0;
	if (seed)
		*p = *seed;
}

void placement_adopt(struct placement *p, const struct group *content, const struct member_set *set,
		     const struct tunnel_view *v)
{
	struct member_set live, carrying;

	ecmp_live_members(set, v->live, v->context, &live);
	carriers(&live, v, &carrying);
	p->content = *content;
	for (unsigned b = 0; b < GROUP_BUCKETS; b++) {
		const struct bucket *k = &content->buckets[b];
		bool waits = find_member(&live, k->tunnel) >= 0 &&
			     find_member(&carrying, k->tunnel) < 0 &&
			     find_member(&carrying, k->spare) >= 0;

		p->meant[b] = waits ? k->spare : k->tunnel;
	}
	p->waiting = 0;
	p->reweigh = true; /* they are not in the dataplane */
	p->set.count = 0;
}

static bool stays(const struct placement *p, unsigned b, uint16_t to, const struct member_set *live,
		  const struct tunnel_view *v)
{
	uint16_t from = p->content.buckets[b].tunnel;

	if (from == to || find_member(live, from) < 0)
		return false;
	if (from != p->meant[b])
		return true; /* it waits already */
	return v->waits && v->waits(from, to, v->context);
}

static unsigned count_waiting(const struct placement *p)
{
	unsigned count = 0;

	for (unsigned b = 0; b < GROUP_BUCKETS; b++)
		count += p->content.buckets[b].tunnel != p->meant[b];
	return count;
}

/* Where the program sends a bucket whose tunnel is dead. */
static uint16_t skip(const struct group *g, unsigned b, const struct member_set *live)
{
	if (find_member(live, g->buckets[b].spare) >= 0)
		return g->buckets[b].spare;
	for (unsigned i = 1; i < GROUP_BUCKETS; i++) {
		uint16_t tunnel = g->buckets[bucket_probe(b, i)].tunnel;

		if (find_member(live, tunnel) >= 0)
			return tunnel;
	}
	for (unsigned i = 0; i < MAX_MEMBERS; i++)
		if (find_member(live, g->reserve[i]) >= 0)
			return g->reserve[i];
	return g->buckets[b].tunnel;
}

/* What packets do meanwhile is what becomes of the group: their flows move once. True: something
 * was lost. A tunnel that is no member any more is not dead: what it has is given out anew. */
static bool skip_dead(struct placement *p, const struct member_set *set,
		      const struct member_set *live)
{
	const struct group was = p->content;
	bool lost = false;

	for (unsigned b = 0; b < GROUP_BUCKETS; b++) {
		uint16_t tunnel = was.buckets[b].tunnel;

		if (find_member(set, tunnel) < 0 || find_member(live, tunnel) >= 0)
			continue;
		p->content.buckets[b].tunnel = skip(&was, b, live);
		lost = true;
	}
	return lost;
}

/* Of members that stay. Another set alone is no reason to share out anew. */
static bool weights_differ(const struct member_set *was, const struct member_set *is)
{
	for (unsigned i = 0; i < was->count; i++) {
		int at = find_member(is, was->members[i].tunnel);

		if (at >= 0 && is->members[at].weight != was->members[i].weight)
			return true;
	}
	return false;
}

bool placement_refresh(struct placement *p, const struct member_set *set,
		       const struct tunnel_view *v)
{
	const struct group was = p->content;
	struct member_set live, carrying;
	uint16_t meant[GROUP_BUCKETS];

	ecmp_live_members(set, v->live, v->context, &live);
	carriers(&live, v, &carrying);
	p->reweigh |= weights_differ(&p->set, set);
	p->set = *set;
	if (plan(p, &carrying, skip_dead(p, set, &live), meant))
		p->reweigh = false;
	for (unsigned b = 0; b < GROUP_BUCKETS; b++) {
		struct bucket *k = &p->content.buckets[b];

		if (!stays(p, b, meant[b], &live, v))
			k->tunnel = meant[b];
		k->spare = BUCKET_EMPTY;
	}
	memcpy(p->meant, meant, sizeof(meant));
	p->waiting = count_waiting(p);
	set_spares(p, &live, v);
	set_reserve(p, set, v);
	return memcmp(&was, &p->content, sizeof(was)) != 0;
}

unsigned placement_settle(struct placement *p, const struct member_set *set,
			  const struct tunnel_view *v, bucket_free_fn is_free, void *context)
{
	struct member_set live;
	unsigned moved = 0;

	for (unsigned b = 0; b < GROUP_BUCKETS; b++) {
		struct bucket *k = &p->content.buckets[b];

		if (k->tunnel == p->meant[b] || !is_free(b, k->tunnel, p->meant[b], context))
			continue;
		k->tunnel = p->meant[b];
		moved++;
	}
	if (!moved)
		return 0;
	p->waiting -= moved;
	ecmp_live_members(set, v->live, v->context, &live);
	set_spares(p, &live, v);
	return moved;
}
