/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * struct config → YAML: what config_parse() reads back as the same configuration. Defaults are left
 * out, what was chosen by us (kernel tables moved by a change at run time) is written.
 */
#ifndef ESPALIER_WIRE_CONFIG_EMIT_H
#define ESPALIER_WIRE_CONFIG_EMIT_H

#include <stddef.h>
#include "../core/config.h"

/* 0: *text (NUL behind it) is the caller's. -ENOMEM. */
int config_emit(const struct config *c, char **text, size_t *len);

#endif
