/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <cmocka.h>
#include "core/prefix.h"

static struct prefix prefix(const char *text)
{
	struct prefix p;

	if (prefix_parse(text, &p, NULL))
		fail_msg("'%s' is not a prefix", text);
	return p;
}

static struct address address(const char *text)
{
	struct address a;

	if (address_parse(text, &a))
		fail_msg("'%s' is not an address", text);
	return a;
}

static void text_is_not_canonical_after_a_round_trip(void **state)
{
	static const char *const rows[][2] = {
		{ "10.0.0.0/8", "10.0.0.0/8" },
		{ "0.0.0.0/0", "0.0.0.0/0" },
		{ "255.255.255.255", "255.255.255.255/32" },
		{ "::/0", "::/0" },
		{ "2001:DB8:0:0::/64", "2001:db8::/64" },
		{ "2001:db8::1", "2001:db8::1/128" },
		{ "0:0:0:0:0:0:0:0/0", "::/0" },
		{ "fe80::/10", "fe80::/10" },
		{ "::ffff:192.0.2.1", "::ffff:192.0.2.1/128" },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128" },
	};
	char buf[PREFIX_STRLEN];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct prefix p = prefix(rows[i][0]);

		assert_string_equal(prefix_format(&p, buf), rows[i][1]);
	}
}

static void what_is_no_prefix_is_accepted(void **state)
{
	static const char *const rows[] = {
		"",
		"/",
		"/8",
		"10.0.0.0/",
		"10.0.0.0/33",
		"10.0.0/8",
		"10.0.0.0/08",
		"10.0.0.0/+8",
		"10.0.0.0/-1",
		"10.0.0.0/8 ",
		" 10.0.0.0/8",
		"10.0.0.0/8/8",
		"256.0.0.0/8",
		"010.0.0.0/8",
		"0x0a.0.0.0/8",
		"10.0.0.0/0x8",
		"::/129",
		"::/1000",
		":::/0",
		"1::2::3/64",
		"fe80::1%eth0",
		"abc",
		"10.0.0.0.0/8",
		"4294967296/0",
		"0000000000000000000000000000000000000000000000000000000000000000000000/0",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct prefix p, masked, before;

		memset(&p, 0x55, sizeof(p));
		before = p;
		if (prefix_parse(rows[i], &p, &masked) != -EINVAL)
			fail_msg("'%s' is accepted", rows[i]);
		assert_memory_equal(&p, &before, sizeof(p));
	}
}

static void host_bits_pass_or_what_was_meant_is_not_said(void **state)
{
	static const char *const rows[][2] = {
		{ "10.1.0.1/16", "10.1.0.0/16" },
		{ "255.255.255.255/0", "0.0.0.0/0" },
		{ "128.0.0.0/0", "0.0.0.0/0" },
		{ "192.0.2.1/31", "192.0.2.0/31" },
		{ "192.0.2.129/25", "192.0.2.128/25" },
		{ "2001:db8::1/64", "2001:db8::/64" },
		{ "::1/127", "::/127" },
		{ "8000::/0", "::/0" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct prefix p = { 0 }, masked, meant = prefix(rows[i][1]);

		assert_int_equal(prefix_parse(rows[i][0], &p, &masked), -ERANGE);
		assert_int_equal(p.address.family, 0);
		assert_true(prefix_equal(&masked, &meant));
		assert_int_equal(prefix_parse(rows[i][0], &p, NULL), -ERANGE);
	}
}

static void an_address_with_a_length_or_a_name_is_accepted(void **state)
{
	static const char *const rows[] = { "", "10.0.0.1/32", "localhost", "10.0.0", "1", "::g" };
	struct address a = { .family = 99 };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(address_parse(rows[i], &a), -EINVAL);
	assert_int_equal(a.family, 99);
}

static void an_address_of_no_family_formats_as_garbage(void **state)
{
	struct address none = { 0 };
	struct prefix p = { 0 };
	char buf[PREFIX_STRLEN];

	(void)state;
	assert_string_equal(address_format(&none, buf), "none");
	assert_string_equal(prefix_format(&p, buf), "none");
}

static void a_prefix_does_not_sort_before_what_it_contains(void **state)
{
	static const char *const sorted[] = { "0.0.0.0/0",     "10.0.0.0/8",   "10.0.0.0/16",
					      "10.0.0.0/32",   "10.0.0.1/32",  "10.1.0.0/16",
					      "100.64.0.0/10", "::/0",	       "::/128",
					      "2001:db8::/32", "2001:db8::/48" };
	size_t n = sizeof(sorted) / sizeof(*sorted);

	(void)state;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n; k++) {
			struct prefix a = prefix(sorted[i]), b = prefix(sorted[k]);
			int order = prefix_compare(&a, &b);

			assert_int_equal((order > 0) - (order < 0), (i > k) - (i < k));
		}
}

static void containment_is_wrong_at_the_edges(void **state)
{
	static const struct {
		const char *outer, *inner;
		bool contains;
	} rows[] = {
		{ "10.0.0.0/8", "10.0.0.0/8", true },
		{ "10.0.0.0/8", "10.255.255.255/32", true },
		{ "10.0.0.0/8", "11.0.0.0/32", false },
		{ "10.0.0.0/8", "9.255.255.255/32", false },
		{ "10.0.0.0/9", "10.127.255.255/32", true },
		{ "10.0.0.0/9", "10.128.0.0/32", false },
		{ "10.0.0.0/16", "10.0.0.0/8", false },
		{ "192.0.2.2/31", "192.0.2.3/32", true },
		{ "192.0.2.2/31", "192.0.2.4/32", false },
		{ "192.0.2.1/32", "192.0.2.1/32", true },
		{ "0.0.0.0/0", "255.255.255.255/32", true },
		{ "0.0.0.0/0", "::/0", false },
		{ "::/0", "0.0.0.0/0", false },
		{ "::/0", "ffff::/16", true },
		{ "fe80::/10", "febf::/16", true },
		{ "fe80::/10", "fec0::/16", false },
		{ "2001:db8::/127", "2001:db8::1/128", true },
		{ "2001:db8::/127", "2001:db8::2/128", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct prefix outer = prefix(rows[i].outer), inner = prefix(rows[i].inner);

		if (prefix_contains(&outer, &inner) != rows[i].contains)
			fail_msg("%s, %s", rows[i].outer, rows[i].inner);
		assert_true(prefix_overlaps(&outer, &inner) == prefix_overlaps(&inner, &outer));
		if (rows[i].contains)
			assert_true(prefix_overlaps(&outer, &inner) &&
				    prefix_contains_address(&outer, &inner.address));
	}
}

/* Containment bit by bit, against the bytewise one, over random prefixes that are often near. */
static bool contains_naively(const struct prefix *p, const struct address *a)
{
	if (p->address.family != a->family)
		return false;
	for (unsigned i = 0; i < p->len; i++)
		if (address_bit(&p->address, i) != address_bit(a, i))
			return false;
	return true;
}

static void containment_differs_from_the_naive_model(void **state)
{
	(void)state;
	srandom(1);
	for (int round = 0; round < 200000; round++) {
		struct address a = { .family = round % 2 ? AF_INET : AF_INET6 }, b;
		struct prefix p, back;
		char buf[PREFIX_STRLEN];

		for (unsigned i = 0; i < address_bits(&a) / 8; i++)
			a.bytes[i] = (uint8_t)random();
		p = prefix_of(&a, (unsigned)random() % (address_bits(&a) + 1));
		assert_true(prefix_contains_address(&p, &a));
		b = a;
		b.bytes[(unsigned)random() % (address_bits(&a) / 8)] ^= 1 << random() % 8;
		assert_true(prefix_contains_address(&p, &b) == contains_naively(&p, &b));
		assert_int_equal(prefix_parse(prefix_format(&p, buf), &back, NULL), 0);
		assert_true(prefix_equal(&p, &back));
	}
}

static void the_prefix_of_an_address_keeps_host_bits(void **state)
{
	static const struct {
		const char *address;
		unsigned len;
		const char *prefix;
	} rows[] = {
		{ "10.1.2.3", 32, "10.1.2.3/32" }, { "10.1.2.3", 31, "10.1.2.2/31" },
		{ "10.1.2.3", 17, "10.1.0.0/17" }, { "10.1.2.3", 8, "10.0.0.0/8" },
		{ "10.1.2.3", 0, "0.0.0.0/0" },	   { "2001:db8::ffff", 128, "2001:db8::ffff/128" },
		{ "ffff::1", 1, "8000::/1" },	   { "ffff::1", 0, "::/0" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct address a = address(rows[i].address);
		struct prefix p = prefix_of(&a, rows[i].len), want = prefix(rows[i].prefix);

		assert_true(prefix_equal(&p, &want));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_not_canonical_after_a_round_trip),
		cmocka_unit_test(what_is_no_prefix_is_accepted),
		cmocka_unit_test(host_bits_pass_or_what_was_meant_is_not_said),
		cmocka_unit_test(an_address_with_a_length_or_a_name_is_accepted),
		cmocka_unit_test(an_address_of_no_family_formats_as_garbage),
		cmocka_unit_test(a_prefix_does_not_sort_before_what_it_contains),
		cmocka_unit_test(containment_is_wrong_at_the_edges),
		cmocka_unit_test(containment_differs_from_the_naive_model),
		cmocka_unit_test(the_prefix_of_an_address_keeps_host_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
