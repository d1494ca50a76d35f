/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include "gateway_cores.h"
#include "io/cpus.h"

struct cores {
	struct cores_run *list;
	size_t count;
	uint16_t online[CPU_NUMBER_MAX + 1];
	size_t online_count;
	struct cores_places places;
	bool adopted; /* what a former controller had placed */
};

/* ---- what is written ---- */

static struct cores_run *find_run(const struct cores *c, uint32_t ifindex, enum spread_kind kind)
{
	for (size_t i = 0; i < c->count; i++)
		if (c->list[i].key.ifindex == ifindex && c->list[i].key.kind == kind)
			return &c->list[i];
	return NULL;
}

static void wish_for(struct gateway *g, struct cores *c, const char *device, enum spread_kind kind,
		     const struct config_cpus *wish)
{
	struct cores_run *run = &c->list[c->count];
	struct host_link link = { 0 };

	host_link_by_name(g->host, device, &link);
	if (link.ifindex && find_run(c, link.ifindex, kind))
		return; /* another attachment of the device: they agree */
	*run = (struct cores_run){ .key = { link.ifindex, kind }, .wish = *wish, .missing = -1 };
	strncpy(run->device, device, sizeof(run->device) - 1);
	c->count++;
}

static int wish_all(struct gateway *g, struct cores *c)
{
	const struct config_gateway *config = &g->config.gateway;

	c->list = calloc(g->config.attachment_count + config->underlay_count + 1, sizeof(*c->list));
	if (!c->list)
		return -ENOMEM;
	for (size_t i = 0; i < g->config.attachment_count; i++) {
		const struct config_attachment *a = &g->config.attachments[i];

		if (a->device && a->cpus.mode != CPUS_OFF)
			wish_for(g, c, a->device, SPREAD_FLOWS, &a->cpus);
	}
	for (size_t i = 0; i < config->underlay_count; i++)
		if (config->underlays[i].cpus.mode != CPUS_OFF)
			wish_for(g, c, config->underlays[i].name, SPREAD_ESP,
				 &config->underlays[i].cpus);
	return 0;
}

/* ---- what can be ---- */

/* The attachment whose programs are on the device; -1: none's are. */
static int attached_to(const struct gateway *g, uint32_t ifindex)
{
	for (size_t i = 0; i < g->config.attachment_count; i++)
		if (ifindex && g->attachments[i].attached == ifindex)
			return (int)i;
	return -1;
}

static bool is_attachment(const struct gateway *g, uint32_t ifindex)
{
	return attached_to(g, ifindex) >= 0;
}

static struct cores_facts facts_of(struct gateway *g, const struct cores_run *run)
{
	int attachment = attached_to(g, run->key.ifindex);
	struct cores_facts f = {
		.online = g->cores->online,
		.online_count = g->cores->online_count,
		/* A guard is attached when it is known to be of use. */
		.native = attachment >= 0 ? g->attachments[attachment].native
					  : run->key.kind == SPREAD_ESP,
	};
	struct host_link link;

	cpus_device(run->device, &f.rx_queues, &f.takes_tags);
	f.veth =
		!host_link_by_index(g->host, run->key.ifindex, &link) && !strcmp(link.kind, "veth");
	return f;
}

static void plan(struct gateway *g, struct cores_run *run)
{
	struct cores_facts facts = facts_of(g, run);

	run->missing = cores_missing(&run->wish, &facts);
	run->why = run->key.ifindex ? cores_plan(&run->wish, (enum spread_kind)run->key.kind,
						 &facts, &run->spread)
				    : CORES_NO_DEVICE;
}

/* ---- what is in the map ---- */

struct former {
	struct spread_key key;
	struct spread spread;
};

struct formers {
	struct former list[MAX_SPREADS];
	size_t count;
};

static int note_former(const struct spread_key *key, const struct spread *value, void *data)
{
	struct formers *f = data;

	f->list[f->count++] = (struct former){ *key, *value };
	return f->count == MAX_SPREADS;
}

static const struct spread *former_of(const struct formers *f, const struct spread_key *key)
{
	for (size_t i = 0; i < f->count; i++)
		if (f->list[i].key.ifindex == key->ifindex && f->list[i].key.kind == key->kind)
			return &f->list[i].spread;
	return NULL;
}

/* Each device and kind is counted in a place of its own. */
static int take_slot(const struct cores *c, const struct formers *f, struct spread *s)
{
	bool used[MAX_SPREADS] = { false };

	for (size_t i = 0; i < f->count; i++)
		used[f->list[i].spread.slot % MAX_SPREADS] = true;
	for (size_t i = 0; i < c->count; i++)
		if (c->list[i].why == CORES_SPREAD && &c->list[i].spread != s)
			used[c->list[i].spread.slot % MAX_SPREADS] = true;
	for (uint16_t slot = 0; slot < MAX_SPREADS; slot++)
		if (!used[slot]) {
			s->slot = slot;
			return 0;
		}
	return -ENOSPC;
}

static bool same_cpus(const struct spread *a, const struct spread *b)
{
	return a->count == b->count && !memcmp(a->cpus, b->cpus, a->count * sizeof(*a->cpus));
}

/* ---- telling the dataplane ---- */

static int make_queues(struct gateway *g, const struct spread *s)
{
	int err = 0;

	for (uint16_t i = 0; !err && i < s->count; i++)
		err = dataplane_set_core(g->dataplane, s->cpus[i], true);
	return err;
}

/* A list that is another one is counted anew: its positions are other CPUs. */
static int tell(struct gateway *g, struct cores_run *run, const struct formers *f)
{
	const struct spread *was = former_of(f, &run->key);
	int err = 0;

	if (was)
		run->spread.slot = was->slot;
	else
		err = take_slot(g->cores, f, &run->spread);
	if (!err)
		err = make_queues(g, &run->spread);
	if (err || (was && same_cpus(was, &run->spread)))
		return err;
	err = dataplane_reset_spread(g->dataplane, run->spread.slot);
	return err ? err : dataplane_set_spread(g->dataplane, &run->key, &run->spread);
}

static int attach_guard(struct gateway *g, const struct cores_run *run)
{
	int err;

	if (run->key.kind != SPREAD_ESP || is_attachment(g, run->key.ifindex) ||
	    dataplane_guarded(g->dataplane, run->key.ifindex))
		return 0;
	err = dataplane_attach_guard(g->dataplane, run->key.ifindex);
	if (!err)
		gateway_log(LOG_INFO, "underlay %s: ESP is spread over %u CPUs by native XDP",
			    run->device, run->spread.count);
	return err;
}

/* The guard first: without it nothing asks for the list. */
static void take_back(struct gateway *g, const struct spread_key *key)
{
	if (key->kind == SPREAD_ESP && !is_attachment(g, key->ifindex))
		dataplane_detach_guard(g->dataplane, key->ifindex);
	dataplane_delete_spread(g->dataplane, key);
}

static void spread(struct gateway *g, struct cores_run *run, const struct formers *f)
{
	int err = tell(g, run, f);

	if (err == -ENOSPC) {
		run->why = CORES_NO_ROOM;
		take_back(g, &run->key);
		return;
	}
	if (!err) {
		err = attach_guard(g, run);
		if (err)
			run->why = CORES_NO_XDP;
	} else {
		run->why = CORES_OFF;
	}
	run->refused = err;
	if (err)
		take_back(g, &run->key);
}

static bool is_spread(const struct cores *c, const struct spread_key *key)
{
	const struct cores_run *run = find_run(c, key->ifindex, (enum spread_kind)key->kind);

	return run && run->why == CORES_SPREAD;
}

static bool is_used(const struct cores *c, uint16_t cpu)
{
	for (size_t i = 0; i < c->count; i++)
		for (uint16_t k = 0; c->list[i].why == CORES_SPREAD && k < c->list[i].spread.count;
		     k++)
			if (c->list[i].spread.cpus[k] == cpu)
				return true;
	return false;
}

/* Lists that are no longer, then queues that none of them names. */
static void sweep(struct gateway *g, const struct formers *f)
{
	const struct cores *c = g->cores;

	for (size_t i = 0; i < f->count; i++)
		if (!is_spread(c, &f->list[i].key))
			take_back(g, &f->list[i].key);
	for (size_t i = 0; i < f->count; i++)
		for (uint16_t k = 0; k < f->list[i].spread.count; k++)
			if (!is_used(c, f->list[i].spread.cpus[k]))
				dataplane_set_core(g->dataplane, f->list[i].spread.cpus[k], false);
}

/* ---- SAs ---- */

static void tell_place(uint32_t spi, const struct sa_place *place, void *data)
{
	struct gateway *g = data;
	int err = place ? dataplane_set_sa_place(g->dataplane, spi, place)
			: dataplane_delete_sa_place(g->dataplane, spi);

	if (err) /* by its hash, then */
		gateway_log(LOG_WARNING, "SA %08x has no CPU of its own: %s", spi, strerror(-err));
}

struct inbound {
	struct cores_wanted *list;
	size_t count, room;
	bool per_cpu, out_of_memory;
};

static int note_sa(const struct phase2_sa *s, void *data)
{
	struct inbound *in = data;

	in->per_cpu |= s->sa.cpu != NO_CPU;
	if (s->direction != XFRM_DIRECTION_IN || s->sa.larval)
		return 0;
	if (in->count == in->room) {
		size_t room = in->room ? 2 * in->room : 8;
		struct cores_wanted *list = realloc(in->list, room * sizeof(*list));

		if (!list)
			return -ENOMEM;
		in->list = list;
		in->room = room;
	}
	in->list[in->count++] = (struct cores_wanted){ s->sa.id.spi, s->sa.cpu };
	return 0;
}

void cores_follow(struct gateway *g, const struct gateway_tunnel *t)
{
	struct cores *c = g->cores;
	struct inbound in = { 0 };

	if (!c || (!c->places.lanes && !c->places.count))
		return;
	if (phase2_each_sa(g->phase2, t->id, note_sa, &in) != -ENOMEM)
		cores_place(&c->places, t->id, in.list, in.count, in.per_cpu, tell_place, g);
	free(in.list);
}

void cores_forget(struct gateway *g, uint32_t tunnel)
{
	cores_place(&g->cores->places, tunnel, NULL, 0, false, tell_place, g);
}

struct adoption {
	struct gateway *g;
	uint32_t tunnel;
};

static int adopt_sa(const struct phase2_sa *s, void *data)
{
	struct adoption *a = data;
	struct sa_place place;

	if (s->direction != XFRM_DIRECTION_IN ||
	    dataplane_get_sa_place(a->g->dataplane, s->sa.id.spi, &place))
		return 0;
	return cores_adopt(&a->g->cores->places, a->tunnel, s->sa.id.spi, &place);
}

static int sweep_place(uint32_t spi, const struct sa_place *place, void *data)
{
	struct gateway *g = data;

	(void)place;
	return cores_find(&g->cores->places, spi) ? 0
						  : dataplane_delete_sa_place(g->dataplane, spi);
}

static int adopt_places(struct gateway *g)
{
	for (size_t i = 0; i < gateway_tunnel_places(g); i++) {
		struct adoption a = { g, g->tunnels[i].id };

		if (g->tunnels[i].used &&
		    phase2_each_sa(g->phase2, g->tunnels[i].id, adopt_sa, &a) == -ENOMEM)
			return -ENOMEM;
	}
	return dataplane_each_sa_place(g->dataplane, sweep_place, g);
}

static int place_all(struct gateway *g)
{
	struct cores *c = g->cores;
	int err = c->adopted ? 0 : adopt_places(g);

	c->adopted |= !err;
	c->places.lanes = 0;
	for (size_t i = 0; i < c->count; i++)
		if (c->list[i].key.kind == SPREAD_ESP && c->list[i].why == CORES_SPREAD &&
		    c->list[i].spread.count > c->places.lanes)
			c->places.lanes = c->list[i].spread.count;
	for (size_t i = 0; i < gateway_tunnel_places(g); i++)
		if (g->tunnels[i].used)
			cores_follow(g, &g->tunnels[i]);
	return err;
}

/* ---- all of it ---- */

/* What was sampled of a list that has not changed stays known. */
static void keep_samples(const struct cores_run *list, size_t count, struct cores *c)
{
	for (size_t i = 0; i < c->count; i++)
		for (size_t k = 0; k < count; k++)
			if (list[k].key.ifindex == c->list[i].key.ifindex &&
			    list[k].key.kind == c->list[i].key.kind &&
			    same_cpus(&list[k].spread, &c->list[i].spread))
				memcpy(c->list[i].samples, list[k].samples,
				       sizeof(list[k].samples));
}

int cores_update(struct gateway *g)
{
	struct cores *c = g->cores;
	struct cores_run *was = c->list;
	size_t was_count = c->count;
	struct formers f = { 0 };
	int err;

	c->list = NULL;
	c->count = 0;
	c->online_count = cpus_online(c->online, CPU_NUMBER_MAX + 1);
	err = wish_all(g, c);
	if (err) {
		c->list = was;
		c->count = was_count;
		return err;
	}
	dataplane_each_spread(g->dataplane, note_former, &f);
	for (size_t i = 0; i < c->count; i++)
		plan(g, &c->list[i]);
	for (size_t i = 0; i < c->count; i++)
		if (c->list[i].why == CORES_SPREAD)
			spread(g, &c->list[i], &f);
	sweep(g, &f);
	keep_samples(was, was_count, c);
	free(was);
	return place_all(g);
}

static void raise_why(struct gateway *g, const struct cores_run *run)
{
	const char *what = run->key.kind == SPREAD_ESP ? "ESP stays" : "flows stay";

	if (run->missing >= 0)
		gateway_alarm(g, "cpus of %s: CPU %d is not online", run->device, run->missing);
	if (run->refused)
		gateway_alarm(g, "cpus of %s: %s on the CPU that receives them: %s%s", run->device,
			      what, strerror(-run->refused),
			      run->why == CORES_NO_XDP
				      ? " (its driver has no XDP, or not now)"
				      : " (the kernel refuses the queue to a CPU)");
	else if (run->why != CORES_SPREAD &&
		 (run->wish.mode == CPUS_LIST || run->why == CORES_NO_DEVICE ||
		  run->why == CORES_NO_ROOM))
		gateway_alarm(g, "cpus of %s: %s on the CPU that receives them: %s", run->device,
			      what, cores_why_text(run->why));
}

void cores_alarm(struct gateway *g)
{
	for (size_t i = 0; i < g->cores->count; i++)
		raise_why(g, &g->cores->list[i]);
}

void cores_sample(struct gateway *g)
{
	for (size_t i = 0; i < g->cores->count; i++) {
		struct cores_run *run = &g->cores->list[i];

		if (run->why != CORES_SPREAD)
			continue;
		run->samples[0] = run->samples[1];
		if (dataplane_spread_counters(g->dataplane, &run->spread, &run->samples[1]))
			run->samples[1] = run->samples[0];
	}
}

size_t cores_count(const struct gateway *g)
{
	return g->cores->count;
}

const struct cores_run *cores_at(const struct gateway *g, size_t i)
{
	return &g->cores->list[i];
}

const struct cores_run *cores_of(const struct gateway *g, uint32_t ifindex, enum spread_kind kind)
{
	return ifindex ? find_run(g->cores, ifindex, kind) : NULL;
}

size_t cores_sa_count(const struct gateway *g)
{
	return g->cores->places.count;
}

const struct cores_sa *cores_sa_at(const struct gateway *g, size_t i)
{
	return &g->cores->places.list[i];
}

int cores_begin(struct gateway *g)
{
	g->cores = calloc(1, sizeof(*g->cores));
	return g->cores ? 0 : -ENOMEM;
}

void cores_free(struct gateway *g)
{
	if (!g->cores)
		return;
	cores_places_free(&g->cores->places);
	free(g->cores->list);
	free(g->cores);
	g->cores = NULL;
}
