/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fields of an answer, as text. What is missing, null or of an unexpected type is "-" or 0: a newer
 * daemon must not upset an older command line.
 */
#ifndef ESPALIER_FIELD_H
#define ESPALIER_FIELD_H

#include <stdint.h>
#include <jansson.h>

#define FIELD_STRLEN	  32
#define FIELD_LIST_STRLEN 1024

const json_t *field(const json_t *item, const char *key);

/* A string, or "-". The item's. */
const char *field_string(const json_t *item, const char *key);

/* A string or a number, or "-". The item's, or buf. */
const char *field_text(const json_t *item, const char *key, char buf[FIELD_STRLEN]);

/* A number that is not negative, or 0. */
uint64_t field_count(const json_t *item, const char *key);

/* Strings and numbers of a list, with ", " between them, or "-". */
const char *field_list(const json_t *item, const char *key, char buf[FIELD_LIST_STRLEN]);

/* "3h12m", or "-". */
const char *field_duration(const json_t *item, const char *key, char buf[FIELD_STRLEN]);

#endif
