/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * XFRM for kernels without ESP: netlink messages come from a test (tests/tools/xfrm_event) instead
 * of the kernel. Linked into the daemon under test only, in place of xfrm_backend.c.
 *
 * A datagram socket, at the path in ESPALIER_XFRM_REPLAY, takes raw netlink messages. Like a kernel
 * this back end keeps the SAs and policies that the messages made, and answers dumps from them.
 *  - A message with NLM_F_MULTI, as in a dump, changes that state without notifying: a larval SA,
 * or whatever was lost.
 *  - The second subscriber of a process has a socket of its own, PATH.2: who sends, sends to both,
 * to that one first (so does the kernel: it begins with the last one that subscribed). The first
 * one keeps the journal.
 *  - NLMSG_OVERRUN is an overrun of the socket buffer.
 * A kernel's state outlives a daemon: all messages are also written to PATH.journal and read from
 * there at the start. Tests that change SAs while no daemon runs append to it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <utlist.h>
#include "../wire/xfrm.h"
#include "xfrm.h"

#define DATAGRAM_MAX (64 << 10)
#define PROTO_ANY    255
#define PATH_MAX_LEN (sizeof(((struct sockaddr_un *)0)->sun_path))

/* An SA or a policy that exists, as the message that made it. */
struct fact {
	struct xfrm_event event;
	struct fact *prev, *next;
};

struct xfrm_socket {
	int fd;
	int journal;
	bool keeps_journal;
	struct fact *facts;
	_Alignas(8) char buf[DATAGRAM_MAX];
};

/* The state of the imagined kernel */

static bool same_thing(const struct xfrm_event *a, const struct xfrm_event *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == XFRM_EVENT_SA)
		return xfrm_sa_id_equal(&a->sa.id, &b->sa.id);
	return a->policy.index == b->policy.index;
}

static void forget(struct xfrm_socket *s, const struct xfrm_event *thing)
{
	struct fact *f, *next;

	DL_FOREACH_SAFE (s->facts, f, next) {
		if (!same_thing(&f->event, thing))
			continue;
		DL_DELETE(s->facts, f);
		free(f);
	}
}

static void forget_all(struct xfrm_socket *s, enum xfrm_event_kind kind, uint8_t proto)
{
	struct fact *f, *next;

	DL_FOREACH_SAFE (s->facts, f, next) {
		if (f->event.kind != kind)
			continue;
		if (kind == XFRM_EVENT_SA && proto && proto != PROTO_ANY &&
		    proto != f->event.sa.id.proto)
			continue;
		DL_DELETE(s->facts, f);
		free(f);
	}
}

/* New ones in front, where the kernel puts them. A dump calls everything NEW. */
static int learn(struct xfrm_socket *s, const struct xfrm_event *thing)
{
	struct fact *f = malloc(sizeof(*f));

	if (!f)
		return -ENOMEM;
	forget(s, thing);
	f->event = *thing;
	f->event.update = false;
	DL_PREPEND(s->facts, f);
	return 0;
}

static int imagine(struct xfrm_socket *s, const struct xfrm_event *e)
{
	struct xfrm_event thing = *e;

	switch (e->kind) {
	case XFRM_EVENT_SA:
	case XFRM_EVENT_POLICY:
		return learn(s, e);
	case XFRM_EVENT_SA_DELETE:
	case XFRM_EVENT_EXPIRE_HARD:
		thing.kind = XFRM_EVENT_SA;
		forget(s, &thing);
		return 0;
	case XFRM_EVENT_POLICY_DELETE:
		thing.kind = XFRM_EVENT_POLICY;
		forget(s, &thing);
		return 0;
	case XFRM_EVENT_SA_FLUSH:
		forget_all(s, XFRM_EVENT_SA, e->proto);
		return 0;
	case XFRM_EVENT_POLICY_FLUSH:
		forget_all(s, XFRM_EVENT_POLICY, 0);
		return 0;
	case XFRM_EVENT_EXPIRE_SOFT:
	case XFRM_EVENT_ACQUIRE:
	case XFRM_EVENT_MIGRATE:
	case XFRM_EVENT_MAPPING:
	case XFRM_EVENT_DONE:
	case XFRM_EVENT_ERROR:
		return 0;
	}
	return 0;
}

/* Messages */

static int deliver(const struct nlmsghdr *nlh, const struct xfrm_event *e, xfrm_event_fn fn,
		   void *data)
{
	if (!fn || nlh->nlmsg_flags & NLM_F_MULTI)
		return 0;
	return e->kind == XFRM_EVENT_ERROR ? e->error : fn(e, data);
}

/* fn NULL: only the state is kept. The state gets all messages, fn none after a failure. */
static int read_messages(struct xfrm_socket *s, const char *buf, size_t len, xfrm_event_fn fn,
			 void *data)
{
	struct xfrm_event e;
	size_t at = 0, used;
	int result = 0;

	while (at < len) {
		int err = xfrm_decode(buf + at, len - at, &e, &used);

		if (err == -EINVAL)
			break;
		if (!err) {
			err = imagine(s, &e);
			if (!result)
				result = deliver((const void *)(buf + at), &e, fn, data);
			if (err)
				return err;
		}
		at += used;
	}
	return result;
}

/* The journal */

static int remember(struct xfrm_socket *s, const char *buf, size_t len)
{
	if (!s->keeps_journal)
		return 0;
	return write(s->journal, buf, len) == (ssize_t)len ? 0 : -EIO;
}

static int read_journal(struct xfrm_socket *s)
{
	off_t len = lseek(s->journal, 0, SEEK_END);
	char *text = len < 0 ? NULL : malloc((size_t)len + 1);
	int err;

	if (!text)
		return -ENOMEM;
	if (pread(s->journal, text, (size_t)len, 0) == (ssize_t)len)
		err = read_messages(s, text, (size_t)len, NULL, NULL);
	else
		err = -EIO;
	free(text);
	return err;
}

static int open_journal(struct xfrm_socket *s, const char *path)
{
	char name[PATH_MAX_LEN + 16];

	snprintf(name, sizeof(name), "%s.journal", path);
	s->journal = open(name, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	return s->journal < 0 ? -errno : read_journal(s);
}

/* The back end */

static void replay_close(struct xfrm_socket *s)
{
	struct fact *f, *next;

	DL_FOREACH_SAFE (s->facts, f, next)
		free(f);
	if (s->fd >= 0)
		close(s->fd);
	if (s->journal >= 0)
		close(s->journal);
	free(s);
}

static int open_socket(struct xfrm_socket *s, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	s->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd < 0)
		return -errno;
	unlink(path);
	if (bind(s->fd, (struct sockaddr *)&address, sizeof(address)))
		return -errno;
	return 0;
}

static int open_subscriber(struct xfrm_socket *s, const char *path, unsigned number)
{
	char name[PATH_MAX_LEN + 16];
	int err = path ? open_journal(s, path) : -EINVAL;

	if (err)
		return err;
	s->keeps_journal = number == 1;
	if (number > 1)
		snprintf(name, sizeof(name), "%s.%u", path, number);
	return open_socket(s, number > 1 ? name : path);
}

static int replay_open(const struct xfrm_options *options, struct xfrm_socket **out,
		       const char **why)
{
	static unsigned subscribers;
	struct xfrm_socket *s = calloc(1, sizeof(*s));
	int err;

	(void)options; /* overruns are messages here */
	*why = "the replay back end needs a socket path in ESPALIER_XFRM_REPLAY";
	if (!s)
		return -ENOMEM;
	s->fd = s->journal = -1;
	err = open_subscriber(s, getenv("ESPALIER_XFRM_REPLAY"), ++subscribers);
	if (err) {
		replay_close(s);
		return err;
	}
	*out = s;
	return 0;
}

static int replay_fd(const struct xfrm_socket *s)
{
	return s->fd;
}

static int replay_receive(struct xfrm_socket *s, xfrm_event_fn fn, void *data)
{
	for (;;) {
		ssize_t got = recv(s->fd, s->buf, sizeof(s->buf), 0);
		int err, unwritten;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno == EAGAIN ? 0 : -errno;
		err = read_messages(s, s->buf, (size_t)got, fn, data);
		unwritten = remember(s, s->buf, (size_t)got);
		if (err || unwritten)
			return err ? err : unwritten;
	}
}

static int replay_dump(struct xfrm_socket *s, enum xfrm_dump what, xfrm_event_fn fn, void *data)
{
	enum xfrm_event_kind kind = what == XFRM_DUMP_SA ? XFRM_EVENT_SA : XFRM_EVENT_POLICY;
	struct fact *f;

	DL_FOREACH (s->facts, f) {
		int err = f->event.kind == kind ? fn(&f->event, data) : 0;

		if (err)
			return err;
	}
	return 0;
}

const struct xfrm_backend xfrm_backend = {
	.open = replay_open,
	.fd = replay_fd,
	.receive = replay_receive,
	.dump = replay_dump,
	.close = replay_close,
};
