/* SPDX-License-Identifier: GPL-2.0-only */
#include "hold.h"

void hold_written(struct hold *h, uint32_t writer, uint64_t now_ns)
{
	if (!writer || writer == h->writer)
		return;
	if (h->writer) {
		h->former = h->writer;
		h->since_ns = now_ns;
	}
	h->writer = writer;
}

void hold_resume(struct hold *h, bool writer_lives, bool former_lives, uint64_t now_ns)
{
	if (!h->writer || writer_lives)
		return;
	if (former_lives) {
		*h = (struct hold){ .writer = h->former };
		return;
	}
	h->former = h->writer;
	h->writer = 0;
	h->since_ns = now_ns;
}

bool hold_keeps(struct hold *h, uint32_t writer, uint32_t remover, uint64_t now_ns,
		uint64_t time_ns, uint64_t *until_ns)
{
	/* Before anybody was seen to write, who removes may be anybody. */
	if (h->writer)
		hold_written(h, remover, now_ns);
	writer = writer ? writer : h->former;
	if (!writer || !remover || writer == remover)
		return false;
	if (now_ns - h->since_ns >= time_ns)
		return false;
	*until_ns = h->since_ns + time_ns;
	return true;
}
