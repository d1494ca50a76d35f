/* SPDX-License-Identifier: GPL-2.0-only */
/* One route that is added at run time, judged by the rules of those in the file. */
#include <errno.h>
#include <string.h>
#include "rules_internal.h"

static const struct mark at_run_time;

static const char *origin(const struct mark *mark)
{
	return mark->line ? "in the configuration" : "at run time";
}

int rules_connection_route(const struct config *c, size_t connection, const struct prefix *p,
			   struct findings *f)
{
	const struct config_connection *to = &c->connections[connection];
	const char *refused = rules_destination_refused(p);
	size_t errors = findings_errors(f);
	char text[PREFIX_STRLEN];

	prefix_format(p, text);
	for (size_t i = 0; i < to->route_count; i++)
		if (prefix_equal(&to->routes[i].prefix, p)) {
			findings_add(f, SEVERITY_ERROR, at_run_time,
				     "connection '%s' has %s already, %s [S31]", to->name, text,
				     origin(&to->routes[i].mark));
			return -EEXIST;
		}
	if (refused)
		findings_add(f, SEVERITY_ERROR, at_run_time, "%s %s", text, refused);
	if (connection_attachment(c, connection) < 0)
		findings_add(f, SEVERITY_ERROR, at_run_time,
			     "connection '%s' is not attached, so it can have no destination-based "
			     "route [S32]",
			     to->name);
	if (to->bgp.enabled && !to->allow_mixed_routing)
		findings_add(f, SEVERITY_ERROR, at_run_time,
			     "connection '%s' has bgp; one method per connection, unless "
			     "allow_mixed_routing: true [S22]",
			     to->name);
	return findings_errors(f) == errors ? 0 : -EINVAL;
}

static bool same_place(const struct config_table_route *a, const struct config_table_route *b)
{
	return prefix_equal(&a->destination.prefix, &b->destination.prefix) &&
	       a->metric == b->metric;
}

/* rule_slow_path() */
static int one_connection(const struct config *c, const struct config_table *t,
			  const struct config_table_route *r, struct findings *f)
{
	const struct config_attachment *a =
		r->blackhole ? NULL : &c->attachments[r->attachment.index];
	int first = config_table_connection(c, t, NULL);

	if (t->slow_path != SLOW_PATH_SUMMARY || !a || a->type != ATTACHMENT_VPN || first < 0 ||
	    first == a->connection.index)
		return 0;
	findings_add(f, SEVERITY_ERROR, at_run_time,
		     "table '%s' has slow_path: summary, which is for one connection; it leads to "
		     "'%s' already [D14]",
		     t->name, c->connections[first].name);
	return -EINVAL;
}

int rules_table_route(const struct config *c, size_t table, const struct config_table_route *r,
		      struct findings *f)
{
	const struct config_table *t = &c->tables[table];
	int err = one_connection(c, t, r, f);
	char text[PREFIX_STRLEN];

	prefix_format(&r->destination.prefix, text);
	for (size_t i = 0; i < t->route_count; i++) {
		const struct config_table_route *have = &t->routes[i];

		if (!same_place(have, r))
			continue;
		if (have->blackhole == r->blackhole &&
		    (r->blackhole || have->attachment.index == r->attachment.index)) {
			findings_add(f, SEVERITY_ERROR, at_run_time,
				     "table '%s' has this route to %s already, %s [D9]", t->name,
				     text, origin(&have->mark));
			return -EEXIST;
		}
		if (have->blackhole != r->blackhole) {
			findings_add(f, SEVERITY_ERROR, at_run_time,
				     "in table '%s', %s would be a blackhole and lead to an "
				     "attachment, at one metric; give it another metric [D6 D9]",
				     t->name, text);
			err = -EINVAL;
		}
	}
	return err;
}
