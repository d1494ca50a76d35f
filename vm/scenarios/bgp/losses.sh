# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
#
# Part of bgp.sh: sessions, tunnels and daemons that are lost, under traffic between vpc and dc.

# The customer ends a session, as its engineer would, or lets it be again.
customer_session() # shutdown|"no shutdown" ADDRESS
{
	local no=''
	[ "$1" = shutdown ] || no='no '
	vtysh_in dc-gateway -c "configure terminal" -c "router bgp 65001" -c "${no}neighbor $2 shutdown"
}

first_gone() { learned_over_is dc-1 10.50.0.0/16 dc-1-2; }

# ---- sessions and tunnels -----------------------------------------------------------------------------------------------

neither_is_lost() {
	under_traffic neither wait_for 20 "a thousand packets" stream_delivered neither-out 1000
	stream_lost_nothing neither-out
	stream_lost_nothing neither-in
}

session_ends() {
	customer_session shutdown 169.254.10.1
	wait_for 20 "its routes are gone" first_gone
	espalier_sees_up dc-1-1 dc-1-2
	[ "$(espalier_paths 10.1.0.2 10.50.0.2 22000 "$losses_flows" 7200 | sort -u)" = dc-1-2 ]
	customer_session "no shutdown" 169.254.10.1
	both_again
}

session_lost_tunnel_up() {
	under_traffic session session_ends
	stream_lost_nothing session-out
	stream_lost_nothing session-in
}

both_sessions_lost() {
	customer_session shutdown 169.254.10.1
	customer_session shutdown 169.254.11.1
	wait_for 20 "nothing is learned" eval '[ -z "$(learned_by dc-1)" ]'
	espalier_sees_up dc-1-1 dc-1-2
	counted_as no-route 3 ping_none vpc 10.50.0.2 3
	customer_session "no shutdown" 169.254.10.1
	customer_session "no shutdown" 169.254.11.1
	both_again
}

# The gateway's outbound SA of dc-1-1 is taken out of its kernel, behind charon's back; nobody makes another.
phase_2_ends() {
	local spi
	spi=$(espalier_tunnel_field dc-1-1 spi_out)
	in_ns gateway ip xfrm state delete src 192.0.2.1 dst 192.0.2.2 proto esp spi "$spi"
	wait_for 5 "espalierd sees dc-1-1 down" espalier_sees_down dc-1-1
	# The session does not know yet, and its route leads over both.
	frr_session gateway vrf1001 169.254.10.2
	both_learned
	[ "$(espalier_paths 10.1.0.2 10.50.0.2 22000 "$losses_flows" 7200 | sort -u)" = dc-1-2 ]
	wait_for 60 "BFD ends the session, and the route follows" first_gone
	swanctl_in gateway --rekey --child dc-1-1 >/dev/null
	wait_for 30 "dc-1-1 is up again" espalier_sees_up dc-1-1
	both_again
}

phase_2_lost_session_up() {
	under_traffic phase2 phase_2_ends
	# A quarter of a second of what it carried.
	stream_holds phase2-out ".received > 0 and .lost <= .overload + $((losses_rate / 8))"
}

both_end() {
	customer_session shutdown 169.254.10.1
	swanctl_in gateway --terminate --child dc-1-1 >/dev/null
	wait_for 10 "espalierd sees dc-1-1 down" espalier_sees_down dc-1-1
	wait_for 20 "its routes are gone" first_gone
	customer_session "no shutdown" 169.254.10.1
	swanctl_in gateway --initiate --child dc-1-1 --timeout 60 >/dev/null
	both_again
}

session_and_tunnel_lost() {
	under_traffic both both_end
	stream_holds both-out ".received > 0 and .lost < $losses_rate"
}

losses_measure_rate
loss "neither session nor tunnel lost: no packet lost" neither_is_lost
loss "session lost, tunnel up: its routes go, no packet lost" session_lost_tunnel_up
loss "both sessions lost, tunnels up: withdrawn and dropped" both_sessions_lost
loss "Phase 2 lost, session up: the dataplane leaves the tunnel at once, the route follows" phase_2_lost_session_up
loss "session and tunnel lost: the other tunnel carries" session_and_tunnel_lost
