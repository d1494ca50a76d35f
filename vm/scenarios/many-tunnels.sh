#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# 500 tunnels on one gateway, their SAs set by hand as an IKE daemon would. 50 of them rekey, fall and return again and
# again; the others must not notice, and espalierd must end with what the kernel's own dump says. Tunnels 1 and 2, of
# connection c1, have a peer and carry a stream; the peers of the others do not exist.

set -euo pipefail
scenarios=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=vm/scenarios/lib.sh
. "$scenarios/lib.sh"
# shellcheck source=vm/scenarios/espalier.sh
. "$scenarios/espalier.sh"
# shellcheck source=vm/scenarios/kernel-sas.sh
. "$scenarios/kernel-sas.sh"

tunnels=500 cycling=50 rounds=12 first_if_id=1000
espalier_start_limit=900 # emulated, and on a busy host

finish() {
	espalier_down KILL >/dev/null 2>&1 || true
	topology_down
}
trap finish EXIT

# ---- 500 tunnels ------------------------------------------------------------------------------------------------------

# Tunnel n has if_id 1000 + n and goes to PEER(n); two of them make a connection.
awk_tunnels='
	function if_id(n) { return sprintf("0x%x", first + n) }
	function ours(n) { return n % 2 ? "192.0.2.1" : "192.0.2.3" }
	function peer(n) { return n == 1 ? "192.0.2.2" : n == 2 ? "192.0.2.4" : sprintf("198.18.%d.%d", n / 250, n % 250 + 1) }
	function spi(n, way, generation) { return sprintf("0x%x", (way == "in" ? 1 : 2) * 16777216 + generation * 4096 + n) }
	function sa(verb, n, way, generation) {
		return "xfrm state " verb " src " (way == "in" ? peer(n) : ours(n)) " dst " (way == "in" ? ours(n) : peer(n)) \
			" proto esp spi " spi(n, way, generation) \
			(verb == "add" ? " " parameters " dir " way " if_id " if_id(n) : "")
	}
	function policy(n, generation) {
		return "xfrm policy update dst 10.0.0.0/8 dir out if_id " if_id(n) " tmpl src " ours(n) " dst " peer(n) \
			" proto esp spi " spi(n, "out", generation) " reqid 1 mode tunnel"
	}'

with_tunnels() # AWK_PROGRAM
{
	awk -v first="$first_if_id" -v tunnels="$tunnels" -v cycling="$cycling" -v rounds="$rounds" \
		-v parameters="$sa_parameters" "$awk_tunnels BEGIN { $1 }"
}

many_yaml() {
	with_tunnels '
		print "gateway: { damping: off }" # what the kernel says is to show at once
		printf "transit_router:\n  tables:\n    main: { learn: [vpc-a"
		for (c = 1; c <= tunnels / 2; c++) printf ", c%d", c
		print "] }\nattachments:"
		print "  vpc-a: { type: vpc, device: eth1, cidrs: [10.1.0.0/24], association: main }"
		for (c = 1; c <= tunnels / 2; c++) printf "  c%d: { type: vpn, connection: c%d, association: main }\n", c, c
		print "customer_gateways:"
		for (c = 1; c <= tunnels / 2; c++) printf "  c%d: { addresses: [%s, %s] }\n", c, peer(2 * c - 1), peer(2 * c)
		print "connections:"
		for (c = 1; c <= tunnels / 2; c++) {
			printf "  c%d:\n    customer_gateway: c%d\n    routes: [10.50.%d.0/24]\n    tunnels:\n", c, c, c - 1
			for (n = 2 * c - 1; n <= 2 * c; n++)
				printf "      - { name: t%d, if_id: %d, local_address: %s, remote_address: %s }\n", \
					n, first + n, ours(n), peer(n)
		}'
}

all_up() {
	with_tunnels 'for (n = 1; n <= tunnels; n++) { print sa("add", n, "in", 0); print sa("add", n, "out", 0); print policy(n, 0) }' |
		ip_batch gateway
}

# The other end of tunnels 1 and 2.
peer_up() {
	local i spi=0x2000001
	for i in 0 1; do
		printf 'xfrm state add src 192.0.2.%d dst 192.0.2.%d proto esp spi 0x%x %s dir in if_id %d\n' \
			$((2 * i + 1)) $((2 * i + 2)) $((spi + i)) "$sa_parameters" "${ground_if_ids_dc[i]}"
		printf 'xfrm policy add dst 10.50.0.0/16 dir fwd if_id %d tmpl src 192.0.2.%d dst 192.0.2.%d proto esp reqid 1 mode tunnel\n' \
			"${ground_if_ids_dc[i]}" $((2 * i + 1)) $((2 * i + 2))
	done | ip_batch dc-gateway
}

# Tunnels 451 to 500: two rekeys, then a fall and a return, each time a third of them; at the end a third stays down.
cycle() {
	with_tunnels '
		for (n = tunnels - cycling + 1; n <= tunnels; n++) generation[n] = 0
		for (round = 1; round <= rounds; round++)
			for (n = tunnels - cycling + 1; n <= tunnels; n++) {
				old = generation[n]
				new = ++generation[n]
				if ((n + round) % 3) {
					print sa("add", n, "in", new); print sa("add", n, "out", new); print policy(n, new)
					print sa("delete", n, "out", old); print sa("delete", n, "in", old)
				} else {
					print sa("delete", n, "out", old); print sa("delete", n, "in", old)
					if (round == rounds) continue
					print sa("add", n, "in", new); print sa("add", n, "out", new); print policy(n, new)
				}
			}' | ip_batch gateway
}

# As of the last look.
flaps_of() # jq CONDITION on a tunnel
{
	jq "[.[] | select($1) | .flaps] | add" "$ground_output/shown.json"
}

# ---- claims -----------------------------------------------------------------------------------------------------------

seconds_since() # EPOCHREALTIME
{
	local took=$((${EPOCHREALTIME/[.,]/} - ${1/[.,]/}))
	printf '%d.%d\n' $((took / 1000000)) $((took / 100000 % 10))
}

they_start() {
	local began=$EPOCHREALTIME
	espalier_up
	say "# start-up with $tunnels tunnels, the first: $(seconds_since "$began") s"
	espalier_shows "length == $tunnels" show tunnels
	[ "$(in_ns gateway ip -o link show type xfrm | wc -l)" = "$tunnels" ]
}

they_come_up() {
	local began=$EPOCHREALTIME
	all_up
	peer_up
	wait_for 300 "all tunnels are up" espalier_shows "all(.[]; .up)" show tunnels
	say "# $((2 * tunnels)) SAs and $tunnels policies: set and seen after $(seconds_since "$began") s"
	same_as_the_kernel 300
}

they_are_found_again() {
	local began
	espalier_down KILL
	began=$EPOCHREALTIME
	espalier_up
	say "# start-up with $tunnels tunnels, after kill -9: $(seconds_since "$began") s"
	espalier_shows "all(.[]; .up)" show tunnels
	same_as_the_kernel 300
}

some_cycle_under_traffic() {
	local others="(.if_id <= $((first_if_id + tunnels - cycling)))" began
	stream_start many vpc dc 10.50.0.2 7300 --flows 32 --from-port 27000 --rate "$rate" --seconds 900
	wait_for 30 "the stream flows" stream_delivered many 100
	began=$EPOCHREALTIME
	cycle
	say "# $((cycling * rounds)) rekeys and falls in $(seconds_since "$began") s"
	same_as_the_kernel 300
	say "# followed after $(seconds_since "$began") s"
	stream_stop many >/dev/null
	say "#   $(jq -c '{sent, lost, reordered, overload, longest_gap_ms}' "$ground_output/stream-many.json")"
	[ "$(flaps_of "$others")" = 0 ]
	[ "$(flaps_of "$others | not")" -gt 0 ]
	[ "$(espalier_says_up | wc -l)" -lt "$tunnels" ]
	stream_lost_nothing many
	stream_holds many '.reordered == 0'
}

topology_up
many_yaml >"$espalier_config"
claim "$tunnels tunnels: espalierd starts and makes their devices" they_start
claim "their SAs are set, and all are up" they_come_up
rate=$(quiet_rate)
claim "killed with -9 and started again: all are up as they were" they_are_found_again
claim "$cycling cycle: no flap of the others, no packet of theirs lost, the end is the kernel's dump" sealed many 500 some_cycle_under_traffic
claims_summary
