/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What FRR's vtysh says about BGP, in JSON → structs. FRR 10.3's words; what is missing or of
 * another type is left at zero, for other versions have other words, and is nobody's error. Only
 * what is no JSON at all, or has no such section, is.
 */
#ifndef ESPALIER_WIRE_FRR_JSON_H
#define ESPALIER_WIRE_FRR_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "../core/prefixes.h"

#define FRR_WORD_LEN 32	 /* of a state, of a VRF's name */
#define FRR_TEXT_LEN 512 /* of an AS path, of communities: cut to fit */

/* One session. */
struct frr_session {
	char vrf[FRR_WORD_LEN]; /* "default": outside of VRFs */
	struct address peer;
	char state[FRR_WORD_LEN];      /* "Established", "Idle" … */
	uint64_t up_ms;		       /* since it was established; 0: it is not */
	uint64_t received, advertised; /* prefixes, of all address families */
};

struct frr_sessions {
	struct frr_session *list;
	size_t count, room;
};

/* `show bgp vrf all summary json`. 0, -EINVAL or -ENOMEM; *out is empty then. */
int frr_sessions_parse(const char *text, size_t len, struct frr_sessions *out);
void frr_sessions_free(struct frr_sessions *s);

/* One path to a prefix. */
struct frr_path {
	struct prefix prefix;
	struct address peer;	 /* family 0: it began here */
	struct address next_hop; /* the one in use */
	char as_path[FRR_TEXT_LEN];
	uint32_t as_path_length;
	bool has_med;
	uint32_t med;
	char communities[FRR_TEXT_LEN]; /* large and extended ones too */
	bool best, multipath;
};

struct frr_paths {
	struct frr_path *list;
	size_t count, room;
};

/* `show bgp vrf VRF ipv4|ipv6 unicast detail json`: appends. 0, -EINVAL or -ENOMEM; what *out had
 * stays. */
int frr_paths_parse(const char *text, size_t len, struct frr_paths *out);
void frr_paths_free(struct frr_paths *p);

/*
 * `show bgp vrf VRF ipv4|ipv6 unicast neighbors PEER advertised-routes json`: appends the prefixes.
 * 0, -EINVAL (also what FRR says of a session that does not carry this family, or is not there) or
 * -ENOMEM.
 */
int frr_advertised_parse(const char *text, size_t len, struct prefixes *out);

#endif
