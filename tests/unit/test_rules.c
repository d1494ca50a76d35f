/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Each row edits a configuration without findings and says what must be found then: nothing (the
 * edge that passes) or exactly this, at exactly that place (the edge that is refused). A row is a
 * test; its name says how the gateway would fail.
 */
#include "checked.h"

/* Edits refer to these lines; findings of edits that insert no line keep their numbers. */
static const char bgp_base[] =
	/*  1 */ "transit_router:\n"
		 /*  2 */ "  tables:\n"
		 /*  3 */ "    main:\n"
		 /*  4 */ "      learn: [vpc-a, dc-1]\n"
		 /*  5 */ "      routes: [{ destination: 10.9.0.0/16, blackhole: true }]\n"
		 /*  6 */ "attachments:\n"
		 /*  7 */ "  vpc-a: { type: vpc, device: eth1, cidrs: [10.1.0.0/16], association: "
		 "main }\n"
		 /*  8 */ "  dc-1: { type: vpn, connection: dc-1, association: main }\n"
		 /*  9 */ "customer_gateways:\n"
		 /* 10 */ "  dc-1: { addresses: [203.0.113.10, 203.0.113.11], asn: 65001 }\n"
		 /* 11 */ "connections:\n"
		 /* 12 */ "  dc-1:\n"
		 /* 13 */ "    customer_gateway: dc-1\n"
		 /* 14 */ "    bgp: { local_asn: 45104 }\n"
		 /* 15 */ "    tunnels:\n"
		 /* 16 */ "      - if_id: 101\n"
		 /* 17 */ "        local_address: 198.51.100.1\n"
		 /* 18 */ "        remote_address: 203.0.113.10\n"
		 /* 19 */ "        inside: 169.254.10.0/30\n"
		 /* 20 */ "        bgp_address: 169.254.10.1\n"
		 /* 21 */ "        psk: dc-1-a\n"
		 /* 22 */ "      - if_id: 102\n"
		 /* 23 */ "        local_address: 198.51.100.2\n"
		 /* 24 */ "        remote_address: 203.0.113.11\n"
		 /* 25 */ "        inside: 169.254.11.0/30\n"
		 /* 26 */ "        bgp_address: 169.254.11.1\n"
		 /* 27 */ "        psk: dc-1-b\n";

/* A static connection with one tunnel: one warning of its own, [S18] at 14:14. */
static const char static_base[] =
	/*  1 */ "transit_router: { tables: { main: { learn: [vpc-a, dc-1] } } }\n"
		 /*  2 */ "attachments:\n"
		 /*  3 */ "  vpc-a: { type: vpc, device: eth1, association: main }\n"
		 /*  4 */ "  dc-1: { type: vpn, connection: dc-1, association: main }\n"
		 /*  5 */ "customer_gateways:\n"
		 /*  6 */ "  dc-1: { address: 203.0.113.10 }\n"
		 /*  7 */ "  dc-2: { address: 203.0.113.20, asn: 65002 }\n"
		 /*  8 */ "gateway: { limits: default }\n"
		 /*  9 */ "\n"
		 /* 10 */ "connections:\n"
		 /* 11 */ "  dc-1:\n"
		 /* 12 */ "    customer_gateway: dc-1\n"
		 /* 13 */ "    routes: [10.50.0.0/16]\n"
		 /* 14 */ "    tunnels: [{ if_id: 101, local_address: 198.51.100.1, "
		 "remote_address: 203.0.113.10 }]\n";

#define ROWS(array) (sizeof(array) / sizeof(*(array)))
#define EDITS	    3
#define WANTS	    4

struct row {
	const char *story;
	struct edit {
		const char *from, *to;
	} edits[EDITS];
	const char *want[WANTS];
};

#define ONE                                                                                      \
	"14:14: warning: has one tunnel, nothing takes over when it fails; two are the default " \
	"[S18]"
#define BGP_TUNNEL_2                                                              \
	"      - if_id: 102\n        local_address: 198.51.100.2\n"               \
	"        remote_address: 203.0.113.11\n        inside: 169.254.11.0/30\n" \
	"        bgp_address: 169.254.11.1\n        psk: dc-1-b\n"
#define CUT_TUNNEL_2 { BGP_TUNNEL_2, "" }
#define DC_2_UP_TO_TUNNELS(lines) \
	"psk: dc-1-b\n  dc-2:\n    customer_gateway: dc-1\n" lines "    tunnels:\n"
#define ATTACH_DC_2                                                                      \
	"association: main }\n  dc-2: { type: vpn, connection: dc-2, association: main " \
	"}\ncustomer"
#define ATTACH_DC_1_AND_2 "connection: dc-1, association: main }\ncustomer"
#define SYNCHRONIZED_DC_1_AND_2                                                           \
	"connection: dc-1, synchronize: true, association: main }\n  dc-2: { type: vpn, " \
	"connection: dc-2, association: main }\ncustomer"
#define DC_2_OF_ASN(asn)                                                                \
	"psk: dc-1-b\n  dc-2:\n    customer_gateway: dc-1\n    bgp: { local_asn: " asn  \
	" }\n    tunnels: [{ if_id: 201, local_address: 198.51.100.3, remote_address: " \
	"203.0.113.10, inside: 169.254.12.0/30, bgp_address: 169.254.12.1, psk: dc-2 }]\n"
#define AFTER_DC_1 "association: main }\ncustomer"

/* Edits of bgp_base. */
static const struct row bgp_rows[] = {
	{ "the example of the design is refused", { { 0 } }, { 0 } },

	/* references */
	{ "an unknown attachment is learned",
	  { { "[vpc-a, dc-1]", "[vpc-a, dc-1, vpc-b]" } },
	  { "4:28: error: 'vpc-b' is not an attachment; did you mean 'vpc-a' [D7]" } },
	{ "an attachment is associated with an unknown table",
	  { { "dc-1, association: main", "dc-1, association: mian" } },
	  { "8:53: error: 'mian' is not a table of the transit router; did you mean 'main' "
	    "[D7]" } },
	{ "an attachment names an unknown connection",
	  { { "connection: dc-1,", "connection: dc-9," } },
	  { "8:34: error: 'dc-9' is not a connection; did you mean 'dc-1' [S34]",
	    "12:3: warning: connection 'dc-1' is not attached: no packet reaches it [S32]" } },
	{ "a connection names an unknown customer gateway",
	  { { "customer_gateway: dc-1", "customer_gateway: elsewhere" } },
	  { "13:23: error: 'elsewhere' is not a customer gateway [S47]" } },
	{ "a static route leads to an unknown attachment",
	  { { "blackhole: true", "attachment: vpc-z" } },
	  { "5:56: error: 'vpc-z' is not an attachment; did you mean 'vpc-a' [D9]" } },

	{ "anybody may connect and write routes",
	  { { "transit_router:", "gateway: { fpm: { address: 192.0.2.1 } }\ntransit_router:" },
	    { "bgp: {", "bgp: { feed: fpm," } },
	  { "1:28: error: address: 192.0.2.1 is not a loopback address; allowed: 127.0.0.0/8, "
	    "::1" } },
	{ "an account of one's own may connect",
	  { { "transit_router:", "gateway: { fpm: { user: _routing-1.x } }\ntransit_router:" },
	    { "bgp: {", "bgp: { feed: fpm," } },
	  { 0 } },
	{ "an account may be named by its number, up to the last one",
	  { { "transit_router:", "gateway: { fpm: { user: 4294967294 } }\ntransit_router:" },
	    { "bgp: {", "bgp: { feed: fpm," } },
	  { 0 } },
	{ "the number that means nobody is taken for an account's",
	  { { "transit_router:", "gateway: { fpm: { user: 4294967295 } }\ntransit_router:" },
	    { "bgp: {", "bgp: { feed: fpm," } },
	  { "1:25: error: user: '4294967295' is not an account; allowed: a name of 1 to 32 "
	    "letters, digits, '_', '.' or '-', the first a letter, a digit or '_', or a user id "
	    "from 0 to 4294967294" } },
	{ "a number wraps and is another account's",
	  { { "transit_router:",
	      "gateway: { fpm: { user: 18446744073709551649 } }\ntransit_router:" },
	    { "bgp: {", "bgp: { feed: fpm," } },
	  { "1:25: error: user: '18446744073709551649' is not an account" } },
	{ "what can be nobody's name is looked up",
	  { { "transit_router:", "gateway: { fpm: { user: -1 } }\ntransit_router:" },
	    { "bgp: {", "bgp: { feed: fpm," } },
	  { "1:25: error: user: '-1' is not an account" } },
	{ "several accounts may connect",
	  { { "transit_router:", "gateway: { fpm: { user: 'frr,bird' } }\ntransit_router:" },
	    { "bgp: {", "bgp: { feed: fpm," } },
	  { "1:25: error: user: 'frr,bird' is not an account" } },
	{ "a name that no account can have is cut",
	  { { "transit_router:",
	      "gateway: { fpm: { user: a23456789012345678901234567890123 } }\ntransit_router:" },
	    { "bgp: {", "bgp: { feed: fpm," } },
	  { "1:25: error: user: 'a23456789012345678901234567890123' is not an account" } },
	{ "a stream that nobody takes routes from goes unnoticed",
	  { { "transit_router:", "gateway: { fpm: {} }\ntransit_router:" } },
	  { "1:17: warning: fpm: no connection takes its routes from there" } },

	/* D7: learning */
	{ "an attachment is learned twice by one table",
	  { { "[vpc-a, dc-1]", "[vpc-a, dc-1, vpc-a]" } },
	  { "4:28: error: table 'main' learns 'vpc-a' twice, first in line 4 [D7]" } },
	{ "an attachment cannot be learned by two tables",
	  { { "      learn: [vpc-a, dc-1]\n", "      learn: [vpc-a, dc-1]\n" },
	    { "attachments:", "    other: { learn: [vpc-a, dc-1] }\nattachments:" } },
	  { 0 } },
	{ "what comes from an attachment is dropped and nobody is told",
	  { { "connection: dc-1, association: main", "connection: dc-1" } },
	  { "8:3: warning: attachment 'dc-1' has no association: what comes from it is dropped [D7 "
	    "D8]" } },
	{ "an attachment that nothing leads to goes unnoticed",
	  { { "[vpc-a, dc-1]", "[vpc-a]" } },
	  { "8:3: warning: no table learns attachment 'dc-1' and no route leads to it: nothing is "
	    "sent there [D7]" } },
	{ "a static route to an attachment does not count as a way there",
	  { { "[vpc-a, dc-1]", "[vpc-a]" }, { "blackhole: true", "attachment: dc-1" } },
	  { 0 } },

	/* D14: what of a table the kernel has, too */
	{ "one default stands for two data centres",
	  { { "[vpc-a, dc-1]", "[vpc-a, dc-1, dc-2]\n      slow_path: summary" },
	    { "customer_gateways:\n",
	      "  dc-2: { type: vpn, connection: dc-2, association: main }\ncustomer_gateways:\n" },
	    { "connections:\n",
	      "connections:\n"
	      "  dc-2:\n"
	      "    customer_gateway: dc-1\n"
	      "    bgp: { local_asn: 45104 }\n"
	      "    tunnels:\n"
	      "      - { if_id: 103, local_address: 198.51.100.1, remote_address: 203.0.113.11, "
	      "inside: 169.254.12.0/30, bgp_address: 169.254.12.1, psk: dc-2-a }\n"
	      "      - { if_id: 104, local_address: 198.51.100.2, remote_address: 203.0.113.10, "
	      "inside: 169.254.13.0/30, bgp_address: 169.254.13.1, psk: dc-2-b }\n" } },
	  { "5:18: error: slow_path: summary is for a table that leads to one connection; 'main' "
	    "leads to 'dc-1' and to 'dc-2': use full [D14]" } },
	{ "one data centre is not summed up",
	  { { "[vpc-a, dc-1]", "[vpc-a, dc-1]\n      slow_path: summary" } },
	  { 0 } },

	/* D9: static routes of a table */
	{ "a static route leads nowhere",
	  { { ", blackhole: true", "" } },
	  { "5:16: error: neither is given [D9]" } },
	{ "blackhole: false is taken for a target",
	  { { "blackhole: true", "blackhole: false" } },
	  { "5:16: error: neither is given [D9]" } },
	{ "a static route leads to a blackhole and to an attachment",
	  { { "blackhole: true", "blackhole: true, attachment: dc-1" } },
	  { "5:16: error: to an attachment or to a blackhole, not to both [D9]" } },
	{ "a static route to a connection is refused",
	  { { "10.9.0.0/16, blackhole: true", "0.0.0.0/0, attachment: dc-1, metric: 4294967295" } },
	  { 0 } },
	{ "a static route is given twice",
	  { { "blackhole: true }",
	      "blackhole: true }, { destination: 10.9.0.0/16, blackhole: true }" } },
	  { "5:63: error: 10.9.0.0/16 is given twice, first in line 5 [D9]" } },
	{ "a blackhole and an attachment fight for one destination",
	  { { "blackhole: true }",
	      "blackhole: true }, { destination: 10.9.0.0/16, attachment: dc-1 }" } },
	  { "5:63: error: 10.9.0.0/16 is a blackhole and leads to an attachment, at one metric "
	    "(line 5); give one of them a higher metric [D6 D9]" } },
	{ "a blackhole cannot stand by behind an attachment",
	  { { "blackhole: true }",
	      "blackhole: true, metric: 9 }, { destination: 10.9.0.0/16, attachment: dc-1 }" } },
	  { 0 } },
	{ "one destination cannot lead to two attachments",
	  { { "10.9.0.0/16, blackhole: true }", "10.9.0.0/16, attachment: vpc-a }, { destination: "
						"10.9.0.0/16, attachment: dc-1 }" } },
	  { 0 } },

	/* S14 D7: one place, one attachment */
	{ "two attachments share a device",
	  { { AFTER_DC_1, "association: main }\n  dup: { type: vpc, device: eth1, association: "
			  "main }\ncustomer" },
	    { "dc-1]\n", "dc-1, dup]\n" } },
	  { "9:29: error: attachment 'dup' has the device and VLAN of 'vpc-a' (line 7); a packet "
	    "is associated with one table [S14 D7]" } },
	{ "two attachments cannot share a device by VLAN",
	  { { AFTER_DC_1, "association: main }\n  dup: { type: vpc, device: eth1, vlan: 100, "
			  "association: main }\ncustomer" },
	    { "dc-1]\n", "dc-1, dup]\n" } },
	  { 0 } },
	{ "two attachments share a device and both VLANs",
	  { { AFTER_DC_1,
	      "association: main }\n  d1: { type: vpc, device: eth1, vlan: [100, 200], "
	      "association: main }\n"
	      "  d2: { type: vpc, device: eth1, vlan: [100, 200], association: main }\ncustomer" },
	    { "dc-1]\n", "dc-1, d1, d2]\n" } },
	  { "10:28: error: attachment 'd2' has the device and VLAN of 'd1' (line 9)" } },
	{ "the inner VLAN does not tell attachments apart",
	  { { AFTER_DC_1,
	      "association: main }\n  d1: { type: vpc, device: eth1, vlan: [100, 200], "
	      "association: main }\n"
	      "  d2: { type: vpc, device: eth1, vlan: [100, 201], association: main }\ncustomer" },
	    { "dc-1]\n", "dc-1, d1, d2]\n" } },
	  { 0 } },

	/* D15, D14 */
	{ "a VPC has a CIDR twice",
	  { { "[10.1.0.0/16]", "[10.1.0.0/16, 10.1.0.0/16]" } },
	  { "7:58: error: attachment 'vpc-a' has 10.1.0.0/16 twice, first in line 7 [D15 D17]" } },
	{ "two VPCs of one table overlap unnoticed",
	  { { AFTER_DC_1, "association: main }\n  v2: { type: vpc, device: eth2, cidrs: "
			  "[10.1.128.0/17], association: main }\ncustomer" },
	    { "dc-1]\n", "dc-1, v2]\n" } },
	  { "9:42: warning: in table 'main', 10.1.128.0/17 of 'v2' overlaps 10.1.0.0/16 of 'vpc-a' "
	    "(line 7) [D15]" } },
	{ "two VPCs of one table are equal unnoticed",
	  { { AFTER_DC_1, "association: main }\n  v2: { type: vpc, device: eth2, cidrs: "
			  "[10.1.0.0/16], association: main }\ncustomer" },
	    { "dc-1]\n", "dc-1, v2]\n" } },
	  { "9:42: warning: in table 'main', 10.1.0.0/16 of 'v2' overlaps 10.1.0.0/16 of 'vpc-a' "
	    "(line 7) [D15]" } },
	{ "neighbouring VPCs are taken for overlapping",
	  { { AFTER_DC_1, "association: main }\n  v2: { type: vpc, device: eth2, cidrs: "
			  "[10.0.0.0/16, 10.2.0.0/16], association: main }\ncustomer" },
	    { "dc-1]\n", "dc-1, v2]\n" } },
	  { 0 } },
	{ "a VPC's own nested CIDRs are taken for overlapping",
	  { { "[10.1.0.0/16]", "[10.1.0.0/16, 10.1.1.0/24]" } },
	  { 0 } },
	{ "VPCs of different tables are taken for overlapping",
	  { { AFTER_DC_1, "association: main }\n  v2: { type: vpc, device: eth2, cidrs: "
			  "[10.1.0.0/16], association: main }\ncustomer" },
	    { "attachments:", "    other: { learn: [v2] }\nattachments:" } },
	  { 0 } },
	{ "a multicast route is believed to forward",
	  { { "10.9.0.0/16", "224.0.0.0/4" } },
	  { "5:31: warning: 224.0.0.0/4 is multicast: packets there go to the kernel, never to "
	    "this route [D14]" } },
	{ "a route that contains multicast is suspected",
	  { { "10.9.0.0/16", "192.0.0.0/2" } },
	  { 0 } },
	{ "a link-local CIDR is believed to forward",
	  { { "10.1.0.0/16", "fe80::/64" } },
	  { "7:45: warning: fe80::/64 is link-local" } },

	/* S34 */
	{ "a connection is attached twice",
	  { { AFTER_DC_1, "association: main }\n  again: { type: vpn, connection: dc-1, "
			  "association: main }\ncustomer" },
	    { "dc-1]\n", "dc-1, again]\n" } },
	  { "9:35: error: connection 'dc-1' is already attached as 'dc-1' (line 8); a connection "
	    "is attached to one thing only [S34]" } },

	/* S15 S42 D18 */
	{ "synchronization without an association is silent",
	  { { "connection: dc-1, association: main", "connection: dc-1, synchronize: true" } },
	  { "8:3: warning: attachment 'dc-1' has no association",
	    "8:53: warning: attachment 'dc-1' has no association, so there is no table to "
	    "advertise [D18]" } },
	{ "synchronization with bgp and an association is refused",
	  { { "connection: dc-1, association: main",
	      "connection: dc-1, synchronize: true, association: main" } },
	  { 0 } },

	/* S46 */
	{ "a leased line beside a connection sees another ASN for sure",
	  { { AFTER_DC_1, "association: main }\n  line: { type: vbr, device: eth3, asn: 65002, "
			  "priority: 100, association: main }\ncustomer" },
	    { "dc-1]\n", "dc-1, line]\n" } },
	  { "9:41: error: vbr 'line' sees ASN 65002, connection 'dc-1' sees 65001; where they back "
	    "each other up for one data centre the ASN must be the same [S46]" } },
	{ "a leased line to another data centre is refused",
	  { { AFTER_DC_1, "association: main }\n  line: { type: vbr, device: eth3, asn: 65002, "
			  "association: main }\ncustomer" },
	    { "dc-1]\n", "dc-1, line]\n" } },
	  { "9:41: warning: the ASN must be the same [S46]" } },
	{ "a leased line with the ASN of its connection is refused",
	  { { AFTER_DC_1, "association: main }\n  line: { type: vbr, device: eth3, asn: 65001, "
			  "priority: 100, association: main }\ncustomer" },
	    { "dc-1]\n", "dc-1, line]\n" } },
	  { 0 } },
	{ "a leased line without an ASN goes unnoticed",
	  { { AFTER_DC_1, "association: main }\n  line: { type: vbr, device: eth3, priority: 100, "
			  "association: main }\ncustomer" },
	    { "dc-1]\n", "dc-1, line]\n" } },
	  { "9:3: warning: vbr 'line' has no asn; if it and connection 'dc-1' back each other up, "
	    "both must see ASN 65001 [S46]" } },
	{ "a leased line in another table is compared",
	  { { AFTER_DC_1, "association: main }\n  line: { type: vbr, device: eth3, asn: 65002, "
			  "priority: 100, association: main }\ncustomer" },
	    { "attachments:", "    other: { learn: [line] }\nattachments:" } },
	  { 0 } },
	{ "a leased line to the prefixes of a BGP connection sees another ASN",
	  { { AFTER_DC_1, "association: main }\n  line: { type: vbr, device: eth3, cidrs: "
			  "[10.50.0.0/17], asn: 65002, association: main }\ncustomer" },
	    { "dc-1]\n", "dc-1, line]\n" },
	    { "    tunnels:\n",
	      "    routes: [10.50.0.0/16]\n    allow_mixed_routing: true\n    tunnels:\n" } },
	  { "9:64: error: vbr 'line' sees ASN 65002, connection 'dc-1' sees 65001",
	    "16:13: warning: mixes both methods: for one prefix BGP goes first [S22 S30]" } },

	/* S54 D10 */
	{ "with transit a route that comes back over another local ASN is not recognized",
	  { { "      learn: [vpc-a, dc-1]\n", "      learn: [vpc-a, dc-1, dc-2]\n      transit: "
					      "true\n" },
	    { ATTACH_DC_1_AND_2, SYNCHRONIZED_DC_1_AND_2 },
	    { "psk: dc-1-b\n", DC_2_OF_ASN("64600") } },
	  { "16:23: warning: connection 'dc-1' has local ASN 45104, 'dc-2' has 64600, and table "
	    "'main' has transit between them: a route that comes back by a way between the data "
	    "centres is not recognized, and may outlive its origin; use one [S54 D10]",
	    "33:14: warning: has one tunnel, nothing takes over when it fails; two are the default "
	    "[S18]" } },
	{ "one local ASN with transit is refused",
	  { { "      learn: [vpc-a, dc-1]\n", "      learn: [vpc-a, dc-1, dc-2]\n      transit: "
					      "true\n" },
	    { ATTACH_DC_1_AND_2, SYNCHRONIZED_DC_1_AND_2 },
	    { "psk: dc-1-b\n", DC_2_OF_ASN("45104") } },
	  { "33:14: warning: has one tunnel, nothing takes over when it fails; two are the default "
	    "[S18]" } },
	{ "two local ASNs without transit are refused",
	  { { "      learn: [vpc-a, dc-1]\n", "      learn: [vpc-a, dc-1, dc-2]\n" },
	    { ATTACH_DC_1_AND_2, SYNCHRONIZED_DC_1_AND_2 },
	    { "psk: dc-1-b\n", DC_2_OF_ASN("64600") } },
	  { "32:14: warning: has one tunnel, nothing takes over when it fails; two are the default "
	    "[S18]" } },

	/* S18 */
	{ "a connection without tunnels is accepted",
	  { { BGP_TUNNEL_2, "" },
	    { "    tunnels:\n      - if_id: 101\n        local_address: 198.51.100.1\n"
	      "        remote_address: 203.0.113.10\n        inside: 169.254.10.0/30\n"
	      "        bgp_address: 169.254.10.1\n        psk: dc-1-a\n",
	      "    tunnels: []\n" } },
	  { "15:14: error: 0 given; a connection has one or two [S18]" } },
	{ "a third tunnel is accepted",
	  { { "psk: dc-1-b\n", "psk: dc-1-b\n      - { if_id: 103, device: x }\n" } },
	  { "16:7: error: 3 given; a connection has one or two [S18]" } },
	{ "a single tunnel is not warned about",
	  { CUT_TUNNEL_2 },
	  { "16:7: warning: connection 'dc-1' has one tunnel, nothing takes over when it fails; "
	    "two are the default [S18]" } },

	/* S22 S30, S3 */
	{ "both methods in one connection are accepted",
	  { { "    tunnels:\n", "    routes: [10.50.0.0/16]\n    tunnels:\n" } },
	  { "15:13: error: connection 'dc-1' has both bgp and routes; one method per connection, "
	    "unless allow_mixed_routing: true [S22]" } },
	{ "both methods are refused although they were asked for",
	  { { "    tunnels:\n",
	      "    routes: [10.50.0.0/16]\n    allow_mixed_routing: yes\n    tunnels:\n" } },
	  { "15:13: warning: for one prefix BGP goes first [S22 S30]" } },
	{ "an empty list of routes counts as a method",
	  { { "    tunnels:\n", "    routes: []\n    tunnels:\n" } },
	  { 0 } },
	{ "a connection that carries nothing goes unnoticed",
	  { { "    bgp: { local_asn: 45104 }\n", "" } },
	  { "12:3: warning: connection 'dc-1' has neither bgp nor routes: nothing is sent to its "
	    "data centre [S3]" } },

	/* S23 S24 S25 */
	{ "static routes over two tunnels are not warned about",
	  { { "bgp: { local_asn: 45104 }", "routes: [10.50.0.0/16]" } },
	  { "14:13: warning: unless the data centre's device has static ECMP routes, what it sends "
	    "takes one tunnel and the two directions differ; prefer bgp [S23 S24 S25]" } },

	/* S32 */
	{ "routes of an unattached connection are accepted",
	  { { "bgp: { local_asn: 45104 }", "routes: [10.50.0.0/16]" },
	    { "  dc-1: { type: vpn, connection: dc-1, association: main }\n", "" },
	    { "[vpc-a, dc-1]", "[vpc-a]" } },
	  { "13:13: error: connection 'dc-1' has destination-based routes but is not attached; add "
	    "an attachment {type: vpn, connection: dc-1} [S32]",
	    "13:13: warning: [S23 S24 S25]" } },

	/* RFC 4271, 4.4 */
	{ "a session that one lost keepalive ends is accepted",
	  { { "local_asn: 45104", "keepalive: 4s, hold_time: 11s" } },
	  { "14:38: error: hold_time: 11s is shorter than three keepalives of 4s" } },
	{ "a keepalive too long for the default hold time is accepted",
	  { { "local_asn: 45104", "keepalive: 11s" } },
	  { "14:10: error: hold_time: 30s is shorter than three keepalives of 11s" } },

	/* S43 S44 */
	{ "the quota of a dual-tunnel connection is adjusted",
	  { { "    tunnels:\n", "    bgp_quota: 100\n    tunnels:\n" } },
	  { "15:16: error: bgp_quota: connection 'dc-1' has two tunnels; 1000 routes per tunnel "
	    "and 2000 per connection are not adjustable [S43]" } },

	/* S47 */
	{ "a customer gateway without an ASN speaks BGP",
	  { { ", asn: 65001", "" } },
	  { "13:23: error: customer gateway 'dc-1' has no asn and cannot be used for BGP; write "
	    "another one that has [S47 S49]" } },

	/* D11: ASN of the data centre */
	{ "the data centre has the ASN of the gateway",
	  { { "asn: 65001", "asn: 45104" } },
	  { "10:57: error: customer gateway 'dc-1' has ASN 45104, which is the local ASN; allowed "
	    "only where bgp.local_asn was changed [D11]" } },
	{ "45104 is refused although the local ASN was changed",
	  { { "asn: 65001", "asn: 45104" }, { "local_asn: 45104", "local_asn: 45105" } },
	  { 0 } },
	{ "45104 is accepted for a customer gateway that nobody uses",
	  { { "asn: 65001 }", "asn: 65001 }\n  other: { address: 192.0.2.1, asn: 45104 }" } },
	  { "11:37: error: customer gateway 'other' has ASN 45104" } },
	{ "an internal BGP session goes unnoticed",
	  { { "local_asn: 45104", "local_asn: 65001" } },
	  { "10:57: warning: have the same ASN 65001: the session would be internal BGP, which "
	    "passes no routes on [D11]" } },
	{ "ASN 0 of a data centre is accepted",
	  { { "asn: 65001", "asn: 0" } },
	  { "10:57: error: asn: 0 is out of range, 1 to 4294967295 is allowed [D11]" } },
	{ "the first ASN of a data centre is refused", { { "asn: 65001", "asn: 1" } }, { 0 } },
	{ "the last ASN of a data centre is refused",
	  { { "asn: 65001", "asn: 4294967295" } },
	  { 0 } },
	{ "an ASN of a data centre beyond 32 bits is accepted",
	  { { "asn: 65001", "asn: 4294967296" } },
	  { "10:57: error: asn: 4294967296 is out of range" } },
	{ "a customer gateway has one address twice",
	  { { "203.0.113.10, 203.0.113.11]", "203.0.113.10, 203.0.113.10]" },
	    { "remote_address: 203.0.113.11", "remote_address: 203.0.113.10" } },
	  { "10:37: error: customer gateway 'dc-1' has this address twice [D11]" } },

	/* kernel tables */
	{ "a connection takes the main table of the kernel",
	  { { "    tunnels:\n", "    table: 254\n    tunnels:\n" } },
	  { "15:12: error: table: kernel table 254 is the kernel's" } },
	{ "a connection takes the local table of the kernel",
	  { { "    tunnels:\n", "    table: 255\n    tunnels:\n" } },
	  { "15:12: error: table: kernel table 255 is the kernel's" } },
	{ "a connection takes the default table of the kernel",
	  { { "    tunnels:\n", "    table: 253\n    tunnels:\n" } },
	  { "15:12: error: table: kernel table 253 is the kernel's" } },
	{ "kernel table 0 is accepted",
	  { { "    tunnels:\n", "    table: 0\n    tunnels:\n" } },
	  { "15:12: error: table: 0 is out of range, 1 to 4294967295 is allowed" } },
	{ "kernel table 256 is refused",
	  { { "    tunnels:\n", "    table: 256\n    tunnels:\n" } },
	  { 0 } },
	{ "a connection takes the gateway's own kernel table",
	  { { "    tunnels:\n", "    table: 1000\n    tunnels:\n" } },
	  { "15:12: error: table: kernel table 1000 is the gateway's own" } },
	{ "a connection takes the kernel table of a TR table",
	  { { "    tunnels:\n", "    table: 2000\n    tunnels:\n" } },
	  { "15:12: error: table: kernel table 2000 is for tables of the transit router" } },
	{ "the last kernel table before the TR's is refused",
	  { { "    tunnels:\n", "    table: 1999\n    tunnels:\n" } },
	  { 0 } },
	{ "two connections share a kernel table",
	  { { "    tunnels:\n", "    table: 700\n    tunnels:\n" },
	    { "psk: dc-1-b\n",
	      DC_2_UP_TO_TUNNELS("    table: 700\n    bgp: {}\n") "      - { if_id: 7, device: a, "
								  "inside: 169.254.12.0/30, "
								  "bgp_address: 169.254.12.1 }\n"
								  "      - { if_id: 8, device: b, "
								  "inside: 169.254.13.0/30, "
								  "bgp_address: 169.254.13.1 }\n" },
	    { AFTER_DC_1, ATTACH_DC_2 } },
	  { "9:3: warning: no table learns attachment 'dc-2'",
	    "32:12: error: table: kernel table 700 is also that of connection 'dc-1' (line 16)" } },

	/* if_id */
	{ "a tunnel without an if_id is accepted",
	  { { "if_id: 102\n        local", "local" } },
	  { "22:9: error: 'if_id' is missing in a tunnel [D3]" } },
	{ "if_id 0 is accepted",
	  { { "if_id: 102", "if_id: 0" } },
	  { "22:16: error: if_id: 0 is out of range, 1 to 4294967295 is allowed [D3]" } },
	{ "the last if_id is refused", { { "if_id: 102", "if_id: 4294967295" } }, { 0 } },
	{ "two tunnels have one if_id",
	  { { "if_id: 102", "if_id: 101" } },
	  { "22:16: error: if_id: 101 is also that of tunnel 'dc-1-1' (line 16); the SAs of a "
	    "tunnel are known by its if_id [D3]" } },

	/* names and devices */
	{ "two tunnels have one name",
	  { { "- if_id: 102", "- name: dc-1-1\n        if_id: 102" } },
	  { "22:9: error: tunnel name 'dc-1-1' is also used in line 16; a gateway has each name "
	    "once" } },
	{ "a tunnel cannot be named",
	  { { "- if_id: 102", "- name: backup\n        if_id: 102" } },
	  { 0 } },
	{ "two tunnels adopt one device",
	  { { "psk: dc-1-a", "device: tun0" }, { "psk: dc-1-b", "device: tun0" } },
	  { "27:17: error: device 'tun0' of 'dc-1-2' is also that of 'dc-1-1' (line 21)" } },
	{ "a tunnel adopts the device of a VPC",
	  { { "psk: dc-1-a", "device: eth1" } },
	  { "21:17: error: device 'eth1' of 'dc-1-1' is also that of 'vpc-a' (line 7)" } },
	{ "a tunnel adopts what is made for another",
	  { { "psk: dc-1-a", "device: xfrm102" } },
	  { "22:16: error: device 'xfrm102' of 'dc-1-2' is also that of 'dc-1-1' (line 21)" } },
	{ "a VPC is on the device that is made for a VRF",
	  { { "device: eth1", "device: vrf1001" } },
	  { "12:3: error: device 'vrf1001' of 'dc-1' is also that of 'vpc-a' (line 7)" } },
	{ "the name of a VRF that is not made is refused",
	  { { "device: eth1", "device: vrf1001" },
	    { "    tunnels:\n", "    vrf: false\n    tunnels:\n" } },
	  { 0 } },
	{ "a device name of 16 characters is accepted",
	  { { "device: eth1", "device: abcdefghijklmnop" } },
	  { "7:31: error: device: 'abcdefghijklmnop' is longer than 15 characters" } },
	{ "a device name of 15 characters is refused",
	  { { "device: eth1", "device: abcdefghijklmno" } },
	  { 0 } },
	{ "a device name with a slash is accepted",
	  { { "psk: dc-1-a", "device: ../eth0" } },
	  { "21:17: error: device: '../eth0' cannot be the name of a network device" } },

	/* addresses */
	{ "a tunnel without a local address is accepted",
	  { { "        local_address: 198.51.100.2\n", "" } },
	  { "22:9: error: 'local_address' is missing in tunnel 'dc-1-2', which has no device "
	    "[D3]" } },
	{ "a tunnel without a remote address is accepted",
	  { { "        remote_address: 203.0.113.11\n", "" } },
	  { "22:9: error: 'remote_address' is missing in tunnel 'dc-1-2', which has no device "
	    "[D3]" } },
	{ "an adopted device without addresses is refused",
	  { { "        local_address: 198.51.100.2\n", "" },
	    { "remote_address: 203.0.113.11", "device: tun1" } },
	  { 0 } },
	{ "a tunnel leads to an address that is not the data centre's",
	  { { "remote_address: 203.0.113.11", "remote_address: 203.0.113.12" } },
	  { "24:25: error: remote_address: 203.0.113.12 is not an address of customer gateway "
	    "'dc-1' [D11]" } },
	{ "a tunnel begins where it ends",
	  { { "local_address: 198.51.100.2", "local_address: 203.0.113.11" } },
	  { "24:25: error: remote_address: 203.0.113.11 is the local_address too; the direction of "
	    "SAs is told by them [D3]" } },
	{ "a tunnel runs from IPv6 to IPv4",
	  { { "local_address: 198.51.100.2", "local_address: 2001:db8::2" } },
	  { "24:25: error: of different families" } },
	{ "a tunnel over IPv6 is refused",
	  { { "local_address: 198.51.100.2", "local_address: 2001:db8::2" },
	    { "203.0.113.11]", "\"2001:db8::11\"]" },
	    { "remote_address: 203.0.113.11", "remote_address: 2001:db8::11" } },
	  { 0 } },
	{ "a tunnel begins at a multicast address",
	  { { "local_address: 198.51.100.2", "local_address: 224.0.0.5" } },
	  { "23:24: error: local_address: 224.0.0.5 is not the address of a host" } },
	{ "two tunnels run between one pair of addresses",
	  { { "local_address: 198.51.100.2", "local_address: 198.51.100.1" },
	    { "remote_address: 203.0.113.11", "remote_address: 203.0.113.10" } },
	  { "22:9: error: tunnel 'dc-1-2' runs between the same addresses as 'dc-1-1' (line 16) "
	    "[D3]" } },
	{ "two tunnels cannot begin at one address",
	  { { "local_address: 198.51.100.2", "local_address: 198.51.100.1" } },
	  { 0 } },

	/* S55 S57 S58 beyond the tables below */
	{ "a BGP tunnel without a tunnel CIDR is accepted",
	  { { "        inside: 169.254.11.0/30\n        bgp_address: 169.254.11.1\n", "" } },
	  { "22:9: error: 'bgp_address' is missing in tunnel 'dc-1-2' [S58]",
	    "22:9: error: 'inside' is missing in tunnel 'dc-1-2'; BGP needs a tunnel CIDR "
	    "[S55]" } },
	{ "both tunnels have one CIDR",
	  { { "inside: 169.254.11.0/30", "inside: 169.254.10.0/30" },
	    { "bgp_address: 169.254.11.1", "bgp_address: 169.254.10.2" } },
	  { "25:17: error: inside: 169.254.10.0/30 is also the tunnel CIDR of 'dc-1-1' (line 19); "
	    "all differ [S57]" } },
	{ "tunnels of two connections have one CIDR",
	  { { "psk: dc-1-b\n",
	      DC_2_UP_TO_TUNNELS(
		      "    bgp: {}\n") "      - { if_id: 7, device: a, inside: 169.254.10.0/30, "
				       "bgp_address: 169.254.10.1 }\n"
				       "      - { if_id: 8, device: b, inside: 169.254.13.0/30, "
				       "bgp_address: 169.254.13.1 }\n" },
	    { AFTER_DC_1, ATTACH_DC_2 },
	    { "[vpc-a, dc-1]", "[vpc-a, dc-1, dc-2]" } },
	  { "33:40: error: inside: 169.254.10.0/30 is also the tunnel CIDR of 'dc-1-1' (line 20); "
	    "all differ [S57]" } },

	/* D16 */
	{ "a secret outside the directory is read",
	  { { "psk: dc-1-a", "psk: ../shadow" } },
	  { "21:14: error: psk: '../shadow' is not a file's name; a file of gateway.secrets is "
	    "meant, without '/' and not hidden [D16]" } },
	{ "the directory itself is taken for a secret",
	  { { "psk: dc-1-a", "psk: .." } },
	  { "21:14: error: psk: '..' is not a file's name" } },
	{ "a secret's name with dots is refused", { { "psk: dc-1-a", "psk: dc.1.a" } }, { 0 } },
	{ "secrets are looked for in the current directory",
	  { { "transit_router:", "gateway: { secrets: secrets.d }\ntransit_router:" } },
	  { "1:21: error: secrets: 'secrets.d' is not an absolute path [D16]" } },

	/* ranges of tunnels */
	{ "weight 0 is accepted",
	  { { "psk: dc-1-b", "weight: 0" } },
	  { "27:17: error: weight: 0 is out of range, 1 to 256 is allowed" } },
	{ "weight 1 is refused", { { "psk: dc-1-b", "weight: 1" } }, { 0 } },
	{ "weight 256 is refused", { { "psk: dc-1-b", "weight: 256" } }, { 0 } },
	{ "weight 257 is accepted",
	  { { "psk: dc-1-b", "weight: 257" } },
	  { "27:17: error: weight: 257 is out of range, 1 to 256 is allowed" } },
	{ "IPv6 vanishes in a small tunnel and nobody is told",
	  { { "psk: dc-1-b", "mtu: 1279" } },
	  { "27:14: warning: mtu: 1279 is below 1280: no IPv6 through tunnel 'dc-1-2'" } },
	{ "the smallest tunnel for IPv6 is warned about",
	  { { "psk: dc-1-b", "mtu: 1280" } },
	  { 0 } },
};

/* Edits of static_base; ONE is its own warning. */
static const struct row static_rows[] = {
	{ "a static connection with one tunnel is refused", { { 0 } }, { ONE } },
	{ "synchronization without bgp goes unnoticed",
	  { { "connection: dc-1,", "connection: dc-1, synchronize: true," } },
	  { "4:53: warning: synchronize: connection 'dc-1' has no bgp to advertise routes by [S15 "
	    "S42]",
	    ONE } },
	{ "a route is given twice",
	  { { "[10.50.0.0/16]", "[10.50.0.0/16, 10.51.0.0/16, 10.50.0.0/16]" } },
	  { "13:42: error: connection 'dc-1' has 10.50.0.0/16 twice, first in line 13 [S31]",
	    ONE } },
	{ "nested routes are taken for equal",
	  { { "[10.50.0.0/16]", "[10.50.0.0/16, 10.50.0.0/17]" } },
	  { ONE } },
	{ "an ASN of a static connection's data centre is refused",
	  { { "{ address: 203.0.113.10 }", "{ address: 203.0.113.10, asn: 65001 }" } },
	  { ONE } },
	{ "a tunnel CIDR of a static connection is refused",
	  { { "if_id: 101", "if_id: 101, inside: 169.254.10.0/30, bgp_address: 169.254.10.2" } },
	  { ONE } },
	{ "a tunnel CIDR of a static connection escapes the rules",
	  { { "if_id: 101", "if_id: 101, inside: 169.254.1.0/30" } },
	  { ONE, "14:37: error: inside: 169.254.1.0/30 is reserved by the service [S56]" } },
	{ "a BGP address without a tunnel CIDR is accepted",
	  { { "if_id: 101", "if_id: 101, bgp_address: 169.254.10.1" } },
	  { ONE, "14:42: error: bgp_address without inside: there is no tunnel CIDR for it to lie "
		 "in [S58]" } },
	{ "a quota without bgp goes unnoticed",
	  { { "\n\nconnections:", "\nconnections:" },
	    { "    routes:", "    bgp_quota: 50\n    routes:" } },
	  { "12:16: warning: bgp_quota: connection 'dc-1' has no bgp [S44]", ONE } },
	{ "a customer gateway without an ASN is refused where it speaks no BGP",
	  { { "203.0.113.20, asn: 65002", "203.0.113.20" } },
	  { ONE } },
};

static char *edited(const char *base, const struct row *row)
{
	char *text = strdup(base);

	assert_non_null(text);
	for (size_t i = 0; i < EDITS && row->edits[i].from; i++)
		text = replaced(text, row->edits[i].from, row->edits[i].to);
	return text;
}

static void run_row(const char *base, const struct row *row)
{
	char *text = edited(base, row);
	struct checked k = check_text(text);
	size_t n = 0;

	while (n < WANTS && row->want[n])
		n++;
	assert_findings(&k.findings, row->want, n);
	checked_free(&k);
	free(text);
}

static void run_bgp_row(void **state)
{
	run_row(bgp_base, *state);
}

static void run_static_row(void **state)
{
	run_row(static_base, *state);
}

/* One value in the place of `from`: refused at exactly one place, or without a finding. */
static void assert_value(const char *base, const char *from, const char *to, const char *want)
{
	const struct row row = { .edits = { { from, to } }, .want = { want } };

	run_row(base, &row);
}

/* S35 S36 */
static void assert_destination(const char *prefix, const char *why)
{
	char to[64], want[256];
	struct row row = { .edits = { { "[10.50.0.0/16]", to } } };
	struct prefix p;

	snprintf(to, sizeof(to), "[\"%s\"]", prefix);
	snprintf(want, sizeof(want), "13:14: error: %s %s", prefix, why ? why : "");
	row.want[0] = why ? want : ONE;
	row.want[1] = why ? ONE : NULL;
	run_row(static_base, &row);
	assert_int_equal(prefix_parse(prefix, &p, NULL), 0);
	if (why)
		assert_ptr_equal(strstr(rules_destination_refused(&p), why),
				 rules_destination_refused(&p));
	else
		assert_null(rules_destination_refused(&p));
}

static void the_default_route_is_a_destination(void **state)
{
	(void)state;
	assert_destination("0.0.0.0/0",
			   "is the default route; a destination-based route may not be [S35]");
	assert_destination("::/0",
			   "is the default route; a destination-based route may not be [S35]");
	assert_destination("128.0.0.0/1", NULL);
	assert_destination("::/1", NULL);
	assert_destination("8000::/1", NULL);
}

#define S36 "100.64.0.0/10; a destination-based route may not equal, lie in or contain it [S36]"

static void the_service_block_itself_is_a_destination(void **state)
{
	(void)state;
	assert_destination("100.64.0.0/10", "is " S36);
}

static void what_contains_the_service_block_is_a_destination(void **state)
{
	static const char *const all[] = { "0.0.0.0/1",	  "64.0.0.0/2",	 "96.0.0.0/3",
					   "96.0.0.0/4",  "96.0.0.0/5",	 "100.0.0.0/6",
					   "100.0.0.0/7", "100.0.0.0/8", "100.0.0.0/9" };

	(void)state;
	for (size_t i = 0; i < ROWS(all); i++)
		assert_destination(all[i], "contains " S36);
}

/* First and last prefix of every length inside. */
static void what_lies_in_the_service_block_is_a_destination(void **state)
{
	(void)state;
	for (unsigned len = 11; len <= 32; len++) {
		struct address first, last;
		char text[PREFIX_STRLEN];
		struct prefix p;

		address_parse("100.64.0.0", &first);
		address_parse("100.127.255.255", &last);
		p = prefix_of(&first, len);
		assert_destination(prefix_format(&p, text), "lies in " S36);
		p = prefix_of(&last, len);
		assert_destination(prefix_format(&p, text), "lies in " S36);
	}
}

static void a_neighbour_of_the_service_block_is_refused(void **state)
{
	static const char *const all[] = {
		"100.0.0.0/10",	  "100.128.0.0/10", "100.128.0.0/9", "100.63.255.255/32",
		"100.128.0.0/32", "100.0.0.0/32",   "101.0.0.0/8",   "99.0.0.0/8",
		"102.0.0.0/7",	  "104.0.0.0/5",    "112.0.0.0/4",   "64.0.0.0/3",
		"128.0.0.0/2",	  "10.0.0.0/8",	    "32.0.0.0/3",    "192.168.0.0/16",
		"2001:db8::/32",  "64:ff9b::/96",   "6440::/10",     "fd00::/8",
	};

	(void)state;
	for (size_t i = 0; i < ROWS(all); i++)
		assert_destination(all[i], NULL);
}

static void the_service_block_cannot_come_by_a_table_or_a_vpc(void **state)
{
	(void)state;
	assert_value(bgp_base, "10.9.0.0/16", "100.64.0.0/10", NULL);
	assert_value(bgp_base, "10.9.0.0/16", "0.0.0.0/0", NULL);
	assert_value(bgp_base, "10.1.0.0/16", "100.64.0.0/10", NULL);
}

/* S55 S56 S57 S58: first tunnel's CIDR and address. */
static void assert_tunnel(const char *cidr, const char *address, const char *want)
{
	char inside[64], bgp_address[64];
	struct row row = { .edits = { { "inside: 169.254.10.0/30", inside },
				      { "bgp_address: 169.254.10.1", bgp_address } },
			   .want = { want } };

	snprintf(inside, sizeof(inside), "inside: \"%s\"", cidr);
	snprintf(bgp_address, sizeof(bgp_address), "bgp_address: \"%s\"", address);
	run_row(bgp_base, &row);
}

static void a_tunnel_cidr_is_not_a_link_local_30(void **state)
{
	static const char *const all[][2] = {
		{ "169.254.12.0/29", "169.254.12.1" }, { "169.254.12.0/24", "169.254.12.1" },
		{ "169.254.0.0/16", "169.254.12.1" },  { "169.253.255.252/30", "169.253.255.253" },
		{ "169.255.0.0/30", "169.255.0.1" },   { "10.0.0.0/30", "10.0.0.1" },
		{ "192.168.0.0/30", "192.168.0.1" },   { "0.0.0.0/0", "169.254.12.1" },
		{ "fe80::/126", "fe80::1" },	       { "fd00::/30", "fd00::1" },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(all); i++) {
		char want[128];

		snprintf(want, sizeof(want),
			 "19:17: error: inside: %s is not a /30 inside 169.254.0.0/16 [S55]",
			 all[i][0]);
		assert_tunnel(all[i][0], all[i][1], want);
	}
}

static void a_tunnel_cidr_without_room_for_hosts_is_accepted(void **state)
{
	static const struct row rows[] = {
		{ "",
		  { { "169.254.10.0/30", "169.254.10.0/31" } },
		  { "19:17: error: [S55]",
		    "20:22: error: is the broadcast address of the tunnel CIDR 169.254.10.0/31" } },
		{ "",
		  { { "169.254.10.0/30", "169.254.10.1/32" } },
		  { "19:17: error: [S55]",
		    "20:22: error: is the network address of the tunnel CIDR 169.254.10.1/32" } },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++)
		run_row(bgp_base, &rows[i]);
}

static void a_reserved_tunnel_cidr_is_accepted(void **state)
{
	static const char *const all[] = { "169.254.0.0", "169.254.1.0",    "169.254.2.0",
					   "169.254.3.0", "169.254.4.0",    "169.254.5.0",
					   "169.254.6.0", "169.254.169.252" };

	(void)state;
	for (size_t i = 0; i < ROWS(all); i++) {
		struct address host;
		char cidr[PREFIX_STRLEN], text[PREFIX_STRLEN], want[128];

		address_parse(all[i], &host);
		host.bytes[3]++;
		snprintf(cidr, sizeof(cidr), "%s/30", all[i]);
		snprintf(want, sizeof(want),
			 "19:17: error: inside: %s is reserved by the service [S56]", cidr);
		assert_tunnel(cidr, address_format(&host, text), want);
	}
}

static void a_neighbour_of_a_reserved_tunnel_cidr_is_refused(void **state)
{
	static const char *const all[][2] = {
		{ "169.254.0.4/30", "169.254.0.5" },
		{ "169.254.0.252/30", "169.254.0.253" },
		{ "169.254.1.4/30", "169.254.1.5" },
		{ "169.254.1.252/30", "169.254.1.253" },
		{ "169.254.2.4/30", "169.254.2.5" },
		{ "169.254.2.252/30", "169.254.2.253" },
		{ "169.254.3.4/30", "169.254.3.5" },
		{ "169.254.3.252/30", "169.254.3.253" },
		{ "169.254.4.4/30", "169.254.4.5" },
		{ "169.254.4.252/30", "169.254.4.253" },
		{ "169.254.5.4/30", "169.254.5.5" },
		{ "169.254.5.252/30", "169.254.5.253" },
		{ "169.254.6.4/30", "169.254.6.5" },
		{ "169.254.7.0/30", "169.254.7.1" },
		{ "169.254.169.248/30", "169.254.169.249" },
		{ "169.254.170.0/30", "169.254.170.1" },
		{ "169.254.255.252/30", "169.254.255.254" },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(all); i++)
		assert_tunnel(all[i][0], all[i][1], NULL);
}

static void a_bgp_address_is_not_a_host_of_its_tunnel_cidr(void **state)
{
#define CIDR " the tunnel CIDR 169.254.12.0/30; one of its hosts is needed [S58]"
	(void)state;
	assert_tunnel("169.254.12.0/30", "169.254.12.0",
		      "20:22: error: bgp_address: 169.254.12.0 is the network address of" CIDR);
	assert_tunnel("169.254.12.0/30", "169.254.12.1", NULL);
	assert_tunnel("169.254.12.0/30", "169.254.12.2", NULL);
	assert_tunnel("169.254.12.0/30", "169.254.12.3",
		      "20:22: error: bgp_address: 169.254.12.3 is the broadcast address of" CIDR);
	assert_tunnel("169.254.12.0/30", "169.254.12.4",
		      "20:22: error: bgp_address: 169.254.12.4 does not lie in" CIDR);
	assert_tunnel("169.254.12.0/30", "169.254.11.255",
		      "20:22: error: bgp_address: 169.254.11.255 does not lie in" CIDR);
	assert_tunnel("169.254.12.0/30", "fe80::1",
		      "20:22: error: bgp_address: fe80::1 does not lie in" CIDR);
}

/* S54 */
static void a_local_asn_is_wrong_at_the_edges(void **state)
{
	static const struct {
		const char *text;
		uint32_t asn; /* 0: refused */
	} rows[] = {
		{ "0", 0 },
		{ "1", 1 },
		{ "4294967295", UINT32_MAX },
		{ "4294967296", 0 },
		{ "45104", 45104 },
		{ "1.10", 65546 },
		{ "\"1.10\"", 65546 },
		{ "0.1", 1 },
		{ "0.0", 0 },
		{ "65535.65535", UINT32_MAX },
		{ "65536.0", 0 },
		{ "0.65536", 0 },
		{ "99999999999999999999", 0 },
		{ "-1", 0 },
		{ "1.", 0 },
		{ ".1", 0 },
		{ "1.2.3", 0 },
		{ "01", 0 },
		{ "1e3", 0 },
		{ "0x10", 0 },
		{ "AS65001", 0 },
		{ "1_000", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		char to[64];
		const struct row row = { .edits = { { "local_asn: 45104", to } } };
		static const char *const refused = "14:23: error: [S54]";
		struct checked k;
		char *text;

		snprintf(to, sizeof(to), "local_asn: %s", rows[i].text);
		text = edited(bgp_base, &row);
		k = check_text(text);
		assert_findings(&k.findings, &refused, !rows[i].asn);
		if (rows[i].asn)
			assert_int_equal(k.config.connections[0].bgp.local_asn, rows[i].asn);
		checked_free(&k);
		free(text);
	}
	assert_value(bgp_base, "bgp: { local_asn: 45104 }", "bgp: {}", NULL);
}

/* D11 */
static void an_impossible_address_of_a_data_centre_is_accepted(void **state)
{
	static const struct {
		const char *address, *block; /* NULL: passes */
	} rows[] = {
		{ "100.63.255.255", NULL },
		{ "100.64.0.0", "100.64.0.0/10" },
		{ "100.127.255.255", "100.64.0.0/10" },
		{ "100.128.0.0", NULL },
		{ "126.255.255.255", NULL },
		{ "127.0.0.0", "127.0.0.0/8" },
		{ "127.255.255.255", "127.0.0.0/8" },
		{ "128.0.0.0", NULL },
		{ "169.253.255.255", NULL },
		{ "169.254.0.0", "169.254.0.0/16" },
		{ "169.254.255.255", "169.254.0.0/16" },
		{ "169.255.0.0", NULL },
		{ "223.255.255.255", NULL },
		{ "224.0.0.0", "224.0.0.0/4" },
		{ "239.255.255.255", "224.0.0.0/4" },
		{ "240.0.0.0", NULL },
		{ "254.255.255.255", NULL },
		{ "255.0.0.0", "255.0.0.0/8" },
		{ "255.255.255.255", "255.0.0.0/8" },
		{ "0.0.0.0", "0.0.0.0/32" },
		{ "10.0.0.1", NULL },
		{ "::", "::/128" },
		{ "::1", "::1/128" },
		{ "::2", NULL },
		{ "fe80::1", "fe80::/10" },
		{ "febf::1", "fe80::/10" },
		{ "fec0::1", NULL },
		{ "ff02::1", "ff00::/8" },
		{ "2001:db8::1", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		char to[64], want[128];
		struct row row = { .edits = { { "203.0.113.20", to } }, .want = { ONE } };

		snprintf(to, sizeof(to), "\"%s\"", rows[i].address);
		snprintf(want, sizeof(want),
			 "7:20: error: %s lies in %s, where no customer gateway can be [D11]",
			 rows[i].address, rows[i].block ? rows[i].block : "");
		if (rows[i].block) {
			row.want[0] = want;
			row.want[1] = ONE;
		}
		run_row(static_base, &row);
	}
}

/* S44: bgp with one tunnel. */
static void a_quota_is_wrong_at_the_edges(void **state)
{
	static const char *const values[] = { "0", "49", "50", "200", "201" };

	(void)state;
	for (size_t i = 0; i < ROWS(values); i++) {
		char to[64];
		bool passes = i == 2 || i == 3;
		struct row row = { .edits = { CUT_TUNNEL_2, { "    tunnels:\n", to } } };

		snprintf(to, sizeof(to), "    bgp_quota: %s\n    tunnels:\n", values[i]);
		row.want[0] = passes ? "17:7: warning: [S18]"
				     : "15:16: error: is out of range, 50 to 200 is allowed [S44]";
		row.want[1] = passes ? NULL : "17:7: warning: [S18]";
		run_row(bgp_base, &row);
	}
}

static void a_quota_that_is_lifted_goes_unnoticed(void **state)
{
	static const struct row row = {
		.edits = { CUT_TUNNEL_2,
			   { "    tunnels:\n", "    bgp_quota: 60\n    tunnels:\n" },
			   { "transit_router:", "gateway: { limits: none }\ntransit_router:" } },
		.want = { "16:16: warning: bgp_quota: lifted by gateway.limits: none [D5]",
			  "18:7: warning: [S18]" }
	};

	(void)state;
	run_row(bgp_base, &row);
}

static void references_are_resolved_to_the_wrong_things(void **state)
{
	struct checked k = check_text(bgp_base);
	const struct config *c = &k.config;

	(void)state;
	assert_int_equal(c->tables[0].learn[0].index, 0);
	assert_int_equal(c->tables[0].learn[1].index, 1);
	assert_int_equal(c->tables[0].routes[0].attachment.index, -1);
	assert_int_equal(c->attachments[0].association.index, 0);
	assert_int_equal(c->attachments[0].connection.index, -1);
	assert_int_equal(c->attachments[1].connection.index, 0);
	assert_int_equal(c->connections[0].customer_gateway.index, 0);
	assert_int_equal(connection_attachment(c, 0), 1);
	checked_free(&k);
}

/* Six connections: 1001 and 1004 are written, by the third and the last. */
static void kernel_tables_are_chosen_that_are_taken(void **state)
{
	static const uint32_t want[] = { 1002, 1003, 1004, 1005, 1001, 1006 };
	char text[4096] = "customer_gateways: { g: { address: 192.0.2.1 } }\nconnections:\n";
	struct checked k;

	(void)state;
	for (int i = 0; i < 6; i++)
		sprintf(text + strlen(text),
			"  c%d: { customer_gateway: g%s, tunnels: [{ if_id: %d, device: d%d }] }\n",
			i,
			i == 2	 ? ", table: 1004"
			: i == 4 ? ", table: 1001"
				 : "",
			i + 1, i);
	k = check_text(text);
	assert_int_equal(findings_errors(&k.findings), 0);
	for (int i = 0; i < 6; i++)
		assert_int_equal(k.config.connections[i].kernel_table, want[i]);
	checked_free(&k);
}

static void more_tunnels_than_the_dataplane_has_room_for_are_accepted(void **state)
{
	(void)state;
	for (int n = 512; n <= 513; n++) {
		char *text = malloc(200 * 513), *end = text;
		struct checked k;

		assert_non_null(text);
		end += sprintf(end,
			       "customer_gateways: { g: { address: 192.0.2.1 } }\nconnections:\n");
		for (int i = 0; i < n; i++)
			end += sprintf(end,
				       "  c%d: { customer_gateway: g, tunnels: [{ if_id: %d, "
				       "device: a%d }, "
				       "{ if_id: %d, device: b%d }] }\n",
				       i, 2 * i + 1, i, 2 * i + 2, i);
		k = check_text(text);
		assert_int_equal(findings_errors(&k.findings), n > 512);
		checked_free(&k);
		free(text);
	}
}

static int count_name(const char *name, struct mark mark, void *context)
{
	char *list = context;

	sprintf(list + strlen(list), "%s@%u ", name, mark.line);
	return 0;
}

static int stop_at_first(const char *name, struct mark mark, void *context)
{
	count_name(name, mark, context);
	return 7;
}

static void a_device_or_secret_of_the_host_is_forgotten(void **state)
{
	static const struct row row = {
		.edits = { { "        psk: dc-1-b\n",
			     "        psk: dc-1-b\n        device: tun0\n" } }
	};
	char *text = edited(bgp_base, &row), devices[128] = "", secrets[128] = "", first[128] = "";
	struct checked k = check_text(text);

	(void)state;
	assert_int_equal(config_each_device(&k.config, count_name, devices), 0);
	assert_string_equal(devices, "eth1@7 tun0@28 ");
	assert_int_equal(config_each_secret(&k.config, count_name, secrets), 0);
	assert_string_equal(secrets, "dc-1-a@21 dc-1-b@27 ");
	assert_int_equal(config_each_secret(&k.config, stop_at_first, first), 7);
	assert_string_equal(first, "dc-1-a@21 ");
	checked_free(&k);
	free(text);
}

static void devices_are_not_named_after_their_numbers(void **state)
{
	struct config_tunnel t = { .if_id = UINT32_MAX };
	struct config_connection c = { .kernel_table = UINT32_MAX };
	char adopted[] = "tun0", buf[16];

	(void)state;
	assert_string_equal(tunnel_device_name(&t, buf), "xfrm4294967295");
	t.device = adopted;
	assert_string_equal(tunnel_device_name(&t, buf), "tun0");
	assert_string_equal(connection_vrf_name(&c, buf), "vrf4294967295");
}

static void add_rows(struct CMUnitTest *tests, const struct row *rows, size_t n,
		     CMUnitTestFunction run)
{
	for (size_t i = 0; i < n; i++)
		tests[i] = (struct CMUnitTest){ .name = rows[i].story,
						.test_func = run,
						.initial_state = (void *)&rows[i] };
}

int main(void)
{
	static struct CMUnitTest bgp_tests[ROWS(bgp_rows)], static_tests[ROWS(static_rows)];
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_default_route_is_a_destination),
		cmocka_unit_test(the_service_block_itself_is_a_destination),
		cmocka_unit_test(what_contains_the_service_block_is_a_destination),
		cmocka_unit_test(what_lies_in_the_service_block_is_a_destination),
		cmocka_unit_test(a_neighbour_of_the_service_block_is_refused),
		cmocka_unit_test(the_service_block_cannot_come_by_a_table_or_a_vpc),
		cmocka_unit_test(a_tunnel_cidr_is_not_a_link_local_30),
		cmocka_unit_test(a_tunnel_cidr_without_room_for_hosts_is_accepted),
		cmocka_unit_test(a_reserved_tunnel_cidr_is_accepted),
		cmocka_unit_test(a_neighbour_of_a_reserved_tunnel_cidr_is_refused),
		cmocka_unit_test(a_bgp_address_is_not_a_host_of_its_tunnel_cidr),
		cmocka_unit_test(a_local_asn_is_wrong_at_the_edges),
		cmocka_unit_test(an_impossible_address_of_a_data_centre_is_accepted),
		cmocka_unit_test(a_quota_is_wrong_at_the_edges),
		cmocka_unit_test(a_quota_that_is_lifted_goes_unnoticed),
		cmocka_unit_test(references_are_resolved_to_the_wrong_things),
		cmocka_unit_test(kernel_tables_are_chosen_that_are_taken),
		cmocka_unit_test(more_tunnels_than_the_dataplane_has_room_for_are_accepted),
		cmocka_unit_test(a_device_or_secret_of_the_host_is_forgotten),
		cmocka_unit_test(devices_are_not_named_after_their_numbers),
	};
	int failed;

	add_rows(bgp_tests, bgp_rows, ROWS(bgp_rows), run_bgp_row);
	add_rows(static_tests, static_rows, ROWS(static_rows), run_static_row);
	failed = cmocka_run_group_tests(bgp_tests, NULL, NULL);
	failed += cmocka_run_group_tests(static_tests, NULL, NULL);
	failed += cmocka_run_group_tests(tests, NULL, NULL);
	return failed;
}
