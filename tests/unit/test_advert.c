/* SPDX-License-Identifier: GPL-2.0-only */
/* What a data centre is told of the transit router's routes, and what the kernel's table of its
 * connection gets of them. */
#include "checked.h"
#include "core/advert.h"
#include "core/learned.h"

#define CONNECTIONS 4

/* dc-1 and dc-2 are data centres; again is dc-1 once more, and so is the VBR. */
static const char world[] =
	"transit_router:\n"
	"  tables:\n"
	"    main:\n"
	"      transit: %s\n"
	"      learn: [vpc-a, line, other-line, dc-1, dc-2, again, old]\n"
	"      routes: [%s]\n"
	"    second: { learn: [vpc-b] }\n"
	"attachments:\n"
	"  vpc-a: { type: vpc, device: a, cidrs: [10.1.0.0/16, 10.1.7.0/24, 'fd00:1::/48'] }\n"
	"  vpc-b: { type: vpc, device: b, cidrs: [10.2.0.0/16] }\n"
	"  line: { type: vbr, device: l, cidrs: [10.30.0.0/16], asn: 65001 }\n"
	"  other-line: { type: vbr, device: o, cidrs: [10.31.0.0/16], asn: 65009 }\n"
	"  dc-1: { type: vpn, connection: dc-1, synchronize: %s, association: %s }\n"
	"  dc-2: { type: vpn, connection: dc-2, synchronize: true, association: main }\n"
	"  again: { type: vpn, connection: again }\n"
	"  old: { type: vpn, connection: old }\n"
	"customer_gateways:\n"
	"  one: { address: 203.0.113.1, asn: 65001 }\n"
	"  two: { address: 203.0.113.2, asn: 65002 }\n"
	"  one-b: { address: 203.0.113.3, asn: 65001 }\n"
	"  old: { address: 203.0.113.4 }\n"
	"connections:\n"
	"  dc-1: { customer_gateway: one, bgp: {}, tunnels: [{ if_id: 1, local_address: "
	"192.0.2.1,\n"
	"    remote_address: 203.0.113.1, inside: 169.254.10.0/30, bgp_address: 169.254.10.1 }] }\n"
	"  dc-2: { customer_gateway: two, bgp: {}, tunnels: [{ if_id: 2, local_address: "
	"192.0.2.1,\n"
	"    remote_address: 203.0.113.2, inside: 169.254.11.0/30, bgp_address: 169.254.11.1 }] }\n"
	"  again: { customer_gateway: one-b, bgp: {}, tunnels: [{ if_id: 3,\n"
	"    local_address: 192.0.2.1, remote_address: 203.0.113.3, inside: 169.254.12.0/30,\n"
	"    bgp_address: 169.254.12.1 }] }\n"
	"  old: { customer_gateway: old, routes: [10.70.0.0/16], tunnels: [{ if_id: 4,\n"
	"    local_address: 192.0.2.1, remote_address: 203.0.113.4 }] }\n";

#define VPC "10.1.0.0/16 advertised dev\n10.1.7.0/24 advertised dev\n"
#define V6  "fd00:1::/48 advertised dev\n"

static const struct row {
	const char *name;
	bool transit;
	const char *routes;		       /* static ones of main; NULL: none */
	const char *synchronize, *association; /* of dc-1; NULL: true, main */
	const char *offers[CONNECTIONS];       /* by connection: a prefix, or NULL */
	const char *down;		       /* a connection */
	const char *expect;		       /* by dc-1, of main */
} rows[] = {
	{ "what is behind VPCs, and no connection's or line's", .offers = { NULL, "10.60.0.0/16" },
	  .expect = VPC "10.30.0.0/16 transit\n10.31.0.0/16 transit\n10.60.0.0/16 transit\n"
			"10.70.0.0/16 transit\n" V6 },
	{ "with transit also those, but the line to the same data centre", .transit = true,
	  .offers = { NULL, "10.60.0.0/16" },
	  .expect = VPC "10.30.0.0/16 back dev\n10.31.0.0/16 advertised dev\n"
			"10.60.0.0/16 advertised 1\n10.70.0.0/16 advertised 3\n" V6 },
	{ "its own come back to it", .transit = true, .offers = { "10.60.0.0/16" },
	  .expect = VPC "10.30.0.0/16 back dev\n10.31.0.0/16 advertised dev\n10.60.0.0/16 back\n"
			"10.70.0.0/16 advertised 3\n" V6 },
	{ "its own come back to it over its other connection", .transit = true,
	  .offers = { NULL, NULL, "10.60.0.0/16" },
	  .expect = VPC "10.30.0.0/16 back dev\n10.31.0.0/16 advertised dev\n"
			"10.60.0.0/16 back 2\n10.70.0.0/16 advertised 3\n" V6 },
	{ "a prefix of two data centres is given to one of them", .transit = true,
	  .offers = { "10.60.0.0/16", "10.60.0.0/16" },
	  .expect = VPC "10.30.0.0/16 back dev\n10.31.0.0/16 advertised dev\n10.60.0.0/16 back\n"
			"10.70.0.0/16 advertised 3\n" V6 },
	{ "what a lost tunnel brought is still advertised", .transit = true,
	  .offers = { NULL, "10.60.0.0/16" }, .down = "dc-2",
	  .expect = VPC "10.30.0.0/16 back dev\n10.31.0.0/16 advertised dev\n"
			"10.70.0.0/16 advertised 3\n" V6 },
	{ "of a prefix of two data centres the one with tunnels is forgotten", .transit = true,
	  .offers = { "10.60.0.0/16", "10.60.0.0/16" }, .down = "dc-1",
	  .expect = VPC "10.30.0.0/16 back dev\n10.31.0.0/16 advertised dev\n"
			"10.60.0.0/16 advertised 1\n10.70.0.0/16 advertised 3\n" V6 },
	{ "a loser is advertised", .transit = true, .offers = { NULL, "10.70.0.0/16" },
	  .expect = VPC "10.30.0.0/16 back dev\n10.31.0.0/16 advertised dev\n"
			"10.70.0.0/16 advertised 1\n" V6 },
	{ "a blackhole attracts what it drops, or hides the tunnel's default in the kernel",
	  .routes = "{ destination: 10.9.0.0/16, blackhole: true }, "
		    "{ destination: 10.1.7.0/24, blackhole: true }",
	  .expect = "10.1.0.0/16 advertised dev\n10.1.7.0/24 blackhole\n10.9.0.0/16 blackhole\n"
		    "10.30.0.0/16 transit\n10.31.0.0/16 transit\n10.70.0.0/16 transit\n" V6 },
	{ "a static route to a VPC is not advertised, or one to a connection without transit is",
	  .routes = "{ destination: 10.2.0.0/16, attachment: vpc-b }, "
		    "{ destination: 10.0.0.0/8, attachment: dc-2 }",
	  .expect = "10.0.0.0/8 transit\n" VPC "10.2.0.0/16 advertised dev\n10.30.0.0/16 transit\n"
		    "10.31.0.0/16 transit\n10.70.0.0/16 transit\n" V6 },
	{ "a static route to a connection needs a route of that one to be advertised",
	  .transit = true,
	  .routes = "{ destination: 10.0.0.0/8, attachment: dc-2 }, "
		    "{ destination: 10.8.0.0/16, attachment: dc-1 }",
	  .expect = "10.0.0.0/8 advertised 1\n" VPC "10.8.0.0/16 back\n10.30.0.0/16 back dev\n"
		    "10.31.0.0/16 advertised dev\n10.70.0.0/16 advertised 3\n" V6 },
	{ "without transit a static route to a connection hides the VPC's",
	  .routes = "{ destination: 10.1.7.0/24, attachment: dc-2 }",
	  .expect = VPC "10.30.0.0/16 transit\n10.31.0.0/16 transit\n10.70.0.0/16 transit\n" V6 },
	{ "the default route is left out", .transit = true, .offers = { NULL, "0.0.0.0/0" },
	  .expect = "0.0.0.0/0 advertised 1\n" VPC "10.30.0.0/16 back dev\n"
		    "10.31.0.0/16 advertised dev\n10.70.0.0/16 advertised 3\n" V6 },
	{ "without synchronization the way back for ICMP is missing", .synchronize = "false",
	  .expect = "10.1.0.0/16 off dev\n10.1.7.0/24 off dev\n10.30.0.0/16 transit\n"
		    "10.31.0.0/16 transit\n10.70.0.0/16 transit\nfd00:1::/48 off dev\n" },
	{ "another table is advertised than the associated one", .association = "second",
	  .expect = "10.2.0.0/16 advertised dev\n" },
};

struct scene {
	struct checked k;
	struct id_spaces spaces;
	struct ids ids;
	struct learned learned[CONNECTIONS];
	const struct learned *list[CONNECTIONS];
	struct rib rib;
	const char *down;
};

static bool is_up(uint32_t tunnel, const void *context)
{
	const struct scene *s = context;

	for (size_t i = 0; i < CONNECTIONS; i++)
		if (s->ids.tunnel[i][0] == tunnel)
			return !s->down || strcmp(s->k.config.connections[i].name, s->down);
	fail();
	return false;
}

static int ignore(const struct prefix *p, tunnel_mask accepted, void *context)
{
	(void)p;
	(void)accepted;
	(void)context;
	return 0;
}

static void offer(struct learned *l, const char *text)
{
	const struct learned_offer offer = { .metric = 20, .tunnels = 1 };
	struct prefix p;

	learned_set_limits(l, (struct learned_limits){ LEARNED_NO_LIMIT, LEARNED_NO_LIMIT });
	if (!text)
		return;
	assert_int_equal(prefix_parse(text, &p, NULL), 0);
	assert_int_equal(learned_offer(l, &p, &offer), 0);
	assert_int_equal(learned_settle(l, ignore, NULL), 0);
}

static void scene_set(struct scene *s, const struct row *row)
{
	char text[sizeof(world) + 512];

	memset(s, 0, sizeof(*s));
	snprintf(text, sizeof(text), world, row->transit ? "true" : "false",
		 row->routes ? row->routes : "", row->synchronize ? row->synchronize : "true",
		 row->association ? row->association : "main");
	s->down = row->down;
	s->k = check_text(text);
	if (findings_errors(&s->k.findings))
		fail_msg("%s: %s", row->name, findings_text(&s->k.findings));
	assert_int_equal(s->k.config.connection_count, CONNECTIONS);
	for (size_t i = 0; i < CONNECTIONS; i++) {
		offer(&s->learned[i], row->offers[i]);
		s->list[i] = &s->learned[i];
	}
	assert_int_equal(id_spaces_init(&s->spaces), 0);
	assert_int_equal(ids_assign(&s->spaces, &s->k.config, &s->ids), 0);
	assert_int_equal(rib_build(&s->k.config, &s->ids, NULL, 0, is_up, s, s->list, &s->rib), 0);
}

static void scene_strike(struct scene *s)
{
	rib_free(&s->rib);
	for (size_t i = 0; i < CONNECTIONS; i++)
		learned_free(&s->learned[i]);
	ids_free(&s->ids);
	id_spaces_free(&s->spaces);
	checked_free(&s->k);
}

struct report {
	const struct rib *rib;
	char text[1024];
};

/* "PREFIX FATE WAY": the way is a device, or the position of the one tunnel's connection. */
static int report(const struct prefix *p, const struct advert *a, void *context)
{
	struct report *r = context;
	size_t at = strlen(r->text);
	char prefix[PREFIX_STRLEN];
	struct advert again;

	at += (size_t)sprintf(r->text + at, "%s %s", prefix_format(p, prefix),
			      advert_fate_name(a->fate));
	if (a->way.kind == FIB_DEVICE)
		at += (size_t)sprintf(r->text + at, " dev");
	for (size_t i = 0; a->way.kind == FIB_TUNNELS && i < a->way.set.count; i++)
		for (size_t c = 0; c < CONNECTIONS; c++)
			if (r->rib->ids->tunnel[c][0] == a->way.set.members[i].tunnel)
				at += (size_t)sprintf(r->text + at, " %zu", c);
	sprintf(r->text + at, "\n");
	assert_true(advert_of(r->rib, 0, p, &again));
	assert_int_equal(again.fate, a->fate);
	assert_ptr_equal(again.first, a->first);
	return 0;
}

static void each_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct report r = { 0 };
		struct scene s;

		scene_set(&s, &rows[i]);
		r.rib = &s.rib;
		assert_int_equal(adverts_each(&s.rib, 0, report, &r), 0);
		if (strcmp(r.text, rows[i].expect))
			fail_msg("%s: expected\n%s---- got\n%s", rows[i].name, rows[i].expect,
				 r.text);
		scene_strike(&s);
	}
}

static int stop(const struct prefix *p, const struct advert *a, void *context)
{
	(void)p;
	(void)a;
	return ++*(int *)context == 2 ? 7 : 0;
}

static void a_callback_that_fails_is_called_again(void **state)
{
	struct scene s;
	int calls = 0;

	(void)state;
	scene_set(&s, &rows[0]);
	assert_int_equal(adverts_each(&s.rib, 0, stop, &calls), 7);
	assert_int_equal(calls, 2);
	scene_strike(&s);
}

static void a_connection_without_association_is_told_something(void **state)
{
	struct scene s;
	struct prefix p;
	struct advert a;
	int calls = 0;

	(void)state;
	scene_set(&s, &rows[0]);
	assert_int_equal(prefix_parse("10.1.0.0/16", &p, NULL), 0);
	assert_true(advert_of(&s.rib, 1, &p, &a));
	assert_false(advert_of(&s.rib, 2, &p, &a));
	assert_int_equal(adverts_each(&s.rib, 2, stop, &calls), 0);
	assert_int_equal(calls, 0);
	scene_strike(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row),
		cmocka_unit_test(a_callback_that_fails_is_called_again),
		cmocka_unit_test(a_connection_without_association_is_told_something),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
