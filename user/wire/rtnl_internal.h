/* SPDX-License-Identifier: GPL-2.0-only */
/* What decoders of rtnetlink messages share; of no use outside. */
#ifndef ESPALIER_WIRE_RTNL_INTERNAL_H
#define ESPALIER_WIRE_RTNL_INTERNAL_H

#include <stdbool.h>
#include <string.h>
#include <libmnl/libmnl.h>

/* Walks the messages of a datagram. libmnl takes a length beyond INT_MAX for a negative one, which
 * fits anywhere. */
#define rtnl_for_each(n, buf, len, left)                                \
	for (left = (int)(len), n = (buf);                              \
	     mnl_nlmsg_ok(n, left) && (n)->nlmsg_len <= (uint32_t)left; \
	     n = mnl_nlmsg_next(n, &left))

/* The attributes behind a fixed header, by type; `by_type` has `types` places, zeroed. Ends where
 * the message really does: libmnl's own walk rounds that up. */
static inline void rtnl_attributes(const struct nlmsghdr *n, size_t fixed,
				   const struct nlattr **by_type, uint16_t types)
{
	const struct nlattr *attr = mnl_nlmsg_get_payload_offset(n, fixed);
	const char *end = (const char *)n + n->nlmsg_len;

	for (; mnl_attr_ok(attr, (int)(end - (const char *)attr)); attr = mnl_attr_next(attr))
		if (mnl_attr_get_type(attr) < types)
			by_type[mnl_attr_get_type(attr)] = attr;
}

/* A number of four bytes; false: the attribute is there and is none. */
static inline bool rtnl_u32(const struct nlattr *attr, uint32_t *out)
{
	if (!attr)
		return true;
	if (mnl_attr_get_payload_len(attr) < sizeof(*out))
		return false;
	memcpy(out, mnl_attr_get_payload(attr), sizeof(*out));
	return true;
}

/* The start of a request for everything of a kind. */
static inline struct nlmsghdr *rtnl_dump_request(void *buf, uint16_t type)
{
	struct nlmsghdr *n = mnl_nlmsg_put_header(buf);

	n->nlmsg_type = type;
	n->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	return n;
}

#endif
