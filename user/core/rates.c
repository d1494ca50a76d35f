/* SPDX-License-Identifier: GPL-2.0-only */
#include <string.h>
#include "rates.h"

#define NS_PER_S 1000000000ull
/* A timer is late, never early: half a period more still finds the sample a window ago. */
#define LONGEST_NS (RATES_WINDOW_S * NS_PER_S + RATES_PERIOD_S * NS_PER_S / 2)

/* The sample that was taken `age` samples before the newest. */
static const struct rates_sample *sample(const struct rates *r, unsigned age)
{
	return &r->samples[(r->next + RATES_SAMPLES - 1 - age) % RATES_SAMPLES];
}

static bool went_back(const struct rates_sample *was, const struct counter now[DIRECTIONS])
{
	for (int d = 0; d < DIRECTIONS; d++)
		if (now[d].packets < was->counters[d].packets ||
		    now[d].bytes < was->counters[d].bytes)
			return true;
	return false;
}

void rates_add(struct rates *r, uint64_t now_ns, const struct counter now[DIRECTIONS])
{
	struct rates_sample *s = &r->samples[r->next];

	if (r->count && went_back(sample(r, 0), now))
		r->count = 0;
	s->at_ns = now_ns;
	memcpy(s->counters, now, sizeof(s->counters));
	r->next = (r->next + 1) % RATES_SAMPLES;
	r->count += r->count < RATES_SAMPLES;
}

bool rates_window(const struct rates *r, uint64_t now_ns, const struct counter now[DIRECTIONS],
		  struct rates_window *out)
{
	const struct rates_sample *oldest;
	unsigned age = r->count;

	while (age && now_ns - sample(r, age - 1)->at_ns > LONGEST_NS)
		age--;
	if (!age)
		return false;
	oldest = sample(r, age - 1);
	if (now_ns <= oldest->at_ns || went_back(oldest, now))
		return false;
	out->span_ns = now_ns - oldest->at_ns;
	for (int d = 0; d < DIRECTIONS; d++) {
		out->counters[d].packets = now[d].packets - oldest->counters[d].packets;
		out->counters[d].bytes = now[d].bytes - oldest->counters[d].bytes;
	}
	return true;
}
