/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which CPUs a device's packets are handed to, and which of them an inbound SA is given. The
 * dataplane does the handing over: bpf/cores.h.
 */
#ifndef ESPALIER_CORES_H
#define ESPALIER_CORES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <dataplane.h>
#include "config.h"

/* ---- over which CPUs ---- */

/* What the host says. */
struct cores_facts {
	const uint16_t *online; /* ascending */
	size_t online_count;
	bool native;	    /* XDP is in use, in the driver */
	bool veth;	    /* a sender behind it may leave tags and checksums to it */
	bool takes_tags;    /* the device takes VLAN tags out of frames */
	unsigned rx_queues; /* 0: not known */
};

enum cores_why {
	CORES_SPREAD,
	CORES_OFF, /* not asked for */
	CORES_NO_DEVICE,
	CORES_NO_XDP,  /* only XDP can hand a packet over */
	CORES_TAGS,    /* they would be lost on the way */
	CORES_VETH,    /* auto: what only the operator knows */
	CORES_QUEUES,  /* auto: the device spreads flows itself */
	CORES_ONE_CPU, /* auto: there is no other one */
	CORES_NONE_ONLINE,
	CORES_NO_ROOM,
};

/* Fills cpus and count of *out if the answer is CORES_SPREAD. */
enum cores_why cores_plan(const struct config_cpus *wish, enum spread_kind kind,
			  const struct cores_facts *facts, struct spread *out);
/* As what is wrong with it: "eth1 has no XDP in its driver, ...". */
const char *cores_why_text(enum cores_why why);
/* A CPU of the list that is not online; -1: all are. */
int cores_missing(const struct config_cpus *wish, const struct cores_facts *facts);

/* Parses "0-3,8" as of /sys/devices/system/cpu/online; how many, at most `room`. 0: malformed. */
size_t cores_parse(const char *text, uint16_t *list, size_t room);

/* ---- which CPU an SA gets ---- */

/*
 * The SAs of a tunnel share a lane (a position in a device's list of CPUs): so a rekey, during
 * which there are two, moves no flow to another CPU. A tunnel whose SAs name CPUs has an SA for
 * each of them [RFC 9611]: there each SA goes to the CPU that it names, or has a lane of its own. A
 * new one gets the lane that has the fewest; one that has a lane keeps it.
 */
struct cores_sa {
	uint32_t tunnel, spi;
	struct sa_place place;
	bool own; /* has a lane of its own, not its tunnel's */
};

struct cores_places {
	struct cores_sa *list; /* by tunnel */
	size_t count, room;
	unsigned lanes; /* 0: nothing is spread by SPI */
};

/* An inbound SA as it is. */
struct cores_wanted {
	uint32_t spi;
	uint32_t cpu; /* NO_CPU: names none */
};

/* Told of each SA that comes, moves (place) or goes (NULL). */
typedef void (*cores_place_fn)(uint32_t spi, const struct sa_place *place, void *data);

/* Takes a former controller's place for what it is: a hint to whom the SA belongs is `tunnel`. 0 or
 * -ENOMEM. */
int cores_adopt(struct cores_places *p, uint32_t tunnel, uint32_t spi,
		const struct sa_place *place);
/* What a tunnel's inbound SAs are now, oldest first; per_cpu: some SA of it, in either direction,
 * names a CPU. 0 or -ENOMEM. */
int cores_place(struct cores_places *p, uint32_t tunnel, const struct cores_wanted *sas,
		size_t count, bool per_cpu, cores_place_fn fn, void *data);
/* Its position in the list of a device; as bpf/cores.h: position_of_sa(). */
unsigned cores_position(const struct spread *s, const struct sa_place *place);
const struct cores_sa *cores_find(const struct cores_places *p, uint32_t spi);
void cores_places_free(struct cores_places *p);

#endif
