/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One packet in; verdict, packet out and counters are what they must be. Each row of the table runs
 * through XDP, through tc alone and through explain, and the three must agree.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <bpf/bpf.h>
#include "world.h"

enum { TABLE_MAIN = 1, TABLE_OTHER, TABLE_SOURCES };
enum { ROOM = 1, VPC, TAGGED, DOUBLE_TAGGED, PASSING, UNASSOCIATED, CONNECTION, GONE_DEVICE };
enum { T1 = 1, T2, T_DEAD, T_GONE };
enum { G_LIVE = 1, G_DEAD, G_GONE, G_SPARE };

#define TUNNEL_MTU 1400
#define DEVICE_MTU 1500

static struct world world;

static const char *const names[] = {
#define NAME(name, kind, text, help) [REASON_##name] = #name,
	ESPALIER_REASONS(NAME)
#undef NAME
};

static const enum reason_kind kinds[] = {
#define KIND(name, kind, text, help) [REASON_##name] = REASON_##kind,
	ESPALIER_REASONS(KIND)
#undef KIND
};

struct row {
	const char *name;
	struct packet_spec packet;
	enum reason reason;
	uint32_t attachment; /* counted under; 0: ROOM */
	uint32_t target;     /* 0: T1 or VPC, by reason */
	bool from_tunnel;
	bool nowhere; /* no association: XDP leaves it to tc, explain has no answer */
};

#define V4 .from = "10.1.0.5", .to
#define V6 .from = "fd00:1::5", .to

static const uint8_t hop_by_hop[] = { IPPROTO_HOPOPTS, 0xff };
static const uint8_t two_extensions[] = { IPPROTO_DSTOPTS, IPPROTO_ROUTING, 0xff };
static const uint8_t eight_extensions[] = { 60, 60, 60, 60, 60, 60, 60, 60, 0xff };
static const uint8_t hop_by_hop_later[] = { IPPROTO_DSTOPTS, IPPROTO_HOPOPTS, 0xff };

static const struct row rows[] = {
	/* where a packet goes */
	{ "v4 into a tunnel", { V4 = "10.50.0.1" }, REASON_TO_TUNNEL },
	{ "v6 into a tunnel", { V6 = "fd00:50::1" }, REASON_TO_TUNNEL },
	{ "v4 to a device", { V4 = "10.2.0.1" }, REASON_TO_DEVICE },
	{ "v6 to a device", { V6 = "fd00:2::1" }, REASON_TO_DEVICE },
	{ "v4 to the gateway itself", { V4 = "10.2.0.254" }, REASON_LOCAL },
	{ "v6 to the gateway itself", { V6 = "fd00:2::fe" }, REASON_LOCAL },
	{ "v4 into a blackhole", { V4 = "10.9.1.1" }, REASON_BLACKHOLE },
	{ "v6 into a blackhole", { V6 = "fd00:9::1" }, REASON_BLACKHOLE },
	{ "v4 without a route", { V4 = "192.0.2.1" }, REASON_NO_ROUTE },
	{ "v6 without a route", { V6 = "2001:db8::1" }, REASON_NO_ROUTE },
	{ "v4 into a hole of its route", { V4 = "10.50.99.1" }, REASON_NO_ROUTE },
	{ "v6 into a hole of its route", { V6 = "fd00:50:99::1" }, REASON_NO_ROUTE },
	{ "v4 into a group without a live tunnel", { V4 = "10.51.0.1" }, REASON_NO_LIVE_TUNNEL },
	{ "v6 into a group without a live tunnel", { V6 = "fd00:51::1" }, REASON_NO_LIVE_TUNNEL },
	{ "v4 into a group whose tunnel is dead takes the spare",
	  { V4 = "10.52.0.1" },
	  REASON_TO_TUNNEL,
	  .target = T2 },
	{ "v6 into a group whose tunnel is dead takes the spare",
	  { V6 = "fd00:52::1" },
	  REASON_TO_TUNNEL,
	  .target = T2 },
	{ "v4 into a tunnel whose interface is gone", { V4 = "10.61.0.1" }, REASON_STALE },
	{ "v6 into a tunnel whose interface is gone", { V6 = "fd00:61::1" }, REASON_STALE },
	{ "v4 to a device that is gone", { V4 = "10.60.0.1" }, REASON_STALE },
	{ "v6 to a device that is gone", { V6 = "fd00:60::1" }, REASON_STALE },
	{ "v4 without a route where on_no_route is pass",
	  { V4 = "192.0.2.1", .vlan = { 300 } },
	  REASON_NO_ROUTE_PASS,
	  PASSING },
	{ "v6 without a route where on_no_route is pass",
	  { V6 = "2001:db8::1", .vlan = { 300 } },
	  REASON_NO_ROUTE_PASS,
	  PASSING },
	{ "v4 into a hole where on_no_route is pass",
	  { V4 = "10.50.99.1", .vlan = { 300 } },
	  REASON_NO_ROUTE_PASS,
	  PASSING },
	{ "v4 into a blackhole where on_no_route is pass",
	  { V4 = "10.9.1.1", .vlan = { 300 } },
	  REASON_BLACKHOLE,
	  PASSING },
	{ "v4 from an attachment without association",
	  { V4 = "10.50.0.1", .vlan = { 400 } },
	  REASON_NO_ASSOCIATION,
	  UNASSOCIATED },
	{ "v6 from an attachment without association",
	  { V6 = "fd00:50::1", .vlan = { 400 } },
	  REASON_NO_ASSOCIATION,
	  UNASSOCIATED },

	/* tags */
	{ "one tag is another attachment, of another table",
	  { V4 = "10.50.0.1", .vlan = { 100 } },
	  REASON_TO_TUNNEL,
	  TAGGED,
	  .target = T2 },
	{ "one tag, v6",
	  { V6 = "fd00:50::1", .vlan = { 100 } },
	  REASON_TO_TUNNEL,
	  TAGGED,
	  .target = T2 },
	{ "a service tag (802.1ad)",
	  { V4 = "10.50.0.1", .vlan = { 100 }, .tpid = 0x88a8 },
	  REASON_TO_TUNNEL,
	  TAGGED,
	  .target = T2 },
	{ "two tags", { V4 = "10.50.0.1", .vlan = { 100, 200 } }, REASON_TO_TUNNEL, DOUBLE_TAGGED },
	{ "two tags, v6",
	  { V6 = "fd00:50::1", .vlan = { 100, 200 }, .tpid = 0x88a8 },
	  REASON_TO_TUNNEL,
	  DOUBLE_TAGGED },
	{ "two tags to a device",
	  { V4 = "10.2.0.1", .vlan = { 100, 200 } },
	  REASON_TO_DEVICE,
	  DOUBLE_TAGGED },
	{ "a tag that is no attachment is the host's",
	  { V4 = "10.50.0.1", .vlan = { 99 } },
	  REASON_NOT_ATTACHED,
	  .nowhere = true },
	{ "the inner tag counts",
	  { V4 = "10.50.0.1", .vlan = { 100, 201 } },
	  REASON_NOT_ATTACHED,
	  .nowhere = true },

	/* not for us, not IP */
	{ "ARP", { V4 = "10.50.0.1", .ethertype = 0x0806, .mac = MAC_BROADCAST }, REASON_NOT_IP },
	{ "LLDP", { V4 = "10.50.0.1", .ethertype = 0x88cc, .mac = MAC_MULTICAST }, REASON_NOT_IP },
	{ "ARP, tagged",
	  { V4 = "10.50.0.1", .ethertype = 0x0806, .vlan = { 100 } },
	  REASON_NOT_IP,
	  TAGGED },
	{ "ARP from an attachment without association",
	  { V4 = "10.50.0.1", .ethertype = 0x0806, .vlan = { 400 } },
	  REASON_NOT_IP,
	  UNASSOCIATED },
	{ "v4 for another host's MAC", { V4 = "10.50.0.1", .mac = MAC_OTHER }, REASON_OTHER_HOST },
	{ "v6 for another host's MAC", { V6 = "fd00:50::1", .mac = MAC_OTHER }, REASON_OTHER_HOST },
	{ "what is not ours is not judged",
	  { V4 = "10.50.0.1", .mac = MAC_OTHER, .version = 7 },
	  REASON_OTHER_HOST },
	{ "unicast IP in a broadcast frame is not forwarded",
	  { V4 = "10.50.0.1", .mac = MAC_BROADCAST },
	  REASON_OTHER_HOST },

	/* D14: scope */
	{ "v4 multicast", { V4 = "224.0.0.5", .mac = MAC_MULTICAST }, REASON_SCOPE },
	{ "v4 multicast in a unicast frame", { V4 = "239.255.255.255" }, REASON_SCOPE },
	{ "v4 broadcast", { V4 = "255.255.255.255", .mac = MAC_BROADCAST }, REASON_SCOPE },
	{ "v4 link-local, first", { V4 = "169.254.0.0" }, REASON_SCOPE },
	{ "v4 link-local, last", { V4 = "169.254.255.255" }, REASON_SCOPE },
	{ "v4 just below link-local", { V4 = "169.253.255.255" }, REASON_NO_ROUTE },
	{ "v4 just above link-local", { V4 = "169.255.0.0" }, REASON_NO_ROUTE },
	{ "v4 this network", { V4 = "0.1.2.3" }, REASON_SCOPE },
	{ "v4 loopback from the wire", { V4 = "127.0.0.1" }, REASON_SCOPE },
	{ "v4 just below multicast", { V4 = "223.255.255.255" }, REASON_NO_ROUTE },
	{ "v4 just above multicast", { V4 = "240.0.0.0" }, REASON_NO_ROUTE },
	{ "v4 loopback as source", { .from = "127.0.0.1", .to = "10.50.0.1" }, REASON_SCOPE },
	{ "v6 multicast", { V6 = "ff02::1", .mac = MAC_MULTICAST }, REASON_SCOPE },
	{ "v6 link-local, first", { V6 = "fe80::" }, REASON_SCOPE },
	{ "v6 link-local, last", { V6 = "febf:ffff::1" }, REASON_SCOPE },
	{ "v6 just above link-local", { V6 = "fec0::1" }, REASON_NO_ROUTE },
	{ "v6 just below link-local", { V6 = "fe7f:ffff::1" }, REASON_NO_ROUTE },
	{ "v6 loopback from the wire", { V6 = "::1" }, REASON_SCOPE },
	{ "v6 unspecified", { V6 = "::" }, REASON_SCOPE },
	{ "v6 just above loopback", { V6 = "::2" }, REASON_NO_ROUTE },
	{ "v6 link-local source is not forwarded",
	  { .from = "fe80::5", .to = "fd00:50::1" },
	  REASON_SCOPE },

	/* D14: options, TTL */
	{ "v4 with options", { V4 = "10.50.0.1", .options = 1 }, REASON_OPTIONS },
	{ "v4 with all the options that fit", { V4 = "10.50.0.1", .options = 10 }, REASON_OPTIONS },
	{ "v4 with options to a device", { V4 = "10.2.0.1", .options = 2 }, REASON_OPTIONS },
	{ "v4 with options to the gateway itself",
	  { V4 = "10.2.0.254", .options = 2 },
	  REASON_LOCAL },
	{ "v4 with options and no route is not let through",
	  { V4 = "192.0.2.1", .options = 2 },
	  REASON_NO_ROUTE },
	{ "v6 with a hop-by-hop header",
	  { V6 = "fd00:50::1", .extensions = hop_by_hop },
	  REASON_OPTIONS },
	{ "v6 with a hop-by-hop header to the gateway itself",
	  { V6 = "fd00:2::fe", .extensions = hop_by_hop },
	  REASON_LOCAL },
	{ "v6 hop-by-hop anywhere but first is no option",
	  { V6 = "fd00:50::1", .extensions = hop_by_hop_later },
	  REASON_TO_TUNNEL },
	{ "v4 TTL 0", { V4 = "10.50.0.1", .ttl_zero = true }, REASON_TTL },
	{ "v4 TTL 1", { V4 = "10.50.0.1", .ttl = 1 }, REASON_TTL },
	{ "v4 TTL 2", { V4 = "10.50.0.1", .ttl = 2 }, REASON_TO_TUNNEL },
	{ "v4 TTL 255", { V4 = "10.50.0.1", .ttl = 255 }, REASON_TO_TUNNEL },
	{ "v6 hop limit 0", { V6 = "fd00:50::1", .ttl_zero = true }, REASON_TTL },
	{ "v6 hop limit 1", { V6 = "fd00:50::1", .ttl = 1 }, REASON_TTL },
	{ "v6 hop limit 2", { V6 = "fd00:50::1", .ttl = 2 }, REASON_TO_TUNNEL },
	{ "v4 TTL 1 to a device", { V4 = "10.2.0.1", .ttl = 1 }, REASON_TTL },
	{ "v4 TTL 1 to the gateway itself has arrived",
	  { V4 = "10.2.0.254", .ttl = 1 },
	  REASON_LOCAL },
	{ "v6 hop limit 1 to the gateway itself has arrived",
	  { V6 = "fd00:2::fe", .ttl = 1 },
	  REASON_LOCAL },
	{ "v4 TTL 1 without a route is not let through",
	  { V4 = "192.0.2.1", .ttl = 1 },
	  REASON_NO_ROUTE },
	{ "v4 TTL 1 into a blackhole is not let through",
	  { V4 = "10.9.1.1", .ttl = 1 },
	  REASON_BLACKHOLE },

	/* size; the transport header is 8, IPv4's 20, IPv6's 40 */
	{ "v4 exactly the tunnel's MTU", { V4 = "10.50.0.1", .payload = 1372 }, REASON_TO_TUNNEL },
	{ "v4 one more than the tunnel's MTU",
	  { V4 = "10.50.0.1", .payload = 1373 },
	  REASON_TOO_BIG },
	{ "v6 exactly the tunnel's MTU", { V6 = "fd00:50::1", .payload = 1352 }, REASON_TO_TUNNEL },
	{ "v6 one more than the tunnel's MTU",
	  { V6 = "fd00:50::1", .payload = 1353 },
	  REASON_TOO_BIG },
	{ "v4 exactly the device's MTU", { V4 = "10.2.0.1", .payload = 1472 }, REASON_TO_DEVICE },
	{ "v4 one more than the device's MTU",
	  { V4 = "10.2.0.1", .payload = 1473 },
	  REASON_TOO_BIG },
	{ "tags do not count against the MTU",
	  { V4 = "10.50.0.1", .payload = 1372, .vlan = { 100, 200 } },
	  REASON_TO_TUNNEL,
	  DOUBLE_TAGGED },
	{ "a jumbo frame of several buffers",
	  { V4 = "10.50.0.1", .payload = 8000 },
	  REASON_TOO_BIG },

	/* padding */
	{ "padding is not sent on",
	  { V4 = "10.50.0.1", .payload = 1, .padding = 17 },
	  REASON_TO_TUNNEL },
	{ "padding is not sent on, v6",
	  { V6 = "fd00:50::1", .payload = 1, .padding = 3 },
	  REASON_TO_TUNNEL },
	{ "padding is not sent on, tagged",
	  { V4 = "10.50.0.1", .payload = 1, .padding = 13, .vlan = { 100 } },
	  REASON_TO_TUNNEL,
	  TAGGED,
	  .target = T2 },
	{ "padding does not count against the MTU",
	  { V4 = "10.50.0.1", .payload = 1372, .padding = 100 },
	  REASON_TO_TUNNEL },
	{ "what goes to the kernel keeps its padding",
	  { V4 = "10.50.0.1", .payload = 1, .padding = 17, .ttl = 1 },
	  REASON_TTL },

	/* malformed */
	{ "v4 with another version", { V4 = "10.50.0.1", .version = 6 }, REASON_MALFORMED },
	{ "v6 with another version", { V6 = "fd00:50::1", .version = 4 }, REASON_MALFORMED },
	{ "v4 header length too short", { V4 = "10.50.0.1", .ihl = 4 }, REASON_MALFORMED },
	{ "v4 header longer than the packet",
	  { V4 = "10.50.0.1", .ihl = 15, .empty = true },
	  REASON_MALFORMED },
	{ "v4 length beyond the frame", { V4 = "10.50.0.1", .length_error = 1 }, REASON_MALFORMED },
	{ "v6 length beyond the frame",
	  { V6 = "fd00:50::1", .length_error = 1 },
	  REASON_MALFORMED },
	{ "v4 length shorter than its header",
	  { V4 = "10.50.0.1", .empty = true, .length_error = -1 },
	  REASON_MALFORMED },
	{ "v4 length 0",
	  { V4 = "10.50.0.1", .empty = true, .length_error = -20 },
	  REASON_MALFORMED },
	{ "v4 wrong checksum", { V4 = "10.50.0.1", .wrong_checksum = true }, REASON_CHECKSUM },
	{ "v4 wrong checksum, tagged",
	  { V4 = "10.50.0.1", .wrong_checksum = true, .vlan = { 100 } },
	  REASON_CHECKSUM,
	  TAGGED },
	{ "malformed before scope", { V4 = "224.0.0.1", .length_error = 1 }, REASON_MALFORMED },

	/* fragments, headers without ports, extension headers */
	{ "v4 first fragment", { V4 = "10.50.0.1", .fragment = 0x2000 }, REASON_TO_TUNNEL },
	{ "v4 later fragment", { V4 = "10.50.0.1", .fragment = 0x2010 }, REASON_TO_TUNNEL },
	{ "v4 last fragment", { V4 = "10.50.0.1", .fragment = 0x0020 }, REASON_TO_TUNNEL },
	{ "v6 first fragment", { V6 = "fd00:50::1", .fragment = 0x8001 }, REASON_TO_TUNNEL },
	{ "v6 later fragment", { V6 = "fd00:50::1", .fragment = 0x8101 }, REASON_TO_TUNNEL },
	{ "v4 without anything behind IP", { V4 = "10.50.0.1", .empty = true }, REASON_TO_TUNNEL },
	{ "v6 without anything behind IP",
	  { V6 = "fd00:50::1", .empty = true, .protocol = 59 },
	  REASON_TO_TUNNEL },
	{ "v6 with no payload but UDP promised",
	  { V6 = "fd00:50::1", .empty = true },
	  REASON_TO_TUNNEL },
	{ "v4 ICMP", { V4 = "10.50.0.1", .protocol = IPPROTO_ICMP }, REASON_TO_TUNNEL },
	{ "v6 with two extension headers",
	  { V6 = "fd00:50::1", .extensions = two_extensions },
	  REASON_TO_TUNNEL },
	{ "v6 with more extension headers than are walked",
	  { V6 = "fd00:50::1", .extensions = eight_extensions },
	  REASON_TO_TUNNEL },
	{ "v6 that ends in the middle of its extension headers",
	  { V6 = "fd00:50::1", .empty = true, .protocol = IPPROTO_DSTOPTS },
	  REASON_TO_TUNNEL },

	/* out of a tunnel */
	{ "v4 from a tunnel to a device",
	  { .from = "10.50.0.1", .to = "10.2.0.1" },
	  REASON_TO_DEVICE,
	  CONNECTION,
	  .from_tunnel = true },
	{ "v6 from a tunnel to a device",
	  { .from = "fd00:50::1", .to = "fd00:2::1" },
	  REASON_TO_DEVICE,
	  CONNECTION,
	  .from_tunnel = true },
	{ "v4 from a tunnel into a tunnel",
	  { .from = "10.50.0.1", .to = "10.52.0.1" },
	  REASON_TO_TUNNEL,
	  CONNECTION,
	  .target = T2,
	  .from_tunnel = true },
	{ "v4 from a tunnel to the gateway itself",
	  { .from = "10.50.0.1", .to = "10.2.0.254" },
	  REASON_LOCAL,
	  CONNECTION,
	  .from_tunnel = true },
	{ "v4 from a tunnel, source that is not behind it",
	  { .from = "10.2.0.7", .to = "10.2.0.1" },
	  REASON_SOURCE,
	  CONNECTION,
	  .from_tunnel = true },
	{ "v6 from a tunnel, source that is not behind it",
	  { .from = "fd00:2::7", .to = "fd00:2::1" },
	  REASON_SOURCE,
	  CONNECTION,
	  .from_tunnel = true },
	{ "v4 from a tunnel, source behind a blackhole",
	  { .from = "10.50.66.1", .to = "10.2.0.1" },
	  REASON_SOURCE,
	  CONNECTION,
	  .from_tunnel = true },
	{ "v4 from a tunnel, source in a hole",
	  { .from = "10.50.67.1", .to = "10.2.0.1" },
	  REASON_SOURCE,
	  CONNECTION,
	  .from_tunnel = true },
	{ "v4 from a tunnel, link-local source to a host",
	  { .from = "169.254.10.2", .to = "10.2.0.1" },
	  REASON_SOURCE,
	  CONNECTION,
	  .from_tunnel = true },
	{ "v4 from a tunnel, an answer to a ping of ours reaches the kernel whatever its source",
	  { .from = "10.60.0.1", .to = "10.2.0.254", .protocol = IPPROTO_ICMP, .sport = 0x0001 },
	  REASON_LOCAL,
	  CONNECTION,
	  .from_tunnel = true },
	{ "v6 from a tunnel, an answer to a ping of ours reaches the kernel whatever its source",
	  { .from = "fd00:60::1", .to = "fd00:2::fe", .protocol = IPPROTO_ICMPV6, .sport = 0x8100 },
	  REASON_LOCAL,
	  CONNECTION,
	  .from_tunnel = true },
	{ "v4 from a tunnel, a ping of ours from elsewhere is dropped",
	  { .from = "10.60.0.1", .to = "10.2.0.254", .protocol = IPPROTO_ICMP, .sport = 0x0800 },
	  REASON_SOURCE,
	  CONNECTION,
	  .from_tunnel = true },
	{ "v6 from a tunnel, a ping of ours from elsewhere is dropped",
	  { .from = "fd00:60::1", .to = "fd00:2::fe", .protocol = IPPROTO_ICMPV6, .sport = 0x8000 },
	  REASON_SOURCE,
	  CONNECTION,
	  .from_tunnel = true },
	{ "v4 from a tunnel, an answer from elsewhere to a host is dropped",
	  { .from = "10.60.0.1", .to = "10.2.0.1", .protocol = IPPROTO_ICMP, .sport = 0x0001 },
	  REASON_SOURCE,
	  CONNECTION,
	  .from_tunnel = true },
	{ "v6 from a tunnel, an answer from elsewhere to a host is dropped",
	  { .from = "fd00:60::1", .to = "fd00:2::1", .protocol = IPPROTO_ICMPV6, .sport = 0x8100 },
	  REASON_SOURCE,
	  CONNECTION,
	  .from_tunnel = true },
	{ "v4 from a tunnel, another protocol from elsewhere is dropped",
	  { .from = "10.60.0.1", .to = "10.2.0.254", .sport = 0x0001 },
	  REASON_SOURCE,
	  CONNECTION,
	  .from_tunnel = true },
	{ "v4 from a tunnel, a fragment from elsewhere is dropped",
	  { .from = "10.60.0.1",
	    .to = "10.2.0.254",
	    .protocol = IPPROTO_ICMP,
	    .sport = 0x0001,
	    .fragment = 0x2000 },
	  REASON_SOURCE,
	  CONNECTION,
	  .from_tunnel = true },
	{ "v4 from a tunnel, no more than an IP header from elsewhere is dropped",
	  { .from = "10.60.0.1", .to = "10.2.0.254", .protocol = IPPROTO_ICMP, .empty = true },
	  REASON_SOURCE,
	  CONNECTION,
	  .from_tunnel = true },
	{ "BGP of a tunnel reaches the kernel, whatever its source",
	  { .from = "169.254.10.2", .to = "169.254.10.1", .protocol = IPPROTO_TCP },
	  REASON_SCOPE,
	  CONNECTION,
	  .from_tunnel = true },
	{ "BFD of a tunnel with TTL 255 reaches the kernel",
	  { .from = "fe80::2", .to = "fe80::1", .ttl = 255 },
	  REASON_SCOPE,
	  CONNECTION,
	  .from_tunnel = true },
	{ "v4 from a tunnel, TTL 1",
	  { .from = "10.50.0.1", .to = "10.2.0.1", .ttl = 1 },
	  REASON_TTL,
	  CONNECTION,
	  .from_tunnel = true },
	{ "v4 from a tunnel, spoofed and TTL 1 is dropped",
	  { .from = "10.2.0.7", .to = "10.2.0.1", .ttl = 1 },
	  REASON_SOURCE,
	  CONNECTION,
	  .from_tunnel = true },
	{ "v4 from a tunnel, wrong checksum",
	  { .from = "10.50.0.1", .to = "10.2.0.1", .wrong_checksum = true },
	  REASON_CHECKSUM,
	  CONNECTION,
	  .from_tunnel = true },
	{ "neither IPv4 nor IPv6 out of a tunnel",
	  { .from = "10.50.0.1", .to = "10.2.0.1", .version = 5 },
	  REASON_MALFORMED,
	  CONNECTION,
	  .from_tunnel = true },
	{ "another MAC address does not matter on a tunnel",
	  { .from = "10.50.0.1", .to = "10.2.0.1", .mac = MAC_OTHER },
	  REASON_TO_DEVICE,
	  CONNECTION,
	  .from_tunnel = true },
	{ "v4 from a tunnel without a route",
	  { .from = "10.50.0.1", .to = "192.0.2.1" },
	  REASON_NO_ROUTE,
	  CONNECTION,
	  .from_tunnel = true },
	{ "v4 from a tunnel, larger than the device",
	  { .from = "10.50.0.1", .to = "10.2.0.1", .payload = 1473 },
	  REASON_TOO_BIG,
	  CONNECTION,
	  .from_tunnel = true },
};

static void routes(uint32_t table, const char *v4, const char *v6, enum verdict verdict,
		   uint32_t target)
{
	world_route(&world, table, v4, verdict, target);
	world_route(&world, table, v6, verdict, target);
}

static void fill_tables(void)
{
	routes(TABLE_MAIN, "10.50.0.0/16", "fd00:50::/32", VERDICT_GROUP, G_LIVE);
	routes(TABLE_MAIN, "10.50.99.0/24", "fd00:50:99::/48", VERDICT_NO_ROUTE, 0);
	routes(TABLE_MAIN, "10.51.0.0/16", "fd00:51::/32", VERDICT_GROUP, G_DEAD);
	routes(TABLE_MAIN, "10.52.0.0/16", "fd00:52::/32", VERDICT_GROUP, G_SPARE);
	routes(TABLE_MAIN, "10.61.0.0/16", "fd00:61::/32", VERDICT_GROUP, G_GONE);
	routes(TABLE_MAIN, "10.60.0.0/16", "fd00:60::/32", VERDICT_DEVICE, GONE_DEVICE);
	routes(TABLE_MAIN, "10.2.0.0/16", "fd00:2::/32", VERDICT_DEVICE, VPC);
	routes(TABLE_MAIN, "10.2.0.254/32", "fd00:2::fe/128", VERDICT_LOCAL, 0);
	routes(TABLE_MAIN, "10.9.0.0/16", "fd00:9::/32", VERDICT_BLACKHOLE, 0);
	routes(TABLE_OTHER, "0.0.0.0/0", "::/0", VERDICT_GROUP, G_SPARE);
	routes(TABLE_SOURCES, "10.50.0.0/16", "fd00:50::/32", VERDICT_GROUP, G_LIVE);
	routes(TABLE_SOURCES, "10.50.66.0/24", "fd00:50:66::/48", VERDICT_BLACKHOLE, 0);
	routes(TABLE_SOURCES, "10.50.67.0/24", "fd00:50:67::/48", VERDICT_NO_ROUTE, 0);
}

static void associate(uint16_t outer, uint16_t inner, uint32_t attachment, uint32_t table,
		      uint8_t flags)
{
	world_associate(&world, LO, outer, inner,
			(struct association){ .table = table,
					      .attachment = attachment,
					      .tunnel = NO_TUNNEL,
					      .source_table = NO_TABLE,
					      .flags = flags,
					      .l2_len = ETH_HEADER_LEN });
}

static void fill_world(void)
{
	associate(0, 0, ROOM, TABLE_MAIN, 0);
	associate(100, 0, TAGGED, TABLE_OTHER, 0);
	associate(100, 200, DOUBLE_TAGGED, TABLE_MAIN, 0);
	associate(300, 0, PASSING, TABLE_MAIN, ASSOCIATION_NO_ROUTE_PASS);
	associate(400, 0, UNASSOCIATED, NO_TABLE, 0);
	world_associate(&world, world.tun, 0, 0,
			(struct association){ .table = TABLE_MAIN,
					      .attachment = CONNECTION,
					      .tunnel = T1,
					      .source_table = TABLE_SOURCES,
					      .flags = ASSOCIATION_L3,
					      .l2_len = ETH_HEADER_LEN });
	world_tunnel(&world, T1, world.tun, TUNNEL_MTU, true);
	world_tunnel(&world, T2, world.tun, TUNNEL_MTU, true);
	world_tunnel(&world, T_DEAD, world.tun, TUNNEL_MTU, false);
	world_tunnel(&world, T_GONE, 0, TUNNEL_MTU, true);
	world_group(&world, G_LIVE, T1, T2);
	world_group(&world, G_DEAD, T_DEAD, T_DEAD);
	world_group(&world, G_GONE, T_GONE, T_GONE);
	world_group(&world, G_SPARE, T_DEAD, T2);
	world_device(&world, VPC, (struct device){ .ifindex = LO, .mtu = DEVICE_MTU });
	fill_tables();
}

static uint32_t attachment_of(const struct row *r)
{
	return r->nowhere ? NO_ATTACHMENT : r->attachment ? r->attachment : ROOM;
}

static uint32_t target_of(const struct row *r)
{
	return r->target ? r->target : r->reason == REASON_TO_TUNNEL ? T1 : VPC;
}

/* Nothing is counted but what is expected. */
static void assert_counted(const struct tally *before, const struct tally *expected)
{
	struct tally after, change;

	world_tally(&world, &after);
	tally_minus(&after, before, &change);
	for (unsigned a = 0; a < ATTACHMENTS; a++)
		for (unsigned r = 0; r < REASON_COUNT; r++)
			if (change.reasons[a][r].packets != expected->reasons[a][r].packets)
				fail_msg("attachment %u: %s counted %ld times", a, names[r],
					 (long)change.reasons[a][r].packets);
	assert_memory_equal(&change, expected, sizeof(change));
}

/* Bytes of a packet that never became one are those behind the link header. */
static uint64_t bytes_of(const struct row *r, const struct frame *f)
{
	uint64_t behind = f->len - f->l3;

	switch (r->reason) {
	case REASON_NOT_IP:
	case REASON_OTHER_HOST:
	case REASON_NOT_ATTACHED:
	case REASON_MALFORMED:
		return r->reason == REASON_OTHER_HOST && r->packet.mac == MAC_BROADCAST ? f->l3_len
											: behind;
	default:
		return f->l3_len;
	}
}

static void count(struct counter *c, uint64_t bytes)
{
	c->packets++;
	c->bytes += bytes;
}

static void assert_packet(const struct frame *got, const struct frame *expected)
{
	assert_int_equal(got->len, expected->len);
	assert_memory_equal(got->bytes, expected->bytes, expected->len);
}

static void run_xdp(const struct row *r, const struct frame *in)
{
	static struct frame hop;
	static struct outcome out;
	struct tally before, expected = { 0 };

	world_tally(&world, &before);
	world_xdp(&world, LO, in, &out);
	assert_int_equal(out.verdict, kinds[r->reason] == REASON_DROP ? XDP_DROP : XDP_PASS);
	assert_int_equal(out.decided, kinds[r->reason] != REASON_DROP && !r->nowhere);
	if (out.decided) {
		assert_string_equal(names[out.decision.reason], names[r->reason]);
		assert_int_equal(out.decision.outer_vlan, r->packet.vlan[0]);
		assert_int_equal(out.decision.attachment, attachment_of(r));
	}
	if (kinds[r->reason] == REASON_FORWARD) {
		assert_int_equal(out.decision.target, target_of(r));
		assert_int_equal(out.decision.v6, in->v6);
		frame_after_hop(in, &hop);
		assert_packet(&out.packet, &hop);
	} else if (out.verdict == XDP_PASS) {
		assert_packet(&out.packet, in);
	}
	/* What is forwarded is counted where it is delivered, what has no decision by tc. */
	if (kinds[r->reason] != REASON_FORWARD && !r->nowhere)
		count(&expected.reasons[attachment_of(r)][r->reason], bytes_of(r, in));
	assert_counted(&before, &expected);
}

static uint32_t tc_verdict(enum reason_kind kind)
{
	switch (kind) {
	case REASON_FORWARD:
		return TC_ACT_REDIRECT;
	case REASON_KERNEL:
		return (uint32_t)TC_ACT_UNSPEC;
	case REASON_DROP:
		return TC_ACT_SHOT;
	case REASON_BEHIND:
		break;
	}
	fail_msg("no program has such a verdict");
	return 0;
}

static void run_program(const struct bpf_program *program, const struct row *r,
			const struct frame *in)
{
	static struct frame hop;
	static struct outcome out;
	struct tally before, expected = { 0 };
	uint64_t bytes = bytes_of(r, in);

	world_tally(&world, &before);
	world_tc(&world, program, r->from_tunnel ? world.tun : LO, 0, in, &out);
	assert_int_equal(out.verdict, tc_verdict(kinds[r->reason]));
	if (kinds[r->reason] == REASON_FORWARD) {
		frame_after_hop(in, &hop);
		frame_untag(&hop);
		assert_packet(&out.packet, &hop);
	} else {
		assert_packet(&out.packet, in);
	}
	count(&expected.reasons[attachment_of(r)][r->reason], bytes);
	if (r->reason == REASON_TO_TUNNEL)
		count(&expected.tunnels[target_of(r)][DIRECTION_OUT], bytes);
	if (r->reason == REASON_TO_DEVICE)
		count(&expected.devices[target_of(r)], bytes);
	if (r->from_tunnel)
		count(&expected.tunnels[T1][DIRECTION_IN], bytes);
	assert_counted(&before, &expected);
}

static void run_tc(const struct row *r, const struct frame *in)
{
	if (r->from_tunnel) {
		run_program(world.object->progs.tc_tunnel, r, in);
		return;
	}
	run_program(world.object->progs.tc_decided, r, in);
	run_program(world.object->progs.tc_attachment, r, in);
}

static void run_explain(const struct row *r, const struct frame *in)
{
	struct association_key key = { r->from_tunnel ? world.tun : LO, r->packet.vlan[0],
				       r->packet.vlan[1] };
	struct tally before, expected = { 0 };
	struct explain e;

	world_tally(&world, &before);
	world_explain(&world, &key, in, &e);
	assert_string_equal(names[e.reason], names[r->reason]);
	assert_int_equal(e.tunnel, r->reason == REASON_TO_TUNNEL ? target_of(r) : NO_TUNNEL);
	assert_int_equal(e.attachment,
			 r->reason == REASON_TO_DEVICE ? target_of(r) : attachment_of(r));
	assert_counted(&before, &expected);
}

static void run_row(void **state)
{
	static struct frame in;
	const struct row *r = *state;

	frame_build(&r->packet, &in);
	if (!r->from_tunnel)
		run_xdp(r, &in);
	/* tc test runs take one buffer only. */
	if (in.len < 3000)
		run_tc(r, &in);
	if (!r->nowhere)
		run_explain(r, &in);
}

/* ---- what a table row cannot say ---- */

static enum reason explained(const struct frame *in, uint16_t outer, uint16_t inner)
{
	struct association_key key = { LO, outer, inner };
	struct explain e;

	world_explain(&world, &key, in, &e);
	return e.reason;
}

static void tc_drops(const struct frame *in)
{
	static struct outcome out;

	world_tc(&world, world.object->progs.tc_attachment, LO, 0, in, &out);
	if (out.verdict != TC_ACT_SHOT)
		fail_msg("tc let %zu bytes through", in->len);
	assert_packet(&out.packet, in);
}

static void cut_everywhere(const struct packet_spec *spec)
{
	static struct frame whole, runt;
	static struct outcome out;
	struct packet_spec cut = *spec;

	frame_build(spec, &whole);
	for (cut.cut = ETH_HEADER_LEN; cut.cut < whole.len; cut.cut++) {
		frame_build(&cut, &runt);
		world_xdp(&world, LO, &runt, &out);
		if (out.verdict != XDP_DROP)
			fail_msg("XDP let %zu of %zu bytes through", runt.len, whole.len);
		/* Test runs refuse an skb that says IP and is shorter; behind a tag they do not
		 * look. */
		if (runt.len >= runt.l3 + (runt.v6 ? 40 : 20) ||
		    (spec->vlan[0] && runt.len > ETH_HEADER_LEN))
			tc_drops(&runt);
		if (explained(&runt, spec->vlan[0], spec->vlan[1]) != REASON_MALFORMED)
			fail_msg("%zu of %zu bytes are not called malformed", runt.len, whole.len);
	}
	world_xdp(&world, LO, &whole, &out);
	assert_int_equal(out.verdict, XDP_PASS);
	assert_true(out.decided);
}

static void a_frame_cut_short_anywhere_is_dropped(void **state)
{
	static const uint16_t tags[][2] = { { 0 }, { 100 }, { 100, 200 } };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct packet_spec v4 = { V4 = "10.50.0.1", .payload = 4 };
		struct packet_spec v6 = { V6 = "fd00:50::1", .payload = 4,
					  .extensions = two_extensions };

		memcpy(v4.vlan, tags[i], sizeof(v4.vlan));
		memcpy(v6.vlan, tags[i], sizeof(v6.vlan));
		cut_everywhere(&v4);
		cut_everywhere(&v6);
	}
}

static void every_single_bit_error_in_the_header_is_caught_or_harmless(void **state)
{
	static struct frame good, bad;
	const struct packet_spec spec = { V4 = "10.50.0.1" };

	(void)state;
	frame_build(&spec, &good);
	for (size_t bit = 0; bit < 20 * 8; bit++) {
		enum reason r;

		bad = good;
		bad.bytes[bad.l3 + bit / 8] ^= (uint8_t)(1 << bit % 8);
		r = explained(&bad, 0, 0);
		/* A wrong length or version is seen before the sum; a longer header is the
		 * kernel's. */
		if (r != REASON_CHECKSUM && r != REASON_MALFORMED && r != REASON_OPTIONS)
			fail_msg("bit %zu of the header flipped: %s", bit, names[r]);
	}
}

/* Sets the identification and makes the checksum right for it. */
static void set_identification(struct frame *f, uint16_t id)
{
	uint16_t sum;

	f->bytes[f->l3 + 4] = (uint8_t)(id >> 8);
	f->bytes[f->l3 + 5] = (uint8_t)id;
	f->bytes[f->l3 + 10] = f->bytes[f->l3 + 11] = 0;
	sum = checksum(f->bytes + f->l3, 20);
	f->bytes[f->l3 + 10] = (uint8_t)(sum >> 8);
	f->bytes[f->l3 + 11] = (uint8_t)sum;
}

static void assert_hop(const struct frame *in)
{
	static struct frame hop;
	static struct outcome out;

	world_xdp(&world, LO, in, &out);
	assert_true(out.decided);
	if (checksum(out.packet.bytes + in->l3, 20))
		fail_msg("TTL %u, checksum %02x%02x: wrong after the hop", in->bytes[in->l3 + 8],
			 in->bytes[in->l3 + 10], in->bytes[in->l3 + 11]);
	frame_after_hop(in, &hop);
	/* 0 and ffff are one value; everything else must be the same byte by byte. */
	hop.bytes[hop.l3 + 10] = out.packet.bytes[hop.l3 + 10];
	hop.bytes[hop.l3 + 11] = out.packet.bytes[hop.l3 + 11];
	assert_packet(&out.packet, &hop);
}

static void the_checksum_after_a_hop_is_wrong_for_some_value(void **state)
{
	static struct frame in;
	struct packet_spec spec = { V4 = "10.50.0.1" };

	(void)state;
	/* Identification makes the sum take every value, TTL crosses the carries. */
	for (unsigned id = 0; id < 0x10000; id += 3) {
		spec.ttl = (uint8_t)(2 + id % 254);
		frame_build(&spec, &in);
		set_identification(&in, (uint16_t)id);
		assert_hop(&in);
	}
	/* The sum can be written as 0 or as ffff, and only the latter overflows. */
	for (unsigned ttl = 2; ttl < 256; ttl++) {
		spec.ttl = (uint8_t)ttl;
		frame_build(&spec, &in);
		set_identification(&in, 0);
		set_identification(&in,
				   (uint16_t)(in.bytes[in.l3 + 10] << 8 | in.bytes[in.l3 + 11]));
		assert_int_equal(in.bytes[in.l3 + 10] | in.bytes[in.l3 + 11], 0);
		assert_hop(&in);
		in.bytes[in.l3 + 10] = in.bytes[in.l3 + 11] = 0xff;
		assert_hop(&in);
	}
}

/* A GSO packet of 10,000 bytes whose segments fit is not too big; one byte more per segment is. */
static void segments_are_measured_not_the_packet(void **state)
{
	static struct frame in;
	static struct outcome out;
	struct packet_spec v4 = { V4 = "10.50.0.1", .protocol = IPPROTO_TCP, .payload = 2800 };
	struct packet_spec v6 = { V6 = "fd00:50::1", .protocol = IPPROTO_TCP, .payload = 2800 };
	static const struct {
		bool v6;
		uint32_t gso_size, verdict;
	} cases[] = {
		{ false, TUNNEL_MTU - 20 - 32, TC_ACT_REDIRECT },
		{ false, TUNNEL_MTU - 20 - 32 + 1, (uint32_t)TC_ACT_UNSPEC },
		{ true, TUNNEL_MTU - 40 - 32, TC_ACT_REDIRECT },
		{ true, TUNNEL_MTU - 40 - 32 + 1, (uint32_t)TC_ACT_UNSPEC },
		{ false, 0, (uint32_t)TC_ACT_UNSPEC },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		frame_build(cases[i].v6 ? &v6 : &v4, &in);
		in.bytes[in.l3 + (in.v6 ? 40 : 20) + 12] = 8 << 4; /* TCP header of 32 bytes */
		world_tc(&world, world.object->progs.tc_attachment, LO, cases[i].gso_size, &in,
			 &out);
		if (out.verdict != cases[i].verdict)
			fail_msg("case %zu: verdict %u", i, out.verdict);
	}
}

static void a_device_that_may_hide_tags_is_left_to_tc(void **state)
{
	static struct frame in;
	static struct outcome out;
	const struct packet_spec spec = { V4 = "10.50.0.1" };
	struct tally before, nothing = { 0 };

	(void)state;
	associate(0, 0, ROOM, TABLE_MAIN, ASSOCIATION_TAGGED_TOO);
	frame_build(&spec, &in);
	world_tally(&world, &before);
	world_xdp(&world, LO, &in, &out);
	assert_int_equal(out.verdict, XDP_PASS);
	assert_false(out.decided);
	assert_packet(&out.packet, &in);
	assert_counted(&before, &nothing);
	world_tc(&world, world.object->progs.tc_attachment, LO, 0, &in, &out);
	assert_int_equal(out.verdict, TC_ACT_REDIRECT);
	associate(0, 0, ROOM, TABLE_MAIN, 0);
}

static void a_packet_out_of_an_unknown_tunnel_is_dropped(void **state)
{
	static struct frame in;
	static struct outcome out;
	const struct packet_spec spec = { .from = "10.50.0.1", .to = "10.2.0.1" };
	struct association_key key = { world.tun, 0, 0 };
	struct tally before, expected = { 0 };

	(void)state;
	assert_int_equal(dataplane_delete_association(&world.plane, &key), 0);
	frame_build(&spec, &in);
	world_tally(&world, &before);
	world_tc(&world, world.object->progs.tc_tunnel, world.tun, 0, &in, &out);
	assert_int_equal(out.verdict, TC_ACT_SHOT);
	count(&expected.reasons[NO_ATTACHMENT][REASON_NO_ASSOCIATION], in.len);
	assert_counted(&before, &expected);
	fill_world();
}

/* ---- random packets: explain says what the live program does ---- */

static uint32_t seed = 20260101;

static uint32_t any(uint32_t limit)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % limit;
}

static void any_packet(struct packet_spec *s)
{
	static const char *const v4[] = { "10.50.0.1", "10.50.99.1", "10.51.0.1",  "10.52.3.4",
					  "10.60.0.1", "10.61.0.1",  "10.2.0.1",   "10.2.0.254",
					  "10.9.0.1",  "192.0.2.1",  "224.0.0.1",  "169.254.1.1",
					  "0.0.0.1",   "127.0.0.1",  "10.50.66.1", "10.1.0.5" };
	static const char *const v6[] = { "fd00:50::1",	  "fd00:50:99::1", "fd00:51::1",
					  "fd00:52::4",	  "fd00:60::1",	   "fd00:61::1",
					  "fd00:2::1",	  "fd00:2::fe",	   "fd00:9::1",
					  "2001:db8::1",  "ff02::1",	   "fe80::1",
					  "::1",	  "::2",	   "fd00:1::5",
					  "fd00:50:66::1" };
	static const uint8_t *const extensions[] = { NULL, NULL, hop_by_hop, two_extensions,
						     eight_extensions };
	const char *const *pool = any(2) ? v4 : v6;

	*s = (struct packet_spec){ .from = pool[any(16)], .to = pool[any(16)] };
	s->mac = any(8) ? MAC_OURS : (enum mac)any(4);
	s->ttl = (uint8_t)any(5);
	s->protocol = (uint8_t)(any(2) ? 0 : any(256));
	s->sport = (uint16_t)any(65536);
	s->payload = (uint16_t)any(1500);
	s->empty = !any(10);
	s->options = any(10) ? 0 : (uint8_t)any(11);
	s->ihl = any(20) ? 0 : (uint8_t)any(16);
	s->version = any(20) ? 0 : (uint8_t)any(16);
	s->fragment = any(5) ? 0 : (uint16_t)any(65536);
	s->extensions = extensions[any(5)];
	s->length_error = any(10) ? 0 : (int)any(100) - 50;
	s->wrong_checksum = !any(20);
	s->padding = any(4) ? 0 : (uint16_t)any(50);
}

static enum reason live_reason(const struct outcome *out, const struct tally *change)
{
	if (out->decided)
		return (enum reason)out->decision.reason;
	for (unsigned r = 0; r < REASON_COUNT; r++)
		if (change->reasons[ROOM][r].packets)
			return (enum reason)r;
	fail_msg("neither decided nor counted");
	return REASON_COUNT;
}

static void explain_agrees_with_xdp_on_every_random_packet(void **state)
{
	static struct frame in;
	static struct outcome out;
	struct association_key key = { LO, 0, 0 };
	unsigned seen[REASON_COUNT] = { 0 };

	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct packet_spec spec;
		struct tally before, after, change = { 0 };
		struct explain e;

		any_packet(&spec);
		frame_build(&spec, &in);
		if (!any(10))
			in.len -= any((uint32_t)in.len - ETH_HEADER_LEN);
		world_explain(&world, &key, &in, &e);
		if (kinds[e.reason] == REASON_DROP)
			world_tally(&world, &before);
		world_xdp(&world, LO, &in, &out);
		if (kinds[e.reason] == REASON_DROP) {
			world_tally(&world, &after);
			tally_minus(&after, &before, &change);
		}
		if (live_reason(&out, &change) != e.reason)
			fail_msg("packet %d: explain says %s, XDP %s", i, names[e.reason],
				 names[live_reason(&out, &change)]);
		if (e.reason == REASON_TO_TUNNEL)
			assert_int_equal(e.tunnel, out.decision.target);
		seen[e.reason]++;
	}
	/* The corpus is worth something only if it reaches every reason that XDP can give. */
	for (unsigned r = 0; r < REASON_COUNT; r++)
		if (!seen[r] && kinds[r] != REASON_BEHIND && r != REASON_NOT_IP &&
		    r != REASON_NOT_ATTACHED && r != REASON_NO_ASSOCIATION &&
		    r != REASON_NO_ROUTE_PASS && r != REASON_SOURCE && r != REASON_REWRITE)
			fail_msg("no random packet was %s", names[r]);
}

/* Split headers need kernel 6.18's test runs; elsewhere the netns tier sees real ones. */
static void a_header_split_over_buffers_is_left_to_tc(void **state)
{
	static struct frame in;
	uint8_t buffer[FRAME_MAX];
	const struct packet_spec spec = { V4 = "10.50.0.1" };
	int program = bpf_program__fd(world.object->progs.xdp_steer);

	(void)state;
	frame_build(&spec, &in);
	for (uint32_t linear = ETH_HEADER_LEN; linear < in.len; linear++) {
		struct xdp_md ctx = { .ingress_ifindex = LO, .data_end = linear };
		LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = in.bytes,
			    .data_size_in = (uint32_t)in.len, .data_out = buffer,
			    .data_size_out = sizeof(buffer), .ctx_in = &ctx,
			    .ctx_size_in = sizeof(ctx), .ctx_out = &ctx,
			    .ctx_size_out = sizeof(ctx), .repeat = 1);
		struct tally before, nothing = { 0 };
		uint32_t needed = (uint32_t)in.l3 + 20 + 4;

		world_tally(&world, &before);
		if (bpf_prog_test_run_opts(program, &run)) {
			print_message("this kernel's test runs cannot split a header\n");
			skip();
		}
		assert_int_equal(run.retval, XDP_PASS);
		assert_int_equal(ctx.data - ctx.data_meta,
				 linear < needed ? 0 : sizeof(struct decision));
		assert_counted(&before, &nothing);
	}
}

#define ROWS (sizeof(rows) / sizeof(rows[0]))

int main(void)
{
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(a_frame_cut_short_anywhere_is_dropped),
		cmocka_unit_test(every_single_bit_error_in_the_header_is_caught_or_harmless),
		cmocka_unit_test(the_checksum_after_a_hop_is_wrong_for_some_value),
		cmocka_unit_test(segments_are_measured_not_the_packet),
		cmocka_unit_test(a_device_that_may_hide_tags_is_left_to_tc),
		cmocka_unit_test(a_packet_out_of_an_unknown_tunnel_is_dropped),
		cmocka_unit_test(explain_agrees_with_xdp_on_every_random_packet),
		cmocka_unit_test(a_header_split_over_buffers_is_left_to_tc),
	};
	static struct CMUnitTest tests[ROWS + sizeof(others) / sizeof(others[0])];
	int failed;

	for (size_t i = 0; i < ROWS; i++)
		tests[i] =
			(struct CMUnitTest){ rows[i].name, run_row, NULL, NULL, (void *)&rows[i] };
	memcpy(tests + ROWS, others, sizeof(others));
	world_open(&world, HASH_L4);
	fill_world();
	failed = cmocka_run_group_tests_name("verdicts", tests, NULL, NULL);
	world_close(&world);
	return failed;
}
