/* SPDX-License-Identifier: GPL-2.0-only */
/* Rules of health checks. */
#include <sys/socket.h>
#include "rules_internal.h"

static const struct prefix loopback[] = {
	{ { AF_INET, { 127 } }, 8 },
	{ { AF_INET6, { [15] = 1 } }, 128 },
};

static const struct prefix link_local[] = {
	{ { AF_INET, { 169, 254 } }, 16 },
	{ { AF_INET6, { 0xfe, 0x80 } }, 10 },
};

static bool in_either(const struct prefix pair[2], const struct address *a)
{
	return prefix_contains_address(&pair[0], a) || prefix_contains_address(&pair[1], a);
}

static void check_destination(const struct config_health_check *h, struct findings *f)
{
	char text[PREFIX_STRLEN];

	if (!address_is_host(&h->destination) || in_either(loopback, &h->destination))
		findings_add(f, SEVERITY_ERROR, h->destination_mark,
			     "destination: %s is not the address of a host behind the tunnel",
			     address_format(&h->destination, text));
}

static void check_source(const struct config_tunnel *t, const struct address *source,
			 struct findings *f)
{
	const struct config_health_check *h = &t->health_check;
	char from[PREFIX_STRLEN], to[PREFIX_STRLEN];

	address_format(source, from);
	address_format(&h->destination, to);
	if (!address_is_host(source) || in_either(loopback, source))
		findings_add(f, SEVERITY_ERROR, h->source_mark,
			     "source: %s cannot be an address of this gateway", from);
	else if (source->family != h->destination.family)
		findings_add(f, SEVERITY_ERROR, h->destination_mark,
			     "destination: %s is of another family than the source %s%s", to, from,
			     h->source.family ? "" : " (bgp_address); write a source of its own");
	else if (address_equal(source, &h->destination))
		findings_add(f, SEVERITY_ERROR, h->destination_mark,
			     "destination: %s is the source too: it would be this gateway that "
			     "answers",
			     to);
}

void rule_health_addresses(const struct config *c, struct findings *f)
{
	for (EACH_TUNNEL(c, t)) {
		const struct config_health_check *h = &t->health_check;
		const struct address *source = tunnel_health_source(t);

		if (!h->destination.family)
			continue;
		check_destination(h, f);
		/* What is written but wrong was said. */
		if (h->source_mark.line ? h->source.family : source->family)
			check_source(t, source, f);
		else if (!h->source_mark.line && !t->bgp_address_mark.line)
			findings_add(f, SEVERITY_ERROR, h->mark,
				     "'source' is missing in health_check of tunnel '%s', which "
				     "has no bgp_address",
				     t->name);
	}
}

static bool has_route_to(const struct config_connection *c, const struct address *a)
{
	for (size_t i = 0; i < c->route_count; i++)
		if (prefix_contains_address(&c->routes[i].prefix, a))
			return true;
	return false;
}

/*
 * What comes out of a tunnel must come from where its connection's routes lead to. What is sent to
 * link-local addresses is not asked (BGP lives there), and what BGP will bring is not known here.
 */
void rule_health_answers(const struct config *c, struct findings *f)
{
	for (EACH_TUNNEL(c, t)) {
		const struct config_connection *connection = connection_of(c, t);
		const struct address *to = &t->health_check.destination;
		char text[PREFIX_STRLEN];

		if (!to->family || connection->bgp.enabled ||
		    in_either(link_local, tunnel_health_source(t)) || has_route_to(connection, to))
			continue;
		findings_add(f, SEVERITY_WARNING, t->health_check.destination_mark,
			     "destination: %s is behind no route of connection '%s': its answers "
			     "are dropped, for their source; add a route, or probe from "
			     "bgp_address",
			     address_format(to, text), connection->name);
	}
}
