/* SPDX-License-Identifier: GPL-2.0-only */
/* Rules of tables and attachments. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "rules_internal.h"

static void learnt_twice(const struct place *first, const struct place *again, struct findings *f)
{
	findings_add(f, SEVERITY_ERROR, again->mark,
		     "table '%s' learns '%s' twice, first in line %u [D7]", again->owner,
		     (const char *)again->key, first->mark.line);
}

void rule_learn_twice(const struct config *c, struct findings *f)
{
	for (EACH_TABLE(c, t)) {
		struct places places = { 0 };

		for (size_t i = 0; i < t->learn_count; i++) {
			const struct config_ref *ref = &t->learn[i];
			struct place place = { .mark = ref->mark, .owner = t->name };

			if (ref->name)
				places_add(&places, ref->name, strlen(ref->name), &place);
		}
		places_finish(&places, learnt_twice, f);
	}
}

void rule_table_routes(const struct config *c, struct findings *f)
{
	for (EACH_TABLE(c, t))
		for (size_t i = 0; i < t->route_count; i++) {
			const struct config_table_route *r = &t->routes[i];

			if (r->blackhole && r->attachment.mark.line)
				findings_add(f, SEVERITY_ERROR, r->mark,
					     "a route leads to an attachment or to a blackhole, "
					     "not to both [D9]");
			else if (!r->blackhole && !r->attachment.mark.line &&
				 r->destination.mark.line)
				findings_add(f, SEVERITY_ERROR, r->mark,
					     "a route leads to 'attachment: NAME' or is "
					     "'blackhole: true'; neither is given [D9]");
		}
}

/* Different metrics, or different attachments, are a choice [D6]; these are not. */
static void route_twice(const struct place *first, const struct place *again, struct findings *f)
{
	const struct config_table_route *a = first->subject, *b = again->subject;
	char text[PREFIX_STRLEN];

	prefix_format(&b->destination.prefix, text);
	if (a->blackhole != b->blackhole)
		findings_add(f, SEVERITY_ERROR, again->mark,
			     "%s is a blackhole and leads to an attachment, at one metric (line "
			     "%u); give one of them a higher metric [D6 D9]",
			     text, first->mark.line);
	else if (a->blackhole || a->attachment.index == b->attachment.index)
		findings_add(f, SEVERITY_ERROR, again->mark,
			     "%s is given twice, first in line %u [D9]", text, first->mark.line);
}

void rule_table_routes_twice(const struct config *c, struct findings *f)
{
	for (EACH_TABLE(c, t)) {
		struct places places = { 0 };

		for (size_t i = 0; i < t->route_count; i++) {
			const struct config_table_route *r = &t->routes[i];
			struct place place = { .mark = r->mark, .subject = r };
			unsigned char key[sizeof(struct prefix) + sizeof(r->metric)];

			if (!r->destination.prefix.address.family ||
			    (!r->blackhole && r->attachment.index < 0))
				continue;
			memcpy(key, &r->destination.prefix, sizeof(struct prefix));
			memcpy(key + sizeof(struct prefix), &r->metric, sizeof(r->metric));
			places_add(&places, key, sizeof(key), &place);
		}
		places_finish(&places, route_twice, f);
	}
}

/* One default stands for all that leads to tunnels: it must not lead to another data centre. */
void rule_slow_path(const struct config *c, struct findings *f)
{
	for (EACH_TABLE(c, t)) {
		int first, other;

		if (t->slow_path != SLOW_PATH_SUMMARY)
			continue;
		first = config_table_connection(c, t, &other);
		if (first >= 0 && other >= 0)
			findings_add(f, SEVERITY_ERROR, t->slow_path_mark,
				     "slow_path: summary is for a table that leads to one "
				     "connection; '%s' leads to '%s' and to '%s': use full [D14]",
				     t->name, c->connections[first].name,
				     c->connections[other].name);
	}
}

/* By attachment: does a table learn it, or a static route lead to it? */
static bool *reached_attachments(const struct config *c)
{
	bool *reached = calloc(c->attachment_count + 1, sizeof(*reached));

	if (!reached)
		return NULL;
	for (EACH_TABLE(c, t)) {
		for (size_t i = 0; i < t->learn_count; i++)
			if (t->learn[i].index >= 0)
				reached[t->learn[i].index] = true;
		for (size_t i = 0; i < t->route_count; i++)
			if (!t->routes[i].blackhole && t->routes[i].attachment.index >= 0)
				reached[t->routes[i].attachment.index] = true;
	}
	return reached;
}

/* Neither is done by itself [D7], so forgetting one is silent until packets are missed. */
void rule_attachment_used(const struct config *c, struct findings *f)
{
	bool *reached = reached_attachments(c);

	if (!reached) {
		f->out_of_memory = true;
		return;
	}
	for (EACH_ATTACHMENT(c, a)) {
		if (!a->association.mark.line)
			findings_add(f, SEVERITY_WARNING, a->mark,
				     "attachment '%s' has no association: what comes from it is "
				     "dropped [D7 D8]",
				     a->name);
		if (!reached[a - c->attachments])
			findings_add(f, SEVERITY_WARNING, a->mark,
				     "no table learns attachment '%s' and no route leads to it: "
				     "nothing is sent there [D7]",
				     a->name);
	}
	free(reached);
}

static void place_twice(const struct place *first, const struct place *again, struct findings *f)
{
	findings_add(f, SEVERITY_ERROR, again->mark,
		     "attachment '%s' has the device and VLAN of '%s' (line %u); a packet is "
		     "associated with one table [S14 D7]",
		     again->owner, first->owner, first->mark.line);
}

void rule_attachment_place(const struct config *c, struct findings *f)
{
	struct places places = { 0 };

	for (EACH_ATTACHMENT(c, a)) {
		unsigned char key[DEVICE_NAME_MAX + 1 + sizeof(a->vlans)] = { 0 };
		struct place place = { .mark = a->device_mark, .owner = a->name };

		if (!a->device || strlen(a->device) > DEVICE_NAME_MAX ||
		    (a->vlan_mark.line && !a->vlans[0]))
			continue;
		memcpy(key, a->device, strlen(a->device));
		memcpy(key + DEVICE_NAME_MAX + 1, a->vlans, sizeof(a->vlans));
		places_add(&places, key, sizeof(key), &place);
	}
	places_finish(&places, place_twice, f);
}

static void cidr_twice(const struct place *first, const struct place *again, struct findings *f)
{
	const struct config_prefix *p = again->subject;
	char text[PREFIX_STRLEN];

	findings_add(f, SEVERITY_ERROR, again->mark,
		     "attachment '%s' has %s twice, first in line %u [D15 D17]", again->owner,
		     prefix_format(&p->prefix, text), first->mark.line);
}

void rule_attachment_cidrs(const struct config *c, struct findings *f)
{
	for (EACH_ATTACHMENT(c, a)) {
		struct places places = { 0 };

		for (size_t i = 0; i < a->cidr_count; i++) {
			struct place place = { .mark = a->cidrs[i].mark,
					       .owner = a->name,
					       .subject = &a->cidrs[i] };

			places_add(&places, &a->cidrs[i].prefix, sizeof(struct prefix), &place);
		}
		places_finish(&places, cidr_twice, f);
	}
}

static void attached_twice(const struct place *first, const struct place *again, struct findings *f)
{
	findings_add(f, SEVERITY_ERROR, again->mark,
		     "connection '%s' is already attached as '%s' (line %u); a connection is "
		     "attached to one thing only [S34]",
		     (const char *)again->key, first->owner, first->mark.line);
}

void rule_connection_attached_once(const struct config *c, struct findings *f)
{
	struct places places = { 0 };

	for (EACH_ATTACHMENT(c, a)) {
		struct place place = { .mark = a->connection.mark, .owner = a->name };

		if (a->connection.name)
			places_add(&places, a->connection.name, strlen(a->connection.name), &place);
	}
	places_finish(&places, attached_twice, f);
}

void rule_synchronize(const struct config *c, struct findings *f)
{
	for (EACH_ATTACHMENT(c, a)) {
		if (!a->synchronize)
			continue;
		if (!a->association.mark.line)
			findings_add(f, SEVERITY_WARNING, a->synchronize_mark,
				     "synchronize: attachment '%s' has no association, so there "
				     "is no table to advertise [D18]",
				     a->name);
		if (a->connection.index >= 0 && !c->connections[a->connection.index].bgp.enabled)
			findings_add(f, SEVERITY_WARNING, a->synchronize_mark,
				     "synchronize: connection '%s' has no bgp to advertise routes "
				     "by [S15 S42]",
				     a->connection.name);
	}
}

/* A VPC's CIDR as one table learns it. */
struct system_route {
	const struct config_prefix *cidr;
	const struct config_attachment *attachment;
};

struct system_routes {
	struct system_route *list;
	size_t count;
};

static int by_prefix(const void *a, const void *b)
{
	const struct system_route *x = a, *y = b;
	int order = prefix_compare(&x->cidr->prefix, &y->cidr->prefix);

	if (order)
		return order;
	/* CIDRs of two attachments are in arrays of their own, in no order. */
	order = (x->attachment > y->attachment) - (x->attachment < y->attachment);
	return order ? order : (x->cidr > y->cidr) - (x->cidr < y->cidr);
}

static const struct config_attachment *learnt_vpc(const struct config *c,
						  const struct config_ref *ref)
{
	if (ref->index < 0 || c->attachments[ref->index].type != ATTACHMENT_VPC)
		return NULL;
	return &c->attachments[ref->index];
}

static struct system_routes collect(const struct config *c, const struct config_table *t,
				    struct findings *f)
{
	struct system_routes routes = { 0 };
	size_t most = 0;

	for (size_t i = 0; i < t->learn_count; i++)
		if (learnt_vpc(c, &t->learn[i]))
			most += learnt_vpc(c, &t->learn[i])->cidr_count;
	routes.list = most ? calloc(most, sizeof(*routes.list)) : NULL;
	if (most && !routes.list)
		f->out_of_memory = true;
	for (size_t i = 0; routes.list && i < t->learn_count; i++) {
		const struct config_attachment *a = learnt_vpc(c, &t->learn[i]);

		for (size_t k = 0; a && k < a->cidr_count; k++)
			routes.list[routes.count++] = (struct system_route){ &a->cidrs[k], a };
	}
	if (routes.count)
		qsort(routes.list, routes.count, sizeof(*routes.list), by_prefix);
	return routes;
}

static void overlap(const struct config_table *t, const struct system_route *outer,
		    const struct system_route *inner, struct findings *f)
{
	char a[PREFIX_STRLEN], b[PREFIX_STRLEN];

	if (outer->attachment == inner->attachment)
		return;
	findings_add(f, SEVERITY_WARNING, inner->cidr->mark,
		     "in table '%s', %s of '%s' overlaps %s of '%s' (line %u) [D15]", t->name,
		     prefix_format(&inner->cidr->prefix, a), inner->attachment->name,
		     prefix_format(&outer->cidr->prefix, b), outer->attachment->name,
		     outer->cidr->mark.line);
}

/* Sorted, a prefix follows all that contain it: the last of them that still does is its parent. */
void rule_vpc_overlap(const struct config *c, struct findings *f)
{
	for (EACH_TABLE(c, t)) {
		struct system_routes routes = collect(c, t, f);
		size_t parents[130], depth = 0;

		for (size_t i = 0; i < routes.count; i++) {
			const struct prefix *p = &routes.list[i].cidr->prefix;

			while (depth &&
			       !prefix_contains(&routes.list[parents[depth - 1]].cidr->prefix, p))
				depth--;
			if (depth)
				overlap(t, &routes.list[parents[depth - 1]], &routes.list[i], f);
			if (!depth ||
			    !prefix_equal(&routes.list[parents[depth - 1]].cidr->prefix, p))
				parents[depth++] = i;
		}
		free(routes.list);
	}
}

/* Packets to these go to the kernel before any route is asked [D14]. */
static const struct {
	struct prefix prefix;
	const char *what;
} never_steered[] = {
	{ { { AF_INET, { 127 } }, 8 }, "loopback" },
	{ { { AF_INET, { 169, 254 } }, 16 }, "link-local" },
	{ { { AF_INET, { 224 } }, 4 }, "multicast" },
	{ { { AF_INET, { 255, 255, 255, 255 } }, 32 }, "broadcast" },
	{ { { AF_INET6, { [15] = 1 } }, 128 }, "loopback" },
	{ { { AF_INET6, { 0xfe, 0x80 } }, 10 }, "link-local" },
	{ { { AF_INET6, { 0xff } }, 8 }, "multicast" },
};

static void check_steered(const struct config_prefix *p, struct findings *f)
{
	char text[PREFIX_STRLEN];

	for (size_t i = 0; i < sizeof(never_steered) / sizeof(*never_steered); i++)
		if (p->prefix.address.family &&
		    prefix_contains(&never_steered[i].prefix, &p->prefix))
			findings_add(f, SEVERITY_WARNING, p->mark,
				     "%s is %s: packets there go to the kernel, never to this "
				     "route [D14]",
				     prefix_format(&p->prefix, text), never_steered[i].what);
}

void rule_never_steered(const struct config *c, struct findings *f)
{
	for (EACH_ATTACHMENT(c, a))
		for (size_t i = 0; i < a->cidr_count; i++)
			check_steered(&a->cidrs[i], f);
	for (EACH_TABLE(c, t))
		for (size_t i = 0; i < t->route_count; i++)
			check_steered(&t->routes[i].destination, f);
	for (EACH_CONNECTION(c, connection))
		for (size_t i = 0; i < connection->route_count; i++)
			check_steered(&connection->routes[i], f);
}
