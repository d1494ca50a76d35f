/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What transit between data centres hangs on.
 *
 * A route that one data centre is told of another's begins anew at the gateway: its AS path is the
 * local ASN alone. Where the two have a way of their own between them it may come back over the
 * other connection, and only that ASN in its path tells there that it is ours. If that connection
 * has another one, the route is taken for the other data centre's, is told the first one again, and
 * stays when its origin has long gone: packets to it circle.
 */
#include "rules_internal.h"

static const struct config_connection *speaker(const struct config *c, int attachment)
{
	int index = -1;

	if (attachment >= 0 && c->attachments[attachment].type == ATTACHMENT_VPN)
		index = c->attachments[attachment].connection.index;
	return index >= 0 && c->connections[index].bgp.enabled ? &c->connections[index] : NULL;
}

/* Is the attachment told the table's routes, by a connection with BGP? */
static const struct config_connection *
listener(const struct config *c, const struct config_table *t, const struct config_attachment *a)
{
	if (!a->synchronize || !a->association.name || a->association.index != t - c->tables)
		return NULL;
	return speaker(c, (int)(a - c->attachments));
}

/* One of another local ASN, whose routes the table learns. */
static const struct config_connection *other_asn(const struct config *c,
						 const struct config_table *t,
						 const struct config_connection *than)
{
	for (size_t i = 0; i < t->learn_count; i++) {
		const struct config_connection *connection = speaker(c, t->learn[i].index);

		if (connection && connection->bgp.local_asn != than->bgp.local_asn)
			return connection;
	}
	return NULL;
}

static void check_table(const struct config *c, const struct config_table *t, struct findings *f)
{
	for (EACH_ATTACHMENT(c, a)) {
		const struct config_connection *told = listener(c, t, a);
		const struct config_connection *other = told ? other_asn(c, t, told) : NULL;

		if (!other)
			continue;
		findings_add(f, SEVERITY_WARNING,
			     told->bgp.local_asn_mark.line ? told->bgp.local_asn_mark
							   : other->bgp.local_asn_mark,
			     "connection '%s' has local ASN %u, '%s' has %u, and table '%s' has "
			     "transit between them: a route that comes back by a way between the "
			     "data centres is not recognized, and may outlive its origin; use one "
			     "[S54 D10]",
			     told->name, told->bgp.local_asn, other->name, other->bgp.local_asn,
			     t->name);
		return;
	}
}

void rule_transit_asn(const struct config *c, struct findings *f)
{
	for (EACH_TABLE(c, t))
		if (t->transit)
			check_table(c, t, f);
}
