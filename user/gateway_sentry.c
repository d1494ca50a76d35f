/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>
#include "gateway.h"
#include "gateway_sentry.h"

#define RETRY_MS	  200
#define REALTIME_PRIORITY 1 /* the lowest one: before all that is not real-time */

struct sentry {
	struct dataplane *dataplane;
	int stop;  /* readable: the thread is to end */
	int ended; /* readable: it has ended by itself */
	pthread_t thread;
	bool running;

	pthread_mutex_t lock; /* for what follows */
	struct xfrm_socket *xfrm;
	struct phase2 *phase2;
	bool wanted[MAX_TUNNELS]; /* by the controller */
	_Atomic bool stale;	  /* SAs could not be read: to be tried again */
	_Atomic int failure;	  /* of the socket: the controller's word alone counts */
};

static uint64_t monotonic(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- words; the lock is held ---- */

static bool seen_up(const struct sentry *s, uint32_t tunnel)
{
	const struct phase2_state *state = phase2_state(s->phase2, tunnel);

	return s->failure || (state && state->up);
}

/* A tunnel that was never up has no word to lose: one of a former controller may stand there. */
static void on_change(const struct phase2_change *change, void *data)
{
	struct sentry *s = data;

	if (change->up && s->wanted[change->tunnel])
		dataplane_set_live(s->dataplane, change->tunnel, true);
	if (!change->up && change->was_up)
		dataplane_set_live(s->dataplane, change->tunnel, false);
}

static int read_all(struct sentry *s)
{
	int err = xfrm_resync(s->xfrm, s->phase2, monotonic(), on_change, s, NULL);

	s->stale = err != 0;
	return err;
}

/* While SAs come and go faster than they can be read, what is known stands; then it is read. */
static int follow(struct sentry *s)
{
	int err = xfrm_follow(s->xfrm, s->phase2, monotonic(), on_change, s, NULL);

	if (err && err != XFRM_NEEDS_RESYNC)
		return err;
	if (err || s->stale)
		read_all(s);
	return 0;
}

/* ---- the thread ---- */

/* False: it is to end. */
static bool await_messages(const struct sentry *s)
{
	struct pollfd fds[] = { { xfrm_fd(s->xfrm), POLLIN, 0 }, { s->stop, POLLIN, 0 } };

	while (poll(fds, 2, s->stale ? RETRY_MS : -1) < 0 && errno == EINTR)
		;
	return !fds[1].revents;
}

static void give_up(struct sentry *s, int err)
{
	gateway_log(LOG_ERR, "the sentry ends: %s", strerror(-err));
	s->failure = err;
	eventfd_write(s->ended, 1);
}

static void *keep_watch(void *data)
{
	struct sentry *s = data;
	int err = gateway_drop_privileges();

	while (!err && await_messages(s)) {
		pthread_mutex_lock(&s->lock);
		err = follow(s);
		pthread_mutex_unlock(&s->lock);
	}
	if (!err)
		return NULL;
	pthread_mutex_lock(&s->lock);
	give_up(s, err);
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

static int start_realtime(struct sentry *s)
{
	struct sched_param priority = { .sched_priority = REALTIME_PRIORITY };
	pthread_attr_t attr;
	int err = pthread_attr_init(&attr);

	if (err)
		return err;
	pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&attr, SCHED_FIFO);
	pthread_attr_setschedparam(&attr, &priority);
	err = pthread_create(&s->thread, &attr, keep_watch, s);
	pthread_attr_destroy(&attr);
	return err;
}

static int start_thread(struct sentry *s)
{
	int err = start_realtime(s);

	if (err == EPERM) {
		gateway_log(LOG_NOTICE, "no real-time priority (RLIMIT_RTPRIO): on a busy host a "
					"lost tunnel may be noticed milliseconds late");
		err = pthread_create(&s->thread, NULL, keep_watch, s);
	}
	s->running = !err;
	return -err;
}

/* ---- start and end ---- */

static int make_lock(pthread_mutex_t *lock)
{
	pthread_mutexattr_t attr;
	int err = pthread_mutexattr_init(&attr);

	if (err)
		return -err;
	err = pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
	if (!err)
		err = pthread_mutex_init(lock, &attr);
	pthread_mutexattr_destroy(&attr);
	return -err;
}

static int open_parts(struct sentry *s, const struct xfrm_options *options, const char **why)
{
	int err;

	s->stop = eventfd(0, EFD_CLOEXEC);
	s->ended = eventfd(0, EFD_CLOEXEC);
	if (s->stop < 0 || s->ended < 0)
		return -errno;
	err = phase2_new(&s->phase2);
	if (!err)
		err = xfrm_open(options, &s->xfrm, why);
	return err ? err : start_thread(s);
}

int sentry_open(struct dataplane *d, const struct xfrm_options *options, struct sentry **out,
		const char **why)
{
	struct sentry *s = calloc(1, sizeof(*s));
	int err;

	*why = "cannot start the sentry's thread";
	if (!s)
		return -ENOMEM;
	s->dataplane = d;
	s->stop = s->ended = -1;
	err = make_lock(&s->lock);
	if (err) {
		free(s);
		return err;
	}
	err = open_parts(s, options, why);
	if (err)
		sentry_close(s);
	else
		*out = s;
	return err;
}

void sentry_close(struct sentry *s)
{
	if (!s)
		return;
	if (s->running) {
		eventfd_write(s->stop, 1);
		pthread_join(s->thread, NULL);
	}
	xfrm_close(s->xfrm);
	phase2_free(s->phase2);
	if (s->stop >= 0)
		close(s->stop);
	if (s->ended >= 0)
		close(s->ended);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* ---- the controller's side ---- */

int sentry_watch(struct sentry *s, uint32_t tunnel, const struct phase2_tunnel *t)
{
	struct phase2_change change;
	int err;

	pthread_mutex_lock(&s->lock);
	err = phase2_watch(s->phase2, tunnel, t, monotonic());
	while (phase2_take_change(s->phase2, &change))
		on_change(&change, s);
	pthread_mutex_unlock(&s->lock);
	return err;
}

void sentry_unwatch(struct sentry *s, uint32_t tunnel)
{
	pthread_mutex_lock(&s->lock);
	phase2_unwatch(s->phase2, tunnel);
	pthread_mutex_unlock(&s->lock);
}

void sentry_set_live(struct sentry *s, uint32_t tunnel, bool live)
{
	pthread_mutex_lock(&s->lock);
	s->wanted[tunnel] = live;
	dataplane_set_live(s->dataplane, tunnel, live && seen_up(s, tunnel));
	pthread_mutex_unlock(&s->lock);
}

int sentry_ended_fd(const struct sentry *s)
{
	return s->ended;
}

int sentry_failure(const struct sentry *s)
{
	return s->failure;
}

int sentry_resync(struct sentry *s)
{
	int err;

	pthread_mutex_lock(&s->lock);
	err = read_all(s);
	pthread_mutex_unlock(&s->lock);
	return err;
}
