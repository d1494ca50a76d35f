/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The loaded object without a gateway around it: maps filled by hand, programs run on one packet.
 *
 * Everything happens in a network namespace of its own. Packets come in on its loopback device
 * (ifindex 1, attachments) or on a TUN (tunnels): test runs want devices that exist.
 */
#ifndef TESTS_BPF_WORLD_H
#define TESTS_BPF_WORLD_H

#include <stdbool.h>
#include <stdint.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <dataplane.h>
#include "io/dataplane_internal.h"
#include "packet.h"

#define LO	    1u
#define ATTACHMENTS 16 /* whose counters are watched */
#define TUNNELS	    16

struct world {
	struct gateway_bpf *object;
	struct dataplane plane; /* of that object, for what is not written by hand: the routes */
	uint32_t tun;		/* ifindex of a TUN device */
	int tun_fd;
};

/* The sums of everything that is counted; packets and bytes. */
struct tally {
	struct counter reasons[ATTACHMENTS][REASON_COUNT];
	struct counter tunnels[TUNNELS][DIRECTIONS];
	struct counter devices[ATTACHMENTS];
};

/* What came of one run. */
struct outcome {
	uint32_t verdict; /* XDP_* or TC_ACT_* */
	bool decided;
	struct decision decision;
	struct frame packet; /* as it left */
};

void world_open(struct world *w, enum hash_mode mode);
void world_close(struct world *w);

void world_associate(struct world *w, uint32_t ifindex, uint16_t outer, uint16_t inner,
		     struct association value);
void world_route(struct world *w, uint32_t table, const char *prefix, enum verdict verdict,
		 uint32_t target);
void world_unroute(struct world *w, uint32_t table, const char *prefix);
/* From now on as if there were no index. */
void world_ask_tries(struct world *w);
void world_tunnel(struct world *w, uint32_t id, uint32_t ifindex, uint32_t mtu, bool live);
void world_device(struct world *w, uint32_t attachment, struct device value);
/* Every bucket the same pair. */
void world_group(struct world *w, uint32_t id, uint16_t tunnel, uint16_t spare);
void world_set_group(struct world *w, uint32_t id, const struct group *value);
void world_live(struct world *w, uint32_t tunnel, bool live);

void world_tally(struct world *w, struct tally *out);
/* out = after - before */
void tally_minus(const struct tally *after, const struct tally *before, struct tally *out);

void world_xdp(struct world *w, uint32_t ifindex, const struct frame *in, struct outcome *out);
void world_tc(struct world *w, const struct bpf_program *program, uint32_t ifindex,
	      uint32_t gso_size, const struct frame *in, struct outcome *out);
void world_explain(struct world *w, const struct association_key *key, const struct frame *in,
		   struct explain *out);

#endif
