/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libyaml's emitter, fed with events. Sections and named things are in block style, what is small
 * (a route, a list of prefixes) in flow style, as a person would write it. Texts that YAML, or the
 * decoder, could take for something else are quoted.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <yaml.h>
#include "config_decode.h"
#include "config_emit.h"
#include "dataplane.h"

#define LINE_WIDTH 110

struct emitter {
	yaml_emitter_t yaml;
	char *text;
	size_t len, room;
	bool failed;
};

static int take_bytes(void *data, unsigned char *bytes, size_t size)
{
	struct emitter *e = data;

	if (e->len + size + 1 > e->room) {
		size_t room = 2 * (e->len + size + 1);
		char *text = realloc(e->text, room);

		if (!text)
			return 0;
		e->text = text;
		e->room = room;
	}
	memcpy(e->text + e->len, bytes, size);
	e->len += size;
	e->text[e->len] = '\0';
	return 1;
}

/* `made` is what yaml_*_event_initialize() returned: 0 is want of memory. */
static void emit(struct emitter *e, yaml_event_t *event, int made)
{
	if (!made || e->failed)
		e->failed = true;
	else
		e->failed = !yaml_emitter_emit(&e->yaml, event);
}

/* ---- scalars ---- */

static void put_scalar(struct emitter *e, const char *text, yaml_scalar_style_t style)
{
	yaml_event_t event;

	emit(e, &event,
	     yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text,
					  (int)strlen(text), 1, 1, style));
}

/* Numbers, truth values, words of the schema: the decoder wants them without quotes. */
static void put_plain(struct emitter *e, const char *text)
{
	put_scalar(e, text, YAML_PLAIN_SCALAR_STYLE);
}

/* Would a reader of YAML take this for a number, a truth value or nothing? */
static bool looks_like_text(const char *text)
{
	static const char *const words[] = { "true", "false", "yes", "no",   "on", "off",
					     "y",    "n",     "~",   "null", "" };

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (!strcasecmp(text, words[i]))
			return false;
	return (text[0] >= 'a' && text[0] <= 'z') || (text[0] >= 'A' && text[0] <= 'Z') ||
	       text[0] == '/';
}

static void put_text(struct emitter *e, const char *text)
{
	put_scalar(e, text,
		   looks_like_text(text) ? YAML_ANY_SCALAR_STYLE : YAML_DOUBLE_QUOTED_SCALAR_STYLE);
}

/* Colons of IPv6 would start a mapping. */
static void put_place(struct emitter *e, const char *text)
{
	put_scalar(e, text,
		   strchr(text, ':') ? YAML_DOUBLE_QUOTED_SCALAR_STYLE : YAML_PLAIN_SCALAR_STYLE);
}

static void put_prefix(struct emitter *e, const struct prefix *p)
{
	char text[PREFIX_STRLEN];

	put_place(e, prefix_format(p, text));
}

static void put_address(struct emitter *e, const struct address *a)
{
	char text[PREFIX_STRLEN];

	put_place(e, address_format(a, text));
}

static void put_number(struct emitter *e, uint64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
	put_plain(e, text);
}

/* ---- containers ---- */

static void begin_mapping(struct emitter *e, bool flow)
{
	yaml_event_t event;

	emit(e, &event,
	     yaml_mapping_start_event_initialize(&event, NULL, NULL, 1,
						 flow ? YAML_FLOW_MAPPING_STYLE
						      : YAML_BLOCK_MAPPING_STYLE));
}

static void end_mapping(struct emitter *e)
{
	yaml_event_t event;

	emit(e, &event, yaml_mapping_end_event_initialize(&event));
}

static void begin_list(struct emitter *e, bool flow)
{
	yaml_event_t event;

	emit(e, &event,
	     yaml_sequence_start_event_initialize(&event, NULL, NULL, 1,
						  flow ? YAML_FLOW_SEQUENCE_STYLE
						       : YAML_BLOCK_SEQUENCE_STYLE));
}

static void end_list(struct emitter *e)
{
	yaml_event_t event;

	emit(e, &event, yaml_sequence_end_event_initialize(&event));
}

/* ---- keys with values, left out where they say nothing ---- */

static void key_text(struct emitter *e, const char *key, const char *text)
{
	if (!text)
		return;
	put_plain(e, key);
	put_text(e, text);
}

static void key_word(struct emitter *e, const char *key, const char *word)
{
	put_plain(e, key);
	put_plain(e, word);
}

static void key_number(struct emitter *e, const char *key, uint64_t number, uint64_t normally)
{
	if (number == normally)
		return;
	put_plain(e, key);
	put_number(e, number);
}

static void key_bool(struct emitter *e, const char *key, bool value, bool normally)
{
	if (value != normally)
		key_word(e, key, value ? "true" : "false");
}

static void key_address(struct emitter *e, const char *key, const struct address *a)
{
	if (!a->family)
		return;
	put_plain(e, key);
	put_address(e, a);
}

static void key_prefixes(struct emitter *e, const char *key, const struct config_prefix *list,
			 size_t count)
{
	put_plain(e, key);
	begin_list(e, true);
	for (size_t i = 0; i < count; i++)
		put_prefix(e, &list[i].prefix);
	end_list(e);
}

/* ---- sections ---- */

static void put_gateway(struct emitter *e, const struct config_gateway *g)
{
	static const char *const hashes[] = { [HASH_L3] = "l3", [HASH_SYMMETRIC] = "symmetric" };
	char hold_down[24];

	put_plain(e, "gateway");
	begin_mapping(e, false);
	key_text(e, "secrets", g->secrets);
	if (g->on_no_route == NO_ROUTE_PASS)
		key_word(e, "on_no_route", "pass");
	if (g->flow_hash != HASH_L4)
		key_word(e, "flow_hash", hashes[g->flow_hash]);
	if (!g->limits)
		key_word(e, "limits", "none");
	snprintf(hold_down, sizeof(hold_down), "%ums", g->hold_down_ms);
	if (g->hold_down_ms != DEFAULT_HOLD_DOWN_MS)
		key_word(e, "hold_down", hold_down);
	end_mapping(e);
}

static void put_table_route(struct emitter *e, const struct config_table_route *r)
{
	begin_mapping(e, true);
	put_plain(e, "destination");
	put_prefix(e, &r->destination.prefix);
	if (r->blackhole)
		key_word(e, "blackhole", "true");
	else
		key_text(e, "attachment", r->attachment.name);
	key_number(e, "metric", r->metric, 0);
	end_mapping(e);
}

static void put_table(struct emitter *e, const struct config_table *t)
{
	put_text(e, t->name);
	begin_mapping(e, false);
	put_plain(e, "learn");
	begin_list(e, true);
	for (size_t i = 0; i < t->learn_count; i++)
		put_text(e, t->learn[i].name);
	end_list(e);
	key_bool(e, "transit", t->transit, false);
	if (t->route_count) {
		put_plain(e, "routes");
		begin_list(e, false);
		for (size_t i = 0; i < t->route_count; i++)
			put_table_route(e, &t->routes[i]);
		end_list(e);
	}
	end_mapping(e);
}

static void put_vlans(struct emitter *e, const uint16_t *vlans)
{
	if (!vlans[0])
		return;
	put_plain(e, "vlan");
	begin_list(e, true);
	for (size_t i = 0; i < VLANS_PER_ATTACHMENT && vlans[i]; i++)
		put_number(e, vlans[i]);
	end_list(e);
}

static void put_next_hops(struct emitter *e, const struct config_attachment *a)
{
	if (!a->next_hop_v4.family && !a->next_hop_v6.family)
		return;
	put_plain(e, "next_hop");
	begin_list(e, true);
	if (a->next_hop_v4.family)
		put_address(e, &a->next_hop_v4);
	if (a->next_hop_v6.family)
		put_address(e, &a->next_hop_v6);
	end_list(e);
}

static void put_device_attachment(struct emitter *e, const struct config_attachment *a)
{
	static const char *const xdp[] = { [XDP_NATIVE] = "native", [XDP_OFF] = "off" };

	key_text(e, "device", a->device);
	put_vlans(e, a->vlans);
	if (a->cidr_count)
		key_prefixes(e, "cidrs", a->cidrs, a->cidr_count);
	put_next_hops(e, a);
	key_number(e, "mtu", a->mtu, 0);
	if (a->xdp != XDP_AUTO)
		key_word(e, "xdp", xdp[a->xdp]);
	key_number(e, "asn", a->asn, 0);
	key_number(e, "priority", a->priority, 0);
}

static void put_attachment(struct emitter *e, const struct config_attachment *a)
{
	static const char *const types[] = {
		[ATTACHMENT_VPC] = "vpc", [ATTACHMENT_VBR] = "vbr", [ATTACHMENT_VPN] = "vpn"
	};

	put_text(e, a->name);
	begin_mapping(e, false);
	key_word(e, "type", types[a->type]);
	if (a->type == ATTACHMENT_VPN)
		key_text(e, "connection", a->connection.name);
	else
		put_device_attachment(e, a);
	key_text(e, "association", a->association.name);
	key_bool(e, "synchronize", a->synchronize, false);
	end_mapping(e);
}

static void put_customer_gateway(struct emitter *e, const struct config_customer_gateway *g)
{
	put_text(e, g->name);
	begin_mapping(e, false);
	put_plain(e, "addresses");
	begin_list(e, true);
	for (size_t i = 0; i < g->address_count; i++)
		put_address(e, &g->addresses[i]);
	end_list(e);
	key_number(e, "asn", g->asn, 0);
	end_mapping(e);
}

static void put_tunnel(struct emitter *e, const struct config_connection *c, size_t index)
{
	const struct config_tunnel *t = &c->tunnels[index];
	char normally[NAME_MAX_LEN + 8];

	snprintf(normally, sizeof(normally), "%s-%zu", c->name, index + 1);
	begin_mapping(e, false);
	if (strcmp(t->name, normally))
		key_text(e, "name", t->name);
	key_number(e, "if_id", t->if_id, 0);
	key_text(e, "device", t->device);
	key_address(e, "local_address", &t->local_address);
	key_address(e, "remote_address", &t->remote_address);
	if (t->inside.address.family) {
		put_plain(e, "inside");
		put_prefix(e, &t->inside);
	}
	key_address(e, "bgp_address", &t->bgp_address);
	key_text(e, "psk", t->psk);
	key_number(e, "mtu", t->mtu, DEFAULT_TUNNEL_MTU);
	key_number(e, "weight", t->weight, DEFAULT_WEIGHT);
	end_mapping(e);
}

static void put_bgp(struct emitter *e, const struct config_bgp *bgp)
{
	if (!bgp->enabled)
		return;
	put_plain(e, "bgp");
	begin_mapping(e, true);
	key_number(e, "local_asn", bgp->local_asn, DEFAULT_LOCAL_ASN);
	end_mapping(e);
}

/* `table` is the number that the connection gets when nothing is written. */
static void put_connection(struct emitter *e, const struct config_connection *c, uint32_t table)
{
	put_text(e, c->name);
	begin_mapping(e, false);
	key_text(e, "customer_gateway", c->customer_gateway.name);
	put_bgp(e, &c->bgp);
	if (c->route_count || c->routes_mark.line)
		key_prefixes(e, "routes", c->routes, c->route_count);
	key_bool(e, "allow_mixed_routing", c->allow_mixed_routing, false);
	key_bool(e, "vrf", c->vrf, true);
	key_number(e, "table", c->kernel_table, c->kernel_table_mark.line ? 0 : table);
	key_number(e, "bgp_quota", c->bgp_quota, 0);
	put_plain(e, "tunnels");
	begin_list(e, false);
	for (size_t i = 0; i < c->tunnel_count; i++)
		put_tunnel(e, c, i);
	end_list(e);
	end_mapping(e);
}

static void put_tables(struct emitter *e, const struct config *c)
{
	if (!c->table_count)
		return;
	put_plain(e, "transit_router");
	begin_mapping(e, false);
	put_plain(e, "tables");
	begin_mapping(e, false);
	for (size_t i = 0; i < c->table_count; i++)
		put_table(e, &c->tables[i]);
	end_mapping(e);
	end_mapping(e);
}

static void put_sections(struct emitter *e, const struct config *c)
{
	put_gateway(e, &c->gateway);
	put_tables(e, c);
	if (c->attachment_count) {
		put_plain(e, "attachments");
		begin_mapping(e, false);
		for (size_t i = 0; i < c->attachment_count; i++)
			put_attachment(e, &c->attachments[i]);
		end_mapping(e);
	}
	if (c->customer_gateway_count) {
		put_plain(e, "customer_gateways");
		begin_mapping(e, false);
		for (size_t i = 0; i < c->customer_gateway_count; i++)
			put_customer_gateway(e, &c->customer_gateways[i]);
		end_mapping(e);
	}
	if (c->connection_count) {
		put_plain(e, "connections");
		begin_mapping(e, false);
		for (size_t i = 0; i < c->connection_count; i++)
			put_connection(e, &c->connections[i], FIRST_KERNEL_TABLE + (uint32_t)i);
		end_mapping(e);
	}
}

static void put_document(struct emitter *e, const struct config *c)
{
	yaml_event_t event;

	emit(e, &event, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING));
	emit(e, &event, yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1));
	begin_mapping(e, false);
	put_sections(e, c);
	end_mapping(e);
	emit(e, &event, yaml_document_end_event_initialize(&event, 1));
	emit(e, &event, yaml_stream_end_event_initialize(&event));
}

int config_emit(const struct config *c, char **text, size_t *len)
{
	struct emitter e = { 0 };

	if (!yaml_emitter_initialize(&e.yaml))
		return -ENOMEM;
	yaml_emitter_set_output(&e.yaml, take_bytes, &e);
	yaml_emitter_set_unicode(&e.yaml, 1);
	yaml_emitter_set_width(&e.yaml, LINE_WIDTH);
	yaml_emitter_set_indent(&e.yaml, 2);
	put_document(&e, c);
	yaml_emitter_delete(&e.yaml);
	if (e.failed) {
		free(e.text);
		return -ENOMEM;
	}
	*text = e.text;
	*len = e.len;
	return 0;
}
