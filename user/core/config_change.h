/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Routes that come and go at run time [S39], in the configuration that runs. They stand behind
 * those of the file and have mark.line 0. Adding: 0 or -ENOMEM.
 */
#ifndef ESPALIER_CONFIG_CHANGE_H
#define ESPALIER_CONFIG_CHANGE_H

#include "config.h"

int config_add_connection_route(struct config_connection *c, const struct prefix *p);
/* Wherever it stands, as often as it stands there. */
void config_remove_connection_route(struct config_connection *c, const struct prefix *p);

/* The same destination, target and metric. */
bool config_has_table_route(const struct config_table *t, const struct config_table_route *route);
int config_add_table_route(struct config_table *t, const struct config_table_route *route);
void config_remove_table_route(struct config_table *t, const struct config_table_route *route);

#endif
