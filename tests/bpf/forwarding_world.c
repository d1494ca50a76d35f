/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include "forwarding_world.h"
#include "gateway_change.h"
#include "gateway_drain.h"

#define BPFFS "/sys/fs/bpf"

/* ---- what gateway_forwarding.c asks the gateway ---- */

static struct forwarding_world *world_of(const struct gateway *g)
{
	return (struct forwarding_world *)((char *)(uintptr_t)g -
					   offsetof(struct forwarding_world, gateway));
}

void gateway_alarm(struct gateway *g, const char *format, ...)
{
	struct forwarding_world *w = world_of(g);
	va_list args;

	va_start(args, format);
	vsnprintf(w->alarm, sizeof(w->alarm), format, args);
	va_end(args);
	w->alarms++;
}

struct gateway_tunnel *gateway_tunnel(const struct gateway *g, uint32_t id)
{
	return id < gateway_tunnel_places(g) && g->tunnels[id].used ? &g->tunnels[id] : NULL;
}

size_t gateway_tunnel_places(const struct gateway *g)
{
	return g->config.connection_count * TUNNELS_PER_CONNECTION;
}

bool gateway_tunnel_present(const struct gateway *g, const struct gateway_tunnel *t)
{
	return !world_of(g)->down[t->id];
}

/* Here tunnels are in Phase 2 when the world says so. */
struct sentry {
	struct dataplane *dataplane;
};
static struct sentry no_thread;

void sentry_set_live(struct sentry *s, uint32_t tunnel, bool live)
{
	dataplane_set_live(s->dataplane, tunnel, live);
}

void gateway_request_slow_path(struct gateway *g)
{
	world_of(g)->slow_path++;
}

void monitor_route(struct gateway *g, const struct fib_table *t, const struct prefix *p,
		   const struct fib_answer *was, const struct fib_answer *now)
{
	(void)g, (void)t, (void)p, (void)was, (void)now;
}

void monitor_because(struct gateway *g, const char *format, ...)
{
	(void)g, (void)format;
}

/* Nothing is drained, nothing is gated. */
uint64_t draining_order(uint32_t tunnel, const void *gateway)
{
	(void)tunnel, (void)gateway;
	return 0;
}

bool draining_waits(uint32_t from, uint32_t to, const void *gateway)
{
	(void)from, (void)to, (void)gateway;
	return false;
}

void draining_returned(struct gateway *g, uint32_t tunnel)
{
	(void)g, (void)tunnel;
}

void draining_group_made(struct gateway *g, uint32_t group)
{
	(void)g, (void)group;
}

void words_await(struct gateway *g)
{
	(void)g;
}

void draining_follow(struct gateway *g)
{
	(void)g;
}

/* ---- the world ---- */

static void must(int err, const char *what)
{
	if (!err)
		return;
	fprintf(stderr, "%s: %s\n", what, strerror(err < 0 && err != -1 ? -err : errno));
	exit(1);
}

/* Pins go with the namespace. */
static void own_namespaces(void)
{
	must(unshare(CLONE_NEWNS | CLONE_NEWNET), "namespaces (root is needed)");
	must(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), "private mounts");
	must(mount("bpf", BPFFS, "bpf", 0, NULL), "mount a bpffs on " BPFFS);
}

static void take_tunnels(struct gateway *g)
{
	g->tunnels = calloc(gateway_tunnel_places(g) + 1, sizeof(*g->tunnels));
	must(g->tunnels ? 0 : -ENOMEM, "tunnels");
	for (size_t i = 0; i < g->config.connection_count; i++)
		for (size_t k = 0; k < g->config.connections[i].tunnel_count; k++) {
			uint32_t id = g->ids.tunnel[i][k];
			struct tunnel value = { .ifindex = 1, .mtu = 1400 };

			g->tunnels[id] = (struct gateway_tunnel){
				.used = true, .id = id, .connection = i, .index = k, .ifindex = 1
			};
			must(dataplane_set_tunnel(g->dataplane, id, &value), "tunnel");
			forwarding_set_live(g, &g->tunnels[id], true);
		}
}

void forwarding_open(struct forwarding_world *w, const struct config *c, size_t groups)
{
	const struct dataplane_options options = { .pin_dir = BPFFS "/espalier" };
	struct gateway *g = &w->gateway;
	const char *why = "";

	memset(w, 0, sizeof(*w));
	own_namespaces();
	g->config = *c;
	must(groups_init(&g->groups, groups), "groups");
	must(id_spaces_init(&g->spaces), "ids");
	must(ids_assign(&g->spaces, &g->config, &g->ids), "ids");
	if (dataplane_open(&options, &g->dataplane, &why)) {
		fprintf(stderr, "%s\n", why);
		exit(1);
	}
	no_thread.dataplane = g->dataplane;
	g->sentry = &no_thread;
	g->recovered = true;
	take_tunnels(g);
}

static bool is_up(uint32_t tunnel, const void *context)
{
	return !((const struct forwarding_world *)context)->down[tunnel];
}

int forwarding_build(struct forwarding_world *w)
{
	struct gateway *g = &w->gateway;

	g->decided = true;
	return rib_build(&g->config, &g->ids, g->locals, g->local_count, is_up, w,
			 (const struct learned *const *)g->learned, &g->rib);
}

int forwarding_start(struct forwarding_world *w)
{
	struct fib fib;
	int err = forwarding_build(w);

	if (!err)
		err = fib_compile(&w->gateway.rib, &fib);
	return err ? err : forwarding_publish(&w->gateway, &fib);
}

int forwarding_tunnels(struct forwarding_world *w)
{
	struct gateway *g = &w->gateway;

	return forwarding_follow(g, g->locals, g->local_count);
}

void forwarding_close(struct forwarding_world *w)
{
	struct gateway *g = &w->gateway;

	rib_free(&g->rib);
	fib_free(&g->fib);
	groups_free(&g->groups);
	touched_free(&g->pending);
	ids_free(&g->ids);
	id_spaces_free(&g->spaces);
	free(g->tunnels);
	dataplane_close(g->dataplane);
}
