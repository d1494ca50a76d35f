/* SPDX-License-Identifier: GPL-2.0-only */
/* Forecasts: each row is how an SA is used, look by look, and whether there must be a warning. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "core/forecast.h"

#define ROWS(array) (sizeof(array) / sizeof(*(array)))
#define S	    1000000000ull
#define WALL	    1000000ull /* when the SA was added */
#define SPI	    0x102
#define LAST	    UINT32_MAX /* sequence number */

/* What happens from one look to the next, FORECAST_PERIOD_S apart. */
struct use {
	uint64_t age_s; /* at the first look */
	uint64_t bytes, packets, sequence;
	uint64_t bytes_more, packets_more, sequence_more; /* in each period */
	unsigned looks;
	bool soft_expired, under_way, esn;
};

static const struct xfrm_lifetime none = {
	XFRM_UNLIMITED, XFRM_UNLIMITED, XFRM_UNLIMITED, XFRM_UNLIMITED, 0, 0, 0, 0
};

#define STRONGSWAN \
	{ XFRM_UNLIMITED, XFRM_UNLIMITED, XFRM_UNLIMITED, XFRM_UNLIMITED, 3600, 3960, 0, 0 }
#define HARD_TIME(s) { XFRM_UNLIMITED, XFRM_UNLIMITED, XFRM_UNLIMITED, XFRM_UNLIMITED, 0, s, 0, 0 }
#define NO_LIMIT     HARD_TIME(0)

static const struct {
	const char *story;
	struct xfrm_lifetime lifetime;
	struct use use;
	enum forecast_limit limit;
	uint64_t in_s; /* FORECAST_NEVER: nothing ends it */
	bool warning;
} rows[] = {
	{ "an SA that nothing ends is warned of",
	  NO_LIMIT,
	  { .looks = 3, .packets_more = 1000, .esn = true },
	  FORECAST_NOTHING,
	  FORECAST_NEVER,
	  false },
	{ "an SA whose rekey comes in time is warned of",
	  STRONGSWAN,
	  { .looks = 3, .esn = true },
	  FORECAST_TIME,
	  3940,
	  false },
	{ "a rekey that is asked for is warned of at the first look",
	  STRONGSWAN,
	  { .age_s = 3605, .looks = 1, .soft_expired = true, .esn = true },
	  FORECAST_TIME,
	  355,
	  false },
	{ "a rekey that does not come is not warned of",
	  STRONGSWAN,
	  { .age_s = 3605, .looks = 2, .soft_expired = true, .esn = true },
	  FORECAST_TIME,
	  345,
	  true },
	{ "a soft limit that passed without a message counts for nothing",
	  STRONGSWAN,
	  { .age_s = 3605, .looks = 2, .esn = true },
	  FORECAST_TIME,
	  345,
	  true },
	{ "a rekey under way is warned of",
	  STRONGSWAN,
	  { .age_s = 3605, .looks = 4, .soft_expired = true, .under_way = true, .esn = true },
	  FORECAST_TIME,
	  325,
	  false },
	{ "an SA that ends without a rekey is warned of hours before",
	  HARD_TIME(7200),
	  { .looks = 2, .esn = true },
	  FORECAST_TIME,
	  7190,
	  false },
	{ "an SA that nobody rekeys is not warned of",
	  HARD_TIME(7200),
	  { .age_s = 6600, .looks = 1, .esn = true },
	  FORECAST_TIME,
	  600,
	  true },
	{ "it is warned of a second too early",
	  HARD_TIME(7200),
	  { .age_s = 6599, .looks = 1, .esn = true },
	  FORECAST_TIME,
	  601,
	  false },
	{ "sequence numbers run out in silence",
	  STRONGSWAN,
	  { .sequence = LAST - 1000000, .sequence_more = 100000, .looks = 2 },
	  FORECAST_SEQUENCE,
	  90,
	  true },
	{ "sequence numbers that last until the rekey are warned of",
	  STRONGSWAN,
	  { .age_s = 3500, .sequence = LAST - 1000000, .sequence_more = 50000, .looks = 2 },
	  FORECAST_SEQUENCE,
	  190,
	  false },
	{ "sequence numbers that nobody uses run out",
	  STRONGSWAN,
	  { .sequence = LAST - 1, .looks = 3 },
	  FORECAST_TIME,
	  3940,
	  false },
	{ "the last sequence number was used and nobody is told",
	  STRONGSWAN,
	  { .sequence = LAST, .looks = 1 },
	  FORECAST_SEQUENCE,
	  0,
	  true },
	{ "with ESN sequence numbers run out",
	  STRONGSWAN,
	  { .sequence = LAST - 1000, .sequence_more = 100, .looks = 2, .esn = true },
	  FORECAST_TIME,
	  3950,
	  false },
	{ "a limit of bytes is passed over",
	  { XFRM_UNLIMITED, 100000, XFRM_UNLIMITED, XFRM_UNLIMITED, 0, 0, 0, 0 },
	  { .bytes = 50000, .bytes_more = 1000, .looks = 2, .esn = true },
	  FORECAST_BYTES,
	  490,
	  true },
	{ "a soft limit of bytes does not help",
	  { 60000, 100000, XFRM_UNLIMITED, XFRM_UNLIMITED, 0, 0, 0, 0 },
	  { .bytes = 50000, .bytes_more = 1000, .looks = 2, .esn = true },
	  FORECAST_BYTES,
	  490,
	  false },
	{ "a limit of packets is passed over",
	  { XFRM_UNLIMITED, XFRM_UNLIMITED, XFRM_UNLIMITED, 5000, 0, 0, 0, 0 },
	  { .packets = 4000, .packets_more = 20, .looks = 2, .esn = true },
	  FORECAST_PACKETS,
	  490,
	  true },
};

static struct phase2_sa sa_after(const struct xfrm_lifetime *l, const struct use *u, unsigned looks)
{
	return (struct phase2_sa){
		.sa = { .id = { .spi = SPI },
			.esn = u->esn,
			.sent_seq = u->sequence + looks * u->sequence_more,
			.lifetime = *l,
			.usage = { .bytes = u->bytes + looks * u->bytes_more,
				   .packets = u->packets + looks * u->packets_more,
				   .add_time = WALL } },
		.direction = XFRM_DIRECTION_OUT,
		.in_use = true,
		.soft_expired = u->soft_expired,
	};
}

static void look(struct forecast *f, const struct xfrm_lifetime *l, const struct use *u, unsigned n)
{
	struct phase2_sa sa = sa_after(l, u, n);

	forecast_look(f, &(struct forecast_look){ &sa, u->under_way,
						  WALL + u->age_s + n * FORECAST_PERIOD_S,
						  (1 + n * FORECAST_PERIOD_S) * S });
}

static void run_row(void **state)
{
	size_t i = (size_t)((char *)*state - (char *)rows) / sizeof(*rows);
	struct forecast f = { 0 };
	uint64_t now;

	for (unsigned n = 0; n < rows[i].use.looks; n++)
		look(&f, &rows[i].lifetime, &rows[i].use, n);
	now = (1 + (rows[i].use.looks - 1) * FORECAST_PERIOD_S) * S;
	assert_string_equal(forecast_limit_name(f.limit), forecast_limit_name(rows[i].limit));
	if (rows[i].in_s == FORECAST_NEVER)
		assert_true(f.ends_ns == FORECAST_NEVER);
	else
		assert_int_equal((f.ends_ns - now) / S, rows[i].in_s);
	assert_int_equal(f.warning, rows[i].warning);
}

static void another_sa_is_judged_by_the_use_of_the_former_one(void **state)
{
	static const struct use dying = { .sequence = LAST - 1000000, .sequence_more = 100000 };
	static const struct xfrm_lifetime swan = STRONGSWAN;
	struct phase2_sa young = sa_after(&none, &(struct use){ 0 }, 0);
	struct forecast f = { 0 };

	(void)state;
	look(&f, &swan, &dying, 0);
	look(&f, &swan, &dying, 1);
	assert_true(f.warning);
	young.sa.id.spi = SPI + 1;
	forecast_look(&f, &(struct forecast_look){ &young, false, WALL + 20, 21 * S });
	assert_false(f.warning);
	assert_int_equal(f.spi, SPI + 1);
	assert_int_equal(f.limit, FORECAST_NOTHING);
	assert_int_equal(f.count, 1);
	forecast_look(&f, &(struct forecast_look){ NULL, false, WALL + 30, 31 * S });
	assert_int_equal(f.spi, 0);
	assert_true(f.ends_ns == FORECAST_NEVER && !f.warning);
}

/* Fast for a minute, then idle: after a minute of that the old rate is forgotten. */
static void a_rate_is_remembered_for_longer_than_a_minute(void **state)
{
	static const struct use fast = { .sequence = LAST - 10000000, .sequence_more = 1000000 };
	static const struct xfrm_lifetime swan = STRONGSWAN;
	struct forecast f = { 0 };
	struct use idle = { .sequence = fast.sequence + 6 * fast.sequence_more };
	unsigned n = 0;

	(void)state;
	for (; n <= 6; n++)
		look(&f, &swan, &fast, n);
	assert_true(f.warning);
	for (; n <= 12; n++)
		look(&f, &swan, &idle, n);
	assert_int_equal(f.limit, FORECAST_TIME);
	assert_false(f.warning);
}

/* Near, further away, near again: one warning, until the end is far away or a rekey under way. */
static void bursts_raise_a_warning_and_take_it_back(void **state)
{
	static const struct {
		uint64_t ends_in_s;
		bool under_way, warning;
	} looks[] = {
		{ 900, false, false }, { 480, false, true },   { 900, false, true },
		{ 480, false, true },  { 1500, false, false }, { 900, false, false },
		{ 480, false, true },  { 900, true, false },
	};
	struct use u = { .esn = true };
	struct forecast f = { 0 };

	(void)state;
	for (unsigned n = 0; n < ROWS(looks); n++) {
		const struct xfrm_lifetime l =
			HARD_TIME(n * FORECAST_PERIOD_S + looks[n].ends_in_s);

		u.under_way = looks[n].under_way;
		look(&f, &l, &u, n);
		assert_int_equal(f.warning, looks[n].warning);
	}
}

static void an_inbound_sa_is_judged_by_our_own_numbers(void **state)
{
	struct phase2_sa in = sa_after(&none, &(struct use){ .sequence = LAST }, 0);
	struct forecast f = { 0 };

	(void)state;
	in.direction = XFRM_DIRECTION_IN;
	in.sa.received_seq = 7;
	forecast_look(&f, &(struct forecast_look){ &in, false, WALL, S });
	assert_false(f.warning);
	in.sa.received_seq = LAST;
	forecast_look(&f, &(struct forecast_look){ &in, false, WALL + 10, 11 * S });
	assert_true(f.warning);
	assert_int_equal(f.limit, FORECAST_SEQUENCE);
}

int main(void)
{
	struct CMUnitTest tests[ROWS(rows) + 4];
	size_t count = 0;

	for (; count < ROWS(rows); count++)
		tests[count] = (struct CMUnitTest){ .name = rows[count].story,
						    .test_func = run_row,
						    .initial_state = (void *)&rows[count] };
	tests[count++] = (struct CMUnitTest)cmocka_unit_test(
		another_sa_is_judged_by_the_use_of_the_former_one);
	tests[count++] =
		(struct CMUnitTest)cmocka_unit_test(a_rate_is_remembered_for_longer_than_a_minute);
	tests[count++] =
		(struct CMUnitTest)cmocka_unit_test(bursts_raise_a_warning_and_take_it_back);
	tests[count++] =
		(struct CMUnitTest)cmocka_unit_test(an_inbound_sa_is_judged_by_our_own_numbers);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
