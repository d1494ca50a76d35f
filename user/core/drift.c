/* SPDX-License-Identifier: GPL-2.0-only */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "drift.h"

/* What a kind is called: by a program, and by people who read of one or of many. */
static const struct {
	const char *name, *one, *many;
} kinds[DRIFT_KINDS] = {
	[DRIFT_SA] = { "sa", "SA or policy", "SAs and policies" },
	[DRIFT_LINK] = { "link", "device", "devices" },
	[DRIFT_ADDRESS] = { "address", "address", "addresses" },
	[DRIFT_RULE] = { "rule", "rule", "rules" },
	[DRIFT_SYSCTL] = { "sysctl", "sysctl", "sysctls" },
	[DRIFT_SLOW_PATH] = { "slow-path", "kernel route", "kernel routes" },
	[DRIFT_PROGRAM] = { "program", "program", "programs" },
	[DRIFT_PIN] = { "pin", "pin", "pins" },
	[DRIFT_ROUTE] = { "route", "route of the maps", "routes of the maps" },
	[DRIFT_INDEX] = { "index", "place in the index", "places in the index" },
	[DRIFT_GROUP] = { "group", "group of the maps", "groups of the maps" },
	[DRIFT_TUNNEL] = { "tunnel", "tunnel of the maps", "tunnels of the maps" },
	[DRIFT_LIVENESS] = { "liveness", "liveness word", "liveness words" },
	[DRIFT_DEVICE] = { "device", "attachment of the maps", "attachments of the maps" },
	[DRIFT_ASSOCIATION] = { "association", "association", "associations" },
	[DRIFT_NAME] = { "name", "name", "names" },
};

const char *drift_kind_name(enum drift_kind k)
{
	return kinds[k].name;
}

const char *drift_found_name(enum drift_found f)
{
	switch (f) {
	case DRIFT_MISSING:
		return "missing";
	case DRIFT_DIFFERENT:
		return "different";
	case DRIFT_FOREIGN:
		return "foreign";
	}
	return "?";
}

const char *drift_action(const struct drift_item *i)
{
	if (!i->repaired)
		return "not repaired";
	if (i->kind == DRIFT_SA)
		return "read anew";
	switch (i->found) {
	case DRIFT_MISSING:
		return "made again";
	case DRIFT_DIFFERENT:
		return "corrected";
	case DRIFT_FOREIGN:
		return "removed";
	}
	return "?";
}

/* ---- a pass ---- */

/* An update may come in the middle of a pass, and find what stands still. */
static size_t find(const struct drift_pass *p, enum drift_kind kind, enum drift_found found,
		   const char *object)
{
	for (size_t i = 0; i < p->item_count; i++)
		if (p->items[i].kind == kind && p->items[i].found == found &&
		    !strcmp(p->items[i].object, object))
			return i;
	return DRIFT_UNNAMED;
}

static size_t add(struct drift_pass *p, enum drift_kind kind, enum drift_found found,
		  const char *object)
{
	struct drift_item *i = &p->items[p->item_count];

	if (p->named[kind] == DRIFT_NAMED)
		return DRIFT_UNNAMED;
	p->named[kind]++;
	*i = (struct drift_item){ .kind = kind, .found = found, .repaired = true };
	snprintf(i->object, sizeof(i->object), "%s", object);
	return p->item_count++;
}

size_t drift_add(struct drift_pass *p, enum drift_kind kind, enum drift_found found,
		 const char *format, ...)
{
	char object[DRIFT_OBJECT_LEN];
	va_list args;
	size_t item;

	va_start(args, format);
	vsnprintf(object, sizeof(object), format, args);
	va_end(args);
	item = find(p, kind, found, object);
	if (item != DRIFT_UNNAMED)
		return item;
	p->counts[kind].found++;
	return add(p, kind, found, object);
}

void drift_add_many(struct drift_pass *p, enum drift_kind kind, enum drift_found found, uint64_t n,
		    const char *format, ...)
{
	char object[DRIFT_OBJECT_LEN];
	va_list args;

	va_start(args, format);
	vsnprintf(object, sizeof(object), format, args);
	va_end(args);
	p->counts[kind].found += n;
	add(p, kind, found, object);
}

void drift_unrepaired(struct drift_pass *p, enum drift_kind kind, size_t item)
{
	if (item != DRIFT_UNNAMED && !p->items[item].repaired)
		return;
	p->counts[kind].unrepaired++;
	if (item != DRIFT_UNNAMED)
		p->items[item].repaired = false;
}

struct drift_count drift_sum(const struct drift_pass *p)
{
	struct drift_count sum = { 0 };

	for (int k = 0; k < DRIFT_KINDS; k++) {
		sum.found += p->counts[k].found;
		sum.unrepaired += p->counts[k].unrepaired;
	}
	return sum;
}

/* ---- since the start ---- */

static bool same_object(const struct drift_item *a, const struct drift_item *b)
{
	return a->kind == b->kind && a->found == b->found && !strcmp(a->object, b->object);
}

static bool stands(const struct drift_item *list, size_t count, const struct drift_item *i)
{
	for (size_t k = 0; k < count; k++)
		if (same_object(&list[k], i))
			return true;
	return false;
}

static void stand(struct drift *d, const struct drift_item *i)
{
	if (!i->repaired && d->standing_count < DRIFT_REMEMBERED)
		d->standing[d->standing_count++] = *i;
}

static void remember(struct drift *d, const struct drift_item *i, uint64_t time)
{
	d->records[d->next] = (struct drift_record){ time, *i };
	d->next = (d->next + 1) % DRIFT_REMEMBERED;
	d->record_count += d->record_count < DRIFT_REMEMBERED;
}

/* Keeps in `p` what is news. */
static void drop_standing(struct drift_pass *p, const struct drift_item *was, size_t was_count)
{
	size_t kept = 0;

	for (size_t i = 0; i < p->item_count; i++) {
		const struct drift_item *item = &p->items[i];

		if (!item->repaired && stands(was, was_count, item)) {
			p->counts[item->kind].found--;
			p->counts[item->kind].unrepaired--;
			p->named[item->kind]--;
			continue;
		}
		p->items[kept++] = *item;
	}
	p->item_count = kept;
}

void drift_take(struct drift *d, struct drift_pass *p, uint64_t time, bool audit)
{
	struct drift_item was[DRIFT_REMEMBERED];
	size_t was_count = d->standing_count;

	memcpy(was, d->standing, sizeof(was));
	if (audit)
		d->standing_count = 0;
	for (size_t i = 0; i < p->item_count; i++)
		if (!stands(d->standing, d->standing_count, &p->items[i]))
			stand(d, &p->items[i]);
	drop_standing(p, was, was_count);
	for (int k = 0; k < DRIFT_KINDS; k++) {
		d->totals[k].found += p->counts[k].found;
		d->totals[k].unrepaired += p->counts[k].unrepaired;
	}
	for (size_t i = 0; i < p->item_count; i++)
		remember(d, &p->items[i], time);
	d->audits += audit;
}

const struct drift_record *drift_record(const struct drift *d, size_t i)
{
	if (i >= d->record_count)
		return NULL;
	return &d->records[(d->next + DRIFT_REMEMBERED - 1 - i) % DRIFT_REMEMBERED];
}

/* ---- words ---- */

static const struct drift_item *first_of(const struct drift_pass *p, enum drift_kind kind)
{
	for (size_t i = 0; i < p->item_count; i++)
		if (p->items[i].kind == kind)
			return &p->items[i];
	return NULL;
}

const char *drift_sentence(const struct drift_pass *p, enum drift_kind kind,
			   char buf[DRIFT_SENTENCE_LEN])
{
	const struct drift_count *c = &p->counts[kind];
	const struct drift_item *first = first_of(p, kind);
	int n;

	buf[0] = '\0';
	if (!first)
		return buf;
	if (c->found == 1) {
		snprintf(buf, DRIFT_SENTENCE_LEN, "%s %s was %s: %s", kinds[kind].one,
			 first->object, drift_found_name(first->found), drift_action(first));
		return buf;
	}
	n = snprintf(buf, DRIFT_SENTENCE_LEN, "%llu %s were missing, different or foreign, %llu ",
		     (unsigned long long)c->found, kinds[kind].many,
		     (unsigned long long)(c->found - c->unrepaired));
	snprintf(buf + n, DRIFT_SENTENCE_LEN - (size_t)n, "repaired; first %s: %s", first->object,
		 drift_found_name(first->found));
	return buf;
}
