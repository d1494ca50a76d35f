/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the programs beside the gateway say about their own configuration → statements; beside it
 * the statements that they would say of what is rendered, and what of the difference counts.
 */
#ifndef ESPALIER_WIRE_RUNNING_H
#define ESPALIER_WIRE_RUNNING_H

#include "../core/config.h"
#include "statements.h"

/* FRR: frr.conf, as rendered or from `show running-config`. */
void running_frr(const char *text, size_t len, struct statements *out);
extern const struct comparison running_frr_comparison;

/* strongSwan: `swanctl --list-conns --pretty`. It tells neither proposals nor if_ids nor keys. */
void running_swanctl(const char *text, size_t len, struct statements *out);
void rendered_swanctl(const struct config *c, struct statements *out);
extern const struct comparison running_swanctl_comparison;

/* BIRD: `birdc show protocols all`. It tells neither filters' contents nor timers. */
void running_bird(const char *text, size_t len, struct statements *out);
void rendered_bird(const struct config *c, struct statements *out);
extern const struct comparison running_bird_comparison;

#endif
