/* SPDX-License-Identifier: GPL-2.0-only */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "config.h"

/* Room for count + 1: the list doubles whenever its count reaches a power of two. */
static bool findings_grow(struct findings *f)
{
	struct finding *list;

	if (f->count & (f->count - 1))
		return true;
	list = realloc(f->list, (f->count ? 2 * f->count : 1) * sizeof(*list));
	if (!list)
		return false;
	f->list = list;
	return true;
}

void findings_add(struct findings *f, enum severity severity, struct mark mark, const char *format,
		  ...)
{
	va_list args;
	char *text;
	int n;

	va_start(args, format);
	n = vasprintf(&text, format, args);
	va_end(args);
	if (n < 0) {
		f->out_of_memory = true;
		return;
	}
	if (!findings_grow(f)) {
		free(text);
		f->out_of_memory = true;
		return;
	}
	f->list[f->count++] = (struct finding){ severity, mark, text };
}

static int by_place(const void *a, const void *b)
{
	const struct finding *x = a, *y = b;

	if (x->mark.line != y->mark.line)
		return x->mark.line < y->mark.line ? -1 : 1;
	if (x->mark.column != y->mark.column)
		return x->mark.column < y->mark.column ? -1 : 1;
	if (x->severity != y->severity)
		return x->severity > y->severity ? -1 : 1;
	return strcmp(x->text, y->text);
}

void findings_sort(struct findings *f)
{
	if (f->count)
		qsort(f->list, f->count, sizeof(*f->list), by_place);
}

size_t findings_errors(const struct findings *f)
{
	size_t errors = f->out_of_memory;

	for (size_t i = 0; i < f->count; i++)
		errors += f->list[i].severity == SEVERITY_ERROR;
	return errors;
}

void findings_free(struct findings *f)
{
	for (size_t i = 0; i < f->count; i++)
		free(f->list[i].text);
	free(f->list);
	*f = (struct findings){ 0 };
}

static void free_table(struct config_table *t)
{
	for (size_t i = 0; i < t->learn_count; i++)
		free(t->learn[i].name);
	for (size_t i = 0; i < t->route_count; i++)
		free(t->routes[i].attachment.name);
	free(t->learn);
	free(t->routes);
	free(t->name);
}

static void free_attachment(struct config_attachment *a)
{
	free(a->name);
	free(a->device);
	free(a->cidrs);
	free(a->connection.name);
	free(a->association.name);
}

static void free_connection(struct config_connection *c)
{
	for (size_t i = 0; i < TUNNELS_PER_CONNECTION; i++) {
		free(c->tunnels[i].name);
		free(c->tunnels[i].device);
		free(c->tunnels[i].psk);
	}
	free(c->name);
	free(c->customer_gateway.name);
	free(c->routes);
}

void config_free(struct config *c)
{
	for (size_t i = 0; i < c->table_count; i++)
		free_table(&c->tables[i]);
	for (size_t i = 0; i < c->attachment_count; i++)
		free_attachment(&c->attachments[i]);
	for (size_t i = 0; i < c->customer_gateway_count; i++)
		free(c->customer_gateways[i].name);
	for (size_t i = 0; i < c->connection_count; i++)
		free_connection(&c->connections[i]);
	free(c->tables);
	free(c->attachments);
	free(c->customer_gateways);
	free(c->connections);
	for (size_t i = 0; i < c->gateway.underlay_count; i++)
		free(c->gateway.underlays[i].name);
	free(c->gateway.underlays);
	free(c->gateway.secrets);
	free(c->gateway.fpm.user);
	free(c->file);
	*c = (struct config){ 0 };
}

const char *tunnel_device_name(const struct config_tunnel *t, char buf[16])
{
	if (t->device)
		snprintf(buf, 16, "%s", t->device);
	else
		snprintf(buf, 16, "xfrm%u", t->if_id);
	return buf;
}

const char *on_failure_name(enum on_failure f)
{
	return f == ON_FAILURE_RESERVE_ROUTE ? "reserve_route" : "revoke_route";
}

const char *health_check_format(const struct config_health_check *h, char buf[HEALTH_CHECK_STRLEN])
{
	char to[PREFIX_STRLEN], from[PREFIX_STRLEN] = "";

	if (!h->destination.family)
		return "none";
	if (h->source.family)
		address_format(&h->source, from);
	snprintf(buf, HEALTH_CHECK_STRLEN, "%s%s%s, interval %ums, retries %u, %s",
		 address_format(&h->destination, to), *from ? " from " : "", from, h->interval_ms,
		 h->retries, on_failure_name(h->on_failure));
	return buf;
}

const char *damping_format(const struct config_damping *d, char buf[DAMPING_STRLEN])
{
	if (!d->enabled)
		return "off";
	snprintf(buf, DAMPING_STRLEN, "half_life %ums, suppress %u, reuse %u, max %ums",
		 d->half_life_ms, d->suppress, d->reuse, d->max_ms);
	return buf;
}

const struct address *tunnel_health_source(const struct config_tunnel *t)
{
	return t->health_check.source.family ? &t->health_check.source : &t->bgp_address;
}

const char *connection_vrf_name(const struct config_connection *c, char buf[16])
{
	snprintf(buf, 16, "vrf%u", c->kernel_table);
	return buf;
}

static bool is_named(const char *name, const char *wanted)
{
	return name && !strcmp(name, wanted);
}

int config_find_table(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->table_count; i++)
		if (is_named(c->tables[i].name, name))
			return (int)i;
	return -1;
}

const char *config_cpus_format(const struct config_cpus *c, char buf[CPUS_STRLEN])
{
	size_t n = 0;

	if (c->mode != CPUS_LIST)
		return strcpy(buf, c->mode == CPUS_AUTO ? "auto" : "off");
	buf[0] = '\0';
	for (size_t i = 0, last; i < c->count && n < CPUS_STRLEN; i = last + 1) {
		for (last = i; last + 1 < c->count && c->list[last + 1] == c->list[last] + 1;)
			last++;
		n += (size_t)snprintf(buf + n, CPUS_STRLEN - n, "%s%u", i ? " " : "", c->list[i]);
		if (last > i && n < CPUS_STRLEN)
			n += (size_t)snprintf(buf + n, CPUS_STRLEN - n, "-%u", c->list[last]);
	}
	return buf;
}

const struct config_cpus *config_device_cpus(const struct config *c, const char *device)
{
	static const struct config_cpus off;

	for (size_t i = 0; i < c->attachment_count; i++)
		if (c->attachments[i].device && is_named(c->attachments[i].device, device) &&
		    c->attachments[i].cpus.mode != CPUS_OFF)
			return &c->attachments[i].cpus;
	return &off;
}

const struct config_underlay *config_find_underlay(const struct config_gateway *g,
						   const char *device)
{
	for (size_t i = 0; i < g->underlay_count; i++)
		if (is_named(g->underlays[i].name, device))
			return &g->underlays[i];
	return NULL;
}

int config_find_attachment(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->attachment_count; i++)
		if (is_named(c->attachments[i].name, name))
			return (int)i;
	return -1;
}

int config_find_customer_gateway(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->customer_gateway_count; i++)
		if (is_named(c->customer_gateways[i].name, name))
			return (int)i;
	return -1;
}

int config_find_connection(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->connection_count; i++)
		if (is_named(c->connections[i].name, name))
			return (int)i;
	return -1;
}

int config_find_tunnel(const struct config *c, const char *name, size_t *index)
{
	for (size_t i = 0; i < c->connection_count; i++)
		for (size_t k = 0; k < c->connections[i].tunnel_count; k++)
			if (is_named(c->connections[i].tunnels[k].name, name)) {
				*index = k;
				return (int)i;
			}
	return -1;
}

int connection_attachment(const struct config *c, size_t connection)
{
	for (size_t i = 0; i < c->attachment_count; i++)
		if (c->attachments[i].type == ATTACHMENT_VPN &&
		    c->attachments[i].connection.index == (int)connection)
			return (int)i;
	return -1;
}

int config_each_device(const struct config *c, config_name_fn fn, void *context)
{
	int result = 0;

	for (size_t i = 0; !result && i < c->attachment_count; i++)
		if (c->attachments[i].device)
			result = fn(c->attachments[i].device, c->attachments[i].device_mark,
				    context);
	for (size_t i = 0; !result && i < c->gateway.underlay_count; i++)
		if (c->gateway.underlays[i].name)
			result = fn(c->gateway.underlays[i].name, c->gateway.underlays[i].mark,
				    context);
	for (size_t i = 0; !result && i < c->connection_count; i++)
		for (size_t k = 0; !result && k < c->connections[i].tunnel_count; k++) {
			const struct config_tunnel *t = &c->connections[i].tunnels[k];

			if (t->device)
				result = fn(t->device, t->device_mark, context);
		}
	return result;
}

int config_each_secret(const struct config *c, config_name_fn fn, void *context)
{
	int result = 0;

	for (size_t i = 0; !result && i < c->connection_count; i++)
		for (size_t k = 0; !result && k < c->connections[i].tunnel_count; k++) {
			const struct config_tunnel *t = &c->connections[i].tunnels[k];

			if (t->psk)
				result = fn(t->psk, t->psk_mark, context);
		}
	return result;
}

#define WORD_MAX    NAME_MAX_LEN
#define TOO_DISTANT 1000u

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* One row of the table below, from the two before it. */
static void next_row(const char *a, size_t i, const char *b, const unsigned *before,
		     const unsigned *last, unsigned *row)
{
	row[0] = (unsigned)i + 1;
	for (size_t k = 0; b[k]; k++) {
		row[k + 1] = least(least(last[k + 1], row[k]) + 1, last[k] + (a[i] != b[k]));
		if (i && k && a[i] == b[k - 1] && a[i - 1] == b[k])
			row[k + 1] = least(row[k + 1], before[k - 1] + 1);
	}
}

/* Letters inserted, left out, replaced, or swapped with their neighbour (Damerau, Levenshtein). */
static unsigned edit_distance(const char *a, const char *b)
{
	unsigned rows[3][WORD_MAX + 1] = { { 0 } };
	size_t n = strlen(a);

	if (n > WORD_MAX || strlen(b) > WORD_MAX)
		return TOO_DISTANT;
	for (size_t k = 0; k <= strlen(b); k++)
		rows[0][k] = (unsigned)k;
	for (size_t i = 0; i < n; i++)
		next_row(a, i, b, rows[(i + 2) % 3], rows[i % 3], rows[(i + 1) % 3]);
	return rows[n % 3][strlen(b)];
}

const char *nearest_word(const char *word, const char *candidate, const char *best)
{
	unsigned distance = edit_distance(word, candidate);

	/* A short word is similar to everything: at most a third of it may be wrong. */
	if (distance > 2 || 3 * distance > strlen(word) + 1)
		return best;
	return !best || distance < edit_distance(word, best) ? candidate : best;
}

const char *quoted(const char *text, char buf[QUOTED_LEN])
{
	size_t n = strlen(text), room = QUOTED_LEN - 1;

	for (size_t i = 0; i < n && i < room; i++)
		buf[i] = text[i] < ' ' || text[i] > '~' ? '?' : text[i];
	if (n > room)
		memcpy(buf + room - 3, "...", 3);
	buf[n < room ? n : room] = '\0';
	return buf;
}

static void note_connection(const struct config *c, const struct config_ref *to, int *first,
			    int *other)
{
	const struct config_attachment *a = to->index < 0 ? NULL : &c->attachments[to->index];

	if (!a || a->type != ATTACHMENT_VPN)
		return;
	if (*first < 0)
		*first = a->connection.index;
	else if (a->connection.index != *first)
		*other = a->connection.index;
}

int config_table_connection(const struct config *c, const struct config_table *t, int *other)
{
	int first = -1, second = -1;

	for (size_t i = 0; i < t->learn_count; i++)
		note_connection(c, &t->learn[i], &first, &second);
	for (size_t i = 0; i < t->route_count; i++)
		if (!t->routes[i].blackhole)
			note_connection(c, &t->routes[i].attachment, &first, &second);
	if (other)
		*other = second;
	return first;
}
