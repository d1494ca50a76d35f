/* SPDX-License-Identifier: GPL-2.0-only */
/* Any bytes as what FRR, strongSwan and BIRD say of their configuration; compared with themselves
 * and with nothing. And as what BIRD says of its sessions. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "../../user/wire/bird_sessions.h"
#include "../../user/wire/running.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(void (*parse)(const char *, size_t, struct statements *),
		  const struct comparison *how, const char *text, size_t len)
{
	struct statements one = { 0 }, two = { 0 }, none = { 0 };
	struct difference *list;
	size_t count;

	parse(text, len, &one);
	parse(text, len, &two);
	statements_sort(&one);
	statements_sort(&two);
	statements_sort(&none);
	if (statements_compare(&one, &two, how, &list, &count) || count)
		abort();
	free(list);
	if (statements_compare(&none, &one, how, &list, &count) || count > one.count)
		abort();
	free(list);
	statements_free(&one);
	statements_free(&two);
	statements_free(&none);
}

static void check_sessions(const char *text, size_t len)
{
	struct frr_sessions s;

	if (bird_sessions_parse(text, len, 1, &s))
		assert(!s.list && !s.count);
	for (size_t i = 0; i < s.count; i++)
		assert(s.list[i].up_ms < 86400000 &&
		       (s.list[i].up_ms || s.list[i].state[0] || !s.list[i].received));
	frr_sessions_free(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;

	check(running_frr, &running_frr_comparison, text, size);
	check(running_swanctl, &running_swanctl_comparison, text, size);
	check(running_bird, &running_bird_comparison, text, size);
	check_sessions(text, size);
	return 0;
}
