/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <libmnl/libmnl.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include "rtnl.h"
#include "rtnl_internal.h"

#define DEAD (RTNH_F_DEAD | RTNH_F_LINKDOWN)

static bool read_prefix(const struct rtmsg *r, const struct nlattr *dst, struct prefix *out)
{
	struct address a = { .family = r->rtm_family };
	size_t size = address_bits(&a) / 8;

	if (r->rtm_dst_len > size * 8 || (!dst && r->rtm_dst_len))
		return false;
	if (dst && mnl_attr_get_payload_len(dst) < size)
		return false;
	if (dst)
		memcpy(a.bytes, mnl_attr_get_payload(dst), size);
	*out = prefix_of(&a, r->rtm_dst_len);
	return true;
}

static void add_hop(struct route_event *e, uint32_t hop)
{
	if (hop && e->hop_count < ROUTE_HOPS)
		e->hops[e->hop_count++] = hop;
}

static bool read_multipath(const struct nlattr *attr, struct route_event *e)
{
	const char *at = mnl_attr_get_payload(attr);
	size_t left = mnl_attr_get_payload_len(attr);
	struct rtnexthop hop;

	while (left >= sizeof(hop)) {
		size_t step;

		memcpy(&hop, at, sizeof(hop));
		step = MNL_ALIGN(hop.rtnh_len);
		if (hop.rtnh_len < sizeof(hop) || hop.rtnh_len > left)
			return false;
		if (!(hop.rtnh_flags & DEAD))
			add_hop(e, (uint32_t)hop.rtnh_ifindex);
		at += step;
		left -= step < left ? step : left;
	}
	return left == 0;
}

static bool read_hops(const struct rtmsg *r, const struct nlattr *const *a, struct route_event *e)
{
	uint32_t device = 0;

	if (a[RTA_MULTIPATH])
		return read_multipath(a[RTA_MULTIPATH], e);
	if (!rtnl_u32(a[RTA_OIF], &device))
		return false;
	if (!(r->rtm_flags & DEAD))
		add_hop(e, device);
	return true;
}

static int decode_route(const struct nlmsghdr *n, struct route_event *e)
{
	const struct nlattr *a[RTA_MAX + 1] = { NULL };
	struct rtmsg r;

	if (mnl_nlmsg_get_payload_len(n) < sizeof(r))
		return -EBADMSG;
	memcpy(&r, mnl_nlmsg_get_payload(n), sizeof(r));
	/* An exception that the kernel keeps beside its tables is no route. */
	if ((r.rtm_family != AF_INET && r.rtm_family != AF_INET6) || r.rtm_flags & RTM_F_CLONED)
		return -ENOMSG;
	rtnl_attributes(n, sizeof(r), a, RTA_MAX + 1);
	e->kind = n->nlmsg_type == RTM_NEWROUTE ? ROUTE_SET : ROUTE_GONE;
	e->table = r.rtm_table;
	e->protocol = r.rtm_protocol;
	e->unicast = r.rtm_type == RTN_UNICAST;
	e->append = r.rtm_family == AF_INET && n->nlmsg_flags & NLM_F_APPEND;
	e->replace = n->nlmsg_flags & NLM_F_REPLACE;
	e->writer = n->nlmsg_pid;
	if (!read_prefix(&r, a[RTA_DST], &e->prefix) || !rtnl_u32(a[RTA_TABLE], &e->table) ||
	    !rtnl_u32(a[RTA_PRIORITY], &e->metric) || !rtnl_u32(a[RTA_NH_ID], &e->nexthop) ||
	    !read_hops(&r, a, e))
		return -EBADMSG;
	return 0;
}

static bool read_group(const struct nlattr *attr, struct route_event *e)
{
	size_t len = mnl_attr_get_payload_len(attr);
	const char *at = mnl_attr_get_payload(attr);
	struct nexthop_grp member;

	e->group = true;
	for (; len >= sizeof(member); len -= sizeof(member), at += sizeof(member)) {
		memcpy(&member, at, sizeof(member));
		add_hop(e, member.id);
	}
	return len == 0;
}

static int decode_nexthop(const struct nlmsghdr *n, struct route_event *e)
{
	const struct nlattr *a[NHA_MAX + 1] = { NULL };
	struct nhmsg nh;
	uint32_t device = 0;

	if (mnl_nlmsg_get_payload_len(n) < sizeof(nh))
		return -EBADMSG;
	memcpy(&nh, mnl_nlmsg_get_payload(n), sizeof(nh));
	rtnl_attributes(n, sizeof(nh), a, NHA_MAX + 1);
	e->kind = n->nlmsg_type == RTM_NEWNEXTHOP ? NEXTHOP_SET : NEXTHOP_GONE;
	e->writer = n->nlmsg_pid;
	if (!rtnl_u32(a[NHA_ID], &e->nexthop) || !rtnl_u32(a[NHA_OIF], &device) || !e->nexthop)
		return -EBADMSG;
	if (a[NHA_GROUP])
		return read_group(a[NHA_GROUP], e) ? 0 : -EBADMSG;
	if (!(nh.nh_flags & DEAD))
		add_hop(e, device);
	return 0;
}

static int decode(const struct nlmsghdr *n, struct route_event *e)
{
	switch (n->nlmsg_type) {
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		return decode_route(n, e);
	case RTM_NEWNEXTHOP:
	case RTM_DELNEXTHOP:
		return decode_nexthop(n, e);
	}
	return -ENOMSG;
}

int rtnl_decode_all(const void *buf, size_t len, unsigned *malformed, route_event_fn fn, void *data)
{
	const struct nlmsghdr *n;
	int left, err;

	rtnl_for_each(n, buf, len, left)
	{
		struct route_event e = { 0 };

		err = decode(n, &e);
		if (err == -EBADMSG && malformed)
			++*malformed;
		err = err ? 0 : fn(&e, data);
		if (err)
			return err;
	}
	return 0;
}

size_t rtnl_request_routes(void *buf, uint8_t family, uint32_t table)
{
	struct nlmsghdr *n = rtnl_dump_request(buf, RTM_GETROUTE);
	struct rtmsg *r = mnl_nlmsg_put_extra_header(n, sizeof(*r));

	r->rtm_family = family;
	mnl_attr_put_u32(n, RTA_TABLE, table);
	return n->nlmsg_len;
}

size_t rtnl_request_nexthops(void *buf)
{
	struct nlmsghdr *n = rtnl_dump_request(buf, RTM_GETNEXTHOP);

	mnl_nlmsg_put_extra_header(n, sizeof(struct nhmsg));
	return n->nlmsg_len;
}
