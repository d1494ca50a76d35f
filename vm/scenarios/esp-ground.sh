# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
#
# ESP without anybody who negotiates, for measuring: SAs by hand at both ends of the ground's two tunnels (lib.sh, sourced
# first), pktgen, and frames that are encrypted once and replayed. Needs what tests/bench/esp.mk builds.

esp_pins=/sys/fs/bpf/esp-bench
esp_port=9 # of pktgen's packets

esp_key=0xaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
declare -A esp_ciphers=(
	[null]='enc ecb(cipher_null) ""'
	[aes-gcm]="aead rfc4106(gcm(aes)) $esp_key 128"
)

# Neighbours that nobody has to ask: a device that drops all it gets answers no ARP.
esp_ground_up() {
	local ns addresses
	modprobe pktgen || return 1
	rm -rf "$esp_pins"
	bpftool prog loadall "$ground_build/tests/bench/esp.bpf.o" "$esp_pins" type classifier pinmaps "$esp_pins" || return 1
	for ns in gateway dc-gateway; do
		addresses=(2 4)
		[ "$ns" = gateway ] || addresses=(1 3)
		printf "neigh replace 192.0.2.%d lladdr $(esp_mac "$(esp_peer "$ns")" eth0) nud permanent dev eth0\n" \
			"${addresses[@]}" | ip_batch "$ns" || return 1
		# What pktgen's packets are put into where they are to go straight into a tunnel.
		ip_batch "$ns" <<'TEXT' || return 1
link add gen0 type dummy
link set gen0 up
TEXT
		esp_filter "$ns" gen0 egress to_tunnels || return 1
	done
}

esp_ground_down() {
	rm -rf "$esp_pins"
}

esp_peer() { [ "$1" = gateway ] && printf 'dc-gateway\n' || printf 'gateway\n'; }

esp_mac() # NAMESPACE DEVICE
{
	in_ns "$1" ip -j link show "$2" | jq -r '.[0].address'
}

# ---- programs of tests/bench/esp.bpf.c ----------------------------------------------------------------------------------

esp_filter() # NAMESPACE DEVICE ingress|egress PROGRAM
{
	in_ns "$1" tc qdisc replace dev "$2" clsact || return 1
	in_ns "$1" tc filter replace dev "$2" "$3" pref 1 handle 1 protocol all bpf direct-action object-pinned "$esp_pins/$4"
}

esp_filter_off() # NAMESPACE DEVICE
{
	in_ns "$1" tc qdisc del dev "$2" clsact
}

# Which interfaces to_tunnels sends to.
esp_tunnels() # NAMESPACE DEVICE DEVICE
{
	local ns=$1 device i=0 index
	shift
	for device; do
		index=$(in_ns "$ns" ip -j link show "$device" | jq '.[0].ifindex') || return 1
		bpftool map update pinned "$esp_pins/tunnel_devices" key "$i" 0 0 0 \
			value $((index & 255)) $((index >> 8)) 0 0 || return 1
		i=$((i + 1))
	done
}

# ---- SAs ----------------------------------------------------------------------------------------------------------------

# The gateway's end, or the other one: what it sends by tunnel i has SPI 0x1000 + i from the gateway, 0x2000 + i to it. No
# window against replays: frames are to be taken again and again.
esp_end() # NAMESPACE CIPHER
{
	local i own peer if_ids out=0x1000 in=0x2000 sa policy direction
	ground_side "$1"
	[ "$1" = gateway ] || { out=0x2000 in=0x1000; }
	sa="reqid 1 mode tunnel ${esp_ciphers[$2]}"
	printf 'xfrm state flush\nxfrm policy flush\n'
	for i in 0 1; do
		printf 'xfrm state add src %s dst %s proto esp spi 0x%x %s dir out if_id %d\n' \
			"${own[i]}" "${peer[i]}" $((out + i)) "$sa" "${if_ids[i]}"
		printf 'xfrm state add src %s dst %s proto esp spi 0x%x %s dir in if_id %d\n' \
			"${peer[i]}" "${own[i]}" $((in + i)) "$sa" "${if_ids[i]}"
		policy='src 0.0.0.0/0 dst 0.0.0.0/0'
		printf 'xfrm policy add %s dir out if_id %d tmpl src %s dst %s proto esp spi 0x%x reqid 1 mode tunnel\n' \
			"$policy" "${if_ids[i]}" "${own[i]}" "${peer[i]}" $((out + i))
		for direction in in fwd; do
			printf 'xfrm policy add %s dir %s if_id %d tmpl src %s dst %s proto esp reqid 1 mode tunnel\n' \
				"$policy" "$direction" "${if_ids[i]}" "${peer[i]}" "${own[i]}"
		done
	done
}

esp_sas() # CIPHER
{
	local ns
	for ns in gateway dc-gateway; do
		esp_end "$ns" "$1" | ip_batch "$ns" || return 1
	done
}

# ---- pktgen -------------------------------------------------------------------------------------------------------------

# UDP packets of SIZE bytes of IP between random addresses of PREFIXES, one pktgen device for each, and HOST on their other
# side. Sent by esp_pktgen_run.
esp_pktgen() # NAMESPACE DEVICE TO_MAC SIZE COUNT src|dst HOST PREFIX…
{
	local ns=$1 device=$2 mac=$3 size=$4 count=$5 side=$6 host=$7
	shift 7
	# shellcheck disable=SC2016 # expanded by the inner shell
	in_ns "$ns" bash -euc '
		device=$1 mac=$2 size=$3 count=$4 side=$5 host=$6
		shift 6
		write() { printf "%s\n" "${@:2}" >"/proc/net/pktgen/$1"; }
		other=dst flag=IPSRC_RND mode=start_xmit
		[ "$side" = src ] || { other=src flag=IPDST_RND; }
		[ "$device" != gen0 ] || mode=queue_xmit
		write pgctrl reset
		n=0
		for prefix; do
			name=$device@$n
			n=$((n + 1))
			write kpktgend_0 "add_device $name"
			for word in "count $count" "pkt_size $((size + 14))" "dst_mac $mac" "xmit_mode $mode" "delay 0" "clone_skb 0" \
				"${side}_min ${prefix%-*}" "${side}_max ${prefix#*-}" "${other}_min $host" "${other}_max $host" \
				"udp_src_min 1024" "udp_src_max 65535" "udp_dst_min '"$esp_port"'" "udp_dst_max '"$esp_port"'" \
				"flag $flag" "flag UDPSRC_RND" "flag !SHARED"; do
				write "$name" "$word"
			done
		done' pktgen "$device" "$mac" "$size" "$count" "$side" "$host" "$@"
}

# Prints "NS COUNT": the devices send one after the other, and each one's clock begins with the first.
esp_pktgen_run() # NAMESPACE
{
	# shellcheck disable=SC2016
	in_ns "$1" bash -euc '
		echo start >/proc/net/pktgen/pgctrl
		sed -n "s/^Result: OK: \([0-9]*\)(.*usec, \([0-9]*\) (.*/\1 \2/p" /proc/net/pktgen/*@* |
			awk "{ n += \$2; if (\$1 > t) t = \$1 } END { print t * 1000, n + 0 }"'
}

# ---- frames -------------------------------------------------------------------------------------------------------------

# FILE gets COUNT frames of each PREFIX as dc-gateway sends them to the gateway, from there to HOST, alternately through t0
# and t1.
esp_frames() # FILE SIZE COUNT HOST PREFIX…
{
	local file=$1 size=$2 count=$3 host=$4 expected
	shift 4
	expected=$(($# * count))
	esp_tunnels dc-gateway t0 t1 || return 1
	esp_pktgen dc-gateway gen0 02:00:00:00:00:01 "$size" "$count" src "$host" "$@" || return 1
	capture_start frames dc-gateway eth0 2048 || return 1
	esp_pktgen_run dc-gateway >/dev/null || return 1
	wait_for 30 "$expected frames are captured" \
		eval "[ \$(capture_count \"\$(capture_running_file frames)\" esp) = $expected ]" || return 1
	process_stop capture-frames INT || return 1
	tcpdump -n -r "$(capture_running_file frames)" -w "$file" esp 2>/dev/null || return 1
	rm -f "$(capture_running_file frames)"
}

# Prints "NS COUNT", by the time of those between the first and the last. The device's other end takes them: GRO is on there.
esp_replay() # NAMESPACE DEVICE FILE COUNT [OPTION…]
{
	local ns=$1 device=$2 file=$3 count=$4
	shift 4
	in_ns "$ns" "$ground_build/tests/bench/replay" --frames "$file" --out "$device" --count "$count" "$@" |
		jq -r '"\(.steady_ns * .sent / .steady | floor) \(.sent)"'
}
