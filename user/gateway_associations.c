/* SPDX-License-Identifier: GPL-2.0-only */
/* What runs on devices, and what a packet that comes in there is subject to. */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include "gateway.h"

struct wanted_association {
	struct association_key key;
	struct association value;
	bool seen; /* by the audit */
};

struct wanted {
	struct gateway *g;
	struct wanted_association *list;
	size_t count;
	struct association_key *gone; /* found in the map, not wanted */
	size_t gone_count, gone_room;
	struct drift_pass *pass; /* of the audit */
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
		return devices_find_vlan(g, ifindex, 0, NULL);
	return tag_count(a) == 1 && devices_find_vlan(g, ifindex, a->vlans[0], &vlan) &&
	       devices_find_vlan(g, vlan.ifindex, 0, NULL);
}

static bool is_veth(struct gateway *g, uint32_t ifindex)
{
	struct host_link link;

	return !host_link_by_index(g->host, ifindex, &link) && !strcmp(link.kind, "veth");
}

/*
 * A sender behind a veth may leave the checksum to the device. The kernel knows that of its skb; a
 * frame of XDP has no place for it, and would arrive elsewhere with half a checksum.
 */
static bool may_redirect(struct gateway *g, size_t attachment)
{
	enum redirect_mode mode = g->config.attachments[attachment].redirect;

	if (mode == REDIRECT_AUTO)
		return !is_veth(g, g->attachments[attachment].ifindex);
	return mode == REDIRECT_ON;
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
	if (may_redirect(w->g, i))
		e->value.flags |= ASSOCIATION_REDIRECT;
	if (config_device_cpus(&w->g->config, a->device)->mode != CPUS_OFF)
		e->value.flags |= ASSOCIATION_SPREAD;
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

/*
 * Several attachments may share a device, by VLAN; one program serves them all. Left to us, a veth
 * does without XDP: it turns every skb into a frame and back, and its peer sends no packets of many
 * segments any more, which costs a TCP stream most of its rate (make bench-forward).
 */
static enum dataplane_xdp xdp_wish(struct gateway *g, uint32_t ifindex)
{
	enum dataplane_xdp wish = is_veth(g, ifindex) ? DATAPLANE_XDP_OFF : DATAPLANE_XDP_AUTO;

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

static struct wanted_association *new_list(const struct gateway *g)
{
	return calloc(g->config.attachment_count + gateway_tunnel_places(g) + 1,
		      sizeof(struct wanted_association));
}

static void want_all(struct wanted *w)
{
	for (size_t i = 0; i < w->g->config.attachment_count; i++)
		want_attachment(w, i);
	for (size_t i = 0; i < gateway_tunnel_places(w->g); i++)
		want_tunnel(w, &w->g->tunnels[i]);
}

/* First what packets are subject to, then the programs that ask. */
static int associate(struct wanted *w)
{
	struct gateway *g = w->g;
	int err = 0, failed = 0;

	want_all(w);
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
	struct wanted w = { .g = g, .list = new_list(g) };
	int err = w.list ? associate(&w) : -ENOMEM;

	free(w.list);
	free(w.gone);
	return err;
}

/* ---- the audit ---- */

static void describe(const struct association_key *key, char object[DRIFT_OBJECT_LEN])
{
	char name[IF_NAMESIZE];

	if (if_indextoname(key->ifindex, name))
		snprintf(object, DRIFT_OBJECT_LEN, "of %s, VLANs %u and %u", name, key->outer_vlan,
			 key->inner_vlan);
	else
		snprintf(object, DRIFT_OBJECT_LEN, "of device %u, which is gone", key->ifindex);
}

static void note_association(struct wanted *w, enum drift_found found,
			     const struct association_key *key)
{
	char object[DRIFT_OBJECT_LEN];

	describe(key, object);
	drift_add(w->pass, DRIFT_ASSOCIATION, found, "%s", object);
}

static int audit_association(const struct association_key *key, const struct association *value,
			     void *data)
{
	struct wanted *w = data;

	for (size_t i = 0; i < w->count; i++) {
		struct wanted_association *must = &w->list[i];

		if (!key_equal(&must->key, key))
			continue;
		must->seen = value;
		if (value && (memcmp(&must->value, value, sizeof(*value)) ||
			      !dataplane_check_association(w->g->dataplane, key, value)))
			note_association(w, DRIFT_DIFFERENT, key);
		return 0;
	}
	note_association(w, DRIFT_FOREIGN, key);
	return 0;
}

/* What could not be attached again is an alarm, too. */
static void note_program(struct drift_pass *p, unsigned gone, uint32_t ifindex, int err)
{
	char name[IF_NAMESIZE];
	size_t item;

	item = drift_add(p, DRIFT_PROGRAM, DRIFT_MISSING, "%s%s%s on %s",
			 gone & DATAPLANE_XDP ? "XDP" : "",
			 gone == (DATAPLANE_XDP | DATAPLANE_TC) ? " and " : "",
			 gone & DATAPLANE_TC ? "tc" : "",
			 if_indextoname(ifindex, name) ? name : "a device that is gone");
	if (err)
		drift_unrepaired(p, DRIFT_PROGRAM, item);
}

static void audit_attachment_programs(struct gateway *g, size_t i, struct drift_pass *p)
{
	struct gateway_attachment *run = &g->attachments[i];
	unsigned gone;

	if (!run->attached)
		return;
	gone = dataplane_detached(g->dataplane, run->attached, false, run->native);
	if (!gone)
		return;
	run->attached = 0;
	note_program(p, gone, run->ifindex, attach_attachment(g, i));
}

static void audit_tunnel_program(struct gateway *g, struct gateway_tunnel *t, struct drift_pass *p)
{
	unsigned gone =
		t->attached ? dataplane_detached(g->dataplane, t->attached, true, false) : 0;

	if (!gone)
		return;
	t->attached = 0;
	note_program(p, gone, t->ifindex, attach_tunnel(g, t));
}

/* Programs of devices that went are no drift: they are attached where the devices are found. */
void associations_audit(struct gateway *g, struct drift_pass *p)
{
	struct wanted w = { .g = g, .pass = p, .list = new_list(g) };

	if (!w.list)
		return;
	want_all(&w);
	dataplane_each_association(g->dataplane, audit_association, &w);
	for (size_t i = 0; i < w.count; i++)
		if (!w.list[i].seen)
			note_association(&w, DRIFT_MISSING, &w.list[i].key);
	free(w.list);
	for (size_t i = 0; i < g->config.attachment_count; i++)
		audit_attachment_programs(g, i, p);
	for (size_t i = 0; i < gateway_tunnel_places(g); i++)
		audit_tunnel_program(g, &g->tunnels[i], p);
}
