/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include "netdev.h"

/* linux/netdev.h, which Debian 12's headers lack */
#define NETDEV_FAMILY		  "netdev"
#define NETDEV_GROUP		  "mgmt"
#define NETDEV_VERSION		  1
#define NETDEV_CMD_DEV_GET	  1
#define NETDEV_A_DEV_IFINDEX	  1
#define NETDEV_A_DEV_XDP_FEATURES 3
#define NETDEV_XDP_ACT_NDO_XMIT	  (1u << 2)

#define REQUEST_SIZE 256
#define ANSWER_SIZE  16384

struct netdev {
	struct mnl_socket *questions, *events;
	uint16_t family;
	uint32_t group;
	uint32_t sequence;
	char answer[ANSWER_SIZE];
};

static struct nlmsghdr *request(void *buf, uint16_t family, uint8_t command, uint8_t version)
{
	struct nlmsghdr *n = mnl_nlmsg_put_header(buf);
	struct genlmsghdr *g = mnl_nlmsg_put_extra_header(n, sizeof(*g));

	n->nlmsg_type = family;
	n->nlmsg_flags = NLM_F_REQUEST;
	g->cmd = command;
	g->version = version;
	return n;
}

/* One question, one answer: its attributes go to fn. */
static int ask(struct netdev *d, struct nlmsghdr *n, mnl_attr_cb_t fn, void *data)
{
	const struct nlmsghdr *a = (const void *)d->answer;
	struct nlmsgerr error;
	ssize_t got;

	n->nlmsg_seq = ++d->sequence;
	if (mnl_socket_sendto(d->questions, n, n->nlmsg_len) < 0)
		return -errno;
	got = mnl_socket_recvfrom(d->questions, d->answer, sizeof(d->answer));
	if (got < 0)
		return -errno;
	if (!mnl_nlmsg_ok(a, (int)got) || a->nlmsg_seq != d->sequence)
		return -EBADMSG;
	if (a->nlmsg_type == NLMSG_ERROR) {
		if (mnl_nlmsg_get_payload_len(a) < sizeof(error))
			return -EBADMSG;
		memcpy(&error, mnl_nlmsg_get_payload(a), sizeof(error));
		return error.error ? error.error : -EBADMSG;
	}
	return mnl_attr_parse(a, sizeof(struct genlmsghdr), fn, data) < 0 ? -EBADMSG : 0;
}

/* ---- the family ---- */

struct group {
	char name[GENL_NAMSIZ];
	uint32_t id;
};

static int read_group_attribute(const struct nlattr *attr, void *data)
{
	struct group *g = data;

	if (mnl_attr_get_type(attr) == CTRL_ATTR_MCAST_GRP_NAME &&
	    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0 &&
	    mnl_attr_get_payload_len(attr) <= sizeof(g->name))
		strcpy(g->name, mnl_attr_get_str(attr));
	if (mnl_attr_get_type(attr) == CTRL_ATTR_MCAST_GRP_ID &&
	    mnl_attr_validate(attr, MNL_TYPE_U32) >= 0)
		g->id = mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

static void read_groups(const struct nlattr *list, struct netdev *d)
{
	const struct nlattr *one;

	mnl_attr_for_each_nested(one, list)
	{
		struct group g = { 0 };

		mnl_attr_parse_nested(one, read_group_attribute, &g);
		if (!strcmp(g.name, NETDEV_GROUP))
			d->group = g.id;
	}
}

static int read_family(const struct nlattr *attr, void *data)
{
	struct netdev *d = data;

	if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID &&
	    mnl_attr_validate(attr, MNL_TYPE_U16) >= 0)
		d->family = mnl_attr_get_u16(attr);
	if (mnl_attr_get_type(attr) == CTRL_ATTR_MCAST_GROUPS)
		read_groups(attr, d);
	return MNL_CB_OK;
}

static int find_family(struct netdev *d)
{
	char buf[REQUEST_SIZE] __attribute__((aligned(4)));
	struct nlmsghdr *n = request(buf, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1);
	int err;

	mnl_attr_put_strz(n, CTRL_ATTR_FAMILY_NAME, NETDEV_FAMILY);
	err = ask(d, n, read_family, d);
	return err ? err : d->family && d->group ? 0 : -ENOENT;
}

/* ---- sockets ---- */

static int open_socket(int flags, struct mnl_socket **out)
{
	*out = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC | flags);
	if (!*out || mnl_socket_bind(*out, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	return 0;
}

static int open_all(struct netdev *d)
{
	int err = open_socket(0, &d->questions);

	if (!err)
		err = find_family(d);
	if (!err)
		err = open_socket(SOCK_NONBLOCK, &d->events);
	if (!err && mnl_socket_setsockopt(d->events, NETLINK_ADD_MEMBERSHIP, &d->group,
					  sizeof(d->group)) < 0)
		err = -errno;
	return err;
}

int netdev_open(struct netdev **out)
{
	struct netdev *d = calloc(1, sizeof(*d));
	int err = d ? open_all(d) : -ENOMEM;

	if (err)
		netdev_close(d);
	else
		*out = d;
	return err;
}

void netdev_close(struct netdev *d)
{
	if (!d)
		return;
	if (d->questions)
		mnl_socket_close(d->questions);
	if (d->events)
		mnl_socket_close(d->events);
	free(d);
}

int netdev_fd(const struct netdev *d)
{
	return mnl_socket_get_fd(d->events);
}

int netdev_drain(struct netdev *d)
{
	for (;;)
		if (mnl_socket_recvfrom(d->events, d->answer, sizeof(d->answer)) < 0 &&
		    errno != ENOBUFS && errno != EINTR)
			return errno == EAGAIN ? 0 : -errno;
}

static int read_features(const struct nlattr *attr, void *data)
{
	if (mnl_attr_get_type(attr) == NETDEV_A_DEV_XDP_FEATURES &&
	    mnl_attr_validate(attr, MNL_TYPE_U64) >= 0)
		*(uint64_t *)data = mnl_attr_get_u64(attr);
	return MNL_CB_OK;
}

bool netdev_takes_redirects(struct netdev *d, uint32_t ifindex)
{
	char buf[REQUEST_SIZE] __attribute__((aligned(4)));
	uint64_t features = 0;
	struct nlmsghdr *n;

	if (!d)
		return false;
	n = request(buf, d->family, NETDEV_CMD_DEV_GET, NETDEV_VERSION);
	mnl_attr_put_u32(n, NETDEV_A_DEV_IFINDEX, ifindex);
	return !ask(d, n, read_features, &features) && features & NETDEV_XDP_ACT_NDO_XMIT;
}
