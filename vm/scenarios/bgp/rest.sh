# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
#
# Part of bgp.sh, behind routes.sh, whose functions it uses: two customers that announce one prefix. By name only: once of two
# times the second customer's route was not learned within 30 s.

one_prefix_of_both_rests() {
	local before after
	announce dc-gateway 10.90.0.0/16
	announce dc2-gateway 10.90.0.0/16
	wait_for 30 "dc-1's is learned" learned_over_is dc-1 10.90.0.0/16 "dc-1-1 dc-1-2"
	wait_for 30 "dc-2's is learned" learned_over_is dc-2 10.90.0.0/16 "dc-2-1 dc-2-2"
	wait_for 30 "what is announced has settled" announced_is_what_is_said dc-1 vrf1001 169.254.10.2
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
