/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For the next espalierd: what it cannot read from the kernel. Who writes to a connection's table
 * (core/hold.h), without which a routing daemon that starts anew would withdraw everything; and
 * what is stale, which the kernel has not. A file in the runtime directory, for neither outlives a
 * reboot:
 *
 *   {"version": 1, "connections": {"dc-1": {"writer": 4711, "former": 0, "since_ns": 0,
 *    "until_ns": 0, "stale": [{"metric": 20, "devices": ["tun101"],
 *                              "prefixes": "10.9.0.0/16 10.10.0.0/16"}]}}}
 *
 * Written behind a change, and so seldom that it costs a tenth of the time at most; what is not in
 * it yet when espalierd is killed is forgotten.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <jansson.h>
#include "gateway_bgp_internal.h"
#include "io/statefile.h"

#define MEMORY_FILE    "bgp.json"
#define MEMORY_VERSION 1
#define LEAST_PAUSE_NS (100 * NS_PER_MS)
#define PAUSE_TIMES    10u /* what the last writing took */
#define RETRY_NS       (10 * NS_PER_S)
#define DELIMITER      " "

/* ---- writing ---- */

/* Routes with one metric over the same tunnels. */
struct stale_group {
	struct stale_group *next;
	uint32_t metric;
	tunnel_mask tunnels;
	FILE *stream;
	char *prefixes;
	size_t len;
};

static struct stale_group *new_group(uint32_t metric, tunnel_mask tunnels)
{
	struct stale_group *new = calloc(1, sizeof(*new));

	if (!new)
		return NULL;
	new->metric = metric;
	new->tunnels = tunnels;
	new->stream = open_memstream(&new->prefixes, &new->len);
	if (new->stream)
		return new;
	free(new);
	return NULL;
}

static int add_stale(const struct prefix *p, uint32_t metric, tunnel_mask tunnels, void *context)
{
	struct stale_group **place = context;
	char text[PREFIX_STRLEN];

	while (*place && ((*place)->metric != metric || (*place)->tunnels != tunnels))
		place = &(*place)->next;
	if (!*place)
		*place = new_group(metric, tunnels);
	if (!*place)
		return -ENOMEM;
	fprintf((*place)->stream, "%s" DELIMITER, prefix_format(p, text));
	return 0;
}

static json_t *devices_memory(const struct config_connection *c, tunnel_mask tunnels)
{
	json_t *list = json_array();
	char name[DEVICE_NAME_LEN];

	for (size_t k = 0; k < c->tunnel_count; k++)
		if (tunnels >> k & 1)
			json_array_append_new(
				list, json_string(tunnel_device_name(&c->tunnels[k], name)));
	return list;
}

/* Takes the groups apart. NULL: no memory. */
static json_t *groups_memory(const struct config_connection *c, struct stale_group *first)
{
	json_t *list = json_array();
	struct stale_group *next;
	int err = 0;

	for (struct stale_group *g = first; g; g = next) {
		next = g->next;
		if (fclose(g->stream))
			err = -ENOMEM;
		else
			err |= json_array_append_new(
				list, json_pack("{s:I, s:o, s:s%}", "metric", (json_int_t)g->metric,
						"devices", devices_memory(c, g->tunnels),
						"prefixes", g->prefixes, g->len));
		free(g->prefixes);
		free(g);
	}
	if (!err)
		return list;
	json_decref(list);
	return NULL;
}

static json_t *stale_memory(const struct gateway *g, size_t connection)
{
	struct stale_group *groups = NULL;
	int err = learned_each_stale(g->learned[connection], add_stale, &groups);
	json_t *list = groups_memory(&g->config.connections[connection], groups);

	if (!err)
		return list;
	json_decref(list);
	return NULL;
}

static json_t *connection_memory(const struct gateway *g, size_t connection)
{
	const struct hold *h = &bgp_connection_at(g, connection)->hold;

	return json_pack("{s:I, s:I, s:I, s:I, s:o}", "writer", (json_int_t)h->writer, "former",
			 (json_int_t)h->former, "since_ns", (json_int_t)h->since_ns, "until_ns",
			 (json_int_t)bgp_stale_until(g, connection), "stale",
			 stale_memory(g, connection));
}

/* NULL: no memory. */
static char *memory_text(const struct gateway *g)
{
	json_t *connections = json_object(), *memory;
	char *text = NULL;
	int err = 0;

	for (size_t i = 0; i < g->config.connection_count; i++)
		if (g->config.connections[i].bgp.enabled)
			err |= json_object_set_new(connections, g->config.connections[i].name,
						   connection_memory(g, i));
	memory = json_pack("{s:i, s:o}", "version", MEMORY_VERSION, "connections", connections);
	if (!err && memory)
		text = json_dumps(memory, JSON_INDENT(1));
	json_decref(memory);
	return text;
}

static struct bgp_remembered remembered_now(const struct bgp_connection *c)
{
	return (struct bgp_remembered){ c->hold, c->learned.stale_changes,
					c->learned.stale ? c->stale_until_ns : 0 };
}

static bool is_remembered(const struct bgp_connection *c)
{
	const struct bgp_remembered *was = &c->remembered;
	struct bgp_remembered is = remembered_now(c);

	return is.hold.writer == was->hold.writer && is.hold.former == was->hold.former &&
	       is.hold.since_ns == was->hold.since_ns && is.stale_changes == was->stale_changes &&
	       is.until_ns == was->until_ns;
}

static bool all_remembered(const struct bgp *b)
{
	for (const struct bgp_connection *c = b->connections; c; c = c->next)
		if (!is_remembered(c))
			return false;
	return !b->memory.outdated;
}

void bgp_remember(struct gateway *g)
{
	struct bgp_memory *m = &g->bgp->memory;
	uint64_t begin = bgp_monotonic();
	char *text;
	int err;

	if (all_remembered(g->bgp))
		return;
	text = memory_text(g);
	err = text ? statefile_write(g->options->runtime_dir, MEMORY_FILE, text, strlen(text))
		   : -ENOMEM;
	free(text);
	if (err && err != m->error)
		gateway_log(LOG_WARNING,
			    "cannot write %s/" MEMORY_FILE
			    " (%s): a restart of espalierd would not keep stale BGP routes",
			    g->options->runtime_dir, strerror(-err));
	m->error = err;
	m->took_ns = bgp_monotonic() - begin;
	m->outdated = err;
	for (struct bgp_connection *c = g->bgp->connections; c && !err; c = c->next)
		c->remembered = remembered_now(c);
}

void bgp_remember_later(struct gateway *g)
{
	const struct bgp_memory *m = &g->bgp->memory;
	uint64_t pause = m->error ? RETRY_NS : PAUSE_TIMES * m->took_ns;

	if (m->timer && !all_remembered(g->bgp))
		bgp_arm(g, m->timer, pause > LEAST_PAUSE_NS ? pause : LEAST_PAUSE_NS);
}

int bgp_on_remember(sd_event_source *source, uint64_t usec, void *data)
{
	(void)source;
	(void)usec;
	bgp_remember(data);
	bgp_remember_later(data);
	return 0;
}

int bgp_forget(const char *runtime_dir)
{
	return statefile_remove(runtime_dir, MEMORY_FILE);
}

/* ---- reading ---- */

static uint64_t number(const json_t *object, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(object, key));
}

/* A tunnel that is no longer configured takes its share along. */
static tunnel_mask tunnels_named(const struct config_connection *c, const json_t *devices)
{
	tunnel_mask mask = 0;
	char name[DEVICE_NAME_LEN];

	for (size_t k = 0; k < c->tunnel_count; k++)
		for (size_t i = 0; i < json_array_size(devices); i++) {
			const char *device = json_string_value(json_array_get(devices, i));

			if (device && !strcmp(device, tunnel_device_name(&c->tunnels[k], name)))
				mask |= (tunnel_mask)(1u << k);
		}
	return mask;
}

static int recall_group(struct learned *l, const struct config_connection *c, const json_t *group)
{
	const char *text = json_string_value(json_object_get(group, "prefixes"));
	struct learned_offer offer = {
		.metric = (uint32_t)number(group, "metric"),
		.tunnels = tunnels_named(c, json_object_get(group, "devices")),
	};
	char *copy = text ? strdup(text) : NULL, *rest = NULL;
	int err = text ? copy ? 0 : -ENOMEM : -EBADMSG;
	struct prefix p;

	for (char *word = copy ? strtok_r(copy, DELIMITER, &rest) : NULL; !err && word;
	     word = strtok_r(NULL, DELIMITER, &rest)) {
		err = prefix_parse(word, &p, NULL) ? -EBADMSG : 0;
		if (!err && offer.tunnels)
			err = learned_offer(l, &p, &offer);
		if (!err)
			learned_keep(l, &p, offer.metric);
	}
	free(copy);
	return err;
}

/* How long there is still to go, monotonic; 0: no longer. */
static uint64_t still_until(const struct gateway *g, size_t connection, uint64_t until)
{
	uint64_t now = bgp_monotonic(), time = bgp_stale_time(g, connection);

	if (until <= now || !time)
		return 0;
	return until < now + time ? until : now + time;
}

static int recall_stale(struct gateway *g, size_t connection, const json_t *memory)
{
	const struct config_connection *c = &g->config.connections[connection];
	uint64_t until = still_until(g, connection, number(memory, "until_ns"));
	const json_t *groups = json_object_get(memory, "stale");
	int err = json_is_array(groups) ? 0 : -EBADMSG;

	for (size_t i = 0; until && !err && i < json_array_size(groups); i++)
		err = recall_group(g->learned[connection], c, json_array_get(groups, i));
	if (g->learned[connection]->stale)
		bgp_begin_staleness(g, connection, true, until);
	return err;
}

static int recall_connection(struct gateway *g, size_t connection, const json_t *memory)
{
	struct bgp_connection *c = bgp_connection_at(g, connection);

	if (!memory || !g->config.connections[connection].bgp.enabled)
		return 0;
	c->hold = (struct hold){ (uint32_t)number(memory, "writer"),
				 (uint32_t)number(memory, "former"), number(memory, "since_ns") };
	hold_resume(&c->hold, route_feed_writer_lives(c->hold.writer),
		    c->hold.former && route_feed_writer_lives(c->hold.former), bgp_monotonic());
	return recall_stale(g, connection, memory);
}

static int recall_all(struct gateway *g, const json_t *memory)
{
	json_t *connections = json_object_get(memory, "connections");
	int err = number(memory, "version") == MEMORY_VERSION && json_is_object(connections)
			  ? 0
			  : -EBADMSG;

	for (size_t i = 0; !err && i < g->config.connection_count; i++)
		err = recall_connection(
			g, i, json_object_get(connections, g->config.connections[i].name));
	return err;
}

void bgp_recall(struct gateway *g)
{
	const char *dir = g->options->runtime_dir;
	json_t *memory = NULL;
	char *text = NULL;
	size_t len;
	int err = statefile_read(dir, MEMORY_FILE, &text, &len);

	if (!err) {
		memory = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
		err = memory ? recall_all(g, memory) : -EBADMSG;
	}
	json_decref(memory);
	free(text);
	/* What was dropped, for it is of another configuration, must not come back. */
	g->bgp->memory.outdated = err != -ENOENT;
	if (err && err != -ENOENT)
		gateway_log(LOG_WARNING,
			    "%s/" MEMORY_FILE " cannot be used (%s): of BGP routes the kernel's "
			    "are kept, not what was stale",
			    dir, strerror(-err));
}
