/* SPDX-License-Identifier: GPL-2.0-only */
#include "gateway_change.h"

json_t *plan_request(struct gateway *g, const json_t *request)
{
	(void)g;
	(void)request;
	return control_error("not yet");
}
