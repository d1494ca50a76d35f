/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The rules S.. and D.. of the service, applied to a decoded configuration. Pure.
 */
#ifndef ESPALIER_RULES_H
#define ESPALIER_RULES_H

#include "config.h"

/*
 * Resolves the references of `c` (config_ref.index) and appends every violation of a rule to `f`,
 * each text naming its rule. The configuration may be used only if findings_errors() is 0 then.
 */
void rules_check(struct config *c, struct findings *f);

/* Destination prefix of a destination-based route: NULL, or what forbids it [S35 S36]. */
const char *rules_destination_refused(const struct prefix *p);

#endif
