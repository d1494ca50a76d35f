/* SPDX-License-Identifier: GPL-2.0-only */
/* One captured frame a run, in turn, out of a device: under BPF_PROG_TEST_RUN with live frames. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "replay.h"

char LICENSE[] SEC("license") = "GPL";

/* Set by the driver. */
__u32 out_ifindex;
__u32 frame_count = 1;

__u64 sent, refused;

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
	barrier_var(len); /* what is checked is what is passed */
	if (!len || len > sizeof(f->bytes) || bpf_xdp_store_bytes(ctx, 0, (void *)f->bytes, len))
		goto refuse;
	sent++;
	return bpf_redirect(out_ifindex, 0);
refuse:
	refused++;
	return XDP_DROP;
}
