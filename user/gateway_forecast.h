/* SPDX-License-Identifier: GPL-2.0-only */
/* Forecasts of the SAs in use (core/forecast.h): all of them are read every FORECAST_PERIOD_S. */
#ifndef ESPALIER_GATEWAY_FORECAST_H
#define ESPALIER_GATEWAY_FORECAST_H

#include <jansson.h>
#include "gateway.h"

int forecasts_begin(struct gateway *g); /* 0 or -errno */
/* While an update runs: an alarm for each warning. */
void forecasts_alarm(struct gateway *g);
/* show_forecast.c: for `show tunnels`, a list with one entry for each direction that has an SA. */
json_t *forecasts_json(const struct gateway *g, const struct gateway_tunnel *t);

#endif
