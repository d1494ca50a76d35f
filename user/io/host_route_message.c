/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Routes as rtnetlink messages.
 */
#include <string.h>
#include <sys/socket.h>
#include "host_route.h"

/*
 * IPv6 has no multipath over devices alone: without a gateway the second hop does not join the
 * first one. On a tunnel device, which has no neighbours, any link-local gateway will do.
 */
static const struct address tunnel_gateway = { .family = AF_INET6,
					       .bytes = { 0xfe, 0x80, [15] = HOST_PROTOCOL } };

static bool is_tunnel_gateway(const struct address *a)
{
	return address_equal(a, &tunnel_gateway);
}

static uint8_t kernel_type(enum host_route_type type)
{
	switch (type) {
	case HOST_ROUTE_UNICAST:
		return RTN_UNICAST;
	case HOST_ROUTE_BLACKHOLE:
		return RTN_BLACKHOLE;
	case HOST_ROUTE_UNREACHABLE:
		return RTN_UNREACHABLE;
	case HOST_ROUTE_THROW:
		return RTN_THROW;
	}
	return RTN_UNSPEC;
}

/* Types that we never write count as unreachable: they differ from whatever is wanted there. */
static enum host_route_type plan_type(uint8_t type)
{
	switch (type) {
	case RTN_UNICAST:
		return HOST_ROUTE_UNICAST;
	case RTN_BLACKHOLE:
		return HOST_ROUTE_BLACKHOLE;
	case RTN_THROW:
		return HOST_ROUTE_THROW;
	default:
		return HOST_ROUTE_UNREACHABLE;
	}
}

static struct host_way *add_way(struct host_route_now *r, uint32_t ifindex, uint16_t weight)
{
	struct host_way *way = &r->ways[r->count];

	if (r->count == MAX_MEMBERS)
		return NULL;
	r->count++;
	*way = (struct host_way){ .ifindex = ifindex, .weight = weight };
	return way;
}

static void decode_hop(const struct rtnexthop *hop, uint8_t family, struct host_route_now *r)
{
	struct host_way *way = add_way(r, (uint32_t)hop->rtnh_ifindex, hop->rtnh_hops + 1);
	const struct nlattr *attr = (const struct nlattr *)RTNH_DATA(hop);
	int left = hop->rtnh_len - (int)sizeof(*hop);

	for (; way && mnl_attr_ok(attr, left);
	     left -= MNL_ALIGN(attr->nla_len), attr = mnl_attr_next(attr))
		if (mnl_attr_get_type(attr) == RTA_GATEWAY)
			host_get_address(attr, family, &way->via);
}

static void decode_multipath(const struct nlattr *attr, uint8_t family, struct host_route_now *r)
{
	const struct rtnexthop *hop = mnl_attr_get_payload(attr);
	int left = mnl_attr_get_payload_len(attr);

	while (left >= (int)sizeof(*hop) && hop->rtnh_len >= sizeof(*hop) &&
	       hop->rtnh_len <= left) {
		decode_hop(hop, family, r);
		left -= RTNH_ALIGN(hop->rtnh_len);
		hop = RTNH_NEXT(hop);
	}
}

static void route_attribute(const struct nlattr *attr, uint8_t family, struct host_route_now *r,
			    struct host_way *single)
{
	switch (mnl_attr_get_type(attr)) {
	case RTA_TABLE:
		r->key.table = mnl_attr_get_u32(attr);
		break;
	case RTA_DST:
		host_get_address(attr, family, &r->key.prefix.address);
		break;
	case RTA_PRIORITY:
		r->key.metric = mnl_attr_get_u32(attr);
		break;
	case RTA_OIF:
		single->ifindex = mnl_attr_get_u32(attr);
		break;
	case RTA_GATEWAY:
		host_get_address(attr, family, &single->via);
		break;
	case RTA_MULTIPATH:
		decode_multipath(attr, family, r);
		break;
	}
}

bool host_decode_route(const struct nlmsghdr *n, struct host_route_now *r)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(n);
	struct host_way single = { .weight = 1 };
	const struct nlattr *attr;

	memset(r, 0, sizeof(*r));
	if (mnl_nlmsg_get_payload_len(n) < sizeof(*rtm) || rtm->rtm_protocol != HOST_PROTOCOL ||
	    (rtm->rtm_flags & RTM_F_CLONED))
		return false;
	r->key.prefix.address.family = rtm->rtm_family;
	r->key.prefix.len = rtm->rtm_dst_len;
	r->key.type = plan_type(rtm->rtm_type);
	mnl_attr_for_each (attr, n, sizeof(*rtm))
		route_attribute(attr, rtm->rtm_family, r, &single);
	if (r->key.type != HOST_ROUTE_UNICAST)
		r->count = 0;
	else if (r->count == 0 && single.ifindex)
		r->ways[r->count++] = single;
	return true;
}

static bool same_way(const struct host_way *a, const struct host_way *b)
{
	bool a_via = a->via.family && !is_tunnel_gateway(&a->via);
	bool b_via = b->via.family && !is_tunnel_gateway(&b->via);

	return a->ifindex == b->ifindex && a->weight == b->weight && a_via == b_via &&
	       (!a_via || address_equal(&a->via, &b->via));
}

bool host_same_route(const struct host_route_now *a, const struct host_route_now *b)
{
	if (a->key.type != b->key.type || a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!same_way(&a->ways[i], &b->ways[i]))
			return false;
	return true;
}

static void put_single(struct nlmsghdr *n, struct rtmsg *rtm, const struct host_way *way)
{
	mnl_attr_put_u32(n, RTA_OIF, way->ifindex);
	if (!way->via.family)
		return;
	host_put_address(n, RTA_GATEWAY, &way->via);
	rtm->rtm_flags |= RTNH_F_ONLINK; /* whatever main says about the gateway */
}

static void put_hop(struct nlmsghdr *n, uint8_t family, const struct host_way *way)
{
	struct rtnexthop *hop = mnl_nlmsg_get_payload_tail(n);
	bool via = way->via.family;

	memset(hop, 0, sizeof(*hop));
	n->nlmsg_len += sizeof(*hop);
	hop->rtnh_ifindex = (int)way->ifindex;
	hop->rtnh_hops = (uint8_t)(way->weight - 1);
	hop->rtnh_flags = via ? RTNH_F_ONLINK : 0;
	if (via)
		host_put_address(n, RTA_GATEWAY, &way->via);
	else if (family == AF_INET6)
		host_put_address(n, RTA_GATEWAY, &tunnel_gateway);
	hop->rtnh_len = (uint16_t)((char *)mnl_nlmsg_get_payload_tail(n) - (char *)hop);
}

static void put_ways(struct nlmsghdr *n, struct rtmsg *rtm, const struct host_route_now *r)
{
	struct nlattr *nest;

	if (r->count == 1)
		put_single(n, rtm, &r->ways[0]);
	if (r->count < 2)
		return;
	nest = mnl_attr_nest_start(n, RTA_MULTIPATH);
	for (size_t i = 0; i < r->count; i++)
		put_hop(n, rtm->rtm_family, &r->ways[i]);
	mnl_attr_nest_end(n, nest);
}

static struct rtmsg *put_key(struct nlmsghdr *n, const struct host_route *key)
{
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(n, sizeof(*rtm));

	rtm->rtm_family = key->prefix.address.family;
	rtm->rtm_dst_len = key->prefix.len;
	rtm->rtm_protocol = HOST_PROTOCOL;
	mnl_attr_put_u32(n, RTA_TABLE, key->table);
	mnl_attr_put_u32(n, RTA_PRIORITY, key->metric);
	if (key->prefix.len)
		host_put_address(n, RTA_DST, &key->prefix.address);
	return rtm;
}

void host_send_route(struct host *h, const struct host_route_now *r, uint16_t flags,
		     const void *tag)
{
	struct nlmsghdr *n = host_request(h, RTM_NEWROUTE, NLM_F_CREATE | flags, tag);
	struct rtmsg *rtm = put_key(n, &r->key);

	rtm->rtm_type = kernel_type(r->key.type);
	rtm->rtm_scope = RT_SCOPE_UNIVERSE;
	put_ways(n, rtm, r);
}

void host_send_route_removal(struct host *h, const struct host_route *key)
{
	struct nlmsghdr *n = host_request(h, RTM_DELROUTE, 0, key);

	put_key(n, key)->rtm_scope = RT_SCOPE_NOWHERE; /* any */
}
