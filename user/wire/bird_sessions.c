/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A line for each protocol ("NAME PROTO TABLE STATE SINCE INFO"), what it is below, its channels
 * below that:
 *
 *   VRF:            vrf1001
 *   BGP state:          Established
 *     Neighbor address: 169.254.10.2%xfrm101
 *   Channel ipv4
 *     Routes:         3 imported, 2 exported, 1 preferred
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bird_sessions.h"
#include "running_internal.h"

#define DAY_S 86400u

static struct frr_session *add_session(struct frr_sessions *s)
{
	struct frr_session *made;

	if (s->count == s->room) {
		size_t room = s->room + s->room / 2 + 16;
		void *moved = reallocarray(s->list, room, sizeof(*s->list));

		if (!moved)
			return NULL;
		s->list = moved;
		s->room = room;
	}
	made = &s->list[s->count++];
	*made = (struct frr_session){ .vrf = "default" };
	return made;
}

static uint64_t up_ms(const char *since, unsigned day_s)
{
	unsigned hours, minutes, seconds;

	if (sscanf(since, "%2u:%2u:%2u", &hours, &minutes, &seconds) != 3 || hours > 23 ||
	    minutes > 59 || seconds > 60)
		return 0;
	return (day_s + DAY_S - (hours * 3600 + minutes * 60 + seconds) % DAY_S) % DAY_S * 1000ull;
}

/* The routes of one channel; with `import keep filtered` there is a number more. */
static void add_routes(struct frr_session *s, const char *text)
{
	unsigned received, sent;

	if (sscanf(text, "%u imported, %*u filtered, %u exported", &received, &sent) != 2 &&
	    sscanf(text, "%u imported, %u exported", &received, &sent) != 2)
		return;
	s->received += received;
	s->advertised += sent;
}

/* What stands behind `key` and blanks, or NULL. */
static const char *value_of(const char *line, const char *key)
{
	size_t len = strlen(key);

	return strncmp(line, key, len) ? NULL : line + len + strspn(line + len, " ");
}

static void set_peer(struct frr_session *s, const char *text)
{
	char address[PREFIX_STRLEN];

	snprintf(address, sizeof(address), "%.*s", (int)strcspn(text, "%"), text);
	if (address_parse(address, &s->peer))
		s->peer = (struct address){ 0 };
}

static void add_line(struct frr_session *s, const char *line)
{
	const char *value;

	if ((value = value_of(line, "VRF:")))
		snprintf(s->vrf, sizeof(s->vrf), "%s", value);
	else if ((value = value_of(line, "BGP state:")))
		snprintf(s->state, sizeof(s->state), "%s", value);
	else if ((value = value_of(line, "Neighbor address:")))
		set_peer(s, value);
	else if ((value = value_of(line, "Routes:")))
		add_routes(s, value);
}

/* A protocol begins: a session, if it is one of BGP. 0 or -ENOMEM. */
static int begin(const char *line, unsigned day_s, struct frr_sessions *all,
		 struct frr_session **session)
{
	char proto[32], since[32];

	*session = NULL;
	if (sscanf(line, "%*s %31s %*s %*s %31s", proto, since) != 2 || strcmp(proto, "BGP") != 0)
		return 0;
	*session = add_session(all);
	if (!*session)
		return -ENOMEM;
	(*session)->up_ms = up_ms(since, day_s);
	return 0;
}

/* The time and the routes of one that is not established are of something else. */
static void settle(struct frr_sessions *all)
{
	for (size_t i = 0; i < all->count; i++) {
		struct frr_session *s = &all->list[i];

		if (strcmp(s->state, "Established") != 0)
			s->up_ms = s->received = s->advertised = 0;
	}
}

int bird_sessions_parse(const char *text, size_t len, unsigned day_s, struct frr_sessions *out)
{
	const char *end = text + len;
	struct frr_session *session = NULL;
	char line[RUNNING_LINE_LEN];
	bool headed = false;
	int indent, err = 0;

	*out = (struct frr_sessions){ 0 };
	while (!err && (indent = running_line(&text, end, line)) >= 0) {
		headed |= value_of(line, "Name ") != NULL;
		if (!indent)
			err = begin(line, day_s, out, &session);
		else if (session)
			add_line(session, line);
	}
	if (!err && !headed)
		err = -EINVAL;
	if (err)
		frr_sessions_free(out);
	settle(out);
	return err;
}
