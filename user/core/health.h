/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The health check of a tunnel: does somebody behind it answer? Pure: the caller sends the probes,
 * hands over the answers and says what time it is (ns, monotonic).
 *
 * While the tunnel is in Phase 2 one probe leaves per interval; one that is not answered when the
 * next one is due is lost. So there is at most one to wait for, and a check needs no list of them.
 *
 *  - `retries` probes lost in a row: bad. That is `retries` intervals after the first lost one
 * left.
 *  - One answer is enough for good, as long as the tunnel was not found bad in this Phase 2: a path
 *    that works once after a negotiation has no history that speaks against it.
 *  - Found bad, it takes `retries` answers in a row: a path that loses every other packet must not
 *    come and go. The same number as for the way down, so that there is one to choose.
 *  - Before the first verdict: unknown, which holds no tunnel back. A restarted controller must not
 *    take a tunnel out of service that carries traffic, and a check that was never answered is more
 *    often wrongly configured than right; if it is right, it is bad `retries` intervals later.
 *  - A tunnel that leaves Phase 2 while it is bad is still bad when it returns, until the first
 *    answer: each renegotiation of a dead path would else attract traffic for some intervals.
 *  - A probe that the kernel refused to send says nothing of the path: unknown.
 *
 * Answers are ours by identifier (one per tunnel), by a cookie that only this run of the controller
 * knows, and by their sender. They may come back through another tunnel: the way there is what is
 * checked, for it is the way that we choose.
 */
#ifndef ESPALIER_HEALTH_H
#define ESPALIER_HEALTH_H

#include <stdbool.h>
#include <stdint.h>
#include "prefix.h"
#include "tunnel.h"

/* What a probe carries, and an answer brings back. Host order. */
struct health_probe {
	uint16_t ident;
	uint16_t sequence;
	uint64_t cookie;
};

struct health {
	/* chosen by the caller */
	struct address destination;
	uint16_t ident;
	uint64_t cookie;
	uint64_t interval_ns;
	unsigned retries;

	enum tunnel_health state;   /* UNKNOWN, GOOD or BAD */
	uint64_t since_ns;	    /* of the last change of state */
	bool running;		    /* the tunnel is in Phase 2 and probes can be sent */
	bool first;		    /* neither answered nor found bad since it runs */
	bool waiting;		    /* the last probe may still be answered */
	uint16_t sequence;	    /* of the last probe */
	uint16_t answered_sequence; /* of the last one that was answered */
	uint64_t sent_ns;	    /* likewise */
	uint64_t due_ns;	    /* of the next one */
	unsigned lost_in_row, answered_in_row;

	/* for people */
	uint64_t sent, answered, lost;
	uint64_t late, duplicates; /* answers that counted for nothing */
	uint64_t rtt_last_ns, rtt_min_ns;
	uint64_t rtt_avg_ns; /* moving: each answer weighs an eighth, as in TCP (RFC 6298) */
};

void health_init(struct health *h, const struct address *destination, uint16_t ident,
		 uint64_t cookie, uint64_t now_ns);
/* From the next probe on, which leaves no later than the new interval says. What was counted stays.
 */
void health_set(struct health *h, uint64_t interval_ns, unsigned retries, uint64_t now_ns);

/* The tunnel came into Phase 2 (the first probe is due now), or left it. Nothing when that is
 * known.
 */
void health_start(struct health *h, uint64_t now_ns);
void health_stop(struct health *h, uint64_t now_ns);

/*
 * A probe is due: judges the one before and says what to send. False: it is not yet time (due_ns
 * says when), or the check does not run.
 */
bool health_tick(struct health *h, uint64_t now_ns, struct health_probe *out);
/* That probe left at `now_ns`; or it could not be sent. */
void health_sent(struct health *h, uint64_t now_ns);
void health_refused(struct health *h, uint64_t now_ns);

enum health_verdict {
	HEALTH_COUNTED,
	HEALTH_FOREIGN, /* not an answer to a probe of this check */
	HEALTH_LATE,	/* its probe was lost already */
	HEALTH_DUPLICATE,
};
enum health_verdict health_answer(struct health *h, const struct address *sender,
				  const struct health_probe *p, uint64_t now_ns);

#endif
