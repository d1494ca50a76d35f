/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The sockets of health checks: ICMP and ICMPv6 echo that leaves through a named device, whatever
 * routes say, and the answers by whatever device they come.
 *
 * One raw socket a family, made while the process still may (CAP_NET_RAW), for all tunnels: neither
 * is bound, device and source go with each probe (IP_PKTINFO), which asks for no capability. So a
 * check that is configured later needs no more privileges than those that are left.
 *
 * The kernel looks up a route through exactly that device, in its VRF's table if it has one; the
 * connection's default through each of its devices is there for that (core/host.h). Of IPv6 the
 * whole packet is ours, with the source in it: for a source that is named beside it, the kernel
 * takes the device for a wish only, and another path of the same route would do. An answer to an
 * address in a VRF reaches an unbound socket as long as net.ipv4.raw_l3mdev_accept is 1, the
 * kernel's default.
 */
#ifndef ESPALIER_PROBE_H
#define ESPALIER_PROBE_H

#include <stdint.h>
#include "../core/health.h"

struct probes;

/* The way of a probe. Both addresses are of one family. That the source is one of this host's is
 * seen to by the caller: of IPv6, and of IPv4 in words that help nobody, the kernel does not. */
struct probe_way {
	uint32_t ifindex;
	struct address source, destination;
};

/* A family that cannot be had is none: probe_send() says why. 0 or -ENOMEM. */
int probes_open(struct probes **out);
void probes_close(struct probes *p); /* NULL is allowed */

/* Readable when answers wait; -errno: there is no socket of this family. */
int probes_fd(const struct probes *p, uint8_t family);

/*
 * 0: it has left, as far as the kernel says. -EAGAIN: no room in a queue of this host. Else it was
 * refused: -ENETUNREACH, -EHOSTUNREACH (no route through the device), -ENODEV, -EPERM (a firewall,
 * or no CAP_NET_RAW at the start) …
 */
int probe_send(struct probes *p, const struct probe_way *way, const struct health_probe *probe);

/* at_ns: when it came in, monotonic. */
typedef void (*probe_answer_fn)(const struct address *sender, const struct health_probe *probe,
				uint64_t at_ns, void *data);
/* Hands over what waits, without blocking, so many at most that others have their turn. */
void probes_receive(struct probes *p, uint8_t family, probe_answer_fn fn, void *data);

#endif
