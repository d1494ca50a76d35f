#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The test of the ground itself, without Espalier: are the namespaces, the two strongSwans, the kernel's tunnels and the
# captures what the other scenarios take them for? The gateway is the kernel alone (xfrm interfaces in a VRF). A measuring
# instrument must be able to say no, so the captures and streams are shown to catch a leak and a loss.

set -euo pipefail
# shellcheck source=vm/scenarios/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=vm/scenarios/kernel-gateway.sh
. "$(dirname "${BASH_SOURCE[0]}")/kernel-gateway.sh"

trap topology_down EXIT
began=$SECONDS
say "# kernel $(uname -r), up for $(cut -d' ' -f1 /proc/uptime) s"

# ---- the instruments can say no -------------------------------------------------------------------------------------

underlay_ping_is_caught() {
	capture_start plain dc-gateway eth0
	ping_all gateway 192.0.2.2 2
	ping_all gateway 2001:db8:2::2 2
	capture_stop plain
	not capture_assert_sealed "$(capture_file plain)" 2>/dev/null
	# and for the right reason: exactly the pings, 2 requests and 2 replies of each family
	[ "$(capture_count "$(capture_file plain)" "icmp or (ip6 and icmp6[0] >= 128 and icmp6[0] <= 129)")" = 8 ]
	[ "$(capture_count "$(capture_file plain)" "not ($(capture_sealed_filter))")" = 8 ]
}

leak_is_delivered_and_caught() {
	# Without a tunnel and without Espalier the gateway's main table sends the VPC's packets out as they are.
	capture_start leak dc-gateway eth0
	# UDP to port 4500 looks like NAT-T until one looks at the addresses
	stream_start leak vpc dc 10.50.1.1 4500 --count 10 --rate 100
	stream_finish leak >/dev/null
	capture_stop leak
	[ "$(jq .unique "$ground_output/stream-leak.json")" = 10 ]
	not capture_assert_sealed "$(capture_file leak)" 2>/dev/null
	[ "$(capture_count "$(capture_file leak)" "not ($(capture_sealed_filter))")" -ge 10 ]
}

leak_over_ipv6_is_delivered_and_caught() {
	capture_start leak6 dc-gateway eth0
	stream_start leak6 vpc dc fd00:50:0:1::7 7000 --count 10 --rate 100
	stream_finish leak6 >/dev/null
	capture_stop leak6
	[ "$(jq .unique "$ground_output/stream-leak6.json")" = 10 ]
	not capture_assert_sealed "$(capture_file leak6)" 2>/dev/null
}

empty_capture_is_no_proof() {
	capture_start empty dc-gateway eth0
	capture_stop empty
	capture_assert_sealed "$(capture_file empty)"
	not capture_assert_sealed "$(capture_file empty)" 1 2>/dev/null
	not capture_assert_sealed "$ground_output/no-such-file.pcap" 2>/dev/null
}

loss_is_counted() {
	# Every 10th packet to this port is dropped on the way in: 10 of 100.
	in_ns dc nft -f - <<'NFT'
table inet loss {
	chain in {
		type filter hook input priority 0
		udp dport 7100 numgen inc mod 10 == 3 drop
	}
}
NFT
	stream_start loss vpc dc 10.50.1.1 7100 --count 100 --rate 500
	stream_finish loss >/dev/null
	in_ns dc nft delete table inet loss
	jq -e '.sent == 100 and .unique == 90 and .lost == 10 and .missing_between == 10 and .duplicates == 0' \
		"$ground_output/stream-loss.json" >/dev/null
}

total_loss_is_counted() {
	stream_start nothing vpc dc 10.51.0.1 7101 --count 20 --rate 500
	stream_finish nothing >/dev/null
	jq -e '.sent == 20 and .unique == 0 and .lost == 20' "$ground_output/stream-nothing.json" >/dev/null
}

# ---- tunnels --------------------------------------------------------------------------------------------------------

traffic_passes() {
	ping_all vpc 10.50.0.2 5
	ping_all dc 10.1.0.2 5
	ping_all vpc fd00:50::2 5
	ping_all dc fd00:1::2 5
	ping_all vpc 10.50.200.9 3 -I 10.1.0.200
	ping_all vpc fd00:50:0:8000::9 3
}

sealed_while_traffic_passes() {
	capture_start sealed dc-gateway eth0
	traffic_passes
	capture_stop sealed
	capture_assert_sealed "$(capture_file sealed)" 40
}

flows_share_the_tunnels() {
	capture_start shares dc-gateway eth0
	stream_start shares vpc dc 10.50.3.4 7200 --flows 64 --rate 1000 --seconds 5
	stream_finish shares >/dev/null
	stream_start shares6 vpc dc fd00:50:0:1::3 7201 --flows 64 --rate 500 --seconds 2
	stream_finish shares6 >/dev/null
	capture_stop shares
	capture_assert_sealed "$(capture_file shares)" 6000
	local first second name
	first=$(capture_esp "$(capture_file shares)" t0 out)
	second=$(capture_esp "$(capture_file shares)" t1 out)
	say "#   64 flows of each family: t0 carried $first, t1 $second packets; $(jq -c '{sent,lost,reordered,duplicates,longest_gap_ms,behind_ms}' "$ground_output/stream-shares.json")"
	[ "$first" -gt 1000 ] && [ "$second" -gt 1000 ]
	for name in shares shares6; do
		stream_lost_nothing "$name"
		stream_holds "$name" '.flows_seen == 64'
	done
}

one_tunnel_terminated_and_back() {
	tunnel_terminate t0
	tunnel_installed gateway t1
	tunnel_installed dc-gateway t1
	dc_paths t1
	kernel_gateway_paths x1
	ping_all vpc 10.50.0.2 3
	tunnel_up t0
	dc_paths t0 t1
	kernel_gateway_paths x0 x1
	ping_all vpc 10.50.0.2 3
}

both_tunnels_down_is_silence() {
	tunnel_terminate t0
	tunnel_terminate t1
	capture_start silence dc-gateway eth0
	ping_none vpc 10.50.0.2 3
	ping_none vpc fd00:50::2 3
	capture_stop silence
	capture_assert_sealed "$(capture_file silence)"
}

charon_killed_and_back() {
	tunnel_up t0
	tunnel_up t1
	strongswan_stop gateway KILL
	# nobody has told the kernel: packets go on
	tunnel_installed gateway t0
	ping_all vpc 10.50.0.2 3
	strongswan_start gateway
	in_ns gateway ip xfrm state flush
	in_ns gateway ip xfrm policy flush
	tunnel_up t0
	tunnel_up t1
	ping_all vpc 10.50.0.2 3
}

leaves_nothing_behind() {
	local ns
	topology_down
	for ns in "${ground_namespaces[@]}"; do
		not test -e "/run/netns/$ns"
	done
	not pgrep -x 'charon-systemd|tcpdump|stream'
}

claim "this kernel has what the ground needs" ground_supported
claim "namespaces, addresses and links are up" topology_up
claim "vpc reaches its gateway, dc its own" eval 'ping_all vpc 10.1.0.1 1; ping_all vpc fd00:1::1 1; ping_all dc 10.50.0.1 1; ping_all dc fd00:50::1 1'
claim "a ping in plaintext on the underlay is caught" underlay_ping_is_caught
claim "a leak is delivered and caught, also on IKE's port" leak_is_delivered_and_caught
claim "a leak over IPv6 is delivered and caught" leak_over_ipv6_is_delivered_and_caught
claim "a capture that saw nothing is no proof" empty_capture_is_no_proof
claim "a stream counts the packets lost on the way" loss_is_counted
claim "a stream of which nothing arrives is all lost" total_loss_is_counted
claim "strongSwan runs in the gateway" strongswan_up gateway
claim "strongSwan runs in dc-gateway" strongswan_up dc-gateway
claim "the kernel's own gateway is set up: xfrm interfaces in a VRF" kernel_gateway_up
claim "tunnel t0 is negotiated, SAs at both ends" tunnel_up t0
claim "tunnel t1 is negotiated, SAs at both ends" tunnel_up t1
say "# both tunnels up $((SECONDS - began)) s after the scenario's start"
claim "pings pass both ways, IPv4 and IPv6, and the underlay is sealed" sealed_while_traffic_passes
claim "64 flows use both tunnels, none is lost, and the underlay is sealed" flows_share_the_tunnels
claim "a tunnel is terminated and comes back, the other one stays" one_tunnel_terminated_and_back
claim "both tunnels down: nothing answers, nothing leaves in plaintext" both_tunnels_down_is_silence
claim "charon killed: SAs stay and carry; started again, tunnels are negotiated anew" charon_killed_and_back
claim "the kernel's gateway is taken down" kernel_gateway_down
claim "nothing is left behind" leaves_nothing_behind
say "# $((SECONDS - began)) s in all"
claims_summary
