/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Changing a running gateway: another configuration, single routes, and what is remembered of both.
 *
 *   gateway_setup.c   one configuration in the place of another, and back
 *   gateway_apply.c   judge, apply, confirm, roll back, reload
 *   gateway_plan.c    what would change
 *   gateway_route.c   single routes at run time [S39]
 *   gateway_state.c   the state file
 *   gateway_drain.h   tunnels that are being drained
 *   monitor.c         what subscribers are told
 *   requests.c        which request goes where
 */
#ifndef ESPALIER_GATEWAY_CHANGE_H
#define ESPALIER_GATEWAY_CHANGE_H

#include "core/runtime.h"
#include "gateway.h"

#define CAUSE_LEN   256
#define APPLIED_LEN 48

/* On whose word the running configuration runs. */
struct word {
	char *file;	     /* that was applied; NULL: the daemon's own file */
	char *text;	     /* its content; NULL likewise */
	uint64_t time;	     /* when, in seconds since 1970 */
	uint64_t configured; /* digest of the daemon's own file at that time */
	struct runtime_routes routes;
};

struct change {
	struct word word;
	char *saved;		   /* content of the state file */
	char applied[APPLIED_LEN]; /* the file beside it with the applied text, or "" */
	json_t *drains;		   /* of the state file, as it was at the start */
	bool state_bad; /* the state file made no sense: it is put aside before the next write */

	/* An apply that waits to be confirmed: what to go back to. */
	sd_event_source *timer; /* NULL: nothing waits */
	uint64_t deadline_ns;
	struct config former;
	struct word former_word;
	json_t *former_drains;

	char cause[CAUSE_LEN]; /* of the update that is due, for the monitor */
	size_t told;	       /* routes in this update */
};

/* ---- gateway_setup.c ---- */

/* A configuration with what it needs to run: its ids, and room for the state of its parts. */
struct setup {
	struct config config;
	struct ids ids;
	struct gateway_tunnel *tunnels;
	struct gateway_attachment *attachments;
	struct learned *
		*learned; /* by connection; the array is its own, what it points to is not */
};

/* Takes over *config on success. Parts that run already, by name, keep their id and state. On
 * failure ids that were given out for it are given back. 0, -ENOSPC, -ENOMEM. */
int setup_make(struct gateway *g, struct config *config, struct setup *out);
/* All but its configuration, which is moved to *config. */
void setup_free(struct setup *s, struct config *config);
/* Into the gateway, without telling anybody; *s gets what was there. */
void setup_exchange(struct gateway *g, struct setup *s);

/* The first configuration: g->config gets ids. */
int setup_first(struct gateway *g);
/* Says which tunnels' SAs are of interest. */
int setup_watch(struct gateway *g, const struct setup *before);
/* Forgets ids of what is no longer configured, if nothing in the dataplane means them any more. */
int setup_retire(struct gateway *g);

/*
 * Makes `next` the running configuration, as one change: *next gets the former one. What both have
 * in common is not touched. On failure everything is as before, and what went wrong is in *why (a
 * sentence, of static storage or an alarm's).
 */
int gateway_install(struct gateway *g, struct config *next, char *why, size_t why_size);

/* ---- gateway_state.c ---- */

uint64_t state_digest(const char *text, size_t len);
/* Reads the state file. *tables gets the kernel tables of connections (free by
 * state_tables_free()). What cannot be read is as good as empty; it is logged. */
struct state_tables {
	struct known_table *list;
	size_t count;
};
int state_load(struct gateway *g, struct word *word, struct state_tables *tables);
void state_tables_free(struct state_tables *tables);
/* Writes it, if anything changed. 0 or -errno; the caller says so. */
int state_save(struct gateway *g);
void word_free(struct word *w);

/* ---- gateway_apply.c ---- */

/* Reads the configuration to start with; findings go to stderr. 0, or -errno. */
int change_load(struct gateway *g);
/* At the end of the start: SIGHUP; the state file. */
int change_begin(struct gateway *g);
void change_free(struct gateway *g);

/* A candidate, judged as it would be at a start and against what runs. `routes` gets what is left
 * of the routes added at run time. On success both are the caller's. */
int change_judge(struct gateway *g, const char *file, const char *text, size_t len,
		 struct config *out, struct runtime_routes *routes, struct findings *f);
json_t *findings_json(const struct findings *f);
/* The answer to a file that was refused. */
json_t *change_findings(const char *file, const struct findings *f, int err);

json_t *change_apply(struct gateway *g, const json_t *request);
json_t *change_confirm(struct gateway *g, const json_t *request);
json_t *change_rollback(struct gateway *g, const json_t *request);
json_t *change_export(struct gateway *g, const json_t *request);
/* For status: {file, since_s, own, confirm_s}. */
json_t *change_status(const struct gateway *g);
/* NULL, or why nothing may be changed now: an apply waits to be confirmed. */
json_t *change_refused(const struct gateway *g);

/* ---- gateway_plan.c, gateway_route.c ---- */

json_t *plan_request(struct gateway *g, const json_t *request);
json_t *route_request(struct gateway *g, const json_t *request);

/* ---- monitor.c ---- */

/* Why the next update will be made, in a few words; several causes are joined. */
__attribute__((format(printf, 2, 3))) void monitor_because(struct gateway *g, const char *format,
							   ...);
/* After the update. */
void monitor_settled(struct gateway *g);
void monitor_tunnel(struct gateway *g, const struct gateway_tunnel *t,
		    const struct phase2_change *change);
/* Whether it carries packets, or why it does not, has changed. */
void monitor_liveness(struct gateway *g, const struct gateway_tunnel *t);
/* What its health check says has changed. */
void monitor_health(struct gateway *g, const struct gateway_tunnel *t, enum tunnel_health was);
/* A drain: begun, moved (so many buckets), resumed, drained, carries-on, ended. */
void monitor_drain(struct gateway *g, const char *change, uint32_t tunnel, unsigned moved,
		   unsigned buckets);
/* So many buckets have moved back to a tunnel; so many wait. */
void monitor_return(struct gateway *g, uint32_t tunnel, unsigned moved, unsigned waiting);
void monitor_alarm(struct gateway *g, const char *text, bool raised);
void monitor_drift(struct gateway *g, const struct drift_item *i);
__attribute__((format(printf, 3, 4))) void
monitor_configuration(struct gateway *g, const char *change, const char *format, ...);
/* Names of what packets get to: of tunnels, of an attachment, "local", "blackhole"; null: nothing.
 * By id: the part may have left the configuration already. */
json_t *monitor_answer(const struct gateway *g, const struct fib_answer *a);
/* A route of the maps has changed; NULL: it was not there, it is there no longer. */
void monitor_route(struct gateway *g, const struct fib_table *t, const struct prefix *p,
		   const struct fib_answer *was, const struct fib_answer *is);

/* ---- requests.c ---- */

/* Answers every request of doc/control.md; a control_handler. */
json_t *answer_request(const json_t *request, bool *subscribe, void *gateway);

#endif
