/* SPDX-License-Identifier: GPL-2.0-only */
/* Any bytes as what FRR, strongSwan and BIRD say of their configuration; compared with themselves
 * and with nothing. */
#include <stdint.h>
#include <stdlib.h>
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;

	check(running_frr, &running_frr_comparison, text, size);
	check(running_swanctl, &running_swanctl_comparison, text, size);
	check(running_bird, &running_bird_comparison, text, size);
	return 0;
}
