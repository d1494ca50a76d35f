/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <sys/socket.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include "neighbour.h"
#include "rtnl_internal.h"

#define CERTAIN (NUD_REACHABLE | NUD_PERMANENT)
#define DOUBTED (NUD_STALE | NUD_DELAY | NUD_PROBE)

static enum neighbour_state state_of(const struct nlmsghdr *n, const struct ndmsg *m)
{
	if (n->nlmsg_type == RTM_DELNEIGH)
		return NEIGHBOUR_GONE;
	return m->ndm_state & CERTAIN	? NEIGHBOUR_CERTAIN
	       : m->ndm_state & DOUBTED ? NEIGHBOUR_DOUBTED
					: NEIGHBOUR_GONE;
}

static bool read_address(const struct nlattr *attr, uint8_t family, struct address *out)
{
	struct address a = { .family = family };
	size_t size = address_bits(&a) / 8;

	if (!attr || mnl_attr_get_payload_len(attr) != size)
		return false;
	memcpy(a.bytes, mnl_attr_get_payload(attr), size);
	*out = a;
	return true;
}

static bool read_mac(const struct nlattr *attr, uint8_t mac[6])
{
	if (!attr || mnl_attr_get_payload_len(attr) != 6)
		return false;
	memcpy(mac, mnl_attr_get_payload(attr), 6);
	return true;
}

static bool decode(const struct nlmsghdr *n, struct neighbour_event *e)
{
	const struct nlattr *a[NDA_MAX + 1] = { NULL };
	struct ndmsg m;

	if ((n->nlmsg_type != RTM_NEWNEIGH && n->nlmsg_type != RTM_DELNEIGH) ||
	    mnl_nlmsg_get_payload_len(n) < sizeof(m))
		return false;
	memcpy(&m, mnl_nlmsg_get_payload(n), sizeof(m));
	if ((m.ndm_family != AF_INET && m.ndm_family != AF_INET6) || m.ndm_flags & NTF_PROXY)
		return false;
	rtnl_attributes(n, sizeof(m), a, NDA_MAX + 1);
	e->state = state_of(n, &m);
	e->ifindex = (uint32_t)m.ndm_ifindex;
	return read_address(a[NDA_DST], m.ndm_family, &e->address) &&
	       (e->state == NEIGHBOUR_GONE || read_mac(a[NDA_LLADDR], e->mac));
}

int neighbour_decode_all(const void *buf, size_t len, neighbour_event_fn fn, void *data)
{
	const struct nlmsghdr *n;
	int left, err = 0;

	rtnl_for_each(n, buf, len, left)
	{
		struct neighbour_event e = { 0 };

		if (decode(n, &e))
			err = fn(&e, data);
		if (err)
			return err;
	}
	return 0;
}

size_t neighbour_request_all(void *buf, uint8_t family)
{
	struct nlmsghdr *n = rtnl_dump_request(buf, RTM_GETNEIGH);
	struct ndmsg *m = mnl_nlmsg_put_extra_header(n, sizeof(*m));

	m->ndm_family = family;
	return n->nlmsg_len;
}

size_t neighbour_request_probe(void *buf, const struct neighbour_event *e)
{
	struct nlmsghdr *n = mnl_nlmsg_put_header(buf);
	struct ndmsg *m = mnl_nlmsg_put_extra_header(n, sizeof(*m));

	n->nlmsg_type = RTM_NEWNEIGH;
	n->nlmsg_flags = NLM_F_REQUEST | NLM_F_REPLACE;
	m->ndm_family = e->address.family;
	m->ndm_ifindex = (int)e->ifindex;
	m->ndm_state = NUD_PROBE;
	mnl_attr_put(n, NDA_DST, address_bits(&e->address) / 8, e->address.bytes);
	mnl_attr_put(n, NDA_LLADDR, sizeof(e->mac), e->mac);
	return n->nlmsg_len;
}
