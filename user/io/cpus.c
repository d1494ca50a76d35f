/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "../core/cores.h"
#include "cpus.h"

#define ONLINE "/sys/devices/system/cpu/online"

size_t cpus_online(uint16_t *list, size_t room)
{
	int fd = open(ONLINE, O_RDONLY | O_CLOEXEC);
	char text[1024];
	ssize_t len = -1;
	size_t count = 0;

	if (fd >= 0) {
		len = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	if (len > 0) {
		text[len] = '\0';
		count = cores_parse(text, list, room);
	}
	if (!count) {
		list[0] = 0;
		count = 1;
	}
	return count;
}

/* ethtool's old interface: the device is found in our network namespace, as sysfs need not. */
static int ask(int fd, struct ifreq *request, void *question)
{
	request->ifr_data = question;
	return ioctl(fd, SIOCETHTOOL, request) ? -errno : 0;
}

int cpus_device(const char *name, unsigned *rx_queues, bool *takes_tags)
{
	struct ethtool_channels channels = { .cmd = ETHTOOL_GCHANNELS };
	struct ethtool_value flags = { .cmd = ETHTOOL_GFLAGS };
	struct ifreq request = { 0 };
	int fd, err;

	if (strlen(name) >= sizeof(request.ifr_name))
		return -ENAMETOOLONG;
	strcpy(request.ifr_name, name);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	*rx_queues = 0;
	if (!ask(fd, &request, &channels))
		*rx_queues = channels.rx_count + channels.combined_count;
	err = ask(fd, &request, &flags);
	*takes_tags = !err && flags.data & ETH_FLAG_RXVLAN;
	close(fd);
	return err == -EOPNOTSUPP ? 0 : err;
}
