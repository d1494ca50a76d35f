/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One file that survives restarts, crashes and power failures: either the former content or the new
 * one, never half of it. What it means is the caller's business.
 */
#ifndef ESPALIER_STATEFILE_H
#define ESPALIER_STATEFILE_H

#include <stddef.h>
#include <sys/types.h>

#define STATE_FILE_MAX (64 << 20) /* bytes */

/*
 * Writes NAME in `dir` (made when missing, mode 0700): a temporary file, fsync, rename, fsync of
 * the directory. On failure the former content stays. 0, -EFBIG or -errno.
 */
int statefile_write(const char *dir, const char *name, const char *data, size_t len);
/* The same with another mode than 0600, as far as the umask allows, for what is no secret and what
 * others are to read. */
int statefile_write_mode(const char *dir, const char *name, mode_t mode, const char *data,
			 size_t len);

/* 0: *data, with a NUL behind it, is the caller's. -ENOENT: there is none. -EFBIG, -errno. */
int statefile_read(const char *dir, const char *name, char **data, size_t *len);

/* One that is not there is no error. 0 or -errno. */
int statefile_remove(const char *dir, const char *name);

/* Puts a file that makes no sense aside, as NAME.bad, so that it can be looked at. 0 or -errno. */
int statefile_set_aside(const char *dir, const char *name);

#endif
