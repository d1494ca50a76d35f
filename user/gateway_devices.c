/* SPDX-License-Identifier: GPL-2.0-only */
/* Devices: the gateway's own addresses, and where attachments and tunnels are on this host. */
#include <errno.h>
#include <net/if_arp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <syslog.h>
#include "gateway_neighbours.h"

/* Loopback and link-local ones are the kernel's anyway [D14]. */
static bool is_scoped(const struct address *a)
{
	if (address_is_link_local(a))
		return true;
	if (a->family == AF_INET)
		return a->bytes[0] == 127;
	return !memcmp(a->bytes, (uint8_t[15]){ 0 }, 15) && a->bytes[15] == 1;
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
	t->told = (struct tunnel){
		.ifindex = t->ifindex,
		.mtu = t->mtu,
		.attachment = attachment < 0 ? 0 : g->ids.attachment[attachment],
	};
	if (!t->ifindex) /* flows leave it before it leaves the map */
		tunnel_changed(g, t);
	err = dataplane_set_tunnel(g->dataplane, t->id, &t->told);
	if (err)
		return err;
	tunnel_changed(g, t);
	forwarding_set_live(g, t, t->machine.live);
	return 0;
}

bool devices_find_vlan(struct gateway *g, uint32_t parent, uint16_t id, struct host_link *out)
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
	if (devices_find_vlan(g, link->ifindex, a->vlans[0], &vlan) &&
	    (!a->vlans[1] || devices_find_vlan(g, vlan.ifindex, a->vlans[1], &inner))) {
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

/* A frame of XDP's own needs what the kernel would else know: tags and sender. */
static void describe_redirect(struct gateway *g, size_t i, struct device *out)
{
	const struct config_attachment *a = &g->config.attachments[i];
	struct host_link link;

	if (!out->ifindex || !neighbours_redirectable(g, i) ||
	    host_link_by_index(g->host, out->ifindex, &link))
		return;
	out->redirect = 1;
	memcpy(out->mac, link.mac, sizeof(out->mac));
	for (size_t k = 0; k < VLANS_PER_ATTACHMENT; k++)
		out->vlans[k] = a->vlans[k];
}

/* The device is in the map of redirects as long as a packet may be sent there. */
static int tell_device(struct gateway *g, size_t i, struct device *value)
{
	struct gateway_attachment *run = &g->attachments[i];
	int err;

	describe_redirect(g, i, value);
	if (value->redirect && dataplane_set_redirect(g->dataplane, run->id, run->ifindex))
		value->redirect = 0;
	run->told = *value;
	err = dataplane_set_device(g->dataplane, run->id, value);
	if (!err && !value->redirect)
		err = dataplane_set_redirect(g->dataplane, run->id, 0);
	return err;
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
	return tell_device(g, i, &value);
}

static bool tunnel_complete(const struct gateway_tunnel *t)
{
	return !t->used || (t->ifindex && t->attached == t->ifindex);
}

static bool attachment_complete(const struct gateway *g, size_t i)
{
	const struct gateway_attachment *run = &g->attachments[i];

	return g->config.attachments[i].type == ATTACHMENT_VPN ||
	       (run->ifindex && run->attached == run->ifindex && run->told.ifindex);
}

bool devices_complete(const struct gateway *g)
{
	for (size_t i = 0; i < gateway_tunnel_places(g); i++)
		if (!tunnel_complete(&g->tunnels[i]))
			return false;
	for (size_t i = 0; i < g->config.attachment_count; i++)
		if (!attachment_complete(g, i))
			return false;
	return true;
}

int devices_locate(struct gateway *g)
{
	int err = 0;

	for (size_t i = 0; !err && i < gateway_tunnel_places(g); i++)
		if (g->tunnels[i].used)
			err = locate_tunnel(g, &g->tunnels[i]);
	for (size_t i = 0; !err && i < g->config.attachment_count; i++)
		err = locate_attachment(g, i);
	neighbours_located(g);
	return err;
}
