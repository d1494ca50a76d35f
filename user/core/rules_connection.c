/* SPDX-License-Identifier: GPL-2.0-only */
/* Rules of connections and customer gateways. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "dataplane.h"
#include "rules_internal.h"

void rule_dual_tunnel(const struct config *c, struct findings *f)
{
	for (EACH_CONNECTION(c, connection))
		if (connection->tunnel_count == 1)
			findings_add(f, SEVERITY_WARNING, connection->tunnels_mark,
				     "connection '%s' has one tunnel, nothing takes over when it "
				     "fails; two are the default [S18]",
				     connection->name);
}

static void check_mixed(const struct config_connection *c, struct findings *f)
{
	if (!c->allow_mixed_routing)
		findings_add(f, SEVERITY_ERROR, c->routes_mark,
			     "connection '%s' has both bgp and routes; one method per connection, "
			     "unless allow_mixed_routing: true [S22]",
			     c->name);
	else
		findings_add(f, SEVERITY_WARNING, c->routes_mark,
			     "connection '%s' mixes both methods: for one prefix BGP goes first "
			     "[S22 S30]",
			     c->name);
}

void rule_one_method(const struct config *c, struct findings *f)
{
	for (EACH_CONNECTION(c, connection)) {
		if (connection->bgp.enabled && connection->route_count)
			check_mixed(connection, f);
		else if (!connection->bgp.enabled && !connection->routes_mark.line)
			findings_add(f, SEVERITY_WARNING, connection->mark,
				     "connection '%s' has neither bgp nor routes: nothing is sent "
				     "to its data centre [S3]",
				     connection->name);
	}
}

void rule_static_ecmp(const struct config *c, struct findings *f)
{
	for (EACH_CONNECTION(c, connection))
		if (!connection->bgp.enabled && connection->route_count &&
		    connection->tunnel_count > 1)
			findings_add(
				f, SEVERITY_WARNING, connection->routes_mark,
				"connection '%s' has static routes over two tunnels: unless the "
				"data centre's device has static ECMP routes, what it sends "
				"takes one tunnel and the two directions differ; prefer bgp "
				"[S23 S24 S25]",
				connection->name);
}

/* By connection: is it attached? */
static bool *attached_connections(const struct config *c)
{
	bool *attached = calloc(c->connection_count + 1, sizeof(*attached));

	if (!attached)
		return NULL;
	for (EACH_ATTACHMENT(c, a))
		if (a->connection.index >= 0)
			attached[a->connection.index] = true;
	return attached;
}

void rule_routes_attached(const struct config *c, struct findings *f)
{
	bool *attached = attached_connections(c);

	if (!attached) {
		f->out_of_memory = true;
		return;
	}
	for (EACH_CONNECTION(c, connection)) {
		if (attached[connection - c->connections])
			continue;
		if (connection->route_count)
			findings_add(
				f, SEVERITY_ERROR, connection->routes_mark,
				"connection '%s' has destination-based routes but is not "
				"attached; add an attachment {type: vpn, connection: %s} [S32]",
				connection->name, connection->name);
		else
			findings_add(f, SEVERITY_WARNING, connection->mark,
				     "connection '%s' is not attached: no packet reaches it [S32]",
				     connection->name);
	}
	free(attached);
}

void rule_destinations(const struct config *c, struct findings *f)
{
	for (EACH_CONNECTION(c, connection))
		for (size_t i = 0; i < connection->route_count; i++) {
			const struct config_prefix *p = &connection->routes[i];
			const char *refused = rules_destination_refused(&p->prefix);
			char text[PREFIX_STRLEN];

			if (refused)
				findings_add(f, SEVERITY_ERROR, p->mark, "%s %s",
					     prefix_format(&p->prefix, text), refused);
		}
}

static void destination_twice(const struct place *first, const struct place *again,
			      struct findings *f)
{
	const struct config_prefix *p = again->subject;
	char text[PREFIX_STRLEN];

	findings_add(f, SEVERITY_ERROR, again->mark,
		     "connection '%s' has %s twice, first in line %u [S31]", again->owner,
		     prefix_format(&p->prefix, text), first->mark.line);
}

void rule_destinations_twice(const struct config *c, struct findings *f)
{
	for (EACH_CONNECTION(c, connection)) {
		struct places places = { 0 };

		for (size_t i = 0; i < connection->route_count; i++) {
			const struct config_prefix *p = &connection->routes[i];
			struct place place = { .mark = p->mark,
					       .owner = connection->name,
					       .subject = p };

			places_add(&places, &p->prefix, sizeof(p->prefix), &place);
		}
		places_finish(&places, destination_twice, f);
	}
}

static void check_quota(const struct config *c, const struct config_connection *connection,
			struct findings *f)
{
	struct mark mark = connection->bgp_quota_mark;

	if (connection->tunnel_count > 1)
		findings_add(
			f, SEVERITY_ERROR, mark,
			"bgp_quota: connection '%s' has two tunnels; 1000 routes per tunnel and "
			"2000 per connection are not adjustable [S43]",
			connection->name);
	if (!connection->bgp.enabled)
		findings_add(f, SEVERITY_WARNING, mark,
			     "bgp_quota: connection '%s' has no bgp [S44]", connection->name);
	if (!c->gateway.limits)
		findings_add(f, SEVERITY_WARNING, mark,
			     "bgp_quota: lifted by gateway.limits: none [D5]");
}

/* Its range is in the schema. */
void rule_quota(const struct config *c, struct findings *f)
{
	for (EACH_CONNECTION(c, connection))
		if (connection->bgp_quota_mark.line)
			check_quota(c, connection, f);
}

void rule_bgp_asn(const struct config *c, struct findings *f)
{
	for (EACH_CONNECTION(c, connection)) {
		int gateway = connection->customer_gateway.index;

		if (connection->bgp.enabled && gateway >= 0 &&
		    !c->customer_gateways[gateway].asn_mark.line)
			findings_add(f, SEVERITY_ERROR, connection->customer_gateway.mark,
				     "customer gateway '%s' has no asn and cannot be used for BGP; "
				     "write another one that has [S47 S49]",
				     connection->customer_gateway.name);
	}
}

/* One keepalive lost, or two, are no reason to give a session up (RFC 4271, 4.4). */
void rule_bgp_timers(const struct config *c, struct findings *f)
{
	for (EACH_CONNECTION(c, connection)) {
		const struct config_bgp *bgp = &connection->bgp;

		if (bgp->enabled && bgp->hold_time_s < 3 * bgp->keepalive_s)
			findings_add(f, SEVERITY_ERROR,
				     bgp->hold_time_mark.line ? bgp->hold_time_mark : bgp->mark,
				     "hold_time: %us is shorter than three keepalives of %us",
				     bgp->hold_time_s, bgp->keepalive_s);
	}
}

static void table_twice(const struct place *first, const struct place *again, struct findings *f)
{
	const struct config_connection *c = again->subject;

	findings_add(f, SEVERITY_ERROR, again->mark,
		     "table: kernel table %u is also that of connection '%s' (line %u)",
		     c->kernel_table, first->owner, first->mark.line);
}

void rule_kernel_table(const struct config *c, struct findings *f)
{
	struct places places = { 0 };

	for (EACH_CONNECTION(c, connection)) {
		struct place place = { .mark = connection->kernel_table_mark,
				       .owner = connection->name,
				       .subject = connection };
		const char *whose = kernel_table_reserved(connection->kernel_table);

		/* What was chosen for it, or refused by the decoder, is not to be judged. */
		if (!place.mark.line || !connection->kernel_table)
			continue;
		if (whose)
			findings_add(f, SEVERITY_ERROR, place.mark, "table: kernel table %u is %s",
				     connection->kernel_table, whose);
		places_add(&places, &connection->kernel_table, sizeof(uint32_t), &place);
	}
	places_finish(&places, table_twice, f);
}

void rule_capacity(const struct config *c, struct findings *f)
{
	size_t tunnels = 0;

	for (EACH_CONNECTION(c, connection)) {
		size_t before = tunnels;

		tunnels += connection->tunnel_count;
		if (before <= MAX_TUNNELS && tunnels > MAX_TUNNELS)
			findings_add(f, SEVERITY_ERROR, connection->mark,
				     "too many tunnels from here on, the dataplane has room for %d",
				     MAX_TUNNELS);
	}
	/* Number 0 is the dataplane's "unknown". */
	if (c->attachment_count > MAX_ATTACHMENTS - 1)
		findings_add(f, SEVERITY_ERROR, c->attachments[MAX_ATTACHMENTS - 1].mark,
			     "too many attachments from here on, the dataplane has room for %d",
			     MAX_ATTACHMENTS - 1);
}

/* The five of D11, and what of IPv6 is like them. */
static const struct prefix refused_blocks[] = {
	{ { AF_INET, { 100, 64 } }, 10 },
	{ { AF_INET, { 127 } }, 8 },
	{ { AF_INET, { 169, 254 } }, 16 },
	{ { AF_INET, { 224 } }, 4 },
	{ { AF_INET, { 255 } }, 8 },
	{ { AF_INET6, { [15] = 1 } }, 128 },
	{ { AF_INET6, { 0xfe, 0x80 } }, 10 },
	{ { AF_INET6, { 0xff } }, 8 },
	/* unspecified: the address of nobody */
	{ { AF_INET, { 0 } }, 32 },
	{ { AF_INET6, { 0 } }, 128 },
};

static void check_gateway_address(const struct address *a, struct mark mark, struct findings *f)
{
	char address[PREFIX_STRLEN], block[PREFIX_STRLEN];

	for (size_t i = 0; i < sizeof(refused_blocks) / sizeof(*refused_blocks); i++)
		if (prefix_contains_address(&refused_blocks[i], a))
			findings_add(f, SEVERITY_ERROR, mark,
				     "%s lies in %s, where no customer gateway can be [D11]",
				     address_format(a, address),
				     prefix_format(&refused_blocks[i], block));
}

void rule_gateway_addresses(const struct config *c, struct findings *f)
{
	for (size_t i = 0; i < c->customer_gateway_count; i++) {
		const struct config_customer_gateway *g = &c->customer_gateways[i];

		for (size_t k = 0; k < g->address_count; k++)
			check_gateway_address(&g->addresses[k], g->address_marks[k], f);
		if (g->address_count == 2 && address_equal(&g->addresses[0], &g->addresses[1]))
			findings_add(f, SEVERITY_ERROR, g->address_marks[1],
				     "customer gateway '%s' has this address twice [D11]", g->name);
	}
}

/* How the connections of each customer gateway stand to its ASN. */
struct asn_use {
	bool changed;			      /* one has another local ASN than the default */
	const struct config_connection *same; /* one has the gateway's own */
};

static void check_gateway_asn(const struct config_customer_gateway *g, const struct asn_use *use,
			      struct findings *f)
{
	if (g->asn == DEFAULT_LOCAL_ASN && (use->same || !use->changed))
		findings_add(
			f, SEVERITY_ERROR, g->asn_mark,
			"customer gateway '%s' has ASN %u, which is the local ASN; allowed only "
			"where bgp.local_asn was changed [D11]",
			g->name, g->asn);
	else if (g->asn && use->same && use->same->bgp.enabled)
		findings_add(f, SEVERITY_WARNING, g->asn_mark,
			     "customer gateway '%s' and connection '%s' have the same ASN %u: the "
			     "session would be internal BGP, which passes no routes on [D11]",
			     g->name, use->same->name, g->asn);
}

void rule_gateway_asn(const struct config *c, struct findings *f)
{
	struct asn_use *use = calloc(c->customer_gateway_count + 1, sizeof(*use));

	if (!use) {
		f->out_of_memory = true;
		return;
	}
	for (EACH_CONNECTION(c, connection)) {
		int gateway = connection->customer_gateway.index;

		if (gateway < 0)
			continue;
		if (connection->bgp.local_asn == c->customer_gateways[gateway].asn)
			use[gateway].same = connection;
		if (connection->bgp.local_asn != DEFAULT_LOCAL_ASN)
			use[gateway].changed = true;
	}
	for (size_t i = 0; i < c->customer_gateway_count; i++)
		check_gateway_asn(&c->customer_gateways[i], &use[i], f);
	free(use);
}
