/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices: where attachments and tunnels are on this host, what runs on them, and what a packet
 * that comes in there is subject to.
 */
#include <errno.h>
#include <net/if_arp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <syslog.h>
#include "gateway.h"

/* ---- the kernel ---- */

static void mark_down(struct gateway *g, struct host_facts *facts)
{
	for (size_t i = 0; i < gateway_tunnel_places(g); i++) {
		const struct gateway_tunnel *t = &g->tunnels[i];

		if (t->used)
			facts->tunnels[t->connection][t->index].down = !gateway_tunnel_up(g, t);
	}
}

static void note_host_errors(struct gateway *g)
{
	for (size_t i = 0; i < host_error_count(g->host); i++)
		gateway_alarm(g, "%s", host_error(g->host, i));
}

static int make_plan(struct gateway *g, const struct fib *fib, struct host_plan *plan)
{
	struct host_facts facts;
	int err = host_facts_read(g->host, &g->config, &facts);

	if (err)
		return err;
	mark_down(g, &facts);
	err = host_plan_build(&g->config, &g->ids, fib, &facts, plan);
	host_facts_free(&facts);
	return err;
}

int devices_apply_host(struct gateway *g, const struct fib *fib)
{
	struct host_plan plan;
	int err = make_plan(g, fib, &plan);

	if (err)
		return err;
	err = host_apply(g->host, g->plan_known ? &g->plan : NULL, &plan);
	note_host_errors(g);
	host_plan_free(&g->plan);
	g->plan = plan;
	g->plan_known = !err;
	return err;
}

int devices_prepare_host(struct gateway *g, const struct fib *fib)
{
	struct host_plan plan;
	int err = make_plan(g, fib, &plan);

	if (err)
		return err;
	err = host_apply_new(g->host, g->plan_known ? &g->plan : NULL, &plan);
	note_host_errors(g);
	host_plan_free(&plan);
	return err;
}

/* Loopback and link-local ones are the kernel's anyway [D14]. */
static bool is_scoped(const struct address *a)
{
	if (a->family == AF_INET)
		return a->bytes[0] == 127 || (a->bytes[0] == 169 && a->bytes[1] == 254);
	return (a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80) ||
	       (!memcmp(a->bytes, (uint8_t[15]){ 0 }, 15) && a->bytes[15] == 1);
}

static int by_address(const void *x, const void *y)
{
	const struct address *a = x, *b = y;

	return a->family != b->family ? a->family - b->family : memcmp(a->bytes, b->bytes, 16);
}

int devices_read_locals(struct gateway *g)
{
	struct host_local_address *list;
	size_t count, kept = 0;
	struct address *locals;
	int err = host_addresses(g->host, &list, &count);

	if (err)
		return err;
	locals = malloc((count + 1) * sizeof(*locals));
	for (size_t i = 0; locals && i < count; i++)
		if (!is_scoped(&list[i].address))
			locals[kept++] = list[i].address;
	free(list);
	if (!locals)
		return -ENOMEM;
	qsort(locals, kept, sizeof(*locals), by_address);
	free(g->locals);
	g->locals = locals;
	g->local_count = kept;
	return 0;
}

/* ---- where things are ---- */

static uint8_t l2_len_of(struct gateway *g, const struct host_link *l)
{
	struct host_link below;

	if (l->arphrd == ARPHRD_ETHER)
		return ETH_HEADER_LEN;
	if (strcmp(l->kind, "xfrm"))
		return 0;
	/* Decrypted packets keep the Ethernet header of the ESP packet that they came in. */
	if (l->parent && !host_link_by_index(g->host, l->parent, &below) &&
	    below.arphrd != ARPHRD_ETHER && below.arphrd != ARPHRD_LOOPBACK)
		return 0;
	return ETH_HEADER_LEN;
}

static int locate_tunnel(struct gateway *g, struct gateway_tunnel *t)
{
	const struct config_tunnel *c = gateway_tunnel_config(g, t);
	int attachment = connection_attachment(&g->config, t->connection);
	struct host_link link = { 0 };
	struct tunnel value = { 0 };
	char name[DEVICE_NAME_LEN];
	int err;

	if (host_link_by_name(g->host, tunnel_device_name(c, name), &link) || !link.up)
		link = (struct host_link){ 0 };
	if (t->ifindex && !link.ifindex)
		gateway_log(LOG_WARNING, "tunnel %s: device %s is gone or down", c->name, name);
	if (t->ifindex != link.ifindex)
		t->attached = 0;
	t->located = true;
	t->ifindex = link.ifindex;
	t->mtu = link.mtu;
	t->l3 = link.arphrd != ARPHRD_ETHER;
	t->l2_len = l2_len_of(g, &link);
	memcpy(t->mac, link.mac, sizeof(t->mac));
	value.ifindex = t->ifindex;
	value.mtu = t->mtu;
	value.attachment = attachment < 0 ? 0 : g->ids.attachment[attachment];
	err = dataplane_set_tunnel(g->dataplane, t->id, &value);
	if (!err)
		forwarding_set_live(g, t, gateway_tunnel_up(g, t));
	return err;
}

/* The kernel's VLAN device on `parent` with this id (0: any), or nothing. out may be NULL. */
static bool find_vlan(struct gateway *g, uint32_t parent, uint16_t id, struct host_link *out)
{
	struct host_link *links;
	size_t count;
	bool found = false;

	if (host_links(g->host, &links, &count))
		return false;
	for (size_t i = 0; i < count && !found; i++) {
		found = !strcmp(links[i].kind, "vlan") && links[i].parent == parent &&
			(!id || links[i].vlan == id);
		if (found && out)
			*out = links[i];
	}
	free(links);
	return found;
}

/* Where packets to an attachment go: through the kernel's VLAN devices where there are any; else
 * one tag can be pushed, two cannot. */
static void output_device(struct gateway *g, const struct config_attachment *a,
			  const struct host_link *link, struct device *out)
{
	struct host_link vlan = *link, inner;

	out->ifindex = link->ifindex;
	out->mtu = a->mtu ? a->mtu : link->mtu;
	if (!a->vlans[0])
		return;
	if (find_vlan(g, link->ifindex, a->vlans[0], &vlan) &&
	    (!a->vlans[1] || find_vlan(g, vlan.ifindex, a->vlans[1], &inner))) {
		out->ifindex = a->vlans[1] ? inner.ifindex : vlan.ifindex;
		return;
	}
	out->push_vlan = a->vlans[0];
	if (a->vlans[1])
		out->ifindex = 0;
}

static void next_hops(const struct config_attachment *a, struct device *out)
{
	if (a->next_hop_v4.family) {
		out->has_next_hop_v4 = 1;
		memcpy(&out->next_hop_v4, a->next_hop_v4.bytes, sizeof(out->next_hop_v4));
	}
	if (a->next_hop_v6.family) {
		out->has_next_hop_v6 = 1;
		memcpy(out->next_hop_v6, a->next_hop_v6.bytes, sizeof(out->next_hop_v6));
	}
}

static int locate_attachment(struct gateway *g, size_t i)
{
	const struct config_attachment *a = &g->config.attachments[i];
	struct gateway_attachment *run = &g->attachments[i];
	struct host_link link = { 0 };
	struct device value = { 0 };

	if (a->type == ATTACHMENT_VPN)
		return 0;
	if (host_link_by_name(g->host, a->device, &link))
		gateway_alarm(g, "attachment %s: device %s is not there; packets to it are dropped",
			      a->name, a->device);
	if (run->ifindex != link.ifindex)
		run->attached = 0;
	run->ifindex = link.ifindex;
	run->l3 = link.ifindex && link.arphrd != ARPHRD_ETHER;
	memcpy(run->mac, link.mac, sizeof(run->mac));
	if (link.ifindex)
		output_device(g, a, &link, &value);
	if (link.ifindex && !value.ifindex)
		gateway_alarm(
			g,
			"attachment %s: packets with two tags can only be sent through VLAN "
			"devices: ip link add link %s name %s.%u type vlan id %u, and one on it",
			a->name, a->device, a->device, a->vlans[0], a->vlans[0]);
	next_hops(a, &value);
	return dataplane_set_device(g->dataplane, run->id, &value);
}

int devices_locate(struct gateway *g)
{
	int err = 0;

	for (size_t i = 0; !err && i < gateway_tunnel_places(g); i++)
		if (g->tunnels[i].used)
			err = locate_tunnel(g, &g->tunnels[i]);
	for (size_t i = 0; !err && i < g->config.attachment_count; i++)
		err = locate_attachment(g, i);
	return err;
}

/* ---- programs and associations ---- */

struct wanted_association {
	struct association_key key;
	struct association value;
};

struct wanted {
	struct gateway *g;
	struct wanted_association *list;
	size_t count;
	struct association_key *gone; /* found in the map, not wanted */
	size_t gone_count, gone_room;
};

static uint8_t association_flags(const struct gateway *g, bool l3)
{
	uint8_t flags = l3 ? ASSOCIATION_L3 : 0;

	if (g->config.gateway.on_no_route == NO_ROUTE_PASS)
		flags |= ASSOCIATION_NO_ROUTE_PASS;
	return flags;
}

static unsigned tag_count(const struct config_attachment *a)
{
	return !!a->vlans[0] + !!a->vlans[1];
}

/* Does the device carry frames with more tags than this attachment's: another attachment's, or of
 * VLAN devices of the host? */
static bool carries_more_tags(struct gateway *g, size_t attachment)
{
	const struct config_attachment *a = &g->config.attachments[attachment];
	uint32_t ifindex = g->attachments[attachment].ifindex;
	struct host_link vlan;

	for (size_t i = 0; i < g->config.attachment_count; i++)
		if (g->attachments[i].ifindex == ifindex &&
		    tag_count(&g->config.attachments[i]) > tag_count(a))
			return true;
	if (tag_count(a) == 0)
		return find_vlan(g, ifindex, 0, NULL);
	return tag_count(a) == 1 && find_vlan(g, ifindex, a->vlans[0], &vlan) &&
	       find_vlan(g, vlan.ifindex, 0, NULL);
}

static void want_attachment(struct wanted *w, size_t i)
{
	const struct config_attachment *a = &w->g->config.attachments[i];
	const struct gateway_attachment *run = &w->g->attachments[i];
	struct wanted_association *e = &w->list[w->count];

	if (!run->ifindex)
		return;
	e->key = (struct association_key){ run->ifindex, a->vlans[0], a->vlans[1] };
	e->value = (struct association){
		.table = ids_attachment_table(&w->g->ids, &w->g->config, i),
		.attachment = run->id,
		.tunnel = NO_TUNNEL,
		.source_table = NO_TABLE,
		.flags = association_flags(w->g, run->l3),
		.l2_len = run->l3 ? 0 : ETH_HEADER_LEN,
	};
	if (carries_more_tags(w->g, i))
		e->value.flags |= ASSOCIATION_TAGGED_TOO;
	memcpy(e->value.mac, run->mac, sizeof(run->mac));
	w->count++;
}

/* What comes out of a tunnel is the connection's, and only from where its own routes lead. */
static void want_tunnel(struct wanted *w, const struct gateway_tunnel *t)
{
	int attachment = connection_attachment(&w->g->config, t->connection);
	struct wanted_association *e = &w->list[w->count];

	if (!t->used || !t->ifindex)
		return;
	e->key = (struct association_key){ t->ifindex, 0, 0 };
	e->value = (struct association){
		.table = NO_TABLE,
		.tunnel = t->id,
		.source_table = w->g->ids.connection_table[t->connection],
		.flags = association_flags(w->g, t->l3),
		.l2_len = t->l2_len,
	};
	memcpy(e->value.mac, t->mac, sizeof(t->mac));
	if (attachment >= 0) {
		e->value.attachment = w->g->ids.attachment[attachment];
		e->value.table =
			ids_attachment_table(&w->g->ids, &w->g->config, (size_t)attachment);
	}
	w->count++;
}

static bool key_equal(const struct association_key *a, const struct association_key *b)
{
	return a->ifindex == b->ifindex && a->outer_vlan == b->outer_vlan &&
	       a->inner_vlan == b->inner_vlan;
}

static int find_gone(const struct association_key *key, const struct association *value, void *data)
{
	struct wanted *w = data;

	(void)value;
	for (size_t i = 0; i < w->count; i++)
		if (key_equal(&w->list[i].key, key))
			return 0;
	if (w->gone_count == w->gone_room) {
		size_t room = w->gone_room ? 2 * w->gone_room : 16;
		struct association_key *gone = realloc(w->gone, room * sizeof(*gone));

		if (!gone)
			return -ENOMEM;
		w->gone = gone;
		w->gone_room = room;
	}
	w->gone[w->gone_count++] = *key;
	return 0;
}

static bool device_in_use(const struct wanted *w, uint32_t ifindex)
{
	for (size_t i = 0; i < w->count; i++)
		if (w->list[i].key.ifindex == ifindex)
			return true;
	return false;
}

static int remove_gone(struct wanted *w)
{
	int err = dataplane_each_association(w->g->dataplane, find_gone, w);

	for (size_t i = 0; !err && i < w->gone_count; i++) {
		if (!device_in_use(w, w->gone[i].ifindex))
			dataplane_detach(w->g->dataplane, w->gone[i].ifindex);
		err = dataplane_delete_association(w->g->dataplane, &w->gone[i]);
	}
	return err;
}

/* Several attachments may share a device, by VLAN; one program serves them all. */
static enum dataplane_xdp xdp_wish(const struct gateway *g, uint32_t ifindex)
{
	enum dataplane_xdp wish = DATAPLANE_XDP_AUTO;

	for (size_t i = 0; i < g->config.attachment_count; i++) {
		if (g->attachments[i].ifindex != ifindex)
			continue;
		if (g->config.attachments[i].xdp == XDP_OFF)
			return DATAPLANE_XDP_OFF;
		if (g->config.attachments[i].xdp == XDP_NATIVE)
			wish = DATAPLANE_XDP_NATIVE;
	}
	return wish;
}

static int attach_attachment(struct gateway *g, size_t i)
{
	const struct config_attachment *a = &g->config.attachments[i];
	struct gateway_attachment *run = &g->attachments[i];
	int err;

	if (!run->ifindex || run->attached == run->ifindex)
		return 0;
	err = dataplane_attach_device(g->dataplane, run->ifindex, xdp_wish(g, run->ifindex),
				      &run->native);
	if (err) {
		gateway_alarm(g, "attachment %s: cannot attach to %s%s: %s", a->name, a->device,
			      a->xdp == XDP_NATIVE ? " (xdp: native; auto would use tc)" : "",
			      strerror(-err));
		return err;
	}
	run->attached = run->ifindex;
	gateway_log(LOG_INFO, "attachment %s: steering on %s by %s", a->name, a->device,
		    run->native ? "native XDP and tc" : "tc");
	return 0;
}

static int attach_tunnel(struct gateway *g, struct gateway_tunnel *t)
{
	int err;

	if (!t->used || !t->ifindex || t->attached == t->ifindex)
		return 0;
	err = dataplane_attach_tunnel(g->dataplane, t->ifindex);
	if (err)
		gateway_alarm(g, "tunnel %s: cannot attach to its device: %s",
			      gateway_tunnel_config(g, t)->name, strerror(-err));
	else
		t->attached = t->ifindex;
	return err;
}

/* First what packets are subject to, then the programs that ask. */
static int associate(struct wanted *w)
{
	struct gateway *g = w->g;
	int err = 0, failed = 0;

	for (size_t i = 0; i < g->config.attachment_count; i++)
		want_attachment(w, i);
	for (size_t i = 0; i < gateway_tunnel_places(g); i++)
		want_tunnel(w, &g->tunnels[i]);
	for (size_t i = 0; !err && i < w->count; i++)
		err = dataplane_set_association(g->dataplane, &w->list[i].key, &w->list[i].value);
	for (size_t i = 0; !err && i < g->config.attachment_count; i++)
		failed |= attach_attachment(g, i);
	for (size_t i = 0; !err && i < gateway_tunnel_places(g); i++)
		failed |= attach_tunnel(g, &g->tunnels[i]);
	if (!err)
		err = remove_gone(w);
	return err ? err : failed ? -EIO : 0;
}

int devices_associate(struct gateway *g)
{
	size_t most = g->config.attachment_count + gateway_tunnel_places(g);
	struct wanted w = { .g = g, .list = calloc(most + 1, sizeof(*w.list)) };
	int err = w.list ? associate(&w) : -ENOMEM;

	free(w.list);
	free(w.gone);
	return err;
}
