/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Attachments: where packets come from and go to.
 */
#include "gateway_neighbours.h"
#include "show_internal.h"

static json_t *vlans_json(const struct config_attachment *a)
{
	json_t *list = json_array();

	for (size_t i = 0; i < VLANS_PER_ATTACHMENT && a->vlans[i]; i++)
		json_array_append_new(list, json_integer(a->vlans[i]));
	return list;
}

static json_t *learned_by(const struct gateway *g, size_t attachment)
{
	json_t *list = json_array();

	for (size_t t = 0; t < g->config.table_count; t++)
		for (size_t i = 0; i < g->config.tables[t].learn_count; i++)
			if (g->config.tables[t].learn[i].index == (int)attachment)
				json_array_append_new(list, json_string(g->config.tables[t].name));
	return list;
}

static const char *type_name(enum attachment_type t)
{
	switch (t) {
	case ATTACHMENT_VPC:
		return "vpc";
	case ATTACHMENT_VBR:
		return "vbr";
	case ATTACHMENT_VPN:
		return "vpn";
	}
	return "?";
}

void sum_tunnels(struct gateway *g, int connection, struct counter *sum)
{
	struct counter c[DIRECTIONS];

	for (size_t i = 0; i < gateway_tunnel_places(g); i++) {
		const struct gateway_tunnel *t = &g->tunnels[i];

		if (!t->used || (connection >= 0 && t->connection != (size_t)connection) ||
		    dataplane_tunnel_counters(g->dataplane, t->id, c))
			continue;
		add_counter(&sum[DIRECTION_IN], &c[DIRECTION_IN]);
		add_counter(&sum[DIRECTION_OUT], &c[DIRECTION_OUT]);
	}
}

static json_t *show_attachment(struct gateway *g, size_t i)
{
	const struct config_attachment *a = &g->config.attachments[i];
	const struct gateway_attachment *run = &g->attachments[i];
	struct counter reason[REASON_COUNT] = { 0 }, in = { 0 }, dropped = { 0 };
	struct counter traffic[DIRECTIONS] = { 0 };

	attachment_reasons(g, i, reason);
	for (int r = 0; r < REASON_COUNT; r++) {
		if (reasons[r].kind_id != REASON_BEHIND)
			add_counter(&in, &reason[r]);
		if (is_loss(reasons[r].kind_id))
			add_counter(&dropped, &reason[r]);
	}
	if (a->type == ATTACHMENT_VPN)
		sum_tunnels(g, a->connection.index, traffic);
	else
		dataplane_device_counters(g->dataplane, run->id, traffic);
	return json_pack(
		"{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:I, s:o}",
		"name", a->name, "type", type_name(a->type), "device", text_or_null(a->device),
		"ifindex", run->ifindex ? json_integer(run->ifindex) : json_null(), "vlan",
		vlans_json(a), "connection", text_or_null(a->connection.name), "association",
		text_or_null(a->association.name), "learned_by", learned_by(g, i), "xdp",
		a->type == ATTACHMENT_VPN ? json_null()
					  : json_string(run->native ? "native" : "tc"),
		"in", counter_json(&in), "out", counter_json(&traffic[DIRECTION_OUT]), "dropped",
		counter_json(&dropped), "redirect", run->told.redirect, "neighbours",
		(json_int_t)neighbours_leased(g, run->told.ifindex), "cpus",
		spread_json(g, run->ifindex));
}

json_t *show_attachments(struct gateway *g, const json_t *request)
{
	json_t *list = json_array();

	(void)request;
	for (size_t i = 0; i < g->config.attachment_count; i++)
		json_array_append_new(list, show_attachment(g, i));
	return list;
}
