/* SPDX-License-Identifier: GPL-2.0-only */
#include "health.h"

#define RTT_WEIGHT 8 /* an eighth */

void health_init(struct health *h, const struct address *destination, uint16_t ident,
		 uint64_t cookie, uint64_t now_ns)
{
	*h = (struct health){
		.destination = *destination,
		.ident = ident,
		.cookie = cookie,
		.state = TUNNEL_HEALTH_UNKNOWN,
		.since_ns = now_ns,
	};
}

void health_set(struct health *h, uint64_t interval_ns, unsigned retries, uint64_t now_ns)
{
	if (h->running && h->due_ns > now_ns + interval_ns)
		h->due_ns = now_ns + interval_ns;
	h->interval_ns = interval_ns;
	h->retries = retries;
}

static void become(struct health *h, enum tunnel_health state, uint64_t now_ns)
{
	if (h->state == state)
		return;
	h->state = state;
	h->since_ns = now_ns;
}

static void forget_row(struct health *h)
{
	h->waiting = false;
	h->lost_in_row = h->answered_in_row = 0;
}

void health_start(struct health *h, uint64_t now_ns)
{
	if (h->running)
		return;
	h->running = h->first = true;
	h->due_ns = now_ns;
}

void health_stop(struct health *h, uint64_t now_ns)
{
	if (!h->running)
		return;
	h->running = false;
	forget_row(h);
	if (h->state == TUNNEL_HEALTH_GOOD)
		become(h, TUNNEL_HEALTH_UNKNOWN, now_ns);
}

static void lose(struct health *h, uint64_t now_ns)
{
	h->waiting = false;
	h->lost++;
	h->answered_in_row = 0;
	if (++h->lost_in_row < h->retries)
		return;
	h->first = false;
	become(h, TUNNEL_HEALTH_BAD, now_ns);
}

/* A controller that was kept busy does not send what it missed. */
static void plan_next(struct health *h, uint64_t now_ns)
{
	h->due_ns += h->interval_ns;
	if (h->due_ns <= now_ns)
		h->due_ns = now_ns + h->interval_ns;
}

bool health_tick(struct health *h, uint64_t now_ns, struct health_probe *out)
{
	if (!h->running || now_ns < h->due_ns)
		return false;
	if (h->waiting)
		lose(h, now_ns);
	plan_next(h, now_ns);
	*out = (struct health_probe){ h->ident, ++h->sequence, h->cookie };
	return true;
}

void health_sent(struct health *h, uint64_t now_ns)
{
	h->waiting = true;
	h->sent_ns = now_ns;
	h->sent++;
}

void health_refused(struct health *h, uint64_t now_ns)
{
	forget_row(h);
	become(h, TUNNEL_HEALTH_UNKNOWN, now_ns);
}

static void measure(struct health *h, uint64_t rtt_ns)
{
	h->rtt_last_ns = rtt_ns;
	if (h->answered == 1) {
		h->rtt_min_ns = h->rtt_avg_ns = rtt_ns;
		return;
	}
	if (rtt_ns < h->rtt_min_ns)
		h->rtt_min_ns = rtt_ns;
	h->rtt_avg_ns += rtt_ns / RTT_WEIGHT - h->rtt_avg_ns / RTT_WEIGHT;
}

static void count_answer(struct health *h, uint64_t now_ns)
{
	bool enough = h->first || h->state != TUNNEL_HEALTH_BAD;

	h->waiting = h->first = false;
	h->answered++;
	h->answered_sequence = h->sequence;
	h->lost_in_row = 0;
	measure(h, now_ns - h->sent_ns);
	if (++h->answered_in_row >= h->retries || enough)
		become(h, TUNNEL_HEALTH_GOOD, now_ns);
}

/* Neither early nor from before: half of all numbers are behind us. */
static bool was_sent(const struct health *h, uint16_t sequence)
{
	return h->sent && (uint16_t)(h->sequence - sequence) < 0x8000;
}

enum health_verdict health_answer(struct health *h, const struct address *sender,
				  const struct health_probe *p, uint64_t now_ns)
{
	if (p->ident != h->ident || p->cookie != h->cookie || !was_sent(h, p->sequence) ||
	    !address_equal(sender, &h->destination))
		return HEALTH_FOREIGN;
	if (h->waiting && p->sequence == h->sequence) {
		count_answer(h, now_ns);
		return HEALTH_COUNTED;
	}
	if (h->answered && p->sequence == h->answered_sequence) {
		h->duplicates++;
		return HEALTH_DUPLICATE;
	}
	h->late++;
	return HEALTH_LATE;
}
