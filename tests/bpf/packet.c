/* SPDX-License-Identifier: GPL-2.0-only */
#include "packet.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define ETHERTYPE_8021Q 0x8100

const uint8_t our_mac[6] = { 0x02, 0xe5, 0, 0, 0, 1 };

static const uint8_t macs[][6] = {
	[MAC_OURS] = { 0x02, 0xe5, 0, 0, 0, 1 },
	[MAC_OTHER] = { 0x02, 0xe5, 0, 0, 0, 2 },
	[MAC_BROADCAST] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
	[MAC_MULTICAST] = { 0x01, 0x00, 0x5e, 0, 0, 5 },
};

static const uint8_t peer_mac[6] = { 0x02, 0xbe, 0, 0, 0, 9 };

static void put(struct frame *f, const void *bytes, size_t len)
{
	memcpy(f->bytes + f->len, bytes, len);
	f->len += len;
}

static void put8(struct frame *f, uint8_t value)
{
	f->bytes[f->len++] = value;
}

static void put16(struct frame *f, uint16_t value)
{
	put8(f, (uint8_t)(value >> 8));
	put8(f, (uint8_t)value);
}

static void set16(struct frame *f, size_t at, uint16_t value)
{
	f->bytes[at] = (uint8_t)(value >> 8);
	f->bytes[at + 1] = (uint8_t)value;
}

uint16_t checksum(const void *data, size_t len)
{
	const uint8_t *b = data;
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)b[i] << 8 | b[i + 1];
	if (len % 2)
		sum += (uint32_t)b[len - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static uint8_t transport(const struct packet_spec *s)
{
	return s->protocol ? s->protocol : IPPROTO_UDP;
}

static uint8_t ttl(const struct packet_spec *s)
{
	return s->ttl_zero ? 0 : s->ttl ? s->ttl : 64;
}

static void put_link(struct frame *f, const struct packet_spec *s)
{
	put(f, macs[s->mac], 6);
	put(f, peer_mac, 6);
	for (int i = 0; i < 2 && s->vlan[i]; i++) {
		put16(f, i || !s->tpid ? ETHERTYPE_8021Q : s->tpid);
		put16(f, (uint16_t)(0x6000 | s->vlan[i])); /* priority 3: not part of the id */
	}
	put16(f, s->ethertype ? s->ethertype : f->v6 ? 0x86dd : 0x0800);
}

static void put_payload(struct frame *f, const struct packet_spec *s)
{
	size_t payload = s->payload ? s->payload : 64;

	if (s->empty)
		return;
	put16(f, s->sport ? s->sport : 1000);
	put16(f, s->dport ? s->dport : 2000);
	put16(f, (uint16_t)(payload + 8));
	put16(f, 0);
	for (size_t i = 0; i < payload; i++)
		put8(f, (uint8_t)(i * 7 + 1));
}

static void put_v4(struct frame *f, const struct packet_spec *s)
{
	size_t header = 20 + 4u * s->options;
	uint8_t words = s->ihl ? s->ihl : (uint8_t)(header / 4);
	uint8_t version = s->version ? s->version : 4;
	struct in_addr address;

	put8(f, (uint8_t)(version << 4 | words));
	put8(f, 0);
	put16(f, 0); /* length */
	put16(f, 0x1234);
	put16(f, s->fragment);
	put8(f, ttl(s));
	put8(f, transport(s));
	put16(f, 0); /* checksum */
	if (inet_pton(AF_INET, s->from, &address) != 1)
		abort();
	put(f, &address, 4);
	if (inet_pton(AF_INET, s->to, &address) != 1)
		abort();
	put(f, &address, 4);
	for (int i = 0; i < s->options * 4; i++)
		put8(f, 1); /* no operation */
	put_payload(f, s);
	f->l3_len = f->len - f->l3;
	set16(f, f->l3 + 2, (uint16_t)((int)f->l3_len + s->length_error));
	set16(f, f->l3 + 10, checksum(f->bytes + f->l3, header));
	if (s->wrong_checksum)
		f->bytes[f->l3 + 11] ^= 0x10;
}

static uint8_t next_of(const struct packet_spec *s, size_t i)
{
	if (s->extensions && s->extensions[i] != 0xff)
		return s->extensions[i];
	return s->fragment & 0x8000 ? IPPROTO_FRAGMENT : transport(s);
}

static void put_v6(struct frame *f, const struct packet_spec *s)
{
	struct in6_addr address;

	put8(f, (uint8_t)((s->version ? s->version : 6) << 4));
	put8(f, 0);
	put16(f, 0x5678); /* flow label */
	put16(f, 0);	  /* length */
	put8(f, next_of(s, 0));
	put8(f, ttl(s));
	if (inet_pton(AF_INET6, s->from, &address) != 1)
		abort();
	put(f, &address, 16);
	if (inet_pton(AF_INET6, s->to, &address) != 1)
		abort();
	put(f, &address, 16);
	for (size_t i = 0; s->extensions && s->extensions[i] != 0xff; i++) {
		put8(f, next_of(s, i + 1));
		put8(f, 0);
		put(f, "\0\0\0\0\0", 6);
	}
	if (s->fragment & 0x8000) {
		put8(f, transport(s));
		put8(f, 0);
		put16(f, s->fragment & 0x7fff);
		put(f, "\1\2\3", 4);
	}
	put_payload(f, s);
	f->l3_len = f->len - f->l3;
	set16(f, f->l3 + 4, (uint16_t)((int)f->l3_len - 40 + s->length_error));
}

void frame_build(const struct packet_spec *s, struct frame *f)
{
	f->len = 0;
	f->v6 = strchr(s->to, ':');
	put_link(f, s);
	f->l3 = f->len;
	if (f->v6)
		put_v6(f, s);
	else
		put_v4(f, s);
	for (int i = 0; i < s->padding; i++)
		put8(f, 0xaa);
	if (s->cut)
		f->len = s->cut;
}

void frame_after_hop(const struct frame *in, struct frame *out)
{
	memcpy(out, in, sizeof(*out));
	out->len = in->l3 + in->l3_len;
	if (in->v6) {
		out->bytes[in->l3 + 7]--;
		return;
	}
	out->bytes[in->l3 + 8]--;
	set16(out, in->l3 + 10, 0);
	set16(out, in->l3 + 10, checksum(out->bytes + in->l3, 20));
}

void frame_untag(struct frame *f)
{
	size_t tags = f->l3 - 14;

	memmove(f->bytes + 12, f->bytes + 12 + tags, f->len - 12 - tags);
	f->len -= tags;
	f->l3 -= tags;
}
