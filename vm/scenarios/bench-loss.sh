#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What a deleted CHILD_SA costs: packets lost, and how long a flow was silent. The peer deletes it (`swanctl --terminate
# --child t0` at dc-gateway), so that what is lost is lost to what the gateway does. The same tunnels and the same stream
# under
#
#   espalier   espalierd and its programs
#   updown     kernel multipath routes, replaced by charon's updown script (updown.sh)
#   frr-bfd    kernel multipath routes of FRR, eBGP over each tunnel, BFD 300 ms × 3
#
# in one boot, at one rate: the highest at which each of them loses nothing in 10 quiet seconds. A method that does not carry
# what the one before it did lowers the rate, and then all are measured again. Writes loss.json.

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

rounds=${ESPALIER_ROUNDS:-5} bfd_ms=300 flows=16 port=7400
rates=(100 250 500 1000 2000 4000)
methods=(frr_bfd espalier updown) # the last one needs other tunnels
results=$ground_output/loss.jsonl rate_file=$ground_output/rate

finish() {
	espalier_down KILL >/dev/null 2>&1 || true
	topology_down
}
trap finish EXIT

# ---- the three gateways: up, down, and the tunnels that they send through ------------------------------------------------

# Negotiated without the updown script, which would write routes for the others, too.
plain_tunnels_up() {
	if [ -e "$ground_state/updown-script" ]; then
		swanctl_change gateway || return 1
		tunnels_anew || return 1
		rm "$ground_state/updown-script"
	fi
	tunnel_up t0 || return 1
	tunnel_up t1
}

espalier_method_up() {
	espalier_up || return 1
	plain_tunnels_up
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
	touch "$ground_state/updown-script"
	# The script hears only of what is negotiated from now on.
	tunnels_anew
}

kernel_paths() { in_ns gateway ip route show table 1001 10.50.0.0/16 | grep -o 'dev x[01]' | wc -l; }

updown_method_paths() { kernel_paths; }

updown_method_down() { kernel_gateway_down; }

frr_conf() # OWN_ASN PEER_ASN OWN_HOST PEER_HOST [VRF]
{
	local n
	printf 'bfd\n profile tunnel\n  detect-multiplier 3\n  receive-interval %d\n  transmit-interval %d\n exit\nexit\n' \
		"$bfd_ms" "$bfd_ms"
	printf 'router bgp %d%s\n no bgp ebgp-requires-policy\n no bgp network import-check\n' "$1" "${5:+ vrf $5}"
	# From link-local addresses FRR takes no identifier, and without one no session begins.
	printf ' bgp router-id 192.0.2.%d\n' "$3"
	for n in 10 11; do
		printf ' neighbor 169.254.%d.%d remote-as %d\n' "$n" "$4" "$2"
		printf ' neighbor 169.254.%d.%d timers connect 1\n' "$n" "$4"
		printf ' neighbor 169.254.%d.%d bfd profile tunnel\n' "$n" "$4"
	done
	printf ' address-family ipv4 unicast\n  maximum-paths 8\n'
	[ -n "${5:-}" ] || printf '  network 10.50.0.0/16\n'
	printf ' exit-address-family\n'
}

frr_bfd_method_up() {
	local ns
	kernel_gateway_up || return 1
	kernel_gateway_paths || return 1
	plain_tunnels_up || return 1
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

# In so many seconds nothing is lost, and the sender keeps to its rate.
carried() # RATE SECONDS
{
	stream_start steady vpc dc 10.50.0.2 "$port" --flows "$flows" --from-port 28000 --rate "$1" --seconds 900 || return 1
	sleep "$2"
	stream_stop steady >/dev/null || return 1
	jq -e --argjson rate "$1" '.received > 0 and .lost == 0 and .sent >= 0.95 * $rate * .receiving_ms / 1000' \
		"$ground_output/stream-steady.json" >/dev/null
}

# Where the search begins: short trials, up to the first rate that is too high.
first_rate() {
	local try best=${rates[0]}
	for try in "${rates[@]}"; do
		carried "$try" 2 || break
		best=$try
	done
	printf '%d\n' "$best" >"$rate_file"
}

# Ten quiet seconds at the rate so far, or at the next lower one that is carried.
steady_rate() {
	local i limit
	[ -e "$rate_file" ] || first_rate
	limit=$(cat "$rate_file")
	for ((i = ${#rates[@]} - 1; i >= 0; i--)); do
		[ "${rates[i]}" -le "$limit" ] || continue
		if carried "${rates[i]}" 10; then
			printf '%d\n' "${rates[i]}" >"$rate_file"
			return 0
		fi
	done
	complain "not even ${rates[0]} packets/s are carried without loss for 10 s: $(jq -c 'del(.by_flow)' "$ground_output/stream-steady.json")"
	return 1
}

# Packets that came to dc-gateway and found no SA.
lost_at_peer() { in_ns dc-gateway awk '$1 == "XfrmInNoStates" { print $2 }' /proc/net/xfrm_stat; }

# One deletion under the stream: from two paths to one. Nothing is asked before it should be over, for under emulation asking
# takes a processor from what is measured.
deletion() # METHOD RATE ROUND
{
	local name=$1-$3 at_peer
	wait_for 90 "$1 sends through both tunnels" sends_through "$1" 2
	stream_start "$name" vpc dc 10.50.0.2 "$port" --flows "$flows" --from-port 28000 --rate "$2" --seconds 900
	wait_for 60 "the stream flows" stream_delivered "$name" "$2"
	at_peer=$(lost_at_peer)
	swanctl_in dc-gateway --terminate --child t0 --timeout 30 >/dev/null
	sleep 2
	wait_for 60 "$1 sends through one tunnel" sends_through "$1" 1
	sleep 1
	stream_stop "$name" >/dev/null
	jq -c --arg method "${1//_/-}" --argjson rate "$2" --argjson lost_at_peer $(($(lost_at_peer) - at_peer)) \
		'{$method, $rate, sent, lost, $lost_at_peer, gap_ms: .longest_flow_gap_ms, overload}' \
		"$ground_output/stream-$name.json" | tee -a "$results"
	tunnel_up t0
}

method_measured() # METHOD
{
	local round rate
	"$1_method_up"
	wait_for 90 "$1 sends through both tunnels" sends_through "$1" 2
	steady_rate
	rate=$(cat "$rate_file")
	say "# $1: $rate packets/s"
	for ((round = 1; round <= rounds; round++)); do
		deletion "$1" "$rate" "$round"
	done
	"$1_method_down"
}

all_at_one_rate() {
	jq -se 'map(.rate) | unique | length == 1' "$results" >/dev/null
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
	all_at_one_rate
}

topology_up
strongswan_up gateway
strongswan_up dc-gateway
espalier_yaml 'damping: off' >"$espalier_config"
rm -f "$results" "$rate_file" "$ground_output/loss.json"
for attempt in 1 2 3; do
	rm -f "$results"
	for method in "${methods[@]}"; do
		claim "${method//_/-}, $attempt: $rounds CHILD_SAs deleted" method_measured "$method"
		[ "$claims_failed" = 0 ] || exit 1
	done
	! all_at_one_rate || break
done
claim "all were measured at one rate, and the results are written" written
claims_summary
