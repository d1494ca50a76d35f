# SPDX-License-Identifier: GPL-2.0-only
# Tier bpf: the loaded object under BPF_PROG_TEST_RUN and on devices of namespaces of its own. Needs
# root and no kernel feature beyond BPF, veth and TUN. Included by tests.mk.

BPF_TESTS  := $(patsubst tests/bpf/%.c,$(BUILD)/tests/bpf/%,$(wildcard tests/bpf/test_*.c))
BPF_PARTS  := $(BUILD)/tests/bpf/packet.o $(BUILD)/tests/bpf/world.o

# What a row of a table leaves out is the usual.
$(BUILD)/tests/bpf/%.o: tests/bpf/%.c $(SKEL)
	$(call say,CC,$@)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) -Wno-missing-field-initializers -MMD -MP -Iuser -c -o $@ $<

$(BUILD)/tests/bpf/test_%: $(BUILD)/tests/bpf/test_%.o $(BPF_PARTS) $(DATAPLANE) $(BUILD)/libcore.a
	$(call say,LINK,$@)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) -lbpf -lcmocka

# The part of the gateway that turns decisions into maps, with real maps and nothing around it.
FORWARDING := $(BUILD)/tests/bpf/forwarding_world.o $(BUILD)/user/gateway_forwarding.o $(BUILD)/user/gateway_load.o
$(BUILD)/tests/bpf/test_forwarding: $(FORWARDING)

# Tests on real devices.
$(BUILD)/tests/bpf/test_delivery $(BUILD)/tests/bpf/test_redirect $(BUILD)/tests/bpf/test_handover: $(BUILD)/tests/bpf/devices.o

.PRECIOUS: $(BUILD)/tests/bpf/%.o

.PHONY: test-bpf
test-bpf: $(BPF_TESTS) ## the loaded dataplane: packet in; verdict, packet out and counters
	@BUILD=$(BUILD) tests/run bpf 300 $(BPF_TESTS)

# The steering decision beside bpf_fib_lookup.
$(BUILD)/tests/bench/%.bpf.o: tests/bench/%.bpf.c tests/bench/%.h
	$(call say,BPF,$@)mkdir -p $(@D) && $(CLANG) $(BPF_CFLAGS) -Itests/bench -c -o $@ $<
LOOKUP := $(BUILD)/tests/bench/lookup
$(LOOKUP): tests/bench/lookup.c tests/bench/lookup_ground.c tests/bench/lookup_ground.h $(LOOKUP).skel.h \
		$(BUILD)/tests/bpf/packet.o $(DATAPLANE) $(BUILD)/libcore.a
	$(call say,CC,$@)$(CC) $(ALL_CFLAGS) -Wno-missing-field-initializers -I$(BUILD)/tests/bench -Iuser \
		-o $@ $(filter %.c %.o %.a,$^) -lbpf -lm

.PHONY: bench-lookup
bench-lookup: $(LOOKUP) ## the steering decision in ns, beside bpf_fib_lookup; ROUTES=FILE
	$(Q)mkdir -p $(BUILD)/bench && table4=$$(/usr/bin/python3 tests/bench/table.py 4) && \
		table6=$$(/usr/bin/python3 tests/bench/table.py 6) && $< $(BUILD)/bench/lookup.json $$table4 $$table6
