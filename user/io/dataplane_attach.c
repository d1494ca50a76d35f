/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Programs on devices, each held by a bpf_link pinned as `xdp_IFINDEX` or `tc_IFINDEX`. Kernels
 * before 6.6 have no links for tc (tcx): there a filter holds the program, which is found again by
 * a handle and a priority that are ours alone. Not the filter everywhere, since its way through the
 * classifier costs each packet some 40 ns.
 */
#include "dataplane_internal.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

/* Of linux/bpf.h since 6.6; Debian 12's is older. */
#define TCX_INGRESS   ((enum bpf_attach_type)46)
#define LINK_TYPE_TCX 11

#define TC_HANDLE   0xe5
#define TC_PRIORITY 0xe5a

struct hook {
	const char *pin; /* the link's, before the ifindex */
	enum bpf_attach_type attach_type;
	uint32_t link_type;
	uint32_t flags;
};

static const struct hook xdp_hook = { "xdp_", BPF_XDP, BPF_LINK_TYPE_XDP, XDP_FLAGS_DRV_MODE };
static const struct hook tc_hook = { "tc_", TCX_INGRESS, LINK_TYPE_TCX, 0 };

/* ---- links ---- */

static int link_pin_name(const struct hook *hook, uint32_t ifindex, char name[32])
{
	return snprintf(name, 32, "%s%u", hook->pin, ifindex);
}

static int open_link(const struct dataplane *d, const struct hook *hook, uint32_t ifindex)
{
	char name[32], path[PATH_LEN];
	int err, fd;

	link_pin_name(hook, ifindex, name);
	err = dataplane_pin_path(d, name, path);
	if (err)
		return err;
	fd = bpf_obj_get(path);
	return fd < 0 ? -errno : fd;
}

/* The program that the link holds on the device; 0: none. A link outlives its device, but is then
 * good for nothing. */
static uint32_t link_program(const struct hook *hook, int fd, uint32_t ifindex)
{
	struct bpf_link_info info = { 0 };
	uint32_t len = sizeof(info);

	/* In `info`, tcx begins as xdp does: with the ifindex, 0 if detached. */
	if (bpf_obj_get_info_by_fd(fd, &info, &len) || info.type != hook->link_type ||
	    info.xdp.ifindex != ifindex)
		return 0;
	return info.prog_id;
}

/* Without the pin the link would go too, but at a time of the kernel's choosing. */
static int detach_link(struct dataplane *d, const struct hook *hook, uint32_t ifindex)
{
	char name[32];
	int fd = open_link(d, hook, ifindex), err = 0;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	if (link_program(hook, fd, ifindex) && bpf_link_detach(fd))
		err = -errno;
	close(fd);
	link_pin_name(hook, ifindex, name);
	return dataplane_first(err, dataplane_unpin(d, name));
}

/* -ENOENT: there is none that could be updated. */
static int update_link(const struct dataplane *d, const struct hook *hook, int program,
		       uint32_t ifindex)
{
	int fd = open_link(d, hook, ifindex), err = -ENOENT;

	if (fd < 0)
		return fd;
	if (link_program(hook, fd, ifindex))
		err = bpf_link_update(fd, program, NULL);
	close(fd);
	return err;
}

static int attach_link(struct dataplane *d, const struct hook *hook,
		       const struct bpf_program *program, uint32_t ifindex)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = hook->flags);
	int err = update_link(d, hook, bpf_program__fd(program), ifindex), fd;
	char name[32], path[PATH_LEN];

	if (err != -ENOENT)
		return err;
	link_pin_name(hook, ifindex, name);
	err = dataplane_first(dataplane_unpin(d, name), dataplane_pin_path(d, name, path));
	if (err)
		return err;
	fd = bpf_link_create(bpf_program__fd(program), (int)ifindex, hook->attach_type, &opts);
	if (fd < 0)
		return fd;
	err = bpf_obj_pin(fd, path) ? -errno : 0;
	close(fd);
	return err;
}

static uint32_t program_id(const struct bpf_program *program)
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);

	return bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &len) ? 0 : info.id;
}

static bool link_is_attached(const struct dataplane *d, const struct hook *hook,
			     const struct bpf_program *program, uint32_t ifindex)
{
	int fd = open_link(d, hook, ifindex);
	uint32_t running;

	if (fd < 0)
		return false;
	running = link_program(hook, fd, ifindex);
	close(fd);
	return running && running == program_id(program);
}

/* ---- filters, on kernels without links for tc ---- */

static int detach_filter(uint32_t ifindex)
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

static int attach_filter(const struct bpf_program *program, uint32_t ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = TC_HANDLE, .priority = TC_PRIORITY,
		    .prog_fd = bpf_program__fd(program), .flags = BPF_TC_F_REPLACE);
	int err = bpf_tc_hook_create(&hook);

	if (err && err != -EEXIST)
		return err;
	return bpf_tc_attach(&hook, &opts);
}

static bool filter_is_attached(const struct bpf_program *program, uint32_t ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = TC_HANDLE, .priority = TC_PRIORITY);

	return !bpf_tc_query(&hook, &opts) && opts.prog_id == program_id(program);
}

/* ---- tc, XDP ---- */

/* A filter that a controller of ours left there before the kernel had links for tc would be asked,
 * too. */
static int attach_tc(struct dataplane *d, const struct bpf_program *program, uint32_t ifindex)
{
	int err = attach_link(d, &tc_hook, program, ifindex);

	if (err == -EINVAL)
		return attach_filter(program, ifindex);
	return dataplane_first(err, detach_filter(ifindex));
}

static int detach_tc(struct dataplane *d, uint32_t ifindex)
{
	int err = detach_link(d, &tc_hook, ifindex);

	return dataplane_first(err, detach_filter(ifindex));
}

static bool tc_is_attached(const struct dataplane *d, const struct bpf_program *program,
			   uint32_t ifindex)
{
	return link_is_attached(d, &tc_hook, program, ifindex) ||
	       filter_is_attached(program, ifindex);
}

/* XDP first: the other way round a decided packet would find nobody to deliver it. */
int dataplane_detach(struct dataplane *d, uint32_t ifindex)
{
	int err = detach_link(d, &xdp_hook, ifindex);

	return dataplane_first(err, detach_tc(d, ifindex));
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

static const struct bpf_program *tc_program(const struct dataplane *d, bool ethernet, bool native)
{
	if (!ethernet)
		return d->object->progs.tc_tunnel;
	return native ? d->object->progs.tc_decided : d->object->progs.tc_attachment;
}

static int switch_xdp(struct dataplane *d, uint32_t ifindex, bool ethernet, enum dataplane_xdp xdp)
{
	if (xdp == DATAPLANE_XDP_OFF)
		return detach_link(d, &xdp_hook, ifindex);
	if (!ethernet)
		return -EOPNOTSUPP;
	return attach_link(d, &xdp_hook, d->object->progs.xdp_steer, ifindex);
}

/* tc before XDP: from its first packet on XDP leaves decisions that tc must deliver. The program
 * that does without them comes when there are none. */
int dataplane_attach_device(struct dataplane *d, uint32_t ifindex, enum dataplane_xdp xdp,
			    bool *native)
{
	unsigned short type = 0;
	bool ethernet;
	int err = device_type(ifindex, &type), failed;

	if (err)
		return err;
	ethernet = type == ARPHRD_ETHER;
	err = attach_tc(d, tc_program(d, ethernet, true), ifindex);
	if (err)
		return err;
	failed = switch_xdp(d, ifindex, ethernet, xdp);
	*native = xdp != DATAPLANE_XDP_OFF && !failed;
	if (ethernet && !*native)
		err = attach_tc(d, tc_program(d, ethernet, false), ifindex);
	return xdp == DATAPLANE_XDP_AUTO ? err : dataplane_first(failed, err);
}

int dataplane_attach_guard(struct dataplane *d, uint32_t ifindex)
{
	return attach_link(d, &xdp_hook, d->object->progs.xdp_guard, ifindex);
}

int dataplane_detach_guard(struct dataplane *d, uint32_t ifindex)
{
	return detach_link(d, &xdp_hook, ifindex);
}

bool dataplane_guarded(const struct dataplane *d, uint32_t ifindex)
{
	return link_is_attached(d, &xdp_hook, d->object->progs.xdp_guard, ifindex);
}

int dataplane_attach_tunnel(struct dataplane *d, uint32_t ifindex)
{
	return attach_tc(d, tc_program(d, false, false), ifindex);
}

unsigned dataplane_detached(const struct dataplane *d, uint32_t ifindex, bool tunnel, bool native)
{
	unsigned short type = 0;
	unsigned gone = 0;

	if (!tunnel && device_type(ifindex, &type))
		return 0;
	if (!tc_is_attached(d, tc_program(d, type == ARPHRD_ETHER, native), ifindex))
		gone |= DATAPLANE_TC;
	if (native && !link_is_attached(d, &xdp_hook, d->object->progs.xdp_steer, ifindex))
		gone |= DATAPLANE_XDP;
	return gone;
}
