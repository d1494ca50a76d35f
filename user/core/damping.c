/* SPDX-License-Identifier: GPL-2.0-only */
#include <math.h>
#include "damping.h"

double damping_ceiling(const struct damping_policy *p)
{
	return p->reuse * exp2((double)p->max_ns / (double)p->half_life_ns);
}

double damping_penalty(const struct damping *d, const struct damping_policy *p, uint64_t now_ns)
{
	if (!p->enabled || now_ns <= d->at_ns)
		return d->penalty;
	return d->penalty * exp2(-(double)(now_ns - d->at_ns) / (double)p->half_life_ns);
}

bool damping_active(const struct damping *d, uint64_t now_ns)
{
	return now_ns < d->until_ns;
}

/* From d->at_ns on, until `reuse` is left. */
static uint64_t release_ns(const struct damping *d, const struct damping_policy *p)
{
	if (d->penalty <= p->reuse)
		return d->at_ns;
	return d->at_ns + (uint64_t)round((double)p->half_life_ns * log2(d->penalty / p->reuse));
}

void damping_fall(struct damping *d, const struct damping_policy *p, uint64_t now_ns)
{
	if (!p->enabled)
		return;
	d->penalty = fmin(damping_penalty(d, p, now_ns) + DAMPING_COST, damping_ceiling(p));
	d->at_ns = now_ns;
	if (damping_active(d, now_ns) || d->penalty >= p->suppress)
		d->until_ns = release_ns(d, p);
}

static bool same(const struct damping_policy *a, const struct damping_policy *b)
{
	return a->enabled == b->enabled && a->half_life_ns == b->half_life_ns &&
	       a->suppress == b->suppress && a->reuse == b->reuse && a->max_ns == b->max_ns;
}

void damping_change(struct damping *d, const struct damping_policy *was,
		    const struct damping_policy *is, uint64_t now_ns)
{
	bool active = damping_active(d, now_ns);

	if (same(was, is))
		return;
	if (!is->enabled) {
		*d = (struct damping){ 0 };
		return;
	}
	d->penalty = fmin(damping_penalty(d, was, now_ns), damping_ceiling(is));
	d->at_ns = now_ns;
	d->until_ns = active ? release_ns(d, is) : 0;
}
