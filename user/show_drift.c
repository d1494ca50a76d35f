/* SPDX-License-Identifier: GPL-2.0-only */
/* What audits found. */
#include <time.h>
#include "gateway_audit.h"
#include "show_internal.h"

static struct drift_count total(const struct drift *d)
{
	struct drift_count sum = { 0 };

	for (int k = 0; k < DRIFT_KINDS; k++) {
		sum.found += d->totals[k].found;
		sum.unrepaired += d->totals[k].unrepaired;
	}
	return sum;
}

static json_t *count_json(const struct drift_count *c)
{
	return json_pack("{s:I, s:I}", "found", (json_int_t)c->found, "unrepaired",
			 (json_int_t)c->unrepaired);
}

/* Null before the first audit has ended. */
static json_t *ago_json(uint64_t then)
{
	uint64_t now = (uint64_t)time(NULL);

	if (!then)
		return json_null();
	return json_integer(now > then ? (json_int_t)(now - then) : 0);
}

json_t *drift_status(const struct gateway *g)
{
	const struct audit *a = g->audit;
	struct drift_count sum = total(&a->drift);

	return json_pack("{s:I, s:I, s:I, s:o}", "found", (json_int_t)sum.found, "unrepaired",
			 (json_int_t)sum.unrepaired, "audits", (json_int_t)a->drift.audits, "ago_s",
			 ago_json(a->ended_at));
}

static json_t *item_json(const struct drift_item *i)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:b}", "kind", drift_kind_name(i->kind), "object",
			 i->object, "found", drift_found_name(i->found), "action", drift_action(i),
			 "repaired", i->repaired);
}

static json_t *last_json(const struct audit *a)
{
	struct drift_count sum = drift_sum(&a->last);
	json_t *items = json_array();

	for (size_t i = 0; i < a->last.item_count; i++)
		json_array_append_new(items, item_json(&a->last.items[i]));
	return json_pack("{s:I, s:I, s:f, s:o}", "found", (json_int_t)sum.found, "unrepaired",
			 (json_int_t)sum.unrepaired, "took_s", (double)a->took_ns / 1e9, "items",
			 items);
}

static json_t *kinds_json(const struct drift *d)
{
	json_t *kinds = json_object();

	for (int k = 0; k < DRIFT_KINDS; k++)
		json_object_set_new(kinds, drift_kind_name((enum drift_kind)k),
				    count_json(&d->totals[k]));
	return kinds;
}

static json_t *records_json(const struct drift *d)
{
	json_t *list = json_array();
	const struct drift_record *r;

	for (size_t i = 0; (r = drift_record(d, i)); i++) {
		json_t *item = item_json(&r->item);

		json_object_set_new(item, "ago_s", ago_json(r->time));
		json_array_append_new(list, item);
	}
	return list;
}

json_t *show_drift(struct gateway *g, const json_t *request)
{
	const struct audit *a = g->audit;

	(void)request;
	return json_pack("{s:I, s:b, s:o, s:o, s:o}", "audits", (json_int_t)a->drift.audits,
			 "running", a->phase != AUDIT_IDLE, "last", last_json(a), "kinds",
			 kinds_json(&a->drift), "recent", records_json(&a->drift));
}

json_t *audit_request(struct gateway *g, const json_t *request)
{
	/* One that is under way may have passed what the user means: another one follows it. */
	bool busy = g->audit->phase != AUDIT_IDLE;
	json_int_t next;

	(void)request;
	if (busy)
		g->audit->again = true;
	else
		audit_start(g);
	next = (json_int_t)g->audit->drift.audits + 1 + busy;
	return control_ok(json_pack("{s:I}", "audit", next));
}
