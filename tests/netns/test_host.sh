#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# The host reconciler on this kernel: what `ip` shows after it, what it leaves alone, and with
# packets that nothing gets past its rules.
#
#   vpc (10.1.0.254, behind it 10.1.5.5) ── vpc|gateway|under ── internet (198.51.100.254)
#                                           tun0 tun1: the tunnels' far end answers pings
#
# The gateway forwards everywhere and has a default route to the internet: whatever the rules do not
# stop, leaves in plaintext and is seen there. Each claim about packets has its control, the same
# packet without the rules.
#
# shellcheck disable=SC2317 # claims are called by name
set -u # no pipefail: `grep -q` may stop reading early
root=$(cd "$(dirname "$0")/../.." && pwd)
tool=$(readlink -f "${BUILD:-build}/tests/host_tool")
work=${HOST_TEST_WORK:-}

if [ -z "$work" ]; then
	[ "$(id -u)" -eq 0 ] || { echo "not ok host: needs root, for network namespaces"; exit 1; }
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	HOST_TEST_WORK=$work unshare --net --mount --pid --fork --kill-child --mount-proc "$0"
	exit
fi

title=host
# shellcheck source=tests/netns/host_ground.sh
. "$root/tests/netns/host_ground.sh"

tool() { "$tool" --state "$work/state" "$@"; }
internet() { ip netns exec internet "$@"; }

# Topology.

topology() {
	vpc_and_underlay internet
	for t in tun0 tun1; do
		ip tuntap add "$t" mode tun
		ip link set "$t" up
	done
	sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 \
		net.ipv4.conf.vpc.rp_filter=0 net.ipv4.conf.under.rp_filter=0 \
		net.ipv4.conf.tun0.rp_filter=1
	vpc ip addr add 10.1.5.5/32 dev lo
	vpc ip addr add 192.0.2.99/32 dev lo
	internet ip addr add 192.0.2.1/32 dev lo
	internet ip route add default via 198.51.100.1
}

# started FILE COMMAND...: in the background, ready to hear.
started() {
	local file=$1
	shift
	: >"$file"
	"$@" >>"$file" 2>&1 &
	until_true grep -q ready "$file"
}

far_ends() {
	started "$work/tuns" tool echo tun0 tun1
	started "$work/internet" internet "$tool" sniff u0
	started "$work/vpc" vpc "$tool" sniff v0
}

# The kernel tells of a carrier up to a second late, and then gives the device its address.
settled() {
	local device
	for device in vpc under tun0 tun1; do
		ip -6 addr show dev "$device" scope link | grep -q inet6 &&
			! ip link show "$device" | grep -q 'state DOWN' || return 1
	done
}

# What ip shows, one line each.

rules() { ip -j "$1" rule | jq -r '.[] | select(.protocol == "77") |
	"\(.priority) \(if .not then "not " else "" end)iif \(.iif // "-") oif \(.oif // "-") from \(.src) to \(.dst // "all") \(.ipproto // "-") \(.table // .action)"' |
	sort; }
routes() { ip -j -d "$1" route show table all proto 77 | jq -r '.[] |
	"\(.table) \(.dst) \(.metric) \(.type) \([.nexthops // [.] | .[] | select(.dev != "lo") | .dev // empty | .] | join(","))"' |
	sort; }
ours() { ip "$1" rule | grep -c 'proto 77'; ip "$1" route show table all proto 77; }

rules_v4='100 iif lo oif tun0 from all to all - 1001
100 iif lo oif tun1 from all to all - 1001
110 iif lo oif - from all to 169.254.10.0 - 1001
110 iif lo oif - from 169.254.10.1 to all - 1001
110 iif lo oif - from all to 169.254.11.0 - 1001
110 iif lo oif - from 169.254.11.1 to all - 1001
130 iif lo oif - from all to all icmp 999
200 iif tun0 oif - from all to all - 2000
200 iif tun1 oif - from all to all - 2000
200 iif vpc oif - from all to all - 2000
220 iif tun0 oif - from all to all - unreachable
220 iif tun1 oif - from all to all - unreachable
220 iif vpc oif - from all to all - unreachable
300 iif under oif - from all to all - 1000'
rules_v6=$(grep -v ^110 <<<"${rules_v4//icmp/ipv6-icmp}")
routes_v4='1000 10.1.0.0/16 1024 unreachable 
1000 10.50.0.0/16 1024 unreachable 
1000 169.254.10.0/30 1024 unreachable 
1000 169.254.11.0/30 1024 unreachable 
1001 10.1.0.0/16 3355443277 unicast vpc
1001 10.50.0.0/16 3355443276 unicast tun0,tun1
1001 169.254.10.0/30 3355443276 unicast tun0
1001 169.254.11.0/30 3355443276 unicast tun1
1001 default 4278190081 unicast tun0
1001 default 4278190082 unicast tun1
1001 default 4278198272 unreachable 
2000 10.1.0.0/16 1024 unicast vpc
2000 10.50.0.0/16 1024 unicast tun0,tun1
999 10.1.0.0/16 1024 unicast vpc
999 10.50.0.0/16 1025 unicast tun0,tun1
999 10.50.0.0/16 1026 unreachable '
routes_v6=$(grep -v 169.254 <<<"$routes_v4" | sed 's|10\.1\.0\.0/16|2001:db8:1::/48|
	s|10\.50\.0\.0/16|2001:db8:50::/48|' | sort)

kernel_equals_plan() {
	same "$(sort <<<"$rules_v4")" "$(rules -4)" &&
		same "$(sort <<<"$rules_v6")" "$(rules -6)" &&
		same "$(sort <<<"$routes_v4")" "$(routes -4)" && same "$routes_v6" "$(routes -6)"
}

apply_equals_plan() { tool apply && kernel_equals_plan; }

addresses_and_sysctls() {
	local device
	ip -4 addr show dev tun1 | grep -q '169.254.11.1/30' || return 1
	for device in vpc tun0 tun1; do
		same 1 "$(sysctl -n "net.ipv4.conf.$device.forwarding")" || return 1
	done
	same 0 "$(sysctl -n net.ipv4.conf.tun0.rp_filter)"
}

# Whose is what.

leftovers_go() {
	ip route add blackhole 10.66.0.0/16 table 2044 proto 77
	ip route add 10.67.0.0/16 dev vpc table 1001 metric 5 proto 77
	ip -6 route add blackhole 2001:db8:66::/48 table 2044 proto 77
	ip rule add pref 205 iif vpc lookup 2044 protocol 77
	ip rule add pref 220 iif vpc unreachable protocol 77 2>/dev/null
	ip -6 rule add pref 205 iif vpc unreachable protocol 77
	apply_equals_plan
}

changed_routes_are_mended() {
	ip route replace blackhole 10.50.0.0/16 table 2000 metric 1024 proto 77
	ip -6 route replace unreachable 2001:db8:50::/48 table 2000 metric 1024 proto 77
	ip route del 10.1.0.0/16 table 1001
	ip rule del pref 200 iif vpc
	apply_equals_plan
}

theirs='10.77.0.0/16 blackhole static
10.78.0.0/16 blackhole bgp'
foreign() { ip -j -d route show table "$1" | jq -r \
	'.[] | select(.protocol == "static" or .protocol == "bgp") | "\(.dst) \(.type) \(.protocol)"'; }

foreign_state_stays() {
	ip route add blackhole 10.77.0.0/16 table 1001 proto static
	ip route add blackhole 10.78.0.0/16 table 1001 proto bgp metric 20
	ip rule add pref 220 iif vpc unreachable protocol static
	ip addr add 10.99.0.1/24 dev tun0
	tool apply && tool teardown && tool apply || return 1
	same "$theirs" "$(foreign 1001)" && ip addr show dev tun0 | grep -q 10.99.0.1/24 &&
		ip rule del pref 220 iif vpc unreachable protocol static && kernel_equals_plan
}

foreign_key_is_not_taken() {
	local said
	tool teardown || return 1
	ip route add blackhole 10.1.0.0/16 table 2000 metric 1024 proto static
	said=$(tool apply) && return 1
	grep -q "^error: route 10.1.0.0/16 metric 1024 in table 2000: somebody else" <<<"$said" &&
		ip route show table 2000 proto static | grep -q '^blackhole 10.1.0.0/16' || return 1
	same 12 "$(rules -4 | grep -vc '^1[03]0.*tun')" # all else is there
	ip route del blackhole 10.1.0.0/16 table 2000
	apply_equals_plan
}

foreign_device_is_not_taken() {
	local said
	ip link add xfrm101 type veth peer name xfrm101p
	said=$(tool --vrf apply)
	ip link del xfrm101 || return 1
	tool apply
	grep -q '^error: device xfrm101 exists and is not ours' <<<"$said"
}

# Without it nobody could tell the message.
no_vrf_is_said_in_one_sentence() {
	local said
	said=$(tool --vrf apply)
	tool apply
	same 1 "$(grep -c 'VRF devices: .modprobe vrf. (CONFIG_NET_VRF), or write .vrf: false.' <<<"$said")"
}

# Half done, and undone.

routes_begun() { ip route get fibmatch 20.4.147.223 from 10.1.0.254 iif vpc 2>/dev/null | grep -q ^20.4; }
bulk_count() { ip route show table 2000 | grep -c '^20\.'; }
killed_half_way_is_repaired() {
	"$tool" --state "$work/state" --bulk 300000 apply >"$work/bulk" 2>&1 &
	local pid=$!
	until_true routes_begun && kill -KILL "$pid"
	wait "$pid" && { echo "it was not killed"; return 1; }
	[ "$(bulk_count)" -lt 300000 ] || { echo "killed too late"; return 1; }
	tool --bulk 20000 apply && same 20000 "$(bulk_count)" &&
		apply_equals_plan
}

# The kernel begins an IPv6 dump anew when a route came meanwhile, and leaves out as many as it has told: with some of those gone
# that is too many.
others_write() { # while the file is there
	local n from=10 to=11
	while [ -e "$work/others" ]; do
		for n in $(seq 50); do
			printf 'route del blackhole %d:%x::/32 table 2000 proto bgp\n' "$from" "$n"
			printf 'route add blackhole %d:%x::/32 table 2000 proto bgp\n' "$to" "$n"
		done
		read -r from to <<<"$to $from"
	done | ip -6 -force -batch - 2>/dev/null
}
others_in_an_ipv6_table_hide_no_route() {
	local status=0
	tool --bulk 20000 --ipv6 apply || return 1
	: >"$work/others"
	others_write &
	for _ in $(seq 10); do
		tool --bulk 20000 --ipv6 apply || status=1
	done
	rm "$work/others"
	wait "$!"
	ip -6 route flush table 2000 proto bgp
	[ "$status" = 0 ] && apply_equals_plan
}

against_the_former_plan() {
	tool again || return 1
	same "" "$(ip route show 10.50.0.0/16 table 2000)" &&
		ip route show 10.51.0.0/16 table 2000 | grep -q proto.77 && apply_equals_plan
}

device_down_takes_no_routes() {
	ip link set tun0 down
	tool apply || return 1
	same "10.50.0.0/16 tun1" "$(ip -j route show 10.50.0.0/16 table 2000 |
		jq -r '.[] | "\(.dst) \(.dev)"')" || return 1
	same "" "$(ip route show default table 1001 | grep tun0)"
	ip link set tun1 down
	tool apply || return 1
	ip route show 10.50.0.0/16 table 2000 | grep -q ^unreachable || return 1
	ip -6 route show 2001:db8:50::/48 table 2000 | grep -q ^unreachable || return 1
	ip link set tun0 up
	ip link set tun1 up
	apply_equals_plan
}

missing_device_is_said_once() {
	local said
	ip link set tun1 name tun9
	said=$(tool --bulk 500 apply)
	ip link set tun9 down
	ip link set tun9 name tun1
	ip link set tun1 up
	same "error: device tun1 does not exist
error: device tun1 does not exist: what is routed through it is unreachable" "$said" &&
		apply_equals_plan
}

# Packets.

ping_from() { vpc ping -nqc 1 -W 2 -I "$1" "$2" >/dev/null 2>&1; }
# reaches FILE PATTERN: seen there; a later packet that must come proves that nothing is under way.
seen() { grep -q "$2" "$work/$1"; }
routed='198\.51\|10\.\|169\.254\|2001:' # the kernel's own router solicitations are not
forget() { : >"$work/tuns"; : >"$work/internet"; : >"$work/vpc"; }
mark_internet() { # the gateway itself reaches the internet
	ping -nqc 1 -W 1 198.51.100.254 >/dev/null && seen internet '^198.51.100.1 198.51.100.254'
}
mark_vpc() { ping -nqc 1 -W 1 10.1.0.254 >/dev/null && seen vpc '^10.1.0.1 10.1.0.254'; }
never_on_internet() { until_true mark_internet && ! seen internet "$1"; }
never_in_vpc() { until_true mark_vpc && ! seen vpc "$1"; }

control_leaks() {
	tool teardown || return 1
	forget
	ip route add 10.1.5.5 via 10.1.0.254
	ping_from 10.1.0.254 10.50.0.9
	until_true seen internet '^10.1.0.254 10.50.0.9' || { echo "DC in plaintext"; return 1; }
	internet ping -nqc 1 -W 1 10.1.0.254 >/dev/null
	until_true seen vpc '^198.51.100.254 10.1.0.254' || { echo "from underlay"; return 1; }
	ip route add 169.254.10.0/30 dev tun0
	internet ping -nqc 1 -W 1 169.254.10.2 >/dev/null
	until_true seen tuns '^tun0 198.51.100.254 169.254.10.2' || { echo "tunnel"; return 1; }
	ip route del 169.254.10.0/30 dev tun0
	ip route del 10.1.5.5 via 10.1.0.254
	vpc ping -nqc 1 -W 1 -t 1 -I 10.1.5.5 10.50.0.9 >/dev/null
	until_true seen internet ' 10.1.5.5$' || { echo "ICMP error"; return 1; }
}

vpc_reaches_the_data_centre() {
	tool apply && forget && ping_from 10.1.0.254 10.50.0.9 && seen tuns '10.1.0.254 10.50.0.9$' &&
		ping_from 2001:db8:1::254 2001:db8:50::9 && seen tuns '2001:db8:50::9$' &&
		never_on_internet '10.50.0.9'
}

both_tunnels_carry() {
	local i
	for i in $(seq 1 32); do ping_from 10.1.0.254 "10.50.0.$i" || return 1; done
	seen tuns ^tun0 && seen tuns ^tun1
}

no_route_is_answered_not_leaked() {
	local said
	tool --withdrawn apply && forget || return 1
	said=$(vpc ping -nc 1 -W 2 10.50.0.9)
	grep -q 'Destination Net Unreachable' <<<"$said" || { echo "$said"; return 1; }
	said=$(vpc ping -nc 1 -W 2 2001:db8:50::9)
	grep -q 'No route' <<<"$said" || { echo "$said"; return 1; }
	! seen tuns "$routed" && never_on_internet '10.50.0.9\|2001:db8:50'
}

pass_keeps_data_centres_back() {
	tool --withdrawn --pass apply && forget || return 1
	ping_from 10.1.0.254 10.50.0.9 && return 1
	ping_from 10.1.0.254 192.0.2.1 # the answer ends in the guard table
	until_true seen internet '^10.1.0.254 192.0.2.1' && ! seen internet 10.50.0.9
}

without_pass_nothing_reaches_the_internet() {
	tool apply && forget || return 1
	ping_from 10.1.0.254 192.0.2.1 && return 1
	never_on_internet '192.0.2.1$'
}

from_the_tunnel_nothing_reaches_the_internet() {
	tool apply && forget || return 1
	vpc ping -nqc 1 -W 1 -I 192.0.2.99 10.50.0.9 >/dev/null
	until_true seen tuns '192.0.2.99 10.50.0.9' && never_on_internet 192.0.2.99
}

plaintext_does_not_enter() {
	tool apply && forget || return 1
	internet ping -nqc 1 -W 1 10.1.0.254 >/dev/null && return 1
	internet ping -nqc 1 -W 1 10.50.0.9 >/dev/null && return 1
	internet ping -nqc 1 -W 1 169.254.10.2 >/dev/null && return 1
	! seen tuns "$routed" && never_in_vpc '^198.51.100.254'
}

ttl_exceeded_finds_a_vpc_behind_a_gateway() {
	local said
	tool --next-hop 10.1.0.254 apply && forget || return 1
	said=$(vpc ping -nc 1 -W 2 -t 1 -I 10.1.5.5 10.50.0.9)
	grep -q 'Time to live exceeded' <<<"$said" || { echo "$said"; return 1; }
	never_on_internet '10.1.5.5'
}

own_tunnel_address_does_not_leak() {
	tool apply && ip link set tun0 down && ip link set tun1 down && forget || return 1
	ping -nqc 1 -W 1 169.254.10.2 >/dev/null 2>&1 && return 1
	ping -nqc 1 -W 1 -I 169.254.10.1 192.0.2.1 >/dev/null 2>&1 && return 1
	never_on_internet '169.254' || return 1
	ip link set tun0 up
	ip link set tun1 up
	apply_equals_plan
}

# Questions and events.

facts_name_devices() {
	same "attachment vpc-a: vpc
attachment dc-1: 
tunnel 0: under
tunnel 1: under" "$(tool facts)" && tool --vlan 100 facts | grep -qx 'attachment vpc-a: '
}

counters_count() {
	local before after
	before=$(tool counters vpc | cut -d' ' -f2)
	until_true mark_vpc || return 1
	after=$(tool counters vpc | cut -d' ' -f2)
	[ "$after" -gt "$before" ]
}

changes_are_reported() {
	started "$work/events" tool watch || return 1
	ip link set tun1 mtu 1380
	ip link set tun1 down
	ip addr add 10.98.0.1/24 dev under
	ip link add gone0 type veth peer name gone1
	ip link del gone0
	ip addr del 10.98.0.1/24 dev under
	ip link set tun1 mtu 1500 up
	local line
	for line in 'link tun1 up mtu 1380' 'link tun1 down mtu 1380' 'address 10.98.0.1/24' \
		'link gone gone0' 'address gone 10.98.0.1/24' 'link tun1 up mtu 1500'; do
		until_true grep -q "^$line" "$work/events" || { echo "not heard: $line"; return 1; }
	done
}

teardown_gives_everything_back() {
	tool apply && tool teardown || return 1
	same 0 "$(ours -4 | sort | head -n 1)" && same 0 "$(ours -6 | sort | head -n 1)" &&
		same "" "$(routes -4)$(routes -6)" && same "$theirs" "$(foreign 1001)" &&
		! ip addr show dev tun0 | grep -q 169.254 &&
		same 1 "$(sysctl -n net.ipv4.conf.tun0.rp_filter)" &&
		[ ! -e "$work/state/sysctls" ]
}

topology || { echo "not ok host: topology"; exit 1; }
far_ends || { echo "not ok host: far ends"; exit 1; }
until_true settled || { echo "not ok host: devices do not come up"; exit 1; }
claim "a controller starts and the kernel differs from the plan" apply_equals_plan
claim "addresses or sysctls are missing" addresses_and_sysctls
claim "a second apply touches what is right already" silent tool apply
claim "leftovers of a killed controller stay for ever" leftovers_go
claim "what somebody broke stays broken" changed_routes_are_mended
claim "somebody else's routes, rules and addresses are touched" foreign_state_stays
claim "somebody else's route is overwritten" foreign_key_is_not_taken
claim "somebody else's device is taken over" foreign_device_is_not_taken
ip link add probe type vrf table 4242 2>/dev/null ||
	claim "a kernel without VRF is not explained" no_vrf_is_said_in_one_sentence
claim "killed half way, the next start does not repair" killed_half_way_is_repaired
claim "others in an IPv6 table hide routes that stand" others_in_an_ipv6_table_hide_no_route
claim "a change against the former plan goes wrong" against_the_former_plan
claim "a route leads into a device that is down" device_down_takes_no_routes
claim "a missing device gives a sentence per route" missing_device_is_said_once
claim "control: without the rules everything leaks" control_leaks
claim "a VPC does not reach the data centre" vpc_reaches_the_data_centre
claim "one of two tunnels stays empty" both_tunnels_carry
claim "a withdrawn route leaks in plaintext" no_route_is_answered_not_leaked
claim "on_no_route: pass leaks for a data centre" pass_keeps_data_centres_back
claim "a VPC reaches the internet through main" without_pass_nothing_reaches_the_internet
claim "a data centre reaches the internet through main" from_the_tunnel_nothing_reaches_the_internet
claim "plaintext from the underlay enters" plaintext_does_not_enter
claim "TTL exceeded leaves by the underlay" ttl_exceeded_finds_a_vpc_behind_a_gateway
claim "BGP to a dead tunnel leaves by the underlay" own_tunnel_address_does_not_leak
claim "facts name the wrong devices" facts_name_devices
claim "counters stand still" counters_count
claim "a change is not reported" changes_are_reported
claim "teardown leaves something behind" teardown_gives_everything_back
exit "$failed"
