/* SPDX-License-Identifier: GPL-2.0-only */
/* The health check of espalier show tunnels --details. */
#include <stdio.h>
#include <string.h>
#include "field.h"
#include "show.h"

static enum style health_style(const char *state)
{
	if (strcmp(state, "good") == 0)
		return STYLE_GOOD;
	return strcmp(state, "bad") == 0 ? STYLE_BAD : STYLE_WARN;
}

static double ms(const json_t *rtt, const char *key)
{
	return json_number_value(field(rtt, key)) * 1e3;
}

static void print_counts(const json_t *h)
{
	static const char *const keys[] = { "sent", "answered", "lost", "late", "duplicates" };
	const json_t *rtt = field(h, "rtt");
	char number[UNIT_STRLEN];

	printf("    ");
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		uint64_t n = field_count(h, keys[i]);

		if (n || i < 3)
			printf("%s%s %s", i ? ", " : "", unit_count(n, number), keys[i]);
	}
	if (json_is_object(rtt))
		printf("; round trip %.3g ms, average %.3g, least %.3g", ms(rtt, "last_s"),
		       ms(rtt, "avg_s"), ms(rtt, "min_s"));
	putchar('\n');
}

/* "  health check good for 3m12s: 10.50.0.9 from 10.1.0.1 each 3 s, 3 decide, revoke_route" */
void show_health(const json_t *tunnel)
{
	const json_t *h = field(tunnel, "health");
	const char *state = field_string(h, "state"), *refused;
	char since[FIELD_STRLEN];

	if (!json_is_object(h))
		return;
	refused = json_string_value(field(h, "refused"));
	printf("  health check %s%s%s for %s: %s from %s each %.3g s, %llu decide, %s%s\n",
	       style_on(health_style(state)), state, style_off(),
	       field_duration(h, "since_s", since), field_string(h, "destination"),
	       field_string(h, "source"), json_number_value(field(h, "interval_s")),
	       (unsigned long long)field_count(h, "retries"), field_string(h, "on_failure"),
	       json_is_true(field(h, "running")) ? "" : "; waits for Phase 2");
	if (refused)
		printf("    %scannot be sent: %s%s\n", style_on(STYLE_BAD), refused, style_off());
	print_counts(h);
}
