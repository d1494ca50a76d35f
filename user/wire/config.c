/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "config.h"
#include "config_decode.h"

/* What aliases may add to the values that are written out. */
#define ALIAS_BUDGET 100000

/* libyaml's time grows with the square of these; the deepest key here is at depth 8. */
#define MAX_DEPTH   64
#define MAX_ANCHORS 256

/* The place of a byte, where libyaml knows no better (errors below the level of characters). */
static struct mark place_of(const char *text, size_t len, size_t offset)
{
	struct mark mark = { 1, 1 };

	for (size_t i = 0; i < offset && i < len; i++) {
		if (text[i] == '\n') {
			mark.line++;
			mark.column = 1;
		} else if (((unsigned char)text[i] & 0xc0) != 0x80) {
			mark.column++;
		}
	}
	return mark;
}

/* The character there, or 0. */
static char char_at(const char *text, size_t len, struct mark mark)
{
	unsigned line = 1;
	size_t i = 0;

	for (; i < len && line < mark.line; i++)
		line += text[i] == '\n';
	i += mark.column - 1;
	return line == mark.line && i < len ? text[i] : '\0';
}

static const char *hint(char at)
{
	switch (at) {
	case '\t':
		return "; indent by blanks, not tabs";
	case ':':
		return "; quote an IPv6 address that begins with a colon: '::/0'";
	default:
		return "";
	}
}

static void syntax_error(const yaml_parser_t *p, const char *text, size_t len, struct findings *f)
{
	struct mark mark = { (unsigned)p->problem_mark.line + 1,
			     (unsigned)p->problem_mark.column + 1 };

	if (p->error == YAML_READER_ERROR) {
		mark = place_of(text, len, p->problem_offset);
		findings_add(f, SEVERITY_ERROR, mark, "not YAML: %s", p->problem);
	} else if (p->context) {
		findings_add(f, SEVERITY_ERROR, mark, "not YAML: %s, %s (it began in line %zu)%s",
			     p->problem, p->context, p->context_mark.line + 1,
			     hint(char_at(text, len, mark)));
	} else {
		findings_add(f, SEVERITY_ERROR, mark, "not YAML: %s%s",
			     p->problem ? p->problem : "cannot be read",
			     hint(char_at(text, len, mark)));
	}
}

struct extent {
	unsigned depth, anchors;
};

/* False when the event goes beyond a limit. */
static bool measure(const yaml_event_t *e, struct extent *x, struct findings *f)
{
	struct mark mark = { (unsigned)e->start_mark.line + 1, (unsigned)e->start_mark.column + 1 };

	switch ((int)e->type) {
	case YAML_SEQUENCE_START_EVENT:
		x->anchors += e->data.sequence_start.anchor != NULL;
		x->depth++;
		break;
	case YAML_MAPPING_START_EVENT:
		x->anchors += e->data.mapping_start.anchor != NULL;
		x->depth++;
		break;
	case YAML_SCALAR_EVENT:
		x->anchors += e->data.scalar.anchor != NULL;
		break;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		x->depth--;
		break;
	}
	if (x->depth > MAX_DEPTH)
		findings_add(f, SEVERITY_ERROR, mark, "nested too deeply, %d levels are allowed",
			     MAX_DEPTH);
	else if (x->anchors > MAX_ANCHORS)
		findings_add(f, SEVERITY_ERROR, mark, "too many anchors, %d are allowed",
			     MAX_ANCHORS);
	return x->depth <= MAX_DEPTH && x->anchors <= MAX_ANCHORS;
}

/* Before anything is built: is this a text that libyaml reads in reasonable time? Whether it is
 * YAML at all is for load() to say. */
static int check_extent(const char *text, size_t len, struct findings *f)
{
	struct extent extent = { 0 };
	bool more = true, fits = true;
	yaml_parser_t p;
	int err = 0;

	if (!yaml_parser_initialize(&p))
		return -ENOMEM;
	yaml_parser_set_input_string(&p, (const unsigned char *)text, len);
	while (more && fits) {
		yaml_event_t event;

		if (!yaml_parser_parse(&p, &event)) {
			err = p.error == YAML_MEMORY_ERROR ? -ENOMEM : 0;
			break;
		}
		fits = measure(&event, &extent, f);
		more = event.type != YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&p);
	return fits ? err : -EINVAL;
}

static int load(yaml_parser_t *p, yaml_document_t *document, const char *text, size_t len,
		struct findings *f)
{
	if (yaml_parser_load(p, document))
		return 0;
	if (p->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	syntax_error(p, text, len, f);
	return -EINVAL;
}

/* One document is a configuration; text behind `---` or `...` would go unread. */
static int check_end(yaml_parser_t *p, const char *text, size_t len, struct findings *f)
{
	yaml_document_t next;
	yaml_node_t *root;
	int err = load(p, &next, text, len, f);

	if (err)
		return err;
	root = yaml_document_get_root_node(&next);
	if (root) {
		findings_add(f, SEVERITY_ERROR, mark_of(root),
			     "a second document begins here; a configuration is one document");
		err = -EINVAL;
	}
	yaml_document_delete(&next);
	return err;
}

static int set_defaults(struct config *c, const char *file)
{
	schema_defaults(&config_schema, c);
	c->file = strdup(file);
	return c->file ? 0 : -ENOMEM;
}

/* The root is there. -EINVAL leaves *c to be used for more checks. */
static int decode(yaml_document_t *document, struct config *c, struct findings *f)
{
	struct decoder d = { .document = document, .findings = f };
	size_t before = findings_errors(f);
	yaml_node_t *root = yaml_document_get_root_node(document);

	d.budget = (size_t)(document->nodes.top - document->nodes.start) + ALIAS_BUDGET;
	decode_members(&d, &config_schema, root, mark_of(root), c);
	if (!c->gateway.secrets)
		c->gateway.secrets = copy_text(&d, DEFAULT_SECRETS);
	if (d.out_of_memory || f->out_of_memory)
		return -ENOMEM;
	return findings_errors(f) == before ? 0 : -EINVAL;
}

static int parse_document(const char *file, yaml_document_t *document, struct config *out,
			  struct findings *f)
{
	struct config c = { 0 };
	int err;

	if (!yaml_document_get_root_node(document)) {
		findings_add(f, SEVERITY_ERROR, (struct mark){ 1, 1 }, "the file is empty");
		return -EINVAL;
	}
	err = set_defaults(&c, file);
	if (!err)
		err = decode(document, &c, f);
	if (err == -ENOMEM) {
		config_free(&c);
		return err;
	}
	*out = c;
	return err;
}

static int parse(const char *file, const char *text, size_t len, yaml_parser_t *p,
		 struct config *out, struct findings *f)
{
	yaml_document_t document;
	int err, end;

	err = load(p, &document, text, len, f);
	if (err)
		return err;
	err = parse_document(file, &document, out, f);
	yaml_document_delete(&document);
	if (err == -ENOMEM)
		return err;
	end = check_end(p, text, len, f);
	if (end == -ENOMEM)
		config_free(out);
	return end ? end : err;
}

int config_parse(const char *file, const char *text, size_t len, struct config *out,
		 struct findings *f)
{
	yaml_parser_t p;
	int err;

	*out = (struct config){ 0 };
	if (len > CONFIG_MAX_LEN) {
		findings_add(f, SEVERITY_ERROR, (struct mark){ 1, 1 },
			     "the file is too large, %d MiB are allowed", CONFIG_MAX_LEN >> 20);
		return -EINVAL;
	}
	err = check_extent(text, len, f);
	if (err)
		return err;
	if (!yaml_parser_initialize(&p))
		return -ENOMEM;
	yaml_parser_set_input_string(&p, (const unsigned char *)text, len);
	err = parse(file, text, len, &p, out, f);
	yaml_parser_delete(&p);
	return err;
}
