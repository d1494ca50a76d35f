/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The plan's frame: arrays, facts, and the parts that follow from the configuration alone (links,
 * addresses, sysctls). Routes are in host_routes.c, rules in host_rules.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "host_build.h"

#define FIRST_CAPACITY 8

/*
 * A new zeroed element at the end, or NULL. Arrays start with FIRST_CAPACITY and double, so their
 * capacity follows from their count.
 */
static void *append(struct host_builder *b, void *array, size_t *count, size_t size)
{
	void **base = array;
	size_t n = *count, capacity = n ? 2 * n : FIRST_CAPACITY;

	if (b->error)
		return NULL;
	if (n == 0 || (n >= FIRST_CAPACITY && (n & (n - 1)) == 0)) {
		void *grown = reallocarray(*base, capacity, size);

		if (!grown) {
			b->error = -ENOMEM;
			return NULL;
		}
		*base = grown;
	}
	*count = n + 1;
	return memset((char *)*base + n * size, 0, size);
}

void host_add_link(struct host_builder *b, const struct host_link_plan *link)
{
	struct host_link_plan *new = append(b, &b->plan.links, &b->plan.link_count, sizeof(*new));

	if (new)
		*new = *link;
}

void host_add_address(struct host_builder *b, const struct host_address *a)
{
	struct host_address *new =
		append(b, &b->plan.addresses, &b->plan.address_count, sizeof(*new));

	if (new)
		*new = *a;
}

void host_add_route(struct host_builder *b, const struct host_route *r)
{
	struct host_route *new = append(b, &b->plan.routes, &b->plan.route_count, sizeof(*new));

	if (!new)
		return;
	*new = *r;
	new->order = (uint32_t)(new - b->plan.routes);
}

uint32_t host_add_hop(struct host_builder *b, const struct host_hop *hop)
{
	struct host_hop *new = append(b, &b->plan.hops, &b->plan.hop_count, sizeof(*new));

	if (!new)
		return 0;
	*new = *hop;
	return (uint32_t)(new - b->plan.hops);
}

void host_add_rule(struct host_builder *b, const struct host_rule *r)
{
	struct host_rule *new = append(b, &b->plan.rules, &b->plan.rule_count, sizeof(*new));

	if (new)
		*new = *r;
}

struct host_run *host_add_run(struct host_builder *b, const struct host_run *run)
{
	struct host_run *new = append(b, &b->runs, &b->run_count, sizeof(*new));

	if (new)
		*new = *run;
	return new;
}

void host_add_sysctl(struct host_builder *b, const char *value, const char *device,
		     const char *family, const char *name)
{
	struct host_sysctl *new = append(b, &b->plan.sysctls, &b->plan.sysctl_count, sizeof(*new));

	if (!new)
		return;
	snprintf(new->path, sizeof(new->path), "net/%s/conf/%s/%s", family, device, name);
	snprintf(new->value, sizeof(new->value), "%s", value);
}

const struct fib_table *host_associated(const struct host_builder *b, size_t attachment)
{
	if (!b->c->attachments[attachment].association.name)
		return NULL;
	return fib_find(b->fib, ids_attachment_table(b->ids, b->c, attachment));
}

/* "lo" owns an address that is reached through any device: then no device is the underlay. */
static const char *underlay(const struct host_builder *b, size_t connection, size_t tunnel)
{
	const char *name = b->facts->tunnels[connection][tunnel].underlay;

	return strcmp(name, "lo") ? name : "";
}

static void add_vrf(struct host_builder *b, const struct config_connection *conn)
{
	struct host_link_plan link = { .kind = HOST_LINK_VRF, .table = conn->kernel_table };

	connection_vrf_name(conn, link.name);
	host_add_link(b, &link);
}

static void add_tunnel_link(struct host_builder *b, size_t connection, size_t tunnel)
{
	const struct config_connection *conn = &b->c->connections[connection];
	const struct config_tunnel *t = &conn->tunnels[tunnel];
	struct host_link_plan link = { .kind = t->device ? HOST_LINK_ADOPTED : HOST_LINK_XFRM };
	char buf[DEVICE_NAME_LEN];

	snprintf(link.name, sizeof(link.name), "%s", tunnel_device_name(t, buf));
	if (conn->vrf)
		connection_vrf_name(conn, link.master);
	if (link.kind == HOST_LINK_XFRM) {
		link.if_id = t->if_id;
		snprintf(link.underlay, sizeof(link.underlay), "%s",
			 underlay(b, connection, tunnel));
	}
	/* An adopted device keeps its MTU unless somebody wrote another one down. */
	if (link.kind == HOST_LINK_XFRM || t->mtu_mark.line)
		link.mtu = t->mtu;
	host_add_link(b, &link);
}

static void add_tunnel_address(struct host_builder *b, const struct config_tunnel *t)
{
	struct host_address a = { .address = t->bgp_address, .len = t->inside.len };
	char buf[DEVICE_NAME_LEN];

	if (!t->inside.address.family || !t->bgp_address.family)
		return;
	snprintf(a.device, sizeof(a.device), "%s", tunnel_device_name(t, buf));
	host_add_address(b, &a);
}

static void build_links(struct host_builder *b)
{
	for (size_t i = 0; i < b->c->connection_count; i++) {
		const struct config_connection *conn = &b->c->connections[i];

		if (conn->vrf)
			add_vrf(b, conn);
		for (size_t t = 0; t < conn->tunnel_count; t++) {
			add_tunnel_link(b, i, t);
			add_tunnel_address(b, &conn->tunnels[t]);
		}
	}
}

static bool any_ipv6(const struct config_prefix *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].prefix.address.family == AF_INET6)
			return true;
	return false;
}

bool host_has_ipv6(const struct rib *rib)
{
	const struct config *c = rib->config;

	for (size_t i = 0; i < c->attachment_count; i++)
		if (any_ipv6(c->attachments[i].cidrs, c->attachments[i].cidr_count))
			return true;
	for (size_t i = 0; i < c->connection_count; i++)
		if (rib->connections[i].roots[1])
			return true;
	for (size_t i = 0; i < c->table_count; i++)
		for (size_t k = 0; k < c->tables[i].route_count; k++)
			if (any_ipv6(&c->tables[i].routes[k].destination, 1))
				return true;
	return false;
}

static void forward_on(struct host_builder *b, const char *device, bool ipv6)
{
	host_add_sysctl(b, "1", device, "ipv4", "forwarding");
	if (ipv6)
		host_add_sysctl(b, "1", device, "ipv6",
				b->facts->force_forwarding ? "force_forwarding" : "forwarding");
}

/*
 * Decrypted packets of one flow may come out of another tunnel than the one that their answers
 * enter, so strict reverse path filtering has to go. The kernel uses the larger of the device's
 * value and that of `all`: where `all` is 1 (strict), only 2 (loose) helps.
 */
static void tunnel_sysctls(struct host_builder *b, const char *device, bool ipv6)
{
	forward_on(b, device, ipv6);
	host_add_sysctl(b, b->facts->strict_all ? "2" : "0", device, "ipv4", "rp_filter");
}

/*
 * IPv4 asks the device that a packet came in by (the VRF device for its slaves). IPv6 up to kernel
 * 6.16 knows one switch only, conf.all.forwarding, which turns every device into a router's: those
 * with accept_ra=1 stop listening to router advertisements and lose default routes learned from
 * them (accept_ra=2 keeps them). From 6.17 force_forwarding does it by device.
 */
static void build_sysctls(struct host_builder *b)
{
	bool ipv6 = b->ipv6;

	if (ipv6 && !b->facts->force_forwarding)
		host_add_sysctl(b, "1", "all", "ipv6", "forwarding");
	for (size_t i = 0; i < b->c->attachment_count; i++)
		if (b->c->attachments[i].type != ATTACHMENT_VPN &&
		    b->facts->attachments[i].device[0])
			forward_on(b, b->facts->attachments[i].device, ipv6);
	for (size_t i = 0; i < b->plan.link_count; i++)
		tunnel_sysctls(b, b->plan.links[i].name, ipv6);
}

static int build(const struct rib *rib, const struct fib *fib, const struct host_facts *facts,
		 void (*routes)(struct host_builder *), struct host_plan *out)
{
	struct host_builder b = {
		.c = rib->config, .ids = rib->ids, .rib = rib, .fib = fib, .facts = facts
	};

	b.ipv6 = host_has_ipv6(rib);
	build_links(&b);
	build_sysctls(&b);
	routes(&b);
	host_build_rules(&b);
	free(b.runs);
	if (b.error) {
		host_plan_free(&b.plan);
		return b.error;
	}
	*out = b.plan;
	return 0;
}

int host_plan_build(const struct rib *rib, const struct fib *fib, const struct host_facts *facts,
		    struct host_plan *out)
{
	return build(rib, fib, facts, host_build_routes, out);
}

int host_plan_frame(const struct rib *rib, const struct fib *fib, const struct host_facts *facts,
		    struct host_plan *out)
{
	return build(rib, fib, facts, host_emit_devices, out);
}

void host_plan_drop_routes(struct host_plan *p)
{
	free(p->routes);
	free(p->hops);
	p->routes = NULL;
	p->hops = NULL;
	p->route_count = p->hop_count = 0;
}

void host_plan_free(struct host_plan *p)
{
	host_plan_drop_routes(p);
	free(p->links);
	free(p->addresses);
	free(p->rules);
	free(p->sysctls);
	memset(p, 0, sizeof(*p));
}

int host_facts_init(struct host_facts *f, const struct config *c)
{
	struct host_facts facts = {
		.tunnels = calloc(c->connection_count + 1, sizeof(*facts.tunnels)),
		.attachments = calloc(c->attachment_count + 1, sizeof(*facts.attachments)),
	};

	if (!facts.tunnels || !facts.attachments) {
		host_facts_free(&facts);
		return -ENOMEM;
	}
	for (size_t i = 0; i < c->attachment_count; i++) {
		const struct config_attachment *a = &c->attachments[i];

		if (a->type != ATTACHMENT_VPN && a->vlans[0] == 0)
			snprintf(facts.attachments[i].device, DEVICE_NAME_LEN, "%s", a->device);
	}
	*f = facts;
	return 0;
}

int host_facts_copy(const struct host_facts *from, const struct config *c, struct host_facts *out)
{
	struct host_facts facts;
	int err = host_facts_init(&facts, c);

	if (err)
		return err;
	memcpy(facts.tunnels, from->tunnels, c->connection_count * sizeof(*facts.tunnels));
	memcpy(facts.attachments, from->attachments,
	       c->attachment_count * sizeof(*facts.attachments));
	facts.force_forwarding = from->force_forwarding;
	facts.strict_all = from->strict_all;
	*out = facts;
	return 0;
}

void host_facts_free(struct host_facts *f)
{
	free(f->tunnels);
	free(f->attachments);
	memset(f, 0, sizeof(*f));
}

int host_route_compare(const struct host_route *a, const struct host_route *b)
{
	int order;

	if (a->table != b->table)
		return a->table < b->table ? -1 : 1;
	order = prefix_compare(&a->prefix, &b->prefix);
	if (order)
		return order;
	if (a->metric != b->metric)
		return a->metric < b->metric ? -1 : 1;
	return 0;
}

/* Any prefix equals any other without a family. */
static bool selector_equal(const struct prefix *a, const struct prefix *b)
{
	if (!a->address.family || !b->address.family)
		return a->address.family == b->address.family;
	return prefix_equal(a, b);
}

bool host_rule_equal(const struct host_rule *a, const struct host_rule *b)
{
	return a->preference == b->preference && a->family == b->family &&
	       strcmp(a->iif, b->iif) == 0 && strcmp(a->oif, b->oif) == 0 &&
	       selector_equal(&a->from, &b->from) && selector_equal(&a->to, &b->to) &&
	       a->protocol == b->protocol && a->invert == b->invert && a->action == b->action &&
	       (a->action != HOST_RULE_LOOKUP || a->table == b->table);
}
