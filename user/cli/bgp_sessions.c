/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "../wire/bird_sessions.h"
#include "bgp_sessions.h"
#include "field.h"

/* FRR's name of the instance of a connection. */
static const char *instance_of(const json_t *connection)
{
	const char *vrf = json_string_value(field(connection, "vrf"));

	return vrf ? vrf : "default";
}

static int not_understood(int err, char why[BESIDE_WHY_LEN])
{
	snprintf(why, BESIDE_WHY_LEN, "%s",
		 err == -ENOMEM ? "out of memory"
				: "vtysh's answer is not understood; is this FRR 8 or later?");
	return err;
}

/* ---- sessions ---- */

static int ask_frr(struct frr_sessions *out, char why[BESIDE_WHY_LEN])
{
	static const char *const arguments[] = { "-c", "show bgp vrf all summary json", NULL };
	char *text;
	size_t len;
	int err = beside_ask(BESIDE_VTYSH, arguments, &text, &len, why);

	if (err)
		return err;
	err = frr_sessions_parse(text, len, out);
	free(text);
	return err ? not_understood(err, why) : 0;
}

static int ask_bird(struct frr_sessions *out)
{
	static const char *const arguments[] = { "show", "protocols", "all", NULL };
	char *text, why[BESIDE_WHY_LEN];
	time_t now = time(NULL);
	struct tm t;
	size_t len;
	int err = beside_ask(BESIDE_BIRDC, arguments, &text, &len, why);

	if (err)
		return err;
	localtime_r(&now, &t);
	err = bird_sessions_parse(text, len,
				  (unsigned)(t.tm_hour * 3600 + t.tm_min * 60 + t.tm_sec), out);
	free(text);
	return err;
}

/* BIRD, where FRR has nothing to say. If neither answers, it is FRR that is missed. */
static int ask_sessions(struct frr_sessions *out, char why[BESIDE_WHY_LEN])
{
	struct frr_sessions of_bird;
	int err = ask_frr(out, why);

	if ((!err && out->count) || ask_bird(&of_bird))
		return err;
	frr_sessions_free(out);
	*out = of_bird;
	return 0;
}

static json_t *session_json(const struct frr_sessions *sessions, const char *vrf,
			    const char *peer_name)
{
	struct address peer;

	if (address_parse(peer_name, &peer))
		return json_null();
	for (size_t i = 0; i < sessions->count; i++) {
		const struct frr_session *s = &sessions->list[i];
		bool up = !strcmp(s->state, "Established");

		if (address_equal(&s->peer, &peer) && !strcmp(s->vrf, vrf))
			return json_pack("{s:s, s:o, s:I, s:I}", "state", s->state, "up_s",
					 up && s->up_ms ? json_real((double)s->up_ms / 1000)
							: json_null(),
					 "received", (json_int_t)s->received, "advertised",
					 (json_int_t)s->advertised);
	}
	return json_null();
}

int bgp_sessions_add(json_t *connections, char why[BESIDE_WHY_LEN])
{
	struct frr_sessions sessions = { 0 };
	json_t *connection, *tunnel;
	size_t i, k;
	int err = json_array_size(connections) ? ask_sessions(&sessions, why) : 0;

	json_array_foreach (connections, i, connection)
		json_array_foreach (json_object_get(connection, "tunnels"), k, tunnel)
			json_object_set_new(tunnel, "session",
					    session_json(&sessions, instance_of(connection),
							 field_string(tunnel, "peer")));
	frr_sessions_free(&sessions);
	return err;
}

/* ---- paths ---- */

static int ask_family(const char *vrf, const char *family, struct frr_paths *out,
		      char why[BESIDE_WHY_LEN])
{
	const char *arguments[] = { "-c", NULL, NULL };
	char command[128], *text;
	size_t len;
	int err;

	snprintf(command, sizeof(command), "show bgp vrf %s %s unicast detail json", vrf, family);
	arguments[1] = command;
	err = beside_ask(BESIDE_VTYSH, arguments, &text, &len, why);
	if (err)
		return err;
	err = frr_paths_parse(text, len, out);
	free(text);
	/* A family that the instance does not speak has no such section. */
	return err == -EINVAL ? 0 : err ? not_understood(err, why) : 0;
}

int bgp_paths_ask(const json_t *connection, struct frr_paths *out, char why[BESIDE_WHY_LEN])
{
	const char *vrf = instance_of(connection);
	int err = ask_family(vrf, "ipv4", out, why);

	return err ? err : ask_family(vrf, "ipv6", out, why);
}

/* ---- what is announced ---- */

static int ask_announced(const char *vrf, const char *family, const char *peer,
			 struct prefixes *out, char why[BESIDE_WHY_LEN])
{
	const char *arguments[] = { "-c", NULL, NULL };
	char command[192], *text;
	size_t len;
	int err;

	snprintf(command, sizeof(command),
		 "show bgp vrf %s %s unicast neighbors %s advertised-routes json", vrf, family,
		 peer);
	arguments[1] = command;
	err = beside_ask(BESIDE_VTYSH, arguments, &text, &len, why);
	if (err)
		return err;
	err = frr_advertised_parse(text, len, out);
	free(text);
	return err == -EINVAL ? 0 : err ? not_understood(err, why) : 0;
}

int bgp_announced_ask(const json_t *connection, const json_t *tunnel, struct prefixes *out,
		      char why[BESIDE_WHY_LEN])
{
	const char *vrf = instance_of(connection), *peer = field_string(tunnel, "peer");
	int err = ask_announced(vrf, "ipv4", peer, out, why);

	return err ? err : ask_announced(vrf, "ipv6", peer, out, why);
}
