/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The order of things: what host_apply() does first and last, and what the host says of itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "host_internal.h"

#define DEFAULT_STATE_DIR "/run/espalier"

int host_open(const struct host_options *options, struct host **out, const char **why)
{
	const char *dir = options && options->state_dir ? options->state_dir : DEFAULT_STATE_DIR;
	struct host *h = calloc(1, sizeof(*h));
	int error;

	*why = "out of memory";
	if (!h)
		return -ENOMEM;
	h->state_dir = strdup(dir);
	error = h->state_dir ? host_netlink_open(h, why) : -ENOMEM;
	if (error) {
		host_close(h);
		return error;
	}
	*out = h;
	return 0;
}

static void forget_errors(struct host *h)
{
	for (size_t i = 0; i < h->error_count; i++)
		free(h->errors[i]);
	h->error_count = 0;
	h->errors_hidden = 0;
	h->first_error = 0;
	h->uncertain = false;
	memset(h->error_of_route, 0, sizeof(h->error_of_route));
}

/* Of a plan: what is new, and what goes. */
struct host_change {
	const struct host_plan *old, *want;
	struct host_rules rules;
	struct host_routes routes; /* nothing differs: they are followed otherwise */
};

static void forget_rest(struct host *h)
{
	if (!h->rest)
		return;
	host_routes_free(&h->rest->routes);
	host_rules_free(&h->rest->rules);
	free(h->rest);
	h->rest = NULL;
}

void host_close(struct host *h)
{
	if (!h)
		return;
	host_netlink_close(h);
	forget_errors(h);
	forget_rest(h);
	free(h->links);
	free(h->state_dir);
	free(h);
}

/* The last place is kept for the number of those that found none. */
void host_note(struct host *h, int error, const char *format, ...)
{
	char **place = &h->errors[h->error_count];
	va_list args;

	if (!h->first_error)
		h->first_error = error;
	if (h->error_count == HOST_ERRORS_SHOWN - 1) {
		h->errors_hidden++;
		return;
	}
	va_start(args, format);
	if (vasprintf(place, format, args) < 0)
		*place = NULL;
	va_end(args);
	if (*place)
		h->error_count++;
}

static int finish(struct host *h)
{
	char **last = &h->errors[h->error_count];

	if (h->errors_hidden &&
	    asprintf(last, "and %zu more of the same kind", h->errors_hidden) >= 0)
		h->error_count++;
	h->errors_hidden = 0;
	return h->first_error;
}

size_t host_error_count(const struct host *h)
{
	return h->error_count;
}

const char *host_error(const struct host *h, size_t i)
{
	return h->errors[i];
}

bool host_error_of_route(const struct host *h, size_t i)
{
	return h->error_of_route[i];
}

bool host_uncertain(const struct host *h)
{
	return h->uncertain;
}

/* Addresses go by name while their device is still known. */
static void remove_what_is_old(struct host *h, struct host_change *c)
{
	host_rules_remove(h, &c->rules, HOST_RULE_LOOKUP);
	host_routes_remove(h, &c->routes);
	host_addresses_remove(h, c->want);
	host_links_release(h, c->old, c->want);
	host_links_remove(h, c->want);
	host_sysctls_restore(h, c->want);
	host_rules_remove(h, &c->rules, HOST_RULE_UNREACHABLE);
}

static void begin(struct host *h, struct host_change *c)
{
	forget_errors(h);
	host_rules_read(h, &c->rules);
	host_rules_add(h, &c->rules, c->want, HOST_RULE_UNREACHABLE);
	host_links_apply(h, c->want);
	host_sysctls_apply(h, c->want);
	host_addresses_add(h, c->want);
}

/* Without memory for it everything is compared again. */
static void keep_rest(struct host *h, const struct host_change *c)
{
	h->rest = malloc(sizeof(*h->rest));
	if (h->rest)
		*h->rest = *c;
}

static int apply(struct host *h, struct host_change *c, bool remove)
{
	bool compared;

	forget_rest(h);
	begin(h, c);
	compared = !host_routes_compare(h, h->ahead ? NULL : c->old, c->want, &c->routes);
	if (compared) {
		host_routes_add(h, c->want, &c->routes);
		host_rules_add(h, &c->rules, c->want, HOST_RULE_LOOKUP);
	}
	if (compared && remove)
		remove_what_is_old(h, c);
	h->ahead = !remove;
	if (compared && !remove)
		keep_rest(h, c);
	if (!h->rest) {
		host_routes_free(&c->routes);
		host_rules_free(&c->rules);
	}
	return finish(h);
}

int host_apply(struct host *h, const struct host_plan *old, const struct host_plan *want)
{
	struct host_change c = { .old = old, .want = want };

	return apply(h, &c, true);
}

int host_apply_new(struct host *h, const struct host_plan *old, const struct host_plan *want)
{
	struct host_change c = { .old = old, .want = want };

	return apply(h, &c, false);
}

int host_apply_rest(struct host *h, const struct host_plan *old, const struct host_plan *want)
{
	if (!h->rest)
		return host_apply(h, old, want);
	forget_errors(h);
	h->rest->old = old;
	h->rest->want = want;
	remove_what_is_old(h, h->rest);
	forget_rest(h);
	h->ahead = false;
	return finish(h);
}

int host_apply_frame(struct host *h, const struct host_plan *old, const struct host_plan *want)
{
	struct host_change c = { .old = old, .want = want };

	begin(h, &c);
	host_routes_note_missing(h, want);
	host_rules_add(h, &c.rules, want, HOST_RULE_LOOKUP);
	remove_what_is_old(h, &c);
	host_rules_free(&c.rules);
	return finish(h);
}

int host_follow_routes(struct host *h, const struct host_plan *was, const struct host_plan *now,
		       bool rewrite)
{
	forget_errors(h);
	host_routes_follow(h, was, now, rewrite);
	return finish(h);
}

int host_teardown(struct host *h)
{
	static const struct host_plan nothing = { 0 };

	return host_apply(h, NULL, &nothing);
}

/* Facts. */

static bool proc_says(const char *path, char value)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char is = 0;
	bool read_it;

	if (fd < 0)
		return false;
	read_it = read(fd, &is, 1) == 1;
	close(fd);
	return read_it && is == value;
}

static const struct host_link *known_index(const struct host *h, uint32_t ifindex)
{
	for (size_t i = 0; i < h->link_count; i++)
		if (h->links[i].ifindex == ifindex)
			return &h->links[i];
	return NULL;
}

static const struct host_link *vlan_on(const struct host *h, const struct host_link *below,
				       uint16_t vlan)
{
	for (size_t i = 0; below && i < h->link_count; i++)
		if (strcmp(h->links[i].kind, "vlan") == 0 && h->links[i].vlan == vlan &&
		    h->links[i].parent == below->ifindex)
			return &h->links[i];
	return NULL;
}

/* The kernel's VLAN device for the tags of an attachment, one upon the other. */
static void attachment_fact(const struct host *h, const struct config_attachment *a,
			    struct host_attachment_fact *out)
{
	const struct host_link *l;

	if (a->type == ATTACHMENT_VPN || !a->vlans[0])
		return;
	l = host_link_known(h, a->device);
	for (size_t i = 0; i < VLANS_PER_ATTACHMENT && a->vlans[i]; i++)
		l = vlan_on(h, l, a->vlans[i]);
	snprintf(out->device, sizeof(out->device), "%s", l ? l->name : "");
}

static void tunnel_fact(const struct host *h, const struct config_tunnel *t,
			const struct host_local_address *addresses, size_t count,
			struct host_tunnel_fact *out)
{
	for (size_t i = 0; i < count; i++) {
		const struct host_link *l = known_index(h, addresses[i].ifindex);

		if (l && address_equal(&addresses[i].address, &t->local_address)) {
			snprintf(out->underlay, sizeof(out->underlay), "%s", l->name);
			return;
		}
	}
}

static void read_tunnels(const struct host *h, const struct config *c,
			 const struct host_local_address *addresses, size_t count,
			 struct host_facts *out)
{
	for (size_t i = 0; i < c->connection_count; i++)
		for (size_t t = 0; t < c->connections[i].tunnel_count; t++)
			tunnel_fact(h, &c->connections[i].tunnels[t], addresses, count,
				    &out->tunnels[i][t]);
}

int host_facts_read(struct host *h, const struct config *c, struct host_facts *out)
{
	struct host_local_address *addresses;
	struct host_facts facts;
	size_t count;
	int error = host_facts_init(&facts, c);

	if (error)
		return error;
	error = host_links_refresh(h);
	if (!error)
		error = host_addresses(h, &addresses, &count);
	if (error) {
		host_facts_free(&facts);
		return error;
	}
	for (size_t i = 0; i < c->attachment_count; i++)
		attachment_fact(h, &c->attachments[i], &facts.attachments[i]);
	read_tunnels(h, c, addresses, count, &facts);
	free(addresses);
	facts.force_forwarding = access("/proc/sys/net/ipv6/conf/lo/force_forwarding", F_OK) == 0;
	facts.strict_all = proc_says("/proc/sys/net/ipv4/conf/all/rp_filter", '1');
	*out = facts;
	return 0;
}
