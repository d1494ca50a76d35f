# SPDX-License-Identifier: GPL-2.0-only
# Benchmark of packets that are spread over CPUs, in a virtual machine with two. Included by tests.mk; replay.mk has the
# generator.

# What the virtual machine needs: vm/build bench-cores-tools.
.PHONY: bench-cores-tools bench-cores
bench-cores-tools: all $(REPLAY)

bench-cores: ## packets per second through ESP by one CPU and by two, in a VM
	@BUILD=$(BUILD) /usr/bin/python3 tests/bench/cores.py
