/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The server side of the control socket (doc/control.md): one request, one answer, closed; or, when
 * the handler says so, one answer and then what control_publish() tells, until either end hangs up.
 * It never blocks the event loop: what a client does not read waits in its own buffer, a client
 * that neither sends nor reads is dropped, and so is a subscriber whose buffer is full. What a
 * request means is the handler's business.
 */
#ifndef ESPALIER_CONTROL_H
#define ESPALIER_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <jansson.h>
#include <systemd/sd-event.h>

#define CONTROL_SOCKET	    "/run/espalier/control.sock"
#define CONTROL_REQUEST_MAX (40 << 20) /* bytes of one request: a whole configuration, as JSON */
#define CONTROL_CLIENTS	    32	       /* at once; the next one is told so */
#define CONTROL_SUBSCRIBERS 16	       /* of them: room for questions must remain */
#define CONTROL_TIMEOUT_S   10	       /* without a byte in or out; subscribers have all the time */
#define CONTROL_STREAM_MAX  (1 << 20)  /* bytes that a subscriber may be behind */

struct control;

/*
 * Gets a JSON object, returns a new reference to the whole answer: control_ok() or control_error().
 * NULL is answered as "out of memory". *subscribe, false before, may be set: after the answer this
 * client gets what is published.
 */
typedef json_t *(*control_handler)(const json_t *request, bool *subscribe, void *context);

/*
 * Listens at `path`, whose directory is made when missing. A socket that nobody listens on is
 * replaced; -EADDRINUSE: somebody does. Runs below normal priority: the state of a tunnel comes
 * before the question about it. 0 or -errno; *out is written on success only.
 */
int control_open(sd_event *event, const char *path, control_handler handler, void *context,
		 struct control **out);

/* One line to every subscriber. One that is too far behind is told so in a last line
 * ({"event": "lost"}) and then closed. */
void control_publish(struct control *c, const json_t *event);
/* How many would hear it: what nobody hears need not be made. */
size_t control_subscribers(const struct control *c);

/* Closes every client, removes the socket. NULL is fine. */
void control_close(struct control *c);

/* What control_open() failed with, as one sentence for the log. Returns buf. */
const char *control_open_error(int error, const char *path, char *buf, size_t size);

/* Takes over the reference to `result`. NULL in, or out of memory: NULL. */
json_t *control_ok(json_t *result);
__attribute__((format(printf, 1, 2))) json_t *control_error(const char *format, ...);

#endif
