#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Does a TCP stream keep its aggregation through the gateway? GRO, or the sender's TSO, makes one packet of many segments;
# XDP's metadata must not keep GRO from it, and the dataplane must hand the whole to the next device. Shown by counters: the
# average packet of a stream where it enters the gateway and where it leaves for the tunnel (before ESP) or for the VPC.

set -euo pipefail
scenarios=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=vm/scenarios/lib.sh
. "$scenarios/lib.sh"
# shellcheck source=vm/scenarios/espalier.sh
. "$scenarios/espalier.sh"
# shellcheck source=vm/scenarios/esp-ground.sh
. "$scenarios/esp-ground.sh"

megabytes=4 frame=1514 several=2 # packets of so many times the tunnel's MTU are aggregated ones: how large depends on the load
mtu=1400

finish() {
	espalier_down KILL >/dev/null 2>&1 || true
	topology_down
}
trap finish EXIT

# ---- counters -----------------------------------------------------------------------------------------------------------

# "BYTES PACKETS" of devices together.
carried() # rx|tx DEVICE…
{
	local way=$1 device
	shift
	for device; do
		in_ns gateway ip -j -s link show "$device"
	done | jq -rs --arg way "$way" '[.[][].stats64[$way]] | "\(map(.bytes) | add) \(map(.packets) | add)"'
}

average() # BYTES PACKETS BYTES PACKETS: the average packet between the two readings
{
	printf '%d\n' $((($3 - $1) / ($4 - $2 > 0 ? $4 - $2 : 1)))
}

tunnels() { in_ns gateway ip -j link show type xfrm | jq -r '.[].ifname'; }

tcp_stream() # FROM TO_NAMESPACE ADDRESS
{
	process_start iperf-server "$2" iperf3 --server --one-off --idle-timeout 60
	wait_for 20 "iperf3 listens" prints :5201 in_ns "$2" ss -ltn
	in_ns "$1" iperf3 --client "$3" --bytes "${megabytes}M" --json >"$ground_output/iperf.json"
	process_stop iperf-server || true
	jq -e ".end.sum_received.bytes > $((megabytes * 900000))" "$ground_output/iperf.json" >/dev/null
}

# Averages of a stream: where it came in and where it went out. ENTRY and LEAVING are "rx|tx DEVICE…".
averages() # ENTRY LEAVING FROM TO ADDRESS
{
	local entry leaving entry_before leaving_before
	read -ra entry <<<"$1"
	read -ra leaving <<<"$2"
	shift 2
	entry_before=$(carried "${entry[@]}")
	leaving_before=$(carried "${leaving[@]}")
	tcp_stream "$@" >&2 || return 1
	# shellcheck disable=SC2046,SC2086 # two words each
	printf '%s %s\n' $(average $entry_before $(carried "${entry[@]}")) $(average $leaving_before $(carried "${leaving[@]}"))
}

to_dc() { averages 'rx eth1' "tx $(tunnels | xargs)" vpc dc 10.50.0.2; }

to_vpc() { averages "rx $(tunnels | xargs)" 'tx eth1' dc vpc 10.1.0.2; }

# ---- claims -------------------------------------------------------------------------------------------------------------

gateway_up() # XDP
{
	espalier_yaml | sed "s/xdp: native/xdp: $1/" >"$espalier_config"
	espalier_up
	wait_for 60 "both tunnels are up" espalier_sees_up t0 t1
}

gateway_down() {
	espalier_down
	espalier_cleanup
}

aggregated() # AVERAGE
{
	[ "$1" -ge $((several * mtu)) ]
}

# A veth has GRO off unless it is asked for; a NIC has it on.
gro() # on|off
{
	in_ns gateway ethtool -K eth1 gro "$1"
}

by_xdp_each_frame_becomes_part_of_many() {
	local entry leaving
	gateway_up native
	gro on
	read -r entry leaving < <(to_dc)
	say "# XDP and tc: $entry bytes a packet on entry, $leaving at the tunnels' interfaces"
	[ "$entry" -le "$frame" ]
	aggregated "$leaving"
}

without_gro_they_stay_single() {
	local entry leaving
	gro off
	read -r entry leaving < <(to_dc)
	say "# the same without GRO: $entry on entry, $leaving at the tunnels' interfaces"
	[ "$leaving" -le "$mtu" ]
}

from_the_tunnel_to_the_vpc() {
	local entry leaving
	read -r entry leaving < <(to_vpc)
	say "# out of the tunnels: $entry bytes a packet out of ESP, $leaving to the VPC"
	[ "$entry" -le "$mtu" ]
	aggregated "$leaving"
}

by_tc_the_senders_packets_stay_whole() {
	local entry leaving
	gateway_down
	gateway_up off
	read -r entry leaving < <(to_dc)
	say "# tc alone: $entry bytes a packet on entry, $leaving at the tunnels' interfaces"
	aggregated "$entry"
	aggregated "$leaving"
	gateway_down
}

topology_up
esp_sas aes-gcm
claim "by XDP and tc, GRO makes large packets of a TCP stream's frames in spite of the metadata" \
	by_xdp_each_frame_becomes_part_of_many
claim "the counters can say no: without GRO each frame goes into the tunnel alone" without_gro_they_stay_single
claim "out of a tunnel, what GRO merges is handed to the VPC as one" from_the_tunnel_to_the_vpc
claim "by tc alone, the sender's large packets go into the tunnel as they are" by_tc_the_senders_packets_stay_whole
claims_summary
