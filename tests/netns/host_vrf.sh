#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# The host reconciler where the kernel has VRFs, xfrm interfaces and ESP (in the VM): the tunnels
# are real, with keys set by hand, and nothing but the kernel's slow path forwards.
#
#   vpc 10.1.0.254 ── vpc|gateway|under ══ESP══ dc 169.254.10.2, 10.50.0.9
#
#   host_vrf.sh HOST_TOOL   (build/tests/host_tool; vm/scenarios/host-vrf.sh runs it)
#
# shellcheck disable=SC2317 # claims are called by name
set -u
tool=$(readlink -f "$1")
if [ -z "${HOST_VRF_WORK:-}" ]; then
	modprobe -a vrf xfrm_interface esp4 esp6 2>/dev/null
	HOST_VRF_WORK=$(mktemp -d)
	export HOST_VRF_WORK
	unshare --net --mount --pid --fork --kill-child --mount-proc "$0" "$tool"
	status=$?
	rm -rf "$HOST_VRF_WORK"
	exit "$status"
fi
work=$HOST_VRF_WORK
title=host-vrf
# shellcheck source=tests/netns/host_ground.sh
. "$(dirname "$0")/host_ground.sh"

apply() { "$tool" --state "$work/state" --vrf apply; }
dc() { ip netns exec dc "$@"; }

sa() { # NETNS-COMMAND SRC DST SPI IF_ID
	local in=$1
	shift
	$in ip xfrm state add src "$1" dst "$2" proto esp spi "$3" mode tunnel if_id "$4" \
		flag af-unspec \
		aead 'rfc4106(gcm(aes))' 0x0102030405060708090a0b0c0d0e0f1011121314 128
}
policy() { # NETNS-COMMAND DIR SRC DST IF_ID, both families inside
	local in=$1 any
	for any in 0.0.0.0/0 ::/0; do
		$in ip xfrm policy add src "$any" dst "$any" dir "$2" if_id "$5" \
			tmpl src "$3" dst "$4" proto esp mode tunnel
	done
}
tunnel() { # GATEWAY DC IF_ID SPI
	sa "" "$1" "$2" "$4" "$3" && sa "" "$2" "$1" "$(($4 + 1))" "$3"
	sa dc "$1" "$2" "$4" "$(($3 + 100))" && sa dc "$2" "$1" "$(($4 + 1))" "$(($3 + 100))"
	policy "" out "$1" "$2" "$3"
	policy "" in "$2" "$1" "$3"
	policy "" fwd "$2" "$1" "$3"
	policy dc out "$2" "$1" "$(($3 + 100))"
	policy dc in "$1" "$2" "$(($3 + 100))"
	policy dc fwd "$1" "$2" "$(($3 + 100))"
}

topology() {
	vpc_and_underlay dc
	for a in 203.0.113.10/32 203.0.113.11/32; do dc ip addr add "$a" dev u0; done
	dc ip addr add 10.50.0.9/32 dev lo
	dc ip addr add 2001:db8:50::9/128 dev lo
	for i in 0 1; do
		dc ip link add "d$i" type xfrm dev u0 if_id "$((201 + i))"
		dc ip link set "d$i" mtu 1400 up
		dc ip addr add "169.254.1$i.2/30" dev "d$i"
	done
	dc ip route add 10.1.0.0/16 dev d0
	dc ip -6 route add 2001:db8:1::/48 dev d0
	dc sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.d0.rp_filter=0 \
		net.ipv4.conf.d1.rp_filter=0
	tunnel 198.51.100.1 203.0.113.10 101 256
	tunnel 198.51.100.2 203.0.113.11 102 512
}

links() { ip -j -d link | jq -r '.[] | select(.ifalias == "espalier") |
	"\(.ifname) \(.linkinfo.info_kind) \(.linkinfo.info_data.table // .linkinfo.info_data.if_id) \(.master // "-") \(.link // "-") \(if .flags | index("UP") then "up" else "down" end)"' |
	sort; }
wanted_links='vrf1001 vrf 1001 - - up
xfrm101 xfrm 0x65 vrf1001 under up
xfrm102 xfrm 0x66 vrf1001 under up'

made() {
	apply || return 1
	same "$wanted_links" "$(links)" && same 1400 "$(ip -j link show xfrm102 | jq '.[].mtu')" &&
		ip route show table 1001 | grep -q '^169.254.10.0/30 dev xfrm101' &&
		same 1 "$(sysctl -n net.ipv4.conf.vrf1001.forwarding)"
}
made_anew() {
	ip link del xfrm102
	ip link add xfrm102 type xfrm dev under if_id 77
	ip link set xfrm102 alias espalier
	ip link add xfrm900 type xfrm dev under if_id 900
	ip link set xfrm900 alias espalier
	apply && same "$wanted_links" "$(links)"
}
route_dev() { ip "$@" | grep -o 'dev [a-z0-9]*' | head -n 1; }
redirected() { # after bpf_redirect(): output device xfrm102, source and destination of the packet
	same "dev xfrm102" "$(route_dev route get 10.50.0.9 oif xfrm102)" &&
		same "dev xfrm102" "$(route_dev route get 10.60.0.9 oif xfrm102)" &&
		same "dev xfrm101" "$(route_dev -6 route get 2001:db8:60::9 oif xfrm101)" &&
		same "dev xfrm102" "$(route_dev -6 route get 2001:db8:60::9 oif xfrm102)"
}
ping_to() { ping -nc 1 -W 3 "$@" >/dev/null; }
own_traffic() { # as BGP does
	ping_to -I vrf1001 169.254.10.2 && ping_to -I vrf1001 169.254.11.2 &&
		dc ping -nc 1 -W 3 169.254.10.1
}
listener() {
	local pid
	ip vrf exec vrf1001 python3 -c 'import socket
s = socket.create_server(("169.254.10.1", 179)); c, _ = s.accept(); c.sendall(b"open")' &
	pid=$!
	until_true eval "[ \"\$(dc python3 -c 'import socket
print(socket.create_connection((\"169.254.10.1\", 179), 5).recv(9).decode())' 2>/dev/null)\" = open ]" || {
		kill "$pid"
		return 1
	}
}
both_ways() {
	vpc ping -nc 1 -W 3 10.50.0.9 && vpc ping -nqc 1 -W 3 2001:db8:50::9 &&
		dc ping -nc 1 -W 3 -I 10.50.0.9 10.1.0.254 &&
		dc ping -nc 1 -W 3 -I 2001:db8:50::9 2001:db8:1::254
}
too_big() { vpc ping -nc 1 -W 3 -M "do" -s 1440 10.50.0.9 | grep -qi 'mtu'; }
ttl_vpc() { vpc ping -nc 1 -W 3 -t 1 10.50.0.9 | grep -q 'Time to live exceeded'; }
ttl_dc() { dc ping -nc 1 -W 3 -t 1 -I 10.50.0.9 10.1.0.254 | grep -q 'Time to live exceeded'; }
no_route() {
	dc ip route add 192.0.2.0/24 dev d0
	dc ping -nc 1 -W 3 -I 10.50.0.9 192.0.2.1 | grep -q 'Unreachable'
}
all_down() {
	ip link set xfrm101 down
	ip link set xfrm102 down
	ping -nqc 1 -W 1 -I vrf1001 10.50.0.9 && return 1
	vpc ping -nqc 1 -W 1 10.50.0.9 && return 1
	same "" "$(route_dev route get 10.50.0.9 oif vrf1001 2>/dev/null)" || return 1
	apply && same "$wanted_links" "$(links)" && both_ways
}
torn_down() {
	"$tool" --state "$work/state" teardown && same "" "$(links)" &&
		same "" "$(ip rule | grep 'proto 77')$(ip route show table all proto 77)"
}
# Not a claim: which of the two kinds of kernel of core/host_rules.c this is.
kind() {
	ip rule del pref 100
	if ip route get 192.0.2.77 oif vrf1001 2>&1 | grep -q xfrm; then
		echo "# $(uname -r): iif VRF matches what is received"
	else
		echo "# $(uname -r): iif VRF matches what is sent, too"
	fi
	apply
}

topology || { echo "not ok host-vrf: topology"; exit 1; }
claim "VRF, xfrm interfaces or their addresses are not as planned" made
claim "a second apply touches what is right already" silent apply
claim "an xfrm interface with the wrong if_id stays" made_anew
kind
claim "a redirected packet finds no route through its device" redirected
claim "the gateway's own packets do not get into or out of the VRF" own_traffic
claim "BGP in the VRF cannot be reached" listener
claim "the slow path does not forward" both_ways
claim "fragmentation needed does not come back" too_big
claim "TTL exceeded does not reach the VPC" ttl_vpc
claim "TTL exceeded does not reach the data centre" ttl_dc
claim "a data centre's packet without route is not refused" no_route
claim "with all tunnels down packets leave elsewhere" all_down
claim "teardown leaves something behind" torn_down
exit "$failed"
