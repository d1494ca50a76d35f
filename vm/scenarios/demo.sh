#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The demonstration: what a gateway is for, shown with real packets through real ESP tunnels, and proven by a capture on
# the underlay. Ends with one table; exit status 0 only if each claim held. Figures go to $ESPALIER_OUTPUT/summary.json.

set -euo pipefail
scenarios=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=vm/scenarios/lib.sh
. "$scenarios/lib.sh"
# shellcheck source=vm/scenarios/espalier.sh
. "$scenarios/espalier.sh"
# shellcheck source=vm/scenarios/frr.sh
. "$scenarios/frr.sh"
# shellcheck source=vm/scenarios/customers.sh
. "$scenarios/customers.sh"
# shellcheck source=vm/scenarios/bgp-ground.sh
. "$scenarios/bgp-ground.sh"

flows=64 rate=1000 stream_seconds=10
figures=$ground_output/figures
rm -rf "$figures"
mkdir -p "$figures"
began=$SECONDS
table=()

# ---- the screen -----------------------------------------------------------------------------------------------------

heading() { printf '\n\033[1m== %s\033[0m\n' "$*"; }

# Shows a command and what it prints.
show() {
	printf '\033[2m$ %s\033[0m\n' "$*"
	"$@"
}

# What the routing daemon is asked for, too.
show_beside() # bgp|advertised [CONNECTION]
{
	printf '\033[2m$ espalier show %s\033[0m\n' "$*"
	in_home gateway "$espalier_build/espalier" --socket "$espalier_socket" show "$@"
}

# Keeps a figure, a JSON value, for the table and for summary.json.
figure() { printf '%s\n' "$2" >"$figures/$1"; }
figure_of() { cat "$figures/$1" 2>/dev/null || echo null; }

# A claim of the table: its name, what is claimed, the check, and (after the check has run) how to print its figure.
demonstrate() # NAME DESCRIPTION FIGURE_COMMAND CHECK…
{
	local name=$1 description=$2 print=$3 failed=$claims_failed held=true
	shift 3
	claim "$description" "$@"
	[ "$claims_failed" = "$failed" ] || held=false
	table+=("$held|$description|$($print)")
	jq -n --arg name "$name" --arg claim "$description" --argjson held "$held" '$ARGS.named' >>"$figures/claims.jsonl"
}

bar() # COUNT TOTAL
{
	local width=$(($2 > 0 ? $1 * 40 / $2 : 0))
	printf '%*s' "$width" '' | tr ' ' '#'
}

# ---- the claims -----------------------------------------------------------------------------------------------------

both_tunnels_reach_phase_2() {
	local from=${EPOCHREALTIME/[.,]/}
	tunnel_up t0
	tunnel_up t1
	wait_for 10 "espalierd sees both tunnels up" espalier_sees_up t0 t1
	figure phase2_s "$((${EPOCHREALTIME/[.,]/} - from))e-6"
}
print_phase2() { printf '2 of 2, %.1f s' "$(figure_of phase2_s)"; }

routes_appear_with_phase_2() {
	wait_for 5 "routes of dc-1 are active" espalier_shows \
		'[.[] | select(.table == "main" and .attachment == "dc-1" and .state == "active")] | length == 2' show routes
	figure routes "$(espalier -j show routes --table main | jq '[.[] | select(.state == "active")] | length')"
}
print_routes() { printf '%s active' "$(figure_of routes)"; }

pings_are_answered_both_ways() {
	ping_all vpc 10.50.0.2 5
	ping_all dc 10.1.0.2 5
	ping_all vpc fd00:50::2 5
	ping_all dc fd00:1::2 5
	figure pings 20
}
print_pings() { printf '%s of 20' "$(figure_of pings)"; }

tcp_gets_through() {
	process_start iperf3 dc iperf3 --server --one-off
	wait_for 20 "iperf3 listens" prints :5201 in_ns dc ss -ltn
	in_ns vpc iperf3 --client 10.50.0.2 --time 5 --json >"$ground_output/iperf3.json"
	process_stop iperf3 || true
	figure iperf3_mbit_s "$(jq '.end.sum_received.bits_per_second / 1e6 * 10 | round / 10' "$ground_output/iperf3.json")"
	jq -e '.end.sum_received.bytes > 100000' "$ground_output/iperf3.json" >/dev/null
}
print_iperf3() { printf '%s Mbit/s (emulated CPU)' "$(figure_of iperf3_mbit_s)"; }

flows_spread_over_both_tunnels() {
	local before0 before1 after0 after1 sum
	before0=$(espalier_carried t0 out) before1=$(espalier_carried t1 out)
	stream_start spread vpc dc 10.50.0.2 7000 --flows "$flows" --from-port 20000 --rate "$rate" --seconds 3
	stream_finish spread >/dev/null
	after0=$(($(espalier_carried t0 out) - before0)) after1=$(($(espalier_carried t1 out) - before1))
	sum=$((after0 + after1))
	printf '   dc-1-1 %6d packets %3d %% %s\n' "$after0" $((after0 * 100 / sum)) "$(bar "$after0" "$sum")"
	printf '   dc-1-2 %6d packets %3d %% %s\n' "$after1" $((after1 * 100 / sum)) "$(bar "$after1" "$sum")"
	figure share "{\"dc-1-1\": $after0, \"dc-1-2\": $after1}"
	stream_lost_nothing spread
	# 64 flows over two equal tunnels: fewer than a quarter of them on one is a once in 40,000 draws affair.
	[ $((after0 * 4)) -gt "$sum" ] && [ $((after1 * 4)) -gt "$sum" ]
}
print_share() { jq -r '"\(.["dc-1-1"]) and \(.["dc-1-2"]) packets"' "$figures/share" 2>/dev/null || true; }

only_esp_and_ike_passed() {
	capture_stop underlay
	capture_assert_sealed "$(capture_file underlay)" 2000
	figure sealed "{\"esp\": $(capture_esp "$(capture_file underlay)" all), \"plaintext\": 0}"
}
print_sealed() { jq -r '"\(.esp) ESP packets, \(.plaintext) in plaintext"' "$figures/sealed" 2>/dev/null || true; }

explain_names_the_tunnel() {
	show espalier explain --in vpc-a 10.1.0.2 10.50.0.2 udp 20000 7000
	espalier_shows '.verdict == "tunnel" and .matched == "10.50.0.0/16" and .table == "main"' \
		explain --in vpc-a 10.1.0.2 10.50.0.2 udp 20000 7000
	figure explained "\"$(espalier_path 10.1.0.2 10.50.0.2 20000 7000)\""
}
print_explained() { jq -r . "$figures/explained" 2>/dev/null || true; }

flow_paths() { espalier_paths 10.1.0.2 10.50.0.2 21000 "$flows" 7001; } # the tunnel of each flow of the stream

losing_a_tunnel_moves_only_its_flows() {
	local before
	before=$(gateway_losses)
	flow_paths >"$figures/paths.before"
	stream_start failover vpc dc 10.50.0.2 7001 --flows "$flows" --from-port 21000 --rate "$rate" --seconds "$stream_seconds"
	wait_for 30 "the stream flows" stream_delivered failover 1000
	tunnel_terminate t0
	wait_for 10 "espalierd sees t0 down" espalier_sees_down t0
	flow_paths >"$figures/paths.after"
	stream_finish failover >/dev/null
	figure failover "$(jq --argjson here $(($(gateway_losses) - before)) \
		'{sent, lost, lost_at_gateway: $here, longest_gap_ms: .longest_flow_gap_ms}' "$ground_output/stream-failover.json")"
	figure moved "$(paste "$figures/paths.before" "$figures/paths.after" | awk '
		$1 == "dc-1-1" { lost++; if ($2 == "dc-1-2") moved++ }
		$1 == "dc-1-2" { other++; if ($2 == "dc-1-2") stayed++ }
		END { printf "{\"on_lost\": %d, \"moved\": %d, \"on_other\": %d, \"stayed\": %d}", lost, moved, other, stayed }')"
	jq -e '.on_lost > 0 and .moved == .on_lost' "$figures/moved" >/dev/null
	# The peer deletes its SAs first, and what is on its way to it is lost; then, here, what leaves between the kernel's
	# message and our write. Both take as long as the emulated processors take; a second of the stream is the most allowed.
	jq -e --argjson rate "$rate" '.sent > 5 * $rate and .lost < $rate' "$figures/failover" >/dev/null
}
print_failover() { jq -r '"\(.lost) of \(.sent) packets lost (\(.lost_at_gateway) here)"' "$figures/failover" 2>/dev/null || true; }
print_moved() { jq -r '"\(.moved) of \(.on_lost) moved, \(.stayed) of \(.on_other) stayed"' "$figures/moved" 2>/dev/null || true; }

others_stayed_on_their_tunnel() { jq -e '.on_other > 0 and .stayed == .on_other' "$figures/moved" >/dev/null; }

tunnel_comes_back() {
	tunnel_up t0
	wait_for 10 "espalierd sees t0 up" espalier_sees_up t0
	flow_paths >"$figures/paths.back"
	figure back "$(grep -c '^dc-1-1$' "$figures/paths.back" || true)"
	diff "$figures/paths.before" "$figures/paths.back" >"$figures/paths.diff" || true
	[ "$(figure_of back)" -gt 0 ]
	ping_all vpc 10.50.0.2 3
}
print_back() { printf '%s of %s flows' "$(figure_of back)" "$flows"; }

nothing_leaves_without_a_tunnel() {
	local esp
	capture_start closed dc-gateway eth0
	tunnel_terminate t0
	tunnel_terminate t1
	wait_for 10 "espalierd sees both down" espalier_sees_down t0 t1
	wait_for 10 "the routes are withdrawn" espalier_shows \
		'[.[] | select(.table == "main" and .attachment == "dc-1" and .state == "withdrawn")] | length == 2' show routes
	stream_start closed vpc dc 10.50.0.2 7002 --flows "$flows" --from-port 22000 --rate "$rate" --seconds 2
	ping_none vpc 10.50.0.2 3
	ping_none vpc fd00:50::2 3
	stream_finish closed >/dev/null
	capture_stop closed
	stream_holds closed '.sent > 1000 and .unique == 0'
	capture_assert_sealed "$(capture_file closed)"
	esp=$(capture_esp "$(capture_file closed)" all)
	figure closed "{\"sent\": $(jq .sent "$ground_output/stream-closed.json"), \"plaintext\": 0, \"esp\": $esp}"
}
print_closed() { jq -r '"\(.plaintext) of \(.sent) packets left"' "$figures/closed" 2>/dev/null || true; }

# ---- the second act: the same connection over BGP -----------------------------------------------------------------------

demo_bgp_yaml() {
	printf 'gateway: { secrets: %s }\n' "$ground_secrets"
	espalier_yaml | sed -e 's/connection: dc-1, association: main/&, synchronize: true/' \
		-e 's/^    routes: .*/    bgp: { bfd: { interval: 1s, multiplier: 4 } }/' \
		-e 's/bgp_address: 169.254.10.1/&, psk: dc-1-1/' -e 's/bgp_address: 169.254.11.1/&, psk: dc-1-2/'
}

# Both ends' strongSwan and FRR, from what is rendered; the customer's own devices and routes of the first act go.
both_ends_are_rendered() {
	local from=${EPOCHREALTIME/[.,]/}
	dc_paths
	in_ns dc-gateway ip link del t0
	in_ns dc-gateway ip link del t1
	customer_up dc-gateway dc-1 10.50.0.0/16 fd00:50::/48
	frr_up dc-gateway
	bgp_gateway_up
	wait_for 60 "both tunnels are up" espalier_sees_up t0 t1
	wait_for 60 "a session over tunnel 1" frr_session gateway vrf1001 169.254.10.2
	wait_for 60 "a session over tunnel 2" frr_session gateway vrf1001 169.254.11.2
	figure sessions_s "$((${EPOCHREALTIME/[.,]/} - from))e-6"
}
print_sessions() { printf '2 of 2, %.1f s after the files' "$(figure_of sessions_s)"; }

both_families_are_learned() {
	local prefix
	for prefix in 10.50.0.0/16 fd00:50::/48; do
		wait_for 30 "$prefix is learned over both" learned_over_is dc-1 "$prefix" "dc-1-1 dc-1-2"
		route_is main "$prefix" dc-1 active
	done
	figure learned "$(learned_by dc-1 | wc -l)"
}
print_learned() { printf '%s prefixes over 2 tunnels' "$(figure_of learned)"; }

vpc_is_announced() {
	wait_for 30 "the data centre has 10.1.0.0/24" customer_has dc-gateway 10.1.0.0/24
	wait_for 30 "the data centre has fd00:1::/64" customer_has dc-gateway fd00:1::/64
	figure announced "$(in_home gateway "$espalier_build/espalier" --socket "$espalier_socket" -j show advertised dc-1 | jq length)"
}
print_announced() { printf '%s prefixes over 2 sessions' "$(figure_of announced)"; }

a_session_ends_under_traffic() {
	stream_start session vpc dc 10.50.0.2 7003 --flows "$flows" --from-port 23000 --rate $((rate / 2)) --seconds 900
	wait_for 30 "the stream flows" stream_delivered session 500
	vtysh_in dc-gateway -c "configure terminal" -c "router bgp 65001" -c "neighbor 169.254.10.1 shutdown"
	wait_for 30 "the route leads over tunnel 2 alone" learned_over_is dc-1 10.50.0.0/16 dc-1-2
	espalier_sees_up t0
	stream_stop session >/dev/null
	figure session "$(jq '{sent, lost}' "$ground_output/stream-session.json")"
	stream_lost_nothing session
}
print_session() { jq -r '"\(.lost) of \(.sent) packets lost"' "$figures/session" 2>/dev/null || true; }

only_esp_and_ike_passed_again() {
	capture_stop underlay-bgp
	capture_assert_sealed "$(capture_file underlay-bgp)" 200
	figure sealed_bgp "{\"esp\": $(capture_esp "$(capture_file underlay-bgp)" all), \"plaintext\": 0}"
}
print_sealed_bgp() { jq -r '"\(.esp) ESP packets, \(.plaintext) in plaintext"' "$figures/sealed_bgp" 2>/dev/null || true; }

# ---- the order of events ----------------------------------------------------------------------------------------------

finish() {
	espalier_down >/dev/null 2>&1 || true
	espalier_cleanup >/dev/null 2>&1 || true
	topology_down
}
trap finish EXIT

heading "The ground: namespaces vpc, gateway, dc-gateway, dc; kernel $(uname -r)"
topology_up
say "   vpc 10.1.0.2 ── eth1 gateway eth0 ══ underlay ══ eth0 dc-gateway eth1 ── dc 10.50.0.2"
strongswan_up gateway
strongswan_up dc-gateway
say "   strongSwan runs on both gateways; the underlay is being captured at the far end"
capture_start underlay dc-gateway eth0

heading "espalierd starts on this configuration"
espalier_yaml | tee "$espalier_config" | sed 's/^/   /'
espalier_up
show espalier show attachments

heading "1  Tunnels reach Phase 2"
demonstrate phase2 "both tunnels reach Phase 2 (IKEv2, AES-GCM)" print_phase2 both_tunnels_reach_phase_2
show espalier show tunnels

heading "2  Routes appear"
demonstrate routes "the routes to the data centre are propagated" print_routes routes_appear_with_phase_2
show espalier show routes --table main

heading "3  Ping both ways, IPv4 and IPv6"
demonstrate ping "ping is answered in both directions and families" print_pings pings_are_answered_both_ways

heading "4  TCP"
demonstrate tcp "a TCP stream gets through" print_iperf3 tcp_gets_through

heading "5  $flows UDP flows and the share each tunnel carried"
demonstrate spread "$flows flows use both tunnels, none is lost" print_share flows_spread_over_both_tunnels

heading "6  What passed the underlay"
demonstrate sealed "only ESP, IKE and address resolution passed" print_sealed only_esp_and_ike_passed

heading "7  Why a packet goes where it goes"
demonstrate explain "explain names the tunnel of a flow" print_explained explain_names_the_tunnel

heading "8  Tunnel 1's CHILD_SA is terminated under $rate packets/s"
demonstrate failover "a lost tunnel costs a moment, on its flows only" print_failover losing_a_tunnel_moves_only_its_flows
demonstrate stayed "the other flows stayed on their tunnel" print_moved others_stayed_on_their_tunnel

heading "9  Tunnel 1 is back"
demonstrate back "the returned tunnel carries flows again" print_back tunnel_comes_back

heading "10 Both tunnels down"
demonstrate closed "nothing leaves in plaintext" print_closed nothing_leaves_without_a_tunnel
show espalier show drops

heading "11 The same connection over BGP: applied while the gateway runs, both ends from \`espalier render\`"
secrets_make dc-1-1 dc-1-2
demo_bgp_yaml >"$ground_state/bgp.yaml"
diff "$espalier_config" "$ground_state/bgp.yaml" | sed 's/^/   /' || true
cp "$ground_state/bgp.yaml" "$espalier_config"
show espalier apply "$espalier_config"
# Before the capture: the last word to an IKE daemon that has ended is answered by ICMP, which is neither ESP nor IKE.
strongswan_stop gateway
strongswan_stop dc-gateway
capture_start underlay-bgp dc-gateway eth0
demonstrate sessions "two BGP sessions through the tunnels, IPv4 and IPv6" print_sessions both_ends_are_rendered
show_beside bgp

heading "12 Learned from the data centre"
demonstrate learned "the data centre's prefixes are learned, both families" print_learned both_families_are_learned
show_beside bgp dc-1

heading "13 Synchronized to the data centre"
demonstrate announced "the VPC's prefixes are announced to it" print_announced vpc_is_announced
show_beside advertised dc-1
demonstrate bgp_ping "ping is answered in both directions and families" print_pings pings_are_answered_both_ways

heading "14 The session over tunnel 1 ends, its tunnel does not"
demonstrate session "a lost session takes its routes, not a packet" print_session a_session_ends_under_traffic
show espalier show routes --table main exact 10.50.0.0/16
demonstrate sealed_bgp "BGP and BFD passed inside ESP alone" print_sealed_bgp only_esp_and_ike_passed_again

# ---- the table --------------------------------------------------------------------------------------------------------

heading "Result"
for row in "${table[@]}"; do
	IFS='|' read -r held description figure <<<"$row"
	if [ "$held" = true ]; then mark='held  '; else mark='FAILED'; fi
	printf '   %s  %-52s %s\n' "$mark" "$description" "$figure"
done
jq -n --slurpfile claims "$figures/claims.jsonl" --arg kernel "$(uname -r)" --argjson seconds $((SECONDS - began)) \
	--argjson phase2_s "$(figure_of phase2_s)" --argjson routes "$(figure_of routes)" \
	--argjson iperf3_mbit_s "$(figure_of iperf3_mbit_s)" --argjson share "$(figure_of share)" \
	--argjson sealed "$(figure_of sealed)" --argjson failover "$(figure_of failover)" \
	--argjson moved "$(figure_of moved)" --argjson back "$(figure_of back)" --argjson closed "$(figure_of closed)" \
	--argjson sessions_s "$(figure_of sessions_s)" --argjson learned "$(figure_of learned)" \
	--argjson announced "$(figure_of announced)" --argjson session "$(figure_of session)" --argjson sealed_bgp "$(figure_of sealed_bgp)" \
	'{held: ($claims | all(.held)), claims: $claims, kernel: $kernel, seconds: $seconds, flows: '"$flows"',
	  stream_packets_per_second: '"$rate"', phase2_s: $phase2_s, routes: $routes, iperf3_mbit_s: $iperf3_mbit_s,
	  share: $share, sealed: $sealed, failover: $failover, moved: $moved, flows_back: $back, closed: $closed,
	  bgp: {sessions_s: $sessions_s, learned: $learned, announced: $announced, session_lost: $session, sealed: $sealed_bgp}}' \
	>"$ground_output/summary.json"
say
claims_summary
