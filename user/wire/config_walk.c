/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Follows a YAML document along a schema: mappings with fixed keys, mappings from names to structs,
 * lists of structs. Depth is the schema's, not the document's.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "config_decode.h"

#define ALLOWED_LEN  512
#define ALL_VARIANTS (~0u)

void decode_error(struct decoder *d, struct mark mark, const char *format, ...)
{
	va_list args;
	char *text;
	int n;

	va_start(args, format);
	n = vasprintf(&text, format, args);
	va_end(args);
	if (n < 0) {
		d->out_of_memory = true;
		return;
	}
	findings_add(d->findings, SEVERITY_ERROR, mark, "%s", text);
	free(text);
}

struct mark mark_of(const yaml_node_t *node)
{
	return (struct mark){ (unsigned)node->start_mark.line + 1,
			      (unsigned)node->start_mark.column + 1 };
}

bool afford(struct decoder *d, size_t values, const yaml_node_t *node)
{
	if (values <= d->budget) {
		d->budget -= values;
		return true;
	}
	if (d->budget)
		decode_error(d, mark_of(node), "aliases expand to too many values from here on");
	d->budget = 0;
	return false;
}

void *new_array(struct decoder *d, const struct field *f, void *base, size_t n, size_t size)
{
	void *array = n ? calloc(n, size) : NULL;

	if (n && !array)
		d->out_of_memory = true;
	*(void **)((char *)base + f->offset) = array;
	return array;
}

static size_t *count_of(const struct field *f, void *base)
{
	return (size_t *)((char *)base + f->count);
}

void schema_defaults(const struct schema *s, void *base)
{
	for (const struct field *f = s->fields; f->key; f++) {
		if (f->initial)
			store_number(f, base, f->initial);
		if (f->schema && !f->count)
			schema_defaults(f->schema, (char *)base + f->offset);
	}
}

static const char *allowed_keys(const struct schema *s, unsigned variant, char *buf)
{
	size_t n = 0;

	buf[0] = '\0';
	for (const struct field *f = s->fields; f->key && n < ALLOWED_LEN; f++)
		if (!f->variants || f->variants & variant)
			n += (size_t)snprintf(buf + n, ALLOWED_LEN - n, "%s%s", n ? ", " : "",
					      f->key);
	return buf;
}

static bool refused_key(struct decoder *d, const struct schema *s, struct mark mark,
			const char *key)
{
	for (const struct refused_key *r = s->refused; r && r->key; r++)
		if (!strcmp(r->key, key)) {
			decode_error(d, mark, "'%s' is no key of %s: %s", key, s->what, r->why);
			return true;
		}
	return false;
}

static void unknown_key(struct decoder *d, const struct schema *s, unsigned variant,
			struct mark mark, const char *key)
{
	char allowed[ALLOWED_LEN], word[QUOTED_LEN];
	const char *best = NULL;

	if (refused_key(d, s, mark, key))
		return;
	for (const struct field *f = s->fields; f->key; f++)
		if (!f->variants || f->variants & variant)
			best = nearest_word(key, f->key, best);
	decode_error(d, mark, "unknown key '%s' in %s%s%s%s; allowed: %s", quoted(key, word),
		     s->what, best ? "; did you mean '" : "", best ? best : "", best ? "'" : "",
		     allowed_keys(s, variant, allowed));
}

/* The bit of the variant that the mapping names, or all of them when it names none. */
static unsigned variant_of(struct decoder *d, const struct schema *s, const yaml_node_t *node)
{
	const yaml_node_pair_t *end = node->data.mapping.pairs.top;

	for (const yaml_node_pair_t *p = node->data.mapping.pairs.start; s->variants && p < end;
	     p++) {
		const yaml_node_t *key = yaml_document_get_node(d->document, p->key);
		const yaml_node_t *value = yaml_document_get_node(d->document, p->value);

		if (key->type != YAML_SCALAR_NODE || value->type != YAML_SCALAR_NODE ||
		    strcmp((const char *)key->data.scalar.value, s->variant_key))
			continue;
		for (unsigned i = 0; s->variants[i]; i++)
			if (!strcmp((const char *)value->data.scalar.value, s->variants[i]))
				return 1u << i;
	}
	return ALL_VARIANTS;
}

static int find_field(const struct schema *s, const char *key)
{
	for (int i = 0; s->fields[i].key; i++)
		if (!strcmp(s->fields[i].key, key))
			return i;
	return -1;
}

/* What one mapping has shown so far: by field, the key's node. */
struct seen {
	const struct schema *schema;
	unsigned variant;
	const yaml_node_t *keys[MAX_FIELDS];
};

static bool is_new(struct decoder *d, const struct seen *seen, const struct field *f,
		   struct mark mark)
{
	const yaml_node_t *before = seen->keys[f - seen->schema->fields];
	int other = f->alternative ? find_field(seen->schema, f->alternative) : -1;

	if (before) {
		decode_error(d, mark, "duplicate key '%s', first given in line %u", f->key,
			     mark_of(before).line);
		return false;
	}
	if (other >= 0 && seen->keys[other]) {
		decode_error(d, mark, "'%s' and '%s' exclude each other", f->key, f->alternative);
		return false;
	}
	return true;
}

static void decode_member(struct decoder *d, struct seen *seen, yaml_node_t *key,
			  yaml_node_t *value, void *base)
{
	const char *text = scalar_text(d, "key", "a word", key);
	int i = text ? find_field(seen->schema, text) : -1;
	const struct field *f = i < 0 ? NULL : &seen->schema->fields[i];

	if (!text)
		return;
	if (!f) {
		unknown_key(d, seen->schema, seen->variant, mark_of(key), text);
	} else if (f->variants && !(f->variants & seen->variant)) {
		char allowed[ALLOWED_LEN];

		decode_error(d, mark_of(key), "'%s' is not for this type of %s; allowed: %s", text,
			     seen->schema->what + strcspn(seen->schema->what, " ") + 1,
			     allowed_keys(seen->schema, seen->variant, allowed));
	} else if (is_new(d, seen, f, mark_of(key))) {
		seen->keys[i] = key;
		if (f->mark)
			*(struct mark *)((char *)base + f->mark) = mark_of(value);
		f->decode(d, f, value, base);
	}
}

static void check_required(struct decoder *d, const struct seen *seen, struct mark mark)
{
	for (const struct field *f = seen->schema->fields; f->key; f++) {
		int other = f->alternative ? find_field(seen->schema, f->alternative) : -1;

		if (!f->required || seen->keys[f - seen->schema->fields] ||
		    (other >= 0 && seen->keys[other]))
			continue;
		/* When the type is missing or wrong, what it would require is not known. */
		if (f->variants &&
		    (seen->variant == ALL_VARIANTS || !(f->variants & seen->variant)))
			continue;
		decode_error(d, mark, "'%s' is missing in %s%s", f->key, seen->schema->what,
			     f->rule ? f->rule : "");
	}
}

void decode_members(struct decoder *d, const struct schema *s, yaml_node_t *node, struct mark mark,
		    void *base)
{
	struct seen seen = { .schema = s };
	yaml_node_pair_t *end;

	if (!is_container(d, s->what, "a mapping", node, YAML_MAPPING_NODE))
		return;
	end = node->data.mapping.pairs.top;
	if (!afford(d, (size_t)(end - node->data.mapping.pairs.start) + 1, node))
		return;
	seen.variant = variant_of(d, s, node);
	for (yaml_node_pair_t *p = node->data.mapping.pairs.start; p < end; p++)
		decode_member(d, &seen, yaml_document_get_node(d->document, p->key),
			      yaml_document_get_node(d->document, p->value), base);
	check_required(d, &seen, mark);
	if (s->finish)
		s->finish(d, base);
}

void decode_mapping(struct decoder *d, const struct field *f, yaml_node_t *node, void *base)
{
	if (is_container(d, f->key, "a mapping", node, YAML_MAPPING_NODE))
		decode_members(d, f->schema, node, mark_of(node), (char *)base + f->offset);
}

void decode_switch(struct decoder *d, const struct field *f, yaml_node_t *node, void *base)
{
	if (node->type == YAML_SCALAR_NODE)
		decode_bool(d, f, node, base);
	else
		decode_mapping(d, f, node, base);
}

/* The names of one mapping, to find those given twice without comparing each with each. */
struct key_place {
	const char *name;
	struct mark mark;
};

static int by_name(const void *a, const void *b)
{
	const struct key_place *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	if (order)
		return order;
	if (x->mark.line != y->mark.line)
		return x->mark.line < y->mark.line ? -1 : 1;
	return (x->mark.column > y->mark.column) - (x->mark.column < y->mark.column);
}

static void check_names(struct decoder *d, struct key_place *names, size_t n)
{
	char word[QUOTED_LEN];
	size_t first = 0;

	if (n)
		qsort(names, n, sizeof(*names), by_name);
	for (size_t i = 1; i < n; i++) {
		if (strcmp(names[first].name, names[i].name)) {
			first = i;
			continue;
		}
		decode_error(d, names[i].mark, "duplicate key '%s', first given in line %u",
			     quoted(names[i].name, word), names[first].mark.line);
	}
}

static void decode_element(struct decoder *d, const struct schema *s, yaml_node_t *key,
			   yaml_node_t *value, char *element)
{
	const char *name = (const char *)key->data.scalar.value;
	char word[QUOTED_LEN];

	if (!name_is_valid(name))
		decode_error(d, mark_of(key),
			     "'%s' is not a name: 1 to %d letters, digits, '.', '_' or '-', the "
			     "first a letter or digit",
			     quoted(name, word), NAME_MAX_LEN);
	schema_defaults(s, element);
	*(char **)(element + s->name) = copy_text(d, name);
	*(struct mark *)(element + s->name_mark) = mark_of(key);
	decode_members(d, s, value, mark_of(key), element);
}

static void decode_elements(struct decoder *d, const struct field *f, const yaml_node_t *node,
			    char *array, struct key_place *names, void *base)
{
	size_t *count = count_of(f, base);

	for (yaml_node_pair_t *p = node->data.mapping.pairs.start; p < node->data.mapping.pairs.top;
	     p++) {
		yaml_node_t *key = yaml_document_get_node(d->document, p->key);
		yaml_node_t *value = yaml_document_get_node(d->document, p->value);

		if (!scalar_text(d, "key", "a name", key))
			continue;
		names[*count] =
			(struct key_place){ (const char *)key->data.scalar.value, mark_of(key) };
		decode_element(d, f->schema, key, value, array + (*count)++ * f->schema->size);
	}
	check_names(d, names, *count);
}

void decode_named(struct decoder *d, const struct field *f, yaml_node_t *node, void *base)
{
	struct key_place *names;
	char *array;
	size_t n;

	if (!is_container(d, f->key, "a mapping from names", node, YAML_MAPPING_NODE))
		return;
	n = (size_t)(node->data.mapping.pairs.top - node->data.mapping.pairs.start);
	if (!n || !afford(d, n, node))
		return;
	array = new_array(d, f, base, n, f->schema->size);
	names = calloc(n, sizeof(*names));
	if (array && names)
		decode_elements(d, f, node, array, names, base);
	else
		d->out_of_memory = true;
	free(names);
}

size_t sequence_length(const yaml_node_t *node)
{
	return (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
}

yaml_node_t *sequence_item(struct decoder *d, const yaml_node_t *node, size_t i)
{
	return yaml_document_get_node(d->document, node->data.sequence.items.start[i]);
}

void decode_list(struct decoder *d, const struct field *f, yaml_node_t *node, void *base)
{
	char *array;
	size_t n;

	if (!is_container(d, f->key, "a list", node, YAML_SEQUENCE_NODE))
		return;
	n = sequence_length(node);
	if (!afford(d, n, node))
		return;
	array = new_array(d, f, base, n, f->schema->size);
	for (size_t i = 0; array && i < n; i++) {
		yaml_node_t *item = sequence_item(d, node, i);
		char *element = array + i * f->schema->size;

		schema_defaults(f->schema, element);
		*(struct mark *)(element + f->schema->name_mark) = mark_of(item);
		decode_members(d, f->schema, item, mark_of(item), element);
		++*count_of(f, base);
	}
}
