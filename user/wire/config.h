/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * YAML → struct config, by libyaml's document API and a schema table, so that every value keeps its
 * line and column and all errors of a file are found in one run. No sockets, no files, no clock.
 */
#ifndef ESPALIER_WIRE_CONFIG_H
#define ESPALIER_WIRE_CONFIG_H

#include <stddef.h>
#include "../core/config.h"

/* Room for some 500,000 routes; what is larger is a mistake. */
#define CONFIG_MAX_LEN (16 << 20)

/*
 * Decodes `len` bytes of YAML. `file` is copied for messages. Everything wrong (syntax, unknown or
 * duplicate key, wrong type, out of range) is appended to `f`; so the caller sorts and prints.
 *
 * 0: *out is complete, to be freed by config_free().
 * -EINVAL: there were errors. When out->file is not NULL they were errors of values: *out holds
 * what could be decoded, is good for rules_check() to add the rest of the errors, and must be
 * freed. When it is NULL the text is not YAML, or empty: *out is all zero. -ENOMEM: *out is all
 * zero.
 */
int config_parse(const char *file, const char *text, size_t len, struct config *out,
		 struct findings *f);

#endif
