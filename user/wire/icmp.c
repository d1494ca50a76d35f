/* SPDX-License-Identifier: GPL-2.0-only */
#include <endian.h>
#include <errno.h>
#include <string.h>
#include <arpa/inet.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
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

/* RFC 1071, in network order: over a correct message it is 0. */
static uint16_t checksum(const uint8_t *bytes, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

size_t icmp_echo_request(uint8_t family, const struct health_probe *p, uint8_t buf[ICMP_ECHO_LEN])
{
	struct echo e = {
		.type = family == AF_INET ? ICMP_ECHO : ICMP6_ECHO_REQUEST,
		.ident = htons(p->ident),
		.sequence = htons(p->sequence),
		.cookie = htobe64(p->cookie),
	};

	memcpy(e.word, word, sizeof(word));
	memcpy(buf, &e, sizeof(e));
	if (family == AF_INET) {
		e.checksum = checksum(buf, sizeof(e));
		memcpy(buf, &e, sizeof(e));
	}
	return sizeof(e);
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
