/* SPDX-License-Identifier: GPL-2.0-only */
/* Pins that somebody removed are made again: without them the next controller finds no maps. */
#include "dataplane_internal.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

/* 0: none has this id. */
static uint32_t map_id(int fd)
{
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &len) ? 0 : info.id;
}

static bool is_pinned(const struct bpf_map *map, const char *path)
{
	int fd = bpf_obj_get(path);
	bool same;

	if (fd < 0)
		return false;
	same = map_id(fd) == map_id(bpf_map__fd(map));
	close(fd);
	return same;
}

static int pin_again(const struct dataplane *d, const struct bpf_map *map, const char *path)
{
	if (mkdir(d->pin_dir, 0700) && errno != EEXIST)
		return -errno;
	if (unlink(path) && errno != ENOENT)
		return -errno;
	return bpf_obj_pin(bpf_map__fd(map), path) ? -errno : 0;
}

void dataplane_restore_pins(struct dataplane *d, dataplane_pin_fn fn, void *data)
{
	struct bpf_map *map;
	char path[PATH_LEN];

	bpf_object__for_each_map (map, d->object->obj) {
		const char *name = bpf_map__name(map);

		if (!dataplane_has_pin(map) || dataplane_pin_path(d, name, path) ||
		    is_pinned(map, path))
			continue;
		fn(name, pin_again(d, map, path), data);
	}
}
