/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * strongSwan's answer is messages of nested sections, one setting a line, lists over several. Only
 * the settings that rendered_swanctl() knows are compared, of the connections that it knows.
 */
#include <stdio.h>
#include <string.h>
#include "running_internal.h"
#include "render_internal.h"

static const char *const known[] = {
	"local_addrs = ", "remote_addrs = ", "version = ",  "reauth_time = ", "rekey_time = ",
	"unique = ",	  "dpd_delay = ",    "id = ",	    "class = ",	      "mode = ",
	"dpd_action = ",  "close_action = ", "local-ts = ", "remote-ts = ",   NULL
};

/* "KEY = [" and its items, each on a line of its own, then "]": one line. */
static void join_list(const char **at, const char *end, char line[RUNNING_LINE_LEN])
{
	char item[RUNNING_LINE_LEN];
	size_t len = strlen(line) - 1; /* without the bracket */

	line[len] = '\0';
	while (running_line(at, end, item) >= 0 && strcmp(item, "]") != 0)
		if (len < RUNNING_LINE_LEN)
			len += (size_t)snprintf(line + len, RUNNING_LINE_LEN - len, "%s ", item);
	len = strlen(line);
	while (len && line[len - 1] == ' ')
		line[--len] = '\0';
}

static bool ends_with(const char *line, const char *end)
{
	size_t len = strlen(line), tail = strlen(end);

	return len >= tail && !strcmp(line + len - tail, end);
}

void running_swanctl(const char *text, size_t len, struct statements *out)
{
	const char *end = text + len;
	struct running_context c = { 0 };
	char line[RUNNING_LINE_LEN];

	while (running_line(&text, end, line) >= 0) {
		if (!strcmp(line, "}")) {
			c.depth -= c.depth > 0;
			continue;
		}
		if (ends_with(line, " {")) {
			line[strlen(line) - 2] = '\0';
			running_context_push(&c, line, 0);
			continue;
		}
		if (ends_with(line, " = ["))
			join_list(&text, end, line);
		/* Before strongSwan 6 `start` was called so. */
		if (!strcmp(line, "dpd_action = restart"))
			snprintf(line, sizeof(line), "dpd_action = start");
		/* The outermost is the message. */
		if (running_begins(line, known))
			statements_add(out, running_context_text(&c, 1), "%s", line);
	}
}

static void add_end(struct statements *out, const char *section, const char *side,
		    const struct address *a)
{
	char context[2 * NAME_MAX_LEN], text[PREFIX_STRLEN];

	snprintf(context, sizeof(context), "%s / %s-1", section, side);
	statements_add(out, context, "id = %s", address_format(a, text));
	statements_add(out, context, "class = pre-shared key");
}

static void add_child(struct statements *out, const char *section)
{
	char context[3 * NAME_MAX_LEN];

	snprintf(context, sizeof(context), "%s / children / %s", section, section);
	statements_add(out, context, "mode = TUNNEL");
	statements_add(out, context, "rekey_time = 3600");
	statements_add(out, context, "dpd_action = start");
	statements_add(out, context, "close_action = start");
	statements_add(out, context, "local-ts = 0.0.0.0/0 ::/0");
	statements_add(out, context, "remote-ts = 0.0.0.0/0 ::/0");
}

static void add_tunnel(struct statements *out, const struct config_tunnel *t)
{
	char section[NAME_MAX_LEN + 8], text[PREFIX_STRLEN];

	render_section(t, section);
	statements_add(out, section, "local_addrs = %s", address_format(&t->local_address, text));
	statements_add(out, section, "remote_addrs = %s", address_format(&t->remote_address, text));
	statements_add(out, section, "version = IKEv2");
	statements_add(out, section, "reauth_time = 0");
	statements_add(out, section, "rekey_time = 14400");
	statements_add(out, section, "unique = UNIQUE_NO");
	statements_add(out, section, "dpd_delay = 10");
	add_end(out, section, "local", &t->local_address);
	add_end(out, section, "remote", &t->remote_address);
	add_child(out, section);
}

void rendered_swanctl(const struct config *c, struct statements *out)
{
	for (size_t i = 0; i < c->connection_count; i++)
		for (size_t k = 0; k < c->connections[i].tunnel_count; k++)
			if (render_negotiates(&c->connections[i].tunnels[k]))
				add_tunnel(out, &c->connections[i].tunnels[k]);
}

/* All of a connection with the name of one of our tunnels. */
static bool ours(const struct statement *running, const struct statements *rendered)
{
	char section[RUNNING_LINE_LEN];
	const char *slash = strstr(running->context, " / ");

	snprintf(section, sizeof(section), "%.*s",
		 (int)(slash ? (size_t)(slash - running->context) : strlen(running->context)),
		 running->context);
	return statements_have(rendered, section, "version = IKEv2");
}

const struct comparison running_swanctl_comparison = { running_nothing_assumed, ours };
