/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sections and named things are in block style, what is small (a route, a list of prefixes) in flow
 * style, as a person would write it.
 */
#include <stdio.h>
#include <string.h>
#include "config_emit.h"
#include "config_emitter.h"
#include "dataplane.h"

static void put_damping(struct emitter *e, const struct config_damping *d)
{
	if (!d->enabled) {
		key_word(e, "damping", "off");
		return;
	}
	if (d->half_life_ms == DEFAULT_DAMPING_HALF_MS && d->suppress == DEFAULT_DAMPING_SUPPRESS &&
	    d->reuse == DEFAULT_DAMPING_REUSE && d->max_ms == DEFAULT_DAMPING_MAX_MS)
		return;
	put_plain(e, "damping");
	begin_mapping(e, true);
	key_duration(e, "half_life", d->half_life_ms, DEFAULT_DAMPING_HALF_MS);
	key_number(e, "suppress", d->suppress, DEFAULT_DAMPING_SUPPRESS);
	key_number(e, "reuse", d->reuse, DEFAULT_DAMPING_REUSE);
	key_duration(e, "max", d->max_ms, DEFAULT_DAMPING_MAX_MS);
	end_mapping(e);
}

static void put_fpm(struct emitter *e, const struct config_fpm *fpm)
{
	if (!fpm->mark.line)
		return;
	put_plain(e, "fpm");
	begin_mapping(e, true);
	if (fpm->address.family)
		key_address(e, "address", &fpm->address);
	key_number(e, "port", fpm->port, DEFAULT_FPM_PORT);
	key_text(e, "user", fpm->user);
	key_seconds(e, "quiet", fpm->quiet_s, DEFAULT_FPM_QUIET_S);
	end_mapping(e);
}

static void key_cpus(struct emitter *e, const struct config_cpus *c)
{
	if (!c->mark.line)
		return;
	if (c->mode != CPUS_LIST) {
		key_word(e, "cpus", c->mode == CPUS_AUTO ? "auto" : "off");
		return;
	}
	put_plain(e, "cpus");
	begin_list(e, true);
	for (size_t i = 0; i < c->count; i++)
		put_number(e, c->list[i]);
	end_list(e);
}

static void put_underlays(struct emitter *e, const struct config_gateway *g)
{
	if (!g->underlay_count)
		return;
	put_plain(e, "underlays");
	begin_mapping(e, false);
	for (size_t i = 0; i < g->underlay_count; i++) {
		put_text(e, g->underlays[i].name);
		begin_mapping(e, true);
		key_cpus(e, &g->underlays[i].cpus);
		end_mapping(e);
	}
	end_mapping(e);
}

static void put_gateway(struct emitter *e, const struct config_gateway *g)
{
	static const char *const hashes[] = { [HASH_L3] = "l3", [HASH_SYMMETRIC] = "symmetric" };

	put_plain(e, "gateway");
	begin_mapping(e, false);
	key_text(e, "secrets", g->secrets);
	if (g->on_no_route == NO_ROUTE_PASS)
		key_word(e, "on_no_route", "pass");
	if (g->flow_hash != HASH_L4)
		key_word(e, "flow_hash", hashes[g->flow_hash]);
	if (!g->limits)
		key_word(e, "limits", "none");
	key_duration(e, "hold_down", g->hold_down_ms, DEFAULT_HOLD_DOWN_MS);
	put_damping(e, &g->damping);
	if (g->audit_s)
		key_seconds(e, "audit", g->audit_s, DEFAULT_AUDIT_S);
	else
		key_word(e, "audit", "off");
	put_fpm(e, &g->fpm);
	key_duration(e, "return_idle", g->return_idle_ms, 0);
	key_duration(e, "return_within", g->return_within_ms, DEFAULT_RETURN_WITHIN_MS);
	put_underlays(e, g);
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
	if (t->slow_path == SLOW_PATH_SUMMARY)
		key_word(e, "slow_path", "summary");
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
	static const char *const redirect[] = { [REDIRECT_ON] = "on", [REDIRECT_OFF] = "off" };

	key_text(e, "device", a->device);
	put_vlans(e, a->vlans);
	if (a->cidr_count)
		key_prefixes(e, "cidrs", a->cidrs, a->cidr_count);
	put_next_hops(e, a);
	key_number(e, "mtu", a->mtu, 0);
	if (a->xdp != XDP_AUTO)
		key_word(e, "xdp", xdp[a->xdp]);
	if (a->redirect != REDIRECT_AUTO)
		key_word(e, "redirect", redirect[a->redirect]);
	key_cpus(e, &a->cpus);
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

static void put_health_check(struct emitter *e, const struct config_health_check *h)
{
	if (!h->destination.family)
		return;
	put_plain(e, "health_check");
	begin_mapping(e, true);
	key_address(e, "destination", &h->destination);
	key_address(e, "source", &h->source);
	key_duration(e, "interval", h->interval_ms, DEFAULT_HEALTH_INTERVAL_MS);
	key_number(e, "retries", h->retries, DEFAULT_HEALTH_RETRIES);
	if (h->on_failure == ON_FAILURE_RESERVE_ROUTE)
		key_word(e, "on_failure", on_failure_name(h->on_failure));
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
	put_health_check(e, &t->health_check);
	end_mapping(e);
}

static void put_families(struct emitter *e, unsigned families)
{
	if (!families)
		return;
	put_plain(e, "address_families");
	begin_list(e, true);
	if (families & BGP_IPV4)
		put_plain(e, "ipv4");
	if (families & BGP_IPV6)
		put_plain(e, "ipv6");
	end_list(e);
}

static void put_bfd(struct emitter *e, const struct config_bfd *bfd)
{
	if (!bfd->enabled) {
		key_word(e, "bfd", "off");
		return;
	}
	if (bfd->interval_ms == DEFAULT_BFD_INTERVAL_MS &&
	    bfd->multiplier == DEFAULT_BFD_MULTIPLIER)
		return;
	put_plain(e, "bfd");
	begin_mapping(e, true);
	key_duration(e, "interval", bfd->interval_ms, DEFAULT_BFD_INTERVAL_MS);
	key_number(e, "multiplier", bfd->multiplier, DEFAULT_BFD_MULTIPLIER);
	end_mapping(e);
}

static void put_graceful_restart(struct emitter *e, const struct config_graceful_restart *g)
{
	if (!g->enabled) {
		key_word(e, "graceful_restart", "off");
		return;
	}
	if (g->restart_s == DEFAULT_RESTART_S && g->stale_s == DEFAULT_STALE_S)
		return;
	put_plain(e, "graceful_restart");
	begin_mapping(e, true);
	key_seconds(e, "restart_time", g->restart_s, DEFAULT_RESTART_S);
	key_seconds(e, "stale_time", g->stale_s, DEFAULT_STALE_S);
	end_mapping(e);
}

static void put_bgp(struct emitter *e, const struct config_bgp *bgp)
{
	if (!bgp->enabled)
		return;
	put_plain(e, "bgp");
	begin_mapping(e, true);
	if (bgp->feed != FEED_KERNEL)
		key_word(e, "feed", bgp_feed_name(bgp->feed));
	key_number(e, "local_asn", bgp->local_asn, DEFAULT_LOCAL_ASN);
	put_families(e, bgp->families);
	key_seconds(e, "keepalive", bgp->keepalive_s, DEFAULT_KEEPALIVE_S);
	key_seconds(e, "hold_time", bgp->hold_time_s, DEFAULT_HOLD_TIME_S);
	put_bfd(e, &bgp->bfd);
	put_graceful_restart(e, &bgp->graceful_restart);
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
	struct emitter e;
	int err = emitter_begin(&e);

	if (err)
		return err;
	put_document(&e, c);
	return emitter_end(&e, text, len);
}
