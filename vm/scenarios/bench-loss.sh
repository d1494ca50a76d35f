#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What a deleted CHILD_SA costs: packets lost, and how long a flow was silent. The peer deletes it (`swanctl --terminate
# --child t0` at dc-gateway), so that what is lost is lost to what the gateway does. The same tunnels and the same stream
# under
#
#   espalier   espalierd and its programs
#   updown     kernel multipath routes, replaced by charon's updown script (updown.sh)
#   frr-bfd    kernel multipath routes of FRR, eBGP over each tunnel, BFD 300 ms × 3 (ESPALIER_BFD_MS: slower)
#
# in one boot, at one rate: the highest at which each of them loses nothing in 10 quiet seconds. Writes loss.json.

set -euo pipefail
scenarios=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=vm/scenarios/lib.sh
. "$scenarios/lib.sh"
# shellcheck source=vm/scenarios/espalier.sh
. "$scenarios/espalier.sh"
# shellcheck source=vm/scenarios/kernel-gateway.sh
. "$scenarios/kernel-gateway.sh"
# shellcheck source=vm/scenarios/frr.sh
. "$scenarios/frr.sh"

rounds=${ESPALIER_ROUNDS:-5} bfd_ms=${ESPALIER_BFD_MS:-300} flows=16 port=7400
rates=(4000 3000 2000 1500 1000 750 500 250 100)
results=$ground_output/loss.jsonl

finish() {
	espalier_down KILL >/dev/null 2>&1 || true
	topology_down
}
trap finish EXIT

# ---- the three gateways: up, down, and the tunnels that they send through ------------------------------------------------

both_tunnels_up() {
	tunnel_up t0 || return 1
	tunnel_up t1
}

espalier_method_up() {
	espalier_up || return 1
	both_tunnels_up
}

espalier_method_paths() { espalier -j show tunnels | jq '[.[] | select(.up)] | length'; }

espalier_method_down() {
	espalier_down || return 1
	espalier_cleanup
}

updown_method_up() {
	kernel_gateway_up || return 1
	kernel_gateway_paths || return 1
	swanctl_change gateway '' "updown = $ground_source/vm/scenarios/updown.sh" || return 1
	# The script hears only of what is negotiated from now on.
	tunnels_anew
}

kernel_paths() { in_ns gateway ip route show table 1001 10.50.0.0/16 | grep -o 'dev x[01]' | wc -l; }

updown_method_paths() { kernel_paths; }

updown_method_down() {
	swanctl_change gateway || return 1
	tunnels_anew || return 1
	kernel_gateway_down
}

frr_conf() # OWN_ASN PEER_ASN OWN_HOST PEER_HOST [VRF]
{
	local n
	printf 'router bgp %d%s\n no bgp ebgp-requires-policy\n no bgp network import-check\n' "$1" "${5:+ vrf $5}"
	# From link-local addresses FRR takes no identifier, and without one no session begins.
	printf ' bgp router-id 192.0.2.%d\n' "$3"
	for n in 10 11; do
		printf ' neighbor 169.254.%d.%d remote-as %d\n' "$n" "$4" "$2"
		printf ' neighbor 169.254.%d.%d timers connect 1\n' "$n" "$4"
		printf ' neighbor 169.254.%d.%d bfd 3 %d %d\n' "$n" "$4" "$bfd_ms" "$bfd_ms"
	done
	printf ' address-family ipv4 unicast\n  maximum-paths 8\n'
	[ -n "${5:-}" ] || printf '  network 10.50.0.0/16\n'
	printf ' exit-address-family\n'
}

frr_bfd_method_up() {
	local ns
	kernel_gateway_up || return 1
	kernel_gateway_paths || return 1
	both_tunnels_up || return 1
	ip_batch dc-gateway <<'TEXT' || return 1
address replace 169.254.10.2/30 dev t0
address replace 169.254.11.2/30 dev t1
TEXT
	for ns in gateway dc-gateway; do
		printf '%s\n' bgpd=yes bfdd=yes vtysh_enable=yes 'zebra_options="-A 127.0.0.1 -s 90000000"' \
			>"$(home_directory "$ns" frr)/daemons"
	done
	frr_conf 65000 65001 1 2 conn-dc >"$(home_directory gateway frr)/frr.conf"
	frr_conf 65001 65000 2 1 >"$(home_directory dc-gateway frr)/frr.conf"
	for ns in gateway dc-gateway; do
		frr_up "$ns" || return 1
	done
	if ! wait_for 120 "BFD is up, and FRR's route has two paths" frr_is_complete; then
		frr_tells >&2
		return 1
	fi
}

frr_is_complete() { [ "$(bfd_sessions)" = "$bfd_ms $bfd_ms" ] && [ "$(kernel_paths)" = 2 ]; }

frr_tells() {
	vtysh_in gateway -c 'show bgp vrf conn-dc summary' -c 'show bgp vrf conn-dc ipv4 unicast' \
		-c 'show bfd vrf conn-dc peers brief' -c 'show ip route vrf conn-dc'
	in_ns gateway ip route show table 1001
}

# The detection's interval of every BFD session that is up, as negotiated.
bfd_sessions() {
	vtysh_in gateway -c 'show bfd vrf conn-dc peers json' |
		jq -r '[.[] | select(.status == "up") | .["transmit-interval"]] | join(" ")'
}

frr_bfd_method_paths() { kernel_paths; }

frr_bfd_method_down() {
	frr_down gateway || return 1
	frr_down dc-gateway || return 1
	kernel_gateway_down
}

# ---- measuring -----------------------------------------------------------------------------------------------------------

sends_through() # METHOD COUNT
{
	[ "$("$1_method_paths")" = "$2" ]
}

quiet_seconds_lose_nothing() # RATE
{
	stream_start steady vpc dc 10.50.0.2 "$port" --flows "$flows" --from-port 28000 --rate "$1" --seconds 10
	if ! stream_finish steady >/dev/null; then
		process_stop stream-steady-send KILL || true
		process_stop stream-steady-recv KILL || true
		return 1
	fi
	jq -e '.lost == 0 and .received > 0' "$ground_output/stream-steady.json" >/dev/null
}

# The highest of the rates, not above LIMIT, that is carried without loss.
steady_rate() # LIMIT
{
	local try
	for try in "${rates[@]}"; do
		[ "$try" -le "$1" ] || continue
		if quiet_seconds_lose_nothing "$try"; then
			printf '%d\n' "$try"
			return 0
		fi
	done
	complain "not even ${rates[-1]} packets/s are carried without loss"
	return 1
}

arrived() { udp_received dc; }

# Packets that came to dc-gateway and found no SA.
lost_at_peer() { in_ns dc-gateway awk '$1 == "XfrmInNoStates" { print $2 }' /proc/net/xfrm_stat; }

# One deletion under the stream: from two paths to one, and a second more.
deletion() # METHOD RATE ROUND
{
	local name=$1-$3 so_far at_peer
	wait_for 90 "$1 sends through both tunnels" sends_through "$1" 2
	stream_start "$name" vpc dc 10.50.0.2 "$port" --flows "$flows" --from-port 28000 --rate "$2" --seconds 900
	wait_for 60 "the stream flows" stream_delivered "$name" $((2 * $2))
	at_peer=$(lost_at_peer)
	swanctl_in dc-gateway --terminate --child t0 --timeout 30 >/dev/null
	wait_for 60 "$1 sends through one tunnel" sends_through "$1" 1
	so_far=$(arrived)
	wait_for 60 "the stream goes on" eval "[ \$(arrived) -ge $((so_far + $2)) ]"
	stream_stop "$name" >/dev/null
	jq -c --arg method "${1//_/-}" --argjson rate "$2" --argjson lost_at_peer $(($(lost_at_peer) - at_peer)) \
		'{$method, $rate, sent, lost, $lost_at_peer, gap_ms: .longest_flow_gap_ms, overload}' \
		"$ground_output/stream-$name.json" | tee -a "$results"
	tunnel_up t0
}

method_measured() # METHOD RATE
{
	local round
	"$1_method_up"
	for ((round = 1; round <= rounds; round++)); do
		deletion "$1" "$2" "$round"
	done
	"$1_method_down"
}

rate_found() {
	local rate method
	rate=${rates[0]}
	for method in espalier updown; do
		"${method}_method_up"
		wait_for 90 "$method sends through both tunnels" sends_through "$method" 2
		rate=$(steady_rate "$rate")
		say "# $method: $rate packets/s without loss in 10 s"
		"${method}_method_down"
	done
	printf '%d\n' "$rate" >"$ground_output/rate"
}

# The median round of each method; lost and gap_ms of all rounds beside it.
written() {
	jq -s '
		def median: sort | .[length / 2 | floor];
		group_by(.method) | map({
			method: .[0].method, rate: .[0].rate, rounds: length, sent: (map(.sent) | median),
			lost: (map(.lost) | median), lost_at_peer: (map(.lost_at_peer) | median), gap_ms: (map(.gap_ms) | median),
			lost_all: map(.lost), gap_ms_all: map(.gap_ms), overload_all: map(.overload)
		}) | sort_by(.lost)' "$results" >"$ground_output/loss.json"
	jq -e 'length == 3' "$ground_output/loss.json" >/dev/null
}

topology_up
strongswan_up gateway
strongswan_up dc-gateway
espalier_yaml 'damping: off' >"$espalier_config"
rm -f "$results" "$ground_output/loss.json"
claim "a rate that both kinds of gateway carry for 10 s without loss" rate_found
[ "$claims_failed" = 0 ] || exit 1
rate=$(cat "$ground_output/rate")
claim "espalier: $rounds CHILD_SAs deleted at $rate packets/s" method_measured espalier "$rate"
claim "updown script: the same" method_measured updown "$rate"
claim "FRR and BFD $bfd_ms ms × 3: the same" method_measured frr_bfd "$rate"
claim "the results are written" written
claims_summary
