/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's description of a policy → struct xfrm_policy. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include "xfrm_internal.h"

_Static_assert((int)XFRM_DIR_IN == XFRM_POLICY_IN && (int)XFRM_DIR_OUT == XFRM_POLICY_OUT &&
		       (int)XFRM_DIR_FWD == XFRM_POLICY_FWD,
	       "directions are the kernel's");

static int read_prefix(uint16_t family, const xfrm_address_t *from, uint8_t len, struct prefix *out)
{
	struct address a;

	if (xfrm_read_address(family, from, &a) || len > address_bits(&a))
		return -EBADMSG;
	*out = prefix_of(&a, len);
	return 0;
}

/* Address 0 in a template stands for any. */
static int read_template_address(uint16_t family, const xfrm_address_t *from, struct address *out)
{
	static const struct address any;
	struct address a;

	if (xfrm_read_address(family, from, &a))
		return -EBADMSG;
	*out = memcmp(a.bytes, any.bytes, sizeof(a.bytes)) ? a : any;
	return 0;
}

static int read_template(const struct xfrm_user_tmpl *from, struct xfrm_template *out)
{
	*out = (struct xfrm_template){
		.spi = ntohl(from->id.spi),
		.reqid = from->reqid,
		.proto = from->id.proto,
		.mode = from->mode,
	};
	if (read_template_address(from->family, &from->id.daddr, &out->daddr) ||
	    read_template_address(from->family, &from->saddr, &out->saddr))
		return -EBADMSG;
	return 0;
}

static int read_templates(const struct xfrm_attributes *a, struct xfrm_policy *policy)
{
	const struct nlattr *attr = a->by_type[XFRMA_TMPL];
	struct xfrm_user_tmpl from;
	size_t count;

	if (!attr)
		return 0;
	count = mnl_attr_get_payload_len(attr) / sizeof(from);
	if (count > XFRM_TEMPLATES)
		return -EBADMSG;
	for (size_t i = 0; i < count; i++) {
		memcpy(&from, (const char *)mnl_attr_get_payload(attr) + i * sizeof(from),
		       sizeof(from));
		if (read_template(&from, &policy->templates[i]))
			return -EBADMSG;
	}
	policy->template_count = (uint8_t)count;
	return 0;
}

int xfrm_read_policy(const struct xfrm_userpolicy_info *info, const struct xfrm_attributes *a,
		     struct xfrm_policy *out)
{
	const struct xfrm_selector *sel = &info->sel;
	struct xfrm_mark mark = xfrm_read_mark(a);
	struct xfrm_policy policy = {
		.index = info->index,
		.direction = info->dir,
		.block = info->action != XFRM_POLICY_ALLOW,
		.if_id = xfrm_read_if_id(a),
		.mark = mark.v,
		.mark_mask = mark.m,
		.priority = info->priority,
		.family = (uint8_t)sel->family,
	};

	if (read_prefix(sel->family, &sel->saddr, sel->prefixlen_s, &policy.source) ||
	    read_prefix(sel->family, &sel->daddr, sel->prefixlen_d, &policy.destination) ||
	    read_templates(a, &policy))
		return -EBADMSG;
	*out = policy;
	return 0;
}
