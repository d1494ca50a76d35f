/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The memory of the index (core/index.h): its segments are inner maps that this process has mapped,
 * so a change is a store and no system call.
 *
 * An index is used by the process that made it and by the programs, never by the next process: that
 * one cannot know which of its cells were about to be changed. It builds another from the tries,
 * beside the old one, which goes on answering meanwhile.
 */
#include "dataplane_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define SEGMENT_BYTES (INDEX_SEGMENT_LINES * sizeof(struct index_line))
#define NO_SEGMENT    (INDEX_SEGMENTS - 1) /* the last place */
#define DROP_AT_ONCE  64

static int outer(const struct dataplane *d)
{
	return bpf_map__fd(d->object->maps.index_segments);
}

/* ---- segments ---- */

static int new_segment(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);

	return bpf_map_create(BPF_MAP_TYPE_ARRAY, "index_segment", sizeof(uint32_t),
			      sizeof(struct index_line), INDEX_SEGMENT_LINES, &options);
}

static struct index_line *add(uint32_t segment, void *context)
{
	struct dataplane *d = context;
	int fd = new_segment();
	void *lines;

	if (fd < 0)
		return NULL;
	if (d->settings[SETTING_INDEX_SEGMENTS] <= segment)
		d->settings[SETTING_INDEX_SEGMENTS] = segment + 1;
	lines = mmap(NULL, SEGMENT_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (lines != MAP_FAILED && bpf_map_update_elem(outer(d), &segment, &fd, BPF_ANY)) {
		munmap(lines, SEGMENT_BYTES);
		lines = MAP_FAILED;
	}
	close(fd);
	if (lines == MAP_FAILED)
		return NULL;
	d->segments[segment] = lines;
	return lines;
}

/* In one request where the kernel can: for a single one it waits for all programs to end. */
static void put_unused(const struct dataplane *d, const uint32_t *segments, uint32_t count)
{
	int unused[DROP_AT_ONCE];
	uint32_t done = count;

	for (uint32_t i = 0; i < count; i++)
		unused[i] = d->unused_segment;
	if (!bpf_map_update_batch(outer(d), segments, unused, &done, NULL))
		return;
	for (uint32_t i = 0; i < count; i++)
		bpf_map_update_elem(outer(d), &segments[i], &unused[i], BPF_ANY);
}

static void drop(const uint32_t *segments, size_t count, void *context)
{
	struct dataplane *d = context;

	for (size_t i = 0; i < count; i++) {
		munmap(d->segments[segments[i]], SEGMENT_BYTES);
		d->segments[segments[i]] = NULL;
	}
	for (size_t i = 0; i < count; i += DROP_AT_ONCE)
		put_unused(d, segments + i,
			   (uint32_t)(count - i < DROP_AT_ONCE ? count - i : DROP_AT_ONCE));
}

/*
 * The kernel promises that when a map of maps was changed by a system call, no program is running
 * any more that began before. So the last place is written, which is no segment's.
 */
static void wait_for_programs(void *context)
{
	struct dataplane *d = context;
	uint32_t last = NO_SEGMENT;

	bpf_map_update_elem(outer(d), &last, &d->unused_segment, BPF_ANY);
}

/* ---- building ---- */

static int take_route(uint32_t table, const struct prefix *p, const struct route *value, void *data)
{
	index_set(data, table, p, value);
	return 0;
}

/* Numbers of segments that the programs may be reading. */
static void reserve_present(const struct dataplane *d, struct index *x)
{
	uint32_t last = NO_SEGMENT, unused = 0, id;

	bpf_map_lookup_elem(outer(d), &last, &unused);
	for (uint32_t i = 0; i < x->limit && i < d->settings[SETTING_INDEX_SEGMENTS]; i++)
		if (!bpf_map_lookup_elem(outer(d), &i, &id) && id != unused)
			index_reserve(x, i, true);
}

/* Nothing leads there any more. */
static void drop_reserved(const struct dataplane *d, struct index *x)
{
	uint32_t list[DROP_AT_ONCE], count = 0;

	for (uint32_t i = 0; i < x->limit; i++) {
		if (!x->segments[i].reserved)
			continue;
		index_reserve(x, i, false);
		list[count++] = i;
		if (count == DROP_AT_ONCE) {
			put_unused(d, list, count);
			count = 0;
		}
	}
	if (count)
		put_unused(d, list, count);
}

/* Once for each process. What stands in for a segment that a former one left is let go later, with
 * the segments. */
static int prepare(struct dataplane *d)
{
	uint32_t limit = d->index_limit ? d->index_limit : INDEX_SEGMENTS - 1;

	if (d->segments)
		return 0;
	d->segments = calloc(INDEX_SEGMENTS, sizeof(*d->segments));
	if (!d->segments)
		return -ENOMEM;
	d->index_limit = limit;
	d->index_memory = (struct index_memory){ add, drop, wait_for_programs, d };
	d->unused_segment = new_segment();
	return d->unused_segment < 0 ? -errno : 0;
}

int dataplane_build_index(struct dataplane *d)
{
	uint64_t *roots = calloc(INDEX_ROOTS, sizeof(*roots));
	struct index fresh = { 0 };
	int err = roots ? prepare(d) : -ENOMEM;

	if (!err)
		err = index_init(&fresh, roots, d->index_limit, &d->index_memory);
	if (!err) {
		reserve_present(d, &fresh);
		err = dataplane_each_route(d, take_route, &fresh);
	}
	if (err) {
		index_free(&fresh);
		free(roots);
		return err;
	}
	index_publish(&fresh, d->index_roots);
	index_free(&d->index);
	d->index = fresh;
	drop_reserved(d, &d->index);
	wait_for_programs(d);
	free(roots);
	return 0;
}

/* It goes on answering: only what this process has of it ends. */
void dataplane_index_close(struct dataplane *d)
{
	for (uint32_t i = 0; d->segments && i < INDEX_SEGMENTS; i++)
		if (d->segments[i])
			munmap(d->segments[i], SEGMENT_BYTES);
	if (d->segments)
		close(d->unused_segment);
	free(d->segments);
	free(d->index.segments);
	free(d->index.tables);
	free(d->index.limbo);
}

/* Only where a segment can be had: to build it all is not for nothing. */
void dataplane_heal_index(struct dataplane *d)
{
	int fd;

	if (!index_partly(&d->index) || d->index.segment_count >= d->index_limit)
		return;
	fd = new_segment();
	if (fd < 0)
		return;
	close(fd);
	dataplane_build_index(d);
}

/* ---- keeping ---- */

void dataplane_index_set(struct dataplane *d, uint32_t table, const struct prefix *p,
			 const struct route *value)
{
	index_set(&d->index, table, p, value);
}

void dataplane_index_delete(struct dataplane *d, uint32_t table, const struct prefix *p)
{
	struct route around;
	bool found = dataplane_route_around(d, table, p, &around);

	index_delete(&d->index, table, p, found ? &around : NULL);
}

void dataplane_fill_begin(struct dataplane *d, uint32_t table, struct dataplane_filling *out)
{
	*out = (struct dataplane_filling){ d, table, index_fill_begin(&d->index, table) };
}

void dataplane_fill_add(struct dataplane_filling *f, const struct prefix *p,
			const struct route *value)
{
	if (f->filling)
		index_fill_add(f->filling, p, value);
	else
		index_set(&f->dataplane->index, f->table, p, value);
}

void dataplane_fill_end(struct dataplane_filling *f)
{
	if (f->filling)
		index_fill_end(f->filling);
}

bool dataplane_check_route(struct dataplane *d, uint32_t table, const struct prefix *p,
			   const struct route *value)
{
	return !index_set(&d->index, table, p, value);
}

/* ---- reading ---- */

bool dataplane_walk_index(const struct dataplane *d, uint32_t table, bool v6, uint32_t slot,
			  dataplane_leaf_fn fn, void *context)
{
	return index_walk(&d->index, table, v6, slot, fn, context);
}

void dataplane_gather_index(struct dataplane *d)
{
	if (index_scattered(&d->index))
		index_gather(&d->index);
}

struct dataplane_index_use dataplane_index_use(const struct dataplane *d)
{
	return (struct dataplane_index_use){ index_bytes(&d->index), index_partly(&d->index) };
}
