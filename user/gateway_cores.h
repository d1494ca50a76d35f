/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices whose packets are spread over CPUs, and the CPUs of inbound SAs (core/cores.h decides).
 *
 * What devices are spread over is looked at anew with every update that looks at devices, and at
 * each audit: CPUs may have gone offline. What is in the maps is read back each time, so that a
 * restart finds counters and slots where they were.
 */
#ifndef ESPALIER_GATEWAY_CORES_H
#define ESPALIER_GATEWAY_CORES_H

#include "core/cores.h"
#include "gateway.h"

/* A device that something is written for. */
struct cores_run {
	char device[DEVICE_NAME_MAX + 1];
	struct spread_key key;
	struct config_cpus wish;
	enum cores_why why;
	int refused;			   /* -errno of what the kernel refused; 0: nothing */
	int missing;			   /* a CPU that is written and not online, or -1 */
	struct spread spread;		   /* as told to the dataplane, if why is CORES_SPREAD */
	struct spread_counters samples[2]; /* the last ones, the older one first */
};

int cores_begin(struct gateway *g); /* 0 or -errno */
void cores_free(struct gateway *g);

/* After the programs are on their devices, and at each audit. 0 or -errno. */
int cores_update(struct gateway *g);
/* The inbound SAs of a tunnel may be others. */
void cores_follow(struct gateway *g, const struct gateway_tunnel *t);
/* The tunnel's id will be another one's. */
void cores_forget(struct gateway *g, uint32_t tunnel);
/* While an update runs: an alarm for each list that cannot be followed. */
void cores_alarm(struct gateway *g);
/* Every few seconds: what is sent now and has not arrived at the next time is lost. */
void cores_sample(struct gateway *g);

size_t cores_count(const struct gateway *g);
const struct cores_run *cores_at(const struct gateway *g, size_t i);
/* Of a device, or NULL. */
const struct cores_run *cores_of(const struct gateway *g, uint32_t ifindex, enum spread_kind kind);
/* The inbound SAs that have a CPU. */
size_t cores_sa_count(const struct gateway *g);
const struct cores_sa *cores_sa_at(const struct gateway *g, size_t i);

#endif
