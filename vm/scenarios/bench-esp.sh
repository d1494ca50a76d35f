#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Guest instructions that a packet costs through real ESP, by kernel multipath routing and by Espalier: for a virtual
# machine whose clock counts instructions (vm/run --icount), so nothing here is a speed. tests/bench/esp.py runs it, and
# writes the routes to $ground_output/prefixes, one a line. Every run prints and appends to esp.jsonl
#
#   {cipher, direction, method, insns}
#
#   out  floor    pktgen beside the tunnels' interfaces, into them without routing
#        arrive   pktgen in the VPC, packets dropped as they reach the gateway
#        kernel   multipath routes over xfrm interfaces in table main, no VRF, no rules
#        steer    espalierd, xdp: auto (on veth: tc alone); native: by XDP and tc
#        into     as floor, into the tunnels as espalierd keeps them
#   in   floor    ESP frames captured beforehand, dropped as they come out of the tunnel
#        kernel, steer  forwarded to an attachment's device, which swallows them
#
# And what the kernel's own statistics say of each of Espalier's programs: method "program NAME".
#
# ESPALIER_ROUNDS, ESPALIER_PACKETS, ESPALIER_CIPHERS, ESPALIER_METHODS (of kernel, steer, native): less of it.

set -euo pipefail
scenarios=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=vm/scenarios/lib.sh
. "$scenarios/lib.sh"
# shellcheck source=vm/scenarios/espalier.sh
. "$scenarios/espalier.sh"
# shellcheck source=vm/scenarios/esp-ground.sh
. "$scenarios/esp-ground.sh"

rounds=${ESPALIER_ROUNDS:-5} packets=${ESPALIER_PACKETS:-8000} size=${ESPALIER_SIZE:-64}
read -ra ciphers <<<"${ESPALIER_CIPHERS:-null aes-gcm}"
read -ra methods <<<"${ESPALIER_METHODS:-kernel steer native}"
results=$ground_output/esp.jsonl
# Of the routes, so many have packets; and the host that they come from or go to.
used_routes=16 vpc_host=10.1.0.2 sink_host=10.2.0.2

finish() {
	espalier_down KILL >/dev/null 2>&1 || true
	esp_ground_down
	topology_down
}
trap finish EXIT

# ---- the ground ---------------------------------------------------------------------------------------------------------

# FIRST-LAST of the routes that have packets.
ranges() {
	python3 - "$ground_output/prefixes" "$used_routes" <<'PYTHON'
import ipaddress, sys
prefixes = [ipaddress.ip_network(l.strip()) for l in open(sys.argv[1])]
wanted = int(sys.argv[2])
for i in range(wanted):
    p = prefixes[i * len(prefixes) // wanted]
    print(f"{p[0]}-{p[-1]}")
PYTHON
}

# A device that swallows what is sent to it is the VPC that packets from the data centre go to. GRO: as on a NIC.
ground_up() {
	topology_up || return 1
	esp_ground_up || return 1
	ip_batch gateway <<'TEXT' || return 1
link add eth2 type dummy
link set eth2 arp on up
address add 10.2.0.1/24 dev eth2
neigh add 10.2.0.2 lladdr 02:00:00:00:02:02 nud permanent dev eth2
neigh add 10.1.0.2 lladdr 02:00:00:00:01:02 nud permanent dev eth1
TEXT
	in_ns gateway ethtool -K eth0 gro on || return 1
	mapfile -t ranges < <(ranges)
	[ "${#ranges[@]}" = "$used_routes" ]
}

frames_file() { printf '%s/frames-%s.pcap\n' "$ground_state" "$1"; } # CIPHER

# Encrypted packets end at the underlay's far end.
far_end_drops() { esp_filter dc-gateway eth0 ingress drop; }

# ---- measuring ----------------------------------------------------------------------------------------------------------

# Of the gateway's devices together.
packets_of() # rx|tx DEVICE…
{
	local way=$1 device
	shift
	for device; do
		in_ns gateway ip -j -s link show "$device"
	done | jq -s --arg way "$way" '[.[][].stats64[$way].packets] | add'
}

# One run; each packet must have come to where the run ends. COUNTED: rx or tx, and devices of the gateway.
run_once() # CIPHER DIRECTION METHOD COUNTED COMMAND…
{
	local cipher=$1 direction=$2 method=$3 counted before after ns count
	read -ra counted <<<"$4"
	shift 4
	before=$(packets_of "${counted[@]}")
	read -r ns count <<<"$("$@")"
	after=$(packets_of "${counted[@]}")
	# A few more: the devices' own neighbour discovery.
	if [ "$count" != "$packets" ] || [ $((after - before)) -lt "$packets" ] || [ $((after - before)) -gt $((packets + 20)) ]; then
		complain "$method, $direction: of $packets packets $count were sent and $((after - before)) counted (${counted[*]})"
		in_ns gateway awk '$2 != 0' /proc/net/xfrm_stat >&2
		return 1
	fi
	jq -cn --arg cipher "$cipher" --arg direction "$direction" --arg method "$method" \
		--argjson insns "$((ns / count))" '$ARGS.named' | tee -a "$results"
}

measured() # CIPHER DIRECTION METHOD COUNTED COMMAND…
{
	local round
	for ((round = 0; round < rounds; round++)); do
		run_once "$@"
	done
}

each() { printf '%d\n' $((packets / used_routes)); }

from_vpc() {
	esp_pktgen vpc eth0 "$(esp_mac gateway eth1)" "$size" "$(each)" dst "$vpc_host" "${ranges[@]}"
}

beside_tunnels() # DEVICE DEVICE
{
	esp_tunnels gateway "$@" || return 1
	esp_pktgen gateway gen0 02:00:00:00:00:01 "$size" "$(each)" dst "$vpc_host" "${ranges[@]}"
}

replayed() # CIPHER
{
	esp_replay dc-gateway eth0 "$(frames_file "$1")" "$packets" --give-way
}

# Into the two devices, and what comes out of them dropped: what neither routing nor steering can save.
floors() # CIPHER DEVICE DEVICE
{
	local device
	beside_tunnels "$2" "$3"
	measured "$1" out floor 'tx eth0' esp_pktgen_run gateway
	for device in "$2" "$3"; do
		esp_filter gateway "$device" ingress drop
	done
	measured "$1" in floor "rx $2 $3" replayed "$1"
	for device in "$2" "$3"; do
		esp_filter_off gateway "$device"
	done
}

both_ways() # CIPHER METHOD
{
	from_vpc
	measured "$1" out "$2" 'tx eth0' esp_pktgen_run vpc
	[[ $2 = native* ]] || measured "$1" in "$2" 'tx eth2' replayed "$1"
}

# ---- the kernel ---------------------------------------------------------------------------------------------------------

kernel_up() {
	{
		printf 'link add x%d type xfrm dev eth0 if_id %d\n' 0 "${ground_if_ids_gateway[0]}" 1 "${ground_if_ids_gateway[1]}"
		printf 'link set x%d mtu 1400 up\n' 0 1
		sed 's/.*/route add & nexthop dev x0 nexthop dev x1/' "$ground_output/prefixes"
	} | ip_batch gateway
}

kernel_down() {
	printf 'link del x%d\n' 0 1 | ip_batch gateway
}

kernel_measured() # CIPHER
{
	kernel_up
	floors "$1" x0 x1
	esp_filter gateway eth1 ingress drop
	from_vpc
	measured "$1" out arrive 'rx eth1' esp_pktgen_run vpc
	esp_filter_off gateway eth1
	both_ways "$1" kernel
	kernel_down
}

# ---- Espalier -----------------------------------------------------------------------------------------------------------

steer_yaml() # XDP
{
	cat <<TEXT
gateway: { limits: none, damping: off }
transit_router:
  tables:
    main: { learn: [vpc-a, vpc-b, dc-1] }
attachments:
  vpc-a: { type: vpc, device: eth1, cidrs: [10.1.0.0/24], association: main, xdp: $1 }
  vpc-b: { type: vpc, device: eth2, cidrs: [10.2.0.0/24], association: main, xdp: off }
  dc-1:  { type: vpn, connection: dc-1, association: main }
customer_gateways:
  dc-1: { addresses: [192.0.2.2, 192.0.2.4] }
connections:
  dc-1:
    customer_gateway: dc-1
    routes: [$(paste -sd, "$ground_output/prefixes")]
    tunnels:
      - { name: dc-1-1, if_id: ${ground_if_ids_gateway[0]}, local_address: 192.0.2.1, remote_address: 192.0.2.2 }
      - { name: dc-1-2, if_id: ${ground_if_ids_gateway[1]}, local_address: 192.0.2.3, remote_address: 192.0.2.4 }
TEXT
}

steer_ready() {
	espalier_sees_up t0 t1 || return 1
	espalier_shows "[.[] | select(.table == \"main\" and .attachment == \"dc-1\" and .state == \"active\")] |
		length == $(wc -l <"$ground_output/prefixes")" show routes
}

steer_up() # XDP
{
	steer_yaml "$1" >"$espalier_config"
	espalier_up || return 1
	wait_for 10 "the tunnels are up and the routes active" steer_ready
}

steer_down() {
	espalier_down || return 1
	espalier_cleanup
}

# With the kernel counting, once more: what of it is in the programs themselves.
programs_measured() # CIPHER METHOD
{
	sysctl -qw kernel.bpf_stats_enabled=1
	both_ways "$1" "$2-with-statistics" >/dev/null
	sysctl -qw kernel.bpf_stats_enabled=0
	bpftool -j prog show | jq -c --arg cipher "$1" --arg method "$2" '.[] | select(.run_cnt > 1000) |
		{cipher: $cipher, direction: (if .name == "tc_tunnel" then "in" else "out" end),
		method: "\($method) program \(.name)", insns: (.run_time_ns / .run_cnt | floor)}' | tee -a "$results"
}

steer_measured() # CIPHER METHOD XDP
{
	local devices
	steer_up "$3"
	both_ways "$1" "$2"
	if [ "$2" = steer ]; then
		mapfile -t devices < <(in_ns gateway ip -j link show type xfrm | jq -r '.[].ifname')
		beside_tunnels "${devices[@]}"
		measured "$1" out into 'tx eth0' esp_pktgen_run gateway
	fi
	rounds=1 programs_measured "$1" "$2"
	steer_down
}

# -------------------------------------------------------------------------------------------------------------------------

measured_by() # METHOD CIPHER
{
	esp_sas "$2"
	[ -s "$(frames_file "$2")" ] || esp_frames "$(frames_file "$2")" "$size" 32 "$sink_host" "${ranges[@]}"
	far_end_drops
	case $1 in
	kernel) kernel_measured "$2" ;;
	steer) steer_measured "$2" steer auto ;;
	native) steer_measured "$2" native native ;;
	*) complain "no method $1"; return 1 ;;
	esac
	esp_filter_off dc-gateway eth0
}

host_told() {
	jq -n --arg kernel "$(uname -r)" --arg cpu "$(sed -n 's/^model name.*: //p;T;q' /proc/cpuinfo)" \
		--arg libbpf "$(dpkg-query -W -f '${Version}' libbpf1)" --argjson routes "$(wc -l <"$ground_output/prefixes")" \
		--argjson bytes "$size" '$ARGS.named' >"$ground_output/host.json"
}

rm -f "$results"
host_told
ground_up
# The kernel with all ciphers first: once a namespace has had a rule of anybody's, its lookups stay dearer, also when the
# rule is gone.
for method in "${methods[@]}"; do
	for cipher in "${ciphers[@]}"; do
		claim "$cipher: every packet arrives, by $method" measured_by "$method" "$cipher"
	done
done
claims_summary
