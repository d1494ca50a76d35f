# SPDX-License-Identifier: GPL-2.0-only
# Benchmark of losing tunnels. Included by tests.mk; bpf.mk says what a loaded object needs.

MOVED := $(BUILD)/tests/bench/moved

$(MOVED): tests/bench/moved.c $(BPF_PARTS) $(DATAPLANE) $(BUILD)/libcore.a
	$(call say,LINK,$@)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) -Wno-missing-field-initializers -MMD -MP -Iuser -o $@ \
		$(filter %.c %.o %.a,$^) -lbpf

.PHONY: bench-failover
bench-failover: $(MOVED) $(BUILD)/espalier $(T)/espalierd-replay $(T)/xfrm_event $(T)/reaction ## from a lost tunnel to the maps; flows moved; packets lost, in a VM
	@BUILD=$(BUILD) /usr/bin/python3 tests/bench/failover.py
