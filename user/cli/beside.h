/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The programs beside the gateway, asked on demand and never told: vtysh, birdc, swanctl. Without a
 * shell, with a deadline. Which program it is, with arguments that it always gets (a path name
 * space, a socket), is said by an environment variable: words with spaces between them.
 */
#ifndef ESPALIER_CLI_BESIDE_H
#define ESPALIER_CLI_BESIDE_H

#include <stddef.h>

#define BESIDE_TIMEOUT_MS 10000
#define BESIDE_WHY_LEN	  512

enum beside { BESIDE_VTYSH, BESIDE_BIRDC, BESIDE_SWANCTL };

/*
 * Its answer to `arguments` (at most 8, NULL behind them): 0, *text is the caller's, with a NUL
 * behind it. Else -errno, and `why` is a sentence for the user that says what to do.
 */
int beside_ask(enum beside which, const char *const *arguments, char **text, size_t *len,
	       char why[BESIDE_WHY_LEN]);

#endif
