/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A configuration file, read and judged: by the schema (wire/config), by the rules (core/rules)
 * and, if asked to, against this host. `espalier check` and espalierd go through the same door, so
 * what one accepts the other does.
 */
#ifndef ESPALIER_CONFIGFILE_H
#define ESPALIER_CONFIGFILE_H

#include <stdbool.h>
#include <stdio.h>
#include "../core/config.h"

#define CONFIG_FILE_MAX (16 << 20) /* bytes */

/*
 * Loads `path` ("-": standard input) and appends everything wrong with it to `f`, in the order of
 * the file. With `check_host` the devices that it names must exist, and the secret files too,
 * private to root [D16]. A finding about the file as a whole (missing, too long) has line 0.
 *
 * 0: usable, though there may be warnings. -EINVAL: there are errors. -ENOMEM. *out is written in
 * the first case only, and then freed by config_free().
 */
int configfile_load(const char *path, bool check_host, struct config *out, struct findings *f);

/* The two halves of it, for a text that comes from elsewhere. */

/* 0: *text is the caller's. -EINVAL: it cannot be read, a finding says why. -ENOMEM. */
int configfile_read(const char *path, char **text, size_t *len, struct findings *f);
/* `prepare` (or NULL) gets the decoded configuration before the rules do. */
typedef void (*configfile_prepare_fn)(struct config *c, const void *context);
int configfile_judge(const char *name, const char *text, size_t len, bool check_host,
		     configfile_prepare_fn prepare, const void *context, struct config *out,
		     struct findings *f);

/* What is wrong with the secret files that it names: missing, empty, not private to root [D16]. */
void configfile_check_secrets(const struct config *c, struct findings *f);

/*
 * The secret in the file `name` below gateway.secrets, without the end of its line; not
 * NUL-terminated. 0 or -errno, among them -EPERM: not private to root, -EFBIG: longer than
 * SECRET_MAX bytes, -ENODATA: empty.
 */
#define SECRET_MAX 4096
int configfile_read_secret(const struct config *c, const char *name, char text[SECRET_MAX],
			   size_t *len);

/* `path` as messages name it. */
const char *configfile_name(const char *path);

/* One line each: "file:line:column: error|warning: text", without a place "file: error: text". */
void configfile_print_findings(FILE *stream, const char *path, const struct findings *f);

#endif
