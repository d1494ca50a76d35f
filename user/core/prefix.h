/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * IP addresses and prefixes of both families. Values, no ownership.
 */
#ifndef ESPALIER_PREFIX_H
#define ESPALIER_PREFIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PREFIX_STRLEN  64
#define PREFIX_MAX_LEN 128

/* An address: family is AF_INET or AF_INET6 (0: none); bytes in network order, IPv4 in bytes[0..3],
 * the rest zero. */
struct address {
	uint8_t family;
	uint8_t bytes[16];
};

/* A prefix: host bits are zero in a valid one. len in bits. */
struct prefix {
	struct address address;
	uint8_t len;
};

/* 32 or 128. */
unsigned address_bits(const struct address *a);

/* Bit i, counted from the most significant one. */
static inline unsigned address_bit(const struct address *a, unsigned i)
{
	return (a->bytes[i / 8] >> (7 - i % 8)) & 1;
}

/* "192.0.2.1" or "2001:db8::1". -EINVAL when it is neither. */
int address_parse(const char *text, struct address *out);

/* "10.0.0.0/8"; a bare address is a host prefix. -EINVAL: not a prefix; -ERANGE: a prefix with host
 * bits set (out is then not written, *masked is the prefix that was probably meant). masked may be
 * NULL. */
int prefix_parse(const char *text, struct prefix *out, struct prefix *masked);

/* Writes text and returns buf. */
const char *address_format(const struct address *a, char buf[PREFIX_STRLEN]);
const char *prefix_format(const struct prefix *p, char buf[PREFIX_STRLEN]);

bool address_equal(const struct address *a, const struct address *b);
/* 169.254.0.0/16, fe80::/10. */
bool address_is_link_local(const struct address *a);
bool prefix_equal(const struct prefix *a, const struct prefix *b);

/* Order: family, address, then shorter first: a prefix sorts before everything inside it. */
int prefix_compare(const struct prefix *a, const struct prefix *b);

/* inner equals outer or lies inside it. */
bool prefix_contains(const struct prefix *outer, const struct prefix *inner);
bool prefix_contains_address(const struct prefix *p, const struct address *a);

/* One contains the other. */
bool prefix_overlaps(const struct prefix *a, const struct prefix *b);

/* The host prefix of an address, and the prefix of len bits that an address lies in. */
struct prefix prefix_of(const struct address *a, unsigned len);

#endif
