/* SPDX-License-Identifier: GPL-2.0-only */
/* The SAs of a tunnel: what each is for, what it has carried, what is left of it. */
#include <string.h>
#include <syslog.h>
#include <time.h>
#include "core/sa_left.h"
#include "show_internal.h"

void refresh_sas(struct gateway *g)
{
	int err = tunnels_refresh(g);

	if (err)
		gateway_log(LOG_WARNING, "the counters of SAs are not those of now: %s",
			    strerror(-err));
}

static json_t *limit_json(const struct sa_limit *l)
{
	if (l->limit == XFRM_UNLIMITED)
		return json_null();
	return json_pack("{s:I, s:I}", "left", (json_int_t)l->left, "limit", (json_int_t)l->limit);
}

static json_t *limits_json(const struct sa_limits *l)
{
	return json_pack("{s:o, s:o, s:o}", "time_s", limit_json(&l->seconds), "bytes",
			 limit_json(&l->bytes), "packets", limit_json(&l->packets));
}

static json_t *drops_json(const struct xfrm_sa *sa)
{
	return json_pack("{s:I, s:I, s:I}", "replayed", (json_int_t)sa->replayed, "outside_window",
			 (json_int_t)sa->outside_window, "integrity",
			 (json_int_t)sa->integrity_failed);
}

/* What an SA is for. They come by age: after the outbound one in use stands the one that the policy
 * will name next; the others are leftovers, of a rekey or of an IKE daemon that was killed. */
static const char *use_of(const struct phase2_sa *s, bool after_used)
{
	if (s->sa.larval)
		return "larval";
	if (s->in_use)
		return "in-use";
	return after_used ? "next" : "leftover";
}

struct listing {
	json_t *list;
	uint64_t wall_s;
	enum xfrm_direction direction; /* of the last SA */
	bool after_used;	       /* the one in use in this direction has come */
};

/* The peer's UDP port, or that which a NAT gives it; null where ESP goes without UDP. */
static json_t *peer_port_json(const struct phase2_sa *s)
{
	if (!s->sa.encap)
		return json_null();
	return json_integer(s->direction == XFRM_DIRECTION_IN ? s->sa.encap_sport
							      : s->sa.encap_dport);
}

static json_t *sa_json(const struct phase2_sa *s, const struct listing *l)
{
	const struct xfrm_sa *sa = &s->sa;
	const char *cipher = xfrm_sa_cipher(sa);
	struct sa_left left;

	sa_left(sa, s->direction, l->wall_s, &left);
	return json_pack(
		"{s:s, s:o, s:s, s:b, s:o, s:I, s:o, s:o, s:I, s:I, s:I, s:o, s:o, s:b, s:o, s:I, "
		"s:o, s:o}",
		"direction", s->direction == XFRM_DIRECTION_IN ? "in" : "out", "spi",
		spi_json(sa->id.spi), "use", use_of(s, l->after_used), "soft_expired",
		s->soft_expired, "algorithm", text_or_null(*cipher ? cipher : NULL), "key_bits",
		(json_int_t)xfrm_sa_cipher_bits(sa), "encapsulation",
		sa->encap ? json_string("udp") : json_null(), "peer_port", peer_port_json(s),
		"bytes", (json_int_t)sa->usage.bytes, "packets", (json_int_t)sa->usage.packets,
		"age_s", (json_int_t)sa_age(sa, l->wall_s), "soft", limits_json(&left.soft), "hard",
		limits_json(&left.hard), "esn", sa->esn, "sequence", limit_json(&left.sequence),
		"replay_window", (json_int_t)sa->replay_window, "dropped", drops_json(sa), "cpu",
		sa->cpu == XFRM_NO_CPU ? json_null() : json_integer(sa->cpu));
}

static int append_sa(const struct phase2_sa *s, void *data)
{
	struct listing *l = data;

	if (s->direction != l->direction)
		l->after_used = false;
	l->direction = s->direction;
	json_array_append_new(l->list, sa_json(s, l));
	l->after_used |= s->in_use;
	return 0;
}

json_t *sas_json(const struct gateway *g, const struct gateway_tunnel *t)
{
	struct listing l = { .list = json_array(), .wall_s = (uint64_t)time(NULL) };

	phase2_each_sa(g->phase2, t->id, append_sa, &l);
	return l.list;
}

static int add_drops(const struct phase2_sa *s, void *data)
{
	struct sa_drops *sum = data;

	sum->replayed += s->sa.replayed;
	sum->outside_window += s->sa.outside_window;
	sum->integrity += s->sa.integrity_failed;
	return 0;
}

struct sa_drops sa_drops(const struct gateway *g, const struct gateway_tunnel *t)
{
	struct sa_drops sum = { 0 };

	phase2_each_sa(g->phase2, t->id, add_drops, &sum);
	return sum;
}
