/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which buckets are in use. Only the live programs note it, and only while the controller asks:
 * otherwise it costs the read of one word. While it is on, most packets find the present stamp and
 * write nothing, so that CPUs do not fight over the line.
 */
#ifndef ESPALIER_USE_H
#define ESPALIER_USE_H

#include "maps.h"
#include "steer.h"

/* The packet goes into a tunnel. */
static __always_inline void note_use(const struct steering *s)
{
	__u32 setting = SETTING_TRACK_USE, group = s->route.target, now, *last;
	const __u64 *track = bpf_map_lookup_elem(&settings, &setting);
	struct bucket_use *use;

	if (!track || !*track)
		return;
	use = bpf_map_lookup_elem(&bucket_used, &group);
	if (!use)
		return;
	now = bpf_ktime_get_coarse_ns() >> USE_SHIFT;
	last = &use->last[s->bucket % GROUP_BUCKETS];
	if (*last != now)
		*last = now;
}

#endif
