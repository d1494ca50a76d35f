/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../core/config.h"
#include "../io/program.h"
#include "beside.h"

#define WORDS_MAX  32
#define ANSWER_MAX ((size_t)1 << 30) /* a full table in JSON */

static const struct {
	const char *variable, *program, *service;
} programs[] = {
	[BESIDE_VTYSH] = { "ESPALIER_VTYSH", "vtysh", "FRR" },
	[BESIDE_BIRDC] = { "ESPALIER_BIRDC", "birdc", "BIRD" },
	[BESIDE_SWANCTL] = { "ESPALIER_SWANCTL", "swanctl", "strongSwan's charon" },
};

static int refused(enum beside which, int err, char why[BESIDE_WHY_LEN])
{
	const char *program = programs[which].program;

	if (err == -ETIMEDOUT)
		snprintf(why, BESIDE_WHY_LEN, "%s did not answer within %d s; is %s running?",
			 program, BESIDE_TIMEOUT_MS / 1000, programs[which].service);
	else if (err == -E2BIG)
		snprintf(why, BESIDE_WHY_LEN, "%s has more than %d words", programs[which].variable,
			 WORDS_MAX - 16);
	else
		snprintf(why, BESIDE_WHY_LEN, "%s cannot be run: %s; %s names another command",
			 program, strerror(-err), programs[which].variable);
	return err;
}

/* Its words say why, where it has any; they may come from anywhere. */
static int failed(enum beside which, struct program_answer *answer, char why[BESIDE_WHY_LEN])
{
	char said[QUOTED_LEN];
	const char *words = *answer->complaint ? answer->complaint : answer->text;

	snprintf(why, BESIDE_WHY_LEN, "%s failed with status %d%s%s%s; is %s running?",
		 programs[which].program, answer->status, *words ? " ('" : "",
		 *words ? quoted(words, said) : "", *words ? "')" : "", programs[which].service);
	free(answer->text);
	return -EIO;
}

int beside_ask(enum beside which, const char *const *arguments, char **text, size_t *len,
	       char why[BESIDE_WHY_LEN])
{
	const char *set = getenv(programs[which].variable);
	char *words = strdup(set && *set ? set : programs[which].program), *rest = words, *word;
	struct program_answer answer;
	char *argv[WORDS_MAX];
	int count = 0, err = words ? 0 : -ENOMEM;

	while (!err && (word = strsep(&rest, " ")))
		if (count == WORDS_MAX - 16)
			err = -E2BIG;
		else if (*word)
			argv[count++] = word;
	for (; !err && *arguments && count < WORDS_MAX - 1; arguments++)
		argv[count++] = (char *)*arguments;
	argv[count] = NULL;
	if (!err)
		err = program_run(argv, BESIDE_TIMEOUT_MS, ANSWER_MAX, &answer);
	free(words);
	if (err)
		return refused(which, err, why);
	if (answer.status)
		return failed(which, &answer, why);
	*text = answer.text;
	*len = answer.len;
	return 0;
}
