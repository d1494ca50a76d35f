# SPDX-License-Identifier: GPL-2.0-only
# Benchmark of a full table by BGP. Included by tests.mk.

.PHONY: bench-bgp
bench-bgp: deps $(BUILD)/espalier $(T)/espalierd-replay $(T)/xfrm_event ## a full table by BGP, from FRR to the trie; churn; ROUTES=FILE
	@BUILD=$(BUILD) unshare --pid --fork --kill-child=KILL --mount-proc /usr/bin/python3 tests/bench/bgp.py
