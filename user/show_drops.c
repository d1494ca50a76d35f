/* SPDX-License-Identifier: GPL-2.0-only */
/* The programs' reasons, what the kernel drops behind them, and what its IPsec drops. */
#include "gateway_stats.h"
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

/* Of an attachment, of a tunnel, or (both NULL) of the whole gateway. */
struct place {
	const char *attachment, *tunnel;
};

/* `bytes` is taken over. */
static void append(json_t *list, struct place at, const char *reason, const char *kind,
		   uint64_t packets, json_t *bytes, const char *help)
{
	json_array_append_new(list, json_pack("{s:s?, s:s?, s:s, s:s, s:I, s:o, s:s}", "attachment",
					      at.attachment, "tunnel", at.tunnel, "reason", reason,
					      "kind", kind, "packets", (json_int_t)packets, "bytes",
					      bytes, "help", help));
}

static void append_reasons(json_t *list, const char *attachment, const struct counter *counters,
			   bool all)
{
	for (int r = 0; r < REASON_COUNT; r++)
		if (counters[r].packets && (all || is_loss(reasons[r].kind_id)))
			append(list, (struct place){ .attachment = attachment }, reasons[r].name,
			       reasons[r].kind, counters[r].packets,
			       json_integer((json_int_t)counters[r].bytes), reasons[r].help);
}

/* ---- what the kernel's IPsec drops: by SA where it says so, else for the whole gateway ---- */

#define KERNEL_KIND "kernel-xfrm"

static void append_kernel(json_t *list, const char *tunnel, const char *reason, uint64_t packets,
			  const char *help)
{
	if (packets)
		append(list, (struct place){ .tunnel = tunnel }, reason, KERNEL_KIND, packets,
		       json_null(), help);
}

static void append_sas(json_t *list, const struct gateway *g, const struct gateway_tunnel *t)
{
	const char *name = gateway_tunnel_config(g, t)->name;
	struct sa_drops d = sa_drops(g, t);

	append_kernel(list, name, "replayed", d.replayed,
		      "of its present SAs: came twice (part of XfrmInStateSeqError)");
	append_kernel(list, name, "outside-window", d.outside_window,
		      "of its present SAs: older than the replay window (XfrmInStateSeqError)");
	append_kernel(list, name, "integrity", d.integrity,
		      "of its present SAs: not authentic (part of XfrmInStateProtoError)");
}

/* What of the kernel's counters is known to be this tunnel's. */
static void append_told(json_t *list, const struct gateway *g, const struct gateway_tunnel *t)
{
	struct xfrm_stat stat;

	for (size_t i = 0; stats_told(g, t->id, i, &stat); i++)
		append_kernel(list, gateway_tunnel_config(g, t)->name, stat.name, stat.packets,
			      xfrm_stat_help(stat.name));
}

static void append_stats(json_t *list, const struct gateway *g)
{
	struct xfrm_stat_list stats;

	if (stats_kernel(g, &stats))
		return;
	for (size_t i = 0; i < stats.count; i++)
		append_kernel(list, NULL, stats.list[i].name, stats.list[i].packets,
			      xfrm_stat_help(stats.list[i].name));
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
	refresh_sas(g);
	for (size_t i = 0; i < gateway_tunnel_places(g); i++)
		if (g->tunnels[i].used) {
			append_sas(list, g, &g->tunnels[i]);
			append_told(list, g, &g->tunnels[i]);
		}
	append_stats(list, g);
	return list;
}
