/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * rtnetlink messages to structs: links and addresses. What has no place in the struct is passed
 * over; a message that is too short or of another family is not decoded.
 */
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include "host_internal.h"

static uint16_t get_u16(const struct nlattr *attr)
{
	return mnl_attr_get_payload_len(attr) >= sizeof(uint16_t) ? mnl_attr_get_u16(attr) : 0;
}

static uint32_t get_u32(const struct nlattr *attr)
{
	return mnl_attr_get_payload_len(attr) >= sizeof(uint32_t) ? mnl_attr_get_u32(attr) : 0;
}

static bool is_string(const struct nlattr *attr)
{
	return mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0;
}

static void get_string(const struct nlattr *attr, char *out, size_t size)
{
	if (is_string(attr))
		snprintf(out, size, "%s", mnl_attr_get_str(attr));
}

/* The attributes of a kind mean something else under every kind. */
static void kind_data(const struct nlattr *data, struct host_link *l)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, data)
	{
		uint16_t type = mnl_attr_get_type(attr);

		if (strcmp(l->kind, "vlan") == 0 && type == IFLA_VLAN_ID)
			l->vlan = get_u16(attr);
		else if (strcmp(l->kind, "vrf") == 0 && type == IFLA_VRF_TABLE)
			l->table = get_u32(attr);
		else if (strcmp(l->kind, "xfrm") == 0 && type == IFLA_XFRM_IF_ID)
			l->if_id = get_u32(attr);
		else if (strcmp(l->kind, "xfrm") == 0 && type == IFLA_XFRM_LINK)
			l->parent = get_u32(attr);
	}
}

static void link_info(const struct nlattr *info, struct host_link *l)
{
	const struct nlattr *attr, *data = NULL;

	mnl_attr_for_each_nested(attr, info)
	{
		if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
			get_string(attr, l->kind, sizeof(l->kind));
		else if (mnl_attr_get_type(attr) == IFLA_INFO_DATA)
			data = attr;
	}
	if (data)
		kind_data(data, l);
}

static void link_attribute(const struct nlattr *attr, struct host_link *l)
{
	switch (mnl_attr_get_type(attr)) {
	case IFLA_IFNAME:
		get_string(attr, l->name, sizeof(l->name));
		break;
	case IFLA_MTU:
		l->mtu = get_u32(attr);
		break;
	case IFLA_MASTER:
		l->master = get_u32(attr);
		break;
	case IFLA_LINK:
		l->parent = get_u32(attr);
		break;
	case IFLA_ADDRESS:
		if (l->arphrd == ARPHRD_ETHER && mnl_attr_get_payload_len(attr) == sizeof(l->mac))
			memcpy(l->mac, mnl_attr_get_payload(attr), sizeof(l->mac));
		break;
	case IFLA_IFALIAS:
		l->ours = is_string(attr) && strcmp(mnl_attr_get_str(attr), HOST_LINK_ALIAS) == 0;
		break;
	}
}

bool host_decode_link(const struct nlmsghdr *n, struct host_link *out)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(n);
	struct host_link l = { 0 };
	const struct nlattr *attr, *info = NULL;

	if (mnl_nlmsg_get_payload_len(n) < sizeof(*ifi) || ifi->ifi_family != AF_UNSPEC)
		return false;
	l.ifindex = (uint32_t)ifi->ifi_index;
	l.arphrd = ifi->ifi_type;
	l.up = ifi->ifi_flags & IFF_UP;
	l.carrier = ifi->ifi_flags & IFF_LOWER_UP;
	mnl_attr_for_each (attr, n, sizeof(*ifi)) {
		link_attribute(attr, &l);
		if (mnl_attr_get_type(attr) == IFLA_LINKINFO)
			info = attr;
	}
	if (info)
		link_info(info, &l);
	*out = l;
	return true;
}

bool host_get_address(const struct nlattr *attr, uint8_t family, struct address *out)
{
	size_t len = family == AF_INET ? 4 : family == AF_INET6 ? 16 : 0;

	if (!len || mnl_attr_get_payload_len(attr) != len)
		return false;
	memset(out, 0, sizeof(*out));
	out->family = family;
	memcpy(out->bytes, mnl_attr_get_payload(attr), len);
	return true;
}

void host_put_address(struct nlmsghdr *n, uint16_t type, const struct address *a)
{
	mnl_attr_put(n, type, address_bits(a) / 8, a->bytes);
}

/* IFA_LOCAL is ours; without it (IPv6, no peer) IFA_ADDRESS is. */
bool host_decode_address(const struct nlmsghdr *n, struct host_local_address *out)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(n);
	struct host_local_address a = { 0 };
	const struct nlattr *attr;
	bool local = false;

	if (mnl_nlmsg_get_payload_len(n) < sizeof(*ifa))
		return false;
	a.ifindex = ifa->ifa_index;
	a.len = ifa->ifa_prefixlen;
	mnl_attr_for_each (attr, n, sizeof(*ifa)) {
		uint16_t type = mnl_attr_get_type(attr);

		if (type == IFA_LOCAL)
			local = host_get_address(attr, ifa->ifa_family, &a.address);
		else if (type == IFA_ADDRESS && !local)
			host_get_address(attr, ifa->ifa_family, &a.address);
		else if (type == IFA_PROTO && mnl_attr_get_payload_len(attr) >= 1)
			a.protocol = mnl_attr_get_u8(attr);
	}
	if (!a.address.family)
		return false;
	*out = a;
	return true;
}
