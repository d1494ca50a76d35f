/* SPDX-License-Identifier: GPL-2.0-only */
/* Over which CPUs a device's packets are spread. */
#include <string.h>
#include "rules_internal.h"

/* XDP hands packets over, and nothing else can. */
void rule_cpus_need_xdp(const struct config *c, struct findings *f)
{
	for (EACH_ATTACHMENT(c, a))
		if (a->xdp == XDP_OFF && a->cpus.mode != CPUS_OFF)
			findings_add(
				f, SEVERITY_ERROR, a->cpus.mark,
				"cpus: it is XDP that hands packets to another CPU, and xdp is "
				"off here");
}

static void cpus_differ(const struct place *first, const struct place *again, struct findings *f)
{
	const struct config_cpus *was = first->subject, *is = again->subject;
	char a[CPUS_STRLEN], b[CPUS_STRLEN];

	config_cpus_format(was, a);
	config_cpus_format(is, b);
	if (strcmp(a, b))
		findings_add(f, SEVERITY_ERROR, again->mark,
			     "cpus: %s, but attachment '%s' of the same device has %s (line %u); a "
			     "device has one list",
			     b, first->owner, a, first->mark.line);
}

/* What is not written says nothing. */
void rule_cpus_of_a_device(const struct config *c, struct findings *f)
{
	struct places places = { 0 };

	for (EACH_ATTACHMENT(c, a)) {
		struct place place = { .mark = a->cpus.mark,
				       .owner = a->name,
				       .subject = &a->cpus };

		if (a->device && a->cpus.mark.line)
			places_add(&places, a->device, strlen(a->device), &place);
	}
	places_finish(&places, cpus_differ, f);
}
