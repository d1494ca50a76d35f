/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "advert.h"
#include "host_build.h"
#include "slow_path_internal.h"

#define LEAST_PAUSE_NS 5000000ull
#define MOST_PAUSE_NS  2000000000ull
#define PAUSE_TIMES    4u

/* Instead of an answer: the kernel has nothing. */
static const struct fib_answer nothing = { .kind = FIB_NONE };
char slow_path_was_there, slow_path_was_not;

void slow_path_init(struct slow_path *s, const struct rib *rib, const struct fib *fib)
{
	*s = (struct slow_path){ .rib = rib, .fib = fib };
}

/* ---- marks ---- */

const struct fib_answer *slow_path_told(const struct fib_table *t, const struct prefix *p)
{
	const struct fib_answer *mark = t->behind.count ? trie_exact(&t->behind, p) : NULL;

	if (mark)
		return mark == &nothing ? NULL : mark;
	return trie_exact(&t->routes, p);
}

void slow_path_unmark(struct fib_table *t, const struct prefix *p)
{
	const struct fib_answer *mark = trie_remove(&t->behind, p);

	if (mark && mark != &nothing)
		answers_drop(&t->answers, mark);
}

static void unmark_all(struct fib_table *t)
{
	trie_free(&t->behind, NULL);
}

void slow_path_touch(struct slow_path *s, struct fib_table *t, const struct prefix *p)
{
	const struct fib_answer *has = trie_exact(&t->routes, p);
	void **place = s->known ? trie_insert(&t->behind, p) : NULL;

	s->changes++;
	if (!s->known || (place && *place))
		return;
	has = has ? answers_take(&t->answers, has) : &nothing;
	if (place && has) {
		*place = (void *)has;
		return;
	}
	if (place)
		trie_forget(&t->behind, p);
	slow_path_forget(s);
}

bool slow_path_configured(const struct slow_path *s, const struct prefix *p)
{
	for (size_t i = 0; i < s->rib->config->connection_count; i++)
		if (rib_own_route(s->rib, i, p).destination)
			return true;
	return false;
}

void slow_path_touch_configured(struct slow_path *s, const struct prefix *p)
{
	void **place = s->known ? trie_insert(&s->configured, p) : NULL;

	s->changes++;
	if (!s->known || (place && *place))
		return;
	if (place)
		*place = slow_path_configured(s, p) ? &slow_path_was_there : &slow_path_was_not;
	else
		slow_path_forget(s);
}

/* ---- what connections' tables have of the transit router ---- */

static void set_leak(struct slow_path *s, struct fib_table *t, const struct prefix *p,
		     const struct fib_answer *way)
{
	const struct fib_answer *is = trie_exact(&t->routes, p);

	if (!is == (way->kind == FIB_NONE) && (!is || fib_answer_equal(is, way)))
		return;
	slow_path_touch(s, t, p);
	if (way->kind == FIB_NONE)
		fib_delete(t, p);
	else if (fib_set(t, p, way))
		slow_path_forget(s);
}

static void follow_advert(struct slow_path *s, size_t connection, const struct prefix *p)
{
	struct fib_answer exported = nothing, leaked = nothing;
	struct advert a;

	if (advert_of(s->rib, connection, p, &a))
		*(a.fate == ADVERT_YES ? &exported : &leaked) = a.way;
	set_leak(s, &s->exported[connection], p, &exported);
	set_leak(s, &s->leaked[connection], p, &leaked);
}

static bool sees(const struct slow_path *s, size_t connection, size_t table)
{
	const struct config *c = s->rib->config;
	int a = connection_attachment(c, connection);

	return a >= 0 && c->attachments[a].association.name &&
	       (size_t)c->attachments[a].association.index == table;
}

void slow_path_follow(struct slow_path *s, const struct touched *touched)
{
	if (touched->everything)
		slow_path_forget(s);
	for (size_t c = 0; s->known && c < s->connections; c++)
		for (size_t i = 0; i < touched->count; i++)
			if (!touched->list[i].connection && sees(s, c, touched->list[i].index))
				follow_advert(s, c, &touched->list[i].prefix);
}

struct leaking {
	struct slow_path *s;
	size_t connection;
};

static int take_advert(const struct prefix *p, const struct advert *a, void *context)
{
	const struct leaking *l = context;
	struct fib_table *t = a->fate == ADVERT_YES ? &l->s->exported[l->connection]
						    : &l->s->leaked[l->connection];

	return a->way.kind == FIB_NONE ? 0 : fib_set(t, p, &a->way);
}

static void free_leaks(struct slow_path *s)
{
	for (size_t i = 0; i < s->connections; i++) {
		fib_table_free(&s->exported[i]);
		fib_table_free(&s->leaked[i]);
	}
	for (size_t i = 0; i < s->default_count; i++)
		fib_table_free(&s->defaults[i]);
	free(s->exported);
	free(s->leaked);
	free(s->defaults);
	s->exported = s->leaked = s->defaults = NULL;
	s->connections = s->default_count = 0;
}

static int make_leaks(struct slow_path *s)
{
	size_t count = s->rib->config->connection_count;
	int err = 0;

	free_leaks(s);
	s->exported = calloc(count + 1, sizeof(*s->exported));
	s->leaked = calloc(count + 1, sizeof(*s->leaked));
	if (!s->exported || !s->leaked)
		return -ENOMEM;
	s->connections = count;
	for (size_t i = 0; !err && i < count; i++) {
		struct leaking l = { s, i };

		s->exported[i].index = s->leaked[i].index = i;
		err = adverts_each(s->rib, i, take_advert, &l);
	}
	return err;
}

static int make_defaults(struct slow_path *s)
{
	const struct prefix all[] = { { .address.family = AF_INET },
				      { .address.family = AF_INET6 } };
	size_t count = s->rib->config->table_count;
	int err = 0;

	s->defaults = calloc(count + 1, sizeof(*s->defaults));
	if (!s->defaults)
		return -ENOMEM;
	s->default_count = count;
	for (size_t i = 0; !err && i < count; i++) {
		struct fib_answer answer;

		s->defaults[i].index = i;
		for (size_t f = 0; !err && f < 1u + s->ipv6 && host_summary(s->rib, i, &answer);
		     f++)
			err = fib_set(&s->defaults[i], &all[f], &answer);
	}
	return err;
}

/* ---- what is known ---- */

static void free_sweep(struct slow_path *s)
{
	host_facts_free(&s->next);
	host_facts_free(&s->wanted);
	free(s->devices);
	free(s->changed);
	s->devices = s->changed = NULL;
	s->device_count = s->changed_count = 0;
	s->sweeping = s->waiting = false;
}

void slow_path_forget(struct slow_path *s)
{
	s->changes++;
	if (!s->known)
		return;
	s->known = false;
	for (size_t i = 0; i < s->fib->count; i++)
		unmark_all(&s->fib->tables[i]);
	trie_free(&s->configured, NULL);
	free_leaks(s);
	free_sweep(s);
	host_facts_free(&s->told);
}

void slow_path_free(struct slow_path *s)
{
	slow_path_forget(s);
	free_leaks(s);
}

/* Anything of IPv6 has defaults of its own in connections' tables (host.c). */
int slow_path_settle(struct slow_path *s, struct host_facts *facts)
{
	int err;

	slow_path_forget(s);
	s->ipv6 = host_has_ipv6(s->rib);
	err = make_leaks(s);
	if (!err)
		err = make_defaults(s);
	if (err) {
		host_facts_free(facts);
		free_leaks(s);
		return err;
	}
	s->told = *facts;
	*facts = (struct host_facts){ 0 };
	s->pass = (struct slow_path_place){ 0 };
	s->deleting = s->swept_last = false;
	s->known = true;
	return 0;
}

/* ---- sweeps ---- */

static bool changed(const struct slow_path *s, const char *device)
{
	for (size_t i = 0; i < s->device_count; i++)
		if (!strcmp(s->devices[i], device))
			return true;
	return false;
}

bool slow_path_concerned(const struct slow_path *s, const struct fib_answer *a)
{
	if (a->kind == FIB_DEVICE)
		return s->attachments[a->attachment];
	for (size_t i = 0; a->kind == FIB_TUNNELS && i < a->set.count; i++)
		if (s->tunnels[a->set.members[i].tunnel])
			return true;
	return false;
}

static bool question_tunnels(struct slow_path *s, size_t connection)
{
	const struct config_connection *c = &s->rib->config->connections[connection];
	char name[DEVICE_NAME_LEN];
	bool any = false;

	for (size_t i = 0; i < c->tunnel_count; i++) {
		bool *in_question = &s->tunnels[s->rib->ids->tunnel[connection][i]];

		*in_question = s->told.tunnels[connection][i].down !=
				       s->next.tunnels[connection][i].down ||
			       changed(s, tunnel_device_name(&c->tunnels[i], name));
		any |= *in_question;
	}
	return any;
}

static bool question_all(struct slow_path *s)
{
	const struct config *c = s->rib->config;
	bool any = false;

	memset(s->tunnels, 0, sizeof(s->tunnels));
	memset(s->attachments, 0, sizeof(s->attachments));
	for (size_t i = 0; i < c->connection_count; i++)
		any |= question_tunnels(s, i);
	for (size_t i = 0; i < c->attachment_count; i++) {
		bool in_question = s->told.attachments[i].device[0] &&
				   changed(s, s->told.attachments[i].device);

		s->attachments[s->rib->ids->attachment[i]] |= in_question;
		any |= in_question;
	}
	return any;
}

/* Takes up what waits. */
static void begin_sweep(struct slow_path *s)
{
	s->next = s->wanted;
	s->devices = s->changed;
	s->device_count = s->changed_count;
	s->wanted = (struct host_facts){ 0 };
	s->changed = NULL;
	s->changed_count = 0;
	s->waiting = false;
	s->sweeping = true;
	s->devices_done = !s->device_count;
	s->sweep = (struct slow_path_place){ 0 };
	s->tables = slow_path_tables(s);
	if (question_all(s))
		s->changes++;
	else
		slow_path_sweep_ends(s);
}

void slow_path_sweep_ends(struct slow_path *s)
{
	host_facts_free(&s->told);
	s->told = s->next;
	s->next = (struct host_facts){ 0 };
	free(s->devices);
	s->devices = NULL;
	s->device_count = 0;
	s->sweeping = false;
	if (s->waiting)
		begin_sweep(s);
}

static bool same_attachments(const struct slow_path *s, const struct host_facts *facts)
{
	for (size_t i = 0; i < s->rib->config->attachment_count; i++)
		if (strcmp(s->told.attachments[i].device, facts->attachments[i].device) != 0)
			return false;
	return true;
}

static bool remember_changed(struct slow_path *s, char (*devices)[DEVICE_NAME_LEN], size_t count)
{
	char(*all)[DEVICE_NAME_LEN];

	if (!count)
		return true;
	all = reallocarray(s->changed, s->changed_count + count, sizeof(*all));
	if (!all)
		return false;
	memcpy(all + s->changed_count, devices, count * sizeof(*all));
	s->changed = all;
	s->changed_count += count;
	return true;
}

bool slow_path_changed(struct slow_path *s, struct host_facts *facts,
		       char (*devices)[DEVICE_NAME_LEN], size_t count)
{
	if (!s->known || s->ipv6 != host_has_ipv6(s->rib) || !same_attachments(s, facts) ||
	    !remember_changed(s, devices, count)) {
		slow_path_forget(s);
		host_facts_free(facts);
		return false;
	}
	host_facts_free(&s->wanted);
	s->wanted = *facts;
	*facts = (struct host_facts){ 0 };
	s->waiting = true;
	if (!s->sweeping)
		begin_sweep(s);
	return true;
}

uint64_t slow_path_pause(uint64_t took_ns)
{
	if (took_ns > MOST_PAUSE_NS / PAUSE_TIMES)
		return MOST_PAUSE_NS;
	if (took_ns < LEAST_PAUSE_NS / PAUSE_TIMES)
		return LEAST_PAUSE_NS;
	return PAUSE_TIMES * took_ns;
}
