/* SPDX-License-Identifier: GPL-2.0-only */
/* What a rib answers: which of the candidates serves a block, and through what. */
#include <string.h>
#include "rib_internal.h"

bool candidate_visible(const struct rib *r, const struct candidate *c, enum view view)
{
	return view == VIEW_ALL || c->attachment < 0 ||
	       r->config->attachments[c->attachment].type == ATTACHMENT_VPC;
}

/* Of the entry for `p`. Candidates of a what-if were ranked for other tunnels than its own. */
static bool available(const struct rib *r, const struct candidate *c, const struct prefix *p)
{
	const struct config_attachment *a;
	size_t connection;

	if (!r->what_if || c->attachment < 0)
		return c->available;
	a = &r->config->attachments[c->attachment];
	if (a->type != ATTACHMENT_VPN)
		return c->available;
	connection = (size_t)a->connection.index;
	if (c->source == SOURCE_STATIC)
		return r->present[connection];
	return rib_own_available(r, connection, rib_own_route(r, connection, p), c->source);
}

static bool usable(const struct rib *r, const struct candidate *c, enum view view,
		   const struct prefix *p)
{
	return candidate_visible(r, c, view) && available(r, c, p);
}

/* They stand in order, those that were not available when they were ranked behind the others. */
const struct candidate *rib_entry_best(const struct rib *r, const struct rib_entry *e,
				       enum view view, const struct prefix *p)
{
	const struct candidate *found = NULL;
	enum select_step step;

	for (size_t i = 0; i < e->count && (r->what_if || !found); i++)
		if (usable(r, &e->list[i], view, p) &&
		    (!found || select_compare(&e->list[i], found, &step) < 0))
			found = &e->list[i];
	return found;
}

bool rib_entry_usable(const struct rib *r, const struct rib_entry *e, enum view view,
		      const struct prefix *p)
{
	return rib_entry_best(r, e, view, p);
}

/* One more, at its place; nothing when it is there or the set is full. */
static void add_member(struct member_set *set, struct member m)
{
	size_t at = set->count;

	while (at && set->members[at - 1].tunnel > m.tunnel)
		at--;
	if (set->count == MAX_MEMBERS || (at && set->members[at - 1].tunnel == m.tunnel))
		return;
	memmove(&set->members[at + 1], &set->members[at], (set->count - at) * sizeof(m));
	set->members[at] = m;
	set->count++;
}

static void add_members(struct member_set *set, const struct member_set *more)
{
	for (size_t i = 0; i < more->count; i++)
		add_member(set, more->members[i]);
}

struct fib_answer rib_connection_answer(const struct rib *r, size_t connection,
					const struct prefix *p)
{
	struct prefix matched;
	const void *data;

	for (int max_len = p->len; max_len >= 0; max_len = matched.len - 1) {
		struct connection_route route;
		int source;

		data = trie_longest(&r->connections[connection], &p->address, (unsigned)max_len,
				    &matched);
		if (!data)
			break;
		route = rib_own_route_of(data);
		source = rib_own_route_source(r, connection, route);
		if (source >= 0)
			return (struct fib_answer){
				.kind = FIB_TUNNELS,
				.set = rib_own_route_members(r, connection, route,
							     (enum route_source)source),
			};
	}
	return (struct fib_answer){ .kind = FIB_NONE };
}

/* The group of all candidates for `at` that are as good as `first`, each asked for its own table's
 * answer for the block `p`. */
static struct fib_answer tunnels_answer(const struct rib *r, const struct rib_entry *e,
					const struct candidate *first, enum view view,
					const struct prefix *at, const struct prefix *p)
{
	struct fib_answer all = { .kind = FIB_NONE }, one;
	enum select_step step;

	for (const struct candidate *c = first; c < e->list + e->count; c++) {
		if (!usable(r, c, view, at) || select_compare(first, c, &step))
			continue;
		one = rib_connection_answer(
			r, (size_t)r->config->attachments[c->attachment].connection.index, p);
		if (one.kind != FIB_TUNNELS)
			continue;
		all.kind = FIB_TUNNELS;
		add_members(&all.set, &one.set);
	}
	return all;
}

static struct fib_answer candidate_answer(const struct rib *r, const struct rib_entry *e,
					  const struct candidate *c, enum view view,
					  const struct prefix *at, const struct prefix *p)
{
	if (c->source == SOURCE_LOCAL)
		return (struct fib_answer){ .kind = FIB_LOCAL };
	if (c->attachment < 0)
		return (struct fib_answer){ .kind = FIB_BLACKHOLE };
	if (c->single)
		return (struct fib_answer){
			.kind = FIB_DEVICE,
			.attachment = r->ids->attachment[c->attachment],
		};
	return tunnels_answer(r, e, c, view, at, p);
}

struct fib_answer rib_answer(const struct rib *r, size_t table, enum view view,
			     const struct prefix *p)
{
	int max_len = p->len;

	while (max_len >= 0) {
		struct prefix matched;
		const struct rib_entry *e =
			trie_longest(&r->tables[table], &p->address, (unsigned)max_len, &matched);
		const struct candidate *c;

		if (!e)
			break;
		c = rib_entry_best(r, e, view, &matched);
		if (c)
			return candidate_answer(r, e, c, view, &matched, p);
		max_len = matched.len - 1;
	}
	return (struct fib_answer){ .kind = FIB_NONE };
}
