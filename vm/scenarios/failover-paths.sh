#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Tunnels whose ways and numbers are not what they were: another if_id than the gateway's, an underlay that fails for a
# while, a peer that moves to another address, a NAT that forgets its ports. As failover.sh: under a stream and a capture.

set -euo pipefail
scenarios=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=vm/scenarios/lib.sh
. "$scenarios/lib.sh"
# shellcheck source=vm/scenarios/scenes.sh
. "$scenarios/scenes.sh"
# shellcheck source=vm/scenarios/nat.sh
. "$scenarios/nat.sh"

# ---- another if_id ------------------------------------------------------------------------------------------------------

two_if_ids_are_refused() {
	local status=0
	espalier_yaml | sed 's/if_id: 101,/if_id_in: 103, if_id_out: 101,/' >"$ground_state/two-ids.yaml"
	espalier check "$ground_state/two-ids.yaml" >"$ground_output/two-ids.log" 2>&1 || status=$?
	[ "$status" = 2 ]
	[ "$(grep -c 'an xfrm interface has one if_id' "$ground_output/two-ids.log")" = 2 ]
}

# t0 alone is negotiated anew; the kernel has all of its SAs, one of them for an interface that does not exist.
t0_comes_in_elsewhere() {
	swanctl_change gateway '' 'if_id_in = 103'
	swanctl_in gateway --terminate --ike t0 --timeout 30 >/dev/null
	wait_for 10 "espalierd sees t0 down" espalier_sees_down t0
	swanctl_in gateway --initiate --child t0 --timeout 90 >"$ground_output/swanctl-initiate-t0.log" 2>&1
	wait_for 10 "t0 has an outbound SA" eval '[ "$(tunnel_sas gateway t0)" = "0 1" ]'
	wait_for 10 "t0 lacks its inbound SA" eval '[ "$(espalier_tunnel_field t0 missing)" = "no inbound SA" ]'
	[ "$(paths | sort -u)" = dc-1-2 ]
}

another_if_id_in_is_no_phase_2() {
	fresh
	streaming if-id t0_comes_in_elsewhere
	espalier_sees_down t0
	espalier_sees_up t1
	lost_less_than_seconds if-id 1
	fresh
}

# ---- the underlay fails -----------------------------------------------------------------------------------------------------

# With MOBIKE this moves one end of a tunnel to the other tunnel's address, for good.
underlay_fails_for_six_seconds() {
	ip_batch dc-gateway <<'TEXT'
route add blackhole 192.0.2.1/32
route add blackhole 192.0.2.3/32
TEXT
	in_ns dc-gateway nft 'table inet fault { chain in { type filter hook input priority -300; iifname eth0 drop; }; }'
	sleep 6 # the fault itself
	in_ns dc-gateway nft delete table inet fault
	ip_batch dc-gateway <<'TEXT'
route del blackhole 192.0.2.1/32
route del blackhole 192.0.2.3/32
TEXT
}

sa_addresses() { in_ns "$1" ip xfrm state list | sed -n 's/^src //p' | sort; } # NAMESPACE

both_carry_both_ways() {
	local t
	for t in t0 t1; do
		dc_paths "$t"
		ping_all dc 10.1.0.2 3
		ping_all dc fd00:1::2 3
	done
	dc_paths t0 t1
	stream_start "$1" vpc dc 10.50.0.2 "$port" --flows "$flows" --from-port "$first_port" --rate "$rate" --seconds 3
	stream_finish "$1" >/dev/null
	stream_lost_nothing "$1"
	[ "$(paths | sort -u | tr '\n' ' ')" = "dc-1-1 dc-1-2 " ]
}

without_mobike_the_fault_passes() {
	local ns
	fresh
	for ns in gateway dc-gateway; do
		sa_addresses "$ns" >"$ground_output/addresses-$ns.before"
	done
	without_a_flap streaming fault underlay_fails_for_six_seconds
	stream_holds fault '.lost > 0 and .longest_gap_ms > 5000 and .longest_gap_ms < 9000'
	both_carry_both_ways after-fault
	for ns in gateway dc-gateway; do
		sa_addresses "$ns" | diff "$ground_output/addresses-$ns.before" -
	done
}

# ---- the peer moves -----------------------------------------------------------------------------------------------------------

# dc-gateway loses the address of t0 and has that of t1 left. strongSwan deletes each SA and makes it anew.
peer_moves() {
	# A device that has lost its address says nothing about it; a router, as this one is, would.
	in_ns dc-gateway ip route add blackhole 192.0.2.2/32
	in_ns dc-gateway ip address del 192.0.2.2/24 dev eth0
	wait_for 60 "t0's SAs go to the peer's other address" prints '^192.0.2.1 dst 192.0.2.4$' sa_addresses gateway
	wait_for 60 "and come from it" prints '^192.0.2.4 dst 192.0.2.1$' sa_addresses gateway
	wait_for 10 "espalierd sees t0 up" espalier_sees_up t0
}

moved_tunnel_is_followed() {
	local before
	in_ns dc-gateway sysctl -qw net.ipv4.conf.eth0.promote_secondaries=1
	swanctl_change dc-gateway 'mobike = yes'
	swanctl_change gateway 'mobike = yes'
	# The one that moves has begun the negotiation.
	tunnels_anew dc-gateway
	wait_for 20 "espalierd sees both up" espalier_sees_up t0 t1
	before=$(flaps)
	streaming mobike without_a_withdrawal peer_moves
	say "#   flaps: $before before, $(flaps) after"
	lost_less_than_seconds mobike 3
	both_carry_both_ways moved
	ip_batch dc-gateway <<'TEXT'
route del blackhole 192.0.2.2/32
address del 192.0.2.4/24 dev eth0
address add 192.0.2.2/24 dev eth0
address add 192.0.2.4/24 dev eth0
TEXT
	swanctl_change dc-gateway
}

# ---- a NAT in between -----------------------------------------------------------------------------------------------------------

# NAMESPACE's charon with the addresses that the NAT gives: PATTERN is what of the rendered file names one.
behind_nat() # NAMESPACE PATTERN
{
	sed -i -E "s/($2) = 192\\.0\\./\\1 = 172.20./" "$(home_directory "$1" swanctl)/espalier.conf"
	swanctl_in "$1" --load-conns >/dev/null
}

# The ports of t0's ESP in UDP, "SOURCE DESTINATION", of the outbound SA in a kernel.
ports_of_t0() # NAMESPACE
{
	local own peer if_ids
	ground_side "$1"
	in_ns "$1" ip xfrm state list | awk -v id="$(printf '0x%x' "${if_ids[0]}")" '
		function tell() { if (mine && ports && out) print ports }
		/^src / { tell(); mine = ports = out = 0; next }
		$1 == "encap" { ports = $5 " " $7 }
		{ for (f = 1; f < NF; f++) { if ($f == "if_id" && $(f + 1) == id) mine = 1; if ($f == "dir" && $(f + 1) == "out") out = 1 } }
		END { tell() }'
}

# What comes back, so that the far end of a NAT sends and its near end learns where from.
with_traffic_back() # NAME CHECK…
{
	local name=$1
	shift
	stream_start "$name-back" dc vpc 10.1.0.2 $((port + 1)) --flows "$flows" --from-port "$first_port" \
		--rate $((rate / 2)) --seconds 900
	wait_for 30 "the stream back flows" stream_delivered "$name-back" 50
	"$@"
	stream_stop "$name-back" >/dev/null
	account "$name-back" "back: "
}

peers_port_changes() {
	nat_of_the_peer 41002
	nat_forget
	wait_for 30 "the gateway's SA goes to the new port" eval '[ "$(ports_of_t0 gateway)" = "4500 41002" ]'
	wait_for 10 "espalierd sees both up" espalier_sees_up t0 t1
	espalier_shows 'any(.[]; .name == "dc-1-1" and ([.sas[] | select(.use == "in-use") | .peer_port] == [41002, 41002]))' show tunnels
}

# The kernel tells by MAPPING, charon deletes and makes the SAs: a moment without, but no route goes.
peer_behind_nat_changes_its_port() {
	local before
	nat_of_the_peer 41001
	behind_nat dc-gateway local_addrs
	tunnels_anew dc-gateway
	wait_for 20 "espalierd sees both up" espalier_sees_up t0 t1
	[ "$(ports_of_t0 gateway)" = "4500 41001" ]
	before=$(flaps)
	with_traffic_back nat streaming nat without_a_withdrawal peers_port_changes
	say "#   flaps: $before before, $(flaps) after"
	lost_less_than_seconds nat 3
	stream_start nat-after vpc dc 10.50.0.2 "$port" --flows "$flows" --from-port "$first_port" --rate "$rate" --seconds 3
	stream_finish nat-after >/dev/null
	stream_lost_nothing nat-after
}

our_port_changes() {
	nat_of_the_gateway 42002
	nat_forget
	wait_for 30 "the peer's SA goes to the new port" eval '[ "$(ports_of_t0 dc-gateway)" = "4500 42002" ]'
}

# None of the gateway's own SAs changes.
gateway_behind_nat_changes_its_port() {
	swanctl_in gateway --terminate --ike t0 --force --timeout 10 >/dev/null 2>&1 || true
	swanctl_in gateway --terminate --ike t1 --force --timeout 10 >/dev/null 2>&1 || true
	nat_of_the_gateway 42001
	nat_forget
	behind_nat dc-gateway '(local|remote)_addrs'
	fresh
	[ "$(ports_of_t0 dc-gateway)" = "4500 42001" ]
	with_traffic_back our-nat without_a_flap streaming our-nat our_port_changes
	lost_less_than_seconds our-nat 2
}

# ---- the order of events ------------------------------------------------------------------------------------------------

# Charon looks at addresses and routes again and again, as it does where nobody told it otherwise: MOBIKE acts upon that.
charon_options='plugins { kernel-netlink { roam_events = yes } }'
scenes_begin "$@"
claim "if_id_in and if_id_out in a configuration are refused" two_if_ids_are_refused
scene if-id 1000 "negotiated with another if_id_in: no inbound SA, and the other tunnel carries" another_if_id_in_is_no_phase_2
scene fault 1000 "mobike = no: 6 s without the underlay, and both tunnels carry again" without_mobike_the_fault_passes
scene mobike 1000 "MOBIKE: the peer moves to another address, its tunnel with it, no route goes" moved_tunnel_is_followed
strongswan_stop dc-gateway
nat_up
strongswan_start dc-gateway
scene nat 100 "NAT-T: the peer's port changes (MAPPING), and its tunnel goes on" peer_behind_nat_changes_its_port
scene our-nat 100 "NAT-T: our own port changes: not one flap" gateway_behind_nat_changes_its_port
claims_summary
