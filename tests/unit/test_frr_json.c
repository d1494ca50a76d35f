/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * FRR's JSON, as FRR 10.3 printed it (tests/unit/data/frr: two sessions of a gateway without VRF,
 * rendered by `espalier render frr`, and of one whose VRF is missing), and what else may come.
 */
#include <errno.h>
#include <sys/socket.h>
#include "checked.h"
#include "wire/frr_json.h"

#define DATA "tests/unit/data/frr/"

static char *recorded(const char *name, size_t *len)
{
	char path[128];

	snprintf(path, sizeof(path), DATA "%s", name);
	return read_whole(path, len);
}

static struct frr_sessions sessions_in(const char *name)
{
	struct frr_sessions s;
	size_t len;
	char *text = recorded(name, &len);

	assert_int_equal(frr_sessions_parse(text, len, &s), 0);
	free(text);
	return s;
}

static void a_session_of_two_families_counts_once(void **state)
{
	struct frr_sessions s = sessions_in("summary.json");
	char text[PREFIX_STRLEN];

	(void)state;
	assert_int_equal(s.count, 2);
	assert_string_equal(address_format(&s.list[0].peer, text), "169.254.10.2");
	assert_string_equal(s.list[0].vrf, "default");
	assert_string_equal(s.list[0].state, "Established");
	assert_int_equal(s.list[0].up_ms, 12000);
	assert_int_equal(s.list[0].received, 3 + 1);
	assert_int_equal(s.list[0].advertised, 2 + 1);
	frr_sessions_free(&s);
}

static void a_session_that_is_down_has_an_uptime(void **state)
{
	struct frr_sessions s = sessions_in("summary-idle.json");

	(void)state;
	assert_int_equal(s.count, 2);
	assert_string_equal(s.list[1].vrf, "vrf1001");
	assert_string_equal(s.list[1].state, "Idle");
	assert_int_equal(s.list[1].up_ms, 0);
	frr_sessions_free(&s);
}

static struct frr_paths paths_in(const char *name)
{
	struct frr_paths p = { 0 };
	size_t len;
	char *text = recorded(name, &len);

	assert_int_equal(frr_paths_parse(text, len, &p), 0);
	free(text);
	return p;
}

/* The path to `prefix` from `peer`; NULL: from here. */
static const struct frr_path *path_to(const struct frr_paths *p, const char *prefix,
				      const char *peer)
{
	char text[PREFIX_STRLEN];

	for (size_t i = 0; i < p->count; i++) {
		const struct frr_path *path = &p->list[i];

		if (strcmp(prefix_format(&path->prefix, text), prefix) != 0)
			continue;
		if (peer ? path->peer.family && !strcmp(address_format(&path->peer, text), peer)
			 : !path->peer.family)
			return path;
	}
	fail_msg("no path to %s from %s", prefix, peer ? peer : "here");
	return NULL;
}

static void an_attribute_is_lost(void **state)
{
	struct frr_paths p = paths_in("ipv4.json");
	const struct frr_path *path = path_to(&p, "0.0.0.0/0", "169.254.11.2");
	char text[PREFIX_STRLEN];

	(void)state;
	assert_int_equal(p.count, 8);
	assert_string_equal(path->as_path, "65001 65009 65009");
	assert_int_equal(path->as_path_length, 3);
	assert_true(path->has_med);
	assert_int_equal(path->med, 40);
	assert_string_equal(path->communities, "65001:1 65001:77 no-export");
	assert_string_equal(address_format(&path->next_hop, text), "169.254.11.2");
	assert_false(path->best);
	assert_true(path->multipath);
	assert_true(path_to(&p, "0.0.0.0/0", "169.254.10.2")->best);
	path = path_to(&p, "10.1.0.0/16", NULL);
	assert_string_equal(path->as_path, "");
	assert_int_equal(path->as_path_length, 0);
	frr_paths_free(&p);
}

/* Of the two next hops the one in use; and the other shape of detail. */
static void an_ipv6_path_has_the_wrong_next_hop(void **state)
{
	struct frr_paths p = paths_in("ipv6.json");
	const struct frr_path *path = path_to(&p, "fd00:50::/48", "169.254.10.2");

	(void)state;
	assert_int_equal(p.count, 3);
	assert_int_equal(path->next_hop.family, AF_INET6);
	assert_int_equal(path->next_hop.bytes[0], 0xfe);
	assert_string_equal(path->as_path, "65001");
	path_to(&p, "fd00:1::/48", NULL);
	frr_paths_free(&p);
}

static void two_families_do_not_add_up(void **state)
{
	struct frr_paths p = paths_in("ipv4.json");
	size_t len;
	char *text = recorded("ipv6.json", &len);

	(void)state;
	assert_int_equal(frr_paths_parse(text, len, &p), 0);
	assert_int_equal(p.count, 8 + 3);
	assert_int_equal(frr_paths_parse(text, len / 2, &p), -EINVAL);
	assert_int_equal(p.count, 8 + 3);
	free(text);
	text = recorded("ipv4-empty.json", &len);
	assert_int_equal(frr_paths_parse(text, len, &p), 0);
	assert_int_equal(p.count, 8 + 3);
	free(text);
	frr_paths_free(&p);
}

/* What another version, or another program, might say. */
static void an_unknown_shape_is_believed(void **state)
{
	static const char *const refused[] = { "",
					       "[]",
					       "{",
					       "% BGP instance not found\n",
					       "3",
					       "\"x\"",
					       "{\"routes\": []}",
					       "{\"warning\":\"x\"}" };
	static const char *const empty[] = { "{\"routes\": {\"x\": [{}]}}",
					     "{\"routes\": {\"10.0.0.0/8\": 3}}",
					     "{\"routes\": {\"10.0.0.1/8\": [{}]}}" };
	static const char odd[] = "{\"routes\": {\"10.0.0.0/8\": [{\"metric\": -1, \"aspath\": "
				  "{\"length\": 99999999999, \"string\": 4}, \"peer\": [], "
				  "\"nexthops\": [7, {\"ip\": \"?\", \"used\": true}]}, 5]}}";
	struct frr_paths p = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
		assert_int_equal(frr_paths_parse(refused[i], strlen(refused[i]), &p), -EINVAL);
	for (size_t i = 0; i < sizeof(empty) / sizeof(*empty); i++)
		assert_int_equal(frr_paths_parse(empty[i], strlen(empty[i]), &p), 0);
	assert_int_equal(p.count, 0);
	assert_int_equal(frr_paths_parse(odd, strlen(odd), &p), 0);
	assert_int_equal(p.count, 2);
	assert_int_equal(p.list[0].med, 0);
	assert_int_equal(p.list[0].as_path_length, 0);
	assert_int_equal(p.list[0].next_hop.family, 0);
	frr_paths_free(&p);
}

static void a_long_text_overflows(void **state)
{
	char text[2 * FRR_TEXT_LEN + 256];
	struct frr_paths p = { 0 };
	int n = snprintf(text, sizeof(text),
			 "{\"routes\": {\"10.0.0.0/8\": [{\"peer\": {\"peerId\": \"192.0.2.1\"}, "
			 "\"community\": {\"string\": \"%0*d\"}, \"largeCommunity\": {\"string\": "
			 "\"x\"}}]}}",
			 2 * FRR_TEXT_LEN, 0);

	(void)state;
	assert_int_equal(frr_paths_parse(text, (size_t)n, &p), 0);
	assert_int_equal(strlen(p.list[0].communities), FRR_TEXT_LEN - 1);
	frr_paths_free(&p);
}

/* What FRR says of a session that does not carry the family is not even JSON. */
static void what_is_announced_is_lost_or_made_up(void **state)
{
	static const char *const refused[] = { "", "{\n{ \"warning\": \"No such neighbor\" }\n}\n",
					       "{\"warning\":\"View/Vrf is unknown\"}",
					       "{\"advertisedRoutes\": [1]}", "[]" };
	size_t len;
	char *text = read_whole(DATA "advertised.json", &len), a[PREFIX_STRLEN];
	struct prefixes p = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
		assert_int_equal(frr_advertised_parse(refused[i], strlen(refused[i]), &p), -EINVAL);
	assert_int_equal(p.count, 0);
	assert_int_equal(frr_advertised_parse(text, len, &p), 0);
	assert_int_equal(p.count, 2);
	assert_string_equal(prefix_format(&p.list[1], a), "10.60.0.0/16");
	assert_int_equal(frr_advertised_parse("{\"advertisedRoutes\": {\"x\": 3}}", 30, &p), 0);
	assert_int_equal(p.count, 2);
	prefixes_free(&p);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_session_of_two_families_counts_once),
		cmocka_unit_test(a_session_that_is_down_has_an_uptime),
		cmocka_unit_test(an_attribute_is_lost),
		cmocka_unit_test(an_ipv6_path_has_the_wrong_next_hop),
		cmocka_unit_test(two_families_do_not_add_up),
		cmocka_unit_test(an_unknown_shape_is_believed),
		cmocka_unit_test(a_long_text_overflows),
		cmocka_unit_test(what_is_announced_is_lost_or_made_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
