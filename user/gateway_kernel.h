/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel is to have: devices, addresses, rules, sysctls, and its copy of the routes.
 *
 * The frame (all but the routes) is held against the kernel whenever something of the host has
 * changed, and by audits. The routes
 * are followed step by step (core/slow_path.h), in turns that leave the event loop free for the
 * rest, and compared with the kernel as a whole only at the start, with another configuration, by
 * audits, and after messages were lost.
 */
#ifndef ESPALIER_GATEWAY_KERNEL_H
#define ESPALIER_GATEWAY_KERNEL_H

#include "gateway.h"

/* A device as the kernel's messages last described it. */
struct kernel_link {
	uint32_t ifindex, master, mtu;
	bool up;
	char name[DEVICE_NAME_LEN];
};

struct kernel {
	struct host_plan frame;	 /* that was applied last */
	struct host_facts facts; /* of which it was made */
	bool facts_stand;	 /* and the kernel has all of it */
	sd_event_source *turn;	 /* there are routes to tell */
	struct kernel_link *links;
	size_t link_count, link_room;
	char (*changed)[DEVICE_NAME_LEN]; /* through these the kernel may have dropped routes */
	size_t changed_count;
	char *refused[ALARMS]; /* routes that the kernel did not take, until the next comparison */
	size_t refused_count;
	struct host_plan prepared; /* kernel_prepare() */
	struct host_facts prepared_facts;
	bool is_prepared;
	int prepared_err; /* it is not known what came of it */
	bool compare;	  /* with the next update: everything */
	uint64_t took_ns; /* the last update */

	sd_event_source *child; /* kernel_check() is under way */
	uint64_t changes;	/* slow_path.changes when it began */
	unsigned put_off;	/* so many times in a row, for changes meanwhile */
};

int kernel_new(struct gateway *g); /* 0 or -errno; after the event loop is there */
void kernel_free(struct gateway *g);

/* Frame and routes, compared with the kernel. 0 or the first -errno; what fails is an alarm. */
int kernel_apply(struct gateway *g);
/* The half of it that adds, for tables that the maps do not hold yet; and the other half, when they
 * do and packets have left what goes. Compared is once. */
int kernel_prepare(struct gateway *g, const struct fib *fib);
int kernel_finish(struct gateway *g);
/* After something has changed: the frame now, the routes in turns. The same as kernel_apply() where
 * nothing less will do. */
int kernel_follow(struct gateway *g);
/* Begins to look whether the kernel has the routes that it must have; audit_kernel_checked() is
 * called then. False: it cannot, or was put off too often: kernel_compare() is to do it. */
bool kernel_check(struct gateway *g);
bool kernel_checking(const struct gateway *g);
/* The next kernel_follow() is to end in kernel_apply(). */
void kernel_compare(struct gateway *g);
/* Tells what is left to tell, all of it; or so many slices. Is nothing left then? */
void kernel_complete(struct gateway *g);
bool kernel_catch_up(struct gateway *g, unsigned slices);
/* What happened to a device or an address; an update must follow. */
void kernel_host_event(struct gateway *g, const struct host_event *event);

#endif
