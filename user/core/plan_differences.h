/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between two objects of one name, as `espalier plan` prints it: "mtu 1400 -> 1380,
 * weight 1 -> 2". One function a kind; each names every key that can differ.
 */
#ifndef ESPALIER_PLAN_DIFFERENCES_H
#define ESPALIER_PLAN_DIFFERENCES_H

#include "config.h"

#define DIFFERENCES_LEN 1024

/* Empty when nothing differs; what does not fit is left out. */
struct differences {
	char text[DIFFERENCES_LEN];
	size_t len;
};

__attribute__((format(printf, 2, 3))) void differ(struct differences *d, const char *format, ...);
void number_differs(struct differences *d, const char *key, uint32_t was, uint32_t is);
void truth_differs(struct differences *d, const char *key, bool was, bool is);
/* NULL is "none". */
void words_differ(struct differences *d, const char *key, const char *was, const char *is);

void gateway_differs(struct differences *d, const struct config_gateway *was,
		     const struct config_gateway *is);
void attachment_differs(struct differences *d, const struct config_attachment *was,
			const struct config_attachment *is);
void connection_differs(struct differences *d, const struct config_connection *was,
			const struct config_connection *is);
void tunnel_differs(struct differences *d, const struct config_tunnel *was,
		    const struct config_tunnel *is);

#endif
