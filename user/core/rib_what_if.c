/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The same routes with other tunnels in Phase 2, without touching them. Where answers may differ is
 * where rib_set_present() would look: at routes of connections that gain or lose their last usable
 * tunnel, and where static routes show them [D9].
 */
#include "rib_internal.h"

void rib_what_if(const struct rib *r, tunnel_mask *present, struct rib *out)
{
	*out = *r;
	out->present = present;
	out->what_if = true;
}

struct comparison {
	const struct rib *rib;
	size_t table, connection;
	tunnel_mask was, now;
	struct prefixes *out;
};

static bool flips(const struct comparison *c, struct connection_route route)
{
	return rib_own_flips(route, SOURCE_BGP, c->was, c->now) ||
	       rib_own_flips(route, SOURCE_DESTINATION, c->was, c->now);
}

static int add_reference(const struct prefix *p, void *data, void *context)
{
	const struct comparison *c = context;

	(void)data;
	return prefixes_add(c->out, p);
}

static int add_route(const struct prefix *p, void *data, void *context)
{
	const struct comparison *c = context;
	const struct trie *references = rib_references(c->rib, c->table, c->connection);
	int err = 0;

	if (!flips(c, rib_own_route_of(data)))
		return 0;
	if (rib_learns(c->rib, c->table, c->connection) ||
	    trie_longest(references, &p->address, p->len, NULL))
		err = prefixes_add(c->out, p);
	return err ? err : trie_walk(references, p, add_reference, context);
}

static int compare_connection(struct comparison *c)
{
	const struct trie *references = rib_references(c->rib, c->table, c->connection);
	int err;

	if (c->was == c->now ||
	    (!rib_learns(c->rib, c->table, c->connection) && !references->count))
		return 0;
	err = trie_walk(&c->rib->connections[c->connection], NULL, add_route, c);
	if (!err && !c->was != !c->now)
		err = trie_walk(references, NULL, add_reference, c);
	return err;
}

int rib_what_if_prefixes(const struct rib *r, const struct rib *what_if, size_t table,
			 struct prefixes *out)
{
	struct prefixes found = { 0 };
	int err = 0;

	for (size_t i = 0; !err && i < r->config->connection_count; i++) {
		struct comparison c = { r, table, i, r->present[i], what_if->present[i], &found };

		err = compare_connection(&c);
	}
	if (err) {
		prefixes_free(&found);
		return err;
	}
	prefixes_sort(&found);
	*out = found;
	return 0;
}
