# SPDX-License-Identifier: GPL-2.0-only
# Figures, not claims: what things cost on the machine at hand. Included by tests.mk.

$(BUILD)/tests/bench/control: tests/bench/control.c $(FORWARDING) $(DATAPLANE) $(BUILD)/libcore.a
	$(call say,LINK,$@)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) $(LDFLAGS) -MMD -MP -Iuser -o $@ $^ -lbpf

.PHONY: bench-control
bench-control: $(BUILD)/tests/bench/control ## what the controller costs: 100,000 routes, 50 connections, 20 tables
	@mkdir -p $(BUILD)/bench
	@$< --json $(BUILD)/bench/control.json

# A full table: into the maps, into the kernel, and changes while packets pass.
LOAD := $(BUILD)/tests/bench/load
$(LOAD): tests/bench/load.c $(FORWARDING) $(DATAPLANE) $(patsubst %.c,$(BUILD)/%.o,$(wildcard user/io/host*.c)) \
		$(BUILD)/tests/bpf/packet.o $(ARCHIVES)
	$(call say,LINK,$@)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) $(LDFLAGS) -Wno-missing-field-initializers -MMD -MP -Iuser \
		-o $@ $(filter %.c %.o %.a,$^) -lbpf -lmnl -lm

.PHONY: bench-load
bench-load: $(LOAD) $(BUILD)/espalier $(T)/espalierd-replay $(T)/xfrm_event ## a full table into the dataplane beside ip -batch and raw netlink; churn; memory; ROUTES=FILE
	@BUILD=$(BUILD) /usr/bin/python3 tests/bench/load.py

.PHONY: bench-charts
bench-charts: ## doc/*.svg from what bench-lookup, bench-forward and bench-esp measured
	@/usr/bin/python3 tests/bench/lookup_chart.py $(BUILD)/bench doc
	@/usr/bin/python3 tests/bench/bar_charts.py $(BUILD)/bench doc
