/* SPDX-License-Identifier: GPL-2.0-only */
/* What the replayer's program and its driver share. */
#ifndef ESPALIER_BENCH_REPLAY_H
#define ESPALIER_BENCH_REPLAY_H

#include <linux/types.h>

#define REPLAY_FRAME_MAX 2048 /* a power of two; live frames take what fits a page */

struct frame {
	__u32 len;
	__u8 bytes[REPLAY_FRAME_MAX];
};

#endif
