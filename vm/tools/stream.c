// SPDX-License-Identifier: GPL-2.0-only
//
// stream: a UDP stream of numbered packets and the account of what became of them.
//
//   stream send --to ADDRESS --port PORT [--from ADDRESS] [--from-port PORT] [--flows N] [--rate
//   PPS]
//               [--seconds S | --count N] [--size BYTES]
//   stream recv --port PORT [--bind ADDRESS] [--settle MS] [--limit SECONDS] [--by-flow]
//
// Flow i leaves from source port from-port + i; --count is of all flows together. Every packet
// carries its flow, its number within the flow. Both ends print one JSON object when they are done.
// The receiver is done once it got SIGTERM and then nothing more has come for --settle
// milliseconds, or after --limit seconds: a silence alone does not end it, for silences are what it
// measures. What the receiver calls lost is what is missing below the highest number seen of each
// flow; the packets missing at a flow's end are known to the sender only, so the caller takes sent
// - unique (stream_finish of vm/scenarios/traffic.sh does).

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAGIC	    0x45535041u /* ESPA */
#define MAX_FLOWS   1024
#define MAX_NUMBERS (1u << 24) /* per flow */
#define LATE_NS	    50000000   /* a sender later than this goes on at its rate from there */

struct payload {
	uint32_t magic;
	uint32_t flow;
	uint32_t number;
	uint32_t pad;
};

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
	(void)number;
	stop = 1;
}

static void fail(const char *what)
{
	fprintf(stderr, "stream: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void usage(const char *what)
{
	fprintf(stderr,
		"stream: %s\nusage: stream send --to ADDRESS --port PORT [--from ADDRESS] "
		"[--from-port PORT] [--flows N]"
		" [--rate PPS] [--seconds S | --count N] [--size BYTES]\n"
		"       stream recv --port PORT [--bind ADDRESS] [--settle MS] [--limit SECONDS] "
		"[--by-flow]\n",
		what);
	exit(2);
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static unsigned long number_of(const char *name, const char *text, unsigned long low,
			       unsigned long high)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || !*text || *end || value < low || value > high) {
		fprintf(stderr, "stream: %s takes a number from %lu to %lu, not %s\n", name, low,
			high, text);
		exit(2);
	}
	return value;
}

static void address_of(const char *text, unsigned int port, struct sockaddr_storage *address,
		       socklen_t *length)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
				  .ai_socktype = SOCK_DGRAM },
			*found;
	char service[16];
	int error;

	snprintf(service, sizeof(service), "%u", port);
	error = getaddrinfo(text, service, &hints, &found);
	if (error) {
		fprintf(stderr, "stream: %s: %s\n", text, gai_strerror(error));
		exit(2);
	}
	memcpy(address, found->ai_addr, found->ai_addrlen);
	*length = found->ai_addrlen;
	freeaddrinfo(found);
}

struct options {
	const char *to, *from, *bind;
	unsigned int port, from_port, flows, rate, size, settle_ms, limit_s;
	uint64_t count;
	bool by_flow;
};

static int run_send(const struct options *o)
{
	struct sockaddr_storage to, from;
	socklen_t to_length, from_length;
	static int sockets[MAX_FLOWS];
	static uint32_t next[MAX_FLOWS];
	uint64_t sent = 0, errors = 0;
	int64_t start, interval = 1000000000 / o->rate, due, late_max = 0;
	struct payload *packet = calloc(1, o->size);
	int last_error = 0;

	if (!packet)
		fail("memory");
	address_of(o->to, o->port, &to, &to_length);
	for (unsigned int i = 0; i < o->flows; i++) {
		int one = 1;

		sockets[i] = socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		if (sockets[i] < 0)
			fail("socket");
		setsockopt(sockets[i], SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		address_of(o->from		     ? o->from
			   : to.ss_family == AF_INET ? "0.0.0.0"
						     : "::",
			   o->from_port + i, &from, &from_length);
		if (bind(sockets[i], (struct sockaddr *)&from, from_length))
			fail("bind");
	}
	start = now_ns();
	for (uint64_t n = 0; n < o->count && !stop; n++) {
		unsigned int flow = n % o->flows;
		int64_t now;

		due = start + (int64_t)n * interval;
		now = now_ns();
		if (now < due) {
			struct timespec t = { .tv_sec = due / 1000000000,
					      .tv_nsec = due % 1000000000 };

			while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR &&
			       !stop)
				;
			if (stop)
				break;
		} else if (now - due > late_max) {
			late_max = now - due;
		}
		// What a late sender missed it does not make up for: a burst would fill queues.
		if (now - due > LATE_NS)
			start += now - due;
		// A number that the kernel refused to send is used up all the same: it is counted
		// apart, and the receiver misses it.
		*packet = (struct payload){ htonl(MAGIC), htonl(flow), htonl(next[flow]++), 0 };
		if (sendto(sockets[flow], packet, o->size, 0, (struct sockaddr *)&to, to_length) ==
		    (ssize_t)o->size) {
			sent++;
		} else {
			errors++;
			last_error = errno;
		}
	}
	printf("{\"sent\": %" PRIu64 ", \"send_errors\": %" PRIu64
	       ", \"last_error\": \"%s\", \"flows\": %u, \"duration_ms\": %" PRId64
	       ", \"behind_ms\": %.3f}\n",
	       sent, errors, last_error ? strerror(last_error) : "", o->flows,
	       (now_ns() - start) / 1000000, (double)late_max / 1e6);
	free(packet);
	return 0;
}

struct flow {
	uint8_t *seen;	  /* one bit a number */
	uint32_t room;	  /* numbers that fit in seen */
	uint32_t highest; /* highest number seen + 1 */
	uint64_t unique, duplicates, reordered;
	int64_t last, longest;
};

static bool first_sight(struct flow *f, uint32_t number)
{
	if (number >= f->room) {
		uint32_t room = f->room ? f->room : 4096;

		while (room <= number)
			room *= 2;
		f->seen = realloc(f->seen, room / 8);
		if (!f->seen)
			fail("memory");
		memset(f->seen + f->room / 8, 0, (room - f->room) / 8);
		f->room = room;
	}
	if (f->seen[number / 8] & (1u << number % 8))
		return false;
	f->seen[number / 8] |= (uint8_t)(1u << number % 8);
	return true;
}

static int run_recv(const struct options *o)
{
	static struct flow flows[MAX_FLOWS];
	struct sockaddr_storage address;
	socklen_t length;
	int one = 1, room = 16 << 20, fd;
	uint64_t received = 0, foreign = 0, unique = 0, lost = 0, duplicates = 0, reordered = 0;
	uint32_t socket_drops = 0;
	unsigned int flow_count = 0;
	int64_t first = 0, last = 0, longest = 0, flow_longest = 0, deadline, quiet_since = 0;
	bool first_entry = true;

	address_of(o->bind ? o->bind : "::", o->port, &address, &length);
	fd = socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		fail("socket");
	// The receiver's own losses are not the gateway's: a large buffer, and what it still drops
	// is reported apart.
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&address, length))
		fail("bind");
	fprintf(stderr, "ready\n");
	deadline = now_ns() + (int64_t)o->limit_s * 1000000000;

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		struct payload packet;
		char control[64];
		struct iovec vector = { &packet, sizeof(packet) };
		struct msghdr message = { .msg_iov = &vector,
					  .msg_iovlen = 1,
					  .msg_control = control,
					  .msg_controllen = sizeof(control) };
		ssize_t size;
		int64_t now = now_ns();
		uint32_t number;
		struct flow *f;

		if (now >= deadline)
			break;
		if (stop) {
			if (!quiet_since || quiet_since < last)
				quiet_since = now;
			if (now - quiet_since > (int64_t)o->settle_ms * 1000000)
				break;
		}
		size = recvmsg(fd, &message, MSG_DONTWAIT);
		if (size < 0) {
			if (errno != EAGAIN && errno != EINTR)
				fail("recvmsg");
			poll(&p, 1, 50);
			continue;
		}
		now = now_ns();
		for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c))
			if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL)
				memcpy(&socket_drops, CMSG_DATA(c), sizeof(socket_drops));
		number = ntohl(packet.number);
		if (size < (ssize_t)sizeof(packet) || ntohl(packet.magic) != MAGIC ||
		    ntohl(packet.flow) >= MAX_FLOWS || number >= MAX_NUMBERS) {
			foreign++;
			continue;
		}
		f = &flows[ntohl(packet.flow)];
		if (!received)
			first = now;
		else if (now - last > longest)
			longest = now - last;
		last = now;
		received++;
		if (f->last && now - f->last > f->longest)
			f->longest = now - f->last;
		f->last = now;
		if (!first_sight(f, number)) {
			f->duplicates++;
			continue;
		}
		f->unique++;
		if (number + 1 > f->highest)
			f->highest = number + 1;
		else
			f->reordered++;
	}

	for (unsigned int i = 0; i < MAX_FLOWS; i++) {
		struct flow *f = &flows[i];

		if (!f->last)
			continue;
		flow_count++;
		unique += f->unique;
		lost += f->highest - f->unique;
		duplicates += f->duplicates;
		reordered += f->reordered;
		if (f->longest > flow_longest)
			flow_longest = f->longest;
	}
	printf("{\"received\": %" PRIu64 ", \"unique\": %" PRIu64 ", \"lost\": %" PRIu64
	       ", \"reordered\": %" PRIu64 ", \"duplicates\": %" PRIu64 ", \"foreign\": %" PRIu64
	       ", \"socket_drops\": %" PRIu32
	       ", \"flows_seen\": %u, \"longest_gap_ms\": %.3f, \"longest_flow_gap_ms\": %.3f, "
	       "\"receiving_ms\": %" PRId64,
	       received, unique, lost, reordered, duplicates, foreign, socket_drops, flow_count,
	       (double)longest / 1e6, (double)flow_longest / 1e6, (last - first) / 1000000);
	if (o->by_flow) {
		printf(", \"by_flow\": [");
		for (unsigned int i = 0; i < MAX_FLOWS; i++) {
			struct flow *f = &flows[i];

			if (!f->last)
				continue;
			printf("%s{\"flow\": %u, \"unique\": %" PRIu64 ", \"lost\": %" PRIu64
			       ", \"reordered\": %" PRIu64 ", \"duplicates\": %" PRIu64
			       ", \"longest_gap_ms\": %.3f}",
			       first_entry ? "" : ", ", i, f->unique, f->highest - f->unique,
			       f->reordered, f->duplicates, (double)f->longest / 1e6);
			first_entry = false;
		}
		printf("]");
	}
	printf("}\n");
	return 0;
}

int main(int argc, char **argv)
{
	enum {
		TO = 256,
		FROM,
		BIND,
		PORT,
		FROM_PORT,
		FLOWS,
		RATE,
		SECONDS,
		COUNT,
		SIZE,
		SETTLE,
		LIMIT,
		BY_FLOW
	};
	static const struct option long_options[] = {
		{ "to", required_argument, NULL, TO },
		{ "from", required_argument, NULL, FROM },
		{ "bind", required_argument, NULL, BIND },
		{ "port", required_argument, NULL, PORT },
		{ "from-port", required_argument, NULL, FROM_PORT },
		{ "flows", required_argument, NULL, FLOWS },
		{ "rate", required_argument, NULL, RATE },
		{ "seconds", required_argument, NULL, SECONDS },
		{ "count", required_argument, NULL, COUNT },
		{ "size", required_argument, NULL, SIZE },
		{ "settle", required_argument, NULL, SETTLE },
		{ "limit", required_argument, NULL, LIMIT },
		{ "by-flow", no_argument, NULL, BY_FLOW },
		{ NULL, 0, NULL, 0 },
	};
	struct options o = { .from_port = 20000,
			     .flows = 1,
			     .rate = 1000,
			     .size = 64,
			     .settle_ms = 500,
			     .limit_s = 600 };
	struct sigaction action = { .sa_handler = on_signal };
	unsigned long seconds = 1;
	int choice;

	if (argc < 2)
		usage("send or recv is missing");
	while ((choice = getopt_long(argc - 1, argv + 1, "", long_options, NULL)) != -1) {
		switch (choice) {
		case TO:
			o.to = optarg;
			break;
		case FROM:
			o.from = optarg;
			break;
		case BIND:
			o.bind = optarg;
			break;
		case PORT:
			o.port = number_of("--port", optarg, 1, 65535);
			break;
		case FROM_PORT:
			o.from_port = number_of("--from-port", optarg, 1, 65535);
			break;
		case FLOWS:
			o.flows = number_of("--flows", optarg, 1, MAX_FLOWS);
			break;
		case RATE:
			o.rate = number_of("--rate", optarg, 1, 1000000);
			break;
		case SECONDS:
			seconds = number_of("--seconds", optarg, 1, 86400);
			break;
		case COUNT:
			o.count = number_of("--count", optarg, 1, MAX_NUMBERS);
			break;
		case SIZE:
			o.size = number_of("--size", optarg, sizeof(struct payload), 65000);
			break;
		case SETTLE:
			o.settle_ms = number_of("--settle", optarg, 1, 3600000);
			break;
		case LIMIT:
			o.limit_s = number_of("--limit", optarg, 1, 86400);
			break;
		case BY_FLOW:
			o.by_flow = true;
			break;
		default:
			usage("unknown option");
		}
	}
	if (argc - 1 != optind)
		usage("unknown argument");
	if (!o.port)
		usage("--port is missing");
	if (o.from_port + o.flows > 65536)
		usage("--from-port and --flows go beyond port 65535");
	if (!o.count)
		o.count = (uint64_t)seconds * o.rate;
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	if (!strcmp(argv[1], "recv"))
		return run_recv(&o);
	if (!strcmp(argv[1], "send")) {
		if (!o.to)
			usage("--to is missing");
		return run_send(&o);
	}
	usage("send or recv is missing");
}
