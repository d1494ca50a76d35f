/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Routes. The plan is sorted by the kernel's key (table, prefix, metric); one dump of what carries
 * our protocol (filtered by the kernel) is held against it, so 100,000 routes cost a byte each.
 *
 * A key that is new is added exclusively: where somebody else has it, it stays theirs and is
 * reported. A key that is ours is replaced in one step, whatever it was before (IPv6, too, replaces
 * all siblings of a multipath route). More specific routes come first and go last.
 *
 * A device that is missing or down takes no routes: its hops are left out; a route without hops
 * becomes `unreachable`, so that no shorter prefix attracts what belongs there, or is left out when
 * the plan calls it optional.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "host_internal.h"

enum route_state { ROUTE_NEW, ROUTE_DIFFERS, ROUTE_SAME };

/* A hop as the kernel knows it. */
struct host_way {
	uint32_t ifindex; /* 0: not usable */
	struct address via;
	uint16_t weight;
};

/* A route as it is now, or shall be. */
struct route_now {
	struct host_route key; /* hops are in ways */
	size_t count;
	struct host_way ways[MAX_MEMBERS];
};

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

/* Decoding. */

static struct host_way *add_way(struct route_now *r, uint32_t ifindex, uint16_t weight)
{
	struct host_way *way = &r->ways[r->count];

	if (r->count == MAX_MEMBERS)
		return NULL;
	r->count++;
	*way = (struct host_way){ .ifindex = ifindex, .weight = weight };
	return way;
}

static void decode_hop(const struct rtnexthop *hop, uint8_t family, struct route_now *r)
{
	struct host_way *way = add_way(r, (uint32_t)hop->rtnh_ifindex, hop->rtnh_hops + 1);
	const struct nlattr *attr = (const struct nlattr *)RTNH_DATA(hop);
	int left = hop->rtnh_len - (int)sizeof(*hop);

	for (; way && mnl_attr_ok(attr, left);
	     left -= MNL_ALIGN(attr->nla_len), attr = mnl_attr_next(attr))
		if (mnl_attr_get_type(attr) == RTA_GATEWAY)
			host_get_address(attr, family, &way->via);
}

static void decode_multipath(const struct nlattr *attr, uint8_t family, struct route_now *r)
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

static void route_attribute(const struct nlattr *attr, uint8_t family, struct route_now *r,
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

static bool decode_route(const struct nlmsghdr *n, struct route_now *r)
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

/* What is wanted, on the devices that are there. False: nothing. */

static bool wanted_now(const struct host_way *ways, const struct host_route *route,
		       struct route_now *r)
{
	r->key = *route;
	r->count = 0;
	for (uint8_t i = 0; route->type == HOST_ROUTE_UNICAST && i < route->hop_count; i++)
		if (ways[route->first_hop + i].ifindex && r->count < MAX_MEMBERS)
			r->ways[r->count++] = ways[route->first_hop + i];
	if (r->count == 1)
		r->ways[0].weight = 1; /* of one, the kernel keeps no weight */
	if (route->type != HOST_ROUTE_UNICAST || r->count)
		return true;
	r->key.type = HOST_ROUTE_UNREACHABLE;
	return !route->optional;
}

static bool same_way(const struct host_way *a, const struct host_way *b)
{
	bool a_via = a->via.family && !is_tunnel_gateway(&a->via);
	bool b_via = b->via.family && !is_tunnel_gateway(&b->via);

	return a->ifindex == b->ifindex && a->weight == b->weight && a_via == b_via &&
	       (!a_via || address_equal(&a->via, &b->via));
}

static bool same_route(const struct route_now *a, const struct route_now *b)
{
	if (a->key.type != b->key.type || a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!same_way(&a->ways[i], &b->ways[i]))
			return false;
	return true;
}

/* Comparing. */

struct comparison {
	const struct host_plan *want;
	struct host_routes *diff;
};

static int compare_keys(const void *a, const void *b)
{
	return host_route_compare(a, b);
}

static int note_gone(struct host_routes *diff, const struct host_route *key)
{
	int error =
		host_grow(&diff->gone, &diff->gone_capacity, diff->gone_count, sizeof(*diff->gone));

	if (!error)
		diff->gone[diff->gone_count++] = *key;
	return error;
}

static int compare_one(const struct nlmsghdr *n, void *data)
{
	struct comparison *c = data;
	struct route_now is, shall;
	const struct host_route *found = NULL;

	if (!decode_route(n, &is))
		return 0;
	if (c->want->route_count)
		found = bsearch(&is.key, c->want->routes, c->want->route_count, sizeof(*found),
				compare_keys);
	if (!found || !wanted_now(c->diff->ways, found, &shall))
		return note_gone(c->diff, &is.key);
	c->diff->state[found - c->want->routes] =
		same_route(&is, &shall) ? ROUTE_SAME : ROUTE_DIFFERS;
	return 0;
}

static int dump_routes(struct host *h, uint8_t family, struct comparison *c)
{
	char buf[MNL_ALIGN(sizeof(struct nlmsghdr)) + MNL_ALIGN(sizeof(struct rtmsg))];
	struct nlmsghdr *n = mnl_nlmsg_put_header(buf);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(n, sizeof(*rtm));

	n->nlmsg_type = RTM_GETROUTE;
	rtm->rtm_family = family;
	rtm->rtm_protocol = HOST_PROTOCOL;
	return host_dump(h, n, compare_one, c);
}

#define DUMP_ATTEMPTS 16

static int compare_with_kernel(struct host *h, const struct host_plan *want,
			       struct host_routes *diff)
{
	struct comparison c = { .want = want, .diff = diff };
	int error = -EINTR;

	for (int i = 0; i < DUMP_ATTEMPTS && error == -EINTR; i++) {
		memset(diff->state, ROUTE_NEW, want->route_count + 1);
		diff->gone_count = 0;
		error = dump_routes(h, AF_INET, &c);
		if (!error)
			error = dump_routes(h, AF_INET6, &c);
	}
	return error;
}

static bool same_plan_hops(const struct host_plan *a, const struct host_route *x,
			   const struct host_plan *b, const struct host_route *y)
{
	for (uint8_t i = 0; i < x->hop_count; i++) {
		const struct host_hop *p = &a->hops[x->first_hop + i];
		const struct host_hop *q = &b->hops[y->first_hop + i];

		if (strcmp(p->device, q->device) != 0 || p->weight != q->weight ||
		    p->via.family != q->via.family ||
		    (p->via.family && !address_equal(&p->via, &q->via)))
			return false;
	}
	return true;
}

static bool same_planned(const struct host_plan *a, const struct host_route *x,
			 const struct host_plan *b, const struct host_route *y)
{
	return x->type == y->type && x->optional == y->optional && x->hop_count == y->hop_count &&
	       same_plan_hops(a, x, b, y);
}

static int compare_with_plan(const struct host_plan *old, const struct host_plan *want,
			     struct host_routes *diff)
{
	size_t i = 0, j = 0;
	int error = 0;

	memset(diff->state, ROUTE_NEW, want->route_count + 1);
	while (i < old->route_count && !error) {
		int order = j < want->route_count
				    ? host_route_compare(&old->routes[i], &want->routes[j])
				    : -1;

		if (order < 0) {
			error = note_gone(diff, &old->routes[i++]);
		} else if (order > 0) {
			j++;
		} else {
			diff->state[j] = same_planned(old, &old->routes[i], want, &want->routes[j])
						 ? ROUTE_SAME
						 : ROUTE_DIFFERS;
			i++;
			j++;
		}
	}
	return error;
}

static void find_ways(struct host *h, const struct host_plan *want, struct host_way *ways)
{
	for (size_t i = 0; i < want->hop_count; i++) {
		const struct host_hop *hop = &want->hops[i];
		const struct host_link *l = host_link_known(h, hop->device);

		ways[i].ifindex = l && l->up ? l->ifindex : 0;
		ways[i].via = hop->via;
		ways[i].weight = hop->weight > 256 ? 256 : hop->weight;
	}
}

/* One sentence per device, not per route. */
static void note_missing(struct host *h, const struct host_plan *want)
{
	for (size_t i = 0; i < want->hop_count; i++) {
		const char *name = want->hops[i].device;
		bool said = host_link_known(h, name) != NULL;

		for (size_t j = 0; j < i && !said; j++)
			said = strcmp(want->hops[j].device, name) == 0;
		if (!said)
			host_note(h, -ENODEV,
				  "device %s does not exist: what is routed through it is "
				  "unreachable",
				  name);
	}
}

int host_routes_compare(struct host *h, const struct host_plan *old, const struct host_plan *want,
			struct host_routes *diff)
{
	int error = -ENOMEM;

	memset(diff, 0, sizeof(*diff));
	diff->state = malloc(want->route_count + 1);
	diff->ways = calloc(want->hop_count + 1, sizeof(*diff->ways));
	if (diff->state && diff->ways) {
		find_ways(h, want, diff->ways);
		note_missing(h, want);
		error = old ? compare_with_plan(old, want, diff)
			    : compare_with_kernel(h, want, diff);
	}
	if (!error)
		return 0;
	host_note(h, error, "cannot list the routes: %s", strerror(-error));
	host_routes_free(diff);
	return error;
}

void host_routes_free(struct host_routes *diff)
{
	free(diff->state);
	free(diff->gone);
	free(diff->ways);
	memset(diff, 0, sizeof(*diff));
}

/* Sending. */

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

static void put_ways(struct nlmsghdr *n, struct rtmsg *rtm, const struct route_now *r)
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

static void send_route(struct host *h, const struct route_now *r, uint16_t flags, const void *tag)
{
	struct nlmsghdr *n = host_request(h, RTM_NEWROUTE, NLM_F_CREATE | flags, tag);
	struct rtmsg *rtm = put_key(n, &r->key);

	rtm->rtm_type = kernel_type(r->key.type);
	rtm->rtm_scope = RT_SCOPE_UNIVERSE;
	put_ways(n, rtm, r);
}

static void send_removal(struct host *h, const struct host_route *key)
{
	struct nlmsghdr *n = host_request(h, RTM_DELROUTE, 0, key);

	put_key(n, key)->rtm_scope = RT_SCOPE_NOWHERE; /* any */
}

static void route_refused(struct host *h, const void *tag, int error, const char *why)
{
	const struct host_route *r = tag;
	char text[PREFIX_STRLEN];

	if (error == -EEXIST)
		why = "somebody else's route with this metric is there and stays";
	host_note(h, error, "route %s metric %u in table %u: %s", prefix_format(&r->prefix, text),
		  r->metric, r->table, why ? why : strerror(-error));
}

static void removal_refused(struct host *h, const void *tag, int error, const char *why)
{
	if (error != -ESRCH)
		route_refused(h, tag, error, why);
}

/* From the end: what sorts later is never less specific than what encloses it. */
void host_routes_add(struct host *h, const struct host_plan *want, const struct host_routes *diff)
{
	h->refused = route_refused;
	for (size_t i = want->route_count; i-- > 0;) {
		struct route_now r;

		if (diff->state[i] != ROUTE_SAME && wanted_now(diff->ways, &want->routes[i], &r))
			send_route(h, &r, diff->state[i] == ROUTE_NEW ? NLM_F_EXCL : NLM_F_REPLACE,
				   &want->routes[i]);
	}
	host_flush(h);
}

void host_routes_remove(struct host *h, const struct host_routes *diff)
{
	h->refused = removal_refused;
	for (size_t i = 0; i < diff->gone_count; i++)
		send_removal(h, &diff->gone[i]);
	host_flush(h);
}
