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
rekeys() { grep -c 'outbound CHILD_SA t[01]{[0-9]*} established' "$(process_log charon-gateway)" || true; }

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

# ---- duplicates -----------------------------------------------------------------------------------------------------------

# The same tunnel by another connection: charon does not begin a second CHILD_SA with the same selectors in one IKE_SA. The
# peer takes both for its t0.
second_connection() {
	printf '%s\n' 'connections { again : connections.t0 { dpd_delay = 20s' \
		'children { again : connections.t0.children.t0 { } } } }' >>"$(home_directory gateway swanctl)/swanctl.conf"
	swanctl_in gateway --load-conns >/dev/null
}

out_spi() # CHILD: as the gateway's charon says it
{
	swanctl_in gateway --list-sas --child "$1" | sed -n 's/^ *out *\([0-9a-f]*\) .*/0x\1/p'
}

# As Espalier calls the outbound SA of a child: in-use, leftover …
use_of_child() # CHILD
{
	espalier -j show tunnels |
		jq -r --arg spi "$(out_spi "$1")" '.[] | .sas[] | select(.direction == "out" and .spi == $spi) | .use'
}

are_told_apart() # CHILD_IN_USE LEFTOVER
{
	[ "$(tunnel_sas gateway t0)" = "2 2" ] && [ "$(use_of_child "$1")" = in-use ] && [ "$(use_of_child "$2")" = leftover ]
}

# The peer, which knows it by its own number, deletes a child of the gateway's.
peer_ends() # CHILD
{
	local id
	id=$(swanctl_in dc-gateway --list-sas | awk -v spi="$(out_spi "$1")" '
		/^ *t0: #/ { id = $2; gsub(/[^0-9]/, "", id) }
		$1 == "in" && "0x" $2 == spi { print id }')
	swanctl_in dc-gateway --terminate --child-id "${id:?}" --timeout 30 >/dev/null
}

duplicated_by() # CHILD BESIDE
{
	swanctl_in gateway --initiate --ike "$1" --child "$1" --timeout 90 >/dev/null
	wait_for 20 "the newer one is in use, the older one is left over" are_told_apart "$1" "$2"
}

is_alone() # CHILD
{
	[ "$(tunnel_sas gateway t0)" = "1 1" ] && [ "$(use_of_child "$1")" = in-use ]
}

# The one ends that packets take; of the next two, the one that stands by; of the last two, all of the older one's IKE_SA.
duplicates_come_and_go() {
	duplicated_by again t0
	peer_ends again
	wait_for 20 "the older one is in use again" is_alone t0
	duplicated_by again t0
	peer_ends t0
	wait_for 20 "the newer one is left" is_alone again
	duplicated_by t0 again
	again_ends
	wait_for 20 "t0 is left" is_alone t0
}

again_ends() { swanctl_in gateway --terminate --ike again --timeout 30 >/dev/null; }

duplicates_lose_nothing() {
	fresh
	second_connection
	without_a_flap streaming duplicate duplicates_come_and_go
	stream_lost_nothing duplicate
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

# ---- what the kernel cannot send ------------------------------------------------------------------------------------------

told_of() # t0|t1 COUNTER
{
	espalier -j show drops |
		jq "[.[] | select(.tunnel == \"$(espalier_tunnel "$1")\" and .reason == \"$2\") | .packets] | add // 0"
}

# A policy of somebody else comes before the tunnel's own: its SAs are well, but packets for one address go nowhere. All of
# those, and no others, are told with the tunnel that should have carried them.
unsent() # t0|t1 IF_ID COUNTER ADDRESS POLICY…
{
	local t=$1 if_id=$2 counter=$3 address=$4 before lost
	shift 4
	before=$(told_of "$t" "$counter")
	in_ns gateway ip xfrm policy add dst "$address/32" dir out if_id "$if_id" priority 1 "$@"
	stream_start "$counter" vpc dc "$address" 7009 --flows 32 --from-port 26000 --rate 50 --seconds 3
	stream_finish "$counter" >/dev/null
	stream_holds "$counter" '.received > 0 and .lost > .overload' # the other tunnel's flows arrive
	lost=$(jq '.lost - .overload' "$ground_output/stream-$counter.json")
	wait_for 30 "$lost packets under $counter of $t" eval "[ \$((\$(told_of $t $counter) - $before)) -ge $lost ]"
	[ $(($(told_of "$t" "$counter") - before)) -le "$(jq .lost "$ground_output/stream-$counter.json")" ]
	espalier audit >/dev/null
	wait_for 10 "an alarm that names it" grep -q "$counter is rising (tunnel $(espalier_tunnel "$t"))" "$(process_log espalierd)"
	in_ns gateway ip xfrm policy delete dst "$address/32" dir out if_id "$if_id"
}

unsent_is_told_with_its_tunnel() {
	fresh
	without_a_flap unsent t0 101 XfrmOutPolBlock 10.50.7.1 action block
	without_a_flap unsent t1 102 XfrmOutNoStates 10.50.8.1 tmpl src 192.0.2.3 dst 192.0.2.4 proto esp reqid 77 mode tunnel
	[ "$(told_of t0 XfrmOutNoStates)" = 0 ] && [ "$(told_of t1 XfrmOutPolBlock)" = 0 ]
}

# ---- the order of events ------------------------------------------------------------------------------------------------

scenes_begin "$@"
scene rekey 5000 "rekeyed every 4 s for 2 minutes: not one flap, not one packet lost" rekeyed_for_two_minutes
scene collide 1000 "rekeys from both ends at the same time: not one flap, not one packet lost" colliding_rekeys_lose_nothing
scene duplicate 100 "a second CHILD_SA beside the first, each of them ending once: not one flap, not one packet lost" duplicates_lose_nothing
! scene_is_wanted duplicate || again_ends 2>&1 || true # what a scene that failed leaves would fail the next ones
scene unsent 50 "what policies forbid or find no SA for is told with the tunnel that it was for" unsent_is_told_with_its_tunnel
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
