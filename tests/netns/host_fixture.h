/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small world for the host plan's tests: one VPC, one dual-tunnel connection, one table, with a
 * FIB compiled by hand. tests/unit/test_host.c looks at the plan, tests/netns/host_tool.c applies
 * it.
 *
 * Ids: TR table "main" 0 (kernel 2000), connection "dc-1" 1; attachments vpc-a 1, dc-1 2; tunnels
 * 0 and 1.
 */
#ifndef ESPALIER_TESTS_HOST_FIXTURE_H
#define ESPALIER_TESTS_HOST_FIXTURE_H

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <stdio.h>
#include "../../user/core/host.h"

#define MAIN_TABLE 2000u
#define DC_TABLE   1001u

struct fixture {
	struct config c;
	struct config_table tables[1];
	struct config_attachment attachments[3];
	struct config_connection connections[1];
	struct config_prefix cidrs[3], routes[2], other_cidrs[1];
	struct config_ref learn[2];
	struct ids ids;
	uint32_t table_ids[1][VIEWS], connection_ids[1], attachment_ids[3];
	uint32_t tunnel_ids[1][TUNNELS_PER_CONNECTION];
	struct rib rib; /* fixture_rib(): of the configuration as it is then */
	struct fib fib;
	struct fib_table fib_tables[2];
	struct host_facts facts;
};

static inline struct address an_address(const char *text)
{
	struct address a = { 0 };

	if (address_parse(text, &a) < 0)
		abort();
	return a;
}

static inline struct prefix a_prefix(const char *text)
{
	struct prefix p = { 0 };

	if (prefix_parse(text, &p, NULL) < 0)
		abort();
	return p;
}

static inline struct fib_answer to_device(uint32_t attachment)
{
	return (struct fib_answer){ .kind = FIB_DEVICE, .attachment = attachment };
}

static inline struct fib_answer to_tunnels(void)
{
	return (struct fib_answer){ .kind = FIB_TUNNELS,
				    .set = { .count = 2, .members = { { 0, 1 }, { 1, 1 } } } };
}

static inline void fixture_route(struct fib_table *t, const char *prefix, struct fib_answer answer)
{
	struct prefix p = a_prefix(prefix);

	if (fib_set(t, &p, &answer))
		abort();
}

static inline void fixture_tunnel(struct config_tunnel *t, uint32_t if_id, const char *inside,
				  const char *own, const char *local, const char *remote)
{
	*t = (struct config_tunnel){ .if_id = if_id, .mtu = 1400, .weight = 1 };
	t->inside = a_prefix(inside);
	t->bgp_address = an_address(own);
	t->local_address = an_address(local);
	t->remote_address = an_address(remote);
}

static inline void fixture_config(struct fixture *f)
{
	struct config_connection *dc = &f->connections[0];

	f->learn[1].index = 1;
	f->tables[0] = (struct config_table){ .name = (char *)"main",
					      .learn = f->learn,
					      .learn_count = 2 };
	f->cidrs[0].prefix = a_prefix("10.1.0.0/16");
	f->cidrs[1].prefix = a_prefix("2001:db8:1::/48");
	f->routes[0].prefix = a_prefix("10.50.0.0/16");
	f->routes[1].prefix = a_prefix("2001:db8:50::/48");
	f->attachments[0] = (struct config_attachment){ .name = (char *)"vpc-a",
							.type = ATTACHMENT_VPC,
							.device = (char *)"vpc",
							.cidrs = f->cidrs,
							.cidr_count = 2,
							.connection.index = -1,
							.association = { .name = (char *)"main" } };
	f->attachments[1] = (struct config_attachment){ .name = (char *)"dc-1",
							.type = ATTACHMENT_VPN,
							.connection = { .name = (char *)"dc-1" },
							.synchronize = true,
							.association = { .name = (char *)"main" } };
	*dc = (struct config_connection){ .name = (char *)"dc-1",
					  .routes = f->routes,
					  .route_count = 2,
					  .tunnel_count = 2,
					  .vrf = true,
					  .kernel_table = DC_TABLE };
	fixture_tunnel(&dc->tunnels[0], 101, "169.254.10.0/30", "169.254.10.1", "198.51.100.1",
		       "203.0.113.10");
	fixture_tunnel(&dc->tunnels[1], 102, "169.254.11.0/30", "169.254.11.1", "198.51.100.2",
		       "203.0.113.11");
	f->c = (struct config){ .tables = f->tables,
				.table_count = 1,
				.attachments = f->attachments,
				.attachment_count = 2,
				.connections = f->connections,
				.connection_count = 1 };
}

static inline void fixture_fib(struct fixture *f)
{
	f->fib_tables[0] = (struct fib_table){ .kernel_table = MAIN_TABLE };
	f->fib_tables[1] =
		(struct fib_table){ .id = 1, .kernel_table = DC_TABLE, .connection = true };
	f->fib = (struct fib){ .tables = f->fib_tables, .count = 2 };
	fixture_route(&f->fib_tables[0], "10.1.0.0/16", to_device(1));
	fixture_route(&f->fib_tables[0], "2001:db8:1::/48", to_device(1));
	for (size_t i = 0; i < 2; i++) {
		fixture_route(&f->fib_tables[i], "10.50.0.0/16", to_tunnels());
		fixture_route(&f->fib_tables[i], "2001:db8:50::/48", to_tunnels());
	}
}

static inline void fixture_withdraw(struct fib_table *t, const char *prefix)
{
	struct prefix p = a_prefix(prefix);

	fib_delete(t, &p);
}

static inline bool fixture_up(uint32_t tunnel, const void *context)
{
	(void)tunnel;
	(void)context;
	return true;
}

static inline const struct rib *fixture_rib(struct fixture *f)
{
	rib_free(&f->rib);
	if (rib_build(&f->c, &f->ids, NULL, 0, fixture_up, NULL, NULL, &f->rib))
		abort();
	return &f->rib;
}

static inline void fixture_init(struct fixture *f)
{
	for (size_t i = 0; i < 2; i++)
		fib_table_free(&f->fib_tables[i]); /* of a world before this one */
	rib_free(&f->rib);
	memset(f, 0, sizeof(*f));
	fixture_config(f);
	fixture_fib(f);
	f->connection_ids[0] = 1;
	f->attachment_ids[0] = 1;
	f->attachment_ids[1] = 2;
	f->attachment_ids[2] = 3;
	f->tunnel_ids[0][1] = 1;
	f->ids = (struct ids){ .table = f->table_ids,
			       .connection_table = f->connection_ids,
			       .attachment = f->attachment_ids,
			       .tunnel = f->tunnel_ids };
}

#endif
