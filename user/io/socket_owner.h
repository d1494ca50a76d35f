/* SPDX-License-Identifier: GPL-2.0-only */
/* Whose socket is at the other end of a TCP connection within this host? Asked of the kernel
 * (sock_diag(7)). Decides nothing. */
#ifndef ESPALIER_IO_SOCKET_OWNER_H
#define ESPALIER_IO_SOCKET_OWNER_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/types.h>

union socket_address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* `fd`: our end. 0; -ENOENT: the other end is not of this network namespace, or not connected any
 * more; or another -errno. */
int socket_owner(int fd, uid_t *owner);

#endif
