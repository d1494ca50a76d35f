#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Everything that two real strongSwans do to their tunnels while packets flow: rekeys, reauthentication, deletion, dead
# peers, crashes. Each under a stream of numbered packets from vpc to dc over both tunnels, and under a capture at the far
# end of the underlay, which must show ESP, IKE and address resolution only. The gateway begins every negotiation.

set -euo pipefail
scenarios=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=vm/scenarios/lib.sh
. "$scenarios/lib.sh"
# shellcheck source=vm/scenarios/scenes.sh
. "$scenarios/scenes.sh"

# ---- rekeys ---------------------------------------------------------------------------------------------------------------

# How many CHILD_SAs the gateway's charon has rekeyed so far.
rekeys() { grep -c 'outbound CHILD_SA t[01]{[0-9]*} established' "$(process_log charon-gateway)"; }

rekeyed_for_two_minutes() {
	local before after
	fresh '' $'rekey_time = 4s\nrand_time = 0\nlife_time = 10m'
	before=$(rekeys)
	stream_start rekey vpc dc 10.50.0.2 "$port" --flows "$flows" --from-port "$first_port" --rate "$rate" --seconds 120
	without_a_flap stream_finish rekey 600 >"$ground_output/rekey.json"
	after=$(rekeys)
	account rekey "$((after - before)) rekeys: "
	[ $((after - before)) -ge 20 ]
	stream_lost_nothing rekey
}

# Both ends begin at the same time, again and again.
rekeys_collide() {
	local round
	for round in 1 2 3; do
		swanctl_in dc-gateway --rekey --child t0 >/dev/null &
		swanctl_in gateway --rekey --child t0 >/dev/null
		wait "$!"
		wait_for 20 "round $round is over" no_rekey_under_way
	done
	# strongSwan keeps the inbound SA of before for 5 s.
	wait_for 30 "one pair of SAs is left" eval '[ "$(tunnel_sas gateway t0)" = "1 1" ]'
}

no_rekey_under_way() {
	not grep -qE 'REKEYING|DELETING' <(swanctl_in gateway --list-sas --child t0) &&
		[ "$(tunnel_sas gateway t0 | cut -d ' ' -f 2)" = 1 ]
}

colliding_rekeys_lose_nothing() {
	fresh
	without_a_flap streaming collide rekeys_collide
	stream_lost_nothing collide
}

# ---- reauthentication -------------------------------------------------------------------------------------------------------

reauthenticate() # t0|t1
{
	local before
	before=$(espalier_tunnel_field "$1" spi_out)
	swanctl_in gateway --rekey --ike "$1" --reauth >/dev/null
	wait_for 30 "$1 has other SAs" eval '[ "$(espalier_tunnel_field '"$1"' spi_out)" != '"$before"' ] && espalier_sees_up '"$1"
}

reauthenticated_make_before_break() {
	charon_change gateway 'make_before_break = yes'
	fresh
	without_a_flap streaming make reauthenticate t0
	stream_lost_nothing make
}

# The tunnel falls and rises; what it carried, the other one carries meanwhile.
reauthenticated_break_before_make() {
	local before
	charon_change gateway 'make_before_break = no'
	fresh
	before=$(flaps)
	streaming break without_a_withdrawal reauthenticate t0
	[ "$(flaps)" = "$((${before% *} + 1)) ${before#* }" ]
	lost_less_than_seconds break 1
}

# Both tunnels fall together, for less than hold_down: nothing is carried meanwhile, but no route goes.
hold_down_outlasts_reauthentication() {
	fresh
	espalier_yaml 'damping: off, hold_down: 30s' >"$ground_state/patient.yaml"
	espalier apply "$ground_state/patient.yaml"
	without_a_withdrawal both_reauthenticate
	espalier_sees_up t0 t1
	espalier apply "$espalier_config"
	charon_change gateway
}

both_reauthenticate() {
	reauthenticate t0 &
	reauthenticate t1
	wait "$!"
}

# ---- a CHILD_SA is deleted --------------------------------------------------------------------------------------------------

t0_terminated_and_back() {
	local before
	before=$(gateway_losses)
	tunnel_terminate t0
	wait_for 10 "espalierd sees t0 down" espalier_sees_down t0
	paths >"$ground_output/paths.without"
	printf '%d\n' $(($(gateway_losses) - before)) >"$ground_output/gateway-losses"
	tunnel_up t0
	wait_for 10 "espalierd sees t0 up" espalier_sees_up t0
}

only_its_flows_are_touched() {
	local here
	fresh
	paths >"$ground_output/paths.before"
	streaming terminate t0_terminated_and_back
	here=$(cat "$ground_output/gateway-losses")
	say "#   lost at the gateway itself: $here"
	# A tenth of a second of what t0 carried, at most: under emulation the daemon may have to wait for a processor.
	[ "$here" -le $((rate / 20)) ]
	lost_less_than_seconds terminate 1
	untouched terminate "$ground_output/paths.before" dc-1-2
	paths >"$ground_output/paths.after"
	[ "$(sort -u "$ground_output/paths.without")" = dc-1-2 ]
	diff "$ground_output/paths.before" "$ground_output/paths.after"
}

# ---- the peer dies ----------------------------------------------------------------------------------------------------------

# Its charon is killed, its kernel forgets the SAs and answers nothing, as a crash of the machine would have it.
peer_crashes() {
	in_ns dc-gateway nft 'table inet dead {
		chain in { type filter hook input priority -300; policy drop; }
		chain out { type filter hook output priority -300; policy drop; }
	}'
	strongswan_stop dc-gateway KILL
	in_ns dc-gateway ip xfrm state flush
	in_ns dc-gateway ip xfrm policy flush
}

peer_boots() {
	in_ns dc-gateway nft delete table inet dead
	strongswan_start dc-gateway
}

dead_peer_is_noticed() {
	charon_change gateway $'retransmit_timeout = 1.0\nretransmit_base = 1.0\nretransmit_tries = 2'
	fresh 'dpd_delay = 1s'
	peer_crashes
	wait_for 60 "DPD took both tunnels down" espalier_sees_down t0 t1
	wait_for 10 "the routes are withdrawn" routes_are withdrawn
	ping_none vpc 10.50.0.2 3
	ping_none vpc fd00:50::2 3
	charon_change gateway
	swanctl_change gateway
	peer_boots
	tunnel_up t0
	tunnel_up t1
	wait_for 10 "espalierd sees both up" espalier_sees_up t0 t1
	wait_for 10 "the routes are back" routes_are active
	ping_all vpc 10.50.0.2 3
}

# ---- our charon dies --------------------------------------------------------------------------------------------------------

charon_dies_packets_go_on() {
	# Nobody asks who is not there: the answer, "port unreachable", would be neither ESP nor IKE.
	swanctl_change dc-gateway 'dpd_delay = 0s'
	fresh
	without_a_flap streaming orphans strongswan_stop gateway KILL
	stream_lost_nothing orphans
}

# After charon_dies_packets_go_on: what it left in the kernel has the same if_ids as what the next one negotiates.
orphans_do_not_count() {
	local orphan live
	orphan=$(espalier_tunnel_field t0 spi_out)
	strongswan_start gateway
	tunnel_up t0
	tunnel_up t1
	live=$(swanctl_in gateway --list-sas --child t0 | sed -n 's/^ *out *\([0-9a-f]*\) .*/0x\1/p')
	[ "$live" != "$orphan" ]
	wait_for 10 "the SA in use is the new one" eval '[ "$(espalier_tunnel_field t0 spi_out)" = '"$live"' ]'
	without_a_flap state_deleted 192.0.2.1 192.0.2.2 "$orphan"
	state_deleted 192.0.2.1 192.0.2.2 "$live"
	wait_for 10 "without the SA in use t0 is down" espalier_sees_down t0
	in_ns gateway ip xfrm state flush
	swanctl_change dc-gateway
}

state_deleted() # SOURCE DESTINATION SPI
{
	in_ns gateway ip xfrm state delete src "$1" dst "$2" proto esp spi "$3"
}

# ---- nobody rekeys ------------------------------------------------------------------------------------------------------------

# charon would rekey, and negotiate anew what has expired all the same: so it is killed once the SAs are there.
expiry_is_the_end() {
	swanctl_change dc-gateway 'dpd_delay = 0s'
	fresh '' $'rekey_time = 0\nlife_time = 15s'
	strongswan_stop gateway KILL
	wait_for 30 "both tunnels expire" espalier_sees_down t0 t1
	grep -q 'dc-1-1: .* by EXPIRE hard' "$(process_log espalierd)"
	wait_for 10 "the routes are withdrawn" routes_are withdrawn
	ping_none vpc 10.50.0.2 3
	swanctl_change dc-gateway
	strongswan_start gateway
}

flush_stops_everything() {
	fresh
	stream_start flush vpc dc 10.50.0.2 "$port" --flows "$flows" --from-port "$first_port" --rate "$rate" --seconds 900
	wait_for 30 "the stream flows" stream_delivered flush 100
	in_ns gateway ip xfrm state flush
	wait_for 5 "both tunnels are down at once" espalier_sees_down t0 t1
	[ "$(espalier_tunnel_field t0 cause)" = FLUSHSA ]
	wait_for 10 "the routes are withdrawn" routes_are withdrawn
	ping_none vpc fd00:50::2 3
	stream_stop flush >/dev/null
	stream_holds flush '.unique > 0 and .lost > 0'
}

# ---- the order of events ------------------------------------------------------------------------------------------------

scenes_begin "$@"
scene rekey 5000 "rekeyed every 4 s for 2 minutes: not one flap, not one packet lost" rekeyed_for_two_minutes
scene collide 1000 "rekeys from both ends at the same time: not one flap, not one packet lost" colliding_rekeys_lose_nothing
scene make 100 "reauthenticated, make before break: not one flap, not one packet lost" reauthenticated_make_before_break
scene break 100 "reauthenticated, break before make: the other tunnel carries, no route goes" reauthenticated_break_before_make
scene patient 0 "both reauthenticated, break before make: hold_down keeps the routes" hold_down_outlasts_reauthentication
scene terminate 1000 "a CHILD_SA terminated and back: its flows move and return, the others notice nothing" only_its_flows_are_touched
scene dpd 6 "the peer dies: DPD takes the tunnels and their routes, and they come back" dead_peer_is_noticed
scene orphans 10 "our charon killed: not one flap, not one packet lost" charon_dies_packets_go_on
scene orphaned 0 "orphans of a killed charon do not count as the SA in use" orphans_do_not_count
scene expiry 0 "SAs that nobody rekeys: the tunnels end with them" expiry_is_the_end
scene flush 100 "all SAs flushed under traffic: both down at once, nothing in plaintext" flush_stops_everything
claims_summary
