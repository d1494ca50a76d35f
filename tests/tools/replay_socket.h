/* SPDX-License-Identifier: GPL-2.0-only */
/* How tools reach a daemon with the replay back end (user/io/replay_xfrm_backend.c). */
#ifndef ESPALIER_REPLAY_SOCKET_H
#define ESPALIER_REPLAY_SOCKET_H

#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

/* The two subscribers of a daemon with the replay back end at `path`: who sends, sends to the
 * second one first. 0 or -1 with errno. */
static inline int replay_connect(const char *path, int *first, int *second)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int *sockets[] = { first, second };

	for (int i = 0; i < 2; i++) {
		snprintf(to.sun_path, sizeof(to.sun_path), i ? "%s.2" : "%s", path);
		*sockets[i] = socket(AF_UNIX, SOCK_DGRAM, 0);
		if (*sockets[i] < 0 || connect(*sockets[i], (struct sockaddr *)&to, sizeof(to)))
			return -1;
	}
	return 0;
}

#endif
