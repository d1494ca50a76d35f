/* SPDX-License-Identifier: GPL-2.0-only */
/* D3 for one tunnel: from its SAs and policies to its state. Reads only. */
#include <netinet/in.h>
#include <string.h>
#include "phase2_internal.h"

enum xfrm_direction phase2_direction(const struct tunnel_entry *t, const struct xfrm_sa *sa)
{
	const struct phase2_tunnel *c = &t->config;
	bool in, out;

	if (sa->direction != XFRM_DIRECTION_UNKNOWN)
		return sa->direction;
	/* One end is enough: MOBIKE or a NAT may have moved the other. */
	in = address_equal(&sa->id.daddr, &c->local) || address_equal(&sa->saddr, &c->remote);
	out = address_equal(&sa->saddr, &c->local) || address_equal(&sa->id.daddr, &c->remote);
	if (in == out)
		return XFRM_DIRECTION_UNKNOWN;
	return in ? XFRM_DIRECTION_IN : XFRM_DIRECTION_OUT;
}

bool phase2_valid(const struct tunnel_entry *t, const struct sa_entry *e, enum xfrm_direction d)
{
	return !e->sa.larval && e->sa.id.spi && phase2_direction(t, &e->sa) == d;
}

bool phase2_newer(const struct sa_entry *e, const struct sa_entry *other)
{
	if (e->order != other->order)
		return e->order > other->order;
	if (e->sa.usage.add_time != other->sa.usage.add_time)
		return e->sa.usage.add_time > other->sa.usage.add_time;
	return memcmp(&e->key, &other->key, sizeof(e->key)) > 0; /* any, but always the same */
}

static const struct sa_entry *newest(const struct tunnel_entry *t, const struct interface *i,
				     enum xfrm_direction d)
{
	const struct sa_entry *best = NULL, *e;

	DL_FOREACH (i->sas, e)
		if (phase2_valid(t, e, d) && (!best || phase2_newer(e, best)))
			best = e;
	return best;
}

const struct sa_entry *phase2_inbound(const struct tunnel_entry *t)
{
	return newest(t, t->in.interface, XFRM_DIRECTION_IN);
}

static bool fits(const struct xfrm_template *x, const struct xfrm_sa *sa)
{
	if (x->proto != sa->id.proto || (x->spi && x->spi != sa->id.spi))
		return false;
	return !x->daddr.family || address_equal(&x->daddr, &sa->id.daddr);
}

/* The ESP template of a policy that lets packets out, or NULL. */
static const struct xfrm_template *esp_template(const struct xfrm_policy *p)
{
	for (unsigned i = 0; !p->block && i < p->template_count; i++)
		if (p->templates[i].proto == IPPROTO_ESP)
			return &p->templates[i];
	return NULL;
}

static const struct sa_entry *lead(const struct tunnel_entry *t, const struct xfrm_template *x)
{
	const struct sa_entry *best = NULL, *e;

	DL_FOREACH (t->out.interface->sas, e) {
		if (!phase2_valid(t, e, XFRM_DIRECTION_OUT) || !fits(x, &e->sa))
			continue;
		if (!best || phase2_newer(e, best))
			best = e;
	}
	return best;
}

const struct sa_entry *phase2_outbound(const struct tunnel_entry *t)
{
	const struct sa_entry *best = NULL;
	const struct policy_entry *p;

	DL_FOREACH (t->out.interface->policies, p) {
		const struct xfrm_template *x = esp_template(&p->policy);
		const struct sa_entry *e = x ? lead(t, x) : NULL;

		if (e && (!best || phase2_newer(e, best)))
			best = e;
	}
	return best;
}

static void count_sas(const struct tunnel_entry *t, struct phase2_state *s)
{
	const struct sa_entry *e;

	DL_FOREACH (t->in.interface->sas, e) {
		s->valid_in += phase2_valid(t, e, XFRM_DIRECTION_IN);
		s->larval += e->sa.larval;
	}
	DL_FOREACH (t->out.interface->sas, e) {
		s->valid_out += phase2_valid(t, e, XFRM_DIRECTION_OUT);
		s->larval += e->sa.larval && t->out.interface != t->in.interface;
	}
}

static unsigned count_policies(const struct tunnel_entry *t)
{
	const struct policy_entry *p;
	unsigned count = 0;

	DL_FOREACH (t->out.interface->policies, p)
		count += esp_template(&p->policy) != NULL;
	return count;
}

static enum phase2_missing find_missing(const struct phase2_state *s)
{
	if (!s->valid_in && !s->valid_out)
		return PHASE2_NO_SA;
	if (!s->valid_in)
		return PHASE2_NO_INBOUND;
	if (!s->valid_out)
		return PHASE2_NO_OUTBOUND;
	if (!s->policies_out)
		return PHASE2_NO_POLICY;
	return s->spi_out ? PHASE2_COMPLETE : PHASE2_POLICY_NO_SA;
}

/* Nothing has come in place of what has to be rekeyed. */
static bool expiring(const struct tunnel_entry *t)
{
	return newest(t, t->in.interface, XFRM_DIRECTION_IN)->soft_expired ||
	       newest(t, t->out.interface, XFRM_DIRECTION_OUT)->soft_expired;
}

static enum phase2_status find_status(const struct tunnel_entry *t, const struct phase2_state *s)
{
	if (!s->up)
		return s->valid_in || s->valid_out || s->larval ? PHASE2_NEGOTIATING : PHASE2_DOWN;
	if (expiring(t))
		return PHASE2_EXPIRING;
	return s->valid_in > 1 || s->valid_out > 1 ? PHASE2_REKEYING : PHASE2_UP;
}

void phase2_judge(const struct tunnel_entry *t, struct phase2_state *out)
{
	const struct sa_entry *in = phase2_inbound(t), *outbound = phase2_outbound(t);
	struct phase2_state s = *out;

	s.valid_in = s.valid_out = s.larval = 0;
	count_sas(t, &s);
	s.policies_out = count_policies(t);
	s.spi_in = in ? in->sa.id.spi : 0;
	s.spi_out = outbound ? outbound->sa.id.spi : 0;
	s.missing = find_missing(&s);
	s.up = s.missing == PHASE2_COMPLETE;
	s.status = find_status(t, &s);
	*out = s;
}
