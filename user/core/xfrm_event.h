/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel says about SAs and policies, as values: no netlink, no pointers, no key material.
 * wire/xfrm.c makes them of bytes, phase2.c keeps what they say. SPIs, ports, ids in host order.
 */
#ifndef ESPALIER_XFRM_EVENT_H
#define ESPALIER_XFRM_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "prefix.h"

#define XFRM_TEMPLATES	   6  /* the kernel's XFRM_MAX_DEPTH */
#define XFRM_ALGORITHM_LEN 64 /* with its NUL */
#define XFRM_NO_CPU	   0xffffu
#define XFRM_UNLIMITED	   UINT64_MAX

/* What identifies an SA in the kernel. The family is the address's. */
struct xfrm_sa_id {
	struct address daddr;
	uint32_t spi;
	uint8_t proto; /* IPPROTO_ESP, ... */
	uint32_t mark;
	uint32_t mark_mask;
};

enum xfrm_direction {
	XFRM_DIRECTION_UNKNOWN, /* kernels before 6.10, or an IKE daemon that does not say */
	XFRM_DIRECTION_IN,
	XFRM_DIRECTION_OUT,
};

struct xfrm_algorithm {
	char name[XFRM_ALGORITHM_LEN]; /* the kernel's: "rfc4106(gcm(aes))"; empty: none */
	uint32_t key_bits;
};

struct xfrm_lifetime {
	uint64_t soft_bytes, hard_bytes, soft_packets, hard_packets; /* XFRM_UNLIMITED: none */
	uint64_t soft_add, hard_add, soft_use, hard_use;	     /* seconds; 0: none */
};

struct xfrm_usage {
	uint64_t bytes, packets;
	uint64_t add_time, use_time; /* wall clock, seconds; use_time 0: never */
};

struct xfrm_sa {
	struct xfrm_sa_id id;
	struct address saddr;
	uint32_t if_id; /* 0: none */
	uint32_t reqid; /* for display; identifies nothing */
	enum xfrm_direction direction;
	uint32_t cpu; /* that it is for [RFC 9611]; XFRM_NO_CPU: for any */
	uint8_t mode;
	bool larval; /* negotiation has begun, no keys yet: carries nothing */
	struct xfrm_algorithm aead, crypt, auth;
	bool encap; /* NAT-T: ESP in UDP */
	uint16_t encap_sport, encap_dport;
	bool esn;
	uint32_t replay_window;
	uint64_t sent_seq, received_seq;		     /* 64 bits with ESN, else 32 */
	uint32_t replayed, outside_window, integrity_failed; /* dropped packets */
	struct xfrm_lifetime lifetime;
	struct xfrm_usage usage;
};

enum xfrm_policy_direction { XFRM_DIR_IN, XFRM_DIR_OUT, XFRM_DIR_FWD };

/* One SA that a policy asks for. */
struct xfrm_template {
	struct address saddr, daddr; /* family 0: any */
	uint32_t spi;		     /* 0: any */
	uint32_t reqid;
	uint8_t proto;
	uint8_t mode;
};

struct xfrm_policy {
	uint32_t index;	   /* unique in the kernel; keeps on update */
	uint8_t direction; /* enum xfrm_policy_direction, or higher: a socket's */
	bool block;	   /* drops what it selects */
	uint32_t if_id;
	uint32_t mark, mark_mask;
	uint32_t priority;
	uint8_t family; /* of the selector */
	struct prefix source, destination;
	struct xfrm_template templates[XFRM_TEMPLATES];
	uint8_t template_count;
};

enum xfrm_event_kind {
	XFRM_EVENT_SA,		  /* NEWSA or UPDSA: there is such an SA */
	XFRM_EVENT_SA_DELETE,	  /* id and if_id; the rest as the kernel gave it */
	XFRM_EVENT_EXPIRE_SOFT,	  /* time to rekey; the SA stays */
	XFRM_EVENT_EXPIRE_HARD,	  /* the SA is gone; no SA_DELETE follows */
	XFRM_EVENT_SA_FLUSH,	  /* all of `proto` are gone */
	XFRM_EVENT_POLICY,	  /* NEWPOLICY or UPDPOLICY */
	XFRM_EVENT_POLICY_DELETE, /* also a policy's hard expiry */
	XFRM_EVENT_POLICY_FLUSH,
	XFRM_EVENT_ACQUIRE, /* sa.id, sa.saddr, sa.if_id: a packet waits for an SA */
	XFRM_EVENT_MIGRATE, /* addresses of SAs changed; says not which SAs */
	XFRM_EVENT_MAPPING, /* NAT: the peer of sa.id now sends from another address or port */
	XFRM_EVENT_DONE,    /* end of a dump */
	XFRM_EVENT_ERROR,   /* answer to a request; error 0: success */
};

struct xfrm_event {
	enum xfrm_event_kind kind;
	uint32_t sequence; /* of the request that this answers, or that led to this, whosever */
	bool update;	   /* SA, POLICY: UPDSA, UPDPOLICY */
	union {
		struct xfrm_sa sa;
		struct xfrm_policy policy;
		uint8_t proto; /* SA_FLUSH: 0 or 255: all */
		int error;     /* DONE, ERROR: 0 or -errno */
	};
};

typedef int (*xfrm_event_fn)(const struct xfrm_event *event, void *data);

/* "NEWSA", "UPDSA", ...: the message that it came of. */
const char *xfrm_event_name(const struct xfrm_event *event);

bool xfrm_sa_id_equal(const struct xfrm_sa_id *a, const struct xfrm_sa_id *b);

/* As the kernel names it: the AEAD, or the cipher. "" when there is none. */
const char *xfrm_sa_cipher(const struct xfrm_sa *sa);
uint32_t xfrm_sa_cipher_bits(const struct xfrm_sa *sa);

#endif
