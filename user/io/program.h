/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Another program's answer: run without a shell, with a deadline, its output taken as bytes.
 */
#ifndef ESPALIER_PROGRAM_H
#define ESPALIER_PROGRAM_H

#include <stddef.h>

#define PROGRAM_COMPLAINT_LEN 256

struct program_answer {
	char *text; /* what it printed, with a NUL behind it; to be freed */
	size_t len;
	int status;			       /* its exit status; 128 + signal */
	char complaint[PROGRAM_COMPLAINT_LEN]; /* the first line on its standard error */
};

/*
 * Runs argv (ends with NULL; looked up in PATH) with standard input from /dev/null. 0: it ended by
 * itself, *out is the caller's, whatever its status. Else nothing is left of it: -ENOENT, -EACCES …
 * it cannot be run; -ETIMEDOUT; -EFBIG: more than `limit` bytes; -errno.
 */
int program_run(char *const *argv, unsigned timeout_ms, size_t limit, struct program_answer *out);

#endif
