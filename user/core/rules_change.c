/* SPDX-License-Identifier: GPL-2.0-only */
/* What a running configuration does not let the next one change. */
#include "rules_internal.h"

static bool has_address(const struct config_customer_gateway *g, const struct address *a)
{
	for (size_t i = 0; i < g->address_count; i++)
		if (address_equal(&g->addresses[i], a))
			return true;
	return false;
}

/* Their order means nothing. */
static bool same_addresses(const struct config_customer_gateway *a,
			   const struct config_customer_gateway *b)
{
	for (size_t i = 0; i < a->address_count; i++)
		if (!has_address(b, &a->addresses[i]))
			return false;
	return a->address_count == b->address_count;
}

static void check_customer_gateway(const struct config_customer_gateway *was,
				   const struct config_customer_gateway *is, struct findings *f)
{
	if (!same_addresses(was, is))
		findings_add(f, SEVERITY_ERROR, is->address_count ? is->address_marks[0] : is->mark,
			     "customer gateway '%s' runs with other addresses; it is never "
			     "modified: write a new one, with a name of its own [S49]",
			     is->name);
	if (was->asn != is->asn)
		findings_add(f, SEVERITY_ERROR, is->asn_mark.line ? is->asn_mark : is->mark,
			     "customer gateway '%s' runs with ASN %u, not %u (0: none); it is "
			     "never modified: write a new one, with a name of its own [S49]",
			     is->name, was->asn, is->asn);
}

void rules_check_change(const struct config *running, const struct config *next, struct findings *f)
{
	for (size_t i = 0; i < next->customer_gateway_count; i++) {
		int was = config_find_customer_gateway(running, next->customer_gateways[i].name);

		if (was >= 0)
			check_customer_gateway(&running->customer_gateways[was],
					       &next->customer_gateways[i], f);
	}
	if (running->gateway.flow_hash != next->gateway.flow_hash)
		findings_add(f, SEVERITY_ERROR, next->gateway.flow_hash_mark,
			     "flow_hash is fixed when the programs are loaded: change it in the "
			     "daemon's own file and restart the daemon, packets go on meanwhile "
			     "[D12]");
}
