/* SPDX-License-Identifier: GPL-2.0-only */
/* espalier show tunnels. */
#include <stdio.h>
#include <string.h>
#include "cli.h"
#include "field.h"
#include "show.h"

/* The part of what all tunnels of this one's connection sent that went through this one. */
static double tunnel_share(const json_t *list, const json_t *item)
{
	uint64_t own = field_count(field(item, "out"), "packets"), all = 0;

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *other = json_array_get(list, i);

		if (json_equal(field(other, "connection"), field(item, "connection")))
			all += field_count(field(other, "out"), "packets");
	}
	return all ? (double)own / (double)all : 0;
}

static const struct column tunnel_columns[] = {
	{ "TUNNEL", ALIGN_LEFT },    { "CONNECTION", ALIGN_LEFT }, { "STATE", ALIGN_LEFT },
	{ "SINCE", ALIGN_RIGHT },    { "FLAPS", ALIGN_RIGHT },	   { "DEVICE", ALIGN_LEFT },
	{ "REMOTE", ALIGN_LEFT },    { "IN", ALIGN_RIGHT },	   { "OUT", ALIGN_RIGHT },
	{ "IN/s", ALIGN_RIGHT },     { "OUT/s", ALIGN_RIGHT },	   { "LOST", ALIGN_RIGHT },
	{ "SHARE OUT", ALIGN_LEFT }, { "WHY", ALIGN_LEFT },	   { NULL, ALIGN_LEFT },
};

static bool is_bad(const json_t *health)
{
	return strcmp(field_string(health, "state"), "bad") == 0;
}

/* Why a tunnel in Phase 2 is not used, or is used nevertheless; NULL: there is nothing to say. */
static const char *use_text(const json_t *item)
{
	if (json_is_true(field(field(item, "damping"), "last_resort")))
		return "damped, but the last resort";
	if (json_is_true(field(item, "up")) && is_bad(field(item, "health")))
		return "health check failed, which is only said";
	return json_is_string(field(item, "missing")) ? NULL
						      : json_string_value(field(item, "why"));
}

/* The same, or what will be; NULL: neither. */
static const char *warning_text(const json_t *item)
{
	const json_t *list = field(item, "forecasts");

	for (size_t i = 0; i < json_array_size(list) && !use_text(item); i++)
		if (json_is_true(field(json_array_get(list, i), "warning")))
			return "ends soon, and no rekey is under way";
	return use_text(item);
}

/* What it lacks and how that was learned, or (rekeying, expiring) how the state came about. */
static void cell_why(struct table *t, const json_t *item)
{
	const char *missing = json_string_value(field(item, "missing"));
	const char *cause = json_string_value(field(item, "cause"));
	char text[DRAIN_STRLEN];
	const char *warning = warning_text(item);

	if (warning)
		table_cell(t, STYLE_WARN, "%s", warning);
	else if (json_is_object(field(item, "drain")))
		table_cell(t, STYLE_WARN, "%s", drain_text(field(item, "drain"), text));
	else if (strcmp(field_string(item, "state"), "up") == 0 || !cause)
		table_cell(t, STYLE_DIM, "%s", missing ? missing : "");
	else if (missing)
		table_cell(t, STYLE_DIM, "%s (%s)", missing, cause);
	else
		table_cell(t, STYLE_DIM, "%s", cause);
}

static void cell_rate(struct table *t, const json_t *item, const char *direction)
{
	const json_t *rates = field(item, "rates");
	char buf[UNIT_STRLEN];

	table_cell(t, STYLE_PLAIN, "%s",
		   json_is_object(rates)
			   ? unit_bytes(field_count(field(rates, direction), "bytes"), buf)
			   : "-");
}

static void tunnel_row(struct table *t, const json_t *list, const json_t *item)
{
	uint64_t lost = field_count(item, "tx_carrier");
	const char *state = field_string(item, "state");
	char buf[BAR_STRLEN];

	cell_text(t, item, "name");
	cell_text(t, item, "connection");
	table_cell(t, warning_text(item) ? STYLE_WARN : state_style(state), "%s", state);
	table_cell(t, STYLE_PLAIN, "%s", field_duration(item, "since_s", buf));
	cell_text(t, item, "flaps");
	cell_text(t, item, "device");
	cell_text(t, item, "remote_address");
	cell_bytes(t, item, "in");
	cell_bytes(t, item, "out");
	cell_rate(t, item, "in");
	cell_rate(t, item, "out");
	table_cell(t, lost ? STYLE_WARN : STYLE_PLAIN, "%s", unit_count(lost, buf));
	table_cell(t, STYLE_PLAIN, "%s", unit_bar(tunnel_share(list, item), buf));
	cell_why(t, item);
}

/* "  its outbound SA 0xc0ffee02 ends in 5m20s (sequence numbers), and no rekey is under way" */
static void print_warnings(const json_t *item)
{
	const json_t *list = field(item, "forecasts");
	char text[FIELD_STRLEN];

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *f = json_array_get(list, i);

		if (json_is_true(field(f, "warning")))
			printf("  %sits %sbound SA %s ends in %s (%s), and no rekey is under "
			       "way%s\n",
			       style_on(STYLE_BAD), field_string(f, "direction"),
			       field_string(f, "spi"), field_duration(f, "in_s", text),
			       field_string(f, "limit"), style_off());
	}
}

/* ---- one tunnel, in full ---- */

/* "dc-1-2  down for 42s, by DELPOLICY: no outbound policy; went down 3 times" */
static void print_state(const json_t *item)
{
	const char *state = field_string(item, "state");
	const char *missing = json_string_value(field(item, "missing"));
	uint64_t flaps = field_count(item, "flaps");
	char text[FIELD_STRLEN];

	printf("%s%s%s  %s%s%s for %s, by %s%s%s", style_on(STYLE_HEAD), field_string(item, "name"),
	       style_off(), style_on(state_style(state)), state, style_off(),
	       field_duration(item, "since_s", text), field_string(item, "cause"),
	       missing ? ": " : "", missing ? missing : "");
	if (flaps)
		printf("; went down %s time%s", unit_count(flaps, text), plural(flaps));
	putchar('\n');
}

/* "  not live: damped for another 42 s", "  its routes are kept for another 0.2 s" */
static void print_use(const json_t *item)
{
	const char *use = use_text(item);
	bool live = json_is_true(field(item, "up"));

	if (use)
		printf("  %s%s: %s%s\n", style_on(STYLE_WARN), live ? "live" : "not live", use,
		       style_off());
	if (json_is_number(field(item, "held_s")))
		printf("  its routes are kept for another %.1f s\n",
		       json_number_value(field(item, "held_s")));
}

/* "  penalty 3737, damped until 1000 is left, for another 57s" */
static void print_damping(const json_t *item)
{
	const json_t *d = field(item, "damping");
	char penalty[UNIT_STRLEN], limit[UNIT_STRLEN], left[FIELD_STRLEN];
	uint64_t owed = (uint64_t)json_number_value(field(d, "penalty"));

	if (json_is_true(field(d, "damped")))
		printf("  penalty %s, damped until %s is left, for another %s\n",
		       unit_count(owed, penalty), unit_count(field_count(d, "reuse"), limit),
		       field_duration(d, "release_s", left));
	else if (owed)
		printf("  penalty %s, damped from %s on\n", unit_count(owed, penalty),
		       unit_count(field_count(d, "suppress"), limit));
}

static void print_place(const json_t *item)
{
	char if_id[FIELD_STRLEN], mtu[FIELD_STRLEN], weight[FIELD_STRLEN];

	printf("  %s %s %s, device %s, if_id %s\n", field_string(item, "local_address"), arrow(),
	       field_string(item, "remote_address"), field_string(item, "device"),
	       field_text(item, "if_id", if_id));
	printf("  connection %s, MTU %s, weight %s\n", field_string(item, "connection"),
	       field_text(item, "mtu", mtu), field_text(item, "weight", weight));
}

static void print_traffic(const json_t *item, const char *direction)
{
	const json_t *all = field(item, direction), *rate = field(field(item, "rates"), direction);
	char bytes[UNIT_STRLEN], packets[UNIT_STRLEN];

	printf("  %-4s%s packets, %s", direction, unit_count(field_count(all, "packets"), packets),
	       unit_bytes(field_count(all, "bytes"), bytes));
	if (rate)
		printf("; in the last minute %s packets/s, %s/s",
		       unit_count(field_count(rate, "packets"), packets),
		       unit_bytes(field_count(rate, "bytes"), bytes));
	putchar('\n');
}

static int tunnel_details(const json_t *item)
{
	uint64_t lost = field_count(item, "tx_carrier");
	char number[UNIT_STRLEN];

	print_state(item);
	print_use(item);
	print_warnings(item);
	print_damping(item);
	show_health(item);
	if (json_is_object(field(item, "drain")))
		printf("  %s%s%s\n", style_on(STYLE_WARN),
		       drain_text(field(item, "drain"), (char[DRAIN_STRLEN]){ 0 }), style_off());
	print_place(item);
	print_traffic(item, "in");
	print_traffic(item, "out");
	if (lost)
		printf("  %s%s packets lost at the device: no SA, policy or route behind it%s\n",
		       style_on(STYLE_WARN), unit_count(lost, number), style_off());
	return show_sas(item);
}

const struct noun noun_tunnels = {
	.name = "tunnels",
	.none = "no tunnels are configured",
	.columns = tunnel_columns,
	.row = tunnel_row,
	.details = tunnel_details,
};
