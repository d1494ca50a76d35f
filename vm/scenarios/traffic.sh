# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
#
# Traffic on the ground and what is seen of it: pings, streams of numbered packets, captures. Part of lib.sh, which
# sources it.

# ---- traffic --------------------------------------------------------------------------------------------------------

# Every ping must be answered.
ping_all() # NAMESPACE DESTINATION [COUNT] [PING OPTION…]
{
	local ns=$1 destination=$2 count=${3:-5} output received
	shift $(($# < 3 ? $# : 3))
	output=$(in_ns "$ns" ping -n -c "$count" -i 0.2 -W 5 "$@" "$destination" 2>&1) || true
	received=$(sed -n 's/.* \([0-9]*\) received.*/\1/p' <<<"$output")
	if [ "${received:-0}" != "$count" ]; then
		complain "ping from $ns to $destination: ${received:-0} of $count answered"
		complain "$output"
		return 1
	fi
}

# No ping may be answered.
ping_none() # NAMESPACE DESTINATION [COUNT] [PING OPTION…]
{
	local ns=$1 destination=$2 count=${3:-5} output received
	shift $(($# < 3 ? $# : 3))
	output=$(in_ns "$ns" ping -n -c "$count" -i 0.2 -W 1 "$@" "$destination" 2>&1) || true
	received=$(sed -n 's/.* \([0-9]*\) received.*/\1/p' <<<"$output")
	if [ "${received:-unknown}" != 0 ]; then
		complain "ping from $ns to $destination: ${received:-?} of $count answered, none was expected"
		complain "$output"
		return 1
	fi
}

# Prints the path of the stream tool; vm/build makes it, on a host it is compiled when first needed.
stream_tool() {
	local tool=$ground_build/vm-tools/stream
	if [ ! -x "$tool" ]; then
		tool=$ground_state/tools/vm-tools/stream
		if [ ! -x "$tool" ]; then
			make -s -C "$ground_source/vm/tools" BUILD="$ground_state/tools" >&2
		fi
	fi
	printf '%s\n' "$tool"
}

# Starts a stream of numbered UDP packets: ARGUMENTs are stream send's (--rate, --seconds, --flows, --size, --from …).
# By default 1,000 packets/s for one second in one flow. Each stream at one time needs a port of its own.
stream_start() # NAME FROM_NAMESPACE TO_NAMESPACE ADDRESS PORT [ARGUMENT…]
{
	local name=$1 from=$2 to=$3 address=$4 port=$5 tool
	shift 5
	tool=$(stream_tool) || return 1
	rm -f "$ground_output/stream-$name.sent.json" "$ground_output/stream-$name.received.json"
	ground_losses >"$ground_state/losses.$name" || return 1
	printf '%s %d\n' "$to" "$(udp_received "$to")" >"$ground_state/begin.$name"
	# shellcheck disable=SC2016 # expanded by the inner shell
	process_start "stream-$name-recv" "$to" bash -c 'exec "$1" recv --port "$2" --by-flow >"$3"' recv \
		"$tool" "$port" "$ground_output/stream-$name.received.json"
	wait_for 20 "receiver of stream $name is ready" grep -qx ready "$(process_log "stream-$name-recv")" || return 1
	# shellcheck disable=SC2016
	process_start "stream-$name-send" "$from" bash -c 'tool=$1 out=$2; shift 2; exec "$tool" send "$@" >"$out"' send \
		"$tool" "$ground_output/stream-$name.sent.json" --to "$address" --port "$port" "$@"
}

# Have so many packets been received since the start? Of all streams to that namespace.
stream_delivered() # NAME COUNT
{
	local to before
	read -r to before <"$ground_state/begin.$1"
	[ $(($(udp_received "$to") - before)) -ge "$2" ]
}

udp_received() # NAMESPACE
{
	in_ns "$1" cat /proc/net/snmp /proc/net/snmp6 |
		awk '($1 == "Udp:" && $2 ~ /^[0-9]+$/) || $1 == "Udp6InDatagrams" { sum += $2 } END { print sum + 0 }'
}

# What the machine itself has lost since boot, one JSON object: overload and sa_deleted.
ground_losses() {
	local overload sa_deleted
	overload=$(ground_overload) || return 1
	sa_deleted=$(ground_sa_deleted) || return 1
	printf '{"overload": %d, "sa_deleted": %d}\n' "$overload" "$sa_deleted"
}

# Packets that were inside the kernel's ESP when the IKE daemon deleted the SA they had been given: lost in each rekey
# that meets one, whoever sent it.
ground_sa_deleted() {
	local ns
	for ns in gateway dc-gateway; do
		in_ns "$ns" cat /proc/net/xfrm_stat || return 1
	done | awk '$1 ~ /^Xfrm(In|Out)StateInvalid$/ { sum += $2 } END { print sum + 0 }'
}

# What full queues of this machine have thrown away since boot: rings of veth devices and the processors' backlogs. An
# emulated processor that gets no time from its host lets them overflow, whatever is tested.
ground_overload() {
	local ns drops
	{
		for ns in "${ground_namespaces[@]}"; do
			in_ns "$ns" ip -j -s link show type veth || return 1
		done | jq '.[].stats64.tx.dropped'
		while read -r _ drops _; do
			printf '%d\n' "$((16#$drops))"
		done </proc/net/softnet_stat
	} | awk '{ sum += $1 } END { print sum + 0 }'
}

# Waits for the end of the stream and prints one JSON object: {sent, send_errors, received, unique, lost, reordered,
# duplicates, longest_gap_ms, longest_flow_gap_ms, flows_seen, socket_drops, overload, sa_deleted, by_flow, …}, kept as
# stream-NAME.json too. lost = sent - unique; of it, socket_drops were the receiver's own, and at most overload and
# sa_deleted the machine's (ground_losses). What sendto refused is in send_errors, not in sent.
stream_finish() # NAME [SECONDS]
{
	local name=$1 limit=${2:-120} status=0
	wait_for "$limit" "sender of stream $name ends" not process_alive "stream-$name-send" || return 1
	process_stop "stream-$name-send" || status=$?
	if [ "$status" != 0 ]; then
		complain "sender of stream $name failed: $(cat "$(process_log "stream-$name-send")")"
		return 1
	fi
	# The receiver waits until nothing more comes, then ends.
	process_stop "stream-$name-recv" || { complain "receiver of stream $name failed"; return 1; }
	ground_losses >"$ground_state/losses.$name.after" || return 1
	jq -s '.[0] as $sent | .[1] as $received | .[2] as $before | .[3] as $after | $sent + $received +
		{lost: ($sent.sent - $received.unique), missing_between: $received.lost} +
		($after | with_entries(.value -= $before[.key]))' \
		"$ground_output/stream-$name.sent.json" "$ground_output/stream-$name.received.json" \
		"$ground_state/losses.$name" "$ground_state/losses.$name.after" |
		tee "$ground_output/stream-$name.json"
}

# Nothing of a finished stream was lost but what the machine itself lost, nothing doubled; what was, is said.
stream_lost_nothing() # NAME
{
	stream_holds "$1" '.received > 0 and .lost <= .overload + .sa_deleted + .socket_drops and .duplicates == 0'
}

# A jq condition on a finished stream; its account is printed where the condition does not hold.
stream_holds() # NAME CONDITION [JQ OPTION…]
{
	local name=$1 condition=$2
	shift 2
	jq -e "$@" "$condition" "$ground_output/stream-$name.json" >/dev/null && return 0
	complain "stream $name: not $condition: $(jq -c 'del(.by_flow)' "$ground_output/stream-$name.json")"
	return 1
}

# Ends a stream that would go on, and its account is that of stream_finish.
stream_stop() # NAME
{
	kill -TERM "$(process_pid "stream-$1-send")" 2>/dev/null || true
	stream_finish "$1"
}

# Half of the highest rate at which this machine, as busy as it is, loses nothing while nothing happens: what is lost then
# is lost to what happens.
quiet_rate() {
	local try
	for try in 1000 500 250 100; do
		stream_start quiet vpc dc 10.50.0.2 7008 --flows 16 --from-port 25000 --rate "$try" --seconds 4
		stream_finish quiet >/dev/null
		if jq -e '.lost == 0' "$ground_output/stream-quiet.json" >/dev/null; then
			printf '%d\n' $((try / 2))
			return 0
		fi
	done
	complain "even $try packets/s are not carried without loss while nothing happens"
	return 1
}

# ---- captures -------------------------------------------------------------------------------------------------------

# Captures what passes an Ethernet device from now on: returns when the capture runs. It is written in memory, for writing
# every packet to where the output lies takes a round to the host: that is slower than packets come.
capture_start() # NAME NAMESPACE DEVICE [SNAPLEN]
{
	local name=$1 ns=$2 device=$3 snap=${4:-160}
	rm -f "$(capture_file "$name")" "$(capture_running_file "$name")"
	printf '%s %s\n' "$ns" "$device" >"$ground_state/captured.$name"
	# -Z root: after giving up root it could not write here. The buffer is large because an emulated processor is late.
	process_start "capture-$name" "$ns" tcpdump -i "$device" -n -p -s "$snap" -B 65536 -U -Z root \
		-w "$(capture_running_file "$name")"
	if ! wait_for 30 "capture $name runs" grep -q 'listening on' "$(process_log "capture-$name")"; then
		cat "$(process_log "capture-$name")" >&2
		return 1
	fi
}

capture_running_file() { printf '%s/%s.pcap\n' "$ground_state" "$1"; }

capture_file() { printf '%s/%s.pcap\n' "$ground_output" "$1"; } # there once it has ended

# Ends a capture with everything that passed before, whatever goes on meanwhile. Fails if it lost packets: what was not
# seen proves nothing.
capture_stop() # NAME
{
	local name=$1 log dropped
	log=$(process_log "capture-$name")
	capture_mark "$name" || return 1
	process_stop "capture-$name" INT || { cat "$log" >&2; complain "capture $name did not end well"; return 1; }
	mv "$(capture_running_file "$name")" "$(capture_file "$name")" || return 1
	dropped=$(sed -n 's/^\([0-9]*\) packets\{0,1\} dropped by kernel$/\1/p' "$log")
	if [ "$dropped" != 0 ]; then
		complain "capture $name lost ${dropped:-an unknown number of} packets, so it proves nothing"
		return 1
	fi
}

# tcpdump, when told to end, forgets what is still in its buffer, and under emulation that is seconds of traffic. So a last
# packet is sent through the device, an ARP probe for an address that nobody asks for twice, and once it is in the file,
# everything before it is.
capture_mark() # NAME
{
	local ns device address
	read -r ns device <"$ground_state/captured.$1"
	address=198.18.$((RANDOM % 256)).$((RANDOM % 256))
	in_ns "$ns" busybox arping -q -D -c 1 -w 1 -I "$device" "$address" || return 1
	wait_for 60 "the last packet of capture $1 is in its file" capture_holds "$1" "arp host $address"
}

capture_holds() # NAME FILTER: while it runs
{
	[ "$(capture_count "$(capture_running_file "$1")" "$2")" -ge 1 ]
}

# A tcpdump filter for what may pass a sealed underlay: ESP and IKE between the gateways' tunnel addresses, ARP,
# ICMPv6 neighbour discovery with the hop limit it must have, MLD (which has a hop-by-hop header in front). IKE over IPv6,
# too: with MOBIKE, charon tries every address of its peer.
# Addresses count: UDP to port 4500 from a VPC address is a leak, not IKE.
capture_sealed_filter() {
	local hosts
	hosts=$(printf ' or src host %s' "${ground_underlay_hosts[@]}")
	hosts="(${hosts# or })"
	hosts+=" and ${hosts//src/dst}"
	printf '%s' "(arp) or (ip proto 50 and $hosts) or" \
		" (ip and udp and (port 500 or port 4500) and $hosts) or" \
		" (ip6 and udp and (port 500 or port 4500) and host 2001:db8:2::1 and host 2001:db8:2::2) or" \
		" (ip6[6] == 58 and ip6[7] == 255 and ip6[40] >= 133 and ip6[40] <= 137) or" \
		" (ip6[6] == 0 and ip6[40] == 58 and (ip6[48] == 143 or (ip6[48] >= 130 and ip6[48] <= 132)))"
}

capture_count() # FILE FILTER
{
	tcpdump -n --count -r "$1" "$2" 2>/dev/null | sed -n "s/^\([0-9]*\) packets\{0,1\}$/\1/p"
}

# How many ESP packets a tunnel carried: from the gateway (out), to it (in), or both. In UDP, IKE begins with four zeros, ESP
# with its SPI.
capture_esp() # FILE t0|t1|all [out|in|both]
{
	# shellcheck disable=SC2034 # ground_side sets all three
	local own peer if_ids i filter='(ip proto 50 or (ip and udp port 4500 and udp[8:4] != 0))'
	if [ "$2" != all ]; then
		ground_side gateway
		i=${2#t}
		case ${3:-both} in
		out) filter+=" and src host ${own[i]} and dst host ${peer[i]}" ;;
		in) filter+=" and src host ${peer[i]} and dst host ${own[i]}" ;;
		both) filter+=" and host ${own[i]} and host ${peer[i]}" ;;
		esac
	fi
	capture_count "$1" "$filter"
}

# Fails and prints the offending packets if anything but ESP, IKE and address resolution is in the capture; fails too if
# it holds fewer ESP packets than asked for (default 0), for a capture that saw nothing proves nothing.
capture_assert_sealed() # FILE [AT_LEAST_ESP]
{
	local file=$1 at_least=${2:-0} offending esp
	[ -s "$file" ] || { complain "there is no capture $file"; return 1; }
	# tcpdump's own failure must not look like an empty, hence sealed, capture
	tcpdump -n -r "$file" -w /dev/null 2>/dev/null || { complain "capture $file cannot be read"; return 1; }
	offending=$(capture_count "$file" "not ($(capture_sealed_filter))")
	esp=$(capture_esp "$file" all)
	if [ "$offending" != 0 ]; then
		complain "not sealed: $offending packets in plaintext in $file, the first of them:"
		tcpdump -n -e -r "$file" "not ($(capture_sealed_filter))" 2>/dev/null | sed -n 1,20p >&2
		return 1
	fi
	if [ "$esp" -lt "$at_least" ]; then
		complain "$file holds $esp ESP packets, at least $at_least were expected"
		return 1
	fi
}

# Runs a check under a capture of the underlay's far end, which must then be sealed and hold at least that many ESP packets.
sealed() # NAME AT_LEAST_ESP CHECK…
{
	local name=$1 esp=$2
	shift 2
	capture_start "$name" "${ground_underlay[@]}"
	"$@"
	capture_stop "$name"
	capture_assert_sealed "$(capture_file "$name")" "$esp"
}
