# SPDX-License-Identifier: GPL-2.0-only
# Figures, not claims: what things cost on the machine at hand. Included by tests.mk.

$(BUILD)/tests/bench/control: tests/bench/control.c $(FORWARDING) $(DATAPLANE) $(BUILD)/libcore.a
	$(call say,LINK,$@)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) $(LDFLAGS) -MMD -MP -Iuser -o $@ $^ -lbpf

.PHONY: bench-control
bench-control: $(BUILD)/tests/bench/control ## what the controller costs: 100,000 routes, 50 connections, 20 tables
	@mkdir -p $(BUILD)/bench
	@$< --json $(BUILD)/bench/control.json
