/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Addresses. Ours carry IFA_PROTO (kernel 5.18); one that is there already without it serves as
 * well and stays its owner's.
 */
#include <errno.h>
#include <linux/if_addr.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "host_internal.h"

#define DUMP_ATTEMPTS 16

struct address_list {
	struct host_local_address *list;
	size_t count, capacity;
};

static int collect_address(const struct nlmsghdr *n, void *data)
{
	struct address_list *l = data;
	int error = host_grow(&l->list, &l->capacity, l->count, sizeof(*l->list));

	if (error)
		return error;
	if (host_decode_address(n, &l->list[l->count]))
		l->count++;
	return 0;
}

int host_addresses(struct host *h, struct host_local_address **out, size_t *count)
{
	char buf[MNL_ALIGN(sizeof(struct nlmsghdr)) + MNL_ALIGN(sizeof(struct ifaddrmsg))];
	struct address_list l = { 0 };
	int error = -EINTR;

	for (int i = 0; i < DUMP_ATTEMPTS && error == -EINTR; i++) {
		struct nlmsghdr *n = mnl_nlmsg_put_header(buf);

		n->nlmsg_type = RTM_GETADDR;
		mnl_nlmsg_put_extra_header(n, sizeof(struct ifaddrmsg));
		l.count = 0;
		error = host_dump(h, n, collect_address, &l);
	}
	if (error) {
		free(l.list);
		return error;
	}
	*out = l.list;
	*count = l.count;
	return 0;
}

int host_address_owner(struct host *h, const struct address *a, struct host_link *out)
{
	struct host_local_address *list;
	uint32_t ifindex = 0;
	size_t count;
	int error = host_addresses(h, &list, &count);

	if (error)
		return error;
	for (size_t i = 0; i < count && !ifindex; i++)
		if (address_equal(&list[i].address, a))
			ifindex = list[i].ifindex;
	free(list);
	return ifindex ? host_link_by_index(h, ifindex, out) : -EADDRNOTAVAIL;
}

static void address_refused(struct host *h, const void *tag, int error, const char *why)
{
	const struct host_address *a = tag;
	char text[PREFIX_STRLEN];

	host_note(h, error, "address %s on %s: %s", address_format(&a->address, text), a->device,
		  why ? why : strerror(-error));
}

/* Gone already is as good. */
static void removal_refused(struct host *h, const void *tag, int error, const char *why)
{
	const struct host_local_address *a = tag;
	char text[PREFIX_STRLEN];

	if (error != -EADDRNOTAVAIL && error != -ENODEV)
		host_note(h, error, "cannot remove address %s: %s",
			  address_format(&a->address, text), why ? why : strerror(-error));
}

static void send_address(struct host *h, uint16_t type, uint16_t flags,
			 const struct host_local_address *a, const void *tag)
{
	struct nlmsghdr *n = host_request(h, type, flags, tag);
	struct ifaddrmsg *ifa = mnl_nlmsg_put_extra_header(n, sizeof(*ifa));

	ifa->ifa_family = a->address.family;
	ifa->ifa_prefixlen = a->len;
	ifa->ifa_index = a->ifindex;
	/* Nobody else is on a tunnel device to have the same address. */
	ifa->ifa_flags = a->address.family == AF_INET6 ? IFA_F_NODAD : 0;
	host_put_address(n, IFA_LOCAL, &a->address);
	host_put_address(n, IFA_ADDRESS, &a->address);
	if (type == RTM_NEWADDR)
		mnl_attr_put_u8(n, IFA_PROTO, HOST_PROTOCOL);
}

static bool same(const struct host_local_address *a, const struct host_local_address *b)
{
	return a->ifindex == b->ifindex && a->len == b->len &&
	       address_equal(&a->address, &b->address);
}

/* ifindex 0: the device is not there. */
static struct host_local_address planned(const struct host *h, const struct host_address *a)
{
	const struct host_link *l = host_link_known(h, a->device);

	return (struct host_local_address){ .ifindex = l ? l->ifindex : 0,
					    .address = a->address,
					    .len = a->len };
}

static bool listed(const struct host_local_address *a, const struct host_local_address *list,
		   size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (same(a, &list[i]))
			return true;
	return false;
}

static int read_addresses(struct host *h, struct host_local_address **list, size_t *count)
{
	int error = host_addresses(h, list, count);

	if (error)
		host_note(h, error, "cannot list the addresses: %s", strerror(-error));
	return error;
}

static void found_missing(struct host *h, const struct host_address *a)
{
	char text[PREFIX_STRLEN];

	host_drifted(h, DRIFT_ADDRESS, DRIFT_MISSING, a, "%s/%u on %s",
		     address_format(&a->address, text), a->len, a->device);
}

void host_addresses_add(struct host *h, const struct host_plan *want)
{
	struct host_local_address *have;
	size_t count;

	if (read_addresses(h, &have, &count))
		return;
	h->refused = address_refused;
	for (size_t i = 0; i < want->address_count; i++) {
		struct host_local_address a = planned(h, &want->addresses[i]);

		/* That a device is missing was said with the links. */
		if (!a.ifindex || listed(&a, have, count))
			continue;
		if (host_left_address(h, &want->addresses[i]))
			found_missing(h, &want->addresses[i]);
		send_address(h, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &a, &want->addresses[i]);
	}
	host_flush(h);
	free(have);
}

static bool wanted(const struct host *h, const struct host_local_address *a,
		   const struct host_plan *want)
{
	for (size_t i = 0; want && i < want->address_count; i++) {
		struct host_local_address p = planned(h, &want->addresses[i]);

		if (same(a, &p))
			return true;
	}
	return false;
}

void host_addresses_remove(struct host *h, const struct host_plan *want)
{
	struct host_local_address *have;
	size_t count;

	if (read_addresses(h, &have, &count))
		return;
	h->refused = removal_refused;
	for (size_t i = 0; i < count; i++)
		if (have[i].protocol == HOST_PROTOCOL && !wanted(h, &have[i], want))
			send_address(h, RTM_DELADDR, 0, &have[i], &have[i]);
	host_flush(h);
	free(have);
}
