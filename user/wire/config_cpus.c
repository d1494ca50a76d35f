/* SPDX-License-Identifier: GPL-2.0-only */
/* `cpus:` off, auto, or which: 2, 0-3, [0, 2-3]. */
#include <stdlib.h>
#include <string.h>
#include "config_decode.h"

#define EXPECTED "off, auto or a list of CPUs such as [0, 2-3]"

static int by_number(const void *a, const void *b)
{
	return *(const uint16_t *)a - *(const uint16_t *)b;
}

static bool read_digits(const char **at, unsigned long *out)
{
	size_t digits = strspn(*at, "0123456789");

	if (!digits)
		return false;
	*out = digits > 6 ? 999999 : strtoul(*at, NULL, 10); /* out of range anyhow */
	*at += digits;
	return true;
}

/* "2", "2-5" */
static bool parse_range(const char *text, unsigned long *first, unsigned long *last)
{
	if (!read_digits(&text, first))
		return false;
	*last = *first;
	if (*text == '-') {
		text++;
		if (!read_digits(&text, last))
			return false;
	}
	return !*text;
}

static bool has_cpu(const struct config_cpus *c, unsigned long cpu)
{
	for (size_t i = 0; i < c->count; i++)
		if (c->list[i] == cpu)
			return true;
	return false;
}

static bool add_cpus(struct decoder *d, const struct field *f, yaml_node_t *node,
		     unsigned long first, unsigned long last, struct config_cpus *out)
{
	for (unsigned long cpu = first; cpu <= last; cpu++) {
		if (has_cpu(out, cpu)) {
			decode_error(d, mark_of(node), "%s: CPU %lu is named twice", f->key, cpu);
			return false;
		}
		if (out->count == CPUS_PER_DEVICE) {
			decode_error(d, mark_of(node), "%s: more than %d CPUs; allowed: 1 to %d",
				     f->key, CPUS_PER_DEVICE, CPUS_PER_DEVICE);
			return false;
		}
		out->list[out->count++] = (uint16_t)cpu;
	}
	return true;
}

static bool read_cpus(struct decoder *d, const struct field *f, yaml_node_t *node,
		      struct config_cpus *out)
{
	const char *text = scalar_text(d, f->key, EXPECTED, node);
	unsigned long first, last;
	char word[QUOTED_LEN];

	if (!text)
		return false;
	if (!parse_range(text, &first, &last))
		decode_error(d, mark_of(node),
			     "%s: '%s' is not a CPU such as 2 or 2-5; allowed: %s", f->key,
			     quoted(text, word), EXPECTED);
	else if (first > CPU_NUMBER_MAX || last > CPU_NUMBER_MAX)
		decode_error(d, mark_of(node), "%s: %s is out of range, 0 to %d is allowed", f->key,
			     quoted(text, word), CPU_NUMBER_MAX);
	else if (last < first)
		decode_error(d, mark_of(node), "%s: %s ends before it begins", f->key,
			     quoted(text, word));
	else
		return add_cpus(d, f, node, first, last, out);
	return false;
}

static bool read_list(struct decoder *d, const struct field *f, yaml_node_t *node,
		      struct config_cpus *out)
{
	bool well = true;

	if (!is_list(d, f->key, EXPECTED, node))
		return false;
	if (!sequence_length(node)) {
		decode_error(d, mark_of(node), "%s: an empty list; allowed: %s", f->key, EXPECTED);
		return false;
	}
	for (size_t i = 0; i < sequence_length(node); i++)
		well &= read_cpus(d, f, sequence_item(d, node, i), out);
	return well;
}

static bool is_word(const yaml_node_t *node, const char *word)
{
	return node->type == YAML_SCALAR_NODE &&
	       !strcmp((const char *)node->data.scalar.value, word);
}

void decode_cpus(struct decoder *d, const struct field *f, yaml_node_t *node, void *base)
{
	struct config_cpus *out = (struct config_cpus *)((char *)base + f->offset);
	struct config_cpus c = { .mark = mark_of(node), .mode = CPUS_LIST };
	bool well = true;

	if (is_word(node, "off"))
		c.mode = CPUS_OFF;
	else if (is_word(node, "auto"))
		c.mode = CPUS_AUTO;
	else if (node->type == YAML_SCALAR_NODE)
		well = read_cpus(d, f, node, &c);
	else
		well = read_list(d, f, node, &c);
	if (!well)
		c.mode = CPUS_OFF;
	qsort(c.list, c.count, sizeof(*c.list), by_number);
	*out = c;
}
