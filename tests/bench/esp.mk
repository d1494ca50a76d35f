# SPDX-License-Identifier: GPL-2.0-only
# Benchmark of the whole way through ESP, in a virtual machine that counts instructions. Included by tests.mk.

$(BUILD)/tests/bench/esp.bpf.o: tests/bench/esp.bpf.c
	$(call say,BPF,$@)mkdir -p $(@D) && $(CLANG) $(BPF_CFLAGS) -c -o $@ $<

# What the virtual machine needs: vm/build bench-esp-tools.
.PHONY: bench-esp-tools bench-esp
bench-esp-tools: all $(REPLAY) $(BUILD)/tests/bench/esp.bpf.o

bench-esp: ## instructions of a packet through ESP, beside kernel routing, in a VM
	@BUILD=$(BUILD) /usr/bin/python3 tests/bench/esp.py
