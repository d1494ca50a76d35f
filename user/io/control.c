/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A client is in one of three states: its request is read (EPOLLIN) until the newline, then its
 * answer is written (EPOLLOUT) until the end, then it is freed, or, a subscriber, kept: then lines
 * are appended to what is to be written, and EPOLLIN tells when it hangs up. The timer restarts
 * with every byte moved; a subscriber has none.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "control.h"

#define SECOND		 1000000ull
#define CONTROL_PRIORITY (SD_EVENT_PRIORITY_NORMAL + 50)
#define CONTROL_BACKLOG	 64
#define NO_MEMORY	 "{\"ok\": false, \"error\": \"out of memory\"}\n"
#define TOO_MANY	 "{\"ok\": false, \"error\": \"too many clients, try again\"}\n"
#define TOO_SLOW \
	"{\"event\": \"lost\", \"text\": \"this reader is too slow; what follows is lost\"}\n"
#define FIRST_ROOM 4096

struct client {
	struct control *control;
	int fd;
	sd_event_source *io, *timer;
	char *in;
	size_t in_len, in_room;
	char *out; /* NULL: still reading */
	size_t out_len, out_sent, out_room;
	bool subscribed;
};

struct control {
	sd_event *event;
	int fd;
	sd_event_source *listener, *resume;
	struct sockaddr_un address;
	control_handler handler;
	void *context;
	struct client *clients[CONTROL_CLIENTS];
};

json_t *control_ok(json_t *result)
{
	if (!result)
		return NULL;
	return json_pack("{s:b, s:o}", "ok", 1, "result", result);
}

json_t *control_error(const char *format, ...)
{
	json_t *answer;
	va_list args;
	char *text;
	int len;

	va_start(args, format);
	len = vasprintf(&text, format, args);
	va_end(args);
	if (len < 0)
		return NULL;
	answer = json_pack("{s:b, s:s}", "ok", 0, "error", text);
	free(text);
	return answer;
}

static void client_free(struct client *client)
{
	struct control *c = client->control;

	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		if (c->clients[i] == client)
			c->clients[i] = NULL;
	sd_event_source_disable_unref(client->io);
	sd_event_source_disable_unref(client->timer);
	close(client->fd);
	free(client->in);
	free(client->out);
	free(client);
}

/* From now on, which is not the loop's time when the answer took long. */
static int client_alive(struct client *client)
{
	struct timespec now;
	int err;

	clock_gettime(CLOCK_MONOTONIC, &now);
	err = sd_event_source_set_time(client->timer, (uint64_t)now.tv_sec * SECOND +
							      (uint64_t)now.tv_nsec / 1000 +
							      CONTROL_TIMEOUT_S * SECOND);
	return err < 0 ? err : sd_event_source_set_enabled(client->timer, SD_EVENT_ONESHOT);
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	client_free(userdata);
	return 0;
}

size_t control_subscribers(const struct control *c)
{
	size_t count = 0;

	for (size_t i = 0; c && i < CONTROL_CLIENTS; i++)
		count += c->clients[i] && c->clients[i]->subscribed;
	return count;
}

static json_t *handle(struct client *client, const json_t *request)
{
	struct control *c = client->control;
	size_t others = control_subscribers(c);
	json_t *answer = c->handler(request, &client->subscribed, c->context);

	if (client->subscribed && others >= CONTROL_SUBSCRIBERS) {
		json_decref(answer);
		answer = control_error("too many monitors, %d are allowed", CONTROL_SUBSCRIBERS);
		client->subscribed = false;
	}
	client->subscribed &= answer != NULL;
	return answer;
}

/* The answer to one line, as text. NULL: out of memory. */
static char *answer_text(struct client *client, const char *line, size_t len)
{
	json_t *request, *answer;
	json_error_t error;
	char *text;

	request = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);
	if (!request)
		answer = control_error("malformed request: %s", error.text);
	else if (!json_is_object(request))
		answer = control_error("malformed request: not a JSON object");
	else
		answer = handle(client, request);
	text = answer ? json_dumps(answer, JSON_COMPACT) : NULL;
	json_decref(request);
	json_decref(answer);
	return text;
}

/* Takes over `text`, whose terminating NUL becomes the newline. */
static int client_answer(struct client *client, char *text)
{
	free(client->in);
	client->in = NULL;
	if (text) {
		client->out_len = strlen(text) + 1;
		text[client->out_len - 1] = '\n';
	} else {
		text = strdup(NO_MEMORY);
		if (!text)
			return -ENOMEM;
		client->out_len = strlen(text);
	}
	client->out = text;
	client->out_room = client->out_len;
	client_alive(client);
	return sd_event_source_set_io_events(client->io,
					     EPOLLOUT | (client->subscribed ? EPOLLIN : 0));
}

static int client_refuse(struct client *client, json_t *error)
{
	char *text = error ? json_dumps(error, JSON_COMPACT) : NULL;

	json_decref(error);
	return client_answer(client, text);
}

static int make_room(struct client *client)
{
	size_t room = client->in_room ? 2 * client->in_room : FIRST_ROOM;
	char *in;

	if (client->in_len < client->in_room)
		return 0;
	if (room > CONTROL_REQUEST_MAX)
		room = CONTROL_REQUEST_MAX;
	in = realloc(client->in, room);
	if (!in)
		return -ENOMEM;
	client->in = in;
	client->in_room = room;
	return 0;
}

/* 0: go on, else: the client is done with. */
static int client_read(struct client *client)
{
	char *start, *newline;
	ssize_t n;

	if (make_room(client))
		return -ENOMEM;
	start = client->in + client->in_len;
	n = recv(client->fd, start, client->in_room - client->in_len, 0);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	newline = memchr(start, '\n', n);
	client->in_len = newline ? (size_t)(newline - client->in) : client->in_len + n;
	if (newline || (n == 0 && client->in_len))
		return client_answer(client, answer_text(client, client->in, client->in_len));
	if (n == 0)
		return -ECONNRESET;
	if (client->in_len == CONTROL_REQUEST_MAX)
		return client_refuse(client, control_error("request longer than %d bytes",
							   CONTROL_REQUEST_MAX));
	return client_alive(client);
}

/* A subscriber that has everything waits for more, without a limit of time. */
static int client_idle(struct client *client)
{
	client->out_len = client->out_sent = 0;
	sd_event_source_set_enabled(client->timer, SD_EVENT_OFF);
	return sd_event_source_set_io_events(client->io, EPOLLIN);
}

static int client_write(struct client *client)
{
	ssize_t n = send(client->fd, client->out + client->out_sent,
			 client->out_len - client->out_sent, MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	client->out_sent += n;
	if (client->out_sent < client->out_len)
		return client->subscribed ? 0 : client_alive(client);
	return client->subscribed ? client_idle(client) : -ESHUTDOWN;
}

/* A subscriber says nothing more; all that is to be heard is that it hangs up. */
static int client_listen(struct client *client)
{
	char ignored[256];
	ssize_t n = recv(client->fd, ignored, sizeof(ignored), 0);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	return n ? 0 : -ECONNRESET;
}

static int on_client(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct client *client = userdata;
	int err = 0;

	(void)source;
	(void)fd;
	if (!client->out)
		err = client_read(client);
	else if (client->subscribed && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		err = client_listen(client);
	if (!err && client->out && (events & EPOLLOUT))
		err = client_write(client);
	if (err < 0)
		client_free(client);
	return 0;
}

/* ---- subscribers ---- */

static int client_append(struct client *client, const char *text, size_t len)
{
	size_t left = client->out_len - client->out_sent;

	if (client->out_sent) {
		memmove(client->out, client->out + client->out_sent, left);
		client->out_len = left;
		client->out_sent = 0;
	}
	if (left + len > client->out_room) {
		size_t room = 2 * (left + len);
		char *out = realloc(client->out, room);

		if (!out)
			return -ENOMEM;
		client->out = out;
		client->out_room = room;
	}
	memcpy(client->out + left, text, len);
	client->out_len = left + len;
	return sd_event_source_set_io_events(client->io, EPOLLIN | EPOLLOUT);
}

/* It may still read what waits for it, and why there is no more. */
static int client_drop(struct client *client)
{
	int err = client_append(client, TOO_SLOW, strlen(TOO_SLOW));

	client->subscribed = false;
	if (err < 0)
		return err;
	client_alive(client);
	return sd_event_source_set_io_events(client->io, EPOLLOUT);
}

void control_publish(struct control *c, const json_t *event)
{
	char *text = control_subscribers(c) ? json_dumps(event, JSON_COMPACT) : NULL;
	size_t len = text ? strlen(text) + 1 : 0;

	if (text)
		text[len - 1] = '\n';
	for (size_t i = 0; text && i < CONTROL_CLIENTS; i++) {
		struct client *client = c->clients[i];
		int err;

		if (!client || !client->subscribed)
			continue;
		if (client->out_len - client->out_sent + len > CONTROL_STREAM_MAX)
			err = client_drop(client);
		else
			err = client_append(client, text, len);
		if (err < 0)
			client_free(client);
	}
	free(text);
}

/* ---- connecting ---- */

static int client_watch(struct client *client)
{
	sd_event *event = client->control->event;
	int err;

	err = sd_event_add_io(event, &client->io, client->fd, EPOLLIN, on_client, client);
	if (err >= 0)
		err = sd_event_source_set_priority(client->io, CONTROL_PRIORITY);
	if (err >= 0)
		err = sd_event_add_time_relative(event, &client->timer, CLOCK_MONOTONIC,
						 CONTROL_TIMEOUT_S * SECOND, SECOND, on_timeout,
						 client);
	/* What waits to be read is read first. */
	if (err >= 0)
		err = sd_event_source_set_priority(client->timer, CONTROL_PRIORITY + 1);
	return err < 0 ? err : 0;
}

/* Takes over `fd`. A client that cannot be served is told so or, failing that, closed. */
static void client_new(struct control *c, int fd)
{
	struct client *client = NULL;
	size_t slot = 0;

	while (slot < CONTROL_CLIENTS && c->clients[slot])
		slot++;
	if (slot < CONTROL_CLIENTS)
		client = calloc(1, sizeof(*client));
	if (!client) {
		(void)send(fd, TOO_MANY, strlen(TOO_MANY), MSG_NOSIGNAL);
		close(fd);
		return;
	}
	client->control = c;
	client->fd = fd;
	c->clients[slot] = client;
	if (client_watch(client) < 0)
		client_free(client);
}

static int on_resume(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct control *c = userdata;

	(void)source;
	(void)usec;
	return sd_event_source_set_enabled(c->listener, SD_EVENT_ON);
}

/* Out of file descriptors the socket stays readable: rest for a second instead of spinning. */
static int rest(struct control *c)
{
	int err = sd_event_source_set_enabled(c->listener, SD_EVENT_OFF);

	if (err >= 0)
		err = sd_event_source_set_time_relative(c->resume, SECOND);
	return err < 0 ? err : sd_event_source_set_enabled(c->resume, SD_EVENT_ONESHOT);
}

static int on_connect(sd_event_source *source, int listener, uint32_t events, void *userdata)
{
	struct control *c = userdata;
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)source;
	(void)events;
	if (fd >= 0)
		client_new(c, fd);
	else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
		return rest(c);
	return 0;
}

/* 0: the path is free, or held by a socket that nobody listens on. */
static int probe(const struct sockaddr_un *address)
{
	struct stat st;
	int err = 0, fd;

	if (lstat(address->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -ENOTSOCK;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
		err = errno;
	close(fd);
	/* EAGAIN: alive, its backlog is full. */
	if (!err || err == EAGAIN)
		return -EADDRINUSE;
	return err == ECONNREFUSED ? 0 : -err;
}

/* Nobody can connect between bind() and listen(), so the mode is in time. */
static int claim(const struct sockaddr_un *address, int fd)
{
	int err = probe(address);

	if (err)
		return err;
	if (unlink(address->sun_path) < 0 && errno != ENOENT)
		return -errno;
	if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ||
	    chmod(address->sun_path, 0600) < 0 || listen(fd, CONTROL_BACKLOG) < 0)
		return -errno;
	return 0;
}

/* The directory, locked until it is closed: of two daemons that start together, one is second. */
static int lock_directory(const char *path)
{
	char copy[PATH_MAX];
	const char *directory;
	int fd;

	snprintf(copy, sizeof(copy), "%s", path);
	directory = dirname(copy);
	if (mkdir(directory, 0755) < 0 && errno != EEXIST)
		return -errno;
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX) < 0) {
		close(fd);
		return -EIO;
	}
	return fd;
}

static int listen_at(struct control *c, const char *path)
{
	int directory, err;

	if (strlen(path) >= sizeof(c->address.sun_path))
		return -ENAMETOOLONG;
	c->address.sun_family = AF_UNIX;
	strcpy(c->address.sun_path, path);
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd < 0)
		return -errno;
	directory = lock_directory(path);
	if (directory < 0) {
		err = directory;
	} else {
		err = claim(&c->address, c->fd);
		close(directory);
	}
	if (err) {
		close(c->fd);
		c->fd = -1;
	}
	return err;
}

static int watch(struct control *c)
{
	int err = sd_event_add_io(c->event, &c->listener, c->fd, EPOLLIN, on_connect, c);

	if (err >= 0)
		err = sd_event_source_set_priority(c->listener, CONTROL_PRIORITY);
	if (err >= 0)
		err = sd_event_add_time_relative(c->event, &c->resume, CLOCK_MONOTONIC, SECOND, 0,
						 on_resume, c);
	if (err >= 0)
		err = sd_event_source_set_enabled(c->resume, SD_EVENT_OFF);
	return err < 0 ? err : 0;
}

int control_open(sd_event *event, const char *path, control_handler handler, void *context,
		 struct control **out)
{
	struct control *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return -ENOMEM;
	c->event = sd_event_ref(event);
	c->fd = -1;
	c->handler = handler;
	c->context = context;
	err = listen_at(c, path);
	if (!err)
		err = watch(c);
	if (err) {
		control_close(c);
		return err;
	}
	*out = c;
	return 0;
}

void control_close(struct control *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		if (c->clients[i])
			client_free(c->clients[i]);
	sd_event_source_disable_unref(c->listener);
	sd_event_source_disable_unref(c->resume);
	if (c->fd >= 0) {
		unlink(c->address.sun_path);
		close(c->fd);
	}
	sd_event_unref(c->event);
	free(c);
}

const char *control_open_error(int error, const char *path, char *buf, size_t size)
{
	switch (error < 0 ? -error : error) {
	case EADDRINUSE:
		snprintf(buf, size, "espalierd is already running (socket %s)", path);
		break;
	case ENOTSOCK:
		snprintf(buf, size, "cannot listen at %s: a file that is no socket is in the way",
			 path);
		break;
	case ENAMETOOLONG:
		snprintf(buf, size, "the socket's path is too long: %s (at most %zu bytes)", path,
			 sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
		break;
	default:
		snprintf(buf, size, "cannot listen at %s: %s", path,
			 strerror(error < 0 ? -error : error));
	}
	return buf;
}
