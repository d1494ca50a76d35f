# SPDX-License-Identifier: GPL-2.0-only
# The tests, from quick to real: unit → bpf → netns → vm. Included by the Makefile.

CLANG_FORMAT ?= clang-format-19
CLANG_TIDY   ?= clang-tidy-19
VM_DIR       := vm
T            := $(BUILD)/tests

include tests/bpf.mk
include tests/bench.mk

# unit: core and wire alone. They link nothing else, so a layering mistake is a link error.
UNIT := $(patsubst tests/unit/%.c,$(T)/unit/%,$(wildcard tests/unit/test_*.c))
FUZZ := $(patsubst tests/fuzz/%.c,$(T)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
CLI_TESTS   := $(wildcard tests/cli/*.sh)
NETNS_TESTS := $(wildcard tests/netns/test_*.sh)

$(T)/unit/%: tests/unit/%.c $(wildcard tests/unit/*.h tests/tools/*.h) $(ARCHIVES)
	$(call say,CC,$@)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) -MMD -MP -Iuser -o $@ $< \
		$(ARCHIVES) -lyaml -ljansson -lmnl -lm -lcmocka

# Fuzz targets take the sources themselves: the sanitizers must see them.
$(T)/fuzz/%: tests/fuzz/%.c $(wildcard user/core/*.[ch] user/wire/*.[ch])
	$(call say,FUZZ,$@)mkdir -p $(@D) && $(CLANG) $(ALL_CFLAGS) -Iuser -O1 \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -o $@ $< \
		$(wildcard user/core/*.c user/wire/*.c) -lyaml -ljansson -lmnl -lm

# The daemon under test in namespaces of a kernel without ESP: XFRM messages are replayed.
$(T)/espalierd-replay: $(DAEMON_OBJECTS) $(BUILD)/user/io/replay_xfrm_backend.o $(ARCHIVES)
	$(call say,LINK,$@)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

# Says to that daemon what the kernel would say about SAs and policies.
$(T)/xfrm_event: tests/tools/xfrm_event.c $(wildcard tests/tools/*.h) $(ARCHIVES)
	$(call say,CC,$@)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) -o $@ $< $(ARCHIVES) -lmnl

# From such a message to the maps, in microseconds.
$(T)/reaction: tests/tools/reaction.c $(wildcard tests/tools/*.h) $(ARCHIVES)
	$(call say,CC,$@)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) -o $@ $< $(ARCHIVES) -lmnl -lbpf

# Applies plans to this kernel, and plays the far end of tunnels.
HOST_OBJECTS := $(patsubst %.c,$(BUILD)/%.o,$(wildcard user/io/host*.c))
$(T)/host_tool: tests/netns/host_tool.c tests/netns/host_fixture.h $(HOST_OBJECTS) $(BUILD)/libcore.a
	$(call say,CC,$@)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) -Iuser -o $@ $< $(HOST_OBJECTS) $(BUILD)/libcore.a -lmnl

# A stream of numbered packets through a gateway in namespaces.
$(T)/stream: tests/tools/stream.c
	$(call say,CC,$@)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) -o $@ $< -pthread

.PHONY: test test-unit test-bpf test-netns test-vm
test: deps ## all four tiers; closes with "N passed, N failed"
	@BUILD=$(BUILD) tests/run --reset
	@for tier in unit bpf netns vm; do $(MAKE) --no-print-directory test-$$tier || true; done
	@BUILD=$(BUILD) tests/run --sum

test-unit: $(UNIT) $(FUZZ) $(BUILD)/espalier ## core and wire, the command line, a short fuzz run
	@BUILD=$(BUILD) tests/run unit 120 $(UNIT) $(CLI_TESTS) $(FUZZ:%='tests/fuzz/run 20 %')

NETNS_NEEDS := $(BUILD)/espalier $(addprefix $(T)/,espalierd-replay xfrm_event stream reaction host_tool)
test-netns: $(NETNS_NEEDS) ## the real daemon in network namespaces of this host
	@BUILD=$(BUILD) tests/run netns 900 $(NETNS_TESTS)

test-vm: $(BUILD)/espalier ## real strongSwan and real ESP in a virtual machine
	@BUILD=$(BUILD) tests/run vm 4500 tests/root/test_render.sh $(VM_DIR)/test

include tests/bench/replay.mk
include tests/bench/esp.mk
include tests/bench/cores.mk
include tests/bench/forward.mk
include tests/bench/failover.mk
include tests/bench/bgp.mk

.PHONY: fuzz soak
soak: fuzz $(NETNS_NEEDS) ## what takes longer: ten minutes of fuzzing each decoder, BGP under storms, the gateway's scenario three times
	@BUILD=$(BUILD) ESPALIER_FLAPS=$${ESPALIER_FLAPS:-300} tests/netns/test_frr.sh \
		a_storm_of_prefixes_by_the_stream a_storm_of_prefixes_by_the_kernel
	@for i in 1 2 3; do $(VM_DIR)/test gateway || exit 1; done
	@ESPALIER_VM_TIMEOUT=7200 $(VM_DIR)/test bgp-soak

fuzz: $(FUZZ) ## fuzz each decoder for ten minutes
	@for f in $(FUZZ); do tests/fuzz/run 600 $$f || exit 1; done

BENCH_SKELS := $(patsubst %.bpf.c,$(BUILD)/%.skel.h,$(wildcard tests/bench/*.bpf.c))
C_FILES   = $(shell git ls-files "*.c" "*.h")
SH_FILES  = $(shell git ls-files ':!tests/unit/golden' | xargs grep -lE '^\#!.*(bash|sh)$$' --)
.PHONY: lint format
lint: $(SKEL) $(BENCH_SKELS) ## everything that can be said about the source without running it
	tests/lint $(CLANG_FORMAT) $(CLANG_TIDY) "$(filter-out $(WARN),$(ALL_CFLAGS)) -Iuser -I$(T)/bench" $(C_FILES) -- $(SH_FILES)

format: ## clang-format in place
	$(CLANG_FORMAT) -i $(C_FILES)

.PHONY: demo demo-host
demo: deps ## the main job, visible: real packets through real ESP tunnels, in a VM
	@BUILD=$(BUILD) $(VM_DIR)/demo

demo-host: deps all ## the same directly on a host whose kernel has ESP and xfrm interfaces
	@BUILD=$(BUILD) $(VM_DIR)/demo --host
