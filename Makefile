# SPDX-License-Identifier: GPL-2.0-only
# Espalier: an IPsec-VPN gateway with an XDP/eBPF dataplane. `make help` lists the targets.

BUILD   ?= build
PREFIX  ?= /usr/local
DESTDIR ?=
V       ?= 0
PACKAGES ?= $(shell sed 's/\#.*//' packages.debian)

CLANG   ?= clang-19
CC      := $(if $(filter default,$(origin CC)),gcc,$(CC))
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)
ARCH    := $(shell uname -m | sed 's/x86_64/x86/; s/aarch64/arm64/')

Q        = $(if $(filter 1,$(V)),,@)
say      = $(if $(filter 1,$(V)),,@printf '  %-7s %s\n' '$(1)' '$(patsubst $(BUILD)/%,%,$(2))';)

PKGS     = libbpf libnl-route-3.0 libnl-3.0 libmnl yaml-0.1 jansson libsystemd libcap-ng
PKG_CFLAGS = $(shell pkg-config --cflags $(PKGS))
LIBS     = $(shell pkg-config --libs $(PKGS)) -lm
WARN     = -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
CFLAGS  ?= -O2 -g
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE $(WARN) $(CFLAGS) \
	     -pthread -Iinclude -I$(BUILD) $(PKG_CFLAGS)
BPF_CFLAGS = -std=gnu11 -O2 -g -mcpu=v3 -target bpf -Wall -Wextra -Werror -D__TARGET_ARCH_$(ARCH) \
	     -Iinclude -Ibpf -idirafter /usr/include/$(shell uname -m)-linux-gnu

CORE  := $(patsubst %.c,$(BUILD)/%.o,$(wildcard user/core/*.c))
WIRE  := $(patsubst %.c,$(BUILD)/%.o,$(wildcard user/wire/*.c))
IO    := $(patsubst %.c,$(BUILD)/%.o,$(filter-out %_backend.c,$(wildcard user/io/*.c)))
DAEMON := $(patsubst %.c,$(BUILD)/%.o,$(wildcard user/gateway*.c user/show*.c user/explain.c user/monitor.c user/requests.c user/main.c))
CLI   := $(patsubst %.c,$(BUILD)/%.o,user/espalier.c $(wildcard user/cli/*.c))
MAN   := $(patsubst doc/%.scd,$(BUILD)/man/%,$(wildcard doc/*.scd))
SKEL  := $(BUILD)/gateway.skel.h
DAEMON_OBJECTS = $(DAEMON) $(IO)
ARCHIVES = $(BUILD)/libwire.a $(BUILD)/libcore.a

.PHONY: all
all: $(BUILD)/espalierd $(BUILD)/espalier $(MAN) ## build everything into build/

$(BUILD)/libcore.a: $(CORE)
$(BUILD)/libwire.a: $(WIRE)
$(BUILD)/lib%.a:
	$(call say,AR,$@)rm -f $@ && ar rcs $@ $^

# What speaks XFRM to the kernel is linked in here: the daemon under test gets another (tests.mk).
$(BUILD)/espalierd: $(DAEMON_OBJECTS) $(BUILD)/user/io/xfrm_backend.o $(ARCHIVES)
	$(call say,LINK,$@)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/espalier: $(CLI) $(BUILD)/user/io/configfile.o $(BUILD)/user/io/statefile.o $(BUILD)/user/io/program.o $(BUILD)/libwire.a $(BUILD)/libcore.a
	$(call say,LINK,$@)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/%.o: %.c
	$(call say,CC,$@)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# The dataplane: object, then skeleton. What loads it depends on the skeleton.
$(BUILD)/gateway.bpf.o: bpf/gateway.bpf.c $(wildcard bpf/*.h include/*.h)
	$(call say,BPF,$@)mkdir -p $(@D) && $(CLANG) $(BPF_CFLAGS) -c -o $@ $<
$(BUILD)/%.skel.h: $(BUILD)/%.bpf.o
	$(call say,SKEL,$@){ echo '/* NOLINTBEGIN: generated */'; $(BPFTOOL) gen skeleton $< name $(subst .,_,$(notdir $*))_bpf; echo '/* NOLINTEND */'; } > $@.tmp && mv $@.tmp $@
DATAPLANE := $(patsubst %.c,$(BUILD)/%.o,$(wildcard user/io/dataplane*.c))
$(DATAPLANE): $(SKEL)

$(BUILD)/man/%: doc/%.scd
	$(call say,MAN,$@)mkdir -p $(@D) && scdoc < $< > $@

.PHONY: deps
deps: ## install the Debian packages that this needs (packages.debian)
	$(Q)missing=; for p in $(PACKAGES); do \
		dpkg-query -W -f '$${Status}' $$p 2>/dev/null | grep -q 'install ok installed' || missing="$$missing $$p"; \
	done; \
	[ -z "$$missing" ] || { echo "installing$$missing"; \
		export DEBIAN_FRONTEND=noninteractive; \
		apt-get update -qq && apt-get install -y -qq --no-install-recommends $$missing; }

.PHONY: install
install: all ## install below $(DESTDIR)$(PREFIX)
	install -D -m 0755 $(BUILD)/espalierd $(DESTDIR)$(PREFIX)/sbin/espalierd
	install -D -m 0755 $(BUILD)/espalier $(DESTDIR)$(PREFIX)/bin/espalier
	install -D -m 0644 examples/espalier.yaml $(DESTDIR)$(PREFIX)/share/doc/espalier/examples/espalier.yaml
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's|@PREFIX@|$(PREFIX)|g' user/espalierd.service.in > $(DESTDIR)$(PREFIX)/lib/systemd/system/espalierd.service
	for page in $(MAN); do install -D -m 0644 $$page $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/}; done

.PHONY: clean
clean: ## remove build/
	rm -rf $(BUILD)

include tests/tests.mk

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) 2>/dev/null | column -t -s '|'

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
