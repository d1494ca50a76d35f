/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a tunnel carried in the last minute: samples of its counters, taken every RATES_PERIOD_S.
 */
#ifndef ESPALIER_RATES_H
#define ESPALIER_RATES_H

#include <stdbool.h>
#include <stdint.h>
#include "dataplane.h"

#define RATES_PERIOD_S 5
#define RATES_WINDOW_S 60
#define RATES_SAMPLES  (RATES_WINDOW_S / RATES_PERIOD_S + 1)

struct rates_sample {
	uint64_t at_ns;
	struct counter counters[DIRECTIONS];
};

/* All zero: nothing sampled yet. */
struct rates {
	struct rates_sample samples[RATES_SAMPLES];
	unsigned count;
	unsigned next; /* where the next sample goes */
};

/* What was counted in `span_ns`, which ends now and is no longer than the window by much. */
struct rates_window {
	uint64_t span_ns; /* not 0 */
	struct counter counters[DIRECTIONS];
};

/* `now_ns` never goes back. Counters that do belong to another tunnel: what was before is gone. */
void rates_add(struct rates *r, uint64_t now_ns, const struct counter now[DIRECTIONS]);

/* From the oldest sample of the window to the counters of now. False: no sample to begin with. */
bool rates_window(const struct rates *r, uint64_t now_ns, const struct counter now[DIRECTIONS],
		  struct rates_window *out);

#endif
