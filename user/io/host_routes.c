/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Routes. The plan is sorted by the kernel's key (table, prefix, metric); one dump of what carries
 * our protocol (filtered by the kernel) is held against it, so 100,000 routes cost a byte each.
 *
 * A key that is new is added exclusively: where somebody else has it, it stays theirs and is
 * reported. A key that is ours is replaced in one step, whatever it was before (IPv6, too, replaces
 * all siblings of a multipath route). More specific routes come first and go last.
 *
 * A device that is missing or down takes no routes: its hops are left out; a route without hops
 * becomes `unreachable`, so that no shorter prefix attracts what belongs there, or is left out when
 * the plan calls it optional.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "host_route.h"

enum route_state { ROUTE_NEW, ROUTE_DIFFERS, ROUTE_SAME };

/* What is wanted, on the devices that are there. False: nothing. */

static bool wanted_now(const struct host_way *ways, const struct host_route *route,
		       struct host_route_now *r)
{
	r->key = *route;
	r->count = 0;
	for (uint8_t i = 0; route->type == HOST_ROUTE_UNICAST && i < route->hop_count; i++)
		if (ways[route->first_hop + i].ifindex && r->count < MAX_MEMBERS)
			r->ways[r->count++] = ways[route->first_hop + i];
	if (r->count == 1)
		r->ways[0].weight = 1; /* of one, the kernel keeps no weight */
	if (route->type != HOST_ROUTE_UNICAST || r->count)
		return true;
	r->key.type = HOST_ROUTE_UNREACHABLE;
	return !route->optional;
}

struct comparison {
	const struct host_plan *want;
	struct host_routes *diff;
	size_t next; /* behind the one that was found last */
};

static int compare_keys(const void *a, const void *b)
{
	return host_route_compare(a, b);
}

static int note_gone(struct host_routes *diff, const struct host_route *key)
{
	int error =
		host_grow(&diff->gone, &diff->gone_capacity, diff->gone_count, sizeof(*diff->gone));

	if (!error)
		diff->gone[diff->gone_count++] = *key;
	return error;
}

/* IPv4 routes are dumped in the plan's order but for those with one address: where the last one was
 * found, the next one follows. */
static const struct host_route *find_wanted(struct comparison *c, const struct host_route *key)
{
	const struct host_plan *want = c->want;
	const struct host_route *found = NULL;

	if (c->next < want->route_count && !host_route_compare(key, &want->routes[c->next]))
		found = &want->routes[c->next];
	else if (want->route_count)
		found = bsearch(key, want->routes, want->route_count, sizeof(*found), compare_keys);
	if (found)
		c->next = (size_t)(found - want->routes) + 1;
	return found;
}

static int compare_one(const struct nlmsghdr *n, void *data)
{
	struct comparison *c = data;
	struct host_route_now is, shall;
	const struct host_route *found;

	if (!host_decode_route(n, &is))
		return 0;
	found = find_wanted(c, &is.key);
	if (!found || !wanted_now(c->diff->ways, found, &shall))
		return note_gone(c->diff, &is.key);
	c->diff->state[found - c->want->routes] =
		host_same_route(&is, &shall) ? ROUTE_SAME : ROUTE_DIFFERS;
	return 0;
}

static int dump_routes(struct host *h, uint8_t family, struct comparison *c)
{
	char buf[MNL_ALIGN(sizeof(struct nlmsghdr)) + MNL_ALIGN(sizeof(struct rtmsg))];
	struct nlmsghdr *n = mnl_nlmsg_put_header(buf);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(n, sizeof(*rtm));

	n->nlmsg_type = RTM_GETROUTE;
	rtm->rtm_family = family;
	rtm->rtm_protocol = HOST_PROTOCOL;
	return host_dump(h, n, compare_one, c);
}

static size_t count_ipv6(const struct comparison *c, bool unseen)
{
	size_t count = 0;

	for (size_t i = 0; i < c->want->route_count; i++)
		count += c->want->routes[i].prefix.address.family == AF_INET6 &&
			 (!unseen || c->diff->state[i] == ROUTE_NEW);
	return count;
}

#define IPV6_DUMPS 5

/*
 * fib6_dump_table(): where others write into a table meanwhile, its dump begins anew and leaves out
 * as many routes as it has told, of which some may be gone, and says nothing of it. So what is
 * missing is looked for again, unless all is. What one dump leaves out, hardly all do.
 */
static int dump_ipv6(struct host *h, struct comparison *c)
{
	size_t gone = c->diff->gone_count, all = count_ipv6(c, false), unseen = 1;
	int error = 0;

	for (int i = 0; i < IPV6_DUMPS && !error && unseen && (!i || unseen < all); i++) {
		c->diff->gone_count = gone;
		error = dump_routes(h, AF_INET6, c);
		unseen = count_ipv6(c, true);
	}
	return error;
}

#define DUMP_ATTEMPTS 16

static int compare_with_kernel(struct host *h, const struct host_plan *want,
			       struct host_routes *diff)
{
	struct comparison c = { .want = want, .diff = diff };
	int error = -EINTR;

	for (int i = 0; i < DUMP_ATTEMPTS && error == -EINTR; i++) {
		memset(diff->state, ROUTE_NEW, want->route_count + 1);
		diff->gone_count = 0;
		error = dump_routes(h, AF_INET, &c);
		if (!error)
			error = dump_ipv6(h, &c);
	}
	return error;
}

static bool same_plan_hops(const struct host_plan *a, const struct host_route *x,
			   const struct host_plan *b, const struct host_route *y)
{
	for (uint8_t i = 0; i < x->hop_count; i++) {
		const struct host_hop *p = &a->hops[x->first_hop + i];
		const struct host_hop *q = &b->hops[y->first_hop + i];

		if (strcmp(p->device, q->device) != 0 || p->weight != q->weight ||
		    p->via.family != q->via.family ||
		    (p->via.family && !address_equal(&p->via, &q->via)))
			return false;
	}
	return true;
}

static bool same_planned(const struct host_plan *a, const struct host_route *x,
			 const struct host_plan *b, const struct host_route *y)
{
	return x->type == y->type && x->optional == y->optional && x->hop_count == y->hop_count &&
	       same_plan_hops(a, x, b, y);
}

static int compare_with_plan(const struct host_plan *old, const struct host_plan *want,
			     struct host_routes *diff)
{
	size_t i = 0, j = 0;
	int error = 0;

	memset(diff->state, ROUTE_NEW, want->route_count + 1);
	while (i < old->route_count && !error) {
		int order = j < want->route_count
				    ? host_route_compare(&old->routes[i], &want->routes[j])
				    : -1;

		if (order < 0) {
			error = note_gone(diff, &old->routes[i++]);
		} else if (order > 0) {
			j++;
		} else {
			diff->state[j] = same_planned(old, &old->routes[i], want, &want->routes[j])
						 ? ROUTE_SAME
						 : ROUTE_DIFFERS;
			i++;
			j++;
		}
	}
	return error;
}

static void find_ways(struct host *h, const struct host_plan *want, struct host_way *ways)
{
	for (size_t i = 0; i < want->hop_count; i++) {
		const struct host_hop *hop = &want->hops[i];
		const struct host_link *l = host_link_known(h, hop->device);

		ways[i].ifindex = l && l->up ? l->ifindex : 0;
		ways[i].via = hop->via;
		ways[i].weight = hop->weight > 256 ? 256 : hop->weight;
	}
}

/* One sentence per device, not per route. */
void host_routes_note_missing(struct host *h, const struct host_plan *want)
{
	for (size_t i = 0; i < want->hop_count; i++) {
		const char *name = want->hops[i].device;
		bool said = host_link_known(h, name) != NULL;

		for (size_t j = 0; j < i && !said; j++)
			said = strcmp(want->hops[j].device, name) == 0;
		if (!said)
			host_note(h, -ENODEV,
				  "device %s does not exist: what is routed through it is "
				  "unreachable",
				  name);
	}
}

int host_routes_compare(struct host *h, const struct host_plan *old, const struct host_plan *want,
			struct host_routes *diff)
{
	int error = -ENOMEM;

	memset(diff, 0, sizeof(*diff));
	diff->state = malloc(want->route_count + 1);
	diff->ways = calloc(want->hop_count + 1, sizeof(*diff->ways));
	if (diff->state && diff->ways) {
		find_ways(h, want, diff->ways);
		host_routes_note_missing(h, want);
		error = old ? compare_with_plan(old, want, diff)
			    : compare_with_kernel(h, want, diff);
	}
	if (!error)
		return 0;
	h->uncertain = true;
	host_note(h, error, "cannot list the routes: %s", strerror(-error));
	host_routes_free(diff);
	return error;
}

void host_routes_free(struct host_routes *diff)
{
	free(diff->state);
	free(diff->gone);
	free(diff->ways);
	memset(diff, 0, sizeof(*diff));
}

static void route_refused(struct host *h, const void *tag, int error, const char *why)
{
	const struct host_route *r = tag;
	size_t place = h->error_count;
	char text[PREFIX_STRLEN];

	if (error == -EEXIST)
		why = "somebody else's route with this metric is there and stays";
	host_note(h, error, "route %s metric %u in table %u: %s", prefix_format(&r->prefix, text),
		  r->metric, r->table, why ? why : strerror(-error));
	if (h->error_count > place)
		h->error_of_route[place] = true;
}

static void removal_refused(struct host *h, const void *tag, int error, const char *why)
{
	if (error != -ESRCH)
		route_refused(h, tag, error, why);
}

/* What is drift: both plans have it, the kernel has not. */
static bool was_left(const struct host *h, const struct host_plan *want,
		     const struct host_route *route)
{
	const struct host_plan *left = h->left;
	const struct host_route *was = NULL;

	if (left && !left->route_count)
		return want;
	if (left)
		was = bsearch(route, left->routes, left->route_count, sizeof(*was), compare_keys);
	return was && (!want || same_planned(left, was, want, route));
}

static void found(struct host *h, const struct host_route *r, enum drift_found how)
{
	char text[PREFIX_STRLEN];

	host_drifted(h, DRIFT_SLOW_PATH, how, r, "%s metric %u in table %u",
		     prefix_format(&r->prefix, text), r->metric, r->table);
}

/* From the end: what sorts later is never less specific than what encloses it. */
void host_routes_add(struct host *h, const struct host_plan *want, const struct host_routes *diff)
{
	h->refused = route_refused;
	for (size_t i = want->route_count; i-- > 0;) {
		struct host_route_now r;

		bool new = diff->state[i] == ROUTE_NEW;

		if (diff->state[i] == ROUTE_SAME || !wanted_now(diff->ways, &want->routes[i], &r))
			continue;
		if (host_watches(h, DRIFT_SLOW_PATH) && was_left(h, want, &want->routes[i]))
			found(h, &want->routes[i], new ? DRIFT_MISSING : DRIFT_DIFFERENT);
		host_send_route(h, &r, new ? NLM_F_EXCL : NLM_F_REPLACE, &want->routes[i]);
	}
	host_flush(h);
}

static void remove_gone(struct host *h, const struct host_routes *diff)
{
	h->refused = removal_refused;
	for (size_t i = 0; i < diff->gone_count; i++)
		host_send_route_removal(h, &diff->gone[i]);
	host_flush(h);
}

void host_routes_remove(struct host *h, const struct host_routes *diff)
{
	for (size_t i = 0; i < diff->gone_count && host_watches(h, DRIFT_SLOW_PATH); i++)
		if (!was_left(h, NULL, &diff->gone[i]))
			found(h, &diff->gone[i], DRIFT_FOREIGN);
	remove_gone(h, diff);
}

/* A route that loses its last device may have to go, though the plan still has it. */
static int write_route(struct host *h, const struct host_plan *now, size_t i, bool rewrite,
		       struct host_routes *diff)
{
	const struct host_route *route = &now->routes[i];
	bool new = diff->state[i] == ROUTE_NEW;
	struct host_route_now r;

	if (diff->state[i] == ROUTE_SAME && !rewrite)
		return 0;
	if (wanted_now(diff->ways, route, &r))
		host_send_route(h, &r, new ? NLM_F_EXCL : NLM_F_REPLACE, route);
	else if (!new)
		return note_gone(diff, route);
	return 0;
}

void host_routes_follow(struct host *h, const struct host_plan *was, const struct host_plan *now,
			bool rewrite)
{
	struct host_routes diff = {
		.state = malloc(now->route_count + 1),
		.ways = calloc(now->hop_count + 1, sizeof(*diff.ways)),
	};
	int error = -ENOMEM;

	if (diff.state && diff.ways) {
		find_ways(h, now, diff.ways);
		error = compare_with_plan(was, now, &diff);
	}
	h->refused = route_refused;
	for (size_t i = now->route_count; !error && i-- > 0;)
		error = write_route(h, now, i, rewrite, &diff);
	host_flush(h);
	remove_gone(h, &diff);
	if (error) {
		h->uncertain = true;
		host_note(h, error, "cannot follow the routes: %s", strerror(-error));
	}
	host_routes_free(&diff);
}

static bool any_difference(const struct host_plan *want, const struct host_routes *diff)
{
	struct host_route_now r;

	for (size_t i = 0; i < want->route_count; i++)
		if (diff->state[i] != ROUTE_SAME && wanted_now(diff->ways, &want->routes[i], &r))
			return true;
	return diff->gone_count;
}

int host_routes_differ(struct host *h, const struct host_plan *want)
{
	struct host_routes diff;
	int error = host_links_refresh(h);

	if (!error)
		error = host_routes_compare(h, NULL, want, &diff);
	if (error)
		return error;
	error = any_difference(want, &diff);
	host_routes_free(&diff);
	return error;
}
