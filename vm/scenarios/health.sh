#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Health checks where xfrm interfaces, VRFs, ESP and dropped privileges are real: a probe takes the
# very tunnel that it is about, what answers may be the customer's device or a host behind it, and what follows is undone by
# answers alone.

set -euo pipefail
scenarios=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=vm/scenarios/lib.sh
. "$scenarios/lib.sh"
# shellcheck source=vm/scenarios/espalier.sh
. "$scenarios/espalier.sh"

finish() {
	espalier_down KILL >/dev/null 2>&1 || true
	espalier_cleanup >/dev/null 2>&1 || true
	topology_down
}
trap finish EXIT

# The configuration with a check of each tunnel.
checked_yaml() # CHECK_OF_T0 CHECK_OF_T1
{
	espalier_yaml 'damping: off, hold_down: 0' |
		sed -e "s/bgp_address: 169.254.10.1 }/bgp_address: 169.254.10.1, health_check: { $1, interval: 500ms } }/" \
			-e "s/bgp_address: 169.254.11.1 }/bgp_address: 169.254.11.1, health_check: { $2, interval: 500ms } }/"
}

health_is() # STATE t0|t1…
{
	local state=$1 t
	shift
	for t; do
		[ "$(espalier_tunnel_field "$t" health.state)" = "$state" ] || return 1
	done
}

# What the outbound SAs of a tunnel have encrypted so far.
encrypted() # t0|t1
{
	espalier -j show tunnels | jq ".[] | select(.name == \"$(espalier_tunnel "$1")\") | [.sas[] | select(.direction == \"out\") | .packets] | add"
}

answered() { espalier_tunnel_field "$1" health.answered; } # t0|t1

# Between the two ends of the tunnel itself: probes go through its own SA, and through no other.
probes_take_their_tunnel() {
	local before0 before1 answers grown0 grown1
	wait_for 30 "both checks are good" health_is good t0 t1
	espalier_sees_up t0 t1
	# From here on only t0 is probed.
	checked_yaml 'destination: 169.254.10.2' 'destination: 169.254.11.2, interval: 3600s' | sed 's/3600s, interval: 500ms/3600s/' \
		>"$ground_state/one.yaml"
	espalier apply "$ground_state/one.yaml"
	before0=$(encrypted t0) before1=$(encrypted t1) answers=$(answered t0)
	wait_for 30 "twenty answers" eval "[ \$(answered t0) -ge $((answers + 20)) ]"
	grown0=$(($(encrypted t0) - before0)) grown1=$(($(encrypted t1) - before1))
	say "#   t0 encrypted $grown0 packets, t1 $grown1"
	[ "$grown0" -ge 20 ] && [ "$grown1" -lt 10 ]
}

capabilities_are_dropped() {
	# NET_ADMIN is 12, BPF 39.
	grep -q "^CapEff:[[:space:]]*0000008000001000$" "/proc/$(process_pid espalierd)/status"
}

# dc-gateway answers no more probes of the tunnel's inside address, though its IPsec is as well as ever.
mute() { in_ns dc-gateway nft "table inet mute { chain in { type filter hook input priority 0; iifname \"$1\" icmp type echo-request drop; }; }"; }
unmute() { in_ns dc-gateway nft delete table inet mute; }

only_the_path_fails() {
	mute t0
	wait_for 30 "the check of t0 fails" health_is bad t0
	espalier_sees_down t0
	espalier_sees_up t1
	tunnel_installed gateway t0
	[ "$(espalier_tunnel_field t0 state)" = up ]
	[ "$(espalier_tunnel_field t0 why)" = "health check failed" ]
	[ "$(espalier_paths 10.1.0.2 10.50.0.2 23000 8 7200 | sort -u)" = dc-1-2 ]
	ping_all vpc 10.50.0.2 5
	espalier_shows 'any(.alarms[]; contains("169.254.10.2 behind it does not answer"))' status
}

answers_bring_it_back() {
	unmute
	wait_for 30 "the check of t0 is good" health_is good t0
	wait_for 10 "t0 is used" espalier_sees_up t0
	wait_for 10 "the alarm is gone" espalier_shows '.alarms == []' status
	ping_all vpc 10.50.0.2 5
}

# From an address in no VRF to a host behind dc-gateway, both families; the answer comes by either tunnel.
hosts_behind_answer() {
	checked_yaml 'destination: 10.50.0.2, source: 10.1.0.1' 'destination: "fd00:50::2", source: "fd00:1::1"' >"$ground_state/hosts.yaml"
	espalier apply "$ground_state/hosts.yaml"
	wait_for 30 "both checks are good" health_is good t0 t1
	espalier_shows '[.[] | select(.health.answered < 1 or .health.refused != null)] == []' show tunnels
}

# Both fail: no route is left, and the answers have none back. They are let in nevertheless.
withdrawn_and_back() {
	in_ns dc ip link set eth0 down
	wait_for 30 "both checks fail" health_is bad t0 t1
	wait_for 10 "the routes are withdrawn" routes_are withdrawn
	ping_none vpc 10.50.0.2 3
	in_ns dc ip link set eth0 up
	in_ns dc ip address replace fd00:50::2/64 dev eth0
	in_ns dc ip route replace default via 10.50.0.1
	in_ns dc ip -6 route replace default via fd00:50::1
	wait_for 60 "both checks are good" health_is good t0 t1
	wait_for 10 "the routes are back" routes_are active
	ping_all vpc 10.50.0.2 5
	ping_all vpc fd00:50::2 5
}

topology_up
strongswan_up gateway
strongswan_up dc-gateway
in_ns dc-gateway ip address add 169.254.10.2/30 dev t0
in_ns dc-gateway ip address add 169.254.11.2/30 dev t1
checked_yaml 'destination: 169.254.10.2' 'destination: 169.254.11.2' >"$espalier_config"
espalier_up
tunnel_up t0
tunnel_up t1
wait_for 20 "espalierd sees both up" espalier_sees_up t0 t1
claim "privileges are dropped before the first probe" capabilities_are_dropped
claim "a probe takes its own tunnel, in its VRF, and is answered; nothing of it is in plaintext" sealed probes 20 probes_take_their_tunnel
claim "behind SAs that live nobody answers: the tunnel carries nothing, the other one carries all" sealed muted 10 only_the_path_fails
claim "answers bring it back" sealed unmuted 10 answers_bring_it_back
claim "hosts behind the tunnels answer addresses of no VRF, both families" sealed hosts 10 hosts_behind_answer
claim "with both checks failed the routes go, and come back by answers alone" sealed withdrawn 10 withdrawn_and_back
claims_summary
