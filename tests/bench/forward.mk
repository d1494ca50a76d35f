# SPDX-License-Identifier: GPL-2.0-only
# Benchmark of forwarding without encryption. Included by tests.mk.

FORWARD      := $(BUILD)/tests/bench/forward
FORWARD_SKEL := $(FORWARD).skel.h

$(FORWARD).bpf.o: tests/bench/forward.bpf.c tests/bench/forward.h
	$(call say,BPF,$@)mkdir -p $(@D) && $(CLANG) $(BPF_CFLAGS) -c -o $@ $<
$(FORWARD_SKEL): $(FORWARD).bpf.o
	$(call say,SKEL,$@)$(BPFTOOL) gen skeleton $< name forward_bpf > $@.tmp && mv $@.tmp $@
$(FORWARD): tests/bench/forward.c tests/bench/forward.h $(FORWARD_SKEL)
	$(call say,CC,$@)$(CC) $(ALL_CFLAGS) -Wno-missing-field-initializers -o $@ $< -lbpf

lint: $(FORWARD_SKEL)

.PHONY: bench-forward
bench-forward: $(FORWARD) $(BUILD)/espalier $(T)/espalierd-replay $(T)/xfrm_event ## forwarding rate without ESP beside kernel routing
	@BUILD=$(BUILD) unshare --mount --propagation private /usr/bin/python3 tests/bench/forward.py
