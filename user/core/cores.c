/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "cores.h"
#include "xfrm_event.h"

_Static_assert(CPUS_PER_DEVICE == MAX_CORES, "what may be written fits");
_Static_assert(XFRM_NO_CPU == NO_CPU, "an SA of no CPU");
_Static_assert(CPU_NUMBER_MAX < NO_CPU, "no CPU has this number");

/* ---- over which CPUs ---- */

static bool is_online(const struct cores_facts *f, uint16_t cpu)
{
	for (size_t i = 0; i < f->online_count; i++)
		if (f->online[i] == cpu)
			return true;
	return false;
}

int cores_missing(const struct config_cpus *wish, const struct cores_facts *f)
{
	for (size_t i = 0; wish->mode == CPUS_LIST && i < wish->count; i++)
		if (!is_online(f, wish->list[i]))
			return wish->list[i];
	return -1;
}

static enum cores_why plan_list(const struct config_cpus *wish, const struct cores_facts *f,
				struct spread *out)
{
	if (f->takes_tags && !f->veth)
		return CORES_TAGS;
	for (size_t i = 0; i < wish->count; i++)
		if (is_online(f, wish->list[i]))
			out->cpus[out->count++] = wish->list[i];
	return out->count ? CORES_SPREAD : CORES_NONE_ONLINE;
}

/* Several queues spread flows, but mostly not ESP between two hosts. */
static enum cores_why plan_auto(enum spread_kind kind, const struct cores_facts *f,
				struct spread *out)
{
	if (f->veth)
		return CORES_VETH;
	if (f->takes_tags)
		return CORES_TAGS;
	if (kind == SPREAD_FLOWS && f->rx_queues > 1)
		return CORES_QUEUES;
	if (f->online_count < 2)
		return CORES_ONE_CPU;
	for (size_t i = 0; i < f->online_count && out->count < MAX_CORES; i++)
		out->cpus[out->count++] = f->online[i];
	return CORES_SPREAD;
}

enum cores_why cores_plan(const struct config_cpus *wish, enum spread_kind kind,
			  const struct cores_facts *f, struct spread *out)
{
	out->count = 0;
	memset(out->cpus, 0, sizeof(out->cpus));
	if (wish->mode == CPUS_OFF)
		return CORES_OFF;
	if (!f->native)
		return CORES_NO_XDP;
	return wish->mode == CPUS_LIST ? plan_list(wish, f, out) : plan_auto(kind, f, out);
}

const char *cores_why_text(enum cores_why why)
{
	switch (why) {
	case CORES_SPREAD:
		return "spread";
	case CORES_OFF:
		return "off";
	case CORES_NO_DEVICE:
		return "the device is not there";
	case CORES_NO_XDP:
		return "native XDP is not in use there, and only that can hand packets to another "
		       "CPU";
	case CORES_TAGS:
		return "the device takes VLAN tags out of frames, which would be lost on the way; "
		       "`ethtool -K DEVICE rxvlan off` leaves them in";
	case CORES_VETH:
		return "a veth's sender may leave checksums and VLAN tags to it, which would be "
		       "lost "
		       "on the way; a list of CPUs says that it does not";
	case CORES_QUEUES:
		return "the device has several receive queues and spreads flows itself";
	case CORES_ONE_CPU:
		return "there is one CPU";
	case CORES_NONE_ONLINE:
		return "none of these CPUs is online";
	case CORES_NO_ROOM:
		return "too many devices are spread already";
	}
	return "?";
}

static const char *read_cpu(const char *at, unsigned long *out)
{
	char *end;

	if (*at < '0' || *at > '9')
		return NULL;
	*out = strtoul(at, &end, 10);
	return end;
}

size_t cores_parse(const char *text, uint16_t *list, size_t room)
{
	size_t count = 0;

	for (const char *at = text;; at++) {
		unsigned long first = 0, last;

		at = read_cpu(at, &first);
		last = first;
		if (at && *at == '-')
			at = read_cpu(at + 1, &last);
		if (!at || last < first)
			return 0;
		for (unsigned long cpu = first; cpu <= last && cpu <= CPU_NUMBER_MAX; cpu++)
			if (count < room)
				list[count++] = (uint16_t)cpu;
		if (*at != ',')
			return *at && *at != '\n' ? 0 : count;
	}
}

/* ---- which CPU an SA gets ---- */

const struct cores_sa *cores_find(const struct cores_places *p, uint32_t spi)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->list[i].spi == spi)
			return &p->list[i];
	return NULL;
}

unsigned cores_position(const struct spread *s, const struct sa_place *place)
{
	if (place->cpu != NO_CPU)
		for (unsigned i = 0; i < s->count; i++)
			if (s->cpus[i] == place->cpu)
				return i;
	return s->count ? place->lane % s->count : MAX_CORES;
}

static struct cores_sa *find_own(struct cores_places *p, uint32_t tunnel, uint32_t spi)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->list[i].tunnel == tunnel && p->list[i].spi == spi)
			return &p->list[i];
	return NULL;
}

static bool lane_fits(const struct cores_places *p, const struct cores_sa *sa)
{
	return sa->place.lane < p->lanes;
}

static uint16_t emptiest_lane(const struct cores_places *p)
{
	unsigned load[MAX_CORES] = { 0 };
	uint16_t best = 0;

	for (size_t i = 0; i < p->count; i++)
		if (p->list[i].place.cpu == NO_CPU && lane_fits(p, &p->list[i]))
			load[p->list[i].place.lane]++;
	for (unsigned lane = 1; lane < p->lanes && lane < MAX_CORES; lane++)
		if (load[lane] < load[best])
			best = (uint16_t)lane;
	return best;
}

/* The lane that a tunnel's SAs have in common. */
static bool shared_lane(const struct cores_places *p, uint32_t tunnel, uint16_t *lane)
{
	for (size_t i = 0; i < p->count; i++) {
		const struct cores_sa *sa = &p->list[i];

		if (sa->tunnel != tunnel || sa->own || !lane_fits(p, sa))
			continue;
		*lane = sa->place.lane;
		return true;
	}
	return false;
}

static struct cores_sa *append(struct cores_places *p, uint32_t tunnel, uint32_t spi)
{
	if (p->count == p->room) {
		size_t room = p->room ? 2 * p->room : 16;
		struct cores_sa *list = realloc(p->list, room * sizeof(*list));

		if (!list)
			return NULL;
		p->list = list;
		p->room = room;
	}
	p->list[p->count] = (struct cores_sa){ .tunnel = tunnel, .spi = spi };
	return &p->list[p->count++];
}

int cores_adopt(struct cores_places *p, uint32_t tunnel, uint32_t spi, const struct sa_place *place)
{
	struct cores_sa *sa = append(p, tunnel, spi);

	if (!sa)
		return -ENOMEM;
	sa->place = *place;
	sa->own = place->cpu != NO_CPU;
	return 0;
}

static bool is_wanted(const struct cores_wanted *sas, size_t count, uint32_t spi)
{
	for (size_t i = 0; i < count; i++)
		if (sas[i].spi == spi)
			return true;
	return false;
}

static void remove_gone(struct cores_places *p, uint32_t tunnel, const struct cores_wanted *sas,
			size_t count, cores_place_fn fn, void *data)
{
	for (size_t i = p->count; i-- > 0;) {
		uint32_t spi = p->list[i].spi;

		if (p->list[i].tunnel != tunnel || is_wanted(sas, count, spi))
			continue;
		p->list[i] = p->list[--p->count];
		fn(spi, NULL, data);
	}
}

/* Where the SA is to be; `now` is where it is, its lane of no meaning if it does not fit. */
static struct sa_place place_for(const struct cores_places *p, uint32_t tunnel,
				 const struct cores_wanted *want, bool own,
				 const struct cores_sa *now)
{
	struct sa_place place = { .cpu = (uint16_t)want->cpu };

	if (want->cpu != NO_CPU)
		return place;
	if (now && now->own == own && now->place.cpu == NO_CPU && lane_fits(p, now))
		place.lane = now->place.lane;
	else if (own || !shared_lane(p, tunnel, &place.lane))
		place.lane = emptiest_lane(p);
	return place;
}

static int place_one(struct cores_places *p, uint32_t tunnel, const struct cores_wanted *want,
		     bool own, cores_place_fn fn, void *data)
{
	struct cores_sa *sa = find_own(p, tunnel, want->spi);
	struct sa_place place = place_for(p, tunnel, want, own, sa);

	if (sa && sa->own == own && sa->place.cpu == place.cpu && sa->place.lane == place.lane)
		return 0;
	if (!sa)
		sa = append(p, tunnel, want->spi);
	if (!sa)
		return -ENOMEM;
	sa->place = place;
	sa->own = own;
	fn(want->spi, &place, data);
	return 0;
}

/* New ones first: the lane that a rekey's SA inherits is that of the one that goes. */
int cores_place(struct cores_places *p, uint32_t tunnel, const struct cores_wanted *sas,
		size_t count, bool per_cpu, cores_place_fn fn, void *data)
{
	int err = 0;

	if (!p->lanes)
		count = 0;
	for (size_t i = 0; !err && i < count; i++)
		err = place_one(p, tunnel, &sas[i], per_cpu, fn, data);
	remove_gone(p, tunnel, sas, count, fn, data);
	return err;
}

void cores_places_free(struct cores_places *p)
{
	free(p->list);
	*p = (struct cores_places){ 0 };
}
