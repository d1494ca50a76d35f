/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The programs' reasons, and what the kernel drops behind them.
 */
#include "show_internal.h"

const struct reason_info reasons[REASON_COUNT] = {
#define REASON_FORWARD_KIND "forward"
#define REASON_KERNEL_KIND  "kernel"
#define REASON_DROP_KIND    "drop"
#define REASON_BEHIND_KIND  "behind"
#define REASON_INFO(name_, kind_, text_, help_) \
	[REASON_##name_] = { REASON_##kind_##_KIND, text_, help_, REASON_##kind_ },
	ESPALIER_REASONS(REASON_INFO)
};

static void add_behind(struct gateway *g, uint32_t ifindex, struct counter *out)
{
	struct host_link_counters link;

	if (!ifindex || host_link_counters(g->host, ifindex, &link))
		return;
	out[REASON_TX_CARRIER].packets += link.tx_carrier_errors;
	out[REASON_TX_DROPPED].packets += link.tx_dropped;
	out[REASON_RX_DROPPED].packets += link.rx_dropped;
}

int attachment_reasons(struct gateway *g, size_t attachment, struct counter *out)
{
	const struct config_attachment *a = &g->config.attachments[attachment];
	int err = dataplane_reason_counters(g->dataplane, g->attachments[attachment].id, out);

	if (err)
		return err;
	if (a->type != ATTACHMENT_VPN) {
		add_behind(g, g->attachments[attachment].ifindex, out);
		return 0;
	}
	for (size_t k = 0; k < TUNNELS_PER_CONNECTION; k++) {
		size_t place = (size_t)a->connection.index * TUNNELS_PER_CONNECTION + k;

		if (g->tunnels[place].used)
			add_behind(g, g->tunnels[place].ifindex, out);
	}
	return 0;
}

bool is_loss(enum reason_kind k)
{
	return k == REASON_DROP || k == REASON_BEHIND;
}

static void append_reasons(json_t *list, const char *attachment, const struct counter *counters,
			   bool all)
{
	for (int r = 0; r < REASON_COUNT; r++) {
		if (!counters[r].packets || (!all && !is_loss(reasons[r].kind_id)))
			continue;
		json_array_append_new(
			list, json_pack("{s:s, s:s, s:s, s:I, s:I, s:s}", "attachment", attachment,
					"reason", reasons[r].name, "kind", reasons[r].kind,
					"packets", (json_int_t)counters[r].packets, "bytes",
					(json_int_t)counters[r].bytes, "help", reasons[r].help));
	}
}

json_t *show_drops(struct gateway *g, const json_t *request)
{
	bool all = json_is_true(json_object_get(request, "all"));
	struct counter counters[REASON_COUNT];
	json_t *list = json_array();

	if (!dataplane_reason_counters(g->dataplane, 0, counters))
		append_reasons(list, "(unknown)", counters, all);
	for (size_t i = 0; i < g->config.attachment_count; i++)
		if (!attachment_reasons(g, i, counters))
			append_reasons(list, g->config.attachments[i].name, counters, all);
	return list;
}
