/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Maps that this process and the programs have as common memory: what must be told with one store,
 * and what would be too much to ask the kernel for.
 */
#include "dataplane_internal.h"

#include <errno.h>
#include <sys/mman.h>

#define LIVENESS_BYTES (MAX_TUNNELS * sizeof(uint64_t))
#define SETTINGS_BYTES (SETTINGS * sizeof(uint64_t))
#define ROOTS_BYTES    (INDEX_ROOTS * sizeof(uint64_t))
#define DEVICES_BYTES  (MAX_IFINDEX * sizeof(struct device_association))
#define USED_BYTES     (MAX_GROUPS * sizeof(struct bucket_use))

static int share(const struct bpf_map *map, size_t bytes, int protection, void **out)
{
	void *shared = mmap(NULL, bytes, protection, MAP_SHARED, bpf_map__fd(map), 0);

	if (shared == MAP_FAILED)
		return -errno;
	*out = shared;
	return 0;
}

int dataplane_share(struct dataplane *d)
{
	int err = share(d->object->maps.liveness, LIVENESS_BYTES, PROT_READ | PROT_WRITE,
			(void **)&d->liveness);

	if (!err)
		err = share(d->object->maps.settings, SETTINGS_BYTES, PROT_READ | PROT_WRITE,
			    (void **)&d->settings);
	if (!err)
		err = share(d->object->maps.index_roots, ROOTS_BYTES, PROT_READ | PROT_WRITE,
			    (void **)&d->index_roots);
	if (!err)
		err = share(d->object->maps.device_associations, DEVICES_BYTES,
			    PROT_READ | PROT_WRITE, (void **)&d->device_associations);
	if (!err)
		err = share(d->object->maps.bucket_used, USED_BYTES, PROT_READ,
			    (void **)&d->bucket_used);
	return err;
}

void dataplane_unshare(struct dataplane *d)
{
	if (d->liveness)
		munmap(d->liveness, LIVENESS_BYTES);
	if (d->settings)
		munmap(d->settings, SETTINGS_BYTES);
	if (d->index_roots)
		munmap(d->index_roots, ROOTS_BYTES);
	if (d->device_associations)
		munmap(d->device_associations, DEVICES_BYTES);
	if (d->bucket_used)
		munmap((void *)d->bucket_used, USED_BYTES);
}

void dataplane_set_live(struct dataplane *d, uint32_t tunnel, bool live)
{
	if (tunnel < MAX_TUNNELS)
		__atomic_store_n(&d->liveness[tunnel], live, __ATOMIC_RELEASE);
}

bool dataplane_live(const struct dataplane *d, uint32_t tunnel)
{
	return tunnel < MAX_TUNNELS && __atomic_load_n(&d->liveness[tunnel], __ATOMIC_ACQUIRE);
}

void dataplane_track_use(struct dataplane *d, bool on)
{
	__atomic_store_n(&d->settings[SETTING_TRACK_USE], on, __ATOMIC_RELEASE);
}

uint64_t dataplane_last_use(const struct dataplane *d, uint32_t group, unsigned bucket)
{
	uint32_t last;

	if (group >= MAX_GROUPS || bucket >= GROUP_BUCKETS)
		return 0;
	last = __atomic_load_n(&d->bucket_used[group].last[bucket], __ATOMIC_RELAXED);
	return last ? ((uint64_t)last + 1) << USE_SHIFT : 0;
}
