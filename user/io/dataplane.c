/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The loaded BPF object.
 *
 * What outlives the process is below the pin directory: every map under its own name, and one
 * bpf_link `xdp_IFINDEX` for each device with XDP. tc programs are held by the kernel's filters,
 * which are found again by a handle and a priority that are ours alone.
 */
#include "dataplane_internal.h"

#include <dirent.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/magic.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define DEFAULT_PIN_DIR "/sys/fs/bpf/espalier"
#define XDP_LINK	"xdp_"
#define TC_HANDLE	0xe5
#define TC_PRIORITY	0xe5a
#define NO_MEMORY_TRIES 5
#define EXPLAIN_MAX	3072 /* bytes of frame; test runs take what fits a page */

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

static int pin_path(const struct dataplane *d, const char *name, char out[PATH_LEN])
{
	int n = snprintf(out, PATH_LEN, "%s/%s", d->pin_dir, name);

	return n < 0 || n >= PATH_LEN ? -ENAMETOOLONG : 0;
}

/* The programs' constants have a map of their own, made anew at each load. */
static bool is_pinned_map(const struct bpf_map *map)
{
	return !strchr(bpf_map__name(map), '.');
}

static int set_pin_paths(struct dataplane *d)
{
	struct bpf_map *map;
	char path[PATH_LEN];

	bpf_object__for_each_map (map, d->object->obj) {
		int err;

		if (!is_pinned_map(map))
			continue;
		err = pin_path(d, bpf_map__name(map), path);
		if (!err)
			err = bpf_map__set_pin_path(map, path);
		if (err)
			return err;
	}
	return 0;
}

static int unpin(const struct dataplane *d, const char *name)
{
	char path[PATH_LEN];
	int err = pin_path(d, name, path);

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
	int err = pin_path(d, "names", path), fd;

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
	return set_pin_paths(d);
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
	dataplane_unshare(d);
	gateway_bpf__destroy(d->object);
	free(d->per_cpu);
	free(d);
}

static int keep_first(int err, int next)
{
	return err ? err : next;
}

/* A link outlives its device, but is then good for nothing. */
static bool link_is_on(int fd, uint32_t ifindex)
{
	struct bpf_link_info info = { 0 };
	uint32_t len = sizeof(info);

	return !bpf_obj_get_info_by_fd(fd, &info, &len) && info.type == BPF_LINK_TYPE_XDP &&
	       info.xdp.ifindex == ifindex;
}

/* Without the pin the link would go too, but at a time of the kernel's choosing. */
static int detach_xdp(struct dataplane *d, uint32_t ifindex)
{
	char name[32], path[PATH_LEN];
	int fd, err;

	snprintf(name, sizeof(name), XDP_LINK "%u", ifindex);
	err = pin_path(d, name, path);
	if (err)
		return err;
	fd = bpf_obj_get(path);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	err = link_is_on(fd, ifindex) && bpf_link_detach(fd) ? -errno : 0;
	close(fd);
	return keep_first(err, unpin(d, name));
}

static int detach_tc(uint32_t ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = TC_HANDLE, .priority = TC_PRIORITY);
	int err = bpf_tc_query(&hook, &opts);

	if (err) /* no such device, no clsact there, or no filter of ours */
		return err == -ENOENT || err == -ENODEV || err == -EINVAL ? 0 : err;
	opts.prog_fd = 0;
	opts.prog_id = 0;
	opts.flags = 0;
	return bpf_tc_detach(&hook, &opts);
}

/* XDP first: the other way round a decided packet would find nobody to deliver it. */
int dataplane_detach(struct dataplane *d, uint32_t ifindex)
{
	int err = detach_xdp(d, ifindex);

	return keep_first(err, detach_tc(ifindex));
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
			err = keep_first(err, unpin(d, e->d_name));
	closedir(dir);
	if (rmdir(d->pin_dir) && errno != ENOENT)
		err = keep_first(err, -errno);
	return err;
}

int dataplane_teardown(struct dataplane *d)
{
	struct if_nameindex *all = if_nameindex();
	int err = all ? 0 : -errno;

	for (size_t i = 0; all && all[i].if_index; i++)
		err = keep_first(err, dataplane_detach(d, all[i].if_index));
	if (all)
		if_freenameindex(all);
	return keep_first(err, unpin_all(d));
}

/* ---- attaching ---- */

static int attach_tc(const struct bpf_program *program, uint32_t ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = TC_HANDLE, .priority = TC_PRIORITY,
		    .prog_fd = bpf_program__fd(program), .flags = BPF_TC_F_REPLACE);
	int err = bpf_tc_hook_create(&hook);

	if (err && err != -EEXIST)
		return err;
	return bpf_tc_attach(&hook, &opts);
}

static int update_xdp(const char *path, int program, uint32_t ifindex)
{
	int fd = bpf_obj_get(path), err = -ENOENT;

	if (fd < 0)
		return -errno;
	if (link_is_on(fd, ifindex))
		err = bpf_link_update(fd, program, NULL);
	else if (unlink(path))
		err = -errno;
	close(fd);
	return err;
}

static int attach_xdp(struct dataplane *d, uint32_t ifindex)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_DRV_MODE);
	int program = bpf_program__fd(d->object->progs.xdp_steer), fd, err;
	char name[32], path[PATH_LEN];

	snprintf(name, sizeof(name), XDP_LINK "%u", ifindex);
	err = pin_path(d, name, path);
	if (err)
		return err;
	err = update_xdp(path, program, ifindex);
	if (err != -ENOENT)
		return err;
	fd = bpf_link_create(program, (int)ifindex, BPF_XDP, &opts);
	if (fd < 0)
		return fd;
	err = bpf_obj_pin(fd, path) ? -errno : 0;
	close(fd);
	return err;
}

static int device_type(uint32_t ifindex, unsigned short *type)
{
	struct ifreq request = { 0 };
	int fd, err = 0;

	if (!if_indextoname(ifindex, request.ifr_name))
		return errno == ENXIO ? -ENODEV : -errno;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (ioctl(fd, SIOCGIFHWADDR, &request))
		err = -errno;
	close(fd);
	if (!err)
		*type = request.ifr_hwaddr.sa_family;
	return err;
}

/* tc before XDP: from its first packet on XDP leaves decisions that tc must deliver. */
int dataplane_attach_device(struct dataplane *d, uint32_t ifindex, enum dataplane_xdp xdp,
			    bool *native)
{
	unsigned short type = 0;
	bool ethernet;
	int err = device_type(ifindex, &type);

	if (err)
		return err;
	ethernet = type == ARPHRD_ETHER;
	err = attach_tc(ethernet ? d->object->progs.tc_attachment : d->object->progs.tc_tunnel,
			ifindex);
	if (err)
		return err;
	if (xdp == DATAPLANE_XDP_OFF)
		err = detach_xdp(d, ifindex);
	else
		err = ethernet ? attach_xdp(d, ifindex) : -EOPNOTSUPP;
	*native = xdp != DATAPLANE_XDP_OFF && !err;
	return xdp == DATAPLANE_XDP_AUTO ? 0 : err;
}

int dataplane_attach_tunnel(struct dataplane *d, uint32_t ifindex)
{
	return attach_tc(d->object->progs.tc_tunnel, ifindex);
}

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

/* ---- counters ---- */

static int add_counter(struct dataplane *d, const struct bpf_map *map, uint32_t index,
		       struct counter *sum)
{
	if (bpf_map_lookup_elem(bpf_map__fd(map), &index, d->per_cpu))
		return -errno;
	for (int cpu = 0; cpu < d->cpus; cpu++) {
		sum->packets += d->per_cpu[cpu].packets;
		sum->bytes += d->per_cpu[cpu].bytes;
	}
	return 0;
}

static int zero_counter(struct dataplane *d, const struct bpf_map *map, uint32_t index)
{
	memset(d->per_cpu, 0, (size_t)d->cpus * sizeof(*d->per_cpu));
	return bpf_map_update_elem(bpf_map__fd(map), &index, d->per_cpu, BPF_ANY) ? -errno : 0;
}

int dataplane_reason_counters(struct dataplane *d, uint32_t attachment, struct counter *out)
{
	struct counter sums[REASON_COUNT] = { 0 };

	for (uint32_t reason = 0; reason < REASON_COUNT; reason++) {
		int err = add_counter(d, d->object->maps.reason_counters,
				      attachment * REASON_COUNT + reason, &sums[reason]);

		if (err)
			return err;
	}
	memcpy(out, sums, sizeof(sums));
	return 0;
}

int dataplane_tunnel_counters(struct dataplane *d, uint32_t tunnel, struct counter *out)
{
	struct counter sums[DIRECTIONS] = { 0 };

	for (uint32_t direction = 0; direction < DIRECTIONS; direction++) {
		int err = add_counter(d, d->object->maps.tunnel_counters,
				      tunnel * DIRECTIONS + direction, &sums[direction]);

		if (err)
			return err;
	}
	memcpy(out, sums, sizeof(sums));
	return 0;
}

/* What came from the attachment left the programs by some reason: the sum is what came in. */
int dataplane_device_counters(struct dataplane *d, uint32_t attachment, struct counter *out)
{
	struct counter reasons[REASON_COUNT], sums[DIRECTIONS] = { 0 };
	int err = dataplane_reason_counters(d, attachment, reasons);

	if (!err)
		err = add_counter(d, d->object->maps.device_counters, attachment,
				  &sums[DIRECTION_OUT]);
	if (err)
		return err;
	for (unsigned reason = 0; reason < REASON_COUNT; reason++) {
		sums[DIRECTION_IN].packets += reasons[reason].packets;
		sums[DIRECTION_IN].bytes += reasons[reason].bytes;
	}
	memcpy(out, sums, sizeof(sums));
	return 0;
}

int dataplane_reset_attachment(struct dataplane *d, uint32_t attachment)
{
	int err = zero_counter(d, d->object->maps.device_counters, attachment);

	for (uint32_t reason = 0; !err && reason < REASON_COUNT; reason++)
		err = zero_counter(d, d->object->maps.reason_counters,
				   attachment * REASON_COUNT + reason);
	return err;
}

int dataplane_reset_tunnel(struct dataplane *d, uint32_t tunnel)
{
	int err = 0;

	for (uint32_t direction = 0; !err && direction < DIRECTIONS; direction++)
		err = zero_counter(d, d->object->maps.tunnel_counters,
				   tunnel * DIRECTIONS + direction);
	return err;
}

/* ---- explain ---- */

/* A frame without a destination address is meant for the gateway. */
static int address_to_us(struct dataplane *d, const struct association_key *in, uint8_t *frame)
{
	static const uint8_t none[6];
	struct association a;

	if (bpf_map_lookup_elem(bpf_map__fd(d->object->maps.associations), in, &a))
		return -errno;
	if (!memcmp(frame, none, sizeof(none)))
		memcpy(frame, a.mac, sizeof(a.mac));
	return 0;
}

int dataplane_explain(struct dataplane *d, const struct association_key *in, const void *frame,
		      size_t len, struct explain *answer)
{
	struct {
		struct explain header;
		uint8_t frame[EXPLAIN_MAX];
	} packet = { .header.in = *in };
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = &packet, .data_out = &packet,
		    .data_size_in = (uint32_t)(sizeof(packet.header) + len),
		    .data_size_out = sizeof(packet), .repeat = 1);
	int err;

	if (len < ETH_HEADER_LEN || len > sizeof(packet.frame))
		return -EMSGSIZE;
	memcpy(packet.frame, frame, len);
	err = address_to_us(d, in, packet.frame);
	if (err)
		return err;
	if (bpf_prog_test_run_opts(bpf_program__fd(d->object->progs.explain), &run))
		return -errno;
	if (run.retval != XDP_PASS)
		return -EINVAL;
	*answer = packet.header;
	return 0;
}
