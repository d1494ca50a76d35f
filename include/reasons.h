/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every way out of the dataplane, once.
 *
 * A packet that enters a program leaves it through exactly one of these, and each is a counter per
 * attachment (map reason_counters). X(NAME, KIND, "printable-name", "what it means [rule]").
 *
 * KIND  FORWARD  steered by us
 *       KERNEL   handed to the kernel, which holds the same routes as slow path (D14)
 *       DROP     dropped by the program
 *       BEHIND   dropped by the kernel behind the redirect; no program counts it, the controller
 *                reads it from the link's statistics so that no packet disappears unseen
 */
#ifndef ESPALIER_REASONS_H
#define ESPALIER_REASONS_H

#define ESPALIER_REASONS(X)                                                                     \
	X(TO_TUNNEL, FORWARD, "to-tunnel", "steered into a tunnel")                             \
	X(TO_DEVICE, FORWARD, "to-device", "steered to an attachment's device")                 \
	X(NOT_IP, KERNEL, "not-ip", "neither IPv4 nor IPv6 (ARP, LLDP, ...)")                   \
	X(NOT_ATTACHED, KERNEL, "not-attached", "VLAN of the device that is no attachment")     \
	X(OTHER_HOST, KERNEL, "other-host", "frame for another MAC address")                    \
	X(LOCAL, KERNEL, "local", "address of the gateway itself [D14]")                        \
	X(SCOPE, KERNEL, "scope", "multicast, broadcast or link-local destination [D14]")       \
	X(OPTIONS, KERNEL, "ip-options", "IP options, hop-by-hop or very long headers [D14]")   \
	X(TTL, KERNEL, "ttl", "TTL or hop limit of 1 or less [D14]")                            \
	X(TOO_BIG, KERNEL, "too-big", "larger than the next hop's MTU; the kernel answers")     \
	X(NO_ROUTE_PASS, KERNEL, "no-route-pass", "no route, and on_no_route is pass [D8]")     \
	X(NO_ASSOCIATION, DROP, "no-association", "the attachment has no association [D8]")     \
	X(NO_ROUTE, DROP, "no-route", "no route in the associated table [D8]")                  \
	X(BLACKHOLE, DROP, "blackhole", "the route is a blackhole [D9]")                        \
	X(NO_LIVE_TUNNEL, DROP, "no-live-tunnel", "no tunnel of the group is in Phase 2 [D1]")  \
	X(SOURCE, DROP, "source", "source outside the connection's own routes (spoofed)")       \
	X(MALFORMED, DROP, "malformed", "truncated, bad version, bad length")                   \
	X(CHECKSUM, DROP, "checksum", "wrong IPv4 header checksum")                             \
	X(STALE, DROP, "stale", "the decision's tunnel or device is gone, or its tag differs")  \
	X(REWRITE, DROP, "rewrite", "the kernel could not rewrite the packet (no memory)")      \
	X(TX_CARRIER, BEHIND, "tx-carrier", "xfrm interface: no SA, policy or route behind it") \
	X(TX_DROPPED, BEHIND, "tx-dropped", "the kernel dropped it at the outgoing device")     \
	X(RX_DROPPED, BEHIND, "rx-dropped", "the kernel dropped it at the incoming device")

enum reason_kind { REASON_FORWARD, REASON_KERNEL, REASON_DROP, REASON_BEHIND };

#define ESPALIER_REASON_ENUM(name, kind, text, help) REASON_##name,
enum reason { ESPALIER_REASONS(ESPALIER_REASON_ENUM) REASON_COUNT };
#undef ESPALIER_REASON_ENUM

/* The reasons of a kind, one bit each: a set that the programs test a reason against. */
#define ESPALIER_REASON_BIT_FORWARD(name, kind, text, help) \
	| (REASON_##kind == REASON_FORWARD ? 1u << REASON_##name : 0)
#define ESPALIER_REASON_BIT_DROP(name, kind, text, help) \
	| (REASON_##kind == REASON_DROP ? 1u << REASON_##name : 0)
#define REASON_FORWARDS (0 ESPALIER_REASONS(ESPALIER_REASON_BIT_FORWARD))
#define REASON_DROPS	(0 ESPALIER_REASONS(ESPALIER_REASON_BIT_DROP))
_Static_assert(REASON_COUNT <= 32, "a reason is a bit of a word");

#endif
