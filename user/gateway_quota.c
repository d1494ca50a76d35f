/* SPDX-License-Identifier: GPL-2.0-only */
/* What is said about BGP routes: their quotas [S43 S44 D4], and their feeds. */
#include <errno.h>
#include <string.h>
#include "gateway_bgp.h"

#define HEADROOM_LOW  80u /* percent in use */
#define HEADROOM_NONE 95u

/* A share in words, or NULL: nothing to be said. Only crossing a step says something new. */
static const char *much_of(size_t used, size_t limit)
{
	if (limit == LEARNED_NO_LIMIT || used * 100 < limit * HEADROOM_LOW)
		return NULL;
	if (used >= limit)
		return "all";
	return used * 100 >= limit * HEADROOM_NONE ? "more than 95 %" : "more than 80 %";
}

static void alarm_tunnel(struct gateway *g, size_t connection, size_t tunnel)
{
	const struct config_connection *c = &g->config.connections[connection];
	const struct learned *l = g->learned[connection];
	const char *much = much_of(l->counts.accepted[tunnel], l->limits.tunnel);

	if (much)
		gateway_alarm(
			g,
			"connection %s: %s of the %zu BGP routes that tunnel %s may bring are "
			"in use [S43 S44]",
			c->name, much, l->limits.tunnel, c->tunnels[tunnel].name);
}

static int first_refused(const struct prefix *p, tunnel_mask refused, void *context)
{
	(void)refused;
	*(struct prefix *)context = *p;
	return 1;
}

/* Without the number: it changes with every route, and each alarm is a line in the journal. */
static void alarm_refused(struct gateway *g, size_t connection)
{
	const char *name = g->config.connections[connection].name;
	struct prefix first;
	char text[PREFIX_STRLEN];

	if (!learned_each_refused(g->learned[connection], first_refused, &first))
		return;
	prefix_format(&first, text);
	gateway_alarm(g,
		      "connection %s: BGP routes over quota are refused, the first is %s; "
		      "'espalier show bgp %s' lists them. Let the data centre aggregate, or set "
		      "`limits: none` [D4 D5]",
		      name, text, name);
}

/* Without the default's account it is FRR that is not there, not a word in the file that is wrong.
 */
static void alarm_fpm_user(struct gateway *g)
{
	const char *user = g->config.gateway.fpm.user;
	int err = bgp_fpm_account_error(g);

	if (!user || !err || !config_has_fpm(&g->config))
		return;
	if (err == -ENOENT)
		gateway_alarm(g,
			      "fpm: user '%s' is not an account of this host, only root's "
			      "connections are taken; create it, or write the account that zebra "
			      "runs as: `ps -C zebra -o user=` tells",
			      user);
	else
		gateway_alarm(
			g,
			"fpm: user '%s' cannot be looked up (%s), only root's connections are "
			"taken; write its user id, which needs no name service",
			user, strerror(-err));
}

/* While its routes are only kept, or gone. */
static void alarm_fpm(struct gateway *g)
{
	const struct config_fpm *fpm = &g->config.gateway.fpm;
	struct address address = config_fpm_address(fpm);
	char text[PREFIX_STRLEN];

	if (!config_has_fpm(&g->config) || bgp_fpm_connected(g))
		return;
	if (bgp_fpm_counters(g))
		gateway_alarm(g,
			      "FRR's FPM stream is not there, BGP routes by it are only kept; "
			      "zebra needs `-M dplane_fpm_nl` and `fpm address %s port %u`, and to "
			      "run as %s or root",
			      address_format(&address, text), fpm->port, config_fpm_user(fpm));
	else
		gateway_alarm(g,
			      "cannot listen for FRR's FPM stream at %s port %u, BGP routes by it "
			      "are only kept",
			      address_format(&address, text), fpm->port);
}

static void alarm_stale(struct gateway *g, size_t connection)
{
	if (g->learned[connection]->stale)
		gateway_alarm(g,
			      "connection %s: BGP routes are stale, kept until the routing daemon "
			      "brings them again, or restart_time is over",
			      g->config.connections[connection].name);
}

void quota_raise_alarms(struct gateway *g)
{
	for (size_t i = 0; g->learned && i < g->config.connection_count; i++) {
		const struct config_connection *c = &g->config.connections[i];

		for (size_t k = 0; c->bgp.enabled && k < c->tunnel_count; k++)
			alarm_tunnel(g, i, k);
		if (c->bgp.enabled) {
			alarm_refused(g, i);
			alarm_stale(g, i);
		}
	}
	if (g->bgp) {
		alarm_fpm(g);
		alarm_fpm_user(g);
	}
}
