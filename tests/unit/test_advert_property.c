/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What data centres are told, beside a naive model: every route that is written down or learned is
 * looked at for itself, without trie, ranking or entries, in random gateways that change.
 */
#include "fib_world.h"
#include "core/advert.h"

#define WORLDS	150
#define CHANGES 12
#define WAYS	64  /* to one prefix */
#define MOST_IN 600 /* prefixes of a gateway */

/* One of the ways to a prefix of a table. */
struct way {
	unsigned rank;	/* lower is better; no two devices have the same */
	int attachment; /* -1: none */
	bool vpn, local, edge;
};

struct ways {
	struct way list[WAYS];
	size_t count;
};

static void add_way(const struct world *w, struct ways *all, unsigned source, uint32_t metric,
		    int attachment)
{
	bool vpn = attachment >= 0 && w->attachments[attachment].type == ATTACHMENT_VPN;
	unsigned rank = (source * 1000 + metric) * 20;

	if (vpn && source != 3 &&
	    !naive_available(w, (size_t)w->attachments[attachment].connection.index))
		return;
	assert_true(all->count < WAYS);
	all->list[all->count++] = (struct way){
		.rank = rank + (vpn ? 19 : (unsigned)(attachment + 1)),
		.attachment = attachment,
		.vpn = vpn,
		.local = source == 0,
		.edge = attachment < 0 || w->attachments[attachment].type == ATTACHMENT_VPC,
	};
}

static void add_listed(const struct world *w, struct ways *all, const struct config_prefix *list,
		       size_t count, const struct prefix *p, const struct way *is)
{
	for (size_t i = 0; i < count; i++)
		if (prefix_equal(&list[i].prefix, p)) {
			add_way(w, all, is->rank / 1000, is->rank % 1000, is->attachment);
			return;
		}
}

static void add_learned(const struct world *w, struct ways *all, int attachment,
			const struct prefix *p)
{
	const struct config_attachment *a = &w->attachments[attachment];
	struct way is = { .rank = 2000, .attachment = attachment };
	size_t c = (size_t)a->connection.index;

	if (a->type == ATTACHMENT_VBR)
		is.rank = 4000 + a->priority;
	if (a->type != ATTACHMENT_VPN) {
		add_listed(w, all, a->cidrs, a->cidr_count, p, &is);
		return;
	}
	is.rank = 4100;
	add_listed(w, all, w->connections[c].routes, w->connections[c].route_count, p, &is);
	for (size_t i = 0; i < w->bgp_count[c]; i++)
		if (prefix_equal(&w->bgp[c][i].prefix, p) &&
		    naive_learned_available(w, c, w->bgp[c][i].tunnels))
			add_way(w, all, 3, 0, attachment);
}

static struct ways ways_to(const struct world *w, size_t table, const struct prefix *p)
{
	const struct config_table *t = &w->tables[table];
	struct ways all = { .count = 0 };

	for (size_t i = 0; i < w->local_count; i++)
		if (p->len == address_bits(&p->address) &&
		    address_equal(&w->locals[i], &p->address))
			add_way(w, &all, 0, 0, -1);
	for (size_t i = 0; i < t->route_count; i++)
		if (prefix_equal(&t->routes[i].destination.prefix, p))
			add_way(w, &all, 1, t->routes[i].metric,
				t->routes[i].blackhole ? -1 : t->routes[i].attachment.index);
	for (size_t i = 0; i < t->learn_count; i++)
		add_learned(w, &all, t->learn[i].index, p);
	return all;
}

/* The tunnels of a connection's longest own route that holds all of `p`. */
static unsigned own_tunnels(const struct world *w, size_t connection, const struct prefix *p)
{
	const struct config_connection *c = &w->connections[connection];
	tunnel_mask tunnels = 0;
	unsigned set = 0;
	int len = -1;

	for (size_t i = 0; i < c->route_count && naive_available(w, connection); i++)
		if (prefix_contains(&c->routes[i].prefix, p) && c->routes[i].prefix.len > len) {
			len = c->routes[i].prefix.len;
			tunnels = 0xff;
		}
	for (size_t i = 0; i < w->bgp_count[connection]; i++) {
		const struct world_bgp *b = &w->bgp[connection][i];

		if (prefix_contains(&b->prefix, p) && b->prefix.len >= len &&
		    naive_learned_available(w, connection, b->tunnels)) {
			len = b->prefix.len;
			tunnels = b->tunnels;
		}
	}
	for (size_t k = 0; k < c->tunnel_count; k++)
		if (tunnels >> k & 1)
			set |= 1u << w->ids.tunnel[connection][k];
	return set;
}

static unsigned all_tunnels(const struct world *w, size_t connection)
{
	unsigned set = 0;

	for (size_t k = 0; k < w->connections[connection].tunnel_count; k++)
		set |= 1u << w->ids.tunnel[connection][k];
	return set;
}

static uint32_t naive_asn(const struct world *w, int attachment)
{
	const struct config_attachment *a = &w->attachments[attachment];

	if (a->type != ATTACHMENT_VPN)
		return a->asn;
	return w->config
		.customer_gateways[w->connections[a->connection.index].customer_gateway.index]
		.asn;
}

static bool same_customer(const struct world *w, int a, int b)
{
	bool both = w->attachments[a].type == ATTACHMENT_VPN &&
		    w->attachments[b].type == ATTACHMENT_VPN;

	if (both &&
	    w->connections[w->attachments[a].connection.index].customer_gateway.index ==
		    w->connections[w->attachments[b].connection.index].customer_gateway.index)
		return true;
	return a == b || (naive_asn(w, a) && naive_asn(w, a) == naive_asn(w, b));
}

/* What the model says. */
struct expected {
	bool any;
	enum advert_fate fate;
	enum fib_kind kind;
	int attachment;
	unsigned tunnels;
};

static unsigned best_rank(const struct ways *all, bool edge)
{
	unsigned best = UINT32_MAX;

	for (size_t i = 0; i < all->count; i++)
		if ((!edge || all->list[i].edge) && all->list[i].rank < best)
			best = all->list[i].rank;
	return best;
}

static struct expected expect(const struct world *w, size_t connection, const struct prefix *p)
{
	int self = (int)(FIRST_VPN + connection), first = ATTACHMENTS;
	const struct config_attachment *a = &w->attachments[self];
	struct expected e = { .kind = FIB_NONE, .fate = ADVERT_OFF };
	bool itself = false;
	struct ways all;
	unsigned best;

	if (!a->association.name)
		return e;
	all = ways_to(w, (size_t)a->association.index, p);
	best = best_rank(&all, !w->tables[a->association.index].transit);
	e.any = all.count;
	if (best == UINT32_MAX) {
		e.fate = ADVERT_TRANSIT;
		return e;
	}
	if (a->synchronize)
		e.fate = ADVERT_YES;
	for (size_t i = 0; i < all.count; i++) {
		const struct way *one = &all.list[i];

		if (one->rank != best)
			continue;
		first = one->attachment < first ? one->attachment : first;
		if (one->attachment < 0) {
			e.fate = one->local ? ADVERT_LOCAL : ADVERT_BLACKHOLE;
			return e;
		}
		if (same_customer(w, one->attachment, self))
			e.fate = ADVERT_BACK;
		itself |= one->attachment == self;
		e.kind = one->vpn ? FIB_TUNNELS : FIB_DEVICE;
		e.attachment = one->attachment;
		if (one->vpn)
			e.tunnels |= own_tunnels(
				w, (size_t)w->attachments[one->attachment].connection.index, p);
	}
	if (itself)
		e.kind = FIB_NONE;
	else if (e.kind == FIB_TUNNELS && !e.tunnels)
		e.tunnels = all_tunnels(w, (size_t)w->attachments[first].connection.index);
	return e;
}

/* ---- beside each other ---- */

struct told {
	const struct world *world;
	size_t connection, count;
};

static void compare(const struct told *t, const struct prefix *p, const struct advert *got)
{
	struct expected want = expect(t->world, t->connection, p);

	assert_int_equal(want.any, got != NULL);
	if (!got)
		return;
	assert_int_equal(want.fate, got->fate);
	assert_int_equal(want.kind, got->way.kind);
	if (want.kind == FIB_TUNNELS)
		assert_int_equal(want.tunnels, tunnel_bits(&got->way));
	if (want.kind == FIB_DEVICE)
		assert_int_equal(t->world->ids.attachment[want.attachment], got->way.attachment);
}

static int compare_told(const struct prefix *p, const struct advert *a, void *context)
{
	struct told *t = context;

	t->count++;
	compare(t, p, a);
	return 0;
}

static void note(struct prefix *list, size_t *count, const struct prefix *p)
{
	for (size_t i = 0; i < *count; i++)
		if (prefix_equal(&list[i], p))
			return;
	assert_true(*count < MOST_IN);
	list[(*count)++] = *p;
}

/* Whatever is a prefix of anything in the gateway. */
static size_t all_prefixes(const struct world *w, struct prefix *list)
{
	size_t count = 0;

	for (size_t i = 0; i < w->local_count; i++) {
		struct prefix host = prefix_of(&w->locals[i], address_bits(&w->locals[i]));

		note(list, &count, &host);
	}
	for (size_t t = 0; t < TABLES; t++)
		for (size_t i = 0; i < w->tables[t].route_count; i++)
			note(list, &count, &w->tables[t].routes[i].destination.prefix);
	for (size_t a = 0; a < FIRST_VPN; a++)
		for (size_t i = 0; i < w->attachments[a].cidr_count; i++)
			note(list, &count, &w->attachments[a].cidrs[i].prefix);
	for (size_t c = 0; c < CONNECTIONS; c++) {
		for (size_t i = 0; i < w->connections[c].route_count; i++)
			note(list, &count, &w->connections[c].routes[i].prefix);
		for (size_t i = 0; i < w->bgp_count[c]; i++)
			note(list, &count, &w->bgp[c][i].prefix);
	}
	return count;
}

/* Each prefix that there is, asked for alone, and all of a walk, which must be those and no others;
 * how many are of each fate, lest the worlds be too poor to show a mistake. */
static void compare_all(const struct world *w, size_t seen[ADVERT_LOCAL + 1])
{
	static struct prefix list[MOST_IN];
	size_t count = all_prefixes(w, list);

	for (size_t c = 0; c < CONNECTIONS; c++) {
		struct told one = { w, c, 0 }, walk = { w, c, 0 };

		for (size_t i = 0; i < count; i++) {
			struct advert a;
			bool any = advert_of(&w->rib, c, &list[i], &a);

			compare(&one, &list[i], any ? &a : NULL);
			one.count += any;
			if (any)
				seen[a.fate]++;
		}
		assert_int_equal(adverts_each(&w->rib, c, compare_told, &walk), 0);
		assert_int_equal(one.count, walk.count);
	}
}

static void any_association(struct world *w)
{
	static struct config_customer_gateway gateways[CONNECTIONS];

	w->config.customer_gateways = gateways;
	w->config.customer_gateway_count = CONNECTIONS;
	for (size_t i = 0; i < CONNECTIONS; i++) {
		gateways[i].asn = any(2) ? 65000 + any(3) : 0;
		w->connections[i].customer_gateway.index = (int)any(CONNECTIONS);
	}
	w->attachments[FIRST_VPN - 1].asn = any(2) ? 65000 + any(3) : 0;
	for (size_t i = FIRST_VPN; i < ATTACHMENTS; i++) {
		int table = (int)any(TABLES + 1) - 1;

		w->attachments[i].association.index = table;
		w->attachments[i].association.name = table < 0 ? NULL : w->tables[table].name;
		w->attachments[i].synchronize = any(3);
	}
}

static void a_data_centre_is_told_other_than_by_the_naive_model(void **state)
{
	size_t seen[ADVERT_LOCAL + 1] = { 0 };

	(void)state;
	for (uint32_t n = 0; n < WORLDS; n++) {
		struct touched touched = { 0 };
		struct world *w = world_new(6000 + n);

		any_association(w);
		compare_all(w, seen);
		for (int i = 0; i < CHANGES; i++)
			any_change(w, &touched);
		compare_all(w, seen);
		touched_free(&touched);
		world_free(w);
	}
	for (int fate = ADVERT_YES; fate <= ADVERT_LOCAL; fate++)
		assert_true(seen[fate] > 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_data_centre_is_told_other_than_by_the_naive_model),
	};

	return cmocka_run_group_tests_name("advert_property", tests, NULL, NULL);
}
