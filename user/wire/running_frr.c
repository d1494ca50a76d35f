/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * FRR's configuration is a text of lines, a block's lines one blank further in. FRR shows it in an
 * order of its own, with more comments, and without what is its default: these lines are known here
 * (FRR 10.3).
 */
#include <stdio.h>
#include <string.h>
#include "running_internal.h"

/* Ends of blocks, and what frr.conf and the running configuration say about themselves. */
static const char *const noise[] = { "!",	 "#",		"exit",	     "end", "Building ",
				     "Current ", "frr version", "hostname ", NULL };

void running_frr(const char *text, size_t len, struct statements *out)
{
	const char *end = text + len;
	struct running_context c = { 0 };
	char line[RUNNING_LINE_LEN];
	int indent;

	while ((indent = running_line(&text, end, line)) >= 0) {
		if (!*line || running_begins(line, noise))
			continue;
		while (c.depth && c.indents[c.depth - 1] >= indent)
			c.depth--;
		statements_add(out, running_context_text(&c, 0), "%s", line);
		running_context_push(&c, line, indent);
	}
}

static bool assumed(const struct statement *rendered)
{
	static const char *const defaults[] = {
		"service integrated-vtysh-config",
		"bgp graceful-restart restart-time 120",
		"bgp graceful-restart stalepath-time 360",
		"detect-multiplier 3",
		"transmit-interval 300",
		"receive-interval 300",
	};

	for (size_t i = 0; i < sizeof(defaults) / sizeof(*defaults); i++)
		if (!strcmp(rendered->line, defaults[i]))
			return true;
	return false;
}

/* "router bgp 45104 vrf vrf1001" → " vrf vrf1001": of one VRF there is one instance. */
static const char *instance(const char *line)
{
	static const char router[] = "router bgp ";
	const char *rest = strncmp(line, router, strlen(router)) ? NULL : line + strlen(router);

	return rest ? rest + strcspn(rest, " ") : NULL;
}

/* A line outside of blocks: with a name of ours, or another instance in a VRF of ours. */
static bool outer_line_is_ours(const char *line, const struct statements *rendered)
{
	static const char *const names[] = { "ip prefix-list espalier-",
					     "ipv6 prefix-list espalier-",
					     "bgp as-path access-list espalier-",
					     "route-map espalier-", NULL };
	const char *mine = instance(line);

	if (running_begins(line, names))
		return true;
	for (size_t i = 0; mine && i < rendered->count; i++) {
		const char *theirs = instance(rendered->list[i].line);

		if (!*rendered->list[i].context && theirs && !strcmp(mine, theirs))
			return true;
	}
	return false;
}

/* Is " vrf vrf1001" (of an instance of ours) in a line of `bfd`? */
static bool in_vrf(const char *line, const char *vrf)
{
	const char *at = *vrf ? strstr(line, vrf) : NULL;

	return at && (!at[strlen(vrf)] || at[strlen(vrf)] == ' ');
}

/* A line in `bfd`: a profile with a name of ours, a peer that was rendered, any in a VRF of ours.
 */
static bool bfd_line_is_ours(const char *line, const struct statements *rendered)
{
	static const char *const profile[] = { "profile espalier-", NULL };

	if (running_begins(line, profile) || statements_have(rendered, "bfd", line))
		return true;
	for (size_t i = 0; i < rendered->count; i++) {
		const struct statement *s = &rendered->list[i];
		const char *vrf = *s->context ? NULL : instance(s->line);

		if (vrf && in_vrf(line, vrf))
			return true;
	}
	return false;
}

static bool ours(const struct statement *running, const struct statements *rendered)
{
	static const char bfd[] = "bfd / ";
	char outer[RUNNING_LINE_LEN];
	const char *slash = strstr(running->context, " / ");
	size_t len = slash ? (size_t)(slash - running->context) : strlen(running->context);

	if (!len)
		return outer_line_is_ours(running->line, rendered);
	if (!strcmp(running->context, "bfd"))
		return bfd_line_is_ours(running->line, rendered);
	if (!strncmp(running->context, bfd, strlen(bfd)))
		return bfd_line_is_ours(running->context + strlen(bfd), rendered);
	snprintf(outer, sizeof(outer), "%.*s", (int)len, running->context);
	return statements_have(rendered, "", outer) || outer_line_is_ours(outer, rendered);
}

const struct comparison running_frr_comparison = { assumed, ours };
