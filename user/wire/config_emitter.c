/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libyaml's emitter, fed with events. Texts that YAML, or the decoder, could take for something
 * else are quoted.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "config_emitter.h"

#define LINE_WIDTH 110

static int take_bytes(void *data, unsigned char *bytes, size_t size)
{
	struct emitter *e = data;

	if (e->len + size + 1 > e->room) {
		size_t room = 2 * (e->len + size + 1);
		char *text = realloc(e->text, room);

		if (!text)
			return 0;
		e->text = text;
		e->room = room;
	}
	memcpy(e->text + e->len, bytes, size);
	e->len += size;
	e->text[e->len] = '\0';
	return 1;
}

int emitter_begin(struct emitter *e)
{
	*e = (struct emitter){ 0 };
	if (!yaml_emitter_initialize(&e->yaml))
		return -ENOMEM;
	yaml_emitter_set_output(&e->yaml, take_bytes, e);
	yaml_emitter_set_unicode(&e->yaml, 1);
	yaml_emitter_set_width(&e->yaml, LINE_WIDTH);
	yaml_emitter_set_indent(&e->yaml, 2);
	return 0;
}

int emitter_end(struct emitter *e, char **text, size_t *len)
{
	yaml_emitter_delete(&e->yaml);
	if (e->failed) {
		free(e->text);
		return -ENOMEM;
	}
	*text = e->text;
	*len = e->len;
	return 0;
}

void emit(struct emitter *e, yaml_event_t *event, int made)
{
	if (!made || e->failed)
		e->failed = true;
	else
		e->failed = !yaml_emitter_emit(&e->yaml, event);
}

/* ---- scalars ---- */

static void put_scalar(struct emitter *e, const char *text, yaml_scalar_style_t style)
{
	yaml_event_t event;

	emit(e, &event,
	     yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text,
					  (int)strlen(text), 1, 1, style));
}

void put_plain(struct emitter *e, const char *text)
{
	put_scalar(e, text, YAML_PLAIN_SCALAR_STYLE);
}

/* Would a reader of YAML take this for a number, a truth value or nothing? */
static bool looks_like_text(const char *text)
{
	static const char *const words[] = { "true", "false", "yes", "no",   "on", "off",
					     "y",    "n",     "~",   "null", "" };

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (!strcasecmp(text, words[i]))
			return false;
	return (text[0] >= 'a' && text[0] <= 'z') || (text[0] >= 'A' && text[0] <= 'Z') ||
	       text[0] == '/';
}

void put_text(struct emitter *e, const char *text)
{
	put_scalar(e, text,
		   looks_like_text(text) ? YAML_ANY_SCALAR_STYLE : YAML_DOUBLE_QUOTED_SCALAR_STYLE);
}

/* Colons of IPv6 would start a mapping. */
static void put_place(struct emitter *e, const char *text)
{
	put_scalar(e, text,
		   strchr(text, ':') ? YAML_DOUBLE_QUOTED_SCALAR_STYLE : YAML_PLAIN_SCALAR_STYLE);
}

void put_prefix(struct emitter *e, const struct prefix *p)
{
	char text[PREFIX_STRLEN];

	put_place(e, prefix_format(p, text));
}

void put_address(struct emitter *e, const struct address *a)
{
	char text[PREFIX_STRLEN];

	put_place(e, address_format(a, text));
}

void put_number(struct emitter *e, uint64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
	put_plain(e, text);
}

/* ---- containers ---- */

void begin_mapping(struct emitter *e, bool flow)
{
	yaml_event_t event;

	emit(e, &event,
	     yaml_mapping_start_event_initialize(&event, NULL, NULL, 1,
						 flow ? YAML_FLOW_MAPPING_STYLE
						      : YAML_BLOCK_MAPPING_STYLE));
}

void end_mapping(struct emitter *e)
{
	yaml_event_t event;

	emit(e, &event, yaml_mapping_end_event_initialize(&event));
}

void begin_list(struct emitter *e, bool flow)
{
	yaml_event_t event;

	emit(e, &event,
	     yaml_sequence_start_event_initialize(&event, NULL, NULL, 1,
						  flow ? YAML_FLOW_SEQUENCE_STYLE
						       : YAML_BLOCK_SEQUENCE_STYLE));
}

void end_list(struct emitter *e)
{
	yaml_event_t event;

	emit(e, &event, yaml_sequence_end_event_initialize(&event));
}

/* ---- keys with values ---- */

void key_text(struct emitter *e, const char *key, const char *text)
{
	if (!text)
		return;
	put_plain(e, key);
	put_text(e, text);
}

void key_word(struct emitter *e, const char *key, const char *word)
{
	put_plain(e, key);
	put_plain(e, word);
}

void key_number(struct emitter *e, const char *key, uint64_t number, uint64_t normally)
{
	if (number == normally)
		return;
	put_plain(e, key);
	put_number(e, number);
}

void key_bool(struct emitter *e, const char *key, bool value, bool normally)
{
	if (value != normally)
		key_word(e, key, value ? "true" : "false");
}

void key_address(struct emitter *e, const char *key, const struct address *a)
{
	if (!a->family)
		return;
	put_plain(e, key);
	put_address(e, a);
}

void key_duration(struct emitter *e, const char *key, uint32_t ms, uint32_t normally)
{
	char text[24];

	snprintf(text, sizeof(text), "%ums", ms);
	if (ms != normally)
		key_word(e, key, text);
}

void key_seconds(struct emitter *e, const char *key, uint32_t s, uint32_t normally)
{
	char text[24];

	snprintf(text, sizeof(text), "%us", s);
	if (s != normally)
		key_word(e, key, text);
}

void key_prefixes(struct emitter *e, const char *key, const struct config_prefix *list,
		  size_t count)
{
	put_plain(e, key);
	begin_list(e, true);
	for (size_t i = 0; i < count; i++)
		put_prefix(e, &list[i].prefix);
	end_list(e);
}
