/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * user/gateway_forwarding.c with real maps and without the rest of the gateway: no event loop, no
 * host, no XFRM. What the gateway would say of tunnels is said here; alarms are kept.
 */
#ifndef TESTS_BPF_FORWARDING_WORLD_H
#define TESTS_BPF_FORWARDING_WORLD_H

#include "gateway.h"

#define FORWARDING_TUNNELS 1024

struct forwarding_world {
	struct gateway gateway; /* its config belongs to the caller */
	bool down[FORWARDING_TUNNELS];
	unsigned slow_path; /* how often the slow path was asked for */
	unsigned alarms;
	char alarm[256]; /* the last one */
};

/* Namespaces and a bpffs of their own, maps and ids; nothing is decided yet. Exits when it cannot.
 */
void forwarding_open(struct forwarding_world *w, const struct config *c, size_t groups);
/* The rib alone; rib, tables and maps. 0 or -errno. */
int forwarding_build(struct forwarding_world *w);
int forwarding_start(struct forwarding_world *w);
/* After tunnels went up or down. */
int forwarding_tunnels(struct forwarding_world *w);
void forwarding_close(struct forwarding_world *w);

#endif
