/* SPDX-License-Identifier: GPL-2.0-only */
/* Any bytes as FRR's JSON: sessions, paths. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "../../user/wire/frr_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text, size_t room)
{
	if (strnlen(text, room) == room)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct frr_sessions sessions;
	struct frr_paths paths = { 0 };
	struct prefixes announced = { 0 };

	if (!frr_sessions_parse((const char *)data, size, &sessions)) {
		for (size_t i = 0; i < sessions.count; i++)
			check_text(sessions.list[i].state, FRR_WORD_LEN);
		frr_sessions_free(&sessions);
	} else if (sessions.count || sessions.list) {
		abort();
	}
	if (!frr_paths_parse((const char *)data, size, &paths))
		for (size_t i = 0; i < paths.count; i++) {
			check_text(paths.list[i].as_path, FRR_TEXT_LEN);
			check_text(paths.list[i].communities, FRR_TEXT_LEN);
		}
	frr_paths_free(&paths);
	frr_advertised_parse((const char *)data, size, &announced);
	prefixes_sort(&announced);
	prefixes_free(&announced);
	return 0;
}
