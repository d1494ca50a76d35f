/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * BIRD's answer: a line for each protocol, what it is below, its channels below that. Only the
 * settings that rendered_bird() knows are compared, of protocols with names of ours.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "running_internal.h"
#include "../core/host.h"
#include "render_bgp.h"

static const char *const known[] = { "Description: ",	"VRF: ",      "Neighbor address: ",
				     "Neighbor AS: ",	"Local AS: ", "Table: ",
				     "Output filter: ", NULL };

/* Blanks in a row become one. */
static void squeeze(char *line)
{
	char *to = line;

	for (const char *from = line; *from; from++)
		if (!isspace((unsigned char)*from) || !isspace((unsigned char)from[1]))
			*to++ = *from;
	*to = '\0';
}

/* "NAME PROTO TABLE STATE SINCE INFO" */
static void begin_protocol(struct running_context *c, const char *line, struct statements *out)
{
	char name[RUNNING_LINE_LEN], proto[RUNNING_LINE_LEN];

	c->depth = 0;
	if (sscanf(line, "%255s %255s", name, proto) != 2)
		return;
	running_context_push(c, name, 0);
	statements_add(out, name, "protocol %s", proto);
}

void running_bird(const char *text, size_t len, struct statements *out)
{
	static const char *const noise[] = { "BIRD ", "Name ", NULL };
	static const char *const channel[] = { "Channel ", NULL };
	const char *end = text + len;
	struct running_context c = { 0 };
	char line[RUNNING_LINE_LEN];
	int indent;

	while ((indent = running_line(&text, end, line)) >= 0) {
		squeeze(line);
		if (!*line || (!indent && running_begins(line, noise)))
			continue;
		if (!indent) {
			begin_protocol(&c, line, out);
		} else if (running_begins(line, channel)) {
			c.depth = c.depth > 1 ? 1 : c.depth;
			running_context_push(&c, line, indent);
		} else if (c.depth && running_begins(line, known)) {
			statements_add(out, running_context_text(&c, 0), "%s", line);
		}
	}
}

static void add_channel(struct statements *out, const char *protocol,
			const struct config_connection *conn, unsigned family, bool bgp)
{
	char context[3 * NAME_MAX_LEN];

	snprintf(context, sizeof(context), "%s / Channel %s", protocol, bgp_family_name(family));
	statements_add(out, context, "Table: %s:%s", conn->name, bgp_family_name(family));
	if (bgp)
		statements_add(out, context, "Output filter: espalier_out");
}

static void add_session(struct statements *out, const struct config *c,
			const struct config_connection *conn, const struct config_tunnel *t)
{
	const struct address peer = tunnel_peer_address(t);
	char device[DEVICE_NAME_LEN], vrf[DEVICE_NAME_LEN], text[PREFIX_STRLEN];
	unsigned spoken = config_bgp_families(c, &conn->bgp);

	tunnel_device_name(t, device);
	statements_add(out, t->name, "protocol BGP");
	statements_add(out, t->name, "Description: tunnel %s, %s", t->name, device);
	statements_add(out, t->name, "VRF: %s",
		       conn->vrf ? connection_vrf_name(conn, vrf) : "default");
	statements_add(out, t->name, "Neighbor address: %s%%%s", address_format(&peer, text),
		       device);
	statements_add(out, t->name, "Neighbor AS: %u",
		       c->customer_gateways[conn->customer_gateway.index].asn);
	statements_add(out, t->name, "Local AS: %u", conn->bgp.local_asn);
	for (unsigned family = BGP_IPV4; family <= BGP_IPV6; family <<= 1)
		if (spoken & family)
			add_channel(out, t->name, conn, family, true);
}

static void add_bfd(struct statements *out, const struct config *c, size_t connection)
{
	const struct config_connection *conn = &c->connections[connection];
	char name[2 * NAME_MAX_LEN], vrf[DEVICE_NAME_LEN];

	if (!bird_has_bfd(c, connection))
		return;
	snprintf(name, sizeof(name), "%s:bfd", conn->name);
	statements_add(out, name, "protocol BFD");
	statements_add(out, name, "VRF: %s",
		       conn->vrf ? connection_vrf_name(conn, vrf) : "default");
}

static void add_kernel(struct statements *out, const struct config_connection *conn,
		       unsigned family)
{
	char name[2 * NAME_MAX_LEN];

	snprintf(name, sizeof(name), "%s:kernel-%s", conn->name, bgp_family_name(family));
	statements_add(out, name, "protocol Kernel");
	add_channel(out, name, conn, family, false);
}

void rendered_bird(const struct config *c, struct statements *out)
{
	for (size_t i = 0; i < c->connection_count; i++) {
		const struct config_connection *conn = &c->connections[i];
		unsigned spoken = config_bgp_families(c, &conn->bgp);

		if (!conn->bgp.enabled)
			continue;
		for (unsigned family = BGP_IPV4; family <= BGP_IPV6; family <<= 1)
			if (spoken & family)
				add_kernel(out, conn, family);
		add_bfd(out, c, i);
		for (size_t k = 0; k < conn->tunnel_count; k++)
			add_session(out, c, conn, &conn->tunnels[k]);
	}
}

/* Of a protocol of ours; of kernel protocols the filter has no name. */
static bool ours(const struct statement *running, const struct statements *rendered)
{
	static const char *const unnamed[] = { "Output filter: ", NULL };
	char name[RUNNING_LINE_LEN];
	const char *slash = strstr(running->context, " / ");

	snprintf(name, sizeof(name), "%.*s",
		 (int)(slash ? (size_t)(slash - running->context) : strlen(running->context)),
		 running->context);
	if (statements_have(rendered, name, "protocol Kernel") &&
	    running_begins(running->line, unnamed))
		return false;
	return statements_have(rendered, name, "protocol BGP") ||
	       statements_have(rendered, name, "protocol Kernel") ||
	       statements_have(rendered, name, "protocol BFD");
}

const struct comparison running_bird_comparison = { running_nothing_assumed, ours };
