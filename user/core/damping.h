/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Flap damping, after RFC 2439: each fall costs DAMPING_COST, what was paid decays exponentially,
 * and who owes too much is believed again only when little of it is left.
 *
 * The penalty is a double, decayed by exp2() in one step from the last fall: nothing is summed up
 * over time, so there is no error that grows, and it is only compared when something falls. When it
 * will be over is computed once, at that moment, as a time in whole nanoseconds; from then on only
 * times are compared. So no rounding can hold a tunnel back for ever, or make a timer run again and
 * again for a remainder that does not go away, which a table of fixed-point factors would risk too.
 */
#ifndef ESPALIER_DAMPING_H
#define ESPALIER_DAMPING_H

#include <stdbool.h>
#include <stdint.h>

#define DAMPING_COST 1000u /* of a fall; `suppress` and `reuse` are in the same unit */

struct damping_policy {
	bool enabled;
	uint64_t half_life_ns; /* > 0 */
	uint32_t suppress;     /* at a fall: from here on its return is held back */
	uint32_t reuse;	       /* until this little is left; 0 < reuse < suppress */
	uint64_t max_ns;       /* never longer than this after the last fall */
};

/* Zeroed: nothing is owed. */
struct damping {
	double penalty;	   /* at at_ns */
	uint64_t at_ns;	   /* of the last fall */
	uint64_t until_ns; /* held back until then; 0: not at all */
};

/* What a penalty cannot exceed, however often something falls: what decays to `reuse` in max_ns.
 * Infinite where half_life_ns is tiny beside max_ns: then nothing that counts in thousands gets
 * there, and decay alone is quicker than max_ns. */
double damping_ceiling(const struct damping_policy *p);

/* What is still owed. */
double damping_penalty(const struct damping *d, const struct damping_policy *p, uint64_t now_ns);

/* Is a return held back? */
bool damping_active(const struct damping *d, uint64_t now_ns);

/* A fall. */
void damping_fall(struct damping *d, const struct damping_policy *p, uint64_t now_ns);

/* Another policy, at once: what was owed stays owed, and who is held back is so until the new
 * policy's end. Nobody is held back who was not. The same policy again changes nothing. */
void damping_change(struct damping *d, const struct damping_policy *was,
		    const struct damping_policy *is, uint64_t now_ns);

#endif
