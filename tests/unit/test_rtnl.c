/* SPDX-License-Identifier: GPL-2.0-only */
/* Routes and nexthop objects from bytes, FPM's frames, and what objects stand for. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <arpa/inet.h>
#include <sys/socket.h>
#include <libmnl/libmnl.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <cmocka.h>
#include "core/nexthops.h"
#include "wire/fpm.h"
#include "wire/rtnl.h"

static char buf[4096] __attribute__((aligned(4)));

static struct nlmsghdr *message(uint16_t type, uint16_t flags)
{
	struct nlmsghdr *n = mnl_nlmsg_put_header(buf);

	n->nlmsg_type = type;
	n->nlmsg_flags = flags;
	return n;
}

/* 10.50.0.0/16 in table 1001, by BGP. */
static struct nlmsghdr *route(uint16_t type, uint16_t flags)
{
	struct nlmsghdr *n = message(type, flags);
	struct rtmsg *r = mnl_nlmsg_put_extra_header(n, sizeof(*r));

	*r = (struct rtmsg){ .rtm_family = AF_INET,
			     .rtm_dst_len = 16,
			     .rtm_table = RT_TABLE_COMPAT,
			     .rtm_protocol = RTPROT_BGP,
			     .rtm_type = RTN_UNICAST };
	mnl_attr_put_u32(n, RTA_DST, htonl(0x0a320000));
	mnl_attr_put_u32(n, RTA_TABLE, 1001);
	mnl_attr_put_u32(n, RTA_PRIORITY, 20);
	return n;
}

static int keep(const struct route_event *e, void *data)
{
	*(struct route_event *)data = *e;
	return 1;
}

static struct route_event decoded(const struct nlmsghdr *n)
{
	struct route_event e = { 0 };
	unsigned malformed = 0;

	assert_int_equal(1, rtnl_decode_all(n, n->nlmsg_len, &malformed, keep, &e));
	assert_int_equal(0, malformed);
	return e;
}

static void expect_malformed(const struct nlmsghdr *n)
{
	struct route_event e;
	unsigned malformed = 0;

	assert_int_equal(0, rtnl_decode_all(n, n->nlmsg_len, &malformed, keep, &e));
	assert_int_equal(1, malformed);
}

static void add_hop(struct nlmsghdr *n, int device, uint8_t flags)
{
	struct rtnexthop hop = { .rtnh_len = sizeof(hop),
				 .rtnh_ifindex = device,
				 .rtnh_flags = flags };

	memcpy(mnl_nlmsg_get_payload_tail(n), &hop, sizeof(hop));
	n->nlmsg_len += MNL_ALIGN(sizeof(hop));
}

static void a_route_is_read_whole(void **state)
{
	struct nlmsghdr *n = route(RTM_NEWROUTE, 0);
	struct route_event e;

	(void)state;
	mnl_attr_put_u32(n, RTA_OIF, 7);
	e = decoded(n);
	assert_int_equal(ROUTE_SET, e.kind);
	assert_int_equal(1001, e.table); /* the header has no room for it */
	assert_int_equal(20, e.metric);
	assert_int_equal(RTPROT_BGP, e.protocol);
	assert_int_equal(16, e.prefix.len);
	assert_true(e.unicast && !e.append && !e.nexthop);
	assert_int_equal(1, e.hop_count);
	assert_int_equal(7, e.hops[0]);
	n = route(RTM_DELROUTE, 0);
	assert_int_equal(ROUTE_GONE, decoded(n).kind);
}

static void hops_that_the_kernel_calls_dead_lead_nowhere(void **state)
{
	struct nlmsghdr *n = route(RTM_NEWROUTE, 0);
	struct nlattr *nest = mnl_attr_nest_start(n, RTA_MULTIPATH);
	struct route_event e;

	(void)state;
	add_hop(n, 7, 0);
	add_hop(n, 8, RTNH_F_DEAD);
	add_hop(n, 9, RTNH_F_LINKDOWN);
	add_hop(n, 10, 0);
	mnl_attr_nest_end(n, nest);
	e = decoded(n);
	assert_int_equal(2, e.hop_count);
	assert_int_equal(7, e.hops[0]);
	assert_int_equal(10, e.hops[1]);
}

static void an_appended_ipv4_route_is_told_from_a_replaced_one(void **state)
{
	(void)state;
	assert_true(decoded(route(RTM_NEWROUTE, NLM_F_APPEND)).append);
	assert_false(decoded(route(RTM_NEWROUTE, NLM_F_REPLACE)).append);
}

static void a_route_may_name_an_object_alone(void **state)
{
	struct nlmsghdr *n = route(RTM_NEWROUTE, 0);
	struct route_event e;

	(void)state;
	mnl_attr_put_u32(n, RTA_NH_ID, 20);
	e = decoded(n);
	assert_int_equal(20, e.nexthop);
	assert_int_equal(0, e.hop_count);
}

static void cut_messages_are_malformed(void **state)
{
	struct nlmsghdr *n = route(RTM_NEWROUTE, 0);
	struct nlattr *nest;

	(void)state;
	((struct rtmsg *)mnl_nlmsg_get_payload(n))->rtm_dst_len = 33;
	expect_malformed(n);
	n = route(RTM_NEWROUTE, 0);
	mnl_attr_put_u16(n, RTA_OIF, 7);
	expect_malformed(n);
	n = route(RTM_NEWROUTE, 0);
	nest = mnl_attr_nest_start(n, RTA_MULTIPATH);
	add_hop(n, 7, 0);
	((struct rtnexthop *)mnl_attr_get_payload(nest))->rtnh_len = 64;
	mnl_attr_nest_end(n, nest);
	expect_malformed(n);
}

/* ---- nexthop objects ---- */

static struct nlmsghdr *object(uint16_t type, uint32_t id)
{
	struct nlmsghdr *n = message(type, 0);

	mnl_nlmsg_put_extra_header(n, sizeof(struct nhmsg));
	mnl_attr_put_u32(n, NHA_ID, id);
	return n;
}

static void set_object(struct nexthops *all, uint32_t id, uint32_t device)
{
	struct nlmsghdr *n = object(RTM_NEWNEXTHOP, id);
	struct route_event e;

	mnl_attr_put_u32(n, NHA_OIF, device);
	e = decoded(n);
	assert_int_equal(0, nexthops_apply(all, &e));
}

static void set_group(struct nexthops *all, uint32_t id, uint32_t first, uint32_t second)
{
	struct nexthop_grp members[2] = { { .id = first }, { .id = second } };
	struct nlmsghdr *n = object(RTM_NEWNEXTHOP, id);
	struct route_event e;

	mnl_attr_put(n, NHA_GROUP, sizeof(members), members);
	e = decoded(n);
	assert_true(e.group);
	assert_int_equal(0, nexthops_apply(all, &e));
}

static int count_user(uint32_t id, void *context)
{
	*(uint32_t *)context += id;
	return 0;
}

static void an_object_that_goes_takes_itself_out_of_its_groups(void **state)
{
	struct nexthops all = { 0 };
	uint32_t devices[4], users = 0;
	struct route_event e;

	(void)state;
	set_object(&all, 21, 7);
	set_object(&all, 22, 8);
	set_group(&all, 20, 21, 22);
	assert_int_equal(2, nexthops_devices(&all, 20, devices, 4));
	assert_int_equal(7, devices[0]);
	assert_int_equal(8, devices[1]);
	nexthops_each_user(&all, 21, count_user, &users);
	assert_int_equal(41, users);
	e = decoded(object(RTM_DELNEXTHOP, 21));
	assert_int_equal(0, nexthops_apply(&all, &e));
	assert_int_equal(1, nexthops_devices(&all, 20, devices, 4));
	assert_int_equal(8, devices[0]);
	set_object(&all, 22, 9); /* replaced */
	assert_int_equal(1, nexthops_devices(&all, 20, devices, 4));
	assert_int_equal(9, devices[0]);
	assert_int_equal(0, nexthops_devices(&all, 99, devices, 4));
	nexthops_free(&all);
}

/* ---- FPM ---- */

static void a_frame_in_pieces_waits_for_the_rest(void **state)
{
	static const uint8_t stream[] = { 1, 1, 0, 8, 'a', 'b', 'c', 'd', 1, 1 };
	const void *payload;
	size_t len;

	(void)state;
	for (size_t have = 0; have < 8; have++)
		assert_int_equal(0, fpm_frame(stream, have, &payload, &len));
	assert_int_equal(8, fpm_frame(stream, sizeof(stream), &payload, &len));
	assert_int_equal(4, len);
	assert_memory_equal("abcd", payload, 4);
	assert_int_equal(0, fpm_frame(stream + 8, 2, &payload, &len));
}

static void what_is_no_fpm_stream_is_refused(void **state)
{
	static const uint8_t other[][4] = { { 2, 1, 0, 8 }, { 1, 2, 0, 8 }, { 1, 1, 0, 3 } };
	const void *payload;
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
		assert_int_equal(-EBADMSG, fpm_frame(other[i], 4, &payload, &len));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_route_is_read_whole),
		cmocka_unit_test(hops_that_the_kernel_calls_dead_lead_nowhere),
		cmocka_unit_test(an_appended_ipv4_route_is_told_from_a_replaced_one),
		cmocka_unit_test(a_route_may_name_an_object_alone),
		cmocka_unit_test(cut_messages_are_malformed),
		cmocka_unit_test(an_object_that_goes_takes_itself_out_of_its_groups),
		cmocka_unit_test(a_frame_in_pieces_waits_for_the_rest),
		cmocka_unit_test(what_is_no_fpm_stream_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
