/* SPDX-License-Identifier: GPL-2.0-only */
/* Requests to the kernel. All of them only ask. */
#include <arpa/inet.h>
#include <string.h>
#include "xfrm_internal.h"

static struct nlmsghdr *begin(void *buf, uint16_t type, uint16_t flags, uint32_t sequence)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = sequence;
	return nlh;
}

size_t xfrm_request_dump_sa(void *buf, uint32_t sequence)
{
	return begin(buf, XFRM_MSG_GETSA, NLM_F_DUMP, sequence)->nlmsg_len;
}

size_t xfrm_request_dump_policy(void *buf, uint32_t sequence)
{
	return begin(buf, XFRM_MSG_GETPOLICY, NLM_F_DUMP, sequence)->nlmsg_len;
}

size_t xfrm_request_get_sa(void *buf, uint32_t sequence, const struct xfrm_sa_id *id)
{
	struct nlmsghdr *nlh = begin(buf, XFRM_MSG_GETSA, 0, sequence);
	struct xfrm_usersa_id *to = mnl_nlmsg_put_extra_header(nlh, sizeof(*to));
	struct xfrm_mark mark = { id->mark, id->mark_mask };

	memcpy(&to->daddr, id->daddr.bytes, sizeof(to->daddr));
	to->spi = htonl(id->spi);
	to->family = id->daddr.family;
	to->proto = id->proto;
	if (mark.m)
		mnl_attr_put(nlh, XFRMA_MARK, sizeof(mark), &mark);
	return nlh->nlmsg_len;
}
