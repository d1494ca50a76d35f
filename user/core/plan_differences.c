/* SPDX-License-Identifier: GPL-2.0-only */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "plan_differences.h"

void differ(struct differences *d, const char *format, ...)
{
	va_list args;
	int n;

	if (d->len && d->len < DIFFERENCES_LEN)
		d->len += (size_t)snprintf(d->text + d->len, DIFFERENCES_LEN - d->len, ", ");
	if (d->len >= DIFFERENCES_LEN)
		return;
	va_start(args, format);
	n = vsnprintf(d->text + d->len, DIFFERENCES_LEN - d->len, format, args);
	va_end(args);
	d->len += (size_t)n;
}

void number_differs(struct differences *d, const char *key, uint32_t was, uint32_t is)
{
	if (was != is)
		differ(d, "%s %u -> %u", key, was, is);
}

void truth_differs(struct differences *d, const char *key, bool was, bool is)
{
	if (was != is)
		differ(d, "%s %s -> %s", key, was ? "true" : "false", is ? "true" : "false");
}

void words_differ(struct differences *d, const char *key, const char *was, const char *is)
{
	was = was ? was : "none";
	is = is ? is : "none";
	if (strcmp(was, is))
		differ(d, "%s %s -> %s", key, was, is);
}

static const char *address_text(const struct address *a, char buf[PREFIX_STRLEN])
{
	if (a->family)
		address_format(a, buf);
	else
		strcpy(buf, "none");
	return buf;
}

static void address_differs(struct differences *d, const char *key, const struct address *was,
			    const struct address *is)
{
	char a[PREFIX_STRLEN], b[PREFIX_STRLEN];

	words_differ(d, key, address_text(was, a), address_text(is, b));
}

static void prefix_differs(struct differences *d, const char *key, const struct prefix *was,
			   const struct prefix *is)
{
	char a[PREFIX_STRLEN] = "none", b[PREFIX_STRLEN] = "none";

	if (was->address.family)
		prefix_format(was, a);
	if (is->address.family)
		prefix_format(is, b);
	words_differ(d, key, a, b);
}

static const char *type_name(enum attachment_type t)
{
	static const char *const names[] = { "vpc", "vbr", "vpn" };

	return names[t];
}

static const char *xdp_name(enum xdp_mode m)
{
	static const char *const names[] = { "auto", "native", "off" };

	return names[m];
}

static const char *redirect_name(enum redirect_mode m)
{
	static const char *const names[] = { "auto", "on", "off" };

	return names[m];
}

static void cpus_differ(struct differences *d, const char *key, const struct config_cpus *was,
			const struct config_cpus *is)
{
	char a[CPUS_STRLEN], b[CPUS_STRLEN];

	words_differ(d, key, config_cpus_format(was, a), config_cpus_format(is, b));
}

/* An underlay that is not written is not spread. */
static void underlays_differ(struct differences *d, const struct config_gateway *was,
			     const struct config_gateway *is)
{
	static const struct config_cpus off;
	char key[DEVICE_NAME_MAX + 16];

	for (size_t i = 0; i < was->underlay_count; i++) {
		const struct config_underlay *a = &was->underlays[i];
		const struct config_underlay *b = config_find_underlay(is, a->name);

		snprintf(key, sizeof(key), "underlay %s", a->name);
		cpus_differ(d, key, &a->cpus, b ? &b->cpus : &off);
	}
	for (size_t i = 0; i < is->underlay_count; i++) {
		const struct config_underlay *b = &is->underlays[i];

		snprintf(key, sizeof(key), "underlay %s", b->name);
		if (!config_find_underlay(was, b->name))
			cpus_differ(d, key, &off, &b->cpus);
	}
}

void attachment_differs(struct differences *d, const struct config_attachment *was,
			const struct config_attachment *is)
{
	words_differ(d, "type", type_name(was->type), type_name(is->type));
	words_differ(d, "device", was->device, is->device);
	number_differs(d, "vlan", was->vlans[0], is->vlans[0]);
	number_differs(d, "inner vlan", was->vlans[1], is->vlans[1]);
	address_differs(d, "next_hop", &was->next_hop_v4, &is->next_hop_v4);
	address_differs(d, "next_hop", &was->next_hop_v6, &is->next_hop_v6);
	number_differs(d, "mtu", was->mtu, is->mtu);
	words_differ(d, "xdp", xdp_name(was->xdp), xdp_name(is->xdp));
	words_differ(d, "redirect", redirect_name(was->redirect), redirect_name(is->redirect));
	cpus_differ(d, "cpus", &was->cpus, &is->cpus);
	number_differs(d, "asn", was->asn, is->asn);
	number_differs(d, "priority", was->priority, is->priority);
	words_differ(d, "connection", was->connection.name, is->connection.name);
	truth_differs(d, "synchronize", was->synchronize, is->synchronize);
	words_differ(d, "association", was->association.name, is->association.name);
}

static void health_check_differs(struct differences *d, const struct config_health_check *was,
				 const struct config_health_check *is)
{
	char a[HEALTH_CHECK_STRLEN], b[HEALTH_CHECK_STRLEN];

	words_differ(d, "health_check", health_check_format(was, a), health_check_format(is, b));
}

void tunnel_differs(struct differences *d, const struct config_tunnel *was,
		    const struct config_tunnel *is)
{
	number_differs(d, "if_id", was->if_id, is->if_id);
	words_differ(d, "device", was->device, is->device);
	address_differs(d, "local_address", &was->local_address, &is->local_address);
	address_differs(d, "remote_address", &was->remote_address, &is->remote_address);
	prefix_differs(d, "inside", &was->inside, &is->inside);
	address_differs(d, "bgp_address", &was->bgp_address, &is->bgp_address);
	words_differ(d, "psk", was->psk, is->psk);
	number_differs(d, "mtu", was->mtu, is->mtu);
	number_differs(d, "weight", was->weight, is->weight);
	health_check_differs(d, &was->health_check, &is->health_check);
}

static const char *families_name(unsigned families)
{
	static const char *const names[] = { "as needed", "ipv4", "ipv6", "ipv4 ipv6" };

	return names[families];
}

static void bgp_differs(struct differences *d, const struct config_bgp *was,
			const struct config_bgp *is)
{
	truth_differs(d, "bgp", was->enabled, is->enabled);
	words_differ(d, "feed", bgp_feed_name(was->feed), bgp_feed_name(is->feed));
	number_differs(d, "local_asn", was->local_asn, is->local_asn);
	words_differ(d, "address_families", families_name(was->families),
		     families_name(is->families));
	number_differs(d, "keepalive", was->keepalive_s, is->keepalive_s);
	number_differs(d, "hold_time", was->hold_time_s, is->hold_time_s);
	truth_differs(d, "bfd", was->bfd.enabled, is->bfd.enabled);
	number_differs(d, "bfd interval", was->bfd.interval_ms, is->bfd.interval_ms);
	number_differs(d, "bfd multiplier", was->bfd.multiplier, is->bfd.multiplier);
	truth_differs(d, "graceful_restart", was->graceful_restart.enabled,
		      is->graceful_restart.enabled);
	number_differs(d, "restart_time", was->graceful_restart.restart_s,
		       is->graceful_restart.restart_s);
	number_differs(d, "stale_time", was->graceful_restart.stale_s,
		       is->graceful_restart.stale_s);
}

void connection_differs(struct differences *d, const struct config_connection *was,
			const struct config_connection *is)
{
	words_differ(d, "customer_gateway", was->customer_gateway.name, is->customer_gateway.name);
	bgp_differs(d, &was->bgp, &is->bgp);
	truth_differs(d, "allow_mixed_routing", was->allow_mixed_routing, is->allow_mixed_routing);
	truth_differs(d, "vrf", was->vrf, is->vrf);
	number_differs(d, "table", was->kernel_table, is->kernel_table);
	number_differs(d, "bgp_quota", was->bgp_quota, is->bgp_quota);
}

static void fpm_differs(struct differences *d, const struct config_fpm *was,
			const struct config_fpm *is)
{
	struct address a = config_fpm_address(was), b = config_fpm_address(is);

	address_differs(d, "fpm address", &a, &b);
	number_differs(d, "fpm port", was->port, is->port);
	words_differ(d, "fpm user", config_fpm_user(was), config_fpm_user(is));
	number_differs(d, "fpm quiet", was->quiet_s, is->quiet_s);
}

void gateway_differs(struct differences *d, const struct config_gateway *was,
		     const struct config_gateway *is)
{
	char a[DAMPING_STRLEN], b[DAMPING_STRLEN];

	words_differ(d, "secrets", was->secrets, is->secrets);
	words_differ(d, "on_no_route", was->on_no_route ? "pass" : "drop",
		     is->on_no_route ? "pass" : "drop");
	words_differ(d, "limits", was->limits ? "default" : "none",
		     is->limits ? "default" : "none");
	number_differs(d, "hold_down", was->hold_down_ms, is->hold_down_ms);
	words_differ(d, "damping", damping_format(&was->damping, a),
		     damping_format(&is->damping, b));
	number_differs(d, "audit", was->audit_s, is->audit_s);
	fpm_differs(d, &was->fpm, &is->fpm);
	number_differs(d, "return_idle", was->return_idle_ms, is->return_idle_ms);
	number_differs(d, "return_within", was->return_within_ms, is->return_within_ms);
	underlays_differ(d, was, is);
}
