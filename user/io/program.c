/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "program.h"

#define READ_AT_ONCE 65536

/* One of the two streams that are read, as long as fd is not -1. */
struct stream {
	int fd;
	char *text;
	size_t len, room, limit;
};

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int make_room(struct stream *s)
{
	size_t room = 2 * s->room + READ_AT_ONCE + 1;
	char *text;

	if (s->room >= s->len + READ_AT_ONCE + 1)
		return 0;
	text = realloc(s->text, room);
	if (!text)
		return -ENOMEM;
	s->text = text;
	s->room = room;
	return 0;
}

/* What is there to be read; at its end the stream is closed. */
static int take(struct stream *s)
{
	ssize_t n;
	int err = make_room(s);

	if (err)
		return err;
	n = read(s->fd, s->text + s->len, READ_AT_ONCE);
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	s->len += (size_t)n;
	s->text[s->len] = '\0';
	if (n == 0) {
		close(s->fd);
		s->fd = -1;
	}
	return s->len > s->limit ? -EFBIG : 0;
}

static int read_both(struct stream streams[2], uint64_t end_ms)
{
	int err = 0;

	while (!err && (streams[0].fd >= 0 || streams[1].fd >= 0)) {
		struct pollfd fds[2] = { { streams[0].fd, POLLIN, 0 },
					 { streams[1].fd, POLLIN, 0 } };
		uint64_t now = now_ms();
		int n = now < end_ms ? poll(fds, 2, (int)(end_ms - now)) : 0;

		if (n == 0)
			return -ETIMEDOUT;
		if (n < 0 && errno != EINTR)
			return -errno;
		for (size_t i = 0; n > 0 && !err && i < 2; i++)
			if (fds[i].revents)
				err = take(&streams[i]);
	}
	return err;
}

/* It has closed its streams, and may go on for all that. */
static int reap(pid_t pid, uint64_t end_ms, int *status)
{
	const struct timespec pause = { .tv_nsec = 5000000 };

	for (;;) {
		pid_t ended = waitpid(pid, status, WNOHANG);

		if (ended == pid)
			return 0;
		if (ended < 0 && errno != EINTR)
			return -errno;
		if (now_ms() >= end_ms)
			return -ETIMEDOUT;
		nanosleep(&pause, NULL);
	}
}

static int start(char *const *argv, int output, int complaints, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int err;

	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	/* Of a group of its own: whatever it starts in turn ends with it. */
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
	err = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	if (!err)
		err = posix_spawn_file_actions_adddup2(&actions, output, 1);
	if (!err)
		err = posix_spawn_file_actions_adddup2(&actions, complaints, 2);
	if (!err)
		err = posix_spawnp(pid, argv[0], &actions, &attributes, argv, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return -err;
}

static int run(char *const *argv, struct stream streams[2], int ends[2], uint64_t end_ms,
	       int *status)
{
	pid_t pid;
	int err = start(argv, ends[0], ends[1], &pid);

	close(ends[0]);
	close(ends[1]);
	if (err)
		return err;
	err = read_both(streams, end_ms);
	if (!err)
		err = reap(pid, end_ms, status);
	if (err) {
		kill(-pid, SIGKILL);
		while (waitpid(pid, status, 0) < 0 && errno == EINTR)
			;
	}
	return err;
}

static int open_streams(struct stream streams[2], int ends[2])
{
	for (size_t i = 0; i < 2; i++) {
		int pair[2];

		if (pipe2(pair, O_CLOEXEC))
			return -errno;
		streams[i].fd = pair[0];
		ends[i] = pair[1];
	}
	return 0;
}

static void answer(const struct stream streams[2], int status, struct program_answer *out)
{
	const char *complaint = streams[1].text ? streams[1].text : "";

	*out = (struct program_answer){ .text = streams[0].text, .len = streams[0].len };
	out->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	snprintf(out->complaint, sizeof(out->complaint), "%.*s", (int)strcspn(complaint, "\n"),
		 complaint);
}

int program_run(char *const *argv, unsigned timeout_ms, size_t limit, struct program_answer *out)
{
	struct stream streams[2] = { { .fd = -1, .limit = limit },
				     { .fd = -1, .limit = READ_AT_ONCE } };
	int ends[2] = { -1, -1 }, status = 0;
	int err = open_streams(streams, ends);

	if (!err)
		err = run(argv, streams, ends, now_ms() + timeout_ms, &status);
	else if (ends[0] >= 0)
		close(ends[0]);
	for (size_t i = 0; i < 2; i++)
		if (streams[i].fd >= 0)
			close(streams[i].fd);
	if (!err)
		answer(streams, status, out);
	else
		free(streams[0].text);
	free(streams[1].text);
	return err;
}
