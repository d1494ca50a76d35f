/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One function per message; the table says how long its fixed part is. An attribute that is shorter
 * than its struct makes the message malformed; one of a type we do not know is passed over.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include "xfrm_internal.h"

/* Shortest payload of the attributes that are read; 0: not read. */
static const uint16_t attribute_sizes[XFRM_ATTRIBUTES] = {
	[XFRMA_ALG_AUTH] = sizeof(struct xfrm_algo),
	[XFRMA_ALG_CRYPT] = sizeof(struct xfrm_algo),
	[XFRMA_ALG_AEAD] = sizeof(struct xfrm_algo_aead),
	[XFRMA_ALG_AUTH_TRUNC] = sizeof(struct xfrm_algo_auth),
	[XFRMA_ENCAP] = sizeof(struct xfrm_encap_tmpl),
	[XFRMA_TMPL] = sizeof(struct xfrm_user_tmpl),
	[XFRMA_SA] = sizeof(struct xfrm_usersa_info),
	[XFRMA_POLICY] = sizeof(struct xfrm_userpolicy_info),
	[XFRMA_REPLAY_VAL] = sizeof(struct xfrm_replay_state),
	[XFRMA_REPLAY_ESN_VAL] = sizeof(struct xfrm_replay_state_esn),
	[XFRMA_POLICY_TYPE] = sizeof(struct xfrm_userpolicy_type),
	[XFRMA_MARK] = sizeof(struct xfrm_mark),
	[XFRMA_IF_ID] = sizeof(uint32_t),
	[ESPALIER_XFRMA_SA_DIR] = sizeof(uint8_t),
	[ESPALIER_XFRMA_SA_PCPU] = sizeof(uint32_t),
};

/* Where the message really ends: libmnl's own walk rounds that up. */
static int bytes_left(const struct nlmsghdr *nlh, const struct nlattr *attr)
{
	return (int)((const char *)nlh + nlh->nlmsg_len - (const char *)attr);
}

static int read_attributes(const struct nlmsghdr *nlh, size_t fixed, struct xfrm_attributes *out)
{
	const struct nlattr *attr = mnl_nlmsg_get_payload_offset(nlh, fixed);

	for (; mnl_attr_ok(attr, bytes_left(nlh, attr)); attr = mnl_attr_next(attr)) {
		uint16_t type = mnl_attr_get_type(attr);

		if (type >= XFRM_ATTRIBUTES || !attribute_sizes[type])
			continue;
		if (mnl_attr_get_payload_len(attr) < attribute_sizes[type])
			return -EBADMSG;
		out->by_type[type] = attr;
	}
	return 0;
}

static int decode_sa(const struct nlmsghdr *nlh, const struct xfrm_attributes *a,
		     struct xfrm_event *out)
{
	struct xfrm_usersa_info info;

	XFRM_COPY_PAYLOAD(nlh, &info);
	out->update = nlh->nlmsg_type == XFRM_MSG_UPDSA;
	return xfrm_read_sa(&info, a, &out->sa);
}

static int decode_sa_delete(const struct nlmsghdr *nlh, const struct xfrm_attributes *a,
			    struct xfrm_event *out)
{
	struct xfrm_usersa_info info;
	struct xfrm_usersa_id id;
	struct xfrm_sa whole, bare;
	int err;

	XFRM_COPY_PAYLOAD(nlh, &id);
	err = xfrm_read_sa_id(&id, a, &bare);
	if (err)
		return err;
	if (!a->by_type[XFRMA_SA]) {
		out->sa = bare;
		return 0;
	}
	XFRM_COPY_ATTRIBUTE(a->by_type[XFRMA_SA], &info);
	err = xfrm_read_sa(&info, a, &whole);
	if (err || !xfrm_sa_id_equal(&whole.id, &bare.id))
		return -EBADMSG;
	out->sa = whole;
	return 0;
}

static int decode_expire(const struct nlmsghdr *nlh, const struct xfrm_attributes *a,
			 struct xfrm_event *out)
{
	struct xfrm_user_expire expire;

	XFRM_COPY_PAYLOAD(nlh, &expire);
	out->kind = expire.hard ? XFRM_EVENT_EXPIRE_HARD : XFRM_EVENT_EXPIRE_SOFT;
	return xfrm_read_sa(&expire.state, a, &out->sa);
}

static int decode_sa_flush(const struct nlmsghdr *nlh, const struct xfrm_attributes *a,
			   struct xfrm_event *out)
{
	struct xfrm_usersa_flush flush;

	(void)a;
	XFRM_COPY_PAYLOAD(nlh, &flush);
	out->proto = flush.proto;
	return 0;
}

/* Sub-policies are another table, which nobody here uses. */
static bool is_sub_policy(const struct xfrm_attributes *a)
{
	struct xfrm_userpolicy_type type;

	if (!a->by_type[XFRMA_POLICY_TYPE])
		return false;
	XFRM_COPY_ATTRIBUTE(a->by_type[XFRMA_POLICY_TYPE], &type);
	return type.type == XFRM_POLICY_TYPE_SUB;
}

static int decode_policy(const struct nlmsghdr *nlh, const struct xfrm_attributes *a,
			 struct xfrm_event *out)
{
	struct xfrm_userpolicy_info info;

	if (is_sub_policy(a))
		return -ENOMSG;
	XFRM_COPY_PAYLOAD(nlh, &info);
	out->update = nlh->nlmsg_type == XFRM_MSG_UPDPOLICY;
	return xfrm_read_policy(&info, a, &out->policy);
}

/* The fixed part has index or selector, as the deleter gave it; the attribute has everything. */
static int decode_policy_delete(const struct nlmsghdr *nlh, const struct xfrm_attributes *a,
				struct xfrm_event *out)
{
	struct xfrm_userpolicy_info info;

	(void)nlh;
	if (is_sub_policy(a))
		return -ENOMSG;
	if (!a->by_type[XFRMA_POLICY])
		return -EBADMSG;
	XFRM_COPY_ATTRIBUTE(a->by_type[XFRMA_POLICY], &info);
	return xfrm_read_policy(&info, a, &out->policy);
}

static int decode_policy_expire(const struct nlmsghdr *nlh, const struct xfrm_attributes *a,
				struct xfrm_event *out)
{
	struct xfrm_user_polexpire expire;

	XFRM_COPY_PAYLOAD(nlh, &expire);
	if (!expire.hard || is_sub_policy(a))
		return -ENOMSG;
	return xfrm_read_policy(&expire.pol, a, &out->policy);
}

static int decode_policy_flush(const struct nlmsghdr *nlh, const struct xfrm_attributes *a,
			       struct xfrm_event *out)
{
	(void)nlh;
	(void)out;
	return is_sub_policy(a) ? -ENOMSG : 0;
}

/* The selector has the family of the packet, the template that of the tunnel. */
static int decode_acquire(const struct nlmsghdr *nlh, const struct xfrm_attributes *a,
			  struct xfrm_event *out)
{
	struct xfrm_user_acquire acquire;
	struct xfrm_user_tmpl template;
	struct xfrm_usersa_id id = { 0 };

	XFRM_COPY_PAYLOAD(nlh, &acquire);
	if (!a->by_type[XFRMA_TMPL])
		return -EBADMSG;
	XFRM_COPY_ATTRIBUTE(a->by_type[XFRMA_TMPL], &template);
	id.daddr = acquire.id.daddr;
	id.spi = acquire.id.spi;
	id.proto = acquire.id.proto;
	id.family = template.family;
	if (xfrm_read_sa_id(&id, a, &out->sa))
		return -EBADMSG;
	out->sa.larval = true;
	return xfrm_read_address(template.family, &acquire.saddr, &out->sa.saddr);
}

static int decode_migrate(const struct nlmsghdr *nlh, const struct xfrm_attributes *a,
			  struct xfrm_event *out)
{
	(void)nlh;
	(void)a;
	(void)out;
	return 0;
}

static int decode_mapping(const struct nlmsghdr *nlh, const struct xfrm_attributes *a,
			  struct xfrm_event *out)
{
	struct xfrm_user_mapping mapping;

	XFRM_COPY_PAYLOAD(nlh, &mapping);
	if (xfrm_read_sa_id(&mapping.id, a, &out->sa))
		return -EBADMSG;
	out->sa.encap = true;
	out->sa.encap_sport = ntohs(mapping.new_sport);
	return xfrm_read_address(mapping.id.family, &mapping.new_saddr, &out->sa.saddr);
}

typedef int (*decode_fn)(const struct nlmsghdr *nlh, const struct xfrm_attributes *a,
			 struct xfrm_event *out);

static const struct {
	size_t fixed;
	enum xfrm_event_kind kind;
	decode_fn decode;
} messages[XFRM_NR_MSGTYPES] = {
#define MESSAGE(type, size, kind, fn) [XFRM_MSG_##type - XFRM_MSG_BASE] = { size, kind, fn }
	MESSAGE(NEWSA, sizeof(struct xfrm_usersa_info), XFRM_EVENT_SA, decode_sa),
	MESSAGE(UPDSA, sizeof(struct xfrm_usersa_info), XFRM_EVENT_SA, decode_sa),
	MESSAGE(DELSA, sizeof(struct xfrm_usersa_id), XFRM_EVENT_SA_DELETE, decode_sa_delete),
	MESSAGE(EXPIRE, sizeof(struct xfrm_user_expire), XFRM_EVENT_EXPIRE_SOFT, decode_expire),
	MESSAGE(FLUSHSA, sizeof(struct xfrm_usersa_flush), XFRM_EVENT_SA_FLUSH, decode_sa_flush),
	MESSAGE(NEWPOLICY, sizeof(struct xfrm_userpolicy_info), XFRM_EVENT_POLICY, decode_policy),
	MESSAGE(UPDPOLICY, sizeof(struct xfrm_userpolicy_info), XFRM_EVENT_POLICY, decode_policy),
	MESSAGE(DELPOLICY, sizeof(struct xfrm_userpolicy_id), XFRM_EVENT_POLICY_DELETE,
		decode_policy_delete),
	MESSAGE(POLEXPIRE, sizeof(struct xfrm_user_polexpire), XFRM_EVENT_POLICY_DELETE,
		decode_policy_expire),
	MESSAGE(FLUSHPOLICY, 0, XFRM_EVENT_POLICY_FLUSH, decode_policy_flush),
	MESSAGE(ACQUIRE, sizeof(struct xfrm_user_acquire), XFRM_EVENT_ACQUIRE, decode_acquire),
	MESSAGE(MIGRATE, sizeof(struct xfrm_userpolicy_id), XFRM_EVENT_MIGRATE, decode_migrate),
	MESSAGE(MAPPING, sizeof(struct xfrm_user_mapping), XFRM_EVENT_MAPPING, decode_mapping),
#undef MESSAGE
};

static int decode_xfrm(const struct nlmsghdr *nlh, struct xfrm_event *out)
{
	unsigned type = nlh->nlmsg_type - XFRM_MSG_BASE;
	struct xfrm_attributes a = { { NULL } };

	if (type >= XFRM_NR_MSGTYPES || !messages[type].decode)
		return -ENOMSG;
	if (mnl_nlmsg_get_payload_len(nlh) < messages[type].fixed ||
	    read_attributes(nlh, messages[type].fixed, &a))
		return -EBADMSG;
	out->kind = messages[type].kind;
	return messages[type].decode(nlh, &a, out);
}

static int decode_done(const struct nlmsghdr *nlh, struct xfrm_event *out)
{
	int32_t error = 0;

	if (mnl_nlmsg_get_payload_len(nlh) >= sizeof(error))
		XFRM_COPY_PAYLOAD(nlh, &error);
	if (!error && nlh->nlmsg_flags & NLM_F_DUMP_INTR)
		error = -EINTR;
	out->kind = XFRM_EVENT_DONE;
	out->error = error;
	return 0;
}

static int decode_error(const struct nlmsghdr *nlh, struct xfrm_event *out)
{
	int32_t error;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(error))
		return -EBADMSG;
	XFRM_COPY_PAYLOAD(nlh, &error);
	out->kind = XFRM_EVENT_ERROR;
	out->error = error;
	return 0;
}

static int decode(const struct nlmsghdr *nlh, struct xfrm_event *out)
{
	switch (nlh->nlmsg_type) {
	case NLMSG_NOOP:
		return -ENOMSG;
	case NLMSG_DONE:
		return decode_done(nlh, out);
	case NLMSG_ERROR:
		return decode_error(nlh, out);
	case NLMSG_OVERRUN:
		out->kind = XFRM_EVENT_ERROR;
		out->error = -ENOBUFS;
		return 0;
	}
	return decode_xfrm(nlh, out);
}

int xfrm_decode(const void *buf, size_t len, struct xfrm_event *out, size_t *used)
{
	const struct nlmsghdr *nlh = buf;
	struct xfrm_event e = { 0 };
	size_t whole;
	int err;

	if (len < sizeof(*nlh) || nlh->nlmsg_len < sizeof(*nlh) || nlh->nlmsg_len > len)
		return -EINVAL;
	whole = MNL_ALIGN((size_t)nlh->nlmsg_len);
	if (used)
		*used = whole < len ? whole : len;
	e.sequence = nlh->nlmsg_seq;
	err = decode(nlh, &e);
	if (!err)
		*out = e;
	return err;
}

int xfrm_decode_all(const void *buf, size_t len, unsigned *malformed, xfrm_event_fn fn, void *data)
{
	struct xfrm_event e;
	size_t at = 0, used;

	while (at < len) {
		int err = xfrm_decode((const char *)buf + at, len - at, &e, &used);

		if (malformed && (err == -EBADMSG || err == -EINVAL))
			++*malformed;
		if (err == -EINVAL)
			return 0;
		at += used;
		err = err ? 0 : fn(&e, data);
		if (err)
			return err;
	}
	return 0;
}
