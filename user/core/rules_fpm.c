/* SPDX-License-Identifier: GPL-2.0-only */
/* Where FRR's FPM stream comes in. */
#include "rules_internal.h"

/* Whoever may connect may write routes. */
void rule_fpm(const struct config *c, struct findings *f)
{
	const struct config_fpm *fpm = &c->gateway.fpm;
	char text[PREFIX_STRLEN];

	if (fpm->address.family && !address_is_loopback(&fpm->address))
		findings_add(f, SEVERITY_ERROR, fpm->address_mark,
			     "address: %s is not a loopback address; allowed: 127.0.0.0/8, ::1. "
			     "Whoever connects there may write routes",
			     address_format(&fpm->address, text));
	if (fpm->mark.line && !config_has_fpm(c))
		findings_add(f, SEVERITY_WARNING, fpm->mark,
			     "fpm: no connection takes its routes from there; write `bgp: { feed: "
			     "fpm }`");
}
