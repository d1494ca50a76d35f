/* SPDX-License-Identifier: GPL-2.0-only */
#include <endian.h>
#include <errno.h>
#include <string.h>
#include <arpa/inet.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include "icmp.h"

struct echo {
	uint8_t type, code;
	uint16_t checksum;
	uint16_t ident, sequence;
	char word[8];
	uint64_t cookie;
} __attribute__((packed));
_Static_assert(sizeof(struct echo) == ICMP_ECHO_LEN, "as on the wire");

static const char word[8] = { 'e', 's', 'p', 'a', 'l', 'i', 'e', 'r' };

static uint32_t sum_of(const uint8_t *bytes, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	return sum;
}

/* RFC 1071, in network order: over a correct message it is 0. */
static uint16_t checksum_from(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static uint16_t checksum(const uint8_t *bytes, size_t len)
{
	return checksum_from(sum_of(bytes, len));
}

static size_t put_v4(struct echo *e, uint8_t *buf)
{
	e->checksum = checksum((const uint8_t *)e, sizeof(*e));
	memcpy(buf, e, sizeof(*e));
	return sizeof(*e);
}

/* The pseudo-header (RFC 8200) is both addresses, the length and the protocol. */
static size_t put_v6(const struct address *source, const struct address *destination,
		     struct echo *e, uint8_t *buf)
{
	struct ip6_hdr ip = {
		.ip6_flow = htonl(6u << 28),
		.ip6_plen = htons(sizeof(*e)),
		.ip6_nxt = IPPROTO_ICMPV6,
		.ip6_hlim = 64,
	};

	memcpy(&ip.ip6_src, source->bytes, sizeof(ip.ip6_src));
	memcpy(&ip.ip6_dst, destination->bytes, sizeof(ip.ip6_dst));
	e->checksum = checksum_from(sum_of(source->bytes, sizeof(ip.ip6_src)) +
				    sum_of(destination->bytes, sizeof(ip.ip6_dst)) + sizeof(*e) +
				    IPPROTO_ICMPV6 + sum_of((const uint8_t *)e, sizeof(*e)));
	memcpy(buf, &ip, sizeof(ip));
	memcpy(buf + sizeof(ip), e, sizeof(*e));
	return sizeof(ip) + sizeof(*e);
}

size_t icmp_echo_request(const struct address *source, const struct address *destination,
			 const struct health_probe *p, uint8_t buf[ICMP_PACKET_MAX])
{
	bool v4 = destination->family == AF_INET;
	struct echo e = {
		.type = v4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST,
		.ident = htons(p->ident),
		.sequence = htons(p->sequence),
		.cookie = htobe64(p->cookie),
	};

	memcpy(e.word, word, sizeof(word));
	return v4 ? put_v4(&e, buf) : put_v6(source, destination, &e, buf);
}

/* Goes past the IPv4 header. The kernel has reassembled it and seen to its checksum. */
static int skip_header(const uint8_t **buf, size_t *len)
{
	struct iphdr ip;
	size_t header;

	if (*len < sizeof(ip))
		return -EBADMSG;
	memcpy(&ip, *buf, sizeof(ip));
	header = 4u * ip.ihl;
	if (ip.version != 4 || header < sizeof(ip) || header > *len)
		return -EBADMSG;
	if (ip.protocol != IPPROTO_ICMP)
		return -ENOMSG;
	*buf += header;
	*len -= header;
	return 0;
}

static int read_echo(const uint8_t *buf, size_t len, uint8_t type, struct health_probe *out)
{
	struct echo e;

	if (len < 8)
		return -EBADMSG;
	if (buf[0] != type || buf[1] || len != sizeof(e))
		return -ENOMSG;
	memcpy(&e, buf, sizeof(e));
	if (memcmp(e.word, word, sizeof(word)))
		return -ENOMSG;
	*out = (struct health_probe){ ntohs(e.ident), ntohs(e.sequence), be64toh(e.cookie) };
	return 0;
}

int icmp_echo_reply(uint8_t family, const void *buf, size_t len, struct health_probe *out)
{
	const uint8_t *bytes = buf;
	int err;

	if (family != AF_INET)
		return read_echo(bytes, len, ICMP6_ECHO_REPLY, out);
	err = skip_header(&bytes, &len);
	if (!err && checksum(bytes, len))
		err = -EBADMSG;
	return err ? err : read_echo(bytes, len, ICMP_ECHOREPLY, out);
}
