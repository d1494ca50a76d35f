/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Programs on devices. XDP is held by a bpf_link pinned as `xdp_IFINDEX`; tc programs by the
 * kernel's filters, which are found again by a handle and a priority that are ours alone.
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

#define XDP_LINK    "xdp_"
#define TC_HANDLE   0xe5
#define TC_PRIORITY 0xe5a

/* ---- detaching ---- */

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
	err = dataplane_pin_path(d, name, path);
	if (err)
		return err;
	fd = bpf_obj_get(path);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	err = link_is_on(fd, ifindex) && bpf_link_detach(fd) ? -errno : 0;
	close(fd);
	return dataplane_first(err, dataplane_unpin(d, name));
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

	return dataplane_first(err, detach_tc(ifindex));
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
	err = dataplane_pin_path(d, name, path);
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

static const struct bpf_program *tc_program(const struct dataplane *d, bool ethernet)
{
	return ethernet ? d->object->progs.tc_attachment : d->object->progs.tc_tunnel;
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
	err = attach_tc(tc_program(d, ethernet), ifindex);
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
	return attach_tc(tc_program(d, false), ifindex);
}

/* ---- what is attached ---- */

static uint32_t program_id(const struct bpf_program *program)
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);

	return bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &len) ? 0 : info.id;
}

static bool tc_is_attached(const struct bpf_program *program, uint32_t ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = TC_HANDLE, .priority = TC_PRIORITY);

	return !bpf_tc_query(&hook, &opts) && opts.prog_id == program_id(program);
}

/* The link leads to the device, and the device to our program. */
static bool xdp_is_attached(const struct dataplane *d, uint32_t ifindex)
{
	uint32_t running = 0;
	char name[32], path[PATH_LEN];
	bool ours;
	int fd;

	snprintf(name, sizeof(name), XDP_LINK "%u", ifindex);
	if (dataplane_pin_path(d, name, path))
		return false;
	fd = bpf_obj_get(path);
	if (fd < 0)
		return false;
	ours = link_is_on(fd, ifindex);
	close(fd);
	return ours && !bpf_xdp_query_id((int)ifindex, XDP_FLAGS_DRV_MODE, &running) &&
	       running == program_id(d->object->progs.xdp_steer);
}

unsigned dataplane_detached(const struct dataplane *d, uint32_t ifindex, bool tunnel, bool native)
{
	unsigned short type = 0;
	unsigned gone = 0;

	if (!tunnel && device_type(ifindex, &type))
		return 0;
	if (!tc_is_attached(tc_program(d, type == ARPHRD_ETHER), ifindex))
		gone |= DATAPLANE_TC;
	if (native && !xdp_is_attached(d, ifindex))
		gone |= DATAPLANE_XDP;
	return gone;
}
