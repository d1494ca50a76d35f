/* SPDX-License-Identifier: GPL-2.0-only */
#include "advert.h"

/* What the routes of one table are asked from. */
struct asker {
	const struct rib *rib;
	size_t connection;
	int attachment; /* of the connection, or -1 */
	int table;	/* associated, or -1 */
	enum view view;
	advert_fn fn;
	void *context;
};

static struct asker asker_of(const struct rib *r, size_t connection)
{
	struct asker a = { .rib = r, .connection = connection, .table = -1 };

	a.attachment = r->attachments[connection];
	if (a.attachment >= 0 && r->config->attachments[a.attachment].association.name)
		a.table = r->config->attachments[a.attachment].association.index;
	if (a.table >= 0)
		a.view = r->config->tables[a.table].transit ? VIEW_ALL : VIEW_EDGE;
	return a;
}

bool advert_shares(const struct rib *r, const struct advert *a, const struct candidate *c)
{
	enum select_step step;

	return c->available && candidate_visible(r, c, a->view) &&
	       select_compare(a->first, c, &step) == 0;
}

static bool leads_back(const struct asker *k, const struct advert *a, bool to_itself)
{
	const struct config *c = k->rib->config;

	for (const struct candidate *one = a->first; one < a->entry->list + a->entry->count; one++)
		if (one->attachment >= 0 && advert_shares(k->rib, a, one) &&
		    (to_itself ? one->attachment == k->attachment
			       : config_same_data_centre(c, (size_t)one->attachment,
							 (size_t)k->attachment)))
			return true;
	return false;
}

static enum advert_fate fate_of(const struct asker *k, const struct advert *a)
{
	if (a->first->source == SOURCE_LOCAL)
		return ADVERT_LOCAL;
	if (a->first->attachment < 0)
		return ADVERT_BLACKHOLE;
	if (leads_back(k, a, false))
		return ADVERT_BACK;
	return k->rib->config->attachments[k->attachment].synchronize ? ADVERT_YES : ADVERT_OFF;
}

/* All tunnels of a connection. */
static struct fib_answer any_tunnel(const struct rib *r, const struct candidate *c)
{
	int connection = r->config->attachments[c->attachment].connection.index;

	return (struct fib_answer){
		.kind = FIB_TUNNELS,
		.set = rib_own_route_members(r, (size_t)connection, (struct connection_route){ 0 },
					     SOURCE_DESTINATION),
	};
}

/*
 * A static route to a connection says nothing about whether the connection has a route for all of
 * it [D9]: then what its own routes do not cover is dropped here, as behind any aggregate.
 */
static struct fib_answer way_of(const struct asker *k, const struct advert *a,
				const struct prefix *p)
{
	struct fib_answer none = { .kind = FIB_NONE }, way;

	if (a->first->attachment < 0 || leads_back(k, a, true))
		return none;
	way = rib_answer(k->rib, (size_t)k->table, k->view, p);
	return way.kind == FIB_NONE && !a->first->single ? any_tunnel(k->rib, a->first) : way;
}

static bool judge(const struct asker *k, const struct rib_entry *e, const struct prefix *p,
		  struct advert *out)
{
	struct advert a = { .entry = e, .view = k->view };

	a.first = rib_entry_best(k->rib, e, k->view, p);
	if (a.first) {
		a.fate = fate_of(k, &a);
		a.way = way_of(k, &a, p);
	} else {
		a.view = VIEW_ALL;
		a.first = rib_entry_best(k->rib, e, VIEW_ALL, p);
		a.fate = ADVERT_TRANSIT;
	}
	if (a.first)
		*out = a;
	return a.first;
}

bool advert_of(const struct rib *r, size_t connection, const struct prefix *p, struct advert *out)
{
	struct asker k = asker_of(r, connection);
	const struct rib_entry *e = k.table < 0 ? NULL : trie_exact(&r->tables[k.table], p);

	return e && judge(&k, e, p, out);
}

static int ask(const struct prefix *p, void *data, void *context)
{
	const struct asker *k = context;
	struct advert a;

	return judge(k, data, p, &a) ? k->fn(p, &a, k->context) : 0;
}

int adverts_each(const struct rib *r, size_t connection, advert_fn fn, void *context)
{
	struct asker k = asker_of(r, connection);

	k.fn = fn;
	k.context = context;
	return k.table < 0 ? 0 : trie_walk(&r->tables[k.table], NULL, ask, &k);
}

const char *advert_fate_name(enum advert_fate f)
{
	switch (f) {
	case ADVERT_YES:
		return "advertised";
	case ADVERT_OFF:
		return "off";
	case ADVERT_BACK:
		return "back";
	case ADVERT_TRANSIT:
		return "transit";
	case ADVERT_BLACKHOLE:
		return "blackhole";
	case ADVERT_LOCAL:
		return "local";
	}
	return "?";
}
