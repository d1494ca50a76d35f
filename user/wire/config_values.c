/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Words, numbers, names. YAML's own types are not asked: the schema knows what is expected, so
 * `no`, `1.10` and `0777` mean what the key says and not what YAML 1.1 would make of them. Numbers
 * and booleans must be plain (quotes say "text"); text may be quoted or not.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "config_decode.h"

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS	"0123456789"

static const char *const null_words[] = { "", "~", "null", "Null", "NULL", NULL };

bool is_null(const yaml_node_t *node)
{
	if (node->type != YAML_SCALAR_NODE || node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return false;
	for (const char *const *w = null_words; *w; w++)
		if (!strcmp((const char *)node->data.scalar.value, *w))
			return true;
	return false;
}

bool name_is_valid(const char *name)
{
	size_t n = strlen(name);

	return n >= 1 && n <= NAME_MAX_LEN && strchr(LETTERS DIGITS, name[0]) &&
	       strspn(name, LETTERS DIGITS "._-") == n;
}

static void wrong_type(struct decoder *d, const char *key, const char *expected,
		       const yaml_node_t *node)
{
	static const char *const kinds[] = { [YAML_SCALAR_NODE] = "a single value",
					     [YAML_SEQUENCE_NODE] = "a list",
					     [YAML_MAPPING_NODE] = "a mapping",
					     [YAML_NO_NODE] = "nothing" };

	decode_error(d, mark_of(node), "%s: %s is expected, not %s", key, expected,
		     is_null(node) ? "nothing" : kinds[node->type]);
}

bool has_tag(struct decoder *d, const char *key, const yaml_node_t *node)
{
	if (!strncmp((const char *)node->tag, "tag:yaml.org,2002:", 18))
		return false;
	decode_error(d, mark_of(node), "%s: no tags here; remove the '!' word", key);
	return true;
}

bool is_container(struct decoder *d, const char *key, const char *expected, const yaml_node_t *node,
		  yaml_node_type_t wanted)
{
	if (node->type == wanted)
		return !has_tag(d, key, node);
	wrong_type(d, key, expected, node);
	return false;
}

const char *scalar_text(struct decoder *d, const char *key, const char *expected, yaml_node_t *node)
{
	const char *text;

	if (node->type != YAML_SCALAR_NODE || is_null(node)) {
		wrong_type(d, key, expected, node);
		return NULL;
	}
	text = (const char *)node->data.scalar.value;
	if (strlen(text) != node->data.scalar.length) {
		decode_error(d, mark_of(node), "%s: a NUL character in the value", key);
		return NULL;
	}
	return has_tag(d, key, node) ? NULL : text;
}

static const char *plain_text(struct decoder *d, const char *key, const char *expected,
			      yaml_node_t *node)
{
	const char *text = scalar_text(d, key, expected, node);

	if (text && node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE) {
		decode_error(d, mark_of(node), "%s: %s is expected, not a text; remove the quotes",
			     key, expected);
		return NULL;
	}
	return text;
}

char *copy_text(struct decoder *d, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		d->out_of_memory = true;
	return copy;
}

void store_number(const struct field *f, void *base, uint64_t value)
{
	void *at = (char *)base + f->offset;

	switch (f->size) {
	case sizeof(uint8_t):
		*(uint8_t *)at = (uint8_t)value;
		break;
	case sizeof(uint16_t):
		*(uint16_t *)at = (uint16_t)value;
		break;
	case sizeof(uint32_t):
		*(uint32_t *)at = (uint32_t)value;
		break;
	}
}

/* Decimal, no sign, no leading zero (YAML 1.1 reads 0101 as octal), no 1_000. Saturates. */
static int parse_decimal(const char *text, size_t n, uint64_t *out)
{
	uint64_t value = 0;

	if (!n || strspn(text, DIGITS) < n || (n > 1 && text[0] == '0'))
		return -EINVAL;
	for (size_t i = 0; i < n; i++)
		value = value > UINT32_MAX ? value : value * 10 + (uint64_t)(text[i] - '0');
	*out = value;
	return 0;
}

static bool in_range(struct decoder *d, const struct field *f, struct mark mark, const char *text,
		     uint64_t value)
{
	char word[QUOTED_LEN];

	if (value >= f->min && value <= f->max)
		return true;
	decode_error(d, mark, "%s: %s is out of range, %llu to %llu is allowed%s", f->key,
		     quoted(text, word), (unsigned long long)f->min, (unsigned long long)f->max,
		     f->rule ? f->rule : "");
	return false;
}

bool read_number(struct decoder *d, const struct field *f, yaml_node_t *node, uint64_t *out)
{
	const char *text = plain_text(d, f->key, "a number", node);
	char word[QUOTED_LEN];
	bool negative;
	uint64_t value;

	if (!text)
		return false;
	negative = text[0] == '-';
	if (parse_decimal(text + negative, strlen(text + negative), &value)) {
		decode_error(d, mark_of(node), "%s: '%s' is not a decimal number", f->key,
			     quoted(text, word));
		return false;
	}
	/* -1 is a number, but none of ours is below 0. */
	if (!in_range(d, f, mark_of(node), text, negative ? UINT64_MAX : value))
		return false;
	*out = value;
	return true;
}

void decode_number(struct decoder *d, const struct field *f, yaml_node_t *node, void *base)
{
	uint64_t value;

	if (read_number(d, f, node, &value))
		store_number(f, base, value);
}

/* asplain 65546, or asdot 1.10: two 16-bit halves (RFC 5396). */
static int parse_asn(const char *text, uint64_t *out)
{
	const char *dot = strchr(text, '.');
	uint64_t high, low;

	if (!dot)
		return parse_decimal(text, strlen(text), out);
	if (parse_decimal(text, (size_t)(dot - text), &high) ||
	    parse_decimal(dot + 1, strlen(dot + 1), &low))
		return -EINVAL;
	*out = high > UINT16_MAX || low > UINT16_MAX ? UINT64_MAX : high << 16 | low;
	return 0;
}

/* May be quoted: a careful writer keeps 1.10 from being taken for the fraction 1.1. */
void decode_asn(struct decoder *d, const struct field *f, yaml_node_t *node, void *base)
{
	const char *text = scalar_text(d, f->key, "an AS number", node);
	char word[QUOTED_LEN];
	uint64_t value;

	if (!text)
		return;
	if (parse_asn(text, &value))
		decode_error(d, mark_of(node),
			     "%s: '%s' is not an AS number such as 65001 or 1.10%s", f->key,
			     quoted(text, word), f->rule ? f->rule : "");
	else if (in_range(d, f, mark_of(node), text, value))
		store_number(f, base, value);
}

void decode_bool(struct decoder *d, const struct field *f, yaml_node_t *node, void *base)
{
	static const char *const words[][2] = { { "true", "false" },
						{ "yes", "no" },
						{ "on", "off" } };
	const char *text = plain_text(d, f->key, "true or false", node);
	char word[QUOTED_LEN];

	if (!text)
		return;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		for (int value = 0; value < 2; value++)
			if (!strcasecmp(text, words[i][!value])) {
				*(bool *)((char *)base + f->offset) = value;
				return;
			}
	decode_error(d, mark_of(node), "%s: '%s' is neither true nor false", f->key,
		     quoted(text, word));
}

static const char *join(const char *const *words, char *buf, size_t room)
{
	size_t n = 0;

	buf[0] = '\0';
	for (; *words && n < room; words++)
		n += (size_t)snprintf(buf + n, room - n, "%s%s", n ? ", " : "", *words);
	return buf;
}

void decode_word(struct decoder *d, const struct field *f, yaml_node_t *node, void *base)
{
	char word[QUOTED_LEN], allowed[128];
	const char *text, *best = NULL;

	join(f->names, allowed, sizeof(allowed));
	text = scalar_text(d, f->key, allowed, node);
	if (!text)
		return;
	for (uint64_t i = 0; f->names[i]; i++) {
		if (!strcmp(text, f->names[i])) {
			store_number(f, base, i);
			return;
		}
		best = nearest_word(text, f->names[i], best);
	}
	decode_error(d, mark_of(node), "%s: '%s' is not allowed%s%s%s; allowed: %s", f->key,
		     quoted(text, word), best ? "; did you mean '" : "", best ? best : "",
		     best ? "'" : "", allowed);
}

/* In milliseconds. The unit must be written: 300 could be either. */
static int parse_duration(const char *text, uint64_t *out)
{
	size_t digits = strspn(text, DIGITS);
	uint64_t value, unit;

	unit = !strcmp(text + digits, "ms") ? 1 : !strcmp(text + digits, "s") ? 1000 : 0;
	if (!strcmp(text, "0"))
		unit = 1;
	if (!unit || parse_decimal(text, digits, &value))
		return -EINVAL;
	*out = value * unit;
	return 0;
}

/* In a unit of so many milliseconds. */
static void decode_time(struct decoder *d, const struct field *f, yaml_node_t *node, void *base,
			const char *unit, unsigned ms)
{
	const char *text = scalar_text(d, f->key, "a time such as 300ms", node);
	char word[QUOTED_LEN];
	uint64_t value;

	if (!text)
		return;
	if (parse_duration(text, &value))
		decode_error(d, mark_of(node), "%s: '%s' is not a time such as 300ms or 2s", f->key,
			     quoted(text, word));
	else if (value < f->min * ms || value > f->max * ms)
		decode_error(d, mark_of(node),
			     "%s: %s is out of range, %llu%s to %llu%s is allowed", f->key,
			     quoted(text, word), (unsigned long long)f->min, unit,
			     (unsigned long long)f->max, unit);
	else if (value % ms)
		decode_error(d, mark_of(node), "%s: %s is not a number of whole seconds", f->key,
			     quoted(text, word));
	else
		store_number(f, base, value / ms);
}

static bool is_off(const yaml_node_t *node)
{
	return node->type == YAML_SCALAR_NODE &&
	       !strcmp((const char *)node->data.scalar.value, "off");
}

void decode_duration(struct decoder *d, const struct field *f, yaml_node_t *node, void *base)
{
	decode_time(d, f, node, base, "ms", 1);
}

void decode_duration_or_off(struct decoder *d, const struct field *f, yaml_node_t *node, void *base)
{
	if (is_off(node))
		store_number(f, base, 0);
	else
		decode_duration(d, f, node, base);
}

void decode_seconds(struct decoder *d, const struct field *f, yaml_node_t *node, void *base)
{
	decode_time(d, f, node, base, "s", 1000);
}

void decode_seconds_or_off(struct decoder *d, const struct field *f, yaml_node_t *node, void *base)
{
	if (is_off(node))
		store_number(f, base, 0);
	else
		decode_seconds(d, f, node, base);
}

void decode_text(struct decoder *d, const struct field *f, yaml_node_t *node, void *base)
{
	const char *text = scalar_text(d, f->key, "a text", node);

	if (text && !*text)
		decode_error(d, mark_of(node), "%s: empty", f->key);
	else if (text)
		*(char **)((char *)base + f->offset) = copy_text(d, text);
}

static const char *name_text(struct decoder *d, const char *key, yaml_node_t *node)
{
	const char *text = scalar_text(d, key, "a name", node);
	char word[QUOTED_LEN];

	if (!text || name_is_valid(text))
		return text;
	decode_error(d, mark_of(node),
		     "%s: '%s' is not a name: 1 to %d letters, digits, '.', '_' or '-', the first "
		     "a letter or digit",
		     key, quoted(text, word), NAME_MAX_LEN);
	return NULL;
}

void decode_name(struct decoder *d, const struct field *f, yaml_node_t *node, void *base)
{
	const char *text = name_text(d, f->key, node);

	if (text)
		*(char **)((char *)base + f->offset) = copy_text(d, text);
}

static bool read_reference(struct decoder *d, const char *key, yaml_node_t *node,
			   struct config_ref *out)
{
	const char *text = name_text(d, key, node);

	out->mark = mark_of(node);
	out->index = -1;
	out->name = text ? copy_text(d, text) : NULL;
	return out->name;
}

void decode_reference(struct decoder *d, const struct field *f, yaml_node_t *node, void *base)
{
	read_reference(d, f->key, node, (struct config_ref *)((char *)base + f->offset));
}

bool is_list(struct decoder *d, const char *key, const char *expected, yaml_node_t *node)
{
	return is_container(d, key, expected, node, YAML_SEQUENCE_NODE) &&
	       afford(d, sequence_length(node), node);
}

void decode_references(struct decoder *d, const struct field *f, yaml_node_t *node, void *base)
{
	size_t *count = (size_t *)((char *)base + f->count);
	struct config_ref *array;

	if (!is_list(d, f->key, "a list of names", node))
		return;
	array = new_array(d, f, base, sequence_length(node), sizeof(*array));
	for (size_t i = 0; array && i < sequence_length(node); i++)
		if (read_reference(d, f->key, sequence_item(d, node, i), &array[*count]))
			++*count;
}
