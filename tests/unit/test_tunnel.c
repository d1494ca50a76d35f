/* SPDX-License-Identifier: GPL-2.0-only */
/* The state machine of tunnels: what falls when, what is held back, and who carries meanwhile. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "core/tunnel.h"

#define ROWS(array) (sizeof(array) / sizeof(*(array)))
#define MS	    1000000ull
#define S	    (1000 * MS)
#define TUNNELS	    2

/* As the manual says they are by default. */
static const struct tunnel_policy by_default = {
	.hold_down_ns = 300 * MS,
	.damping = { true, 30 * S, 3000, 1000, 300 * S },
};

static struct tunnel_inputs input(char what, struct tunnel_inputs in)
{
	switch (what) {
	case 'u':
		in.up = true;
		break;
	case 'd':
		in.up = false;
		break;
	case 'g': /* its device goes */
		in.no_device = true;
		break;
	case 'c': /* and comes */
		in.no_device = false;
		break;
	case 'b': /* bad */
	case 'w': /* bad, which is only said */
		in.health = TUNNEL_HEALTH_BAD;
		in.revokes = what == 'b';
		break;
	case 'o':
		in.health = TUNNEL_HEALTH_GOOD;
		break;
	}
	return in;
}

/* ---- stories ---- */

/* Live; live as last resort; held; damped; gone. */
static char look(const struct tunnel_machine *m)
{
	if (m->live)
		return m->last_resort ? 'R' : 'L';
	if (m->present)
		return 'h';
	return tunnel_fine(m) ? 'D' : '-';
}

struct step {
	unsigned at_ms;
	unsigned tunnel; /* 1, 2; 0: time passes */
	char what;
	const char *want; /* how both look then */
};

#define STEPS 16

static const struct {
	const char *story;
	struct tunnel_policy policy;
	struct step steps[STEPS];
} stories[] = {
	{ "a tunnel that was never up has routes",
	  { .hold_down_ns = 300 * MS },
	  { { 0, 0, 0, "--" }, { 1000, 1, 'g', "--" }, { 2000, 1, 'c', "--" } } },
	{ "a fall waits for the hold-down",
	  { .hold_down_ns = 300 * MS },
	  { { 0, 1, 'u', "L-" }, { 10, 1, 'd', "h-" } } },
	{ "routes stay for ever over a tunnel that fell",
	  { .hold_down_ns = 300 * MS },
	  { { 0, 1, 'u', "L-" }, { 10, 1, 'd', "h-" }, { 309, 0, 0, "h-" }, { 310, 0, 0, "--" } } },
	{ "a break shorter than the hold-down withdraws routes",
	  { .hold_down_ns = 300 * MS },
	  { { 0, 1, 'u', "L-" },
	    { 10, 1, 'd', "h-" },
	    { 200, 1, 'u', "L-" },
	    { 310, 0, 0, "L-" },
	    { 400, 1, 'd', "h-" },
	    { 699, 0, 0, "h-" },
	    { 700, 0, 0, "--" } } },
	{ "without hold-down routes stay over a dead tunnel",
	  { .hold_down_ns = 0 },
	  { { 0, 1, 'u', "L-" }, { 10, 1, 'd', "--" } } },
	{ "a tunnel without device carries",
	  { .hold_down_ns = 300 * MS },
	  { { 0, 1, 'u', "L-" },
	    { 10, 1, 'g', "h-" },
	    { 310, 0, 0, "--" },
	    { 400, 1, 'c', "L-" } } },
	{ "a failed health check revokes nothing",
	  { .hold_down_ns = 300 * MS },
	  { { 0, 1, 'u', "L-" },
	    { 10, 1, 'b', "h-" },
	    { 310, 0, 0, "--" },
	    { 320, 1, 'd', "--" },
	    { 330, 1, 'u', "--" },
	    { 400, 1, 'o', "L-" } } },
	{ "a health check that is only to be said revokes",
	  { .hold_down_ns = 300 * MS },
	  { { 0, 1, 'u', "L-" }, { 10, 1, 'w', "L-" } } },
	{ "reauthentication once an hour is damped",
	  { .hold_down_ns = 300 * MS, .damping = { true, 30 * S, 3000, 1000, 300 * S } },
	  { { 0, 2, 'u', "-L" },
	    { 0, 1, 'u', "LL" },
	    { 3600000, 1, 'd', "hL" },
	    { 3600200, 1, 'u', "LL" },
	    { 7200000, 1, 'd', "hL" },
	    { 7200200, 1, 'u', "LL" },
	    { 10800000, 1, 'd', "hL" },
	    { 10800200, 1, 'u', "LL" },
	    { 14400000, 1, 'd', "hL" },
	    { 14400200, 1, 'u', "LL" } } },
	{ "three flaps in a minute are damped by default",
	  { .hold_down_ns = 300 * MS, .damping = { true, 30 * S, 3000, 1000, 300 * S } },
	  { { 0, 2, 'u', "-L" },
	    { 0, 1, 'u', "LL" },
	    { 1000, 1, 'd', "hL" },
	    { 20000, 1, 'u', "LL" },
	    { 21000, 1, 'd', "hL" },
	    { 40000, 1, 'u', "LL" },
	    { 41000, 1, 'd', "hL" },
	    { 60000, 1, 'u', "LL" } } },
	{ "a fourth flap in seconds is not damped by default, or damped for ever",
	  { .hold_down_ns = 300 * MS, .damping = { true, 30 * S, 3000, 1000, 300 * S } },
	  { { 0, 2, 'u', "-L" },
	    { 0, 1, 'u', "LL" },
	    { 1000, 1, 'd', "hL" },
	    { 2000, 1, 'u', "LL" },
	    { 3000, 1, 'd', "hL" },
	    { 4000, 1, 'u', "LL" },
	    { 5000, 1, 'd', "hL" },
	    { 6000, 1, 'u', "LL" },
	    { 7000, 1, 'd', "hL" },
	    { 8000, 1, 'u', "DL" }, /* 3,737 at 7 s: 57.1 s until 1,000 are left */
	    { 64000, 0, 0, "DL" },
	    { 64200, 0, 0, "LL" } } },
	{ "damping delays a fall, or the hold-down's end",
	  { .hold_down_ns = 300 * MS, .damping = { true, 10 * S, 1500, 1000, 60 * S } },
	  { { 0, 2, 'u', "-L" },
	    { 0, 1, 'u', "LL" },
	    { 100, 1, 'd', "hL" },
	    { 200, 1, 'u', "LL" },
	    { 300, 1, 'd', "hL" },
	    { 400, 1, 'u', "hL" }, /* damped; its routes are held as long as without damping */
	    { 600, 0, 0, "DL" },
	    { 700, 1, 'd', "-L" }, /* 2,938 at 0.7 s */
	    { 800, 1, 'u', "DL" },
	    { 15000, 0, 0, "DL" },
	    { 16500, 0, 0, "LL" } } },
	{ "a connection is without path because its tunnels are damped",
	  { .hold_down_ns = 300 * MS, .damping = { true, 10 * S, 1500, 1000, 60 * S } },
	  { { 0, 2, 'u', "-L" },
	    { 0, 1, 'u', "LL" },
	    { 100, 1, 'd', "hL" },
	    { 200, 1, 'u', "LL" },
	    { 300, 1, 'd', "hL" },
	    { 400, 1, 'u', "hL" },
	    { 1000, 2, 'd', "Rh" }, /* the damped one takes over in the same moment */
	    { 1100, 1, 'd', "hh" },
	    { 1200, 1, 'u', "Rh" },
	    { 2000, 2, 'u', "hL" }, /* and gives way */
	    { 2300, 0, 0, "DL" } } },
	{ "of two damped tunnels the one that flaps more carries, or both",
	  { .hold_down_ns = 300 * MS, .damping = { true, 10 * S, 1500, 1000, 60 * S } },
	  { { 0, 1, 'u', "L-" },
	    { 0, 2, 'u', "LL" },
	    { 100, 1, 'd', "hL" },
	    { 110, 1, 'u', "LL" },
	    { 120, 1, 'd', "hL" },
	    { 130, 1, 'u', "hL" }, /* 1,999 */
	    { 1000, 2, 'd', "Rh" },
	    { 1010, 2, 'u', "hL" },
	    { 1020, 2, 'd', "Rh" },
	    { 1030, 2, 'u', "Rh" }, /* 1,999, but later */
	    { 2000, 1, 'd', "hR" },
	    { 2010, 1, 'u', "hR" } } },
	{ "what flaps for ever is damped longer than the policy allows",
	  { .hold_down_ns = 0, .damping = { true, 10 * S, 1500, 1000, 10 * S } },
	  { { 0, 2, 'u', "-L" },
	    { 0, 1, 'u', "LL" },
	    { 10, 1, 'd', "-L" },
	    { 20, 1, 'u', "LL" },
	    { 30, 1, 'd', "-L" },
	    { 40, 1, 'u', "DL" },
	    { 50, 1, 'd', "-L" },
	    { 60, 1, 'u', "DL" },
	    { 70, 1, 'd', "-L" },
	    { 80, 1, 'u', "DL" },
	    { 10069, 0, 0, "DL" },
	    { 10070, 0, 0, "LL" } } },
	{ "a tunnel without damping is damped",
	  { .hold_down_ns = 0 },
	  { { 0, 2, 'u', "-L" },
	    { 10, 1, 'u', "LL" },
	    { 20, 1, 'd', "-L" },
	    { 30, 1, 'u', "LL" },
	    { 40, 1, 'd', "-L" },
	    { 50, 1, 'u', "LL" },
	    { 60, 1, 'd', "-L" },
	    { 70, 1, 'u', "LL" },
	    { 80, 1, 'd', "-L" },
	    { 90, 1, 'u', "LL" } } },
};

/* Decides at each deadline until then, as whoever drives it does; its clock ticks milliseconds. */
static void run_until(struct tunnel_machine *const m[], uint64_t now)
{
	for (;;) {
		uint64_t next = 0;

		for (size_t i = 0; i < TUNNELS; i++) {
			uint64_t one = tunnel_deadline(m[i]);

			if (one && (!next || one < next))
				next = one;
		}
		next = (next + MS - 1) / MS * MS;
		if (!next || next > now)
			return;
		tunnels_decide(m, TUNNELS, next);
	}
}

static void tell(const char *story, const struct tunnel_policy *policy, const struct step *steps)
{
	struct tunnel_machine a = { 0 }, b = { 0 };
	struct tunnel_machine *const m[TUNNELS] = { &a, &b };

	tunnel_set_policy(&a, policy, 0);
	tunnel_set_policy(&b, policy, 0);
	for (size_t i = 0; i < STEPS && steps[i].want; i++) {
		const struct step *s = &steps[i];
		uint64_t now = (1 + s->at_ms) * MS;
		char is[TUNNELS + 1] = { 0 };

		run_until(m, now);
		if (s->tunnel) {
			struct tunnel_machine *one = m[s->tunnel - 1];
			struct tunnel_inputs in = input(s->what, one->in);

			tunnel_input(one, &in, now);
			tunnels_decide(m, TUNNELS, now);
		}
		is[0] = look(&a);
		is[1] = look(&b);
		if (strcmp(is, s->want))
			fail_msg("%s: at %u ms %s, not %s", story, s->at_ms, is, s->want);
	}
}

static void a_story_ends_otherwise(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(stories); i++)
		tell(stories[i].story, &stories[i].policy, stories[i].steps);
}

/* The penalty of falls every 20 s comes near 2,702 and does not grow further. */
static void three_flaps_a_minute_for_ever_are_damped_by_default(void **state)
{
	struct tunnel_machine a = { 0 }, b = { 0 };
	struct tunnel_machine *const m[TUNNELS] = { &a, &b };
	struct tunnel_inputs in = { 0 };

	(void)state;
	tunnel_set_policy(&a, &by_default, 0);
	for (uint64_t now = S; now < 7200 * S; now += 10 * S) {
		in = input(in.up ? 'd' : 'u', in);
		tunnel_input(&a, &in, now);
		tunnels_decide(m, TUNNELS, now);
		assert_int_equal(a.live, in.up);
	}
	assert_int_equal(a.flaps, 360);
}

static void the_default_is_not_what_the_configuration_says(void **state)
{
	static const struct config_gateway g = {
		.hold_down_ms = DEFAULT_HOLD_DOWN_MS,
		.damping = { true, DEFAULT_DAMPING_HALF_MS, DEFAULT_DAMPING_SUPPRESS,
			     DEFAULT_DAMPING_REUSE, DEFAULT_DAMPING_MAX_MS },
	};
	struct tunnel_policy p = tunnel_policy_of(&g);

	(void)state;
	assert_int_equal(p.hold_down_ns, by_default.hold_down_ns);
	assert_true(p.damping.enabled);
	assert_int_equal(p.damping.half_life_ns, by_default.damping.half_life_ns);
	assert_int_equal(p.damping.suppress, by_default.damping.suppress);
	assert_int_equal(p.damping.reuse, by_default.damping.reuse);
	assert_int_equal(p.damping.max_ns, by_default.damping.max_ns);
}

/* ---- policies that change ---- */

struct pair {
	struct tunnel_machine a, b;
	struct tunnel_machine *m[TUNNELS];
};

static void set_up(struct pair *p, size_t tunnel, bool up, uint64_t now)
{
	struct tunnel_inputs in = input(up ? 'u' : 'd', p->m[tunnel]->in);

	run_until(p->m, now);
	tunnel_input(p->m[tunnel], &in, now);
	tunnels_decide(p->m, TUNNELS, now);
}

static void set_policy(struct pair *p, const struct tunnel_policy *policy, uint64_t now)
{
	run_until(p->m, now);
	tunnel_set_policy(&p->a, policy, now);
	tunnel_set_policy(&p->b, policy, now);
	tunnels_decide(p->m, TUNNELS, now);
}

/* Both up; the first fell four times and is damped at 8 s, with its 3,737 of 7 s. */
static void make_damped(struct pair *p)
{
	*p = (struct pair){ .m = { &p->a, &p->b } };
	set_policy(p, &by_default, 0);
	set_up(p, 1, true, 0);
	for (unsigned i = 0; i < 4; i++) {
		set_up(p, 0, true, (2 * i) * S);
		set_up(p, 0, false, (2 * i + 1) * S);
	}
	set_up(p, 0, true, 8 * S);
	assert_true(p->a.damped && !p->a.live && p->b.live);
	assert_int_equal(p->a.flaps, 4);
}

static void damping_that_is_switched_off_still_holds_back(void **state)
{
	struct tunnel_policy off = by_default;
	struct pair p;

	(void)state;
	make_damped(&p);
	off.damping.enabled = false;
	set_policy(&p, &off, 9 * S);
	assert_true(p.a.live && !p.a.damped);
	assert_true(tunnel_deadline(&p.a) == 0);
}

static void another_half_life_counts_only_from_the_next_fall(void **state)
{
	struct tunnel_policy quick = by_default;
	struct pair p;

	(void)state;
	make_damped(&p);
	quick.damping.half_life_ns = 2 * S;
	set_policy(&p, &quick, 8 * S);
	/* 3,652 left, so 1.869 half-lives */
	set_policy(&p, &quick, 10 * S); /* the same once more changes nothing */
	run_until(p.m, 11730 * MS);
	assert_false(p.a.live);
	run_until(p.m, 11750 * MS);
	assert_true(p.a.live);
}

static void a_stricter_policy_takes_down_what_carries(void **state)
{
	struct tunnel_policy strict = by_default;
	struct pair p = { .m = { &p.a, &p.b } };

	(void)state;
	set_policy(&p, &by_default, 0);
	for (unsigned i = 0; i < 2; i++) {
		set_up(&p, 0, true, 2 * i * S);
		set_up(&p, 0, false, (2 * i + 1) * S);
	}
	set_up(&p, 0, true, 4 * S);
	strict.damping.suppress = 1001;
	set_policy(&p, &strict, 5 * S);
	assert_true(p.a.live);
}

static void a_longer_hold_down_brings_back_routes_that_went(void **state)
{
	struct tunnel_policy longer = by_default;
	struct pair p = { .m = { &p.a, &p.b } };

	(void)state;
	set_policy(&p, &by_default, 0);
	set_up(&p, 0, true, 1 * S);
	set_up(&p, 0, false, 2 * S);
	run_until(p.m, 2400 * MS);
	assert_false(p.a.present);
	longer.hold_down_ns = 60 * S;
	set_policy(&p, &longer, 3 * S);
	assert_false(p.a.present);
}

static void a_shorter_hold_down_waits_for_the_former_one(void **state)
{
	struct tunnel_policy shorter = by_default;
	struct pair p = { .m = { &p.a, &p.b } };

	(void)state;
	set_policy(&p, &by_default, 0);
	set_up(&p, 0, true, 1 * S);
	set_up(&p, 0, false, 2 * S);
	shorter.hold_down_ns = 100 * MS;
	set_policy(&p, &shorter, 2050 * MS);
	assert_true(p.a.present);
	assert_true(tunnel_deadline(&p.a) == 2100 * MS);
	run_until(p.m, 2100 * MS);
	assert_false(p.a.present);
}

/* ---- words ---- */

static void a_reason_is_told_wrongly(void **state)
{
	static const struct {
		struct tunnel_inputs in;
		const char *why;
	} rows[] = {
		{ { .missing = PHASE2_NO_OUTBOUND }, "Phase 2: no outbound SA" },
		{ { .missing = PHASE2_NO_SA, .no_device = true }, "Phase 2: no SA" },
		{ { .up = true, .no_device = true }, "no device" },
		{ { .up = true, .health = TUNNEL_HEALTH_BAD, .revokes = true },
		  "health check failed" },
		{ { .up = true, .health = TUNNEL_HEALTH_UNKNOWN, .revokes = true }, NULL },
		{ { .up = true, .health = TUNNEL_HEALTH_BAD }, NULL },
	};
	char buf[TUNNEL_WHY_LEN];
	struct pair p;

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		const char *why;

		p = (struct pair){ .m = { &p.a, &p.b } };
		tunnel_input(&p.a, &rows[i].in, 0);
		tunnels_decide(p.m, TUNNELS, 0);
		why = tunnel_why_text(&p.a, 0, buf);
		if (rows[i].why ? !why || strcmp(why, rows[i].why) : why != NULL)
			fail_msg("'%s' instead of '%s'", why ? why : "-",
				 rows[i].why ? rows[i].why : "-");
	}
	make_damped(&p);
	assert_string_equal(tunnel_why_text(&p.a, 8 * S, buf), "damped for another 57 s");
	assert_true(tunnel_why(&p.a) == TUNNEL_DAMPED);
}

/* ---- against a model that knows no formula: it steps through milliseconds ---- */

#define SEQUENCES 300
#define TICKS	  6000
#define TOLERANCE 1e-6 /* what stepping loses */

/* xorshift: the same numbers on every machine. */
static uint32_t random_state;

static uint32_t random_below(uint32_t limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return random_state % limit;
}

struct naive {
	struct tunnel_inputs in;
	bool fine, live, present, damped;
	double owes;
	uint64_t hold_left_ms;
};

struct naive_policy {
	uint64_t hold_ms;
	bool enabled;
	unsigned half_life_ms, max_ms;
	double suppress, reuse, ceiling, decay; /* decay: in one millisecond */
};

static struct naive_policy naive_policy(const struct tunnel_policy *p)
{
	struct naive_policy n = {
		.hold_ms = p->hold_down_ns / MS,
		.enabled = p->damping.enabled,
		.half_life_ms = (unsigned)(p->damping.half_life_ns / MS),
		.max_ms = (unsigned)(p->damping.max_ns / MS),
		.suppress = p->damping.suppress,
		.reuse = p->damping.reuse,
		.ceiling = p->damping.reuse,
	};

	n.decay = pow(0.5, 1.0 / n.half_life_ms);
	for (unsigned i = 0; i < n.max_ms; i++)
		n.ceiling /= n.decay;
	return n;
}

static void naive_release(struct naive *n, const struct naive_policy *p)
{
	n->damped &= n->owes > p->reuse + TOLERANCE;
}

static void naive_tick(struct naive *n, const struct naive_policy *p)
{
	n->owes *= p->decay;
	naive_release(n, p);
	if (!n->live && n->present && !--n->hold_left_ms)
		n->present = false;
}

static void naive_input(struct naive *n, const struct naive_policy *p,
			const struct tunnel_inputs *in)
{
	bool bad = in->health == TUNNEL_HEALTH_BAD && in->revokes;
	bool fine = in->up && !in->no_device && !bad;

	if (n->fine && !fine && p->enabled) {
		n->owes = n->owes + 1000 < p->ceiling ? n->owes + 1000 : p->ceiling;
		n->damped |= n->owes >= p->suppress - TOLERANCE;
		naive_release(n, p);
	}
	n->fine = fine;
	n->in = *in;
}

static void naive_change(struct naive *n, const struct naive_policy *p)
{
	n->owes = p->enabled ? fmin(n->owes, p->ceiling) : 0;
	n->damped &= p->enabled;
	naive_release(n, p);
}

static void naive_live(struct naive *n, const struct naive_policy *p, bool live)
{
	if (n->live && !live) {
		n->hold_left_ms = p->hold_ms;
		n->present = p->hold_ms > 0;
	}
	n->present |= live;
	n->live = live;
}

static void naive_decide(struct naive n[TUNNELS], const struct naive_policy *p)
{
	bool any = (n[0].fine && !n[0].damped) || (n[1].fine && !n[1].damped);
	int resort = -1;

	if (!any && n[0].fine && n[1].fine)
		resort = n[1].owes < n[0].owes;
	else if (!any && (n[0].fine || n[1].fine))
		resort = n[1].fine;
	for (int i = 0; i < TUNNELS; i++)
		naive_live(&n[i], p, (n[i].fine && !n[i].damped) || i == resort);
}

static struct tunnel_policy random_policy(void)
{
	static const unsigned holds[] = { 0, 1, 30, 300 }, halves[] = { 20, 100, 400 };
	uint64_t half_life = halves[random_below(3)] * MS;

	return (struct tunnel_policy){
		.hold_down_ns = holds[random_below(4)] * MS,
		.damping = { random_below(8) != 0, half_life, 1500 + 500 * random_below(4),
			     500 + 250 * random_below(3), half_life * (1 + random_below(6)) },
	};
}

struct both {
	struct pair pair;
	struct naive naive[TUNNELS];
	struct naive_policy policy;
};

static void compare(const struct both *b, unsigned sequence, unsigned tick)
{
	bool any_fine = false, any_live = false;

	for (int i = 0; i < TUNNELS; i++) {
		const struct tunnel_machine *m = b->pair.m[i];
		const struct naive *n = &b->naive[i];

		if (m->live != n->live || m->present != n->present || m->damped != n->damped)
			fail_msg("sequence %u, %u ms, tunnel %d: live %d present %d damped %d, "
				 "the model says %d %d %d",
				 sequence, tick, i, m->live, m->present, m->damped, n->live,
				 n->present, n->damped);
		assert_false(m->live && !tunnel_fine(m));
		assert_false(m->live && !m->present);
		any_fine |= tunnel_fine(m);
		any_live |= m->live;
	}
	assert_int_equal(any_fine, any_live);
}

static void change_both(struct both *b, uint64_t now)
{
	struct tunnel_policy p = random_policy();

	/* A hold-down that changes under a held route has a story of its own. */
	p.hold_down_ns = b->pair.a.policy.hold_down_ns;
	set_policy(&b->pair, &p, now);
	b->policy = naive_policy(&p);
	for (int i = 0; i < TUNNELS; i++)
		naive_change(&b->naive[i], &b->policy);
}

static void input_both(struct both *b, uint64_t now)
{
	static const char inputs[] = "uuuuddddgcccbbwooo";
	unsigned i = random_below(TUNNELS);
	struct tunnel_inputs in = input(inputs[random_below(sizeof(inputs) - 1)], b->naive[i].in);

	tunnel_input(b->pair.m[i], &in, now);
	tunnels_decide(b->pair.m, TUNNELS, now);
	naive_input(&b->naive[i], &b->policy, &in);
}

static void run_sequence(unsigned sequence)
{
	struct tunnel_policy first = random_policy();
	unsigned calm = 1 + random_below(80); /* between inputs, on average */
	struct both b = { .policy = naive_policy(&first) };

	b.pair.m[0] = &b.pair.a;
	b.pair.m[1] = &b.pair.b;
	set_policy(&b.pair, &first, MS);
	for (unsigned tick = 2; tick < TICKS; tick++) {
		for (int i = 0; i < TUNNELS; i++)
			naive_tick(&b.naive[i], &b.policy);
		naive_decide(b.naive, &b.policy);
		run_until(b.pair.m, tick * MS);
		if (!random_below(calm))
			input_both(&b, tick * MS);
		else if (!random_below(1000))
			change_both(&b, tick * MS);
		naive_decide(b.naive, &b.policy);
		compare(&b, sequence, tick);
	}
}

static void the_formula_differs_from_stepping_through_time(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SEQUENCES; i++) {
		random_state = 0x9e3779b9u + i;
		run_sequence(i);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_story_ends_otherwise),
		cmocka_unit_test(three_flaps_a_minute_for_ever_are_damped_by_default),
		cmocka_unit_test(the_default_is_not_what_the_configuration_says),
		cmocka_unit_test(damping_that_is_switched_off_still_holds_back),
		cmocka_unit_test(another_half_life_counts_only_from_the_next_fall),
		cmocka_unit_test(a_stricter_policy_takes_down_what_carries),
		cmocka_unit_test(a_longer_hold_down_brings_back_routes_that_went),
		cmocka_unit_test(a_shorter_hold_down_waits_for_the_former_one),
		cmocka_unit_test(a_reason_is_told_wrongly),
		cmocka_unit_test(the_formula_differs_from_stepping_through_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
