/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#include "client.h"

struct buffer {
	char *data;
	size_t len, size;
};

/* Sets *error, returns -err. */
__attribute__((format(printf, 3, 4))) static int say(char **error, int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (vasprintf(error, format, args) < 0)
		*error = NULL;
	va_end(args);
	return -err;
}

static int say_connect(char **error, int err, const char *path)
{
	switch (err) {
	case ENOENT:
	case ENOTDIR:
		return say(error, err,
			   "espalierd is not running (no socket at %s): systemctl start espalierd",
			   path);
	case ECONNREFUSED:
		return say(error, err,
			   "espalierd is not running (nobody listens at %s): "
			   "systemctl start espalierd",
			   path);
	case EACCES:
	case EPERM:
		return say(error, err, "no permission to use %s: run espalier as root", path);
	default:
		return say(error, err, "cannot connect to %s: %s", path, strerror(err));
	}
}

static int open_socket(const char *path, int timeout_s, char **error)
{
	const struct timeval timeout = { .tv_sec = timeout_s };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, err;

	if (strlen(path) >= sizeof(address.sun_path))
		return say(error, ENAMETOOLONG, "the socket's path is too long: %s", path);
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return say(error, errno, "cannot make a socket: %s", strerror(errno));
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0 ||
	    connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		err = errno;
		close(fd);
		return say_connect(error, err, path);
	}
	return fd;
}

static int send_request(int fd, const json_t *request, char **error)
{
	char *text = json_dumps(request, JSON_COMPACT);
	size_t len, sent = 0;
	ssize_t n = 0;

	if (!text)
		return -ENOMEM;
	len = strlen(text) + 1;
	text[len - 1] = '\n';
	while (sent < len && n >= 0) {
		n = send(fd, text + sent, len - sent, MSG_NOSIGNAL);
		if (n > 0)
			sent += n;
		else if (n < 0 && errno == EINTR)
			n = 0;
	}
	free(text);
	/* EPIPE: the daemon has answered already and said why. */
	if (n < 0 && errno != EPIPE)
		return say(error, errno, "cannot send to espalierd: %s", strerror(errno));
	return 0;
}

static int buffer_room(struct buffer *b)
{
	size_t size = b->size ? b->size * 2 : 64 * 1024;
	char *data;

	if (b->len < b->size)
		return 0;
	data = realloc(b->data, size);
	if (!data)
		return -ENOMEM;
	b->data = data;
	b->size = size;
	return 0;
}

/* To the end of the stream: the daemon closes after its one line. */
static int receive(int fd, int timeout_s, struct buffer *b, char **error)
{
	ssize_t n = 1;
	int err;

	while (n > 0) {
		if (buffer_room(b))
			return -ENOMEM;
		n = recv(fd, b->data + b->len, b->size - b->len, 0);
		err = errno;
		if (n > 0)
			b->len += n;
		else if (n < 0 && err == EINTR)
			n = 1;
		else if (n < 0 && (err == EAGAIN || err == EWOULDBLOCK))
			return say(error, ETIMEDOUT, "espalierd did not answer within %d s",
				   timeout_s);
		else if (n < 0 && !b->len)
			return say(error, err, "espalierd hung up: %s", strerror(err));
	}
	return b->len ? 0 : say(error, ECONNRESET, "espalierd hung up without an answer");
}

/* {"ok": true, "result": ...} or {"ok": false, "error": "a sentence"} */
static int unpack(const json_t *answer, json_t **result, char **error)
{
	json_t *value = json_object_get(answer, "result");
	const char *text = json_string_value(json_object_get(answer, "error"));

	if (json_is_true(json_object_get(answer, "ok")) && value) {
		*result = json_incref(value);
		return 0;
	}
	if (text)
		return say(error, EREMOTEIO, "%s", text);
	return say(error, EPROTO, "the answer makes no sense: is that socket espalierd's?");
}

static int exchange(const char *socket_path, int timeout_s, const json_t *request, json_t **answer,
		    char **error)
{
	struct buffer b = { 0 };
	int fd, err;

	*error = NULL;
	fd = open_socket(socket_path, timeout_s, error);
	if (fd < 0)
		return fd;
	err = send_request(fd, request, error);
	if (!err)
		err = receive(fd, timeout_s, &b, error);
	if (!err)
		*answer = json_loadb(b.data, b.len, 0, NULL);
	if (!err && !*answer)
		err = say(error, EPROTO, "the answer makes no sense: is that socket espalierd's?");
	free(b.data);
	close(fd);
	return err;
}

int client_change(const char *socket_path, const json_t *request, json_t **answer, char **error)
{
	return exchange(socket_path, CLIENT_CHANGE_TIMEOUT_S, request, answer, error);
}

int client_request(const char *socket_path, int timeout_s, const json_t *request, json_t **result,
		   char **error)
{
	json_t *answer;
	int err = exchange(socket_path, timeout_s, request, &answer, error);

	if (err)
		return err;
	err = unpack(answer, result, error);
	json_decref(answer);
	return err;
}

/* ---- subscriptions ---- */

struct stream {
	bool subscribed; /* the first answer was "yes" */
	client_line_fn line;
	void *context;
	bool ended; /* by the caller */
};

static int take_line(struct stream *s, const char *text, size_t len, char **error)
{
	json_t *value = json_loadb(text, len, 0, NULL), *result = NULL;
	int err = 0;

	if (!value)
		return say(error, EPROTO, "espalierd says what makes no sense");
	if (!s->subscribed) {
		err = unpack(value, &result, error);
		s->subscribed = !err;
		json_decref(result);
	} else {
		s->ended = s->line(value, s->context) != 0;
	}
	json_decref(value);
	return err;
}

/* Whole lines are taken out of the buffer. */
static int take_lines(struct stream *s, struct buffer *b, char **error)
{
	size_t done = 0;
	char *newline;
	int err = 0;

	while (!err && !s->ended &&
	       (newline = memchr(b->data + done, '\n', b->len - done)) != NULL) {
		err = take_line(s, b->data + done, (size_t)(newline - b->data) - done, error);
		done = (size_t)(newline - b->data) + 1;
	}
	memmove(b->data, b->data + done, b->len - done);
	b->len -= done;
	return err;
}

static int follow(int fd, struct stream *s, struct buffer *b, char **error)
{
	int err = 0;

	while (!err && !s->ended) {
		ssize_t n;

		if (buffer_room(b))
			return -ENOMEM;
		n = recv(fd, b->data + b->len, b->size - b->len, 0);
		if (n > 0) {
			b->len += (size_t)n;
			err = take_lines(s, b, error);
		} else if (n == 0) {
			err = say(error, ECONNRESET, "espalierd hung up");
		} else if (errno != EINTR && errno != EAGAIN) {
			err = say(error, errno, "espalierd hung up: %s", strerror(errno));
		}
	}
	return err;
}

int client_stream(const char *socket_path, const json_t *request, client_line_fn line,
		  void *context, char **error)
{
	struct stream s = { .line = line, .context = context };
	struct buffer b = { 0 };
	int fd, err;

	*error = NULL;
	fd = open_socket(socket_path, CLIENT_TIMEOUT_S, error);
	if (fd < 0)
		return fd;
	err = send_request(fd, request, error);
	if (!err)
		err = follow(fd, &s, &b, error);
	free(b.data);
	close(fd);
	return err;
}
