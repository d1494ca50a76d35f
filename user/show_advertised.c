/* SPDX-License-Identifier: GPL-2.0-only */
/* What a connection's data centre is told of the transit router's routes, and why not the rest.
 * What is really announced is the routing daemon's to tell. */
#include <string.h>
#include <sys/socket.h>
#include "core/advert.h"
#include "show_internal.h"

struct advert_list {
	const struct gateway *g;
	size_t connection;
	unsigned families; /* that its sessions carry, BGP_* */
	bool all;
	json_t *list;
};

static json_t *source_json(const struct gateway *g, const struct candidate *c)
{
	return json_pack("{s:o, s:s}", "attachment",
			 text_or_null(attachment_name(g, c->attachment)), "type",
			 route_source_name(c->source));
}

/* Those that share the route. */
static json_t *sources_json(const struct gateway *g, const struct advert *a)
{
	json_t *list = json_array();

	for (const struct candidate *c = a->first; c < a->entry->list + a->entry->count; c++)
		if (advert_shares(&g->rib, a, c))
			json_array_append_new(list, source_json(g, c));
	return list;
}

static const char *why(enum advert_fate fate, bool spoken)
{
	switch (fate) {
	case ADVERT_YES:
		return spoken ? NULL : "no session carries this address family";
	case ADVERT_OFF:
		return "synchronize is off [S15 S42]";
	case ADVERT_BACK:
		return "it leads back to the same data centre [D10]";
	case ADVERT_TRANSIT:
		return "it leads to another connection or a VBR, and transit is off [D10]";
	case ADVERT_BLACKHOLE:
		return "what it attracts would be dropped";
	case ADVERT_LOCAL:
		return "an address of the gateway itself [D14]";
	}
	return NULL;
}

static int append_advert(const struct prefix *p, const struct advert *a, void *context)
{
	struct advert_list *l = context;
	unsigned family = p->address.family == AF_INET ? BGP_IPV4 : BGP_IPV6;
	bool spoken = l->families & family;
	bool advertised = a->fate == ADVERT_YES && spoken;

	if (advertised || l->all)
		json_array_append_new(l->list, json_pack("{s:o, s:b, s:o, s:o}", "prefix",
							 prefix_json(p), "advertised", advertised,
							 "from", sources_json(l->g, a), "why",
							 text_or_null(why(a->fate, spoken))));
	return 0;
}

json_t *answer_advertised(struct gateway *g, const json_t *request)
{
	const char *name = json_string_value(json_object_get(request, "connection"));
	int connection = name ? config_find_connection(&g->config, name) : -1;
	struct advert_list l = { .g = g, .all = json_is_true(json_object_get(request, "all")) };
	const struct config_connection *c;
	char text[QUOTED_LEN];

	if (connection < 0)
		return control_error("there is no connection '%s'; `espalier show connections` "
				     "lists them",
				     quoted(name ? name : "", text));
	c = &g->config.connections[connection];
	if (!c->bgp.enabled)
		return control_error("connection %s has no bgp to advertise routes by [S12]",
				     c->name);
	l.families = config_bgp_families(&g->config, &c->bgp);
	l.list = json_array();
	adverts_each(&g->rib, (size_t)connection, append_advert, &l);
	return control_ok(l.list);
}
