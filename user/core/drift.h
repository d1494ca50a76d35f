/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Drift: what an audit finds to be other than it was left. Somebody deleted an address, a map's
 * entry, a rule; a message was lost. Pure: the audit says what it found and what became of it, this
 * counts, remembers, and finds the words.
 *
 * One audit is a pass. A million entries can be missing at once, so a pass counts everything and
 * names only the first few of each kind. What cannot be repaired is found again by each audit: it
 * is counted and remembered once, until an audit does not find it any more.
 */
#ifndef ESPALIER_DRIFT_H
#define ESPALIER_DRIFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In the order in which they are told. */
enum drift_kind {
	DRIFT_SA,	 /* SAs and policies: the kernel's are the truth */
	DRIFT_LINK,	 /* devices of ours, and what is set on adopted ones */
	DRIFT_ADDRESS,	 /* of ours in the kernel */
	DRIFT_RULE,	 /* likewise */
	DRIFT_SYSCTL,	 /* likewise */
	DRIFT_SLOW_PATH, /* routes of ours in the kernel's tables */
	DRIFT_PROGRAM,	 /* attached to a device */
	DRIFT_PIN,	 /* of a map */
	DRIFT_ROUTE,	 /* entries of maps, from here on */
	DRIFT_INDEX,	 /* what is made of them for the lookup */
	DRIFT_GROUP,
	DRIFT_TUNNEL,
	DRIFT_LIVENESS,
	DRIFT_DEVICE,
	DRIFT_ASSOCIATION,
	DRIFT_NAME,
	DRIFT_KINDS
};

enum drift_found {
	DRIFT_MISSING,
	DRIFT_DIFFERENT,
	DRIFT_FOREIGN, /* where only ours belong */
};

#define DRIFT_OBJECT_LEN 120
#define DRIFT_NAMED	 8 /* of each kind in one pass */
#define DRIFT_REMEMBERED 64

struct drift_item {
	enum drift_kind kind;
	enum drift_found found;
	bool repaired;
	char object[DRIFT_OBJECT_LEN]; /* "10.5.0.0/16 of table main" */
};

struct drift_count {
	uint64_t found, unrepaired;
};

struct drift_pass {
	struct drift_count counts[DRIFT_KINDS];
	struct drift_item items[DRIFT_KINDS * DRIFT_NAMED];
	size_t item_count;
	size_t named[DRIFT_KINDS];
};

/* One more was found, and repaired unless drift_unrepaired() says otherwise; the same again in one
 * pass counts once. Returns its place among the items for that, or DRIFT_UNNAMED. */
#define DRIFT_UNNAMED SIZE_MAX
__attribute__((format(printf, 4, 5))) size_t drift_add(struct drift_pass *p, enum drift_kind kind,
						       enum drift_found found, const char *format,
						       ...);
/* `n` at once, of which one sentence tells. */
__attribute__((format(printf, 5, 6))) void drift_add_many(struct drift_pass *p,
							  enum drift_kind kind,
							  enum drift_found found, uint64_t n,
							  const char *format, ...);
void drift_unrepaired(struct drift_pass *p, enum drift_kind kind, size_t item);
/* Of all kinds. */
struct drift_count drift_sum(const struct drift_pass *p);

/* Since the start. */
struct drift_record {
	uint64_t time; /* when it was found, as the caller counts */
	struct drift_item item;
};

struct drift {
	uint64_t audits; /* that came to their end */
	struct drift_count totals[DRIFT_KINDS];
	struct drift_record records[DRIFT_REMEMBERED]; /* a ring: drift_record() */
	size_t record_count, next;
	/* What the last audit could not repair. */
	struct drift_item standing[DRIFT_REMEMBERED];
	size_t standing_count;
};

/*
 * The pass is over. What stood unrepaired before and still does leaves `p`: who tells of `p`
 * afterwards tells news only. `audit`: it looked at everything, so what it did not find any more
 * does not stand any longer; else the pass only saw a part, on some occasion.
 */
void drift_take(struct drift *d, struct drift_pass *p, uint64_t time, bool audit);
/* 0: the newest. NULL: there are no more. */
const struct drift_record *drift_record(const struct drift *d, size_t i);

/* "slow-path", "missing", "made again". */
const char *drift_kind_name(enum drift_kind k);
const char *drift_found_name(enum drift_found f);
const char *drift_action(const struct drift_item *i);

/* A sentence on one kind of a pass, for a log: "1204 routes of maps were found: …, first …".
 * Returns buf. */
#define DRIFT_SENTENCE_LEN 320
const char *drift_sentence(const struct drift_pass *p, enum drift_kind kind,
			   char buf[DRIFT_SENTENCE_LEN]);

#endif
