/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include "socket_owner.h"

#define ANSWER_SIZE 8192 /* one message, and whatever attributes it has */

struct diag {
	struct nlmsghdr header;
	struct inet_diag_req_v2 request;
};

static void name_end(const union socket_address *e, __be16 *port, __be32 address[4])
{
	if (e->any.sa_family == AF_INET) {
		*port = e->v4.sin_port;
		memcpy(address, &e->v4.sin_addr, sizeof(e->v4.sin_addr));
	} else {
		*port = e->v6.sin6_port;
		memcpy(address, &e->v6.sin6_addr, sizeof(e->v6.sin6_addr));
	}
}

/* By both ends: one port may serve connections to several places, of several users. */
static int name_peer(int fd, struct diag *d)
{
	union socket_address ours = { 0 }, theirs = { 0 };
	socklen_t our_len = sizeof(ours), their_len = sizeof(theirs);
	struct inet_diag_sockid *id = &d->request.id;

	if (getsockname(fd, &ours.any, &our_len) < 0 ||
	    getpeername(fd, &theirs.any, &their_len) < 0)
		return -errno;
	*d = (struct diag){
		.header = { .nlmsg_len = sizeof(*d),
			    .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			    .nlmsg_flags = NLM_F_REQUEST },
		.request = { .sdiag_family = (__u8)theirs.any.sa_family,
			     .sdiag_protocol = IPPROTO_TCP,
			     .idiag_states = ~0u },
	};
	name_end(&theirs, &id->idiag_sport, id->idiag_src);
	name_end(&ours, &id->idiag_dport, id->idiag_dst);
	id->idiag_cookie[0] = id->idiag_cookie[1] = (__u32)INET_DIAG_NOCOOKIE;
	return 0;
}

/* A socket that was closed has no user any more, or root: it tells nothing. */
static int read_owner(const struct nlmsghdr *n, size_t len, uid_t *owner)
{
	const struct inet_diag_msg *m;

	if (!mnl_nlmsg_ok(n, (int)len))
		return -EBADMSG;
	if (n->nlmsg_type == NLMSG_ERROR &&
	    mnl_nlmsg_get_payload_len(n) >= sizeof(struct nlmsgerr)) {
		const struct nlmsgerr *e = mnl_nlmsg_get_payload(n);

		return e->error < 0 ? e->error : -EBADMSG;
	}
	if (n->nlmsg_type != SOCK_DIAG_BY_FAMILY || mnl_nlmsg_get_payload_len(n) < sizeof(*m))
		return -EBADMSG;
	m = mnl_nlmsg_get_payload(n);
	if (m->idiag_state != TCP_ESTABLISHED || !m->idiag_inode)
		return -ENOENT;
	*owner = m->idiag_uid;
	return 0;
}

static int ask(struct mnl_socket *s, const struct diag *d, uid_t *owner)
{
	char buf[ANSWER_SIZE] __attribute__((aligned(4)));
	ssize_t got;

	if (mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_sendto(s, d, sizeof(*d)) < 0)
		return -errno;
	do
		got = mnl_socket_recvfrom(s, buf, sizeof(buf));
	while (got < 0 && errno == EINTR);
	return got < 0 ? -errno : read_owner((const void *)buf, (size_t)got, owner);
}

int socket_owner(int fd, uid_t *owner)
{
	struct mnl_socket *s;
	struct diag d;
	int err = name_peer(fd, &d);

	if (err)
		return err;
	s = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
	if (!s)
		return -errno;
	err = ask(s, &d, owner);
	mnl_socket_close(s);
	return err;
}
