/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Following the kernel: notifications are applied one by one, and when some were lost everything is
 * dumped. All that either back end needs.
 */
#include <errno.h>
#include "xfrm.h"

struct follower {
	struct phase2 *p;
	uint64_t now_ns;
	xfrm_changed_fn changed;
	void *data;
	int failed; /* of the last event that phase2 could not take in */
};

int xfrm_open(const struct xfrm_options *options, struct xfrm_socket **out, const char **why)
{
	return xfrm_backend.open(options, out, why);
}

int xfrm_fd(const struct xfrm_socket *s)
{
	return xfrm_backend.fd(s);
}

void xfrm_close(struct xfrm_socket *s)
{
	if (s)
		xfrm_backend.close(s);
}

static void report(const struct follower *f)
{
	struct phase2_change change;

	while (phase2_take_change(f->p, &change))
		if (f->changed)
			f->changed(&change, f->data);
}

/* Returns at once what needs a dump: what follows may depend on what was missed. */
static int follow_one(const struct xfrm_event *e, void *data)
{
	struct follower *f = data;

	f->failed = phase2_apply(f->p, e, f->now_ns);
	report(f);
	return f->failed;
}

int xfrm_follow(struct xfrm_socket *s, struct phase2 *p, uint64_t now_ns, xfrm_changed_fn changed,
		void *data, int *why)
{
	struct follower f = { p, now_ns, changed, data, 0 };
	int err = xfrm_backend.receive(s, follow_one, &f);

	if (!err || (err != -ENOBUFS && !f.failed))
		return err;
	if (why)
		*why = err;
	return XFRM_NEEDS_RESYNC;
}

static int drop_one(const struct xfrm_event *e, void *data)
{
	(void)e;
	(void)data;
	return 0;
}

/* What waits is older than the dump to come. An overrun met here is what the dump makes good. */
static int drain(struct xfrm_socket *s)
{
	int err = xfrm_backend.receive(s, drop_one, NULL);

	while (err == -ENOBUFS)
		err = xfrm_backend.receive(s, drop_one, NULL);
	return err;
}

static int take_in(const struct xfrm_event *e, void *data)
{
	struct follower *f = data;
	int err = phase2_apply(f->p, e, f->now_ns);

	/* A MIGRATE from before the end of the dump may be in the dump or not. */
	return err == PHASE2_NEEDS_DUMP ? -EAGAIN : err;
}

static int dump_all(struct xfrm_socket *s, struct follower *f)
{
	int err = drain(s);

	if (!err)
		err = xfrm_backend.dump(s, XFRM_DUMP_SA, take_in, f);
	if (!err)
		err = xfrm_backend.dump(s, XFRM_DUMP_POLICY, take_in, f);
	phase2_end_replies(f->p);
	if (!err)
		err = xfrm_backend.receive(s, take_in, f);
	return err;
}

static bool worth_another_try(int err)
{
	return err == -ENOBUFS || err == -EINTR || err == -EAGAIN;
}

#define RESYNC_TRIES 8

int xfrm_resync(struct xfrm_socket *s, struct phase2 *p, uint64_t now_ns, xfrm_changed_fn changed,
		void *data, struct phase2_drift *drift)
{
	struct follower f = { p, now_ns, changed, data, 0 };
	int err = -EAGAIN;

	for (unsigned i = 0; i < RESYNC_TRIES && worth_another_try(err); i++) {
		phase2_begin_dump(p);
		err = dump_all(s, &f);
	}
	if (err)
		phase2_abort_dump(p, now_ns);
	else
		phase2_end_dump(p, now_ns, drift);
	report(&f);
	return err;
}

int xfrm_refresh(struct xfrm_socket *s, struct phase2 *p, uint64_t now_ns, xfrm_changed_fn changed,
		 void *data)
{
	struct follower f = { p, now_ns, changed, data, 0 };
	int err = xfrm_backend.dump(s, XFRM_DUMP_SA, take_in, &f);

	report(&f);
	return err;
}
