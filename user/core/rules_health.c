/* SPDX-License-Identifier: GPL-2.0-only */
/* Rules of health checks. */
#include <sys/socket.h>
#include "rules_internal.h"

static const struct prefix loopback[] = {
	{ { AF_INET, { 127 } }, 8 },
	{ { AF_INET6, { [15] = 1 } }, 128 },
};

bool address_is_loopback(const struct address *a)
{
	return prefix_contains_address(&loopback[0], a) || prefix_contains_address(&loopback[1], a);
}

static void check_destination(const struct config_health_check *h, struct findings *f)
{
	char text[PREFIX_STRLEN];

	if (!address_is_host(&h->destination) || address_is_loopback(&h->destination))
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
	if (!address_is_host(source) || address_is_loopback(source))
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

/*
 * What comes out of a tunnel is looked up in the table that its connection is associated with, and
 * that is how answers to an address of the gateway are told from what is to be forwarded. What is
 * sent to link-local addresses is not looked up (BGP lives there).
 */
void rule_health_answers(const struct config *c, struct findings *f)
{
	for (EACH_TUNNEL(c, t)) {
		const struct config_connection *connection = connection_of(c, t);
		const struct config_health_check *h = &t->health_check;
		int attachment = connection_attachment(c, (size_t)(connection - c->connections));

		if (!h->destination.family || address_is_link_local(tunnel_health_source(t)) ||
		    (attachment >= 0 && c->attachments[attachment].association.name))
			continue;
		findings_add(f, SEVERITY_WARNING, h->destination_mark,
			     "destination: its answers are dropped, for connection '%s' is "
			     "associated with no table [D8]; associate it, or probe from "
			     "bgp_address",
			     connection->name);
	}
}
