/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pieces that the answers of doc/control.md share.
 */
#include <stdio.h>
#include "show_internal.h"

#define NS_PER_S 1000000000ull

json_t *text_or_null(const char *text)
{
	return text ? json_string(text) : json_null();
}

json_t *address_json(const struct address *a)
{
	char text[PREFIX_STRLEN];

	return a->family ? json_string(address_format(a, text)) : json_null();
}

json_t *prefix_json(const struct prefix *p)
{
	char text[PREFIX_STRLEN];

	return json_string(prefix_format(p, text));
}

json_t *counter_json(const struct counter *c)
{
	return json_pack("{s:I, s:I}", "packets", (json_int_t)c->packets, "bytes",
			 (json_int_t)c->bytes);
}

void add_counter(struct counter *sum, const struct counter *c)
{
	sum->packets += c->packets;
	sum->bytes += c->bytes;
}

json_t *spi_json(uint32_t spi)
{
	char text[16];

	if (!spi)
		return json_null();
	snprintf(text, sizeof(text), "0x%08x", spi);
	return json_string(text);
}

double seconds_since(const struct gateway *g, uint64_t ns)
{
	uint64_t now = gateway_now(g);

	return now > ns ? (double)(now - ns) / (double)NS_PER_S : 0;
}

json_t *seconds_until(const struct gateway *g, uint64_t ns)
{
	uint64_t now = gateway_now(g);

	return json_real(ns > now ? (double)(ns - now) / (double)NS_PER_S : 0);
}

const char *tunnel_name(const struct gateway *g, uint32_t id)
{
	const struct gateway_tunnel *t = gateway_tunnel(g, id);

	return t ? gateway_tunnel_config(g, t)->name : NULL;
}

const char *attachment_name(const struct gateway *g, int position)
{
	return position < 0 ? NULL : g->config.attachments[position].name;
}

const char *connection_attachment_name(const struct gateway *g, size_t connection)
{
	return attachment_name(g, connection_attachment(&g->config, connection));
}
