#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# BGP with real routing daemons over real ESP, both ends configured from what `espalier render` prints. The claims are in
# parts, vm/scenarios/bgp/*.sh; all of them run on one ground, or those that are named.
#
#   bgp.sh [PART…]

set -euo pipefail
scenarios=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=vm/scenarios/lib.sh
. "$scenarios/lib.sh"
# shellcheck source=vm/scenarios/espalier.sh
. "$scenarios/espalier.sh"
# shellcheck source=vm/scenarios/frr.sh
. "$scenarios/frr.sh"
# shellcheck source=vm/scenarios/customers.sh
. "$scenarios/customers.sh"
# shellcheck source=vm/scenarios/bgp-ground.sh
. "$scenarios/bgp-ground.sh"

finish() {
	local ns
	for ns in gateway dc-gateway; do
		in_home "$ns" cat /run/frr/frr.log >"$ground_output/frr-daemons-$ns.log" 2>/dev/null || true
	done
	espalier_down KILL >/dev/null 2>&1 || true
	espalier_cleanup >/dev/null 2>&1 || true
	topology_down
}
trap finish EXIT

underlays=(dc-gateway dc2-gateway branch-gateway)

nothing_but_esp() {
	local ns
	ping_all vpc 10.70.0.1 10
	for ns in "${underlays[@]}"; do
		capture_stop "underlay-$ns"
		capture_assert_sealed "$(capture_file "underlay-$ns")" 20
	done
}

[ $# -gt 0 ] || set -- routes rest quota losses restart storm bird
bgp_ground_up
for ns in "${underlays[@]}"; do
	capture_start "underlay-$ns" "$ns" eth0
done
claim "all tunnels are negotiated by what was rendered" wait_for 90 "all tunnels are up" tunnels_are_up
claim "both customers' networks are learned" wait_for 60 "10.50.0.0/16 and 10.60.0.0/16" customers_are_learned
for part; do
	# shellcheck source=/dev/null # bgp/*.sh, each checked by itself
	. "$scenarios/bgp/$part.sh"
done
claim "on the underlays: ESP, IKE and address resolution only" nothing_but_esp
claims_summary
