# SPDX-License-Identifier: GPL-2.0-only
# Captured frames sent again: the generator of benchmarks whose packets are encrypted beforehand. Included by tests.mk;
# bpf.mk makes the object and the skeleton.

REPLAY := $(BUILD)/tests/bench/replay

$(REPLAY): tests/bench/replay.c tests/bench/replay.h $(REPLAY).skel.h
	$(call say,CC,$@)$(CC) $(ALL_CFLAGS) -Wno-missing-field-initializers -Itests/bench -o $@ $< -lbpf
