/* SPDX-License-Identifier: GPL-2.0-only */
/* What follows from a configuration for BGP. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "config.h"

static bool any_ipv6(const struct config_prefix *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].prefix.address.family == AF_INET6)
			return true;
	return false;
}

unsigned config_bgp_families(const struct config *c, const struct config_bgp *bgp)
{
	bool ipv6 = false;

	if (bgp->families)
		return bgp->families;
	for (size_t i = 0; i < c->attachment_count; i++)
		ipv6 |= any_ipv6(c->attachments[i].cidrs, c->attachments[i].cidr_count);
	for (size_t i = 0; i < c->table_count; i++)
		for (size_t k = 0; k < c->tables[i].route_count; k++)
			ipv6 |= any_ipv6(&c->tables[i].routes[k].destination, 1);
	return BGP_IPV4 | (ipv6 ? BGP_IPV6 : 0);
}

struct address config_fpm_address(const struct config_fpm *fpm)
{
	static const struct address usual = { .family = AF_INET, .bytes = { 127, 0, 0, 1 } };

	return fpm->address.family ? fpm->address : usual;
}

const char *config_fpm_user(const struct config_fpm *fpm)
{
	return fpm->user ? fpm->user : DEFAULT_FPM_USER;
}

bool account_number(const char *account, uint32_t *out)
{
	size_t digits = strspn(account, "0123456789");
	unsigned long long number;

	if (!digits || account[digits])
		return false;
	number = strtoull(account, NULL, 10); /* ULLONG_MAX where it does not fit */
	*out = number > UINT32_MAX ? UINT32_MAX : (uint32_t)number;
	return true;
}

const char *bgp_feed_name(enum bgp_feed f)
{
	return f == FEED_FPM ? "fpm" : "kernel";
}

bool config_has_fpm(const struct config *c)
{
	for (size_t i = 0; i < c->connection_count; i++)
		if (c->connections[i].bgp.enabled && c->connections[i].bgp.feed == FEED_FPM)
			return true;
	return false;
}

/* The two hosts of a /30 are 1 and 2 in its last two bits. */
struct address tunnel_peer_address(const struct config_tunnel *t)
{
	struct address peer = t->bgp_address;

	if (peer.family)
		peer.bytes[3] ^= 3;
	return peer;
}

static int customer_gateway_of(const struct config *c, size_t attachment)
{
	int connection = c->attachments[attachment].type == ATTACHMENT_VPN
				 ? c->attachments[attachment].connection.index
				 : -1;

	return connection < 0 ? -1 : c->connections[connection].customer_gateway.index;
}

/* 0: not known. */
static uint32_t data_centre_asn(const struct config *c, size_t attachment)
{
	int gateway = customer_gateway_of(c, attachment);

	return gateway < 0 ? c->attachments[attachment].asn : c->customer_gateways[gateway].asn;
}

bool config_same_data_centre(const struct config *c, size_t a, size_t b)
{
	int gateway = customer_gateway_of(c, a);
	uint32_t asn = data_centre_asn(c, a);

	if (a == b || (gateway >= 0 && gateway == customer_gateway_of(c, b)))
		return true;
	return asn && asn == data_centre_asn(c, b);
}
