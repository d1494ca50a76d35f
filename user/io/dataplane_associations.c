/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What packets of a device are subject to: in map `associations`, and for frames without VLAN tag
 * in the array `device_associations` once more. The array answers as the hash does, or not at all:
 * an entry is empty from before the hash is changed until after. A controller that is killed
 * meanwhile leaves it empty, and the next one fills it.
 */
#include "dataplane_internal.h"

#include <errno.h>
#include <string.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

/* NULL: the array has none for these packets. */
static struct device_association *entry_of(const struct dataplane *d,
					   const struct association_key *key)
{
	if (key->outer_vlan || key->inner_vlan || key->ifindex >= MAX_IFINDEX)
		return NULL;
	return &d->device_associations[key->ifindex];
}

static struct device_association encode(const struct association *a, uint16_t tag)
{
	struct device_association e = {
		.subject = { { (uint16_t)a->table, (uint16_t)a->source_table,
			       (uint16_t)a->attachment, tag } },
		.link = { { (uint16_t)a->tunnel, a->flags, a->l2_len, 0, tag } },
		.address.tag = tag,
	};

	memcpy(e.address.mac, a->mac, sizeof(a->mac));
	return e;
}

static bool says(const struct device_association *e, const struct association *value)
{
	struct device_association must = encode(value, e->subject.tag);

	return e->subject.tag && e->subject.word == must.subject.word &&
	       e->link.word == must.link.word && e->address.word == must.address.word;
}

static void empty(struct device_association *e)
{
	__atomic_store_n(&e->subject.word, 0, __ATOMIC_SEQ_CST);
}

/* Of an empty one. A program that has read some words of an older change must not take one of these
 * for another of that change: the tag is a new one until there were 65,535 changes meanwhile. */
static void fill(struct device_association *e, const struct association *value)
{
	uint16_t tag = (uint16_t)(e->link.tag + 1);
	struct device_association next = encode(value, tag ? tag : 1);

	__atomic_store_n(&e->link.word, next.link.word, __ATOMIC_SEQ_CST);
	__atomic_store_n(&e->address.word, next.address.word, __ATOMIC_SEQ_CST);
	__atomic_store_n(&e->subject.word, next.subject.word, __ATOMIC_SEQ_CST);
}

int dataplane_set_association(struct dataplane *d, const struct association_key *key,
			      const struct association *value)
{
	struct device_association *e = entry_of(d, key);
	bool change = e && !says(e, value);
	int err;

	if (change)
		empty(e);
	err = dataplane_update(d->object->maps.associations, key, value);
	if (!err && change)
		fill(e, value);
	return err;
}

int dataplane_delete_association(struct dataplane *d, const struct association_key *key)
{
	struct device_association *e = entry_of(d, key);
	bool held = e && e->subject.word;

	if (held)
		empty(e);
	if (!bpf_map_delete_elem(bpf_map__fd(d->object->maps.associations), key))
		return 0;
	return errno == ENOENT && held ? 0 : -errno;
}

bool dataplane_check_association(const struct dataplane *d, const struct association_key *key,
				 const struct association *value)
{
	const struct device_association *e = entry_of(d, key);

	return !e || says(e, value);
}

/* ---- all of them ---- */

struct walk {
	dataplane_association_fn fn;
	void *data;
};

static int visit(const void *key, const void *value, void *data)
{
	struct walk *w = data;

	return w->fn(key, value, w->data);
}

/* Those that only the array has. */
static int each_stray(struct dataplane *d, dataplane_association_fn fn, void *data)
{
	int fd = bpf_map__fd(d->object->maps.associations), stop = 0;
	struct association value;

	for (uint32_t i = 0; !stop && i < MAX_IFINDEX; i++) {
		struct association_key key = { i, 0, 0 };

		if (d->device_associations[i].subject.word && bpf_map_lookup_elem(fd, &key, &value))
			stop = fn(&key, NULL, data);
	}
	return stop;
}

int dataplane_each_association(struct dataplane *d, dataplane_association_fn fn, void *data)
{
	struct association_key key, next;
	struct walk w = { fn, data };
	struct association value;
	int err =
		dataplane_each_entry(d->object->maps.associations, &key, &next, &value, visit, &w);

	return err ? err : each_stray(d, fn, data);
}
