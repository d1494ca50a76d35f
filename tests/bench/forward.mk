# SPDX-License-Identifier: GPL-2.0-only
# Benchmark of forwarding without encryption. Included by tests.mk; bpf.mk makes the
# object and the skeleton.

FORWARD      := $(BUILD)/tests/bench/forward
FORWARD_SKEL := $(FORWARD).skel.h

$(FORWARD): tests/bench/forward.c tests/bench/forward.h $(FORWARD_SKEL)
	$(call say,CC,$@)$(CC) $(ALL_CFLAGS) -Wno-missing-field-initializers -o $@ $< -lbpf

.PHONY: bench-forward
bench-forward: $(FORWARD) $(BUILD)/espalier $(T)/espalierd-replay $(T)/xfrm_event ## forwarding rate without ESP beside kernel routing
	@BUILD=$(BUILD) unshare --mount --propagation private /usr/bin/python3 tests/bench/forward.py
