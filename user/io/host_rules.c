/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Policy rules. Ours carry FRA_PROTOCOL; removal names it, so nobody else's equal rule goes.
 */
#include <errno.h>
#include <linux/fib_rules.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "host_internal.h"

#define DUMP_ATTEMPTS 16

static void get_name(const struct nlattr *attr, char out[DEVICE_NAME_LEN])
{
	if (mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
		snprintf(out, DEVICE_NAME_LEN, "%s", mnl_attr_get_str(attr));
}

static void get_prefix(const struct nlattr *attr, uint8_t family, uint8_t len, struct prefix *out)
{
	if (host_get_address(attr, family, &out->address))
		out->len = len;
}

static void rule_attribute(const struct nlattr *attr, const struct fib_rule_hdr *hdr,
			   struct host_rule *r)
{
	switch (mnl_attr_get_type(attr)) {
	case FRA_PRIORITY:
		r->preference = mnl_attr_get_u32(attr);
		break;
	case FRA_TABLE:
		r->table = mnl_attr_get_u32(attr);
		break;
	case FRA_IIFNAME:
		get_name(attr, r->iif);
		break;
	case FRA_OIFNAME:
		get_name(attr, r->oif);
		break;
	case FRA_SRC:
		get_prefix(attr, hdr->family, hdr->src_len, &r->from);
		break;
	case FRA_DST:
		get_prefix(attr, hdr->family, hdr->dst_len, &r->to);
		break;
	case FRA_IP_PROTO:
		r->protocol = mnl_attr_get_u8(attr);
		break;
	}
}

/* False: not ours. */
static bool decode_rule(const struct nlmsghdr *n, struct host_rule *out)
{
	const struct fib_rule_hdr *hdr = mnl_nlmsg_get_payload(n);
	struct host_rule r = { 0 };
	const struct nlattr *attr;
	bool ours = false;

	if (mnl_nlmsg_get_payload_len(n) < sizeof(*hdr))
		return false;
	r.family = hdr->family;
	r.invert = hdr->flags & FIB_RULE_INVERT;
	r.action = hdr->action == FR_ACT_TO_TBL ? HOST_RULE_LOOKUP : HOST_RULE_UNREACHABLE;
	mnl_attr_for_each (attr, n, sizeof(*hdr)) {
		rule_attribute(attr, hdr, &r);
		if (mnl_attr_get_type(attr) == FRA_PROTOCOL)
			ours = mnl_attr_get_u8(attr) == HOST_PROTOCOL;
	}
	if (ours)
		*out = r;
	return ours;
}

static int collect_rule(const struct nlmsghdr *n, void *data)
{
	struct host_rules *have = data;
	int error = host_grow(&have->list, &have->capacity, have->count, sizeof(*have->list));

	if (error)
		return error;
	if (decode_rule(n, &have->list[have->count]))
		have->count++;
	return 0;
}

static int dump_rules(struct host *h, struct host_rules *have, uint8_t family)
{
	char buf[MNL_ALIGN(sizeof(struct nlmsghdr)) + MNL_ALIGN(sizeof(struct fib_rule_hdr))];
	size_t before = have->count;
	int error = -EINTR;

	for (int i = 0; i < DUMP_ATTEMPTS && error == -EINTR; i++) {
		struct nlmsghdr *n = mnl_nlmsg_put_header(buf);
		struct fib_rule_hdr *hdr = mnl_nlmsg_put_extra_header(n, sizeof(*hdr));

		n->nlmsg_type = RTM_GETRULE;
		hdr->family = family;
		have->count = before;
		error = host_dump(h, n, collect_rule, have);
	}
	return error;
}

void host_rules_read(struct host *h, struct host_rules *have)
{
	int error;

	memset(have, 0, sizeof(*have));
	error = dump_rules(h, have, AF_INET);
	if (!error)
		error = dump_rules(h, have, AF_INET6);
	have->wanted = calloc(have->count + 1, sizeof(*have->wanted));
	if (!have->wanted)
		error = -ENOMEM;
	if (!error)
		return;
	host_note(h, error, "cannot list the rules: %s", strerror(-error));
	have->unknown = true;
}

void host_rules_free(struct host_rules *have)
{
	free(have->list);
	free(have->wanted);
	memset(have, 0, sizeof(*have));
}

static void put_rule_prefix(struct nlmsghdr *n, uint16_t type, const struct prefix *p, uint8_t *len)
{
	if (!p->address.family)
		return;
	host_put_address(n, type, &p->address);
	*len = p->len;
}

static void send_rule(struct host *h, uint16_t type, uint16_t flags, const struct host_rule *r)
{
	struct nlmsghdr *n = host_request(h, type, flags, r);
	struct fib_rule_hdr *hdr = mnl_nlmsg_put_extra_header(n, sizeof(*hdr));

	hdr->family = r->family;
	hdr->flags = r->invert ? FIB_RULE_INVERT : 0;
	hdr->action = r->action == HOST_RULE_LOOKUP ? FR_ACT_TO_TBL : FR_ACT_UNREACHABLE;
	mnl_attr_put_u32(n, FRA_PRIORITY, r->preference);
	mnl_attr_put_u8(n, FRA_PROTOCOL, HOST_PROTOCOL);
	if (r->action == HOST_RULE_LOOKUP)
		mnl_attr_put_u32(n, FRA_TABLE, r->table);
	if (r->iif[0])
		mnl_attr_put_strz(n, FRA_IIFNAME, r->iif);
	if (r->oif[0])
		mnl_attr_put_strz(n, FRA_OIFNAME, r->oif);
	put_rule_prefix(n, FRA_SRC, &r->from, &hdr->src_len);
	put_rule_prefix(n, FRA_DST, &r->to, &hdr->dst_len);
	if (r->protocol)
		mnl_attr_put_u8(n, FRA_IP_PROTO, r->protocol);
}

static void rule_refused(struct host *h, const void *tag, int error, const char *why)
{
	const struct host_rule *r = tag;

	if (error == -ENOENT) /* to be removed, and gone */
		return;
	host_note(h, error, "IPv%c rule with preference %u for %s: %s",
		  r->family == AF_INET ? '4' : '6', r->preference, r->iif,
		  why ? why : strerror(-error));
}

/* Each of the kernel's stands for one of the plan's: a second equal one is not wanted. */
static bool claim(struct host_rules *have, const struct host_rule *r)
{
	for (size_t i = 0; i < have->count; i++)
		if (!have->wanted[i] && host_rule_equal(&have->list[i], r)) {
			have->wanted[i] = true;
			return true;
		}
	return false;
}

static void found(struct host *h, const struct host_rule *r, enum drift_found how)
{
	const char *device = r->iif[0] ? r->iif : r->oif;

	host_drifted(h, DRIFT_RULE, how, r, "IPv%c preference %u%s%s",
		     r->family == AF_INET ? '4' : '6', r->preference, device[0] ? " for " : "",
		     device);
}

void host_rules_add(struct host *h, struct host_rules *have, const struct host_plan *want,
		    enum host_rule_action action)
{
	if (have->unknown)
		return;
	h->refused = rule_refused;
	for (size_t i = 0; i < want->rule_count; i++)
		if (want->rules[i].action == action && !claim(have, &want->rules[i])) {
			if (host_left_rule(h, &want->rules[i]))
				found(h, &want->rules[i], DRIFT_MISSING);
			send_rule(h, RTM_NEWRULE, NLM_F_CREATE, &want->rules[i]);
		}
	host_flush(h);
}

void host_rules_remove(struct host *h, const struct host_rules *have, enum host_rule_action action)
{
	h->refused = rule_refused;
	for (size_t i = 0; i < have->count && !have->unknown; i++)
		if (have->list[i].action == action && !have->wanted[i]) {
			if (!host_left_rule(h, &have->list[i]))
				found(h, &have->list[i], DRIFT_FOREIGN);
			send_rule(h, RTM_DELRULE, 0, &have->list[i]);
		}
	host_flush(h);
}
