/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A user's question about one packet, and the frame that stands for it.
 */
#ifndef ESPALIER_EXPLAIN_H
#define ESPALIER_EXPLAIN_H

#include <jansson.h>
#include "core/prefix.h"
#include "dataplane.h"

#define EXPLAIN_FRAME_MAX 128 /* Ethernet, two tags, IPv6, 8 bytes of ports */

struct explain_question {
	const char *in; /* attachment; belongs to the request */
	struct address source, destination;
	int protocol, source_port, destination_port;
	struct association_key key; /* where it comes in */
	uint8_t mac[6];		    /* of that device */
};

/* Fills everything but key and mac. -EINVAL: *why says what is wrong, what is allowed. */
int explain_question_parse(const json_t *request, struct explain_question *out, const char **why);
/* Writes the frame, as it would come in there, with tags; its length in bytes. */
size_t explain_frame(const struct explain_question *q, uint8_t frame[EXPLAIN_FRAME_MAX]);

#endif
