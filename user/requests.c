/* SPDX-License-Identifier: GPL-2.0-only */
/* Which request goes where. What changes nothing is answered by show*.c. */
#include <string.h>
#include "gateway_audit.h"
#include "gateway_change.h"
#include "gateway_drain.h"

static const struct {
	const char *name;
	json_t *(*answer)(struct gateway *g, const json_t *request);
} commands[] = {
	{ "apply", change_apply },   { "plan", plan_request },	   { "confirm", change_confirm },
	{ "audit", audit_request },  { "route", route_request },   { "rollback", change_rollback },
	{ "export", change_export }, { "tunnel", tunnel_request },
};

json_t *answer_request(const json_t *request, bool *subscribe, void *context)
{
	const char *name = json_string_value(json_object_get(request, "command"));
	struct gateway *g = context;

	/* Before the start is over there is nothing to be seen. */
	if (!g->decided)
		return control_error("espalierd is starting, try again");
	if (name && !strcmp(name, "monitor")) {
		*subscribe = true;
		return control_ok(json_object());
	}
	for (size_t i = 0; name && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(commands[i].name, name))
			return commands[i].answer(g, request);
	return show_request(request, context);
}
