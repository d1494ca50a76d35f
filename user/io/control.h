/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The server side of the control socket (doc/control.md): one request, one answer, closed. It never
 * blocks the event loop: what a client does not read waits in its own buffer, and a client that
 * neither sends nor reads is dropped. What a request means is the handler's business.
 */
#ifndef ESPALIER_CONTROL_H
#define ESPALIER_CONTROL_H

#include <stddef.h>
#include <jansson.h>
#include <systemd/sd-event.h>

#define CONTROL_SOCKET	    "/run/espalier/control.sock"
#define CONTROL_REQUEST_MAX (64 * 1024) /* bytes of one request, newline included */
#define CONTROL_CLIENTS	    32		/* at once; the next one is told so */
#define CONTROL_TIMEOUT_S   10		/* without a byte in or out */

struct control;

/*
 * Gets a JSON object, returns a new reference to the whole answer: control_ok() or control_error().
 * NULL is answered as "out of memory".
 */
typedef json_t *(*control_handler)(const json_t *request, void *context);

/*
 * Listens at `path`, whose directory is made when missing. A socket that nobody listens on is
 * replaced; -EADDRINUSE: somebody does. Runs below normal priority: the state of a tunnel comes
 * before the question about it. 0 or -errno; *out is written on success only.
 */
int control_open(sd_event *event, const char *path, control_handler handler, void *context,
		 struct control **out);

/* Closes every client, removes the socket. NULL is fine. */
void control_close(struct control *c);

/* What control_open() failed with, as one sentence for the log. Returns buf. */
const char *control_open_error(int error, const char *path, char *buf, size_t size);

/* Takes over the reference to `result`. NULL in, or out of memory: NULL. */
json_t *control_ok(json_t *result);
__attribute__((format(printf, 1, 2))) json_t *control_error(const char *format, ...);

#endif
