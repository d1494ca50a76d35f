/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * espalier explain: what the loaded program would do with one packet, as the path that the packet
 * takes. The daemon asks the program's own explain entry: nothing is sent and nothing counted.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../core/prefix.h"
#include "cli.h"
#include "field.h"
#include "table.h"

static const struct protocol {
	const char *name;
	unsigned number;
	bool ports;
} protocols[] = {
	{ "tcp", IPPROTO_TCP, true },	     { "udp", IPPROTO_UDP, true },
	{ "sctp", IPPROTO_SCTP, true },	     { "icmp", IPPROTO_ICMP, false },
	{ "icmpv6", IPPROTO_ICMPV6, false },
};

/* The operands as the user wrote them, and what they mean. */
struct question {
	const char *source, *destination;
	const char *protocol; /* a name, or NULL: `number` it is */
	long number;	      /* -1: not given */
	bool ports_allowed;
	long source_port, destination_port; /* -1: not given */
};

/* A decimal number of 0 to max, or -1. */
static long parse_number(const char *text, long max)
{
	size_t digits = strspn(text, "0123456789");

	if (!digits || digits > 5 || text[digits] || strtol(text, NULL, 10) > max)
		return -1;
	return strtol(text, NULL, 10);
}

static bool parse_protocol(const char *text, struct question *q)
{
	q->number = parse_number(text, 255);
	for (size_t i = 0; i < sizeof(protocols) / sizeof(*protocols); i++) {
		bool named = strcmp(protocols[i].name, text) == 0;

		if (!named && q->number != (long)protocols[i].number)
			continue;
		if (named)
			q->protocol = protocols[i].name;
		q->ports_allowed = protocols[i].ports;
	}
	return q->protocol || q->number >= 0;
}

static int parse_addresses(const struct cli *cli, const struct question *q)
{
	struct address source, destination;

	if (address_parse(q->source, &source))
		return cli_fail(cli, EXIT_USAGE, "explain: '%s' is not an address", q->source);
	if (address_parse(q->destination, &destination))
		return cli_fail(cli, EXIT_USAGE, "explain: '%s' is not an address", q->destination);
	if (source.family != destination.family)
		return cli_fail(cli, EXIT_USAGE,
				"explain: %s and %s are not of the same address family", q->source,
				q->destination);
	return EXIT_OK;
}

static int parse_ports(const struct cli *cli, char **operands, struct question *q)
{
	if (!q->ports_allowed)
		return cli_fail(cli, EXIT_USAGE, "explain: protocol %s has no ports", operands[2]);
	if (!operands[4])
		return cli_fail(cli, EXIT_USAGE,
				"explain: source port and destination port, or none");
	q->source_port = parse_number(operands[3], 65535);
	q->destination_port = parse_number(operands[4], 65535);
	if (q->source_port < 0 || q->destination_port < 0)
		return cli_fail(cli, EXIT_USAGE, "explain: '%s' is not a port (0 to 65535)",
				operands[q->source_port < 0 ? 3 : 4]);
	return EXIT_OK;
}

/* operands: SRC DST [PROTO [SPORT DPORT]], then NULL */
static int parse(const struct cli *cli, char **operands, struct question *q)
{
	int code;

	*q = (struct question){ .source = operands[0],
				.destination = operands[1],
				.number = -1,
				.source_port = -1,
				.destination_port = -1 };
	if (!cli->in)
		return cli_fail(
			cli, EXIT_USAGE,
			"explain: --in ATTACHMENT is missing: where does the packet arrive?");
	code = parse_addresses(cli, q);
	if (code != EXIT_OK || !operands[2])
		return code;
	if (!parse_protocol(operands[2], q))
		return cli_fail(cli, EXIT_USAGE,
				"explain: '%s' is not a protocol: tcp, udp, icmp, icmpv6, sctp or "
				"0 to 255",
				operands[2]);
	return operands[3] ? parse_ports(cli, operands, q) : EXIT_OK;
}

/* An argument that is left out when it was not given. */
static json_t *optional(long number)
{
	return number < 0 ? NULL : json_integer(number);
}

static void label(bool first, const char *name)
{
	const char *sign = first ? " " : arrow();

	printf("%s%s %s%-10s%s ", sign, first && !utf8_output() ? " " : "", style_on(STYLE_HEAD),
	       name, style_off());
}

/* The daemon answers with a number or with what it was asked. NULL: unknown to us. */
static const struct protocol *find_protocol(const json_t *value)
{
	const char *name = json_string_value(value);

	for (size_t i = 0; i < sizeof(protocols) / sizeof(*protocols); i++)
		if (name ? strcmp(name, protocols[i].name) == 0
			 : json_integer_value(value) == protocols[i].number)
			return &protocols[i];
	return NULL;
}

static void print_packet(const json_t *x)
{
	const struct protocol *protocol = find_protocol(field(x, "protocol"));
	char number[FIELD_STRLEN], from[FIELD_STRLEN], to[FIELD_STRLEN];

	printf("%s %s %s", field_string(x, "source"), arrow(), field_string(x, "destination"));
	if (!json_is_null(field(x, "protocol")))
		printf(", protocol %s",
		       protocol ? protocol->name : field_text(x, "protocol", number));
	if (protocol && protocol->ports && json_is_integer(field(x, "source_port")))
		printf(", port %s %s %s", field_text(x, "source_port", from), arrow(),
		       field_text(x, "destination_port", to));
	putchar('\n');
	label(true, "attachment");
	printf("%s\n", field_string(x, "in"));
}

static void print_lookup(const json_t *x)
{
	label(false, "table");
	printf("%s\n",
	       json_is_null(field(x, "table")) ? "none is associated" : field_string(x, "table"));
	if (json_is_null(field(x, "table")))
		return;
	label(false, "route");
	if (json_is_null(field(x, "matched"))) {
		printf("none matches\n");
		return;
	}
	printf("%s, %s", field_string(x, "matched"), field_string(x, "route_type"));
	if (json_is_string(field(x, "route_attachment")))
		printf(" from %s", field_string(x, "route_attachment"));
	putchar('\n');
}

static void print_group(const json_t *x)
{
	char number[FIELD_STRLEN];

	if (json_is_null(field(x, "group")))
		return;
	label(false, "group");
	printf("%s\n", field_text(x, "group", number));
	if (json_is_null(field(x, "bucket")))
		return;
	label(false, "bucket");
	printf("%s, flow hash ", field_text(x, "bucket", number));
	if (json_is_integer(field(x, "hash")))
		printf("0x%08llx\n", (unsigned long long)field_count(x, "hash"));
	else
		printf("%s\n", field_string(x, "hash"));
}

static void print_exit(const json_t *x)
{
	bool tunnel = json_is_string(field(x, "tunnel"));

	if (tunnel) {
		label(false, "tunnel");
		printf("%s%s\n", field_string(x, "tunnel"),
		       json_is_true(field(x, "skipped")) ? " (the bucket's first tunnel is dead)"
							 : "");
	}
	if (json_is_string(field(x, "device"))) {
		label(false, "device");
		printf("%s", field_string(x, "device"));
		if (json_is_string(field(x, "next_hop")))
			printf(", next hop %s", field_string(x, "next_hop"));
		putchar('\n');
	}
}

static void print_verdict(const json_t *x)
{
	const char *verdict = field_string(x, "verdict");
	enum style style = strcmp(verdict, "drop") == 0	    ? STYLE_BAD
			   : strcmp(verdict, "kernel") == 0 ? STYLE_WARN
							    : STYLE_GOOD;

	label(false, "verdict");
	printf("%s%s%s, %s: %s\n", style_on(style), verdict, style_off(), field_string(x, "reason"),
	       field_string(x, "help"));
}

static void print_losers(const json_t *x)
{
	const json_t *list = field(x, "losers");

	if (json_array_size(list))
		printf("\nnot used:\n");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *loser = json_array_get(list, i);

		printf("  %s from %s: %s\n", field_string(loser, "type"),
		       field_string(loser, "attachment"), field_string(loser, "why"));
	}
}

static int render(const json_t *x, const void *context)
{
	(void)context;
	print_packet(x);
	print_lookup(x);
	print_group(x);
	print_exit(x);
	print_verdict(x);
	print_losers(x);
	return 0;
}

int explain_run(const struct cli *cli, const struct command *command, char **operands)
{
	struct question q;
	json_t *protocol;
	int code;

	code = parse(cli, operands, &q);
	if (code != EXIT_OK)
		return code;
	protocol = q.protocol ? json_string(q.protocol) : optional(q.number);
	return cli_ask(cli,
		       json_pack("{s:s, s:s, s:s, s:s, s:o*, s:o*, s:o*}", "command", command->name,
				 "in", cli->in, "source", q.source, "destination", q.destination,
				 "protocol", protocol, "source_port", optional(q.source_port),
				 "destination_port", optional(q.destination_port)),
		       render, NULL);
}
