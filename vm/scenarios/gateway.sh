#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# espalierd on a real kernel with real strongSwan: the promises of the gateway's main job, as claims. Everything that must
# never appear in plaintext is looked for in captures at the far end of the underlay and in the VPC.

set -euo pipefail
scenarios=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=vm/scenarios/lib.sh
. "$scenarios/lib.sh"
# shellcheck source=vm/scenarios/espalier.sh
. "$scenarios/espalier.sh"

finish() {
	espalier_down KILL >/dev/null 2>&1 || true
	topology_down
}
trap finish EXIT

# ---- before Phase 2 ---------------------------------------------------------------------------------------------------

devices_are_there() {
	prints 'if_id 0x65' in_ns gateway ip -d link show xfrm101
	prints 'if_id 0x66' in_ns gateway ip -d link show xfrm102
	prints 'table 1001' in_ns gateway ip -d link show vrf1001
	prints 'master vrf1001' in_ns gateway ip link show xfrm101
	prints 169.254.10.1/30 in_ns gateway ip address show dev xfrm101
	espalier_shows '.[] | select(.name == "vpc-a") | .xdp == "native"' show attachments
}

pings_fail_both_ways() {
	ping_none vpc 10.50.0.2 3
	ping_none vpc fd00:50::2 3
	ping_none dc 10.1.0.2 3
	ping_none dc fd00:1::2 3
}

no_tunnel_nothing_leaves() {
	routes_are withdrawn
	sealed before 0 counted_as no-route 6 pings_fail_both_ways
}

# ---- with both tunnels ------------------------------------------------------------------------------------------------

negotiate() {
	tunnel_up t0
	tunnel_up t1
	wait_for 10 "espalierd sees both up" espalier_sees_up t0 t1
	routes_are active
}

pings_both_ways() {
	ping_all vpc 10.50.0.2 5
	ping_all dc 10.1.0.2 5
	ping_all vpc fd00:50::2 5
	ping_all dc fd00:1::2 5
}

steered_not_routed() {
	local before after
	before=$(espalier -j status | jq .traffic.to_tunnels.packets)
	counted_as to-tunnel 10 pings_both_ways
	after=$(espalier -j status | jq .traffic.to_tunnels.packets)
	[ $((after - before)) -ge 20 ]
}

large_packets() {
	# ping forbids fragments by default; what becomes of that is the next claim.
	ping_all vpc 10.50.0.2 3 -M dont -s 1472
	ping_all vpc 10.50.0.2 3 -M dont -s 3000
	ping_all dc 10.1.0.2 3 -M dont -s 3000
	# Routers do not fragment IPv6: the first request is told the path's MTU, then the first reply. Both ends remember.
	in_ns vpc ping -n -c 3 -i 0.3 -W 1 -s 3000 fd00:50::2 >/dev/null 2>&1 || true
	ping_all vpc fd00:50::2 3 -s 3000
}

# "Fragmentation needed" comes back with the tunnel's MTU, and the sender's kernel believes it: no black hole.
path_mtu_is_told() {
	local destination
	in_ns vpc ip route flush cache
	in_ns vpc ip -6 route flush cache
	for destination in 10.50.0.2 fd00:50::2; do
		in_ns vpc ping -n -c 3 -i 0.3 -W 1 -M "do" -s 1450 "$destination" >"$ground_output/pmtu.log" 2>&1 || true
		if ! prints 'mtu 1400' in_ns vpc ip route get "$destination"; then
			complain "vpc was not told the path's MTU to $destination: $(cat "$ground_output/pmtu.log")"
			return 1
		fi
	done
	in_ns vpc ip route flush cache
	in_ns vpc ip -6 route flush cache
}

tcp_both_ways() {
	local direction
	for direction in '' --reverse; do
		process_start iperf3 dc iperf3 --server --one-off
		wait_for 20 "iperf3 listens" prints :5201 in_ns dc ss -ltn
		# shellcheck disable=SC2086 # an empty direction is none
		in_ns vpc iperf3 --client 10.50.0.2 --time 3 --json $direction >"$ground_output/iperf3.json"
		process_stop iperf3 || true
		jq -e '.end.sum_received.bytes > 100000' "$ground_output/iperf3.json" >/dev/null
	done
}

flows_use_both_tunnels() {
	local before0 before1 total0 total1
	before0=$(espalier_carried t0 out) before1=$(espalier_carried t1 out)
	stream_start spread vpc dc 10.50.0.2 7000 --flows 64 --from-port 20000 --rate 1000 --seconds 2
	stream_finish spread >/dev/null
	stream_lost_nothing spread
	stream_holds spread '.reordered == 0'
	total0=$(($(espalier_carried t0 out) - before0)) total1=$(($(espalier_carried t1 out) - before1))
	[ $((total0 * 4)) -gt $((total0 + total1)) ] && [ $((total1 * 4)) -gt $((total0 + total1)) ]
}

explain_agrees_with_the_wire() {
	local port tunnel before
	for port in 30001 30002 30003 30004; do
		tunnel=$(espalier_path 10.1.0.2 10.50.0.2 "$port" 7003)
		tunnel=t$((${tunnel##*-} - 1))
		before=$(espalier_carried "$tunnel" out)
		stream_start explained vpc dc 10.50.0.2 7003 --from-port "$port" --count 20 --rate 200
		stream_finish explained >/dev/null
		stream_lost_nothing explained
		[ $(($(espalier_carried "$tunnel" out) - before)) -ge 20 ]
	done
}

# ---- fail closed ------------------------------------------------------------------------------------------------------

exceptions_are_never_plaintext() {
	# The kernel takes these (D14), and its routes know no other way than the tunnels.
	in_ns vpc ping -n -c 3 -i 0.2 -W 1 -R 10.50.0.2 >/dev/null 2>&1 || true
	in_ns vpc ping -n -c 3 -i 0.2 -W 1 -T tsonly 10.50.0.2 >/dev/null 2>&1 || true
	in_ns vpc ping -n -c 3 -i 0.2 -W 1 -t 1 10.50.0.2 >"$ground_output/ttl.log" 2>&1 || true
	grep -qi 'time to live exceeded' "$ground_output/ttl.log"
	in_ns vpc ping -n -c 3 -i 0.2 -W 1 -t 1 fd00:50::2 >"$ground_output/ttl6.log" 2>&1 || true
	grep -qi 'time exceeded' "$ground_output/ttl6.log"
}

exceptions_with_tunnels_down() {
	in_ns vpc ping -n -c 3 -i 0.2 -W 1 -R 10.50.0.2 >/dev/null 2>&1 || true
	in_ns vpc ping -n -c 3 -i 0.2 -W 1 -t 1 10.50.0.2 >/dev/null 2>&1 || true
}

spoofed_source_is_dropped() {
	# dc-gateway sends through the tunnel what does not belong to the data centre.
	in_ns dc ip address add 172.31.0.1/32 dev lo
	capture_start spoof vpc eth0
	stream_start spoof dc vpc 10.1.0.2 7004 --from 172.31.0.1 --count 20 --rate 200
	stream_finish spoof >/dev/null
	capture_stop spoof
	in_ns dc ip address del 172.31.0.1/32 dev lo
	[ "$(capture_count "$(capture_file spoof)" 'host 172.31.0.1')" = 0 ]
	stream_holds spoof '.sent == 20 and .unique == 0'
}

plaintext_from_the_underlay_stays_out() {
	# dc-gateway routes the VPC over the underlay, without ESP: what any neighbour there could do.
	in_ns dc-gateway ip route add 10.1.0.0/24 via 192.0.2.1 metric 1
	in_ns dc-gateway ip -6 route add fd00:1::2/128 via 2001:db8:2::1 metric 1
	in_ns dc-gateway ip route flush cache
	capture_start intruder vpc eth0
	stream_start intruder dc vpc 10.1.0.2 7005 --count 20 --rate 200
	stream_finish intruder >/dev/null
	in_ns dc ping -n -c 3 -i 0.2 -W 1 fd00:1::2 >/dev/null 2>&1 || true
	capture_stop intruder
	in_ns dc-gateway ip route del 10.1.0.0/24 via 192.0.2.1 metric 1
	in_ns dc-gateway ip -6 route del fd00:1::2/128 via 2001:db8:2::1 metric 1
	[ "$(capture_count "$(capture_file intruder)" 'udp port 7005 or (icmp6 and ip6[40] == 128)')" = 0 ]
	stream_holds intruder '.sent == 20 and .unique == 0'
}

# ---- losing tunnels ---------------------------------------------------------------------------------------------------

one_tunnel_lost_under_traffic() {
	stream_start lost vpc dc 10.50.0.2 7006 --flows 64 --from-port 23000 --rate 1000 --seconds 6
	tunnel_terminate t0
	wait_for 10 "espalierd sees t0 down" espalier_sees_down t0
	stream_finish lost >/dev/null
	stream_holds lost '.sent > 3000 and .lost < 1000'
	routes_are active
	dc_paths t1
	pings_both_ways
}

both_lost() {
	tunnel_terminate t1
	wait_for 10 "espalierd sees both down" espalier_sees_down t0 t1
	wait_for 10 "routes are withdrawn" routes_are withdrawn
	pings_fail_both_ways
	exceptions_with_tunnels_down
}

both_back() {
	negotiate
	dc_paths t0 t1
	pings_both_ways
}

# ---- changing ---------------------------------------------------------------------------------------------------------

# Another connection, with devices and a VRF of its own, and one route more, while packets flow.
other_yaml() {
	espalier_yaml | sed -e 's/learn: \[vpc-a, dc-1\]/learn: [vpc-a, dc-1, dc-2]/' \
		-e '/^customer_gateways:/i\  dc-2:  { type: vpn, connection: dc-2, association: main }' \
		-e '/^connections:/i\  dc-2: { addresses: [192.0.2.2, 192.0.2.4] }' \
		-e 's/routes: \[10.50.0.0\/16/routes: [10.61.0.0\/16, 10.50.0.0\/16/'
	cat <<'TEXT'
  dc-2:
    customer_gateway: dc-2
    routes: [10.62.0.0/16]
    tunnels:
      - { name: dc-2-1, if_id: 201, local_address: 192.0.2.1, remote_address: 192.0.2.4 }
      - { name: dc-2-2, if_id: 202, local_address: 192.0.2.3, remote_address: 192.0.2.2 }
TEXT
}

apply_under_traffic() {
	local rate
	rate=$(quiet_rate)
	other_yaml >"$ground_state/other.yaml"
	stream_start apply vpc dc 10.50.0.2 7009 --flows 16 --from-port 26000 --rate "$rate" --seconds 12
	espalier plan "$ground_state/other.yaml"
	espalier apply "$ground_state/other.yaml"
	prints 'master vrf' in_ns gateway ip link show xfrm201
	espalier_shows 'any(.[]; .prefix == "10.61.0.0/16" and .state == "active")' show routes --table main
	espalier_shows 'any(.[]; .prefix == "10.62.0.0/16" and .state == "withdrawn")' show routes --table main
	espalier route add dc-1 10.63.0.0/16
	[ "$(espalier -j explain --in vpc-a 10.1.0.2 10.63.0.1 | jq -r .verdict)" = tunnel ]
	espalier apply "$espalier_config"
	not sh -c "nsenter --net=/run/netns/gateway ip link show xfrm201 2>/dev/null"
	espalier route delete dc-1 10.63.0.0/16
	stream_finish apply >/dev/null
	stream_lost_nothing apply
	pings_both_ways
}

# ---- losing ourselves ---------------------------------------------------------------------------------------------------

daemon_killed_traffic_goes_on() {
	local rate
	rate=$(quiet_rate)
	stream_start killed vpc dc 10.50.0.2 7007 --flows 16 --from-port 24000 --rate "$rate" --seconds 10
	espalier_down KILL
	not espalier_answers 2>/dev/null
	pings_both_ways
	espalier_up
	espalier_sees_up t0 t1
	stream_finish killed >/dev/null
	stream_lost_nothing killed
}

daemon_dead_and_tunnels_down_nothing_leaves() {
	espalier_down KILL
	tunnel_terminate t0
	tunnel_terminate t1
	sealed dead 0 pings_fail_both_ways
	espalier_up
	wait_for 5 "espalierd sees both down" espalier_sees_down t0 t1
	both_back
}

detach_programs() {
	local link
	for link in "$espalier_pins"/{xdp,tc}_*; do
		bpftool link detach pinned "$link"
	done
	not prints xdp in_ns gateway ip link show eth1
	[ "$(in_ns gateway bpftool -j net show | jq '[.[].tc[]] | length')" = 0 ]
}

programs_detached_the_slow_path_carries() {
	espalier_down
	detach_programs
	sealed detached 20 pings_both_ways
	tunnel_terminate t0
	tunnel_terminate t1
	sealed detached-down 0 pings_fail_both_ways
	espalier_up
	both_back
}

sigterm_leaves_forwarding_on() {
	espalier_down
	sealed stopped 20 pings_both_ways
	espalier_up
}

# Everything of ours that is still there, as text.
remains() {
	[ ! -e "$espalier_pins" ] || find "$espalier_pins"
	in_ns gateway ip link show | grep -E 'xfrm101|xfrm102|vrf1001|xdp' || true
	in_ns gateway ip rule show | grep 'proto 77' || true
	in_ns gateway ip -6 rule show | grep 'proto 77' || true
	in_ns gateway ip route show table all proto 77
	in_ns gateway ip -6 route show table all proto 77
	in_ns gateway bpftool -j net show | jq -r '.[].tc[].name'
}

cleanup_leaves_nothing() {
	local left
	espalier_down
	espalier_cleanup
	left=$(remains)
	if [ -n "$left" ]; then
		complain "still there: $left"
		return 1
	fi
}

# ---- the order of events ------------------------------------------------------------------------------------------------

topology_up
strongswan_up gateway
strongswan_up dc-gateway
espalier_yaml >"$espalier_config"

claim "espalierd starts, makes its devices, steers by native XDP" eval 'espalier_up && devices_are_there'
claim "D2: before Phase 2 the routes are withdrawn and nothing leaves in plaintext" no_tunnel_nothing_leaves
claim "D3: espalierd sees both tunnels up, the routes appear" negotiate
claim "both directions and families, through ESP alone" sealed pings 20 pings_both_ways
claim "packets are steered by the programs, not by the slow path" steered_not_routed
claim "packets larger than the tunnel arrive" sealed large 10 large_packets
claim "a packet too big with DF is told the tunnel's MTU" path_mtu_is_told
claim "TCP both ways" sealed tcp 50 tcp_both_ways
claim "64 flows use both tunnels, none lost, none reordered" sealed spread 1000 flows_use_both_tunnels
claim "explain names the tunnel that the flow really takes" explain_agrees_with_the_wire
claim "D14: IP options and TTL 1 never leave in plaintext" sealed exceptions 0 exceptions_are_never_plaintext
claim "spoofed sources from the tunnel are dropped and counted" counted_as source 20 spoofed_source_is_dropped
claim "plaintext from the underlay does not reach the VPC" plaintext_from_the_underlay_stays_out
claim "D1: a tunnel lost under traffic costs its flows a moment" sealed one-lost 1000 one_tunnel_lost_under_traffic
claim "D2: both lost: withdrawn, and nothing leaves in plaintext" sealed both-lost 0 both_lost
claim "both back" sealed both-back 20 both_back
claim "another connection applied and taken back under traffic: not one packet lost" sealed apply 100 apply_under_traffic
claim "killed with -9 and restarted: not one packet lost" sealed killed 500 daemon_killed_traffic_goes_on
claim "daemon dead and tunnels down: nothing leaves in plaintext" daemon_dead_and_tunnels_down_nothing_leaves
claim "programs detached: the slow path carries, and is as closed" programs_detached_the_slow_path_carries
claim "SIGTERM leaves forwarding on" sigterm_leaves_forwarding_on
claim "--cleanup leaves nothing behind" cleanup_leaves_nothing
claims_summary
