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

/* A hash that is full says E2BIG. Tries, and hashes without memory of their own, allocate in atomic
 * context: under a burst that can fail. */
int dataplane_update(const struct bpf_map *map, const void *key, const void *value)
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
	return dataplane_update(map, &id, value);
}

static int delete(const struct bpf_map *map, const void *key)
{
	return bpf_map_delete_elem(bpf_map__fd(map), key) ? -errno : 0;
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

/* Into the trie alone. */
static int put_route(struct dataplane *d, uint32_t table, const struct prefix *p,
		     const struct route *value)
{
	struct route_key_v6 v6 = key_v6(table, p);
	struct route_key_v4 v4 = key_v4(table, p);

	if (p->address.family == AF_INET6)
		return dataplane_update(d->object->maps.routes_v6, &v6, value);
	return dataplane_update(d->object->maps.routes_v4, &v4, value);
}

int dataplane_set_route(struct dataplane *d, uint32_t table, const struct prefix *p,
			const struct route *value)
{
	int err = put_route(d, table, p, value);

	if (!err)
		dataplane_index_set(d, table, p, value);
	return err;
}

/* A piece of a walk, or of a load; the kernel has keys and values side by side. */
struct batch {
	union {
		struct route_key_v4 v4[DATAPLANE_WALK_PIECE];
		struct route_key_v6 v6[DATAPLANE_WALK_PIECE];
	} keys;
	struct route values[DATAPLANE_WALK_PIECE];
	uint32_t count;
};

/* The first of them, as many as are of one family and fit. */
static void fill_batch(uint32_t table, const struct dataplane_route *list, size_t count,
		       struct batch *b)
{
	uint8_t family = list->prefix.address.family;

	for (b->count = 0; b->count < count && b->count < DATAPLANE_WALK_PIECE; b->count++) {
		const struct dataplane_route *r = &list[b->count];

		if (r->prefix.address.family != family)
			break;
		if (family == AF_INET6)
			b->keys.v6[b->count] = key_v6(table, &r->prefix);
		else
			b->keys.v4[b->count] = key_v4(table, &r->prefix);
		b->values[b->count] = r->value;
	}
}

/* Where the kernel does not know the request, or could not carry it out, one by one: to set a route
 * again changes nothing, and memory may be had by now. */
static int load_batch(struct dataplane *d, uint32_t table, const struct dataplane_route *list,
		      const struct batch *b, size_t *done)
{
	bool v6 = list->prefix.address.family == AF_INET6;
	const struct bpf_map *map = v6 ? d->object->maps.routes_v6 : d->object->maps.routes_v4;
	uint32_t count = b->count;
	int err = 0;

	if (!bpf_map_update_batch(bpf_map__fd(map), &b->keys, b->values, &count, NULL)) {
		*done += b->count;
		return 0;
	}
	for (uint32_t i = 0; !err && i < b->count; i++) {
		err = put_route(d, table, &list[i].prefix, &list[i].value);
		*done += !err;
	}
	return err;
}

int dataplane_load_routes(struct dataplane *d, uint32_t table, const struct dataplane_route *list,
			  size_t count, size_t *done)
{
	struct batch b;
	int err = 0;

	for (*done = 0; !err && *done < count;) {
		fill_batch(table, list + *done, count - *done, &b);
		err = load_batch(d, table, list + *done, &b, done);
	}
	return err;
}

int dataplane_delete_route(struct dataplane *d, uint32_t table, const struct prefix *p)
{
	struct route_key_v6 v6 = key_v6(table, p);
	struct route_key_v4 v4 = key_v4(table, p);
	int err;

	if (p->address.family == AF_INET6)
		err = delete (d->object->maps.routes_v6, &v6);
	else
		err = delete (d->object->maps.routes_v4, &v4);
	if (!err || err == -ENOENT)
		dataplane_index_delete(d, table, p);
	return err;
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

int dataplane_set_redirect(struct dataplane *d, uint32_t attachment, uint32_t ifindex)
{
	int err;

	if (ifindex)
		return update_indexed(d->object->maps.redirects, attachment, &ifindex);
	err = delete (d->object->maps.redirects, &attachment);
	return err == -ENOENT ? 0 : err;
}

int dataplane_set_neighbour(struct dataplane *d, const struct neighbour_key *key,
			    const struct neighbour *value)
{
	return dataplane_update(d->object->maps.neighbours, key, value);
}

int dataplane_delete_neighbour(struct dataplane *d, const struct neighbour_key *key)
{
	return delete (d->object->maps.neighbours, key);
}

int dataplane_set_name(struct dataplane *d, enum name_kind kind, uint32_t id, const char *name)
{
	struct name_key key = { kind, id };
	struct name value = { 0 };

	if (strlen(name) >= sizeof(value.text))
		return -ENAMETOOLONG;
	strcpy(value.text, name);
	return dataplane_update(d->object->maps.names, &key, &value);
}

int dataplane_delete_name(struct dataplane *d, enum name_kind kind, uint32_t id)
{
	struct name_key key = { kind, id };

	return delete (d->object->maps.names, &key);
}

/* ---- reading ---- */

static int lookup(const struct bpf_map *map, const void *key, void *value)
{
	return bpf_map_lookup_elem(bpf_map__fd(map), key, value) ? -errno : 0;
}

/* The next key is fetched before fn runs: fn may delete the entry. */
int dataplane_each_entry(const struct bpf_map *map, void *key, void *next, void *value,
			 dataplane_entry_fn fn, void *data)
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

	return dataplane_each_entry(d->object->maps.names, &key, &next, &value, visit_name, &w);
}

/* 0, or -ENOENT when this was the last one. */
static int read_batch(struct dataplane *d, struct dataplane_walk *w, struct batch *b)
{
	const struct bpf_map *map = w->v6 ? d->object->maps.routes_v6 : d->object->maps.routes_v4;
	unsigned char next[sizeof(w->key)] = { 0 };

	b->count = DATAPLANE_WALK_PIECE;
	if (bpf_map_lookup_batch(bpf_map__fd(map), w->begun ? w->key : NULL, next, &b->keys,
				 b->values, &b->count, NULL))
		return -errno;
	memcpy(w->key, next, sizeof(next));
	w->begun = true;
	return 0;
}

static uint32_t prefix_v4(const struct route_key_v4 *k, struct prefix *p)
{
	*p = (struct prefix){ { .family = AF_INET }, (uint8_t)(k->prefixlen - TABLE_BITS) };
	memcpy(p->address.bytes, &k->address, sizeof(k->address));
	return k->table;
}

static uint32_t prefix_v6(const struct route_key_v6 *k, struct prefix *p)
{
	*p = (struct prefix){ { .family = AF_INET6 }, (uint8_t)(k->prefixlen - TABLE_BITS) };
	memcpy(p->address.bytes, k->address, sizeof(k->address));
	return k->table;
}

static int visit_batch(const struct dataplane_walk *w, const struct batch *b, dataplane_route_fn fn,
		       void *data)
{
	int err = 0;

	for (uint32_t i = 0; !err && i < b->count; i++) {
		struct prefix p;
		uint32_t table =
			w->v6 ? prefix_v6(&b->keys.v6[i], &p) : prefix_v4(&b->keys.v4[i], &p);

		err = fn(table, &p, &b->values[i], data);
	}
	return err;
}

int dataplane_walk_routes(struct dataplane *d, struct dataplane_walk *w, dataplane_route_fn fn,
			  void *data)
{
	struct batch b;
	int end = read_batch(d, w, &b), err;

	if (end && end != -ENOENT)
		return end;
	err = visit_batch(w, &b, fn, data);
	if (!err && end) {
		w->ended = w->v6;
		w->v6 = true;
		w->begun = false;
	}
	return err;
}

int dataplane_each_route(struct dataplane *d, dataplane_route_fn fn, void *data)
{
	struct dataplane_walk w = { 0 };
	int err = 0;

	while (!err && !w.ended)
		err = dataplane_walk_routes(d, &w, fn, data);
	return err;
}

static int longest(struct dataplane *d, uint32_t table, const struct prefix *p, struct route *out)
{
	struct route_key_v6 v6 = key_v6(table, p);
	struct route_key_v4 v4 = key_v4(table, p);

	if (p->address.family == AF_INET6)
		return lookup(d->object->maps.routes_v6, &v6, out);
	return lookup(d->object->maps.routes_v4, &v4, out);
}

bool dataplane_route_around(struct dataplane *d, uint32_t table, const struct prefix *p,
			    struct route *out)
{
	struct prefix wider = *p;

	if (!p->len)
		return false;
	wider.len--;
	return !longest(d, table, &wider, out);
}

/* A longest match is the entry itself if it is as long. */
int dataplane_get_route(struct dataplane *d, uint32_t table, const struct prefix *p,
			struct route *out)
{
	struct route found;
	int err = longest(d, table, p, &found);

	if (!err && found.prefix_len != p->len)
		err = -ENOENT;
	if (!err)
		*out = found;
	return err;
}

int dataplane_get_neighbour(struct dataplane *d, const struct neighbour_key *key,
			    struct neighbour *out)
{
	return lookup(d->object->maps.neighbours, key, out);
}

struct neighbour_walk {
	dataplane_neighbour_fn fn;
	void *data;
};

static int visit_neighbour(const void *key, const void *value, void *data)
{
	struct neighbour_walk *w = data;

	return w->fn(key, value, w->data);
}

int dataplane_each_neighbour(struct dataplane *d, dataplane_neighbour_fn fn, void *data)
{
	struct neighbour_walk w = { fn, data };
	struct neighbour_key key, next;
	struct neighbour value;

	return dataplane_each_entry(d->object->maps.neighbours, &key, &next, &value,
				    visit_neighbour, &w);
}

int dataplane_get_group(struct dataplane *d, uint32_t id, struct group *out)
{
	return lookup(d->object->maps.groups, &id, out);
}

int dataplane_get_tunnel(struct dataplane *d, uint32_t id, struct tunnel *out)
{
	return lookup(d->object->maps.tunnels, &id, out);
}

int dataplane_get_device(struct dataplane *d, uint32_t attachment, struct device *out)
{
	return lookup(d->object->maps.devices, &attachment, out);
}
