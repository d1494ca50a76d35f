/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Frames for tests: written down as what is special about them, built byte by byte, and what must
 * become of them after one hop, computed without a line of the program under test.
 */
#ifndef TESTS_BPF_PACKET_H
#define TESTS_BPF_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_MAX 65536

enum mac { MAC_OURS, MAC_OTHER, MAC_BROADCAST, MAC_MULTICAST };

/* Zero means the usual: our MAC, no tags, TTL 64, UDP 1000 -> 2000, 64 bytes of payload. */
struct packet_spec {
	const char *from, *to; /* the addresses decide the family */
	enum mac mac;
	uint16_t vlan[2];
	uint16_t tpid; /* of the outer tag; 0: 802.1Q */
	uint16_t ethertype;
	uint8_t protocol;
	uint8_t ttl;
	bool ttl_zero;
	uint16_t sport, dport;
	uint16_t payload; /* bytes behind the transport header; 0: 64 */
	bool empty;	  /* no payload, no transport header */
	uint8_t version;
	uint8_t options;   /* IPv4: words of options */
	uint8_t ihl;	   /* IPv4: lie about the header's length */
	uint16_t fragment; /* IPv4: the field; IPv6: 0x8000 adds a fragment header, the rest goes in
			      it */
	const uint8_t *extensions; /* IPv6: types, in order, ends with 0xff; each 8 bytes */
	int length_error;	   /* added to the IP header's length field */
	bool wrong_checksum;
	uint16_t padding; /* bytes behind the IP packet */
	size_t cut;	  /* the frame ends here */
};

/* Where things are in a frame that was built. */
struct frame {
	uint8_t bytes[FRAME_MAX];
	size_t len;
	size_t l3;     /* offset of the IP header */
	size_t l3_len; /* true length of the IP packet */
	bool v6;
};

extern const uint8_t our_mac[6];

void frame_build(const struct packet_spec *spec, struct frame *out);

/* The internet checksum of len bytes, from scratch. */
uint16_t checksum(const void *data, size_t len);

/* What must leave: TTL or hop limit one less, the header checksum computed anew, no padding. */
void frame_after_hop(const struct frame *in, struct frame *out);

/* The same without VLAN tags. */
void frame_untag(struct frame *f);

#endif
