/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a packet is subject to, by the device that it came in by and its VLAN tags. Map
 * `associations` is the record of it. For frames without tag, which is most of them, an array has
 * it once more: it is asked first, and does away with a hash and a walk for each packet.
 */
#ifndef ESPALIER_ASSOCIATION_H
#define ESPALIER_ASSOCIATION_H

#include "maps.h"
#include "parse.h"

static __always_inline __u32 wide_id(__u16 id)
{
	return (__s16)id;
}

/* False: the array does not know. Each word is read once; those of two changes differ in their
 * tags, in whatever order they were written and read. */
static __always_inline bool device_association(__u32 ifindex, struct association *out)
{
	const volatile struct device_association *entry =
		bpf_map_lookup_elem(&device_associations, &ifindex);
	struct device_association a;

	if (!entry)
		return false;
	a.subject.word = entry->subject.word;
	a.link.word = entry->link.word;
	a.address.word = entry->address.word;
	if (!a.subject.tag || a.subject.tag != a.link.tag || a.subject.tag != a.address.tag)
		return false;
	out->table = wide_id(a.subject.table);
	out->attachment = a.subject.attachment;
	out->tunnel = wide_id(a.link.tunnel);
	out->source_table = wide_id(a.subject.source_table);
	out->flags = a.link.flags;
	out->l2_len = a.link.l2_len;
	__builtin_memcpy(out->mac, a.address.mac, sizeof(out->mac));
	return true;
}

/* False: not an attachment of this gateway. */
static __always_inline bool association_at(const struct association_key *key,
					   struct association *out)
{
	const struct association *found;

	if (!key->outer_vlan && !key->inner_vlan && device_association(key->ifindex, out))
		return true;
	found = bpf_map_lookup_elem(&associations, key);
	if (!found)
		return false;
	*out = *found;
	return true;
}

static __always_inline bool association_of(__u32 ifindex, const struct packet *p,
					   struct association *out)
{
	struct association_key key = { ifindex, p->outer_vlan, p->inner_vlan };

	return association_at(&key, out);
}

#endif
