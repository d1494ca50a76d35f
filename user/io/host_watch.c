/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Changes of links and addresses as the kernel reports them, and the counters of a link.
 *
 * An overrun loses messages, not the knowledge that it happened: HOST_EVENTS_LOST is reported once
 * and the listener asks for everything anew.
 */
#include <errno.h>
#include <linux/if_link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "host_internal.h"

#define WATCH_BUFFER (4 << 20)

static int open_events(struct mnl_socket **out)
{
	unsigned groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
	struct mnl_socket *s = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int size = WATCH_BUFFER, error;

	if (!s)
		return -errno;
	setsockopt(mnl_socket_get_fd(s), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (mnl_socket_bind(s, groups, MNL_SOCKET_AUTOPID) < 0) {
		error = -errno;
		mnl_socket_close(s);
		return error;
	}
	*out = s;
	return 0;
}

int host_watch(struct host *h, host_event_fn fn, void *data)
{
	int error = h->events ? 0 : open_events(&h->events);

	if (error)
		return error;
	h->event = fn;
	h->event_data = data;
	return 0;
}

int host_fd(const struct host *h)
{
	return h->events ? mnl_socket_get_fd(h->events) : -1;
}

static void report(struct host *h, const struct nlmsghdr *n)
{
	struct host_event e = { 0 };
	bool known = false;

	switch (n->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		e.kind = n->nlmsg_type == RTM_NEWLINK ? HOST_LINK_CHANGED : HOST_LINK_GONE;
		known = host_decode_link(n, &e.link);
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		e.kind = n->nlmsg_type == RTM_NEWADDR ? HOST_ADDRESS_ADDED : HOST_ADDRESS_GONE;
		known = host_decode_address(n, &e.address);
		break;
	}
	if (known)
		h->event(&e, h->event_data);
}

static void report_lost(struct host *h)
{
	struct host_event e = { .kind = HOST_EVENTS_LOST };

	h->event(&e, h->event_data);
}

/* 0 as long as there may be more. */
static int receive(struct host *h, char *buf)
{
	ssize_t got = mnl_socket_recvfrom(h->events, buf, HOST_RECEIVE_SIZE);
	const struct nlmsghdr *n = (struct nlmsghdr *)buf;
	int left = (int)got;

	if (got < 0 && errno == ENOBUFS)
		report_lost(h);
	else if (got < 0 && errno != EINTR)
		return -errno;
	for (; got > 0 && mnl_nlmsg_ok(n, left); n = mnl_nlmsg_next(n, &left))
		report(h, n);
	return 0;
}

/* A buffer of its own: the listener may ask questions meanwhile, which use h->receive. */
int host_dispatch(struct host *h)
{
	char *buf = malloc(HOST_RECEIVE_SIZE);
	int error = buf ? 0 : -ENOMEM;

	while (!error)
		error = receive(h, buf);
	free(buf);
	return error == -EAGAIN ? 0 : error;
}

static void decode_counters(const struct nlattr *attr, struct host_link_counters *out)
{
	struct rtnl_link_stats64 s = { 0 };
	size_t len = mnl_attr_get_payload_len(attr);

	memcpy(&s, mnl_attr_get_payload(attr), len < sizeof(s) ? len : sizeof(s));
	*out = (struct host_link_counters){
		.rx_packets = s.rx_packets,
		.rx_bytes = s.rx_bytes,
		.rx_errors = s.rx_errors,
		.rx_dropped = s.rx_dropped,
		.tx_packets = s.tx_packets,
		.tx_bytes = s.tx_bytes,
		.tx_errors = s.tx_errors,
		.tx_dropped = s.tx_dropped,
		.tx_carrier_errors = s.tx_carrier_errors,
	};
}

int host_link_counters(struct host *h, uint32_t ifindex, struct host_link_counters *out)
{
	const struct nlmsghdr *n;
	const struct nlattr *attr;
	int error = host_get_link(h, ifindex, &n);

	if (error)
		return error;
	mnl_attr_for_each (attr, n, sizeof(struct ifinfomsg))
		if (mnl_attr_get_type(attr) == IFLA_STATS64) {
			decode_counters(attr, out);
			return 0;
		}
	return -ENODATA;
}
