/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between the parts of io/host: one rtnetlink socket, messages in batches, and the steps of
 * host_apply(). By libmnl throughout: libnl-route 3.7 knows neither the protocol of an address, nor
 * inverted rules, nor strict dump filters, nor several requests in one send.
 */
#ifndef ESPALIER_IO_HOST_INTERNAL_H
#define ESPALIER_IO_HOST_INTERNAL_H

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include "host.h"
#include "rtnl_socket.h"

#define HOST_BATCH_SIZE	  65536
#define HOST_BATCH_COUNT  16   /* routes: some 60 us */
#define HOST_MESSAGE_SIZE 2048 /* no request is longer */
#define HOST_RECEIVE_SIZE RTNL_DUMP_SIZE
#define HOST_ERRORS_SHOWN 64
#define HOST_DRIFTED	  (DRIFT_KINDS * DRIFT_NAMED)

/* Called for a request that the kernel refused; tag is what host_request() was given. */
typedef void (*host_refused_fn)(struct host *h, const void *tag, int error, const char *why);

/* What was found, and the request that is to repair it. */
struct host_drifted {
	const void *tag;
	enum drift_kind kind;
	size_t item;
};

struct host {
	struct mnl_socket *socket;
	uint32_t seq;
	char *receive; /* HOST_RECEIVE_SIZE */

	/* The batch: requests not yet sent, their tags by position. */
	char *batch;
	size_t batch_len;
	uint32_t batch_seq;    /* of the first one */
	struct nlmsghdr *open; /* the last one, attributes may still be put; or NULL */
	size_t batch_count;
	const void *tags[HOST_BATCH_COUNT];
	host_refused_fn refused;

	char *errors[HOST_ERRORS_SHOWN];
	size_t error_count;
	size_t errors_hidden;
	int first_error;
	bool error_of_route[HOST_ERRORS_SHOWN];
	bool uncertain; /* requests went, and nobody knows what became of them */

	const struct host_plan *left; /* by the last host_apply(), or NULL */
	struct drift_pass *drift;
	unsigned drift_kinds;
	struct host_drifted drifted[HOST_DRIFTED];
	size_t drifted_count;

	bool ahead;		  /* the kernel has more than the last plan: host_apply_new() */
	struct host_change *rest; /* what that found to go; or NULL */
	char *state_dir;
	struct host_link *links; /* as of host_links_refresh() */
	size_t link_count;

	struct mnl_socket *events;
	host_event_fn event;
	void *event_data;
};

/* Notes a sentence; `error` (negative) is what host_apply() will return if it is the first one. */
__attribute__((format(printf, 3, 4))) void host_note(struct host *h, int error, const char *format,
						     ...);

/* host_drift.c. `tag`: of the request that repairs it, or another address that is unique. */
__attribute__((format(printf, 5, 6))) void host_drifted(struct host *h, enum drift_kind kind,
							enum drift_found found, const void *tag,
							const char *format, ...);
void host_drift_refused(struct host *h, const void *tag);
static inline bool host_watches(const struct host *h, enum drift_kind kind)
{
	return h->drift_kinds & 1u << kind;
}
/* Did the last plan ask for it, too? */
const struct host_link_plan *host_left_link(const struct host *h, const char *name);
bool host_left_address(const struct host *h, const struct host_address *a);
bool host_left_rule(const struct host *h, const struct host_rule *r);
bool host_left_sysctl(const struct host *h, const struct host_sysctl *s);

int host_netlink_open(struct host *h, const char **why);
void host_netlink_close(struct host *h);
/* Starts a request in the batch; sends the batch first when it is full. Attributes may be put until
 * the next call. flags beside NLM_F_REQUEST. */
struct nlmsghdr *host_request(struct host *h, uint16_t type, uint16_t flags, const void *tag);
/* Sends what is in the batch and hears what was refused. */
void host_flush(struct host *h);
/* One dump, while the batch is empty; `request` is complete but for seq and flags; cb returns 0 or
 * -errno. -EINTR: things changed meanwhile, start anew. */
int host_dump(struct host *h, struct nlmsghdr *request, mnl_cb_t cb, void *data);
/* One link's message, valid until the next request. -ENODEV. */
int host_get_link(struct host *h, uint32_t ifindex, const struct nlmsghdr **out);

/* Arrays that double. 0 or -ENOMEM. */
int host_grow(void *array, size_t *capacity, size_t count, size_t size);

bool host_decode_link(const struct nlmsghdr *n, struct host_link *out);
bool host_decode_address(const struct nlmsghdr *n, struct host_local_address *out);
void host_put_address(struct nlmsghdr *n, uint16_t type, const struct address *a);
bool host_get_address(const struct nlattr *attr, uint8_t family, struct address *out);

int host_links_refresh(struct host *h);
const struct host_link *host_link_known(const struct host *h, const char *name);

/* The steps of host_apply(). want NULL: nothing is wanted (teardown). */
void host_links_apply(struct host *h, const struct host_plan *want);
void host_links_release(struct host *h, const struct host_plan *old, const struct host_plan *want);
void host_links_remove(struct host *h, const struct host_plan *want);
void host_addresses_add(struct host *h, const struct host_plan *want);
void host_addresses_remove(struct host *h, const struct host_plan *want);
void host_sysctls_apply(struct host *h, const struct host_plan *want);
void host_sysctls_restore(struct host *h, const struct host_plan *want);

/* Rules of ours that are in the kernel. */
struct host_rules {
	struct host_rule *list;
	bool *wanted;
	size_t count, capacity;
	bool unknown; /* could not be read: then nothing is removed */
};
void host_rules_read(struct host *h, struct host_rules *have);
void host_rules_add(struct host *h, struct host_rules *have, const struct host_plan *want,
		    enum host_rule_action action);
void host_rules_remove(struct host *h, const struct host_rules *have, enum host_rule_action action);
void host_rules_free(struct host_rules *have);

/* What differs between the kernel's routes and the plan's. */
struct host_routes {
	uint8_t *state;		 /* of each wanted route */
	struct host_route *gone; /* ours, not wanted */
	size_t gone_count, gone_capacity;
	struct host_way *ways; /* the plan's hops with their ifindex */
};
int host_routes_compare(struct host *h, const struct host_plan *old, const struct host_plan *want,
			struct host_routes *diff);
void host_routes_add(struct host *h, const struct host_plan *want, const struct host_routes *diff);
void host_routes_remove(struct host *h, const struct host_routes *diff);
void host_routes_free(struct host_routes *diff);
/* Says which devices of the plan's hops are not there. */
void host_routes_note_missing(struct host *h, const struct host_plan *want);
void host_routes_follow(struct host *h, const struct host_plan *was, const struct host_plan *now,
			bool rewrite);

#endif
