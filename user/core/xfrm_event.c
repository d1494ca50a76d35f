/* SPDX-License-Identifier: GPL-2.0-only */
#include "xfrm_event.h"

const char *xfrm_event_name(const struct xfrm_event *event)
{
	switch (event->kind) {
	case XFRM_EVENT_SA:
		return event->update ? "UPDSA" : "NEWSA";
	case XFRM_EVENT_SA_DELETE:
		return "DELSA";
	case XFRM_EVENT_EXPIRE_SOFT:
		return "EXPIRE soft";
	case XFRM_EVENT_EXPIRE_HARD:
		return "EXPIRE hard";
	case XFRM_EVENT_SA_FLUSH:
		return "FLUSHSA";
	case XFRM_EVENT_POLICY:
		return event->update ? "UPDPOLICY" : "NEWPOLICY";
	case XFRM_EVENT_POLICY_DELETE:
		return "DELPOLICY";
	case XFRM_EVENT_POLICY_FLUSH:
		return "FLUSHPOLICY";
	case XFRM_EVENT_ACQUIRE:
		return "ACQUIRE";
	case XFRM_EVENT_MIGRATE:
		return "MIGRATE";
	case XFRM_EVENT_MAPPING:
		return "MAPPING";
	case XFRM_EVENT_DONE:
		return "DONE";
	case XFRM_EVENT_ERROR:
		return "ERROR";
	}
	return "?";
}

bool xfrm_sa_id_equal(const struct xfrm_sa_id *a, const struct xfrm_sa_id *b)
{
	return a->spi == b->spi && a->proto == b->proto && a->mark == b->mark &&
	       a->mark_mask == b->mark_mask && address_equal(&a->daddr, &b->daddr);
}

static const struct xfrm_algorithm *cipher(const struct xfrm_sa *sa)
{
	return sa->aead.name[0] ? &sa->aead : &sa->crypt;
}

const char *xfrm_sa_cipher(const struct xfrm_sa *sa)
{
	return cipher(sa)->name;
}

uint32_t xfrm_sa_cipher_bits(const struct xfrm_sa *sa)
{
	return cipher(sa)->key_bits;
}
