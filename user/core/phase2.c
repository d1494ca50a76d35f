/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Events in, changes out. What an event marks is judged at its end, or, between begin and end of a
 * dump, at the end of that.
 */
#include <errno.h>
#include <stdlib.h>
#include "phase2_internal.h"

int phase2_new(struct phase2 **out)
{
	struct phase2 *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	*out = p;
	return 0;
}

void phase2_mark(struct phase2 *p, struct tunnel_entry *t)
{
	if (t->dirty)
		return;
	t->dirty = true;
	LL_PREPEND2(p->dirty, t, next_dirty);
}

void phase2_queue_change(struct phase2 *p, struct tunnel_entry *t, const struct phase2_state *was)
{
	if (!t->queued) {
		t->queued = true;
		t->change.tunnel = t->number;
		t->change.was = was->status;
		t->change.was_up = was->up;
		DL_APPEND(p->changes, t);
	}
	t->change.status = t->state.status;
	t->change.up = t->state.up;
}

static void judge(struct phase2 *p, struct tunnel_entry *t, enum phase2_cause cause,
		  uint64_t now_ns)
{
	struct phase2_state was = t->state, *s = &t->state;

	phase2_judge(t, s);
	if (s->status == was.status && s->up == was.up) {
		if (s->valid_in != was.valid_in || s->spi_in != was.spi_in)
			phase2_queue_change(p, t, &was);
		return;
	}
	s->cause = cause;
	s->since_ns = now_ns;
	if (s->up != was.up)
		s->up_since_ns = now_ns;
	s->flaps += was.up && !s->up;
	phase2_queue_change(p, t, &was);
}

void phase2_judge_marked(struct phase2 *p, enum phase2_cause cause, uint64_t now_ns)
{
	while (p->dirty) {
		struct tunnel_entry *t = p->dirty;

		LL_DELETE2(p->dirty, t, next_dirty);
		t->dirty = false;
		judge(p, t, cause, now_ns);
	}
}

/* Events */

static enum phase2_cause cause_of(const struct xfrm_event *e)
{
	switch (e->kind) {
	case XFRM_EVENT_SA:
		return e->update ? PHASE2_UPDSA : PHASE2_NEWSA;
	case XFRM_EVENT_SA_DELETE:
		return PHASE2_DELSA;
	case XFRM_EVENT_EXPIRE_SOFT:
		return PHASE2_EXPIRE_SOFT;
	case XFRM_EVENT_EXPIRE_HARD:
		return PHASE2_EXPIRE_HARD;
	case XFRM_EVENT_SA_FLUSH:
		return PHASE2_FLUSHSA;
	case XFRM_EVENT_POLICY:
		return e->update ? PHASE2_UPDPOLICY : PHASE2_NEWPOLICY;
	case XFRM_EVENT_POLICY_DELETE:
		return PHASE2_DELPOLICY;
	case XFRM_EVENT_POLICY_FLUSH:
		return PHASE2_FLUSHPOLICY;
	case XFRM_EVENT_ACQUIRE:
	case XFRM_EVENT_MIGRATE:
	case XFRM_EVENT_MAPPING:
	case XFRM_EVENT_DONE:
	case XFRM_EVENT_ERROR:
		break;
	}
	return PHASE2_RESYNC;
}

static int take_in(struct phase2 *p, const struct xfrm_event *e, uint64_t now_ns)
{
	switch (e->kind) {
	case XFRM_EVENT_SA:
		return phase2_upsert_sa(p, e, now_ns);
	case XFRM_EVENT_SA_DELETE:
	case XFRM_EVENT_EXPIRE_HARD:
		phase2_delete_sa(p, &e->sa.id);
		return 0;
	case XFRM_EVENT_EXPIRE_SOFT:
		phase2_soft_expire(p, &e->sa);
		return 0;
	case XFRM_EVENT_SA_FLUSH:
		phase2_flush_sas(p, e->proto);
		return 0;
	case XFRM_EVENT_POLICY:
		return phase2_upsert_policy(p, &e->policy);
	case XFRM_EVENT_POLICY_DELETE:
		phase2_delete_policy(p, e->policy.index);
		return 0;
	case XFRM_EVENT_POLICY_FLUSH:
		phase2_flush_policies(p);
		return 0;
	case XFRM_EVENT_MIGRATE:
		return PHASE2_NEEDS_DUMP;
	case XFRM_EVENT_ACQUIRE:
	case XFRM_EVENT_MAPPING: /* the IKE daemon answers it with an UPDSA */
	case XFRM_EVENT_DONE:
	case XFRM_EVENT_ERROR:
		return 0;
	}
	return 0;
}

int phase2_apply(struct phase2 *p, const struct xfrm_event *e, uint64_t now_ns)
{
	int err;

	if (!p->dumping)
		p->order++;
	err = take_in(p, e, now_ns);
	if (!p->dumping)
		phase2_judge_marked(p, cause_of(e), now_ns);
	return err;
}

/* Dumps */

void phase2_begin_dump(struct phase2 *p)
{
	p->dumping = true;
	p->generation++;
	p->order++;
	p->added = 0;
	p->told = false;
}

void phase2_end_replies(struct phase2 *p)
{
	p->told = true;
}

void phase2_end_dump(struct phase2 *p, uint64_t now_ns, struct phase2_drift *drift)
{
	struct phase2_drift d = { .removed = phase2_sweep(p), .added = p->added };

	phase2_abort_dump(p, now_ns);
	if (drift)
		*drift = d;
}

void phase2_abort_dump(struct phase2 *p, uint64_t now_ns)
{
	p->dumping = false;
	phase2_judge_marked(p, PHASE2_RESYNC, now_ns);
}

void phase2_free(struct phase2 *p)
{
	struct tunnel_entry *t, *next;

	if (!p)
		return;
	HASH_ITER (hh, p->tunnels, t, next)
		phase2_unwatch(p, t->number);
	phase2_flush_sas(p, 0);
	phase2_flush_policies(p);
	free(p);
}
