/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * S46: a VBR and a connection that back each other up for one data centre must see one ASN of it.
 *
 * Nothing in a configuration says which VBR backs up which connection; a table that learns both
 * only suggests it. So it is an error where the configuration leaves no doubt, else a warning:
 *   error    a CIDR of the VBR overlaps a route of the BGP connection (both lead to one place)
 *   error    the VBR has a `priority`, which is for active/standby beside a connection [D17], and
 *            none of the BGP connections that its tables learn has its ASN
 *   warning  the same without `priority`; or the VBR's ASN is not given
 */
#include "dataplane.h"
#include "rules_internal.h"

static bool table_learns(const struct config_table *t, int attachment)
{
	for (size_t i = 0; i < t->learn_count; i++)
		if (t->learn[i].index == attachment)
			return true;
	return false;
}

static uint32_t peer_asn(const struct config *c, const struct config_connection *connection)
{
	int gateway = connection->customer_gateway.index;

	return gateway < 0 ? 0 : c->customer_gateways[gateway].asn;
}

/* The connection behind a learned attachment, if it speaks BGP to a known ASN. */
static const struct config_connection *bgp_connection(const struct config *c,
						      const struct config_ref *ref)
{
	const struct config_connection *connection;
	int index = ref->index < 0 ? -1 : c->attachments[ref->index].connection.index;

	if (index < 0)
		return NULL;
	connection = &c->connections[index];
	return connection->bgp.enabled && peer_asn(c, connection) ? connection : NULL;
}

static bool share_prefix(const struct config_attachment *vbr,
			 const struct config_connection *connection)
{
	for (size_t i = 0; i < vbr->cidr_count; i++)
		for (size_t k = 0; k < connection->route_count; k++)
			if (prefix_overlaps(&vbr->cidrs[i].prefix, &connection->routes[k].prefix))
				return true;
	return false;
}

/* The BGP connections that are learned beside a VBR. */
struct company {
	const struct config_connection *any;	 /* one with another ASN */
	const struct config_connection *partner; /* another ASN, and a prefix in common */
	bool same;				 /* one with the VBR's ASN */
};

static void meet(const struct config *c, const struct config_attachment *vbr,
		 const struct config_connection *connection, struct company *company)
{
	if (peer_asn(c, connection) == vbr->asn) {
		company->same = true;
		return;
	}
	if (!company->any)
		company->any = connection;
	if (!company->partner && share_prefix(vbr, connection))
		company->partner = connection;
}

static struct company company_of(const struct config *c, const struct config_attachment *vbr)
{
	struct company company = { 0 };

	for (EACH_TABLE(c, t)) {
		/* More than there can be attachments: refused elsewhere, and slow here. */
		if (t->learn_count > MAX_ATTACHMENTS ||
		    !table_learns(t, (int)(vbr - c->attachments)))
			continue;
		for (size_t i = 0; i < t->learn_count; i++) {
			const struct config_connection *connection =
				bgp_connection(c, &t->learn[i]);

			if (connection)
				meet(c, vbr, connection, &company);
		}
	}
	return company;
}

static void check_vbr(const struct config *c, const struct config_attachment *vbr,
		      struct findings *f)
{
	struct company company = company_of(c, vbr);
	const struct config_connection *other = company.partner ? company.partner : company.any;
	bool certain = company.partner || vbr->priority_mark.line;

	if (!other || (company.same && !company.partner))
		return;
	if (!vbr->asn_mark.line)
		findings_add(f, SEVERITY_WARNING, vbr->mark,
			     "vbr '%s' has no asn; if it and connection '%s' back each other up, "
			     "both must see ASN %u [S46]",
			     vbr->name, other->name, peer_asn(c, other));
	else if (vbr->asn)
		findings_add(f, certain ? SEVERITY_ERROR : SEVERITY_WARNING, vbr->asn_mark,
			     "vbr '%s' sees ASN %u, connection '%s' sees %u; where they back each "
			     "other up for one data centre the ASN must be the same [S46]",
			     vbr->name, vbr->asn, other->name, peer_asn(c, other));
}

void rule_vbr_asn(const struct config *c, struct findings *f)
{
	for (EACH_ATTACHMENT(c, a))
		if (a->type == ATTACHMENT_VBR)
			check_vbr(c, a, f);
}
