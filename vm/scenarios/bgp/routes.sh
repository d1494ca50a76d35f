# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
#
# Part of bgp.sh: each row of the service's routing checklist (static and BGP, to the data centre and to the transit
# router), and what its rules say of routes that meet.

what_runs_is_what_was_rendered() {
	local format
	for format in swanctl frr; do
		in_home gateway "$espalier_build/espalier" render --check "$format" "$espalier_config"
	done
}

# ---- the checklist ------------------------------------------------------------------------------------------------------

static_to_the_data_centre() {
	route_is main 10.70.0.0/16 branch active
	route_is wan 10.70.0.0/16 branch active
	# lab does not learn from branch.
	route_is lab 10.70.0.0/16 branch ''
	ping_all vpc 10.70.0.1 3
	counted_as no-route 3 ping_none lab 10.70.0.1 3
}

static_needs_phase_2() {
	swanctl_in gateway --terminate --child branch-1 >/dev/null
	wait_for 10 "the route is withdrawn" route_is main 10.70.0.0/16 branch withdrawn
	ping_none vpc 10.70.0.1 3
	swanctl_in gateway --initiate --child branch-1 --timeout 60 >/dev/null
	wait_for 10 "the route is back" route_is main 10.70.0.0/16 branch active
	ping_all vpc 10.70.0.1 3
}

from_the_branch() { "$1" branch-gateway 10.1.0.2 3 -I 10.70.0.1; } # ping_all|ping_none

static_to_the_transit_router() {
	from_the_branch ping_all
	bgp_yaml | sed 's/\(connection: branch\), association: wan/\1/' >"$ground_state/other.yaml"
	espalier apply "$ground_state/other.yaml"
	counted_as no-association 3 from_the_branch ping_none
	espalier apply "$espalier_config"
	from_the_branch ping_all
}

bgp_to_the_data_centre() {
	local prefix
	for prefix in 10.50.0.0/16 fd00:50::/48; do
		wait_for 30 "$prefix is learned over both tunnels" learned_over_is dc-1 "$prefix" "dc-1-1 dc-1-2"
		route_is main "$prefix" dc-1 active
		route_is lab "$prefix" dc-1 ''
	done
	for prefix in 10.60.0.0/16 fd00:60::/48; do
		wait_for 30 "$prefix is learned over both tunnels" learned_over_is dc-2 "$prefix" "dc-2-1 dc-2-2"
		route_is lab "$prefix" dc-2 active
	done
	ping_all vpc 10.50.0.2 3
	ping_all vpc fd00:50::2 3
	ping_all vpc 10.60.0.2 3
	ping_all vpc fd00:60::2 3
	ping_all lab 10.60.0.2 3
	counted_as no-route 3 ping_none lab 10.50.0.2 3
}

bgp_to_the_transit_router() {
	local ns prefix
	for ns in dc-gateway dc2-gateway; do
		for prefix in 10.1.0.0/24 10.2.0.0/24 fd00:1::/64; do
			wait_for 30 "$ns has learned $prefix" customer_has "$ns" "$prefix"
		done
	done
	ping_all dc 10.1.0.2 3
	ping_all dc fd00:1::2 3
	ping_all dc2 10.1.0.2 3
	ping_all dc2 fd00:1::2 3
	ping_all dc2 10.2.0.2 3
}

synchronization_is_switched() {
	wait_for 20 "FRR announces what is said" announced_is_what_is_said dc-1 vrf1001 169.254.10.2
	wait_for 20 "FRR announces what is said" announced_is_what_is_said dc-2 vrf1002 169.254.21.2
	[ "$(wc -l <"$ground_output/said")" -ge 3 ]
	bgp_yaml | sed 's/\(connection: dc-1, association: wan\), synchronize: true/\1/' >"$ground_state/other.yaml"
	espalier apply "$ground_state/other.yaml"
	wait_for 20 "10.1.0.0/24 is withdrawn from dc-1" customer_lacks dc-gateway 10.1.0.0/24
	wait_for 20 "fd00:1::/64 too" customer_lacks dc-gateway fd00:1::/64
	[ -z "$(announced_by_frr vrf1001 169.254.10.2)" ]
	customer_has dc2-gateway 10.1.0.0/24
	learned_over_is dc-1 10.50.0.0/16 "dc-1-1 dc-1-2"
	ping_none dc 10.1.0.2 3
	espalier apply "$espalier_config"
	wait_for 20 "10.1.0.0/24 is announced to dc-1 again" customer_has dc-gateway 10.1.0.0/24
	wait_for 20 "fd00:1::/64 too" customer_has dc-gateway fd00:1::/64
	ping_all dc 10.1.0.2 3
}

# ---- routes of the transit router ---------------------------------------------------------------------------------------

a_static_route_is_announced_while_it_is_there() {
	espalier route add --table wan 10.8.0.0/16 via vpc-a
	wait_for 20 "dc-1 is told" customer_has dc-gateway 10.8.0.0/16
	wait_for 20 "dc-2 is told" customer_has dc2-gateway 10.8.0.0/16
	espalier route delete --table wan 10.8.0.0/16 via vpc-a
	wait_for 20 "it is withdrawn from dc-1" customer_lacks dc-gateway 10.8.0.0/16
	wait_for 20 "it is withdrawn from dc-2" customer_lacks dc2-gateway 10.8.0.0/16
}

# With transit off each customer hears of VPCs alone.
learned_routes_stay_here() {
	customer_lacks dc-gateway 10.60.0.0/16
	customer_lacks dc-gateway 10.50.0.0/16
	customer_lacks dc-gateway 10.70.0.0/16
	customer_lacks dc2-gateway 10.50.0.0/16
	# Even if it sends what it has not been told of.
	in_ns dc-gateway ip route add 10.60.0.0/16 via 169.254.10.1
	counted_as no-route 3 ping_none dc 10.60.0.2 3
	in_ns dc-gateway ip route del 10.60.0.0/16 via 169.254.10.1
}

the_default_route_both_ways() {
	announce dc-gateway 0.0.0.0/0
	wait_for 20 "the default route is learned" learned_over_is dc-1 0.0.0.0/0 "dc-1-1 dc-1-2"
	[ "$(espalier -j explain --in vpc-a 10.1.0.2 8.8.8.8 | jq -r .matched)" = 0.0.0.0/0 ]
	# The longer one still goes first.
	ping_all vpc 10.60.0.2 2
	withdraw dc-gateway 0.0.0.0/0
	wait_for 20 "it is gone" learned_over_is dc-1 0.0.0.0/0 ''
	counted_as no-route 2 ping_none vpc 8.8.8.8 2

	espalier route add --table wan 0.0.0.0/0 via vpc-a
	wait_for 20 "dc-2 has a default route" customer_has dc2-gateway 0.0.0.0/0
	espalier route delete --table wan 0.0.0.0/0 via vpc-a
	wait_for 20 "it is withdrawn" customer_lacks dc2-gateway 0.0.0.0/0
}

bgp_before_static() {
	announce dc-gateway 10.70.0.0/16
	wait_for 20 "BGP's is active" route_is main 10.70.0.0/16 dc-1 active
	route_is main 10.70.0.0/16 branch standby
	[ "$(espalier -j explain --in vpc-a 10.1.0.2 10.70.0.1 | jq -r .tunnel | cut -d - -f 1-2)" = dc-1 ]
	withdraw dc-gateway 10.70.0.0/16
	wait_for 20 "the static one is active again" route_is main 10.70.0.0/16 branch active
	ping_all vpc 10.70.0.1 3
}

# ---- transit ------------------------------------------------------------------------------------------------------------

customers_reach_each_other() {
	wait_for 30 "dc-1 has learned dc-2's" customer_has dc-gateway 10.60.0.0/16
	wait_for 30 "dc-2 has learned dc-1's" customer_has dc2-gateway fd00:50::/48
	customer_has dc2-gateway 10.70.0.0/16
	ping_all dc 10.60.0.2 3
	ping_all dc2 fd00:50::2 3
}

claim "what runs is what was rendered" what_runs_is_what_was_rendered
claim "static, to the data centre: the tables that learn have the route [S4 S31]" static_to_the_data_centre
claim "static, to the data centre: only while in Phase 2 [S5 S37]" static_needs_phase_2
claim "static, to the transit router: an association, nothing else [S8 S9]" static_to_the_transit_router
claim "BGP, to the data centre: learned over both tunnels, both families, by the tables that learn [S11 S41]" bgp_to_the_data_centre
claim "BGP, to the transit router: association and synchronization [S12 S14 S15]" bgp_to_the_transit_router
claim "synchronization off and on at run time; what is said to be announced is what FRR announces [S42]" synchronization_is_switched
claim "a static route of the table is announced while it is there [S42]" a_static_route_is_announced_while_it_is_there
claim "without transit no customer hears of another, or of itself [D10]" learned_routes_stay_here
claim "the default route, both ways [S45]" the_default_route_both_ways
claim "one prefix static and by BGP: BGP goes first, the other is standby [S30]" bgp_before_static
claim "with transit the customers reach each other [D10]" with_transit customers_reach_each_other
