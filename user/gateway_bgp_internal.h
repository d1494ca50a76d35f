/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of gateway_bgp.h share: gateway_bgp.c binds them together, gateway_bgp_follow.c
 * takes in what the feeds say, gateway_bgp_read.c reads the kernel's tables, gateway_bgp_stale.c
 * keeps what outlives its feed, gateway_bgp_memory.c what the next espalierd must know,
 * gateway_bgp_fpm.c is the other feed.
 */
#ifndef ESPALIER_GATEWAY_BGP_INTERNAL_H
#define ESPALIER_GATEWAY_BGP_INTERNAL_H

#include "core/hold.h"
#include "core/nexthops.h"
#include "gateway_bgp.h"
#include "io/fpm.h"
#include "io/route_feed.h"

#define NS_PER_MS 1000000ull
#define NS_PER_S  1000000000ull
#define NS_PER_US 1000ull

#define BGP_LINK_SETTLE_MS 50
#define BGP_REPLAY_NS	   (30 * NS_PER_S) /* zebra dials every three seconds, and sends what it has */

/* What a reading of a connection's routes hangs on. */
struct bgp_source {
	bool enabled;
	enum bgp_feed feed;
	uint32_t table;
	char devices[TUNNELS_PER_CONNECTION][DEVICE_NAME_LEN]; /* tunnels by position */
};

/* As of the last writing of what the next espalierd must know. */
struct bgp_remembered {
	struct hold hold;
	uint64_t stale_changes, until_ns;
};

/* The file that has it. */
struct bgp_memory {
	sd_event_source *timer;
	uint64_t took_ns; /* the last writing */
	int error;	  /* of that one: -errno */
	bool outdated;	  /* by what no connection remembers */
};

/* What a connection of this name has learned. */
struct bgp_connection {
	struct bgp_connection *next;
	char *name;
	struct learned learned;
	struct bgp_source source; /* of what was learned */
	struct hold hold;	  /* who writes to its kernel table */
	uint64_t stale_until_ns;  /* while learned.stale */
	struct bgp_remembered remembered;
	/* The latest route over each tunnel in the FPM stream that runs; 0: none yet. */
	uint64_t heard_ns[TUNNELS_PER_CONNECTION];
};

/* The FPM stream, while a connection wants it. */
struct bgp_fpm {
	struct fpm *io;
	struct address address; /* where it listens */
	uint16_t port;
	char account[ACCOUNT_MAX_LEN + 1]; /* whose connections are taken, beside root's … */
	uid_t user;			   /* … and its user id; 0: there is no such account */
	int account_error;		   /* why it is not known: -errno */
	int error;			   /* why it does not listen, though it should: -errno */
	struct nexthops nexthops;	   /* zebra's, which need not be the kernel's */
	bool inline_hops;		   /* some route names devices, not objects */
	uint64_t refused_told_ns;	   /* when a refusal was last logged; 0: never */
	sd_event_source *listening, *stream, *quiet;
};

struct bgp {
	struct route_feed *feed;
	struct nexthops nexthops; /* the kernel's */
	struct bgp_connection *connections;
	sd_event_source *settle, *reread, *expire;
	uint32_t *devices; /* of tunnels, by place, as of the last reading; 0: not there, or down */
	size_t places;
	uint64_t read_at_ns, read_took_ns;
	bool aliased; /* some route has another one beside it, with the same key */
	/* The last answer to whether a writer lives, for the many removals of one sweep. */
	struct {
		uint32_t port;
		bool lives;
		uint64_t until_ns;
	} asked;
	struct bgp_memory memory;
	struct bgp_fpm fpm;
};

/* Whose events are followed, and which objects they name. */
struct bgp_follower {
	struct gateway *g;
	enum bgp_feed feed;
	struct nexthops *nexthops;
};

/* gateway_bgp.c */
uint64_t bgp_monotonic(void);
struct bgp_connection *bgp_connection_named(const struct bgp *b, const char *name);
/* That of a position in the configuration. */
struct bgp_connection *bgp_connection_at(const struct gateway *g, size_t connection);
/* Sets a timer off, or leaves it if it is set already. */
void bgp_arm(struct gateway *g, sd_event_source *timer, uint64_t delay_ns);
/* What was taken in is judged within milliseconds. */
void bgp_request_settling(struct gateway *g);

/* gateway_bgp_follow.c: a route_event_fn; its data is a struct bgp_follower */
int bgp_follow(const struct route_event *e, void *data);
/* Devices are others than before: so are the tunnels of routes that name objects. 0 or -ENOMEM. */
int bgp_follow_devices(const struct bgp_follower *f);

/* gateway_bgp_read.c */
/* Everything that comes from the kernel, anew; and of others that are not read yet what the kernel
 * has of them, as stale. 0 or -errno, which is logged. */
int bgp_read_all(struct gateway *g);
/* The connection's source by the configuration that runs. */
struct bgp_source bgp_source_of(const struct config_connection *c);
bool bgp_same_source(const struct bgp_source *a, const struct bgp_source *b);
void bgp_request_reread(struct gateway *g, uint64_t delay_ns);

/* gateway_bgp_stale.c */
/* For how long a connection's routes are kept without their feed, in ns; 0: not at all. */
uint64_t bgp_stale_time(const struct gateway *g, size_t connection);
/* Something of it is stale now (`first`: nothing was before), and kept until then, monotonic. */
void bgp_begin_staleness(struct gateway *g, size_t connection, bool first, uint64_t until_ns);
/* Is anything stale? When that changes, alarms do. */
bool bgp_any_stale(const struct gateway *g);
/* A removal of a kernel route: true: it is kept for now. */
bool bgp_keep_removed(struct gateway *g, size_t connection, const struct route_event *e);
/* The same of a nexthop object: the routes that name it are kept, if it is not their writer's. */
void bgp_keep_nexthop(struct gateway *g, size_t connection, uint32_t id, uint32_t remover);
/* The feed of all this connection's routes is gone, or was never heard. They are kept for so long
 * at least, whatever restart_time says. */
void bgp_keep_all(struct gateway *g, size_t connection, uint64_t least_ns);
int bgp_drop_stale(struct gateway *g, size_t connection, tunnel_mask tunnels);
/* By the configuration of now: nothing is kept for longer than that says. */
void bgp_limit_staleness(struct gateway *g);
/* Sets the timer to when the next ones have been kept for long enough. */
void bgp_await_expiry(struct gateway *g);
/* An sd_event_time_handler_t: they go. */
int bgp_on_expire(sd_event_source *source, uint64_t usec, void *gateway);

/* gateway_bgp_memory.c */
/* An sd_event_time_handler_t: what bgp_remember_later() put off. */
int bgp_on_remember(sd_event_source *source, uint64_t usec, void *gateway);

/* gateway_bgp_fpm.c */
/* Listens where the configuration says, if any connection wants it. What hinders it is an alarm,
 * and tried again with the next audit. */
void bgp_fpm_configure(struct gateway *g);
void bgp_fpm_close(struct gateway *g);
/* Whole table once more, please. */
void bgp_fpm_request_replay(struct gateway *g);

#endif
