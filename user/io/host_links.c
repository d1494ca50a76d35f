/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices: VRFs and xfrm interfaces are made, adopted ones are only dressed.
 *
 * A device is made and marked in one batch, so that none of ours is ever left without its mark. One
 * of the right name without the mark belongs to somebody else and is left alone. What cannot be
 * changed in place (if_id, table, the device below) means a new device; the rules meanwhile end in
 * unreachable.
 */
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "host_internal.h"

#define DUMP_ATTEMPTS 16

struct link_list {
	struct host_link *list;
	size_t count, capacity;
};

static int collect_link(const struct nlmsghdr *n, void *data)
{
	struct link_list *l = data;
	int error = host_grow(&l->list, &l->capacity, l->count, sizeof(*l->list));

	if (error)
		return error;
	if (host_decode_link(n, &l->list[l->count]))
		l->count++;
	return 0;
}

static int dump_links(struct host *h, struct link_list *l)
{
	char buf[MNL_ALIGN(sizeof(struct nlmsghdr)) + MNL_ALIGN(sizeof(struct ifinfomsg))];
	int error = -EINTR;

	for (int i = 0; i < DUMP_ATTEMPTS && error == -EINTR; i++) {
		struct nlmsghdr *n = mnl_nlmsg_put_header(buf);

		n->nlmsg_type = RTM_GETLINK;
		mnl_nlmsg_put_extra_header(n, sizeof(struct ifinfomsg));
		l->count = 0;
		error = host_dump(h, n, collect_link, l);
	}
	return error;
}

int host_links(struct host *h, struct host_link **out, size_t *count)
{
	struct link_list l = { 0 };
	int error = dump_links(h, &l);

	if (error) {
		free(l.list);
		return error;
	}
	*out = l.list;
	*count = l.count;
	return 0;
}

int host_links_refresh(struct host *h)
{
	struct host_link *list;
	size_t count;
	int error = host_links(h, &list, &count);

	if (error) {
		host_note(h, error, "cannot list the network devices: %s", strerror(-error));
		return error;
	}
	free(h->links);
	h->links = list;
	h->link_count = count;
	return 0;
}

const struct host_link *host_link_known(const struct host *h, const char *name)
{
	for (size_t i = 0; i < h->link_count; i++)
		if (strcmp(h->links[i].name, name) == 0)
			return &h->links[i];
	return NULL;
}

int host_link_by_index(struct host *h, uint32_t ifindex, struct host_link *out)
{
	const struct nlmsghdr *n;
	int error = host_get_link(h, ifindex, &n);

	if (error)
		return error;
	return host_decode_link(n, out) ? 0 : -EBADMSG;
}

int host_link_by_name(struct host *h, const char *name, struct host_link *out)
{
	unsigned index = if_nametoindex(name);

	return index ? host_link_by_index(h, index, out) : -ENODEV;
}

static const char *kind_name(enum host_link_kind kind)
{
	switch (kind) {
	case HOST_LINK_VRF:
		return "vrf";
	case HOST_LINK_XFRM:
		return "xfrm";
	case HOST_LINK_ADOPTED:
		break;
	}
	return "";
}

static void unsupported(struct host *h, enum host_link_kind kind)
{
	if (kind == HOST_LINK_VRF)
		host_note(h, -EOPNOTSUPP,
			  "this kernel has no VRF devices: `modprobe vrf` (CONFIG_NET_VRF), or "
			  "write `vrf: false` in the connection");
	else
		host_note(h, -EOPNOTSUPP,
			  "this kernel has no xfrm interfaces: `modprobe xfrm_interface` "
			  "(CONFIG_XFRM_INTERFACE), or name an existing `device:` in the tunnel");
}

/* Of the two messages that make a device the second one fails after the first for that reason. */
static void link_refused(struct host *h, const void *tag, int error, const char *why)
{
	const struct host_link_plan *want = tag;

	if (error == -ENODEV)
		return;
	if (error == -EOPNOTSUPP && want->kind != HOST_LINK_ADOPTED)
		unsupported(h, want->kind);
	else
		host_note(h, error, "device %s: %s", want->name, why ? why : strerror(-error));
}

static struct ifinfomsg *link_message(struct host *h, uint16_t type, uint16_t flags,
				      const void *tag, struct nlmsghdr **n)
{
	*n = host_request(h, type, flags, tag);
	return mnl_nlmsg_put_extra_header(*n, sizeof(struct ifinfomsg));
}

static void put_kind(struct nlmsghdr *n, const struct host_link_plan *want, uint32_t below)
{
	struct nlattr *info = mnl_attr_nest_start(n, IFLA_LINKINFO), *data;

	mnl_attr_put_strz(n, IFLA_INFO_KIND, kind_name(want->kind));
	data = mnl_attr_nest_start(n, IFLA_INFO_DATA);
	if (want->kind == HOST_LINK_VRF) {
		mnl_attr_put_u32(n, IFLA_VRF_TABLE, want->table);
	} else {
		mnl_attr_put_u32(n, IFLA_XFRM_IF_ID, want->if_id);
		if (below)
			mnl_attr_put_u32(n, IFLA_XFRM_LINK, below);
	}
	mnl_attr_nest_end(n, data);
	mnl_attr_nest_end(n, info);
}

static uint32_t index_of(const struct host *h, const char *name)
{
	const struct host_link *l = name[0] ? host_link_known(h, name) : NULL;

	return l ? l->ifindex : 0;
}

/* Enslaved from birth: what is done to a device before it joins its VRF is partly undone then. */
static void make_link(struct host *h, const struct host_link_plan *want)
{
	uint32_t master = index_of(h, want->master);
	struct ifinfomsg *ifi;
	struct nlmsghdr *n;

	link_message(h, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, want, &n);
	mnl_attr_put_strz(n, IFLA_IFNAME, want->name);
	if (want->mtu)
		mnl_attr_put_u32(n, IFLA_MTU, want->mtu);
	if (master)
		mnl_attr_put_u32(n, IFLA_MASTER, master);
	put_kind(n, want, index_of(h, want->underlay));

	ifi = link_message(h, RTM_NEWLINK, 0, want, &n);
	ifi->ifi_flags = IFF_UP;
	ifi->ifi_change = IFF_UP;
	mnl_attr_put_strz(n, IFLA_IFNAME, want->name);
	mnl_attr_put_strz(n, IFLA_IFALIAS, HOST_LINK_ALIAS);
}

static void delete_link(struct host *h, uint32_t ifindex, const void *tag)
{
	struct nlmsghdr *n;

	link_message(h, RTM_DELLINK, 0, tag, &n)->ifi_index = (int)ifindex;
}

static bool needs_new(const struct host *h, const struct host_link_plan *want,
		      const struct host_link *have)
{
	if (strcmp(have->kind, kind_name(want->kind)) != 0)
		return true;
	if (want->kind == HOST_LINK_VRF)
		return have->table != want->table;
	return have->if_id != want->if_id ||
	       (want->underlay[0] && have->parent != index_of(h, want->underlay));
}

static bool same_link(const struct host_link_plan *was, const struct host_link_plan *is)
{
	return was && was->kind == is->kind && was->table == is->table && was->if_id == is->if_id &&
	       was->mtu == is->mtu && strcmp(was->master, is->master) == 0 &&
	       strcmp(was->underlay, is->underlay) == 0;
}

/* Only what differs; nothing is sent when nothing does. */
static void dress_link(struct host *h, const struct host_link_plan *want,
		       const struct host_link *have)
{
	uint32_t master = index_of(h, want->master);
	bool mtu = want->mtu && want->mtu != have->mtu;
	bool raise = want->kind != HOST_LINK_ADOPTED && !have->up;
	bool enslave = master && master != have->master;
	struct ifinfomsg *ifi;
	struct nlmsghdr *n;

	if (!mtu && !raise && !enslave)
		return;
	if (same_link(host_left_link(h, want->name), want))
		host_drifted(h, DRIFT_LINK, DRIFT_DIFFERENT, want, "%s:%s%s%s", want->name,
			     raise ? " is down" : "", enslave ? " left its VRF" : "",
			     mtu ? " has another MTU" : "");
	ifi = link_message(h, RTM_NEWLINK, 0, want, &n);
	ifi->ifi_index = (int)have->ifindex;
	if (raise)
		ifi->ifi_flags = ifi->ifi_change = IFF_UP;
	if (mtu)
		mnl_attr_put_u32(n, IFLA_MTU, want->mtu);
	if (enslave)
		mnl_attr_put_u32(n, IFLA_MASTER, master);
}

static void adopt_link(struct host *h, const struct host_link_plan *want,
		       const struct host_link *have)
{
	const struct host_link *vrf = want->master[0] ? host_link_known(h, want->master) : NULL;

	if (!have) {
		if (host_left_link(h, want->name))
			host_drifted(h, DRIFT_LINK, DRIFT_MISSING, want, "%s", want->name);
		host_drift_refused(h, want);
		host_note(h, -ENODEV, "device %s does not exist", want->name);
	} else if (vrf && have->master && have->master != vrf->ifindex)
		host_note(h, -EBUSY, "device %s has another master than %s: remove it from there",
			  want->name, want->master);
	else
		dress_link(h, want, have);
}

static void apply_link(struct host *h, const struct host_link_plan *want)
{
	const struct host_link *have = host_link_known(h, want->name);

	if (want->kind == HOST_LINK_ADOPTED) {
		adopt_link(h, want, have);
		return;
	}
	if (have && !have->ours) {
		host_note(h, -EEXIST,
			  "device %s exists and is not ours (its alias is not \"%s\"): remove it",
			  want->name, HOST_LINK_ALIAS);
		return;
	}
	if (have && !needs_new(h, want, have)) {
		dress_link(h, want, have);
		return;
	}
	if (same_link(host_left_link(h, want->name), want))
		host_drifted(h, DRIFT_LINK, have ? DRIFT_DIFFERENT : DRIFT_MISSING, want, "%s",
			     want->name);
	if (have)
		delete_link(h, have->ifindex, want);
	/* Without its VRF (said above why) a tunnel would come out into the main table. */
	if (!want->master[0] || index_of(h, want->master))
		make_link(h, want);
}

/* VRFs first, for the others need their ifindex. */
void host_links_apply(struct host *h, const struct host_plan *want)
{
	h->refused = link_refused;
	for (int vrfs = 1; vrfs >= 0; vrfs--) {
		if (host_links_refresh(h) < 0)
			return;
		for (size_t i = 0; i < want->link_count; i++)
			if ((want->links[i].kind == HOST_LINK_VRF) == vrfs)
				apply_link(h, &want->links[i]);
		host_flush(h);
	}
	host_links_refresh(h);
}

static const struct host_link_plan *find_plan(const struct host_plan *p, const char *name)
{
	for (size_t i = 0; p && i < p->link_count; i++)
		if (strcmp(p->links[i].name, name) == 0)
			return &p->links[i];
	return NULL;
}

static void release_link(struct host *h, const struct host_link_plan *was)
{
	const struct host_link *have = host_link_known(h, was->name);
	struct nlmsghdr *n;

	if (!have || !have->master || have->master != index_of(h, was->master))
		return;
	link_message(h, RTM_NEWLINK, 0, was, &n)->ifi_index = (int)have->ifindex;
	mnl_attr_put_u32(n, IFLA_MASTER, 0);
}

/* Adopted devices that the old plan enslaved leave their VRF. */
void host_links_release(struct host *h, const struct host_plan *old, const struct host_plan *want)
{
	h->refused = link_refused;
	for (size_t i = 0; old && i < old->link_count; i++) {
		const struct host_link_plan *was = &old->links[i];
		const struct host_link_plan *is = find_plan(want, was->name);

		if (was->kind == HOST_LINK_ADOPTED && was->master[0] && !(is && is->master[0]))
			release_link(h, was);
	}
	host_flush(h);
}

static bool is_vrf(const struct host_link *l)
{
	return strcmp(l->kind, "vrf") == 0;
}

/* Slaves before their VRF. */
void host_links_remove(struct host *h, const struct host_plan *want)
{
	static const struct host_link_plan nameless = { .name = "(removed)" };

	h->refused = link_refused;
	for (int vrfs = 0; vrfs <= 1; vrfs++)
		for (size_t i = 0; i < h->link_count; i++) {
			const struct host_link *l = &h->links[i];
			const struct host_link_plan *plan = find_plan(want, l->name);

			if (!l->ours || is_vrf(l) != vrfs ||
			    (plan && plan->kind != HOST_LINK_ADOPTED))
				continue;
			if (!host_left_link(h, l->name))
				host_drifted(h, DRIFT_LINK, DRIFT_FOREIGN, l, "%s", l->name);
			delete_link(h, l->ifindex, &nameless);
		}
	host_flush(h);
}
