/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The configuration as decoded: what the operator wants, in the words of doc/espalier.yaml(5).
 * wire/config.c fills it, rules.c judges it, everything else reads it. Immutable once judged.
 *
 * All strings and arrays belong to the struct config; config_free() is their one end.
 */
#ifndef ESPALIER_CONFIG_H
#define ESPALIER_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "prefix.h"

#define TUNNELS_PER_CONNECTION 2
#define VLANS_PER_ATTACHMENT   2
#define NAME_MAX_LEN	       47 /* of tables, attachments, gateways, connections, tunnels */
#define ACCOUNT_MAX_LEN	       32 /* useradd(8) */
#define DEVICE_NAME_MAX	       15 /* IFNAMSIZ - 1 */
#define CPUS_PER_DEVICE	       64 /* that its packets are spread over */
#define CPU_NUMBER_MAX	       1023

/* What is not written in the file. */
#define DEFAULT_LOCAL_ASN	   45104u /* [S54] */
#define DEFAULT_TUNNEL_MTU	   1400u
#define DEFAULT_WEIGHT		   1u
#define DEFAULT_HOLD_DOWN_MS	   300u
#define DEFAULT_DAMPING_HALF_MS	   30000u
#define DEFAULT_DAMPING_SUPPRESS   3000u
#define DEFAULT_DAMPING_REUSE	   1000u
#define DEFAULT_DAMPING_MAX_MS	   300000u
#define DEFAULT_AUDIT_S		   30u
#define DEFAULT_RETURN_WITHIN_MS   300000u
#define DEFAULT_HEALTH_INTERVAL_MS 3000u
#define DEFAULT_HEALTH_RETRIES	   3u
#define DEFAULT_KEEPALIVE_S	   10u
#define DEFAULT_HOLD_TIME_S	   30u
#define DEFAULT_BFD_INTERVAL_MS	   300u
#define DEFAULT_BFD_MULTIPLIER	   3u
#define DEFAULT_RESTART_S	   120u /* as FRR and BIRD */
#define DEFAULT_STALE_S		   360u
#define DEFAULT_FPM_PORT	   2620u /* what zebra dials */
#define DEFAULT_FPM_QUIET_S	   5u
#define DEFAULT_FPM_USER	   "frr" /* whom zebra runs as in Debian */
#define DEFAULT_SECRETS		   "/etc/espalier/secrets"
#define FIRST_KERNEL_TABLE	   1001u /* of the first connection; the next ones follow */

/* Where in the file a value stands, 1-based; line 0: not written (a default). */
struct mark {
	unsigned line;
	unsigned column;
};

enum attachment_type { ATTACHMENT_VPC, ATTACHMENT_VBR, ATTACHMENT_VPN };
enum slow_path_mode { SLOW_PATH_FULL, SLOW_PATH_SUMMARY };
enum xdp_mode { XDP_AUTO, XDP_NATIVE, XDP_OFF };
enum cpus_mode { CPUS_OFF, CPUS_AUTO, CPUS_LIST };
enum redirect_mode { REDIRECT_AUTO, REDIRECT_ON, REDIRECT_OFF };
enum no_route { NO_ROUTE_DROP, NO_ROUTE_PASS };
/* What a failed health check does: the tunnel carries nothing, or it is only said. */
enum on_failure { ON_FAILURE_REVOKE_ROUTE, ON_FAILURE_RESERVE_ROUTE };

/* A prefix with its place: cidrs of a VPC, destination-based routes of a connection. A route that
 * was added at run time has line 0. */
struct config_prefix {
	struct prefix prefix;
	struct mark mark;
};

/* A name that refers to something else, resolved by rules.c to an index, or -1. */
struct config_ref {
	char *name;
	struct mark mark;
	int index;
};

/* Over which CPUs a device's packets are spread; default CPUS_OFF. */
struct config_cpus {
	enum cpus_mode mode;
	uint16_t count;
	uint16_t list[CPUS_PER_DEVICE]; /* ascending */
	struct mark mark;
};

/* A static route of a TR table [D9]: blackhole, or to an attachment. */
struct config_table_route {
	struct config_prefix destination;
	bool blackhole;
	struct config_ref attachment; /* name NULL when blackhole */
	uint32_t metric;
	struct mark mark;
};

struct config_table {
	char *name;
	struct mark mark;
	struct config_ref *learn; /* attachments [S4 S11] */
	size_t learn_count;
	struct config_table_route *routes;
	size_t route_count;
	bool transit;		       /* [D10]; default false */
	enum slow_path_mode slow_path; /* what of it the kernel has, too; default SLOW_PATH_FULL */
	struct mark slow_path_mark;
};

struct config_attachment {
	char *name;
	struct mark mark;
	enum attachment_type type;

	/* vpc, vbr */
	char *device;
	struct mark device_mark;
	uint16_t vlans[VLANS_PER_ATTACHMENT]; /* outer, inner; 0: none */
	struct mark vlan_mark;
	struct config_prefix *cidrs; /* vpc: system routes [D15]; vbr: its static routes [D17] */
	size_t cidr_count;
	/* gateway inside the VPC; family 0: destinations are neighbours */
	struct address next_hop_v4;
	struct address next_hop_v6;
	struct mark next_hop_mark;
	uint32_t mtu; /* 0: the device's */
	struct mark mtu_mark;
	enum xdp_mode xdp;	     /* default XDP_AUTO */
	enum redirect_mode redirect; /* default REDIRECT_AUTO */
	struct config_cpus cpus;
	uint32_t asn; /* vbr [S46]; 0: not known */
	struct mark asn_mark;
	uint32_t priority; /* vbr: metric in D6 [D17]; default 0 */
	struct mark priority_mark;

	/* vpn */
	struct config_ref connection;
	bool synchronize; /* [S15 S42]; default false */
	struct mark synchronize_mark;

	struct config_ref association; /* table; name NULL: not associated [D7] */
};

struct config_customer_gateway {
	char *name;
	struct mark mark;
	struct address addresses[TUNNELS_PER_CONNECTION];
	struct mark address_marks[TUNNELS_PER_CONNECTION];
	size_t address_count;
	uint32_t asn; /* 0: none, unfit for BGP [S47] */
	struct mark asn_mark;
};

/* ICMP through the tunnel itself, while it is in Phase 2. */
struct config_health_check {
	struct mark mark;	    /* line 0: no `health_check:` written */
	struct address destination; /* family 0: no check */
	struct mark destination_mark;
	struct address source; /* family 0: the tunnel's bgp_address */
	struct mark source_mark;
	uint32_t interval_ms;	    /* between probes; default 3000 */
	uint32_t retries;	    /* probes in a row that decide; default 3 */
	enum on_failure on_failure; /* default ON_FAILURE_REVOKE_ROUTE */
};

struct config_tunnel {
	char *name; /* default: connection name + "-1", "-2"; one gateway has each name once */
	struct mark mark;
	uint32_t if_id; /* never 0, each once: what identifies the tunnel's SAs [D3] */
	struct mark if_id_mark;
	char *device; /* adopted device; NULL: created by us, named by tunnel_device_name() */
	struct mark device_mark;
	/* of the underlay; an adopted device may do without (family 0) */
	struct address local_address, remote_address;
	struct mark local_address_mark, remote_address_mark;
	struct prefix inside; /* tunnel CIDR [S55]; address.family 0: none (static connections) */
	struct mark inside_mark;
	struct address bgp_address; /* ours, inside the tunnel CIDR [S58] */
	struct mark bgp_address_mark;
	char *psk; /* name of a file below gateway.secrets, without directory [D16]; NULL: none */
	struct mark psk_mark;
	uint32_t mtu; /* default 1400 */
	struct mark mtu_mark;
	uint32_t weight; /* default 1; 1..256 */
	struct mark weight_mark;
	struct config_health_check health_check;
};

/* Of a session's peer: it is found dead after interval × multiplier. */
struct config_bfd {
	bool enabled; /* default true; `bfd: off` is false */
	uint32_t interval_ms;
	uint8_t multiplier;
};

struct config_graceful_restart {
	bool enabled;	    /* default true; `graceful_restart: off` is false */
	uint32_t restart_s; /* how long we may be away: told to the peer, and to zebra */
	uint32_t stale_s;   /* how long the peer's routes stay when it comes back, not renewed */
};

/* Bits of config_bgp.families. */
#define BGP_IPV4 1u
#define BGP_IPV6 2u

/* Where a connection's BGP routes are taken from. */
enum bgp_feed { FEED_KERNEL, FEED_FPM };

struct config_bgp {
	bool enabled;
	struct mark mark;
	enum bgp_feed feed; /* default FEED_KERNEL: its kernel table, by rtnetlink */
	uint32_t local_asn; /* default 45104 [S54] */
	struct mark local_asn_mark;
	uint32_t families; /* BGP_*; 0: not written, see config_bgp_families() */
	struct mark families_mark;
	uint32_t keepalive_s;
	uint32_t hold_time_s; /* three keepalives or more */
	struct mark hold_time_mark;
	struct config_bfd bfd;
	struct config_graceful_restart graceful_restart;
};

struct config_connection {
	char *name;
	struct mark mark;
	struct config_ref customer_gateway;
	struct config_bgp bgp;
	struct config_prefix *routes; /* destination-based [S31] */
	size_t route_count;
	struct mark routes_mark;  /* line 0: no `routes:` written */
	bool allow_mixed_routing; /* [S22 S30] */
	struct config_tunnel tunnels[TUNNELS_PER_CONNECTION];
	size_t tunnel_count;
	struct mark tunnels_mark;
	bool vrf;	       /* default true; false: a plain kernel table */
	uint32_t kernel_table; /* also the VRF's; 0 until rules_check() chose (1001 + position) */
	struct mark kernel_table_mark;
	uint32_t bgp_quota; /* single-tunnel, 50..200 [S44]; 0: default */
	struct mark bgp_quota_mark;
};

/* Of tunnels that come and go: core/damping.h. */
struct config_damping {
	bool enabled; /* default true; `damping: off` is false */
	uint32_t half_life_ms;
	uint32_t suppress, reuse; /* a fall costs 1000 (DAMPING_COST) */
	uint32_t max_ms;
};

/* Where FRR's FPM stream comes in, for connections with FEED_FPM. */
struct config_fpm {
	struct mark mark;
	struct address address; /* loopback; family 0: 127.0.0.1, see config_fpm_address() */
	struct mark address_mark;
	uint32_t port;
	char *user; /* an account, by name or number; NULL: see config_fpm_user() */
	struct mark user_mark;
	uint32_t quiet_s; /* without a route: a replay is complete */
};

/* A device that ESP comes in by. */
struct config_underlay {
	char *name; /* of the device */
	struct mark mark;
	struct config_cpus cpus;
};

/* gateway: what concerns this host rather than the service. */
struct config_gateway {
	char *secrets; /* directory, default DEFAULT_SECRETS */
	struct mark secrets_mark;
	enum no_route on_no_route; /* [D8]; default NO_ROUTE_DROP */
	int flow_hash; /* enum hash_mode of include/dataplane.h, default HASH_L4 [D12] */
	struct mark flow_hash_mark;
	bool limits;		       /* default true; false: `limits: none` [D5] */
	uint32_t hold_down_ms;	       /* delays withdrawal, not the liveness word; default 300 */
	struct config_damping damping; /* delays the return */
	struct mark damping_mark;
	uint32_t audit_s; /* between two audits; 0: off */
	struct config_fpm fpm;
	uint32_t return_idle_ms; /* buckets that are to move back wait to be idle so long; 0: off */
	uint32_t return_within_ms; /* at most */
	struct config_underlay *underlays;
	size_t underlay_count;
};

struct config {
	char *file; /* as named by the user, for messages */
	struct config_gateway gateway;
	struct config_table *tables;
	size_t table_count;
	struct config_attachment *attachments;
	size_t attachment_count;
	struct config_customer_gateway *customer_gateways;
	size_t customer_gateway_count;
	struct config_connection *connections;
	size_t connection_count;
};

/* What is wrong with a configuration: all of it, in the order of the file. */
enum severity { SEVERITY_WARNING, SEVERITY_ERROR };

struct finding {
	enum severity severity;
	struct mark mark;
	char *text; /* "what is wrong, what is allowed [S36]" */
};

struct findings {
	struct finding *list;
	size_t count;
	bool out_of_memory; /* a finding was lost: treat as an error */
};

/* Appends; printf-like. Never fails visibly: see out_of_memory. */
__attribute__((format(printf, 4, 5))) void findings_add(struct findings *f, enum severity severity,
							struct mark mark, const char *format, ...);
/* By line, then column; at one place errors first. */
void findings_sort(struct findings *f);
size_t findings_errors(const struct findings *f);
void findings_free(struct findings *f);

/* Frees everything in it, not the struct itself. */
void config_free(struct config *c);

/* The xfrm interface of a tunnel: its `device:` or "xfrm" + if_id. */
const char *tunnel_device_name(const struct config_tunnel *t, char buf[16]);
/* "none", or "10.50.0.9 from 10.1.0.1, interval 3000ms, retries 3, revoke_route". */
#define HEALTH_CHECK_STRLEN 192
#define DAMPING_STRLEN	    96
const char *health_check_format(const struct config_health_check *h, char buf[HEALTH_CHECK_STRLEN]);
/* "off", or "half_life 30000ms, suppress 3000, reuse 1000, max 300000ms". */
const char *damping_format(const struct config_damping *d, char buf[DAMPING_STRLEN]);
/* "off", "auto", or "0 2-3". */
#define CPUS_STRLEN 400
const char *config_cpus_format(const struct config_cpus *c, char buf[CPUS_STRLEN]);
const char *on_failure_name(enum on_failure f);
/* What its health check sends from; family 0: not known. */
const struct address *tunnel_health_source(const struct config_tunnel *t);
/* The VRF device of a connection: "vrf" + kernel table. */
const char *connection_vrf_name(const struct config_connection *c, char buf[16]);

/* What a connection's sessions carry, BGP_*: as written, or else IPv4, and IPv6 too where a VPC, a
 * VBR or a table has a prefix of it. */
unsigned config_bgp_families(const struct config *c, const struct config_bgp *bgp);
struct address config_fpm_address(const struct config_fpm *fpm);
/* The account whose connections are taken, beside root's. */
const char *config_fpm_user(const struct config_fpm *fpm);
/* The user id that `account` is, UINT32_MAX for one that does not fit. False: a name. */
bool account_number(const char *account, uint32_t *out);
const char *bgp_feed_name(enum bgp_feed f);
/* Does any connection take its routes from FPM? */
bool config_has_fpm(const struct config *c);
/* The far end of a tunnel with a BGP address: the other host of its /30 [S55 S58]. */
struct address tunnel_peer_address(const struct config_tunnel *t);

/* Positions by name, or -1. */
int config_find_table(const struct config *c, const char *name);
int config_find_attachment(const struct config *c, const char *name);
/* The connection that a table can lead to, the first one found, or -1; *other (may be NULL):
 * another one, or -1. */
int config_table_connection(const struct config *c, const struct config_table *t, int *other);
/* What is written of any attachment of the device; never NULL. */
const struct config_cpus *config_device_cpus(const struct config *c, const char *device);
/* What is written for an underlay; NULL: nothing. */
const struct config_underlay *config_find_underlay(const struct config_gateway *g,
						   const char *device);
int config_find_customer_gateway(const struct config *c, const char *name);
int config_find_connection(const struct config *c, const char *name);
/* By the tunnel's name; *index is its position within the connection that is returned. */
int config_find_tunnel(const struct config *c, const char *name, size_t *index);

/* The one attachment of type vpn that names this connection, or -1 [S34]. */
int connection_attachment(const struct config *c, size_t connection);

/* Do two attachments, connections or VBRs, lead to one data centre? It has one ASN [S46], and a
 * connection's customer gateway is its device. */
bool config_same_data_centre(const struct config *c, size_t a, size_t b);

/*
 * What the running host must have: devices that are not created by us (of VPCs, VBRs and adopted
 * tunnels) and files below gateway.secrets. Each name once per place that uses it, in the order of
 * the file's sections. A callback that returns non-zero ends the walk; its value is returned.
 */
typedef int (*config_name_fn)(const char *name, struct mark mark, void *context);
int config_each_device(const struct config *c, config_name_fn fn, void *context);
int config_each_secret(const struct config *c, config_name_fn fn, void *context);

/* "did you mean": the candidate that is one or two typing errors away from `word`, or NULL. Returns
 * the better one of `best` (may be NULL) and `candidate`, so that callers can loop over anything.
 */
const char *nearest_word(const char *word, const char *candidate, const char *best);

/* Copies `text` for a message: cut to fit, and nothing in it that a terminal would obey. */
#define QUOTED_LEN 64
const char *quoted(const char *text, char buf[QUOTED_LEN]);

#endif
