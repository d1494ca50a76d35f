/* SPDX-License-Identifier: GPL-2.0-only */
/* Rules of flap damping: a policy that can damp something, and lets go of it. */
#include "damping.h"
#include "rules_internal.h"
#include "tunnel.h"

void rule_damping(const struct config *c, struct findings *f)
{
	const struct config_damping *d = &c->gateway.damping;
	struct damping_policy p = tunnel_policy_of(&c->gateway).damping;
	double most;

	if (!p.enabled)
		return;
	if (d->reuse >= d->suppress) {
		findings_add(f, SEVERITY_ERROR, c->gateway.damping_mark,
			     "damping: reuse %u must be less than suppress %u: a tunnel is used "
			     "again when that little of its penalty is left",
			     d->reuse, d->suppress);
		return;
	}
	most = damping_ceiling(&p);
	if (most < d->suppress)
		findings_add(f, SEVERITY_ERROR, c->gateway.damping_mark,
			     "damping: with max %ums no penalty exceeds %.0f (reuse, doubled for "
			     "each half_life in max), so suppress %u is never reached; raise max "
			     "or reuse, or write `damping: off`",
			     d->max_ms, most, d->suppress);
}
