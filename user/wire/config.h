/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * YAML → struct config, by libyaml's document API and a schema table, so that every value keeps its
 * line and column and all errors of a file are found in one run. No sockets, no files, no clock.
 */
#ifndef ESPALIER_WIRE_CONFIG_H
#define ESPALIER_WIRE_CONFIG_H

#include <stddef.h>
#include "../core/config.h"

/*
 * Decodes `len` bytes of YAML. `file` is copied for messages. Everything wrong (syntax, unknown or
 * duplicate key, wrong type, out of range) is appended to `f`. Returns 0, or -EINVAL when there were
 * errors, or -ENOMEM; *out is valid and must be freed by config_free() in the first case, and, when
 * -EINVAL came of values rather than of YAML syntax, too (so that rules_check() can add the rest of
 * the errors): out->file is then not NULL.
 */
int config_parse(const char *file, const char *text, size_t len, struct config *out,
		 struct findings *f);

#endif
