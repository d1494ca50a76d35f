/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The rtnetlink socket: requests in batches, dumps.
 *
 * A batch is one send. The kernel works through it before the send returns, so a daemon killed
 * between two batches never leaves half of one. Only refusals are answered; a NOOP that asks for an
 * acknowledgement marks the end.
 *
 * Neither a batch nor a piece of a dump keeps a processor for long: a kernel without preemption
 * lets nobody in meanwhile, and the sentry may have to write a fallen tunnel's word.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "host_internal.h"

#define RECEIVE_BUFFER (4 << 20)

int host_grow(void *array, size_t *capacity, size_t count, size_t size)
{
	size_t wanted = *capacity ? 2 * *capacity : 16;
	void **base = array, *grown;

	if (count < *capacity)
		return 0;
	grown = reallocarray(*base, wanted, size);
	if (!grown)
		return -ENOMEM;
	*base = grown;
	*capacity = wanted;
	return 0;
}

static void set_options(struct mnl_socket *s)
{
	int on = 1, size = RECEIVE_BUFFER;

	mnl_socket_setsockopt(s, NETLINK_EXT_ACK, &on, sizeof(on));
	mnl_socket_setsockopt(s, NETLINK_CAP_ACK, &on, sizeof(on));
	mnl_socket_setsockopt(s, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	setsockopt(mnl_socket_get_fd(s), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
}

int host_netlink_open(struct host *h, const char **why)
{
	int error;

	h->receive = malloc(HOST_RECEIVE_SIZE);
	h->batch = malloc(HOST_BATCH_SIZE);
	if (!h->receive || !h->batch) {
		*why = "out of memory";
		return -ENOMEM;
	}
	h->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!h->socket || mnl_socket_bind(h->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		error = -errno;
		*why = "cannot open an rtnetlink socket";
		return error;
	}
	set_options(h->socket);
	h->seq = 1;
	h->batch_seq = 1;
	return 0;
}

void host_netlink_close(struct host *h)
{
	if (h->socket)
		mnl_socket_close(h->socket);
	if (h->events)
		mnl_socket_close(h->events);
	free(h->receive);
	free(h->batch);
}

/* Attributes may be put until now; then the length is final. */
static void close_request(struct host *h)
{
	if (h->open)
		h->batch_len += MNL_ALIGN(h->open->nlmsg_len);
	h->open = NULL;
}

static struct nlmsghdr *open_request(struct host *h, uint16_t type, uint16_t flags, const void *tag)
{
	struct nlmsghdr *n = mnl_nlmsg_put_header(h->batch + h->batch_len);

	n->nlmsg_type = type;
	n->nlmsg_flags = NLM_F_REQUEST | flags;
	n->nlmsg_seq = h->seq++;
	h->tags[h->batch_count++] = tag;
	h->open = n;
	return n;
}

struct nlmsghdr *host_request(struct host *h, uint16_t type, uint16_t flags, const void *tag)
{
	close_request(h);
	/* Room for this one and for the end mark. */
	if (h->batch_len + 2 * HOST_MESSAGE_SIZE > HOST_BATCH_SIZE ||
	    h->batch_count + 2 > HOST_BATCH_COUNT)
		host_flush(h);
	return open_request(h, type, flags, tag);
}

/* The kernel's own words about a refusal, or NULL. */
static const char *extended(const struct nlmsghdr *n)
{
	const struct nlattr *attr;

	if (!(n->nlmsg_flags & NLM_F_ACK_TLVS))
		return NULL;
	mnl_attr_for_each (attr, n, sizeof(struct nlmsgerr))
		if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG &&
		    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
			return mnl_attr_get_str(attr);
	return NULL;
}

/* What nobody minds is as good as done. */
static void report_refusal(struct host *h, const void *tag, int error, const char *why)
{
	size_t before = h->error_count + h->errors_hidden;

	h->refused(h, tag, error, why);
	if (h->error_count + h->errors_hidden != before)
		host_drift_refused(h, tag);
}

/* 1 at the end mark. */
static int read_answer(struct host *h, const struct nlmsghdr *n)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(n);
	uint32_t position = n->nlmsg_seq - h->batch_seq;

	if (n->nlmsg_type != NLMSG_ERROR || position >= h->batch_count)
		return 0; /* of an earlier batch */
	if (position == h->batch_count - 1)
		return 1;
	if (e->error)
		report_refusal(h, h->tags[position], e->error, extended(n));
	return 0;
}

static int read_answers(struct host *h)
{
	for (;;) {
		ssize_t got = mnl_socket_recvfrom(h->socket, h->receive, HOST_RECEIVE_SIZE);
		const struct nlmsghdr *n = (struct nlmsghdr *)h->receive;
		int left = (int)got;

		if (got < 0 && errno != EINTR)
			return -errno;
		for (; got > 0 && mnl_nlmsg_ok(n, left); n = mnl_nlmsg_next(n, &left))
			if (read_answer(h, n))
				return 0;
	}
}

void host_flush(struct host *h)
{
	int error;

	if (!h->batch_count)
		return;
	close_request(h);
	open_request(h, NLMSG_NOOP, NLM_F_ACK, NULL);
	close_request(h);
	if (mnl_socket_sendto(h->socket, h->batch, h->batch_len) < 0)
		error = -errno;
	else
		error = read_answers(h);
	if (error) {
		h->uncertain = true;
		host_note(h, error, "rtnetlink: %s", strerror(-error));
	}
	h->batch_len = 0;
	h->batch_count = 0;
	h->batch_seq = h->seq;
}

struct dump {
	uint32_t seq;
	mnl_cb_t cb;
	void *data;
	bool done, changed;
	int error;
};

static void dump_message(struct dump *d, const struct nlmsghdr *n)
{
	int error = 0;

	if (n->nlmsg_seq != d->seq)
		return;
	d->changed = d->changed || (n->nlmsg_flags & NLM_F_DUMP_INTR);
	if (n->nlmsg_type == NLMSG_DONE || n->nlmsg_type == NLMSG_ERROR) {
		if (mnl_nlmsg_get_payload_len(n) >= sizeof(error))
			memcpy(&error, mnl_nlmsg_get_payload(n), sizeof(error));
		d->done = true;
	} else if (!d->error) {
		error = d->cb(n, d->data);
	}
	if (error < 0)
		d->error = error;
}

int host_dump(struct host *h, struct nlmsghdr *request, mnl_cb_t cb, void *data)
{
	struct dump d = { .seq = h->seq++, .cb = cb, .data = data };

	h->batch_seq = h->seq;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	request->nlmsg_seq = d.seq;
	if (mnl_socket_sendto(h->socket, request, request->nlmsg_len) < 0)
		return -errno;
	while (!d.done) {
		ssize_t got = mnl_socket_recvfrom(h->socket, h->receive, HOST_RECEIVE_SIZE);
		const struct nlmsghdr *n = (struct nlmsghdr *)h->receive;
		int left = (int)got;

		if (got < 0 && errno != EINTR)
			return -errno;
		for (; got > 0 && mnl_nlmsg_ok(n, left); n = mnl_nlmsg_next(n, &left))
			dump_message(&d, n);
	}
	return d.error ? d.error : d.changed ? -EINTR : 0;
}

/* An error's code, or 0 for the answer itself. */
static int answer_error(const struct nlmsghdr *n)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(n);

	if (n->nlmsg_type != NLMSG_ERROR)
		return n->nlmsg_type == RTM_NEWLINK ? 0 : -EBADMSG;
	return e->error ? e->error : -EBADMSG;
}

int host_get_link(struct host *h, uint32_t ifindex, const struct nlmsghdr **out)
{
	char buf[MNL_ALIGN(sizeof(struct nlmsghdr)) + MNL_ALIGN(sizeof(struct ifinfomsg))];
	struct nlmsghdr *n = mnl_nlmsg_put_header(buf), *answer;
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(n, sizeof(*ifi));
	ssize_t got;

	n->nlmsg_type = RTM_GETLINK;
	n->nlmsg_flags = NLM_F_REQUEST;
	n->nlmsg_seq = h->seq++;
	ifi->ifi_index = (int)ifindex;
	h->batch_seq = h->seq;
	if (mnl_socket_sendto(h->socket, n, n->nlmsg_len) < 0)
		return -errno;
	do {
		got = mnl_socket_recvfrom(h->socket, h->receive, HOST_RECEIVE_SIZE);
		if (got < 0 && errno != EINTR)
			return -errno;
		answer = (struct nlmsghdr *)h->receive;
	} while (got <= 0 || !mnl_nlmsg_ok(answer, (int)got) || answer->nlmsg_seq != n->nlmsg_seq);
	*out = answer;
	return answer_error(answer);
}
