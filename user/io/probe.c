/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "../wire/icmp.h"
#include "probe.h"

#include <linux/icmp.h> /* behind libc's own, or there is no struct in6_pktinfo */

#define NS_PER_S      1000000000ull
#define FAMILIES      2
#define ANSWERS_MAX   512 /* in one turn */
#define ANSWER_MAX    256 /* bytes: an IPv4 header with every option, and ours; longer is not ours */
#define AGE_MAX_NS    (60 * NS_PER_S) /* a clock that was set makes more of it */
#define RECEIVE_BYTES (1 << 20)	      /* 1,000 tunnels whose answers come at once */

struct probes {
	int fds[FAMILIES]; /* by place_of(); -errno: none */
};

static size_t place_of(uint8_t family)
{
	return family == AF_INET6;
}

/* ---- open ---- */

/* Nothing but answers: a host is pinged, and tells others that they cannot be reached. */
static int filter(int fd, int family)
{
	struct icmp_filter v4 = { .data = ~(1u << ICMP_ECHOREPLY) };
	struct icmp6_filter v6;

	if (family == AF_INET)
		return setsockopt(fd, SOL_RAW, ICMP_FILTER, &v4, sizeof(v4));
	ICMP6_FILTER_SETBLOCKALL(&v6);
	ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &v6);
	return setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &v6, sizeof(v6));
}

/* See probe.h. */
static int write_headers(int fd, int family)
{
	static const int on = 1;

	return family == AF_INET ? 0 : setsockopt(fd, SOL_IPV6, IPV6_HDRINCL, &on, sizeof(on));
}

static int open_one(int family)
{
	static const int on = 1, room = RECEIVE_BYTES;
	int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
			family == AF_INET ? (int)IPPROTO_ICMP : (int)IPPROTO_ICMPV6);
	int err;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)); /* as much as there is */
	if (filter(fd, family) || write_headers(fd, family) ||
	    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on))) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

int probes_open(struct probes **out)
{
	struct probes *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->fds[place_of(AF_INET)] = open_one(AF_INET);
	p->fds[place_of(AF_INET6)] = open_one(AF_INET6);
	*out = p;
	return 0;
}

void probes_close(struct probes *p)
{
	for (size_t i = 0; p && i < FAMILIES; i++)
		if (p->fds[i] >= 0)
			close(p->fds[i]);
	free(p);
}

int probes_fd(const struct probes *p, uint8_t family)
{
	return p->fds[place_of(family)];
}

/* ---- send ---- */

union place {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* The scope is that of a link-local destination; others have none, and are not asked. */
static socklen_t put_destination(const struct probe_way *way, union place *to)
{
	memset(to, 0, sizeof(*to));
	if (way->destination.family == AF_INET) {
		to->v4.sin_family = AF_INET;
		memcpy(&to->v4.sin_addr, way->destination.bytes, sizeof(to->v4.sin_addr));
		return sizeof(to->v4);
	}
	to->v6.sin6_family = AF_INET6;
	to->v6.sin6_scope_id = way->ifindex;
	memcpy(&to->v6.sin6_addr, way->destination.bytes, sizeof(to->v6.sin6_addr));
	return sizeof(to->v6);
}

static void put_cmsg(struct msghdr *m, int level, int type, const void *data, size_t len)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(m);

	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(c), data, len);
	m->msg_controllen = CMSG_SPACE(len);
}

static void put_way(const struct probe_way *way, struct msghdr *m)
{
	struct in_pktinfo v4 = { .ipi_ifindex = (int)way->ifindex };
	struct in6_pktinfo v6 = { .ipi6_ifindex = way->ifindex };

	memcpy(&v4.ipi_spec_dst, way->source.bytes, sizeof(v4.ipi_spec_dst));
	if (way->source.family == AF_INET)
		put_cmsg(m, IPPROTO_IP, IP_PKTINFO, &v4, sizeof(v4));
	else
		put_cmsg(m, IPPROTO_IPV6, IPV6_PKTINFO, &v6, sizeof(v6));
}

int probe_send(struct probes *p, const struct probe_way *way, const struct health_probe *probe)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct in6_pktinfo))] = { 0 };
	int fd = probes_fd(p, way->destination.family);
	uint8_t bytes[ICMP_PACKET_MAX];
	struct iovec data = { bytes,
			      icmp_echo_request(&way->source, &way->destination, probe, bytes) };
	union place to;
	struct msghdr m = {
		.msg_name = &to,
		.msg_namelen = put_destination(way, &to),
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};

	if (fd < 0)
		return fd;
	put_way(way, &m);
	if (sendmsg(fd, &m, MSG_DONTWAIT) >= 0)
		return 0;
	if (errno == ENOBUFS || errno == ENOMEM || errno == EINTR || errno == EWOULDBLOCK)
		return -EAGAIN;
	return -errno;
}

/* ---- receive ---- */

static uint64_t now_of(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

/* The kernel's stamp is of the wall clock: how long ago that was is what counts. */
static uint64_t arrival(struct msghdr *m)
{
	uint64_t wall = now_of(CLOCK_REALTIME), now = now_of(CLOCK_MONOTONIC), at;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		struct timespec t;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS)
			continue;
		memcpy(&t, CMSG_DATA(c), sizeof(t));
		at = (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
		if (at <= wall && wall - at < AGE_MAX_NS && wall - at < now)
			return now - (wall - at);
	}
	return now;
}

static struct address sender_of(const union place *from, uint8_t family)
{
	struct address a = { .family = family };

	if (family == AF_INET)
		memcpy(a.bytes, &from->v4.sin_addr, sizeof(from->v4.sin_addr));
	else
		memcpy(a.bytes, &from->v6.sin6_addr, sizeof(from->v6.sin6_addr));
	return a;
}

/* False: nothing waits any more. */
static bool receive_one(int fd, uint8_t family, probe_answer_fn fn, void *data)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct timespec))];
	uint8_t bytes[ANSWER_MAX];
	struct iovec place = { bytes, sizeof(bytes) };
	union place from;
	struct msghdr m = {
		.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &place,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct health_probe probe;
	struct address sender;
	ssize_t len = recvmsg(fd, &m, MSG_DONTWAIT);

	if (len < 0)
		return errno == EINTR;
	if (m.msg_flags & MSG_TRUNC || icmp_echo_reply(family, bytes, (size_t)len, &probe))
		return true;
	sender = sender_of(&from, family);
	fn(&sender, &probe, arrival(&m), data);
	return true;
}

void probes_receive(struct probes *p, uint8_t family, probe_answer_fn fn, void *data)
{
	int fd = probes_fd(p, family);

	for (unsigned i = 0; fd >= 0 && i < ANSWERS_MAX && receive_one(fd, family, fn, data); i++)
		;
}
