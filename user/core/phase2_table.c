/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tables of SAs and outbound policies, and the if_ids below which both hang. Every change of an
 * entry marks the tunnels that watch its if_id.
 *
 * Kept: ESP SAs and outbound policies with an if_id. Nothing else belongs to a tunnel.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include "phase2_internal.h"

#define PROTO_ANY 255 /* the kernel's IPSEC_PROTO_ANY */

struct interface *phase2_interface_get(struct phase2 *p, uint32_t if_id)
{
	struct interface *i;

	HASH_FIND(hh, p->interfaces, &if_id, sizeof(if_id), i);
	if (i)
		return i;
	i = calloc(1, sizeof(*i));
	if (!i)
		return NULL;
	i->if_id = if_id;
	HASH_ADD(hh, p->interfaces, if_id, sizeof(if_id), i);
	if (i->hh.tbl)
		return i;
	free(i);
	return NULL;
}

void phase2_interface_put(struct phase2 *p, struct interface *i)
{
	if (!i || i->sas || i->policies || i->watchers)
		return;
	HASH_DEL(p->interfaces, i);
	free(i);
}

static void mark_watchers(struct phase2 *p, const struct interface *i)
{
	const struct watcher *w;

	if (!i)
		return;
	DL_FOREACH (i->watchers, w)
		phase2_mark(p, w->tunnel);
}

/* An entry that a dump shows and no notification tells of is drift. */
static void note_added(struct phase2 *p, unsigned *untold)
{
	if (!p->dumping || p->told)
		return;
	*untold = p->generation;
	p->added++;
}

static void note_told(struct phase2 *p, unsigned *untold)
{
	if (!p->dumping || !p->told || *untold != p->generation)
		return;
	*untold = 0;
	p->added--;
}

/* SAs */

static struct sa_key key_of(const struct xfrm_sa_id *id)
{
	struct sa_key key = {
		.spi = id->spi,
		.mark = id->mark,
		.mark_mask = id->mark_mask,
		.family = id->daddr.family,
		.proto = id->proto,
	};

	memcpy(key.daddr, id->daddr.bytes, sizeof(key.daddr));
	return key;
}

static struct sa_entry *find_sa(const struct phase2 *p, const struct xfrm_sa_id *id)
{
	struct sa_key key = key_of(id);
	struct sa_entry *e;

	HASH_FIND(hh, p->sas, &key, sizeof(key), e);
	return e;
}

/* Hangs an SA below i, or nowhere; whatever it hung below before may vanish. */
static void hang_sa(struct phase2 *p, struct sa_entry *e, struct interface *i)
{
	struct interface *was = e->interface;

	mark_watchers(p, was);
	mark_watchers(p, i);
	if (was == i)
		return;
	if (was)
		DL_DELETE(was->sas, e);
	if (i)
		DL_APPEND(i->sas, e);
	e->interface = i;
	phase2_interface_put(p, was);
}

static void remove_sa(struct phase2 *p, struct sa_entry *e)
{
	if (!e)
		return;
	hang_sa(p, e, NULL);
	HASH_DEL(p->sas, e);
	free(e);
}

/* From here on it counts as an SA, and is the newest. */
static void grow_up(const struct phase2 *p, struct sa_entry *e, uint64_t now_ns)
{
	e->seen_ns = now_ns;
	e->order = p->order;
}

static int add_sa(struct phase2 *p, const struct xfrm_sa *sa, uint64_t now_ns,
		  struct sa_entry **out)
{
	struct sa_entry *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	e->key = key_of(&sa->id);
	HASH_ADD(hh, p->sas, key, sizeof(e->key), e);
	if (!e->hh.tbl) {
		free(e);
		return -ENOMEM;
	}
	grow_up(p, e, now_ns);
	note_added(p, &e->untold);
	*out = e;
	return 0;
}

int phase2_upsert_sa(struct phase2 *p, const struct xfrm_event *ev, uint64_t now_ns)
{
	struct sa_entry *e = find_sa(p, &ev->sa.id);
	struct interface *i;
	int err = 0;

	if (ev->sa.id.proto != IPPROTO_ESP || !ev->sa.if_id) {
		remove_sa(p, e);
		return 0;
	}
	i = phase2_interface_get(p, ev->sa.if_id);
	if (!i)
		return -ENOMEM;
	if (!e)
		err = add_sa(p, &ev->sa, now_ns, &e);
	if (err) {
		phase2_interface_put(p, i);
		return err;
	}
	if (e->sa.larval && !ev->sa.larval)
		grow_up(p, e, now_ns);
	if (ev->update) /* the kernel forgets, too, that it was dying */
		e->soft_expired = false;
	note_told(p, &e->untold);
	e->sa = ev->sa;
	e->generation = p->generation;
	hang_sa(p, e, i);
	return 0;
}

void phase2_soft_expire(struct phase2 *p, const struct xfrm_sa *sa)
{
	struct sa_entry *e = find_sa(p, &sa->id);

	if (!e)
		return;
	e->soft_expired = true;
	e->sa.usage = sa->usage;
	mark_watchers(p, e->interface);
}

void phase2_delete_sa(struct phase2 *p, const struct xfrm_sa_id *id)
{
	struct sa_entry *e = find_sa(p, id);

	if (e)
		note_told(p, &e->untold);
	remove_sa(p, e);
}

void phase2_flush_sas(struct phase2 *p, uint8_t proto)
{
	struct sa_entry *e, *next;

	if (proto && proto != PROTO_ANY && proto != IPPROTO_ESP)
		return;
	HASH_ITER (hh, p->sas, e, next)
		remove_sa(p, e);
}

/* Policies */

static struct policy_entry *find_policy(const struct phase2 *p, uint32_t index)
{
	struct policy_entry *e;

	HASH_FIND(hh, p->policies, &index, sizeof(index), e);
	return e;
}

static void hang_policy(struct phase2 *p, struct policy_entry *e, struct interface *i)
{
	struct interface *was = e->interface;

	mark_watchers(p, was);
	mark_watchers(p, i);
	if (was == i)
		return;
	if (was)
		DL_DELETE(was->policies, e);
	if (i)
		DL_APPEND(i->policies, e);
	e->interface = i;
	phase2_interface_put(p, was);
}

static void remove_policy(struct phase2 *p, struct policy_entry *e)
{
	if (!e)
		return;
	hang_policy(p, e, NULL);
	HASH_DEL(p->policies, e);
	free(e);
}

static int add_policy(struct phase2 *p, uint32_t index, struct policy_entry **out)
{
	struct policy_entry *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	e->index = index;
	HASH_ADD(hh, p->policies, index, sizeof(e->index), e);
	if (!e->hh.tbl) {
		free(e);
		return -ENOMEM;
	}
	note_added(p, &e->untold);
	*out = e;
	return 0;
}

int phase2_upsert_policy(struct phase2 *p, const struct xfrm_policy *policy)
{
	struct policy_entry *e = find_policy(p, policy->index);
	struct interface *i;
	int err = 0;

	if (policy->direction != XFRM_DIR_OUT || !policy->if_id) {
		remove_policy(p, e);
		return 0;
	}
	i = phase2_interface_get(p, policy->if_id);
	if (!i)
		return -ENOMEM;
	if (!e)
		err = add_policy(p, policy->index, &e);
	if (err) {
		phase2_interface_put(p, i);
		return err;
	}
	note_told(p, &e->untold);
	e->policy = *policy;
	e->generation = p->generation;
	hang_policy(p, e, i);
	return 0;
}

void phase2_delete_policy(struct phase2 *p, uint32_t index)
{
	remove_policy(p, find_policy(p, index));
}

void phase2_flush_policies(struct phase2 *p)
{
	struct policy_entry *e, *next;

	HASH_ITER (hh, p->policies, e, next)
		remove_policy(p, e);
}

unsigned phase2_sweep(struct phase2 *p)
{
	struct policy_entry *policy, *next_policy;
	struct sa_entry *sa, *next_sa;
	unsigned removed = 0;

	HASH_ITER (hh, p->sas, sa, next_sa) {
		if (sa->generation == p->generation)
			continue;
		remove_sa(p, sa);
		removed++;
	}
	HASH_ITER (hh, p->policies, policy, next_policy) {
		if (policy->generation == p->generation)
			continue;
		remove_policy(p, policy);
		removed++;
	}
	return removed;
}

unsigned phase2_sa_count(const struct phase2 *p)
{
	return HASH_COUNT(p->sas);
}

unsigned phase2_policy_count(const struct phase2 *p)
{
	return HASH_COUNT(p->policies);
}
