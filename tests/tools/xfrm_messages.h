/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * XFRM notifications as the kernel builds them (net/xfrm/xfrm_user.c: same structs, same order of
 * attributes), from the values that wire/xfrm.c makes of them again. For tests and their tools.
 */
#ifndef ESPALIER_XFRM_MESSAGES_H
#define ESPALIER_XFRM_MESSAGES_H

#include <arpa/inet.h>
#include <string.h>
#include <libmnl/libmnl.h>
#include "../../user/wire/xfrm.h"

#define MESSAGE_MAX 2048
#define MAYBE	    __attribute__((unused)) static

static inline struct nlmsghdr *message_begin(void *buf, uint16_t type)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);

	nlh->nlmsg_type = type;
	return nlh;
}

static inline xfrm_address_t message_address(const struct address *a)
{
	xfrm_address_t to;

	memcpy(&to, a->bytes, sizeof(to));
	return to;
}

static inline void message_fill_sa(struct xfrm_usersa_info *to, const struct xfrm_sa *sa)
{
	const struct xfrm_lifetime *l = &sa->lifetime;

	memset(to, 0, sizeof(*to));
	to->sel.family = sa->id.daddr.family;
	to->id.daddr = message_address(&sa->id.daddr);
	to->id.spi = htonl(sa->id.spi);
	to->id.proto = sa->id.proto;
	to->saddr = message_address(&sa->saddr);
	to->lft = (struct xfrm_lifetime_cfg){ l->soft_bytes,   l->hard_bytes, l->soft_packets,
					      l->hard_packets, l->soft_add,   l->hard_add,
					      l->soft_use,     l->hard_use };
	to->curlft = (struct xfrm_lifetime_cur){ sa->usage.bytes, sa->usage.packets,
						 sa->usage.add_time, sa->usage.use_time };
	to->stats = (struct xfrm_stats){ sa->outside_window, sa->replayed, sa->integrity_failed };
	to->reqid = sa->reqid;
	to->family = sa->id.daddr.family;
	to->mode = sa->mode;
	to->replay_window = sa->esn ? 0 : (uint8_t)sa->replay_window;
	to->flags = sa->esn ? XFRM_STATE_ESN : 0;
}

/* A key of 0xaa: whoever sees it in an event has found a leak. */
static inline void message_put_algorithm(struct nlmsghdr *nlh, uint16_t type, size_t head,
					 const struct xfrm_algorithm *algorithm)
{
	uint8_t buf[sizeof(struct xfrm_algo_aead) + 128];
	size_t key = (algorithm->key_bits + 7) / 8;

	if (!algorithm->name[0])
		return;
	memset(buf, 0, head);
	memset(buf + head, 0xaa, sizeof(buf) - head);
	memcpy(buf, algorithm->name, sizeof(algorithm->name));
	memcpy(buf + 64, &algorithm->key_bits, sizeof(algorithm->key_bits));
	mnl_attr_put(nlh, type, head + (key < 96 ? key : 96), buf);
}

static inline void message_put_algorithms(struct nlmsghdr *nlh, const struct xfrm_sa *sa)
{
	message_put_algorithm(nlh, XFRMA_ALG_AEAD, sizeof(struct xfrm_algo_aead), &sa->aead);
	message_put_algorithm(nlh, XFRMA_ALG_AUTH, sizeof(struct xfrm_algo), &sa->auth);
	message_put_algorithm(nlh, XFRMA_ALG_AUTH_TRUNC, sizeof(struct xfrm_algo_auth), &sa->auth);
	message_put_algorithm(nlh, XFRMA_ALG_CRYPT, sizeof(struct xfrm_algo), &sa->crypt);
}

static inline void message_put_replay(struct nlmsghdr *nlh, const struct xfrm_sa *sa)
{
	struct xfrm_replay_state_esn esn = {
		.bmp_len = 1,
		.oseq = (uint32_t)sa->sent_seq,
		.seq = (uint32_t)sa->received_seq,
		.oseq_hi = (uint32_t)(sa->sent_seq >> 32),
		.seq_hi = (uint32_t)(sa->received_seq >> 32),
		.replay_window = sa->replay_window,
	};
	uint8_t with_bitmap[sizeof(esn) + sizeof(uint32_t)] = { 0 };
	struct xfrm_replay_state plain = { .oseq = (uint32_t)sa->sent_seq,
					   .seq = (uint32_t)sa->received_seq };

	memcpy(with_bitmap, &esn, sizeof(esn));
	if (sa->esn)
		mnl_attr_put(nlh, XFRMA_REPLAY_ESN_VAL, sizeof(with_bitmap), with_bitmap);
	else
		mnl_attr_put(nlh, XFRMA_REPLAY_VAL, sizeof(plain), &plain);
}

static inline void message_put_mark(struct nlmsghdr *nlh, uint32_t value, uint32_t mask)
{
	struct xfrm_mark mark = { value, mask };

	if (mark.v | mark.m)
		mnl_attr_put(nlh, XFRMA_MARK, sizeof(mark), &mark);
}

static inline void message_put_if_id(struct nlmsghdr *nlh, uint32_t if_id)
{
	if (if_id)
		mnl_attr_put_u32(nlh, XFRMA_IF_ID, if_id);
}

static inline void message_put_direction(struct nlmsghdr *nlh, const struct xfrm_sa *sa)
{
	if (sa->direction != XFRM_DIRECTION_UNKNOWN)
		mnl_attr_put_u8(nlh, ESPALIER_XFRMA_SA_DIR,
				sa->direction == XFRM_DIRECTION_IN ? ESPALIER_XFRM_SA_DIR_IN
								   : ESPALIER_XFRM_SA_DIR_OUT);
}

static inline void message_put_cpu(struct nlmsghdr *nlh, const struct xfrm_sa *sa)
{
	if (sa->cpu != XFRM_NO_CPU)
		mnl_attr_put_u32(nlh, ESPALIER_XFRMA_SA_PCPU, sa->cpu);
}

/* What the kernel puts behind every description of an SA, but EXPIRE's. */
static inline void message_put_sa_extra(struct nlmsghdr *nlh, const struct xfrm_sa *sa)
{
	struct xfrm_encap_tmpl encap = { .encap_type = 2, /* UDP_ENCAP_ESPINUDP */
					 .encap_sport = htons(sa->encap_sport),
					 .encap_dport = htons(sa->encap_dport) };

	message_put_algorithms(nlh, sa);
	if (sa->encap)
		mnl_attr_put(nlh, XFRMA_ENCAP, sizeof(encap), &encap);
	message_put_replay(nlh, sa);
	message_put_mark(nlh, sa->id.mark, sa->id.mark_mask);
	message_put_if_id(nlh, sa->if_id);
	message_put_direction(nlh, sa);
	message_put_cpu(nlh, sa);
}

/* NEWSA, UPDSA. */
MAYBE size_t message_sa(void *buf, uint16_t type, const struct xfrm_sa *sa)
{
	struct nlmsghdr *nlh = message_begin(buf, type);
	struct xfrm_usersa_info info;

	message_fill_sa(&info, sa);
	memcpy(mnl_nlmsg_put_extra_header(nlh, sizeof(info)), &info, sizeof(info));
	message_put_sa_extra(nlh, sa);
	return nlh->nlmsg_len;
}

static inline void message_fill_id(struct xfrm_usersa_id *to, const struct xfrm_sa_id *id)
{
	to->daddr = message_address(&id->daddr);
	to->spi = htonl(id->spi);
	to->family = id->daddr.family;
	to->proto = id->proto;
}

MAYBE size_t message_sa_delete(void *buf, const struct xfrm_sa *sa)
{
	struct nlmsghdr *nlh = message_begin(buf, XFRM_MSG_DELSA);
	struct xfrm_usersa_info info;

	message_fill_id(mnl_nlmsg_put_extra_header(nlh, sizeof(struct xfrm_usersa_id)), &sa->id);
	message_fill_sa(&info, sa);
	mnl_attr_put(nlh, XFRMA_SA, sizeof(info), &info);
	message_put_sa_extra(nlh, sa);
	return nlh->nlmsg_len;
}

/* No algorithms, no replay state. */
MAYBE size_t message_expire(void *buf, const struct xfrm_sa *sa, bool hard)
{
	struct nlmsghdr *nlh = message_begin(buf, XFRM_MSG_EXPIRE);
	struct xfrm_user_expire *to = mnl_nlmsg_put_extra_header(nlh, sizeof(*to));
	struct xfrm_usersa_info info;

	message_fill_sa(&info, sa);
	memcpy(to, &info, sizeof(info));
	to->hard = hard;
	message_put_mark(nlh, sa->id.mark, sa->id.mark_mask);
	message_put_if_id(nlh, sa->if_id);
	message_put_direction(nlh, sa);
	return nlh->nlmsg_len;
}

MAYBE size_t message_sa_flush(void *buf, uint8_t proto)
{
	struct nlmsghdr *nlh = message_begin(buf, XFRM_MSG_FLUSHSA);
	struct xfrm_usersa_flush *to = mnl_nlmsg_put_extra_header(nlh, sizeof(*to));

	to->proto = proto;
	return nlh->nlmsg_len;
}

static inline void message_fill_policy(struct xfrm_userpolicy_info *to, const struct xfrm_policy *p)
{
	memset(to, 0, sizeof(*to));
	to->sel.family = p->family;
	to->sel.saddr = message_address(&p->source.address);
	to->sel.prefixlen_s = p->source.len;
	to->sel.daddr = message_address(&p->destination.address);
	to->sel.prefixlen_d = p->destination.len;
	to->lft.soft_byte_limit = to->lft.hard_byte_limit = XFRM_INF;
	to->lft.soft_packet_limit = to->lft.hard_packet_limit = XFRM_INF;
	to->priority = p->priority;
	to->index = p->index;
	to->dir = p->direction;
	to->action = p->block ? XFRM_POLICY_BLOCK : XFRM_POLICY_ALLOW;
}

static inline void message_put_policy_extra(struct nlmsghdr *nlh, const struct xfrm_policy *p)
{
	struct xfrm_user_tmpl to[XFRM_TEMPLATES];

	memset(to, 0, sizeof(to));
	for (unsigned i = 0; i < p->template_count; i++) {
		const struct xfrm_template *from = &p->templates[i];

		to[i].id.daddr = message_address(&from->daddr);
		to[i].id.spi = htonl(from->spi);
		to[i].id.proto = from->proto;
		to[i].family = from->daddr.family ? from->daddr.family : p->family;
		to[i].saddr = message_address(&from->saddr);
		to[i].reqid = from->reqid;
		to[i].mode = from->mode;
		to[i].aalgos = to[i].ealgos = to[i].calgos = UINT32_MAX;
	}
	if (p->template_count)
		mnl_attr_put(nlh, XFRMA_TMPL, p->template_count * sizeof(to[0]), to);
	message_put_mark(nlh, p->mark, p->mark_mask);
	message_put_if_id(nlh, p->if_id);
}

/* For everything through one tunnel. The kernel's index has the direction in its low three bits. */
MAYBE struct xfrm_policy message_tunnel_policy(uint32_t if_id, enum xfrm_policy_direction d,
					       uint8_t family, const struct address *from,
					       const struct address *to, uint32_t spi)
{
	return (struct xfrm_policy){
		.index = if_id * 16 + (family == AF_INET6) * 8 + d,
		.direction = (uint8_t)d,
		.if_id = if_id,
		.priority = 399999,
		.family = family,
		.source = { { .family = family }, 0 },
		.destination = { { .family = family }, 0 },
		.template_count = 1,
		.templates = { { *from, *to, spi, 1, IPPROTO_ESP, XFRM_MODE_TUNNEL } },
	};
}

/* NEWPOLICY, UPDPOLICY. */
MAYBE size_t message_policy(void *buf, uint16_t type, const struct xfrm_policy *p)
{
	struct nlmsghdr *nlh = message_begin(buf, type);
	struct xfrm_userpolicy_info info;

	message_fill_policy(&info, p);
	memcpy(mnl_nlmsg_put_extra_header(nlh, sizeof(info)), &info, sizeof(info));
	message_put_policy_extra(nlh, p);
	return nlh->nlmsg_len;
}

/* As strongSwan deletes: by selector, so the fixed part has no index. */
MAYBE size_t message_policy_delete(void *buf, const struct xfrm_policy *p)
{
	struct nlmsghdr *nlh = message_begin(buf, XFRM_MSG_DELPOLICY);
	struct xfrm_userpolicy_id *to = mnl_nlmsg_put_extra_header(nlh, sizeof(*to));
	struct xfrm_userpolicy_info info;

	message_fill_policy(&info, p);
	to->sel = info.sel;
	to->dir = p->direction;
	mnl_attr_put(nlh, XFRMA_POLICY, sizeof(info), &info);
	message_put_policy_extra(nlh, p);
	return nlh->nlmsg_len;
}

MAYBE size_t message_policy_expire(void *buf, const struct xfrm_policy *p, bool hard)
{
	struct nlmsghdr *nlh = message_begin(buf, XFRM_MSG_POLEXPIRE);
	struct xfrm_user_polexpire *to = mnl_nlmsg_put_extra_header(nlh, sizeof(*to));
	struct xfrm_userpolicy_info info;

	message_fill_policy(&info, p);
	memcpy(to, &info, sizeof(info));
	to->hard = hard;
	message_put_policy_extra(nlh, p);
	return nlh->nlmsg_len;
}

MAYBE size_t message_policy_flush(void *buf)
{
	return message_begin(buf, XFRM_MSG_FLUSHPOLICY)->nlmsg_len;
}

/* The packet's family is the policy's, the SA's that of the template. */
MAYBE size_t message_acquire(void *buf, const struct xfrm_sa *sa, const struct xfrm_policy *p)
{
	struct nlmsghdr *nlh = message_begin(buf, XFRM_MSG_ACQUIRE);
	struct xfrm_user_acquire *to = mnl_nlmsg_put_extra_header(nlh, sizeof(*to));
	struct xfrm_user_acquire acquire;

	memset(&acquire, 0, sizeof(acquire));
	acquire.id.daddr = message_address(&sa->id.daddr);
	acquire.id.spi = htonl(sa->id.spi);
	acquire.id.proto = sa->id.proto;
	acquire.saddr = message_address(&sa->saddr);
	acquire.sel.family = p->family;
	message_fill_policy(&acquire.policy, p);
	memcpy(to, &acquire, sizeof(acquire));
	message_put_policy_extra(nlh, p);
	return nlh->nlmsg_len;
}

MAYBE size_t message_migrate(void *buf, const struct xfrm_policy *p)
{
	struct nlmsghdr *nlh = message_begin(buf, XFRM_MSG_MIGRATE);
	struct xfrm_userpolicy_id *to = mnl_nlmsg_put_extra_header(nlh, sizeof(*to));
	struct xfrm_user_migrate migrate = { .proto = IPPROTO_ESP, .mode = XFRM_MODE_TUNNEL };

	to->dir = p->direction;
	mnl_attr_put(nlh, XFRMA_MIGRATE, sizeof(migrate), &migrate);
	return nlh->nlmsg_len;
}

/* The peer of `sa` now sends from sa->saddr, port sa->encap_sport. */
MAYBE size_t message_mapping(void *buf, const struct xfrm_sa *sa)
{
	struct nlmsghdr *nlh = message_begin(buf, XFRM_MSG_MAPPING);
	struct xfrm_user_mapping *to = mnl_nlmsg_put_extra_header(nlh, sizeof(*to));

	message_fill_id(&to->id, &sa->id);
	to->reqid = sa->reqid;
	to->new_saddr = message_address(&sa->saddr);
	to->new_sport = htons(sa->encap_sport);
	return nlh->nlmsg_len;
}

/* DONE, ERROR, OVERRUN. */
MAYBE size_t message_control(void *buf, uint16_t type, int error)
{
	struct nlmsghdr *nlh = message_begin(buf, type);
	struct nlmsgerr *to = mnl_nlmsg_put_extra_header(nlh, sizeof(*to));

	to->error = error;
	return nlh->nlmsg_len;
}

#endif
