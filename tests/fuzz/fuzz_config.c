/* SPDX-License-Identifier: GPL-2.0-only */
/* Any bytes as a configuration: decode, judge, write and read it back, ask what others ask, free.
 */
#include <stdlib.h>
#include "../../user/core/plan.h"
#include "../../user/core/rules.h"
#include "../../user/wire/config.h"
#include "../../user/wire/config_emit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int ignore(const char *name, struct mark mark, void *context)
{
	(void)mark;
	(void)context;
	return *name == '\0';
}

/* What the decoder promises of a configuration that may be used. */
static void check_promises(const struct config *c)
{
	char name[16];

	for (size_t i = 0; i < c->connection_count; i++) {
		const struct config_connection *connection = &c->connections[i];

		connection_vrf_name(connection, name);
		if (!connection->tunnel_count ||
		    connection->tunnel_count > TUNNELS_PER_CONNECTION ||
		    connection->customer_gateway.index < 0 || !connection->kernel_table)
			abort();
		for (size_t k = 0; k < connection->tunnel_count; k++)
			if (!connection->tunnels[k].if_id || !connection->tunnels[k].weight ||
			    !*tunnel_device_name(&connection->tunnels[k], name))
				abort();
		for (size_t k = 0; k < connection->route_count; k++)
			if (rules_destination_refused(&connection->routes[k].prefix))
				abort();
	}
	for (size_t i = 0; i < c->attachment_count; i++)
		if ((c->attachments[i].type == ATTACHMENT_VPN) !=
			    (c->attachments[i].connection.index >= 0) ||
		    (c->attachments[i].type == ATTACHMENT_VPN) != !c->attachments[i].device)
			abort();
}

/* What is exported is accepted, and is the same. */
static void check_round_trip(const struct config *c)
{
	struct findings f = { 0 };
	struct config again;
	struct plan plan;
	char *text;
	size_t len;

	if (config_emit(c, &text, &len) || config_parse("again", text, len, &again, &f))
		abort();
	rules_check(&again, &f);
	if (findings_errors(&f) || plan_build(c, &again, &plan) || plan.count)
		abort();
	plan_free(&plan);
	findings_free(&f);
	config_free(&again);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct findings f = { 0 };
	struct config c;
	int err = config_parse("fuzz", (const char *)data, size, &c, &f);

	if (!err != !findings_errors(&f) || (!err && !c.file))
		abort();
	if (c.file) {
		rules_check(&c, &f);
		config_each_device(&c, ignore, NULL);
		config_each_secret(&c, ignore, NULL);
	}
	if (c.file && !findings_errors(&f)) {
		check_promises(&c);
		check_round_trip(&c);
	}
	findings_sort(&f);
	findings_free(&f);
	config_free(&c);
	return 0;
}
