/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The client side of the control socket (doc/control.md).
 */
#ifndef ESPALIER_CLIENT_H
#define ESPALIER_CLIENT_H

#include <jansson.h>

#define CLIENT_SOCKET	 "/run/espalier/control.sock"
#define CLIENT_TIMEOUT_S 30 /* without a byte of the answer */

/*
 * Sends one request, waits for the answer. 0: *result is the caller's. Else -errno, and *error is
 * one sentence for the user, his to free (NULL: out of memory).
 */
int client_request(const char *socket_path, const json_t *request, json_t **result, char **error);

#endif
