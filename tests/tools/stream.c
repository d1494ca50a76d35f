/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A stream of numbered packets through a gateway: at a steady rate into a packet socket, out of TUN
 * devices. Tells what was lost, doubled, took another way than its flow had taken before, or came
 * after a later one of its flow.
 *
 *   stream IFNAME RATE SECONDS DESTINATION FD...
 *
 * Sends UDP over IPv4 from 10.1.0.2, FLOWS flows. The descriptors are TUN devices, inherited.
 * SECONDS 0: until its standard input ends. Prints one JSON object.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FLOWS	   64
#define BATCH	   16
#define PORT	   20000
#define MAX_TUNS   8
#define NS	   1000000000ull
#define DRAIN_MS   500
#define MAX_NUMBER (1u << 28)

struct packet {
	struct ether_header ether;
	struct iphdr ip;
	struct udphdr udp;
	uint32_t number;
} __attribute__((packed));

struct stream {
	int socket, tuns[MAX_TUNS], tun_count;
	struct sockaddr_ll to;
	uint64_t rate, seconds;
	in_addr_t destination;
	atomic_bool sent_all;
	uint32_t sent, refused;
	uint8_t *seen; /* bit by number */
	int way[FLOWS];
	uint32_t last[FLOWS]; /* number */
	uint32_t received, doubled, moved, late, foreign;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS + (uint64_t)t.tv_nsec;
}

static uint16_t checksum(const void *data, size_t len)
{
	const uint16_t *words = data;
	uint32_t sum = 0;

	for (size_t i = 0; i < len / 2; i++)
		sum += words[i];
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~(sum + (sum >> 16));
}

static void make(const struct stream *s, uint32_t number, struct packet *p)
{
	static const uint8_t to[6] = { 2, 0, 0, 0, 1, 1 }, from[6] = { 2, 0, 0, 0, 1, 2 };

	memset(p, 0, sizeof(*p));
	memcpy(p->ether.ether_dhost, to, 6);
	memcpy(p->ether.ether_shost, from, 6);
	p->ether.ether_type = htons(ETHERTYPE_IP);
	p->ip.version = 4;
	p->ip.ihl = 5;
	p->ip.ttl = 64;
	p->ip.protocol = IPPROTO_UDP;
	p->ip.tot_len = htons(sizeof(*p) - sizeof(p->ether));
	p->ip.saddr = inet_addr("10.1.0.2");
	p->ip.daddr = s->destination;
	p->ip.check = checksum(&p->ip, sizeof(p->ip));
	p->udp.source = htons((uint16_t)(PORT + number % FLOWS));
	p->udp.dest = htons(PORT);
	p->udp.len = htons(sizeof(p->udp) + sizeof(p->number));
	p->number = htonl(number);
}

static void send_batch(struct stream *s)
{
	struct packet packets[BATCH];
	struct iovec parts[BATCH];
	struct mmsghdr messages[BATCH];
	int done = 0, n;

	memset(messages, 0, sizeof(messages));
	for (int i = 0; i < BATCH; i++) {
		make(s, s->sent + (uint32_t)i, &packets[i]);
		parts[i] = (struct iovec){ &packets[i], sizeof(packets[i]) };
		messages[i].msg_hdr.msg_name = &s->to;
		messages[i].msg_hdr.msg_namelen = sizeof(s->to);
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	/* What the sender's own device refuses never was on its way: it is sent again. */
	while (done < BATCH) {
		n = sendmmsg(s->socket, messages + done, (unsigned)(BATCH - done), 0);
		if (n > 0)
			done += n;
		else if (errno == ENOBUFS || errno == EAGAIN)
			s->refused++;
		else if (errno != EINTR)
			break;
	}
	s->sent += (uint32_t)done;
}

static bool told_to_end(void)
{
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	char byte;

	return poll(&in, 1, 0) > 0 && read(STDIN_FILENO, &byte, 1) <= 0;
}

static void *sender(void *data)
{
	struct stream *s = data;
	uint64_t begun = now_ns(), gap = NS * BATCH / s->rate, due = begun;

	while (s->sent + BATCH < MAX_NUMBER &&
	       (s->seconds ? now_ns() - begun < s->seconds * NS : !told_to_end())) {
		uint64_t now = now_ns();
		struct timespec wait = { .tv_sec = (time_t)(due / NS),
					 .tv_nsec = (long)(due % NS) };

		if (due > now)
			clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &wait, NULL);
		else if (now - due > NS / 100)
			due = now; /* held up: a burst to catch up would be another test */
		send_batch(s);
		due += gap;
	}
	atomic_store(&s->sent_all, true);
	return NULL;
}

static void take(struct stream *s, int way, const uint8_t *data, ssize_t len)
{
	const struct iphdr *ip = (const void *)data;
	const struct udphdr *udp = (const void *)(ip + 1);
	uint32_t number;
	unsigned flow;

	if (len > 0 && data[0] >> 4 == 6)
		return; /* the kernel's own neighbour discovery and MLD */
	if (len != (ssize_t)(sizeof(struct packet) - sizeof(struct ether_header)) ||
	    ip->daddr != s->destination) {
		s->foreign++;
		return;
	}
	memcpy(&number, udp + 1, sizeof(number));
	number = ntohl(number);
	flow = number % FLOWS;
	s->received++;
	if (s->seen[number / 8] & (1 << number % 8))
		s->doubled++;
	s->seen[number / 8] |= (uint8_t)(1 << number % 8);
	if (s->way[flow] >= 0 && s->way[flow] != way)
		s->moved++;
	s->way[flow] = way;
	s->late += number < s->last[flow];
	s->last[flow] = number;
}

static bool receive(struct stream *s)
{
	struct pollfd fds[MAX_TUNS];
	uint8_t data[2048];
	bool any = false;

	for (int i = 0; i < s->tun_count; i++)
		fds[i] = (struct pollfd){ .fd = s->tuns[i], .events = POLLIN };
	if (poll(fds, (nfds_t)s->tun_count, DRAIN_MS) <= 0)
		return false;
	for (int i = 0; i < s->tun_count; i++)
		for (int k = 0; k < 256 && (fds[i].revents & POLLIN); k++) {
			ssize_t len = read(s->tuns[i], data, sizeof(data));

			if (len <= 0)
				break;
			take(s, i, data, len);
			any = true;
		}
	return any;
}

static int open_sender(struct stream *s, const char *device)
{
	s->socket = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	s->to.sll_family = AF_PACKET;
	s->to.sll_ifindex = (int)if_nametoindex(device);
	s->to.sll_halen = 6;
	return s->socket < 0 || !s->to.sll_ifindex ? -1 : 0;
}

static int run(struct stream *s)
{
	pthread_t thread;
	uint32_t lost = 0;

	s->seen = calloc(MAX_NUMBER / 8, 1);
	if (!s->seen || pthread_create(&thread, NULL, sender, s))
		return -1;
	while (receive(s) || !atomic_load(&s->sent_all))
		;
	pthread_join(thread, NULL);
	for (uint32_t i = 0; i < s->sent; i++)
		lost += !(s->seen[i / 8] & (1 << i % 8));
	printf("{\"sent\": %u, \"received\": %u, \"lost\": %u, \"doubled\": %u, \"moved\": %u, "
	       "\"late\": %u, \"foreign\": %u, \"refused\": %u}\n",
	       s->sent, s->received, lost, s->doubled, s->moved, s->late, s->foreign, s->refused);
	return 0;
}

int main(int argc, char **argv)
{
	static struct stream s;

	if (argc < 6 || argc > 5 + MAX_TUNS) {
		fprintf(stderr, "usage: stream IFNAME RATE SECONDS DESTINATION FD...\n");
		return 2;
	}
	s.rate = strtoull(argv[2], NULL, 10);
	s.seconds = strtoull(argv[3], NULL, 10);
	s.destination = inet_addr(argv[4]);
	for (int i = 0; i < FLOWS; i++)
		s.way[i] = -1;
	for (int i = 5; i < argc; i++)
		s.tuns[s.tun_count++] = atoi(argv[i]);
	if (!s.rate || open_sender(&s, argv[1]) || run(&s)) {
		perror("stream");
		return 1;
	}
	return 0;
}
