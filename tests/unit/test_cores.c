/* SPDX-License-Identifier: GPL-2.0-only */
/* Over which CPUs a device's packets are spread, and which of them an SA gets. */
#include "checked.h"
#include "core/cores.h"
#include "core/plan_differences.h"

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))

/* ---- what is written ---- */

static const char base[] = "transit_router: { tables: { main: {} } }\n"
			   "attachments:\n"
			   "  a: { type: vpc, device: eth1, association: main, %s }\n"
			   "  b: { type: vpc, device: eth1, association: main, vlan: 9, %s }\n"
			   "gateway: { underlays: { %s } }\n";

static struct checked check_written(const char *a, const char *b, const char *underlays)
{
	char text[2048];

	snprintf(text, sizeof(text), base, a, b, underlays);
	return check_text(text);
}

#define ALLOWED "allowed: off, auto or a list of CPUs such as [0, 2-3]"

static void a_list_of_cpus_is_misread(void **state)
{
	static const struct {
		const char *written, *want;
	} rows[] = {
		{ "cpus: off", "off" },
		{ "cpus: auto", "auto" },
		{ "cpus: 3", "3" },
		{ "cpus: 0-3", "0-3" },
		{ "cpus: [0]", "0" },
		{ "cpus: [5, 2-3, 0]", "0 2-3 5" },
		{ "cpus: [1, 0, '2']", "0-2" },
		{ "cpus: [1023, 1022, 1000]", "1000 1022-1023" },
		{ "cpus: [0-63]", "0-63" },
		{ "mtu: 1500", "off" },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct checked k =
			check_written(rows[i].written, "mtu: 1500", "eth0: {cpus: auto}");
		char text[CPUS_STRLEN];

		assert_int_equal(findings_errors(&k.findings), 0);
		config_cpus_format(&k.config.attachments[0].cpus, text);
		assert_string_equal(text, rows[i].want);
		checked_free(&k);
	}
}

static void a_wrong_list_is_accepted(void **state)
{
	static const struct {
		const char *a, *b, *underlays, *want;
	} rows[] = {
		{ "cpus: on", "mtu: 1500", "",
		  "3:58: error: cpus: 'on' is not a CPU such as 2 or 2-5; " ALLOWED },
		{ "cpus: []", "mtu: 1500", "", "3:58: error: cpus: an empty list; " ALLOWED },
		{ "cpus: [0, -1]", "mtu: 1500", "",
		  "3:62: error: cpus: '-1' is not a CPU such as 2 or 2-5" },
		{ "cpus: [0, 2-]", "mtu: 1500", "",
		  "3:62: error: cpus: '2-' is not a CPU such as 2 or 2-5" },
		{ "cpus: [0, 5-2]", "mtu: 1500", "",
		  "3:62: error: cpus: 5-2 ends before it begins" },
		{ "cpus: [0, 1024]", "mtu: 1500", "",
		  "3:62: error: cpus: 1024 is out of range, 0 to 1023 is allowed" },
		{ "cpus: [0, 99999999999999999999]", "mtu: 1500", "",
		  "3:62: error: cpus: 99999999999999999999 is out of range" },
		{ "cpus: [0-3, 2]", "mtu: 1500", "", "3:64: error: cpus: CPU 2 is named twice" },
		{ "cpus: 0-64", "mtu: 1500", "",
		  "3:58: error: cpus: more than 64 CPUs; allowed: 1 to 64" },
		{ "cpus: { auto: 1 }", "mtu: 1500", "",
		  "3:58: error: cpus: off, auto or a list of CPUs such as [0, 2-3] is expected, "
		  "not a mapping" },
		{ "cpus: ", "mtu: 1500", "", "3:59: error: cpus: off, auto or a list" },
		{ "cpus: auto, xdp: off", "mtu: 1500", "",
		  "3:58: error: cpus: it is XDP that hands packets to another CPU" },
		{ "cpus: auto", "cpus: [0]", "",
		  "4:67: error: cpus: 0, but attachment 'a' of the same device has auto (line 3)" },
		{ "mtu: 1500", "mtu: 1500", "eth0: {}",
		  "5:25: error: 'cpus' is missing in an underlay" },
		{ "mtu: 1500", "mtu: 1500", "a-name-too-long-for-it: {cpus: auto}",
		  "5:25: error: device: 'a-name-too-long-for-it' is longer than 15 characters" },
		{ "mtu: 1500", "mtu: 1500", "eth0: {cpus: auto, queue: 1}",
		  "5:44: error: unknown key 'queue' in an underlay" },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct checked k = check_written(rows[i].a, rows[i].b, rows[i].underlays);
		char *have = findings_text(&k.findings);

		if (findings_errors(&k.findings) != 1 || !strstr(have, rows[i].want))
			fail_msg("row %zu: %s", i, have);
		free(have);
		checked_free(&k);
	}
}

static void a_list_that_is_written_twice_alike_is_refused(void **state)
{
	struct checked k = check_written("cpus: [0, 1]", "cpus: 0-1", "");

	(void)state;
	assert_int_equal(findings_errors(&k.findings), 0);
	checked_free(&k);
}

static void a_plan_forgets_what_changes(void **state)
{
	struct checked was =
		check_written("cpus: auto", "mtu: 1500", "eth0: {cpus: auto}, eth5: {cpus: 0-1}");
	struct checked is =
		check_written("cpus: 0-1", "mtu: 1500", "eth0: {cpus: [0, 2]}, eth6: {cpus: auto}");
	struct differences d = { 0 }, g = { 0 };

	(void)state;
	attachment_differs(&d, &was.config.attachments[0], &is.config.attachments[0]);
	assert_string_equal(d.text, "cpus auto -> 0-1");
	gateway_differs(&g, &was.config.gateway, &is.config.gateway);
	assert_string_equal(g.text, "underlay eth0 auto -> 0 2, underlay eth5 0-1 -> off, "
				    "underlay eth6 off -> auto");
	checked_free(&was);
	checked_free(&is);
}

static void online_cpus_are_misread(void **state)
{
	static const struct {
		const char *text;
		size_t count;
		uint16_t last;
	} rows[] = {
		{ "0\n", 1, 0 },      { "0-3\n", 4, 3 },	{ "0-1,4,6-7\n", 5, 7 },
		{ "0-1023", 64, 63 }, { "0-99999999", 64, 63 }, { "", 0, 0 },
		{ "x", 0, 0 },	      { "3-1", 0, 0 },		{ "1-", 0, 0 },
		{ "1,", 0, 0 },	      { "1 2", 0, 0 },		{ "-1", 0, 0 },
	};
	uint16_t list[64];

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		assert_int_equal(cores_parse(rows[i].text, list, 64), rows[i].count);
		if (rows[i].count)
			assert_int_equal(list[rows[i].count - 1], rows[i].last);
	}
}

/* ---- over which CPUs ---- */

static const uint16_t four[] = { 0, 1, 2, 5 };

static void the_wrong_devices_are_spread(void **state)
{
	static const struct config_cpus off = { .mode = CPUS_OFF },
					automatic = { .mode = CPUS_AUTO },
					some = { CPUS_LIST, 2, { 1, 7 }, { 1, 1 } },
					none = { CPUS_LIST, 1, { 7 }, { 1, 1 } };
	static const struct {
		const struct config_cpus *wish;
		enum spread_kind kind;
		struct cores_facts facts;
		enum cores_why why;
		unsigned count;
		int missing;
	} rows[] = {
		{ &off, SPREAD_ESP, { four, 4, true, false, false, 1 }, CORES_OFF, 0, -1 },
		{ &automatic, SPREAD_ESP, { four, 4, true, false, false, 1 }, CORES_SPREAD, 4, -1 },
		{ &automatic, SPREAD_ESP, { four, 4, true, false, false, 8 }, CORES_SPREAD, 4, -1 },
		{ &automatic,
		  SPREAD_FLOWS,
		  { four, 4, true, false, false, 1 },
		  CORES_SPREAD,
		  4,
		  -1 },
		{ &automatic,
		  SPREAD_FLOWS,
		  { four, 4, true, false, false, 0 },
		  CORES_SPREAD,
		  4,
		  -1 },
		{ &automatic,
		  SPREAD_FLOWS,
		  { four, 4, true, false, false, 2 },
		  CORES_QUEUES,
		  0,
		  -1 },
		{ &automatic, SPREAD_FLOWS, { four, 4, true, true, false, 1 }, CORES_VETH, 0, -1 },
		{ &automatic, SPREAD_ESP, { four, 4, true, true, true, 1 }, CORES_VETH, 0, -1 },
		{ &automatic, SPREAD_ESP, { four, 4, true, false, true, 1 }, CORES_TAGS, 0, -1 },
		{ &automatic,
		  SPREAD_ESP,
		  { four, 1, true, false, false, 1 },
		  CORES_ONE_CPU,
		  0,
		  -1 },
		{ &automatic,
		  SPREAD_ESP,
		  { four, 4, false, false, false, 1 },
		  CORES_NO_XDP,
		  0,
		  -1 },
		{ &some, SPREAD_ESP, { four, 4, false, true, true, 1 }, CORES_NO_XDP, 0, 7 },
		{ &some, SPREAD_FLOWS, { four, 4, true, true, true, 4 }, CORES_SPREAD, 1, 7 },
		{ &some, SPREAD_ESP, { four, 4, true, false, true, 1 }, CORES_TAGS, 0, 7 },
		{ &none, SPREAD_ESP, { four, 4, true, false, false, 1 }, CORES_NONE_ONLINE, 0, 7 },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct spread s = { .slot = 9 };
		enum cores_why why = cores_plan(rows[i].wish, rows[i].kind, &rows[i].facts, &s);

		if (why != rows[i].why || s.count != rows[i].count)
			fail_msg("row %zu: %s, %u CPUs", i, cores_why_text(why), s.count);
		assert_int_equal(s.slot, 9);
		assert_int_equal(cores_missing(rows[i].wish, &rows[i].facts), rows[i].missing);
	}
}

/* ---- which CPU an SA gets ---- */

struct told {
	uint32_t spi[64];
	struct sa_place place[64];
	size_t count, gone;
};

static void tell(uint32_t spi, const struct sa_place *place, void *data)
{
	struct told *t = data;

	if (!place) {
		t->gone++;
		return;
	}
	t->spi[t->count] = spi;
	t->place[t->count++] = *place;
}

static void put(struct cores_places *p, uint32_t tunnel, uint32_t spi, struct told *t)
{
	struct cores_wanted w = { spi, NO_CPU };

	assert_int_equal(cores_place(p, tunnel, &w, spi != 0, false, tell, t), 0);
}

static unsigned lane(const struct cores_places *p, uint32_t spi)
{
	const struct cores_sa *sa = cores_find(p, spi);

	assert_non_null(sa);
	return sa->place.lane;
}

static void tunnels_share_a_lane_while_others_are_empty(void **state)
{
	struct cores_places p = { .lanes = 4 };
	struct told t = { 0 };
	unsigned load[4] = { 0 };

	(void)state;
	for (uint32_t i = 1; i <= 8; i++) {
		put(&p, i, 100 + i, &t);
		load[lane(&p, 100 + i)]++;
	}
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(load[i], 2);
	assert_int_equal(t.count, 8);
	put(&p, 3, 0, &t); /* it has none any more */
	assert_int_equal(t.gone, 1);
	assert_null(cores_find(&p, 103));
	put(&p, 9, 109, &t); /* takes the room */
	assert_int_equal(lane(&p, 109), 2);
	cores_places_free(&p);
}

static void a_rekey_moves_a_tunnel(void **state)
{
	const struct cores_wanted both[] = { { 11, NO_CPU }, { 12, NO_CPU } };
	struct cores_places p = { .lanes = 2 };
	struct told t = { 0 };

	(void)state;
	put(&p, 1, 10, &t);
	put(&p, 2, 11, &t);
	assert_int_equal(lane(&p, 11), 1);
	assert_int_equal(cores_place(&p, 2, both, 2, false, tell, &t), 0);
	assert_int_equal(lane(&p, 12), 1);
	put(&p, 3, 13, &t); /* the tunnel that is rekeyed counts once */
	assert_int_equal(lane(&p, 13), 0);
	put(&p, 2, 12, &t);
	assert_int_equal(lane(&p, 12), 1);
	assert_null(cores_find(&p, 11));
	/* Between two messages the old one may have gone before the new one came. */
	put(&p, 2, 14, &t);
	assert_int_equal(lane(&p, 14), 1);
	t = (struct told){ 0 };
	put(&p, 2, 14, &t); /* and nothing is told twice */
	assert_int_equal(t.count + t.gone, 0);
	cores_places_free(&p);
}

static void per_cpu_sas_share_a_lane(void **state)
{
	const struct cores_wanted named[] = { { 21, 0 }, { 22, 1 }, { 23, NO_CPU } };
	const struct cores_wanted unnamed[] = { { 21, NO_CPU }, { 22, NO_CPU }, { 23, NO_CPU } };
	struct cores_places p = { .lanes = 3 };
	struct told t = { 0 };

	(void)state;
	assert_int_equal(cores_place(&p, 1, named, 3, true, tell, &t), 0);
	assert_int_equal(cores_find(&p, 21)->place.cpu, 0);
	assert_int_equal(cores_find(&p, 22)->place.cpu, 1);
	assert_int_equal(cores_find(&p, 23)->place.cpu, NO_CPU);
	/* Outbound SAs alone name CPUs: each inbound one has a lane. */
	assert_int_equal(cores_place(&p, 1, unnamed, 3, true, tell, &t), 0);
	assert_int_not_equal(lane(&p, 21), lane(&p, 22));
	assert_int_not_equal(lane(&p, 22), lane(&p, 23));
	assert_int_not_equal(lane(&p, 21), lane(&p, 23));
	cores_places_free(&p);
}

static void what_is_shown_is_not_where_an_sa_is(void **state)
{
	const struct spread s = { .count = 3, .cpus = { 2, 4, 6 } }, none = { .count = 0 };
	const struct sa_place cpu_4 = { 4, 0 }, cpu_9 = { 9, 2 }, any = { NO_CPU, 4 };

	(void)state;
	assert_int_equal(cores_position(&s, &cpu_4), 1);
	assert_int_equal(cores_position(&s, &cpu_9), 2); /* the device may not use it */
	assert_int_equal(cores_position(&s, &any), 1);
	assert_int_equal(cores_position(&none, &any), MAX_CORES);
}

static void fewer_cpus_leave_sas_where_none_are(void **state)
{
	struct cores_places p = { .lanes = 4 };
	struct told t = { 0 };

	(void)state;
	for (uint32_t i = 1; i <= 4; i++)
		put(&p, i, 30 + i, &t);
	p.lanes = 2;
	for (uint32_t i = 1; i <= 4; i++)
		put(&p, i, 30 + i, &t);
	assert_int_equal(lane(&p, 31) + lane(&p, 32) + lane(&p, 33) + lane(&p, 34), 2);
	p.lanes = 0;
	t = (struct told){ 0 };
	for (uint32_t i = 1; i <= 4; i++)
		put(&p, i, 30 + i, &t);
	assert_int_equal(t.gone, 4);
	assert_int_equal(p.count, 0);
	cores_places_free(&p);
}

static void a_restart_moves_sas(void **state)
{
	const struct sa_place was = { NO_CPU, 2 };
	struct cores_places p = { .lanes = 3 };
	struct told t = { 0 };

	(void)state;
	assert_int_equal(cores_adopt(&p, 7, 40, &was), 0);
	put(&p, 7, 40, &t);
	assert_int_equal(lane(&p, 40), 2);
	assert_int_equal(t.count, 0);
	put(&p, 8, 41, &t);
	assert_int_equal(lane(&p, 41), 0);
	cores_places_free(&p);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_of_cpus_is_misread),
		cmocka_unit_test(a_wrong_list_is_accepted),
		cmocka_unit_test(a_list_that_is_written_twice_alike_is_refused),
		cmocka_unit_test(a_plan_forgets_what_changes),
		cmocka_unit_test(online_cpus_are_misread),
		cmocka_unit_test(the_wrong_devices_are_spread),
		cmocka_unit_test(tunnels_share_a_lane_while_others_are_empty),
		cmocka_unit_test(a_rekey_moves_a_tunnel),
		cmocka_unit_test(per_cpu_sas_share_a_lane),
		cmocka_unit_test(what_is_shown_is_not_where_an_sa_is),
		cmocka_unit_test(fewer_cpus_leave_sas_where_none_are),
		cmocka_unit_test(a_restart_moves_sas),
	};

	return cmocka_run_group_tests_name("cores", tests, NULL, NULL);
}
