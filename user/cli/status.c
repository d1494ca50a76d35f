/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * espalier status: the gateway on one screen.
 */
#include <stdio.h>
#include "cli.h"
#include "field.h"
#include "table.h"

/* Only what is not as usual. */
static void print_configuration(const json_t *c)
{
	char text[FIELD_STRLEN];

	if (json_is_false(field(c, "own")))
		printf("%srunning: %s, applied %s ago%s\n", style_on(STYLE_WARN),
		       field_string(c, "file"), field_duration(c, "applied_s", text), style_off());
	if (json_is_integer(field(c, "confirm_s")))
		printf("%sunconfirmed: goes back in %s%s\n", style_on(STYLE_WARN),
		       field_duration(c, "confirm_s", text), style_off());
}

static void print_head(const json_t *s)
{
	char pid[FIELD_STRLEN], uptime[FIELD_STRLEN];
	bool ready = json_is_true(field(s, "ready"));

	printf("espalierd %s, pid %s, up %s, %s\n", field_string(s, "version"),
	       field_text(s, "pid", pid), field_duration(s, "uptime_s", uptime),
	       field_string(s, "config"));
	print_configuration(field(s, "configuration"));
	printf("%s%s%s\n\n", style_on(ready ? STYLE_GOOD : STYLE_WARN),
	       ready ? "ready" : "not ready yet", style_off());
}

static void print_alarms(const json_t *s)
{
	const json_t *list = field(s, "alarms");

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *alarm = json_array_get(list, i);

		printf("%salarm: %s%s\n", style_on(STYLE_BAD), json_string_value(alarm),
		       style_off());
	}
	if (json_array_size(list))
		putchar('\n');
}

static void print_up(const json_t *s, const char *key)
{
	const json_t *item = field(s, key);
	unsigned long long up = field_count(item, "up"), total = field_count(item, "total");
	enum style style = up == total ? STYLE_GOOD : up ? STYLE_WARN : STYLE_BAD;

	printf("%-14s%s%llu of %llu up%s\n", key, style_on(style), up, total, style_off());
}

static void print_counter(const char *label, const json_t *counter)
{
	char packets[UNIT_STRLEN], bytes[UNIT_STRLEN];

	printf("%-14s%s packets, %s\n", label, unit_count(field_count(counter, "packets"), packets),
	       unit_bytes(field_count(counter, "bytes"), bytes));
}

static void print_drift(const json_t *drift)
{
	unsigned long long found = field_count(drift, "found");
	unsigned long long unrepaired = field_count(drift, "unrepaired");
	char audits[FIELD_STRLEN], ago[FIELD_STRLEN];

	printf("%-14s%s%llu found, %llu repaired%s in %s audits, the last %s ago\n", "drift",
	       style_on(unrepaired ? STYLE_WARN : STYLE_PLAIN), found, found - unrepaired,
	       style_off(), field_text(drift, "audits", audits),
	       field_duration(drift, "ago_s", ago));
}

static void print_index(const json_t *index)
{
	uint64_t partly = field_count(index, "partly");
	char bytes[UNIT_STRLEN];

	printf("%-14s%s", "index", unit_bytes(field_count(index, "bytes"), bytes));
	if (partly)
		printf(", %s%llu tables not all in it%s", style_on(STYLE_WARN),
		       (unsigned long long)partly, style_off());
	printf("\n");
}

/* Only while it is behind. */
static void print_slow_path(const json_t *slow_path)
{
	unsigned long long behind = field_count(slow_path, "behind");
	bool sweeping = json_is_true(field(slow_path, "sweeping"));

	if (behind || sweeping)
		printf("%-14s%llu routes behind%s\n", "slow path", behind,
		       sweeping ? ", and those of a tunnel or device that changed" : "");
}

static void print_state(const json_t *s)
{
	const json_t *routes = field(s, "routes"), *groups = field(s, "groups");
	char a[FIELD_STRLEN], b[FIELD_STRLEN], c[FIELD_STRLEN];

	print_up(s, "tunnels");
	print_up(s, "connections");
	printf("%-14s%s\n", "attachments", field_text(field(s, "attachments"), "total", a));
	printf("%-14s%s active, %s standby, %s withdrawn\n", "routes",
	       field_text(routes, "active", a), field_text(routes, "standby", b),
	       field_text(routes, "withdrawn", c));
	printf("%-14s%s of %s\n", "groups", field_text(groups, "used", a),
	       field_text(groups, "limit", b));
	print_index(field(s, "index"));
	print_counter("to tunnels", field(field(s, "traffic"), "to_tunnels"));
	print_counter("from tunnels", field(field(s, "traffic"), "from_tunnels"));
	print_counter("dropped", field(s, "dropped"));
	print_drift(field(s, "drift"));
	print_slow_path(field(s, "slow_path"));
}

static int render(const json_t *status, const void *context)
{
	(void)context;
	print_head(status);
	print_alarms(status);
	print_state(status);
	return 0;
}

int status_run(const struct cli *cli, const struct command *command, char **operands)
{
	(void)operands;
	return cli_ask(cli, json_pack("{s:s}", "command", command->name), render, NULL);
}
