/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The rules S.. and D.. of the service, applied to a decoded configuration. Pure.
 */
#ifndef ESPALIER_RULES_H
#define ESPALIER_RULES_H

#include "config.h"

/*
 * Resolves the references of `c` (config_ref.index), chooses the kernel tables that are neither
 * written nor kept (config_keep_tables()), and appends every violation of a rule to `f`, each text
 * naming its rule. The configuration may be used only if findings_errors() is 0 then. A
 * configuration with errors of values may be given: what the decoder refused is not reported again.
 */
void rules_check(struct config *c, struct findings *f);

/* Destination prefix of a destination-based route: NULL, or what forbids it, to be put behind the
 * prefix: "contains 100.64.0.0/10; a destination-based route may not ... [S36]". */
const char *rules_destination_refused(const struct prefix *p);

/*
 * What the running configuration does not let the next one change: customer gateways [S49], and the
 * flow hash, which is fixed when the programs are loaded [D12]. `next` has passed rules_check().
 */
void rules_check_change(const struct config *running, const struct config *next,
			struct findings *f);

/*
 * One route at run time, judged as if it stood in the file; what is wrong with it is appended to
 * `f`, without a place. 0; -EEXIST: the same is there already; -EINVAL: refused.
 */
int rules_connection_route(const struct config *c, size_t connection, const struct prefix *p,
			   struct findings *f);
int rules_table_route(const struct config *c, size_t table, const struct config_table_route *r,
		      struct findings *f);

#endif
