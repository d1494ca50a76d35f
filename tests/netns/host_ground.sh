# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Sourced by test_host.sh and host_vrf.sh: claims, and the ground that both stand on, a VPC and an
# underlay. They set work, a directory, and title, which stands in front of each claim.

failed=0

vpc() { ip netns exec vpc "$@"; }

# The condition holds within twenty seconds.
until_true() {
	local end=$((SECONDS + 20))
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.05
	done
}

claim() { # NAME COMMAND...
	local name=$1
	shift
	if "$@" >"$work/claim.log" 2>&1; then
		echo "ok $title: $name"
	else
		echo "not ok $title: $name"
		head -n 40 "$work/claim.log" | sed 's/^/    /'
		failed=1
	fi
}

same() { diff -u <(printf '%s\n' "$1") <(printf '%s\n' "$2"); }

# The kernel is told nothing by it. Markers of our own begin and end the listening.
silent() { # COMMAND...
	local pid
	ip monitor route rule link address >"$work/monitor" 2>&1 &
	pid=$!
	until_true marked 192.0.2.200 && "$@" && until_true marked 192.0.2.201 || return 1
	kill "$pid"
	same "" "$(grep -v 'blackhole 192.0.2.20[01]' "$work/monitor")"
}
marked() {
	ip route replace blackhole "$1" proto static
	ip route del blackhole "$1"
	grep -q "$1" "$work/monitor"
}

vpc_and_underlay() { # NETNS, where the underlay leads
	mount -t tmpfs tmpfs /run && mkdir -p /run/netns
	sysctl -qw net.ipv6.conf.default.accept_dad=0
	ip link set lo up
	ip netns add vpc
	ip netns add "$1"
	ip link add vpc type veth peer name v0 netns vpc
	ip link add under type veth peer name u0 netns "$1"
	ip addr add 10.1.0.1/24 dev vpc
	ip addr add 2001:db8:1::1/64 dev vpc nodad
	ip addr add 198.51.100.1/24 dev under
	ip addr add 198.51.100.2/24 dev under
	ip link set vpc up
	ip link set under up
	ip route add default via 198.51.100.254
	vpc ip link set lo up
	vpc ip link set v0 up
	vpc ip addr add 10.1.0.254/24 dev v0
	vpc ip addr add 2001:db8:1::254/64 dev v0 nodad
	vpc ip route add default via 10.1.0.1
	vpc ip -6 route add default via 2001:db8:1::1
	ip -n "$1" link set lo up
	ip -n "$1" link set u0 up
	ip -n "$1" addr add 198.51.100.254/24 dev u0
}
