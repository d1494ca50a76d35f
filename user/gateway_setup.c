/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One configuration in the place of another. The order in which a change is made, so that no packet
 * finds a hole: ids and their names; devices, addresses, kernel routes that are new; where
 * everything is; routes and groups; associations and programs; tables that went; what the host no
 * longer needs; ids that nothing means any more.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include "gateway_audit.h"
#include "gateway_bgp.h"
#include "gateway_change.h"
#include "gateway_cores.h"
#include "gateway_stats.h"
#include "gateway_drain.h"

/* ---- ids and their names ---- */

static int write_names(struct gateway *g, enum name_kind kind, const struct id_space *s)
{
	int err = 0;

	for (uint32_t id = 0; !err && id < s->limit; id++)
		if (s->names[id])
			err = dataplane_set_name(g->dataplane, kind, id, s->names[id]);
	return err;
}

/* Remembers ids for the next controller. What it has under another name is corrected. */
static int remember_ids(struct gateway *g)
{
	int err = write_names(g, NAME_TABLE, &g->spaces.tables);

	if (!err)
		err = write_names(g, NAME_ATTACHMENT, &g->spaces.attachments);
	if (!err)
		err = write_names(g, NAME_TUNNEL, &g->spaces.tunnels);
	return err;
}

/* By id: was it in use before? */
static bool *used_ids(const struct id_space *s)
{
	bool *used = calloc(s->limit, sizeof(*used));

	for (size_t i = 0; used && i < s->limit; i++)
		used[i] = s->names[i] != NULL;
	return used;
}

static void forget_id(struct gateway *g, enum name_kind kind, uint32_t id)
{
	static const struct tunnel no_tunnel;
	static const struct device no_device;

	dataplane_delete_name(g->dataplane, kind, id);
	if (kind == NAME_TUNNEL) {
		draining_forget(g, id);
		sentry_set_live(g->sentry, id, false);
		dataplane_set_tunnel(g->dataplane, id, &no_tunnel);
		dataplane_reset_tunnel(g->dataplane, id);
		stats_forget(g, id);
		cores_forget(g, id);
		phase2_unwatch(g->phase2, id);
		sentry_unwatch(g->sentry, id);
	}
	if (kind == NAME_ATTACHMENT) {
		dataplane_set_device(g->dataplane, id, &no_device);
		dataplane_reset_attachment(g->dataplane, id);
	}
}

static void forget_ids(struct gateway *g, enum name_kind kind, const struct id_space *s,
		       const bool *before)
{
	for (uint32_t id = 0; id < s->limit; id++)
		if (before[id] && !s->names[id])
			forget_id(g, kind, id);
}

/* An unfinished update leaves tables behind that still lead somewhere. */
static bool anything_retired(const struct gateway *g)
{
	for (size_t i = 0; i < g->fib.count; i++)
		if (g->fib.tables[i].retired)
			return true;
	return false;
}

int setup_retire(struct gateway *g)
{
	bool *tables = used_ids(&g->spaces.tables);
	bool *attachments = used_ids(&g->spaces.attachments);
	bool *tunnels = used_ids(&g->spaces.tunnels);
	int err = tables && attachments && tunnels ? 0 : -ENOMEM;

	if (!err && !anything_retired(g)) {
		err = ids_retire(&g->spaces, &g->config);
		if (!err) {
			forget_ids(g, NAME_TABLE, &g->spaces.tables, tables);
			forget_ids(g, NAME_ATTACHMENT, &g->spaces.attachments, attachments);
			forget_ids(g, NAME_TUNNEL, &g->spaces.tunnels, tunnels);
		}
	}
	free(tables);
	free(attachments);
	free(tunnels);
	bgp_retire(g);
	return err;
}

/* ---- a configuration and the state of its parts ---- */

static struct gateway_tunnel new_tunnel(const struct setup *s, size_t place)
{
	struct gateway_tunnel t = {
		.connection = place / TUNNELS_PER_CONNECTION,
		.index = place % TUNNELS_PER_CONNECTION,
	};

	t.used = t.index < s->config.connections[t.connection].tunnel_count;
	t.id = s->ids.tunnel[t.connection][t.index];
	return t;
}

/* A tunnel that runs already keeps what is known of it, wherever it stands now. */
static void keep_tunnel(const struct gateway *g, struct gateway_tunnel *t)
{
	const struct gateway_tunnel *was = t->used && g->tunnels ? gateway_tunnel(g, t->id) : NULL;
	struct gateway_tunnel now;

	if (!was)
		return;
	now = *was;
	now.connection = t->connection;
	now.index = t->index;
	*t = now;
}

static void keep_attachment(const struct gateway *g, const struct config_attachment *a,
			    struct gateway_attachment *run)
{
	int was = g->attachments ? gateway_attachment_by_id(g, run->id) : -1;

	if (was < 0 || g->config.attachments[was].type != a->type)
		return;
	*run = g->attachments[was];
	/* Another way to attach is to be tried. */
	if (g->config.attachments[was].xdp != a->xdp)
		run->attached = 0;
}

static int make_state(struct gateway *g, struct setup *s)
{
	size_t places = s->config.connection_count * TUNNELS_PER_CONNECTION;

	s->tunnels = calloc(places + 1, sizeof(*s->tunnels));
	s->attachments = calloc(s->config.attachment_count + 1, sizeof(*s->attachments));
	s->learned = bgp_bind(g, &s->config);
	if (!s->tunnels || !s->attachments || !s->learned)
		return -ENOMEM;
	for (size_t i = 0; i < places; i++) {
		s->tunnels[i] = new_tunnel(s, i);
		keep_tunnel(g, &s->tunnels[i]);
	}
	for (size_t i = 0; i < s->config.attachment_count; i++) {
		s->attachments[i].id = s->ids.attachment[i];
		keep_attachment(g, &s->config.attachments[i], &s->attachments[i]);
	}
	return 0;
}

void setup_free(struct setup *s, struct config *config)
{
	ids_free(&s->ids);
	free(s->tunnels);
	free(s->attachments);
	free(s->learned);
	if (config)
		*config = s->config;
	*s = (struct setup){ 0 };
}

int setup_make(struct gateway *g, struct config *config, struct setup *out)
{
	struct setup s = { .config = *config };
	int err = ids_assign(&g->spaces, config, &s.ids);

	if (!err)
		err = make_state(g, &s);
	if (err) {
		setup_free(&s, NULL);
		ids_retire(&g->spaces, &g->config);
		return err;
	}
	*out = s;
	*config = (struct config){ 0 };
	return 0;
}

/* Asked for with each bucket and each message: no search. */
static void note_places(struct gateway *g)
{
	memset(g->tunnel_places, 0, sizeof(g->tunnel_places));
	for (size_t i = 0; i < gateway_tunnel_places(g); i++)
		if (g->tunnels[i].used)
			g->tunnel_places[g->tunnels[i].id] = (uint16_t)(i + 1);
}

void setup_exchange(struct gateway *g, struct setup *s)
{
	struct setup was = { g->config, g->ids, g->tunnels, g->attachments, g->learned };

	g->config = s->config;
	g->ids = s->ids;
	g->tunnels = s->tunnels;
	g->attachments = s->attachments;
	g->learned = s->learned;
	note_places(g);
	*s = was;
}

int setup_first(struct gateway *g)
{
	struct setup s;
	int err = setup_make(g, &g->config, &s);

	if (err)
		return err;
	setup_exchange(g, &s);
	setup_free(&s, NULL);
	err = remember_ids(g);
	return err ? err : setup_watch(g, NULL);
}

/* ---- which SAs are of interest ---- */

static bool same_watch(const struct config_tunnel *a, const struct config_tunnel *b)
{
	return a->if_id == b->if_id && address_equal(&a->local_address, &b->local_address) &&
	       address_equal(&a->remote_address, &b->remote_address);
}

static const struct config_tunnel *tunnel_before(const struct setup *before, const char *name)
{
	size_t index;
	int connection = before ? config_find_tunnel(&before->config, name, &index) : -1;

	return connection < 0 ? NULL : &before->config.connections[connection].tunnels[index];
}

int setup_watch(struct gateway *g, const struct setup *before)
{
	int err = 0;

	tunnels_configure(g);
	for (size_t i = 0; !err && i < gateway_tunnel_places(g); i++) {
		const struct gateway_tunnel *t = &g->tunnels[i];
		const struct config_tunnel *c = gateway_tunnel_config(g, t), *was;
		struct phase2_tunnel watch = { c->if_id, c->if_id, c->local_address,
					       c->remote_address };

		if (!t->used)
			continue;
		was = tunnel_before(before, c->name);
		if (was && same_watch(was, c))
			continue;
		err = phase2_watch(g->phase2, t->id, &watch, gateway_now(g));
		if (!err)
			err = sentry_watch(g->sentry, t->id, &watch);
	}
	/* At the first start the SAs come next, and the changes with them. */
	if (before)
		tunnels_take_changes(g);
	return err;
}

/* ---- the change ---- */

/* What was decided goes first: it points into the configuration. */
static void exchange(struct gateway *g, struct setup *s)
{
	rib_free(&g->rib);
	g->decided = false;
	setup_exchange(g, s);
}

static int undo(struct gateway *g, struct setup *s, int err, char *why, size_t size)
{
	snprintf(why, size, "%s", g->alarm_count ? g->alarms[0] : strerror(-err));
	exchange(g, s);
	bgp_configure(g);
	setup_watch(g, s);
	if (gateway_update(g))
		gateway_log(LOG_ERR, "the former configuration could not be restored in full");
	return err;
}

int gateway_install(struct gateway *g, struct config *next, char *why, size_t why_size)
{
	bool was_well = !g->alarm_count;
	struct setup s;
	int err = setup_make(g, next, &s);

	if (err) {
		snprintf(why, why_size, "%s",
			 err == -ENOSPC ? "the dataplane has no room for that many tables, "
					  "attachments or tunnels"
					: strerror(-err));
		return err;
	}
	exchange(g, &s);
	err = remember_ids(g);
	if (!err)
		err = bgp_configure(g);
	if (!err)
		err = setup_watch(g, &s);
	if (!err)
		err = gateway_update(g);
	/* What was wrong before, and still is, does not speak against the change. */
	if (err && (was_well || !g->decided || err == -ENOSPC || err == -ENOMEM))
		err = undo(g, &s, err, why, why_size);
	else
		err = 0;
	audit_schedule(g);
	setup_retire(g);
	setup_free(&s, next);
	return err;
}
