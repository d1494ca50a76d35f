/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * When will an SA end, at the rate at which it was used in the last minute, and will anybody have
 * replaced it by then? Of each direction of a tunnel the SA in use is looked at from time to time.
 *
 * A limit of time has a date. Bytes, packets and (without ESN) sequence numbers are used up at the
 * rate of the last samples. What comes first ends the SA.
 *
 * There is a warning when the end is near (FORECAST_NEAR_S) and no rekey is in sight: none is under
 * way, and
 *  - the kernel has asked for one (a soft limit has passed) and two looks in a row found that
 *    nothing came of it: a rekey takes seconds, and must not be told of; or
 *  - it will not ask in time: no soft limit is reached before the end. Of sequence numbers the
 *    kernel never asks.
 *
 * What bursts use up is hours away in one minute and minutes in the next: a warning stays until a
 * rekey is under way, another SA is in use, or the end is further away than FORECAST_FAR_S.
 *
 * Pure. A look is what a dump of SAs showed: nothing here needs one more message of the kernel.
 */
#ifndef ESPALIER_FORECAST_H
#define ESPALIER_FORECAST_H

#include "phase2.h"
#include "sa_left.h"

#define FORECAST_PERIOD_S 10 /* between two looks */
#define FORECAST_WINDOW_S 60
#define FORECAST_SAMPLES  (FORECAST_WINDOW_S / FORECAST_PERIOD_S + 1)
#define FORECAST_NEAR_S	  600
#define FORECAST_FAR_S	  1200
#define FORECAST_NEVER	  UINT64_MAX

enum forecast_limit {
	FORECAST_NOTHING, /* nothing ends it that is known */
	FORECAST_TIME,
	FORECAST_BYTES,
	FORECAST_PACKETS,
	FORECAST_SEQUENCE,
};

struct forecast_sample {
	uint64_t at_ns, bytes, packets, sequence;
};

/* Zeroed: nothing was looked at yet. Read it, change it by the functions below only. */
struct forecast {
	uint32_t spi; /* of the SA in use at the last look; 0: there was none */
	struct forecast_sample samples[FORECAST_SAMPLES];
	unsigned count, next;
	unsigned asked; /* looks in a row that found it due, and no rekey under way */

	enum forecast_limit limit; /* what ends it first */
	uint64_t ends_ns;	   /* then, or FORECAST_NEVER */
	bool warning;
};

/* What is seen: the SA in use, and whether its successor is there or being negotiated. */
struct forecast_look {
	const struct phase2_sa *sa; /* NULL: none is in use */
	bool under_way;
	uint64_t wall_s; /* as the kernel's times are */
	uint64_t now_ns; /* monotonic, never goes back */
};

void forecast_look(struct forecast *f, const struct forecast_look *look);

/* "time", "bytes", "packets", "sequence"; "nothing". */
const char *forecast_limit_name(enum forecast_limit l);
/* "its sequence numbers run out": what ends it, as part of a sentence. */
const char *forecast_limit_text(enum forecast_limit l);

#endif
