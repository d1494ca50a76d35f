/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * BGP routes from FRR's FPM stream instead of the kernel.
 *
 * zebra dials and sends everything it has, without a word about where that ends. So what there was
 * before is stale from then on: what comes again is fresh, what has not come when the stream was
 * quiet for a while (`quiet`) goes. Only over tunnels over which something has come at all: a zebra
 * that has just begun has nothing to send before its BGP sessions are there, the one sooner than
 * the other, and until then what is stale stays, for restart_time at most.
 */
#include <errno.h>
#include <string.h>
#include <syslog.h>
#include "gateway_bgp_internal.h"
#include "io/account.h"

#define REFUSED_EVERY_NS (60 * NS_PER_S)

static bool by_fpm(const struct gateway *g, size_t connection)
{
	const struct config_bgp *bgp = &g->config.connections[connection].bgp;

	return bgp->enabled && bgp->feed == FEED_FPM;
}

static uint64_t quiet_ns(const struct gateway *g)
{
	return g->config.gateway.fpm.quiet_s * NS_PER_S;
}

/* Everything that came is from a zebra that is not there any more, or begins again. */
static void keep_everything(struct gateway *g, uint64_t least_ns)
{
	nexthops_free(&g->bgp->fpm.nexthops);
	g->bgp->fpm.inline_hops = false;
	for (size_t i = 0; i < g->config.connection_count; i++)
		if (by_fpm(g, i))
			bgp_keep_all(g, i, least_ns);
}

static void forget_stream(struct gateway *g, uint64_t least_ns)
{
	g->bgp->fpm.stream = sd_event_source_unref(g->bgp->fpm.stream);
	keep_everything(g, least_ns);
}

void bgp_fpm_request_replay(struct gateway *g)
{
	struct bgp_fpm *fpm = &g->bgp->fpm;

	if (!fpm->io || fpm_stream_fd(fpm->io) < 0)
		return;
	/* The source first: its descriptor is about to be another one's. */
	forget_stream(g, BGP_REPLAY_NS);
	fpm_hang_up(fpm->io);
}

static void end_stream(struct gateway *g, int err)
{
	if (err == -EBADMSG)
		gateway_log(LOG_ERR, "FRR's FPM stream cannot be read, the connection is closed; "
				     "routes stay until FRR has sent them again");
	else
		gateway_log(LOG_WARNING, "FRR's FPM stream ended (%s)", strerror(-err));
	/* A zebra that was hung up on has lost no route by that, and dials again within seconds. */
	forget_stream(g, err == -EBADMSG ? BGP_REPLAY_NS : 0);
	fpm_hang_up(g->bgp->fpm.io);
}

static int on_stream(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct gateway *g = data;
	struct bgp_follower f = { g, FEED_FPM, &g->bgp->fpm.nexthops };
	bool was_stale = bgp_any_stale(g);
	int err = fpm_receive(g->bgp->fpm.io, bgp_follow, &f);

	(void)source;
	(void)fd;
	(void)events;
	if (err)
		end_stream(g, err);
	bgp_arm(g, g->bgp->fpm.quiet, quiet_ns(g));
	bgp_request_settling(g);
	bgp_remember_later(g);
	if (err || was_stale != bgp_any_stale(g))
		gateway_request_slow_path(g);
	return 0;
}

/* Whoever is refused may try all the time: one message a minute, the counter has all. */
static void tell_refusal(struct gateway *g)
{
	struct bgp_fpm *fpm = &g->bgp->fpm;
	const struct fpm_counters *c = fpm_counters(fpm->io);
	uint64_t now = gateway_now(g);

	if (fpm->refused_told_ns && now - fpm->refused_told_ns < REFUSED_EVERY_NS)
		return;
	fpm->refused_told_ns = now;
	if (c->refused_user == FPM_NO_USER)
		gateway_log(
			LOG_WARNING,
			"a connection to the FPM port was refused: it is from elsewhere, or gone "
			"(refused so far: %llu)",
			(unsigned long long)c->refused);
	else
		gateway_log(
			LOG_WARNING,
			"a connection to the FPM port was refused: it is user id %u's, and only "
			"root's and %s's are taken; if that is zebra's account, write it as "
			"`user` of `fpm` (refused so far: %llu)",
			c->refused_user, fpm->account, (unsigned long long)c->refused);
}

static int on_caller(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct gateway *g = data;
	struct bgp_fpm *fpm = &g->bgp->fpm;
	int err;

	(void)source;
	(void)fd;
	(void)events;
	fpm->stream = sd_event_source_unref(fpm->stream);
	err = fpm_accept(fpm->io);
	if (err == -EPERM)
		tell_refusal(g);
	if (fpm_stream_fd(fpm->io) < 0)
		return 0;
	if (!err) {
		gateway_log(LOG_INFO, "FRR's FPM stream begins");
		keep_everything(g, BGP_REPLAY_NS);
		gateway_request_slow_path(g);
	}
	err = sd_event_add_io(g->event, &fpm->stream, fpm_stream_fd(fpm->io), EPOLLIN, on_stream,
			      g);
	if (err < 0) {
		fpm_hang_up(fpm->io);
		gateway_log(LOG_ERR, "cannot follow FRR's FPM stream: %s", strerror(-err));
	}
	return 0;
}

/* Tunnels of a connection over which something came and nothing has come for a while: the replay is
 * complete for them. The other one's session may take longer. *next: when to look again, if that is
 * sooner. */
static tunnel_mask quiet_tunnels(const struct gateway *g, size_t connection, uint64_t now,
				 uint64_t *next)
{
	const uint64_t *heard = bgp_connection_at(g, connection)->heard_ns;
	tunnel_mask quiet = 0;

	for (size_t k = 0; k < TUNNELS_PER_CONNECTION; k++) {
		uint64_t due = heard[k] + quiet_ns(g);

		if (!heard[k])
			continue;
		if (due <= now)
			quiet |= (tunnel_mask)(1u << k);
		else if (!*next || due < *next)
			*next = due;
	}
	return quiet;
}

/* When the next ones are to be looked at, or 0. */
static uint64_t sweep_quiet(struct gateway *g, uint64_t now)
{
	uint64_t next = 0;

	for (size_t i = 0; i < g->config.connection_count; i++)
		if (by_fpm(g, i) && bgp_connection_at(g, i)->learned.stale)
			bgp_drop_stale(g, i, quiet_tunnels(g, i, now, &next));
	return next;
}

static int on_quiet(sd_event_source *source, uint64_t usec, void *data)
{
	struct gateway *g = data;
	bool was_stale = bgp_any_stale(g);
	uint64_t now = gateway_now(g), next = sweep_quiet(g, now);

	(void)source;
	(void)usec;
	if (was_stale != bgp_any_stale(g))
		gateway_request_slow_path(g);
	if (next)
		bgp_arm(g, g->bgp->fpm.quiet, next - now);
	return 0;
}

static void listen_for(struct gateway *g, const struct address *address, uint16_t port)
{
	struct bgp_fpm *fpm = &g->bgp->fpm;
	const char *why = "no memory";
	char text[PREFIX_STRLEN];
	int err = fpm_open(address, port, fpm->user, &fpm->io, &why);

	if (!err) {
		fpm->address = *address;
		fpm->port = port;
		err = sd_event_add_io(g->event, &fpm->listening, fpm_listen_fd(fpm->io), EPOLLIN,
				      on_caller, g);
	}
	if (!err)
		err = sd_event_add_time(g->event, &fpm->quiet, CLOCK_MONOTONIC, 0, 1, on_quiet, g);
	if (err >= 0) {
		sd_event_source_set_enabled(fpm->quiet, SD_EVENT_OFF);
		fpm->error = 0;
		return;
	}
	if (err != fpm->error)
		gateway_log(LOG_ERR, "%s at %s port %u: %s", why, address_format(address, text),
			    port, strerror(-err));
	bgp_fpm_close(g);
	fpm->error = err;
}

bool bgp_fpm_connected(const struct gateway *g)
{
	return g->bgp->fpm.io && fpm_stream_fd(g->bgp->fpm.io) >= 0;
}

const struct fpm_counters *bgp_fpm_counters(const struct gateway *g)
{
	return g->bgp->fpm.io ? fpm_counters(g->bgp->fpm.io) : NULL;
}

/* An account that was found is not looked up again: name services that fail later, or are slow,
 * end no stream. Is it another user than before? */
static bool find_user(struct bgp_fpm *fpm, const char *account)
{
	uid_t before = fpm->user;

	if (!fpm->account_error && !strcmp(account, fpm->account))
		return false;
	fpm->user = 0;
	fpm->account_error = account_find(account, &fpm->user);
	snprintf(fpm->account, sizeof(fpm->account), "%s", account);
	return fpm->user != before;
}

int bgp_fpm_account_error(const struct gateway *g)
{
	return g->bgp->fpm.account_error;
}

void bgp_fpm_configure(struct gateway *g)
{
	const struct config_fpm *wanted = &g->config.gateway.fpm;
	struct address address = config_fpm_address(wanted);
	struct bgp_fpm *fpm = &g->bgp->fpm;
	bool wants = config_has_fpm(&g->config);
	bool other = wants && find_user(fpm, config_fpm_user(wanted));

	if (fpm->io && wants && !other && address_equal(&address, &fpm->address) &&
	    wanted->port == fpm->port)
		return;
	if (fpm->io) {
		keep_everything(g, BGP_REPLAY_NS);
		bgp_fpm_close(g);
	}
	fpm->error = wants ? fpm->error : 0;
	if (wants)
		listen_for(g, &address, (uint16_t)wanted->port);
}

void bgp_fpm_close(struct gateway *g)
{
	struct bgp_fpm *fpm = &g->bgp->fpm;

	fpm->stream = sd_event_source_unref(fpm->stream);
	fpm->listening = sd_event_source_unref(fpm->listening);
	fpm->quiet = sd_event_source_unref(fpm->quiet);
	nexthops_free(&fpm->nexthops);
	fpm_close(fpm->io);
	fpm->io = NULL;
}
