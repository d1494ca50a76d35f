/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "frr_json.h"

/* Room for one more. 0 or -ENOMEM. */
static int make_room(void **list, size_t count, size_t *room, size_t size)
{
	size_t more = count + count / 2 + 16;
	void *moved;

	if (count < *room)
		return 0;
	moved = reallocarray(*list, more, size);
	if (!moved)
		return -ENOMEM;
	*list = moved;
	*room = more;
	return 0;
}

static json_t *load(const char *text, size_t len)
{
	return json_loadb(text, len, 0, NULL);
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

/* A number that is not negative, at most `most`; else 0. */
static uint64_t number_of(const json_t *object, const char *key, uint64_t most)
{
	json_int_t n = json_integer_value(json_object_get(object, key));

	return n < 0 || (uint64_t)n > most ? 0 : (uint64_t)n;
}

static void copy(char *to, size_t size, const char *text)
{
	snprintf(to, size, "%s", text);
}

/* ---- sessions ---- */

static struct frr_session *session_of(struct frr_sessions *s, const char *vrf,
				      const struct address *peer)
{
	struct frr_session *made;

	for (size_t i = 0; i < s->count; i++)
		if (address_equal(&s->list[i].peer, peer) && !strcmp(s->list[i].vrf, vrf))
			return &s->list[i];
	if (make_room((void **)&s->list, s->count, &s->room, sizeof(*s->list)))
		return NULL;
	made = &s->list[s->count++];
	*made = (struct frr_session){ .peer = *peer };
	copy(made->vrf, sizeof(made->vrf), vrf);
	return made;
}

/* The peers of one address family; a session may carry both. */
static int add_family(struct frr_sessions *s, const char *vrf, json_t *family)
{
	const char *name;
	json_t *peer;

	json_object_foreach (json_object_get(family, "peers"), name, peer) {
		struct frr_session *session;
		struct address address;

		if (address_parse(name, &address))
			continue; /* of an interface without address: none of ours */
		session = session_of(s, vrf, &address);
		if (!session)
			return -ENOMEM;
		copy(session->state, sizeof(session->state), text_of(peer, "state"));
		session->received += number_of(peer, "pfxRcd", UINT32_MAX);
		session->advertised += number_of(peer, "pfxSnt", UINT32_MAX);
		session->up_ms = 0;
		if (!strcmp(session->state, "Established"))
			session->up_ms = number_of(peer, "peerUptimeMsec", UINT64_MAX);
	}
	return 0;
}

static int add_vrfs(struct frr_sessions *s, json_t *root)
{
	const char *vrf, *name;
	json_t *families, *family;
	int err = 0;

	json_object_foreach (root, vrf, families)
		json_object_foreach (families, name, family)
			if (!err && strlen(vrf) < FRR_WORD_LEN)
				err = add_family(s, vrf, family);
	return err;
}

int frr_sessions_parse(const char *text, size_t len, struct frr_sessions *out)
{
	json_t *root = load(text, len);
	int err = json_is_object(root) ? 0 : -EINVAL;

	*out = (struct frr_sessions){ 0 };
	if (!err)
		err = add_vrfs(out, root);
	if (err)
		frr_sessions_free(out);
	json_decref(root);
	return err;
}

void frr_sessions_free(struct frr_sessions *s)
{
	free(s->list);
	*s = (struct frr_sessions){ 0 };
}

/* ---- paths ---- */

static void add_communities(struct frr_path *path, const json_t *json, const char *key)
{
	const char *text = text_of(json_object_get(json, key), "string");
	size_t used = strlen(path->communities);

	if (*text)
		snprintf(path->communities + used, sizeof(path->communities) - used, "%s%s",
			 used ? " " : "", text);
}

/* The one in use; of several that are (link-local beside global) the last. */
static void set_next_hop(struct frr_path *path, json_t *json)
{
	size_t i;
	json_t *hop;

	json_array_foreach (json_object_get(json, "nexthops"), i, hop)
		if (json_is_true(json_object_get(hop, "used")) || !path->next_hop.family)
			if (address_parse(text_of(hop, "ip"), &path->next_hop))
				path->next_hop = (struct address){ 0 };
}

/* A route that began here has 0.0.0.0 or :: as its peer, and "Local" as its path. */
static void set_peer(struct frr_path *path, json_t *json)
{
	static const struct address nobody;

	if (address_parse(text_of(json_object_get(json, "peer"), "peerId"), &path->peer) ||
	    !memcmp(path->peer.bytes, nobody.bytes, sizeof(nobody.bytes)))
		path->peer = nobody;
}

static int add_path(struct frr_paths *p, const struct prefix *prefix, json_t *json)
{
	const json_t *as_path = json_object_get(json, "aspath");
	struct frr_path *path;

	if (make_room((void **)&p->list, p->count, &p->room, sizeof(*p->list)))
		return -ENOMEM;
	path = &p->list[p->count++];
	*path = (struct frr_path){ .prefix = *prefix };
	set_peer(path, json);
	set_next_hop(path, json);
	if (path->peer.family)
		copy(path->as_path, sizeof(path->as_path), text_of(as_path, "string"));
	path->as_path_length = (uint32_t)number_of(as_path, "length", UINT32_MAX);
	path->has_med = json_is_integer(json_object_get(json, "metric"));
	path->med = (uint32_t)number_of(json, "metric", UINT32_MAX);
	add_communities(path, json, "community");
	add_communities(path, json, "largeCommunity");
	add_communities(path, json, "extendedCommunity");
	path->best = json_is_true(json_object_get(json_object_get(json, "bestpath"), "overall"));
	path->multipath = json_is_true(json_object_get(json, "multipath"));
	return 0;
}

/* A list of paths, or, in some versions' detail, an object that has it. */
static int add_route(struct frr_paths *p, const char *name, json_t *route)
{
	json_t *paths = json_is_array(route) ? route : json_object_get(route, "paths");
	struct prefix prefix;
	json_t *path;
	size_t i;
	int err = 0;

	if (prefix_parse(name, &prefix, NULL))
		return 0; /* not of our families */
	json_array_foreach (paths, i, path)
		if (!err)
			err = add_path(p, &prefix, path);
	return err;
}

int frr_paths_parse(const char *text, size_t len, struct frr_paths *out)
{
	json_t *root = load(text, len), *routes = json_object_get(root, "routes"), *route;
	int err = json_is_object(routes) ? 0 : -EINVAL;
	size_t had = out->count;
	const char *name;

	json_object_foreach (routes, name, route)
		if (!err)
			err = add_route(out, name, route);
	if (err)
		out->count = had;
	json_decref(root);
	return err;
}

void frr_paths_free(struct frr_paths *p)
{
	free(p->list);
	*p = (struct frr_paths){ 0 };
}

/* ---- what is announced ---- */

int frr_advertised_parse(const char *text, size_t len, struct prefixes *out)
{
	json_t *root = load(text, len), *routes = json_object_get(root, "advertisedRoutes"), *route;
	int err = json_is_object(routes) ? 0 : -EINVAL;
	const char *name;

	json_object_foreach (routes, name, route) {
		struct prefix p;

		if (!err && !prefix_parse(name, &p, NULL))
			err = prefixes_add(out, &p);
	}
	json_decref(root);
	return err;
}
