/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's copy of the routes, step by step: whatever changes, in whatever slices it is told,
 * at the end the kernel has what the whole plan says, and on the way there each slice says rightly
 * what the kernel had.
 */
#include <stdio.h>
#include "fib_world.h"
#include "core/host.h"
#include "core/slow_path.h"

#define WORLDS	40
#define CHANGES 120 /* of each */
#define MOST_IN 16384

/* What the kernel has: routes with their hops. */
struct kernel_route {
	struct host_route route;
	struct host_hop hops[MAX_MEMBERS];
};

struct kernel {
	struct kernel_route *list;
	size_t count;
};

struct story {
	struct world *w;
	struct slow_path slow;
	struct kernel kernel;
	struct host_facts facts;
};

static struct kernel_route *find(struct kernel *k, const struct host_route *r)
{
	for (size_t i = 0; i < k->count; i++)
		if (!host_route_compare(&k->list[i].route, r))
			return &k->list[i];
	return NULL;
}

static void put(struct kernel_route *to, const struct host_plan *p, const struct host_route *r)
{
	*to = (struct kernel_route){ .route = *r };
	for (uint8_t i = 0; i < r->hop_count; i++)
		to->hops[i] = p->hops[r->first_hop + i];
}

static bool same(const struct kernel_route *a, const struct host_plan *p,
		 const struct host_route *r)
{
	if (a->route.type != r->type || a->route.hop_count != r->hop_count ||
	    a->route.optional != r->optional)
		return false;
	for (uint8_t i = 0; i < r->hop_count; i++) {
		const struct host_hop *x = &a->hops[i], *y = &p->hops[r->first_hop + i];

		if (strcmp(x->device, y->device) != 0 || x->weight != y->weight)
			return false;
	}
	return true;
}

static bool has(const struct host_plan *p, const struct host_route *r)
{
	for (size_t i = 0; i < p->route_count; i++)
		if (!host_route_compare(&p->routes[i], r))
			return true;
	return false;
}

/* As io does it; what is told must fit what is there. */
static void tell(struct kernel *k, const struct slow_path_slice *s)
{
	for (size_t i = 0; i < s->was.route_count; i++) {
		const struct kernel_route *is = find(k, &s->was.routes[i]);

		assert_non_null(is);
		if (!s->rewrite)
			assert_true(same(is, &s->was, &s->was.routes[i]));
	}
	for (size_t i = s->now.route_count; i-- > 0;) {
		struct kernel_route *is = find(k, &s->now.routes[i]);

		if (!has(&s->was, &s->now.routes[i])) {
			assert_null(is);
			assert_in_range(k->count, 0, MOST_IN - 1);
			is = &k->list[k->count++];
		}
		assert_non_null(is);
		put(is, &s->now, &s->now.routes[i]);
	}
	for (size_t i = 0; i < s->was.route_count; i++) {
		struct kernel_route *gone = find(k, &s->was.routes[i]);

		if (!has(&s->now, &s->was.routes[i]))
			*gone = k->list[--k->count];
	}
}

static struct host_facts copy_facts(const struct story *s)
{
	struct host_facts f;

	assert_int_equal(0, host_facts_init(&f, &s->w->config));
	memcpy(f.tunnels, s->facts.tunnels, CONNECTIONS * sizeof(*f.tunnels));
	return f;
}

static void take_all(struct story *s)
{
	struct host_facts facts = copy_facts(s);
	struct host_plan plan;

	assert_int_equal(0, host_plan_build(&s->w->rib, &s->w->fib, &s->facts, &plan));
	s->kernel.count = plan.route_count;
	assert_in_range(plan.route_count, 1, MOST_IN);
	for (size_t i = 0; i < plan.route_count; i++)
		put(&s->kernel.list[i], &plan, &plan.routes[i]);
	host_plan_free(&plan);
	assert_int_equal(0, slow_path_settle(&s->slow, &facts));
}

static void slice(struct story *s, size_t most)
{
	struct slow_path_slice slice;

	assert_int_equal(0, slow_path_take(&s->slow, most, &slice));
	tell(&s->kernel, &slice);
	slow_path_slice_free(&slice);
}

static void expect_plan(struct story *s)
{
	struct host_plan plan;

	assert_true(s->slow.known);
	assert_int_equal(0, host_plan_build(&s->w->rib, &s->w->fib, &s->facts, &plan));
	for (size_t i = 0; i < plan.route_count; i++) {
		const struct kernel_route *is = find(&s->kernel, &plan.routes[i]);

		assert_non_null(is);
		if (!same(is, &plan, &plan.routes[i])) {
			char text[PREFIX_STRLEN];

			fail_msg("%s metric %u in table %u: not as planned",
				 prefix_format(&plan.routes[i].prefix, text), plan.routes[i].metric,
				 plan.routes[i].table);
		}
	}
	assert_int_equal(plan.route_count, s->kernel.count);
	host_plan_free(&plan);
}

/* ---- what happens ---- */

static void before_route(const struct prefix *p, void *context)
{
	struct story *s = context;

	slow_path_touch_configured(&s->slow, p);
}

static void follow(struct story *s, const struct touched *touched)
{
	struct world *w = s->w;

	for (size_t t = 0; t < w->fib.count; t++) {
		struct fib_ops ops;

		assert_int_equal(0, fib_update(&w->rib, &w->fib.tables[t], touched, &ops));
		for (size_t i = 0; i < ops.count; i++) {
			slow_path_touch(&s->slow, &w->fib.tables[t], &ops.list[i].prefix);
			assert_int_equal(0, fib_apply(&w->fib.tables[t], &ops.list[i]));
		}
		fib_ops_free(&ops);
	}
	slow_path_follow(&s->slow, touched);
}

/* A tunnel leaves Phase 2 or enters it, as far as the slow path goes; a device may have changed. */
static void change_facts(struct story *s)
{
	size_t c = any(CONNECTIONS), t = any((uint32_t)s->w->connections[c].tunnel_count);
	char device[1][DEVICE_NAME_LEN];
	struct host_facts facts;
	bool only_device = !any(3);

	if (!only_device)
		s->facts.tunnels[c][t].down = !s->facts.tunnels[c][t].down;
	if (any(2))
		snprintf(device[0], sizeof(device[0]), "eth%u", any(3));
	else
		tunnel_device_name(&s->w->connections[c].tunnels[t], device[0]);
	facts = copy_facts(s);
	assert_true(slow_path_changed(&s->slow, &facts, device, only_device || !any(3)));
}

static void step(struct story *s, size_t most)
{
	struct touched touched = { 0 };

	if (!any(5))
		change_facts(s);
	else if (any_change(s->w, &touched))
		follow(s, &touched);
	touched_free(&touched);
	for (uint32_t n = any(4); n && slow_path_any(&s->slow); n--)
		slice(s, most);
}

/* ---- worlds ---- */

static void dress(struct world *w)
{
	static struct config_customer_gateway data_centres[CONNECTIONS];
	static char *devices[] = { "eth0", "eth1", "eth2" };

	w->config.customer_gateways = data_centres;
	w->config.customer_gateway_count = CONNECTIONS;
	for (size_t i = 0; i < FIRST_VPN; i++)
		w->attachments[i].device = devices[i];
	for (size_t i = 0; i < ATTACHMENTS; i++) {
		int table = (int)any(TABLES + 1) - 1;

		w->attachments[i].association.index = table;
		w->attachments[i].association.name = table < 0 ? NULL : w->tables[table].name;
		w->attachments[i].synchronize = any(2);
	}
	for (size_t i = 0; i < TABLES; i++)
		w->tables[i].slow_path = any(3) ? SLOW_PATH_FULL : SLOW_PATH_SUMMARY;
	for (size_t i = 0; i < CONNECTIONS; i++) {
		struct config_connection *c = &w->connections[i];

		c->customer_gateway.index = (int)any(CONNECTIONS);
		c->vrf = any(2);
		c->bgp.enabled = any(2);
		for (size_t k = 0; k < c->tunnel_count; k++) {
			c->tunnels[k].if_id = (uint32_t)(1 + 2 * i + k);
			c->tunnels[k].remote_address =
				(struct address){ AF_INET, { 203, 0, 113, (uint8_t)(i + 1) } };
			if (any(2))
				c->tunnels[k].inside = any_prefix();
		}
	}
}

static struct story *story_new(uint32_t number)
{
	struct story *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->w = world_new(number);
	dress(s->w);
	s->w->before_route = before_route;
	s->w->context = s;
	s->kernel.list = calloc(MOST_IN, sizeof(*s->kernel.list));
	assert_non_null(s->kernel.list);
	assert_int_equal(0, host_facts_init(&s->facts, &s->w->config));
	slow_path_init(&s->slow, &s->w->rib, &s->w->fib);
	take_all(s);
	return s;
}

static void story_free(struct story *s)
{
	slow_path_free(&s->slow);
	host_facts_free(&s->facts);
	free(s->kernel.list);
	world_free(s->w);
	free(s);
}

/* In slices of one to many entries, with further changes in between. */
static void the_kernel_ends_elsewhere_than_the_plan(void **state)
{
	(void)state;
	for (uint32_t n = 0; n < WORLDS; n++) {
		struct story *s = story_new(7000 + n);
		size_t most = n % 4 ? 1 + any(9) : 4096;

		for (int i = 0; i < CHANGES; i++) {
			step(s, most);
			if (i % 10)
				continue;
			for (int left = 20000; slow_path_any(&s->slow); left--) {
				assert_int_not_equal(0, left);
				slice(s, most);
			}
			expect_plan(s);
		}
		story_free(s);
	}
}

/* A change that is taken back before anybody was told of it, and what nobody asks about. */
static void the_kernel_is_told_of_what_did_not_change(void **state)
{
	struct story *s = story_new(8000);
	struct slow_path_slice slice;
	struct host_facts facts = copy_facts(s);

	(void)state;
	assert_true(slow_path_changed(&s->slow, &facts, NULL, 0));
	assert_false(slow_path_any(&s->slow));
	for (size_t t = 0; t < s->w->fib.count; t++)
		slow_path_touch(&s->slow, &s->w->fib.tables[t],
				&s->w->connections[0].routes[0].prefix);
	assert_true(slow_path_any(&s->slow));
	assert_int_equal(0, slow_path_take(&s->slow, 100, &slice));
	assert_false(slice.rewrite);
	assert_int_equal(slice.was.route_count, slice.now.route_count);
	for (size_t i = 0; i < slice.was.route_count; i++) {
		struct kernel_route was;

		put(&was, &slice.was, &slice.was.routes[i]);
		assert_true(same(&was, &slice.now, &slice.now.routes[i]));
	}
	slow_path_slice_free(&slice);
	assert_false(slow_path_any(&s->slow));
	story_free(s);
}

/* The host changed in a way that no route tells: another VLAN device, other families. */
static void what_cannot_be_followed_is_followed_wrongly(void **state)
{
	struct story *s = story_new(8100);
	struct host_facts facts = copy_facts(s);
	struct touched everything = { .everything = true };

	(void)state;
	strcpy(facts.attachments[0].device, "eth0.7");
	assert_false(slow_path_changed(&s->slow, &facts, NULL, 0));
	assert_false(s->slow.known);
	assert_false(slow_path_any(&s->slow));
	take_all(s);
	slow_path_follow(&s->slow, &everything);
	assert_false(s->slow.known);
	take_all(s);
	expect_plan(s);
	story_free(s);
}

/* A stopped process, a lock that was waited for: nothing is to wait four times that long. */
static void a_slow_run_does_not_put_off_the_next_one_for_long(void **state)
{
	(void)state;
	assert_int_equal(slow_path_pause(0), 5000000);
	assert_int_equal(slow_path_pause(10000000), 40000000);
	assert_int_equal(slow_path_pause(3923000000), 2000000000);
	assert_int_equal(slow_path_pause(UINT64_MAX), 2000000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_kernel_ends_elsewhere_than_the_plan),
		cmocka_unit_test(the_kernel_is_told_of_what_did_not_change),
		cmocka_unit_test(what_cannot_be_followed_is_followed_wrongly),
		cmocka_unit_test(a_slow_run_does_not_put_off_the_next_one_for_long),
	};

	return cmocka_run_group_tests_name("slow_path", tests, NULL, NULL);
}
