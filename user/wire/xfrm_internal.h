/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inside of wire/xfrm: the pieces of a message. The kernel's structs are copied out before they are
 * read: netlink aligns to 4 bytes only, and they contain 64-bit fields.
 */
#ifndef ESPALIER_WIRE_XFRM_INTERNAL_H
#define ESPALIER_WIRE_XFRM_INTERNAL_H

#include <libmnl/libmnl.h>
#include "xfrm.h"

#define XFRM_ATTRIBUTES (ESPALIER_XFRMA_SA_PCPU + 1)

/* The attributes of one message by type; NULL: absent. Lengths are checked against the minimum. */
struct xfrm_attributes {
	const struct nlattr *by_type[XFRM_ATTRIBUTES];
};

/* Copies a struct that stands at the start of the payload or attribute; its length is known. */
#define XFRM_COPY_PAYLOAD(nlh, to)    memcpy((to), mnl_nlmsg_get_payload(nlh), sizeof(*(to)))
#define XFRM_COPY_ATTRIBUTE(attr, to) memcpy((to), mnl_attr_get_payload(attr), sizeof(*(to)))

/* -EBADMSG unless family is AF_INET or AF_INET6. */
int xfrm_read_address(uint16_t family, const xfrm_address_t *from, struct address *out);
uint32_t xfrm_read_if_id(const struct xfrm_attributes *a);
struct xfrm_mark xfrm_read_mark(const struct xfrm_attributes *a);

/* 0 or -EBADMSG. */
int xfrm_read_sa(const struct xfrm_usersa_info *info, const struct xfrm_attributes *a,
		 struct xfrm_sa *out);
int xfrm_read_sa_id(const struct xfrm_usersa_id *id, const struct xfrm_attributes *a,
		    struct xfrm_sa *out);
int xfrm_read_policy(const struct xfrm_userpolicy_info *info, const struct xfrm_attributes *a,
		     struct xfrm_policy *out);

#endif
