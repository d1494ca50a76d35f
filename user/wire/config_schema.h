/* SPDX-License-Identifier: GPL-2.0-only */
/* How the tables of config_schema*.c are written. Nothing else includes it. */
#ifndef ESPALIER_WIRE_CONFIG_SCHEMA_H
#define ESPALIER_WIRE_CONFIG_SCHEMA_H

#include "config_decode.h"

#define SIZE_OF(type, member) sizeof(((type *)0)->member)
#define VALUE(type, member)   .offset = offsetof(type, member), .size = SIZE_OF(type, member)
#define MARK(type, member)    .mark = offsetof(type, member)
#define LIST(type, member, counter) \
	.offset = offsetof(type, member), .count = offsetof(type, counter)
#define RANGE(low, high) .min = (low), .max = (high)
#define END		 { .key = NULL }
#define ASN_RANGE	 RANGE(1, UINT32_MAX)

/* config_schema_bgp.c: into a struct config_bgp */
extern const struct schema bgp_schema;
/* Into a struct config_fpm. */
extern const struct schema fpm_schema;

#endif
