/* SPDX-License-Identifier: GPL-2.0-only */
/* espalier show bgp: sessions and quotas; the routes of one connection are in show_bgp_routes.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bgp_sessions.h"
#include "cli.h"
#include "client.h"
#include "field.h"
#include "show.h"

static const struct column bgp_columns[] = {
	{ "CONNECTION", ALIGN_LEFT }, { "VRF", ALIGN_LEFT },	  { "TUNNEL", ALIGN_LEFT },
	{ "SESSION", ALIGN_LEFT },    { "UP", ALIGN_RIGHT },	  { "RECEIVED", ALIGN_RIGHT },
	{ "SENT", ALIGN_RIGHT },      { "OFFERED", ALIGN_RIGHT }, { "ACCEPTED", ALIGN_RIGHT },
	{ "REFUSED", ALIGN_RIGHT },   { "STALE", ALIGN_RIGHT },	  { "LIMIT", ALIGN_RIGHT },
	{ "QUOTA", ALIGN_LEFT },      { NULL, ALIGN_LEFT },
};

static void cell_quota(struct table *t, const json_t *tunnel)
{
	uint64_t limit = field_count(tunnel, "limit"), used = field_count(tunnel, "accepted");
	double share = limit ? (double)used / (double)limit : 0;
	char buf[BAR_STRLEN];

	if (limit)
		table_cell(t,
			   share < 0.8 ? STYLE_PLAIN
			   : share < 1 ? STYLE_WARN
				       : STYLE_BAD,
			   "%s", unit_bar(share, buf));
	else
		table_cell(t, STYLE_DIM, "no limit");
}

/* "51 for 1m58s": kept for so long at most. */
static void cell_stale(struct table *t, const json_t *item, const json_t *tunnel)
{
	uint64_t stale = field_count(tunnel, "stale");
	char left[FIELD_STRLEN];

	if (stale)
		table_cell(t, STYLE_WARN, "%llu for %s", (unsigned long long)stale,
			   field_duration(item, "stale_for_s", left));
	else
		table_cell(t, STYLE_PLAIN, "%s", "");
}

/* As the routing daemon tells; "-" where it does not. */
static void session_cells(struct table *t, const json_t *session)
{
	const char *state = field_string(session, "state");
	char buf[FIELD_STRLEN];

	table_cell(t,
		   !strcmp(state, "Established") ? STYLE_GOOD
		   : json_is_null(session)	 ? STYLE_DIM
						 : STYLE_BAD,
		   "%s", state);
	table_cell(t, STYLE_PLAIN, "%s", field_duration(session, "up_s", buf));
	cell_text(t, session, "received");
	cell_text(t, session, "advertised");
}

static void bgp_rows(struct table *t, const json_t *item)
{
	const json_t *tunnels = field(item, "tunnels");

	for (size_t i = 0; i < json_array_size(tunnels); i++) {
		const json_t *tunnel = json_array_get(tunnels, i);
		uint64_t refused = field_count(tunnel, "refused");

		cell_text(t, item, "connection");
		cell_text(t, item, "vrf");
		table_cell(t, json_is_true(field(tunnel, "up")) ? STYLE_GOOD : STYLE_BAD, "%s",
			   field_string(tunnel, "name"));
		session_cells(t, field(tunnel, "session"));
		cell_text(t, tunnel, "offered");
		cell_text(t, tunnel, "accepted");
		table_cell(t, refused ? STYLE_BAD : STYLE_PLAIN, "%llu",
			   (unsigned long long)refused);
		cell_stale(t, item, tunnel);
		cell_text(t, tunnel, "limit");
		cell_quota(t, tunnel);
	}
}

static int print(const struct cli *cli, const json_t *list)
{
	struct table *t;

	if (cli->json)
		return cli_print_json(cli, list);
	if (!json_array_size(list)) {
		printf("no connection has bgp\n");
		return EXIT_OK;
	}
	t = table_new(bgp_columns);
	for (size_t i = 0; i < json_array_size(list); i++)
		bgp_rows(t, json_array_get(list, i));
	return table_print(t) ? cli_fail(cli, EXIT_FAILED, "out of memory") : EXIT_OK;
}

int bgp_ask_daemon(const struct cli *cli, json_t *request, json_t **result)
{
	char *error = NULL;
	int err = request ? client_request(cli->socket, CLIENT_TIMEOUT_S, request, result, &error)
			  : -1;
	int code = EXIT_OK;

	if (err < 0)
		code = cli_fail(cli, EXIT_FAILED, "%s", error ? error : "out of memory");
	free(error);
	json_decref(request);
	return code;
}

void bgp_complain(const char *why)
{
	fprintf(stderr, "espalier: the routing daemon's side is missing: %s\n", why);
}

int show_bgp_run(const struct cli *cli, const struct command *command, char **operands)
{
	char why[BESIDE_WHY_LEN];
	json_t *list = NULL;
	int code;

	(void)command;
	if (operands[0])
		return show_bgp_routes(cli, operands[0], operands[1]);
	code = bgp_ask_daemon(cli, json_pack("{s:s}", "command", "bgp"), &list);
	if (code)
		return code;
	if (bgp_sessions_add(list, why))
		bgp_complain(why);
	code = print(cli, list);
	json_decref(list);
	return code;
}
