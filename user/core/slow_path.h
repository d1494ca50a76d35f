/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's copy of the routes, kept up step by step: which of its routes are behind the tables,
 * and what is to be told for a few of them at a time.
 *
 * What the kernel has is written down nowhere: it is what host_build_routes() makes of the tables,
 * but for the prefixes that were touched since. Those are marked, each with the answer that the
 * kernel still has (fib_table.behind), before the table changes. So a change of k prefixes costs
 * O(k log n) here and as many messages as routes differ, and what is settled costs nothing.
 *
 * A tunnel that goes out of Phase 2, or a device from under the routes, is found by no prefix: the
 * tables are swept for the answers that it is in. Behind the sweep routes are as of the new facts,
 * before it as of the old ones.
 *
 * Whoever cannot be followed so (-EAGAIN, -ENOMEM) is followed by the whole comparison with the
 * kernel (host_apply()), after which slow_path_settle() starts anew.
 */
#ifndef ESPALIER_CORE_SLOW_PATH_H
#define ESPALIER_CORE_SLOW_PATH_H

#include "dataplane.h"
#include "host.h"

/* How far something went through the tables: everything before, `at` included, is done. */
struct slow_path_place {
	size_t table;
	bool started; /* in this table */
	struct prefix at;
};

struct slow_path {
	const struct rib *rib;
	const struct fib *fib;
	bool known;	  /* the kernel has it all, but for what is marked */
	bool ipv6;	  /* as of slow_path_settle() */
	uint64_t changes; /* so often has there been something to tell */

	/* By connection: what its table has of the transit router (advert.h). */
	struct fib_table *exported, *leaked;
	size_t connections;
	/* By TR table: the default that stands for it in the kernel (slow_path: summary). */
	struct fib_table *defaults;
	size_t default_count;
	struct trie configured; /* touched: prefixes of destination-based routes */

	struct host_facts told; /* of which the kernel's routes are */
	struct host_facts next; /* and those that the sweep is past */
	bool sweeping;
	bool swept_last;   /* the last slice was the sweep's */
	bool devices_done; /* what follows from the configuration alone */
	struct slow_path_place sweep;
	size_t tables;						 /* when it began */
	bool tunnels[MAX_TUNNELS], attachments[MAX_ATTACHMENTS]; /* by id: in question */
	char (*devices)[DEVICE_NAME_LEN];			 /* likewise */
	size_t device_count;

	/* What the next sweep is for. */
	bool waiting;
	struct host_facts wanted;
	char (*changed)[DEVICE_NAME_LEN];
	size_t changed_count;

	struct slow_path_place pass; /* through the marks */
	bool deleting;
};

/* What to tell the kernel next: two plans of routes alone. */
struct slow_path_slice {
	struct host_plan was, now;
	bool rewrite; /* also where they are equal: the kernel may have dropped routes */
};

/* `rib` and `fib` stay where they are; what they hold may change. */
void slow_path_init(struct slow_path *s, const struct rib *rib, const struct fib *fib);
void slow_path_free(struct slow_path *s);

/* The kernel has the whole plan, as of `facts`, which it takes over. 0 or -ENOMEM. */
int slow_path_settle(struct slow_path *s, struct host_facts *facts);
/* What the kernel has is not known any more. */
void slow_path_forget(struct slow_path *s);

/* Before the table's entry at `p` changes. */
void slow_path_touch(struct slow_path *s, struct fib_table *t, const struct prefix *p);
/* Before a destination-based route is written down or struck out. */
void slow_path_touch_configured(struct slow_path *s, const struct prefix *p);
/* After the rib has changed. */
void slow_path_follow(struct slow_path *s, const struct touched *touched);

/*
 * The facts are these now (taken over), and the kernel may have dropped routes through `device`s.
 * False: nothing but a whole comparison will do.
 */
bool slow_path_changed(struct slow_path *s, struct host_facts *facts,
		       char (*devices)[DEVICE_NAME_LEN], size_t count);

/* How many entries it is behind, beside what a sweep has not come to. */
size_t slow_path_behind(const struct slow_path *s);
/* Is anything left to tell? */
bool slow_path_any(const struct slow_path *s);
/*
 * At most `most` entries of it, which count as told. What is new or changed comes from the most
 * specific one, then what goes from the least specific one. 0 or -ENOMEM; slow_path_slice_free().
 */
int slow_path_take(struct slow_path *s, size_t most, struct slow_path_slice *out);
void slow_path_slice_free(struct slow_path_slice *slice);

/*
 * How long, in ns, to wait for more before the kernel is told, when telling it took `took_ns` the
 * last time: changes come in bursts, and what hears of them is to have most of the time. Never more
 * than 2 s: the last time may have been spent waiting for the kernel's lock, or by a stopped
 * process.
 */
uint64_t slow_path_pause(uint64_t took_ns);

#endif
