/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by the files of rules.c; nothing else includes it. */
#ifndef ESPALIER_RULES_INTERNAL_H
#define ESPALIER_RULES_INTERNAL_H

#include "rules.h"

/* Looks at a configuration with resolved references and adds what breaks its rules. What the
 * decoder already refused is zero (no family, no name, -1) and is passed over. */
typedef void rule_fn(const struct config *c, struct findings *f);

/* rules_router.c: tables and attachments */
rule_fn rule_learn_twice, rule_table_routes, rule_table_routes_twice, rule_attachment_used,
	rule_attachment_place, rule_attachment_cidrs, rule_connection_attached_once,
	rule_synchronize, rule_vpc_overlap, rule_never_steered, rule_slow_path;
/* rules_vbr.c */
rule_fn rule_vbr_asn;
rule_fn rule_transit_asn;
/* rules_connection.c: connections and customer gateways */
rule_fn rule_dual_tunnel, rule_one_method, rule_static_ecmp, rule_routes_attached,
	rule_destinations, rule_destinations_twice, rule_quota, rule_bgp_asn, rule_bgp_timers,
	rule_kernel_table, rule_gateway_addresses, rule_gateway_asn, rule_capacity;
/* rules_tunnel.c */
rule_fn rule_tunnel_names, rule_if_ids, rule_device_names, rule_devices_twice,
	rule_tunnel_addresses, rule_tunnel_pairs, rule_tunnel_gateway, rule_tunnel_cidrs,
	rule_tunnel_cidrs_differ, rule_bgp_addresses, rule_secrets, rule_tunnel_mtu;

/* rules_damping.c */
rule_fn rule_damping;

/* rules_fpm.c */
rule_fn rule_fpm;

/* rules_cores.c */
rule_fn rule_cpus_need_xdp, rule_cpus_of_a_device;

/* rules_health.c */
rule_fn rule_health_addresses, rule_health_answers;

/* Of this host alone. */
bool address_is_loopback(const struct address *a);
/* Neither multicast nor broadcast nor the unspecified address. */
bool address_is_host(const struct address *a);

/* rules_names.c */
void rules_resolve(struct config *c, struct findings *f);

/*
 * Finding what is given twice, in n log n: collect everything under a key, then look at neighbours.
 * `subject` is for the caller; owner names the thing in messages.
 */
#define PLACE_KEY_LEN 64

struct place {
	unsigned char key[PLACE_KEY_LEN];
	struct mark mark;
	const char *owner;
	const void *subject;
};

struct places {
	struct place *list;
	size_t count;
	bool out_of_memory;
};

typedef void (*twice_fn)(const struct place *first, const struct place *again, struct findings *f);

void places_add(struct places *p, const void *key, size_t len, const struct place *place);
/* Calls `twice` for every place but the first of each key, in the order of the file; frees. */
void places_finish(struct places *p, twice_fn twice, struct findings *f);

/* Is this kernel table number taken by the kernel, or by other uses of ours? NULL: it is free. */
const char *kernel_table_reserved(uint32_t table);

/* Heads of loops: for (EACH_TABLE(c, t)) */
#define EACH_TABLE(config, t)                                        \
	const struct config_table *t = (config)->tables;             \
	t && (size_t)(t - (config)->tables) < (config)->table_count; \
	t++
#define EACH_ATTACHMENT(config, a)                                             \
	const struct config_attachment *a = (config)->attachments;             \
	a && (size_t)(a - (config)->attachments) < (config)->attachment_count; \
	a++
#define EACH_CONNECTION(config, connection)                                                      \
	const struct config_connection *connection = (config)->connections;                      \
	connection && (size_t)(connection - (config)->connections) < (config)->connection_count; \
	connection++
#define EACH_TUNNEL(config, t)                                       \
	const struct config_tunnel *t = next_tunnel((config), NULL); \
	t;                                                           \
	t = next_tunnel((config), t)

/* The tunnel behind `t` in the whole configuration, the first one for NULL; NULL at the end. */
const struct config_tunnel *next_tunnel(const struct config *c, const struct config_tunnel *t);
/* The connection that a tunnel belongs to. */
const struct config_connection *connection_of(const struct config *c,
					      const struct config_tunnel *t);

#endif
