/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one place where events meet decisions. What the configuration, the kernel's SAs and the
 * host's links say goes into core; what core wants goes to the dataplane's maps and to the kernel.
 *
 *   gateway.c             start, events, end
 *   gateway_change.h      another configuration, single routes, and who is told
 *   gateway_phase2.c      what the kernel says of SAs
 *   gateway_tunnel.c      what happens to tunnels: liveness at once, routes when they must
 *   gateway_health.h      health checks
 *   gateway_forecast.h    when SAs will end
 *   gateway_forwarding.c  liveness, groups, routes → maps
 *   gateway_words.c       tunnels whose word the sentry alone has taken down
 *   gateway_kernel.h      devices, addresses, rules, routes → the kernel
 *   gateway_devices.c     where attachments and tunnels are
 *   gateway_associations.c programs on devices, and what packets are subject to there
 *   gateway_neighbours.h  who is behind attachments, for what XDP sends itself
 *   gateway_cores.h       packets for other CPUs
 *   gateway_drain.h       tunnels that are being drained, and gates on the way back
 *   gateway_stats.h       counters over time: rates, and what the kernel drops
 *   show*.c               what users are told
 */
#ifndef ESPALIER_GATEWAY_H
#define ESPALIER_GATEWAY_H

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>
#include "core/config.h"
#include "core/drift.h"
#include "core/fib.h"
#include "core/forecast.h"
#include "core/groups.h"
#include "core/health.h"
#include "core/ids.h"
#include "core/phase2.h"
#include "core/rib.h"
#include "gateway_sentry.h"
#include "core/slow_path.h"
#include "core/tunnel.h"
#include "io/control.h"
#include "io/dataplane.h"
#include "io/host.h"
#include "io/xfrm.h"

struct audit;
struct cores;
struct change;
struct stats;
struct kernel;
struct bgp;
struct checks;
struct neighbours;
struct draining;

struct gateway_options {
	const char *config;	 /* file */
	const char *socket;	 /* control socket */
	const char *pin_dir;	 /* on a bpffs */
	const char *runtime_dir; /* what must not survive a reboot: former values of sysctls */
	const char *state_dir; /* what must: routes added at run time, the applied configuration */
	size_t xfrm_buffer;    /* bytes of XFRM notifications that may wait */
	bool teardown;	       /* at the end remove everything instead of leaving forwarding on */
	void (*ready)(void *context); /* called once when everything is in place; or NULL */
	void *ready_context;
};

#define EXIT_CONFIG 2 /* the configuration is wrong */
#define ALARMS	    32

/* A tunnel as it runs. Position: connection * TUNNELS_PER_CONNECTION + index. */
struct gateway_tunnel {
	bool used;
	uint32_t id;
	size_t connection, index;
	bool located;	  /* its device has been looked for */
	uint32_t ifindex; /* 0: the device is not there */
	uint32_t mtu;
	uint8_t l2_len;
	bool l3; /* no MAC addresses */
	uint8_t mac[6];
	struct tunnel_machine machine;
	bool checked;			       /* it has a health check, `health` */
	int refused;			       /* -errno of its last probe; 0: that was sent */
	struct health health;		       /* core/health.h; by the tunnel's id */
	struct forecast forecasts[DIRECTIONS]; /* of the SAs in use, by enum direction */
	enum tunnel_why why;		       /* as people were told */
	bool told_last_resort;
	bool live;	    /* as the dataplane was told: the machine's, once it is located */
	bool dark;	    /* live, but left out of its groups: its word was down */
	uint32_t attached;  /* device that the program is on, or 0 */
	struct tunnel told; /* to the dataplane */
};

/* An attachment as it runs, by position in the configuration. */
struct gateway_attachment {
	uint32_t id;
	uint32_t ifindex;  /* of its device; 0: not there, or vpn */
	uint32_t attached; /* device that the programs are on, or 0 */
	bool l3;
	uint8_t mac[6];
	bool native;	    /* XDP is in use */
	struct device told; /* to the dataplane */
};

struct gateway {
	const struct gateway_options *options;
	sd_event *event;
	uint64_t started_ns;
	bool started;	/* has begun to change the host */
	bool inherited; /* a former controller's dataplane was there */
	bool ready;

	struct config config;
	struct id_spaces spaces;
	struct ids ids;
	struct gateway_tunnel *tunnels;
	uint16_t tunnel_places[MAX_TUNNELS]; /* by id: where it stands in `tunnels`, and one */
	struct gateway_attachment *attachments;

	struct rib rib;
	bool devices_settled; /* each is where it was found, with its programs; else look again */
	bool decided;	      /* `rib` fits `config`: what happens is followed step by step */
	struct fib fib;	      /* what the maps hold */
	size_t held[2];	      /* routes in the maps, IPv4 and IPv6 */
	struct groups groups; /* likewise */
	struct bgp *bgp;      /* gateway_bgp.h */
	struct learned **learned; /* by connection: what BGP offers it; NULL: no feed */
	struct touched pending;	  /* where the maps could not follow the rib, for want of room */
	bool freed;		  /* there is more room than at the last try */
	struct slow_path slow;	  /* where the kernel's copy of the routes is behind `fib` */
	struct kernel *kernel;	  /* gateway_kernel.h */
	struct change *change;	  /* gateway_change.h */
	struct stats *stats;	  /* gateway_stats.h */
	struct neighbours *neighbours; /* gateway_neighbours.h */
	struct checks *checks;	       /* gateway_health.h */
	struct audit *audit;	       /* gateway_audit.h */
	struct draining *draining;     /* gateway_drain.h */
	struct cores *cores;	       /* gateway_cores.h */
	struct address *locals;
	size_t local_count;

	struct dataplane *dataplane;
	struct host *host;
	struct xfrm_socket *xfrm;
	struct phase2 *phase2;
	struct sentry *sentry; /* writes the liveness words */
	struct control *control;

	sd_event_source *update_timer;	 /* gateway_update() is due */
	sd_event_source *forecast_timer; /* SAs are to be looked at */
	sd_event_source *word_timer;	 /* words of tunnels that are dark are to be looked at */
	sd_event_source *tunnel_timer;	 /* a hold-down or a damping is over */
	sd_event_source *resync_timer;	 /* reading all SAs is to be tried again */
	bool recovered; /* `fib` and `groups` know what the maps held at the start */
	char *alarms[ALARMS], *former_alarms[ALARMS]; /* what is wrong now, as sentences */
	size_t alarm_count, former_alarm_count;
};

/* Runs until a signal ends it. The process's exit status. */
int gateway_run(const struct gateway_options *options);
/* Removes what a former controller left: programs, maps, devices, routes, rules. Exit status. */
int gateway_cleanup(const struct gateway_options *options);

/* One line to the journal or stderr, with its priority (LOG_...). */
__attribute__((format(printf, 2, 3))) void gateway_log(int priority, const char *format, ...);
__attribute__((format(printf, 2, 3))) void gateway_alarm(struct gateway *g, const char *format,
							 ...);

/* Of the calling thread: what is left is what a running gateway needs, links, routes, programs and
 * maps. 0 or -EPERM. */
int gateway_drop_privileges(void);

/* Decides anew and makes dataplane and kernel follow. Safe to repeat: touches what differs. */
int gateway_update(struct gateway *g);

/* The maps have changed: the kernel's slow path is to follow within milliseconds, once for all
 * changes until then. */
void gateway_request_slow_path(struct gateway *g);
/* An update within `delay_ns`; one that is due sooner stays. */
void gateway_request_update(struct gateway *g, uint64_t delay_ns);

/* A descriptor to be handled when it is readable; the loop owns the source. 0 or -errno. */
int gateway_add_io(struct gateway *g, int fd, sd_event_io_handler_t handler, int64_t priority);

/* The tunnel with this id, or NULL. */
struct gateway_tunnel *gateway_tunnel(const struct gateway *g, uint32_t id);
const struct config_tunnel *gateway_tunnel_config(const struct gateway *g,
						  const struct gateway_tunnel *t);
size_t gateway_tunnel_places(const struct gateway *g);
/* Monotonic, of the event that is being handled. */
uint64_t gateway_now(const struct gateway *g);
/* Position of the attachment with this id, or -1. */
int gateway_attachment_by_id(const struct gateway *g, uint32_t id);

/* gateway_tunnel.c */

int tunnels_begin(struct gateway *g); /* 0 or -errno */
/* Its routes are propagated [D1 D2]. */
bool gateway_tunnel_present(const struct gateway *g, const struct gateway_tunnel *t);
/* Something about a tunnel may be other than it was: Phase 2, device, health. What it must no
 * longer carry, it does not when this returns; routes follow by updates. */
void tunnel_changed(struct gateway *g, struct gateway_tunnel *t);
/* What the configuration says of all tunnels. */
void tunnels_configure(struct gateway *g);

/* gateway_phase2.c */

/* Changes that phase2 has made by itself: it was told to watch something else. */
void tunnels_take_changes(struct gateway *g);
/* Brings counters and lifetimes of SAs up to date, which change without a message. 0 or -errno. */
int tunnels_refresh(struct gateway *g);
/* Reads all SAs and policies from the kernel. 0 or -errno, which is logged. *drift gets what no
 * message had told of; with NULL that is logged, too. */
int tunnels_resync(struct gateway *g, struct phase2_drift *drift);
/* The same; where SAs come and go faster than they can be read, what is known stands, and it is
 * tried again soon. A failure of the event loop's. */
int tunnels_resync_or_retry(struct gateway *g, struct phase2_drift *drift);
int tunnels_on_resync(sd_event_source *source, uint64_t usec, void *gateway); /* that retry */
/* Takes in what the kernel says of SAs; an sd_event_io_handler_t of the XFRM socket. */
int tunnels_follow(sd_event_source *source, int fd, uint32_t events, void *gateway);

/* gateway_forwarding.c */

/* Learns what a former controller left in the maps: names → ids, routes and groups → g->fib. */
int forwarding_recover_ids(struct gateway *g);
int forwarding_recover_routes(struct gateway *g, const struct fib *wanted);
/* Tells the dataplane whether a tunnel carries traffic: one write; then its groups. What a former
 * controller told it stands until the tunnel's device has been looked for. */
void forwarding_set_live(struct gateway *g, struct gateway_tunnel *t, bool live);
/* What groups are filled by now; valid until the next change. */
struct tunnel_view forwarding_view(const struct gateway *g);
void forwarding_write_group(struct gateway *g, uint32_t id);
/* Makes the groups that this tunnel is a member of follow the tunnels, and their words. */
void forwarding_refill(struct gateway *g, uint32_t tunnel);
/* gateway_words.c: has tunnels looked at again that groups were filled without, because their word
 * was down. */
void words_await(struct gateway *g);
/* What the configuration, the tunnels and the host's addresses ask for now, all of it. */
int forwarding_decide(struct gateway *g, struct rib *rib, struct fib *fib);
/* What the maps are to hold for an answer at `p`. -ENOENT: its group is not there. */
int forwarding_route_value(const struct gateway *g, const struct prefix *p,
			   const struct fib_answer *answer, struct route *out);
/* Makes the maps hold `now`, which it frees. On failure the rest keeps its last good state, and an
 * alarm says so; g->fib is what the maps really hold. Tables that are gone stay, retired. */
int forwarding_publish(struct gateway *g, struct fib *now);
/* Makes rib and maps follow the tunnels and the gateway's own addresses (which were `was`): what
 * they touch, nothing else. Tries again where there was no room. */
int forwarding_follow(struct gateway *g, const struct address *was, size_t was_count);
/*
 * One route at run time, at once in the maps; the kernel's slow path follows within milliseconds.
 * g->config is the running configuration: the route is added to it (mark.line 0: not from the
 * file) or removed from it, so that a later full update, `export` and the guard rules see it. The
 * caller has judged the route by the rules and keeps it across restarts.
 *
 * 0, or nothing has changed: -EEXIST (already there), -ENOENT (not there); when adding -ENOSPC (the
 * maps or the group ids are used up; an alarm says so), -ENOMEM. A delete is not refused for want
 * of room: what it needs waits, and an alarm says so.
 */
int gateway_connection_route(struct gateway *g, size_t connection, const struct prefix *p,
			     bool add);
/* The same for a static route of a TR table; `route` is copied. The route that equals it in prefix,
 * target and metric is meant. */
int gateway_table_route(struct gateway *g, size_t table, const struct config_table_route *route,
			bool add);
/* Makes rib and maps follow what BGP offers, as far as the quotas go. */
int forwarding_learn(struct gateway *g);
/* Empties the retired tables; to be called when no association names them any more. */
int forwarding_retire(struct gateway *g);

/* gateway_devices.c */

/* The gateway's own addresses, into g->locals. */
int devices_read_locals(struct gateway *g);
/* Finds the devices and tells the dataplane where tunnels and attachments are. */
int devices_locate(struct gateway *g);
/* Every device is there, and the programs are on it. */
bool devices_complete(const struct gateway *g);
/* The kernel's VLAN device on `parent` with this id (0: any), or nothing. out may be NULL. */
bool devices_find_vlan(struct gateway *g, uint32_t parent, uint16_t id, struct host_link *out);

/* gateway_associations.c */

/* Attaches programs, sets associations; then removes those of what is no longer there. */
int devices_associate(struct gateway *g);
/* The same, noting what was not as it had been left. */
void associations_audit(struct gateway *g, struct drift_pass *p);

/* show.c: answers a request of doc/control.md. Context: the gateway. */
json_t *show_request(const json_t *request, void *context);

#endif
