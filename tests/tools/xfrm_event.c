/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Plays the kernel for a daemon with the replay back end: builds the XFRM notifications of what a
 * tunnel goes through, in the order that was recorded from strongSwan, one datagram each.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "replay_socket.h"
#include "xfrm_messages.h"

static const char usage[] =
	"usage: xfrm_event SOCKET COMMAND [OPTION...]\n"
	"commands:\n"
	"  up               UPDSA in, NEWSA out, NEWPOLICY in, fwd, out\n"
	"  down             DELPOLICY out, fwd, in, DELSA in, out (swanctl --terminate)\n"
	"  rekey            as initiator, from --spi-in/out to --new-in/out\n"
	"  rekey-responder  the same as responder\n"
	"  inbound          UPDSA in alone (strongSwan #1896)\n"
	"  outbound         NEWSA out alone\n"
	"  policies         NEWPOLICY in, fwd, out alone\n"
	"  switch           UPDPOLICY in, fwd, out to --spi-out\n"
	"  delete-in, delete-out, delete-policy\n"
	"  expire-soft, expire-hard   EXPIRE of both; hard without DELSA\n"
	"  figures          what a dump would say of both SAs now; silent, as in a kernel\n"
	"  acq, larval      an outbound (inbound) state without keys; silent, as in a kernel\n"
	"  flush, flush-policy, migrate, overrun\n"
	"options:\n"
	"  --if-id N        default 101\n"
	"  --local ADDRESS --remote ADDRESS   of the underlay, v4 or v6\n"
	"  --spi-in N --spi-out N --new-in N --new-out N\n"
	"  --inside 4|6|46  families of the policies, default 4\n"
	"  --cpu N          that the SAs are for [RFC 9611]; default none\n"
	"  --delay MS       before the last step of a rekey\n"
	"  --age S --packets N --bytes N --sequence N --replayed N --outside N --forged N --esn\n"
	"                   of the SAs; default 0\n"
	"  --no-direction   without XFRMA_SA_DIR, as kernels before 6.10\n"
	"  --silent         changes the kernel's state, notifies nobody\n"
	"  --offline        no daemon runs: write to its journal\n";

struct options {
	const char *socket;
	uint32_t if_id, spi_in, spi_out, new_in, new_out;
	struct address local, remote;
	const char *inside;
	uint32_t delay_ms;
	uint32_t cpu;
	uint32_t age_s, packets, bytes, sequence, replayed, outside, forged;
	int esn;
	int no_direction, silent, offline;
};

static struct options o = {
	.if_id = 101,
	.spi_in = 1,
	.spi_out = 2,
	.new_in = 3,
	.new_out = 4,
	.inside = "4",
	.cpu = XFRM_NO_CPU,
};

static int fd, second = -1; /* the daemon's subscribers, or its journal */

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "xfrm_event: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void open_journal(void)
{
	char name[256];

	snprintf(name, sizeof(name), "%s.journal", o.socket);
	fd = open(name, O_WRONLY | O_APPEND | O_CREAT, 0600);
	if (fd < 0)
		die(name);
}

static void connect_to_daemon(void)
{
	if (replay_connect(o.socket, &fd, &second))
		die(o.socket);
}

static _Alignas(8) uint8_t buf[MESSAGE_MAX];

static void emit(size_t len)
{
	struct nlmsghdr *nlh = (struct nlmsghdr *)buf;

	if (o.silent)
		nlh->nlmsg_flags |= NLM_F_MULTI;
	if (second >= 0 && write(second, buf, len) != (ssize_t)len)
		die(o.socket);
	if (write(fd, buf, len) != (ssize_t)len)
		die(o.socket);
}

static struct xfrm_sa sa(enum xfrm_direction d, uint32_t spi)
{
	bool in = d == XFRM_DIRECTION_IN;
	struct xfrm_sa s = {
		.id = { in ? o.local : o.remote, spi, IPPROTO_ESP, 0, 0 },
		.saddr = in ? o.remote : o.local,
		.if_id = o.if_id,
		.reqid = 1,
		.direction = o.no_direction ? XFRM_DIRECTION_UNKNOWN : d,
		.cpu = o.cpu,
		.mode = XFRM_MODE_TUNNEL,
		.replay_window = in ? 32 : 0,
		.esn = o.esn,
		.sent_seq = in ? 0 : o.sequence,
		.received_seq = in ? o.sequence : 0,
		.replayed = o.replayed,
		.outside_window = o.outside,
		.integrity_failed = o.forged,
		.aead = { "rfc4106(gcm(aes))", 160 },
		.lifetime = { XFRM_UNLIMITED, XFRM_UNLIMITED, XFRM_UNLIMITED, XFRM_UNLIMITED, 3600,
			      3960, 0, 0 },
		.usage = { .bytes = o.bytes,
			   .packets = o.packets,
			   .add_time = (uint64_t)time(NULL) - o.age_s },
	};

	return s;
}

static void put_sa(enum xfrm_direction d, uint32_t spi)
{
	struct xfrm_sa s = sa(d, spi);

	emit(message_sa(buf, d == XFRM_DIRECTION_IN ? XFRM_MSG_UPDSA : XFRM_MSG_NEWSA, &s));
}

static void delete_sa(enum xfrm_direction d, uint32_t spi)
{
	struct xfrm_sa s = sa(d, spi);

	emit(message_sa_delete(buf, &s));
}

static void expire(enum xfrm_direction d, uint32_t spi, bool hard)
{
	struct xfrm_sa s = sa(d, spi);

	emit(message_expire(buf, &s, hard));
}

static void put_keyless(enum xfrm_direction d, uint32_t spi)
{
	struct xfrm_sa s = sa(d, spi);

	memset(&s.aead, 0, sizeof(s.aead));
	o.silent = 1;
	emit(message_sa(buf, XFRM_MSG_NEWSA, &s));
}

static struct xfrm_policy policy(enum xfrm_policy_direction d, uint8_t family, uint32_t spi)
{
	bool in = d != XFRM_DIR_OUT;

	return message_tunnel_policy(o.if_id, d, family, in ? &o.remote : &o.local,
				     in ? &o.local : &o.remote, in ? 0 : spi);
}

static void each_family(uint16_t type, enum xfrm_policy_direction d, uint32_t spi)
{
	for (const char *c = o.inside; *c; c++) {
		struct xfrm_policy p = policy(d, *c == '6' ? AF_INET6 : AF_INET, spi);

		emit(type == XFRM_MSG_DELPOLICY ? message_policy_delete(buf, &p)
						: message_policy(buf, type, &p));
	}
}

static void put_policies(uint16_t type, uint32_t spi)
{
	each_family(type, XFRM_DIR_IN, spi);
	each_family(type, XFRM_DIR_FWD, spi);
	each_family(type, XFRM_DIR_OUT, spi);
}

static void wait_a_little(void)
{
	struct timespec t = { o.delay_ms / 1000, o.delay_ms % 1000 * 1000000L };

	nanosleep(&t, NULL);
}

static void up(void)
{
	put_sa(XFRM_DIRECTION_IN, o.spi_in);
	put_sa(XFRM_DIRECTION_OUT, o.spi_out);
	put_policies(XFRM_MSG_NEWPOLICY, o.spi_out);
}

static void down(void)
{
	each_family(XFRM_MSG_DELPOLICY, XFRM_DIR_OUT, o.spi_out);
	each_family(XFRM_MSG_DELPOLICY, XFRM_DIR_FWD, 0);
	each_family(XFRM_MSG_DELPOLICY, XFRM_DIR_IN, 0);
	delete_sa(XFRM_DIRECTION_IN, o.spi_in);
	delete_sa(XFRM_DIRECTION_OUT, o.spi_out);
}

static void rekey(void)
{
	expire(XFRM_DIRECTION_IN, o.spi_in, false);
	put_sa(XFRM_DIRECTION_IN, o.new_in);
	put_sa(XFRM_DIRECTION_OUT, o.new_out);
	put_policies(XFRM_MSG_UPDPOLICY, o.new_out);
	delete_sa(XFRM_DIRECTION_OUT, o.spi_out);
	wait_a_little();
	delete_sa(XFRM_DIRECTION_IN, o.spi_in);
}

static void rekey_responder(void)
{
	put_sa(XFRM_DIRECTION_IN, o.new_in);
	put_sa(XFRM_DIRECTION_OUT, o.new_out);
	each_family(XFRM_MSG_UPDPOLICY, XFRM_DIR_IN, 0);
	each_family(XFRM_MSG_UPDPOLICY, XFRM_DIR_FWD, 0);
	wait_a_little();
	each_family(XFRM_MSG_UPDPOLICY, XFRM_DIR_OUT, o.new_out);
	delete_sa(XFRM_DIRECTION_OUT, o.spi_out);
	delete_sa(XFRM_DIRECTION_IN, o.spi_in);
}

static void inbound(void)
{
	put_sa(XFRM_DIRECTION_IN, o.spi_in);
}

static void outbound(void)
{
	put_sa(XFRM_DIRECTION_OUT, o.spi_out);
}

static void policies(void)
{
	put_policies(XFRM_MSG_NEWPOLICY, o.spi_out);
}

static void switch_spi(void)
{
	put_policies(XFRM_MSG_UPDPOLICY, o.spi_out);
}

static void delete_in(void)
{
	delete_sa(XFRM_DIRECTION_IN, o.spi_in);
}

static void delete_out(void)
{
	delete_sa(XFRM_DIRECTION_OUT, o.spi_out);
}

static void delete_policy(void)
{
	each_family(XFRM_MSG_DELPOLICY, XFRM_DIR_OUT, o.spi_out);
}

static void expire_soft(void)
{
	expire(XFRM_DIRECTION_IN, o.spi_in, false);
	expire(XFRM_DIRECTION_OUT, o.spi_out, false);
}

static void expire_hard(void)
{
	expire(XFRM_DIRECTION_IN, o.spi_in, true);
	expire(XFRM_DIRECTION_OUT, o.spi_out, true);
}

static void acq(void)
{
	put_keyless(XFRM_DIRECTION_OUT, o.spi_out);
}

static void larval(void)
{
	put_keyless(XFRM_DIRECTION_IN, o.spi_in);
}

static void figures(void)
{
	o.silent = 1;
	put_sa(XFRM_DIRECTION_IN, o.spi_in);
	put_sa(XFRM_DIRECTION_OUT, o.spi_out);
}

static void flush(void)
{
	emit(message_sa_flush(buf, 0));
}

static void flush_policy(void)
{
	emit(message_policy_flush(buf));
}

static void migrate(void)
{
	struct xfrm_policy p = policy(XFRM_DIR_OUT, AF_INET, 0);

	emit(message_migrate(buf, &p));
}

static void overrun(void)
{
	emit(message_control(buf, NLMSG_OVERRUN, 0));
}

static const struct {
	const char *name;
	void (*run)(void);
} commands[] = {
	{ "up", up },
	{ "down", down },
	{ "rekey", rekey },
	{ "rekey-responder", rekey_responder },
	{ "inbound", inbound },
	{ "outbound", outbound },
	{ "policies", policies },
	{ "switch", switch_spi },
	{ "delete-in", delete_in },
	{ "delete-out", delete_out },
	{ "delete-policy", delete_policy },
	{ "expire-soft", expire_soft },
	{ "expire-hard", expire_hard },
	{ "figures", figures },
	{ "acq", acq },
	{ "larval", larval },
	{ "flush", flush },
	{ "flush-policy", flush_policy },
	{ "migrate", migrate },
	{ "overrun", overrun },
};

static _Noreturn void refuse(const char *what)
{
	fprintf(stderr, "xfrm_event: %s\n%s", what, usage);
	exit(2);
}

static uint32_t number(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 0);

	if (!*text || *end || n > UINT32_MAX)
		refuse("not a number");
	return (uint32_t)n;
}

static struct address address(const char *text)
{
	struct address a = { .family = strchr(text, ':') ? AF_INET6 : AF_INET };

	if (inet_pton(a.family, text, a.bytes) != 1)
		refuse("not an address");
	return a;
}

static const struct option long_options[] = {
	{ "if-id", required_argument, NULL, 'f' },
	{ "local", required_argument, NULL, 'l' },
	{ "remote", required_argument, NULL, 'r' },
	{ "spi-in", required_argument, NULL, 'i' },
	{ "spi-out", required_argument, NULL, 'o' },
	{ "new-in", required_argument, NULL, 'I' },
	{ "new-out", required_argument, NULL, 'O' },
	{ "inside", required_argument, NULL, 'n' },
	{ "cpu", required_argument, NULL, 'c' },
	{ "delay", required_argument, NULL, 'd' },
	{ "age", required_argument, NULL, 'a' },
	{ "packets", required_argument, NULL, 'p' },
	{ "bytes", required_argument, NULL, 'b' },
	{ "sequence", required_argument, NULL, 's' },
	{ "replayed", required_argument, NULL, 'R' },
	{ "outside", required_argument, NULL, 'w' },
	{ "forged", required_argument, NULL, 'F' },
	{ "esn", no_argument, &o.esn, 1 },
	{ "no-direction", no_argument, &o.no_direction, 1 },
	{ "silent", no_argument, &o.silent, 1 },
	{ "offline", no_argument, &o.offline, 1 },
	{ NULL, 0, NULL, 0 },
};

/* The number that an option sets, or NULL. */
static uint32_t *number_of(int c)
{
	switch (c) {
	case 'f':
		return &o.if_id;
	case 'i':
		return &o.spi_in;
	case 'o':
		return &o.spi_out;
	case 'I':
		return &o.new_in;
	case 'O':
		return &o.new_out;
	case 'c':
		return &o.cpu;
	case 'd':
		return &o.delay_ms;
	case 'a':
		return &o.age_s;
	case 'p':
		return &o.packets;
	case 'b':
		return &o.bytes;
	case 's':
		return &o.sequence;
	case 'R':
		return &o.replayed;
	case 'w':
		return &o.outside;
	case 'F':
		return &o.forged;
	}
	return NULL;
}

static void take_option(int c)
{
	uint32_t *to = number_of(c);

	if (to)
		*to = number(optarg);
	else if (c == 'l')
		o.local = address(optarg);
	else if (c == 'r')
		o.remote = address(optarg);
	else if (c == 'n')
		o.inside = optarg;
	else if (c)
		refuse("no such option");
}

int main(int argc, char **argv)
{
	int c;

	o.local = address("192.0.2.1");
	o.remote = address("192.0.2.2");
	while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		take_option(c);
	if (argc - optind != 2)
		refuse("a socket and a command are needed");
	if (o.local.family != o.remote.family)
		refuse("local and remote are of two families");
	if (!*o.inside || strspn(o.inside, "46") != strlen(o.inside))
		refuse("--inside takes 4, 6 or 46");
	o.socket = argv[optind];
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(argv[optind + 1], commands[i].name))
			continue;
		if (o.offline)
			open_journal();
		else
			connect_to_daemon();
		commands[i].run();
		return 0;
	}
	refuse("no such command");
}
