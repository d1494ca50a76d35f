/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The client side of the control socket (doc/control.md).
 */
#ifndef ESPALIER_CLIENT_H
#define ESPALIER_CLIENT_H

#include <jansson.h>

#define CLIENT_SOCKET "/run/espalier/control.sock"
/* Without a byte of the answer. A change is answered when it is made: with a full table's routes
 * that takes a while. */
#define CLIENT_TIMEOUT_S	30
#define CLIENT_CHANGE_TIMEOUT_S 900

/*
 * Sends one request, waits for the answer. 0: *result is the caller's. Else -errno, and *error is
 * one sentence for the user, his to free (NULL: out of memory).
 */
int client_request(const char *socket_path, int timeout_s, const json_t *request, json_t **result,
		   char **error);

/* The same for a change, with the whole answer: 0 whatever it says. */
int client_change(const char *socket_path, const json_t *request, json_t **answer, char **error);

/* A subscription: calls `line` for every object after the first answer, until it returns non-zero
 * or the daemon hangs up. 0: `line` ended it; else -errno and *error. */
typedef int (*client_line_fn)(const json_t *event, void *context);
int client_stream(const char *socket_path, const json_t *request, client_line_fn line,
		  void *context, char **error);

#endif
