/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the steps of host_apply() find to be other than the last plan left it goes to the pass that
 * host_watch_drift() named. What two plans have in common and the kernel has not is drift; what
 * only one of them has is a change that was asked for.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "host_internal.h"

void host_watch_drift(struct host *h, const struct host_plan *left, struct drift_pass *pass,
		      unsigned kinds)
{
	h->left = left;
	h->drift = pass;
	h->drift_kinds = left && pass ? kinds : 0;
	h->drifted_count = 0;
}

void host_drifted(struct host *h, enum drift_kind kind, enum drift_found found, const void *tag,
		  const char *format, ...)
{
	char object[DRIFT_OBJECT_LEN];
	va_list args;
	size_t item;

	if (!host_watches(h, kind))
		return;
	va_start(args, format);
	vsnprintf(object, sizeof(object), format, args);
	va_end(args);
	item = drift_add(h->drift, kind, found, "%s", object);
	if (item != DRIFT_UNNAMED && h->drifted_count < HOST_DRIFTED)
		h->drifted[h->drifted_count++] = (struct host_drifted){ tag, kind, item };
}

/* One request can be a device's repair and nothing else: tags are unique among what was found. */
void host_drift_refused(struct host *h, const void *tag)
{
	for (size_t i = 0; i < h->drifted_count; i++)
		if (h->drifted[i].tag == tag)
			drift_unrepaired(h->drift, h->drifted[i].kind, h->drifted[i].item);
}

const struct host_link_plan *host_left_link(const struct host *h, const char *name)
{
	for (size_t i = 0; h->left && i < h->left->link_count; i++)
		if (strcmp(h->left->links[i].name, name) == 0)
			return &h->left->links[i];
	return NULL;
}

bool host_left_address(const struct host *h, const struct host_address *a)
{
	for (size_t i = 0; h->left && i < h->left->address_count; i++) {
		const struct host_address *was = &h->left->addresses[i];

		if (strcmp(was->device, a->device) == 0 && was->len == a->len &&
		    address_equal(&was->address, &a->address))
			return true;
	}
	return false;
}

bool host_left_rule(const struct host *h, const struct host_rule *r)
{
	for (size_t i = 0; h->left && i < h->left->rule_count; i++)
		if (host_rule_equal(&h->left->rules[i], r))
			return true;
	return false;
}

bool host_left_sysctl(const struct host *h, const struct host_sysctl *s)
{
	for (size_t i = 0; h->left && i < h->left->sysctl_count; i++)
		if (strcmp(h->left->sysctls[i].path, s->path) == 0 &&
		    strcmp(h->left->sysctls[i].value, s->value) == 0)
			return true;
	return false;
}
