/* SPDX-License-Identifier: GPL-2.0-only */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "prefix.h"

unsigned address_bits(const struct address *a)
{
	return a->family == AF_INET6 ? 128 : 32;
}

int address_parse(const char *text, struct address *out)
{
	struct address a = { .family = AF_INET };

	if (inet_pton(AF_INET, text, a.bytes) != 1) {
		a = (struct address){ .family = AF_INET6 };
		if (inet_pton(AF_INET6, text, a.bytes) != 1)
			return -EINVAL;
	}
	*out = a;
	return 0;
}

/* Decimal, without sign, blanks and leading zeros: what cannot be misread. */
static int parse_length(const char *text, unsigned max, unsigned *out)
{
	unsigned value = 0;
	size_t digits = strspn(text, "0123456789");

	if (!digits || digits > 3 || text[digits] || (digits > 1 && text[0] == '0'))
		return -EINVAL;
	for (size_t i = 0; i < digits; i++)
		value = value * 10 + (unsigned)(text[i] - '0');
	if (value > max)
		return -EINVAL;
	*out = value;
	return 0;
}

static int parse_parts(const char *text, struct address *address, unsigned *len)
{
	char buf[PREFIX_STRLEN];
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	int err;

	if (n >= sizeof(buf))
		return -EINVAL;
	memcpy(buf, text, n);
	buf[n] = '\0';
	err = address_parse(buf, address);
	if (err)
		return err;
	*len = address_bits(address);
	return slash ? parse_length(slash + 1, *len, len) : 0;
}

int prefix_parse(const char *text, struct prefix *out, struct prefix *masked)
{
	struct address address;
	struct prefix p;
	unsigned len;
	int err = parse_parts(text, &address, &len);

	if (err)
		return err;
	p = prefix_of(&address, len);
	if (!address_equal(&p.address, &address)) {
		if (masked)
			*masked = p;
		return -ERANGE;
	}
	*out = p;
	return 0;
}

const char *address_format(const struct address *a, char buf[PREFIX_STRLEN])
{
	if (!inet_ntop(a->family, a->bytes, buf, PREFIX_STRLEN))
		strcpy(buf, "none");
	return buf;
}

const char *prefix_format(const struct prefix *p, char buf[PREFIX_STRLEN])
{
	size_t n;

	address_format(&p->address, buf);
	if (!p->address.family)
		return buf;
	n = strlen(buf);
	snprintf(buf + n, PREFIX_STRLEN - n, "/%u", p->len);
	return buf;
}

bool address_equal(const struct address *a, const struct address *b)
{
	return a->family == b->family && !memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

bool address_is_link_local(const struct address *a)
{
	if (a->family == AF_INET)
		return a->bytes[0] == 169 && a->bytes[1] == 254;
	return a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}

bool prefix_equal(const struct prefix *a, const struct prefix *b)
{
	return a->len == b->len && address_equal(&a->address, &b->address);
}

int prefix_compare(const struct prefix *a, const struct prefix *b)
{
	int order;

	if (a->address.family != b->address.family)
		return a->address.family < b->address.family ? -1 : 1;
	order = memcmp(a->address.bytes, b->address.bytes, sizeof(a->address.bytes));
	if (order)
		return order < 0 ? -1 : 1;
	return (a->len > b->len) - (a->len < b->len);
}

bool prefix_contains_address(const struct prefix *p, const struct address *a)
{
	unsigned whole = p->len / 8, rest = p->len % 8;

	if (p->address.family != a->family || memcmp(p->address.bytes, a->bytes, whole))
		return false;
	return !rest || !((p->address.bytes[whole] ^ a->bytes[whole]) >> (8 - rest));
}

bool prefix_contains(const struct prefix *outer, const struct prefix *inner)
{
	return outer->len <= inner->len && prefix_contains_address(outer, &inner->address);
}

bool prefix_overlaps(const struct prefix *a, const struct prefix *b)
{
	return prefix_contains(a, b) || prefix_contains(b, a);
}

struct prefix prefix_of(const struct address *a, unsigned len)
{
	struct prefix p = { .address = { .family = a->family }, .len = (uint8_t)len };
	unsigned whole = len / 8, rest = len % 8;

	memcpy(p.address.bytes, a->bytes, whole);
	if (rest)
		p.address.bytes[whole] = (uint8_t)(a->bytes[whole] & (0xff << (8 - rest)));
	return p;
}
