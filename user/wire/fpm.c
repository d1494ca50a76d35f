/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <libmnl/libmnl.h>
#include "fpm.h"
#include "rtnl.h"
#include "rtnl_internal.h"

int fpm_frame(const void *buf, size_t len, const void **payload, size_t *payload_len)
{
	const uint8_t *b = buf;
	size_t whole;

	if (len < FPM_HEADER)
		return 0;
	whole = (size_t)b[2] << 8 | b[3];
	if (b[0] != 1 || b[1] != 1 || whole < FPM_HEADER)
		return -EBADMSG;
	if (len < whole)
		return 0;
	*payload = b + FPM_HEADER;
	*payload_len = whole - FPM_HEADER;
	return (int)whole;
}

static int no_event(const struct route_event *e, void *data)
{
	(void)e;
	(void)data;
	return 0;
}

/* Whole messages up to the end, with nothing behind them. */
static bool is_filled(const void *payload, size_t len)
{
	const struct nlmsghdr *n;
	size_t used = 0;
	int left;

	rtnl_for_each(n, payload, len, left) used += MNL_ALIGN(n->nlmsg_len);
	return used && used >= len;
}

int fpm_messages(const void *payload, size_t len, route_event_fn fn, void *data)
{
	unsigned malformed = 0;

	if (!is_filled(payload, len))
		return -EBADMSG;
	rtnl_decode_all(payload, len, &malformed, no_event, NULL);
	return malformed ? -EBADMSG : rtnl_decode_all(payload, len, NULL, fn, data);
}
