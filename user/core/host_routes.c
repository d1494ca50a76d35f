/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The routes of the plan, table by table.
 *
 * A connection's table (its VRF's, where it has one) holds
 *  - one default per tunnel device: after bpf_redirect() to an xfrm interface the kernel looks a
 *    route up with that device as output (in the VRF's table for a slave), and without one through
 *    exactly that device the packet is lost. Distance 255: FRR neither uses nor exports them;
 *  - the routes of the transit router that lead elsewhere than back, "leaked" (core/advert.h): the
 *    way back for ICMP errors that the kernel writes inside the VRF, and what FRR exports to the
 *    data centre. Devices of other VRFs will do for both: a lookup with a tunnel device as output
 *    passes over routes through other devices (in IPv6 it takes their word that there is a route,
 *    and goes on through its own), and zebra accepts any device that is up. None of them is a
 *    blackhole, which would end that lookup, too;
 *  - without BGP, the destination-based routes. With BGP the routes are FRR's there, not ours;
 *  - at the end `unreachable`: with every tunnel device down a lookup would otherwise go on to
 * main.
 *
 * The reply table is for ICMP that the kernel itself sends about forwarded packets: an error to a
 * host in a VPC behind next_hop, or, without VRF, in a data centre, would else leave by main's
 * default, in plaintext on the underlay.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "advert.h"
#include "host_build.h"

static const uint8_t families[] = { AF_INET, AF_INET6 };

static struct prefix default_prefix(uint8_t family)
{
	return (struct prefix){ .address = { .family = family } };
}

static const struct config_tunnel *find_tunnel(const struct host_builder *b, uint32_t id,
					       const struct host_tunnel_fact **fact)
{
	for (size_t i = 0; i < b->c->connection_count; i++)
		for (size_t t = 0; t < b->c->connections[i].tunnel_count; t++)
			if (b->ids->tunnel[i][t] == id) {
				*fact = &b->facts->tunnels[i][t];
				return &b->c->connections[i].tunnels[t];
			}
	return NULL;
}

static int find_attachment(const struct host_builder *b, uint32_t id)
{
	for (size_t i = 0; i < b->c->attachment_count; i++)
		if (b->ids->attachment[i] == id)
			return (int)i;
	return -1;
}

static struct host_hop tunnel_hop(const struct config_tunnel *t, uint16_t weight)
{
	struct host_hop hop = { .weight = weight };
	char buf[DEVICE_NAME_LEN];

	snprintf(hop.device, sizeof(hop.device), "%s", tunnel_device_name(t, buf));
	return hop;
}

static void add_run_hop(struct host_builder *b, struct host_run *run, const struct host_hop *hop)
{
	uint32_t index = host_add_hop(b, hop);

	if (run->hop_count++ == 0)
		run->first_hop = index;
}

/* Live tunnels; all of them when none is (what goes there then ends in the xfrm interface). */
static void tunnel_hops(struct host_builder *b, struct host_run *run)
{
	for (int even_down = 0; even_down <= 1 && run->hop_count == 0; even_down++)
		for (uint8_t i = 0; i < run->answer.set.count; i++) {
			const struct member *m = &run->answer.set.members[i];
			const struct host_tunnel_fact *fact;
			const struct config_tunnel *t = find_tunnel(b, m->tunnel, &fact);

			if (t && (even_down || !fact->down)) {
				struct host_hop hop = tunnel_hop(t, m->weight);

				add_run_hop(b, run, &hop);
			}
		}
}

/* No hop when the kernel has no device for it (a VLAN without VLAN device). */
static void device_hop(struct host_builder *b, struct host_run *run)
{
	int i = find_attachment(b, run->answer.attachment);
	struct host_hop hop = { .weight = 1 };

	if (i < 0 || !b->facts->attachments[i].device[0])
		return;
	memcpy(hop.device, b->facts->attachments[i].device, sizeof(hop.device));
	hop.via = run->family == AF_INET ? b->c->attachments[i].next_hop_v4
					 : b->c->attachments[i].next_hop_v6;
	add_run_hop(b, run, &hop);
}

/* What an answer comes out as depends on nothing else than this. */
static bool serves(const struct host_builder *b, size_t run, const struct fib_answer *answer,
		   uint8_t family)
{
	const struct host_run *r = &b->runs[run];

	return r->family == family && r->facts == b->facts && fib_answer_equal(&r->answer, answer);
}

/* Routes with one answer stand together more often than not: the last run is tried first. */
static const struct host_run *find_run(struct host_builder *b, const struct fib_answer *answer,
				       uint8_t family)
{
	if (b->last_run < b->run_count && serves(b, b->last_run, answer, family))
		return &b->runs[b->last_run];
	for (size_t i = b->run_count; i-- > 0;)
		if (serves(b, i, answer, family)) {
			b->last_run = i;
			return &b->runs[i];
		}
	return NULL;
}

static const struct host_run *run_of(struct host_builder *b, const struct fib_answer *answer,
				     uint8_t family)
{
	struct host_run run = { .answer = *answer, .facts = b->facts, .family = family };
	const struct host_run *known = find_run(b, answer, family);

	if (known)
		return known;
	if (answer->kind == FIB_TUNNELS)
		tunnel_hops(b, &run);
	else
		device_hop(b, &run);
	return host_add_run(b, &run);
}

/* Through tunnels or a device, or, where there is no way to, unreachable. */
static void add_unicast(struct host_builder *b, struct host_route *r,
			const struct fib_answer *answer)
{
	const struct host_run *run = run_of(b, answer, r->prefix.address.family);

	if (!run)
		return;
	r->type = run->hop_count ? HOST_ROUTE_UNICAST : HOST_ROUTE_UNREACHABLE;
	r->first_hop = run->first_hop;
	r->hop_count = run->hop_count;
	if (run->hop_count || !r->optional)
		host_add_route(b, r);
}

/* A hole undoes the enclosing route: the lookup leaves the table, as it does where nothing matches.
 */
static void add_fib_route(struct host_builder *b, uint32_t table, uint32_t metric,
			  const struct prefix *p, const struct fib_answer *answer)
{
	struct host_route r = { .table = table, .metric = metric, .prefix = *p };

	switch (answer->kind) {
	case FIB_TUNNELS:
	case FIB_DEVICE:
		add_unicast(b, &r, answer);
		return;
	case FIB_BLACKHOLE:
		r.type = HOST_ROUTE_BLACKHOLE;
		break;
	case FIB_NONE:
		r.type = HOST_ROUTE_THROW;
		break;
	case FIB_LOCAL: /* in the kernel's own table, which is asked first */
		return;
	}
	host_add_route(b, &r);
}

/* ---- what one entry comes out as ---- */

void host_emit_transit(struct host_builder *b, const struct fib_table *t, const struct prefix *p,
		       const struct fib_answer *answer)
{
	if (answer->kind == FIB_TUNNELS && b->c->tables[t->index].slow_path == SLOW_PATH_SUMMARY)
		return; /* host_emit_default() */
	add_fib_route(b, t->kernel_table, HOST_METRIC_TABLE, p, answer);
}

bool host_summary(const struct rib *rib, size_t table, struct fib_answer *out)
{
	const struct config_table *t = &rib->config->tables[table];
	int connection = config_table_connection(rib->config, t, NULL);

	if (t->slow_path != SLOW_PATH_SUMMARY || connection < 0)
		return false;
	*out = (struct fib_answer){
		.kind = FIB_TUNNELS,
		.set = rib_own_route_members(rib, (size_t)connection,
					     (struct connection_route){ 0 }, SOURCE_DESTINATION),
	};
	return true;
}

/* Behind a default of the table's own. */
void host_emit_default(struct host_builder *b, size_t table, const struct prefix *p,
		       const struct fib_answer *answer)
{
	struct host_route r = { .table = TR_KERNEL_TABLE + b->ids->table[table][VIEW_ALL],
				.metric = HOST_METRIC_TABLE + 1,
				.prefix = *p };

	add_unicast(b, &r, answer);
}

/* Without VRF the inside CIDR has a route of its own through its tunnel. */
static bool is_inside(const struct config_connection *conn, const struct prefix *p)
{
	for (size_t i = 0; !conn->vrf && i < conn->tunnel_count; i++)
		if (conn->tunnels[i].inside.address.family &&
		    prefix_equal(&conn->tunnels[i].inside, p))
			return true;
	return false;
}

/* Only what leads to tunnels: a hole would leave the table, past its end. */
void host_emit_own(struct host_builder *b, size_t connection, const struct prefix *p,
		   const struct fib_answer *answer)
{
	const struct config_connection *conn = &b->c->connections[connection];

	if (!conn->bgp.enabled && answer->kind == FIB_TUNNELS && !is_inside(conn, p))
		add_fib_route(b, conn->kernel_table, HOST_METRIC_CONNECTION, p, answer);
}

void host_emit_leak(struct host_builder *b, size_t connection, bool exported,
		    const struct prefix *p, const struct fib_answer *way)
{
	struct host_route r = { .table = b->c->connections[connection].kernel_table,
				.metric = exported ? HOST_METRIC_EXPORTED : HOST_METRIC_LEAKED,
				.prefix = *p,
				.optional = true };

	if (way->kind != FIB_NONE)
		add_unicast(b, &r, way);
}

/* The peers themselves are reached over the underlay, whatever claims to contain them. */
static bool holds_peer(const struct host_builder *b, const struct prefix *p)
{
	if (p->len == 0)
		return true;
	for (size_t i = 0; i < b->c->connection_count; i++)
		for (size_t t = 0; t < b->c->connections[i].tunnel_count; t++)
			if (prefix_contains_address(
				    p, &b->c->connections[i].tunnels[t].remote_address))
				return true;
	return false;
}

/* Inside a VRF the kernel's errors are looked up in the connection's table. */
bool host_replies(const struct host_builder *b, size_t connection)
{
	const struct config_connection *conn = &b->c->connections[connection];

	return !conn->vrf || !conn->bgp.enabled;
}

void host_emit_reply(struct host_builder *b, const struct prefix *p,
		     const struct fib_answer *answer)
{
	if (answer->kind == FIB_TUNNELS && !holds_peer(b, p))
		add_fib_route(b, HOST_REPLY_TABLE, HOST_METRIC_TABLE + 1, p, answer);
}

static void add_unreachable(struct host_builder *b, uint32_t table, uint32_t metric,
			    const struct prefix *p)
{
	struct host_route r = {
		.table = table, .metric = metric, .prefix = *p, .type = HOST_ROUTE_UNREACHABLE
	};

	host_add_route(b, &r);
}

static void guard(struct host_builder *b, const struct prefix *p, const struct prefix *only)
{
	if (!only || prefix_equal(only, p))
		add_unreachable(b, HOST_GUARD_TABLE, HOST_METRIC_TABLE, p);
}

/*
 * What must not come in from the underlay, beside what host_emit_configured() says. Inside CIDRs
 * too: without VRF the kernel has them in main, and would forward from the underlay into the
 * tunnel.
 */
void host_emit_guards(struct host_builder *b, const struct prefix *only)
{
	for (size_t i = 0; i < b->c->attachment_count; i++)
		for (size_t j = 0; j < b->c->attachments[i].cidr_count; j++)
			guard(b, &b->c->attachments[i].cidrs[j].prefix, only);
	for (size_t i = 0; i < b->c->connection_count; i++) {
		const struct config_connection *conn = &b->c->connections[i];

		for (size_t t = 0; t < conn->tunnel_count; t++)
			if (conn->tunnels[t].inside.address.family)
				guard(b, &conn->tunnels[t].inside, only);
	}
}

/* Below the ways to a connection, for while they are withdrawn. */
static void emit_withdrawn(struct host_builder *b, const struct prefix *p)
{
	if (!holds_peer(b, p))
		add_unreachable(b, HOST_REPLY_TABLE, HOST_METRIC_TABLE + 2, p);
}

void host_emit_configured(struct host_builder *b, const struct prefix *p)
{
	guard(b, p, NULL);
	emit_withdrawn(b, p);
}

/* ---- what follows from the configuration alone ---- */

static void add_through(struct host_builder *b, const struct host_route *like,
			const struct config_tunnel *t)
{
	struct host_hop hop = tunnel_hop(t, 1);
	struct host_route r = *like;

	r.type = HOST_ROUTE_UNICAST;
	r.optional = true;
	r.hop_count = 1;
	r.first_hop = host_add_hop(b, &hop);
	host_add_route(b, &r);
}

/* In a VRF the kernel itself puts the route to the inside CIDR into the table. */
static void tunnel_routes(struct host_builder *b, const struct config_connection *conn)
{
	for (size_t i = 0; i < conn->tunnel_count; i++) {
		const struct config_tunnel *t = &conn->tunnels[i];
		struct host_route r = { .table = conn->kernel_table,
					.metric = HOST_METRIC_DEFAULT + 1 + (uint32_t)i };

		for (size_t f = 0; f < 1u + b->ipv6; f++) {
			r.prefix = default_prefix(families[f]);
			add_through(b, &r, t);
		}
		if (conn->vrf || !t->inside.address.family)
			continue;
		r.metric = HOST_METRIC_CONNECTION;
		r.prefix = t->inside;
		add_through(b, &r, t);
	}
}

static void reply_to_attachments(struct host_builder *b)
{
	for (size_t i = 0; i < b->c->attachment_count; i++) {
		const struct config_attachment *a = &b->c->attachments[i];
		struct fib_answer answer = { .kind = FIB_DEVICE,
					     .attachment = b->ids->attachment[i] };

		for (size_t j = 0; j < a->cidr_count; j++) {
			struct host_route r = { .table = HOST_REPLY_TABLE,
						.metric = HOST_METRIC_TABLE,
						.prefix = a->cidrs[j].prefix };

			if (!holds_peer(b, &r.prefix))
				add_unicast(b, &r, &answer);
		}
	}
}

void host_emit_devices(struct host_builder *b)
{
	for (size_t i = 0; i < b->c->connection_count; i++)
		tunnel_routes(b, &b->c->connections[i]);
	reply_to_attachments(b);
}

static void ends(struct host_builder *b)
{
	for (size_t i = 0; i < b->c->connection_count; i++)
		for (size_t f = 0; f < 2; f++) {
			struct prefix all = default_prefix(families[f]);

			add_unreachable(b, b->c->connections[i].kernel_table, HOST_METRIC_END,
					&all);
		}
}

/* ---- all of it ---- */

struct copy {
	struct host_builder *b;
	const struct fib_table *table;
};

static int copy_transit(const struct prefix *p, void *answer, void *context)
{
	const struct copy *to = context;

	host_emit_transit(to->b, to->table, p, answer);
	return to->b->error;
}

static int copy_own(const struct prefix *p, void *answer, void *context)
{
	const struct copy *to = context;

	host_emit_own(to->b, to->table->index, p, answer);
	return to->b->error;
}

static int copy_reply(const struct prefix *p, void *answer, void *context)
{
	const struct copy *to = context;

	host_emit_reply(to->b, p, answer);
	return to->b->error;
}

struct leaking {
	struct host_builder *b;
	size_t connection;
};

static int leak_route(const struct prefix *p, const struct advert *a, void *context)
{
	const struct leaking *l = context;

	host_emit_leak(l->b, l->connection, a->fate == ADVERT_YES, p, &a->way);
	return l->b->error;
}

static void leak_routes(struct host_builder *b, size_t connection)
{
	struct leaking l = { b, connection };

	adverts_each(b->rib, connection, leak_route, &l);
}

static void configured_routes(struct host_builder *b, const struct config_connection *conn)
{
	for (size_t j = 0; j < conn->route_count; j++)
		guard(b, &conn->routes[j].prefix, NULL);
	for (size_t j = 0; j < conn->route_count; j++)
		emit_withdrawn(b, &conn->routes[j].prefix);
}

static void summaries(struct host_builder *b)
{
	for (size_t i = 0; i < b->c->table_count; i++) {
		struct fib_answer answer;

		for (size_t f = 0; f < 1u + b->ipv6 && host_summary(b->rib, i, &answer); f++) {
			struct prefix all = default_prefix(families[f]);

			host_emit_default(b, i, &all, &answer);
		}
	}
}

/* ---- their order ---- */

static bool in_order(const struct host_route *a, const struct host_route *b)
{
	int order = host_route_compare(a, b);

	return order < 0 || (order == 0 && a->order < b->order);
}

/* Where the sorted run that begins at `i` ends. */
static size_t run_end(const struct host_plan *p, size_t i)
{
	for (i++; i < p->route_count && in_order(&p->routes[i - 1], &p->routes[i]); i++)
		;
	return i;
}

static void merge(struct host_route *to, const struct host_route *a, const struct host_route *a_end,
		  const struct host_route *b, const struct host_route *b_end)
{
	while (a < a_end && b < b_end)
		*to++ = in_order(a, b) ? *a++ : *b++;
	memcpy(to, a, (size_t)(a_end - a) * sizeof(*a));
	memcpy(to + (a_end - a), b, (size_t)(b_end - b) * sizeof(*b));
}

/* Neighbouring runs become one. */
static void merge_runs(const struct host_plan *p, struct host_route *to)
{
	for (size_t i = 0, middle, end; i < p->route_count; i = end) {
		middle = run_end(p, i);
		end = middle < p->route_count ? run_end(p, middle) : middle;
		merge(to + i, p->routes + i, p->routes + middle, p->routes + middle,
		      p->routes + end);
	}
}

/* A merge sort of what is there: tables of the FIB come sorted, whole ones at a time. */
static int sort(struct host_plan *p)
{
	struct host_route *other = reallocarray(NULL, p->route_count, sizeof(*other));

	if (!other)
		return -ENOMEM;
	while (run_end(p, 0) < p->route_count) {
		struct host_route *was = p->routes;

		merge_runs(p, other);
		p->routes = other;
		other = was;
	}
	free(other);
	return 0;
}

/* Two that ask for one key: the first one stays. */
int host_sort_routes(struct host_plan *p)
{
	size_t kept = 0;
	int err = p->route_count ? sort(p) : 0;

	if (err || !p->route_count)
		return err;
	for (size_t i = 1; i < p->route_count; i++)
		if (host_route_compare(&p->routes[kept], &p->routes[i]) != 0)
			p->routes[++kept] = p->routes[i];
	p->route_count = kept + 1;
	return 0;
}

/* ---- all of it, in order ---- */

static void copy_table(struct host_builder *b, const struct fib_table *t, trie_fn fn)
{
	struct copy to = { b, t };

	if (t && !t->retired)
		trie_walk(&t->routes, NULL, fn, &to);
}

/* Kernel table by kernel table, as far as they come sorted: host_sort_routes() merges them. */
void host_build_routes(struct host_builder *b)
{
	host_emit_devices(b);
	for (size_t i = 0; i < b->fib->count; i++)
		if (!b->fib->tables[i].connection)
			copy_table(b, &b->fib->tables[i], copy_transit);
	for (size_t i = 0; i < b->c->connection_count; i++) {
		const struct fib_table *own = fib_find(b->fib, b->ids->connection_table[i]);

		copy_table(b, own, copy_own);
		if (host_replies(b, i))
			copy_table(b, own, copy_reply);
		leak_routes(b, i);
		configured_routes(b, &b->c->connections[i]);
	}
	host_emit_guards(b, NULL);
	summaries(b);
	ends(b);
	if (!b->error)
		b->error = host_sort_routes(&b->plan);
}
