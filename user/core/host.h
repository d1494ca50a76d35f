/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel of this host shall look like: devices, addresses, routes, rules, sysctls. A pure
 * function of the configuration, its routes (rib and compiled FIB) and a few facts about the host;
 * io/host.c makes the kernel equal to it.
 *
 * Three promises live here:
 *  - the slow path: every dataplane table is a kernel table too;
 *  - fail closed: whatever is detached, dead or down, nothing of an attachment reaches main's
 *    default route, and nothing in plaintext comes in from the underlay (the rules below);
 *  - the connection's table has a route through every one of its tunnel devices, for after
 *    bpf_redirect() the kernel looks one up through exactly that device.
 *
 * Kernel tables
 *   HOST_REPLY_TABLE  ways back to attachments and tunnels for ICMP errors that the kernel writes
 *   HOST_GUARD_TABLE  `unreachable` for every prefix behind an attachment or a tunnel
 *   1001 …            one per connection (config kernel_table); its VRF's, where it has one
 *   2000 + id         TR tables (fib_table.kernel_table)
 *
 * Rules, the same for both families; the preferences are fixed and below 1000, where the kernel
 * puts its own l3mdev rule:
 *
 *   100 HOST_RULE_OUTPUT   iif lo oif VRF|TUNNEL   → connection's table
 *   110 HOST_RULE_OWN      iif lo from OWN ADDRESS, iif lo to INSIDE CIDR → connection's table
 *   120 HOST_RULE_LOCAL    iif VRF|SLAVE to OWN ADDRESS → connection's table
 *   130 HOST_RULE_REPLY    iif lo ipproto icmp     → reply table
 *   200 HOST_RULE_TABLE    iif ATTACHMENT          → its TR table
 *   210 HOST_RULE_NO_ROUTE iif ATTACHMENT          → guard table (only with on_no_route: pass)
 *   220 HOST_RULE_END      iif ATTACHMENT          → unreachable
 *   300 HOST_RULE_GUARD    iif UNDERLAY            → guard table, then the host's own rules
 *
 * ATTACHMENT is a VPC's or VBR's device, a connection's VRF, and each of its tunnels.
 * core/host_rules.c says why each is there.
 */
#ifndef ESPALIER_CORE_HOST_H
#define ESPALIER_CORE_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "prefix.h"
#include "config.h"
#include "fib.h"
#include "ids.h"
#include "rib.h"

#define DEVICE_NAME_LEN 16 /* IFNAMSIZ */

#define HOST_REPLY_TABLE 999u
#define HOST_GUARD_TABLE 1000u

#define HOST_RULE_OUTPUT   100u
#define HOST_RULE_OWN	   110u
#define HOST_RULE_LOCAL	   120u
#define HOST_RULE_REPLY	   130u
#define HOST_RULE_TABLE	   200u
#define HOST_RULE_NO_ROUTE 210u
#define HOST_RULE_END	   220u
#define HOST_RULE_GUARD	   300u

/* Route metrics, in zebra's format: distance in the top byte. */
#define HOST_METRIC_TABLE      1024u	   /* of all routes outside connections' tables */
#define HOST_METRIC_CONNECTION 0xC800004Cu /* 200/76: a connection's own routes */
#define HOST_METRIC_EXPORTED \
	0xC800004Du /* 200/77: of the transit router, exported by `match metric 77` */
#define HOST_METRIC_LEAKED  0xC800004Eu /* 200/78: the same, not exported */
#define HOST_METRIC_DEFAULT 0xFF000000u /* 255/0, + 1 + tunnel: a device's own default */
#define HOST_METRIC_END	    0xFF002000u /* 255/8192: unreachable, the end of the table */

enum host_link_kind { HOST_LINK_VRF, HOST_LINK_XFRM, HOST_LINK_ADOPTED };

struct host_link_plan {
	enum host_link_kind kind;
	char name[DEVICE_NAME_LEN];
	char master[DEVICE_NAME_LEN];	/* VRF that it is enslaved to, or "" */
	char underlay[DEVICE_NAME_LEN]; /* XFRM: the device below, or "" */
	uint32_t table;			/* VRF */
	uint32_t if_id;			/* XFRM */
	uint32_t mtu;			/* 0: as it is */
};

struct host_address {
	char device[DEVICE_NAME_LEN];
	struct address address;
	uint8_t len;
};

enum host_route_type {
	HOST_ROUTE_UNICAST,
	HOST_ROUTE_BLACKHOLE,
	HOST_ROUTE_UNREACHABLE,
	HOST_ROUTE_THROW, /* a hole: the lookup goes on with the next rule */
};

struct host_hop {
	char device[DEVICE_NAME_LEN];
	struct address via; /* family 0: none */
	uint16_t weight;    /* 1..256 */
};

struct host_route {
	uint32_t table;
	uint32_t metric;
	struct prefix prefix;
	uint8_t type;	    /* enum host_route_type */
	bool optional;	    /* without a usable device: left out, rather than unreachable */
	uint8_t hop_count;  /* HOST_ROUTE_UNICAST: 1.. */
	uint32_t first_hop; /* index into host_plan.hops; routes share runs of hops */
	uint32_t order;	    /* in which it was asked for */
};

enum host_rule_action { HOST_RULE_LOOKUP, HOST_RULE_UNREACHABLE };

struct host_rule {
	uint32_t preference;
	uint8_t family;
	char iif[DEVICE_NAME_LEN]; /* "": any */
	char oif[DEVICE_NAME_LEN];
	struct prefix from, to; /* address.family 0: any */
	uint8_t protocol;	/* IPPROTO_*, 0: any */
	bool invert;		/* everything but what matches */
	enum host_rule_action action;
	uint32_t table; /* HOST_RULE_LOOKUP */
};

struct host_sysctl {
	char path[72]; /* below /proc/sys */
	char value[4];
};

struct host_plan {
	struct host_link_plan *links; /* VRFs before what is enslaved to them */
	size_t link_count;
	struct host_address *addresses;
	size_t address_count;
	struct host_route *routes; /* sorted by host_route_compare(), no key twice */
	size_t route_count;
	struct host_hop *hops;
	size_t hop_count;
	struct host_rule *rules;
	size_t rule_count;
	struct host_sysctl *sysctls; /* in the order in which they are to be written */
	size_t sysctl_count;
};

/* What the host said, by position in the configuration (io: host_facts_read()). */
struct host_tunnel_fact {
	char underlay[DEVICE_NAME_LEN]; /* device that owns local_address; "": none, yet */
	bool down; /* not live, or drained: not used by the slow path as long as another one is */
};

struct host_attachment_fact {
	char device[DEVICE_NAME_LEN]; /* where the kernel sees its packets: the device, or the VLAN
				       * device on it; "": no such device */
};

struct host_facts {
	struct host_tunnel_fact (*tunnels)[TUNNELS_PER_CONNECTION]; /* by connection */
	struct host_attachment_fact *attachments;		    /* by attachment; vpn: unused */
	bool force_forwarding; /* kernel 6.17: net.ipv6.conf.DEVICE.force_forwarding */
	bool strict_all;       /* net.ipv4.conf.all.rp_filter is 1 */
};

/* 0 or -ENOMEM. Everything down to its arrays belongs to *out: host_plan_free(). */
int host_plan_build(const struct rib *rib, const struct fib *fib, const struct host_facts *facts,
		    struct host_plan *out);
/* All but the routes: those through devices that follow from the configuration stand for the rest.
 */
int host_plan_frame(const struct rib *rib, const struct fib *fib, const struct host_facts *facts,
		    struct host_plan *out);
void host_plan_free(struct host_plan *p);
/* Keeps the frame. */
void host_plan_drop_routes(struct host_plan *p);

/* Is anything IPv6 behind this gateway, now or once its tunnels are up? If not, nothing of IPv6 is
 * switched, and a host with IPv6 disabled will do. That the gateway has an IPv6 address of its own
 * does not count. */
bool host_has_ipv6(const struct rib *rib);

/* Zeroed facts for this configuration: attachments at their own devices where no VLAN is asked for,
 * underlays unknown. 0 or -ENOMEM. */
int host_facts_init(struct host_facts *f, const struct config *c);
/* 0 or -ENOMEM. `from`: of the same configuration. */
int host_facts_copy(const struct host_facts *from, const struct config *c, struct host_facts *out);
void host_facts_free(struct host_facts *f);

/* Order of the kernel's key: table, prefix, metric. */
int host_route_compare(const struct host_route *a, const struct host_route *b);

bool host_rule_equal(const struct host_rule *a, const struct host_rule *b);

#endif
