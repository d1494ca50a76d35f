/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Another configuration for a running gateway.
 *
 * Whose word counts: the last one that was spoken. The daemon's own file counts until another
 * configuration is applied; that one then counts, across crashes and restarts too (it is kept in
 * the state file, the operator's file is never written), until the daemon's own file is edited or
 * applied. So a restart never changes what runs, unless somebody wrote that it should.
 *
 * What waits to be confirmed is not in the state file: a daemon that is killed meanwhile starts
 * with what ran before.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <systemd/sd-daemon.h>
#include "gateway_change.h"
#include "gateway_drain.h"
#include "io/configfile.h"
#include "core/rules.h"
#include "wire/config_emit.h"

#define US_PER_S	 1000000ull
#define NS_PER_S	 1000000000ull
#define CONFIRM_MAX_S	 86400
#define CONFIRM_SLACK_US 1000
#define LONG_WORK_US	 (900 * US_PER_S) /* as long as `espalier apply` waits */

/* ---- judging ---- */

static void keep_tables(struct config *c, const void *context)
{
	const struct state_tables *tables = context;

	config_keep_tables(c, tables->list, tables->count);
}

/* Of the running configuration; the names stay its own. */
static int running_tables(const struct gateway *g, struct state_tables *out)
{
	out->list = calloc(g->config.connection_count + 1, sizeof(*out->list));
	if (!out->list)
		return -ENOMEM;
	for (size_t i = 0; i < g->config.connection_count; i++)
		out->list[out->count++] =
			(struct known_table){ g->config.connections[i].name,
					      g->config.connections[i].kernel_table };
	return 0;
}

int change_judge(struct gateway *g, const char *file, const char *text, size_t len,
		 struct config *out, struct runtime_routes *routes, struct findings *f)
{
	struct state_tables tables = { 0 };
	struct config c;
	int err = running_tables(g, &tables);

	if (!err)
		err = configfile_judge(file, text, len, true, keep_tables, &tables, &c, f);
	free(tables.list);
	if (err)
		return err;
	rules_check_change(&g->config, &c, f);
	if (findings_errors(f))
		err = -EINVAL;
	if (!err)
		err = runtime_routes_merge(&g->change->word.routes, &c, false, routes, f);
	if (err)
		config_free(&c);
	else
		*out = c;
	findings_sort(f);
	return err;
}

json_t *findings_json(const struct findings *f)
{
	json_t *list = json_array();

	for (size_t i = 0; i < f->count; i++) {
		const struct finding *one = &f->list[i];
		bool placed = one->mark.line;

		json_array_append_new(
			list,
			json_pack("{s:o, s:o, s:s, s:s}", "line",
				  placed ? json_integer(one->mark.line) : json_null(), "column",
				  placed ? json_integer(one->mark.column) : json_null(), "severity",
				  one->severity == SEVERITY_ERROR ? "error" : "warning", "text",
				  one->text));
	}
	return list;
}

/* ---- the configuration to start with ---- */

static uint64_t own_digest(const struct gateway *g)
{
	struct findings f = { 0 };
	uint64_t digest = 0;
	char *text;
	size_t len;

	if (!configfile_read(g->options->config, &text, &len, &f)) {
		digest = state_digest(text, len);
		free(text);
	}
	findings_free(&f);
	return digest;
}

/* The daemon's own file was edited since: it has the last word. */
static void forget_applied(struct gateway *g, struct word *w)
{
	if (w->text)
		gateway_log(LOG_NOTICE,
			    "%s was edited since %s was applied: the edited file is used",
			    g->options->config, w->file);
	free(w->text);
	free(w->file);
	w->text = w->file = NULL;
}

static int load_text(struct gateway *g, const char *text, size_t len,
		     const struct state_tables *tables, bool deletions, struct findings *f)
{
	struct word *w = &g->change->word;
	struct runtime_routes left = { 0 };
	const char *name = w->text ? w->file : configfile_name(g->options->config);
	int err;

	if (w->text) {
		text = w->text;
		len = strlen(text);
	}
	err = configfile_judge(name, text, len, true, keep_tables, tables, &g->config, f);
	if (!err)
		err = runtime_routes_merge(&w->routes, &g->config, deletions, &left, f);
	configfile_print_findings(stderr, name, f);
	if (err)
		return err;
	runtime_routes_free(&w->routes);
	w->routes = left;
	return 0;
}

static int load_own(struct gateway *g, const struct state_tables *tables, struct findings *f)
{
	struct word *w = &g->change->word;
	bool edited;
	size_t len;
	char *text;
	int err = configfile_read(g->options->config, &text, &len, f);

	if (err) {
		configfile_print_findings(stderr, g->options->config, f);
		return err;
	}
	edited = state_digest(text, len) != w->configured;
	if (edited)
		forget_applied(g, w);
	w->configured = state_digest(text, len);
	err = load_text(g, text, len, tables, !edited, f);
	free(text);
	return err;
}

int change_load(struct gateway *g)
{
	struct state_tables tables;
	struct findings f = { 0 };
	int err;

	g->change = calloc(1, sizeof(*g->change));
	if (!g->change)
		return -ENOMEM;
	err = state_load(g, &g->change->word, &tables);
	if (err)
		return err;
	err = load_own(g, &tables, &f);
	state_tables_free(&tables);
	findings_free(&f);
	return err;
}

static void forget_former(struct change *c)
{
	c->timer = sd_event_source_disable_unref(c->timer);
	config_free(&c->former);
	word_free(&c->former_word);
	json_decref(c->former_drains);
	c->former_drains = NULL;
}

void change_free(struct gateway *g)
{
	if (!g->change)
		return;
	forget_former(g->change);
	word_free(&g->change->word);
	json_decref(g->change->drains);
	free(g->change->saved);
	free(g->change);
	g->change = NULL;
}

/* ---- applying ---- */

json_t *change_refused(const struct gateway *g)
{
	uint64_t left;

	if (!g->ready)
		return control_error("espalierd is still starting");
	if (!g->change->timer)
		return NULL;
	left = g->change->deadline_ns - gateway_now(g);
	return control_error("an apply waits to be confirmed (%llu s left): `espalier confirm` or "
			     "`espalier rollback` first",
			     (unsigned long long)(left / NS_PER_S));
}

static void save(struct gateway *g)
{
	int err = state_save(g);

	if (err)
		gateway_log(LOG_ERR,
			    "cannot write the state file in %s: %s; a restart starts with what "
			    "is in there",
			    g->options->state_dir, strerror(-err));
}

/* The word that `text` is; the daemon's own file needs no copy. */
static int make_word(struct gateway *g, const char *file, const char *text, size_t len,
		     struct runtime_routes *routes, struct word *out)
{
	struct word w = { .configured = own_digest(g), .time = (uint64_t)time(NULL) };

	if (state_digest(text, len) != w.configured) {
		w.file = strdup(file);
		w.text = strdup(text);
		if (!w.file || !w.text) {
			word_free(&w);
			return -ENOMEM;
		}
	}
	w.routes = *routes;
	*routes = (struct runtime_routes){ 0 };
	*out = w;
	return 0;
}

/* The service manager's watchdog has to wait while a full table's routes are judged and put in
 * place. */
static void tell_long_work(bool begun)
{
	uint64_t usual_us;

	if (sd_watchdog_enabled(0, &usual_us) > 0)
		sd_notifyf(0, "WATCHDOG=1\nWATCHDOG_USEC=%llu",
			   (unsigned long long)(begun ? LONG_WORK_US : usual_us));
}

static int restore(struct gateway *g, const char *because)
{
	struct change *c = g->change;
	char why[CAUSE_LEN];
	int err;

	tell_long_work(true);
	err = gateway_install(g, &c->former, why, sizeof(why));
	tell_long_work(false);
	if (err) {
		gateway_log(LOG_ERR, "cannot go back to the former configuration: %s", why);
		monitor_configuration(g, "failed", "cannot roll back: %s", why);
		forget_former(c);
		return err;
	}
	word_free(&c->word);
	c->word = c->former_word;
	c->former_word = (struct word){ 0 };
	draining_resume(g, c->former_drains);
	forget_former(c);
	gateway_log(LOG_NOTICE, "rolled back: %s", because);
	monitor_configuration(g, "rolled back", "%s", because);
	return 0;
}

static int on_unconfirmed(sd_event_source *source, uint64_t usec, void *data)
{
	struct gateway *g = data;

	(void)source;
	(void)usec;
	monitor_because(g, "rolled back: not confirmed in time");
	restore(g, "not confirmed in time");
	return 0;
}

/* Keeps the former configuration until somebody says that he can still reach us. */
static int await_confirmation(struct gateway *g, uint64_t seconds, struct config *former,
			      struct word *former_word)
{
	struct change *c = g->change;
	int err =
		sd_event_add_time_relative(g->event, &c->timer, CLOCK_MONOTONIC, seconds * US_PER_S,
					   CONFIRM_SLACK_US, on_unconfirmed, g);

	if (err < 0)
		return err;
	c->deadline_ns = gateway_now(g) + seconds * NS_PER_S;
	c->former = *former;
	c->former_word = *former_word;
	*former = (struct config){ 0 };
	*former_word = (struct word){ 0 };
	return 0;
}

/* From here on `next` and `word` are what runs, or nothing has changed. */
static int take(struct gateway *g, struct config *next, struct word *word, uint64_t confirm_s,
		char why[CAUSE_LEN])
{
	struct change *c = g->change;
	const char *file = word->text ? word->file : g->options->config;
	struct word former;
	int err;

	monitor_because(g, "%s applied", file);
	json_decref(c->former_drains);
	c->former_drains = confirm_s ? draining_state(g) : NULL;
	err = gateway_install(g, next, why, CAUSE_LEN);
	if (err)
		return err;
	former = c->word;
	c->word = *word;
	*word = (struct word){ 0 };
	if (confirm_s && await_confirmation(g, confirm_s, next, &former)) {
		/* Without a timer there would be no way back: go back now. */
		snprintf(why, CAUSE_LEN, "cannot set the timer of the confirmation");
		c->former = *next;
		c->former_word = former;
		*next = (struct config){ 0 };
		restore(g, why);
		return -EIO;
	}
	if (!confirm_s)
		save(g);
	gateway_log(LOG_NOTICE, "applied %s%s", file, confirm_s ? ", to be confirmed" : "");
	monitor_configuration(g, confirm_s ? "applied, unconfirmed" : "applied", "%s", file);
	word_free(&former);
	return 0;
}

json_t *change_findings(const char *file, const struct findings *f, int err)
{
	size_t errors = findings_errors(f);
	json_t *answer;

	if (err != -EINVAL)
		return control_error("%s", strerror(-err));
	answer = control_error("%s: %zu error%s; nothing was changed", file, errors,
			       errors == 1 ? "" : "s");
	if (answer)
		json_object_set_new(answer, "findings", findings_json(f));
	return answer;
}

static json_t *refuse(struct gateway *g, const char *file, const struct findings *f, int err)
{
	size_t errors = findings_errors(f);

	monitor_configuration(g, "refused", "%s: %zu error%s", file, errors,
			      errors == 1 ? "" : "s");
	return change_findings(file, f, err);
}

static json_t *apply_judged(struct gateway *g, struct config *next, struct word *word,
			    uint64_t confirm_s, const struct findings *f)
{
	char why[CAUSE_LEN] = "";
	json_t *result;

	if (take(g, next, word, confirm_s, why)) {
		monitor_configuration(g, "failed", "%s", why);
		return control_error("nothing was changed: %s", why);
	}
	result = change_status(g);
	if (result)
		json_object_set_new(result, "findings", findings_json(f));
	return control_ok(result);
}

static json_t *apply_text(struct gateway *g, const char *file, const char *text, size_t len,
			  uint64_t confirm_s)
{
	struct runtime_routes routes = { 0 };
	struct config next = { 0 };
	struct findings f = { 0 };
	struct word word = { 0 };
	json_t *answer;
	int err;

	tell_long_work(true);
	err = change_judge(g, file, text, len, &next, &routes, &f);
	if (!err)
		err = make_word(g, file, text, len, &routes, &word);
	if (err)
		answer = refuse(g, file, &f, err);
	else
		answer = apply_judged(g, &next, &word, confirm_s, &f);
	tell_long_work(false);
	runtime_routes_free(&routes);
	config_free(&next);
	word_free(&word);
	findings_free(&f);
	return answer;
}

json_t *change_apply(struct gateway *g, const json_t *request)
{
	const char *file = json_string_value(json_object_get(request, "file"));
	const json_t *text = json_object_get(request, "text");
	const json_t *confirm = json_object_get(request, "confirm");
	json_int_t seconds = json_integer_value(confirm);
	json_t *refused = change_refused(g);

	if (refused)
		return refused;
	if (!file || !json_is_string(text))
		return control_error("apply needs file and text");
	if (confirm && (seconds < 1 || seconds > CONFIRM_MAX_S))
		return control_error("confirm: 1 to %d seconds", CONFIRM_MAX_S);
	return apply_text(g, file, json_string_value(text), json_string_length(text),
			  (uint64_t)seconds);
}

json_t *change_confirm(struct gateway *g, const json_t *request)
{
	(void)request;
	if (!g->change->timer)
		return control_error("nothing waits to be confirmed");
	forget_former(g->change);
	save(g);
	gateway_log(LOG_NOTICE, "confirmed");
	monitor_configuration(g, "confirmed", "%s",
			      g->change->word.text ? g->change->word.file : g->options->config);
	return control_ok(change_status(g));
}

json_t *change_rollback(struct gateway *g, const json_t *request)
{
	(void)request;
	if (!g->change->timer)
		return control_error("nothing waits to be confirmed, so there is nothing to go "
				     "back to");
	monitor_because(g, "rolled back on request");
	if (restore(g, "on request"))
		return control_error("cannot go back: see `espalier status`");
	return control_ok(change_status(g));
}

json_t *change_export(struct gateway *g, const json_t *request)
{
	json_t *result;
	char *text;
	size_t len;

	(void)request;
	if (config_emit(&g->config, &text, &len))
		return NULL;
	result = json_pack("{s:s%}", "text", text, len);
	free(text);
	return control_ok(result);
}

json_t *change_status(const struct gateway *g)
{
	const struct change *c = g->change;
	const struct word *w = &c->word;
	uint64_t now = gateway_now(g);
	json_t *left = json_null();

	if (c->timer)
		left = json_integer(
			c->deadline_ns > now ? (json_int_t)((c->deadline_ns - now) / NS_PER_S) : 0);
	return json_pack("{s:s, s:b, s:o, s:o}", "file", w->text ? w->file : g->options->config,
			 "own", !w->text, "applied_s",
			 w->text ? json_integer((json_int_t)(time(NULL) - (time_t)w->time))
				 : json_null(),
			 "confirm_s", left);
}

/* ---- reload ---- */

static void tell_reloading(bool begun)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (begun)
		sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu",
			   (unsigned long long)now.tv_sec * US_PER_S +
				   (unsigned long long)now.tv_nsec / 1000);
	else
		sd_notify(0, "READY=1");
}

/* What a person at the command line would be told goes to the journal. */
static void log_answer(const struct gateway *g, const json_t *answer)
{
	const char *error = json_string_value(json_object_get(answer, "error"));
	const json_t *list = json_object_get(answer, "findings");

	for (size_t i = 0; error && i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);

		gateway_log(LOG_ERR, "%s:%lld:%lld: %s: %s", g->options->config,
			    (long long)json_integer_value(json_object_get(one, "line")),
			    (long long)json_integer_value(json_object_get(one, "column")),
			    json_string_value(json_object_get(one, "severity")),
			    json_string_value(json_object_get(one, "text")));
	}
	if (error)
		gateway_log(LOG_ERR, "not reloaded: %s", error);
}

static json_t *reload(struct gateway *g)
{
	json_t *answer = change_refused(g);
	struct findings f = { 0 };
	char *text = NULL;
	size_t len;
	int err;

	if (answer)
		return answer;
	err = configfile_read(g->options->config, &text, &len, &f);
	if (err)
		answer = refuse(g, g->options->config, &f, err);
	else
		answer = apply_text(g, g->options->config, text, len, 0);
	free(text);
	findings_free(&f);
	return answer;
}

static int on_hangup(sd_event_source *source, const struct signalfd_siginfo *info, void *data)
{
	struct gateway *g = data;
	json_t *answer;

	(void)source;
	(void)info;
	tell_reloading(true);
	answer = reload(g);
	log_answer(g, answer);
	json_decref(answer);
	tell_reloading(false);
	return 0;
}

int change_begin(struct gateway *g)
{
	int err = sd_event_add_signal(g->event, NULL, SIGHUP, on_hangup, g);

	save(g);
	return err < 0 ? err : 0;
}
