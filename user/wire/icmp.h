/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ICMP echo (RFC 792, RFC 4443): struct health_probe → request, answer → struct health_probe. The
 * payload is a word that tells our probes from other people's, and the cookie.
 */
#ifndef ESPALIER_WIRE_ICMP_H
#define ESPALIER_WIRE_ICMP_H

#include <stddef.h>
#include <stdint.h>
#include "../core/health.h"

#define ICMP_ECHO_LEN	24 /* header, word, cookie */
#define ICMP_PACKET_MAX (40 + ICMP_ECHO_LEN)

/* From source to destination, which are of one family, as io/probe.c hands it to the kernel: ICMP
 * without IP header for AF_INET, a whole IPv6 packet for AF_INET6. Returns the length. */
size_t icmp_echo_request(const struct address *source, const struct address *destination,
			 const struct health_probe *p, uint8_t buf[ICMP_PACKET_MAX]);

/*
 * What a raw socket hands over: an IPv4 packet with its header, or an ICMPv6 message without (and
 * its checksum checked). 0; -ENOMSG: of no interest; -EBADMSG: malformed.
 */
int icmp_echo_reply(uint8_t family, const void *buf, size_t len, struct health_probe *out);

#endif
