/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The rules of the plan: which table a packet may be looked up in, and where it ends.
 *
 * How a VRF takes part (tried on 6.12 and read in the kernel, where it changed more than once):
 *  - What comes out of a slave is looked up with the slave as input device in IPv4, with the VRF in
 *    IPv6. So whatever is said of `iif VRF` is said of each of its slaves, too.
 *  - What is sent through the VRF or a slave has `iif lo`, the slave as output device, and the VRF
 * in flowi_l3mdev, which the kernel's own rule at 1000 follows. Kernels with "fib_rules: Fix iif /
 *    oif matching on L3 master device" (2025) compare `iif VRF`, too, with flowi_l3mdev, so the
 *    rules for what is received catch what is sent: BGP, and what bpf_redirect() put into a tunnel.
 *    HOST_RULE_OUTPUT takes all that out first: by `oif VRF`, compared likewise there, and by the
 *    slave itself everywhere.
 *
 * Local delivery: addresses of slaves are local routes of the VRF's table, not of table local, so a
 * packet to them would be looked up in the TR table and meet its end. HOST_RULE_LOCAL sends exactly
 * the tunnels' own addresses to the VRF's table first. Only from the VRF: the same packet in
 * plaintext from the underlay shall not get there.
 *
 * A connection's table ends in `unreachable`, so no rule that leads there falls through.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include "host_build.h"

static const uint8_t families[] = { AF_INET, AF_INET6 };

static void set_device(char to[DEVICE_NAME_LEN], const char *name)
{
	snprintf(to, DEVICE_NAME_LEN, "%s", name);
}

static void add_for_both(struct host_builder *b, struct host_rule *r)
{
	for (size_t i = 0; i < sizeof(families); i++) {
		r->family = families[i];
		host_add_rule(b, r);
	}
}

static void add_iif(struct host_builder *b, uint32_t preference, const char *iif,
		    enum host_rule_action action, uint32_t table)
{
	struct host_rule r = { .preference = preference, .action = action, .table = table };

	set_device(r.iif, iif);
	add_for_both(b, &r);
}

/* What leaves through a tunnel device or its VRF is looked up in the connection's table. */
static void output_rule(struct host_builder *b, const char *oif, uint32_t table)
{
	struct host_rule r = { .preference = HOST_RULE_OUTPUT, .table = table, .iif = "lo" };

	set_device(r.oif, oif);
	add_for_both(b, &r);
}

/*
 * What this host sends from its own tunnel address, or into the inside CIDR: through the tunnel or
 * not at all. `iif lo`, for a forwarded packet that claims such an address has no business there.
 */
static void own_rules(struct host_builder *b, const struct config_tunnel *t, uint32_t table)
{
	struct host_rule to = { .preference = HOST_RULE_OWN, .table = table, .iif = "lo" };
	struct host_rule from = to;

	if (!t->inside.address.family)
		return;
	to.family = t->inside.address.family;
	to.to = t->inside;
	host_add_rule(b, &to);
	if (t->bgp_address.family != to.family)
		return;
	from.family = to.family;
	from.from = prefix_of(&t->bgp_address, address_bits(&t->bgp_address));
	host_add_rule(b, &from);
}

static void local_rule(struct host_builder *b, const char *iif, const struct config_tunnel *t,
		       uint32_t table)
{
	struct host_rule r = { .preference = HOST_RULE_LOCAL,
			       .family = t->bgp_address.family,
			       .table = table };

	if (!r.family || !t->inside.address.family)
		return;
	set_device(r.iif, iif);
	r.to = prefix_of(&t->bgp_address, address_bits(&t->bgp_address));
	host_add_rule(b, &r);
}

static void reply_rules(struct host_builder *b)
{
	struct host_rule r = { .preference = HOST_RULE_REPLY,
			       .table = HOST_REPLY_TABLE,
			       .iif = "lo" };

	r.family = AF_INET;
	r.protocol = IPPROTO_ICMP;
	host_add_rule(b, &r);
	r.family = AF_INET6;
	r.protocol = IPPROTO_ICMPV6;
	host_add_rule(b, &r);
}

/* A throw or no match leaves the TR table and meets the end. */
static void attachment_rules(struct host_builder *b, int attachment, const char *iif, bool pass)
{
	const struct fib_table *t = attachment < 0 ? NULL : host_associated(b, (size_t)attachment);

	if (t)
		add_iif(b, HOST_RULE_TABLE, iif, HOST_RULE_LOOKUP, t->kernel_table);
	if (pass)
		add_iif(b, HOST_RULE_NO_ROUTE, iif, HOST_RULE_LOOKUP, HOST_GUARD_TABLE);
	else
		add_iif(b, HOST_RULE_END, iif, HOST_RULE_UNREACHABLE, 0);
}

/* All that a connection's VRF, or one of its tunnels, may carry; `own`: addresses in a VRF. */
static void way_rules(struct host_builder *b, size_t connection, const char *device, bool own)
{
	const struct config_connection *conn = &b->c->connections[connection];

	output_rule(b, device, conn->kernel_table);
	for (size_t t = 0; own && t < conn->tunnel_count; t++)
		local_rule(b, device, &conn->tunnels[t], conn->kernel_table);
	attachment_rules(b, connection_attachment(b->c, connection), device, false);
}

static void connection_rules(struct host_builder *b, size_t i)
{
	const struct config_connection *conn = &b->c->connections[i];
	char name[DEVICE_NAME_LEN];

	if (conn->vrf)
		way_rules(b, i, connection_vrf_name(conn, name), true);
	for (size_t t = 0; t < conn->tunnel_count; t++) {
		way_rules(b, i, tunnel_device_name(&conn->tunnels[t], name), conn->vrf);
		own_rules(b, &conn->tunnels[t], conn->kernel_table);
	}
}

/*
 * on_no_route: pass leaves to the host's own rules what a VPC or VBR sends and no route matches,
 * but never what belongs to an attachment or, by a destination-based route, to a data centre: with
 * its tunnels down and its route withdrawn that would leave in plaintext. What comes out of a
 * tunnel is never left to them.
 */
static void device_rules(struct host_builder *b)
{
	bool pass = b->c->gateway.on_no_route == NO_ROUTE_PASS;

	for (size_t i = 0; i < b->c->attachment_count; i++)
		if (b->c->attachments[i].type != ATTACHMENT_VPN &&
		    b->facts->attachments[i].device[0])
			attachment_rules(b, (int)i, b->facts->attachments[i].device, pass);
}

static bool guarded(const struct host_builder *b, const char *iif)
{
	for (size_t i = 0; i < b->plan.rule_count; i++)
		if (b->plan.rules[i].preference == HOST_RULE_GUARD &&
		    strcmp(b->plan.rules[i].iif, iif) == 0)
			return true;
	return false;
}

/* Underlay unknown (or behind an address on lo): all devices, that is, everything received. */
static void guard_rule(struct host_builder *b, const char *underlay)
{
	struct host_rule r = { .preference = HOST_RULE_GUARD, .table = HOST_GUARD_TABLE };

	r.invert = !underlay[0] || strcmp(underlay, "lo") == 0;
	set_device(r.iif, r.invert ? "lo" : underlay);
	if (!guarded(b, r.iif))
		add_for_both(b, &r);
}

void host_build_rules(struct host_builder *b)
{
	for (size_t i = 0; i < b->c->connection_count; i++)
		connection_rules(b, i);
	reply_rules(b);
	device_rules(b);
	for (size_t i = 0; i < b->c->connection_count; i++)
		for (size_t t = 0; t < b->c->connections[i].tunnel_count; t++)
			guard_rule(b, b->facts->tunnels[i][t].underlay);
}
