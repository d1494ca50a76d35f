/* SPDX-License-Identifier: GPL-2.0-only */
/* Events for libyaml's emitter, and keys with values, for config_emit.c; nothing else includes it.
 */
#ifndef ESPALIER_WIRE_CONFIG_EMITTER_H
#define ESPALIER_WIRE_CONFIG_EMITTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <yaml.h>
#include "../core/config.h"

/* What fails once fails for good: everything after that is passed over. */
struct emitter {
	yaml_emitter_t yaml;
	char *text;
	size_t len, room;
	bool failed; /* want of memory */
};

/* 0 or -ENOMEM. What was begun is ended, whatever failed between: *text is then the caller's, or it
 * is -ENOMEM. */
int emitter_begin(struct emitter *e);
int emitter_end(struct emitter *e, char **text, size_t *len);

/* `made` is what yaml_*_event_initialize() returned: 0 is want of memory. */
void emit(struct emitter *e, yaml_event_t *event, int made);

/* Numbers, truth values, words of the schema: the decoder wants them without quotes. */
void put_plain(struct emitter *e, const char *text);
/* Names and texts of the user. */
void put_text(struct emitter *e, const char *text);
void put_prefix(struct emitter *e, const struct prefix *p);
void put_address(struct emitter *e, const struct address *a);
void put_number(struct emitter *e, uint64_t number);

void begin_mapping(struct emitter *e, bool flow);
void end_mapping(struct emitter *e);
void begin_list(struct emitter *e, bool flow);
void end_list(struct emitter *e);

/* Keys with values, left out where they say nothing: no text, no address, what holds normally. */
void key_text(struct emitter *e, const char *key, const char *text);
void key_word(struct emitter *e, const char *key, const char *word);
void key_number(struct emitter *e, const char *key, uint64_t number, uint64_t normally);
void key_bool(struct emitter *e, const char *key, bool value, bool normally);
void key_address(struct emitter *e, const char *key, const struct address *a);
/* In milliseconds, as decode_duration() reads them. */
void key_duration(struct emitter *e, const char *key, uint32_t ms, uint32_t normally);
/* As decode_seconds() reads them. */
void key_seconds(struct emitter *e, const char *key, uint32_t s, uint32_t normally);
void key_prefixes(struct emitter *e, const char *key, const struct config_prefix *list,
		  size_t count);

#endif
