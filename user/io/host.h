/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The host's kernel by rtnetlink and /proc/sys: makes it equal to a plan (core/host.h), answers
 * questions about it, reports its changes. Decides nothing.
 *
 * What is ours is marked in the kernel itself, so that a new controller knows what a killed one
 * left: links by the alias HOST_LINK_ALIAS, addresses, routes and rules by protocol HOST_PROTOCOL.
 * Nothing else is ever changed or removed, except that adopted devices get the master, address and
 * MTU of the plan and that sysctls are set; their former values are kept in state_dir until given
 * back.
 *
 * All functions return 0 or -errno.
 */
#ifndef ESPALIER_IO_HOST_H
#define ESPALIER_IO_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "../core/drift.h"
#include "../core/host.h"

#define HOST_PROTOCOL	77
#define HOST_LINK_ALIAS "espalier"

struct host;

struct host_options {
	const char *state_dir; /* default /run/espalier; created when it is needed */
};

/* *why: one sentence for the user on failure, static. options may be NULL. */
int host_open(const struct host_options *options, struct host **out, const char **why);
void host_close(struct host *h);

/*
 * Makes the kernel equal to `want`, touching only what differs. `old` is the plan of the last
 * host_apply() that returned 0: its routes are then taken as present, which saves dumping them.
 * After a link came, went, or changed between up and down pass NULL: the kernel drops routes
 * without a word, and routes through a device that is down are written as if it were not there.
 *
 * Everything that fails is noted (host_error()) and the rest is still done; returns 0 or the first
 * -errno. Order: what ends in unreachable first, then links, sysctls, addresses, routes, rules;
 * then what goes, in the opposite order.
 */
int host_apply(struct host *h, const struct host_plan *old, const struct host_plan *want);

/*
 * The first half of host_apply(): what is new or changed; nothing goes. For a change that moves
 * packets from what goes to what is new: host_apply() with the same plans must follow once they
 * have moved.
 */
int host_apply_new(struct host *h, const struct host_plan *old, const struct host_plan *want);
/* The other half, for the same plans right after the first one: what goes. Compares nothing again.
 */
int host_apply_rest(struct host *h, const struct host_plan *old, const struct host_plan *want);

/*
 * Everything but the routes, of which `want` needs to name the devices only (host_plan_frame()).
 * They are followed step by step instead:
 */
int host_apply_frame(struct host *h, const struct host_plan *old, const struct host_plan *want);

/*
 * From some routes to others, both as plans of routes alone: what `now` has that `was` has not is
 * new, what only `was` has goes. `rewrite`: what both have is written again, too, for the kernel
 * may have dropped it or left out a device. Devices are those that the last host_apply_frame() or
 * host_apply() found. Errors as in host_apply().
 */
int host_follow_routes(struct host *h, const struct host_plan *was, const struct host_plan *now,
		       bool rewrite);

/* Are the kernel's routes of ours other than those of the plan? 1, 0 or -errno. Changes nothing. */
int host_routes_differ(struct host *h, const struct host_plan *want);

/*
 * From now on host_apply() tells what it finds to be other than `left`, the plan that was applied
 * last, says: of the kinds (bits 1 << DRIFT_LINK, _ADDRESS, _RULE, _SYSCTL, _SLOW_PATH) that are
 * asked for, into `pass`, with what became of it. Routes are found only where they are compared
 * with the kernel (old NULL); a `left` without routes had all that is wanted now. Both must live
 * until it is called again; left or pass NULL: no more.
 */
void host_watch_drift(struct host *h, const struct host_plan *left, struct drift_pass *pass,
		      unsigned kinds);

/* Removes everything that is ours, whatever plan it came of; sysctls get their former values. */
int host_teardown(struct host *h);

/* The sentences of the last of those that change anything, without file or newline. */
size_t host_error_count(const struct host *h);
const char *host_error(const struct host *h, size_t i);
/* Is it about one route, which is refused and stays so? */
bool host_error_of_route(const struct host *h, size_t i);
/* Did the last of them end without knowing what the kernel has? */
bool host_uncertain(const struct host *h);

/* Fills facts from the kernel; tunnels' `down` stays false for the caller to set. */
int host_facts_read(struct host *h, const struct config *c, struct host_facts *out);

struct host_link {
	uint32_t ifindex;
	char name[DEVICE_NAME_LEN];
	uint32_t mtu;
	uint16_t arphrd; /* ARPHRD_ETHER, ARPHRD_NONE … */
	uint8_t mac[6];	 /* ARPHRD_ETHER, else zero */
	bool up;	 /* administratively */
	bool carrier;
	bool ours;	 /* carries our alias */
	char kind[16];	 /* "vlan", "xfrm", "vrf", "tun"; "" for hardware */
	uint32_t master; /* ifindex or 0 */
	uint32_t parent; /* ifindex or 0: below a VLAN device or an xfrm interface */
	uint16_t vlan;	 /* kind vlan: its id */
	uint32_t if_id;	 /* kind xfrm */
	uint32_t table;	 /* kind vrf */
};

/* -ENODEV when there is none. */
int host_link_by_name(struct host *h, const char *name, struct host_link *out);
int host_link_by_index(struct host *h, uint32_t ifindex, struct host_link *out);

/* All links / all addresses as one array; the caller frees it. */
int host_links(struct host *h, struct host_link **out, size_t *count);
struct host_local_address {
	uint32_t ifindex;
	struct address address;
	uint8_t len;
	uint8_t protocol; /* HOST_PROTOCOL: ours */
};
int host_addresses(struct host *h, struct host_local_address **out, size_t *count);

/* The device that owns an address of this host. -EADDRNOTAVAIL when none does. */
int host_address_owner(struct host *h, const struct address *a, struct host_link *out);

struct host_link_counters {
	uint64_t rx_packets, rx_bytes, rx_errors, rx_dropped;
	uint64_t tx_packets, tx_bytes, tx_errors, tx_dropped, tx_carrier_errors;
};

int host_link_counters(struct host *h, uint32_t ifindex, struct host_link_counters *out);

enum host_event_kind {
	HOST_LINK_CHANGED, /* new, or anything about it changed: event.link */
	HOST_LINK_GONE,	   /* event.link: ifindex and name */
	HOST_ADDRESS_ADDED,
	HOST_ADDRESS_GONE,
	HOST_EVENTS_LOST, /* the socket overran: ask for everything anew */
};

struct host_event {
	enum host_event_kind kind;
	struct host_link link;
	struct host_local_address address;
};

typedef void (*host_event_fn)(const struct host_event *event, void *data);

/* Subscribes; what happens from now on is reported by host_dispatch(). */
int host_watch(struct host *h, host_event_fn fn, void *data);
/* Readable when there is something to dispatch; -1 before host_watch(). */
int host_fd(const struct host *h);
/* Reports all that is pending, without blocking. */
int host_dispatch(struct host *h);

#endif
