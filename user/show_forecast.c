/* SPDX-License-Identifier: GPL-2.0-only */
/* When the SAs in use will end, and by what. */
#include "gateway_forecast.h"
#include "show_internal.h"

static json_t *forecast_json(const struct gateway *g, const struct forecast *f,
			     const char *direction)
{
	bool ends = f->ends_ns != FORECAST_NEVER;

	return json_pack("{s:s, s:o, s:s, s:o, s:b}", "direction", direction, "spi",
			 spi_json(f->spi), "limit", forecast_limit_name(f->limit), "in_s",
			 ends ? seconds_until(g, f->ends_ns) : json_null(), "warning", f->warning);
}

json_t *forecasts_json(const struct gateway *g, const struct gateway_tunnel *t)
{
	json_t *list = json_array();

	for (int d = 0; d < DIRECTIONS; d++)
		if (t->forecasts[d].spi)
			json_array_append_new(list,
					      forecast_json(g, &t->forecasts[d],
							    d == DIRECTION_IN ? "in" : "out"));
	return list;
}
