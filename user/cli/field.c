/* SPDX-License-Identifier: GPL-2.0-only */
#include <stdio.h>
#include "field.h"
#include "table.h"

const json_t *field(const json_t *item, const char *key)
{
	return json_object_get(item, key);
}

const char *field_string(const json_t *item, const char *key)
{
	const char *text = json_string_value(field(item, key));

	return text ? text : "-";
}

static const char *value_text(const json_t *value, char buf[FIELD_STRLEN])
{
	if (json_is_string(value))
		return json_string_value(value);
	if (json_is_integer(value))
		snprintf(buf, FIELD_STRLEN, "%lld", (long long)json_integer_value(value));
	else if (json_is_real(value))
		snprintf(buf, FIELD_STRLEN, "%.3g", json_real_value(value));
	else
		snprintf(buf, FIELD_STRLEN, "-");
	return buf;
}

const char *field_text(const json_t *item, const char *key, char buf[FIELD_STRLEN])
{
	return value_text(field(item, key), buf);
}

uint64_t field_count(const json_t *item, const char *key)
{
	double value = json_number_value(field(item, key));

	if (json_is_integer(field(item, key)) && value >= 0)
		return (uint64_t)json_integer_value(field(item, key));
	return value > 0 ? (uint64_t)value : 0;
}

const char *field_list(const json_t *item, const char *key, char buf[FIELD_LIST_STRLEN])
{
	const json_t *list = field(item, key);
	char number[FIELD_STRLEN];
	size_t len = 0;

	snprintf(buf, FIELD_LIST_STRLEN, "-");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *value = json_array_get(list, i);

		len += snprintf(buf + len, FIELD_LIST_STRLEN - len, "%s%s", i ? ", " : "",
				value_text(value, number));
		if (len >= FIELD_LIST_STRLEN)
			break;
	}
	return buf;
}

const char *field_duration(const json_t *item, const char *key, char buf[FIELD_STRLEN])
{
	const json_t *value = field(item, key);

	if (json_is_number(value))
		return unit_duration(json_number_value(value), buf);
	snprintf(buf, FIELD_STRLEN, "-");
	return buf;
}
