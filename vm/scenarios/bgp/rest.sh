# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
#
# Part of bgp.sh: two customers that announce one prefix, with transit.

# Changes that FRR has made to its BGP tables so far.
bgp_versions() {
	local vrf family
	for vrf in vrf1001 vrf1002; do
		for family in ipv4 ipv6; do
			vtysh_in gateway -c "show bgp vrf $vrf $family json" | jq .tableVersion
		done
	done
	vtysh_in dc-gateway -c "show bgp ipv4 json" | jq .tableVersion
}

one_prefix_of_both_rests() {
	local before after
	announce dc-gateway 10.90.0.0/16
	wait_for 30 "dc-1's is learned" learned_over_is dc-1 10.90.0.0/16 "dc-1-1 dc-1-2"
	wait_for 30 "dc-2 hears of it" customer_has dc2-gateway 10.90.0.0/16
	announce dc2-gateway 10.90.0.0/16
	wait_for 30 "dc-2's is learned" learned_over_is dc-2 10.90.0.0/16 "dc-2-1 dc-2-2"
	wait_for 30 "what dc-1 is told has settled" announced_is_what_is_said dc-1 vrf1001 169.254.10.2
	wait_for 30 "what dc-2 is told has settled" announced_is_what_is_said dc-2 vrf1002 169.254.20.2
	[ "$(espalier_paths 10.1.0.2 10.90.0.1 24000 32 7 | sort -u | wc -l)" = 4 ]
	before=$(bgp_versions)
	process_start monitor gateway "$espalier_build/espalier" --socket "$espalier_socket" monitor
	stays_false 60 "a change of 10.90.0.0/16" grep -q '10\.90\.0\.0/16' "$(process_log monitor)"
	after=$(bgp_versions)
	[ "$before" = "$after" ]
	# The proof that it would have been seen.
	withdraw dc2-gateway 10.90.0.0/16
	wait_for 20 "the monitor tells of the end" grep -q '10\.90\.0\.0/16' "$(process_log monitor)"
	process_stop monitor || true
	withdraw dc-gateway 10.90.0.0/16
	wait_for 20 "it is gone" learned_over_is dc-1 10.90.0.0/16 ''
}
claim "one prefix of both customers, with transit: over four tunnels, at rest for 60 s" with_transit one_prefix_of_both_rests
