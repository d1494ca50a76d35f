/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The state file: on whose word the gateway runs, and what was changed at run time. One file, so
 * that after a crash all of it is from one moment. The text of an applied configuration, which may
 * be long, has a file of its own, named by its digest: it is written before the state file names
 * it, and removed when that no longer does.
 *
 *   {"version": 1, "configured": "0123456789abcdef",
 *    "applied": null or {"file", "time", "text": "applied-0123456789abcdef.yaml"},
 *    "routes": [{"change": "added", "connection": "dc-1", "prefix": "10.9.0.0/16",
 *                "file": false},
 *               {"change": "added", "table": "main", "prefix": ..., "via": NAME or null, "metric":
 * 0, "file": false}], "kernel_tables": {"dc-1": 1001}}
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <jansson.h>
#include "gateway_change.h"
#include "gateway_drain.h"
#include "io/statefile.h"

#define STATE_FILE    "state.json"
#define STATE_VERSION 1

/* FNV-1a: tells whether a file was edited, not whether somebody forged it. */
uint64_t state_digest(const char *text, size_t len)
{
	uint64_t hash = 0xcbf29ce484222325;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)text[i]) * 0x100000001b3;
	return hash;
}

void word_free(struct word *w)
{
	free(w->file);
	free(w->text);
	runtime_routes_free(&w->routes);
	*w = (struct word){ 0 };
}

void state_tables_free(struct state_tables *tables)
{
	for (size_t i = 0; i < tables->count; i++)
		free((char *)tables->list[i].connection);
	free(tables->list);
	*tables = (struct state_tables){ 0 };
}

/* ---- reading ---- */

static int read_route(const json_t *item, struct runtime_routes *out)
{
	const char *change = json_string_value(json_object_get(item, "change"));
	const char *connection = json_string_value(json_object_get(item, "connection"));
	const char *table = json_string_value(json_object_get(item, "table"));
	const char *prefix = json_string_value(json_object_get(item, "prefix"));
	struct runtime_route r = {
		.table = !connection,
		.owner = (char *)(connection ? connection : table),
		.via = (char *)json_string_value(json_object_get(item, "via")),
		.metric = (uint32_t)json_integer_value(json_object_get(item, "metric")),
		.file = json_is_true(json_object_get(item, "file")),
	};

	if (!change || !r.owner || !prefix || prefix_parse(prefix, &r.prefix, NULL))
		return -EBADMSG;
	r.kind = strcmp(change, "deleted") ? RUNTIME_ADDED : RUNTIME_DELETED;
	return runtime_routes_add(out, &r);
}

static int read_routes(const json_t *list, struct runtime_routes *out)
{
	int err = json_is_array(list) ? 0 : -EBADMSG;

	for (size_t i = 0; !err && i < json_array_size(list); i++)
		err = read_route(json_array_get(list, i), out);
	return err;
}

static const char *applied_name(const char *text, size_t len, char buf[APPLIED_LEN])
{
	snprintf(buf, APPLIED_LEN, "applied-%016" PRIx64 ".yaml", state_digest(text, len));
	return buf;
}

static int read_applied(const char *dir, const json_t *applied, struct word *w)
{
	const char *file = json_string_value(json_object_get(applied, "file"));
	const char *name = json_string_value(json_object_get(applied, "text"));
	char expected[APPLIED_LEN];
	size_t len;
	int err;

	if (json_is_null(applied))
		return 0;
	if (!file || !name || strchr(name, '/'))
		return -EBADMSG;
	err = statefile_read(dir, name, &w->text, &len);
	if (err)
		return err;
	if (strlen(w->text) != len || strcmp(applied_name(w->text, len, expected), name))
		return -EBADMSG;
	w->time = (uint64_t)json_integer_value(json_object_get(applied, "time"));
	w->file = strdup(file);
	return w->file ? 0 : -ENOMEM;
}

static int read_tables(json_t *object, struct state_tables *out)
{
	out->list = calloc(json_object_size(object) + 1, sizeof(*out->list));
	if (!out->list)
		return -ENOMEM;
	for (void *i = json_object_iter(object); i; i = json_object_iter_next(object, i)) {
		char *copy = strdup(json_object_iter_key(i));

		if (!copy)
			return -ENOMEM;
		out->list[out->count++] = (struct known_table){
			copy, (uint32_t)json_integer_value(json_object_iter_value(i))
		};
	}
	return 0;
}

static int read_state(const char *dir, const json_t *state, struct word *w,
		      struct state_tables *tables)
{
	const char *configured = json_string_value(json_object_get(state, "configured"));
	int err = -EBADMSG;

	if (json_integer_value(json_object_get(state, "version")) == STATE_VERSION && configured &&
	    sscanf(configured, "%" SCNx64, &w->configured) == 1)
		err = read_applied(dir, json_object_get(state, "applied"), w);
	if (!err)
		err = read_routes(json_object_get(state, "routes"), &w->routes);
	if (!err)
		err = read_tables(json_object_get(state, "kernel_tables"), tables);
	if (err) {
		word_free(w);
		state_tables_free(tables);
	}
	return err;
}

int state_load(struct gateway *g, struct word *w, struct state_tables *tables)
{
	const char *dir = g->options->state_dir;
	json_t *state = NULL;
	char *text = NULL;
	size_t len;
	int err = statefile_read(dir, STATE_FILE, &text, &len);

	*w = (struct word){ 0 };
	*tables = (struct state_tables){ 0 };
	if (err == -ENOENT)
		return 0;
	if (!err) {
		state = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
		err = state ? read_state(dir, state, w, tables) : -EBADMSG;
	}
	if (!err)
		g->change->drains = json_incref(json_object_get(state, "drains"));
	json_decref(state);
	if (err == -ENOMEM) {
		free(text);
		return err;
	}
	if (err) {
		gateway_log(LOG_ERR,
			    "%s/" STATE_FILE " cannot be used (%s): routes added at run time and "
			    "what was applied are lost; it is put aside as " STATE_FILE ".bad",
			    dir, strerror(-err));
		g->change->state_bad = true;
		free(text);
		return 0;
	}
	g->change->saved = text;
	if (w->text)
		applied_name(w->text, strlen(w->text), g->change->applied);
	return 0;
}

/* ---- writing ---- */

static json_t *route_state(const struct runtime_route *r)
{
	const char *change = r->kind == RUNTIME_ADDED ? "added" : "deleted";
	char prefix[PREFIX_STRLEN];

	prefix_format(&r->prefix, prefix);
	if (!r->table)
		return json_pack("{s:s, s:s, s:s, s:b}", "change", change, "connection", r->owner,
				 "prefix", prefix, "file", r->file);
	return json_pack("{s:s, s:s, s:s, s:s?, s:I, s:b}", "change", change, "table", r->owner,
			 "prefix", prefix, "via", r->via, "metric", (json_int_t)r->metric, "file",
			 r->file);
}

static json_t *routes_state(const struct runtime_routes *routes)
{
	json_t *list = json_array();

	for (size_t i = 0; i < routes->count; i++)
		json_array_append_new(list, route_state(&routes->list[i]));
	return list;
}

static json_t *tables_state(const struct config *c)
{
	json_t *object = json_object();

	for (size_t i = 0; i < c->connection_count; i++)
		json_object_set_new(object, c->connections[i].name,
				    json_integer(c->connections[i].kernel_table));
	return object;
}

static char *state_text(const struct gateway *g)
{
	const struct word *w = &g->change->word;
	json_t *state, *applied = json_null();
	char configured[20], name[APPLIED_LEN], *text;

	snprintf(configured, sizeof(configured), "%016" PRIx64, w->configured);
	if (w->text)
		applied = json_pack("{s:s, s:I, s:s}", "file", w->file, "time", (json_int_t)w->time,
				    "text", applied_name(w->text, strlen(w->text), name));
	state = json_pack("{s:i, s:s, s:o, s:o, s:o, s:o}", "version", STATE_VERSION, "configured",
			  configured, "applied", applied, "routes", routes_state(&w->routes),
			  "kernel_tables", tables_state(&g->config), "drains", draining_state(g));
	text = state ? json_dumps(state, JSON_INDENT(1)) : NULL;
	json_decref(state);
	return text;
}

/* The text before the state that names it; *name "" when there is none. */
static int save_applied(const struct gateway *g, char name[APPLIED_LEN])
{
	const struct change *c = g->change;
	const char *text = c->word.text;

	*name = '\0';
	if (!text)
		return 0;
	applied_name(text, strlen(text), name);
	if (!strcmp(name, c->applied))
		return 0;
	return statefile_write(g->options->state_dir, name, text, strlen(text));
}

static void forget_old_applied(struct gateway *g, const char *name)
{
	struct change *c = g->change;

	if (c->applied[0] && strcmp(c->applied, name))
		statefile_remove(g->options->state_dir, c->applied);
	snprintf(c->applied, sizeof(c->applied), "%s", name);
}

int state_save(struct gateway *g)
{
	struct change *c = g->change;
	char *text = state_text(g), name[APPLIED_LEN];
	int err;

	if (!text)
		return -ENOMEM;
	if (c->saved && !strcmp(c->saved, text)) {
		free(text);
		return 0;
	}
	if (c->state_bad)
		statefile_set_aside(g->options->state_dir, STATE_FILE);
	err = save_applied(g, name);
	if (!err)
		err = statefile_write(g->options->state_dir, STATE_FILE, text, strlen(text));
	if (err) {
		free(text);
		return err;
	}
	forget_old_applied(g, name);
	c->state_bad = false;
	free(c->saved);
	c->saved = text;
	return 0;
}
