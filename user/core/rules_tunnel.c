/* SPDX-License-Identifier: GPL-2.0-only */
/* Rules of tunnels. */
#include <string.h>
#include <sys/socket.h>
#include "rules_internal.h"

#define IPV6_MIN_MTU 1280u

static void name_twice(const struct place *first, const struct place *again, struct findings *f)
{
	findings_add(f, SEVERITY_ERROR, again->mark,
		     "tunnel name '%s' is also used in line %u; a gateway has each name once",
		     again->owner, first->mark.line);
}

void rule_tunnel_names(const struct config *c, struct findings *f)
{
	struct places places = { 0 };

	for (EACH_TUNNEL(c, t)) {
		struct place place = { .mark = t->mark, .owner = t->name };

		if (t->name)
			places_add(&places, t->name, strlen(t->name), &place);
	}
	places_finish(&places, name_twice, f);
}

static void if_id_twice(const struct place *first, const struct place *again, struct findings *f)
{
	const struct config_tunnel *t = again->subject;

	findings_add(f, SEVERITY_ERROR, again->mark,
		     "if_id: %u is also that of tunnel '%s' (line %u); the SAs of a tunnel are "
		     "known by its if_id [D3]",
		     t->if_id, first->owner, first->mark.line);
}

/* That there is one, and not 0, is in the schema. */
void rule_if_ids(const struct config *c, struct findings *f)
{
	struct places places = { 0 };

	for (EACH_TUNNEL(c, t)) {
		struct place place = { .mark = t->if_id_mark, .owner = t->name, .subject = t };

		if (t->if_id)
			places_add(&places, &t->if_id, sizeof(t->if_id), &place);
	}
	places_finish(&places, if_id_twice, f);
}

/* As the kernel's dev_valid_name(). */
static void check_device_name(const char *name, struct mark mark, struct findings *f)
{
	char word[QUOTED_LEN];

	if (!name)
		return;
	if (strlen(name) > DEVICE_NAME_MAX)
		findings_add(f, SEVERITY_ERROR, mark, "device: '%s' is longer than %d characters",
			     quoted(name, word), DEVICE_NAME_MAX);
	else if (!strcmp(name, ".") || !strcmp(name, "..") || strpbrk(name, "/: \t\n\v\f\r"))
		findings_add(f, SEVERITY_ERROR, mark,
			     "device: '%s' cannot be the name of a network device",
			     quoted(name, word));
}

void rule_device_names(const struct config *c, struct findings *f)
{
	for (EACH_ATTACHMENT(c, a))
		check_device_name(a->device, a->device_mark, f);
	for (EACH_TUNNEL(c, t))
		check_device_name(t->device, t->device_mark, f);
	for (size_t i = 0; i < c->gateway.underlay_count; i++)
		check_device_name(c->gateway.underlays[i].name, c->gateway.underlays[i].mark, f);
}

/* An attachment's device may serve other attachments, by VLAN. A created one is as unique as the
 * number in its name, which has a rule of its own. */
enum device_use { DEVICE_ATTACHED, DEVICE_ADOPTED, DEVICE_CREATED };
static const enum device_use attached = DEVICE_ATTACHED, adopted = DEVICE_ADOPTED,
			     created = DEVICE_CREATED;

static void device_twice(const struct place *first, const struct place *again, struct findings *f)
{
	enum device_use a = *(const enum device_use *)first->subject;
	enum device_use b = *(const enum device_use *)again->subject;

	if (a != DEVICE_ADOPTED && a == b)
		return;
	findings_add(f, SEVERITY_ERROR, again->mark,
		     "device '%s' of '%s' is also that of '%s' (line %u)", (const char *)again->key,
		     again->owner, first->owner, first->mark.line);
}

static void add_device(struct places *places, const char *name, struct mark mark, const char *owner,
		       const enum device_use *use)
{
	struct place place = { .mark = mark, .owner = owner, .subject = use };

	places_add(places, name, strlen(name), &place);
}

void rule_devices_twice(const struct config *c, struct findings *f)
{
	struct places places = { 0 };
	char name[16];

	for (EACH_ATTACHMENT(c, a))
		if (a->device)
			add_device(&places, a->device, a->device_mark, a->name, &attached);
	for (EACH_CONNECTION(c, connection))
		if (connection->vrf)
			add_device(&places, connection_vrf_name(connection, name), connection->mark,
				   connection->name, &created);
	for (EACH_TUNNEL(c, t)) {
		if (t->device)
			add_device(&places, t->device, t->device_mark, t->name, &adopted);
		else if (t->if_id)
			add_device(&places, tunnel_device_name(t, name), t->if_id_mark, t->name,
				   &created);
	}
	places_finish(&places, device_twice, f);
}

/* An xfrm interface is made for a pair of addresses, and kernels that do not say the direction of
 * an SA let us tell it by them. A device that is there already has neither need where they do. */
static void check_present(const struct config_tunnel *t, struct findings *f)
{
	if (t->device)
		return;
	if (!t->local_address_mark.line)
		findings_add(f, SEVERITY_ERROR, t->mark,
			     "'local_address' is missing in tunnel '%s', which has no device [D3]",
			     t->name);
	if (!t->remote_address_mark.line)
		findings_add(f, SEVERITY_ERROR, t->mark,
			     "'remote_address' is missing in tunnel '%s', which has no device [D3]",
			     t->name);
}

bool address_is_host(const struct address *a)
{
	static const struct prefix not_hosts[] = {
		{ { AF_INET, { 0 } }, 32 },    { { AF_INET, { 224 } }, 4 },
		{ { AF_INET, { 255 } }, 8 },   { { AF_INET6, { 0 } }, 128 },
		{ { AF_INET6, { 0xff } }, 8 },
	};

	for (size_t i = 0; i < sizeof(not_hosts) / sizeof(*not_hosts); i++)
		if (prefix_contains_address(&not_hosts[i], a))
			return false;
	return true;
}

static void check_pair(const struct config_tunnel *t, struct findings *f)
{
	char text[PREFIX_STRLEN];

	if (t->local_address.family && !address_is_host(&t->local_address))
		findings_add(f, SEVERITY_ERROR, t->local_address_mark,
			     "local_address: %s is not the address of a host",
			     address_format(&t->local_address, text));
	if (!t->local_address.family || !t->remote_address.family)
		return;
	if (t->local_address.family != t->remote_address.family)
		findings_add(f, SEVERITY_ERROR, t->remote_address_mark,
			     "local_address and remote_address of tunnel '%s' are of different "
			     "families",
			     t->name);
	if (address_equal(&t->local_address, &t->remote_address))
		findings_add(f, SEVERITY_ERROR, t->remote_address_mark,
			     "remote_address: %s is the local_address too; the direction of SAs is "
			     "told by them [D3]",
			     address_format(&t->remote_address, text));
}

void rule_tunnel_addresses(const struct config *c, struct findings *f)
{
	for (EACH_TUNNEL(c, t)) {
		check_present(t, f);
		check_pair(t, f);
	}
}

static void pair_twice(const struct place *first, const struct place *again, struct findings *f)
{
	findings_add(f, SEVERITY_ERROR, again->mark,
		     "tunnel '%s' runs between the same addresses as '%s' (line %u) [D3]",
		     again->owner, first->owner, first->mark.line);
}

void rule_tunnel_pairs(const struct config *c, struct findings *f)
{
	struct places places = { 0 };

	for (EACH_TUNNEL(c, t)) {
		struct address pair[2] = { t->local_address, t->remote_address };
		struct place place = { .mark = t->mark, .owner = t->name };

		if (pair[0].family && pair[1].family)
			places_add(&places, pair, sizeof(pair), &place);
	}
	places_finish(&places, pair_twice, f);
}

static bool has_address(const struct config_customer_gateway *g, const struct address *a)
{
	for (size_t i = 0; i < g->address_count; i++)
		if (address_equal(&g->addresses[i], a))
			return true;
	return false;
}

void rule_tunnel_gateway(const struct config *c, struct findings *f)
{
	for (EACH_TUNNEL(c, t)) {
		int gateway = connection_of(c, t)->customer_gateway.index;
		char text[PREFIX_STRLEN];

		/* No address at all: its list was refused, and that was said. */
		if (gateway < 0 || !t->remote_address.family ||
		    !c->customer_gateways[gateway].address_count ||
		    has_address(&c->customer_gateways[gateway], &t->remote_address))
			continue;
		findings_add(f, SEVERITY_ERROR, t->remote_address_mark,
			     "remote_address: %s is not an address of customer gateway '%s' [D11]",
			     address_format(&t->remote_address, text),
			     c->customer_gateways[gateway].name);
	}
}

static const struct prefix link_local = { { AF_INET, { 169, 254 } }, 16 };

static const struct prefix reserved_cidrs[] = {
	{ { AF_INET, { 169, 254, 0 } }, 30 }, { { AF_INET, { 169, 254, 1 } }, 30 },
	{ { AF_INET, { 169, 254, 2 } }, 30 }, { { AF_INET, { 169, 254, 3 } }, 30 },
	{ { AF_INET, { 169, 254, 4 } }, 30 }, { { AF_INET, { 169, 254, 5 } }, 30 },
	{ { AF_INET, { 169, 254, 6 } }, 30 }, { { AF_INET, { 169, 254, 169, 252 } }, 30 },
};

static void check_cidr(const struct config_tunnel *t, struct findings *f)
{
	char text[PREFIX_STRLEN];

	prefix_format(&t->inside, text);
	if (t->inside.len != 30 || !prefix_contains(&link_local, &t->inside)) {
		findings_add(f, SEVERITY_ERROR, t->inside_mark,
			     "inside: %s is not a /30 inside 169.254.0.0/16 [S55]", text);
		return;
	}
	for (size_t i = 0; i < sizeof(reserved_cidrs) / sizeof(*reserved_cidrs); i++)
		if (prefix_equal(&reserved_cidrs[i], &t->inside))
			findings_add(f, SEVERITY_ERROR, t->inside_mark,
				     "inside: %s is reserved by the service [S56]", text);
}

void rule_tunnel_cidrs(const struct config *c, struct findings *f)
{
	for (EACH_TUNNEL(c, t)) {
		if (t->inside.address.family)
			check_cidr(t, f);
		else if (connection_of(c, t)->bgp.enabled && !t->inside_mark.line)
			findings_add(f, SEVERITY_ERROR, t->mark,
				     "'inside' is missing in tunnel '%s'; BGP needs a tunnel CIDR "
				     "[S55]",
				     t->name);
	}
}

static void cidr_twice(const struct place *first, const struct place *again, struct findings *f)
{
	const struct config_tunnel *t = again->subject;
	char text[PREFIX_STRLEN];

	findings_add(f, SEVERITY_ERROR, again->mark,
		     "inside: %s is also the tunnel CIDR of '%s' (line %u); all differ [S57]",
		     prefix_format(&t->inside, text), first->owner, first->mark.line);
}

void rule_tunnel_cidrs_differ(const struct config *c, struct findings *f)
{
	struct places places = { 0 };

	for (EACH_TUNNEL(c, t)) {
		struct place place = { .mark = t->inside_mark, .owner = t->name, .subject = t };

		if (t->inside.address.family)
			places_add(&places, &t->inside, sizeof(t->inside), &place);
	}
	places_finish(&places, cidr_twice, f);
}

static bool is_last(const struct prefix *p, const struct address *a)
{
	for (unsigned i = p->len; i < address_bits(a); i++)
		if (!address_bit(a, i))
			return false;
	return true;
}

static void check_bgp_address(const struct config_tunnel *t, struct findings *f)
{
	const struct address *a = &t->bgp_address;
	char address[PREFIX_STRLEN], cidr[PREFIX_STRLEN];
	const char *what = NULL;

	if (!prefix_contains_address(&t->inside, a))
		what = "does not lie in";
	else if (address_equal(a, &t->inside.address))
		what = "is the network address of";
	else if (is_last(&t->inside, a))
		what = "is the broadcast address of";
	if (what)
		findings_add(f, SEVERITY_ERROR, t->bgp_address_mark,
			     "bgp_address: %s %s the tunnel CIDR %s; one of its hosts is needed "
			     "[S58]",
			     address_format(a, address), what, prefix_format(&t->inside, cidr));
}

void rule_bgp_addresses(const struct config *c, struct findings *f)
{
	for (EACH_TUNNEL(c, t)) {
		if (t->bgp_address.family && t->inside.address.family)
			check_bgp_address(t, f);
		else if (t->bgp_address.family && !t->inside_mark.line &&
			 !connection_of(c, t)->bgp.enabled)
			findings_add(
				f, SEVERITY_ERROR, t->bgp_address_mark,
				"bgp_address without inside: there is no tunnel CIDR for it to "
				"lie in [S58]");
		else if (connection_of(c, t)->bgp.enabled && !t->bgp_address_mark.line)
			findings_add(f, SEVERITY_ERROR, t->mark,
				     "'bgp_address' is missing in tunnel '%s' [S58]", t->name);
	}
}

void rule_secrets(const struct config *c, struct findings *f)
{
	char word[QUOTED_LEN];

	if (c->gateway.secrets && c->gateway.secrets[0] != '/')
		findings_add(f, SEVERITY_ERROR, c->gateway.secrets_mark,
			     "secrets: '%s' is not an absolute path [D16]",
			     quoted(c->gateway.secrets, word));
	for (EACH_TUNNEL(c, t))
		if (t->psk && (strchr(t->psk, '/') || t->psk[0] == '.'))
			findings_add(f, SEVERITY_ERROR, t->psk_mark,
				     "psk: '%s' is not a file's name; a file of gateway.secrets is "
				     "meant, without '/' and not hidden [D16]",
				     quoted(t->psk, word));
}

void rule_tunnel_mtu(const struct config *c, struct findings *f)
{
	for (EACH_TUNNEL(c, t))
		if (t->mtu_mark.line && t->mtu < IPV6_MIN_MTU)
			findings_add(f, SEVERITY_WARNING, t->mtu_mark,
				     "mtu: %u is below %u: no IPv6 through tunnel '%s'", t->mtu,
				     IPV6_MIN_MTU, t->name);
}
