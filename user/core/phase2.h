/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Is a tunnel in Phase 2? The SAs and policies of the kernel, and what follows from them per tunnel
 * [D3]. Fed with events, knows no clock and no socket; the kernel is the truth, this is a copy.
 *
 * A tunnel is up iff there is a valid inbound SA for its if_id, a valid outbound SA, and an
 * outbound policy that leads to it. Valid: ESP, not larval (the ACQ state of a waiting packet is
 * larval, too), not hard-expired. Where the policy's template names an SPI, only the SA with that
 * SPI is the outbound one: leftovers of a crashed IKE daemon have the same if_id and do not count.
 * Deletion of an SA that has a replacement changes nothing: the question is what is left, never
 * what went. Several outbound policies (one per family): up while one of them leads to an SA.
 *
 * Direction: as the kernel says (XFRMA_SA_DIR), else by the tunnel's addresses. Never the reqid.
 *
 * A fall is reported at once. Whoever wants to delay the consequences (hold-down) delays those.
 */
#ifndef ESPALIER_PHASE2_H
#define ESPALIER_PHASE2_H

#include "xfrm_event.h"

struct phase2;

/* What identifies a tunnel's SAs. */
struct phase2_tunnel {
	uint32_t if_id_in, if_id_out; /* mostly equal; not 0 */
	struct address local, remote; /* of the underlay */
};

enum phase2_status {
	PHASE2_DOWN,
	PHASE2_NEGOTIATING, /* larval, or not everything that D3 asks for */
	PHASE2_UP,
	PHASE2_REKEYING, /* up, more than one valid SA in a direction */
	PHASE2_EXPIRING, /* up, soft-expired without replacement */
};

/* Why a tunnel is not up: the first that is missing. */
enum phase2_missing {
	PHASE2_COMPLETE,
	PHASE2_NO_SA,	     /* neither direction */
	PHASE2_NO_INBOUND,   /* strongSwan #1896 the other way round */
	PHASE2_NO_OUTBOUND,  /* strongSwan #1896, #2477 */
	PHASE2_NO_POLICY,    /* no outbound policy for the if_id */
	PHASE2_POLICY_NO_SA, /* the outbound policy names an SPI that is not there */
};

/* The message, or the act, that led to a state. */
enum phase2_cause {
	PHASE2_CONFIGURED,
	PHASE2_NEWSA,
	PHASE2_UPDSA,
	PHASE2_DELSA,
	PHASE2_EXPIRE_SOFT,
	PHASE2_EXPIRE_HARD,
	PHASE2_FLUSHSA,
	PHASE2_NEWPOLICY,
	PHASE2_UPDPOLICY,
	PHASE2_DELPOLICY,
	PHASE2_FLUSHPOLICY,
	PHASE2_RESYNC, /* found by a dump: the message itself was lost, or came before us */
};

struct phase2_state {
	enum phase2_status status;
	bool up;
	enum phase2_missing missing;
	enum phase2_cause cause;	      /* of the last change of status */
	uint64_t since_ns;		      /* of the last change of status */
	uint64_t up_since_ns;		      /* of the last change of up */
	uint64_t flaps;			      /* times that it fell from up */
	uint32_t spi_in;		      /* newest valid inbound SA, 0: none */
	uint32_t spi_out;		      /* the outbound SA in use, 0: none */
	unsigned valid_in, valid_out, larval; /* SAs */
	unsigned policies_out;
};

struct phase2_change {
	uint32_t tunnel;
	bool was_up, up;
	enum phase2_status was, status;
};

/* 0 or -ENOMEM. */
int phase2_new(struct phase2 **out);
void phase2_free(struct phase2 *p);

/*
 * Watches a tunnel, by any number of the caller's, or changes what it watches. SAs that are already
 * known count at once. The new state is reported as a change even when it is "down". 0, -EINVAL
 * (if_id 0), -ENOMEM.
 */
int phase2_watch(struct phase2 *p, uint32_t tunnel, const struct phase2_tunnel *t, uint64_t now_ns);
void phase2_unwatch(struct phase2 *p, uint32_t tunnel);

/*
 * Takes in one event, from a notification or from a dump. 0; or PHASE2_NEEDS_DUMP when the event
 * does not say enough (MIGRATE); or -ENOMEM, after which a dump is needed too.
 */
#define PHASE2_NEEDS_DUMP 1
int phase2_apply(struct phase2 *p, const struct xfrm_event *e, uint64_t now_ns);

/*
 * Mark and sweep around a dump. Between begin and end no state is judged, so that events from
 * before the dump, applied after it, cannot make a tunnel fall that never fell. The order is:
 * begin, all of both dumps, the notifications buffered meanwhile, end. What neither mentioned is
 * gone.
 */
struct phase2_drift {
	unsigned removed; /* SAs and policies that were gone without a message */
	unsigned added;	  /* those that were not known */
};
void phase2_begin_dump(struct phase2 *p);
/* The dump's replies are all in: what the notifications behind them tell of is no drift. */
void phase2_end_replies(struct phase2 *p);
void phase2_end_dump(struct phase2 *p, uint64_t now_ns, struct phase2_drift *drift /* or NULL */);
/* The dump failed: nothing is swept, what was learned is kept and judged. */
void phase2_abort_dump(struct phase2 *p, uint64_t now_ns);

/* Takes the oldest change that was not yet taken. Changes of one tunnel are merged into one. Other
 * inbound SAs than before are a change, too, with the same status. */
bool phase2_take_change(struct phase2 *p, struct phase2_change *out);

/* NULL: not watched. Valid until the next call that changes `p`. */
const struct phase2_state *phase2_state(const struct phase2 *p, uint32_t tunnel);

/* The SAs of a tunnel, inbound first, each direction by age, oldest first. */
struct phase2_sa {
	struct xfrm_sa sa;
	enum xfrm_direction direction; /* as judged */
	bool in_use; /* inbound: the newest; outbound: the one that the policy leads to */
	bool soft_expired;
	uint64_t seen_ns; /* when it was first heard of */
};
typedef int (*phase2_sa_fn)(const struct phase2_sa *sa, void *data);
/* A callback's non-zero return ends the walk and is returned. -ENOENT: not watched. -ENOMEM. */
int phase2_each_sa(const struct phase2 *p, uint32_t tunnel, phase2_sa_fn fn, void *data);

/* All that is known, watched or not. */
unsigned phase2_sa_count(const struct phase2 *p);
unsigned phase2_policy_count(const struct phase2 *p);

/* Words for people: "up", "no inbound SA", "DELSA". */
const char *phase2_status_name(enum phase2_status s);
const char *phase2_missing_text(enum phase2_missing m);
const char *phase2_cause_name(enum phase2_cause c);

#endif
