/* SPDX-License-Identifier: GPL-2.0-only */
/* Devices whose packets are spread over CPUs: which of them did how much, and what was lost. */
#include "gateway_cores.h"
#include "show_internal.h"

static json_t *wish_json(const struct config_cpus *wish)
{
	json_t *list;

	if (wish->mode != CPUS_LIST)
		return json_string(wish->mode == CPUS_AUTO ? "auto" : "off");
	list = json_array();
	for (uint16_t i = 0; i < wish->count; i++)
		json_array_append_new(list, json_integer(wish->list[i]));
	return list;
}

/* What had been sent some seconds ago and has not arrived is lost; the rest may be on its way. */
static uint64_t lost(const struct cores_run *run, const struct spread_counters *now, uint16_t i)
{
	uint64_t sent = run->samples[0].sent[i].packets, arrived = now->arrived[i].packets;

	return sent > arrived ? sent - arrived : 0;
}

static size_t sas_on(const struct gateway *g, const struct cores_run *run, uint16_t i)
{
	size_t count = 0;

	for (size_t k = 0; run->key.kind == SPREAD_ESP && k < cores_sa_count(g); k++)
		count += cores_position(&run->spread, &cores_sa_at(g, k)->place) == i;
	return count;
}

static json_t *cpu_json(const struct gateway *g, const struct cores_run *run,
			const struct spread_counters *now, uint16_t i)
{
	return json_pack("{s:i, s:o, s:o, s:I, s:o}", "cpu", run->spread.cpus[i], "sent",
			 counter_json(&now->sent[i]), "handled", counter_json(&now->arrived[i]),
			 "lost", (json_int_t)lost(run, now, i), "sas",
			 run->key.kind == SPREAD_ESP ? json_integer((json_int_t)sas_on(g, run, i))
						     : json_null());
}

static json_t *cpus_json(struct gateway *g, const struct cores_run *run)
{
	json_t *list = json_array();
	struct spread_counters now;

	if (run->why != CORES_SPREAD || dataplane_spread_counters(g->dataplane, &run->spread, &now))
		return list;
	for (uint16_t i = 0; i < run->spread.count; i++)
		json_array_append_new(list, cpu_json(g, run, &now, i));
	return list;
}

static json_t *why_json(const struct cores_run *run)
{
	return run->why == CORES_SPREAD ? json_null() : json_string(cores_why_text(run->why));
}

json_t *spread_json(const struct gateway *g, uint32_t ifindex)
{
	const struct cores_run *run = cores_of(g, ifindex, SPREAD_FLOWS);
	json_t *list = json_array();

	for (uint16_t i = 0; run && run->why == CORES_SPREAD && i < run->spread.count; i++)
		json_array_append_new(list, json_integer(run->spread.cpus[i]));
	return list;
}

json_t *show_cpus(struct gateway *g, const json_t *request)
{
	json_t *list = json_array();

	(void)request;
	for (size_t i = 0; i < cores_count(g); i++) {
		const struct cores_run *run = cores_at(g, i);

		json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:o, s:o}", "device",
						      run->device, "spread",
						      run->key.kind == SPREAD_ESP ? "esp" : "flows",
						      "wanted", wish_json(&run->wish), "why",
						      why_json(run), "cpus", cpus_json(g, run)));
	}
	return list;
}
