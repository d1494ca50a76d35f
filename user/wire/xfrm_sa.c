/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's description of an SA → struct xfrm_sa. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include "xfrm_internal.h"

int xfrm_read_address(uint16_t family, const xfrm_address_t *from, struct address *out)
{
	struct address a = { .family = (uint8_t)family };

	if (family != AF_INET && family != AF_INET6)
		return -EBADMSG;
	memcpy(a.bytes, from, family == AF_INET ? 4 : 16);
	*out = a;
	return 0;
}

uint32_t xfrm_read_if_id(const struct xfrm_attributes *a)
{
	const struct nlattr *attr = a->by_type[XFRMA_IF_ID];

	return attr ? mnl_attr_get_u32(attr) : 0;
}

struct xfrm_mark xfrm_read_mark(const struct xfrm_attributes *a)
{
	const struct nlattr *attr = a->by_type[XFRMA_MARK];
	struct xfrm_mark mark = { 0, 0 };

	if (attr)
		XFRM_COPY_ATTRIBUTE(attr, &mark);
	return mark;
}

/* struct xfrm_algo, xfrm_algo_auth and xfrm_algo_aead all begin with name and key length; the key
 * behind them stays where it is. */
static void read_algorithm(const struct nlattr *attr, struct xfrm_algorithm *out)
{
	struct xfrm_algo head;

	if (!attr)
		return;
	XFRM_COPY_ATTRIBUTE(attr, &head);
	memcpy(out->name, head.alg_name, sizeof(out->name) - 1);
	out->name[sizeof(out->name) - 1] = '\0';
	out->key_bits = head.alg_key_len;
}
_Static_assert(sizeof(((struct xfrm_algo *)0)->alg_name) == XFRM_ALGORITHM_LEN, "name");

static void read_algorithms(const struct xfrm_attributes *a, struct xfrm_sa *sa)
{
	const struct nlattr *auth = a->by_type[XFRMA_ALG_AUTH_TRUNC];

	read_algorithm(a->by_type[XFRMA_ALG_AEAD], &sa->aead);
	read_algorithm(a->by_type[XFRMA_ALG_CRYPT], &sa->crypt);
	read_algorithm(auth ? auth : a->by_type[XFRMA_ALG_AUTH], &sa->auth);
}

static enum xfrm_direction read_direction(const struct xfrm_attributes *a)
{
	const struct nlattr *attr = a->by_type[ESPALIER_XFRMA_SA_DIR];

	if (!attr)
		return XFRM_DIRECTION_UNKNOWN;
	switch (mnl_attr_get_u8(attr)) {
	case ESPALIER_XFRM_SA_DIR_IN:
		return XFRM_DIRECTION_IN;
	case ESPALIER_XFRM_SA_DIR_OUT:
		return XFRM_DIRECTION_OUT;
	}
	return XFRM_DIRECTION_UNKNOWN;
}

/* Linux 6.13 and later. Not there: of no CPU in particular. */
static uint32_t read_cpu(const struct xfrm_attributes *a)
{
	const struct nlattr *attr = a->by_type[ESPALIER_XFRMA_SA_PCPU];
	uint32_t cpu = attr ? mnl_attr_get_u32(attr) : XFRM_NO_CPU;

	return cpu < XFRM_NO_CPU ? cpu : XFRM_NO_CPU;
}

static void read_encap(const struct xfrm_attributes *a, struct xfrm_sa *sa)
{
	struct xfrm_encap_tmpl encap;

	if (!a->by_type[XFRMA_ENCAP])
		return;
	XFRM_COPY_ATTRIBUTE(a->by_type[XFRMA_ENCAP], &encap);
	sa->encap = true;
	sa->encap_sport = ntohs(encap.encap_sport);
	sa->encap_dport = ntohs(encap.encap_dport);
}

/* Large windows use the ESN form without extended numbers, too: only the flag tells. */
static void read_replay_esn(const struct nlattr *attr, struct xfrm_sa *sa)
{
	struct xfrm_replay_state_esn esn;

	XFRM_COPY_ATTRIBUTE(attr, &esn);
	sa->replay_window = esn.replay_window;
	sa->sent_seq = esn.oseq;
	sa->received_seq = esn.seq;
	if (!sa->esn)
		return;
	sa->sent_seq |= (uint64_t)esn.oseq_hi << 32;
	sa->received_seq |= (uint64_t)esn.seq_hi << 32;
}

static void read_replay(const struct xfrm_attributes *a, struct xfrm_sa *sa)
{
	struct xfrm_replay_state replay;

	if (a->by_type[XFRMA_REPLAY_ESN_VAL]) {
		read_replay_esn(a->by_type[XFRMA_REPLAY_ESN_VAL], sa);
		return;
	}
	if (!a->by_type[XFRMA_REPLAY_VAL])
		return;
	XFRM_COPY_ATTRIBUTE(a->by_type[XFRMA_REPLAY_VAL], &replay);
	sa->sent_seq = replay.oseq;
	sa->received_seq = replay.seq;
}

static struct xfrm_lifetime read_lifetime(const struct xfrm_lifetime_cfg *l)
{
	return (struct xfrm_lifetime){
		.soft_bytes = l->soft_byte_limit,
		.hard_bytes = l->hard_byte_limit,
		.soft_packets = l->soft_packet_limit,
		.hard_packets = l->hard_packet_limit,
		.soft_add = l->soft_add_expires_seconds,
		.hard_add = l->hard_add_expires_seconds,
		.soft_use = l->soft_use_expires_seconds,
		.hard_use = l->hard_use_expires_seconds,
	};
}

static struct xfrm_usage read_usage(const struct xfrm_lifetime_cur *l)
{
	return (struct xfrm_usage){ l->bytes, l->packets, l->add_time, l->use_time };
}

static void read_numbers(const struct xfrm_usersa_info *info, struct xfrm_sa *sa)
{
	sa->reqid = info->reqid;
	sa->mode = info->mode;
	sa->esn = info->flags & XFRM_STATE_ESN;
	sa->replay_window = info->replay_window;
	sa->replayed = info->stats.replay;
	sa->outside_window = info->stats.replay_window;
	sa->integrity_failed = info->stats.integrity_failed;
	sa->lifetime = read_lifetime(&info->lft);
	sa->usage = read_usage(&info->curlft);
}

static void read_id(const struct xfrm_attributes *a, uint32_t spi, uint8_t proto,
		    struct xfrm_sa_id *id)
{
	struct xfrm_mark mark = xfrm_read_mark(a);

	id->spi = ntohl(spi);
	id->proto = proto;
	id->mark = mark.v;
	id->mark_mask = mark.m;
}

int xfrm_read_sa(const struct xfrm_usersa_info *info, const struct xfrm_attributes *a,
		 struct xfrm_sa *out)
{
	struct xfrm_sa sa = { .if_id = xfrm_read_if_id(a), .direction = read_direction(a) };

	if (xfrm_read_address(info->family, &info->id.daddr, &sa.id.daddr) ||
	    xfrm_read_address(info->family, &info->saddr, &sa.saddr))
		return -EBADMSG;
	read_id(a, info->id.spi, info->id.proto, &sa.id);
	read_numbers(info, &sa);
	read_algorithms(a, &sa);
	read_encap(a, &sa);
	read_replay(a, &sa);
	sa.cpu = read_cpu(a);
	sa.larval = !sa.id.spi || !(sa.aead.name[0] || sa.crypt.name[0] || sa.auth.name[0]);
	*out = sa;
	return 0;
}

int xfrm_read_sa_id(const struct xfrm_usersa_id *id, const struct xfrm_attributes *a,
		    struct xfrm_sa *out)
{
	struct xfrm_sa sa = { .if_id = xfrm_read_if_id(a),
			      .direction = read_direction(a),
			      .cpu = XFRM_NO_CPU };

	if (xfrm_read_address(id->family, &id->daddr, &sa.id.daddr))
		return -EBADMSG;
	read_id(a, id->spi, id->proto, &sa.id);
	*out = sa;
	return 0;
}
