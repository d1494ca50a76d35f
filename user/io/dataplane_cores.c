/* SPDX-License-Identifier: GPL-2.0-only */
/* The maps by which packets are handed to other CPUs: bpf/cores.h. */
#include "dataplane_internal.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <linux/bpf.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

/* One more than the highest number that a CPU can have: more the kernel may refuse. */
int dataplane_size_cores(struct gateway_bpf *object)
{
	int cpus = libbpf_num_possible_cpus();

	if (cpus < 0)
		return cpus;
	return bpf_map__set_max_entries(object->maps.cores, (uint32_t)cpus);
}

static int delete(const struct bpf_map *map, const void *key)
{
	int err = bpf_map_delete_elem(bpf_map__fd(map), key) ? -errno : 0;

	return err == -ENOENT ? 0 : err;
}

/* A queue that is there stays as it is: another one would let packets overtake those in it. */
int dataplane_set_core(struct dataplane *d, uint32_t cpu, bool on)
{
	const struct bpf_map *map = d->object->maps.cores;
	struct bpf_cpumap_val value;

	if (cpu >= bpf_map__max_entries(map))
		return on ? -EINVAL : 0;
	if (!on)
		return delete (map, &cpu);
	if (!bpf_map_lookup_elem(bpf_map__fd(map), &cpu, &value) && value.qsize)
		return 0;
	value = (struct bpf_cpumap_val){
		.qsize = CORE_QUEUE,
		.bpf_prog.fd = bpf_program__fd(d->object->progs.xdp_core),
	};
	return dataplane_update(map, &cpu, &value);
}

int dataplane_set_spread(struct dataplane *d, const struct spread_key *key,
			 const struct spread *value)
{
	return dataplane_update(d->object->maps.spreads, key, value);
}

int dataplane_delete_spread(struct dataplane *d, const struct spread_key *key)
{
	return delete (d->object->maps.spreads, key);
}

int dataplane_each_spread(struct dataplane *d, dataplane_spread_fn fn, void *data)
{
	int fd = bpf_map__fd(d->object->maps.spreads);
	struct spread_key keys[MAX_SPREADS];
	struct spread value;
	size_t count = 0;
	int err = 0;

	for (const struct spread_key *last = NULL;
	     count < MAX_SPREADS && !bpf_map_get_next_key(fd, last, &keys[count]);
	     last = &keys[count++])
		continue;
	for (size_t i = 0; !err && i < count; i++)
		if (!bpf_map_lookup_elem(fd, &keys[i], &value))
			err = fn(&keys[i], &value, data);
	return err;
}

int dataplane_set_sa_place(struct dataplane *d, uint32_t spi, const struct sa_place *value)
{
	uint32_t key = htobe32(spi);

	return dataplane_update(d->object->maps.sa_places, &key, value);
}

int dataplane_get_sa_place(struct dataplane *d, uint32_t spi, struct sa_place *out)
{
	uint32_t key = htobe32(spi);

	return bpf_map_lookup_elem(bpf_map__fd(d->object->maps.sa_places), &key, out) ? -errno : 0;
}

int dataplane_delete_sa_place(struct dataplane *d, uint32_t spi)
{
	uint32_t key = htobe32(spi);

	return delete (d->object->maps.sa_places, &key);
}

int dataplane_each_sa_place(struct dataplane *d, dataplane_sa_place_fn fn, void *data)
{
	int fd = bpf_map__fd(d->object->maps.sa_places), err = 0, end;
	uint32_t key, next;
	struct sa_place value;

	for (end = bpf_map_get_next_key(fd, NULL, &key); !end && !err; key = next) {
		bool found = !bpf_map_lookup_elem(fd, &key, &value);

		end = bpf_map_get_next_key(fd, &key, &next);
		if (found)
			err = fn(be32toh(key), &value, data);
	}
	return err;
}

/* ---- counters ---- */

int dataplane_spread_counters(struct dataplane *d, const struct spread *s,
			      struct spread_counters *out)
{
	uint32_t slot = s->slot;

	memset(out, 0, sizeof(*out));
	for (uint32_t i = 0; i < s->count && i < MAX_CORES; i++) {
		uint32_t index = slot * MAX_CORES + i;
		int err = dataplane_sum(d, d->object->maps.sent_counters, index, &out->sent[i]);

		if (err)
			return err;
	}
	/* Behind what was sent: what is not here then is in a queue, or lost. */
	if (bpf_map_lookup_elem(bpf_map__fd(d->object->maps.arrived_counters), &slot, d->per_cpu))
		return -errno;
	for (uint32_t i = 0; i < s->count && i < MAX_CORES; i++)
		if (s->cpus[i] < d->cpus)
			out->arrived[i] = d->per_cpu[s->cpus[i]];
	return 0;
}

int dataplane_reset_spread(struct dataplane *d, uint32_t slot)
{
	int err = dataplane_zero(d, d->object->maps.arrived_counters, slot);

	for (uint32_t i = 0; !err && i < MAX_CORES; i++)
		err = dataplane_zero(d, d->object->maps.sent_counters, slot * MAX_CORES + i);
	return err;
}
