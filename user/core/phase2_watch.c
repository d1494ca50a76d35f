/* SPDX-License-Identifier: GPL-2.0-only */
/* Tunnels that are watched, and what is told about them. */
#include <errno.h>
#include <stdlib.h>
#include "phase2_internal.h"

static struct tunnel_entry *find_tunnel(const struct phase2 *p, uint32_t number)
{
	struct tunnel_entry *t;

	HASH_FIND(hh, p->tunnels, &number, sizeof(number), t);
	return t;
}

static struct tunnel_entry *add_tunnel(struct phase2 *p, uint32_t number)
{
	struct tunnel_entry *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->number = number;
	t->state.missing = PHASE2_NO_SA;
	HASH_ADD(hh, p->tunnels, number, sizeof(number), t);
	if (t->hh.tbl)
		return t;
	free(t);
	return NULL;
}

static void hang_watcher(struct watcher *w, struct tunnel_entry *t, struct interface *i)
{
	if (w->interface)
		DL_DELETE(w->interface->watchers, w);
	w->tunnel = t;
	w->interface = i;
	if (i)
		DL_APPEND(i->watchers, w);
}

/* Both hooks move before what they hung on is let go: it may be the same. */
static void hang_tunnel(struct phase2 *p, struct tunnel_entry *t, struct interface *in,
			struct interface *out)
{
	struct interface *was_in = t->in.interface, *was_out = t->out.interface;

	hang_watcher(&t->in, t, in);
	hang_watcher(&t->out, t, out);
	phase2_interface_put(p, was_in);
	if (was_out != was_in)
		phase2_interface_put(p, was_out);
}

static int configure(struct phase2 *p, struct tunnel_entry *t, const struct phase2_tunnel *c)
{
	struct interface *in = phase2_interface_get(p, c->if_id_in);
	struct interface *out = in ? phase2_interface_get(p, c->if_id_out) : NULL;

	if (!out) {
		phase2_interface_put(p, in);
		return -ENOMEM;
	}
	t->config = *c;
	hang_tunnel(p, t, in, out);
	return 0;
}

static void drop_tunnel(struct phase2 *p, struct tunnel_entry *t)
{
	hang_tunnel(p, t, NULL, NULL);
	if (t->dirty)
		LL_DELETE2(p->dirty, t, next_dirty);
	if (t->queued)
		DL_DELETE(p->changes, t);
	HASH_DEL(p->tunnels, t);
	free(t);
}

static bool same_config(const struct phase2_tunnel *a, const struct phase2_tunnel *b)
{
	return a->if_id_in == b->if_id_in && a->if_id_out == b->if_id_out &&
	       address_equal(&a->local, &b->local) && address_equal(&a->remote, &b->remote);
}

int phase2_watch(struct phase2 *p, uint32_t tunnel, const struct phase2_tunnel *c, uint64_t now_ns)
{
	struct tunnel_entry *t = find_tunnel(p, tunnel);
	bool fresh = !t;

	if (!c->if_id_in || !c->if_id_out)
		return -EINVAL;
	if (!fresh && same_config(&t->config, c))
		return 0;
	if (fresh)
		t = add_tunnel(p, tunnel);
	if (!t)
		return -ENOMEM;
	if (configure(p, t, c)) {
		if (fresh)
			drop_tunnel(p, t);
		return -ENOMEM;
	}
	if (fresh) {
		t->state.since_ns = t->state.up_since_ns = now_ns;
		phase2_queue_change(p, t, &t->state);
	}
	phase2_mark(p, t);
	if (!p->dumping)
		phase2_judge_marked(p, PHASE2_CONFIGURED, now_ns);
	return 0;
}

void phase2_unwatch(struct phase2 *p, uint32_t tunnel)
{
	struct tunnel_entry *t = find_tunnel(p, tunnel);

	if (t)
		drop_tunnel(p, t);
}

bool phase2_take_change(struct phase2 *p, struct phase2_change *out)
{
	struct tunnel_entry *t = p->changes;

	if (!t)
		return false;
	DL_DELETE(p->changes, t);
	t->queued = false;
	*out = t->change;
	return true;
}

const struct phase2_state *phase2_state(const struct phase2 *p, uint32_t tunnel)
{
	const struct tunnel_entry *t = find_tunnel(p, tunnel);

	return t ? &t->state : NULL;
}

/* The oldest SA of a direction that is younger than `after` (NULL: the oldest of all). Larval ones
 * are shown too. */
static const struct sa_entry *next_sa(const struct tunnel_entry *t, const struct interface *i,
				      enum xfrm_direction d, const struct sa_entry *after)
{
	const struct sa_entry *best = NULL, *e;

	DL_FOREACH (i->sas, e) {
		if (phase2_direction(t, &e->sa) != d || (after && !phase2_newer(e, after)))
			continue;
		if (!best || phase2_newer(best, e))
			best = e;
	}
	return best;
}

static int each_sa(const struct tunnel_entry *t, const struct interface *i, enum xfrm_direction d,
		   const struct sa_entry *in_use, phase2_sa_fn fn, void *data)
{
	const struct sa_entry *e = next_sa(t, i, d, NULL);

	for (; e; e = next_sa(t, i, d, e)) {
		struct phase2_sa sa = {
			.sa = e->sa,
			.direction = d,
			.in_use = e == in_use,
			.soft_expired = e->soft_expired,
			.seen_ns = e->seen_ns,
		};
		int err = fn(&sa, data);

		if (err)
			return err;
	}
	return 0;
}

int phase2_each_sa(const struct phase2 *p, uint32_t tunnel, phase2_sa_fn fn, void *data)
{
	const struct tunnel_entry *t = find_tunnel(p, tunnel);
	int err;

	if (!t)
		return -ENOENT;
	err = each_sa(t, t->in.interface, XFRM_DIRECTION_IN, phase2_inbound(t), fn, data);
	if (!err)
		err = each_sa(t, t->out.interface, XFRM_DIRECTION_OUT, phase2_outbound(t), fn,
			      data);
	return err;
}

const char *phase2_status_name(enum phase2_status s)
{
	switch (s) {
	case PHASE2_DOWN:
		return "down";
	case PHASE2_NEGOTIATING:
		return "negotiating";
	case PHASE2_UP:
		return "up";
	case PHASE2_REKEYING:
		return "rekeying";
	case PHASE2_EXPIRING:
		return "expiring";
	}
	return "?";
}

const char *phase2_missing_text(enum phase2_missing m)
{
	switch (m) {
	case PHASE2_COMPLETE:
		return "";
	case PHASE2_NO_SA:
		return "no SA";
	case PHASE2_NO_INBOUND:
		return "no inbound SA";
	case PHASE2_NO_OUTBOUND:
		return "no outbound SA";
	case PHASE2_NO_POLICY:
		return "no outbound policy";
	case PHASE2_POLICY_NO_SA:
		return "the outbound policy names an SA that is not there";
	}
	return "?";
}

const char *phase2_cause_name(enum phase2_cause c)
{
	switch (c) {
	case PHASE2_CONFIGURED:
		return "configured";
	case PHASE2_NEWSA:
		return "NEWSA";
	case PHASE2_UPDSA:
		return "UPDSA";
	case PHASE2_DELSA:
		return "DELSA";
	case PHASE2_EXPIRE_SOFT:
		return "EXPIRE soft";
	case PHASE2_EXPIRE_HARD:
		return "EXPIRE hard";
	case PHASE2_FLUSHSA:
		return "FLUSHSA";
	case PHASE2_NEWPOLICY:
		return "NEWPOLICY";
	case PHASE2_UPDPOLICY:
		return "UPDPOLICY";
	case PHASE2_DELPOLICY:
		return "DELPOLICY";
	case PHASE2_FLUSHPOLICY:
		return "FLUSHPOLICY";
	case PHASE2_RESYNC:
		return "resync";
	}
	return "?";
}
