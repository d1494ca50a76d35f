/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A daemon with canned answers behind the real control socket (user/io/control.c), for the tests of
 * the command line and of the socket itself.
 *
 *   canned SOCKET ANSWERS LOG   ANSWERS: {"COMMAND": answer, ...}; requests are appended to LOG
 *
 * Prints "ready" once it listens, or why it cannot. The command "big" answers with as many bytes as
 * its argument "size" says; "monitor" subscribes; "publish" sends its argument "event" to the
 * subscribers, "times" times, and answers with their number before and after.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "io/control.h"

struct canned {
	struct control *control;
	json_t *answers;
	FILE *log;
};

static json_t *big(const json_t *request)
{
	size_t size = json_integer_value(json_object_get(request, "size"));
	char *text = malloc(size + 1);
	json_t *answer = NULL;

	if (text) {
		memset(text, 'x', size);
		text[size] = 0;
		answer = control_ok(json_string(text));
	}
	free(text);
	return answer;
}

static json_t *publish(const struct canned *canned, const json_t *request)
{
	json_int_t times = json_integer_value(json_object_get(request, "times"));
	size_t before = control_subscribers(canned->control);

	for (json_int_t i = 0; i < times; i++)
		control_publish(canned->control, json_object_get(request, "event"));
	return control_ok(json_pack("[I, I]", (json_int_t)before,
				    (json_int_t)control_subscribers(canned->control)));
}

static json_t *answer(const json_t *request, bool *subscribe, void *context)
{
	struct canned *canned = context;
	const char *command = json_string_value(json_object_get(request, "command"));
	json_t *found;

	json_dumpf(request, canned->log, JSON_SORT_KEYS);
	fputc('\n', canned->log);
	fflush(canned->log);
	if (command && strcmp(command, "big") == 0)
		return big(request);
	if (command && strcmp(command, "publish") == 0)
		return publish(canned, request);
	*subscribe = command && strcmp(command, "monitor") == 0;
	found = command ? json_object_get(canned->answers, command) : NULL;
	return found ? json_incref(found) : control_error("unknown command %s", command);
}

static int serve(const char *path, struct canned *canned)
{
	sd_event *event;
	char buf[256];
	int err;

	err = sd_event_default(&event);
	if (err < 0)
		return err;
	/* Before "ready": who reads that may end us at once. */
	err = sd_event_add_signal(event, NULL, SIGTERM | SD_EVENT_SIGNAL_PROCMASK, NULL, NULL);
	if (err >= 0)
		err = control_open(event, path, answer, canned, &canned->control);
	printf("%s\n", err ? control_open_error(err, path, buf, sizeof(buf)) : "ready");
	fflush(stdout);
	if (!err) {
		err = sd_event_loop(event);
		control_close(canned->control);
	}
	sd_event_unref(event);
	return err;
}

int main(int argc, char **argv)
{
	struct canned canned = { 0 };
	int err = -EINVAL;

	if (argc == 4) {
		canned.answers = json_load_file(argv[2], 0, NULL);
		canned.log = fopen(argv[3], "a");
	}
	if (canned.answers && canned.log)
		err = serve(argv[1], &canned);
	else
		fprintf(stderr, "usage: canned SOCKET ANSWERS LOG\n");
	if (err < 0)
		fprintf(stderr, "canned: %s\n", strerror(-err));
	json_decref(canned.answers);
	if (canned.log)
		fclose(canned.log);
	return err < 0;
}
