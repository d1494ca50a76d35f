/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/capability.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>
#include <cap-ng.h>
#include <systemd/sd-daemon.h>
#include "gateway_audit.h"
#include "gateway_bgp.h"
#include "gateway_change.h"
#include "gateway_cores.h"
#include "gateway_drain.h"
#include "gateway_kernel.h"
#include "gateway_forecast.h"
#include "gateway_health.h"
#include "gateway_neighbours.h"
#include "gateway_stats.h"

#define LINK_SETTLE_MS 50 /* links and addresses change in bursts */
#define NS_PER_MS      1000000ull

/* ---- telling ---- */

void gateway_log(int priority, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	flockfile(stderr); /* the sentry logs too */
	if (getenv("JOURNAL_STREAM"))
		fprintf(stderr, "<%d>", priority);
	else
		fprintf(stderr, "espalierd: ");
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	funlockfile(stderr);
	va_end(args);
}

static bool listed(char *const *list, size_t count, const char *text)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(list[i], text))
			return true;
	return false;
}

static void raise_alarm(struct gateway *g, const char *text)
{
	gateway_log(LOG_ERR, "%s", text);
	monitor_alarm(g, text, true);
}

void gateway_alarm(struct gateway *g, const char *format, ...)
{
	va_list args;
	char *text;
	int len;

	va_start(args, format);
	len = vasprintf(&text, format, args);
	va_end(args);
	if (len < 0)
		return;
	if (listed(g->alarms, g->alarm_count, text) || g->alarm_count == ALARMS) {
		free(text);
		return;
	}
	if (!listed(g->former_alarms, g->former_alarm_count, text))
		raise_alarm(g, text);
	g->alarms[g->alarm_count++] = text;
}

static void forget(char **list, size_t *count)
{
	while (*count)
		free(list[--*count]);
}

/* What is still wrong will be said again, but not logged again. */
static void begin_alarms(struct gateway *g)
{
	memcpy(g->former_alarms, g->alarms, sizeof(g->alarms));
	g->former_alarm_count = g->alarm_count;
	g->alarm_count = 0;
}

static void end_alarms(struct gateway *g)
{
	for (size_t i = 0; i < g->former_alarm_count; i++) {
		if (listed(g->alarms, g->alarm_count, g->former_alarms[i]))
			continue;
		gateway_log(LOG_NOTICE, "no longer: %s", g->former_alarms[i]);
		monitor_alarm(g, g->former_alarms[i], false);
	}
	forget(g->former_alarms, &g->former_alarm_count);
}

/* ---- finding ---- */

size_t gateway_tunnel_places(const struct gateway *g)
{
	return g->config.connection_count * TUNNELS_PER_CONNECTION;
}

struct gateway_tunnel *gateway_tunnel(const struct gateway *g, uint32_t id)
{
	unsigned place = id < MAX_TUNNELS ? g->tunnel_places[id] : 0;

	return place ? &g->tunnels[place - 1] : NULL;
}

const struct config_tunnel *gateway_tunnel_config(const struct gateway *g,
						  const struct gateway_tunnel *t)
{
	return &g->config.connections[t->connection].tunnels[t->index];
}

int gateway_attachment_by_id(const struct gateway *g, uint32_t id)
{
	for (size_t i = 0; i < g->config.attachment_count; i++)
		if (g->attachments[i].id == id)
			return (int)i;
	return -1;
}

uint64_t gateway_now(const struct gateway *g)
{
	uint64_t us = 0;

	sd_event_now(g->event, CLOCK_MONOTONIC, &us);
	return us * 1000;
}

/* ---- deciding ---- */

static int follow_decision(struct gateway *g, struct fib *fib)
{
	int host_err = kernel_prepare(g, fib), end_err;
	int err = devices_locate(g);

	if (!err && !g->recovered) {
		err = forwarding_recover_routes(g, fib);
		g->recovered = !err;
	}
	if (err)
		fib_free(fib);
	else
		err = forwarding_publish(g, fib);
	if (!err)
		err = devices_associate(g);
	if (!err)
		err = cores_update(g);
	if (!err)
		err = forwarding_retire(g);
	if (err)
		return err;
	end_err = kernel_finish(g);
	return host_err ? host_err : end_err;
}

/* Everything anew: at the start, and with another configuration. */
static int decide_anew(struct gateway *g)
{
	struct rib rib;
	struct fib fib;
	int err;

	slow_path_forget(&g->slow);
	g->devices_settled = false;
	err = devices_read_locals(g);
	if (!err)
		err = forwarding_decide(g, &rib, &fib);
	if (err) {
		gateway_alarm(g, "cannot decide on routes, the last good state stays: %s",
			      strerror(-err));
		return err;
	}
	rib_free(&g->rib);
	g->rib = rib;
	g->decided = true;
	return follow_decision(g, &fib);
}

/* The maps first: it is they that packets meet. */
static int follow_routes(struct gateway *g)
{
	struct address *was = g->locals;
	size_t was_count = g->local_count;
	int err;

	if (g->devices_settled)
		return forwarding_follow(g, was, was_count);
	g->locals = NULL;
	g->local_count = 0;
	err = devices_read_locals(g);
	if (err) {
		g->locals = was;
		g->local_count = was_count;
		gateway_alarm(g, "cannot read the gateway's own addresses: %s", strerror(-err));
		return err;
	}
	err = forwarding_follow(g, was, was_count);
	free(was);
	return err;
}

/* With hundreds of tunnels this is most of what an update costs, and most updates are about one of
 * them. What is missing is looked for, and complained about, each time. */
static int follow_devices(struct gateway *g)
{
	int err;

	if (g->devices_settled)
		return 0;
	err = devices_locate(g);
	if (!err)
		err = devices_associate(g);
	if (!err)
		err = cores_update(g);
	g->devices_settled = !err && devices_complete(g);
	return err;
}

static int follow_change(struct gateway *g)
{
	int route_err = follow_routes(g), host_err = kernel_follow(g);
	int err = follow_devices(g);

	if (!err)
		err = forwarding_retire(g);
	return err ? err : route_err ? route_err : host_err;
}

static void sentry_alarm(struct gateway *g)
{
	int failure = sentry_failure(g->sentry);

	if (failure)
		gateway_alarm(g,
			      "the sentry has ended (%s): until espalierd is restarted, a tunnel "
			      "that falls waits for the controller",
			      strerror(-failure));
}

int gateway_update(struct gateway *g)
{
	int err;

	begin_alarms(g);
	draining_configure(g);
	err = g->decided && g->recovered ? follow_change(g) : decide_anew(g);
	bgp_drop_fallen(g);
	bgp_remember_later(g);
	words_await(g);
	draining_follow(g);
	draining_alarm(g);
	stats_alarm(g);
	cores_alarm(g);
	quota_raise_alarms(g);
	checks_alarm(g);
	forecasts_alarm(g);
	audit_alarm(g);
	sentry_alarm(g);
	end_alarms(g);
	monitor_settled(g);
	return err;
}

void gateway_request_update(struct gateway *g, uint64_t delay_ns)
{
	uint64_t due = (gateway_now(g) + delay_ns) / 1000, armed = 0;
	int enabled = SD_EVENT_OFF;

	sd_event_source_get_enabled(g->update_timer, &enabled);
	sd_event_source_get_time(g->update_timer, &armed);
	if (enabled != SD_EVENT_OFF && armed <= due)
		return;
	sd_event_source_set_time(g->update_timer, due);
	sd_event_source_set_enabled(g->update_timer, SD_EVENT_ONESHOT);
}

void gateway_request_slow_path(struct gateway *g)
{
	gateway_request_update(g, slow_path_pause(g->kernel->took_ns));
}

static int on_update(sd_event_source *source, uint64_t usec, void *data)
{
	(void)source;
	(void)usec;
	gateway_update(data);
	return 0;
}

/* ---- events: the host ---- */

static void on_host(const struct host_event *event, void *data)
{
	struct gateway *g = data;

	if (event->kind == HOST_LINK_CHANGED || event->kind == HOST_LINK_GONE)
		monitor_because(g, "device %s changed", event->link.name);
	else
		monitor_because(g, "addresses of the host changed");
	g->devices_settled = false;
	kernel_host_event(g, event);
	bgp_host_changed(g, event);
	gateway_request_update(g, LINK_SETTLE_MS * NS_PER_MS);
}

static int on_host_fd(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct gateway *g = data;
	int err = host_dispatch(g->host);

	(void)source;
	(void)fd;
	(void)events;
	if (err)
		gateway_log(LOG_ERR, "cannot follow links and addresses: %s", strerror(-err));
	return err;
}

/* ---- events: the sentry ---- */

static int on_sentry_ended(sd_event_source *source, int fd, uint32_t events, void *data)
{
	(void)fd;
	(void)events;
	gateway_request_update(data, 0); /* for the alarm */
	return sd_event_source_set_enabled(source, SD_EVENT_OFF);
}

/* ---- start ---- */

static int open_dataplane(struct gateway *g)
{
	const struct dataplane_options options = {
		.pin_dir = g->options->pin_dir,
		.hash = (enum hash_mode)g->config.gateway.flow_hash,
	};
	const char *why = "no reason given";
	int err = dataplane_open(&options, &g->dataplane, &why);

	if (err)
		gateway_log(LOG_ERR, "cannot load the dataplane: %s", why);
	return err;
}

static int open_host(struct gateway *g)
{
	const struct host_options options = { .state_dir = g->options->runtime_dir };
	const char *why = "no reason given";
	int err = host_open(&options, &g->host, &why);

	if (err)
		gateway_log(LOG_ERR, "%s", why);
	return err;
}

static int open_xfrm(struct gateway *g)
{
	const struct xfrm_options options = { .buffer = g->options->xfrm_buffer };
	const char *why = "no reason given";
	int err = phase2_new(&g->phase2);

	if (!err)
		err = xfrm_open(&options, &g->xfrm, &why);
	if (!err)
		err = sentry_open(g->dataplane, &options, &g->sentry, &why);
	if (err)
		gateway_log(LOG_ERR, "cannot follow Phase 2: %s", why);
	return err;
}

static int open_control(struct gateway *g)
{
	char text[256];
	int err = control_open(g->event, g->options->socket, answer_request, g, &g->control);

	if (err)
		gateway_log(LOG_ERR, "%s",
			    control_open_error(err, g->options->socket, text, sizeof(text)));
	return err;
}

int gateway_add_io(struct gateway *g, int fd, sd_event_io_handler_t handler, int64_t priority)
{
	sd_event_source *source;
	int err = sd_event_add_io(g->event, &source, fd, EPOLLIN, handler, g);

	if (err < 0)
		return err;
	sd_event_source_set_priority(source, priority);
	err = sd_event_source_set_floating(source, true);
	sd_event_source_unref(source); /* the loop has its own reference now */
	return err;
}

/* Tunnels come first: nothing else costs packets. */
static int add_events(struct gateway *g)
{
	int err = gateway_add_io(g, xfrm_fd(g->xfrm), tunnels_follow, SD_EVENT_PRIORITY_IMPORTANT);

	if (err >= 0)
		err = gateway_add_io(g, host_fd(g->host), on_host_fd, SD_EVENT_PRIORITY_NORMAL);
	if (err >= 0)
		err = gateway_add_io(g, sentry_ended_fd(g->sentry), on_sentry_ended,
				     SD_EVENT_PRIORITY_NORMAL);
	return err < 0 ? err : 0;
}

static int open_event(struct gateway *g)
{
	sigset_t signals;
	int err = sd_event_new(&g->event);

	if (err < 0)
		return err;
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGCHLD); /* sd_event_add_child() */
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	/* Without a handler of their own these two end the loop. */
	sd_event_add_signal(g->event, NULL, SIGTERM, NULL, NULL);
	sd_event_add_signal(g->event, NULL, SIGINT, NULL, NULL);
	sd_event_set_watchdog(g->event, true);
	err = sd_event_add_time(g->event, &g->update_timer, CLOCK_MONOTONIC, 0, 1, on_update, g);
	if (err >= 0)
		err = sd_event_source_set_enabled(g->update_timer, SD_EVENT_OFF);
	if (err >= 0)
		err = sd_event_add_time(g->event, &g->resync_timer, CLOCK_MONOTONIC, 0, 1,
					tunnels_on_resync, g);
	if (err >= 0)
		err = sd_event_source_set_enabled(g->resync_timer, SD_EVENT_OFF);
	g->started_ns = gateway_now(g);
	return err < 0 ? err : tunnels_begin(g);
}

int gateway_drop_privileges(void)
{
	capng_clear(CAPNG_SELECT_BOTH);
	if (capng_updatev(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET,
			  CAP_NET_ADMIN, CAP_BPF, -1) ||
	    capng_apply(CAPNG_SELECT_BOTH))
		return -EPERM;
	return 0;
}

static int open_all(struct gateway *g)
{
	int err = open_event(g);

	if (!err)
		err = audit_new(g);
	if (!err)
		err = kernel_new(g);
	if (!err)
		err = groups_init(&g->groups, MAX_GROUPS);
	if (!err)
		err = id_spaces_init(&g->spaces);
	if (!err)
		err = open_control(g); /* first: it finds out whether another one is running */
	if (!err)
		err = open_host(g);
	if (!err)
		err = open_dataplane(g);
	if (!err)
		err = open_xfrm(g);
	if (!err)
		err = checks_begin(g);
	if (!err)
		err = forecasts_begin(g);
	if (!err)
		err = draining_open(g);
	if (!err)
		err = cores_begin(g);
	if (!err)
		err = stats_begin(g);
	if (!err)
		err = bgp_open(g);
	if (!err)
		err = neighbours_open(g);
	return err;
}

/* What a former controller took for live and is not in Phase 2 any more: no packet waits for all
 * routes to be decided on, which takes seconds where there are many. */
static void leave_dead_tunnels(struct gateway *g)
{
	for (size_t i = 0; i < gateway_tunnel_places(g); i++)
		if (g->tunnels[i].used && !g->tunnels[i].machine.in.up)
			sentry_set_live(g->sentry, g->tunnels[i].id, false);
}

static int start(struct gateway *g)
{
	int err = forwarding_recover_ids(g);

	g->started = true;
	if (!err)
		err = setup_first(g);
	if (!err) {
		draining_restore(g, g->change->drains);
		err = host_watch(g->host, on_host, g);
	}
	/* Which tunnels are up, and what BGP gives, must be known before any route is touched. */
	if (!err)
		bgp_recall(g);
	if (!err)
		err = bgp_configure(g);
	if (!err)
		err = tunnels_resync(g, NULL);
	if (!err) {
		leave_dead_tunnels(g);
		err = gateway_update(g);
	}
	if (!err)
		err = setup_retire(g);
	if (!err)
		err = add_events(g);
	if (!err)
		err = bgp_add_events(g);
	if (!err)
		err = neighbours_add_events(g);
	if (!err)
		err = audit_begin(g);
	if (!err)
		err = change_begin(g);
	return err;
}

static void announce(struct gateway *g)
{
	g->ready = true;
	sd_notify(0, "READY=1\nSTATUS=forwarding");
	gateway_log(LOG_INFO, "ready: %zu attachments, %zu connections, %zu tables",
		    g->config.attachment_count, g->config.connection_count, g->config.table_count);
	if (g->options->ready)
		g->options->ready(g->options->ready_context);
}

/* ---- end ---- */

static void teardown(struct gateway *g)
{
	int err = dataplane_teardown(g->dataplane);

	if (err)
		gateway_log(LOG_ERR, "cannot remove the dataplane: %s", strerror(-err));
	host_teardown(g->host);
	for (size_t i = 0; i < host_error_count(g->host); i++)
		gateway_log(LOG_ERR, "%s", host_error(g->host, i));
	bgp_forget(g->options->runtime_dir);
}

static void close_all(struct gateway *g)
{
	change_free(g);
	stats_free(g);
	cores_free(g);
	draining_free(g);
	audit_free(g);
	checks_free(g);
	control_close(g->control);
	sentry_close(g->sentry);
	xfrm_close(g->xfrm);
	bgp_close(g);
	neighbours_close(g);
	free(g->learned);
	phase2_free(g->phase2);
	dataplane_close(g->dataplane);
	host_close(g->host);
	kernel_free(g);
	rib_free(&g->rib);
	fib_free(&g->fib);
	touched_free(&g->pending);
	groups_free(&g->groups);
	ids_free(&g->ids);
	id_spaces_free(&g->spaces);
	free(g->tunnels);
	free(g->attachments);
	free(g->locals);
	forget(g->alarms, &g->alarm_count);
	sd_event_source_unref(g->update_timer);
	sd_event_source_unref(g->tunnel_timer);
	sd_event_source_unref(g->forecast_timer);
	sd_event_source_unref(g->word_timer);
	sd_event_source_unref(g->resync_timer);
	sd_event_unref(g->event);
	config_free(&g->config);
}

/* A first start that failed leaves nothing behind; one over a running dataplane leaves that alone.
 */
static void undo_start(struct gateway *g)
{
	if (g->started && !g->inherited)
		teardown(g);
}

static int serve(struct gateway *g)
{
	int err = open_all(g);

	if (!err)
		err = start(g);
	if (!err)
		err = gateway_drop_privileges();
	if (err) {
		gateway_log(LOG_ERR, "not started: %s", strerror(-err));
		undo_start(g);
		return err;
	}
	announce(g);
	err = sd_event_loop(g->event);
	sd_notify(0, "STOPPING=1");
	if (g->options->teardown) {
		teardown(g);
		return err;
	}
	bgp_remember(g);
	gateway_log(LOG_INFO, "stopped; packets are forwarded by the last state");
	return err;
}

int gateway_run(const struct gateway_options *options)
{
	struct gateway g = { .options = options };
	int err;

	err = change_load(&g);
	if (err) {
		change_free(&g);
		return err == -ENOMEM ? EXIT_FAILURE : EXIT_CONFIG;
	}
	err = serve(&g);
	close_all(&g);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}

int gateway_cleanup(const struct gateway_options *options)
{
	struct gateway g = { .options = options };
	int err = open_event(&g);

	if (!err)
		err = open_control(&g); /* refuses to pull the ground from under a running one */
	if (!err)
		err = open_host(&g);
	if (!err)
		err = open_dataplane(&g);
	if (!err)
		teardown(&g);
	close_all(&g);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
