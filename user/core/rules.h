/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The rules S.. and D.. of the service, applied to a decoded configuration. Pure.
 */
#ifndef ESPALIER_RULES_H
#define ESPALIER_RULES_H

#include "config.h"

/*
 * Resolves the references of `c` (config_ref.index), chooses the kernel tables that are not
 * written, and appends every violation of a rule to `f`, each text naming its rule. The
 * configuration may be used only if findings_errors() is 0 then. A configuration with errors of
 * values may be given: what the decoder refused is not reported again.
 */
void rules_check(struct config *c, struct findings *f);

/* Destination prefix of a destination-based route: NULL, or what forbids it, to be put behind the
 * prefix: "contains 100.64.0.0/10; a destination-based route may not ... [S36]". */
const char *rules_destination_refused(const struct prefix *p);

#endif
