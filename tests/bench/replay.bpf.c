/* SPDX-License-Identifier: GPL-2.0-only */
/* One captured frame a run, in turn, out of a device: under BPF_PROG_TEST_RUN with live frames. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "replay.h"

char LICENSE[] SEC("license") = "GPL";

/* Set by the driver. */
__u32 out_ifindex;
__u32 frame_count = 1;
__u64 steady_from, steady_to; /* frames: when they are made is noted */

__u64 sent, refused, steady_began, steady_ended;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* the driver makes room for its frames */
	__type(key, __u32);
	__type(value, struct frame);
} frames SEC(".maps");

/* The buffer may be an old frame's, with what its receiver wrote: all of it is written. */
SEC("xdp")
int replay(struct xdp_md *ctx)
{
	static __u32 next;
	__u32 at = next, len;
	const struct frame *f;

	next = at + 1 < frame_count ? at + 1 : 0;
	f = bpf_map_lookup_elem(&frames, &at);
	if (!f)
		goto refuse;
	len = f->len;
	if (bpf_xdp_adjust_tail(ctx, (int)(len - bpf_xdp_get_buff_len(ctx))))
		goto refuse;
	len = (len - 1) % sizeof(f->bytes); /* as the verifiers of all kernels understand it */
	barrier_var(len);
	if (bpf_xdp_store_bytes(ctx, 0, (void *)f->bytes, len + 1))
		goto refuse;
	if (sent == steady_from)
		steady_began = bpf_ktime_get_ns();
	if (sent == steady_to)
		steady_ended = bpf_ktime_get_ns();
	sent++;
	return bpf_redirect(out_ifindex, 0);
refuse:
	refused++;
	return XDP_DROP;
}
