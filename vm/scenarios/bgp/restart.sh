# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
#
# Part of bgp.sh: FRR that restarts, as a whole or bgpd alone, under traffic between vpc and dc.

# A bgpd says of itself for two minutes that it restarts; nobody waits for the routes of one that does.
long_enough_up() { # NAMESPACE
	[ "$(ps -o etimes= -p "$(frr_pids "$1" bgpd)")" -gt 125 ]
}

bgpd_restarts() {
	local before
	before=$(frr_pids gateway bgpd)
	kill -KILL "$before" # a clean end (SIGTERM) takes its routes along, as FRR means it to
	wait_for 60 "watchfrr starts another bgpd" eval '[ -n "$(frr_pids gateway bgpd)" ] && [ "$(frr_pids gateway bgpd)" != '"$before"' ]'
	wait_for 60 "the sessions are back" frr_session gateway vrf1001 169.254.10.2
	wait_for 60 "both of them" frr_session gateway vrf1001 169.254.11.2
	both_again
}

bgpd_restarts_and_nothing_is_lost() {
	wait_for 130 "dc-1's bgpd is not at its beginning any more" long_enough_up dc-gateway
	process_start monitor gateway "$espalier_build/espalier" --socket "$espalier_socket" monitor
	under_traffic restart bgpd_restarts
	process_stop monitor || true
	stream_lost_nothing restart-out
	stream_lost_nothing restart-in
	not grep '10\.50\.0\.0/16' "$(process_log monitor)"
}

# Meanwhile the customer withdraws a network: FRR, dead, does not hear of it.
frr_dies_and_returns() {
	frr_kill gateway
	withdraw dc-gateway 10.81.0.0/16
	wait_for 30 "dc-1's BFD sees it" bfd_sees_it
	both_learned
	learned_over_is dc-1 10.81.0.0/16 "dc-1-1 dc-1-2"
	frr_up gateway
	wait_for 60 "the sessions are back" frr_session gateway vrf1001 169.254.10.2
	wait_for 60 "both of them" frr_session gateway vrf1001 169.254.11.2
	wait_for 30 "both tunnels carry what both sessions say" both_learned
	wait_for 400 "what is stale goes in the end" learned_over_is dc-1 10.81.0.0/16 ''
	both_again
}

frr_killed() {
	announce dc-gateway 10.81.0.0/16
	wait_for 20 "it is learned" learned_over_is dc-1 10.81.0.0/16 "dc-1-1 dc-1-2"
	under_traffic killed frr_dies_and_returns
	# Our side keeps its routes. So does the customer's, for restart_time: less than two seconds of its stream.
	stream_lost_nothing killed-out
	stream_holds killed-in ".received > 0 and .lost <= .overload + $((losses_rate * 2))"
}

losses_measure_rate
loss "bgpd killed with -9 and restarted: not one packet lost either way, no route touched" bgpd_restarts_and_nothing_is_lost
loss "FRR killed with -9 and restarted: stale routes carry until they are swept" frr_killed
