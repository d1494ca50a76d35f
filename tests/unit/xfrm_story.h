/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A story is a text: each line is a step, and what is known of the tunnel after it. The steps are
 * made into the kernel's bytes, decoded, and followed; the text that comes out must be the text
 * that went in.
 *
 *   MESSAGE [in|out|fwd] [SPI] [if_id=N] [policy=N] [port=N]   SPI of a policy: of its template
 *   ACQ, LARVAL     a state without keys, which only dumps show
 *   dump, end       what lies between is a dump, and what was told meanwhile
 *   outbound        the SA that packets take
 *   flaps           how often the tunnel fell
 *
 * After " > ": the state and what is missing, of tunnel 101, and of 102 where the story has it.
 */
#ifndef ESPALIER_XFRM_STORY_H
#define ESPALIER_XFRM_STORY_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <cmocka.h>
#include "../../user/core/phase2.h"
#include "../tools/xfrm_messages.h"

#define STORY_MAX 4096

struct world {
	struct phase2 *p;
	bool second; /* tunnel 102 is watched, too */
	uint64_t now;
};

struct step {
	char message[32], direction[8];
	uint32_t spi, if_id, policy;
	uint16_t port;
};

/* 192.0.2.LAST */
static inline struct address v4(unsigned last)
{
	return (struct address){ .family = AF_INET, .bytes = { 192, 0, 2, (uint8_t)last } };
}

static inline void take_word(struct step *s, const char *word)
{
	const char *value = strchr(word, '=');

	if (!value)
		s->spi = (uint32_t)strtoul(word, NULL, 16);
	else if (!strncmp(word, "if_id", 5))
		s->if_id = (uint32_t)strtoul(value + 1, NULL, 10);
	else if (!strncmp(word, "policy", 6))
		s->policy = (uint32_t)strtoul(value + 1, NULL, 10);
	else if (!strncmp(word, "port", 4))
		s->port = (uint16_t)strtoul(value + 1, NULL, 10);
	else
		fail_msg("a step has no %s", word);
}

static inline struct step parse_step(char *line)
{
	struct step s = { .if_id = 101 };
	char *rest = line, *word = strsep(&rest, " ");

	snprintf(s.message, sizeof(s.message), "%s", word);
	while ((word = strsep(&rest, " "))) {
		if (!strcmp(word, "in") || !strcmp(word, "out") || !strcmp(word, "fwd"))
			snprintf(s.direction, sizeof(s.direction), "%s", word);
		else
			take_word(&s, word);
	}
	if (!s.policy)
		s.policy = s.if_id * 8;
	return s;
}

/* Reqid 1 for all of them: strongSwan #1855. */
static inline struct xfrm_sa sa_of(const struct step *s)
{
	bool in = !strcmp(s->direction, "in");
	struct xfrm_sa sa = {
		.id = { v4(in ? 1 : 2), s->spi, IPPROTO_ESP, 0, 0 },
		.saddr = v4(in ? 2 : 1),
		.if_id = s->if_id,
		.reqid = 1,
		.direction = in ? XFRM_DIRECTION_IN : XFRM_DIRECTION_OUT,
		.cpu = XFRM_NO_CPU,
		.mode = XFRM_MODE_TUNNEL,
		.aead = { "rfc4106(gcm(aes))", 160 },
		.encap = s->port != 0,
		.encap_sport = in ? s->port : 4500,
		.encap_dport = in ? 4500 : s->port,
	};

	if (!strcmp(s->message, "ACQ") || !strcmp(s->message, "LARVAL"))
		sa.aead = (struct xfrm_algorithm){ "", 0 };
	return sa;
}

static inline struct xfrm_policy policy_of(const struct step *s)
{
	bool out = !strcmp(s->direction, "out");
	uint8_t direction = !strcmp(s->direction, "fwd") ? XFRM_DIR_FWD
			    : out			 ? XFRM_DIR_OUT
							 : XFRM_DIR_IN;

	return (struct xfrm_policy){
		.index = s->policy + direction,
		.direction = direction,
		.if_id = s->if_id,
		.family = AF_INET,
		.source = { .address.family = AF_INET },
		.destination = { .address.family = AF_INET },
		.template_count = 1,
		.templates = { { v4(out ? 1 : 2), v4(out ? 2 : 1), s->spi, 1, IPPROTO_ESP,
				 XFRM_MODE_TUNNEL } },
	};
}

static inline size_t sa_message(void *buf, const struct step *s)
{
	struct xfrm_sa sa = sa_of(s);

	if (!strcmp(s->message, "UPDSA"))
		return message_sa(buf, XFRM_MSG_UPDSA, &sa);
	if (!strcmp(s->message, "NEWSA") || !strcmp(s->message, "ACQ") ||
	    !strcmp(s->message, "LARVAL"))
		return message_sa(buf, XFRM_MSG_NEWSA, &sa);
	if (!strcmp(s->message, "DELSA"))
		return message_sa_delete(buf, &sa);
	if (!strcmp(s->message, "EXPIRE-SOFT") || !strcmp(s->message, "EXPIRE-HARD"))
		return message_expire(buf, &sa, s->message[7] == 'H');
	if (!strcmp(s->message, "MAPPING"))
		return message_mapping(buf, &sa);
	return 0;
}

static inline size_t policy_message(void *buf, const struct step *s)
{
	struct xfrm_policy policy = policy_of(s);
	struct xfrm_sa sa = sa_of(s);

	if (!strcmp(s->message, "NEWPOLICY"))
		return message_policy(buf, XFRM_MSG_NEWPOLICY, &policy);
	if (!strcmp(s->message, "UPDPOLICY"))
		return message_policy(buf, XFRM_MSG_UPDPOLICY, &policy);
	if (!strcmp(s->message, "DELPOLICY"))
		return message_policy_delete(buf, &policy);
	if (!strcmp(s->message, "MIGRATE"))
		return message_migrate(buf, &policy);
	if (!strcmp(s->message, "ACQUIRE"))
		return message_acquire(buf, &sa, &policy);
	return 0;
}

static inline size_t other_message(void *buf, const struct step *s)
{
	if (!strcmp(s->message, "FLUSHSA"))
		return message_sa_flush(buf, 0);
	if (!strcmp(s->message, "FLUSHPOLICY"))
		return message_policy_flush(buf);
	fail_msg("there is no message %s", s->message);
	return 0;
}

/* The bytes of a step, followed. What phase2_apply() says. */
static inline int follow(struct world *w, const struct step *s)
{
	_Alignas(8) char buf[MESSAGE_MAX];
	struct xfrm_event e;
	size_t len = sa_message(buf, s);

	if (!len)
		len = policy_message(buf, s);
	if (!len)
		len = other_message(buf, s);
	assert_int_equal(xfrm_decode(buf, len, &e, NULL), 0);
	return phase2_apply(w->p, &e, ++w->now);
}

__attribute__((format(printf, 2, 3))) static inline void note(char *text, const char *format, ...)
{
	size_t len = strlen(text);
	va_list args;

	va_start(args, format);
	vsnprintf(text + len, STORY_MAX - len, format, args);
	va_end(args);
}

static inline void note_tunnel(const struct world *w, uint32_t tunnel, char *text)
{
	const struct phase2_state *s = phase2_state(w->p, tunnel);

	note(text, "%s", phase2_status_name(s->status));
	if (s->missing != PHASE2_COMPLETE && s->status != PHASE2_DOWN)
		note(text, ": %s", phase2_missing_text(s->missing));
}

static inline void tell_step(struct world *w, char *line, char *text)
{
	const struct phase2_state *state = phase2_state(w->p, 101);
	struct step s = parse_step(line);
	int err = 0;

	if (!strcmp(s.message, "flaps")) {
		note(text, "%u\n", (unsigned)state->flaps);
		return;
	}
	if (!strcmp(s.message, "outbound")) {
		note(text, "%x\n", state->spi_out);
		return;
	}
	if (!strcmp(s.message, "dump"))
		phase2_begin_dump(w->p);
	else if (!strcmp(s.message, "end"))
		phase2_end_dump(w->p, ++w->now, NULL);
	else
		err = follow(w, &s);
	if (err == PHASE2_NEEDS_DUMP)
		note(text, "dump needed, ");
	else
		assert_int_equal(err, 0);
	note_tunnel(w, 101, text);
	if (w->second) {
		note(text, "; ");
		note_tunnel(w, 102, text);
	}
	note(text, "\n");
}

static inline void tell_in(struct world *w, const char *story)
{
	char copy[STORY_MAX], text[STORY_MAX] = "", *rest = copy, *line;

	snprintf(copy, sizeof(copy), "%s", story);
	while ((line = strsep(&rest, "\n")) && *line) {
		char *end = strstr(line, " > ");

		assert_non_null(end);
		*end = '\0';
		note(text, "%s > ", line);
		tell_step(w, line, text);
	}
	assert_string_equal(text, story);
	phase2_free(w->p);
}

static inline void watch(struct world *w, uint32_t tunnel, uint32_t if_id_in, uint32_t if_id_out)
{
	struct phase2_tunnel t = { if_id_in, if_id_out, v4(1), v4(2) };

	if (!w->p)
		assert_int_equal(phase2_new(&w->p), 0);
	assert_int_equal(phase2_watch(w->p, tunnel, &t, ++w->now), 0);
}

static inline void tell(const char *story)
{
	struct world w = { .p = NULL };

	watch(&w, 101, 101, 101);
	tell_in(&w, story);
}

static inline void tell_of_two(const char *story)
{
	struct world w = { .second = true };

	watch(&w, 101, 101, 101);
	watch(&w, 102, 102, 102);
	tell_in(&w, story);
}

#endif
