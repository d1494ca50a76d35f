/* SPDX-License-Identifier: GPL-2.0-only */
#include "forecast.h"

#define NS_PER_S 1000000000ull
#define FOR_LONG 2 /* looks */

/* ---- rates ---- */

static struct forecast_sample sample_of(const struct phase2_sa *sa, uint64_t now_ns)
{
	bool out = sa->direction == XFRM_DIRECTION_OUT;

	return (struct forecast_sample){
		.at_ns = now_ns,
		.bytes = sa->sa.usage.bytes,
		.packets = sa->sa.usage.packets,
		.sequence = out ? sa->sa.sent_seq : sa->sa.received_seq,
	};
}

static void add_sample(struct forecast *f, const struct forecast_sample *s)
{
	f->samples[f->next] = *s;
	f->next = (f->next + 1) % FORECAST_SAMPLES;
	f->count += f->count < FORECAST_SAMPLES;
}

static const struct forecast_sample *oldest(const struct forecast *f)
{
	return &f->samples[(f->next + FORECAST_SAMPLES - f->count) % FORECAST_SAMPLES];
}

/* Seconds until `left` more are used up, when from `was` to `is` took `span_ns`. */
static uint64_t seconds_for(uint64_t left, uint64_t was, uint64_t is, uint64_t span_ns)
{
	double seconds;

	if (left == XFRM_UNLIMITED)
		return FORECAST_NEVER;
	if (!left)
		return 0;
	if (is <= was || !span_ns)
		return FORECAST_NEVER;
	seconds = (double)left / (double)(is - was) * ((double)span_ns / (double)NS_PER_S);
	return seconds < 1e12 ? (uint64_t)seconds : FORECAST_NEVER;
}

/* ---- ends ---- */

struct end {
	enum forecast_limit limit;
	uint64_t seconds;
};

static void sooner(struct end *e, enum forecast_limit limit, uint64_t seconds)
{
	if (seconds < e->seconds)
		*e = (struct end){ limit, seconds };
}

/* One set of limits, at the rate between the oldest sample and the newest. */
static struct end end_of(const struct sa_limits *l, const struct forecast_sample *was,
			 const struct forecast_sample *is)
{
	uint64_t span = is->at_ns - was->at_ns;
	struct end e = { FORECAST_NOTHING, FORECAST_NEVER };

	if (l->seconds.limit != XFRM_UNLIMITED)
		sooner(&e, FORECAST_TIME, l->seconds.left);
	sooner(&e, FORECAST_BYTES, seconds_for(l->bytes.left, was->bytes, is->bytes, span));
	sooner(&e, FORECAST_PACKETS, seconds_for(l->packets.left, was->packets, is->packets, span));
	return e;
}

static bool rekey_is_missed(struct forecast *f, const struct end *end, const struct end *soft,
			    const struct forecast_look *look)
{
	bool asked = look->sa->soft_expired || !soft->seconds;

	f->asked = asked && !look->under_way ? f->asked + 1 : 0;
	if (look->under_way)
		return false;
	return asked ? f->asked >= FOR_LONG : end->seconds < soft->seconds;
}

static bool must_warn(struct forecast *f, const struct end *end, const struct end *soft,
		      const struct forecast_look *look)
{
	bool missed = rekey_is_missed(f, end, soft, look);

	if (f->warning)
		return !look->under_way && end->seconds <= FORECAST_FAR_S;
	return missed && end->seconds <= FORECAST_NEAR_S;
}

void forecast_look(struct forecast *f, const struct forecast_look *look)
{
	struct forecast_sample is;
	const struct forecast_sample *was;
	struct end end, soft;
	struct sa_left left;

	if (!look->sa || look->sa->sa.id.spi != f->spi)
		*f = (struct forecast){ .spi = look->sa ? look->sa->sa.id.spi : 0,
					.ends_ns = FORECAST_NEVER };
	if (!look->sa)
		return;
	sa_left(&look->sa->sa, look->sa->direction, look->wall_s, &left);
	is = sample_of(look->sa, look->now_ns);
	add_sample(f, &is);
	was = oldest(f);
	end = end_of(&left.hard, was, &is);
	soft = end_of(&left.soft, was, &is);
	sooner(&end, FORECAST_SEQUENCE,
	       seconds_for(left.sequence.left, was->sequence, is.sequence, is.at_ns - was->at_ns));
	f->limit = end.limit;
	f->ends_ns = end.seconds == FORECAST_NEVER ? FORECAST_NEVER
						   : look->now_ns + end.seconds * NS_PER_S;
	f->warning = must_warn(f, &end, &soft, look);
}

/* ---- words ---- */

const char *forecast_limit_name(enum forecast_limit l)
{
	static const char *const names[] = { "nothing", "time", "bytes", "packets", "sequence" };

	return names[l];
}

const char *forecast_limit_text(enum forecast_limit l)
{
	static const char *const texts[] = {
		"nothing ends it",
		"its lifetime ends",
		"its limit of bytes is reached",
		"its limit of packets is reached",
		"its sequence numbers run out",
	};

	return texts[l];
}
