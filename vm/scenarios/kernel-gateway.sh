# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
#
# A gateway of the kernel alone, in namespace `gateway` of the ground (lib.sh, sourced first): xfrm interfaces x0 and x1
# (if_id 101, 102) in a VRF, kernel multipath towards dc, ip rules for what comes from the VPC. What Espalier's data path
# is compared with, and what the ground is tested with.

kernel_gateway_up() {
	# Enslaved before they get addresses: enslaving flushes IPv6 ones.
	ip_batch gateway <<TEXT || return 1
link add conn-dc type vrf table 1001
link set conn-dc up
link add x0 type xfrm dev eth0 if_id ${ground_if_ids_gateway[0]}
link add x1 type xfrm dev eth0 if_id ${ground_if_ids_gateway[1]}
link set x0 master conn-dc
link set x1 master conn-dc
link set x0 mtu 1400 up
link set x1 mtu 1400 up
address add 169.254.10.1/30 dev x0
address add 169.254.11.1/30 dev x1
route add 10.1.0.0/24 dev eth1 table 1001
rule add pref 900 iif eth1 lookup 1001
rule add pref 901 iif eth1 unreachable
TEXT
	# 10.1.0.0/24 and fd00:1::/64 leak into the VRF: way back for data and for the kernel's own ICMP errors.
	in_ns gateway ip -6 -batch - <<'TEXT' || return 1
route add fd00:1::/64 dev eth1 table 1001
rule add pref 900 iif eth1 lookup 1001
rule add pref 901 iif eth1 unreachable
TEXT
	kernel_gateway_paths x0 x1
}

# Which tunnels the kernel's gateway sends through.
kernel_gateway_paths() # [x0] [x1]
{
	local device group='' hops='' objects='' id
	in_ns gateway ip -force -batch - 2>/dev/null <<'TEXT' || true
route del 10.50.0.0/16 table 1001
nexthop del id 10
nexthop del id 1
nexthop del id 2
TEXT
	for device; do
		id=$((${device#x} + 1))
		hops+=" nexthop dev $device"
		objects+="nexthop add id $id dev $device"$'\n'
		group+=${group:+/}$id
	done
	[ $# -gt 0 ] || return 0
	in_ns gateway ip -6 -batch - <<<"$objects" || return 1
	ip_batch gateway <<TEXT
nexthop add id 10 group $group
route add 10.50.0.0/16 table 1001$hops
route add fd00:50::/48 table 1001 nhid 10
TEXT
}

kernel_gateway_down() {
	kernel_gateway_paths || return 1
	in_ns gateway ip -6 -batch - <<'TEXT' || return 1
rule del pref 900
rule del pref 901
route del fd00:1::/64 table 1001
TEXT
	ip_batch gateway <<'TEXT'
rule del pref 900
rule del pref 901
route del 10.1.0.0/24 table 1001
link del x0
link del x1
link del conn-dc
TEXT
}
