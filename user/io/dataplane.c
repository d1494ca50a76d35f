/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The loaded BPF object: from the pin directory and back. What outlives the process is below that
 * directory: every map under its own name, and what dataplane_attach.c keeps there.
 *
 *   dataplane_attach.c   programs on devices
 *   dataplane_maps.c     what is written to maps, and read back
 *   dataplane_associations.c what packets of a device are subject to
 *   dataplane_index.c    the memory of what makes lookups fast
 *   dataplane_audit.c    pins that somebody removed
 *   dataplane_cores.c    packets for other CPUs
 *   dataplane_shared.c   maps that are memory of this process
 *   dataplane_counters.c what the programs count, and what they say of a packet
 */
#include "dataplane_internal.h"

#include <dirent.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/magic.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define DEFAULT_PIN_DIR "/sys/fs/bpf/espalier"

/* ---- what libbpf says, kept until somebody asks ---- */

/* The first one names the cause; the others say what failed because of it. */
static char first_warning[512];
static char reason_text[1024];

static int keep_warning(enum libbpf_print_level level, const char *format, va_list args)
{
	char line[sizeof(first_warning)];

	if (level != LIBBPF_WARN || first_warning[0])
		return 0;
	vsnprintf(line, sizeof(line), format, args);
	line[strcspn(line, "\n")] = '\0';
	memcpy(first_warning, line, sizeof(line));
	return 0;
}

__attribute__((format(printf, 3, 4))) static int fail(int err, const char **why, const char *format,
						      ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(reason_text, sizeof(reason_text), format, args);
	va_end(args);
	*why = reason_text;
	return err;
}

/* ---- pin directory ---- */

static bool on_bpffs(const char *path)
{
	struct statfs fs;

	return !statfs(path, &fs) && (uint32_t)fs.f_type == BPF_FS_MAGIC;
}

static int make_pin_dir(struct dataplane *d, const char **why)
{
	char parent[PATH_LEN];
	char *slash;

	memcpy(parent, d->pin_dir, sizeof(parent));
	slash = strrchr(parent, '/');
	if (!slash || slash == parent)
		return fail(-EINVAL, why,
			    "the pin directory %s is not an absolute path below a bpffs",
			    d->pin_dir);
	*slash = '\0';
	if (!on_bpffs(parent))
		return fail(-ENODEV, why,
			    "%s is not on a bpffs; mount one with `mount -t bpf bpf /sys/fs/bpf`",
			    parent);
	if (mkdir(d->pin_dir, 0700) && errno != EEXIST)
		return fail(-errno, why, "cannot create the pin directory %s: %s%s", d->pin_dir,
			    strerror(errno), errno == EACCES ? "; run as root" : "");
	return 0;
}

int dataplane_pin_path(const struct dataplane *d, const char *name, char out[PATH_LEN])
{
	int n = snprintf(out, PATH_LEN, "%s/%s", d->pin_dir, name);

	return n < 0 || n >= PATH_LEN ? -ENAMETOOLONG : 0;
}

bool dataplane_has_pin(const struct bpf_map *map)
{
	return !strchr(bpf_map__name(map), '.') && bpf_map__type(map) != BPF_MAP_TYPE_DEVMAP &&
	       bpf_map__type(map) != BPF_MAP_TYPE_CPUMAP;
}

static int set_pin_paths(struct dataplane *d)
{
	struct bpf_map *map;
	char path[PATH_LEN];

	bpf_object__for_each_map (map, d->object->obj) {
		int err;

		if (!dataplane_has_pin(map))
			continue;
		err = dataplane_pin_path(d, bpf_map__name(map), path);
		if (!err)
			err = bpf_map__set_pin_path(map, path);
		if (err)
			return err;
	}
	return 0;
}

int dataplane_unpin(const struct dataplane *d, const char *name)
{
	char path[PATH_LEN];
	int err = dataplane_pin_path(d, name, path);

	if (err)
		return err;
	return unlink(path) && errno != ENOENT ? -errno : 0;
}

/* ---- the cookie of this gateway's decisions, the same for its programs before and after a restart
 */

static const struct name_key cookie_key = { NAME_COOKIE, 0 };

static int new_cookie(uint32_t *cookie)
{
	do {
		if (getrandom(cookie, sizeof(*cookie), 0) != sizeof(*cookie))
			return -errno;
	} while (!*cookie); /* 0 is a decision not yet made */
	return 0;
}

static int choose_cookie(const struct dataplane *d, uint32_t *cookie)
{
	struct name value;
	char path[PATH_LEN];
	int err = dataplane_pin_path(d, "names", path), fd;

	if (err)
		return err;
	fd = bpf_obj_get(path);
	if (fd < 0)
		return new_cookie(cookie);
	err = bpf_map_lookup_elem(fd, &cookie_key, &value);
	close(fd);
	if (err)
		return new_cookie(cookie);
	memcpy(cookie, value.text, sizeof(*cookie));
	return 0;
}

static int keep_cookie(struct dataplane *d)
{
	uint32_t cookie = d->object->rodata->decision_cookie;
	struct name value = { 0 };

	memcpy(value.text, &cookie, sizeof(cookie));
	return bpf_map_update_elem(bpf_map__fd(d->object->maps.names), &cookie_key, &value,
				   BPF_ANY);
}

/* ---- open, close, teardown ---- */

static int explain_load_failure(const struct dataplane *d, int err, const char **why)
{
	if (err == -EPERM || err == -EACCES)
		return fail(
			err, why,
			"no permission to load BPF programs (CAP_BPF and CAP_NET_ADMIN); run as "
			"root [%s]",
			first_warning);
	if (strstr(first_warning, "mismatch") || strstr(first_warning, "couldn't reuse"))
		return fail(
			err, why,
			"the maps pinned below %s are of another version of Espalier; remove them "
			"(`rm -r %s`), which stops forwarding until the tables are filled again "
			"[%s]",
			d->pin_dir, d->pin_dir, first_warning);
	if (err == -ENOSYS)
		return fail(err, why, "this kernel has no BPF (CONFIG_BPF_SYSCALL)");
	return fail(err, why,
		    "the kernel refuses the BPF object: %s [%s]; it needs Linux 6.1 or newer",
		    strerror(-err), first_warning);
}

static int configure(struct dataplane *d, const struct dataplane_options *options)
{
	uint32_t cookie;
	int err = choose_cookie(d, &cookie);

	if (err)
		return err;
	d->object->rodata->hash_mode = options->hash;
	d->object->rodata->decision_cookie = cookie;
	err = dataplane_size_cores(d->object);
	return err ? err : set_pin_paths(d);
}

static int load(struct dataplane *d, const struct dataplane_options *options, const char **why)
{
	int err;

	d->cpus = libbpf_num_possible_cpus();
	if (d->cpus < 0)
		return fail(d->cpus, why, "cannot count the CPUs: %s", strerror(-d->cpus));
	d->per_cpu = calloc((size_t)d->cpus, sizeof(*d->per_cpu));
	if (!d->per_cpu)
		return fail(-ENOMEM, why, "out of memory");
	d->object = gateway_bpf__open();
	if (!d->object)
		return fail(-errno, why, "cannot open the BPF object: %s", strerror(errno));
	err = configure(d, options);
	if (err)
		return fail(err, why, "cannot prepare the BPF object: %s", strerror(-err));
	err = gateway_bpf__load(d->object);
	if (err)
		return explain_load_failure(d, err, why);
	err = keep_cookie(d);
	if (!err)
		err = dataplane_share(d);
	if (!err)
		err = dataplane_build_index(d);
	return err ? fail(err, why, "cannot use the BPF maps: %s", strerror(-err)) : 0;
}

int dataplane_open(const struct dataplane_options *options, struct dataplane **out,
		   const char **why)
{
	const char *dir = options->pin_dir ? options->pin_dir : DEFAULT_PIN_DIR;
	struct dataplane *d = calloc(1, sizeof(*d));
	int err;

	if (!d)
		return fail(-ENOMEM, why, "out of memory");
	d->index_limit = options->index_segments;
	libbpf_set_print(keep_warning);
	first_warning[0] = '\0';
	if (strlen(dir) >= sizeof(d->pin_dir)) {
		free(d);
		return fail(-ENAMETOOLONG, why, "the name of the pin directory is too long");
	}
	strcpy(d->pin_dir, dir);
	err = make_pin_dir(d, why);
	if (!err)
		err = load(d, options, why);
	if (err) {
		dataplane_close(d);
		return err;
	}
	*out = d;
	return 0;
}

void dataplane_close(struct dataplane *d)
{
	if (!d)
		return;
	dataplane_index_close(d);
	dataplane_unshare(d);
	gateway_bpf__destroy(d->object);
	free(d->per_cpu);
	free(d);
}

static int unpin_all(struct dataplane *d)
{
	DIR *dir = opendir(d->pin_dir);
	struct dirent *e;
	int err = 0;

	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while ((e = readdir(dir)))
		if (e->d_name[0] != '.')
			err = dataplane_first(err, dataplane_unpin(d, e->d_name));
	closedir(dir);
	if (rmdir(d->pin_dir) && errno != ENOENT)
		err = dataplane_first(err, -errno);
	return err;
}

int dataplane_teardown(struct dataplane *d)
{
	struct if_nameindex *all = if_nameindex();
	int err = all ? 0 : -errno;

	for (size_t i = 0; all && all[i].if_index; i++)
		err = dataplane_first(err, dataplane_detach(d, all[i].if_index));
	if (all)
		if_freenameindex(all);
	return dataplane_first(err, unpin_all(d));
}
