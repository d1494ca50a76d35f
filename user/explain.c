/* SPDX-License-Identifier: GPL-2.0-only */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_vlan.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <string.h>
#include "explain.h"

#define PORTS_LEN   8 /* enough of every transport header for its ports */
#define EXPLAIN_TTL 64
#define MOST_PORT   65535
#define MOST_PROTO  255

static const struct {
	const char *name;
	int number;
} protocols[] = {
	{ "icmp", IPPROTO_ICMP }, { "tcp", IPPROTO_TCP },	{ "udp", IPPROTO_UDP },
	{ "esp", IPPROTO_ESP },	  { "icmpv6", IPPROTO_ICMPV6 }, { "sctp", IPPROTO_SCTP },
};

/* The number that is asked for, `missing` if none is, or -1. */
static int number(const json_t *value, int most, int missing)
{
	if (!value || json_is_null(value))
		return missing;
	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
	    json_integer_value(value) > most)
		return -1;
	return (int)json_integer_value(value);
}

static int protocol_number(const json_t *value, uint8_t family)
{
	if (!json_is_string(value))
		return number(value, MOST_PROTO, family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6);
	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++)
		if (!strcmp(protocols[i].name, json_string_value(value)))
			return protocols[i].number;
	return -1;
}

static int address_field(const json_t *request, const char *key, struct address *out)
{
	const char *text = json_string_value(json_object_get(request, key));

	return text ? address_parse(text, out) : -EINVAL;
}

int explain_question_parse(const json_t *request, struct explain_question *out, const char **why)
{
	struct explain_question q = { .in = json_string_value(json_object_get(request, "in")) };

	*why = NULL;
	if (!q.in)
		*why = "explain needs an attachment: in";
	else if (address_field(request, "source", &q.source))
		*why = "the source must be an IPv4 or IPv6 address";
	else if (address_field(request, "destination", &q.destination))
		*why = "the destination must be an IPv4 or IPv6 address";
	else if (q.source.family != q.destination.family)
		*why = "source and destination must be of one family";
	if (*why)
		return -EINVAL;
	q.protocol = protocol_number(json_object_get(request, "protocol"), q.source.family);
	q.source_port = number(json_object_get(request, "source_port"), MOST_PORT, 0);
	q.destination_port = number(json_object_get(request, "destination_port"), MOST_PORT, 0);
	if (q.protocol < 0)
		*why = "the protocol must be 0 to 255, tcp, udp, icmp, icmpv6, sctp or esp";
	else if (q.source_port < 0 || q.destination_port < 0)
		*why = "a port must be 0 to 65535";
	if (*why)
		return -EINVAL;
	*out = q;
	return 0;
}

static uint8_t *put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
	return at + 2;
}

static uint8_t *put_ethernet(uint8_t *at, const struct explain_question *q)
{
	memcpy(at, q->mac, ETH_ALEN);
	memset(at + ETH_ALEN, 0, ETH_ALEN);
	at += 2 * ETH_ALEN;
	if (q->key.inner_vlan) {
		at = put16(at, ETH_P_8021AD);
		at = put16(at, q->key.outer_vlan);
		at = put16(at, ETH_P_8021Q);
		at = put16(at, q->key.inner_vlan);
	} else if (q->key.outer_vlan) {
		at = put16(at, ETH_P_8021Q);
		at = put16(at, q->key.outer_vlan);
	}
	return put16(at, q->source.family == AF_INET ? ETH_P_IP : ETH_P_IPV6);
}

static uint16_t header_checksum(const struct iphdr *ip)
{
	uint16_t words[sizeof(*ip) / 2];
	uint32_t sum = 0;

	memcpy(words, ip, sizeof(*ip));
	for (size_t i = 0; i < sizeof(*ip) / 2; i++)
		sum += words[i];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static uint8_t *put_ipv4(uint8_t *at, const struct explain_question *q)
{
	struct iphdr ip = {
		.version = 4,
		.ihl = sizeof(ip) / 4,
		.tot_len = htons(sizeof(ip) + PORTS_LEN),
		.ttl = EXPLAIN_TTL,
		.protocol = (uint8_t)q->protocol,
	};

	memcpy(&ip.saddr, q->source.bytes, sizeof(ip.saddr));
	memcpy(&ip.daddr, q->destination.bytes, sizeof(ip.daddr));
	ip.check = header_checksum(&ip);
	memcpy(at, &ip, sizeof(ip));
	return at + sizeof(ip);
}

static uint8_t *put_ipv6(uint8_t *at, const struct explain_question *q)
{
	struct ip6_hdr ip = { 0 };

	ip.ip6_vfc = 6 << 4;
	ip.ip6_plen = htons(PORTS_LEN);
	ip.ip6_nxt = (uint8_t)q->protocol;
	ip.ip6_hlim = EXPLAIN_TTL;
	memcpy(&ip.ip6_src, q->source.bytes, sizeof(ip.ip6_src));
	memcpy(&ip.ip6_dst, q->destination.bytes, sizeof(ip.ip6_dst));
	memcpy(at, &ip, sizeof(ip));
	return at + sizeof(ip);
}

size_t explain_frame(const struct explain_question *q, uint8_t frame[EXPLAIN_FRAME_MAX])
{
	uint8_t *at = put_ethernet(frame, q);

	at = q->source.family == AF_INET ? put_ipv4(at, q) : put_ipv6(at, q);
	memset(at, 0, PORTS_LEN);
	put16(at, (unsigned)q->source_port);
	put16(at + 2, (unsigned)q->destination_port);
	return (size_t)(at + PORTS_LEN - frame);
}
