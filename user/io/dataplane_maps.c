/* SPDX-License-Identifier: GPL-2.0-only */
/* What the controller writes to the maps, and reads back. */
#include "dataplane_internal.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define NO_MEMORY_TRIES 5

/* ---- writing ---- */

/* A hash that is full says E2BIG. Tries allocate in atomic context: under a burst that can fail. */
static int update(const struct bpf_map *map, const void *key, const void *value)
{
	int err = -ENOMEM;

	for (int i = 0; i < NO_MEMORY_TRIES && err == -ENOMEM; i++)
		err = bpf_map_update_elem(bpf_map__fd(map), key, value, BPF_ANY) ? -errno : 0;
	return err == -E2BIG ? -ENOSPC : err;
}

static int update_indexed(const struct bpf_map *map, uint32_t id, const void *value)
{
	if (id >= bpf_map__max_entries(map))
		return -ENOSPC;
	return update(map, &id, value);
}

static int delete(const struct bpf_map *map, const void *key)
{
	return bpf_map_delete_elem(bpf_map__fd(map), key) ? -errno : 0;
}

int dataplane_set_association(struct dataplane *d, const struct association_key *key,
			      const struct association *value)
{
	return update(d->object->maps.associations, key, value);
}

int dataplane_delete_association(struct dataplane *d, const struct association_key *key)
{
	return delete (d->object->maps.associations, key);
}

static struct route_key_v4 key_v4(uint32_t table, const struct prefix *p)
{
	struct route_key_v4 key = { TABLE_BITS + p->len, table, 0 };

	memcpy(&key.address, p->address.bytes, sizeof(key.address));
	return key;
}

static struct route_key_v6 key_v6(uint32_t table, const struct prefix *p)
{
	struct route_key_v6 key = { .prefixlen = TABLE_BITS + p->len, .table = table };

	memcpy(key.address, p->address.bytes, sizeof(key.address));
	return key;
}

int dataplane_set_route(struct dataplane *d, uint32_t table, const struct prefix *p,
			const struct route *value)
{
	struct route_key_v6 v6 = key_v6(table, p);
	struct route_key_v4 v4 = key_v4(table, p);

	if (p->address.family == AF_INET6)
		return update(d->object->maps.routes_v6, &v6, value);
	return update(d->object->maps.routes_v4, &v4, value);
}

int dataplane_delete_route(struct dataplane *d, uint32_t table, const struct prefix *p)
{
	struct route_key_v6 v6 = key_v6(table, p);
	struct route_key_v4 v4 = key_v4(table, p);

	if (p->address.family == AF_INET6)
		return delete (d->object->maps.routes_v6, &v6);
	return delete (d->object->maps.routes_v4, &v4);
}

int dataplane_set_group(struct dataplane *d, uint32_t id, const struct group *value)
{
	return update_indexed(d->object->maps.groups, id, value);
}

int dataplane_set_tunnel(struct dataplane *d, uint32_t id, const struct tunnel *value)
{
	return update_indexed(d->object->maps.tunnels, id, value);
}

int dataplane_set_device(struct dataplane *d, uint32_t attachment, const struct device *value)
{
	return update_indexed(d->object->maps.devices, attachment, value);
}

int dataplane_set_name(struct dataplane *d, enum name_kind kind, uint32_t id, const char *name)
{
	struct name_key key = { kind, id };
	struct name value = { 0 };

	if (strlen(name) >= sizeof(value.text))
		return -ENAMETOOLONG;
	strcpy(value.text, name);
	return update(d->object->maps.names, &key, &value);
}

int dataplane_delete_name(struct dataplane *d, enum name_kind kind, uint32_t id)
{
	struct name_key key = { kind, id };

	return delete (d->object->maps.names, &key);
}

/* ---- reading ---- */

/*
 * Calls fn(key, value) for each entry. The next key is fetched before fn runs, so fn may delete the
 * entry that it is called for.
 */
typedef int (*entry_fn)(const void *key, const void *value, void *data);

static int each_entry(const struct bpf_map *map, void *key, void *next, void *value, entry_fn fn,
		      void *data)
{
	int fd = bpf_map__fd(map), err = bpf_map_get_next_key(fd, NULL, key);
	size_t size = bpf_map__key_size(map);

	while (!err) {
		bool found = !bpf_map_lookup_elem(fd, key, value);

		err = bpf_map_get_next_key(fd, key, next);
		if (found) {
			int stop = fn(key, value, data);

			if (stop)
				return stop;
		}
		memcpy(key, next, size);
	}
	return err == -ENOENT ? 0 : err;
}

struct name_walk {
	dataplane_name_fn fn;
	void *data;
};

static int visit_name(const void *key, const void *value, void *data)
{
	const struct name_key *k = key;
	const struct name *v = value;
	struct name_walk *w = data;

	if (k->kind == NAME_COOKIE)
		return 0;
	return w->fn((enum name_kind)k->kind, k->id, v->text, w->data);
}

int dataplane_each_name(struct dataplane *d, dataplane_name_fn fn, void *data)
{
	struct name_walk w = { fn, data };
	struct name_key key, next;
	struct name value;

	return each_entry(d->object->maps.names, &key, &next, &value, visit_name, &w);
}

struct route_walk {
	dataplane_route_fn fn;
	void *data;
};

static int visit_route_v4(const void *key, const void *value, void *data)
{
	const struct route_key_v4 *k = key;
	struct route_walk *w = data;
	struct prefix p = { .address.family = AF_INET };

	p.len = (uint8_t)(k->prefixlen - TABLE_BITS);
	memcpy(p.address.bytes, &k->address, sizeof(k->address));
	return w->fn(k->table, &p, value, w->data);
}

static int visit_route_v6(const void *key, const void *value, void *data)
{
	const struct route_key_v6 *k = key;
	struct route_walk *w = data;
	struct prefix p = { .address.family = AF_INET6 };

	p.len = (uint8_t)(k->prefixlen - TABLE_BITS);
	memcpy(p.address.bytes, k->address, sizeof(k->address));
	return w->fn(k->table, &p, value, w->data);
}

int dataplane_each_route(struct dataplane *d, dataplane_route_fn fn, void *data)
{
	struct route_walk w = { fn, data };
	struct route_key_v4 key4, next4;
	struct route_key_v6 key6, next6;
	struct route value;
	int err = each_entry(d->object->maps.routes_v4, &key4, &next4, &value, visit_route_v4, &w);

	if (err)
		return err;
	return each_entry(d->object->maps.routes_v6, &key6, &next6, &value, visit_route_v6, &w);
}

struct association_walk {
	dataplane_association_fn fn;
	void *data;
};

static int visit_association(const void *key, const void *value, void *data)
{
	struct association_walk *w = data;

	return w->fn(key, value, w->data);
}

int dataplane_each_association(struct dataplane *d, dataplane_association_fn fn, void *data)
{
	struct association_walk w = { fn, data };
	struct association_key key, next;
	struct association value;

	return each_entry(d->object->maps.associations, &key, &next, &value, visit_association, &w);
}

int dataplane_get_group(struct dataplane *d, uint32_t id, struct group *out)
{
	return bpf_map_lookup_elem(bpf_map__fd(d->object->maps.groups), &id, out) ? -errno : 0;
}
