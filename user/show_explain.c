/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the loaded program would do with a packet, and why.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include "explain.h"
#include "show_internal.h"

/* Where packets of an attachment come in; a connection's: at its first tunnel that has a device. */
static int input_of(const struct gateway *g, size_t attachment, struct explain_question *q)
{
	const struct config_attachment *a = &g->config.attachments[attachment];

	q->key = (struct association_key){ g->attachments[attachment].ifindex, a->vlans[0],
					   a->vlans[1] };
	memcpy(q->mac, g->attachments[attachment].mac, sizeof(q->mac));
	if (a->type == ATTACHMENT_VPN) {
		const struct gateway_tunnel *t =
			&g->tunnels[a->connection.index * TUNNELS_PER_CONNECTION];

		if (!t->ifindex)
			t++;
		q->key = (struct association_key){ t->ifindex, 0, 0 };
		memcpy(q->mac, t->mac, sizeof(q->mac));
	}
	return q->key.ifindex ? 0 : -ENODEV;
}

static int find_attachment(const struct gateway *g, const char *name)
{
	for (size_t i = 0; name && i < g->config.attachment_count; i++)
		if (!strcmp(g->config.attachments[i].name, name))
			return (int)i;
	return -1;
}

/* The TR table or the connection behind a dataplane table, by name. */
static json_t *table_json(const struct gateway *g, uint32_t id)
{
	const struct fib_table *t = id == NO_TABLE ? NULL : fib_find(&g->fib, id);

	if (!t || t->retired)
		return json_null();
	return json_string(t->connection ? g->config.connections[t->index].name
					 : g->config.tables[t->index].name);
}

static const struct rib_entry *matched_entry(const struct gateway *g, const struct explain *e,
					     const struct explain_question *q, enum view *view)
{
	const struct fib_table *t = fib_find(&g->fib, e->table);

	if (!e->matched || !t || t->connection || t->retired)
		return NULL;
	*view = t->view;
	return trie_longest(&g->rib.tables[t->index], &q->destination,
			    address_bits(&q->destination), NULL);
}

static const struct candidate *winner_of(const struct gateway *g, const struct rib_entry *e,
					 enum view view)
{
	for (size_t i = 0; e && i < e->count; i++)
		if (e->list[i].available && candidate_visible(&g->rib, &e->list[i], view))
			return &e->list[i];
	return NULL;
}

static json_t *losers_json(const struct gateway *g, const struct rib_entry *e, enum view view,
			   const struct candidate *winner)
{
	json_t *list = json_array();

	for (size_t i = 0; e && i < e->count; i++) {
		const struct candidate *c = &e->list[i];
		json_t *why;

		if (c == winner ||
		    (c->state == CANDIDATE_ACTIVE && candidate_visible(&g->rib, c, view)))
			continue;
		why = candidate_visible(&g->rib, c, view)
			      ? candidate_why(g, e, c)
			      : json_string(
					"not seen from a connection or VBR without transit [D10]");
		json_array_append_new(list,
				      json_pack("{s:s, s:o, s:o}", "type",
						route_source_name(c->source), "attachment",
						text_or_null(attachment_name(g, c->attachment)),
						"why", why));
	}
	return list;
}

static const char *verdict_name(uint32_t reason)
{
	switch (reasons[reason].kind_id) {
	case REASON_FORWARD:
		return reason == REASON_TO_TUNNEL ? "tunnel" : "device";
	case REASON_KERNEL:
		return "kernel";
	case REASON_DROP:
	case REASON_BEHIND:
		return "drop";
	}
	return "?";
}

static void add_output(const struct gateway *g, const struct explain *e,
		       const struct explain_question *q, json_t *out)
{
	int to = e->reason == REASON_TO_DEVICE ? gateway_attachment_by_id(g, e->route.target) : -1;
	bool tunnel = e->reason == REASON_TO_TUNNEL;
	const struct config_attachment *a = to < 0 ? NULL : &g->config.attachments[to];

	json_object_set_new(out, "hash", tunnel ? json_integer(e->hash) : json_null());
	json_object_set_new(out, "group", tunnel ? json_integer(e->route.target) : json_null());
	json_object_set_new(out, "bucket", tunnel ? json_integer(e->bucket) : json_null());
	json_object_set_new(out, "tunnel",
			    tunnel ? text_or_null(tunnel_name(g, e->tunnel)) : json_null());
	json_object_set_new(out, "skipped", json_boolean(tunnel && e->skipped));
	json_object_set_new(out, "device", text_or_null(a ? a->device : NULL));
	json_object_set_new(out, "next_hop",
			    !a				       ? json_null()
			    : q->destination.family == AF_INET ? address_json(&a->next_hop_v4)
							       : address_json(&a->next_hop_v6));
}

static json_t *explanation(const struct gateway *g, const struct explain_question *q,
			   const struct explain *e)
{
	enum view view = VIEW_ALL;
	const struct rib_entry *entry = matched_entry(g, e, q, &view);
	const struct candidate *winner = winner_of(g, entry, view);
	struct prefix matched = prefix_of(&q->destination, e->route.prefix_len);
	json_t *out =
		json_pack("{s:s, s:o, s:o, s:i, s:i, s:i, s:o, s:o, s:o, s:o, s:s, s:s, s:s, s:o}",
			  "in", q->in, "source", address_json(&q->source), "destination",
			  address_json(&q->destination), "protocol", q->protocol, "source_port",
			  q->source_port, "destination_port", q->destination_port, "table",
			  table_json(g, e->table), "matched",
			  e->matched ? prefix_json(&matched) : json_null(), "route_type",
			  winner ? json_string(route_source_name(winner->source)) : json_null(),
			  "route_attachment",
			  text_or_null(winner ? attachment_name(g, winner->attachment) : NULL),
			  "verdict", verdict_name(e->reason), "reason", reasons[e->reason].name,
			  "help", reasons[e->reason].help, "losers",
			  losers_json(g, entry, view, winner));

	if (out)
		add_output(g, e, q, out);
	return out;
}

json_t *answer_explain(struct gateway *g, const json_t *request)
{
	struct explain_question q = { 0 };
	struct explain answer;
	uint8_t frame[EXPLAIN_FRAME_MAX];
	const char *why = NULL;
	int attachment, err;
	size_t len;

	if (explain_question_parse(request, &q, &why))
		return control_error("%s", why);
	attachment = find_attachment(g, q.in);
	if (attachment < 0)
		return control_error("there is no attachment '%s'; `espalier show attachments` "
				     "lists them",
				     q.in);
	if (input_of(g, (size_t)attachment, &q))
		return control_error("the device of attachment %s is not there", q.in);
	len = explain_frame(&q, frame);
	err = dataplane_explain(g->dataplane, &q.key, frame, len, &answer);
	if (err || answer.reason >= REASON_COUNT)
		return control_error("cannot run the explain program: %s", strerror(-err));
	return control_ok(explanation(g, &q, &answer));
}
