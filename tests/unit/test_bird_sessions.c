/* SPDX-License-Identifier: GPL-2.0-only */
/* What BIRD says of its sessions, as BIRD 2.17.6 printed it (tests/unit/data/bird: one that is
 * established, of both families, with a network filtered; one that is not). */
#include <errno.h>
#include "checked.h"
#include "wire/bird_sessions.h"

#define SINCE (15 * 3600 + 36 * 60 + 6) /* in the recording */

static struct frr_sessions sessions_at(unsigned day_s)
{
	struct frr_sessions s;
	size_t len;
	char *text = read_whole("tests/unit/data/bird/protocols.txt", &len);

	assert_int_equal(bird_sessions_parse(text, len, day_s, &s), 0);
	assert_int_equal(s.count, 2);
	free(text);
	return s;
}

static void a_session_of_two_families_counts_once(void **state)
{
	struct frr_sessions s = sessions_at(SINCE + 3);
	char text[PREFIX_STRLEN];

	(void)state;
	assert_string_equal(address_format(&s.list[0].peer, text), "169.254.10.2");
	assert_string_equal(s.list[0].vrf, "default");
	assert_string_equal(s.list[0].state, "Established");
	assert_int_equal(s.list[0].up_ms, 3000);
	assert_int_equal(s.list[0].received, 3 + 1);
	assert_int_equal(s.list[0].advertised, 1 + 0);
	frr_sessions_free(&s);
}

static void a_session_that_is_down_has_an_uptime_or_routes(void **state)
{
	struct frr_sessions s = sessions_at(SINCE + 3);
	char text[PREFIX_STRLEN];

	(void)state;
	assert_string_equal(address_format(&s.list[1].peer, text), "169.254.11.2");
	assert_string_equal(s.list[1].state, "Idle");
	assert_int_equal(s.list[1].up_ms, 0);
	assert_int_equal(s.list[1].received, 0);
	frr_sessions_free(&s);
}

static void a_session_since_yesterday_is_up_for_less_than_nothing(void **state)
{
	struct frr_sessions s = sessions_at(SINCE - 3600);

	(void)state;
	assert_int_equal(s.list[0].up_ms, 23 * 3600 * 1000);
	frr_sessions_free(&s);
}

#define HEAD "Name       Proto      Table      State  Since         Info\n"
#define UP   "  BGP state:          Established\n    Neighbor address: 169.254.10.2%xfrm101\n"

static const struct row {
	const char *name, *text;
	int err;
	const char *expect; /* of one session: VRF, peer, seconds, received, advertised */
} rows[] = {
	{ "no answer at all is one without sessions", "", -EINVAL, NULL },
	{ "neither is that of another program", "Usage: birdc [OPTION]...\n", -EINVAL, NULL },
	{ "no protocols are an error", HEAD, 0, NULL },
	{ "a VRF's session is another one's",
	  HEAD "x BGP --- up 00:00:10 Established\n  VRF:            vrf1001\n" UP, 0,
	  "vrf1001 169.254.10.2 90 0 0" },
	{ "of a day ago it is known when", HEAD "x BGP --- up 2026-11-26 Established\n" UP, 0,
	  "default 169.254.10.2 0 0 0" },
	{ "what was filtered is counted as sent",
	  HEAD "x BGP --- up 00:00:10 Established\n" UP
	       "  Channel ipv4\n    Routes:         7 imported, 5 filtered, 2 exported, 7 "
	       "preferred\n",
	  0, "default 169.254.10.2 90 7 2" },
	{ "another protocol's routes are the session's",
	  HEAD "x BGP --- up 00:00:10 Established\n" UP
	       "\nk Kernel t up 00:00:10\n  Channel ipv4\n    Routes:   7 imported, 2 exported\n",
	  0, "default 169.254.10.2 90 0 0" },
	{ "a time that is none is one", HEAD "x BGP --- up 25:61:99 Established\n" UP, 0,
	  "default 169.254.10.2 0 0 0" },
};

static void each_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		char got[256] = "", peer[PREFIX_STRLEN];
		struct frr_sessions s;
		int err = bird_sessions_parse(r->text, strlen(r->text), 100, &s);

		if (s.count)
			snprintf(got, sizeof(got), "%s %s %llu %llu %llu", s.list[0].vrf,
				 address_format(&s.list[0].peer, peer),
				 (unsigned long long)s.list[0].up_ms / 1000,
				 (unsigned long long)s.list[0].received,
				 (unsigned long long)s.list[0].advertised);
		if (err != r->err || strcmp(got, r->expect ? r->expect : ""))
			fail_msg("%s: %d, '%s'", r->name, err, got);
		frr_sessions_free(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_session_of_two_families_counts_once),
		cmocka_unit_test(a_session_that_is_down_has_an_uptime_or_routes),
		cmocka_unit_test(a_session_since_yesterday_is_up_for_less_than_nothing),
		cmocka_unit_test(each_row),
	};

	return cmocka_run_group_tests_name("bird_sessions", tests, NULL, NULL);
}
