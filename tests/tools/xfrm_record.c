/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Writes XFRM netlink messages to standard output as the kernel sends them: `xfrm_record events`
 * all notifications until it is killed, `xfrm_record sa` and `xfrm_record policy` one dump. Keys
 * included: for tests with keys that are none. See tests/unit/data/xfrm/record.sh.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <libmnl/libmnl.h>
#include <linux/xfrm.h>
#include <linux/netlink.h>

#define GROUP(name) (1u << (XFRMNLGRP_##name - 1))

static int fail(const char *what)
{
	perror(what);
	return 1;
}

static bool ends(const char *buf, int len)
{
	const struct nlmsghdr *nlh = (const void *)buf;

	for (; mnl_nlmsg_ok(nlh, len); nlh = mnl_nlmsg_next(nlh, &len))
		if (nlh->nlmsg_type == NLMSG_DONE || nlh->nlmsg_type == NLMSG_ERROR)
			return true;
	return false;
}

static int copy(struct mnl_socket *s, bool dump)
{
	static _Alignas(8) char buf[65536];
	ssize_t len;

	do {
		len = mnl_socket_recvfrom(s, buf, sizeof(buf));
		if (len < 0)
			return fail("receive");
		if (write(STDOUT_FILENO, buf, (size_t)len) != len)
			return fail("write");
	} while (!dump || !ends(buf, (int)len));
	return 0;
}

static int request(struct mnl_socket *s, uint16_t type)
{
	struct nlmsghdr nlh = { .nlmsg_len = sizeof(nlh),
				.nlmsg_type = type,
				.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
				.nlmsg_seq = 1 };

	return mnl_socket_sendto(s, &nlh, sizeof(nlh)) < 0 ? fail("send") : copy(s, true);
}

int main(int argc, char **argv)
{
	const char *what = argc == 2 ? argv[1] : "";
	unsigned groups = GROUP(SA) | GROUP(POLICY) | GROUP(EXPIRE) | GROUP(ACQUIRE) |
			  GROUP(MIGRATE) | GROUP(MAPPING);
	bool events = !strcmp(what, "events");
	struct mnl_socket *s = mnl_socket_open(NETLINK_XFRM);

	if (!s || mnl_socket_bind(s, events ? groups : 0, MNL_SOCKET_AUTOPID))
		return fail("XFRM netlink");
	if (events)
		return copy(s, false);
	if (!strcmp(what, "sa"))
		return request(s, XFRM_MSG_GETSA);
	if (!strcmp(what, "policy"))
		return request(s, XFRM_MSG_GETPOLICY);
	fprintf(stderr, "usage: xfrm_record events|sa|policy\n");
	return 2;
}
