/* SPDX-License-Identifier: GPL-2.0-only */
/* The keys below `bgp`. */
#include "config_schema.h"

static const struct field bfd_fields[] = {
	{ "interval", decode_duration, VALUE(struct config_bfd, interval_ms), RANGE(10, 60000),
	  .initial = DEFAULT_BFD_INTERVAL_MS },
	{ "multiplier", decode_number, VALUE(struct config_bfd, multiplier), RANGE(2, 255),
	  .initial = DEFAULT_BFD_MULTIPLIER },
	END,
};

static const struct schema bfd_schema = {
	.what = "bfd",
	.fields = bfd_fields,
	.size = sizeof(struct config_bfd),
};

/* 4095 seconds are what fits into the capability (RFC 4724). */
static const struct field graceful_restart_fields[] = {
	{ "restart_time", decode_seconds, VALUE(struct config_graceful_restart, restart_s),
	  RANGE(1, 4095), .initial = DEFAULT_RESTART_S },
	{ "stale_time", decode_seconds, VALUE(struct config_graceful_restart, stale_s),
	  RANGE(1, 4095), .initial = DEFAULT_STALE_S },
	END,
};

static const struct schema graceful_restart_schema = {
	.what = "graceful_restart",
	.fields = graceful_restart_fields,
	.size = sizeof(struct config_graceful_restart),
};

/* The field's offset is that of `enabled`, and of the struct. */
_Static_assert(offsetof(struct config_bfd, enabled) == 0, "decode_switch()");
_Static_assert(offsetof(struct config_graceful_restart, enabled) == 0, "decode_switch()");

static const char *const family_words[] = { "ipv4", "ipv6", NULL };

/* A word's position is its bit. */
_Static_assert(BGP_IPV4 == 1u << 0 && BGP_IPV6 == 1u << 1, "family_words");

static void decode_families(struct decoder *d, const struct field *f, yaml_node_t *node, void *base)
{
	uint32_t position, families = 0;
	const struct field word = { .key = f->key,
				    .size = sizeof(position),
				    .names = family_words };

	if (!is_list(d, f->key, "a list of ipv4 and ipv6", node))
		return;
	for (size_t i = 0; i < sequence_length(node); i++) {
		position = UINT32_MAX;
		decode_word(d, &word, sequence_item(d, node, i), &position);
		families |= position == UINT32_MAX ? 0 : 1u << position;
	}
	if (!sequence_length(node))
		decode_error(d, mark_of(node), "%s: the list is empty; allowed: ipv4, ipv6",
			     f->key);
	store_number(f, base, families);
}

static const char *const feed_words[] = { "kernel", "fpm", NULL };

/* A word's position is its value. */
_Static_assert(FEED_KERNEL == 0 && FEED_FPM == 1 && sizeof(enum bgp_feed) == 4, "feed_words");

/* Timers as BGP has them: 16 bits of seconds, a hold time of 3 or more (RFC 4271). */
static const struct field bgp_fields[] = {
	{ "feed", decode_word, VALUE(struct config_bgp, feed), .names = feed_words },
	{ "local_asn", decode_asn, VALUE(struct config_bgp, local_asn),
	  MARK(struct config_bgp, local_asn_mark), ASN_RANGE, .initial = DEFAULT_LOCAL_ASN,
	  .rule = " [S54]" },
	{ "address_families", decode_families, VALUE(struct config_bgp, families),
	  MARK(struct config_bgp, families_mark) },
	{ "keepalive", decode_seconds, VALUE(struct config_bgp, keepalive_s), RANGE(1, 21845),
	  .initial = DEFAULT_KEEPALIVE_S },
	{ "hold_time", decode_seconds, VALUE(struct config_bgp, hold_time_s),
	  MARK(struct config_bgp, hold_time_mark), RANGE(3, 65535),
	  .initial = DEFAULT_HOLD_TIME_S },
	{ "bfd", decode_switch, VALUE(struct config_bgp, bfd.enabled), .initial = true,
	  .schema = &bfd_schema },
	{ "graceful_restart", decode_switch, VALUE(struct config_bgp, graceful_restart.enabled),
	  .initial = true, .schema = &graceful_restart_schema },
	END,
};

const struct schema bgp_schema = {
	.what = "bgp",
	.fields = bgp_fields,
	.size = sizeof(struct config_bgp),
};

static const struct field fpm_fields[] = {
	{ "address", decode_address, VALUE(struct config_fpm, address),
	  MARK(struct config_fpm, address_mark) },
	{ "port", decode_number, VALUE(struct config_fpm, port), RANGE(1, 65535),
	  .initial = DEFAULT_FPM_PORT },
	{ "user", decode_text, VALUE(struct config_fpm, user), MARK(struct config_fpm, user_mark) },
	{ "quiet", decode_seconds, VALUE(struct config_fpm, quiet_s), RANGE(2, 600),
	  .initial = DEFAULT_FPM_QUIET_S },
	END,
};

const struct schema fpm_schema = {
	.what = "fpm",
	.fields = fpm_fields,
	.size = sizeof(struct config_fpm),
};
