/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a YAML document becomes a struct config: tables of fields (config_schema.c) say which key is
 * decoded by what to where, config_walk.c follows mappings and lists, config_values.c and
 * config_addresses.c read values.
 *
 * Decoders return nothing. What is wrong becomes a finding, the value keeps its default, and the
 * walk goes on: so one run finds everything. The mark of a value is stored before it is decoded, so
 * that "written but wrong" (mark.line set, value still zero) can be told from "not written".
 */
#ifndef ESPALIER_WIRE_CONFIG_DECODE_H
#define ESPALIER_WIRE_CONFIG_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <yaml.h>
#include "../core/config.h"

struct decoder {
	yaml_document_t *document;
	struct findings *findings;
	size_t budget; /* values that may still be visited: aliases can multiply a small file */
	bool out_of_memory;
};

struct field;
struct schema;

/* `base` is the struct that the field's offsets refer to. */
typedef void decode_fn(struct decoder *d, const struct field *f, yaml_node_t *node, void *base);

/* Offsets of marks and counts are never 0 in our structs: 0 says that there is none. */
struct field {
	const char *key; /* NULL ends a table */
	decode_fn *decode;
	size_t offset;
	size_t mark;		     /* of the value's struct mark */
	size_t count;		     /* lists: of the element count, a size_t */
	unsigned size;		     /* of the number at offset, in bytes */
	unsigned variants;	     /* bits 1 << type that have this key; 0: all */
	bool required;		     /* in those variants */
	const char *alternative;     /* the one key that may stand in its place */
	uint64_t min, max;	     /* numbers */
	uint64_t initial;	     /* numbers: the default */
	const char *const *names;    /* words: their values are their positions */
	const struct schema *schema; /* mappings, and the elements of lists of mappings */
	const char *rule;	     /* cited when out of range: " [S54]" */
};

/* A key that people expect, and why it is not one. */
struct refused_key {
	const char *key; /* NULL ends a table */
	const char *why;
};

struct schema {
	const char *what; /* "a tunnel" */
	const struct field *fields;
	const struct refused_key *refused; /* or NULL */
	size_t size;
	size_t name, name_mark;	     /* of elements that are named by their key */
	const char *variant_key;     /* the key that decides between variants */
	const char *const *variants; /* its words */
	void (*finish)(struct decoder *d, void *element); /* defaults that need the rest; or NULL */
};

#define MAX_FIELDS 24 /* of one schema */

/* The root of the file: into a struct config. */
extern const struct schema config_schema;

/* config_walk.c */
void schema_defaults(const struct schema *s, void *base);
void decode_members(struct decoder *d, const struct schema *s, yaml_node_t *node, struct mark mark,
		    void *base);
decode_fn decode_mapping; /* a struct within the struct */
decode_fn decode_switch;  /* `off`, or the same: its first member is what says so */
decode_fn decode_named;	  /* name: {…} → array of structs, in the order of the file */
decode_fn decode_list;	  /* [{…}] → array of structs */

/* config_values.c */
decode_fn decode_number, decode_asn, decode_bool, decode_word;
/* Into ms, into s; the range is of the same unit. */
decode_fn decode_duration, decode_duration_or_off, decode_seconds, decode_seconds_or_off;
decode_fn decode_text, decode_name, decode_reference, decode_references;

/* config_addresses.c */
decode_fn decode_address, decode_prefix, decode_prefixes;
decode_fn decode_vlans, decode_next_hops, decode_one_gateway_address, decode_gateway_addresses;

/* config_cpus.c */
decode_fn decode_cpus;

/* What they share. */
struct mark mark_of(const yaml_node_t *node);
bool is_null(const yaml_node_t *node);
bool name_is_valid(const char *name);
/* Text of a scalar, or NULL with a finding: "KEY: EXPECTED is expected, not a list". */
const char *scalar_text(struct decoder *d, const char *key, const char *expected,
			yaml_node_t *node);
/* Is it a mapping or a list, as wanted? Else the same finding. */
bool is_container(struct decoder *d, const char *key, const char *expected, const yaml_node_t *node,
		  yaml_node_type_t wanted);
/* Explicit tags are refused; true with a finding. */
bool has_tag(struct decoder *d, const char *key, const yaml_node_t *node);
/* A decimal number in the field's range; else a finding. */
bool read_number(struct decoder *d, const struct field *f, yaml_node_t *node, uint64_t *out);
/* Is it a list that we may walk? */
bool is_list(struct decoder *d, const char *key, const char *expected, yaml_node_t *node);
/* Charges the budget; false, with one finding, when it is used up. */
bool afford(struct decoder *d, size_t values, const yaml_node_t *node);
size_t sequence_length(const yaml_node_t *node);
yaml_node_t *sequence_item(struct decoder *d, const yaml_node_t *node, size_t i);
/* Zeroed array for a list of n, stored at the field's offset. NULL: n is 0, or no memory (noted).
 */
void *new_array(struct decoder *d, const struct field *f, void *base, size_t n, size_t size);
char *copy_text(struct decoder *d, const char *text);
void store_number(const struct field *f, void *base, uint64_t value);

__attribute__((format(printf, 3, 4))) void decode_error(struct decoder *d, struct mark mark,
							const char *format, ...);

#endif
