#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Several cores, with real ESP and two processors: flows of the VPC's device and ESP of the underlay are handed to both.
#
#   cores.sh         through tunnels that strongSwan negotiates, nothing is reordered, and each tunnel has a CPU
#   cores.sh rates   packets per second by one CPU and by two, for tests/bench/cores.py, which leaves the frames to be sent
#                    in $ground_output: out.pcap (from the VPC), in.pcap (from the data centre, not yet encrypted)
#
# rates: SAs by hand without a window against replays. What the data centre sends is encrypted once, captured and sent again
# by tests/bench/replay on CPU 0, which gives way to everything else; so the time is that of the packets' whole way. One line
# of cores.jsonl for each run: {direction, bytes, cpus, pps, lost}. ESPALIER_ROUNDS, ESPALIER_PACKETS.

set -euo pipefail
scenarios=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=vm/scenarios/lib.sh
. "$scenarios/lib.sh"
# shellcheck source=vm/scenarios/espalier.sh
. "$scenarios/espalier.sh"

rounds=${ESPALIER_ROUNDS:-5} packets=${ESPALIER_PACKETS:-20000}
results=$ground_output/cores.jsonl
sink=10.2.0.2 # behind a device that swallows what is sent to it

finish() {
	espalier_down KILL >/dev/null 2>&1 || true
	espalier_cleanup >/dev/null 2>&1 || true
	topology_down
}
trap finish EXIT

# veth has no place for tags and checksums beside a frame that goes to another CPU: who sends puts them in.
senders_do_it_all() {
	in_ns vpc ethtool -K eth0 tx off txvlan off >/dev/null || return 1
	in_ns dc-gateway ethtool -K eth0 tx off txvlan off >/dev/null
}

cores_yaml() # CPUS|off
{
	local underlays=''
	[ "$1" = off ] || underlays=", underlays: { eth0: { cpus: $1 } }"
	cat <<TEXT
gateway: { damping: off$underlays }
transit_router:
  tables:
    main: { learn: [vpc-a, vpc-b, dc-1] }
attachments:
  vpc-a: { type: vpc, device: eth1, cidrs: [10.1.0.0/24, "fd00:1::/64"], association: main, xdp: native, cpus: $1 }
  vpc-b: { type: vpc, device: eth2, cidrs: [10.2.0.0/24], association: main, xdp: off }
  dc-1:  { type: vpn, connection: dc-1, association: main }
customer_gateways:
  dc-1: { addresses: [192.0.2.2, 192.0.2.4] }
connections:
  dc-1:
    customer_gateway: dc-1
    routes: [10.50.0.0/16, "fd00:50::/48"]
    tunnels:
      - { name: dc-1-1, if_id: 101, local_address: 192.0.2.1, remote_address: 192.0.2.2 }
      - { name: dc-1-2, if_id: 102, local_address: 192.0.2.3, remote_address: 192.0.2.4 }
TEXT
}

ground_up() {
	topology_up
	ip_batch gateway <<TEXT
link add eth2 type dummy
link set eth2 arp on up
address add 10.2.0.1/24 dev eth2
neigh add $sink lladdr 02:00:00:00:02:02 nud permanent dev eth2
TEXT
	in_ns gateway ethtool -K eth0 gro on
	senders_do_it_all
}

# By CPU: what it has handled of a device's packets.
handled() # DEVICE
{
	espalier -j show cpus | jq -c ".[] | select(.device == \"$1\") | [.cpus[].handled.packets]"
}

both_cpus_handled() # DEVICE AT_LEAST
{
	espalier_shows ".[] | select(.device == \"$1\") | .why == null and (.cpus | length == 2 and all(.handled.packets >= $2 and .lost == 0))" \
		show cpus && return 0
	complain "$1: $(espalier -j show cpus)"
	return 1
}

# ---- through strongSwan's tunnels --------------------------------------------------------------------------------------

spread_is_on() {
	cores_yaml '[0, 1]' >"$espalier_config"
	espalier_up
	espalier_shows 'length == 2 and all(.why == null)' show cpus
}

tunnels_have_a_cpu_each() {
	tunnel_up t0
	tunnel_up t1
	wait_for 20 "espalierd sees both up" espalier_sees_up t0 t1
	espalier_shows '.[] | select(.device == "eth0") | [.cpus[].sas] == [1, 1]' show cpus
}

# A decision that were lost between XDP and tc would be made, and the TTL decremented, once more.
packets_hop_once() {
	capture_start hop dc-gateway eth1
	ping_all vpc 10.50.0.2 5
	capture_stop hop
	[ "$(capture_count "$(capture_file hop)" 'icmp[icmptype] == icmp-echo and ip[8] == 62')" = 5 ]
}

nothing_is_reordered() {
	stream_start out vpc dc 10.50.0.2 7600 --flows 64 --from-port 22000 --rate 2000 --seconds 5
	stream_start in dc vpc 10.1.0.2 7601 --flows 64 --from-port 23000 --rate 2000 --seconds 5
	stream_finish out | jq -c 'del(.by_flow)'
	stream_finish in | jq -c 'del(.by_flow)'
	stream_holds out '.received > 0 and .reordered == 0 and .duplicates == 0'
	stream_holds in '.received > 0 and .reordered == 0 and .duplicates == 0'
	say "handled by CPU: flows $(handled eth1), ESP $(handled eth0)"
}

both_cpus_did_their_part() {
	both_cpus_handled eth1 500
	both_cpus_handled eth0 500
}

order() {
	ground_up
	strongswan_up gateway
	strongswan_up dc-gateway
	claim "kernel $(uname -r): flows and ESP are spread over two CPUs" spread_is_on
	claim "each of two tunnels has a CPU" tunnels_have_a_cpu_each
	dc_paths t0 t1
	claim "a packet that went to another CPU hops once" packets_hop_once
	claim "64 flows each way: none is reordered" nothing_is_reordered
	claim "both CPUs did their part" both_cpus_did_their_part
}

# ---- rates --------------------------------------------------------------------------------------------------------------

# SAs by hand. What the gateway sends by tunnel i has SPI 0x1000 + i, what it is sent 0x2000 + i.
sas_of() # NAMESPACE
{
	local i own peer if_ids out=0x1000 in=0x2000 direction
	local sa='reqid 1 mode tunnel aead rfc4106(gcm(aes)) 0xaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 128'
	local any='src 0.0.0.0/0 dst 0.0.0.0/0'
	ground_side "$1"
	[ "$1" = gateway ] || { out=0x2000 in=0x1000; }
	for i in 0 1; do
		printf 'xfrm state add src %s dst %s proto esp spi 0x%x %s if_id %d\n' \
			"${own[i]}" "${peer[i]}" $((out + i)) "$sa" "${if_ids[i]}" \
			"${peer[i]}" "${own[i]}" $((in + i)) "$sa" "${if_ids[i]}"
		printf 'xfrm policy add %s dir out if_id %d tmpl src %s dst %s proto esp spi 0x%x reqid 1 mode tunnel\n' \
			"$any" "${if_ids[i]}" "${own[i]}" "${peer[i]}" $((out + i))
		for direction in in fwd; do
			printf 'xfrm policy add %s dir %s if_id %d tmpl src %s dst %s proto esp reqid 1 mode tunnel\n' \
				"$any" "$direction" "${if_ids[i]}" "${peer[i]}" "${own[i]}"
		done
	done
}

# The addresses that the frames of cores.py are for; and nobody has to be asked for any.
known_addresses() {
	local gateway dc_gateway
	ip_batch gateway <<<'link set eth1 address 02:00:00:00:01:01' || return 1
	ip_batch dc-gateway <<<'link set eth1 address 02:00:00:00:50:01' || return 1
	gateway=$(in_ns gateway ip -j link show eth0 | jq -r '.[0].address')
	dc_gateway=$(in_ns dc-gateway ip -j link show eth0 | jq -r '.[0].address')
	ip_batch gateway <<TEXT || return 1
neigh replace 192.0.2.2 lladdr $dc_gateway nud permanent dev eth0
neigh replace 192.0.2.4 lladdr $dc_gateway nud permanent dev eth0
TEXT
	ip_batch dc-gateway <<TEXT
neigh replace 192.0.2.1 lladdr $gateway nud permanent dev eth0
neigh replace 192.0.2.3 lladdr $gateway nud permanent dev eth0
route add 10.2.0.0/24 nexthop dev t0 nexthop dev t1
TEXT
}

replay() # NAMESPACE FILE COUNT [OPTION…]
{
	local ns=$1 file=$2 count=$3
	shift 3
	in_ns "$ns" "$ground_build/tests/bench/replay" --frames "$file" --out eth0 --count "$count" --cpu 0 --give-way "$@"
}

# BYTES.pcap of the frames that the data centre sends, each of them once, as dc-gateway encrypts them.
encrypt() # BYTES
{
	local count
	in_ns dc-gateway ethtool -K eth1 gro on
	count=$(capture_count "$ground_output/in-$1.pcap" ip)
	capture_start "esp-$1" dc-gateway eth0 2048
	replay dc "$ground_output/in-$1.pcap" "$count" >/dev/null
	wait_for 30 "$count frames are captured" eval "[ \$(capture_count \"\$(capture_running_file esp-$1)\" esp) = $count ]"
	process_stop "capture-esp-$1" INT
	tcpdump -n -r "$(capture_running_file "esp-$1")" -w "$ground_state/sent-$1.pcap" esp 2>/dev/null
}

# Prints "NS ARRIVED": until the last of the frames has left the gateway by DEVICE. No more are on their way than a CPU's queue
# holds (CORE_QUEUE): what is lost there would be no speed.
until_they_have_left() # NAMESPACE FILE DEVICE
{
	replay "$1" "$2" "$packets" --window 1024 --until-sent "$3" --in "/proc/$(process_pid espalierd)" | jq -r '"\(.ns) \(.arrived)"'
}

run_once() # DIRECTION BYTES CPUS
{
	local ns arrived
	if [ "$1" = out ]; then
		read -r ns arrived <<<"$(until_they_have_left vpc "$ground_output/out-$2.pcap" eth0)"
	else
		read -r ns arrived <<<"$(until_they_have_left dc-gateway "$ground_state/sent-$2.pcap" eth2)"
	fi
	# What is lost is no speed. A few more: the device's own neighbour discovery.
	if [ "$arrived" -lt $((packets * 99 / 100)) ] || [ "$arrived" -gt $((packets + 20)) ]; then
		complain "$1, $2 bytes, $3 CPUs: $arrived of $packets packets arrived"
		in_ns gateway awk '$2 != 0' /proc/net/xfrm_stat >&2
		espalier show cpus >&2
		return 1
	fi
	jq -cn --arg direction "$1" --argjson bytes "$2" --argjson cpus "$3" --argjson pps $((arrived * 1000000000 / ns)) \
		--argjson lost $((arrived < packets ? packets - arrived : 0)) '$ARGS.named' | tee -a "$results"
}

spread_over() # CPUS|off
{
	cores_yaml "$1" >"$espalier_config"
	espalier apply "$espalier_config" >/dev/null
}

rates_of() # BYTES
{
	local round direction
	encrypt "$1"
	in_ns dc-gateway tc qdisc replace dev eth0 clsact
	in_ns dc-gateway tc filter replace dev eth0 ingress pref 1 handle 1 matchall action drop
	for ((round = 0; round < rounds; round++)); do
		for direction in out in; do
			spread_over off
			run_once "$direction" "$1" 1
			spread_over '[0, 1]'
			run_once "$direction" "$1" 2
		done
	done
	espalier show cpus
	in_ns dc-gateway tc qdisc del dev eth0 clsact
}

host_told() {
	jq -n --arg kernel "$(uname -r)" --arg cpu "$(sed -n 's/^model name.*: //p;T;q' /proc/cpuinfo)" \
		--arg libbpf "$(dpkg-query -W -f '${Version}' libbpf1)" --argjson packets "$packets" '$ARGS.named' >"$ground_output/host.json"
}

rates() {
	local file bytes
	rm -f "$results"
	host_told
	ground_up
	known_addresses
	for ns in gateway dc-gateway; do
		sas_of "$ns" | ip_batch "$ns"
	done
	cores_yaml off >"$espalier_config"
	espalier_up
	wait_for 30 "both tunnels are up" espalier_sees_up t0 t1
	for file in "$ground_output"/out-*.pcap; do
		bytes=${file##*/out-} bytes=${bytes%.pcap}
		claim "$bytes bytes: $rounds rounds by one CPU and by two" rates_of "$bytes"
	done
}

case ${1:-} in
'') order ;;
rates) rates ;;
*) complain "cores.sh knows rates, not $1"; exit 2 ;;
esac
claims_summary
